"""Runs pytest once for each backend and closes with one line for all of them.

Keras reads its backend when it is imported, so each backend needs a process of its own, of one
thread (see conftest.py). All run at the same time: they take about equally long on two cores that
way, where one after the other would leave a core idle at the end. No test depends on speed. What
no backend has a part in runs on one of them, the last that is named.

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
#: Files whose code, and all that it imports, knows no Keras: the same whatever the backend.
#: tests/test_architecture.py holds them to it.
NUMPY_ALONE = (
    *(f"tests/test_{name}.py" for name in ("disk", "printable", "ranges")),
    "tests/cli/test_arguments.py",
    "tests/data/eyes/test_renderer.py",
    "tests/attacks/test_bombs.py",
    *(f"tests/data/test_{name}.py" for name in ("files", "images", "labels", "metadata")),
    *(f"tests/data/test_{name}.py" for name in ("label_images", "listing", "sampling")),
    "tests/data/test_unknown_labels.py",
    *(f"tests/evaluation/test_{name}.py" for name in ("augmentation", "sample_options")),
    "tests/metrics/test_domain_classifier.py",
    "tests/metrics/test_estimate.py",
    "tests/metrics/test_frechet_distance.py",
    "tests/metrics/test_image_checks.py",
    "tests/metrics/test_kernel_distance.py",
    "tests/metrics/test_linear_classifier.py",
    "tests/metrics/test_precision_recall.py",
    "tests/metrics/test_similarity.py",
    *(f"tests/refinement/test_{name}.py" for name in ("annotations", "left_out", "scores")),
    *(f"tests/reporting/test_{name}.py" for name in ("chart", "scores")),
    *(
        f"tests/runs/options/test_{name}.py"
        for name in ("cycle", "cyclegan", "gazegan", "numbers", "option", "paired", "simgan")
    ),
)
#: Files that test what becomes of files and names on disk. They load Keras, but a network at most
#: to have one: no backend decides what they test.
OF_FILES = (
    *(
        f"tests/attacks/test_{name}.py"
        for name in ("control_characters", "damaged_runs", "long_names", "planted_links")
    ),
    "tests/attacks/test_special_files.py",
    "tests/data/test_paired.py",
    "tests/evaluation/test_image_folders.py",
    "tests/refinement/test_copying.py",
    "tests/refinement/test_kept_labels.py",
    "tests/refinement/test_source.py",
    "tests/test_one_rule.py",
)
OUTCOMES = ("failed", "error", "passed", "skipped", "xfailed", "xpassed")


def arguments_for(backend: str, backends: list[str], given: list[str]) -> list[str]:
    """Returns pytest's arguments on one of the backends; what is named in them always runs."""
    left_out = () if backend == backends[-1] else (*NUMPY_ALONE, *OF_FILES)
    return [*given, *(f"--ignore={path}" for path in left_out if path not in given)]


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
        results = list(
            pool.map(
                lambda backend: run(
                    backend, arguments_for(backend, options.backends, options.arguments)
                ),
                options.backends,
            )
        )
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
