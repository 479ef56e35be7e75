"""Makes generated_facade.npz: what the preset `pix2pix_facades` makes of a drawn label map.

python tests/golden/make_generated_facade.py
"""

from pathlib import Path

import numpy as np

from keras_simgan import models


def label_map() -> np.ndarray:
    """A wall with twelve windows under the background, one-hot (1, 128, 128, 12)."""
    indices = np.zeros((128, 128), int)
    indices[20:] = 1
    for top in (35, 65, 95):
        for left in (15, 45, 75, 105):
            indices[top : top + 16, left : left + 10] = 2
    return np.eye(12, dtype="float32")[indices][None]


if __name__ == "__main__":
    generated = models.Pix2Pix.from_preset("pix2pix_facades").translate(label_map())
    np.savez_compressed(
        Path(__file__).parent / "generated_facade.npz", generated=generated.astype("float16")
    )
