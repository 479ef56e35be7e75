"""The pipeline of Apache Beam that refines the shards of a data set; `beam` says how to run it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as error:
    raise ImportError(
        "keras_simgan.refinement.beam needs Apache Beam: pip install 'keras-simgan[beam]'."
    ) from error

from keras_simgan.data.files import ImageError
from keras_simgan.disk import temporary_folder
from keras_simgan.refinement.image_refiner import SOURCE_TO_TARGET
from keras_simgan.refinement.load_refiner import load_refiner
from keras_simgan.refinement.record import Outcome
from keras_simgan.refinement.run import RefinementRun
from keras_simgan.refinement.scores import scores_of
from keras_simgan.refinement.shards import ShardRefiner


class RefineShards(beam.PTransform):
    """Refines shards of a data set: a `PCollection` of lists of names to one of JSON lines.

    Each line has the outcomes of a shard, for `RefinementRun.take_in`. A worker loads the model
    once.

    Args:
        model: As for `refine_dataset`.
        source: The folder to read from.
        destination: The folder to write to.
        direction: As for `refine_dataset`.
        tile: As for `refine_dataset`.
        overlap: As for `refine_dataset`.
        critic: As for `refine_dataset`; it must be picklable.
        label_agreement: As for `refine_dataset`; it must be picklable.
        label_maps: As for `refine_dataset`.
        instances: As for `refine_dataset`.
    """

    def __init__(
        self,
        model: keras.Model | str | Path,
        source: str | Path,
        destination: str | Path,
        direction: str = SOURCE_TO_TARGET,
        tile: int | tuple[int, int] | None = None,
        overlap: int | None = None,
        critic: Callable | None = None,
        label_agreement: Callable | None = None,
        label_maps: dict[str, Any] | None = None,
        instances: str | Path | None = None,
    ):
        super().__init__()
        # Workers may have another working directory.
        if isinstance(model, str | Path) and Path(model).is_dir():
            model = Path(model).absolute()
        instances = None if instances is None else Path(instances).absolute()
        self._worker = _Worker(
            (model, direction, tile, overlap, label_maps, instances),
            (Path(source).absolute(), Path(destination).absolute()),
            (critic, label_agreement),
        )

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Applies the transform.

        Args:
            shards: Lists of names, relative to the source.
        """
        return shards | beam.ParDo(self._worker)


class _Worker(beam.DoFn):
    def __init__(self, refiner: tuple, folders: tuple[Path, Path], scores: tuple):
        self._arguments, self._folders, self._scores = refiner, folders, scores

    def setup(self) -> None:
        refiner = load_refiner(*self._arguments)
        self._refiner = ShardRefiner(refiner, *self._folders, scores_of(*self._scores))

    def process(self, names: list[str]) -> Iterator[str]:
        for outcomes, failed in self._refiner.refine([names]):
            yield json.dumps(
                {
                    "outcomes": [vars(outcome) for outcome in outcomes],
                    "failed": [(name, str(error)) for name, error in failed],
                }
            )


def refine_images(run: RefinementRun, shards: RefineShards, options: Sequence[str]) -> None:
    """Refines what is left to do of a run in a pipeline, and takes in the outcomes.

    Args:
        run: The run.
        shards: The transform.
        options: Of the pipeline.
    """
    with temporary_folder(run.destination.absolute()) as work:
        with (work / "shards.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(names) + "\n" for names in run.begin_shards())
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            _ = (
                pipeline
                | beam.io.ReadFromText(str(work / "shards.jsonl"))
                | beam.Map(json.loads)
                # The lines are few and short: without it one worker might get them all.
                | beam.Reshuffle()
                | shards
                | beam.io.WriteToText(str(work / "outcomes"))
            )
        first_error = None
        for path in sorted(work.glob("outcomes*")):
            with path.open(encoding="utf-8") as file:
                for shard in map(json.loads, file):
                    failed = [(name, ImageError(reason)) for name, reason in shard["failed"]]
                    try:
                        run.take_in([Outcome(**outcome) for outcome in shard["outcomes"]], failed)
                    except ImageError as error:  # what other shards gave is not to be done again
                        first_error = first_error or error
    if first_error is not None:
        raise first_error
