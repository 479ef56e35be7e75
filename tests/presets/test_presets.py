import hashlib
import json
import re
import sys
import types
import warnings

import h5py
import keras
import numpy as np
import pytest

from keras_simgan import models, networks, presets
from keras_simgan.losses import LabelConsistency, SelfRegularization

DISCRIMINATOR = "discriminator.weights.h5"
FILES = {"config.json", "metadata.json", "model.weights.h5", DISCRIMINATOR}


@pytest.fixture
def model(small_simgan):
    return small_simgan(history_size=2)


@pytest.fixture
def folder(model, tmp_path):
    path = tmp_path / "preset"
    model.save_to_preset(path, license="Apache-2.0", scores={"degrees": 7.5})
    return path


def weights(model):
    return [*model.refiner.get_weights(), *model.discriminator.get_weights()]


DTYPES = ("float16", "float32")


def arrays(path):
    """The types of the arrays in a file."""
    types = set()
    with h5py.File(path) as file:
        file.visititems(lambda _, item: types.add(getattr(item, "dtype", None)))
    return types - {None}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Round trip


def test_round_trip_is_exact(model, folder, images):
    assert {path.name for path in folder.iterdir()} == FILES
    for path in (folder, str(folder)):
        loaded = models.SimGAN.from_preset(path)
        assert type(loaded) is models.SimGAN and not loaded.compiled
        assert loaded.get_config() == model.get_config()
        for one, other in zip(weights(model), weights(loaded), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        model.predict(images[0], verbose=0), loaded.predict(images[0], verbose=0)
    )


def test_metadata_says_what_the_preset_is(model, folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["class"] == "SimGAN"
    assert metadata["image_shape"] == [12, 16, 1]
    assert metadata["parameters"] == model.refiner.count_params()
    assert metadata["license"] == "Apache-2.0" and metadata["scores"] == {"degrees": 7.5}
    assert metadata["versions"]["keras"] == keras.__version__
    assert metadata["sha256"].keys() == {"model.weights.h5", DISCRIMINATOR}


def test_each_file_is_what_keras_writes_and_reads(model, folder, small_simgan, tmp_path):
    metadata = json.loads((folder / "metadata.json").read_text())
    files = {"refiner": "model.weights.h5", "discriminator": DISCRIMINATOR}
    assert metadata["networks"] == files
    other = small_simgan(weights_seed=8)
    for name, file in files.items():
        network = getattr(other, name)
        network.load_weights(folder / file)
        for one, saved in zip(
            network.get_weights(), getattr(model, name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, saved)
        getattr(model, name).save_weights(tmp_path / "again.weights.h5")
        assert (tmp_path / "again.weights.h5").read_bytes() == (folder / file).read_bytes()


def test_float16_halves_the_file_and_stays_within_a_hundredth(model, tmp_path, images):
    for dtype in DTYPES:
        model.save_to_preset(tmp_path / dtype, dtype=dtype)
    loaded = models.SimGAN.from_preset(tmp_path / "float16")
    assert {variable.dtype for variable in loaded.refiner.weights} == {"float32"}
    difference = loaded.predict(images[0], verbose=0) - model.predict(images[0], verbose=0)
    assert 0.0 < np.abs(difference).max() < 1e-2
    assert arrays(tmp_path / "float16" / "model.weights.h5") == {np.dtype("float16")}
    sizes = [(tmp_path / dtype / "model.weights.h5").stat().st_size for dtype in DTYPES]
    assert sizes[0] < sizes[1]
    # Keras reads it too.
    loaded.refiner.set_weights([weight * 0 for weight in loaded.refiner.get_weights()])
    loaded.refiner.load_weights(tmp_path / "float16" / "model.weights.h5")
    for one, other in zip(loaded.refiner.get_weights(), model.refiner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other.astype("float16").astype("float32"))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_weights_that_diverged_replace_none(value, model, folder):
    before = contents(folder)
    weights = model.refiner.get_weights()
    model.refiner.set_weights([np.full_like(each, value) for each in weights])
    with pytest.raises(ValueError, match=r"holds .* in `.*`: the training has diverged"):
        model.save_to_preset(folder, overwrite=True)
    assert contents(folder) == before


def test_without_training_weights(model, tmp_path):
    model.save_to_preset(tmp_path / "small", training=False)
    assert {path.name for path in (tmp_path / "small").iterdir()} == FILES - {DISCRIMINATOR}
    loaded = models.SimGAN.from_preset(tmp_path / "small")
    for one, other in zip(model.refiner.get_weights(), loaded.refiner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("layout", ["now", "before"])
def test_networks_whose_weights_are_not_kept_may_be_large(small_simgan, tmp_path, layout):
    psi = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Conv2D(2**15, 3)])
    model = small_simgan(self_regularization=SelfRegularization(psi=psi), history_size=2)
    if layout == "before":
        write_old_layout(model, tmp_path)
        metadata = json.loads((tmp_path / "metadata.json").read_text())
        del metadata["sha256"]["training.weights.h5"]
        (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    else:
        model.save_to_preset(tmp_path, training=False)
    assert psi.count_params() > (tmp_path / "model.weights.h5").stat().st_size
    loaded = models.SimGAN.from_preset(tmp_path)
    assert loaded.frozen["feature_extractor_0"].count_params() == psi.count_params()


def test_load_weights_false_starts_anew(model, folder):
    (folder / "model.weights.h5").unlink()
    loaded = models.SimGAN.from_preset(folder, load_weights=False)
    assert loaded.get_config() == model.get_config()
    assert (loaded.refiner.get_weights()[0] != model.refiner.get_weights()[0]).any()


def test_learned_psi_is_kept(small_simgan, tmp_path):
    psi = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Conv2D(2, 3)])
    model = small_simgan(self_regularization=SelfRegularization(psi=psi))
    model.save_to_preset(tmp_path / "preset")
    loaded = models.SimGAN.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(
        loaded.frozen["feature_extractor_0"].get_weights()[0], psi.get_weights()[0]
    )


