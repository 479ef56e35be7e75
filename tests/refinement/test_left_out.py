"""Labels of images that were left out are taken out, or said; those of kept images stay."""

import csv
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_simgan.refinement._side_cars import belongs_to_left_out
from keras_simgan.refinement._source_images import SourceImages
from keras_simgan.refinement.annotations import rewrite_annotation


def rewritten(name, content, kept, left_out, folder="/renders"):
    content = content if isinstance(content, bytes | str) else json.dumps(content)
    content = content.encode() if isinstance(content, str) else content
    return rewrite_annotation(name, content, folder, "/refined", SourceImages(kept, left_out))


def ann(**fields):
    return {"annotations": [], **fields}


# The second of three is left out.
RECORDS = {
    "label_studio": lambda i: ann(id=i, data={"image": f"images/{i}x.png"}),
    "local_files": lambda i: ann(data={"image": f"/data/local-files/?d=my%20set/images/{i}x.png"}),
    "upload": lambda i: {"image": f"/data/upload/1/1a2b3c4{i}-{i}x.png", "label": "eye"},
    "bucket": lambda i: {"image": f"s3://bucket/images/{i}x.png?versionId=3&x=1"},
    "datumaro": lambda i: ann(id=f"{i}x", image={"path": f"{i}x.png", "size": [8, 8]}),
    "other_case": lambda i: {"file": f"IMAGES\\{i}X.PNG", "x": 1},
    "stem": lambda i: {"image": f"{i}x", "gaze": [0.1, 0.2]},
    "stem_deep": lambda i: {"meta": {"source": {"name": f"images/{i}x"}}, "label": "1x"},
    "row": lambda i: [f"{i}x.png", 3, [1, 2]],
    "stem_row": lambda i: [f"{i}x", "eye", 1],
    "windows": lambda i: {"path": f"C:\\Users\\me\\images\\{i}x.png"},
    "address": lambda i: {"coco_url": f"http://images.org/train/{i}x.png", "id": i},
}
KEPT, LEFT_OUT = ["images/1x.png", "images/3x.png"], ["images/2x.png"]


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("shape", ["list", "lines", "within", "hashes"])
def test_records_of_json(kind, shape):
    items = [RECORDS[kind](i) for i in (1, 2, 3)]
    kept = [items[0], items[2]]
    name = "export.json"
    if shape == "list":
        before, after = json.dumps(items, indent=1), json.dumps(kept, indent=1)
    elif shape == "lines":
        name = "export.jsonl"
        before, after = (
            "".join(json.dumps(item) + "\n" for item in rows) for rows in (items, kept)
        )
    elif shape == "within":
        before, after = ({"info": {}, "all": {"items": rows}} for rows in (items, kept))
        before, after = json.dumps(before), json.dumps(after)
    else:
        before = {f"{i}f3e": item for i, item in enumerate(items)}
        after = {key: item for key, item in before.items() if item is not items[1]}
        before, after = (
            json.dumps({"v": 1, "assets": before}),
            json.dumps({"v": 1, "assets": after}),
        )
    done = rewritten(name, before, KEPT, LEFT_OUT)
    assert done.content.decode() == after
    assert not done.left_out and not done.problem
    assert rewritten(name, before, [*KEPT, *LEFT_OUT], ["images/9x.png"]).content == before.encode()


