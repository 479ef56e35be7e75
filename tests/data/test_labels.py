import codecs
import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.data import (
    ImageError,
    LabelError,
    read_folder,
    read_labels,
    write_folder,
    write_image,
)

images = np.zeros((3, 4, 6, 1), "uint8")
NAMES = ["a.png", "b.png", "c.png"]


def test_round_trip(tmp_path):
    labels = {
        "gaze": np.array([[0.1, -0.2], [0.3, 0.4], [0.5, 1 / 3]]),
        "person": np.array(["p00", "p01", "p00"]),
        "number": np.array(["007", "1e5", "12"]),
        "eye": np.array([0, 1, 0]),
        "open": np.array([True, False, True]),
        "landmarks": np.arange(12.0).reshape(3, 2, 2),
        "id": np.array([2**64 - 1, 2**63, 2**60 + 1], "uint64"),
        "gaze_0": np.array([1.0, 2.0, 3.0]),
        "gaze_1": np.array([1.0, 2.0, 3.0]),
    }
    write_folder(tmp_path / "eyes", images, labels)
    names, again = read_folder(tmp_path / "eyes")
    assert names == ["000000.png", "000001.png", "000002.png"]
    assert again.keys() == labels.keys()
    for field in labels:
        np.testing.assert_array_equal(again[field], labels[field])
        assert again[field].dtype.kind == labels[field].dtype.kind
    with pytest.raises(ImageError, match="exists already"):
        write_folder(tmp_path / "eyes", images)
    with pytest.raises(LabelError, match="has 2 rows; expected 3"):
        write_folder(tmp_path / "other", images, {"gaze": np.zeros(2)})


def test_missing_values_survive_a_round_trip(tmp_path):
    gaze = np.array([[0.1, np.nan], [0.3, 0.4], [np.inf, 0.2]])
    write_folder(tmp_path, images, {"gaze": gaze})
    with pytest.warns(UserWarning, match=r"lacks values: 1 of 3 in 'gaze' \('000000.png'"):
        np.testing.assert_array_equal(read_folder(tmp_path)[1]["gaze"], gaze)


def test_csv_follows_the_names_not_the_rows(tmp_path):
    write_folder(tmp_path, images[:2], names=["a.png", "sub/b.png"])
    (tmp_path / "labels.csv").write_text(
        "\ufefffile,pitch,count,who\n.\\sub\\b.png,0.5,2,me\n./a.png,-1.5e-1,3,7\n", "utf-8"
    )
    names, labels = read_folder(tmp_path)
    assert names == ["a.png", "sub/b.png"]
    np.testing.assert_array_equal(labels["pitch"], [-0.15, 0.5])
    assert labels["count"].tolist() == [3, 2] and labels["count"].dtype.kind == "i"
    assert labels["who"].tolist() == ["7", "me"]


def test_no_labels(tmp_path):
    write_folder(tmp_path, images)
    assert read_folder(tmp_path)[1] == {}


def read(folder, *cells, names=None, field="x"):
    """The labels of a CSV file of one column."""
    names = names or [f"{row}.png" for row in range(len(cells))]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("file", field), *zip(names, cells, strict=True)])
    (folder / "labels.csv").write_bytes(text.getvalue().encode())
    return read_labels(folder, names)[field]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2", "0"], [1, -2, 0]),
        (["1", " -2.5", ".5"], [1.0, -2.5, 0.5]),
        (["1e-05", "-3.5E+02", "1e+20"], [1e-05, -350.0, 1e20]),
        (["1e5", "0.5", "12"], [1e5, 0.5, 12.0]),
        (["0.5", "inf", "-Infinity"], [0.5, math.inf, -math.inf]),
        (["-0", "1", "2"], [0.0, 1.0, 2.0]),
        (["[0.1, 0.2]", "(1, 2)", " [ 3.  4.5]"], [[0.1, 0.2], [1, 2], [3, 4.5]]),
        (["[[1 2]\n [3 4]]", "[[5, 6], [7, 8]]"], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),
        (["[1, 2]", "[3, 4]"], [[1, 2], [3, 4]]),
    ],
)
def test_numbers_and_vectors(tmp_path, cells, expected):
    found = read(tmp_path, *cells)
    assert found.tolist() == expected
    assert found.dtype == np.array(expected).dtype