def test_compiled_model_saves_the_same_preset(model, folder, tmp_path):
    model.compile("adam", "adam")
    model.save_to_preset(tmp_path / "again", license="Apache-2.0", scores={"degrees": 7.5})
    one, other = contents(folder), contents(tmp_path / "again")
    assert one["config.json"] == other["config.json"]
    assert not models.SimGAN.from_preset(tmp_path / "again").compiled


# Overwriting


def test_overwriting_is_asked_for(model, folder, small_simgan):
    before = contents(folder)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_to_preset(folder)
    assert contents(folder) == before

    (folder / "README.md").write_text("the model card stays")
    other = small_simgan(weights_seed=8)
    other.save_to_preset(folder, training=False, overwrite=True)
    assert {path.name for path in folder.iterdir()} == FILES - {DISCRIMINATOR} | {"README.md"}
    loaded = models.SimGAN.from_preset(folder)
    np.testing.assert_array_equal(loaded.refiner.get_weights()[0], other.refiner.get_weights()[0])


def test_interrupted_save_leaves_the_old_preset_whole(folder, small_simgan, monkeypatch):
    before = contents(folder)
    written = []

    def interrupted(network, name, path, dtype):
        if written:
            raise KeyboardInterrupt
        written.append(path.write_bytes(b"half a file"))

    monkeypatch.setattr("keras_simgan.presets.folder.write_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small_simgan(weights_seed=8).save_to_preset(folder, overwrite=True)
    assert written and contents(folder) == before


def test_metadata_that_json_cannot_hold_leaves_the_old_preset_whole(folder, model):
    before = contents(folder)
    with pytest.raises(TypeError, match="JSON"):
        model.save_to_preset(folder, overwrite=True, scores={1, 2})
    assert contents(folder) == before


def test_bad_dtype_is_refused_before_anything_is_written(model, tmp_path):
    with pytest.raises(ValueError, match="`dtype` must be 'float32' or 'float16'; got 'int8'"):
        model.save_to_preset(tmp_path / "new", dtype="int8")
    assert not (tmp_path / "new").exists()


# What is refused


@pytest.mark.parametrize("name", ["model.weights.h5", DISCRIMINATOR])
def test_damaged_weights_are_refused(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ValueError, match=rf"{name}' is not what the preset was saved.*SHA-256"):
        models.SimGAN.from_preset(folder)


def test_missing_weights_are_named(folder):
    (folder / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match="model.weights.h5' is missing"):
        models.SimGAN.from_preset(folder)


def test_weights_of_another_network_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["config"]["refiner"]["config"]["filters"] = 4
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="model.weights.h5' does not fit the network `refiner`"):
        models.SimGAN.from_preset(folder)


def test_another_class_is_refused(folder):
    class Other(models.GAN):
        pass

    with pytest.raises(ValueError, match="holds a SimGAN, not a Other.*SimGAN.from_preset"):
        Other.from_preset(folder)
    assert isinstance(models.GAN.from_preset(folder), models.SimGAN)


