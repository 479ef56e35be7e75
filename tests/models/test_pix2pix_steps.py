"""Steps of pix2pix beside the same steps in plain PyTorch."""

import keras
import numpy as np
import pytest

from keras_simgan.models import Pix2Pix
from keras_simgan.networks import PatchDiscriminator, UNetGenerator, from_torch_state_dict

torch = pytest.importorskip("torch")
nn = torch.nn
STEPS, EPSILON = 5, 1e-6

# The contract's tests compare the backends; here the others would only compile.
pytestmark = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="the steps of one backend suffice"
)


class UNet(nn.Module):
    """Two levels, 2 and 4 filters."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 2, 4, 2, 1, bias=False)
        self.inner = nn.Sequential(
            *(nn.LeakyReLU(0.2), nn.Conv2d(2, 4, 4, 2, 1, bias=False)),
            *(nn.ReLU(), nn.ConvTranspose2d(4, 2, 4, 2, 1, bias=False), nn.BatchNorm2d(2)),
        )
        self.up = nn.ConvTranspose2d(4, 3, 4, 2, 1)

    def forward(self, x):
        x = self.down(x)
        return torch.tanh(self.up(torch.relu(torch.cat([x, self.inner(x)], 1))))


def patches():
    return nn.Sequential(
        *(nn.Conv2d(6, 2, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(2, 4, 4, 1, 1, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU(0.2)),
        nn.Conv2d(4, 1, 4, 1, 1),
    )


def adam(network):
    return torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999))


def judge(discriminator, source, image, real):
    logits = discriminator(torch.cat([source, image], 1))
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))


def minimize(loss, network, optimizer, step):
    # Keras adds epsilon before the bias of Adam's second moment is corrected, PyTorch after it.
    optimizer.param_groups[0]["eps"] = EPSILON / (1 - 0.999**step) ** 0.5
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()


def test_five_steps():
    """The same losses, and the same weights after them; the generator plays first.

    Epsilon is larger than in a training: Adam moves a weight by its rate however small its gradient
    is, so that rounding would decide where weights without influence go.
    """
    torch.manual_seed(0)
    plain = {"generator": UNet(), "discriminator": patches()}
    ours = {
        "generator": UNetGenerator((8, 8, 3), 2, 2),
        "discriminator": PatchDiscriminator((8, 8, 6), 2, 1, normalization="batch"),
    }
    for name, network in plain.items():
        from_torch_state_dict(ours[name], network.state_dict())
    model = Pix2Pix(**ours)
    model.compile(*(keras.optimizers.Adam(2e-4, 0.5, epsilon=EPSILON) for _ in range(2)))
    images = np.random.default_rng(0).uniform(-1, 1, (2, STEPS, 8, 8, 3)).astype("float32")
    history = model.fit(*images, batch_size=1, epochs=1, shuffle=False, verbose=0).history

    generator, discriminator = plain.values()
    optimizers = [adam(network) for network in plain.values()]
    losses = []
    for step, (source, target) in enumerate(torch.tensor(images).movedim(-1, 2).swapaxes(0, 1), 1):
        source, target = source[None], target[None]
        fake = generator(source)
        adversarial = judge(discriminator, source, fake, 1.0)
        l1 = 100 * (fake - target).abs().mean()
        minimize(adversarial + l1, generator, optimizers[0], step)
        of_fake = judge(discriminator, source, fake.detach(), 0.0) / 2
        of_real = judge(discriminator, source, target, 1.0) / 2
        minimize(of_fake + of_real, discriminator, optimizers[1], step)
        losses.append([each.item() for each in (adversarial, l1, of_fake, of_real)])

    names = ("adversarial", "l1", "discriminator_fake", "discriminator_real")
    found = [history[name][0] for name in names]
    assert found == pytest.approx(np.mean(losses, axis=0).tolist(), rel=1e-5)
    for name, network in plain.items():
        trained = ours[name].get_weights()
        from_torch_state_dict(ours[name], network.state_dict())
        for mine, weight in zip(trained, ours[name].weights, strict=True):
            if weight.trainable:  # moving variances are of n - 1 images in PyTorch
                np.testing.assert_allclose(
                    mine, keras.ops.convert_to_numpy(weight), atol=1e-5, err_msg=weight.path
                )
