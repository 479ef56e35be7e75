import numpy as np

from keras_simgan.data.images import write_image
from keras_simgan.evaluation import evaluate


def test_masks_are_left_out_without_a_manifest_too(folders, extractor):
    for folder in folders.values():
        (folder / "labels.json").unlink()
        write_image(folder / "masks" / "000000.png", np.zeros((16, 16, 1), "uint8"))
    found = evaluate(*folders.values(), extractor=extractor)
    for sample in (found.synthetic, found.refined, found.real):
        assert len(sample) == 24 and "masks/000000.png" not in sample.rows
