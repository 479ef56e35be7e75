import inspect
import pkgutil

import pytest

from keras_simgan import runs
from keras_simgan.runs.registry import MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_a_function_for_its_options(name):
    options, train = MODELS[name]
    parameters = inspect.signature(pkgutil.resolve_name(train)).parameters
    assert [*parameters] == ["out", "options"]
    assert parameters["options"].annotation is options
    assert f"keras-simgan train {name} " in options.example.splitlines()[0]


def test_the_functions_are_the_rooms_own():
    from keras_simgan.runs.simgan import train_simgan

    assert runs.train_simgan is train_simgan
    assert set(dir(runs)) >= {f"train_{name}" for name in MODELS}
    with pytest.raises(AttributeError, match="no attribute 'train_simgen'"):
        _ = runs.train_simgen