VIA = {
    "_via_img_metadata": {f"{i}x.png77": {"filename": f"{i}x.png", "size": 77} for i in (1, 2)},
    "_via_image_id_list": ["1x.png77", "2x.png77"],
}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("labels.json", '{"1x": [0], "2x": [1], "3x": [2]}', '{"1x": [0], "3x": [2]}'),
        (
            "split.json",
            '{"train": ["1x", "2x"], "val": ["3x"]}',
            '{"train": ["1x"], "val": ["3x"]}',
        ),
        ("split.json", '{"train": ["2x"], "val": ["3x"]}', '{"train": [], "val": ["3x"]}'),
        ("s.json", '[{"name": "p", "images": ["2x.png"]}]', '[{"name": "p", "images": []}]'),
        (
            "via.json",
            json.dumps(VIA),
            json.dumps(
                {
                    "_via_img_metadata": {"1x.png77": {"filename": "1x.png", "size": 77}},
                    "_via_image_id_list": ["1x.png77"],
                }
            ),
        ),
        ("train.csv", "id,label\n1x,1\n2x,0\n", "id,label\n1x,1\n"),
        ("train.csv", "label,ImageID\n3x,1x\n1x,2x\n", "label,ImageID\n3x,1x\n"),
        ("train.csv", "1X.PNG,1\n2X.PNG,0\n", "1X.PNG,1\n"),
        ("train.csv", "images/1x,0.5,1\nimages/2x,1.5,0\n", "images/1x,0.5,1\n"),
        ("train.txt", "1x\n2x\n3x", "1x\n3x"),
        ("train.txt", "1x 0.5\r\n2x 0.7\r\n", "1x 0.5\r\n"),
        ("train.lst", "0\t1.0\t1x.png\n1\t0.0\t2x.png\n", "0\t1.0\t1x.png\n"),
        ("captions.txt", "1x.png#0\tAn eye\n2x.png#0\tAn ear\n", "1x.png#0\tAn eye\n"),
        ("boxes.txt", "1x.png\n1\n1 2 3 4\n2x.png\n2\n1 2 3 4\n5 6 7 8\n3x.png\n0\n", None),
        ("fold.txt", "images/1x\n1\n1 2 3\nimages/2x\n2\n1 2 3\n4 5 6\n", None),
        ("attributes.txt", "3\nyoung old\n1x.png 1 -1\n2x.png 1 1\n3x.png -1 1\n", None),
    ],
)
def test_tables_and_lists(name, before, after):
    if after is None:  # without the lines of the second image
        after = re.sub(r"(?m)^(?:images/)?2x.*\n(?:[\d ]+\n)*", "", before)
    done = rewritten(name, before, KEPT, LEFT_OUT)
    assert done.content.decode() == after
    assert not done.left_out and not done.problem


def test_coco_results_and_ids_of_another_file(tmp_path):
    images = [{"id": 42, "file_name": "1x.png"}, {"id": 73, "file_name": "2x.png"}]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances.json").write_text(json.dumps({"images": images}))
    results = [{"image_id": 42, "score": 0.2}, {"image_id": 73, "score": 0.3}]
    for name in ("annotations/results.json", "results/r.json"):
        done = rewritten(name, results, KEPT, LEFT_OUT, tmp_path)
        assert json.loads(done.content) == results[:1]
        done = rewritten(name, {"annotations": results}, KEPT, LEFT_OUT, tmp_path)
        assert json.loads(done.content) == {"annotations": results[:1]}
    # Without a file that says which they are.
    done = rewritten("results.json", results, KEPT, LEFT_OUT)
    assert json.loads(done.content) == results
    assert "no file says which image has the image_id 42" in done.problem
    by_name = [{"image_id": 1, "x": 0}, {"image_id": 2, "x": 0}]
    done = rewritten("results.json", by_name, ["000001.png"], ["2.png"])
    assert json.loads(done.content) == by_name[:1]


