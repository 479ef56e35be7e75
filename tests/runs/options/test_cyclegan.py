import pytest

from keras_simgan.runs.options import CycleGANOptions, options_of, values_of


def test_defaults(make):
    """Those of version 0.1.0, whose runs are to be resumed, and of later options."""
    assert values_of(make(CycleGANOptions)) == {
        **{"source": "renders", "target": "photos", "image_size": None, "crop": None},
        **{"channels": None, "convert_channels": False, "epochs": 200, "steps_per_epoch": None},
        **{"batch_size": 1, "no_flip": False, "learning_rate": 0.0002, "decay_epochs": None},
        **{"filters": 64, "blocks": None, "upsampling": "transpose", "normalization": "instance"},
        **{"discriminator_layers": 3, "cycle_weight": 10.0, "identity_weight": 0.5, "pool": 50},
        **{"label_model": None, "label_distance": "l2", "label_weight": 1.0},
        **{"label_on": "translated", "dtype": "float32", "seed": 0, "validation_source": None},
        **{"validation_target": None, "tensorboard": None, "on_bad_image": "error"},
        **{"label_folders": None, "label_patterns": None},
        **{"adversarial_loss": "least_squares", "cycle_distance": "l1", "ema": None},
    }


@pytest.mark.parametrize(
    "name, value", [("label_distance", "l1"), ("label_weight", 2.0), ("label_on", "cycled")]
)
def test_labels_need_a_model(make, name, value):
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(ValueError, match=f"{flag} does nothing without --label-model FILE"):
        make(CycleGANOptions, **{name: value})
    make(CycleGANOptions, label_model="reader.keras", **{name: value})
    assert options_of(CycleGANOptions)["label_model"].path


def test_validation_images_come_in_pairs(make):
    with pytest.raises(ValueError, match="go together"):
        make(CycleGANOptions, validation_source="a")
