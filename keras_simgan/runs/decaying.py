"""Runs whose learning rate is constant and then falls to zero."""

from pathlib import Path
from typing import TypeVar

import keras

from keras_simgan.models import GAN
from keras_simgan.runs.folder import RunError, RunFolder
from keras_simgan.runs.options.decaying import DecayingOptions
from keras_simgan.schedules import LinearDecay

Options = TypeVar("Options", bound=DecayingOptions)


def decaying_folder(out: str | Path, model: str, options: Options) -> RunFolder[Options]:
    """Opens the folder of a run whose learning rate falls.

    Args:
        out: The folder.
        model: As in `keras-simgan train MODEL`.
        options: The command's options.

    Raises:
        RunError: If the folder is not of a run of this model, its run has other options, there are
            fewer epochs than falling ones, or the rate has begun to fall on another schedule.
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


def compile_decaying(model: GAN, options: DecayingOptions, steps: int) -> None:
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
