"""The command `keras-simgan refine`."""

import argparse

from keras_simgan.cli.arguments import DEFAULT, add_command, add_on_bad_image
from keras_simgan.cli.say import say
from keras_simgan.runs.options.numbers import positive

# Images of each domain that a critic is fitted to; of photos made of label maps fewer, as these are
# made for it alone.
_CRITIC_SAMPLE, _CRITIC_GENERATED = 2000, 200


def add_refine(commands: argparse._SubParsersAction) -> None:
    """Adds the command.

    Args:
        commands: Where to.
    """
    refine = add_command(
        commands,
        "refine",
        _refine,
        "refine a data set: a folder of images, of label maps, TFRecord files",
        "  keras-simgan refine simgan_eyes_36x60 renders/ refined/\n"
        "  keras-simgan refine runs/eyes renders/ refined/\n"
        "  keras-simgan refine runs/eyes renders/ refined/ --critic photos/ --keep-fraction 0.8\n"
        "  keras-simgan refine runs/streets renders/ refined/ --tile 1024\n"
        "  keras-simgan refine runs/zebras zebras/ as_horses/ --direction target_to_source\n"
        "  keras-simgan refine runs/streets label_maps/ photos/ --instances instance_maps/",
        "Refines every image of SRC into DST under the same name, at its own size, bit depth and "
        "channels, and copies all other files, such as labels and masks. Of a model trained on "
        "label maps, every image of SRC is a label map: DST gets a photo of its name, and the map "
        "in DST/label_maps. DST/manifest.jsonl says "
        "what was done with each file. Interrupted, it goes on when it is run again. Files of "
        "others in DST are not replaced without --overwrite.",
    )
    add = refine.add_argument
    add("model", metavar="PRESET_OR_RUN", help="a preset's name or folder, or --out")
    add("source", metavar="SRC", help="folder, TFRecord file, or tfds:NAME")
    add("destination", metavar="DST", help="folder to write to")
    add(
        "--direction",
        choices=("source_to_target", "target_to_source"),
        default="source_to_target",
        help="the second is for models that also translate back, such as CycleGAN; " + DEFAULT,
    )
    add("--overwrite", action="store_true", help="replace files that are in DST")
    add("--batch-size", type=positive, default=64, metavar="N", help=DEFAULT)
    add("--tile", type=positive, metavar="PIXELS", help="refine larger images tile by tile")
    add(
        "--overlap",
        type=positive,
        metavar="PIXELS",
        help="a tile's reach beyond its place; default: enough, up to a quarter of the tile",
    )
    add(
        "--label-folders",
        nargs="+",
        metavar="NAME",
        help="folders whose images are labels and are copied; default: masks, labels and the like",
    )
    add(
        "--instances",
        metavar="FOLDER",
        help="instance maps under the label maps' names, for models that were trained with them",
    )
    add_on_bad_image(refine)
    add = refine.add_argument_group("choosing the best images").add_argument
    add(
        "--critic",
        metavar="PHOTOS",
        help="folder of real photos: score how real each refined image looks beside them",
    )
    add(
        "--label-model",
        metavar="FILE.keras",
        help="score whether this model reads the same label before and after, or in a photo its "
        "label map",
    )
    add(
        "--label-distance",
        choices=("angle", "class", "iou", "keypoints"),
        help="what --label-model reads",
    )
    add(
        "--keep-fraction",
        type=_share,
        metavar="SHARE",
        help="leave out all but the best, such as 0.8; needs --critic, --label-model or both",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def _refine(arguments: argparse.Namespace) -> None:
    from keras_simgan.data import list_images
    from keras_simgan.presets.registry import find
    from keras_simgan.refinement import refine_dataset
    from keras_simgan.runs import preset_of

    preset = preset_of(arguments.model)
    if (arguments.label_model is None) != (arguments.label_distance is None):
        raise ValueError("--label-model and --label-distance need each other.")
    if arguments.critic is not None:  # fitting it takes time, so mistyped names are reported before
        find(preset)
        list_images(arguments.source)
    report = refine_dataset(
        preset,
        arguments.source,
        arguments.destination,
        direction=arguments.direction,
        overwrite=arguments.overwrite,
        batch_size=arguments.batch_size,
        on_bad_image=arguments.on_bad_image,
        tile=arguments.tile,
        overlap=arguments.overlap,
        label_folders=arguments.label_folders,
        instances=arguments.instances,
        critic=_critic(arguments, preset),
        label_agreement=_label_agreement(arguments),
        keep_fraction=arguments.keep_fraction,
    )
    say(
        f"{arguments.destination}: {report.refined} images refined, {report.copied} other files "
        f"copied, {report.finished_before} files finished before, {report.rejected} left out by "
        f"--keep-fraction, {report.skipped} skipped. {report.manifest} says it of each file."
    )
    for name, reason in report.reasons:
        say(f"skipped {name}: {reason}")


def _critic(arguments: argparse.Namespace, preset: str):
    if arguments.critic is None:
        return None
    import numpy as np

    from keras_simgan.data import list_images
    from keras_simgan.data.sampling import read_sample
    from keras_simgan.metrics import RealismCritic, feature_extractor
    from keras_simgan.presets.folder import metadata_of
    from keras_simgan.refinement.annotations import is_label_image

    extractor = feature_extractor("small")

    def features(sample):
        found, shape = [], None
        for _, image in sample:
            found.append(extractor(image[None])[0])
            shape = image.shape
        return np.asarray(found), shape

    renders = [
        name
        for name in list_images(arguments.source)
        if not is_label_image(name, arguments.label_folders)
    ]
    skip_bad = arguments.on_bad_image == "skip"
    real, shape = features(
        read_sample(arguments.critic, list_images(arguments.critic), _CRITIC_SAMPLE)
    )
    fit = shape[:2], shape[2]
    if metadata_of(preset).get("label_maps"):
        # A label map looks like no photo, so the critic learns from photos made of some.
        sample = _generated(arguments, preset, renders, *fit, skip_bad)
    else:
        sample = read_sample(arguments.source, renders, _CRITIC_SAMPLE, *fit, skip_bad=skip_bad)
    return RealismCritic.fit(real, features(sample)[0], extractor)


def _generated(arguments: argparse.Namespace, preset: str, names, size, channels, skip_bad):
    """What `read_sample` yields, of photos that the preset makes of label maps."""
    from pathlib import Path

    import numpy as np

    from keras_simgan.data import ImageError, resize, to_unit
    from keras_simgan.data.images import convert_image_channels, read_bytes
    from keras_simgan.refinement.load_refiner import load_refiner

    source, tiles = Path(arguments.source), (arguments.tile, arguments.overlap)
    refiner = load_refiner(preset, arguments.direction, *tiles, instances=arguments.instances)
    rows = np.random.default_rng(0).permutation(len(names))[:_CRITIC_GENERATED]
    for name in (names[row] for row in sorted(rows)):
        try:
            refiner.check_name(source, name)
            inputs = refiner.inputs(source, name)
            label_map, _ = refiner.decode(
                {k: (path, read_bytes(path)) for k, path in inputs.items()}
            )
        except ImageError:
            if not skip_bad:
                raise
            continue
        photo = convert_image_channels(refiner.refine([label_map])[0], channels)
        yield name, to_unit(resize(photo, size))


def _label_agreement(arguments: argparse.Namespace):
    if arguments.label_model is None:
        return None
    from keras_simgan.metrics import LabelAgreement
    from keras_simgan.runs.frozen_model import load_frozen

    return LabelAgreement(
        load_frozen("--label-model", arguments.label_model), arguments.label_distance
    )
