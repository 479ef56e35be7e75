"""Label maps in, photos out, the maps beside them."""

import contextlib
import hashlib
import json
import sqlite3

import keras
import numpy as np
import pytest
from PIL import Image

from keras_simgan import cli
from keras_simgan.data import ImageError, instance_edges, read_image, write_image
from keras_simgan.disk import TEMPORARY_PREFIX
from keras_simgan.metrics import LabelAgreement
from keras_simgan.models import Pix2Pix
from keras_simgan.networks import PatchDiscriminator, ResNetGenerator, UNetGenerator
from keras_simgan.presets.folder import metadata_of
from keras_simgan.refinement import RefinementError, read_manifest, refine_dataset
from keras_simgan.refinement.label_map_refiner import LabelMapRefiner
from keras_simgan.refinement.manifest import MANIFEST
from keras_simgan.refinement.record import BEGUN, RECORD

CLASSES = 4
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)]
random = np.random.default_rng(0)


def drawn(height=8, width=12, high=CLASSES):
    return random.integers(0, high, (height, width, 1)).astype("uint8")


def network(channels=CLASSES, output=3):
    return UNetGenerator((8, 8, channels), filters=2, depth=2, output_channels=output, dropout=0)


@pytest.fixture
def maps(tmp_path):
    """Maps of two sizes, as palette and as gray, in folders, with notes."""
    found = {"0.png": drawn(), "1.png": drawn(), "a/2.bmp": drawn(8, 8), "a/3.png": drawn(6, 10)}
    for name, indices in found.items():
        write_image(tmp_path / "maps" / name, indices)
    palette = Image.fromarray(found["1.png"][..., 0]).convert("P")
    palette.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 50, 60, 70])
    palette.save(tmp_path / "maps/1.png")
    (tmp_path / "maps/labels.json").write_text('{"made": "by hand"}')
    return found


def refine(folder, model=None, label_maps=None, **options):
    label_maps = {"classes": CLASSES} if label_maps is None else label_maps
    options = {"label_maps": label_maps, "progress": False, **options}
    return refine_dataset(model or network(), folder / "maps", folder / "out", **options)


def expected(model, one_hot):
    """The photo of one map, by Keras alone."""
    model = model.for_image_shape((*one_hot.shape[:2], one_hot.shape[2]))
    return (model.predict(one_hot[None], verbose=0)[0] + 1) * 127.5


def assert_photo(path, model, one_hot):
    photo = read_image(path)
    assert photo.dtype == "uint8"
    np.testing.assert_allclose(photo, expected(model, one_hot), atol=0.51)


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(RECORD)
    )


def test_photos_and_maps_make_a_data_set(maps, tmp_path):
    model, out = network(), tmp_path / "out"
    report = refine(tmp_path, model)
    assert (report.refined, report.copied) == (4, 5)
    assert files(out) == sorted([*files(tmp_path / "maps"), *(f"label_maps/{n}" for n in maps)])
    for name, indices in maps.items():
        assert_photo(out / name, model, np.eye(CLASSES, dtype="float32")[indices[..., 0]])
        copied = (out / "label_maps" / name).read_bytes()
        assert copied == (tmp_path / "maps" / name).read_bytes()
    header, lines = read_manifest(out)
    assert header["label_maps"] == {
        "classes": CLASSES,
        "colours": None,
        "ignore": None,
        "instances": False,
    }
    assert [line["output"] for line in lines] == files(out)
    for line in lines:
        assert line["action"] == ("generated" if line["output"] in maps else "copied")
        for key, folder, name in (
            ("input_sha256", tmp_path / "maps", line["input"]),
            ("sha256", out, line["output"]),
        ):
            assert line[key] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_colours_and_pixels_to_ignore(tmp_path):
    model = network()
    indices = drawn(8, 8, CLASSES + 1)[..., 0]
    one_hot = np.eye(CLASSES + 1, CLASSES, dtype="float32")[indices]
    write_image(tmp_path / "maps/0.png", np.array([*COLOURS, (0, 0, 0)], "uint8")[indices])
    refine(tmp_path, model, {"colours": COLOURS, "ignore": (0, 0, 0)})
    assert_photo(tmp_path / "out/0.png", model, one_hot)
    indices[indices == CLASSES] = 255
    write_image(tmp_path / "maps/0.png", indices[..., None])
    refine(tmp_path, model, {"classes": CLASSES, "ignore": 255}, overwrite=True)
    assert_photo(tmp_path / "out/0.png", model, one_hot)


