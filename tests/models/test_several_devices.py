"""Training on two devices is training on one; what would not be is refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest


def test_two_devices_train_as_one(backend):
    if backend == "torch":
        pytest.skip("see below")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("several_devices.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
        timeout=570,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    expected = (
        "7 samples in batches of 4 make one of 3, which 2 devices cannot share evenly",
        "leave out `steps_per_execution`",
        "Use the policy 'mixed_bfloat16'",
        "made outside of `with strategy.scope",
        "Make it with `synchronized=True`",
    )
    refused = found.pop("refused", expected if backend == "jax" else ())
    for message, pattern in zip(refused, expected, strict=True):
        assert pattern in message
    assert set(found) == {"simgan", "pix2pix"}
    assert max(found.values()) < 1e-5, found


def test_processes_of_torch_that_would_train_alone(compiled_simgan, small_simgan, monkeypatch):
    if keras.config.backend() != "torch":
        pytest.skip("of torch")
    import torch

    compiled_simgan()
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    with pytest.raises(ValueError, match=re.compile("has 4 here.*DataParallel.*Mirrored", re.S)):
        small_simgan().compile()
