"""The folders of an evaluation, and which of their files are images to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from keras_simgan.data.files import list_images
from keras_simgan.refinement.annotations import is_label_image
from keras_simgan.refinement.manifest import MANIFEST, read_manifest


@dataclass(frozen=True)
class ImageFolder:
    """A folder and the images in it.

    Attributes:
        path: The folder.
        names: Its images, relative to it, without those that are labels of others.
    """

    path: Path
    names: list[str]

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
    ) -> ImageFolders:
        """Lists the images of each folder.

        Masks and other images that are labels are left out, as the manifest knows them or by their
        folder.

        Args:
            synthetic: Folder of the synthetic images.
            refined: Folder of the refined images.
            real: Folder of the real images.
            test: Folder of other real images, to test on.

        Raises:
            ImageError: If a folder is missing or has no images.
            ValueError: If no refined image has the name of a synthetic one.
        """
        manifest = read_manifest(refined) if (Path(refined) / MANIFEST).is_file() else None
        given = {"synthetic": synthetic, "refined": refined, "real": real, "test": test}
        paths = {kind: Path(path) for kind, path in given.items() if path is not None}
        of = {kind: _without_masks(ImageFolder(p, list_images(p))) for kind, p in paths.items()}
        if manifest is not None:
            of |= _without_copies(of["synthetic"], of["refined"], manifest[1])
        before, after = of["synthetic"], of["refined"]
        if set(before.names).isdisjoint(after.names):
            raise ValueError(
                f"No image in {str(refined)!r} has the name of one in {str(synthetic)!r}: they are "
                f"{after.names[:1]} and {before.names[:1]}. Expected refined images under the "
                "names of their synthetic originals, as `keras-simgan refine` writes them."
            )
        return cls(of, manifest)


def _without_masks(folder: ImageFolder) -> ImageFolder:
    images = [name for name in folder.names if not is_label_image(name)]
    # Where all of them look like labels by their folder's name, they are what is meant.
    return replace(folder, names=images or folder.names)


def _without_copies(
    synthetic: ImageFolder, refined: ImageFolder, lines: list[dict]
) -> dict[str, ImageFolder]:
    """Without what the refinement copied as it was, and without what it did not make."""
    made = {line["output"] for line in lines if line["action"] in ("refined", "generated")}
    # Label maps are copied too. A rejected image has scores; a mask is rejected with its image, and
    # has none.
    images = {line["input"] for line in lines if line.get("output") in made or "scores" in line}
    copied = {
        line["input"] for line in lines if line["action"] in ("copied", "rewritten", "rejected")
    } - images
    return {
        "synthetic": replace(synthetic, names=[n for n in synthetic.names if n not in copied]),
        "refined": replace(refined, names=[n for n in refined.names if n in made]),
    }
