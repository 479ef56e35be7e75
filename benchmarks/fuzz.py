"""What becomes of broken files: read, refused with an error that names them, or worse?

    python benchmarks/fuzz.py                        # 10,000 cases: about 10 minutes on two cores
    python benchmarks/fuzz.py --corpus images.zip    # with further images to break
    python benchmarks/fuzz.py --only 137 2041        # these cases again, in this process

Images, annotations, labels, presets, arrays, manifests and records of a refinement are broken by
flipped bits, cuts, extreme numbers, splices and hostile words, as seed and number of a case decide
(`fuzz_mutations.py`), and given to what reads them: `refine_dataset`, `read_image`, `read_labels`,
`from_preset`, `unpaired`, `read_manifest`. A case has FALLEN where another error comes out than the
package's own, or one that does not name the file; where it takes too long or too much memory; where
what is written cannot be read again, or differs; or where the source was changed. Results go to
`benchmarks/results/fuzz.md`, the files of fallen cases to --fallen.
"""

import argparse
import json
import os
import platform
import queue
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
OUTCOMES = ("read", "refused", "FALLEN")


def work(options: argparse.Namespace) -> None:
    """Runs the cases whose numbers come in, a line each, and writes a line of what came of each."""
    from fuzz_cases import Cases, Fallen

    results = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries print what they please
    os.dup2(1, 2)
    cases = Cases(options.seed, options.corpus)
    with tempfile.TemporaryDirectory() as folder:
        cases.run(0, Path(folder))  # what is loaded once is no case's memory
    results.write("ready\n")
    results.flush()
    for line in sys.stdin:
        number = int(line)
        before, start = _peak(reset=True), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcome, detail = cases.run(number, Path(folder)), ""
            except Fallen as error:
                outcome, detail = "FALLEN", str(error)
        seconds, peak = time.monotonic() - start, _peak() - before
        if outcome != "FALLEN" and (seconds > options.seconds or peak > options.memory):
            outcome, detail = "FALLEN", f"took {seconds:.0f} s and {peak:.0f} MiB"
        results.write(
            json.dumps([number, cases.kind(number), outcome, detail, seconds, peak]) + "\n"
        )
        results.flush()


