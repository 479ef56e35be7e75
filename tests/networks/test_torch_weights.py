"""Networks of the authors' PyTorch code, written anew, and ours with their weights."""

import numpy as np
import pytest

from keras_simgan.networks import (
    LocalEnhancer,
    MultiScaleDiscriminator,
    PatchDiscriminator,
    ResNetGenerator,
    UNetGenerator,
    from_torch_state_dict,
)

torch = pytest.importorskip("torch")
nn = torch.nn


def norm_of(kind, count):
    return nn.BatchNorm2d(count) if kind == "batch" else nn.InstanceNorm2d(count)


class Level(nn.Module):
    """A level of their U-Net: down, what is deeper, up; and the skip around it."""

    def __init__(self, outer, inner, deeper, kind, channels=None, outermost=False, dropout=False):
        super().__init__()
        self.outermost = outermost
        bias = kind == "instance"
        down = nn.Conv2d(channels or outer, inner, 4, 2, 1, bias=bias)
        wide = inner if deeper is None else 2 * inner
        up = nn.ConvTranspose2d(wide, outer, 4, 2, 1, bias=bias or outermost)
        if outermost:
            body = [down, deeper, nn.ReLU(True), up, nn.Tanh()]
        elif deeper is None:
            body = [nn.LeakyReLU(0.2, True), down, nn.ReLU(True), up, norm_of(kind, outer)]
        else:
            body = [nn.LeakyReLU(0.2, True), down, norm_of(kind, inner), deeper]
            body += [nn.ReLU(True), up, norm_of(kind, outer)]
            body += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*body)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class UNet(nn.Module):
    def __init__(self, channels, output, depth, filters, kind):
        super().__init__()
        widths = [filters * 2 ** min(level, 3) for level in range(depth)]
        level = None
        for index in range(depth - 1, 0, -1):
            dropout = 4 <= index < depth - 1
            level = Level(widths[index - 1], widths[index], level, kind, dropout=dropout)
        self.model = Level(output, filters, level, kind, channels, outermost=True)

    def forward(self, x):
        return self.model(x)


class Block(nn.Module):
    def __init__(self, count, kind):
        super().__init__()
        bias = kind == "instance"
        self.conv_block = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(count, count, 3, bias=bias), norm_of(kind, count)),
            *(nn.ReLU(), nn.ReflectionPad2d(1), nn.Conv2d(count, count, 3, bias=bias)),
            norm_of(kind, count),
        )

    def forward(self, x):
        return x + self.conv_block(x)


def resnet(channels, filters, blocks, kind):
    bias, f = kind == "instance", filters
    return nn.Sequential(
        *(nn.ReflectionPad2d(3), nn.Conv2d(channels, f, 7, bias=bias), norm_of(kind, f), nn.ReLU()),
        *(nn.Conv2d(f, 2 * f, 3, 2, 1, bias=bias), norm_of(kind, 2 * f), nn.ReLU()),
        *(nn.Conv2d(2 * f, 4 * f, 3, 2, 1, bias=bias), norm_of(kind, 4 * f), nn.ReLU()),
        *(Block(4 * f, kind) for _ in range(blocks)),
        nn.ConvTranspose2d(4 * f, 2 * f, 3, 2, 1, 1, bias=bias),
        *(norm_of(kind, 2 * f), nn.ReLU()),
        nn.ConvTranspose2d(2 * f, f, 3, 2, 1, 1, bias=bias),
        *(norm_of(kind, f), nn.ReLU()),
        *(nn.ReflectionPad2d(3), nn.Conv2d(f, channels, 7), nn.Tanh()),
    )


def patches(channels, filters, layers, kind):
    bias = kind == "instance"
    if not layers:
        return nn.Sequential(
            *(nn.Conv2d(channels, filters, 1), nn.LeakyReLU(0.2, True)),
            nn.Conv2d(filters, 2 * filters, 1, bias=bias),
            *(norm_of(kind, 2 * filters), nn.LeakyReLU(0.2, True)),
            nn.Conv2d(2 * filters, 1, 1, bias=bias),
        )
    body, count = [nn.Conv2d(channels, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)], filters
    for index in range(1, layers + 1):
        wider, strides = filters * 2 ** min(index, 3), 2 if index < layers else 1
        body += [nn.Conv2d(count, wider, 4, strides, 1, bias=bias), norm_of(kind, wider)]
        body += [nn.LeakyReLU(0.2, True)]
        count = wider
    return nn.Sequential(*body, nn.Conv2d(count, 1, 4, 1, 1))


class Enhancer(nn.Module):
    """pix2pixHD's: a global generator without its last layers, and what is around it."""

    def __init__(self, channels, f, blocks, kind):
        super().__init__()
        norm, bias = norm_of, kind == "instance"
        self.model = nn.Sequential(*list(resnet(channels, 2 * f, 1, kind).children())[:-3])
        self.model1_1 = nn.Sequential(
            *(nn.ReflectionPad2d(3), nn.Conv2d(channels, f, 7, bias=bias), norm(kind, f)),
            *(nn.ReLU(), nn.Conv2d(f, 2 * f, 3, 2, 1, bias=bias), norm(kind, 2 * f), nn.ReLU()),
        )
        self.model1_2 = nn.Sequential(
            *(Block(2 * f, kind) for _ in range(blocks)),
            nn.ConvTranspose2d(2 * f, f, 3, 2, 1, 1, bias=bias),
            *(norm(kind, f), nn.ReLU()),
            *(nn.ReflectionPad2d(3), nn.Conv2d(f, channels, 7), nn.Tanh()),
        )
        self.downsample = nn.AvgPool2d(3, 2, [1, 1], count_include_pad=False)

    def forward(self, x):
        return self.model1_2(self.model1_1(x) + self.model(self.downsample(x)))