@pytest.fixture
def things(maps, tmp_path):
    """An instance map for each label map."""
    found = {}
    for name, indices in maps.items():
        found[name] = random.integers(0, 3, indices.shape).astype("uint16") * 1000
        write_image((tmp_path / "things" / name).with_suffix(".png"), found[name])
    return found


WITH_THINGS = {"classes": CLASSES, "instances": True}


def test_instance_maps(maps, things, tmp_path):
    model, options = network(CLASSES + 1), {"instances": tmp_path / "things"}
    refine(tmp_path, model, WITH_THINGS, **options)
    for name, indices in maps.items():
        one_hot = np.eye(CLASSES, dtype="float32")[indices[..., 0]]
        edges = instance_edges(things[name][None])[0]
        assert_photo(tmp_path / "out" / name, model, np.concatenate([one_hot, edges], -1))
    assert refine(tmp_path, model, WITH_THINGS, **options).finished_before == 9
    # A photo is as old as its instance map, whatever the time on it.
    write_image(tmp_path / "things/0.png", things["0.png"])
    assert refine(tmp_path, model, WITH_THINGS, **options).finished_before == 9
    write_image(tmp_path / "things/0.png", things["1.png"])
    report = refine(tmp_path, model, WITH_THINGS, **options)
    assert (report.refined, report.copied, report.finished_before) == (1, 0, 8)


def test_instance_maps_that_do_not_fit(maps, things, tmp_path):
    model, folder = network(CLASSES + 1), tmp_path / "things"
    (folder / "a/2.png").rename(folder / "a/two.png")
    with pytest.raises(ImageError, match=r"a/2.bmp' needs an instance map .*things'; found none"):
        refine(tmp_path, model, WITH_THINGS, instances=folder)
    assert not (tmp_path / "out").exists()
    (folder / "a/two.png").rename(folder / "a/2.png")
    write_image(folder / "0.tif", things["0.png"])
    with pytest.raises(ImageError, match=r"found '0.png' and '0.tif'"):
        refine(tmp_path, model, WITH_THINGS, instances=folder)
    (folder / "0.tif").unlink()
    write_image(folder / "1.png", drawn(8, 13))
    with pytest.raises(ImageError, match=r"1.png' and its instance map .* 8x12 and 8x13"):
        refine(tmp_path, model, WITH_THINGS, instances=folder)
    (folder / "a/3.png").unlink()
    with pytest.warns(UserWarning, match=r"2 images .* skipped: '1.png', 'a/3.png'"):
        report = refine(tmp_path, model, WITH_THINGS, instances=folder, on_bad_image="skip")
    assert report.skipped == 2
    assert "label_maps/1.png" not in files(tmp_path / "out")


@pytest.mark.parametrize(
    ("label_maps", "instances", "message"),
    [
        (WITH_THINGS, None, "trained with the boundaries between instances. Pass the folder"),
        ({"classes": CLASSES + 1}, "things", "trained without instance maps, so `instances`"),
        (WITH_THINGS, "absent", "There is no folder of instance maps '.*absent'"),
        ({"classes": 7}, None, "takes 5 channels, but label maps of 7 classes make 7"),
        ({"classes": 5, "instances": True}, "things", "of 5 classes and the boundar.* make 6"),
        ({"class": 5}, None, "a dictionary with keys among classes, colours, ignore, instances"),
        ({}, None, "`classes` must be a whole number above 0"),
        (WITH_THINGS, ".", "The folder of instance maps .* and the destination .* one folder, or"),
    ],
)
def test_arguments_that_do_not_fit(things, tmp_path, label_maps, instances, message):
    with pytest.raises(ValueError, match=message):
        folder = instances and tmp_path / instances
        refine(tmp_path, network(CLASSES + 1), label_maps, instances=folder)
    assert not (tmp_path / "out").exists()


def test_a_source_that_names_tell_is_wrong(maps, tmp_path):
    write_image(tmp_path / "maps/a/9.jpg", drawn())
    with pytest.raises(ImageError, match=r"a/9.jpg' is a jpg, which changes values"):
        refine(tmp_path)
    (tmp_path / "maps/a/9.jpg").rename(tmp_path / "maps/a/9.tfrecord")
    with pytest.raises(ValueError, match="holds TFRecord files, whose images keep their channels"):
        refine(tmp_path)
    (tmp_path / "maps/a/9.tfrecord").unlink()
    write_image(tmp_path / "maps/label_maps/0.png", drawn())
    with pytest.raises(RefinementError, match="label_maps' has the name of the folder that the"):
        refine(tmp_path)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="`instances` .* goes with label maps, but neither"):
        refine_dataset(network(3), tmp_path / "maps", tmp_path / "out", instances=tmp_path)


