"""Renders `docs/images/eyes_contact_sheet.png`: gray eyes as in MPIIGaze above, colour eyes below.

Example:
    python docs/make_eye_sheet.py
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from keras_simgan.data.eyes import EyeRenderer

SHEET = Path(__file__).parent / "images" / "eyes_contact_sheet.png"


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Lays images `(n, h, w, 3)` out in rows of `columns`."""
    rows = [np.hstack(images[i : i + columns]) for i in range(0, len(images), columns)]
    return np.vstack(rows)


def main() -> None:
    """Renders and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=SHEET, help="PNG to write")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()

    gray, _ = EyeRenderer((36, 60), seed=arguments.seed).render(32)
    gray = np.stack([cv2.resize(eye, (120, 72), interpolation=cv2.INTER_CUBIC) for eye in gray])
    colour, _ = EyeRenderer((128, 160), 3, seed=arguments.seed, field_of_view=46).render(18)
    sheet = np.vstack([tile(np.repeat(gray[..., None], 3, axis=-1), 8), tile(colour, 6)])
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.out), sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{arguments.out}: {sheet.shape[1]} x {sheet.shape[0]} pixels")


if __name__ == "__main__":
    main()
