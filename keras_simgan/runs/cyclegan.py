"""Runs of CycleGAN, and what they share with GazeGAN's."""

from pathlib import Path
from typing import Any

import keras

from keras_simgan.losses import LabelConsistency
from keras_simgan.models import CycleGAN
from keras_simgan.networks import PatchDiscriminator, ResNetGenerator
from keras_simgan.runs.decaying import compile_decaying, decaying_folder
from keras_simgan.runs.frozen_model import check_input_shape, load_frozen
from keras_simgan.runs.options import CycleGANOptions
from keras_simgan.runs.options.cycle import CycleOptions
from keras_simgan.runs.options.decaying import normalization_of
from keras_simgan.runs.training import callbacks, fit, read_data

_SMALL = 128  # pixels a side; up to here the paper has 6 blocks, from 256 on 9


def train_cyclegan(out: str | Path, options: CycleGANOptions) -> CycleGAN:
    """Trains a CycleGAN in a folder, or goes on where an earlier start was interrupted.

    The folder gets the same files as `train_simgan` writes, and a training that was interrupted
    ends like one that was not. That holds for other `epochs` and `decay_epochs` too: they may
    change until the learning rate has begun to fall, for until then all schedules are alike.

    Args:
        out: The folder of the run.
        options: The options of `keras-simgan train cyclegan`.

    Returns:
        The trained model.

    Raises:
        RunError: If the folder is not of a run, its run has other options, the learning rate has
            begun to fall on another schedule, the label model cannot be used, or the loss is no
            longer finite.
        ImageError: If the images cannot be used.
        ImportError: If `tensorboard` is asked for and cannot be used.
    """
    run = decaying_folder(out, "cyclegan", options)
    path = options.label_model
    label_model = load_frozen("--label-model", path) if path else None
    data = read_data(options)
    shape = data.train.image_shape
    label_consistency = None
    if label_model is not None:
        check_input_shape("--label-model", str(path), label_model, shape)
        label_consistency = LabelConsistency(
            label_model, options.label_distance, options.label_weight
        )
    keras.utils.set_random_seed(options.seed)
    model = CycleGAN(
        **cyclegan_networks(shape, options),
        label_consistency=label_consistency,
        label_consistency_on=options.label_on,
        **cyclegan_arguments(options),
    )
    compile_decaying(model, options, len(data.train))
    watching = callbacks(run, data)
    run.record(data.train, data.counts)
    fit(run, model, data, watching)
    return model


def cyclegan_networks(
    image_shape: tuple[int, int, int], options: CycleOptions
) -> dict[str, keras.Model]:
    """Builds both generators and both discriminators, by the names of `CycleGAN`'s arguments.

    Args:
        image_shape: `(height, width, channels)`.
        options: The run's options.
    """
    normalization = normalization_of(options.normalization)
    shared: dict[str, Any] = {
        "image_shape": image_shape,
        "filters": options.filters,
        "normalization": normalization,
        "dtype": options.dtype,
    }
    blocks = options.blocks or (6 if max(image_shape[:2]) <= _SMALL else 9)
    generator = {"blocks": blocks, "upsampling": options.upsampling, **shared}
    discriminator = {"layers": options.discriminator_layers, **shared}
    return {
        "generator": ResNetGenerator(name="generator", **generator),
        "inverse_generator": ResNetGenerator(name="inverse_generator", **generator),
        "target_discriminator": PatchDiscriminator(name="target_discriminator", **discriminator),
        "source_discriminator": PatchDiscriminator(name="source_discriminator", **discriminator),
    }


def cyclegan_arguments(options: CycleOptions) -> dict[str, Any]:
    """The arguments of the model that `CycleGAN` and `GazeGAN` share.

    Args:
        options: The run's options.
    """
    return {
        "cycle_weight": options.cycle_weight,
        "identity_weight": options.identity_weight,
        "pool_size": options.pool,
        "seed": options.seed,
        "adversarial_loss": options.adversarial_loss,
        "cycle_distance": options.cycle_distance,
    }