def test_maps_that_hold_what_is_no_class(maps, tmp_path):
    model = network()
    write_image(tmp_path / "maps/1.png", drawn() + 1)
    with pytest.raises(ImageError, match=r"1.png' holds the index 4, in \d+ of 96 pixels"):
        refine(tmp_path, model)
    with pytest.warns(UserWarning, match="1 images .* skipped: '1.png'"):
        report = refine(tmp_path, model, on_bad_image="skip")
    assert report.skipped == 1
    # What is left out has no map either, until it is put right.
    assert {"1.png", "label_maps/1.png"}.isdisjoint(files(tmp_path / "out"))
    write_image(tmp_path / "maps/1.png", drawn())
    report = refine(tmp_path, model)
    assert (report.refined, report.copied, report.skipped) == (1, 5, 0)
    assert {"1.png", "label_maps/1.png"} <= set(files(tmp_path / "out"))


def test_a_second_run_does_only_what_is_left(maps, tmp_path):
    model, out = network(), tmp_path / "out"
    refine(tmp_path, model)
    before = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    report = refine(tmp_path, model)
    assert (report.refined, report.copied, report.finished_before) == (0, 0, 9)
    assert {name: (out / name).stat().st_mtime_ns for name in files(out)} == before
    (out / "label_maps/0.png").unlink()
    write_image(tmp_path / "maps/1.png", drawn())
    report = refine(tmp_path, model)
    assert (report.refined, report.copied, report.finished_before) == (1, 2, 6)
    for name in maps:
        assert (out / f"label_maps/{name}").read_bytes() == (tmp_path / "maps" / name).read_bytes()
    (out / "label_maps/0.png").write_bytes(b"mine")
    with pytest.raises(RefinementError, match="1 files in .*: 'label_maps/0.png'.*overwrite"):
        refine(tmp_path, model)
    assert (out / "label_maps/0.png").read_bytes() == b"mine"
    with pytest.raises(RefinementError, match="other settings: label_maps"):
        refine(tmp_path, model, {"classes": CLASSES, "ignore": 255})


class Stops(UNetGenerator):
    """A network that a run does not survive."""

    left = 2

    def predict_on_batch(self, images):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().predict_on_batch(images)


def test_an_interrupted_run_goes_on(tmp_path):
    for i in range(8):
        write_image(tmp_path / f"maps/{i}.png", drawn(8, 8))
    out, model = tmp_path / "out", network()
    stops = Stops.from_config(model.get_config())
    stops.set_weights(model.get_weights())
    with pytest.raises(KeyboardInterrupt):
        refine(tmp_path, stops, batch_size=2)
    half = files(out)
    assert half and not any(name.startswith("label_maps") for name in half)
    # What a kill while a map is copied leaves behind.
    (out / "label_maps").mkdir()
    (out / f"label_maps/{TEMPORARY_PREFIX}0123.png").write_bytes(b"half")
    with contextlib.closing(sqlite3.connect(out / RECORD)) as database, database:
        database.execute("UPDATE files SET state = ? WHERE name = 'label_maps/0.png'", (BEGUN,))
    report = refine(tmp_path, model, batch_size=2)
    assert report.refined + report.finished_before == 8 and report.copied == 8
    assert report.finished_before >= 2
    names = [f"{i}.png" for i in range(8)]
    assert files(out) == sorted([*names, *(f"label_maps/{name}" for name in names)])
    assert [line["output"] for line in read_manifest(out)[1]] == files(out)
    for name in names:
        one_hot = np.eye(CLASSES, dtype="float32")[read_image(tmp_path / "maps" / name)[..., 0]]
        assert_photo(out / name, model, one_hot)


def test_the_best_are_kept_with_their_maps(tmp_path):
    for i in range(4):
        write_image(tmp_path / f"maps/{i}.png", np.full((8, 8, 1), i, "uint8"))
    # A photo as bright as its class, and a reader who always finds class 1.
    model = keras.Sequential([keras.Input((8, 8, CLASSES)), keras.layers.Conv2D(3, 1)])
    kernel = np.linspace(-1, 1, CLASSES)[:, None].repeat(3, 1)
    model.set_weights([kernel[None, None], np.zeros(3)])
    options = {
        "critic": lambda photos: photos.mean(axis=(1, 2, 3)),
        "label_agreement": LabelAgreement(lambda x: np.ones(x.shape[:3], "int32"), "iou"),
    }
    refine(tmp_path, model, keep_fraction=0.5, **options)
    # By realism 3, 2, 1, 0; by agreement 1 before all others.
    kept = ["1.png", "3.png"]
    assert files(tmp_path / "out") == [*kept, *(f"label_maps/{name}" for name in kept)]
    report = refine(tmp_path, model, keep_fraction=1.0, **options)
    assert (report.refined, report.rejected, report.copied) == (2, 0, 4)
    lines = {line["output"]: line for line in read_manifest(tmp_path / "out")[1]}
    assert [lines[f"{i}.png"]["scores"]["label_agreement"] for i in range(4)] == [0, 1, 0, 0]


