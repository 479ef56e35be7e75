import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.refinement._source_images import SourceImages
from keras_simgan.refinement.annotations import rewrite_annotation

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".xml", ".yaml", ".yml")
IMAGES = (
    *("a.png", "b.png", "c d.png", "images/a.jpg", "images/b.jpg"),
    *(
        "train2017/1.jpg",
        "train2017/2.jpg",
        "val2017/1.jpg",
        "JPEGImages/7.jpg",
        "JPEGImages/8.jpg",
    ),
)


def rewritten(name, content, source, destination, dropped, more=()):
    """The new content, where nothing is in the way."""
    kept = [image for image in (*IMAGES, *more) if image not in dropped]
    images = SourceImages(kept, dropped)
    done = rewrite_annotation(name, content, source, destination, images)
    assert not done.problem
    return done.content


@pytest.fixture
def folders(tmp_path):
    """A source whose images exist, empty as no annotation needs their content."""
    for name in IMAGES:
        path = tmp_path / "renders" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "renders", tmp_path / "refined"


@pytest.fixture
def rewrite(folders):
    def call(name, content, dropped=(), source=None, destination=None, problem=""):
        """With SRC and DST for the folders; gives text for text."""
        text = content.replace("SRC", folders[0].as_posix())
        images = SourceImages([image for image in IMAGES if image not in dropped], dropped)
        rewritten = rewrite_annotation(
            name, text.encode(), source or folders[0], destination or folders[1], images
        )
        assert rewritten.problem == problem or (problem and problem in rewritten.problem)
        done = rewritten.content.decode()
        return done.replace(folders[1].as_posix(), "DST").replace(folders[0].as_posix(), "SRC")

    return call


@given(
    name=st.sampled_from([f"a/labels{suffix}" for suffix in SUFFIXES]),
    content=st.one_of(
        st.binary(max_size=300),
        st.text(alphabet='"\\,;\t\r\n{}[]<>/:-#ab.png é\ufeff', max_size=200).map(str.encode),
    ),
    other=st.booleans(),
)
def test_nothing_dropped_and_no_path_is_the_same_to_the_byte(name, content, other):
    images = SourceImages(["a.png"], ["another.png"] if other else [])
    assert rewrite_annotation(name, content, "renders", "refined", images).content == content


# Python's CSV writer leaves a carriage return without quotes.
TEXT = st.text(st.characters(exclude_characters="\r", codec="utf-8"), max_size=8)
TABLE = st.lists(st.tuples(st.sampled_from(["a.png", "b.png"]), TEXT, st.floats()), max_size=6)


@given(rows=TABLE, indent=st.sampled_from([None, 0, 3]), ascii=st.booleans())
def test_any_json_loses_what_was_left_out_and_nothing_else(rows, indent, ascii):
    rows = [{"file": file, "text": text, "value": repr(value)} for file, text, value in rows]
    content = {"about": [1, {"x": "y"}], "rows": rows, "more": {"deep": rows}}
    kept = [row for row in rows if row["file"] != "a.png"]
    encoded = json.dumps(content, indent=indent, ensure_ascii=ascii).encode()
    done = rewritten("l.json", encoded, "renders", "refined", {"a.png"})
    expected = {**content, "rows": kept, "more": {"deep": kept}}
    assert json.loads(done) == expected
    if kept:
        # What is kept looks as before.
        assert done == json.dumps(expected, indent=indent, ensure_ascii=ascii).encode()