@pytest.mark.parametrize(
    ("name", "content", "example"),
    [
        ("all.xml", "<a><image name='2x.png'/><image name='1x.png'/></a>", "2x.png"),
        ("data.yaml", "train:\n  - images/1x.png\n  - images/2x.png\n", "images/2x.png"),
        ("data.yaml", "images: [1x.png, 2x.png, 3x.png]\n", "2x.png"),
        ("notes.txt", "The best is 2x.png, says he,\nbut not always.\n", "2x.png"),
        ("notes.txt", "The best is images\\2X, says he,\nbut not always.\n", "images\\2X"),
        ("l.json", '{"about": {"example": "images/2x.png"}}', "images/2x.png"),
        ("l.json", '[{"left": {"f": "1x.png"}, "right": {"f": "2x.png"}}]', "2x.png"),
        ("l.json", '{"html": "<img src=\\"images\\/2x.png\\">"}', "images/2x.png"),
        ("l.json", '{"more": "\\u0032x.png and more"}', "2x.png"),
        ("l.json", '{"file": {"0": "1x.png", "1": "2x.png"}}', "2x.png"),
        ("l.csv", "file,similar\n1x.png,\"['3x.png', '2x.png']\"\n", "2x.png"),
        ("l.csv", "similar,2x\na,1\n", "2x"),
        ("l.txt", "labels/1x.txt labels/2x.txt here\nand there\n", "labels/2x.txt"),
        ("l.json", '{"0": "2x.png is damaged", "1"', "2x.png"),
    ],
)
def test_what_is_still_named_is_said(name, content, example):
    done = rewritten(name, content, KEPT, LEFT_OUT)
    assert done.content == content.encode()
    assert (done.left_out, done.example) == (1, example)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n"),
        ("classes.txt", "cat\ndog\n"),
        ("l.csv", "file,x\n12.png,2\n3.png,1\n"),
        ("l.json", '{"classes": {"1": "cat", "2": "dog"}, "n": [1, 2, 3]}'),
        ("l.json", '{"file": "12.png", "x": 2}'),
        ("notes.txt", "2 of 3 are by 12.png, and 2 by 3.png: 1.2\n"),
    ],
)
def test_numbers_and_words_are_no_names(name, content):
    done = rewritten(name, content, ["12.png", "3.png"], ["2.png", "1.png"])
    assert done.content == content.encode()
    assert not done.left_out and not done.problem


def test_numbers_that_may_be_names_are_said():
    done = rewritten("labels.json", '{"1": [0, 1], "2": [1, 1]}', ["1.png"], ["2.png"])
    assert "numbers that may be names" in done.problem


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("a.txt", "a.png"),
        ("a.xml", "a.JPG"),
        ("x/a.json", "x/a.tiff"),
        ("x/a.png.json", "x/a.png"),
        ("a.npy", "a.bmp"),
        ("A.TXT", "a.png"),
        ("masks/a.png", "a.jpg"),
        ("masks/a.png", "images/a.png"),
        ("labels/train/a.txt", "images/train/a.jpg"),
        ("train/labels/a.txt", "train/images/a.jpg"),
        ("Annotations/a.xml", "JPEGImages/a.jpg"),
        ("annotations/xmls/a.xml", "images/a.jpg"),
        ("training/label_2/a.txt", "training/image_2/a.png"),
        ("training/calib/a.txt", "training/image_2/a.png"),
        ("data_label_2/training/label_2/a.txt", "data_image_2/training/image_2/a.png"),
        ("train/labelTxt-v1.0/a.txt", "train/images/a.png"),
        ("gtFine/train/x/x_1_gtFine_polygons.json", "leftImg8bit/train/x/x_1_leftImg8bit.png"),
        ("gtFine/train/x/x_1_gtFine_labelIds.png", "leftImg8bit/train/x/x_1_leftImg8bit.png"),
        ("camera/train/x/x_1_camera.json", "leftImg8bit/train/x/x_1_leftImg8bit.png"),
        ("openpose/a_keypoints.json", "a.png"),
        ("ch4/gt/gt_img_1.txt", "ch4/images/img_1.jpg"),
        ("ann/a.png.json", "img/a.png"),
        ("PedMasks/a_mask.png", "PNGImages/a.png"),
        ("depth/c/depth_01.png", "rgb/c/rgb_01.jpg"),
        ("a.png___objects.json", "a.png"),
        ("1_mask.png", "1_sat.jpg"),
    ],
)
def test_labels_follow_their_image(name, images):
    other = images.replace("a.", "b.").replace("1", "2")
    assert belongs_to_left_out(name, SourceImages([other], [images])) is True
    assert belongs_to_left_out(name, SourceImages([images], [other])) is False


