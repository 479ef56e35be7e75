"""Makes rendered_eyes.npz: the first eyes of two renderers, gray and colour, with their labels.

    python tests/golden/make_rendered_eyes.py

tests/data/eyes/test_renderer.py renders them again and compares, so that a seed gives the same
people in the next version.
"""

from pathlib import Path

import numpy as np

from keras_simgan.data import EyeRenderer

if __name__ == "__main__":
    gray, labels = EyeRenderer(seed=5).render(4)
    colour, _ = EyeRenderer((64, 80), channels=3, seed=6).render(3)
    np.savez_compressed(
        Path(__file__).parent / "rendered_eyes.npz", gray=gray, colour=colour, **labels
    )
