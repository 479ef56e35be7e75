"""What is copied beside the images: encodings, old pixels, and what is said of them."""

import base64
import json

import numpy as np
import pytest

from keras_simgan.refinement import copying
from keras_simgan.refinement._old_pixels import is_old
from keras_simgan.refinement._source_images import SourceImages
from keras_simgan.refinement.copying import copy_file
from keras_simgan.refinement.remarks import EMPTIED, MAY_HOLD, OLD, Remarks

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


@pytest.fixture
def copy(tmp_path):
    source, destination = tmp_path / "renders", tmp_path / "refined"

    def call(name, content, kept=("a.png",), left_out=("eye_2.png",)):
        """The copy, its line in the manifest, and what is said at the end."""
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
        remarks = Remarks()
        images = SourceImages(kept, left_out)
        line = copy_file(name, source, destination, images, False, remarks).line
        return (destination / name).read_bytes(), line, list(remarks._files)

    call.source, call.destination = source, destination
    return call


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("ISO-8859-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("shift_jis", "shift_jis"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16", "utf-16-be"),
        ("UTF-16", "utf-8"),  # once it was
        (None, "utf-8"),
    ],
)
def test_xml_is_read_and_written_as_it_declares(copy, declared, encoding):
    start = f"<?xml version='1.0' encoding='{declared}'?>\r\n" if declared else ""
    name = "\u30ab\u30e1\u30e9" if encoding == "shift_jis" else "B\xe4r"
    text = start + (
        f"<annotation><folder>SRC</folder><path>SRC/a.png</path><path><![CDATA[SRC/a.png]]></path>"
        f"<name>{name} &amp; co</name></annotation>"
    )
    before = text.replace("SRC", str(copy.source)).encode(encoding)
    after, line, _ = copy("a.xml", before)
    assert after == text.replace("SRC", str(copy.destination)).encode(encoding)
    assert line["action"] == "rewritten" and "note" not in line


def test_a_destination_that_the_encoding_lacks(tmp_path):
    source, destination = tmp_path / "in", tmp_path / "\u4eee"
    source.mkdir()
    start = "<?xml version='1.0' encoding='latin-1'?>"
    text = f"{start}<a><path>{source}/a.png</path>\xe4</a>"
    (source / "a.xml").write_bytes(text.encode("latin-1"))
    copy_file("a.xml", source, destination, SourceImages(["a.png"]), False, Remarks())
    moved = text.replace(str(source), str(destination)).encode("latin-1", "xmlcharrefreplace")
    assert (destination / "a.xml").read_bytes() == moved


BOMB = b"<!DOCTYPE a [<!ENTITY b '%s'>" + b"".join(
    b"<!ENTITY c%d '%s'>" % (i, b"&%s;" % (b"c%d" % (i - 1) if i else b"b") * 10) for i in range(12)
)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB + b"]><a>&c11;</a>", "it declares entities of its own"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "declares entities"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "its encoding 'klingon' is not known"),
        (b"<?xml version='1.0' encoding='unicode_escape'?><a/>", "encoding 'unicode_escape' is"),
        (b"<?xml version='1.0' encoding='zlib'?><a/>", "encoding 'zlib' is not known"),
        (b"<?xml version='1.0' encoding='ascii'?><a>\xe4</a>", "it is not valid ascii"),
        (b"<a" * 100_000, "not well-formed XML"),
        (b"<a>eye_2.png<a>", r"It names images that were left out, 1 in all, such as 'eye_2.png'"),
    ],
)
def test_xml_that_is_not_read_stays(copy, content, why):
    with pytest.warns(UserWarning, match=why) as caught:
        after, line, _ = copy("a.xml", content)
    assert after == content and line["note"].startswith("copied as it is: it")
    assert len(caught) == 1 and repr(str(copy.source / "a.xml")) in str(caught[0].message)


