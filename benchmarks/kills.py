"""Does a command that was killed at any moment end as if it had not been, when it is run again?

    KERAS_BACKEND=torch python benchmarks/kills.py      # about 20 minutes on two cores

Kills `train simgan`, `train cyclegan`, `train gazegan`, `refine` and `evaluate`, runs the same
command again, and compares every file of the folder with that of a run that was let alone: names,
bytes, and of HDF5 files all arrays. Moments are chosen, spread over every operation on a file below
the folder (before a file is opened for writing, moved, removed or flushed, before a folder is made,
before an array is written into an HDF5 file and before that is closed), in the middle of writing a
file (the kernel ends the process at a limit of bytes), and at random times. Every third run that
goes on is killed at a random time too. Processes are forked from one that has imported everything,
so that a kill costs seconds. Results go to `benchmarks/results/kills.md`; those of
`benchmarks/results/kills.json`, if there are any, are not measured again.
"""

import argparse
import collections
import importlib
import io
import json
import os
import pkgutil
import platform
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums in one order

import h5py
import keras
import numpy as np

import keras_simgan
from keras_simgan import __version__, cli, presets
from keras_simgan.data import write_folder

RESULTS = Path(__file__).parent / "results"
TRIALS = {"simgan": 100, "cyclegan": 60, "gazegan": 60, "refine": 20, "evaluate": 25}
TIMED = 4  # every so many of the kills at a random time
TWICE = 3  # every so many killed again
WATCHED = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")
TINY = ("--epochs", "3", "--batch-size", "2", "--filters", "2", "--blocks", "1")


class Moments:
    """Counts what a process does to files below a folder; at one of them it ends, or begins to.

    Args:
        folder: The folder.
        last: The moment to end at, from 0; None notes the moments' names and ends at none.
        limit: Instead of ending there, end where a file grows beyond so many bytes from then on.
    """

    def __init__(self, folder: Path, last: int | None, limit: int | None = None):
        self.folder, self.last, self.limit, self.names = str(folder), last, limit, []

    def watch(self) -> None:
        """Begins to count; for the whole life of the process."""
        sys.addaudithook(self._hear)
        for holder, name in ((h5py.File, "close"), (h5py.Group, "create_dataset")):
            self._before(holder, name)
        self._before(os, "fsync")
        # Here, as it can be asked for in the main thread alone. Nothing is limited yet.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def _before(self, holder, name) -> None:
        original = getattr(holder, name)

        def patched(*args, **kwargs):
            self._note(name)
            return original(*args, **kwargs)

        setattr(holder, name, patched)

    def _hear(self, event: str, args: tuple) -> None:
        if event == "open":
            path, mode, flags = args
            writes = set(mode or "") & set("wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            if not writes:
                return
        elif event not in WATCHED:
            return
        if isinstance(args[0], str | Path) and str(args[0]).startswith(self.folder):
            self._note(f"{event} {str(args[0]).removeprefix(self.folder)}")

    def _note(self, name: str) -> None:
        if len(self.names) == self.last:
            if self.limit is None:
                os.kill(os.getpid(), signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))
        self.names.append(name)


