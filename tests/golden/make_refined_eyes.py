"""Makes refined_eyes.npz: what the bundled preset makes of three rendered eyes.

    KERAS_BACKEND=tensorflow python tests/golden/make_refined_eyes.py

tests/presets/test_bundled.py refines the same on each backend and compares. The eyes are kept with
the result, so that a change of the renderer does not show here.
"""

from pathlib import Path

import numpy as np

from keras_simgan import data, models

if __name__ == "__main__":
    eyes, _ = data.EyeRenderer((36, 60), seed=5).render(3)
    refined = models.SimGAN.from_preset("simgan_eyes_36x60").predict(data.to_unit(eyes), verbose=0)
    np.savez_compressed(
        Path(__file__).parent / "refined_eyes.npz", eyes=eyes, refined=refined.astype("float16")
    )