@pytest.mark.parametrize("key", ["imageData", "image_data", "thumbnail"])
@pytest.mark.parametrize("payload", [PNG, f"data:image/png;base64,{PNG}"])
def test_copies_of_pixels_in_json_become_null(copy, key, payload):
    data = {"shapes": [], "imagePath": "x/a.png", key: payload, "imageHeight": 20}
    before = json.dumps(data, indent=2).encode()
    after, line, said = copy("other.json", before)
    assert after == json.dumps({**data, key: None}, indent=2).encode()
    assert said == [EMPTIED] and line["note"] == "1 copies of images became null"
    assert copy("a.json", json.dumps({key: payload}).encode())[0] == b'{"%s": null}' % key.encode()
    # The only copy of a picture that the source does not have.
    lonely = json.dumps({"imagePath": "none.png", key: payload}).encode()
    after, line, said = copy("other.json", lonely)
    assert after == lonely and said == [MAY_HOLD]


@pytest.mark.parametrize("value", ["null", '""', "1"])
def test_fields_without_pixels_stay(copy, value):
    content = f'{{"imageData": {value}, "thumbnail": "small", "imagePath": "a.png"}}'.encode()
    assert copy("a.json", content) == (content, copy("a.json", content)[1], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("old.zip", b"PK"),
        ("all.tar.gz", b"\x1f\x8b"),
        ("data.mdb", b"\0"),
        ("clip.MP4", b"\0"),
        ("page.html", f'<img src="data:image/png;base64,{PNG}">'.encode()),
        ("l.csv", f'file,image\na.png,"{PNG}"\n'.encode()),
        ("l.json", json.dumps({"mask": PNG}).encode()),
    ],
)
def test_what_may_hold_old_pixels_is_copied_and_said(copy, name, content):
    after, _, said = copy(name, content)
    assert after == content and said == [MAY_HOLD]


def test_caches_of_old_images_are_known(tmp_path):
    images = SourceImages(["images/a.jpg"])
    (tmp_path / "images").mkdir()

    def old(name, array):
        np.save(tmp_path / "x.npy", array, allow_pickle=True)
        (tmp_path / "x.npy").rename(tmp_path / name)
        return is_old(name, tmp_path, images)

    pixels = np.zeros((4, 6, 3), "uint8")
    assert old("images/a.npy", pixels)
    assert old("images/a.npy", pixels[..., :1])
    assert old("labels.cache", np.array({"a": 1}))
    assert not old("images/b.npy", pixels)
    assert not old("a.npy", pixels)
    # A mask, a gaze vector, a depth map: labels.
    assert not old("images/a.npy", pixels[..., 0])
    assert not old("images/a.npy", np.zeros(3))
    assert not old("images/a.npy", np.zeros((4, 6, 1), "float32"))
    for name, expected in (("images/a.npy", False), ("x.cache", False), ("images/Thumbs.db", True)):
        (tmp_path / name).write_bytes(b"no array")
        assert is_old(name, tmp_path, images) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("readme.md", b"The best is `images/eye_2.png`.\n"),
        ("split.names", b"eye_1\neye_2\n"),
        ("all.pkl", b"\x80\x04\x8c\x09eye_2.png\x94\0."),
        ("long.log", b"." * (2**20 - 4) + b" eye_2.png\n"),
        ("l.token", "\ufeffeye_2.png#1\tan eye".encode("utf-16-le")),
        ("all.yaml", b"- eye_2.png\n"),
    ],
)
def test_any_file_that_names_a_left_out_image_is_said(copy, name, content):
    with pytest.warns(UserWarning, match="names images that were left out, 1 in all") as caught:
        after, line, _ = copy(name, content)
    assert after == content and "eye_2" in line["note"]
    assert len(caught) == 1 and repr(str(copy.source / name)) in str(caught[0].message)
    assert "note" not in copy(name, content, left_out=("eye_7.png",))[1]
    assert "note" not in copy(name, content, left_out=("e.png", "2.png"), kept=("eye_2.png",))[1]


def test_large_annotations_are_searched_too(copy, monkeypatch):
    monkeypatch.setattr(copying, "_ANNOTATION_BYTES", 8)
    with pytest.warns(UserWarning, match=r"more than 8 bytes. It names .* such as 'eye_2.png'"):
        content, _, _ = copy("l.csv", b"file,x\neye_2.png,1\n")
    assert content == b"file,x\neye_2.png,1\n"


def test_remarks_are_said_once_with_a_count():
    remarks = Remarks()
    for i in range(5):
        remarks.add(OLD, f"{i}.npy")
    with pytest.warns(
        UserWarning, match=r"'renders': 5 files were left out, .*: '0.npy', "
    ) as said:
        remarks.warn("renders")
    assert len(said) == 1
