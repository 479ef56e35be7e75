"""Runs of GazeGAN."""

from pathlib import Path

import keras

from keras_simgan.models import GazeGAN
from keras_simgan.runs.cyclegan import cyclegan_arguments, cyclegan_networks
from keras_simgan.runs.decaying import compile_decaying, decaying_folder
from keras_simgan.runs.frozen_model import check_input_shape, load_frozen
from keras_simgan.runs.gaze_estimator import (
    ESTIMATOR_FILE,
    gaze_labels,
    new_estimator,
    train_estimator,
)
from keras_simgan.runs.options import GazeGANOptions
from keras_simgan.runs.training import callbacks, fit, read_data


def train_gazegan(out: str | Path, options: GazeGANOptions) -> GazeGAN:
    """Trains a GazeGAN in a folder, or goes on where an earlier start was interrupted.

    As `train_cyclegan`, with the gaze estimator of the option `gaze_estimator`. Without it one is
    trained first, on the source's images and labels, and kept in the folder as
    `gaze_estimator.keras`; a training that is resumed reads it again.

    Args:
        out: The folder of the run.
        options: The options of `keras-simgan train gazegan`.

    Returns:
        The trained model.

    Raises:
        RunError: See `train_cyclegan`; also if the gaze estimator cannot be used, or is missing and
            the source has no gaze labels to train one on.
        ImageError: If the images cannot be used.
        LabelError: If the labels do not fit them.
        ImportError: If `tensorboard` is asked for and cannot be used.
    """
    run = decaying_folder(out, "gazegan", options)
    kept = run.path / ESTIMATOR_FILE
    file = options.gaze_estimator or (kept if kept.is_file() else None)
    estimator = load_frozen("--gaze-estimator", file) if file else None
    data = read_data(options, estimator is None, options.labels_encoding)
    shape = data.train.image_shape
    if estimator is None:
        gaze = gaze_labels(data.train, options.source)
        keras.utils.set_random_seed(options.seed)
        estimator = new_estimator(shape)
    else:
        check_input_shape("--gaze-estimator", str(file), estimator, shape)
    # Here, so that the networks begin alike whether the estimator is new or read.
    keras.utils.set_random_seed(options.seed)
    networks = cyclegan_networks(shape, options)
    watching = callbacks(run, data)
    run.record(data.train, data.counts)
    if file is None:
        epochs = options.estimator_epochs
        with run.full_disk_explained():
            train_estimator(estimator, data.train, gaze, epochs, options.seed, kept)
    model = GazeGAN(
        **networks,
        gaze_estimator=estimator,
        gaze_weight=options.gaze_weight,
        gaze_on=options.gaze_on,
        **cyclegan_arguments(options),
    )
    compile_decaying(model, options, len(data.train))
    fit(run, model, data, watching)
    return model
