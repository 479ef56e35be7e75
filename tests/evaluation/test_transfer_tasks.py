import json

import numpy as np
import pytest

from keras_simgan.data import LabelError
from keras_simgan.evaluation import TransferOptions, evaluate


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((24, 2), 20.0), "in radians"),
        (np.zeros(24), "must be the gaze"),
        (np.zeros((24, 3)), "must be the gaze"),
    ],
)
def test_labels_of_other_kinds_are_refused(folders, extractor, values, message):
    for folder in folders.values():
        rows = {f"{row:06d}.png": {"x": value.tolist()} for row, value in enumerate(values)}
        (folder / "labels.json").write_text(json.dumps(rows))
    with pytest.raises(LabelError, match=message):
        evaluate(*folders.values(), transfer=TransferOptions("x"), extractor=extractor)