def _peak(reset: bool = False) -> float:
    """The most memory of this process since it was reset, in MiB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Worker:
    """A process that runs cases; one that hangs or takes all memory is ended and begun anew."""

    def __init__(self, options: argparse.Namespace):
        self._options = options
        self._begin()

    def _begin(self) -> None:
        arguments = ["--worker", "--seed", self._options.seed, "--seconds", self._options.seconds]
        arguments += ["--memory", self._options.memory]
        arguments += ["--corpus", self._options.corpus] if self._options.corpus else []
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
            bufsize=1,
        )
        if self._line(600) != "ready\n":
            raise RuntimeError("The worker did not start; its error is above.")
        self._memory = self._resident()

    def _resident(self) -> float:
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0.0
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _line(self, seconds: float, memory: float = float("inf")) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self._process.stdout], [], [], 0.05)[0]:
                return self._process.stdout.readline()
            if self._resident() > memory:
                return "memory"
        return "time"

    def run(self, number: int) -> list:
        """Runs a case: its number, kind, outcome, detail, seconds and MiB."""
        self._process.stdin.write(f"{number}\n")
        start = time.monotonic()
        line = self._line(2 * self._options.seconds, self._memory + 2 * self._options.memory)
        if line.startswith("["):
            return json.loads(line)
        took, memory = time.monotonic() - start, self._resident() - self._memory
        self._process.kill()
        status = self._process.wait()
        why = {"time": "it hangs", "memory": "it takes more and more memory"}
        detail = why.get(line, f"the process ended with {status}")
        self._begin()
        return [number, "", "FALLEN", detail, took, memory]

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def run_all(options: argparse.Namespace) -> list[list]:
    """Runs all cases in the workers."""
    numbers: queue.SimpleQueue = queue.SimpleQueue()
    for number in range(options.cases):
        numbers.put(number)
    results: list[list] = []
    start = time.monotonic()

    def serve() -> None:
        worker = Worker(options)
        while True:
            try:
                number = numbers.get_nowait()
            except queue.Empty:
                break
            results.append(worker.run(number))
            if len(results) % 500 == 0:
                fallen = sum(result[2] == "FALLEN" for result in results)
                seconds = time.monotonic() - start
                print(f"{len(results):,} cases in {seconds:.0f} s, {fallen} fallen", flush=True)
        worker.close()

    threads = [threading.Thread(target=serve) for _ in range(options.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def report(results: list[list], options: argparse.Namespace, seconds: float) -> str:
    """The table of what came of each kind, and the cases that have fallen."""
    kinds = sorted({kind for _, kind, *_ in results})
    lines = [
        "# Broken files",
        "",
        f"`{options.command}`: {len(results):,} cases of seed {options.seed}, "
        f"{seconds / 60:.1f} minutes with {options.workers} processes. FALLEN has what was neither "
        "read nor refused with an error of the package that names the file, took more than "
        f"{options.seconds:g} s or {options.memory:g} MiB, or wrote what differs.",
        "",
        "| file | cases | read | refused | FALLEN | most seconds | most MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in [*kinds, None]:
        of = [result for result in results if kind in (None, result[1])]
        counts = Counter(outcome for _, _, outcome, *_ in of)
        row = [f"`{kind}`" if kind else "all", len(of), *(counts[name] for name in OUTCOMES)]
        row += [f"{max(r[4] for r in of):.1f}", f"{max(r[5] for r in of):.0f}"]
        lines.append(f"| {' | '.join(map(str, row))} |")
    fallen = [result for result in results if result[2] == "FALLEN"]
    lines += ["", *(f"- {number}, `{kind}`: {what}" for number, kind, _, what, *_ in fallen)]
    packages = ("keras", "numpy", "pillow", "opencv-python-headless", "tifffile", "h5py")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    lines += [
        "",
        f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores; "
        f"{versions}.",
    ]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def save(results: list[list], options: argparse.Namespace) -> None:
    """Writes the files of fallen cases down."""
    from fuzz_cases import Cases

    cases = Cases(options.seed, options.corpus)
    for result in results:
        if result[2] == "FALLEN":
            number = result[0]
            result[1] = cases.kind(number)
            options.fallen.mkdir(parents=True, exist_ok=True)
            name = f"seed_{options.seed}_case_{number}_{Path(cases.kind(number)).name}"
            (options.fallen / name).write_bytes(cases.content(number))


def main() -> int:
    """Returns 1 where a case has fallen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--cases", type=int, default=10_000)
    add("--seed", type=int, default=0)
    add("--corpus", metavar="ZIP_OR_FOLDER", help="further images to break")
    add("--workers", type=int, default=2)
    add("--seconds", type=float, default=10.0, help="that a case may take")
    add("--memory", type=float, default=1024.0, help="MiB that a case may take")
    add("--fallen", type=Path, default=Path(tempfile.gettempdir()) / "keras_simgan_fuzz")
    add("--out", type=Path, default=RESULTS / "fuzz.md")
    add("--only", type=int, nargs="+", metavar="NUMBER", help="run these here, with their traces")
    add("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.command = " ".join(["python benchmarks/fuzz.py", *sys.argv[1:]])
    if options.corpus:  # where it lies is nobody's business
        options.command = options.command.replace(options.corpus, Path(options.corpus).name)
    if options.worker:
        work(options)
        return 0
    if options.only:
        from fuzz_cases import Cases

        cases = Cases(options.seed, options.corpus)
        for number in options.only:
            with tempfile.TemporaryDirectory() as folder:
                print(number, cases.kind(number), cases.run(number, Path(folder)), flush=True)
        return 0
    start = time.monotonic()
    results = run_all(options)
    save(results, options)
    text = report(results, options, time.monotonic() - start)
    options.out.write_text(text)
    print(text)
    return int(any(result[2] == "FALLEN" for result in results))


if __name__ == "__main__":
    sys.exit(main())
