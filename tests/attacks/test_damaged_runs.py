"""Folders of runs, and what else the commands read beside images, damaged: one line says where."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from keras_simgan import cli, metrics
from keras_simgan.data import write_image
from keras_simgan.reporting import evaluation_page
from keras_simgan.runs.folder import RunError, RunFolder
from keras_simgan.runs.options import SimGANOptions, values_of

OPTIONS = SimGANOptions(source="renders", target="photos", image_size=(8, 8))
JUNK = [None, 0, -1.5, "", "\x1b[31m", [], [1, 2, 3], {}, {"a": {}}, True]


def one_line(capsys, status):
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("keras-simgan: error: ") and error.count("\n") == 1
    assert "\x1b" not in error
    return error


# run.json


@pytest.fixture
def run(tmp_path):
    def write(content):
        (tmp_path / "run.json").write_bytes(content)
        with pytest.raises(RunError, match="run.json' is damaged") as caught:
            RunFolder(tmp_path, "simgan", OPTIONS)
        return str(caught.value)

    return write


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10**5, b'{"a":' * 10**5]
)
def test_what_is_no_object_is_refused(run, content):
    run(content)


@pytest.mark.parametrize("field", ["model", "options"])
def test_fields_that_are_missing_or_of_another_kind_are_named(run, field):
    whole = {"model": "simgan", "options": values_of(OPTIONS)}
    for junk in JUNK:
        if field == "options" and isinstance(junk, dict):
            assert "source" in run(json.dumps({**whole, field: junk}).encode())
        else:
            assert f"`{field}` must be" in run(json.dumps({**whole, field: junk}).encode())
    del whole[field]
    assert f"`{field}` must be" in run(json.dumps(whole).encode())


def test_options_of_another_kind_are_named(run):
    values = values_of(OPTIONS)
    for name in values:
        for junk in [{"a": {}}, [[1]]]:
            content = {"model": "simgan", "options": {**values, name: junk}}
            assert f"--{name.replace('_', '-')} is" in run(json.dumps(content).encode())


def test_a_pipe_is_no_run(tmp_path):
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(RunError, match="has files, but no run.json"):
        RunFolder(tmp_path, "simgan", OPTIONS)


# log.csv


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"epoch,a\n0," + b"9" * 200_000,
        b'epoch,a\n0,"1',
        b"epoch,a\n0,1,2,3,4\n",
        b"epoch\n",
        b"\n\n",
        b"epoch,\x00\n0,\x00\n",
        b"a,a\n1\n",
    ],
)
def test_a_damaged_log_is_shown_or_named(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    try:
        evaluation_page.losses(tmp_path)
    except ValueError as error:
        assert "log.csv'" in str(error)


# reference.npz


def archive(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, member in members.items():
            file.writestr(f"{name}.npy", member)
    return content.getvalue()


def npy(array, shape=None):
    content = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + array.tobytes()


SOUND = {
    "format": npy(np.array(1)),
    "features": npy(np.zeros((2, 3), "float16")),
    "mean": npy(np.zeros(3)),
    "covariance": npy(np.zeros((3, 3))),
    "count": npy(np.array(2)),
    "extractor": npy(np.array("small")),
    "checksum": npy(np.array("a")),
}


def references():
    whole = archive(**SOUND)
    yield from (
        b"",
        b"PK",
        whole[:-30],
        whole[:200] + b"?" * 20 + whole[220:],
        b"\x93NUMPY\x01\x00",
    )
    yield npy(np.zeros(3))
    yield archive(**{**SOUND, "features": npy(np.zeros(3, "float16"), (2**33,))})
    yield archive(**{**SOUND, "features": npy(np.zeros(2**16, "float16"))})
    yield archive(**{**SOUND, "features": b"no array"})
    for name in SOUND:
        yield archive(**{key: member for key, member in SOUND.items() if key != name})
        yield archive(**{**SOUND, name: npy(np.array([["x"]]))})
        yield archive(**{**SOUND, name: npy(np.full((2, 3), np.nan))})


def test_damaged_references_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_simgan.metrics.reference._LARGEST", 2**16)
    path = tmp_path / "reference.npz"
    path.write_bytes(archive(**SOUND))
    assert metrics.ReferenceStatistics.load(path).count == 2
    for content in references():
        path.write_bytes(content)
        try:
            found = metrics.ReferenceStatistics.load(path)
        except ValueError as error:
            assert "reference.npz'" in str(error)
        else:  # a name or a checksum may be any text
            assert found.count == 2 and len(found.features) == 2


def test_commands_say_it_in_one_line(tmp_path, capsys):
    run, images = tmp_path / "run", tmp_path / "renders"
    (run / "preset").mkdir(parents=True)
    write_image(images / "0.png", np.zeros((8, 8, 1), "uint8"))
    for name in ("run.json", "preset/metadata.json", "preset/config.json"):
        (run / name).write_text("[")
    for command, file in {
        f"train simgan --source {images} --target {images} --out {run}": "run.json",
        f"refine {run} {images} {tmp_path}/out": "metadata.json",
        f"evaluate --synthetic {images} --refined {images} --reference {run}": "reference.npz",
        f"train pix2pixhd --source {images} --target {images} --out {tmp_path}/new --classes 3 "
        f"--start-from {run}": "",
    }.items():
        assert file in one_line(capsys, cli.main(command.split()))