@given(rows=TABLE, end=st.sampled_from(["\n", "\r\n"]), delimiter=st.sampled_from(",;\t"))
def test_any_csv_loses_its_rows_and_nothing_else(rows, end, delimiter):
    def write(rows):
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
        writer.writerows([("file", "text", "value"), *rows])
        return text.getvalue().encode()

    kept = [row for row in rows if row[0] != "a.png"]
    done = rewritten("l.csv", write(rows), "renders", "refined", {"a.png"})
    assert done == write(kept)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("labels.csv", "file,x\nSRC/a.png,1\nb.png,2\n", "file,x\nDST/a.png,1\nb.png,2\n"),
        ("l.csv", 'f;x\r\n"SRC/c d.png";"1,5"\r\n', 'f;x\r\n"DST/c d.png";"1,5"\r\n'),
        ("l.tsv", "f\tx\nSRC/a.png\t1", "f\tx\nDST/a.png\t1"),
        ("l.json", '{"p":  "SRC/a.png",\n"q": 1.10}', '{"p":  "DST/a.png",\n"q": 1.10}'),
        ("l.json", '["file://SRC/a.png", "SRC"]', '["file://DST/a.png", "DST"]'),
        ("l.jsonl", '{"p": "SRC/a.png"}\n\n{"p": 1}', '{"p": "DST/a.png"}\n\n{"p": 1}'),
        ("train.txt", "SRC/a.png\nSRC/b.png\n", "DST/a.png\nDST/b.png\n"),
        ("train.txt", "# SRC\nSRC/a.png 3\r\n\n", "# SRC\nDST/a.png 3\r\n\n"),
        ("train.txt", "SRC/a.png SRC/b.png\n", "DST/a.png DST/b.png\n"),
        ("train.txt", "0.5 SRC/c d.png\n", "0.5 DST/c d.png\n"),
        (
            "data.yaml",
            "path: SRC  # root\ntrain: 'SRC/a'\nval: [SRC/b, \"SRC/c\"]\nt:\n  - SRC/d\nnc: 2\n",
            "path: DST  # root\ntrain: 'DST/a'\nval: [DST/b, \"DST/c\"]\nt:\n  - DST/d\nnc: 2\n",
        ),
        (
            "a.xml",
            "<annotation>\n <path>SRC/a.png</path><p f='SRC/b.png'/>\n</annotation>",
            "<annotation>\n <path>DST/a.png</path><p f='DST/b.png'/>\n</annotation>",
        ),
    ],
)
def test_paths_into_the_source_become_paths_into_the_destination(name, before, after, rewrite):
    assert rewrite(name, before) == after


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "file,x\nSRC_old/a.png,1\n/mntSRC/a.png,2\nSRC/../other/a.png,3\n"),
        ("l.json", '{"p": "see SRC/a.png", "q": "SRC2/a.png"}'),
        ("notes.txt", "Rendered to SRC/a.png on Monday.\nAll of it.\n"),
        ("a.txt", "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n"),
        ("data.yaml", "path: ../coco\ntrain: images/train\nnames: {0: cat, 1: dog}\n"),
    ],
)
def test_what_is_no_path_into_the_source_stays(name, content, rewrite):
    assert rewrite(name, content) == content


def test_paths_as_typed_relative_to_where_the_user_is(folders, monkeypatch):
    monkeypatch.chdir(folders[0].parent)

    def done(name, content):
        return rewritten(name, content.encode(), "renders", "refined", set()).decode()

    assert done("l.csv", "f,x\nrenders/a.png,1\n") == "f,x\nrefined/a.png,1\n"
    assert done("l.csv", "f,x\n./renders/a.png,1\n") == "f,x\nrefined/a.png,1\n"
    assert done("l.csv", "f,x\nrenders/none.png,1\n") == "f,x\nrenders/none.png,1\n"
    absolute = f"f,x\n{folders[0]}/a.png,1\n"
    assert done("l.csv", absolute) == absolute.replace(str(folders[0]), str(folders[1]))
    # A word that is no path, and a folder of the same name within the data set.
    assert done("l.json", '{"made of": "renders"}') == '{"made of": "renders"}'
    assert done("d.yaml", "path: renders\nname: renders\n") == "path: refined\nname: renders\n"
    inner = folders[0] / "renders" / "a.png"
    inner.parent.mkdir()
    inner.touch()
    assert done("l.csv", "f,x\nrenders/a.png,1\n") == "f,x\nrenders/a.png,1\n"
    content = b"f,x\nrenders/a.png,1\nrenders/b.png,2\n"
    for dropped, kept in (
        ("renders/a.png", b"f,x\nrefined/b.png,2\n"),
        ("b.png", b"f,x\nrenders/a.png,1\n"),
        ("a.png", b"f,x\nrenders/a.png,1\nrefined/b.png,2\n"),
    ):
        more = ["renders/a.png"]
        assert rewritten("l.csv", content, "renders", "refined", {dropped}, more) == kept


