"""The folders of an evaluation, and which of their files are images to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.listing import list_folder
from keras_simgan.evaluation.sample_options import SampleOptions
from keras_simgan.refinement.manifest import MANIFEST, read_manifest

_EVERYTHING = LabelRule((), ())


@dataclass(frozen=True)
class ImageFolder:
    """A folder and the images in it.

    Attributes:
        path: The folder.
        names: Its images, relative to it, without those that are labels of others.
        skipped: `(name, reason)` of what was left out because it is no regular file.
    """

    path: Path
    names: list[str]
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """The images' files."""
        return [self.path / name for name in self.names]


@dataclass(frozen=True)
class ImageFolders:
    """The folders of an evaluation.

    Attributes:
        of: By kind: `"synthetic"`, `"refined"`, and where they are given `"real"` and `"test"`.
        manifest: What `refine_dataset` wrote down beside the refined images: the header, and a
            dictionary a file; `None` where it did not make them.
    """

    of: Mapping[str, ImageFolder]
    manifest: tuple[dict, list[dict]] | None = None

    @classmethod
    def list(
        cls,
        synthetic: str | Path,
        refined: str | Path,
        real: str | Path | None = None,
        test: str | Path | None = None,
        options: SampleOptions | None = None,
    ) -> ImageFolders:
        """Lists the images of each folder.

        Masks and other images that are labels are left out. Of synthetic and refined images the
        manifest knows them, else they are those that `data.list_images` leaves out.

        Args:
            synthetic: Folder of the synthetic images.
            refined: Folder of the refined images.
            real: Folder of the real images.
            test: Folder of other real images, to test on.
            options: What is a label, and whether to leave out what is no file.

        Raises:
            ImageError: If a folder is missing or has no images, or what may be labels.
            ValueError: If no refined image has the name of a synthetic one.
        """
        options = options or SampleOptions()
        rule, skip_bad = options.label_rule, options.on_bad_image == "skip"
        manifest = read_manifest(refined) if (Path(refined) / MANIFEST).is_file() else None
        given = {"synthetic": synthetic, "refined": refined, "real": real, "test": test}
        of = {}
        for kind, path in given.items():
            if path is not None:
                in_manifest = manifest is not None and kind in ("synthetic", "refined")
                names, skipped = list_folder(path, _EVERYTHING if in_manifest else rule, skip_bad)
                of[kind] = ImageFolder(Path(path), names, skipped)
        if manifest is not None:
            of |= _without_copies(of["synthetic"], of["refined"], manifest[1], rule)
        before, after = of["synthetic"], of["refined"]
        if set(before.names).isdisjoint(after.names):
            raise ValueError(
                f"No image in {str(refined)!r} has the name of one in {str(synthetic)!r}: they are "
                f"{after.names[:1]} and {before.names[:1]}. Expected refined images under the "
                "names of their synthetic originals, as `keras-simgan refine` writes them."
            )
        return cls(of, manifest)


def _without_copies(
    synthetic: ImageFolder, refined: ImageFolder, lines: list[dict], rule: LabelRule
) -> dict[str, ImageFolder]:
    """Without what the refinement copied as it was, and without what it did not make."""
    made = {line["output"] for line in lines if line["action"] in ("refined", "generated")}
    # Label maps are copied too. A rejected image has scores; a mask is rejected with its image, and
    # has none.
    images = {line["input"] for line in lines if line.get("output") in made or "scores" in line}
    copied = {
        line["input"] for line in lines if line["action"] in ("copied", "rewritten", "rejected")
    } - images

    known = images | made

    def is_label(name: str) -> bool:
        # What was refined is an image whatever its name, unless the user says otherwise.
        return rule.is_label(name) and (rule.is_settled or name not in known)

    before = [name for name in synthetic.names if name not in copied and not is_label(name)]
    after = [name for name in refined.names if name in made and not is_label(name)]
    return {"synthetic": replace(synthetic, names=before), "refined": replace(refined, names=after)}
