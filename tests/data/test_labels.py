import json

import numpy as np
import pytest

from keras_simgan.data import ImageError, LabelError, read_folder, read_labels, write_folder

images = np.zeros((3, 4, 6, 1), "uint8")


def test_round_trip(tmp_path):
    labels = {
        "gaze": np.array([[0.1, -0.2], [0.3, 0.4], [0.5, 1 / 3]]),
        "person": np.array(["p00", "p01", "p00"]),
        "eye": np.array([0, 1, 0]),
        "landmarks": np.arange(12.0).reshape(3, 2, 2),
    }
    write_folder(tmp_path / "eyes", images, labels)
    names, again = read_folder(tmp_path / "eyes")
    assert names == ["000000.png", "000001.png", "000002.png"]
    assert again.keys() == labels.keys()
    for field in labels:
        np.testing.assert_array_equal(again[field], labels[field])
    with pytest.raises(ImageError, match="exists already"):
        write_folder(tmp_path / "eyes", images)
    with pytest.raises(LabelError, match="has 2 rows; expected 3"):
        write_folder(tmp_path / "other", images, {"gaze": np.zeros(2)})


def test_csv_follows_the_names_not_the_rows(tmp_path):
    write_folder(tmp_path, images[:2], names=["a.png", "sub/b.png"])
    (tmp_path / "labels.csv").write_text(
        "\ufefffile,pitch,count,who\nsub/b.png,0.5,2,me\na.png,-1.5e-1,3,7\n", encoding="utf-8"
    )
    names, labels = read_folder(tmp_path)
    assert names == ["a.png", "sub/b.png"]
    np.testing.assert_array_equal(labels["pitch"], [-0.15, 0.5])
    assert labels["count"].tolist() == [3, 2] and labels["count"].dtype.kind == "i"
    assert labels["who"].tolist() == ["7", "me"]


def test_no_labels(tmp_path):
    write_folder(tmp_path, images)
    assert read_folder(tmp_path)[1] == {}


NAMES = ["a.png", "b.png"]


@pytest.mark.parametrize(
    "file, content, match",
    [
        ("labels.csv", "file,x\nA.png,1\nB.png,2\n", "No name in .*'A.png', 'B.png'.*'a.png'"),
        ("labels.csv", "file,x\na.png,1\n", "no label for 1 of 2 images: 'b.png'"),
        ("labels.csv", "file,x\na.png,1\na.png,2\n", "'a.png' twice .row 3"),
        ("labels.csv", "file,x\na.png,1,5\n", "Row 2 .* has 3 fields; its header has 2"),
        ("labels.csv", "", "has the header"),
        ("labels.csv", "file\na.png\n", "has the header"),
        ("labels.json", "{", "not valid JSON"),
        ("labels.json", "[1]", "another structure"),
        ("labels.json", '{"a.png": 1, "b.png": 2}', "another structure"),
        ("labels.json", '{"a.png": {"x": 1}, "a.png": {"x": 2}}', "twice"),
        ("labels.json", '{"a.png": {"x": 1}, "b.png": {"y": 2}}', "'b.png' the fields"),
        ("labels.json", '{"a.png": {"x": [1]}, "b.png": {"x": [1, 2]}}', "differs in length"),
    ],
)
def test_bad_labels(tmp_path, file, content, match):
    (tmp_path / file).write_text(content)
    with pytest.raises(LabelError, match=match) as caught:
        read_labels(tmp_path, NAMES)
    assert file in str(caught.value)


def test_two_label_files(tmp_path):
    (tmp_path / "labels.csv").touch()
    (tmp_path / "labels.json").touch()
    with pytest.raises(LabelError, match="both labels.csv and labels.json. Keep one"):
        read_labels(tmp_path, NAMES)


def test_labels_without_image_are_counted(tmp_path):
    rows = {name: {"x": i} for i, name in enumerate(["z.png", *NAMES])}
    (tmp_path / "labels.json").write_text(json.dumps(rows))
    with pytest.warns(UserWarning, match="1 of 3 labels"):
        assert read_labels(tmp_path, NAMES)["x"].tolist() == [1, 2]
