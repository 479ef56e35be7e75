"""Training sets compared by what they are worth on real images: numbers, pairing, resuming."""

import json

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_simgan.metrics import TransferScore, transfer_gain

LABELS = np.array([0.0, 0.0, 0.0, 0.0])
IMAGES = np.arange(4.0)[:, None]


def score(arms, **arguments):
    """`transfer_gain` of arms that are what their models predict, of each seed a list."""
    return transfer_gain(
        arms,
        **{
            "test": (IMAGES, LABELS),
            "measure": lambda true, predicted: abs(true - predicted),
            "train": lambda arm, seed: lambda images: np.array(arm[seed]),
            "lower_is_better": True,
            "seeds": 2,
            "progress": False,
            **arguments,
        },
    )


class Trainer:
    """A `train` function that keeps a list of what it was asked for, and may break."""

    def __init__(self, breaks_at=None):
        self.calls, self.breaks_at = [], breaks_at

    def __call__(self, arm, seed):
        if (arm, seed) == self.breaks_at:
            raise KeyboardInterrupt
        self.calls.append((arm, seed))
        return lambda images: np.full(4, len(arm) + seed)


def build(seed):
    """A compiled linear model."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def linear_set(count, offset=0.0):
    """Inputs and their sums, plus an offset."""
    images = np.random.default_rng(count).normal(size=(count, 3)).astype("float32")
    return images, images.sum(axis=1, keepdims=True) + np.float32(offset)


def linear_error(true, predicted):
    """Absolute error of one value an image."""
    return abs(true - predicted)[:, 0]


def test_means_seeds_and_gains_by_hand():
    scores = score(
        {"synthetic": [[4, 8, 4, 8], [2, 6, 2, 6]], "refined": [[1, 3, 1, 3], [3, 5, 3, 5]]}
    )
    synthetic, refined = scores["synthetic"], scores["refined"]
    assert synthetic.mean.value == 5.0
    assert synthetic.seeds == (6.0, 4.0)
    assert synthetic.gain is None
    assert synthetic.gain_percent is None
    assert refined.mean.value == 3.0
    assert refined.seeds == (2.0, 4.0)
    assert refined.gain.value == 2.0
    assert refined.gain_percent.value == pytest.approx(40.0)
    assert list(scores) == ["synthetic", "refined"]
    assert isinstance(refined, TransferScore)


def test_where_higher_is_better_a_gain_is_a_rise():
    arms = {"plain": [[50, 50, 50, 50]], "better": [[60, 50, 60, 50]], "worse": [[40] * 4]}
    scores = score(
        arms,
        measure=lambda true, predicted: predicted,
        lower_is_better=False,
        baseline="plain",
        seeds=1,
    )
    assert scores["better"].gain.value == 5.0
    assert scores["better"].gain_percent.value == pytest.approx(10.0)
    assert scores["worse"].gain.value == -10.0


def test_gains_are_paired():
    # Images differ by far more than the arms do; the arms differ by 1 on each image.
    hard = np.array([0.0, 10.0, 20.0, 90.0])
    scores = score({"synthetic": [hard + 1], "refined": [hard]}, seeds=1)
    gain, mean = scores["refined"].gain, scores["refined"].mean
    assert (gain.low, gain.value, gain.high) == pytest.approx((1.0, 1.0, 1.0))
    assert mean.high - mean.low > 20


def test_the_interval_is_that_of_a_mean():
    errors = np.random.default_rng(3).exponential(2.0, 4000)
    arms = {"synthetic": [errors], "refined": [np.random.default_rng(4).permutation(errors)]}
    scores = score(arms, test=(np.zeros((4000, 1)), np.zeros(4000)), seeds=1)
    half = 1.96 * errors.std() / np.sqrt(4000)
    mean, gain = scores["synthetic"].mean, scores["refined"].gain
    assert mean.low == pytest.approx(errors.mean() - half, abs=0.15 * half)
    assert mean.high == pytest.approx(errors.mean() + half, abs=0.15 * half)
    # Of two arms that have nothing in common: the variances add up.
    assert gain.high == pytest.approx(np.sqrt(2) * half, abs=0.2 * half)
    assert gain.low == pytest.approx(-np.sqrt(2) * half, abs=0.2 * half)


@hypothesis.given(st.lists(st.floats(0.5, 100), min_size=8, max_size=8), st.floats(0.5, 10))
def test_a_unit_changes_no_percentage_and_a_sign_only_swaps_the_ends(values, unit):
    arms = {"synthetic": [values[:4]], "refined": [values[4:]]}
    scaled = {arm: [[unit * value for value in run] for run in runs] for arm, runs in arms.items()}
    refined = score(arms, seeds=1)["refined"]
    rescaled = score(scaled, seeds=1)["refined"]
    up = score(arms, seeds=1, lower_is_better=False)["refined"]
    tolerance = {"rel": 1e-6, "abs": 1e-6}
    assert refined.gain_percent.low <= refined.gain_percent.high
    assert rescaled.gain_percent.low == pytest.approx(refined.gain_percent.low, **tolerance)
    assert rescaled.gain.high == pytest.approx(unit * refined.gain.high, **tolerance)
    assert up.gain.low == pytest.approx(-refined.gain.high, **tolerance)
    assert up.gain.value == pytest.approx(-refined.gain.value, **tolerance)


def test_a_baseline_of_zero_has_no_percentage():
    refined = score({"synthetic": [[0] * 4], "refined": [[1] * 4]}, seeds=1)["refined"]
    assert refined.gain.value == -1.0
    assert refined.gain_percent is None


def test_nothing_is_trained_twice(tmp_path):
    path = tmp_path / "new" / "results.json"
    first, second, more = Trainer(), Trainer(), Trainer()
    arms = {"synthetic": "aaa", "refined": "b"}
    fresh = score(arms, train=first, results=path)
    assert first.calls == [("aaa", 0), ("aaa", 1), ("b", 0), ("b", 1)]
    assert score(arms, train=second, results=path) == fresh
    assert second.calls == []
    score({**arms, "real": ""}, train=more, results=path, seeds=3)
    assert more.calls == [("aaa", 2), ("b", 2), ("", 0), ("", 1), ("", 2)]
    # Fewer seeds than are kept: the first ones.
    assert score(arms, train=second, results=path) == fresh


def test_an_interrupted_run_goes_on(tmp_path):
    path = tmp_path / "results.json"
    arms = {"synthetic": "aaa", "refined": "b"}
    with pytest.raises(KeyboardInterrupt):
        score(arms, train=Trainer(breaks_at=("b", 1)), results=path)
    rest = Trainer()
    resumed = score(arms, train=rest, results=path)
    assert rest.calls == [("b", 1)]
    assert resumed == score(arms, train=Trainer())
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]


def test_a_training_set_is_made_only_where_it_is_needed(tmp_path):
    path, made = tmp_path / "results.json", []

    def refined():
        made.append(1)
        return [[1] * 4, [2] * 4]

    arms = {"synthetic": [[3] * 4, [3] * 4], "refined": refined}
    assert score(arms, results=path)["refined"].mean.value == 1.5
    assert score(arms, results=path)["refined"].mean.value == 1.5
    assert made == [1]


def test_other_keys_and_what_another_process_added_are_kept(tmp_path):
    path = tmp_path / "results.json"
    trainer = Trainer()
    score({"synthetic": "aaa"}, train=trainer, results=path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "note": "mine"}))

    def train(arm, seed):
        if arm == "b":
            score({"synthetic": "aaa", "real": ""}, train=trainer, results=path)
        return trainer(arm, seed)

    score({"synthetic": "aaa", "refined": "b"}, train=train, results=path)
    kept = json.loads(path.read_text())
    assert kept["note"] == "mine"
    assert list(kept["predictions"]) == ["synthetic", "real", "refined"]


def test_predictions_of_any_shape_survive_the_file(tmp_path):
    labels = np.random.default_rng(0).normal(size=(4, 2))
    predicted = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")
    arguments = {
        "test": (IMAGES, labels),
        "measure": lambda true, predicted: np.linalg.norm(true - predicted, axis=1),
        "seeds": 1,
    }
    path = tmp_path / "results.json"
    scores = [
        score({"synthetic": [predicted]}, **arguments, results=results)
        for results in (None, path, path)
    ]
    assert scores[0] == scores[1] == scores[2]
    expected = np.linalg.norm(labels - predicted, axis=1).mean()
    assert scores[0]["synthetic"].mean.value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"setting": {"refiner": "v2"}}, "refiner was 'v1' and is 'v2'"),
        ({"setting": {}}, "refiner was 'v1' and is None"),
        ({"test": (IMAGES + 1, LABELS)}, "test was"),
        ({"test": (IMAGES, LABELS + 1)}, "test was"),
    ],
)
def test_results_of_another_setting_are_refused(tmp_path, changed, message):
    path = tmp_path / "results.json"
    arguments = {"setting": {"refiner": "v1"}, "results": path}
    score({"synthetic": "aaa"}, train=Trainer(), **arguments)
    before = path.read_text()
    trainer = Trainer()
    with pytest.raises(ValueError, match=message):
        score({"synthetic": "aaa"}, train=trainer, seeds=3, **{**arguments, **changed})
    assert trainer.calls == []
    assert path.read_text() == before


def test_a_file_of_something_else_is_refused_and_left(tmp_path):
    path = tmp_path / "notes.json"
    for content in ("", "[1, 2]", '{"a": 1}'):
        path.write_text(content)
        with pytest.raises(ValueError, match="notes.json does not hold results"):
            score({"synthetic": "aaa"}, train=Trainer(), results=path)
        assert path.read_text() == content


def test_a_model_is_built_and_trained_for_each_seed(tmp_path):
    path, models = tmp_path / "results.json", []

    def building(seed):
        models.append(build(seed))
        return models[-1]

    arms = {"synthetic": linear_set(41, offset=1.0), "refined": lambda: linear_set(10)}
    arguments = {
        "test": linear_set(30),
        "measure": linear_error,
        "train": None,
        "build": building,
        "steps": 200,
        "batch_size": 8,
        "results": path,
    }
    scores = score(arms, **arguments)
    # What the model learns is exact but for the offset of the training set.
    assert scores["synthetic"].mean.value == pytest.approx(1.0, abs=0.02)
    assert scores["refined"].mean.value == pytest.approx(0.0, abs=0.02)
    assert scores["refined"].gain.low > 0.95
    # The same budget, however many images there are.
    assert [int(model.optimizer.iterations) for model in models] == [200] * 4
    assert score(arms, **arguments) == scores
    assert len(models) == 4
    with pytest.raises(ValueError, match="another training set under the name 'synthetic'"):
        score({**arms, "synthetic": linear_set(40)}, **arguments)
    with pytest.raises(ValueError, match="steps was 200 and is 201"):
        score(arms, **{**arguments, "steps": 201})
    with pytest.raises(ValueError, match="another training set under the name 'refined'"):
        score({**arms, "refined": lambda: linear_set(40)}, **{**arguments, "seeds": 3})


def test_each_pass_shows_each_image_once_and_seeds_differ():
    seen = []

    class Watching(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def fit(self, batches, **arguments):
            seen.append([batches[index][1][:, 0] for index in range(batches.num_batches)])
            return super().fit(batches, **arguments)

    def watching(seed):
        model = Watching()
        model.compile("sgd", "mse")
        return model

    images = np.zeros((6, 3), "float32")
    labels = np.arange(6, dtype="float32")[:, None]
    score(
        {"synthetic": (images, labels)},
        test=(images, labels),
        measure=linear_error,
        train=None,
        build=watching,
        steps=4,
        batch_size=3,
    )
    first, second = seen
    assert [len(batch) for batch in first] == [3, 3, 3, 3]
    for one_pass in (first[:2], first[2:], second[:2]):
        assert sorted(np.concatenate(one_pass)) == [0, 1, 2, 3, 4, 5]
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))


def test_the_same_seed_gives_the_same_scores():
    arguments = {
        "test": linear_set(30),
        "measure": linear_error,
        "train": None,
        "build": build,
        "steps": 3,
        "batch_size": 4,
    }
    first, second = (score({"synthetic": linear_set(20)}, **arguments) for _ in range(2))
    assert first == second
    assert first["synthetic"].seeds[0] != first["synthetic"].seeds[1]


def test_a_model_that_is_not_compiled_is_refused():
    def uncompiled(seed):
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    with pytest.raises(ValueError, match="must return a compiled model"):
        score(
            {"synthetic": linear_set(8)},
            test=linear_set(8),
            measure=linear_error,
            train=None,
            build=uncompiled,
            steps=1,
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": None}, "Pass either `build` or `train`"),
        ({"build": build, "steps": 1}, "Pass either `build` or `train`"),
        ({"train": 3}, "`train` must be a function"),
        ({"measure": "angle"}, "`measure` must be a function"),
        ({"train": None, "build": build}, "`steps` must be an integer of at least 1"),
        ({"train": None, "build": build, "steps": 0}, "`steps` must be an integer of at least 1"),
        ({"steps": 5}, "`steps` is for `build`"),
        ({"seeds": 0}, "`seeds` must be an integer of at least 1"),
        ({"seeds": True}, "`seeds` must be an integer of at least 1"),
        ({"batch_size": 1.5}, "`batch_size` must be an integer of at least 1"),
        ({"baseline": "plain"}, "`baseline` must be one of the arms"),
        ({"test": IMAGES}, "'test' must be a pair"),
        ({"test": (IMAGES, LABELS[:3])}, "4 images and 3 labels"),
        ({"test": (IMAGES[:0], LABELS[:0])}, "0 images and 0 labels"),
        ({"train": None, "build": build, "steps": 1}, "'synthetic' must be a pair"),
    ],
)
def test_bad_arguments_are_told_before_any_training(arguments, message):
    with pytest.raises(ValueError, match=message):
        score({"synthetic": 7}, **{"train": _never, **arguments})


def _never(arm, seed):
    raise AssertionError("trained")


@pytest.mark.parametrize(
    ("predicted", "measure", "message"),
    [
        (np.zeros(3), abs, "each of the 4 test images; got shape \\(3,\\)"),
        (np.zeros(4), lambda difference: 0.0, "one finite number for each of the 4"),
        (np.zeros(4), lambda difference: difference * np.nan, "not finite"),
    ],
)
def test_what_does_not_fit_the_test_images_is_not_kept(tmp_path, predicted, measure, message):
    path = tmp_path / "results.json"
    with pytest.raises(ValueError, match=message):
        score(
            {"synthetic": [predicted]},
            measure=lambda true, predicted: measure(true - predicted),
            results=path,
        )
    assert not path.exists()
