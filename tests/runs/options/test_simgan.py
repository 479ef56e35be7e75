from keras_simgan.runs.options import SimGANOptions, values_of


def test_defaults(make):
    """Those of version 0.1.0, whose runs are to be resumed, and of later options."""
    assert values_of(make(SimGANOptions)) == {
        **{"source": "renders", "target": "photos", "image_size": None, "channels": None},
        **{"convert_channels": False, "epochs": 20, "steps_per_epoch": None, "batch_size": 64},
        **{"regularization": 2.0, "psi": "identity", "history": 12800, "optimizer": "adam"},
        **{"refiner_warmup": 1000, "discriminator_warmup": 200, "filters": 64, "blocks": 4},
        **{"dtype": "float32", "seed": 0, "validation_source": None, "validation_target": None},
        **{"tensorboard": None, "on_bad_image": "error"},
        **{"label_folders": None, "label_patterns": None},
        **{"adversarial_loss": "local", "ema": None},
    }


def test_whole_images_as_they_are(make):
    options = make(SimGANOptions)
    assert options.crop is None and options.no_flip
