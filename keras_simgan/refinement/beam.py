"""Refining a data set on many machines, with Apache Beam.

`pip install keras-simgan[beam]`, then `refine_dataset(..., beam_options=[...])`. The result is the
same as without, the manifest byte for byte: images are divided into the same shards, and what a
shard gives depends on its images only. All workers must see source and destination under the same
path, a network disk or a bucket that is mounted, and run Keras on the same backend. Only images in
files of their own go through Beam: this process lists the source, keeps the record, refines
TFRecord files, and copies labels. It takes in what the workers did when the pipeline has ended: a
run that is killed before refines its images again.

On this machine, with four processes:

    python -m keras_simgan.refinement.beam simgan_eyes_36x60 renders/ refined/ \
        --runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers=4

On a cluster, with keras_simgan installed where the workers run (a container made from your
`pip install`, named by `--environment_config` or `--sdk_container_image`):

    python -m keras_simgan.refinement.beam simgan_eyes_36x60 /mnt/renders /mnt/refined \
        --runner=FlinkRunner --flink_master=HOST:8081 \
        --environment_type=DOCKER --environment_config=IMAGE
    python -m keras_simgan.refinement.beam simgan_eyes_36x60 /mnt/renders /mnt/refined \
        --runner=SparkRunner --spark_master_url=spark://HOST:7077 \
        --environment_type=DOCKER --environment_config=IMAGE
    python -m keras_simgan.refinement.beam simgan_eyes_36x60 /mnt/renders /mnt/refined \
        --runner=DataflowRunner --project=PROJECT --region=REGION \
        --temp_location=gs://BUCKET/temp --sdk_container_image=IMAGE
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from keras_simgan.presets.run_preset import preset_of
from keras_simgan.printable import printable
from keras_simgan.refinement.beam_pipeline import RefineShards
from keras_simgan.refinement.dataset import refine_dataset
from keras_simgan.refinement.image_refiner import SOURCE_TO_TARGET

__all__ = ["RefineShards", "main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Refines a data set; options that are not its own go to Beam.

    Args:
        argv: The arguments; those of the process when `None`.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "model", metavar="PRESET_OR_RUN", help="a preset's name or folder, or --out"
    )
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("destination", metavar="DST")
    parser.add_argument("--direction", default=SOURCE_TO_TARGET)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--on-bad-image", choices=("error", "skip"), default="error")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--overlap", type=int)
    parser.add_argument("--instances")
    parser.add_argument("--overwrite", action="store_true")
    options, beam_options = parser.parse_known_args(argv)
    options.model = preset_of(options.model)
    report = refine_dataset(**vars(options), beam_options=beam_options)
    done = f"{options.destination}: {report.refined} images refined; see {report.manifest}."
    print(printable(done))


if __name__ == "__main__":
    main()
