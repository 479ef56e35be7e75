import numpy as np
import pytest

from keras_simgan import cli
from keras_simgan.data import write_image
from keras_simgan.metrics import RealismCritic, feature_extractor

random = np.random.default_rng(0)


def picture(channels=1):
    return random.integers(0, 256, (8, 12, channels)).astype("uint8")


@pytest.mark.parametrize(
    ("options", "expected"), [([], 6), (["--label-folders", "other"], 8), (["--bad"], 6)]
)
def test_a_critic_learns_from_what_is_refined(tmp_path, monkeypatch, capsys, options, expected):
    """Masks are no renders, and images that are skipped are skipped here, too."""
    for i in range(6):
        write_image(tmp_path / f"photos/{i}.png", picture(3))
        write_image(tmp_path / f"renders/{i}.png", picture())
    for i in range(2):
        write_image(tmp_path / f"renders/masks/{i}.png", picture())
    if options == ["--bad"]:
        (tmp_path / "renders/bad.png").write_bytes(b"damaged")
        options = ["--on-bad-image", "skip"]
    seen = []

    def fit(photos, renders, extractor):
        assert photos.shape == (6, 192) and renders.shape[1] == 192
        assert extractor.checksum == feature_extractor("small").checksum
        seen.append(len(renders))
        raise ValueError("enough")

    monkeypatch.setattr(RealismCritic, "fit", fit)
    folders = [str(tmp_path / "renders"), str(tmp_path / "out")]
    command = ["refine", "simgan_eyes_36x60", *folders, "--critic", str(tmp_path / "photos")]
    assert cli.main([*command, *options]) == 2
    assert "enough" in capsys.readouterr().err
    assert seen == [expected]
