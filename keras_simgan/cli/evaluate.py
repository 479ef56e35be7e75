"""The command `keras-simgan evaluate`."""

import argparse
import shlex
from pathlib import Path

from keras_simgan.cli.arguments import DEFAULT, add_command, add_on_bad_image
from keras_simgan.cli.say import say
from keras_simgan.runs.options.numbers import not_negative, positive

_TRANSFER = ("test", "steps", "seeds")


def add_evaluate(commands: argparse._SubParsersAction) -> None:
    """Adds the command `evaluate`.

    Args:
        commands: Where to.
    """
    evaluate = "  keras-simgan evaluate --synthetic renders/ --refined refined/"
    parser = add_command(
        commands,
        "evaluate",
        None,
        "measure whether to train on refined images",
        f"{evaluate} --real photos/\n"
        f"{evaluate} --real photos/ --labels gaze\n"
        f"{evaluate} --reference simgan_eyes_36x60 \\\n"
        "      --label-model gaze.keras --label-distance angle",
        "Compares synthetic and refined images with real ones, prints one table with 95 % "
        "intervals and an answer, and writes both with pictures into one page. With --labels it "
        "trains small networks on either and tests them on the real images, which decides; "
        "interrupted, it goes on when it is run again.",
    )
    add = parser.add_argument
    add("--synthetic", required=True, metavar="DIR", help="folder of images before refinement")
    add("--refined", required=True, metavar="DIR", help="the same refined, under the same names")
    real = parser.add_mutually_exclusive_group(required=True)
    real.add_argument("--real", metavar="DIR", help="folder of real images")
    kept = "a preset, or the folder of a run, that keeps statistics of the real images"
    real.add_argument("--reference", metavar="PRESET", help=kept)
    add("--report", default="report.html", metavar="FILE", help="the page; " + DEFAULT)
    add(
        "--labels",
        metavar="FIELD",
        help="train small networks to read this field of labels.json or labels.csv, beside all "
        "three: a gaze (pitch, yaw) in radians, or a class",
    )
    test = "labelled real images to test them on; default: those of --real"
    add("--test", metavar="DIR", help=test)
    add("--steps", type=positive, default=500, metavar="N", help="of each training; " + DEFAULT)
    add("--seeds", type=positive, default=3, metavar="N", help="trainings of each; " + DEFAULT)
    add(
        "--label-model",
        metavar="FILE",
        help="a .keras file of a model that reads the label, compared before and after",
    )
    add(
        "--label-distance",
        choices=("angle", "class", "iou", "keypoints"),
        help="how: degrees of gaze, share of equal classes, overlap of masks, or pixels",
    )
    add(
        "--label-bound",
        type=not_negative,
        metavar="X",
        help="labels agree up to, or from, this mean; default: 5 degrees, 0.95, 0.9, 2 pixels",
    )
    images = "images of each folder at most, chosen at random; " + DEFAULT
    add("--sample", type=positive, default=2048, metavar="N", help=images)
    add("--seed", type=int, default=0, metavar="N", help="of that choice; " + DEFAULT)
    names = "of the features that distances are measured on; inception_v3 is downloaded; " + DEFAULT
    add("--extractor", choices=("small", "inception_v3"), default="small", help=names)
    add("--run", dest="run_folder", metavar="DIR", help="a training's --out, to show its losses")
    size = "resize to this; default: that of --reference, else of the first synthetic image"
    add("--image-size", type=positive, nargs=2, metavar=("H", "W"), help=size)
    gray = "gray or colour; default: those of the first synthetic image"
    add("--channels", type=int, choices=(1, 3), help=gray)
    other = "convert images with other channels instead of failing"
    add("--convert-channels", action="store_true", help=other)
    add_on_bad_image(parser)
    default = parser.get_default
    parser.set_defaults(run=lambda arguments: _evaluate(arguments, default))


def _evaluate(arguments: argparse.Namespace, default) -> None:
    report = Path(arguments.report)
    _check(arguments, report, default)
    from keras_simgan import metrics
    from keras_simgan.evaluation import (
        AgreementOptions,
        SampleOptions,
        TransferOptions,
        evaluate,
        verdict,
    )
    from keras_simgan.presets.folder import metadata_of
    from keras_simgan.reporting import evaluation_page
    from keras_simgan.reporting.html import made_by
    from keras_simgan.runs import preset_of
    from keras_simgan.runs.frozen_model import load_frozen

    if report.exists() and not made_by(report, evaluation_page.GENERATOR):
        raise FileExistsError(
            f"{str(report)!r} is not a page of this command, so it is not replaced. Name another "
            "file with --report."
        )
    if arguments.run_folder:
        evaluation_page.losses(arguments.run_folder)  # fails now rather than after the work
    reference = agreement = transfer = None
    image_size = arguments.image_size
    if arguments.reference:
        preset = preset_of(arguments.reference)
        reference = metrics.ReferenceStatistics.from_preset(preset)
        # Features change with an image's size: the photos' were those of the preset's images.
        shape = metadata_of(preset).get("image_shape") or [None]
        image_size = image_size or (shape[:2] if None not in shape[:2] else None)
    if arguments.label_model:
        model = load_frozen("--label-model", arguments.label_model)
        agreement = AgreementOptions(model, arguments.label_distance, arguments.label_bound)
    if arguments.labels:
        trainings = report.with_name(f"{report.name}.trainings")
        transfer = TransferOptions(
            arguments.labels, arguments.test, arguments.steps, arguments.seeds, trainings
        )
    found = evaluate(
        arguments.synthetic,
        arguments.refined,
        arguments.real,
        reference=reference,
        extractor=arguments.extractor,
        sample=SampleOptions(
            arguments.sample,
            arguments.seed,
            image_size,
            arguments.channels,
            arguments.convert_channels,
            arguments.on_bad_image,
        ),
        agreement=agreement,
        transfer=transfer,
        log=say,
    )
    found.facts = {"command": _command(arguments, default), **found.facts}
    evaluation_page.build(found, arguments.run_folder).write(report)
    decided = verdict(found)
    for line in ["", *str(found).splitlines(), "", decided.sentence, *decided.remarks]:
        say(line)
    say(f"Look at {report.resolve()} in a browser.")


def _check(arguments: argparse.Namespace, report: Path, default) -> None:
    if report.is_dir():
        raise IsADirectoryError(f"--report: {str(report)!r} is a folder; expected a file.")
    if not arguments.labels:
        for name in _TRANSFER:
            if getattr(arguments, name) != default(name):
                raise ValueError(f"--{name} does nothing without --labels FIELD; give both.")
    if bool(arguments.label_model) != bool(arguments.label_distance):
        raise ValueError("--label-model and --label-distance go together; give both.")
    if arguments.label_bound is not None and not arguments.label_model:
        raise ValueError("--label-bound does nothing without --label-model FILE; give both.")


def _command(arguments: argparse.Namespace, default) -> str:
    """The command line that does the same."""
    words = ["keras-simgan", "evaluate"]
    for name, value in vars(arguments).items():
        if name in ("run", "debug") or value == default(name):
            continue
        option = "--run" if name == "run_folder" else f"--{name.replace('_', '-')}"
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [option, *map(str, values)]
    return shlex.join(words)