def test_nothing_is_unpickled(small_simgan, tmp_path):
    inputs = keras.Input((12, 16, 1))
    refiner = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    small_simgan(refiner=refiner).save_to_preset(tmp_path / "preset")
    config = (tmp_path / "preset" / "config.json").read_text()
    assert "__lambda__" in config
    with pytest.raises(Exception, match="(?i)lambda.*(unsafe|arbitrary code)"):
        models.SimGAN.from_preset(tmp_path / "preset")


# Names


@pytest.fixture
def bundled(monkeypatch, tmp_path, model):
    monkeypatch.setattr("keras_simgan.presets.registry.BUNDLED", tmp_path)
    for name in ("simgan_eyes_36x60", "simgan_hands"):
        model.save_to_preset(tmp_path / name, description=name)
    return tmp_path


def test_bundled_presets_are_found_by_name(bundled, model):
    assert list(presets.presets()) == ["simgan_eyes_36x60", "simgan_hands"]
    assert presets.presets()["simgan_hands"]["description"] == "simgan_hands"
    loaded = models.SimGAN.from_preset("simgan_hands")
    np.testing.assert_array_equal(weights(loaded)[0], weights(model)[0])


def test_wrong_name_lists_the_nearest_and_the_valid_forms(bundled):
    with pytest.raises(ValueError) as caught:
        models.SimGAN.from_preset("simgan_eyes_36x90")
    message = str(caught.value)
    assert "no preset 'simgan_eyes_36x90'. Did you mean 'simgan_eyes_36x60'?" in message
    for form in ("simgan_eyes_36x60, simgan_hands", "`save_to_preset`", "'hf://user/repository'"):
        assert form in message
    with pytest.raises(ValueError) as caught:
        models.SimGAN.from_preset("zzz")
    assert "Did you mean" not in str(caught.value)


def test_folder_that_is_no_preset(tmp_path):
    with pytest.raises(ValueError, match="is not a preset: there is no config.json.*save_to_pres"):
        models.SimGAN.from_preset(tmp_path)


# Hugging Face


def test_hugging_face_handle(monkeypatch, folder, model):
    asked = {}

    def snapshot_download(handle, allow_patterns):
        asked.update(handle=handle, patterns=allow_patterns)
        return str(folder)

    hub = types.SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    loaded = models.SimGAN.from_preset("hf://someone/eyes")
    np.testing.assert_array_equal(weights(loaded)[0], weights(model)[0])
    assert asked["handle"] == "someone/eyes"
    # Every file of a preset passes, and nothing that could be pickled.
    patterns = "|".join(re.escape(p).replace(r"\*", ".*") for p in asked["patterns"])
    assert all(re.fullmatch(patterns, name) for name in FILES)
    assert not any(re.fullmatch(patterns, name) for name in ("model.pkl", "weights.bin"))


def test_hugging_face_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match="'hf://someone/eyes'.*pip install huggingface_hub"):
        models.SimGAN.from_preset("hf://someone/eyes")


@pytest.mark.parametrize("handle", ["hf://eyes", "hf://a/b/c"])
def test_malformed_hugging_face_handle(handle):
    with pytest.raises(ValueError, match=f"'{handle}' is not of the form 'hf://user/repository'"):
        models.SimGAN.from_preset(handle)


def test_deployed_network_can_be_used_alone(folder, images):
    refiner = models.SimGAN.from_preset(folder).refiner
    assert isinstance(refiner, networks.Refiner)
    assert refiner.predict(images[0], verbose=0).shape == images[0].shape


# Models that translate both ways


@pytest.fixture(params=["CycleGAN", "GazeGAN"])
def translator(request, small_cyclegan, label_model):
    """A model with a frozen model inside."""
    if request.param == "GazeGAN":
        return small_cyclegan(models.GazeGAN, gaze_estimator=label_model(), gaze_on="cycled")
    consistency = LabelConsistency(label_model(), "l1", weight=2.0)
    return small_cyclegan(label_consistency=consistency, cycle_weight=(2.0, 3.0))


def networks_of(model):
    return {
        "generator": model.generator,
        "inverse_generator": model.inverse_generator,
        "target_discriminator": model.target_discriminator,
        "source_discriminator": model.source_discriminator,
        "reads": model.label_consistency.model,
    }


def losses_of(model, images):
    named = model.losses_of(tuple(images), training=False)
    return {name: float(keras.ops.stop_gradient(value)) for name, value in named.items()}


