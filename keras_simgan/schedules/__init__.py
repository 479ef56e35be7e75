"""What follows the count of steps: learning rates and turns."""

from keras_simgan.schedules.alternate import Alternate, turns_of
from keras_simgan.schedules.linear_decay import LinearDecay

__all__ = ["Alternate", "LinearDecay", "turns_of"]
