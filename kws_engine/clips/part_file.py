"""The file parts.sqlite: the part that each clip was given when it arrived, apart from what can be measured anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from kws_engine.clips.index_file import IndexDamaged, IndexFile, columns, is_unicode, path_range, salvaged
from kws_engine.clips.layout import PARTS_FILE, TRASH_FOLDER
from kws_engine.clips.split import SPLITS
from kws_engine.clips.words import parse_name
from kws_engine.errors import ProjectError

_MANY = 500
_VALID = f"typeof(path) = 'text' AND typeof(part) = 'integer' AND part BETWEEN 0 AND {len(SPLITS) - 1}"

Names = tuple[str, ...]


class PartFile(IndexFile):
    """Rows by path relative to the clips folder; those of deleted files stand under the path in the trash."""

    _NAME: ClassVar[str] = PARTS_FILE
    _TABLES: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS parts (path TEXT PRIMARY KEY, part INTEGER NOT NULL) WITHOUT ROWID;"
    )
    _JOURNAL: ClassVar[str] = "DELETE"  # read much and written seldom

    @contextlib.contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The file while no other program changes it; what was changed is stored unless the block fails.

        Raises:
            sqlite3.Error: It cannot be written.
        """
        with self._connected() as database:
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise

    def salvage(self) -> None:
        """Renames a damaged file and carries over whatever can still be read from it."""
        rows = list(salvaged(self._file, f"SELECT path, part FROM parts WHERE {_VALID}"))
        self._rename_aside()
        self.change(("REPLACE INTO parts VALUES (?, ?)", rows))


