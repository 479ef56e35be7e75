"""Presets of strangers: nothing outside of their folder is read, nothing huge is believed.

Each attack ends in a `ValueError` that names the file, at once: without waiting at a pipe, and
without taking the memory that a file claims to need.
"""

import json
import os
import resource
import time

import h5py
import keras
import numpy as np
import pytest

from keras_simgan import cli, layers, models, networks, presets
from keras_simgan.data import write_image
from keras_simgan.disk import copy_regular

WEIGHTS = "model.weights.h5"
KERNEL = "layers/conv2d/vars/0"
HUGE = (2**33,)  # 32 GiB of float32


@pytest.fixture
def preset(tmp_path):
    network = networks.Refiner((8, 12, 1), filters=2, blocks=1)
    presets.save(network, tmp_path / "preset")
    return tmp_path / "preset"


@pytest.fixture
def simgan(small_simgan, tmp_path):
    small_simgan().save_to_preset(tmp_path / "simgan")
    return tmp_path / "simgan"


@pytest.fixture(autouse=True)
def cheap():
    """An attack costs neither time nor memory."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 2**10  # KiB
    assert time.monotonic() - start < 30


def rewrite(path, **fields):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **fields}))


def seal(preset):
    """Makes the checksums right, as a stranger would."""
    metadata = json.loads((preset / "metadata.json").read_text())
    sums = {file: copy_regular(preset / file) for file in metadata["sha256"]}
    rewrite(preset / "metadata.json", sha256=sums)


def refused(preset, match, file=WEIGHTS):
    with pytest.raises(ValueError, match=match) as caught:
        presets.load(preset)
    assert file in str(caught.value)
    return str(caught.value)


# Files of weights


def replace(make):
    """An attack that puts something in the place of a kernel."""

    def attack(file, secret):
        shape = file[KERNEL].shape
        del file[KERNEL]
        make(file, shape, secret)

    return attack


def external(file, shape, secret):
    file.create_dataset(KERNEL, shape, "float32", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(file, shape, secret):
    layout = h5py.VirtualLayout(shape, "float32")
    layout[...] = h5py.VirtualSource(str(secret), "data", shape)
    file.create_virtual_dataset(KERNEL, layout)


def external_link(file, shape, secret):
    file[KERNEL] = h5py.ExternalLink(str(secret), "/data")


def soft_link(file, shape, secret):
    file[KERNEL] = h5py.SoftLink("/layers/conv2d_1/vars/0")


def linked_group(file, secret):
    del file["layers/conv2d"]
    file["layers/conv2d"] = h5py.ExternalLink(str(secret), "/")


def cyclic(file, secret):
    file["layers/conv2d/again"] = file["layers"]


def twice(file, secret):
    file["layers/again"] = file[KERNEL]


def never_written(file, shape, secret):
    file.create_dataset(KERNEL, HUGE, "float32")


def compressed(file, shape, secret):
    file.create_dataset(KERNEL, HUGE, "float32", chunks=(2**20,), compression="gzip", fillvalue=1)


def large_chunk(file, shape, secret):
    kind = {"maxshape": (None,) * 4, "chunks": (3, 3, 2**10, 2**8), "compression": "gzip"}
    file.create_dataset(KERNEL, data=np.ones(shape, "float32"), **kind)


def text(file, shape, secret):
    file.create_dataset(KERNEL, data=np.full(shape, "x", object), dtype=h5py.string_dtype())


def compound(file, shape, secret):
    file.create_dataset(KERNEL, data=np.zeros(shape, [("a", "f4"), ("b", "f4")]))


def named_type(file, shape, secret):
    file[KERNEL] = np.dtype("float32")


def nothing(file, shape, secret):
    file[KERNEL] = h5py.Empty("float32")


def missing(file, shape, secret):
    pass


def other_shape(file, shape, secret):
    file[KERNEL] = np.zeros(shape[::-1] + (1,), "float32")


def one_more(file, secret):
    file["layers/conv2d_2/vars/0"] = np.zeros(3, "float32")


def deep(file, secret):
    for _ in range(3000):
        file = file.create_group("a")


IN_PLACE = {
    "is kept in other files": [external, virtual],
    "leads elsewhere": [external_link, soft_link],
    r"declares 34,359,738,368 bytes, and has": [never_written],
    "is kept in chunks": [compressed, large_chunk],
    "and not of numbers": [text, compound],
    "neither a group nor an array": [named_type, nothing],
    "weights are not in it": [missing, other_shape],
}
BESIDE = {
    "leads elsewhere": [linked_group],
    "under another name": [cyclic, twice],
    "weights are not of it": [one_more],
}
ATTACKS = [
    *((replace(make), match, make.__name__) for match, made in IN_PLACE.items() for make in made),
    *((attack, match, attack.__name__) for match, made in BESIDE.items() for attack in made),
]


@pytest.mark.parametrize(
    ("attack", "match"), [each[:2] for each in ATTACKS], ids=[each[2] for each in ATTACKS]
)
def test_what_is_not_of_the_file_is_refused(preset, tmp_path, attack, match):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["data"] = np.full((3, 3, 1, 2), 7, "float32")
    with h5py.File(preset / WEIGHTS, "r+") as file:
        attack(file, secret)
    seal(preset)
    refused(preset, match)
    # Nor is the other file opened: a pipe would never end.
    secret.unlink()
    os.mkfifo(secret)
    refused(preset, match)


def test_depth_alone_does_no_harm(preset):
    with h5py.File(preset / WEIGHTS, "r+") as file:
        deep(file, None)
    seal(preset)
    try:
        presets.load(preset)
    except ValueError as error:
        assert WEIGHTS in str(error)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(preset, part):
    content = (preset / WEIGHTS).read_bytes()
    (preset / WEIGHTS).write_bytes(content[: int(part * len(content))])
    seal(preset)
    refused(preset, "is empty" if part == 0 else "is damaged|declares|does not fit")


def test_changed_bytes_are_refused_or_are_numbers(preset):
    content, random = (preset / WEIGHTS).read_bytes(), np.random.default_rng(0)
    for _ in range(20):
        changed = bytearray(content)
        for place in random.integers(0, len(content), 20):
            changed[place] = random.integers(256)
        (preset / WEIGHTS).write_bytes(changed)
        seal(preset)
        try:
            presets.load(preset)
        except ValueError as error:
            assert WEIGHTS in str(error)


def fifo(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def endless(path):
    path.symlink_to("/proc/self/pagemap")  # a regular file of no size


def folder(path):
    path.mkdir()


def dangling(path):
    path.symlink_to(path.with_name("nowhere"))


def circular(path):
    path.symlink_to(path)


def empty(path):
    path.touch()


def vast(path):
    with path.open("wb") as file:
        file.truncate(2**40)


KINDS = {
    "no regular file": [fifo, device, folder],
    "is missing": [dangling, circular],
    "is empty": [empty, endless],
    "bytes; expected": [vast],
}


@pytest.mark.parametrize("name", [WEIGHTS, "metadata.json"])
@pytest.mark.parametrize(
    ("make", "match"), [(make, match) for match, made in KINDS.items() for make in made]
)
def test_special_files_are_refused_before_they_are_opened(preset, make, match, name):
    (preset / name).unlink()
    make(preset / name)
    if make is vast:
        assert cli.main(["refine", str(preset), "nowhere", "nowhere"]) == 2
    refused(preset, match, name)


def test_links_to_regular_files_are_how_hugging_face_keeps_presets(preset, tmp_path):
    linked = tmp_path / "snapshots"
    linked.mkdir()
    for path in preset.iterdir():
        (linked / path.name).symlink_to(path)
    assert presets.load(linked).count_params() == presets.load(preset).count_params()


# JSON


def test_names_in_metadata_lead_nowhere_else(preset, tmp_path):
    (preset / WEIGHTS).rename(tmp_path / WEIGHTS)
    for name in (f"../{WEIGHTS}", str(tmp_path / WEIGHTS), "", "..", None, 3, ["a"]):
        rewrite(preset / "metadata.json", networks={"network": name})
        refused(preset, "`networks` must be an object of files beside it", "metadata.json")


JUNK = [None, 0, -1, 1e300, "", "\x1b[31m", [], {}, [None], {"a": {}}, True, [[[]]]]


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("config.json", "class_name"),
        ("config.json", "registered_name"),
        ("config.json", "config"),
        ("metadata.json", "sha256"),
        ("metadata.json", "networks"),
        ("metadata.json", "image_shape"),
        ("metadata.json", "label_maps"),
    ],
)
def test_fields_of_other_kinds_are_named(simgan, tmp_path, capsys, file, field):
    write_image(tmp_path / "renders/0.png", np.zeros((12, 16, 1), "uint8"))
    content = json.loads((simgan / file).read_text())
    for number, junk in enumerate(["missing", *JUNK]):
        changed = {**content, field: junk}
        if junk == "missing":
            del changed[field]
        (simgan / file).write_text(json.dumps(changed))
        out = tmp_path / f"out{number}"
        status = cli.main(["refine", str(simgan), str(tmp_path / "renders"), str(out)])
        if status == 0:  # what may be left out, or is not needed to refine
            assert field in ("image_shape", "label_maps", "networks")
            continue
        error = capsys.readouterr().err
        assert status == 2 and error.count("\n") == 1 and "\x1b" not in error
        assert file in error and field in error


@pytest.mark.parametrize("file", ["config.json", "metadata.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[" * 10**5, b'{"a":' * 10**5],
)
def test_what_is_no_json_object_is_refused(preset, file, content):
    (preset / file).write_bytes(content)
    refused(preset, "is empty|is damaged|must hold a JSON object", file)


def test_huge_json_is_refused_before_it_is_read(preset):
    with (preset / "config.json").open("ab") as file:
        file.truncate(2**40)
    refused(preset, "bytes; expected 16,777,216 at most", "config.json")


@pytest.mark.parametrize(
    ("argument", "value", "match"),
    [
        ("filters", 10**9, "weights, which files of"),
        ("filters", 10**4, "weights, which files of"),
        ("blocks", 10**9, "asks for 1,000,000,000 of `blocks`"),
        ("blocks", [1] * 2000, "asks for 2,000 of `blocks`"),
        ("block_kernel", 10**6, "weights, which files of"),
        ("filters", -1, "cannot be built"),
        ("filters", "64", "cannot be built"),
        ("image_shape", [8, 12], "cannot be built"),
        ("image_shape", None, "cannot be built"),
        ("unknown", 1, "cannot be built"),
        ("dtype", "nothing", "cannot be built"),
    ],
)
def test_networks_that_cannot_be_meant_are_refused(preset, argument, value, match):
    config = json.loads((preset / "config.json").read_text())
    rewrite(preset / "config.json", config={**config["config"], argument: value})
    refused(preset, match, "config.json")


def test_a_nested_configuration_is_refused(preset):
    nested = []
    for _ in range(900):
        nested = [nested]
    rewrite(preset / "config.json", config={"image_shape": nested})
    refused(preset, "cannot be built|is damaged", "config.json")


def test_more_memory_than_there_is_is_refused(simgan):
    config = json.loads((simgan / "config.json").read_text())
    rewrite(simgan / "config.json", config={**config["config"], "history_size": 10**12})
    with pytest.raises(ValueError, match=r"config.json'.* GiB; this machine has"):
        models.SimGAN.from_preset(simgan, load_weights=False)
    # Refining needs no history.
    assert presets.load(simgan, direction="source_to_target").count_params()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("keras.utils", "get_file"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "Lambda"),
        ("keras.src.saving.saving_lib", "load_model"),
        ("keras_simgan.presets.folder", "load"),
    ],
)
def test_nothing_but_layers_is_built(simgan, tmp_path, module, name):
    lambda_ = {"class_name": "__lambda__", "config": {"value": ["", None, None]}}
    arguments = {"function": lambda_, "filepath": str(tmp_path), "module": "", "command": "true"}
    layer = {"module": module, "class_name": name, "registered_name": name, "config": arguments}
    config = json.loads((simgan / "config.json").read_text())["config"]
    config["refiner"] = {
        "class_name": "Sequential",
        "module": "keras",
        "registered_name": None,
        "config": {"layers": [layer]},
    }
    rewrite(simgan / "config.json", config=config)
    refused(simgan, "cannot be built", "config.json")


def test_what_is_no_preset_is_named(preset):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    config = keras.saving.serialize_keras_object(model)
    rewrite(preset / "config.json", **{**config, "registered_name": "Sequential"})
    refused(preset, "no class of the `registered_name` 'Sequential'", "config.json")
    layer = keras.saving.serialize_keras_object(layers.AverageHalving())
    rewrite(preset / "config.json", **layer)
    refused(preset, "a AverageHalving; expected a model that `save_to_preset`", "config.json")
