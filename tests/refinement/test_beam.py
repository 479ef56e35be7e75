import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_simgan.data import ImageError, write_folder, write_image
from keras_simgan.disk import TEMPORARY_PREFIX
from keras_simgan.networks import Refiner
from keras_simgan.refinement import refine_dataset
from keras_simgan.refinement.manifest import MANIFEST

pytest.importorskip("apache_beam")
from keras_simgan.refinement import beam  # noqa: E402

IN_THIS_PROCESS = ["--runner=DirectRunner", "--direct_running_mode=in_memory"]


@pytest.fixture
def source(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (23, 8, 12, 1)).astype("uint8")
    write_folder(tmp_path / "source", images, {"number": np.arange(23)})
    for i in range(4):
        write_image(tmp_path / f"source/large/{i}.png", np.repeat(images[i], 2, axis=0))
    return tmp_path / "source"


def refiner():
    keras.utils.set_random_seed(1)
    return Refiner((8, 12, 1), filters=4, blocks=1)


def brightness(images):
    return images.mean(axis=(1, 2, 3))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_the_result_is_that_of_one_process(source, tmp_path):
    options = {
        "critic": brightness,
        "keep_fraction": 0.6,
        "batch_size": 4,
        "on_bad_image": "skip",
    }
    (source / "bad.png").write_bytes(b"nonsense")
    with pytest.warns(UserWarning, match="1 images .* 'bad.png'"):
        alone = refine_dataset(refiner(), source, tmp_path / "alone", progress=False, **options)
    with pytest.warns(UserWarning, match="1 images .* 'bad.png'"):
        report = refine_dataset(
            refiner(), source, tmp_path / "beam", beam_options=IN_THIS_PROCESS, **options
        )
    assert (report.refined, report.rejected, report.skipped) == (27, 11, 1)
    assert contents(tmp_path / "beam") == contents(tmp_path / "alone")
    assert report.reasons == alone.reasons
    # What Beam finished, one process knows, and the other way round.
    with pytest.warns(UserWarning, match="1 images"):
        again = refine_dataset(refiner(), source, tmp_path / "beam", progress=False, **options)
    assert (again.refined, again.finished_before) == (0, 28)


def test_bad_images_stop_it_when_all_others_are_done(source, tmp_path):
    (source / "000003.png").write_bytes(b"nonsense")
    with pytest.raises(ImageError, match="000003.png' is damaged"):
        refine_dataset(
            refiner(), source, tmp_path / "out", beam_options=IN_THIS_PROCESS, batch_size=4
        )
    assert not list((tmp_path / "out").glob(f"{TEMPORARY_PREFIX}*"))
    options = {"on_bad_image": "skip", "progress": False}
    with pytest.warns(UserWarning, match="1 images"):
        again = refine_dataset(refiner(), source, tmp_path / "out", **options)
    assert (again.refined, again.finished_before, again.skipped) == (0, 26, 1)


def test_several_worker_processes(source, tmp_path, backend):
    if backend != "jax":
        pytest.skip("slow: each worker imports the backend; JAX is the quickest")
    options = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    command = [sys.executable, "-m", "keras_simgan.refinement.beam", "simgan_eyes_36x60"]
    done = subprocess.run(
        [*command, "source", "beam", "--batch-size=4", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(beam.__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "beam: 27 images refined" in done.stdout
    refine_dataset("simgan_eyes_36x60", source, tmp_path / "alone", batch_size=4, progress=False)
    manifests = [(tmp_path / each / MANIFEST).read_bytes() for each in ("beam", "alone")]
    assert manifests[0] == manifests[1]
    assert contents(tmp_path / "beam") == contents(tmp_path / "alone")