def test_translators_round_trip_is_exact(translator, colour_images, tmp_path):
    translator.save_to_preset(tmp_path / "preset")
    loaded = type(translator).from_preset(tmp_path / "preset")
    assert type(loaded) is type(translator)
    assert json.dumps(loaded.get_config()) == json.dumps(translator.get_config())
    for name, network in networks_of(loaded).items():
        original = networks_of(translator)[name]
        assert network is not original and len(network.weights) > 0
        for one, other in zip(network.get_weights(), original.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert not networks_of(loaded)["reads"].trainable_variables
    images = colour_images[:, :4]
    assert losses_of(loaded, images) == losses_of(translator, images)


def test_translators_in_float16_stay_within_a_hundredth(translator, colour_images, tmp_path):
    translator.save_to_preset(tmp_path / "preset", dtype="float16")
    loaded = type(translator).from_preset(tmp_path / "preset")
    for name, network in networks_of(loaded).items():
        for one, other in zip(
            network.get_weights(), networks_of(translator)[name].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other.astype("float16"))
            assert one.dtype == np.float32
    there = loaded.translate(colour_images[0]) - translator.translate(colour_images[0])
    assert 0.0 < np.abs(there).max() < 0.05


def test_translators_files_and_metadata(translator, tmp_path):
    translator.save_to_preset(tmp_path / "preset", license="Apache-2.0")
    reads = "gaze_estimator" if hasattr(translator, "gaze_estimator") else "feature_extractor_0"
    others = {"inverse_generator", "target_discriminator", "source_discriminator", reads}
    metadata = json.loads((tmp_path / "preset" / "metadata.json").read_text())
    assert metadata["networks"] == {
        "generator": "model.weights.h5",
        **{name: f"{name}.weights.h5" for name in others},
    }
    assert {path.name for path in (tmp_path / "preset").iterdir()} == {
        "config.json",
        "metadata.json",
        *metadata["networks"].values(),
    }
    assert metadata["class"] == type(translator).__name__
    assert metadata["image_shape"] == [8, 8, 3]
    assert metadata["parameters"] == 2 * translator.generator.count_params()


DIRECTIONS = {"source_to_target": "generator", "target_to_source": "inverse_generator"}


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_direction_loads_one_generator_alone(translator, colour_images, tmp_path, direction):
    translator.save_to_preset(tmp_path / "preset")
    asked = tmp_path / "preset" / f"{DIRECTIONS[direction]}.weights.h5"
    if direction == "source_to_target":
        asked = asked.with_name("model.weights.h5")
    # What is not asked for is not opened.
    for file in (tmp_path / "preset").glob("*.weights.h5"):
        if file != asked:
            file.unlink()
    for cls in (type(translator), models.GAN):
        network = cls.from_preset(tmp_path / "preset", direction=direction)
        assert type(network) is networks.Refiner
        np.testing.assert_array_equal(
            network.predict(colour_images[0], verbose=0),
            translator.translate(colour_images[0], direction=direction),
        )
    with pytest.raises(ValueError, match="weights.h5' is missing"):
        type(translator).from_preset(tmp_path / "preset")

    asked.unlink()
    new = type(translator).from_preset(tmp_path / "preset", load_weights=False, direction=direction)
    original = getattr(translator, DIRECTIONS[direction])
    assert (new.get_weights()[0] != original.get_weights()[0]).any()
    with pytest.raises(ValueError, match=f"{asked.name}' is missing"):
        type(translator).from_preset(tmp_path / "preset", direction=direction)


def test_directions_that_a_preset_does_not_have(small_cyclegan, folder, tmp_path):
    small_cyclegan().save_to_preset(tmp_path / "cycle", training=False)
    with pytest.raises(ValueError, match="source_to_target and target_to_source.*'backwards'"):
        models.CycleGAN.from_preset(tmp_path / "cycle", direction="backwards")
    with pytest.raises(ValueError, match="A SimGAN translates source_to_target. .*'target_to_sou"):
        models.SimGAN.from_preset(folder, direction="target_to_source")
    with pytest.raises(ValueError, match="holds a CycleGAN, not a GazeGAN"):
        models.GazeGAN.from_preset(tmp_path / "cycle", direction="source_to_target")
    refiner = models.SimGAN.from_preset(folder, direction="source_to_target")
    assert type(refiner) is networks.Refiner


def test_direction_refuses_damaged_weights(small_cyclegan, tmp_path):
    small_cyclegan().save_to_preset(tmp_path, training=False)
    path = tmp_path / "inverse_generator.weights.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        ValueError, match="inverse_generator.weights.h5' is not what the preset was saved with"
    ):
        models.CycleGAN.from_preset(tmp_path, direction="target_to_source")


