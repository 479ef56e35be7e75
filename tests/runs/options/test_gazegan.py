import pytest

from keras_simgan.runs.options import GazeGANOptions, options_of, values_of


def test_defaults(make):
    """Those of version 0.1.0, whose runs are to be resumed, and of later options."""
    assert values_of(make(GazeGANOptions)) == {
        **{"source": "renders", "target": "photos", "image_size": None, "crop": None},
        **{"channels": None, "convert_channels": False, "epochs": 200, "steps_per_epoch": None},
        **{"batch_size": 1, "no_flip": False, "learning_rate": 0.0002, "decay_epochs": None},
        **{"filters": 64, "blocks": None, "upsampling": "transpose", "normalization": "instance"},
        **{"discriminator_layers": 3, "cycle_weight": 10.0, "identity_weight": 0.0, "pool": 50},
        **{"gaze_estimator": None, "estimator_epochs": 30, "gaze_weight": 25.0},
        **{"gaze_on": "translated", "dtype": "float32", "seed": 0, "validation_source": None},
        **{"validation_target": None, "tensorboard": None, "on_bad_image": "error"},
        **{"label_folders": None, "label_patterns": None, "labels_encoding": None},
        **{"adversarial_loss": None, "cycle_distance": "l1", "ema": None},
    }


def test_one_estimator_only(make):
    make(GazeGANOptions, estimator_epochs=3)
    make(GazeGANOptions, gaze_estimator="gaze.keras")
    with pytest.raises(ValueError, match="--estimator-epochs is for the estimator that is trained"):
        make(GazeGANOptions, gaze_estimator="gaze.keras", estimator_epochs=3)
    with pytest.raises(ValueError, match="--labels-encoding is for the labels that an estimator"):
        make(GazeGANOptions, gaze_estimator="gaze.keras", labels_encoding="latin-1")
    assert options_of(GazeGANOptions)["gaze_estimator"].path
