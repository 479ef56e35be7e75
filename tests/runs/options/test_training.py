import pytest

from keras_simgan.losses.by_name import ADVERSARIAL_LOSSES
from keras_simgan.runs.options import SimGANOptions, TrainingOptions, options_of
from keras_simgan.runs.registry import MODELS


def test_validation_images_come_in_pairs(make):
    make(SimGANOptions, validation_source="a", validation_target="b")
    for name in ("validation_source", "validation_target"):
        with pytest.raises(ValueError, match="--validation-source and --validation-target go toge"):
            make(SimGANOptions, **{name: "a"})


def test_paths():
    paths = {name for name, option in options_of(TrainingOptions).items() if option.path}
    assert paths == {"source", "target", "validation_source", "validation_target", "tensorboard"}


@pytest.mark.parametrize("model", MODELS)
def test_the_losses_each_model_can_be_trained_with(model):
    choices = options_of(MODELS[model].options)["adversarial_loss"].argument["choices"]
    assert list(choices) == list(ADVERSARIAL_LOSSES)