def test_precision_is_that_of_whoever_loads(small_cyclegan, tmp_path):
    small_cyclegan(policy="mixed_bfloat16").save_to_preset(tmp_path)
    loaded = models.CycleGAN.from_preset(tmp_path)
    assert {layer.compute_dtype for layer in loaded.generator.layers} == {"float32"}


# The layout before


def write_old_layout(model, folder):
    """As presets were written before each network had a file."""
    model.save_to_preset(folder)
    metadata = json.loads((folder / "metadata.json").read_text())
    for file in metadata.pop("networks").values():
        (folder / file).unlink()
    groups = zip(("model", "training"), model.preset_networks(), strict=True)
    paths = [(folder / f"{name}.weights.h5", group) for name, group in groups]
    for path, group in paths:
        with h5py.File(path, "w") as file:
            for name, network in group.items():
                for index, variable in enumerate(network.weights):
                    value = keras.ops.convert_to_numpy(variable).astype("float16")
                    file[f"{name}/{index:04d}"] = value
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path, _ in paths}
    (folder / "metadata.json").write_text(json.dumps({**metadata, "sha256": sums}))


def test_the_layout_before_still_loads(translator, colour_images, tmp_path):
    write_old_layout(translator, tmp_path / "old")
    loaded = type(translator).from_preset(tmp_path / "old")
    for name, network in networks_of(translator).items():
        for one, other in zip(
            network.get_weights(), networks_of(loaded)[name].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one.astype("float16").astype("float32"), other)
    # As a preset of now with the same weights, bit for bit.
    translator.save_to_preset(tmp_path / "new", dtype="float16")
    for direction in DIRECTIONS:
        one, other = (
            type(translator).from_preset(tmp_path / layout, direction=direction)
            for layout in ("old", "new")
        )
        np.testing.assert_array_equal(
            one.predict(colour_images[0], verbose=0), other.predict(colour_images[0], verbose=0)
        )
    with h5py.File(tmp_path / "old" / "model.weights.h5", "r+") as file:
        del file["generator/0000"]
        file["generator/0000"] = h5py.SoftLink("/generator/0001")
    metadata = json.loads((tmp_path / "old" / "metadata.json").read_text())
    metadata["sha256"]["model.weights.h5"] = hashlib.sha256(
        (tmp_path / "old" / "model.weights.h5").read_bytes()
    ).hexdigest()
    (tmp_path / "old" / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="weights.h5' is no file of weights.*leads elsewhere"):
        type(translator).from_preset(tmp_path / "old")


def test_saving_over_the_layout_before_leaves_none_of_its_files(translator, tmp_path):
    write_old_layout(translator, tmp_path)
    translator.save_to_preset(tmp_path, overwrite=True, training=False)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("config.json", "metadata.json", "model.weights.h5", "inverse_generator.weights.h5")
    }


# What networks may be


@keras.saving.register_keras_serializable("tests")
class Plain(models.GAN):
    """A GAN of a user's."""


def test_a_network_named_model_does_not_take_the_others_file(tmp_path):
    built = [networks.Refiner((8, 8, 1), filters=filters, blocks=1) for filters in (2, 3)]
    critic = networks.PatchDiscriminator((8, 8, 1), filters=2, layers=1)
    gan = Plain(dict(zip(("first", "model"), built, strict=True)), {"critic": critic})
    gan.save_to_preset(tmp_path)
    assert {path.name for path in tmp_path.glob("*.h5")} == {
        *("first.weights.h5", "model.weights.h5", "critic.weights.h5")
    }
    loaded = Plain.from_preset(tmp_path)
    for name in gan.networks:
        for one, other in zip(
            gan.networks[name].get_weights(), loaded.networks[name].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_the_optimizer_of_a_frozen_network_is_not_kept(small_simgan, tmp_path):
    psi = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Conv2D(2, 3)])
    psi.compile("adam", "mse", metrics=["mae"])
    psi.fit(np.zeros((2, 12, 16, 1)), np.zeros((2, 10, 14, 2)), verbose=0)
    model = small_simgan(self_regularization=SelfRegularization(psi=psi))
    model.save_to_preset(tmp_path)
    kept = json.loads((tmp_path / "metadata.json").read_text())["networks"]["feature_extractor_0"]
    with h5py.File(tmp_path / kept) as file:
        assert set(file) == {"layers", "vars"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loaded = models.SimGAN.from_preset(tmp_path)
    np.testing.assert_array_equal(
        loaded.frozen["feature_extractor_0"].get_weights()[0], psi.get_weights()[0]
    )
