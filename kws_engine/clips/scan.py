"""Reads the clips folder into columns, word by word; headers are read only of new and changed files, sound never."""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from kws_engine.clips.clip import is_audio_name, word_folders
from kws_engine.clips.header import frames_and_rate
from kws_engine.clips.index import Index
from kws_engine.clips.index_file import IndexDamaged
from kws_engine.clips.measurements import Known
from kws_engine.clips.split import split_codes
from kws_engine.clips.table import UNDECIDED, ClipTable, Names
from kws_engine.clips.words import UNKNOWN, parse_name
from kws_engine.errors import ProjectError

_THREADS: Final = 4
_AT_ONCE: Final = 256


class _Files(NamedTuple):
    """The files of a word, in columns, by name."""

    names: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    mtimes_ns: tuple[int, ...] = ()


class _Headers(NamedTuple):
    """What the files' headers say, in columns beside `_Files`."""

    frames: Sequence[int] = ()
    rates: Sequence[int] = ()


@dataclass
class Scan:
    """What was found, in growing columns; `tables` makes the tables of it.

    Attributes:
        folder: The clips folder.
        words: The folders in it.
        left: Paths of files that were known and are gone, by size and modification time.
    """

    folder: Path
    words: list[str] = field(default_factory=list)
    left: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    _speakers: dict[str, int] = field(default_factory=dict)
    _labels: array[int] = field(default_factory=lambda: array("h"))
    _speaker: array[int] = field(default_factory=lambda: array("i"))
    _takes: array[int] = field(default_factory=lambda: array("i"))
    _frames: array[int] = field(default_factory=lambda: array("q"))
    _rates: array[int] = field(default_factory=lambda: array("i"))
    _sizes: array[int] = field(default_factory=lambda: array("q"))
    _mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    _rule: array[int] = field(default_factory=lambda: array("b"))
    _names: bytearray = field(default_factory=bytearray)
    _lengths: array[int] = field(default_factory=lambda: array("i"))

    def add_word(self, word: str, files: _Files, headers: _Headers, rule: Sequence[int]) -> None:
        """Adds the files of one folder, in the order of clips, with their parts by rule."""
        self.words.append(word)
        if not files.names:
            return
        parsed = list(map(parse_name, files.names))
        order = sorted(range(len(parsed)), key=lambda at: (*parsed[at], files.names[at]))
        speakers, takes = zip(*(parsed[at] for at in order), strict=True)
        known = self._speakers
        self._labels.extend([len(self.words) - 1] * len(order))
        self._speaker.extend([known.setdefault(speaker, len(known)) for speaker in speakers])
        self._takes.extend(takes)
        columns = self._sizes, self._mtimes_ns, self._rule, self._frames, self._rates
        for column, values in zip(columns, (files.sizes, files.mtimes_ns, rule, *headers), strict=True):
            column.extend([values[at] for at in order])
        names = [files.names[at] for at in order]
        joined = "".join(names)
        self._lengths.extend(map(len, names) if joined.isascii() else (len(os.fsencode(name)) for name in names))
        self._names += os.fsencode(joined)

    def tables(self, words: Sequence[str]) -> tuple[ClipTable, ClipTable]:
        """The clips that can be read, and those that cannot, split by the speakers' hashes.

        Args:
            words: The project's so far; folders with clips that are not among them come after them.
        """
        frames = _numpy(self._frames, np.int64)
        labels = _numpy(self._labels, np.int16)
        readable = frames > 0
        in_use = {self.words[label] for label in np.unique(labels[readable]).tolist()} - {UNKNOWN, *words}
        listed = (*words, *sorted(in_use), UNKNOWN)
        every = (*listed, *(word for word in self.words if word not in listed))
        place = np.array([every.index(word) for word in self.words] or [0], np.int16)
        speakers = tuple(self._speakers)
        speaker = _numpy(self._speaker, np.int32)
        takes = _numpy(self._takes, np.int32)
        table = ClipTable(
            self.folder,
            every,
            speakers,
            place[labels],
            speaker,
            takes,
            split=split_codes(speakers, speaker, takes, by_take=()),
            excluded=np.zeros(len(labels), np.bool_),
            frames=frames,
            rates=_numpy(self._rates, np.int32),
            sizes=_numpy(self._sizes, np.int64),
            mtimes_ns=_numpy(self._mtimes_ns, np.int64),
            rule=_numpy(self._rule, np.int8),
            names=Names(self._names, _numpy(self._lengths, np.int32)),
        )
        if readable.all():
            return table.with_words(listed), ClipTable.empty(self.folder)
        return table.where(readable).with_words(listed), table.where(~readable)


def scan(folder: Path, index: Index, *, before: Sequence[ClipTable] = ()) -> Scan:
    """Reads all folders of words and updates the index.

    Args:
        folder: The clips folder.
        index: What is remembered of the files; a damaged index is rebuilt.
        before: What the last scan found.

    Raises:
        ProjectError: A folder cannot be read.
    """
    try:
        return _scan(folder, index, before)
    except IndexDamaged:
        index.rebuild()
        return _scan(folder, index, before)


