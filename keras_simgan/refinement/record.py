"""What a refinement has written into its destination, so that a later run can go on from there."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from keras_simgan.disk import copy_regular, remove_unfinished

RECORD = ".keras_simgan.sqlite"

#: What is known of a file. Of `BEGUN` ones the destination may hold a result of ours. `SKIPPED`
#: ones could not be refined: the next run tries again.
TODO, BEGUN, FINISHED, REJECTED, SKIPPED = range(5)
_PAGE = 4096


class RefinementError(ValueError):
    """A refinement that cannot go on. The message says why, and the way out."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        name: The file, relative to source and destination.
        line: Its line in the manifest.
        source: `fingerprint` of the input that was read; of several, one after the other.
        scores: Of an image, by name.
    """

    name: str
    line: dict
    source: list[int] | None = None
    scores: dict[str, float] | None = None


class Record:
    """The record of one destination folder, and the lock on it.

    It is an SQLite database, so that a million files take no more memory than a thousand, a run
    may be killed at any moment, and two runs exclude each other. Before files are written it says
    so; when they are written it keeps the size and time of change of each input and output. So the
    next run knows which files are finished, which are half done and its own, and which are
    somebody else's.

    Args:
        folder: The destination; made when missing.
        settings: What the results depend on: weights, direction, tiles. JSON values.
        overwrite: Whether to start anew where the record holds results of other settings.

    Raises:
        RefinementError: If another run has the lock, the record holds results of other settings,
            or it cannot be read or written.
    """

    def __init__(self, folder: Path, settings: dict, overwrite: bool = False):
        self.folder, self.path = folder, folder / RECORD
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RefinementError(f"Cannot write to {str(folder)!r}: {error.strerror}.") from error
        self._refuse_links()
        with self._explained():
            self._database = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            with self._explained():
                self._open(settings, overwrite)
        except BaseException:
            self._database.close()
            raise

    def _refuse_links(self) -> None:
        # SQLite would write into whatever file a link of one of these names leads to.
        for ending in ("", "-wal", "-shm", "-journal"):
            path = self.path.with_name(RECORD + ending)
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(path)
                if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                    raise RefinementError(
                        f"{str(path)!r}, which holds the record of a refinement, is a link or no "
                        "regular file, and may lead to a file of somebody else. Replace it by a "
                        "copy, or remove it and start into an empty destination."
                    )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise RefinementError(
                    f"Another run is refining into {str(self.folder)!r}. Wait for it, or choose "
                    "another destination."
                ) from error
            raise RefinementError(
                f"The record {str(self.path)!r} cannot be written: {error}. Is the disk full, or "
                "the folder read-only? What is finished stays; run again to go on."
            ) from error
        except (sqlite3.DatabaseError, json.JSONDecodeError, KeyError) as error:
            raise RefinementError(
                f"The record {str(self.path)!r} is damaged ({error}). Remove it, and either empty "
                "the destination or pass `overwrite=True`."
            ) from error

    def _open(self, settings: dict, overwrite: bool) -> None:
        execute = self._database.execute
        # Exclusive: the lock is held from the first transaction until the end of the run, also on
        # systems without flock.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = OFF")  # a killed process loses nothing, a power cut may
        execute("BEGIN EXCLUSIVE")
        execute("CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT)")
        execute(
            "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, kind TEXT, state INTEGER, "
            "run INTEGER, source TEXT, result TEXT, line TEXT) WITHOUT ROWID"
        )
        execute(
            "CREATE TABLE IF NOT EXISTS scores (name TEXT, score TEXT, value REAL, "
            "PRIMARY KEY (name, score)) WITHOUT ROWID"
        )
        execute("CREATE INDEX IF NOT EXISTS by_state ON files (kind, state, name)")
        self._run = (execute("SELECT max(run) FROM files").fetchone()[0] or 0) + 1
        known = execute("SELECT value FROM memory WHERE key = 'settings'").fetchone()
        settings = json.loads(json.dumps(settings))  # tuples become lists, as in the record
        if known and json.loads(known[0]) != settings:
            if not overwrite:
                raise RefinementError(
                    f"{str(self.folder)!r} was refined with {_differences(known[0], settings)}. "
                    "Choose another destination, or pass `overwrite=True` to refine everything "
                    "anew."
                )
            # What was written remains known as the program's own, but not as finished.
            execute("UPDATE files SET state = ? WHERE state = ?", (BEGUN, FINISHED))
            execute("UPDATE files SET state = ? WHERE state = ?", (TODO, REJECTED))
            execute("DELETE FROM scores")
            execute("UPDATE memory SET value = 'stale' WHERE key = 'manifest'")
        execute("INSERT OR REPLACE INTO memory VALUES ('settings', ?)", (json.dumps(settings),))
        execute("COMMIT")

    def remember(self, key: str, value: str) -> None:
        """Keeps a text for later runs.

        Args:
            key: What it is.
            value: The text.
        """
        with self._transaction() as execute:
            execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (key, value))

    def recall(self, key: str) -> str | None:
        """Gives back what `remember` kept, `None` where there is nothing.

        Args:
            key: What it is.
        """
        with self._explained():
            row = self._database.execute(
                "SELECT value FROM memory WHERE key = ?", (key,)
            ).fetchone()
        return row and row[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Callable]:
        with self._explained():
            self._database.execute("BEGIN")
            try:
                yield self._database.execute
            except BaseException:
                # After an error of the disk SQLite has rolled back already.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def list_source(
        self,
        files: Iterable[tuple[str, str, dict[str, Path]]],
        source_folder: Path,
        check: Callable[[], None],
    ) -> None:
        """Takes in what the source holds now, and finds out what of it is finished.

        Args:
            files: `(name, kind, inputs)` of each file: its name in the destination, and what it is
                made from, by what the manifest calls it.
            source_folder: Where they come from. What another folder gave is not ours to replace.
            check: Called at the end. Where it raises, the record stays as it was.
        """
        unfinished = {""}
        now = str(source_folder.resolve())
        with self._transaction() as execute:
            self._other_source = self.recall("source") not in (None, now)
            for name, kind, inputs in files:
                row = execute(
                    "SELECT kind, state, source, result, line FROM files WHERE name = ?", (name,)
                ).fetchone()
                state = self._state(name, inputs, *row[1:]) if row else TODO
                if row and row[1] == BEGUN:
                    unfinished.add(posixpath.dirname(name))
                if row and row[0] != kind:  # an image that is a label now, or the other way round
                    state = {FINISHED: BEGUN, REJECTED: TODO}.get(state, state)
                execute(
                    "INSERT INTO files (name, kind, state, run) VALUES (?, ?, ?, ?) ON CONFLICT "
                    "(name) DO UPDATE SET kind = excluded.kind, state = excluded.state, "
                    "run = excluded.run",
                    (name, kind, state, self._run),
                )
            check()
            execute("INSERT OR REPLACE INTO memory VALUES ('source', ?)", (now,))
        for folder in unfinished:
            remove_unfinished(self.folder / folder)

    def _state(self, name, inputs, state, source_before, result, line) -> int:
        path = self.folder / name
        if state in (TODO, BEGUN):
            return TODO if self._other_source else state
        if state == SKIPPED:
            return TODO
        now, source, line = fingerprint(path), fingerprints(inputs.values()), json.loads(line)
        # A copy of a folder has other times, so the content decides.
        same_source = source is not None and (
            json.loads(source_before) == source
            or all(_sha256(path) == line.get(f"{what}_sha256", "") for what, path in inputs.items())
        )
        if state == REJECTED:
            return REJECTED if same_source and now is None else TODO
        if now is None:
            return BEGUN
        ours = now == json.loads(result) or _sha256(path) == line["sha256"]
        if ours and same_source:
            return FINISHED
        return BEGUN if ours and not self._other_source else TODO

    def conflicts(self) -> tuple[int, list[str]]:
        """Files in the way that somebody else wrote or changed: their count, and up to three."""
        count = 0
        examples: list[str] = []
        for names in self.todo(TODO):
            for name in names:
                if os.path.lexists(self.folder / name):
                    count += 1
                    examples = [*examples, name][:3]
        return count, examples

    def todo(self, *states: int, kind: str | None = None) -> Iterator[list[str]]:
        """Goes through the files in some states, sorted by name, in lists of bounded length.

        Args:
            *states: `TODO`, `BEGUN`, `FINISHED`, `REJECTED`, `SKIPPED`.
            kind: Only files of this kind.

        Yields:
            Names. Their state may be changed meanwhile.
        """
        last = ""
        marks = ", ".join("?" * len(states))
        where = f"name > ? AND run = ? AND state IN ({marks})" + (" AND kind = ?" if kind else "")
        while True:
            values = (last, self._run, *states, *([kind] if kind else []))
            with self._explained():
                rows = self._database.execute(
                    f"SELECT name FROM files WHERE {where} ORDER BY name LIMIT {_PAGE}", values
                ).fetchall()
            if not rows:
                return
            yield [name for (name,) in rows]
            last = rows[-1][0]

    def count(self, *states: int, kind: str) -> int:
        """Counts the files of a kind that are in some states.

        Args:
            *states: As for `todo`.
            kind: The kind.
        """
        marks = ", ".join("?" * len(states))
        with self._explained():
            return self._database.execute(
                f"SELECT count(*) FROM files WHERE run = ? AND kind = ? AND state IN ({marks})",
                (self._run, kind, *states),
            ).fetchone()[0]

    def state(self, name: str) -> int | None:
        """The state of a file; `None` where the source has no such file.

        Args:
            name: The file.
        """
        with self._explained():
            row = self._database.execute(
                "SELECT state FROM files WHERE name = ? AND run = ?", (name, self._run)
            ).fetchone()
        return row and row[0]

    def begin(self, names: Iterable[str]) -> None:
        """Notes that files are about to be written.

        Args:
            names: Their names.
        """
        with self._transaction() as execute:
            for name in names:
                execute("UPDATE files SET state = ? WHERE name = ?", (BEGUN, name))

    def finish(self, outcomes: Iterable[Outcome], state: int = FINISHED) -> None:
        """Notes what became of files.

        Args:
            outcomes: One for each file.
            state: `FINISHED`, `REJECTED` or `SKIPPED`.
        """
        with self._transaction() as execute:
            for outcome in outcomes:
                execute(
                    "UPDATE files SET state = ?, source = ?, result = ?, line = ? WHERE name = ?",
                    (
                        state,
                        json.dumps(outcome.source),
                        json.dumps(fingerprint(self.folder / outcome.name)),
                        json.dumps(outcome.line),
                        outcome.name,
                    ),
                )
                for score, value in (outcome.scores or {}).items():
                    execute(
                        "INSERT OR REPLACE INTO scores VALUES (?, ?, ?)",
                        (outcome.name, score, value),
                    )

    def count_scored(self, kind: str) -> int:
        """Counts the files that `ranked` gives.

        Args:
            kind: Which files.
        """
        with self._explained():
            return self._database.execute(
                "SELECT count(DISTINCT scores.name) FROM scores JOIN files USING (name) "
                "WHERE run = ? AND kind = ? AND state IN (?, ?)",
                (self._run, kind, FINISHED, REJECTED),
            ).fetchone()[0]

    def ranked(self, kind: str) -> Iterator[tuple[str, dict, list[int], int]]:
        """Goes through the scored files, best first.

        A file's rank is the mean over the scores of the share of files that it is better than, so
        that scores of different units count alike. Equal ones are ordered by name.

        Args:
            kind: Which files.

        Yields:
            Name, line of the manifest, fingerprint of the input, and state.
        """
        with self._explained():
            for name, line, source, state in self._database.execute(
                "WITH scored AS (SELECT scores.*, line, source, state FROM scores JOIN files "
                "USING (name) WHERE run = ? AND kind = ? AND state IN (?, ?)), "
                "ranks AS (SELECT *, percent_rank() OVER (PARTITION BY score ORDER BY value) "
                "AS rank FROM scored) "
                "SELECT name, line, source, state FROM ranks GROUP BY name "
                "ORDER BY avg(rank) DESC, name",
                (self._run, kind, FINISHED, REJECTED),
            ):
                yield name, json.loads(line), json.loads(source), state

    def lines(self) -> Iterator[str]:
        """The manifest's lines of all that was done or tried, sorted by name.

        Among them is what the source has no more, where the destination still holds it.
        """
        with self._explained():
            for name, line, run in self._database.execute(
                "SELECT name, line, run FROM files WHERE line IS NOT NULL "
                "AND (run = ? OR state = ?) ORDER BY name",
                (self._run, FINISHED),
            ):
                if run == self._run or (self.folder / name).exists():
                    yield line

    def close(self) -> None:
        """Closes the record and gives the lock back."""
        self._database.close()


def _differences(before: str, now: dict) -> str:
    settings = json.loads(before)
    return "other settings: " + ", ".join(
        f"{key} {str(settings.get(key))[:20]!r}, now {str(now.get(key))[:20]!r}"
        for key in {**settings, **now}
        if settings.get(key) != now.get(key)
    )


def fingerprint(path: Path) -> list[int] | None:
    """Returns a file's size in bytes and time of change, `None` where it is missing.

    Args:
        path: The file.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def fingerprints(paths: Iterable[Path]) -> list[int] | None:
    """Returns the fingerprints of several files, one after the other, `None` where one is missing.

    Args:
        paths: The files.
    """
    found = [fingerprint(path) for path in paths]
    return None if None in found else [number for each in found for number in each or ()]


def _sha256(path: Path) -> str | None:
    try:
        return copy_regular(path)
    except OSError:
        return None
