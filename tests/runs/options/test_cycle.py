import pytest

from keras_simgan.runs.options import options_of
from keras_simgan.runs.options.cycle import CycleOptions


@pytest.mark.parametrize(
    "epochs, decay, phases",
    [(200, None, (100, 100)), (5, None, (3, 2)), (5, 0, (5, 0)), (5, 5, (0, 5)), (4, 5, (-1, 5))],
)
def test_phases(make, epochs, decay, phases):
    assert make(CycleOptions, epochs=epochs, decay_epochs=decay).phases == phases


def test_what_may_change():
    free = {name for name, option in options_of(CycleOptions).items() if option.may_change}
    assert free == {"epochs", "decay_epochs", "tensorboard"}
