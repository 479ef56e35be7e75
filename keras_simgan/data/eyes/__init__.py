"""Synthetic eyes with labels, from a geometric model.

`renderer` gives images and labels; `geometry` is one eye's shape and pose, `look` its colours and
light, and `painting` puts the painted `skin` and `globe` together.
"""

from keras_simgan.data.eyes.renderer import EyeRenderer

__all__ = ["EyeRenderer"]
