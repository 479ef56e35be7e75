"""Runs pytest once for each backend and closes with one line for all of them.

Keras reads its backend when it is imported, so each backend needs a process of its own, of one
thread (see conftest.py). All run at the same time: they take about equally long on two cores that
way, where one after the other would leave a core idle at the end. No test depends on speed.

    python tests/run.py [--backends tensorflow jax torch] [-- arguments of pytest]
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ("failed", "error", "passed", "skipped", "xfailed", "xpassed")


def run(backend: str, arguments: list[str]) -> tuple[int, collections.Counter]:
    """Returns pytest's exit status and how many tests had which outcome."""
    environment = {
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "pytest", "--color=no", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    last = ""
    for line in process.stdout:
        print(f"{backend:>10} | {line}", end="", flush=True)
        last = line if line.strip() else last
    counts = collections.Counter()
    for number, word in re.findall(r"(\d+) ([a-z]+)", last):
        word = word.removesuffix("s") if word == "errors" else word
        if word in OUTCOMES:
            counts[word] += int(number)
    return process.wait(), counts


def main() -> int:
    """Returns 0 where every backend's tests passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax", "torch"])
    parser.add_argument("arguments", nargs="*", help="arguments of pytest, after --")
    options = parser.parse_args()
    start, total, failed = time.monotonic(), collections.Counter(), []
    with ThreadPoolExecutor(len(options.backends)) as pool:
        results = list(pool.map(lambda backend: run(backend, options.arguments), options.backends))
    for backend, (status, counts) in zip(options.backends, results, strict=True):
        total += counts
        if status:
            failed.append(f"{backend} (pytest's exit status {status})")
    if failed:
        print(f"Failed on: {', '.join(failed)}")
        if not total["failed"] + total["error"]:
            total["error"] += len(failed)
    parts = [f"{total[word]} {word}" for word in OUTCOMES if total[word]]
    print(f"===== {', '.join(parts) or 'no tests ran'} in {time.monotonic() - start:.2f}s =====")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
