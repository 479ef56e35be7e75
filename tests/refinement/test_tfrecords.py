import json

import keras
import numpy as np
import pytest

from keras_simgan.data import ImageError, write_image
from keras_simgan.data.images import decode_image, encode_image
from keras_simgan.refinement import read_manifest, refine_dataset, tfrecords
from keras_simgan.refinement.tfrecords import is_tfrecord, locate, update_info

tf = pytest.importorskip("tensorflow")
random = np.random.default_rng(0)


@pytest.fixture(scope="module")
def negative():
    """A network that turns gray images into their negatives."""
    return keras.Sequential([keras.Input((None, None, 1)), keras.layers.Rescaling(-1.0)])


def picture(height=6, width=8):
    return random.integers(0, 256, (height, width, 1)).astype("uint8")


def example(suffix=".png", shape=(6, 8), **features):
    image = encode_image(f"x{suffix}", picture(*shape))
    values = {"image/encoded": image, "label": b"7", **features}
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
        if value is not None
    }
    feature["gaze"] = tf.train.Feature(float_list=tf.train.FloatList(value=[0.1, -0.2]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def write(path, examples, compression=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for each in examples:
            writer.write(each)


def read(path, compression=""):
    records = tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator()
    return [tf.train.Example.FromString(record) for record in records]


def refine(network, source, destination, **options):
    return refine_dataset(network, source, destination, progress=False, **options)


def assert_refined(before, after, key="image/encoded"):
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        image, refined = (
            decode_image("x.png", each.features.feature[key].bytes_list.value[0])[0]
            for each in (old, new)
        )
        np.testing.assert_array_equal(refined, 255 - image)
        for each in (old, new):
            each.features.feature[key].bytes_list.value[:] = []
        assert old == new


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_images_are_refined_and_all_else_stays(negative, tmp_path, compression):
    shapes = [(6, 8), (5, 7), (6, 8), (4, 4), (5, 7)]
    name = "sub/train.tfrecord-00000-of-00002"
    examples = [example(shape=shape, mask=b"\x00mask") for shape in shapes]
    write(tmp_path / "in" / name, examples, compression)
    write(tmp_path / "in/test.tfrecords", [example()])
    (tmp_path / "in/notes.txt").write_text("notes")
    report = refine(negative, tmp_path / "in", tmp_path / "out", batch_size=2)
    assert (report.refined, report.copied) == (6, 1)
    before = read(tmp_path / "in" / name, compression)
    assert_refined(before, read(tmp_path / "out" / name, compression))
    lines = {line["input"]: line for line in read_manifest(tmp_path / "out")[1]}
    assert lines[name]["images"] == 5 and lines[name]["action"] == "refined"
    again = refine(negative, tmp_path / "in", tmp_path / "out", batch_size=2)
    assert (again.refined, again.finished_before) == (0, 3)


def test_one_file_and_the_kind_of_image(negative, tmp_path):
    path = tmp_path / "in/data.tfrecord"
    # A single feature with an image is it, whatever its name; a JPEG stays one.
    write(path, [example(**{"image/encoded": None, "left_eye": encode_image("x.jpg", picture())})])
    write_image(tmp_path / "in/other.png", picture())
    refine(negative, path, tmp_path / "out")
    assert not (tmp_path / "out/other.png").exists()
    (refined,) = read(tmp_path / "out/data.tfrecord")
    assert refined.features.feature["left_eye"].bytes_list.value[0].startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([b"no example"], "data.tfrecord, example 0' is no tf.train.Example"),
        (["example", {"image/encoded": b"raw"}], "example 1' has the features .* of which none"),
        ([{"image/encoded": None, "a": "png", "b": "png"}], r"of which \['a', 'b'\] hold a PNG"),
        ([{"image/encoded": "cut"}], "example 0' is damaged or truncated"),
        ([{"image/encoded": "colour"}], "example 0' cannot be refined. It has 3 channels"),
    ],
)
def test_bad_examples(negative, tmp_path, content, expected):
    images = {
        "png": encode_image("x.png", picture()),
        "cut": encode_image("x.png", picture())[:-20],
        "colour": encode_image("x.png", np.zeros((4, 4, 3), "uint8")),
    }
    colour = keras.Sequential([keras.Input((4, 4, 4)), keras.layers.Rescaling(-1.0)])
    records = [
        each
        if isinstance(each, bytes)
        else example(
            **({} if each == "example" else {k: images.get(v, v) for k, v in each.items()})
        )
        for each in content
    ]
    write(tmp_path / "in/data.tfrecord", records)
    network = colour if "colour" in str(content) else negative
    with pytest.raises(ImageError, match=expected):
        refine(network, tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out/data.tfrecord").exists()


def test_a_truncated_file_and_keep_fraction(negative, tmp_path):
    path = tmp_path / "in/data.tfrecord"
    write(path, [example(), example()])
    with pytest.raises(ValueError, match="TFRecord files, from which no image can be left out"):
        refine(negative, tmp_path / "in", tmp_path / "out", critic=lambda x: x, keep_fraction=0.5)
    with pytest.raises(ValueError, match="whose images get no scores"):
        refine(negative, tmp_path / "in", tmp_path / "out", critic=lambda x: x)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ImageError, match="data.tfrecord' is damaged or truncated"):
        refine(negative, tmp_path / "in", tmp_path / "out")


def test_an_example_of_several_images(negative, tmp_path):
    frames = tf.train.BytesList(value=[encode_image("x.png", picture()) for _ in range(3)])
    feature = {"image": tf.train.Feature(bytes_list=frames)}
    film = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    write(tmp_path / "in/films.tfrecord", [film])
    with pytest.raises(ImageError, match="example 0' has 3 values in the feature 'image'; expecte"):
        refine(negative, tmp_path / "in", tmp_path / "out")


def test_a_file_that_changes_while_it_is_read(negative, tmp_path, monkeypatch):
    path = tmp_path / "in/data.tfrecord"
    write(path, [example()])
    by_shape = tfrecords._by_shape

    def change(*arguments):
        write(path, [example(), example()])
        return by_shape(*arguments)

    monkeypatch.setattr(tfrecords, "_by_shape", change)
    with pytest.raises(ImageError, match="data.tfrecord' changes while it is read"):
        refine(negative, tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out/data.tfrecord").exists()
    monkeypatch.undo()
    assert refine(negative, tmp_path / "in", tmp_path / "out").refined == 2


def test_a_full_disk(negative, tmp_path, monkeypatch):
    write(tmp_path / "in/data.tfrecord", [example()])

    def fill(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", fill)
    with pytest.raises(ImageError, match="write '.*/out/data.tfrecord': x; No space left on devi"):
        refine(negative, tmp_path / "in", tmp_path / "out")
    assert not [path for path in (tmp_path / "out").iterdir() if "tfrecord" in path.name]


def test_files_one_after_the_other(negative, tmp_path):
    for name in ("train", "test"):
        write(tmp_path / f"in/{name}.tfrecord", [example()])
        refine(negative, tmp_path / f"in/{name}.tfrecord", tmp_path / "out")
    outputs = [line["output"] for line in read_manifest(tmp_path / "out")[1]]
    assert outputs == ["test.tfrecord", "train.tfrecord"]


def test_a_data_set_of_tensorflow_datasets(negative, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    images = np.stack([picture(28, 28) for _ in range(5)])

    def digits(rows):
        return tf.data.Dataset.from_tensor_slices(
            {"image": images[rows], "label": np.arange(5)[rows]}
        )

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(28, 28, 1)),
            "label": tfds.features.ClassLabel(num_classes=5),
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="digits",
        version="1.0.0",
        data_dir=str(tmp_path / "in"),
        features=features,
        split_datasets={"train": digits(slice(3)), "test": digits(slice(3, 5))},
        disable_shuffling=True,
    )
    folder = tmp_path / "in/digits/1.0.0"
    refine(negative, folder, tmp_path / "out")
    builder = tfds.builder_from_directory(tmp_path / "out")
    for split, rows in {"train": range(3), "test": range(3, 5)}.items():
        examples = list(builder.as_dataset(split=split).as_numpy_iterator())
        assert [int(each["label"]) for each in examples] == list(rows)
        for each, row in zip(examples, rows, strict=True):
            np.testing.assert_array_equal(each["image"], 255 - images[row])
        size = sum(
            len(record)
            for file in (tmp_path / "out").glob(f"*-{split}.tfrecord*")
            for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
        )
        assert builder.info.splits[split].num_bytes == size


def test_data_sets_that_are_not_there():
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ImageError, match="TensorFlow Datasets has no 'no_such_digits'"):
        locate("tfds:no_such_digits")
    with pytest.raises(ImageError, match="'mnist' is not prepared: .*tfds.load"):
        locate("tfds:mnist")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/x.tfrecord", True),
        ("x.tfrecord-00001-of-00010", True),
        ("x.TFRecords.gz", True),
        ("tfrecord.txt", False),
        ("tfrecord", False),
        ("x.tfrecorder", False),
    ],
)
def test_names(name, expected):
    assert is_tfrecord(name) == expected


def test_info_without_splits_stays(tmp_path):
    info = {"name": "x", "splits": [{"name": "train", "numBytes": "7"}]}
    assert json.loads(update_info(json.dumps(info).encode(), tmp_path / "i.json")) == info
