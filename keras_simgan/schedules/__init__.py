"""Learning rates that follow the count of an optimizer's steps."""

from keras_simgan.schedules.linear_decay import LinearDecay

__all__ = ["LinearDecay"]