@pytest.mark.parametrize(
    "cells",
    [
        ["007", "p01", "1e5"],
        ["007", "8", "12"],
        ["1_2", "1_3", "12"],
        ["1e5", "12", "3e1"],  # as likely names
        ["+1", "2"],
        ["0x1F", "2"],
        ["1,5", "2,5"],
        ["NA", "NA"],
        ["NA", "DE"],
        ["True", "False"],
        [" x ", "line\nbreak", '"quoted", twice'],
        ["12345678901234567890123", "1"],
        ["9007199254740993", ""],  # a float would make it ...992
        ["9" * 400, "1.5"],
        ["1e999", "1.0"],
        ["٣", "1"],
        ["[sic]", "[1, 2]"],
        ["[0.1, 0.2", "[1, 2]"],
        ["[1,,2]", "[1, 2]"],
        ["[007, 1]", "[1, 2]"],
        ["[" * 5000, "x"],
        ["0.1 0.2", "0.3 0.4"],
    ],
)
@pytest.mark.filterwarnings("ignore:.*lacks values")
def test_everything_else_is_text_unchanged(tmp_path, cells):
    assert read(tmp_path, *cells).tolist() == cells


@pytest.mark.parametrize(
    ("cells", "expected", "said"),
    [
        (["0.1", "", "0.3"], [0.1, np.nan, 0.3], r"1 of 3 in 'x' \(line 3\)"),
        (["1", "NA", "nan"], [1, np.nan, np.nan], r"2 of 3 in 'x' \(line 3\)"),
        (["", "", ""], [np.nan] * 3, r"3 of 3 in 'x' \(line 2\)"),
        (["nan", "", "-nan"], [np.nan] * 3, "3 of 3 in 'x'"),
        (["[1, 2]", "", "[3, nan]"], [[1, 2], [np.nan] * 2, [3, np.nan]], "2 of 3 in 'x'"),
    ],
)
def test_missing_numbers_are_nan_and_said_once(tmp_path, cells, expected, said):
    with pytest.warns(UserWarning, match=said) as caught:
        np.testing.assert_array_equal(read(tmp_path, *cells), expected)
    assert len(caught) == 1 and "labels.csv" in str(caught[0].message)


def test_missing_text_is_empty(tmp_path):
    with pytest.warns(UserWarning, match=r"1 of 3 in 'x' \(line 3\)\. They are .* empty in text"):
        assert read(tmp_path, "me", "", "you").tolist() == ["me", "", "you"]


def test_a_column_is_typed_by_all_of_its_rows(tmp_path):
    text = "file,x\na.png,007\nb.png,1\nelsewhere.png,p01\n"
    (tmp_path / "labels.csv").write_text(text)
    with pytest.warns(UserWarning, match="2 of 3 labels"):
        assert read_labels(tmp_path, ["b.png"])["x"].tolist() == ["1"]


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_floats_round_trip(tmp_path_factory, values):
    found = read(tmp_path_factory.getbasetemp(), *map(repr, values))
    assert found.tolist() == values and found.dtype == "float64"


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_round_trip(tmp_path_factory, values):
    found = read(tmp_path_factory.getbasetemp(), *map(str, values))
    assert found.tolist() == values and found.dtype == "int64"


@given(st.data(), st.integers(1, 3), st.integers(1, 4))
def test_vectors_round_trip_as_python_and_numpy_print_them(tmp_path_factory, data, rows, size):
    numbers = st.floats(-1e6, 1e6, width=32)
    vectors = st.lists(numbers, min_size=size, max_size=size)
    values = data.draw(st.lists(vectors, min_size=rows, max_size=rows))
    folder = tmp_path_factory.getbasetemp()
    for form in (str, lambda value: str(tuple(value)) if size > 1 else str(value)):
        assert read(folder, *map(form, values)).tolist() == values
    exact = {"floatmode": "unique", "precision": None}
    found = read(folder, *(np.array2string(np.array(v, "float32"), **exact) for v in values))
    np.testing.assert_array_equal(found.astype("float32"), np.array(values, "float32"))


# As CSV files have it: what a reader takes for a line's end is kept inside quotes, but no NUL.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=9)


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_text_round_trips_beside_a_word(tmp_path_factory, cells):
    cells = ["word", *cells]
    assert read(tmp_path_factory.getbasetemp(), *cells).tolist() == cells