@pytest.mark.parametrize(
    ("name", "kept", "left_out", "expected"),
    [
        ("labels.csv", [], ["labels.png"], False),
        ("labels.json", [], ["labels.png"], False),
        ("other/a.txt", [], ["a.png"], False),
        ("other/eye7.txt", [], ["eye7.png"], None),
        ("val/labels/a.txt", [], ["train/images/a.jpg"], False),
        ("labels/val/a.txt", ["images/val/a.jpg"], ["images/train/a.jpg"], False),
        ("train_labels/a.txt", ["train/a.jpg"], ["val/a.jpg"], False),
        ("README", [], ["README.png"], False),
        ("masks/a.png", [], ["masks/a.png"], False),
        ("a.txt", ["a.png"], ["a.jpg"], None),
        ("a.png.txt", ["a.jpg"], ["a.png"], True),
        ("a.txt", ["a.png"], ["A.png"], False),
        ("label_2/a.txt", ["image_3/a.png"], ["image_2/a.png"], True),
        ("calib/a.txt", ["image_3/a.png"], ["image_2/a.png"], None),
        ("p1/a.json", ["p1/b.png"], ["p2/a.png"], False),
        ("a_b_label.txt", ["a_b.png"], ["a.png"], False),
        ("train_list.txt", [], ["train.png"], False),
    ],
)
def test_which_image_a_label_belongs_to(name, kept, left_out, expected):
    assert belongs_to_left_out(name, SourceImages(kept, left_out)) is expected


NAMES = ("eye_1.png", "eye 2.png", "sub/eye_3.JPG", "b\xe4r.tif", "7.png", "images/face.bmp")
WORDS = st.one_of(
    *(st.sampled_from(NAMES), st.sampled_from([name.rpartition(".")[0] for name in NAMES])),
    *(st.integers(0, 9), st.booleans(), st.none(), st.text(max_size=4)),
)
JSON = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from([*NAMES, "id", "file", "x"])), inner, max_size=4),
    ),
    max_leaves=12,
)


def names_in(text, names):
    return [name for name in names if re.search(rf"(?<![\w]){re.escape(name)}", text)]


@settings(max_examples=150)
@given(data=JSON, left_out=st.sets(st.sampled_from(NAMES), min_size=1), ascii=st.booleans())
def test_any_json_names_none_that_was_left_out_or_is_said_to(data, left_out, ascii):
    kept = [name for name in NAMES if name not in left_out]
    before = json.dumps(data, ensure_ascii=ascii)
    done = rewritten("l.json", before, kept, left_out)
    after = json.dumps(json.loads(done.content), ensure_ascii=False)
    before = json.dumps(data, ensure_ascii=False)
    assert bool(names_in(after, left_out)) <= bool(done.left_out)
    # Whatever names only images that are kept, and all else, is as it was.
    if not names_in(before, [name.rpartition(".")[0] for name in left_out]):
        assert done.content.decode() == json.dumps(data, ensure_ascii=ascii)


@settings(max_examples=150)
@given(
    rows=st.lists(st.lists(WORDS, min_size=1, max_size=4), max_size=6),
    left_out=st.sets(st.sampled_from(NAMES), min_size=1),
)
def test_any_csv_names_none_that_was_left_out_or_is_said_to(rows, left_out):
    def write(rows):
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        return text.getvalue()

    before = write(rows)
    done = rewritten("l.csv", before, [name for name in NAMES if name not in left_out], left_out)
    if not done.problem:
        assert bool(names_in(done.content.decode(), left_out)) <= bool(done.left_out)
        stems = [name.rpartition(".")[0] for name in left_out]
        kept = [row for row in rows if not names_in(write([row]), stems)]
        for row in kept:
            assert write([row]) in done.content.decode()
