"""Makes translated_digits.npz: drawn digits as the preset `cyclegan_mnist_m_32` translates them.

    python tests/golden/make_translated_digits.py

The digits are drawn, in colours, not taken from MNIST. The file keeps them beside the result.
"""

from pathlib import Path

import cv2
import numpy as np

from keras_simgan import data, models

COLOURS = {  # of the paper and of the ink
    2: ((30, 40, 120), (230, 200, 80)),
    5: ((90, 160, 90), (20, 30, 20)),
    8: ((220, 190, 170), (160, 40, 60)),
}


def draw(digit: int) -> np.ndarray:
    """A digit of 32x32 pixels in the style of a plotter."""
    paper, ink = COLOURS[digit]
    image = np.full((32, 32, 3), paper, "uint8")
    return cv2.putText(
        image, str(digit), (7, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.8, ink, 2, cv2.LINE_AA
    )


if __name__ == "__main__":
    digits = np.stack([draw(digit) for digit in COLOURS])
    model = models.CycleGAN.from_preset("cyclegan_mnist_m_32")
    there = model.translate(data.to_unit(digits))
    back = model.translate(there, direction="target_to_source")
    np.savez_compressed(
        Path(__file__).parent / "translated_digits.npz",
        digits=digits,
        there=there.astype("float16"),
        back=back.astype("float16"),
    )
