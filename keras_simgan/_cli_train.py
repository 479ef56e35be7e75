"""The commands `keras-simgan train MODEL`."""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_simgan._cli_arguments import (
    DEFAULT,
    add_command,
    add_on_bad_image,
    count,
    not_negative,
    positive,
)

_PATHS = (
    *("source", "target", "validation_source", "validation_target"),
    *("label_model", "gaze_estimator", "tensorboard"),
)
_FOLDER = (
    "Writes into --out: run.json, log.csv, samples/ (a picture an epoch), preset/ (the model) "
    "and backup/ (the state). Run again with the same --out it resumes"
)
_DECAY = (
    "; with other --epochs too, as long as the learning rate has not begun to fall, or at any time "
    "under --decay-epochs 0."
)


def add_train(commands: argparse._SubParsersAction) -> None:
    """Adds the command `train`.

    Args:
        commands: Where to.
    """
    simgan = "  keras-simgan train simgan --source renders/ --target photos/ --out runs/eyes"
    cyclegan = "  keras-simgan train cyclegan --source horses/ --target zebras/ --out runs/zebras"
    gazegan = "  keras-simgan train gazegan --source renders/ --target photos/ --out runs/gaze"
    train = add_command(
        commands, "train", None, "train a model on two folders", f"{simgan}\n{cyclegan}\n{gazegan}"
    )
    models = train.add_subparsers(required=True, metavar="MODEL")
    parser = _add_model(
        models,
        "simgan",
        "train a SimGAN on two folders of images",
        f"{simgan} \\\n"
        "      --image-size 36 60 --channels 1 --epochs 20\n"
        "  keras-simgan refine runs/eyes renders/ refined/",
        _FOLDER + "; with more --epochs it trains on.",
    )
    _add_data(parser, epochs=20, batch_size=64, crop=False)
    _add_simgan(parser)
    _add_rest(parser)
    parser = _add_model(
        models,
        "cyclegan",
        "train a CycleGAN, both ways, on two folders of images",
        f"{cyclegan} \\\n"
        "      --image-size 286 286 --crop 256 256\n"
        "  keras-simgan refine runs/zebras horses/ as_zebras/\n"
        "  keras-simgan refine runs/zebras zebras/ as_horses/ --direction target_to_source",
        _FOLDER + _DECAY,
    )
    _add_data(parser, epochs=200, batch_size=1)
    _add_cyclegan(parser, identity_weight=0.5)
    _add_labels(parser)
    _add_rest(parser)
    parser = _add_model(
        models,
        "gazegan",
        "train a GazeGAN, a CycleGAN of eyes that keeps the gaze",
        f"{gazegan} \\\n"
        "      --image-size 128 128 --channels 3\n"
        "  keras-simgan refine runs/gaze renders/ refined/",
        "Without --gaze-estimator one is trained first, on the source images and their labels "
        "`gaze`, (pitch, yaw) in radians in MPIIGaze's convention, and kept as "
        f"gaze_estimator.keras. {_FOLDER}{_DECAY}",
    )
    _add_data(parser, epochs=200, batch_size=1)
    _add_cyclegan(parser, identity_weight=0.0)
    _add_gaze(parser)
    _add_rest(parser)


def _add_model(models, name: str, *texts: str) -> argparse.ArgumentParser:
    parser = add_command(models, name, None, *texts)
    parser.set_defaults(run=functools.partial(_train, name, parser.get_default))
    return parser


def _train(model: str, default: Callable[[str], Any], arguments: argparse.Namespace) -> None:
    options = {
        name: value
        for name, value in vars(arguments).items()
        if name not in ("run", "debug", "out")
    }
    for name in _PATHS:
        if options.get(name):
            options[name] = str(Path(options[name]).resolve())
    if bool(options["validation_source"]) != bool(options["validation_target"]):
        raise ValueError("--validation-source and --validation-target go together; give both.")
    if not options.get("label_model"):
        for name in ("label_distance", "label_weight", "label_on"):
            if name in options and options[name] != default(name):
                option = name.replace("_", "-")
                raise ValueError(f"--{option} does nothing without --label-model FILE; give both.")
    if options.get("gaze_estimator") and options["estimator_epochs"] != default("estimator_epochs"):
        raise ValueError(
            "--estimator-epochs is for the estimator that is trained here, but --gaze-estimator "
            "gives another; leave one of them out."
        )
    from keras_simgan import runs

    getattr(runs, f"train_{model}")(arguments.out, options)
    out = Path(arguments.out)
    told = f"Wrote {out / runs.PRESET_FOLDER}. Look at {out / 'samples'}"
    if Path(arguments.source).is_dir():
        told += f", then: keras-simgan refine {arguments.out} {arguments.source} refined/"
    print(told)


def _add_data(
    parser: argparse.ArgumentParser, epochs: int, batch_size: int, crop: bool = True
) -> None:
    add = parser.add_argument
    images = "folder of images, or .npz file with an array `images`"
    add("--source", required=True, metavar="PATH", help=f"synthetic images: {images}")
    add("--target", required=True, metavar="PATH", help=f"real images: {images}")
    add("--out", required=True, metavar="DIR", help="folder of this run")
    size = {"type": positive, "nargs": 2, "metavar": ("H", "W")}
    add("--image-size", **size, help="resize to this; default: that of the first source image")
    if crop:
        add("--crop", **size, help="train on random windows of this size; default: whole images")
    add(
        "--channels",
        type=int,
        choices=(1, 3),
        help="gray or colour; default: those of the first source image",
    )
    other = "convert images with other channels instead of failing"
    add("--convert-channels", action="store_true", help=other)
    add("--epochs", type=positive, default=epochs, metavar="N", help=DEFAULT)
    steps = "batches in an epoch; default: one pass over the source"
    add("--steps-per-epoch", type=positive, metavar="N", help=steps)
    add("--batch-size", type=positive, default=batch_size, metavar="N", help=DEFAULT)


