"""Runs of CycleGAN, and what they share with GazeGAN's."""

from pathlib import Path
from typing import Any

import keras

from keras_simgan.losses import LabelConsistency
from keras_simgan.models import CycleGAN
from keras_simgan.networks import PatchDiscriminator, ResNetGenerator
from keras_simgan.runs.folder import RunError, RunFolder
from keras_simgan.runs.frozen_model import check_input_shape, load_frozen
from keras_simgan.runs.options import CycleGANOptions
from keras_simgan.runs.options.cycle import CycleOptions
from keras_simgan.runs.training import callbacks, fit, read_data
from keras_simgan.schedules import LinearDecay

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
    run = cyclegan_folder(out, "cyclegan", options)
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
    compile_cyclegan(model, options, len(data.train))
    watching = callbacks(run, data)
    run.record(data.train)
    fit(run, model, data, watching)
    return model


def cyclegan_folder(out: str | Path, model: str, options: CycleOptions) -> RunFolder[CycleOptions]:
    """Opens the folder of a run whose learning rate falls.

    Args:
        out: The folder.
        model: `"cyclegan"` or `"gazegan"`.
        options: The command's options.

    Raises:
        RunError: See `train_cyclegan`.
    """
    run = RunFolder(out, model, options)
    constant, decay = options.phases
    if constant < 0:
        raise RunError(
            f"The last {decay} epochs (--decay-epochs) of {options.epochs} (--epochs) are "
            "more than there are. Give fewer --decay-epochs, or more --epochs."
        )
    if run.before is None or run.before.phases == (constant, decay):
        return run
    begun, finished = run.before.phases, run.finished_epochs
    if finished > min(constant, begun[0]):
        raise RunError(
            f"The run in {str(run.path)!r} has finished {finished} epochs, on a learning rate laid "
            f"out for {begun[0]} constant and {begun[1]} falling epochs; now --epochs and "
            f"--decay-epochs ask for {constant} and {decay}. They may change as long as neither "
            "has the rate falling in what is finished. Give --epochs "
            f"{sum(begun)} --decay-epochs {begun[1]} as before, or choose a new folder; a run with "
            "--decay-epochs 0 can be trained on at any time."
        )
    return run


def cyclegan_networks(
    image_shape: tuple[int, int, int], options: CycleOptions
) -> dict[str, keras.Model]:
    """Builds both generators and both discriminators, by the names of `CycleGAN`'s arguments.

    Args:
        image_shape: `(height, width, channels)`.
        options: The run's options.
    """
    normalization = None if options.normalization == "none" else options.normalization
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


def compile_cyclegan(model: CycleGAN, options: CycleOptions, steps: int) -> None:
    """Compiles with the paper's Adam, at a rate that is constant and then falls to zero.

    Args:
        model: The model.
        options: The run's options.
        steps: Steps of an epoch.
    """
    constant, decay = options.phases
    # Without falling epochs the rate falls after the last one. A schedule all the same, for what
    # is kept of an optimizer depends on whether it has one, and the run may go on with another.
    rate = LinearDecay(options.learning_rate, constant * steps, max(decay * steps, 1))
    generators, discriminators = (
        keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8) for _ in range(2)
    )
    model.compile(generators, discriminators, ema_momentum=options.ema)
