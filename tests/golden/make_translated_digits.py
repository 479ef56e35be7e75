"""Makes translated_digits.npz: drawn digits as the preset `cyclegan_mnist_m_32` translates them.

    python tests/golden/make_translated_digits.py

The digits are drawn, white on black, not taken from MNIST. The file keeps them beside the result.
"""

from pathlib import Path

import cv2
import numpy as np

from keras_simgan import data, models


def draw(digit: int) -> np.ndarray:
    """A digit of 32x32 pixels in the style of a plotter."""
    image = np.zeros((32, 32, 3), "uint8")
    return cv2.putText(
        image, str(digit), (7, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255,) * 3, 2, cv2.LINE_AA
    )


if __name__ == "__main__":
    digits = np.stack([draw(digit) for digit in (2, 5, 8)])
    model = models.CycleGAN.from_preset("cyclegan_mnist_m_32")
    there = model.translate(data.to_unit(digits))
    back = model.translate(there, direction="target_to_source")
    np.savez_compressed(
        Path(__file__).parent / "translated_digits.npz",
        digits=digits,
        there=there.astype("float16"),
        back=back.astype("float16"),
    )
