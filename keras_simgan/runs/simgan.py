"""Runs of SimGAN."""

from pathlib import Path

import keras

from keras_simgan.losses import SelfRegularization
from keras_simgan.models import SimGAN
from keras_simgan.networks import Refiner, RefinerDiscriminator
from keras_simgan.runs.folder import RunFolder
from keras_simgan.runs.options import SimGANOptions
from keras_simgan.runs.training import callbacks, fit, read_data

_OPTIMIZERS = {
    "adam": lambda: (
        keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8),
        keras.optimizers.Adam(1e-4, beta_1=0.5, epsilon=1e-8),
    ),
    "sgd": lambda: (None, None),  # the model's defaults, which are the paper's
}


def train_simgan(out: str | Path, options: SimGANOptions) -> SimGAN:
    """Trains a SimGAN in a folder, or goes on where an earlier start was interrupted.

    The folder gets `run.json` (the options), `log.csv` (the losses of each epoch and the numbers of
    `TranslationMonitor`), `samples/` (see `ImageGrid`), `preset/` (see `GAN.save_to_preset`, after
    each epoch) and `backup/` (the state that training resumes from). A training that was
    interrupted repeats the epoch it was in and ends like one that was not.

    Args:
        out: The folder of the run.
        options: The options of `keras-simgan train simgan`.

    Returns:
        The trained model.

    Raises:
        RunError: If the folder is not of a run, its run has other options, or the loss is no longer
            finite.
        ImageError: If the images cannot be used.
        ImportError: If `tensorboard` is asked for and cannot be used.
    """
    run = RunFolder(out, "simgan", options)
    data = read_data(options)
    keras.utils.set_random_seed(options.seed)
    model = simgan(data.train.image_shape, options)
    model.compile(*_OPTIMIZERS[options.optimizer](), ema_momentum=options.ema)
    watching = callbacks(run, data)
    run.record(data.train, data.counts)
    fit(run, model, data, watching)
    return model


def simgan(image_shape: tuple[int, int, int], options: SimGANOptions) -> SimGAN:
    """Builds the model.

    Args:
        image_shape: `(height, width, channels)`.
        options: The run's options.
    """
    return SimGAN(
        Refiner(image_shape, filters=options.filters, blocks=options.blocks, dtype=options.dtype),
        RefinerDiscriminator(image_shape, dtype=options.dtype),
        self_regularization=SelfRegularization(options.regularization, psi=options.psi),
        history_size=options.history,
        refiner_warmup=options.refiner_warmup,
        discriminator_warmup=options.discriminator_warmup,
        seed=options.seed,
        adversarial_loss=options.adversarial_loss,
    )
