"""What was measured in the clips' files: headers, digests and levels, remembered in clips.sqlite and read on demand."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kws_engine import audio
from kws_engine.clips.header import frames_and_rate
from kws_engine.clips.index_file import IndexDamaged, IndexFile, columns, moved, path_range

_BATCH: Final = 500
_MEASURE: Final = """
INSERT INTO measured VALUES (?, ?, ?, NULL, ?, ?, NULL, NULL) ON CONFLICT (path) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, frames = excluded.frames, rate = excluded.rate,
    sha256 = NULL, peak_db = NULL, rms_db = NULL
WHERE size <> excluded.size OR mtime_ns <> excluded.mtime_ns"""

Known = tuple[tuple[Any, ...], ...]
"""Files in columns, sorted by name: names, sizes in bytes, modification times in ns, and what the headers said: samples
per channel, 0 where the file cannot be read, and rate in Hz; or nothing."""


@dataclass(frozen=True)
class _Content:
    """What takes reading all of a file that has this size and time: its digest and its levels in dBFS, once known."""

    size: int
    mtime_ns: int
    sha256: str | None = None
    peak_db: float | None = None
    rms_db: float | None = None


class Measurements:
    """Rows by path relative to the clips folder; each is valid as long as its file has the same size and time.

    Where clips.sqlite cannot be written, digests and levels are remembered in memory only.
    """

    def __init__(self, file: IndexFile, clips_folder: Path) -> None:
        self._file = file
        self._clips = clips_folder
        self._unsaved: dict[str, _Content] = {}

    # -- sizes, times and headers

    def known(self, word: str) -> Known:
        """What is remembered of the files in a folder.

        Raises:
            IndexDamaged: The file must be rebuilt.
        """
        query = """SELECT substr(path, ?), size, mtime_ns, frames, rate FROM measured
            WHERE path >= ? AND path < ? ORDER BY path"""
        known = columns(self._file.rows(query, (len(word) + 2, *path_range(word))) or ())
        if known and not _is_sound(known):
            raise IndexDamaged("values of another kind")
        return known

    def remember(self, rows: Iterable[tuple[str, int, int, int, int]], *, gone: Iterable[str] = ()) -> None:
        """Stores path, size, time, samples and rate of files, and forgets the paths of missing files."""
        self._file.change(("DELETE FROM measured WHERE path = ?", ((path,) for path in gone)), (_MEASURE, rows))

    def measure(self, paths: Iterable[str]) -> dict[str, tuple[int, int, int, int]]:
        """Size, modification time, samples and rate of files that are new or changed; they are remembered.

        Raises:
            OSError: A file is missing.
        """
        measured = {}
        for path in paths:
            stat = (self._clips / path).stat()
            header = frames_and_rate(self._clips / path)
            measured[path] = (stat.st_size, stat.st_mtime_ns, *header)
        self.remember((path, *values) for path, values in measured.items())
        return measured

    def forget_other_words(self, words: Iterable[str]) -> list[tuple[str, Known]]:
        """Forgets the files of all folders but these, and returns what was known of them."""
        present = set(words)
        at = ""
        gone: list[tuple[str, Known]] = []
        while found := self._file.rows("SELECT path FROM measured WHERE path >= ? ORDER BY path LIMIT 1", (at,)):
            if not isinstance(found[0][0], str):
                raise IndexDamaged("values of another kind")
            word = found[0][0].partition("/")[0]
            at = path_range(word)[1]
            if word not in present:
                gone.append((word, self.known(word)))
        if gone:
            ranges = [path_range(word) for word, _ in gone]
            self._file.change(("DELETE FROM measured WHERE path >= ? AND path < ?", ranges))
        return gone

    def move_word(self, old: str, new: str) -> None:
        """Lets the rows follow a renamed folder."""
        self._unsaved = {moved(path, old, new): content for path, content in self._unsaved.items()}
        self._file.move_word("measured", old, new)

    # -- digests and levels

    def digest(self, path: str) -> str:
        """SHA-256 of the file's bytes, computed once for each content.

        Raises:
            FileNotFoundError: The file is missing.
        """
        for _, digest in self.digests([path]):
            return digest
        raise FileNotFoundError(path)

    def digests(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of each file, computed once for each content; files that cannot be read are left out."""
        paths = iter(paths)
        while batch := list(itertools.islice(paths, _BATCH)):
            remembered = self._remembered(batch)
            fresh = {}
            for path in batch:
                if path not in remembered or remembered[path].sha256 is None:
                    with contextlib.suppress(OSError):
                        now = remembered.get(path) or self._stat(path)
                        fresh[path] = replace(now, sha256=file_digest(self._clips / path))
            self._store(fresh)
            remembered.update(fresh)
            for path in batch:
                if path in remembered and (digest := remembered[path].sha256):
                    yield path, digest

    def remember_written(self, rows: Iterable[tuple[str, int, int, str, int, int]]) -> None:
        """Stores path, size, time, SHA-256, samples and rate of files that were written just now."""
        self._file.change(("REPLACE INTO measured VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)", rows))

    def levels(self, paths: Sequence[str]) -> list[tuple[float, float]]:
        """Peak and RMS level in dBFS of each file, measured once for each content.

        Raises:
            AudioError: A file cannot be read.
        """
        levels = []
        for at in range(0, len(paths), _BATCH):
            remembered = self._remembered(paths[at : at + _BATCH])
            fresh = {}
            for path in paths[at : at + _BATCH]:
                now = remembered.get(path)
                if now is None or now.peak_db is None or now.rms_db is None:
                    now = fresh[path] = self._with_levels(path, now)
                levels.append((now.peak_db or 0.0, now.rms_db or 0.0))
            self._store(fresh)
        return levels

    def _remembered(self, paths: Sequence[str]) -> dict[str, _Content]:
        """What is remembered of these files and still valid."""
        marks = ",".join("?" * len(paths))
        query = f"SELECT path, size, mtime_ns, sha256, peak_db, rms_db FROM measured WHERE path IN ({marks})"
        try:
            rows = self._file.rows(query, tuple(paths)) or ()
        except IndexDamaged:  # it is rebuilt when the project is read next
            rows = ()
        found = {path: _Content(*rest) for path, *rest in rows if _is_content(rest)}
        found.update((path, self._unsaved[path]) for path in paths if path in self._unsaved)
        return {path: content for path, content in found.items() if self._is_valid(path, content)}

    def _is_valid(self, path: str, content: _Content) -> bool:
        try:
            return self._stat(path) == _Content(content.size, content.mtime_ns)
        except OSError:
            return False

    def _stat(self, path: str) -> _Content:
        stat = (self._clips / path).stat()
        return _Content(stat.st_size, stat.st_mtime_ns)

    def _with_levels(self, path: str, before: _Content | None) -> _Content:
        samples = audio.read(self._clips / path, rate=audio.info(self._clips / path).rate)
        return replace(before or self._stat(path), peak_db=audio.peak_db(samples), rms_db=audio.rms_db(samples))

    def _store(self, fresh: Mapping[str, _Content]) -> None:
        """Stores digests and levels, in memory where the file cannot be written."""
        update = """UPDATE measured SET sha256 = coalesce(?, sha256), peak_db = coalesce(?, peak_db),
            rms_db = coalesce(?, rms_db) WHERE path = ? AND size = ? AND mtime_ns = ?"""
        values = [(c.sha256, c.peak_db, c.rms_db, path, c.size, c.mtime_ns) for path, c in fresh.items()]
        if values and not self._file.change((update, values)):
            self._unsaved.update(fresh)


def _is_sound(known: Known) -> bool:
    """Whether every column holds what it is for: names, and whole numbers that the clips' tables can take."""
    names, *numbers = known
    limits = (2**62, 2**63 - 1, 2**62, 2**31 - 1)
    return set(map(type, names)) == {str} and all(
        set(map(type, column)) == {int}
        and min(column) >= (0 if limit != 2**63 - 1 else -limit)
        and max(column) <= limit
        for column, limit in zip(numbers, limits, strict=True)
    )


def _is_content(values: Sequence[Any]) -> bool:
    size, mtime_ns, sha256, *levels = values
    return (
        type(size) is int
        and type(mtime_ns) is int
        and (sha256 is None or isinstance(sha256, str))
        and all(level is None or isinstance(level, float) for level in levels)
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
