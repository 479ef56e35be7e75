"""Makes the pictures in `docs/images`; none of them shows a real photo.

- `eyes_contact_sheet.png`: eyes of `data.EyeRenderer`, gray as in MPIIGaze and in colour.
- `refined_eyes.png`: gray eyes, and below each row the same eyes refined by `simgan_eyes_36x60`.
- `cyclegan_digits.png`: drawn digits in random colours, translated by `cyclegan_mnist_m_32`, and
  back.
- `gazegan_eyes.png`: colour eyes, and below each row the same translated by `gazegan_eyes_128`.

    python docs/make_pictures.py
"""

from pathlib import Path

import cv2
import numpy as np

from keras_simgan.data import EyeRenderer, from_unit, to_unit
from keras_simgan.models import CycleGAN, GazeGAN, SimGAN

IMAGES = Path(__file__).parent / "images"


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Lays images `(n, h, w, c)` out in rows of `columns`."""
    rows = [np.hstack(images[i : i + columns]) for i in range(0, len(images), columns)]
    return np.vstack(rows)


def enlarge(gray: np.ndarray) -> np.ndarray:
    """Twice the size."""
    eyes = [cv2.resize(eye, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for eye in gray]
    return np.stack(eyes)[..., None]


def write(name: str, picture: np.ndarray) -> None:
    """Writes a picture (h, w, 1 or 3) as small as PNG gets."""
    cv2.imwrite(str(IMAGES / name), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def coloured_digits(count: int) -> np.ndarray:
    """Digits as a plotter draws them, in random colours and noise like the training digits."""
    rng = np.random.default_rng(3)
    digits = np.empty((count, 32, 32, 3), "uint8")
    for index in range(count):
        ink = np.zeros((32, 32, 3), "uint8")
        font, text = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, str(index % 10)
        cv2.putText(ink, text, (7, 25), font, 0.9, (255, 255, 255), 2, cv2.LINE_AA)
        low, high = rng.random((2, 3))
        grain = 2 ** rng.integers(4)
        noise = cv2.resize(rng.standard_normal((32 // grain, 32 // grain, 3)), (32, 32))
        image = low + (high - low) * ink / 255 + rng.uniform(0, 0.2) * noise
        digits[index] = 255 * image.clip(0, 1)
    return digits


def main() -> None:
    """Writes the pictures."""
    gray, _ = EyeRenderer((36, 60), seed=7).render(32)
    colour, _ = EyeRenderer((128, 160), 3, seed=7, field_of_view=46).render(18)
    eyes = np.repeat(enlarge(gray), 3, axis=-1)
    write("eyes_contact_sheet.png", np.vstack([tile(eyes, 8), tile(colour, 6)]))

    refined = SimGAN.from_preset("simgan_eyes_36x60").predict(to_unit(gray), verbose=0)
    rows = [
        tile(enlarge(images[start : start + 8]), 8)
        for start in (0, 8, 16)
        for images in (gray, from_unit(refined))
    ]
    write("refined_eyes.png", np.vstack(rows))

    # Framed as in training; `benchmarks/colour_eyes.py` says why.
    eyes, _ = EyeRenderer((208, 160), 3, seed=1, field_of_view=45).render(16)
    eyes = eyes[:, 40:168, 16:144]
    translated = from_unit(GazeGAN.from_preset("gazegan_eyes_128").translate(to_unit(eyes)))
    rows = [tile(images[start : start + 8], 8) for start in (0, 8) for images in (eyes, translated)]
    write("gazegan_eyes.png", np.vstack(rows))

    digits = coloured_digits(20)
    model = CycleGAN.from_preset("cyclegan_mnist_m_32")
    there = model.translate(to_unit(digits))
    back = model.translate(there, direction="target_to_source")
    sheet = np.vstack([tile(images, 20) for images in (digits, from_unit(there), from_unit(back))])
    write("cyclegan_digits.png", sheet.repeat(2, axis=0).repeat(2, axis=1))


if __name__ == "__main__":
    main()
