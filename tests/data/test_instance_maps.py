import numpy as np
import pytest

from keras_simgan.data import ImageError, instance_edges, write_image
from keras_simgan.data.instance_maps import InstanceMaps


def test_edges_by_hand():
    ids = np.array([[5, 5, 5, 5], [5, 9, 5, 5], [5, 5, 5, 5], [5, 5, 5, 70000]])
    expected = [[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]]
    edges = instance_edges(ids[None])
    assert edges.dtype == "float32"
    np.testing.assert_array_equal(edges, [expected])
    np.testing.assert_array_equal(instance_edges(ids[None, ..., None])[..., 0], [expected])


def test_edges_do_not_reach_into_the_next_image():
    ids = np.zeros((2, 3, 3), int)
    ids[1] = 4
    assert not instance_edges(ids).any()
    assert instance_edges(ids.reshape(1, 6, 3)).sum() == 6


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4, 2), (1, 1, 4, 4, 1)])
def test_edges_need_one_channel(shape):
    with pytest.raises(ValueError, match=r"expected \(batch, height, width\)"):
        instance_edges(np.zeros(shape, int))


def test_ids_of_16_bits_come_back_whole(tmp_path):
    ids = np.array([[0, 255], [26003, 65535]], "uint16")[..., None]
    write_image(tmp_path / "a.png", ids)
    maps = InstanceMaps()
    found = maps.fit(maps.read(tmp_path / "a.png"), tmp_path / "a.png")
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, ids)


def test_what_are_no_ids(tmp_path):
    maps = InstanceMaps()
    write_image(tmp_path / "a.png", np.zeros((2, 2, 3), "uint8"))
    with pytest.raises(ImageError, match=r"a\.png' has 3 channels; expected one, of ids"):
        maps.fit(maps.read(tmp_path / "a.png"), tmp_path / "a.png")
    with pytest.raises(ImageError, match="ids from 0 to 4294967296, which do not fit 32 bits"):
        maps.array(np.array([[[0, 2**32]]]), "instances")
    with pytest.raises(ImageError, match="`instances` has the shape .* and the type float64"):
        maps.array(np.zeros((1, 2, 2)), "instances")