def test_paths_through_a_link(folders, rewrite):
    link = folders[0].parent / "link"
    os.symlink(folders[0], link)
    assert rewrite("l.csv", f"f,x\nSRC/a.png,1\n{link}/b.png,2\n", source=link) == (
        "f,x\nDST/a.png,1\nDST/b.png,2\n"
    )


def test_paths_that_need_escapes(tmp_path):
    source, destination = tmp_path / "a ö&b", tmp_path / 'x,"<ü'
    path, moved = f"{source}/a.png", f"{destination}/a.png"
    for name, encode, decode in [
        ("l.json", json.dumps, json.loads),
        ("l.json", lambda p: json.dumps(p, ensure_ascii=False), json.loads),
        ("l.json", lambda p: json.dumps(p).replace("/", "\\/"), json.loads),
        ("l.csv", lambda p: f"f,x\n{p},1\n", lambda t: list(csv.reader(io.StringIO(t)))[1][0]),
    ]:
        done = rewritten(name, encode(path).encode(), source, destination, set())
        assert decode(done.decode()) == moved
        assert done.isascii() == encode(path).isascii()
        assert (b"\\/" in done) == ("\\/" in encode(path))
    xml = f'<a f="{source}/b"><path>{source}/a.png</path></a>'.replace("&", "&amp;")
    done = rewritten("a.xml", xml.encode(), source, destination, set()).decode()
    whole = str(destination).replace("<", "&lt;")
    assert done == f'<a f="{whole.replace(chr(34), "&quot;")}/b"><path>{whole}/a.png</path></a>'
    yaml = rewritten("d.yaml", f"path: {source}".encode(), source, destination, set())
    assert yaml.decode() == "path: " + json.dumps(str(destination), ensure_ascii=False)


def test_marks_encodings_and_bytes_that_are_no_text(folders):
    source, destination = folders
    text = "\ufefffile;x\r\nb.png;1\r\na.png;2\r\n"
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        done = rewritten("l.csv", text.encode(encoding), source, destination, {"a.png"})
        assert done.decode(encoding) == "\ufefffile;x\r\nb.png;1\r\n"
    latin = "file,name\na.png,J\xf6rg\nb.png,M\xfcller\n".encode("latin-1")
    done = rewritten("l.csv", latin, source, destination, {"a.png"})
    assert done == b"file,name\nb.png,M\xfcller\n"


@pytest.mark.parametrize(
    ("name", "before", "dropped", "after"),
    [
        ("labels.csv", "file,x\na.png,1\nb.png,2", ["b.png"], "file,x\na.png,1\n"),
        ("labels.csv", 'file,x\n"a.png","1\n2"\nb.png,2\n', ["a.png"], "file,x\nb.png,2\n"),
        ("labels.csv", "x,file\n1,SRC/a.png\n2,SRC/b.png\n", ["a.png"], "x,file\n2,DST/b.png\n"),
        ("x/l.csv", "f,x\n../a.png,1\nb.png,2\n", ["a.png", "b.png"], "f,x\n"),
        # The image of this name beside the annotation is another one, and kept.
        ("images/l.csv", "f,x\na.jpg,1\n", ["a.jpg"], None),
        ("labels.json", '{"a.png": {"g": [1]},\n "b.png": {}}', ["a.png"], '{"b.png": {}}'),
        ("labels.json", '{"a.png": {},\n "b.png": {} }', ["b.png"], '{"a.png": {} }'),
        ("labels.json", '{"a.png": 1, "b.png": 2}', ["a.png", "b.png"], "{}"),
        ("l.json", '["a.png", "b.png", "c d.png"]', ["a.png", "c d.png"], '["b.png"]'),
        (
            "l.json",
            '{"1": {"f": "a.png"}, "2": {"f": "b.png"}}',
            ["a.png"],
            '{"2": {"f": "b.png"}}',
        ),
        (
            "l.json",
            '{"labels": [["a.png", 3], ["b.png", 1]]}',
            ["b.png"],
            '{"labels": [["a.png", 3]]}',
        ),
        ("l.json", '{"example": "a.png", "n": 1}', ["a.png"], '{"example": "a.png", "n": 1}'),
        ("metadata.jsonl", '{"f": "a.png"}\n{"f": "b.png"}\n', ["a.png"], '{"f": "b.png"}\n'),
        ("train.txt", "./images/a.jpg\n./images/b.jpg\n", ["images/a.jpg"], "./images/b.jpg\n"),
        ("train.txt", "SRC/a.png 1\nSRC/b.png 2\n", ["a.png"], "DST/b.png 2\n"),
        (
            "train.txt",
            "0.5 a.png 0.6 b.png\n0.7 b.png 0.7 b.png\n",
            ["a.png"],
            "0.7 b.png 0.7 b.png\n",
        ),
        ("train.txt", "c d.png\na.png\n", ["c d.png"], "a.png\n"),
        (
            "l.json",
            '{"train": ["a.png", "b.png"], "val": ["c d.png", "b.png"]}',
            ["a.png"],
            '{"train": ["b.png"], "val": ["c d.png", "b.png"]}',
        ),
        ("notes.txt", "see a.png there\nand b.png now\n", ["a.png"], None),
        ("notes.txt", "a.png is the best\nof all images\n", ["a.png"], None),
        ("ImageSets/Main/train.txt", "7 1\r\n8 -1\r\n", ["JPEGImages/7.jpg"], "8 -1\r\n"),
    ],
)
def test_images_that_were_left_out_are_taken_out(name, before, dropped, after, rewrite):
    assert rewrite(name, before, dropped) == (before if after is None else after)


