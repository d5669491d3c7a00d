"""What was measured in clips and decided about them, in clips.sqlite; knows nothing of words or speakers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from kws_engine import audio
from kws_engine.clips.split import SPLITS, Split
from kws_engine.disk import is_writable
from kws_engine.errors import AudioError, ProjectError

FILE_NAME: Final = "clips.sqlite"
_BUSY_S: Final = 10.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS measured (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT,
    frames INTEGER NOT NULL, rate INTEGER NOT NULL, peak_db REAL, rms_db REAL);
CREATE TABLE IF NOT EXISTS decided (
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    excluded INTEGER NOT NULL, split TEXT, note TEXT NOT NULL);
"""
_MEASURED: Final = "path, size, mtime_ns, sha256, frames, rate, peak_db, rms_db"
_DECIDED: Final = "path, sha256, size, excluded, split, note"


@dataclass(frozen=True)
class Measured:
    """What a file is: `frames` is 0 where it cannot be read; digest and levels (dBFS) are None until asked for."""

    size: int
    mtime_ns: int
    sha256: str | None
    frames: int
    rate: int
    peak_db: float | None = None
    rms_db: float | None = None

    @property
    def seconds(self) -> float:
        return self.frames / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class Decision:
    """What a person decided about the recording with this content."""

    sha256: str
    size: int
    excluded: bool = False
    split: Split | None = None
    note: str = ""

    @property
    def says_something(self) -> bool:
        return self.excluded or self.split is not None or bool(self.note)