def _add_rest(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--dtype",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        default="float32",
        help="what the networks compute in; " + DEFAULT,
    )
    add("--seed", type=int, default=0, metavar="N", help=DEFAULT)
    add("--validation-source", metavar="PATH", help="images for the val_ columns of the log")
    add("--validation-target", metavar="PATH", help="likewise; the two go together")
    add("--tensorboard", metavar="DIR", help="also log there, for TensorBoard")
    add_on_bad_image(parser)


def _add_simgan(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--regularization",
        type=not_negative,
        default=2.0,
        metavar="LAMBDA",
        help="weight of the self-regularization, on means; " + DEFAULT,
    )
    add(
        "--psi",
        choices=("identity", "image_gradients", "channel_means"),
        default="identity",
        help="what the self-regularization compares; " + DEFAULT,
    )
    add(
        "--history",
        type=count,
        default=12_800,
        metavar="N",
        help="images in the history of refined images, 0 for none; " + DEFAULT,
    )
    add(
        "--optimizer",
        choices=("adam", "sgd"),
        default="adam",
        help="adam, at 2e-4 for the refiner and 1e-4 for the discriminator, or the paper's sgd; "
        + DEFAULT,
    )
    add("--refiner-warmup", type=count, default=1000, metavar="STEPS", help=DEFAULT)
    add("--discriminator-warmup", type=count, default=200, metavar="STEPS", help=DEFAULT)
    add("--filters", type=positive, default=64, metavar="N", help="of the refiner; " + DEFAULT)
    add("--blocks", type=positive, default=4, metavar="N", help="of the refiner; " + DEFAULT)


def _add_cyclegan(parser: argparse.ArgumentParser, identity_weight: float) -> None:
    add = parser.add_argument
    add("--no-flip", action="store_true", help="do not mirror images at random")
    add("--learning-rate", type=not_negative, default=2e-4, metavar="RATE", help=DEFAULT)
    add(
        "--decay-epochs",
        type=count,
        metavar="N",
        help="the last epochs, over which the learning rate falls to zero, 0 for none; default: "
        "half of --epochs",
    )
    add("--filters", type=positive, default=64, metavar="N", help="of all networks; " + DEFAULT)
    of_blocks = "of the generators; default: 6 up to 128 pixels, 9 above"
    add("--blocks", type=positive, metavar="N", help=of_blocks)
    add(
        "--upsampling",
        choices=("transpose", "resize"),
        default="transpose",
        help="in the generators; resize avoids checkerboard patterns; " + DEFAULT,
    )
    add(
        "--normalization",
        choices=("instance", "none"),
        default="instance",
        help="in all networks; instance takes an image's own mean colour away, so that all get one "
        "palette, none lets it stay; " + DEFAULT,
    )
    add(
        "--discriminator-layers",
        type=positive,
        default=3,
        metavar="N",
        help="layers with stride 2; 3 see 70 pixels, 2 see 34, 1 sees 16; " + DEFAULT,
    )
    add(
        "--cycle-weight",
        type=not_negative,
        default=10.0,
        metavar="LAMBDA",
        help="weight of the cycle losses, on means; " + DEFAULT,
    )
    add(
        "--identity-weight",
        type=not_negative,
        default=identity_weight,
        metavar="SHARE",
        help="weight of the identity losses, as a part of --cycle-weight; " + DEFAULT,
    )
    add(
        "--pool",
        type=count,
        default=50,
        metavar="N",
        help="past images that each discriminator sees again, 0 for none; " + DEFAULT,
    )


def _add_labels(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--label-model",
        metavar="FILE",
        help="a .keras file of a model that reads the source images' labels, which are to stay; "
        "it is frozen; default: none",
    )
    add(
        "--label-distance",
        choices=("l1", "l2", "cosine", "kullback_leibler"),
        default="l2",
        help="between what it reads before and after; kullback_leibler for class probabilities; "
        + DEFAULT,
    )
    add("--label-weight", type=not_negative, default=1.0, metavar="LAMBDA", help=DEFAULT)
    _add_read_on(parser, "label")


def _add_gaze(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--gaze-estimator",
        metavar="FILE",
        help="a .keras file of a model that reads gaze from the source images; it is frozen; "
        "default: one is trained first",
    )
    add(
        "--estimator-epochs",
        type=positive,
        default=30,
        metavar="N",
        help="of that one's training; " + DEFAULT,
    )
    add("--gaze-weight", type=not_negative, default=25.0, metavar="LAMBDA", help=DEFAULT)
    _add_read_on(parser, "gaze")


def _add_read_on(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        f"--{what}-on",
        choices=("translated", "cycled"),
        default="translated",
        help=f"where the {what} is read again: in the translated image, or in that translated "
        "back; " + DEFAULT,
    )
