import dataclasses

import numpy as np
import pytest

from keras_simgan.data import LabelError
from keras_simgan.data.images import write_image
from keras_simgan.evaluation import TransferOptions, evaluate, image_sample
from keras_simgan.evaluation.image_folders import ImageFolders
from keras_simgan.evaluation.transfer_labels import known, read_transfer_labels


def write_table(folders, cell, encoding="utf-8"):
    """Replaces the labels of each folder by a CSV file: `cell(row)` under `x`."""
    for folder in folders.values():
        (folder / "labels.json").unlink(missing_ok=True)
        rows = "".join(f"{row:06d}.png,{cell(row)}\n" for row in range(24))
        (folder / "labels.csv").write_bytes(f"file,x\n{rows}".encode(encoding))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        # Vectors, but for one that is not: it is named.
        (
            lambda row: "unknown" if row == 7 else f'"[0.1, 0.{row}1]"',
            "text that looks like numbers.*Found: 'unknown' in line 9 of .*synthetic/labels.csv';",
        ),
        (lambda row: f"0.1 0.{row}1", "text that looks like numbers.*'0.1 0.01' in line 2 of"),
        (lambda row: f"e{row}", "24 different words for 24 images.*'e0' in line 2 of"),
        (lambda row: row, "24 different whole numbers.*Found: 0 in line 2 of"),
        (lambda row: f"0.{row}1", "neither gaze nor class, but .*Found: 0.01 in line 2 of"),
    ],
)
def test_what_cannot_be_learned_is_explained_before_any_image_is_read(
    folders, extractor, monkeypatch, cell, message
):
    monkeypatch.setattr(image_sample, "read_ahead", None)
    write_table(folders, cell)
    with pytest.raises(LabelError, match=message) as caught:
        evaluate(*folders.values(), transfer=TransferOptions("x"), extractor=extractor)
    assert "Expected the gaze, two numbers (pitch, yaw) in radians" in str(caught.value)
    assert all(f"{folder}/labels.csv" in str(caught.value) for folder in folders.values())


def test_lists_in_cells_are_a_gaze(folders):
    write_table(folders, lambda row: f'"[0.1, 0.{row + 10}]"')
    found = read_transfer_labels(ImageFolders.list(*folders.values()), "x")
    assert found.keys() == folders.keys()
    expected = [[0.1, (row + 10) / 100] for row in range(24)]
    assert all(labels["x"].tolist() == expected for labels in found.values())


@pytest.mark.filterwarnings("ignore:.*lacks values")
def test_images_without_a_label_are_measured_and_not_trained_on(folders, extractor):
    write_table(folders, lambda row: ("Zoë", "me", "")[row % 2 or 2 * (row < 6)], "latin-1")
    options = TransferOptions("x", steps=2, seeds=1)
    with pytest.raises(LabelError, match="labels_encoding"):
        evaluate(*folders.values(), transfer=options, extractor=extractor)
    options = dataclasses.replace(options, labels_encoding="latin-1")
    told = []
    found = evaluate(*folders.values(), transfer=options, extractor=extractor, log=told.append)
    assert found.transfer.images == 21 and len(found.refined) == 24
    assert found.transfer.chance == pytest.approx(100 * 12 / 21)
    assert "without 3 refined images, which have no label" in told
    # What they show changes nothing.
    for folder in folders.values():
        for name in ("000000.png", "000002.png", "000004.png"):
            write_image(folder / name, np.zeros((16, 16, 1), "uint8"))
    again = evaluate(*folders.values(), transfer=options, extractor=extractor).transfer
    for arm in found.transfer.scores:
        assert again.scores[arm].mean == found.transfer.scores[arm].mean


def test_known_labels():
    gaze = np.zeros((30, 2))
    gaze[4, 1] = gaze[7] = np.nan
    rows, values = known(gaze, "real", "gaze")
    assert rows.tolist() == [row for row in range(30) if row not in (4, 7)]
    assert values.shape == (28, 2)
    rows, values = known(np.array([np.nan, *range(29)]), "real", "class")
    assert values.dtype == "int64" and values.tolist() == list(range(29))
    assert known(np.arange(30.0), "real", "x")[1].dtype == "float64"
    with pytest.raises(LabelError, match="Of 30 real images 19 have a label 'x'; expected"):
        known(np.array(["a"] * 19 + [""] * 11), "real", "x")