def test_tiles(tmp_path):
    write_image(tmp_path / "maps/0.png", drawn(24, 40))
    model = ResNetGenerator((None, None, CLASSES), filters=2, blocks=1, output_channels=3)
    refine(tmp_path, model, tile=24)
    one_hot = np.eye(CLASSES, dtype="float32")[read_image(tmp_path / "maps/0.png")[..., 0]]
    photo = read_image(tmp_path / "out/0.png")
    np.testing.assert_allclose(photo, expected(model, one_hot), atol=1)


@pytest.fixture
def preset(tmp_path):
    model = Pix2Pix(network(), PatchDiscriminator((8, 8, CLASSES + 3), filters=2, layers=1))
    described = {"classes": CLASSES, "colours": None, "ignore": None, "instances": False}
    model.save_to_preset(tmp_path / "preset", label_maps=described)
    assert metadata_of(tmp_path / "preset")["label_maps"] == described
    return tmp_path / "preset", model.generator


def test_a_preset_knows_its_label_maps(maps, preset, tmp_path, capsys):
    folder, model = preset
    arguments = ["refine", str(folder), str(tmp_path / "maps"), str(tmp_path / "out")]
    assert cli.main([*arguments, "--instances", str(tmp_path)]) == 2
    assert "without instance maps, so `instances` (--instances)" in capsys.readouterr().err
    assert cli.main(arguments) == 0
    assert "4 images refined, 5 other files copied" in capsys.readouterr().out
    for name, indices in maps.items():
        one_hot = np.eye(CLASSES, dtype="float32")[indices[..., 0]]
        assert_photo(tmp_path / "out" / name, model, one_hot)
    # Maps of the same classes may come in colours.
    write_image(tmp_path / "maps/0.png", np.array(COLOURS, "uint8")[maps["0.png"][..., 0]])
    for name in ("1.png", "a/2.bmp", "a/3.png"):
        (tmp_path / "maps" / name).unlink()
    refine(tmp_path, folder, {"colours": COLOURS}, overwrite=True)
    one_hot = np.eye(CLASSES, dtype="float32")[maps["0.png"][..., 0]]
    assert_photo(tmp_path / "out/0.png", model, one_hot)


def test_a_critic_learns_from_photos_made_of_label_maps(maps, preset, tmp_path, capsys):
    for i in range(6):
        write_image(tmp_path / f"photos/{i}.png", drawn(8, 12, 256).repeat(3, -1))
        write_image(tmp_path / f"maps/b/{i}.png", drawn())
    folder, _ = preset
    arguments = ["refine", str(folder), str(tmp_path / "maps"), str(tmp_path / "out")]
    arguments += ["--critic", str(tmp_path / "photos"), "--keep-fraction", "0.5"]
    assert cli.main(arguments) == 0
    assert "10 images refined" in (told := capsys.readouterr().out)
    assert "5 left out by --keep-fraction" in told


@pytest.mark.parametrize("things_given", [False, True])
def test_beam_gives_the_same(maps, things, tmp_path, things_given):
    pytest.importorskip("apache_beam")
    model = network(CLASSES + things_given)
    label_maps = {"classes": CLASSES, "instances": things_given}
    options = {"instances": tmp_path / "things"} if things_given else {}
    refine(tmp_path, model, label_maps, batch_size=2, **options)
    (tmp_path / "out").rename(tmp_path / "alone")
    workers = ["--runner=DirectRunner", "--direct_running_mode=in_memory"]
    refine(tmp_path, model, label_maps, batch_size=2, beam_options=workers, **options)
    for name in [MANIFEST, *files(tmp_path / "alone")]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_the_refiner_without_a_disk():
    model = network()
    refiner = LabelMapRefiner(model, {"classes": np.int64(CLASSES), "colours": np.array(COLOURS)})
    assert json.loads(json.dumps(refiner.settings))["label_maps"]["colours"][0] == [255, 0, 0]
    with pytest.raises(ValueError, match="9x8 pixels .* takes 8x8 alone"):
        fixed = keras.Sequential([keras.Input((8, 8, CLASSES)), keras.layers.Conv2D(3, 1)])
        LabelMapRefiner(fixed, {"classes": CLASSES}).refine([drawn(9, 8)])