@given(st.lists(st.from_regex(r"0[0-9]{1,6}|[0-9]{1,3}_[0-9]{1,3}", fullmatch=True), min_size=1))
def test_names_of_digits_round_trip(tmp_path_factory, cells):
    assert read(tmp_path_factory.getbasetemp(), *cells).tolist() == cells


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("file,gaze_0,gaze_1", {"gaze": [[1, 0.5], [2, 0.25]]}),
        ("file,gaze_1,gaze_0", {"gaze": [[0.5, 1], [0.25, 2]]}),
        ("file,gaze[0],gaze[1]", {"gaze": [[1, 0.5], [2, 0.25]]}),
        ("file,gaze_1,gaze_2", {"gaze_1": [1, 2], "gaze_2": [0.5, 0.25]}),
        ("file,gaze_0,gaze", {"gaze_0": [1, 2], "gaze": [0.5, 0.25]}),
        ("file,gaze_0,gaze_01", {"gaze_0": [1, 2], "gaze_01": [0.5, 0.25]}),
    ],
)
def test_numbered_columns_are_one_vector(tmp_path, header, expected):
    (tmp_path / "labels.csv").write_text(f"{header}\na.png,1,0.5\nb.png,2,0.25\n")
    found = read_labels(tmp_path, NAMES[:2])
    assert {field: values.tolist() for field, values in found.items()} == expected


def test_numbered_columns_stay_apart_beside_their_name_or_as_text(tmp_path):
    (tmp_path / "labels.csv").write_text("file,x_0,x_1,x,y_0,y_1\na.png,1,2,3,4,left\n")
    assert list(read_labels(tmp_path, ["a.png"])) == ["x_0", "x_1", "x", "y_0", "y_1"]


TABLE = "file,who\na.png,Zoë\nb.png,李\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.encode(),
        *(mark + TABLE.encode(name) for mark, name in (
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
            (b"", "utf-16-le"),
            (b"", "utf-16-be"),
        )),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\r").encode(),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", "\t").encode("utf-16"),
        TABLE.replace("\n", ",,\n").encode() + b"\n,,,\n",  # as spreadsheet programs leave it
    ],
)  # fmt: skip
@pytest.mark.parametrize("given", [None, "latin-1"])
def test_what_a_file_says_of_its_encoding_and_form(tmp_path, content, given):
    (tmp_path / "labels.csv").write_bytes(content)
    if given and content.isascii() is False and b"\xc3\xab" in content and content[0] == ord("f"):
        return  # UTF-8 without a mark does not say it
    found = read_labels(tmp_path, NAMES[:2], labels_encoding=given)
    assert found["who"].tolist() == ["Zoë", "李"]


@pytest.mark.parametrize("file", ["labels.csv", "labels.json"])
def test_other_encodings_are_named_in_the_error_and_read_by_option(tmp_path, file):
    json_text = '{"a.png":\n {"who": "Zoë"}}'
    text = "file,who\na.png,Zoë\n" if file == "labels.csv" else json_text
    (tmp_path / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(LabelError, match=rf"{file}' is not in .* utf-8: line 2 has the byte 0xeb"):
        read_labels(tmp_path, ["a.png"])
    write_image(tmp_path / "a.png", images[0])
    for found in (
        read_labels(tmp_path, ["a.png"], labels_encoding="latin-1"),
        read_folder(tmp_path, labels_encoding="cp1252")[1],
    ):
        assert found["who"].tolist() == ["Zoë"]
    with pytest.raises(LabelError, match="no text encoding 'klingon'"):
        read_labels(tmp_path, ["a.png"], labels_encoding="klingon")
    with pytest.raises(LabelError, match="no text encoding 'hex'"):
        read_labels(tmp_path, ["a.png"], labels_encoding="hex")


def test_json_with_a_byte_order_mark(tmp_path):
    (tmp_path / "labels.json").write_bytes(b'\xef\xbb\xbf{"a.png":{"x":1}}')
    assert read_labels(tmp_path, ["a.png"])["x"].tolist() == [1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ('[1, "a", true]', ["1", "a", "true"]),
        ('["007", "1e5", "0.5"]', ["007", "1e5", "0.5"]),
        ("[1, 2.5, 3]", [1.0, 2.5, 3.0]),
        ("[true, false, true]", [True, False, True]),
        ("[12345678901234567890123, 1, 2]", ["12345678901234567890123", "1", "2"]),
        ('[{"b": [1]}, {}, {"b": null}]', ['{"b": [1]}', "{}", '{"b": null}']),
        ('[["a", "b"], ["c", "d"], ["e", "f"]]', [["a", "b"], ["c", "d"], ["e", "f"]]),
        ("[[], [], []]", [[], [], []]),
    ],
)
def test_values_of_json(tmp_path, values, expected):
    rows = ", ".join(
        f'"{name}": {{"x": {json.dumps(value)}}}'
        for name, value in zip(NAMES, json.loads(values), strict=True)
    )
    (tmp_path / "labels.json").write_text(f"{{{rows}}}")
    assert read_labels(tmp_path, NAMES)["x"].tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 3], [1, np.nan, 3]),
        ([True, None, False], [1, np.nan, 0]),
        ([[1, 2], None, [3, None]], [[1, 2], [np.nan] * 2, [3, np.nan]]),
        (["a", None, "c"], ["a", "", "c"]),
    ],
)
def test_null_is_missing(tmp_path, values, expected):
    rows = {name: {"x": value} for name, value in zip(NAMES, values, strict=True)}
    (tmp_path / "labels.json").write_text(json.dumps(rows))
    with pytest.warns(UserWarning, match="in 'x' .'b.png'"):
        np.testing.assert_array_equal(read_labels(tmp_path, NAMES)["x"], expected)


