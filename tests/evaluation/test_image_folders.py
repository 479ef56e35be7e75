import numpy as np

from keras_simgan.data.images import write_image
from keras_simgan.evaluation import evaluate
from keras_simgan.evaluation.image_folders import ImageFolders
from keras_simgan.networks import UNetGenerator
from keras_simgan.refinement import refine_dataset


def test_masks_are_left_out_without_a_manifest_too(folders, extractor):
    for folder in folders.values():
        (folder / "labels.json").unlink()
        write_image(folder / "masks" / "000000.png", np.zeros((16, 16, 1), "uint8"))
    found = evaluate(*folders.values(), extractor=extractor)
    for sample in (found.synthetic, found.refined, found.real):
        assert len(sample) == 24 and "masks/000000.png" not in sample.rows


def test_photos_and_the_label_maps_they_were_made_of(tmp_path):
    for i in range(3):
        write_image(tmp_path / f"maps/{i}.png", np.full((8, 8, 1), i, "uint8"))
    network = UNetGenerator((8, 8, 3), filters=2, depth=2)
    folders = tmp_path / "maps", tmp_path / "photos"
    refine_dataset(
        network,
        *folders,
        label_maps={"classes": 3},
        critic=lambda photos: np.arange(len(photos)),
        keep_fraction=0.5,
        progress=False,
    )
    found = ImageFolders.list(*folders)
    assert found.of["synthetic"].names == ["0.png", "1.png", "2.png"]
    assert found.of["refined"].names == ["1.png", "2.png"]
