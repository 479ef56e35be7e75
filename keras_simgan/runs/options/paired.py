"""The options that trainings on pairs share."""

from dataclasses import dataclass

from keras_simgan.runs.options.decaying import DecayingOptions
from keras_simgan.runs.options.numbers import positive
from keras_simgan.runs.options.option import changed, flag, option


@dataclass(frozen=True, kw_only=True)
class PairedOptions(DecayingOptions):
    """What is translated and what it becomes, side by side, in two folders or in an .npz file."""

    source: str = option(
        help="what is translated: folder of images or label maps, or .npz file with arrays "
        "`source` and `target`",
        path=True,
        metavar="PATH",
    )
    target: str | None = option(
        None,
        "what it becomes: folder of images of the same names; leave it out where --source holds "
        "both",
        path=True,
        metavar="PATH",
    )
    side_by_side: str | None = option(
        None, "the images of --source hold both halves", choices=("source_left", "source_right")
    )
    match: str | None = option(
        None, "what of the files' names is the same in a pair; default: all but the suffix"
    )
    classes: int | None = option(
        None,
        "the source is label maps whose pixels are this many class indices",
        type=positive,
        metavar="N",
    )
    colours: str | None = option(
        None,
        "the source is label maps that tell classes by colour: a JSON file with a list of "
        "[red, green, blue], one a class",
        path=True,
        metavar="FILE",
    )
    ignore: tuple[int, ...] | None = option(
        None,
        "the index, or with --colours the colour, of what is no class",
        type=int,
        nargs="+",
        metavar="N",
    )
    instances: str | None = option(
        None,
        "folder of maps that number the things in an image; their boundaries become a channel of "
        "the source",
        path=True,
        metavar="PATH",
    )
    validation_instances: str | None = option(
        None, "likewise, of --validation-source", path=True, closing=True, metavar="PATH"
    )

    def __post_init__(self) -> None:
        """Refuses options that do not go together."""
        if self.target is None and self.side_by_side is None and not self.source.endswith(".npz"):
            raise ValueError(
                "Give --target, the folder of what the source becomes; or, where an image holds "
                "both, --side-by-side source_left or source_right."
            )
        if self.classes and self.colours:
            raise ValueError("--classes is for indices and --colours for colours; give one.")
        if self.ignore is not None and len(self.ignore) != (3 if self.colours else 1):
            raise ValueError(
                "--ignore takes one index with --classes, or red, green and blue with --colours."
            )
        if self.ignore is not None and not (self.classes or self.colours):
            raise ValueError("--ignore is for label maps; give --classes or --colours too.")
        if self.validation_source is None:
            for name in changed(self, "validation_target", "validation_instances"):
                raise ValueError(f"{flag(name)} goes with --validation-source; give both.")
        elif bool(self.target) != bool(self.validation_target):
            raise ValueError(
                "--validation-source and --validation-target are given as --source and --target "
                "are: both, or where one holds both halves, one."
            )
        if self.validation_source and bool(self.instances) != bool(self.validation_instances):
            raise ValueError("--instances and --validation-instances go together; give both.")

    @property
    def translates_source(self) -> bool:
        """Not where it holds both halves."""
        return self.target is not None

    @property
    def label_maps(self) -> bool:
        """Whether the source is label maps."""
        return bool(self.classes or self.colours)