COCO = {
    "info": {"year": 2017},
    "images": [{"id": 5, "file_name": "1.jpg"}, {"id": 9, "file_name": "2.jpg", "w": 1.50}],
    "annotations": [
        {"id": 1, "image_id": 9, "bbox": [1, 2.0, 3, 4]},
        {"id": 2, "image_id": 5, "bbox": []},
        {"id": 5, "image_id": 9},
    ],
    "categories": [{"id": 5, "name": "eye"}],
}


@pytest.mark.parametrize("indent", [None, 2])
def test_coco_loses_an_image_and_its_annotations(indent, rewrite):
    """Images of one name lie in two folders: the annotation's name says in which."""
    content = json.dumps(COCO, indent=indent)
    done = rewrite("annotations/instances_train2017.json", content, {"train2017/2.jpg"})
    expected = {
        **COCO,
        "images": COCO["images"][:1],
        "annotations": COCO["annotations"][1:2],
    }
    assert done == json.dumps(expected, indent=indent)
    for name, dropped in [("train2017", "val2017/1.jpg"), ("val2017", "train2017/1.jpg")]:
        assert rewrite(f"annotations/instances_{name}.json", content, {dropped}) == content


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("l.json", '{"a.png": {"x": 1}', "not valid JSON"),
        ("l.json", "[" * 100_000, "not valid JSON"),
        ("l.jsonl", '{"f": "a.png"}\n{"f"\n', "not valid JSON"),
        ("l.csv", 'f,x\na.png,"1\n', "a quote is not closed"),
        ("a.xml", "<a><path>a.png</a>", "not well-formed XML"),
        ("l.json", '{"images": ["a.png", "b.png"], "labels": [0, 1]}', "may belong to it"),
        ("l.json", '[["a.png", "b.png"]]', "rows or lists"),
    ],
)
def test_damaged_or_unclear_ones_stay_and_say_why(name, content, why, rewrite):
    assert rewrite(name, content, {"a.png"}, problem=why) == content


def test_a_path_with_a_space_does_not_break_a_line_of_words(rewrite):
    why = "the destination has a space"
    rewrite("train.txt", "SRC/a.png 1\n", destination=Path("/my data"), problem=why)
    assert rewrite("train.txt", "SRC/a.png\n", destination=Path("/my data")) == "/my data/a.png\n"


def test_damaged_utf_16(folders):
    done = rewrite_annotation("l.csv", b"\xff\xfea", *folders, SourceImages(left_out=["a.png"]))
    assert done.content == b"\xff\xfea" and "not valid utf-16-le" in done.problem
