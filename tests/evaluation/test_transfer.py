import numpy as np
import pytest

from keras_simgan import metrics
from keras_simgan.data import LabelError, write_folder
from keras_simgan.data.images import write_image
from keras_simgan.evaluation import TransferOptions, evaluate, transfer


def test_transfer_learns_what_the_label_says_and_goes_on(folders, extractor, tmp_path, monkeypatch):
    folders["real"] = folders["refined"]
    options = TransferOptions("kind", steps=60, seeds=1, trainings=tmp_path / "kept")
    first = evaluate(*folders.values(), transfer=options, extractor=extractor).transfer
    assert list(first.scores) == ["synthetic", "augmented", "refined"]
    assert first.scores["refined"].mean.value > 90
    assert first.unit == "% right" and not first.lower_is_better
    assert first.chance == 50.0 and first.images == 24
    monkeypatch.setattr(transfer, "_Batches", None)  # whoever trains again fails
    again = evaluate(*folders.values(), transfer=options, extractor=extractor).transfer
    assert again == first
    # Other images are other trainings.
    write_image(folders["refined"] / "000000.png", np.zeros((16, 16, 1), "uint8"))
    with pytest.raises(TypeError):
        evaluate(*folders.values(), transfer=options, extractor=extractor)


def test_the_baseline_has_no_gain():
    baseline = metrics.TransferScore(metrics.Estimate(1.0), (1.0,), None, None)
    with pytest.raises(ValueError, match="The baseline has no gain"):
        transfer.gain_of(baseline)


def test_refined_is_compared_with_synthetic_and_with_augmented(folders, extractor, monkeypatch):
    called = []

    def gain(arms, test, measure, baseline, **options):
        called.append((arms, baseline))
        value = {"synthetic": 5.0, "augmented": 3.0}[baseline]
        return {arm: metrics.TransferScore(None, (), metrics.Estimate(value), None) for arm in arms}

    monkeypatch.setattr(transfer, "transfer_gain", gain)
    options = TransferOptions("kind")
    found = evaluate(*folders.values(), transfer=options, extractor=extractor).transfer
    assert found.scores["refined"].gain.value == 5.0 and found.over_augmented.value == 3.0
    assert (
        called[0][0]
        == called[1][0]
        == {
            "synthetic": ("synthetic", False),
            "augmented": ("synthetic", True),
            "refined": ("refined", False),
        }
    )


def test_gaze_is_measured_in_degrees(tmp_path, extractor):
    gaze = np.zeros((20, 2))
    gaze[:10, 1] = 0.2
    images = np.random.default_rng(0).integers(0, 255, (20, 20, 24, 1), "uint8")
    for name in ("synthetic", "refined", "real"):
        write_folder(tmp_path / name, images, {"gaze": gaze})
    found = evaluate(
        *(tmp_path / name for name in ("synthetic", "refined", "real")),
        transfer=TransferOptions("gaze", steps=2, seeds=1),
        extractor=extractor,
    )
    # Half of them look 0.2 radians away from the others, so all are half of that from the mean.
    assert found.transfer.chance == pytest.approx(np.degrees(0.1), abs=1e-3)
    assert found.transfer.unit == "degrees" and found.transfer.lower_is_better
    # A critic that has the same images on both sides finds no difference.
    assert (found.scores == 0.5).all()


def test_missing_label_is_named(folders, extractor):
    with pytest.raises(LabelError, match="no label 'pose': they are 'kind', 'gaze'"):
        evaluate(*folders.values(), transfer=TransferOptions("pose"), extractor=extractor)
    (folders["real"] / "labels.json").unlink()
    with pytest.raises(LabelError, match="The test images have no label 'kind': there is no label"):
        evaluate(*folders.values(), transfer=TransferOptions("kind"), extractor=extractor)
