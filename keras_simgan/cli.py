"""The command `keras-simgan`: train, refine, presets, demo."""

import argparse
import os
import sys
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path

# Keras and TensorFlow take seconds to import, so each command imports what it needs: --help and
# mistyped options answer at once.


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: The arguments; those of the process when `None`.

    Returns:
        0 when done, 2 after an error that was told on stderr, 130 when interrupted.
    """
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            arguments.run(arguments)
        except KeyboardInterrupt:
            print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
            return 130
        except (ValueError, TypeError, OSError) as error:
            if arguments.debug:
                raise
            print(f"keras-simgan: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
    return 0


def _show_warning(message, category, *where, _show=warnings.showwarning) -> None:
    if issubclass(category, UserWarning):
        print(f"warning: {message}", file=sys.stderr)
    else:
        _show(message, category, *where)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keras-simgan",
        description="Makes synthetic training images realistic and keeps their labels.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  keras-simgan demo\n"
        "  keras-simgan train simgan --source renders/ --target photos/ --out runs/eyes\n"
        "  keras-simgan refine runs/eyes renders/ refined/\n"
        "`keras-simgan COMMAND --help` tells the options of a command.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = _command(
        commands,
        "train",
        None,
        "train a model on two folders",
        "  keras-simgan train simgan --source renders/ --target photos/ --out runs/eyes",
    )
    models = train.add_subparsers(required=True, metavar="MODEL")
    _add_train_simgan(models)

    refine = _command(
        commands,
        "refine",
        _refine,
        "refine a folder of images",
        "  keras-simgan refine simgan_eyes_36x60 renders/ refined/\n"
        "  keras-simgan refine runs/eyes renders/ refined/",
        "Refines every image of SRC into DST under the same name, at its own size, bit depth and "
        "channels, and copies all other files, such as labels. Interrupted, it goes on when it is "
        "run again. Files of others in DST are not replaced without --overwrite.",
    )
    refine.add_argument(
        "model", metavar="PRESET_OR_RUN", help="a preset's name or folder, or --out"
    )
    refine.add_argument("source", metavar="SRC", help="folder of images, with sub-folders")
    refine.add_argument("destination", metavar="DST", help="folder to write to")
    refine.add_argument("--overwrite", action="store_true", help="replace files that are in DST")
    refine.add_argument("--batch-size", type=_positive, default=64, metavar="N", help=_DEFAULT)
    _add_on_bad_image(refine)

    _command(commands, "presets", _presets, "list the trained models", "  keras-simgan presets")
    demo = _command(
        commands,
        "demo",
        _demo,
        "render eyes, refine them, report what it changes",
        "  keras-simgan demo --out demo",
        "Needs no data. Takes about three minutes on two CPU cores.",
    )
    demo.add_argument("--out", default="demo", metavar="DIR", help=_DEFAULT)
    return parser


_DEFAULT = "default: %(default)s"


def _command(commands, name, run, summary, example, description="") -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}. {description}".strip(), 80),
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the whole trace of an error")
    parser.set_defaults(run=run)
    return parser


def _add_train_simgan(models) -> None:
    parser = _command(
        models,
        "simgan",
        _train_simgan,
        "train a SimGAN on two folders of images",
        "  keras-simgan train simgan --source renders/ --target photos/ --out runs/eyes \\\n"
        "      --image-size 36 60 --channels 1 --epochs 20\n"
        "  keras-simgan refine runs/eyes renders/ refined/",
        "Writes into --out: run.json, log.csv, samples/ (a picture an epoch), preset/ (the model) "
        "and backup/ (the state). Run again with the same --out it resumes; with more --epochs it "
        "trains on.",
    )
    add = parser.add_argument
    images = "folder of images, or .npz file with an array `images`"
    add("--source", required=True, metavar="PATH", help=f"synthetic images: {images}")
    add("--target", required=True, metavar="PATH", help=f"real images: {images}")
    add("--out", required=True, metavar="DIR", help="folder of this run")
    add(
        "--image-size",
        type=_positive,
        nargs=2,
        metavar=("H", "W"),
        help="resize to this; default: the size of the first source image",
    )
    add(
        "--channels",
        type=int,
        choices=(1, 3),
        help="gray or colour; default: those of the first source image",
    )
    add(
        "--convert-channels",
        action="store_true",
        help="convert images with other channels instead of failing",
    )
    add("--epochs", type=_positive, default=20, metavar="N", help=_DEFAULT)
    add(
        "--steps-per-epoch",
        type=_positive,
        metavar="N",
        help="batches in an epoch; default: one pass over the source",
    )
    add("--batch-size", type=_positive, default=64, metavar="N", help=_DEFAULT)
    add(
        "--regularization",
        type=_not_negative,
        default=2.0,
        metavar="LAMBDA",
        help="weight of the self-regularization, on means; " + _DEFAULT,
    )
    add(
        "--psi",
        choices=("identity", "image_gradients", "channel_means"),
        default="identity",
        help="what the self-regularization compares; " + _DEFAULT,
    )
    add(
        "--history",
        type=int,
        default=12_800,
        metavar="N",
        help="images in the history of refined images, 0 for none; " + _DEFAULT,
    )
    add(
        "--optimizer",
        choices=("adam", "sgd"),
        default="adam",
        help="adam, at 2e-4 for the refiner and 1e-4 for the discriminator, or the paper's sgd; "
        + _DEFAULT,
    )
    add("--refiner-warmup", type=int, default=1000, metavar="STEPS", help=_DEFAULT)
    add("--discriminator-warmup", type=int, default=200, metavar="STEPS", help=_DEFAULT)
    add("--filters", type=_positive, default=64, metavar="N", help="of the refiner; " + _DEFAULT)
    add("--blocks", type=_positive, default=4, metavar="N", help="of the refiner; " + _DEFAULT)
    add(
        "--dtype",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        default="float32",
        help="what the networks compute in; " + _DEFAULT,
    )
    add("--seed", type=int, default=0, metavar="N", help=_DEFAULT)
    add("--validation-source", metavar="PATH", help="images for the val_ columns of the log")
    add("--validation-target", metavar="PATH", help="likewise; the two go together")
    _add_on_bad_image(parser)


def _add_on_bad_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--on-bad-image",
        choices=("error", "skip"),
        default="error",
        help="stop at images that cannot be used, or leave them out; " + _DEFAULT,
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 up")
    return value


def _train_simgan(arguments: argparse.Namespace) -> None:
    options = {
        name: value
        for name, value in vars(arguments).items()
        if name not in ("run", "debug", "out")
    }
    for name in ("source", "target", "validation_source", "validation_target"):
        if options[name]:
            options[name] = str(Path(options[name]).resolve())
    if bool(options["validation_source"]) != bool(options["validation_target"]):
        raise ValueError("--validation-source and --validation-target go together; give both.")
    from keras_simgan.runs import PRESET_FOLDER, train_simgan

    train_simgan(arguments.out, options)
    print(
        f"Wrote {Path(arguments.out) / PRESET_FOLDER}. Look at {Path(arguments.out) / 'samples'}, "
        f"then: keras-simgan refine {arguments.out} {arguments.source} refined/"
    )


def _refine(arguments: argparse.Namespace) -> None:
    from keras_simgan.refinement import refine_folder
    from keras_simgan.runs import preset_of

    report = refine_folder(
        preset_of(arguments.model),
        arguments.source,
        arguments.destination,
        overwrite=arguments.overwrite,
        batch_size=arguments.batch_size,
        on_bad_image=arguments.on_bad_image,
    )
    print(
        f"{arguments.destination}: {report.refined} images refined, {report.copied} other files "
        f"copied, {report.finished_before} files finished before, {len(report.skipped)} skipped."
    )
    for name, reason in report.skipped:
        print(f"skipped {name}: {reason}")


def _presets(arguments: argparse.Namespace) -> None:
    from keras_simgan.presets import presets

    for name, metadata in presets().items():
        shape = "x".join(str(size) for size in metadata.get("image_shape", []))
        print(f"{name}  {shape}  licence: {metadata.get('license', 'not stated')}")
        print(f"    {metadata.get('description', '')}")


def _demo(arguments: argparse.Namespace) -> None:
    from keras_simgan.reporting.demo import run_demo

    run_demo(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
