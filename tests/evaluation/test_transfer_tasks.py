import json

import numpy as np
import pytest

from keras_simgan.data import LabelError
from keras_simgan.evaluation import TransferOptions, evaluate
from keras_simgan.evaluation.transfer_tasks import ClassTask, GazeTask, task_for

EXPECTED = "Expected the gaze, .* or a class, a word or a whole number that several images share"


def write_labels(folders, values):
    for folder in folders.values():
        rows = {f"{row:06d}.png": {"x": value} for row, value in enumerate(values)}
        (folder / "labels.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((24, 2), 20.0), "in radians"),
        (np.tile([0.0, np.inf], (24, 1)), f"a yaw that is not finite. {EXPECTED}"),
        (np.zeros(24), f"neither gaze nor class, but .*float64 .24,.*{EXPECTED}"),
        (np.zeros((24, 3)), f"neither gaze nor class, but .* {EXPECTED}"),
        (np.arange(24), f"24 different whole numbers for 24 images, too many.* {EXPECTED}"),
    ],
)
def test_labels_of_other_kinds_are_refused(folders, extractor, values, message):
    write_labels(folders, values.tolist())
    with pytest.raises(LabelError, match=message) as caught:
        evaluate(*folders.values(), transfer=TransferOptions("x"), extractor=extractor)
    assert f"in '000000.png' of '{folders['synthetic']}/labels.json'" in str(caught.value)


def of(*values, kind="synthetic"):
    return task_for({kind: np.array(values)}, "x")


@pytest.mark.parametrize(
    "values",
    [["0.1 0.2"] * 20, ["0,5", "0,7"] * 10, ["[0.1;0.2]"] * 20, ["(1, 2", "(3, 4", "none"] * 9],
)
def test_text_that_looks_like_numbers_is_no_class(values):
    with pytest.raises(LabelError, match=f"'x' of the synthetic .* looks like numbers. {EXPECTED}"):
        of(*values)


@pytest.mark.parametrize("kind", ["synthetic", "refined"])
def test_a_word_for_each_image_is_no_class(kind):
    words = [f"eye {row}" for row in range(40)]
    with pytest.raises(LabelError, match=f"the {kind} images has 40 different words for 40 images"):
        of(*words, kind=kind)
    # Real images may be few, and are not trained on.
    assert isinstance(of(*words, kind="test"), ClassTask)


def test_classes_and_gaze():
    assert of("007", "012", "007", "012").classes.tolist() == ["007", "012"]
    assert of(*[True, False] * 4).classes.tolist() == [False, True]
    assert of(*["a", "v1.2"] * 2).classes.tolist() == ["a", "v1.2"]
    assert isinstance(of([0, 0], [1, 0]), GazeTask)


def test_numbers_of_one_set_are_words_where_another_has_words():
    labels = {"synthetic": np.array([3, 12, 3, 12]), "test": np.array(["12", "left"])}
    task = task_for(labels, "x")
    assert task.classes.tolist() == ["12", "3", "left"]
    assert task.targets(labels["synthetic"]).tolist() == [1, 0, 1, 0]
    found = task.measure(labels["synthetic"], np.eye(3)[[1, 1, 1, 0]])
    assert found.tolist() == [100, 0, 100, 100]
