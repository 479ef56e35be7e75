import warnings

import numpy as np
import pytest

from keras_simgan.data import ImageError, list_images, write_image
from keras_simgan.data.listing import walk_files


def write(folder, *names):
    for i, name in enumerate(names):
        write_image(folder / name, np.full((4, 4, 1), i, "uint8"))


def walk(folder, **options):
    return sorted(walk_files(folder, **options))


def test_the_folder_itself_is_never_judged(tmp_path):
    write(tmp_path / "masks", "1.png", "x/2.png", "labels/3.png")
    assert list_images(tmp_path / "masks") == ["1.png", "x/2.png"]


@pytest.mark.parametrize("name", ["masks/1.png", "1_seg.png"])
def test_labels_only(tmp_path, name):
    write(tmp_path, name, name.replace("1", "2"))
    with pytest.raises(ImageError, match=f"all 2 are labels by .* such as '{name}'.*`label_fold"):
        list_images(tmp_path)
    assert len(list_images(tmp_path, (), ())) == 2


def test_links_to_folders_are_followed(tmp_path):
    write(tmp_path / "shared", "a.png", "deep/b.png")
    write(tmp_path / "source", "1.png")
    (tmp_path / "source/more").symlink_to("../shared")
    assert list_images(tmp_path / "source") == ["1.png", "more/a.png", "more/deep/b.png"]


def test_masks_behind_a_link_are_known(tmp_path):
    write(tmp_path / "shared", "1.png")
    write(tmp_path / "source", "1.png")
    (tmp_path / "source/masks").symlink_to(tmp_path / "shared")
    assert list_images(tmp_path / "source") == ["1.png"]


def test_links_to_files_are_files(tmp_path):
    write(tmp_path, "a.png")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/b.png").symlink_to("../a.png")
    (tmp_path / "source/c.png").symlink_to("b.png")
    assert walk(tmp_path / "source") == ["b.png", "c.png"]


@pytest.mark.parametrize(
    ("link", "to"),
    [
        ("x/loop", "."),
        ("x/loop", ".."),
        ("loop", "../.."),
        ("a_link", "x"),  # what is there has its own name, whatever comes first
        ("z/link", "../x"),
    ],
)
def test_links_that_lead_back_are_left_out_aloud(tmp_path, link, to):
    source = tmp_path / "renders/source"
    write(source, "1.png", "x/2.png", "z/3.png")
    (source / link).symlink_to(to)
    with pytest.warns(UserWarning, match=f"1 links to folders in .*already: '{link}'. Copy"):
        assert walk(source) == ["1.png", "x/2.png", "z/3.png"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(walk(source, warn=False)) == 3


def test_a_folder_is_listed_once_however_many_links_lead_there(tmp_path):
    write(tmp_path / "shared", "a.png", "deep/b.png")
    source = tmp_path / "source"
    write(source, "1.png")
    for link, to in {"b": "shared", "a": "shared", "c": "shared/deep"}.items():
        (source / link).symlink_to(tmp_path / to)
    (tmp_path / "shared/back").symlink_to(tmp_path / "source")
    with pytest.warns(UserWarning, match="3 links .*: 'a/back', 'b', 'c'"):
        assert walk(source) == ["1.png", "a/a.png", "a/deep/b.png"]


def test_a_link_inside_what_is_listed_later(tmp_path):
    """The folder that was followed first is not listed again inside the one around it."""
    write(tmp_path / "shared", "a.png", "deep/b.png")
    write(tmp_path / "source", "1.png")
    (tmp_path / "source/a").symlink_to(tmp_path / "shared/deep")
    (tmp_path / "source/b").symlink_to(tmp_path / "shared")
    assert walk(tmp_path / "source") == ["1.png", "a/b.png", "b/a.png"]


def test_what_a_link_takes_out_of_hiding(tmp_path):
    """Stores of data keep it in a hidden folder, and links to that."""
    write(tmp_path, ".store/1.png", ".store/.deep/2.png")
    (tmp_path / "images").symlink_to(".store")
    assert walk(tmp_path) == ["images/1.png"]


def test_circles_of_links(tmp_path):
    for name, to in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}_folder").mkdir()
        (tmp_path / f"{name}_folder/link").symlink_to(f"../{to}_folder")
    write(tmp_path, "1.png")
    with pytest.warns(UserWarning, match="2 links"):
        assert walk(tmp_path) == ["1.png"]


def test_the_source_may_be_a_link_itself(tmp_path):
    write(tmp_path / "shared", "1.png")
    (tmp_path / "source").symlink_to("shared")
    assert walk(tmp_path / "source") == ["1.png"]


def test_listing_does_not_depend_on_the_order_of_the_disk(tmp_path):
    write(tmp_path / "shared", "1.png")
    (tmp_path / "source").mkdir()
    for name in "zyxab":
        (tmp_path / "source" / name).symlink_to("../shared")
    with pytest.warns(UserWarning, match="4 links .*'b', 'x', 'y', ..."):
        assert walk(tmp_path / "source") == ["a/1.png"]
