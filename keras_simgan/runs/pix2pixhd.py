"""Runs of pix2pixHD."""

from pathlib import Path

import keras

from keras_simgan import presets
from keras_simgan.losses import PerceptualLoss, vgg19_extractor
from keras_simgan.models import Pix2PixHD
from keras_simgan.networks import LocalEnhancer, MultiScaleDiscriminator, ResNetGenerator
from keras_simgan.runs.decaying import compile_decaying, decaying_folder
from keras_simgan.runs.folder import RunError, preset_of
from keras_simgan.runs.frozen_model import load_frozen
from keras_simgan.runs.options import Pix2PixHDOptions
from keras_simgan.runs.options.decaying import normalization_of
from keras_simgan.runs.paired import read_pairs
from keras_simgan.runs.training import callbacks, fit


def train_pix2pixhd(out: str | Path, options: Pix2PixHDOptions) -> Pix2PixHD:
    """Trains a stage of pix2pixHD in a folder, or goes on where an earlier start was interrupted.

    As `train_pix2pix`. The next stage is a run in another folder, which starts from this one.

    Args:
        out: The folder of the run.
        options: The options of `keras-simgan train pix2pixhd`.

    Returns:
        The trained model.

    Raises:
        RunError: See `train_pix2pix`; also if the run or preset to start from, or the model of the
            perceptual loss, cannot be used.
        ImageError: If the images cannot be used.
        ImportError: If `tensorboard` is asked for and cannot be used.
    """
    run = decaying_folder(out, "pix2pixhd", options)
    perceptual_loss = _perceptual_loss(options)
    keras.utils.set_random_seed(options.seed)
    before = None
    if options.start_from:
        before = presets.load(preset_of(options.start_from), cls=Pix2PixHD)
    data = read_pairs(options)
    channels, output_channels = data.train.source_shape[-1], data.train.image_shape[-1]
    model = pix2pixhd(channels, output_channels, options, before, perceptual_loss)
    compile_decaying(model, options, len(data.train))
    watching = callbacks(run, data)
    run.record(data.train, data.counts)
    fit(run, model, data, watching)
    return model


def pix2pixhd(
    channels: int,
    output_channels: int,
    options: Pix2PixHDOptions,
    before: Pix2PixHD | None = None,
    perceptual_loss: PerceptualLoss | None = None,
) -> Pix2PixHD:
    """Builds the model, for images of any size.

    Args:
        channels: Those of what is translated.
        output_channels: Those of what it becomes.
        options: The run's options.
        before: What an earlier stage has trained; its networks are used.
        perceptual_loss: The loss of that name.

    Raises:
        RunError: If `before` takes other channels.
    """
    if before is None:
        generator, discriminator = _networks(channels, output_channels, options)
    else:
        generator, discriminator = before.generator, before.discriminator
        known = generator.input_shape[-1], generator.output_shape[-1]
        if known != (channels, output_channels):
            raise RunError(
                f"--start-from: the model in {options.start_from!r} makes {known[1]} channels of "
                f"{known[0]}, but here are pairs of {channels} and {output_channels}. Give the "
                "--classes, --instances and --channels of that run."
            )
    if options.stage and not isinstance(generator, LocalEnhancer):
        generator = LocalEnhancer(generator, name="local_enhancer")
    model = Pix2PixHD(
        generator,
        discriminator,
        feature_matching_weight=options.feature_matching_weight,
        perceptual_loss=perceptual_loss,
        adversarial_loss=options.adversarial_loss,
    )
    if isinstance(generator, LocalEnhancer):
        model.start_stage(options.stage or generator.stage)
    return model


def _networks(
    channels: int, output_channels: int, options: Pix2PixHDOptions
) -> tuple[ResNetGenerator, MultiScaleDiscriminator]:
    normalization = normalization_of(options.normalization)
    generator = ResNetGenerator(
        (None, None, channels),
        options.filters,
        options.blocks,
        options.upsampling,
        output_channels,
        normalization,
        options.downsamplings,
        dtype=options.dtype,
        name="generator",
    )
    discriminator = MultiScaleDiscriminator(
        (None, None, channels + output_channels),
        options.discriminator_filters,
        options.discriminator_layers,
        options.scales,
        normalization,
        dtype=options.dtype,
        name="discriminator",
    )
    return generator, discriminator


def _perceptual_loss(options: Pix2PixHDOptions) -> PerceptualLoss | None:
    if options.perceptual is None:
        return None
    if options.perceptual != "vgg19":
        extractor = load_frozen("--perceptual", options.perceptual)
    else:
        try:
            extractor = vgg19_extractor()
        except RuntimeError as error:
            raise RunError(f"--perceptual: {error}") from error
    return PerceptualLoss(extractor, weight=options.perceptual_weight)
