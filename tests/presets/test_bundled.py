import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_simgan import data, models, presets

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = Path(presets.__file__).parent


@pytest.mark.parametrize("name", sorted(presets.presets()))
def test_card_and_metadata(name):
    metadata = presets.presets()[name]
    for key in ("description", "license", "scores", "sha256", "versions", "parameters"):
        assert metadata[key], key
    card = (FOLDER / name / "README.md").read_text()
    assert metadata["license"].split(" (")[0] in card
    for file, checksum in metadata["sha256"].items():
        assert checksum in card
        assert (FOLDER / name / file).stat().st_size < 12e6


def test_simgan_eyes_refines_as_it_did():
    with np.load(GOLDEN / "refined_eyes.npz") as golden:
        refined = models.SimGAN.from_preset("simgan_eyes_36x60").predict(
            data.to_unit(golden["eyes"]), verbose=0
        )
        np.testing.assert_allclose(refined, golden["refined"], atol=2e-3)
        # It changes eyes, and does not replace them.
        change = np.abs(refined - data.to_unit(golden["eyes"])).mean()
        assert 0.05 < change < 0.5


def test_cyclegan_translates_digits_both_ways_as_it_did():
    with np.load(GOLDEN / "translated_digits.npz") as file:
        golden = dict(file)
    model = models.CycleGAN.from_preset("cyclegan_mnist_m_32")
    there = model.translate(data.to_unit(golden["digits"]))
    np.testing.assert_allclose(there, golden["there"], atol=4e-3)
    back = model.translate(golden["there"].astype("float32"), direction="target_to_source")
    np.testing.assert_allclose(back, golden["back"], atol=4e-3)
    # It changes digits, and each keeps colours of its own.
    assert np.abs(there - data.to_unit(golden["digits"])).mean() > 0.1
    papers = there[:, 2:5, 2:5].mean(axis=(1, 2))
    assert min(np.abs(papers[one] - papers[one - 1]).max() for one in range(3)) > 0.2


def test_gazegan_translates_an_eye_as_it_did():
    with np.load(GOLDEN / "translated_eye.npz") as golden:
        eye, expected = data.to_unit(golden["eye"]), golden["translated"]
    translated = models.GazeGAN.from_preset("gazegan_eyes_128").translate(eye)
    np.testing.assert_allclose(translated, expected, atol=4e-3)
    # It changes the eye, and does not replace it.
    assert 0.02 < np.abs(translated - eye).mean() < 0.3


def test_pix2pix_generates_a_facade_as_it_did(golden):
    made, script = golden("generated_facade")
    labels = script.label_map()
    generated = models.Pix2Pix.from_preset("pix2pix_facades").translate(labels)
    np.testing.assert_allclose(generated, made["generated"], atol=4e-3)
    # A wall without windows looks otherwise where they were.
    windows = labels[..., 2] > 0
    bare = labels.copy()
    bare[windows] = np.eye(12)[1]
    difference = np.abs(generated - models.Pix2Pix.from_preset("pix2pix_facades").translate(bare))
    assert difference[windows].mean() > 0.1


def test_a_preset_loads_in_a_fresh_process():
    # Its classes must be registered by whoever imports only the model.
    script = (
        "from keras_simgan.models import SimGAN;"
        "print(SimGAN.from_preset('simgan_eyes_36x60').refiner.count_params())"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert process.stdout.strip().endswith("296129"), process.stderr
