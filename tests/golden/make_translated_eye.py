"""Makes translated_eye.npz: a rendered eye as the preset `gazegan_eyes_128` translates it.

    python tests/golden/make_translated_eye.py

The file keeps the eye beside the result, so that changes of the renderer do not touch it.
"""

from pathlib import Path

import numpy as np

from keras_simgan import data, models

if __name__ == "__main__":
    eye, _ = data.EyeRenderer((128, 128), 3, seed=7, field_of_view=36).render(1)
    translated = models.GazeGAN.from_preset("gazegan_eyes_128").translate(data.to_unit(eye))
    np.savez_compressed(
        Path(__file__).parent / "translated_eye.npz",
        eye=eye,
        translated=translated.astype("float16"),
    )