@pytest.mark.parametrize(
    "file, content, match",
    [
        ("labels.csv", "file,x\nA.jpg,1\nB.jpg,2\n", "No name in .*'A.jpg', 'B.jpg'.*'a.png'"),
        ("labels.csv", "file,x\na.png,1\n", "no label for 1 of 2 images: 'b.png'"),
        ("labels.csv", "file,x\na.png,1\n\nB.PNG,1\nb.pgn,2\n", r"Is 'b.pgn' \(line 5\) meant"),
        ("labels.csv", "a.png,1\nb.png,2\n", "first line, .'a.png', '1'., is taken for the header"),
        ("labels.csv", "file,x\na.png,1\na.png,2\n", "'a.png' twice: line 2 and line 3"),
        ("labels.csv", "file,x\na.png,1\n./a.png,2\n", "'a.png' twice: line 2 and line 3"),
        ("labels.csv", "file,x\na.png,1,5\n", "has 3 cells in line 2; its header has 2"),
        ("labels.csv", 'file,x\n\n"a.png","1\n2"\nb.png\n', "has 1 cells in line 5"),
        ("labels.csv", 'file,x\na.png,"1\nb.png,2\n', "not a table in line 2: unexpected end"),
        ("labels.csv", f"file,x\na.png,{'1' * 140_000}\n", "not a table in line 2: field larger"),
        ("labels.csv", "", "has the header"),
        ("labels.csv", "file\na.png\n", "has the header"),
        ("labels.csv", "file,x,x\na.png,1,2\n", "two columns named 'x'"),
        ("labels.csv", "file,,x\na.png,1,2\n", "a column without a name"),
        ("labels.csv", "file,x\na.png,[1]\nb.png,\"[1, 2]\"\n", "line 3 has .1, 2., line 2 "),
        ("labels.json", "{", "not valid JSON: .* line 1 column 2"),
        ("labels.json", "[" * 100_000, "not valid JSON: "),
        ("labels.json", f'{{"a.png": {{"x": {"1" * 5000}}}}}', "not valid JSON: "),
        ("labels.json", "[1]", "another structure"),
        ("labels.json", '{"a.png": 1, "b.png": 2}', "another structure"),
        ("labels.json", '{"a.png": {"x": 1}, "a.png": {"x": 2}}', "key 'a.png' twice"),
        ("labels.json", '{"a.png": {"x": 1}, "b.png": {"y": 2}}', "'b.png' the fields"),
        ("labels.json", '{"a.png": {"x": [1]}, "b.png": {"x": [1, 2]}}', "'b.png' has .1, 2"),
    ],
)  # fmt: skip
def test_bad_labels(tmp_path, file, content, match):
    (tmp_path / file).write_text(content)
    with pytest.raises(LabelError, match=match) as caught:
        read_labels(tmp_path, NAMES[:2])
    assert file in str(caught.value)


def test_two_label_files(tmp_path):
    (tmp_path / "labels.csv").touch()
    (tmp_path / "labels.json").touch()
    with pytest.raises(LabelError, match="both labels.csv and labels.json. Keep one"):
        read_labels(tmp_path, NAMES)


def test_labels_without_image_are_counted(tmp_path):
    rows = {name: {"x": i} for i, name in enumerate(["z.png", *NAMES])}
    (tmp_path / "labels.json").write_text(json.dumps(rows))
    with pytest.warns(UserWarning, match="1 of 4 labels"):
        assert read_labels(tmp_path, NAMES)["x"].tolist() == [1, 2, 3]
