"""The file clips.sqlite: opened for a moment each time, waited for while it is busy, set aside when damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from kws_engine.clips.layout import INDEX_FILE
from kws_engine.clips.split import SPLITS, Split
from kws_engine.disk import is_writable
from kws_engine.errors import ProjectError

_BUSY_S: Final = 10.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS measured (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT,
    frames INTEGER NOT NULL, rate INTEGER NOT NULL, peak_db REAL, rms_db REAL);
CREATE TABLE IF NOT EXISTS decided (
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    excluded INTEGER NOT NULL, split TEXT, note TEXT NOT NULL);
"""
_DECIDED: Final = "path, sha256, size, excluded, split, note"

Statement = tuple[str, Iterable[tuple[Any, ...]]]


class IndexDamaged(Exception):
    """clips.sqlite is not a database, or not one of this program."""


@dataclass(frozen=True)
class Decision:
    """What a person decided about the recording with this content."""

    sha256: str
    size: int
    excluded: bool = False
    split: Split | None = None
    note: str = ""


class IndexFile:
    """Every call opens and closes it, so that no open handle hinders other programs or moving the folder."""

    _NAME: ClassVar[str] = INDEX_FILE
    _TABLES: ClassVar[str] = _TABLES
    _JOURNAL: ClassVar[str] = "WAL"
    _NAMES: ClassVar[frozenset[str]] = frozenset({"measured", "decided"})

    def __init__(self, project_folder: Path) -> None:
        self._file = project_folder / self._NAME

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any] | None:
        """All rows of a query; None where the file is missing, busy or out of reach.

        Raises:
            IndexDamaged: The file is damaged.
        """
        if not self._file.exists():
            return None
        try:
            with self._connected() as database:
                return database.execute(query, values).fetchall()
        except UnicodeEncodeError:  # a file name that is not Unicode
            return None
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not self._has_other_columns(error):
                return None
            raise IndexDamaged(str(error)) from error

    def decisions(self) -> dict[str, Decision] | None:
        """All decisions by path; None where they cannot be read now.

        Raises:
            IndexDamaged: The file is damaged.
        """
        rows = self.rows(f"SELECT {_DECIDED} FROM decided")
        return None if rows is None else dict(map(_decision, rows))

    def change(self, *statements: Statement, must: bool = False) -> bool:
        """Runs statements, each for all of its rows, all or none; whether that worked.

        Files whose names are not Unicode are not remembered.

        Raises:
            ProjectError: It `must` work and the file cannot be written.
        """
        try:
            with self._connected() as database, database:
                for statement, rows in statements:
                    database.executemany(statement, rows if must else (row for row in rows if _is_unicode(row)))
        except (sqlite3.Error, UnicodeEncodeError) as error:
            if must:
                raise ProjectError(
                    f"{self._file} cannot be written ({error}): free some space or allow writing there, and try again."
                ) from error
            return False
        return True

    def save(self, *, decided: Iterable[tuple[str, Decision]], must: bool = False) -> bool:
        """Stores decisions by path; whether that worked.

        Raises:
            ProjectError: It `must` work and the file cannot be written.
        """
        rows = [(p, d.sha256, d.size, int(d.excluded), d.split, d.note) for p, d in decided]
        return self.change(("REPLACE INTO decided VALUES (?,?,?,?,?,?)", rows), must=must)

    def move_word(self, table: str, old: str, new: str) -> None:
        """Lets the rows of a table follow a renamed folder."""
        self.change(
            (f"DELETE FROM {table} WHERE path >= ? AND path < ?", [path_range(new)]),
            (
                f"UPDATE {table} SET path = ? || substr(path, ?) WHERE path >= ? AND path < ?",
                [(new, len(old) + 1, *path_range(old))],
            ),
        )

    def set_aside(self) -> dict[str, Decision]:
        """Renames a damaged file and returns whatever decisions can still be read from it."""
        decided = dict(_salvaged(self._file))
        self._rename_aside()
        return decided

    def _rename_aside(self) -> None:
        aside = self._file.with_name(f"{self._NAME}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        with contextlib.suppress(OSError):
            for suffix in ("-wal", "-shm"):
                self._file.with_name(self._NAME + suffix).unlink(missing_ok=True)
            os.replace(self._file, aside)

    def _has_other_columns(self, error: sqlite3.Error) -> bool:
        """Whether a query failed although its tables are there: they are not those of this program."""
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            return False
        with contextlib.suppress(sqlite3.Error), self._connected() as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return self._NAMES <= tables
        return False

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        writable = is_writable(self._file.parent) and (not self._file.exists() or is_writable(self._file))
        source = self._file.absolute().as_uri() + ("" if writable else "?mode=ro&immutable=1")
        with contextlib.closing(sqlite3.connect(source, timeout=_BUSY_S, uri=True)) as database:
            if writable:
                database.execute(f"PRAGMA journal_mode = {self._JOURNAL}")
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(self._TABLES)
            yield database


def path_range(word: str) -> tuple[str, str]:
    """The first path in a word's folder, in the order of paths, and the first one after it; `0` comes after `/`."""
    return f"{word}/", f"{word}0"


def moved(path: str, old: str, new: str) -> str:
    """A path after its word was renamed."""
    word, _, name = path.partition("/")
    return f"{new}/{name}" if word == old else path


def _is_unicode(row: tuple[Any, ...]) -> bool:
    """Whether SQLite can take the row; a file name on Linux may be any bytes."""
    try:
        for value in row:
            if isinstance(value, str):
                value.encode()
    except UnicodeEncodeError:
        return False
    return True


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
