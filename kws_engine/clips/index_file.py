"""The file clips.sqlite: opened for a moment each time, waited for while it is busy, set aside when damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final

from kws_engine.clips.layout import INDEX_FILE
from kws_engine.clips.split import SPLITS, Split
from kws_engine.disk import is_writable, refuse_link
from kws_engine.errors import ProjectError, shortened

_BUSY_S: Final = 10.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS measured (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT,
    frames INTEGER NOT NULL, rate INTEGER NOT NULL, peak_db REAL, rms_db REAL);
CREATE TABLE IF NOT EXISTS decided (
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    excluded INTEGER NOT NULL, split TEXT, note TEXT NOT NULL);
"""
_BESIDE: Final = ("-wal", "-shm", "-journal")  # files that SQLite makes, by what they add to the name
_SALVAGE_S: Final = 5.0
_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""Even reading takes a file beside it, which a full disk has no room for."""
_BUSY_AGAIN_S: Final = 0.05  # whoever has held it for so long is not waited for again
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

    def __init__(self, project_folder: Path) -> None:
        self._file = project_folder / self._NAME
        self._patience_s = _BUSY_S
        self._is_lost = False

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any] | None:
        """All rows of a query; None where the file is missing, busy or out of reach.

        Raises:
            IndexDamaged: The file is damaged.
        """
        if self._is_lost or not os.path.lexists(self._file):
            return None
        try:
            try:
                with self._connected() as database:
                    return database.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if _code(error) not in _NO_ROOM:
                    raise
            with self._connected(only_reading=True) as database:
                return database.execute(query, values).fetchall()
        except UnicodeEncodeError:  # a file name that is not Unicode
            return None
        except (OverflowError, UnicodeDecodeError) as error:
            raise IndexDamaged(str(error)) from error
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                return None
            raise IndexDamaged(str(error)) from error

    def decisions(self) -> dict[str, Decision] | None:
        """All decisions by path; None where they cannot be read now.

        Raises:
            IndexDamaged: The file is damaged.
        """
        checked = self.rows("PRAGMA integrity_check('decided')")
        if checked not in (None, [("ok",)]):
            raise IndexDamaged("its parts do not agree")
        rows = self.rows(f"SELECT {_DECIDED} FROM decided")
        return None if rows is None else dict(_decisions(rows))

    def change(self, *statements: Statement, must: bool = False) -> bool:
        """Runs statements, each for all of its rows, all or none; whether that worked.

        Files whose names are not Unicode are not remembered.

        Raises:
            ProjectError: It `must` work and the file cannot be written.
        """
        try:
            with self._connected() as database, database:
                for statement, rows in statements:
                    database.executemany(statement, rows if must else (row for row in rows if is_unicode(row)))
        except (sqlite3.Error, UnicodeError, IndexDamaged, ProjectError) as error:
            if must:
                raise ProjectError(
                    f"{self._file} cannot be written ({shortened(error)}): free some space or allow writing there, "
                    "and try again."
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
        """Renames a damaged file and returns whatever decisions can still be read from it.

        Where it cannot be renamed, everything is kept in memory from now on.
        """
        decided = dict(_decisions(salvaged(self._file, f"SELECT {_DECIDED} FROM decided")))
        self._rename_aside()
        return decided

    def _rename_aside(self) -> None:
        aside = self._file.with_name(f"{self._NAME}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        with contextlib.suppress(OSError, ProjectError):
            refuse_link(self._file)
            for suffix in _BESIDE:
                self._file.with_name(self._NAME + suffix).unlink(missing_ok=True)
            os.replace(self._file, aside)
        self._is_lost = os.path.lexists(self._file)

    @contextlib.contextmanager
    def _connected(self, *, only_reading: bool = False) -> Iterator[sqlite3.Connection]:
        """The open database, once it is known to be one of this program, which a stranger's may not be.

        Raises:
            IndexDamaged: It is another program's, or a link.
            ProjectError: A link leads out of the project.
            sqlite3.Error: It cannot be opened.
        """
        if self._is_lost:
            raise sqlite3.OperationalError("it could not be set aside")
        self._check_links()
        writable = not only_reading and is_writable(self._file.parent)
        writable = writable and (not self._file.exists() or is_writable(self._file))
        source = self._file.absolute().as_uri() + ("" if writable else "?mode=ro&immutable=1")
        try:
            with contextlib.closing(sqlite3.connect(source, timeout=self._patience_s, uri=True)) as database:
                _check_tables(database, self._TABLES)
                if writable:
                    database.execute(f"PRAGMA journal_mode = {self._JOURNAL}")
                    database.execute("PRAGMA synchronous = NORMAL")
                    database.executescript(self._TABLES)
                self._patience_s = _BUSY_S
                yield database
        except sqlite3.OperationalError as error:
            if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                self._patience_s = _BUSY_AGAIN_S
            raise

    def _check_links(self) -> None:
        """SQLite would write through a link, and into a file that has a second name elsewhere."""
        refuse_link(self._file)
        for path in (self._file, *(self._file.with_name(self._NAME + suffix) for suffix in _BESIDE)):
            try:
                found = path.lstat()
            except OSError:
                continue
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise IndexDamaged(f"{path.name} is linked to another file")


def _check_tables(database: sqlite3.Connection, tables: str) -> None:
    """Refuses whatever is not made of these tables: a view or a trigger of a stranger may run without end."""
    database.execute("PRAGMA trusted_schema = OFF")
    if not set(_held(database)) <= _made_by(tables):
        raise IndexDamaged("it holds the tables of another program")


def _held(database: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """What a database is made of: kind, name and columns, hidden ones marked."""
    query = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    for kind, name in database.execute(query).fetchall():
        columns = database.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
        yield kind, name, tuple(columns)


@lru_cache
def _made_by(tables: str) -> frozenset[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(tables)
        return frozenset(_held(database))


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's own number of the error, without the details; None where Python raised it."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether waiting, rights or room would not help."""
    if not isinstance(error, sqlite3.OperationalError):
        return True
    code = _code(error)
    return code is None or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def columns(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    """Rows turned into columns, none where there are none; other threads run meanwhile, unlike with `zip`."""
    return tuple(tuple([row[at] for row in rows]) for at in range(len(rows[0]))) if rows else ()


def path_range(word: str) -> tuple[str, str]:
    """The first path in a word's folder, in the order of paths, and the first one after it; `0` comes after `/`."""
    return f"{word}/", f"{word}0"


def moved(path: str, old: str, new: str) -> str:
    """A path after its word was renamed."""
    word, _, name = path.partition("/")
    return f"{new}/{name}" if word == old else path


def is_unicode(row: Iterable[Any]) -> bool:
    """Whether SQLite can take these values; a file name on Linux may be any bytes."""
    try:
        for value in row:
            if isinstance(value, str):
                value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decisions(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Decision]]:
    """The decisions in these rows; a row with values of another kind is none."""
    for path, sha256, size, excluded, split, note in rows:
        if all(isinstance(text, str) for text in (path, sha256, note)) and "\0" not in path:
            if isinstance(size, int) and isinstance(excluded, int):
                yield path, Decision(sha256, size, bool(excluded), split if split in SPLITS else None, note)


def salvaged(file: Path, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows that a damaged file still gives, until the damage or for five seconds; nothing of a linked one."""
    if file.is_symlink() or not file.is_file():
        return
    with contextlib.suppress(sqlite3.Error, TypeError, ValueError, OverflowError):
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            database.execute("PRAGMA trusted_schema = OFF")
            stop_at = time.monotonic() + _SALVAGE_S
            database.set_progress_handler(lambda: time.monotonic() > stop_at, 10_000)
            yield from database.execute(query)
