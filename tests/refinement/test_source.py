import warnings

import keras
import numpy as np
import pytest

from keras_simgan.data import write_image
from keras_simgan.networks import Refiner
from keras_simgan.refinement import RefinementError, read_manifest, refine_dataset


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return Refiner((8, 8, 1), filters=2, blocks=1)


@pytest.fixture
def source(tmp_path):
    for i in range(2):
        write_image(tmp_path / f"source/images/{i}.png", np.full((8, 8, 1), 90 * i, "uint8"))
    return tmp_path / "source"


def inputs(out):
    return {line["input"]: line["action"] for line in read_manifest(out)[1]}


def test_labels_behind_a_link_are_copied(network, source, tmp_path):
    """Else the refined set has none, in silence."""
    write_image(tmp_path / "shared/0.png", np.zeros((8, 8, 1), "uint8"))
    (tmp_path / "shared/0.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (source / "labels").symlink_to("../shared")
    refine_dataset(network, source, tmp_path / "out", progress=False)
    assert inputs(tmp_path / "out") == {
        "images/0.png": "refined",
        "images/1.png": "refined",
        "labels/0.png": "copied",
        "labels/0.txt": "copied",
    }
    assert not (tmp_path / "out/labels").is_symlink()
    report = refine_dataset(network, source, tmp_path / "out", progress=False)
    assert report.finished_before == 4


@pytest.mark.parametrize(
    ("link", "to"),
    [("link", "../around"), ("link", "../around/out"), ("x/link", "../../around/out/deep")],
)
def test_links_to_where_the_destination_is(network, source, tmp_path, link, to):
    for name in ("1.png", "out/2.png", "out/deep/3.png"):
        write_image(tmp_path / "around" / name, np.zeros((8, 8, 1), "uint8"))
    (source / "x").mkdir()
    (source / link).symlink_to(to)
    before = sorted(tmp_path.rglob("[!.]*"))
    with pytest.raises(RefinementError, match=rf"'.*{link}' and the destination .* are one folder"):
        refine_dataset(network, source, tmp_path / "around/out", progress=False)
    assert sorted(tmp_path.rglob("[!.]*")) == before


def test_a_circle_is_told_once(network, source, tmp_path):
    (source / "images/loop").symlink_to("..")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = refine_dataset(network, source, tmp_path / "out", progress=False)
    said = [str(warning.message) for warning in caught if "links" in str(warning.message)]
    assert len(said) == 1 and "'images/loop'" in said[0]
    assert report.refined == 2


def test_a_link_in_the_destination_to_where_one_of_the_source_leads(network, source, tmp_path):
    write_image(tmp_path / "shared/0.png", np.zeros((8, 8, 1), "uint8"))
    (source / "labels").symlink_to("../shared")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/labels").symlink_to("../shared")
    before = (tmp_path / "shared/0.png").stat()
    with pytest.raises(RefinementError, match="out/labels' leads into the source '.*labels'"):
        refine_dataset(network, source, tmp_path / "out", overwrite=True, progress=False)
    assert (tmp_path / "shared/0.png").stat() == before
