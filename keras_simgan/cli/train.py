"""The commands `keras-simgan train MODEL`, made from the models' options."""

import argparse
import functools
import pkgutil
from pathlib import Path

from keras_simgan.cli.arguments import add_command, add_options, required_options
from keras_simgan.cli.say import say
from keras_simgan.runs.options import options_of, read_options
from keras_simgan.runs.registry import MODELS


def add_train(commands: argparse._SubParsersAction) -> None:
    """Adds the command `train`, with a command in it for each model of `runs.registry`.

    Args:
        commands: Where to.
    """
    examples = [model.options.example.splitlines()[0] for model in MODELS.values()]
    train = add_command(
        commands,
        "train",
        None,
        "train a model on two folders",
        "\n".join(example.removesuffix(" \\") for example in examples),
    )
    models = train.add_subparsers(required=True, metavar="MODEL")
    for name, model in MODELS.items():
        options = model.options
        parser = add_command(
            models,
            name,
            functools.partial(_train, name),
            options.summary,
            options.example,
            options.description,
        )
        required = required_options(options)
        add_options(parser, options, required)
        parser.add_argument("--out", required=True, metavar="DIR", help="folder of this run")
        add_options(parser, options, (each for each in options_of(options) if each not in required))


def _train(name: str, arguments: argparse.Namespace) -> None:
    model, values = MODELS[name], vars(arguments)
    paths = {
        each: str(Path(values[each]).resolve())
        for each, option in options_of(model.options).items()
        if option.path and values[each]
    }
    options = read_options(model.options, {**values, **paths})
    pkgutil.resolve_name(model.train)(arguments.out, options)
    from keras_simgan.runs.folder import PRESET_FOLDER

    out = Path(arguments.out)
    message = f"Wrote {out / PRESET_FOLDER}. Look at {out / 'samples'}"
    if options.translates_source and Path(arguments.source).is_dir():
        message += f", then: keras-simgan refine {arguments.out} {arguments.source} refined/"
    say(message)