class MultiScale(nn.Module):
    """pix2pixHD's: counts from the coarsest scale, hands out the finest first."""

    def __init__(self, channels, filters, scales, kind):
        super().__init__()
        bias, self.scales = kind == "instance", scales
        for scale in range(scales):
            layers = [
                nn.Sequential(nn.Conv2d(channels, filters, 4, 2, 2), nn.LeakyReLU(0.2, True)),
                nn.Sequential(
                    nn.Conv2d(filters, 2 * filters, 4, 1, 2, bias=bias),
                    *(norm_of(kind, 2 * filters), nn.LeakyReLU(0.2, True)),
                ),
                nn.Sequential(nn.Conv2d(2 * filters, 1, 4, 1, 2)),
            ]
            for index, layer in enumerate(layers):
                setattr(self, f"scale{scale}_layer{index}", layer)
        self.downsample = nn.AvgPool2d(3, 2, [1, 1], count_include_pad=False)

    def forward(self, x):
        result = []
        for scale in range(self.scales):
            y = x
            for index in range(3):
                y = getattr(self, f"scale{self.scales - 1 - scale}_layer{index}")(y)
                result.append(y)
            x = self.downsample(x)
        return result


PAIRS = {
    "unet": lambda kind: (
        UNet(3, 2, 5, 2, kind),
        UNetGenerator(
            (32, 32, 3), 2, 5, 2, normalization=kind, dropout=0.5, inference_dropout=False
        ),
    ),
    "resnet": lambda kind: (
        resnet(3, 2, 2, kind),
        ResNetGenerator((32, 32, 3), filters=2, blocks=2, normalization=kind),
    ),
    "patches": lambda kind: (
        patches(3, 2, 2, kind),
        PatchDiscriminator((32, 32, 3), filters=2, layers=2, normalization=kind),
    ),
    "enhancer": lambda kind: (
        Enhancer(3, 2, 1, kind),
        LocalEnhancer(
            ResNetGenerator((None, None, 3), filters=4, blocks=1, normalization=kind), blocks=1
        ),
    ),
    "pixels": lambda kind: (
        patches(3, 2, 0, kind),
        PatchDiscriminator((32, 32, 3), filters=2, layers=0, normalization=kind),
    ),
}


def drawn(module, seed=1):
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.randn(value.shape, generator=draw) * 0.3)
    return module


@pytest.mark.parametrize("kind", ["batch", "instance"])
@pytest.mark.parametrize("name", PAIRS)
def test_same_weights_same_output(name, kind):
    theirs, ours = PAIRS[name](kind)
    drawn(theirs)
    state = {f"module.{key}": value for key, value in theirs.state_dict().items()}
    assert from_torch_state_dict(ours, state) is ours
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    theirs.train()  # statistics of the images, one by one; but no dropout
    for module in theirs.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    with torch.no_grad():
        expected = [theirs(torch.from_numpy(x[None].transpose(0, 3, 1, 2).copy())) for x in images]
    expected = torch.cat(expected).numpy().transpose(0, 2, 3, 1)
    assert expected.std() > 0.01
    np.testing.assert_allclose(ours.predict(images, verbose=0), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_scales_count_from_the_coarsest_in_pytorch(kind):
    theirs = drawn(MultiScale(3, 2, 2, kind)).train()
    ours = MultiScaleDiscriminator((None, None, 3), 2, layers=1, normalization=kind)
    from_torch_state_dict(ours, theirs.state_dict())
    images = np.random.default_rng(0).uniform(-1, 1, (1, 20, 28, 3)).astype("float32")
    with torch.no_grad():
        expected = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    found = [layer for scale in ours.predict(images, verbose=0) for layer in scale]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other.numpy().transpose(0, 2, 3, 1), atol=1e-4)


def test_moving_averages_are_taken_along():
    theirs = drawn(UNet(3, 3, 3, 2, "batch"))
    for index, module in enumerate(m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)):
        module.running_mean.fill_(0.1 * index)
        module.running_var.fill_(1.0 + index)
    ours = UNetGenerator((16, 16, 3), 2, 3, statistics="moving")
    from_torch_state_dict(ours, theirs.state_dict())
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    found = ours.predict(images, verbose=0)
    np.testing.assert_allclose(found, expected.transpose(0, 2, 3, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.popitem(), r"'patches' has \['bias'\], .* nothing of that kind for 5"),
        (lambda state: state.update({"10.weight": torch.zeros(1)}), "5 modules .* 4 layers"),
        (lambda state: state.update({"0.filter": torch.zeros(1)}), "'0.filter'; expected weight"),
        (lambda state: state.update({"2.bias": torch.zeros(4)}), "has 2.bias, .* has only"),
        (
            lambda state: state.update({"0.weight": torch.zeros(2, 1, 4, 4)}),
            r"0.weight has shape \(4, 4, 1, 2\) .* 'conv_1' expects \(4, 4, 3, 2\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(change, message):
    state = dict(drawn(patches(3, 2, 1, "batch")).state_dict())
    ours = PatchDiscriminator((32, 32, 3), filters=2, layers=1, normalization="batch")
    before = ours.get_weights()
    change(state)
    with pytest.raises(ValueError, match=message):
        from_torch_state_dict(ours, state)
    for one, other in zip(before, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
