"""Makes image_pool.json: which images a pool gives back, call by call.

    KERAS_BACKEND=tensorflow python tests/golden/make_image_pool.py

tests/layers/test_image_pool.py draws the same on each backend and compares exactly.
"""

import json
from pathlib import Path

import keras
import numpy as np

from keras_simgan import layers


def draws() -> list[dict]:
    """For some capacities, batch sizes and seeds: the numbers of the images of every output."""
    cases = [(4, 1, 0), (7, 4, 5), (3, 8, 2**31 - 1), (5, 5, 2**40 + 7)]
    return [
        {"capacity": capacity, "batch": batch, "seed": seed, "outputs": _outputs(*case)}
        for case in cases
        for capacity, batch, seed in [case]
    ]


def _outputs(capacity: int, batch: int, seed: int) -> list[list[int]]:
    pool = layers.ImagePool(capacity, (1, 1, 1), storage="float32", seed=seed)
    outputs = []
    for call in range(12):
        numbers = np.arange(call * batch, (call + 1) * batch, dtype="float32")
        passed_on = pool(numbers.reshape(batch, 1, 1, 1))
        outputs.append([int(n) for n in keras.ops.convert_to_numpy(passed_on).ravel()])
    return outputs


if __name__ == "__main__":
    path = Path(__file__).with_name("image_pool.json")
    path.write_text(json.dumps(draws()).replace("}, {", "},\n {") + "\n")
    print(f"wrote {path}")
