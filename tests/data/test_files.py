"""Reading ahead: in order, a little, and no more than there is memory for."""

import threading
import time

import numpy as np
import pytest

from keras_simgan.data import files
from keras_simgan.data.files import note_decoded, read_ahead


class Reader:
    """Reads arrays of some bytes, and knows how much was in memory at once."""

    def __init__(self, sizes, kept=None):
        self.sizes, self.kept, self.lock = sizes, kept, threading.Lock()
        self.running = self.most_running = self.ahead = self.most_ahead = 0

    def __call__(self, name):
        with self.lock:
            self.running += 1
            self.ahead += 1
            self.most_running = max(self.most_running, self.running)
            self.most_ahead = max(self.most_ahead, self.ahead)
        time.sleep(0.002)
        with self.lock:
            self.running -= 1
        note_decoded(self.sizes[name])
        return np.full(self.kept or self.sizes[name], name, "uint8")


def consume(reader, count, seconds=0.0, threads=4):
    for name, result in enumerate(read_ahead(reader, range(count), threads)):
        assert result[0] == name
        with reader.lock:
            reader.ahead -= 1
        time.sleep(seconds)


def test_small_results_are_read_in_threads_32_ahead():
    reader = Reader([10] * 100)
    consume(reader, 100, seconds=0.005)
    assert reader.most_running > 1
    assert 8 < reader.most_ahead <= 33


@pytest.mark.parametrize("kept", [None, 10])
def test_large_ones_are_read_one_by_one(monkeypatch, kept):
    """Also where what is kept of them is small."""
    monkeypatch.setattr(files, "_AHEAD_BYTES", 3000)
    reader = Reader([1000] * 20, kept)
    consume(reader, 20, seconds=0.005)
    assert reader.most_running == reader.most_ahead == 1


def test_results_that_wait_count(monkeypatch):
    monkeypatch.setattr(files, "_AHEAD_BYTES", 10_000)
    reader = Reader([1000] * 30)
    consume(reader, 30, seconds=0.01)
    # Two that are read take 8000; later one is read beside 6 that wait, and one is in use.
    assert reader.most_running <= 2 and 2 <= reader.most_ahead <= 8


def test_small_ones_after_a_large_one_are_fast_again(monkeypatch):
    monkeypatch.setattr(files, "_AHEAD_BYTES", 10_000)
    reader = Reader([100_000] + [10] * 200)
    consume(reader, 201, seconds=0.001)
    assert reader.most_ahead > 8


def test_an_error_comes_where_its_name_was(monkeypatch):
    monkeypatch.setattr(files, "_AHEAD_BYTES", 1)

    def read(name):
        if name == 3:
            raise KeyError(name)
        return np.zeros(10)

    results = read_ahead(read, range(100))
    assert len([next(results) for _ in range(3)]) == 3
    with pytest.raises(KeyError):
        next(results)


def test_who_stops_early_leaves_no_threads(monkeypatch):
    monkeypatch.setattr(files, "_AHEAD_BYTES", 1)
    before = threading.active_count()
    results = read_ahead(lambda name: np.zeros(10), range(100))
    next(results)
    results.close()
    assert threading.active_count() == before
