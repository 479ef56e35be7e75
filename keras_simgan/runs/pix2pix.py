"""Runs of pix2pix."""

import math
from pathlib import Path

import keras

from keras_simgan.models import Pix2Pix
from keras_simgan.networks import PatchDiscriminator, UNetGenerator
from keras_simgan.runs.decaying import compile_decaying, decaying_folder
from keras_simgan.runs.options import Pix2PixOptions
from keras_simgan.runs.options.decaying import normalization_of
from keras_simgan.runs.paired import read_pairs
from keras_simgan.runs.training import callbacks, fit


def train_pix2pix(out: str | Path, options: Pix2PixOptions) -> Pix2Pix:
    """Trains pix2pix in a folder, or goes on where an earlier start was interrupted.

    The folder gets the same files as `train_simgan` writes. A preset of label maps knows their
    classes, so that `refine` makes photos of a folder of maps.

    Args:
        out: The folder of the run.
        options: The options of `keras-simgan train pix2pix`.

    Returns:
        The trained model.

    Raises:
        RunError: See `train_cyclegan`; also if the file of colours cannot be read.
        ImageError: If the images cannot be used.
        ImportError: If `tensorboard` is asked for and cannot be used.
    """
    run = decaying_folder(out, "pix2pix", options)
    data = read_pairs(options)
    keras.utils.set_random_seed(options.seed)
    model = pix2pix(data.train.source_shape, data.train.image_shape[-1], options)
    compile_decaying(model, options, len(data.train))
    watching = callbacks(run, data)
    run.record(data.train, data.counts)
    fit(run, model, data, watching)
    return model


def pix2pix(
    source_shape: tuple[int, int, int], output_channels: int, options: Pix2PixOptions
) -> Pix2Pix:
    """Builds the model.

    Args:
        source_shape: `(height, width, channels)` of what is translated.
        output_channels: The channels of what it becomes.
        options: The run's options.
    """
    height, width, channels = source_shape
    normalization = normalization_of(options.normalization)
    depth = options.depth or min(8, max(2, int(math.log2(min(height, width)))))
    generator = UNetGenerator(
        source_shape,
        options.filters,
        depth,
        output_channels,
        normalization,
        options.dropout,
        seed=options.seed,
        dtype=options.dtype,
        name="generator",
    )
    discriminator = PatchDiscriminator(
        (height, width, channels + output_channels),
        options.filters,
        options.discriminator_layers,
        normalization,
        dtype=options.dtype,
        name="discriminator",
    )
    return Pix2Pix(
        generator, discriminator, options.l1_weight, adversarial_loss=options.adversarial_loss
    )
