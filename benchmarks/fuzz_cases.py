"""What `fuzz.py` tries: files of each kind that users give, broken in ways that a seed decides."""

import hashlib
import json
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from fuzz_material import NAMES, SIZE, Identity, material_of
from fuzz_mutations import mutated
from PIL import Image

from keras_simgan import data, models, refinement
from keras_simgan.runs import RunError

OWN = (data.ImageError, data.LabelError, refinement.RefinementError, RunError)


class Fallen(Exception):
    """What must not be: the message says what."""


class Cases:
    """All cases of a seed.

    Args:
        seed: Of material and mutations.
        corpus: A zip file or folder of further images, or None.
    """

    def __init__(self, seed: int, corpus: str | None = None):
        self.seed, self.refiner = seed, Identity()
        self.material = material_of(seed, corpus)
        self.kinds = sorted(self.material)

    def kind(self, number: int) -> str:
        """The name of the file that a case breaks."""
        return self.kinds[number % len(self.kinds)]

    def content(self, number: int) -> bytes:
        """The broken file of a case."""
        draw = np.random.default_rng([self.seed, number])
        kind = self.kind(number)
        material = self.material[kind]
        content = material[draw.integers(len(material))]
        return mutated(content, material[draw.integers(len(material))], draw)

    def run(self, number: int, folder: Path) -> str:
        """Runs a case in an empty folder.

        Returns:
            `"read"` or `"refused"`.

        Raises:
            Fallen: If something else came of it.
        """
        kind, content = self.kind(number), self.content(number)
        source = folder / "source"
        for index, name in enumerate(NAMES):
            data.write_image(source / name, np.full((*SIZE, 1), index, "uint8"))
        attempt: Callable[[], object]
        if kind.startswith("image"):
            path = source / kind
            attempt = lambda: self._refine(source, folder / "out", kind)  # noqa: E731
        elif kind.startswith("labels"):
            path = source / kind
            attempt = lambda: data.read_labels(source, NAMES)  # noqa: E731
        elif kind.startswith("preset/"):
            path = folder / kind
            path.parent.mkdir()
            for name in self.kinds:
                if name.startswith("preset/"):
                    (folder / name).write_bytes(self.material[name][0])
            attempt = lambda: models.SimGAN.from_preset(folder / "preset")  # noqa: E731
        elif kind == "arrays.npz":
            path = folder / kind
            attempt = lambda: data.unpaired(path, path, batch_size=1)  # noqa: E731
        elif kind == "manifest.jsonl":
            path = folder / kind
            attempt = lambda: refinement.read_manifest(path)  # noqa: E731
        elif kind == ".keras_simgan.sqlite":
            path = folder / "out" / kind
            path.parent.mkdir()
            attempt = lambda: self._refine(source, folder / "out")  # noqa: E731
        else:  # an annotation, whose image 3 is left out
            path = source / kind
            (source / "3.png").write_bytes(b"damaged")
            attempt = lambda: self._refine(source, folder / "out")  # noqa: E731
        path.write_bytes(content)
        if kind.startswith("preset/") and number % 2:
            _seal(folder / "preset")
        before = _hashes(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = _outcome(attempt, path)
        if _hashes(source) != before:
            raise Fallen("the source was changed")
        return outcome

    def _refine(self, source: Path, out: Path, name: str | None = None) -> str:
        """Refines a folder; of one image in it tells whether it was refined, soundly."""
        report = refinement.refine_dataset(
            self.refiner, source, out, on_bad_image="skip", progress=False
        )
        if name is None:
            return "read"
        # What `refine` skips `read_image` may read, but not the other way round.
        if name in dict(report.reasons):
            if name not in dict(report.reasons)[name]:
                raise Fallen(f"the reason does not name the file: {dict(report.reasons)[name]}")
            return "refused"
        image, again = data.read_image(source / name), data.read_image(out / name)
        if image.shape != again.shape or image.dtype != again.dtype:
            raise Fallen(f"{image.dtype} {image.shape} became {again.dtype} {again.shape}")
        if not name.endswith((".jpg", ".jpeg", ".webp", ".avif")):
            # Luminance of colour goes through floats.
            most = np.abs(image.astype(int) - again).max() * 255 / np.iinfo(image.dtype).max
            if most > 1:
                raise Fallen(f"a pixel changed by {most:.1f} of 255 levels")
        _second_reader(out / name)
        return "read"


def _outcome(attempt: Callable[[], object], path: Path) -> str:
    try:
        found = attempt()
    except Fallen:
        raise
    except Exception as error:  # what kind it is, is what is asked
        frames = traceback.extract_tb(error.__traceback__)
        own = isinstance(error, OWN) or (
            type(error) in (ValueError, FileNotFoundError, TypeError)
            and "keras_simgan" in frames[-1].filename
        )
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        if not own:
            raise Fallen(f"{type(error).__name__} in {where}: {str(error)[:200]}") from error
        if path.name not in str(error) and path.parent.name not in str(error):
            raise Fallen(f"{where} does not name the file: {str(error)[:200]}") from error
        return "refused"
    return found if isinstance(found, str) else "read"


def _second_reader(path: Path) -> None:
    try:
        if path.suffix in (".tif", ".tiff"):
            tifffile.imread(path)
        else:
            with Image.open(path) as image:
                image.load()
    except Exception as error:
        raise Fallen(f"a second reader cannot read the output: {error}") from error


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _seal(preset: Path) -> None:
    """Gives changed weights their checksum, so that they are looked into."""
    path = preset / "metadata.json"
    try:
        metadata = json.loads(path.read_text())
        for name in metadata["sha256"]:
            metadata["sha256"][name] = hashlib.sha256((preset / name).read_bytes()).hexdigest()
        path.write_text(json.dumps(metadata))
    except (ValueError, TypeError, KeyError, OSError, RecursionError):
        pass  # it is what was broken