class Index:
    """The rows of clips.sqlite by path relative to the clips folder; in memory only where it cannot be written."""

    def __init__(self, project_folder: Path, clips_folder: Path) -> None:
        self._file = project_folder / FILE_NAME
        self._clips = clips_folder
        self._lock = threading.RLock()
        self._measured: dict[str, Measured] = {}
        self._decided: dict[str, Decision] = {}

    def update(self, entries: Mapping[str, os.stat_result]) -> None:
        """Bring the index up to the files that are there: headers are read only of new and changed ones."""
        with self._lock:
            self._load()
            changed = {path: stat for path, stat in entries.items() if not _same(self._measured.get(path), stat)}
            gone = [path for path in self._measured if path not in entries]
            for path in gone:
                del self._measured[path]
            self._measured.update((path, self._measure(path, stat)) for path, stat in changed.items())
            self._follow_decisions(entries, changed)
            if changed or gone:
                self._save(measured=list(changed), forgotten=gone)

    def add(self, path: str) -> None:
        """Take in one file that is new, changed or back again, without looking at the others.

        Raises:
            OSError: the file is not there.
        """
        with self._lock:
            stat = (self._clips / path).stat()
            if not _same(self._measured.get(path), stat):
                self._measured[path] = self._measure(path, stat)
            if path in self._decided:
                self._digest_if_readable(path)
            self._save(measured=[path])

    def measured(self, path: str) -> Measured:
        return self._measured[path]

    def decision(self, path: str) -> Decision | None:
        """What was decided about the content that is at `path` now."""
        decision, measured = self._decided.get(path), self._measured.get(path)
        if decision is None or measured is None or measured.sha256 != decision.sha256:
            return None
        return decision

    def decide(
        self,
        path: str,
        *,
        excluded: bool | None = None,
        split: Split | Literal["keep"] | None = "keep",
        note: str | None = None,
    ) -> None:
        """Change what is given of the decision about the file at `path` and store it.

        Raises:
            ProjectError: the project cannot be written.
        """
        with self._lock:
            digest = self.digest(path)
            old = self.decision(path) or Decision(digest, self._measured[path].size)
            new = replace(
                old,
                excluded=old.excluded if excluded is None else excluded,
                note=old.note if note is None else note,
            )
            if split != "keep":
                new = replace(new, split=split)
            self._store_decision(path, new)

    def _store_decision(self, path: str, decision: Decision) -> None:
        before = self._decided.get(path)
        self._decided[path] = decision
        try:
            self._save(measured=[path], decided=[path], must=True)
        except ProjectError:
            self._decided.pop(path)
            if before is not None:
                self._decided[path] = before
            raise

    def move(self, paths: Mapping[str, str]) -> None:
        """Let rows follow files that were renamed, from old path to new."""
        with self._lock:
            self._measured = {paths.get(path, path): row for path, row in self._measured.items()}
            self._decided = {paths.get(path, path): row for path, row in self._decided.items()}
            self._save(measured=paths.values(), decided=paths.values(), forgotten=paths.keys(), undecided=paths.keys())

    def digest(self, path: str) -> str:
        """SHA-256 of the file's bytes, computed once for each content."""
        measured = self._measured[path]
        if measured.sha256 is None:
            measured = replace(measured, sha256=file_digest(self._clips / path))
            self._measured[path] = measured
        assert measured.sha256 is not None
        return measured.sha256

    def levels(self, paths: Sequence[str]) -> list[tuple[float, float]]:
        """Peak and RMS level in dBFS of each file, measured once for each content.

        Raises:
            AudioError: a file cannot be read.
        """
        with self._lock:
            fresh = [path for path in paths if self._measured[path].peak_db is None]
            for path in fresh:
                samples = audio.read(self._clips / path, rate=self._measured[path].rate)
                self._measured[path] = replace(
                    self._measured[path], peak_db=audio.peak_db(samples), rms_db=audio.rms_db(samples)
                )
            self._save(measured=fresh)
            rows = [self._measured[path] for path in paths]
            return [(row.peak_db or 0.0, row.rms_db or 0.0) for row in rows]

    def remember_digests(self, digests: Mapping[str, str]) -> None:
        """Keep digests that were computed while the files were written."""
        with self._lock:
            known = {path: digest for path, digest in digests.items() if path in self._measured}
            self._measured.update((path, replace(self._measured[path], sha256=d)) for path, d in known.items())
            self._save(measured=list(known))

    def save_digests(self, paths: Iterable[str]) -> None:
        """Store digests that `digest` computed."""
        with self._lock:
            self._save(measured=[path for path in paths if path in self._measured])

    def _measure(self, path: str, stat: os.stat_result) -> Measured:
        try:
            header = audio.info(self._clips / path)
        except AudioError:
            return Measured(stat.st_size, stat.st_mtime_ns, None, 0, 0)
        return Measured(stat.st_size, stat.st_mtime_ns, None, header.frames, header.rate)

    def _follow_decisions(self, entries: Mapping[str, os.stat_result], changed: Mapping[str, os.stat_result]) -> None:
        """Digest what a decision needs; a decision whose file was renamed by hand follows the content."""
        for path in list(self._decided):
            if path in entries:
                self._digest_if_readable(path)
                continue
            decision = self._decided[path]
            for other in (p for p in changed if self._measured[p].size == decision.size and p not in self._decided):
                if self._digest_if_readable(other) == decision.sha256:
                    self._decided[other] = decision
                    self._save(measured=[other], decided=[other])
                    break

    def _digest_if_readable(self, path: str) -> str | None:
        with contextlib.suppress(OSError):
            return self.digest(path)
        return None

    def _load(self) -> None:
        if not self._file.exists():
            return
        try:
            self._read_rows()
        except sqlite3.OperationalError as error:
            if not str(error).startswith("no such column"):
                return  # busy or out of reach: what is in memory stays, headers are read again
            self._rebuild()
        except sqlite3.DatabaseError:
            self._rebuild()

    def _read_rows(self) -> None:
        with self._connected() as database:
            measured = database.execute(f"SELECT {_MEASURED} FROM measured").fetchall()
            decided = database.execute(f"SELECT {_DECIDED} FROM decided").fetchall()
        self._measured.update((path, Measured(*rest)) for path, *rest in measured)
        self._decided = dict(_decision(row) for row in decided)

    def _rebuild(self) -> None:
        """Set a damaged file aside and carry over whatever decisions can still be read from it."""
        decided = dict(_salvaged(self._file))
        aside = self._file.with_name(f"{FILE_NAME}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        with contextlib.suppress(OSError):
            for suffix in ("-wal", "-shm"):
                self._file.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
            os.replace(self._file, aside)
        self._measured = {}
        self._decided = {**decided, **self._decided}
        self._save(decided=list(self._decided))

    def _save(
        self,
        *,
        measured: Iterable[str] = (),
        decided: Iterable[str] = (),
        forgotten: Iterable[str] = (),
        undecided: Iterable[str] = (),
        must: bool = False,
    ) -> None:
        try:
            with self._connected() as database, database:
                database.executemany("DELETE FROM measured WHERE path = ?", [(path,) for path in forgotten])
                database.executemany("DELETE FROM decided WHERE path = ?", [(path,) for path in undecided])
                database.executemany("REPLACE INTO measured VALUES (?,?,?,?,?,?,?,?)", self._measured_rows(measured))
                database.executemany("REPLACE INTO decided VALUES (?,?,?,?,?,?)", self._decided_rows(decided))
        except (sqlite3.Error, UnicodeEncodeError) as error:  # the latter: a file name that is no Unicode
            if must:
                raise ProjectError(
                    f"{self._file} cannot be written ({error}): free some space or allow writing there, and try again."
                ) from error

    def _measured_rows(self, paths: Iterable[str]) -> list[tuple[object, ...]]:
        rows = [(path, self._measured[path]) for path in paths if path in self._measured]
        return [(p, m.size, m.mtime_ns, m.sha256, m.frames, m.rate, m.peak_db, m.rms_db) for p, m in rows]

    def _decided_rows(self, paths: Iterable[str]) -> list[tuple[object, ...]]:
        rows = [(path, self._decided[path]) for path in paths if path in self._decided]
        return [(p, d.sha256, d.size, int(d.excluded), d.split, d.note) for p, d in rows]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for a moment, so that no open handle hinders other programs or moving the folder."""
        writable = is_writable(self._file.parent) and (not self._file.exists() or is_writable(self._file))
        source = self._file.absolute().as_uri() + ("" if writable else "?mode=ro&immutable=1")
        with contextlib.closing(sqlite3.connect(source, timeout=_BUSY_S, uri=True)) as database:
            if writable:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(_TABLES)
            yield database


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _same(measured: Measured | None, stat: os.stat_result) -> bool:
    return measured is not None and (measured.size, measured.mtime_ns) == (stat.st_size, stat.st_mtime_ns)


def _decision(row: tuple[str, str, int, int, str | None, str]) -> tuple[str, Decision]:
    path, sha256, size, excluded, split, note = row
    return path, Decision(sha256, size, bool(excluded), split if split in SPLITS else None, note)


def _salvaged(file: Path) -> Iterator[tuple[str, Decision]]:
    """The decisions that a damaged file still gives, row by row until the damage."""
    with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for row in database.execute(f"SELECT {_DECIDED} FROM decided"):
                yield _decision(row)