class Parts:
    """The parts by rule, as indices into `SPLITS`; where the file cannot be written, they are kept in memory."""

    def __init__(self, project_folder: Path) -> None:
        self._file = PartFile(project_folder)
        self._unsaved: dict[str, int] = {}
        self._rows: dict[str, int] = {}  # of each word, as far as this program has seen them

    def is_empty(self) -> bool:
        """Whether no clip has been given a part yet."""
        return not self._unsaved and not self._read("SELECT 1 FROM parts LIMIT 1")

    def of_word(self, word: str) -> tuple[Names, Sequence[int]]:
        """The names in a word's folder that have a part, sorted, and their parts."""
        query = f"SELECT substr(path, ?), part FROM parts WHERE path >= ? AND path < ? AND {_VALID} ORDER BY path"
        rows = self._read(query, (len(word) + 2, *path_range(word)))
        self._rows[word] = len(rows)
        if self._unsaved:
            kept = {path.partition("/")[2]: part for path, part in self._unsaved.items() if _is_in(path, word)}
            rows = sorted({**dict(rows), **kept}.items())
        names, parts = columns(rows) or ((), ())
        return names, parts

    def of(self, paths: Sequence[str]) -> dict[str, int]:
        """The parts of those of some clips that have one."""
        found: dict[str, int] = {}
        for at in range(0, len(paths), _MANY):
            some = tuple(path for path in paths[at : at + _MANY] if is_unicode((path,)))
            marks = ",".join("?" * len(some))
            found.update(self._read(f"SELECT path, part FROM parts WHERE path IN ({marks}) AND {_VALID}", some))
        found.update((path, self._unsaved[path]) for path in paths if path in self._unsaved)
        return found

    def give(
        self, words: Iterable[str], paths: Callable[[], Iterable[str]], decide: Callable[[Mapping[str, int]], Any]
    ) -> None:
        """Gives new clips their parts, while no other program does.

        Args:
            words: Whose clips they are.
            paths: The clips.
            decide: Takes what other programs stored for these words meanwhile, and returns the part of each clip.
        """
        words = list(words)
        try:
            with self._file.alone() as database:
                parts = decide(self._others(database, words))
                rows = ((path, int(part)) for path, part in zip(paths(), parts, strict=True) if is_unicode((path,)))
                database.executemany("REPLACE INTO parts VALUES (?, ?)", rows)
                counted = {word: _count(database, word) for word in words}
            self._rows.update(counted)
            return
        except (sqlite3.Error, IndexDamaged, ProjectError):  # it cannot be written
            parts = decide({})
        self._unsaved.update((path, int(part)) for path, part in zip(paths(), parts, strict=True))

    def put(self, parts: Mapping[str, int | None]) -> None:
        """Stores parts as they are, or with None forgets them."""
        kept = [(path, part) for path, part in parts.items() if part is not None]
        for path in parts:
            self._unsaved.pop(path, None)
        removal = ("DELETE FROM parts WHERE path = ?", [(path,) for path, part in parts.items() if part is None])
        if not self._file.change(removal, ("REPLACE INTO parts VALUES (?, ?)", kept)):
            self._unsaved.update(kept)

    def move_word(self, old: str, new: str) -> None:
        """Lets the parts follow a renamed folder."""
        self._move([(f"{old}/", f"{new}/")])
        self._rows.pop(old, None)
        self._rows.pop(new, None)

    def into_trash(self, trash: str, paths: Iterable[str]) -> None:
        """Lets the parts follow files or, by a path that ends in `/`, a folder into the trash."""
        self._move([(path, f"{TRASH_FOLDER}/{trash}/{path}") for path in paths])

    def out_of_trash(self, trash: str, paths: Iterable[str]) -> None:
        """Lets the parts follow files or a folder back."""
        self._move([(f"{TRASH_FOLDER}/{trash}/{path}", path) for path in paths])

    def _move(self, moves: Sequence[tuple[str, str]]) -> None:
        """Moves the rows of old paths, or all rows below those that end in `/`, to new ones."""
        below = [pair for pair in moves if pair[0].endswith("/")]
        move = "UPDATE OR REPLACE parts SET path = ?"
        self._file.change(
            (f"{move} WHERE path = ?", ((new, old) for old, new in moves if not old.endswith("/"))),
            (
                f"{move} || substr(path, ?) WHERE path >= ? AND path < ?",
                ((new, len(old) + 1, old, f"{old[:-1]}0") for old, new in below),
            ),
        )
        if self._unsaved:
            of_file = dict(moves)
            self._unsaved = {_moved(path, of_file, below): part for path, part in self._unsaved.items()}

    def _others(self, database: sqlite3.Connection, words: Iterable[str]) -> dict[str, int]:
        """All that is stored for those of some words in whose folders other programs have put clips."""
        found: dict[str, int] = {}
        for word in words:
            if is_unicode((word,)) and _count(database, word) != self._rows.get(word):
                query = f"SELECT path, part FROM parts WHERE path >= ? AND path < ? AND {_VALID}"
                found.update(database.execute(query, path_range(word)))
        return found

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        if not is_unicode(values):
            return []
        try:
            return self._file.rows(query, values) or []
        except IndexDamaged:
            self._file.salvage()
            return self._file.rows(query, values) or []


def speakers_in_several_parts(project_folder: Path) -> frozenset[str]:
    """Who was split by take: the rule has put their clips into several parts."""
    try:
        rows = PartFile(project_folder).rows(f"SELECT path, part FROM parts WHERE {_VALID}") or []
    except (IndexDamaged, ProjectError):
        return frozenset()
    parts: dict[str, set[int]] = {}
    for path, part in rows:
        parts.setdefault(parse_name(path.partition("/")[2])[0], set()).add(part)
    return frozenset(speaker for speaker, found in parts.items() if len(found) > 1)


def _count(database: sqlite3.Connection, word: str) -> int:
    query = f"SELECT count(*) FROM parts WHERE path >= ? AND path < ? AND {_VALID}"
    return int(database.execute(query, path_range(word)).fetchone()[0])


def _moved(path: str, of_file: Mapping[str, str], below: Sequence[tuple[str, str]]) -> str:
    """Where a path is after some files and folders were moved."""
    if path in of_file:
        return of_file[path]
    return next((new + path[len(old) :] for old, new in below if path.startswith(old)), path)


def _is_in(path: str, word: str) -> bool:
    return path.startswith(f"{word}/")