def start(words: list, moments: Moments | None, log: Path) -> int:
    """Runs a command in a forked process; returns its number."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    status = 99
    try:
        with log.open("a") as told:
            os.dup2(told.fileno(), 1)
            os.dup2(told.fileno(), 2)
        if moments:
            moments.watch()
        status = cli.main([str(word) for word in words])
        if moments and moments.last is None:
            log.with_suffix(".moments").write_text(json.dumps(moments.names))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def end(child: int) -> int:
    """Waits for a process; returns its exit status, below 0 for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(child: int, seconds: float) -> int:
    """Kills a process after a time, if it has not ended; returns as `end`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return end(child)


def arrays(file) -> dict[str, np.ndarray]:
    """All arrays of an HDF5 file."""
    found = {}
    with h5py.File(file) as held:
        held.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def content(path: Path) -> dict[str, np.ndarray] | bytes:
    """What of a file must be the same."""
    if path.suffix == ".sqlite":  # times of files among others
        return b""
    if path.suffix == ".h5":
        return arrays(path)
    if path.suffix == ".keras":  # a zip archive, which holds the minute it was written in
        with zipfile.ZipFile(path) as file:
            return arrays(io.BytesIO(file.read("model.weights.h5")))
    return path.read_bytes()


def differences(expected: Path, found: Path) -> list[str]:
    """How a folder differs from another, in words."""
    files = [
        {str(path.relative_to(each)) for path in each.rglob("*") if path.is_file()}
        for each in (expected, found)
    ]
    told = [f"missing {name}" for name in sorted(files[0] - files[1])]
    told += [f"left over {name}" for name in sorted(files[1] - files[0])]
    for name in sorted(files[0] & files[1]):
        one, other = content(expected / name), content(found / name)
        if isinstance(one, bytes):
            told += [f"other {name}"] if one != other else []
        elif one.keys() != other.keys():
            told.append(f"other arrays in {name}")
        else:
            worst = [np.max(np.abs(one[k] - other[k].astype(one[k].dtype)), initial=0) for k in one]
            told += [f"{name} differs by {max(worst)}"] if max(worst) or None in worst else []
    return told


def commands(images: Path, runs: Path) -> dict[str, list]:
    """The commands by their names, without the folder that they write into."""
    paths = ["--source", images / "renders", "--target", images / "photos", *TINY]
    cycle = [*paths, "--steps-per-epoch", "1", "--discriminator-layers", "1", "--pool", "3"]
    warmup = ["--refiner-warmup", "1", "--discriminator-warmup", "1", "--history", "4"]
    warmup += ["--steps-per-epoch", "2", "--image-size", "8", "12"]
    sets = ["--synthetic", images / "renders", "--refined", images / "refined"]
    return {
        "simgan": ["train", "simgan", *paths, *warmup, "--out"],
        "cyclegan": ["train", "cyclegan", *cycle, "--crop", "8", "12", "--ema", "0.9", "--out"],
        "gazegan": ["train", "gazegan", *cycle, "--estimator-epochs", "1", "--out"],
        "refine": ["refine", runs / "simgan", images / "renders"],
        "evaluate": [
            *("evaluate", *sets, "--real", images / "photos", "--labels", "kind"),
            *("--steps", "2", "--seeds", "1", "--report"),
        ],
    }


def write_images(folder: Path) -> None:
    """Writes three folders of small labelled images."""
    draw = np.random.default_rng(0)
    for name in ("renders", "photos", "refined"):
        labels = {"gaze": draw.uniform(-0.3, 0.3, (24, 2)), "kind": np.arange(24) % 2}
        write_folder(folder / name, draw.integers(0, 256, (24, 20, 24, 1)).astype("uint8"), labels)


def choose(number: int, names: list[str], seconds: float) -> tuple[str, dict]:
    """The moment of a trial, in words and as arguments."""
    draw = random.Random(number)
    if number % TIMED == 0:
        after = draw.uniform(0, 0.95 * seconds)
        return f"after {after:.2f} of {seconds:.2f} s", {"after": after}
    # One name after the other, so that those that are rare are tried like those that are not.
    kinds = collections.defaultdict(list)
    for at, name in enumerate(names):
        kinds[re.sub(r"part-[0-9a-f]{16}|\d+", "*", name)].append(at)
    last = draw.choice(kinds[sorted(kinds)[(number - number // TIMED - 1) % len(kinds)]])
    limit = draw.choice((10, 300, 3000)) if draw.random() < 0.3 else None
    what = f"within {limit} bytes of a file from" if limit else "before"
    return f"{what} {names[last]} (moment {last} of {len(names)})", {"last": last, "limit": limit}


def usable(out: Path, log: Path) -> str:
    """Whether the preset of a run that was killed can be read."""
    if not (out / "preset").exists():
        return "none"
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            presets.load(out / "preset")
            os._exit(0)
        except BaseException as error:
            with log.open("a") as file:
                file.write(f"preset: {error!r}\n")
            os._exit(1)
    return "broken" if end(child) else "whole"


def measure(name: str, command: list, root: Path, trials: int, done: list[dict]):
    """Yields what became of each trial of a command."""

    def place(folder: str) -> Path:
        (root / folder).mkdir(parents=True, exist_ok=True)
        return root / folder / ("page.html" if name == "evaluate" else "out")

    log = root / f"{name}.log"
    whole, began = place(f"{name}_whole"), time.monotonic()
    # The command's path is part of the page.
    standing = place(name)
    if code := end(start([*command, standing], Moments(standing.parent, None), log)):
        raise SystemExit(f"{name} ended with {code}: {log.read_text()}")
    seconds = time.monotonic() - began
    shutil.rmtree(whole.parent)
    standing.parent.rename(whole.parent)
    names = json.loads(log.with_suffix(".moments").read_text())
    print(f"{name}: {seconds:.1f} s, {len(names)} moments, {len(set(names))} names", flush=True)
    for number in range(trials):
        if any(each["command"] == name and each["number"] == number for each in done):
            continue
        out = place(name)
        told, moment = choose(number, names, seconds)
        after = moment.pop("after", None)
        moments = None if after is not None else Moments(out.parent, **moment)
        log.write_text("")
        child = start([*command, out], moments, log)
        first = end(child) if after is None else kill_after(child, after)
        kills = int(first < 0)
        preset = usable(out, log) if command[0] == "train" else ""
        if number % TWICE == 0 and kills:
            draw = random.Random(number + 0.5)
            kills += kill_after(start([*command, out], None, log), draw.uniform(0, seconds)) < 0
        status = end(start([*command, out], None, log))
        differing = differences(whole.parent, out.parent) if not status else []
        yield {
            **{"command": name, "number": number, "moment": told, "kills": kills},
            **{"preset": preset, "status": status, "differences": differing},
            "told": log.read_text()[-2000:] if status else "",
        }
        shutil.rmtree(out.parent)


def report(trials: list[dict], described: str) -> str:
    """The page of results."""
    rows = []
    for name in TRIALS:
        of = [each for each in trials if each["command"] == name and each["kills"]]
        lost = sum(each["status"] != 0 for each in of)
        differing = sum(bool(each["differences"]) for each in of)
        broken = sum(each["preset"] == "broken" for each in of) if name in list(TRIALS)[:3] else ""
        kills = sum(each["kills"] for each in of)
        rows.append(f"| {name} | {len(of)} | {kills} | {lost} | {differing} | {broken} |")
    failed = [
        f"- {each['command']} {each['number']}, {each['moment']}: status {each['status']}, "
        f"{'; '.join(each['differences']) or each['told'][-300:]}"
        for each in trials
        if each["status"] or each["differences"]
    ]
    lines = (__doc__ or "").strip().splitlines()
    text = "\n".join(lines[1:]).strip("\n")
    return "\n".join(
        [
            "# Kills\n",
            f"{lines[0]}\n\n{text}\n",
            "| command | runs killed | kills | could not go on | ended otherwise | preset "
            "unreadable between kill and next start |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *failed,
            *([""] if failed else []),
            described,
            "",
        ]
    )


def main() -> None:
    """Measures what is not measured yet, and writes the page after each command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commands", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--trials", type=int, help="of each command; default: 20 to 100")
    parser.add_argument("--results", type=Path, default=RESULTS / "kills.json")
    options = parser.parse_args()
    keep = options.results
    trials = json.loads(keep.read_text()) if keep.exists() else []
    described = (
        f"keras {keras.__version__} on {keras.config.backend()}, keras_simgan {__version__}, "
        f"Python {platform.python_version()}; {platform.machine()} CPU, {os.cpu_count()} cores."
    )
    # Whatever takes seconds to import; Keras asks for TensorFlow when it sets a seed.
    for module in pkgutil.walk_packages(keras_simgan.__path__, "keras_simgan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("tensorflow")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_images(root / "images")
        every = commands(root / "images", root)
        if "refine" in options.commands:
            if end(start([*every["simgan"], root / "simgan"], None, root / "first.log")):
                raise SystemExit((root / "first.log").read_text())
            shutil.move(root / "simgan", root / "refiner")
            every["refine"][1] = root / "refiner"
        for name in options.commands:
            count = options.trials or TRIALS[name]
            for trial in measure(name, every[name], root, count, trials):
                trials.append(trial)
                bad = trial["status"] or trial["differences"]
                print(trial if bad else f"{name} {trial['number']}: {trial['moment']}", flush=True)
                keep.write_text(json.dumps(trials, indent=1) + "\n")
            keep.with_suffix(".md").write_text(report(trials, described), encoding="utf-8")


if __name__ == "__main__":
    main()