def _scan(folder: Path, index: Index, before: Sequence[ClipTable]) -> Scan:
    index.decided.load()
    found = Scan(folder)
    orphans = index.decided.orphans()
    candidates: list[str] = []
    for path in sorted(word_folders(folder), key=lambda path: path.name):
        word = path.name
        files = _files(path)
        known = _known(word, before) or index.measured.known(word)
        if (files.names, files.sizes, files.mtimes_ns) == tuple(known[:3]):
            headers = _Headers(*known[3:])
        else:
            headers, fresh = _updated_headers(path, files, known, index)
            candidates += (f"{word}/{files.names[at]}" for at in fresh if files.sizes[at] in orphans)
            _note_left(found, word, known, files.names)
        found.add_word(word, files, headers, _parts(word, files.names, index))
    for word, known in index.measured.forget_other_words(found.words):
        _note_left(found, word, known, ())
    index.decided.follow(candidates)
    return found


def _parts(word: str, names: Sequence[str], index: Index) -> Sequence[int]:
    """The parts by rule of a word's files."""
    known, parts = index.parts.of_word(word)
    if known == names:
        return parts
    of_name = dict(zip(known, parts, strict=True))
    return [of_name.get(name, UNDECIDED) for name in names]


def _note_left(found: Scan, word: str, known: Known, names: Sequence[str]) -> None:
    """Notes which files are known and no longer among `names`."""
    present = set(names)
    for name, size, mtime_ns, *_ in zip(*known, strict=True):
        if name not in present:
            found.left.setdefault((size, mtime_ns), []).append(f"{word}/{name}")


def _updated_headers(folder: Path, files: _Files, known: Known, index: Index) -> tuple[_Headers, list[int]]:
    """The headers of all files of a word, and the places of those that were read anew; the index remembers them."""
    word = folder.name
    remembered = {row[0]: row[1:] for row in zip(*known, strict=True)}
    now = list(zip(files.sizes, files.mtimes_ns, strict=True))
    fresh = [at for at, name in enumerate(files.names) if remembered.get(name, ())[:2] != now[at]]
    read = _read_headers(folder, [files.names[at] for at in fresh])
    gone = remembered.keys() - set(files.names)
    remembered.update((files.names[at], (*now[at], *header)) for at, header in zip(fresh, read, strict=True))
    index.measured.remember(
        ((f"{word}/{files.names[at]}", *remembered[files.names[at]]) for at in fresh),
        gone=(f"{word}/{name}" for name in gone),
    )
    headers = [remembered[name][2:] for name in files.names]
    return _Headers(*zip(*headers, strict=True)), fresh


def _files(folder: Path) -> _Files:
    """The audio files directly in a folder, sorted by name; those removed meanwhile are left out."""
    try:
        with _listing(folder) as entries:
            files = sorted(_entries(entries))
    except (FileNotFoundError, NotADirectoryError):
        return _Files()
    except OSError as error:
        raise ProjectError(f"{folder} cannot be read ({error.strerror}): check that you may open it.") from error
    return _Files(*zip(*files, strict=True))


@contextlib.contextmanager
def _listing(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The entries of a folder, listed by an open handle where the system allows it: sizes are faster to get then."""
    if os.scandir not in os.supports_fd:
        with os.scandir(folder) as entries:
            yield entries
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with os.scandir(handle) as entries:
            yield entries
    finally:
        os.close(handle)


def _entries(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, int, int]]:
    for entry in entries:
        try:
            if is_audio_name(entry.name) and entry.is_file():
                stat = entry.stat()
                yield entry.name, stat.st_size, stat.st_mtime_ns
        except FileNotFoundError:
            continue


def _known(word: str, tables: Sequence[ClipTable]) -> Known:
    """What the last scan found in a word's folder."""
    files: list[tuple[str, int, int, int, int]] = []
    for table in tables:
        rows = table.word_rows.get(word, range(0))
        part = slice(rows.start, rows.stop)
        columns = (getattr(table, name)[part].tolist() for name in ("sizes", "mtimes_ns", "frames", "rates"))
        files += zip(map(table.names.__getitem__, rows), *columns, strict=True)
    return tuple(zip(*sorted(files), strict=True))


def _read_headers(folder: Path, names: Sequence[str]) -> list[tuple[int, int]]:
    """Samples and rate of files."""
    parts = [names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)]

    def read(part: Sequence[str]) -> list[tuple[int, int]]:
        return [frames_and_rate(os.path.join(folder, name)) for name in part]

    if len(parts) <= 1:
        return [header for part in parts for header in read(part)]
    with ThreadPoolExecutor(_THREADS) as threads:  # reading from a disk waits, and waits together
        return [header for some in threads.map(read, parts) for header in some]


def _numpy(values: array[int], kind: Any) -> Any:
    return np.frombuffer(values, kind) if values else np.zeros(0, kind)
