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
from numpy.typing import NDArray

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
_MOST_SORTED_BYTES: Final = 2**27

Numbers = NDArray[np.int64]
_NONE: Final[Numbers] = np.zeros(0, np.int64)


class _Files(NamedTuple):
    """The files of a word, in columns, by name."""

    names: tuple[str, ...] = ()
    sizes: Numbers = _NONE
    mtimes_ns: Numbers = _NONE


class _Headers(NamedTuple):
    """What the files' headers say, in columns beside `_Files`."""

    frames: Numbers = _NONE
    rates: Numbers = _NONE


class _Known(NamedTuple):
    """Files that are known already, by name."""

    files: _Files = _Files()
    headers: _Headers = _Headers()


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

    def add_word(self, word: str, files: _Files, headers: _Headers, rule: Numbers) -> None:
        """Adds the files of one folder, in the order of clips, with their parts by rule."""
        self.words.append(word)
        if not files.names:
            return
        known, speaker, takes = self._speakers, array("i"), array("i")
        for name in files.names:
            who, take = parse_name(name)
            speaker.append(known.setdefault(who, len(known)))
            takes.append(take)
        order = _by_speaker_and_take(tuple(known), _numpy(speaker, np.int32), _numpy(takes, np.int32))
        self._labels.extend([len(self.words) - 1] * len(order))
        columns = self._speaker, self._takes, self._rule, self._frames, self._rates, self._sizes, self._mtimes_ns
        values = speaker, takes, rule, *headers, files.sizes, files.mtimes_ns
        for column, one in zip(columns, values, strict=True):
            column.frombytes(np.asarray(one)[order].astype(column.typecode).tobytes())
        names = [files.names[at] for at in order.tolist()]
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
        known = _known(word, before)
        if not _are_same(files, known.files):  # the index also knows what was imported since
            new = set(files.names).difference(known.files.names) if before and orphans else ()
            candidates += (f"{word}/{name}" for name in new)
            known = _columns(index.measured.known(word)) or known
        if _are_same(files, known.files):
            headers = known.headers
        else:
            headers, fresh = _updated_headers(path, files, known, index)
            candidates += (f"{word}/{files.names[at]}" for at in fresh if int(files.sizes[at]) in orphans)
            _note_left(found, word, known.files, files.names)
        found.add_word(word, files, headers, _parts(word, files.names, index))
    for word, gone in index.measured.forget_other_words(found.words):
        _note_left(found, word, (_columns(gone) or _Known()).files, ())
    index.decided.follow(candidates)
    return found


def _are_same(files: _Files, known: _Files) -> bool:
    """Whether these are the same files, unchanged."""
    return (
        files.names == known.names
        and np.array_equal(files.sizes, known.sizes)
        and np.array_equal(files.mtimes_ns, known.mtimes_ns)
    )


def _parts(word: str, names: Sequence[str], index: Index) -> Numbers:
    """The parts by rule of a word's files."""
    known, parts = index.parts.of_word(word)
    if known != names:
        of_name = dict(zip(known, parts, strict=True))
        parts = [of_name.get(name, UNDECIDED) for name in names]
    return np.array(parts, np.int64)


def _note_left(found: Scan, word: str, known: _Files, names: Sequence[str]) -> None:
    """Notes which files are known and no longer among `names`."""
    present = set(names)
    for name, size, mtime_ns in zip(known.names, known.sizes.tolist(), known.mtimes_ns.tolist(), strict=True):
        if name not in present:
            found.left.setdefault((size, mtime_ns), []).append(f"{word}/{name}")


def _updated_headers(folder: Path, files: _Files, known: _Known, index: Index) -> tuple[_Headers, list[int]]:
    """The headers of all files of a word, and the places of those that were read anew; the index remembers them."""
    word = folder.name
    place = dict(zip(known.files.names, range(len(known.files.names)), strict=True))
    at = np.array([place.get(name, -1) for name in files.names], np.int64)
    is_known = at >= 0
    for now, before in ((files.sizes, known.files.sizes), (files.mtimes_ns, known.files.mtimes_ns)):
        is_known[is_known] = now[is_known] == before[at[is_known]]
    headers = _Headers(np.zeros(len(at), np.int64), np.zeros(len(at), np.int64))
    for column, before in zip(headers, known.headers, strict=True):
        column[is_known] = before[at[is_known]]
    fresh = np.flatnonzero(~is_known).tolist()
    read = _read_headers(folder, [files.names[row] for row in fresh])
    if fresh:
        headers.frames[fresh], headers.rates[fresh] = np.array(read, np.int64).T
    present = set(files.names)
    index.measured.remember(
        (
            (f"{word}/{files.names[row]}", int(files.sizes[row]), int(files.mtimes_ns[row]), *header)
            for row, header in zip(fresh, read, strict=True)
        ),
        gone=(f"{word}/{name}" for name in known.files.names if name not in present),
    )
    return headers, fresh


def _files(folder: Path) -> _Files:
    """The audio files directly in a folder, sorted by name; those removed meanwhile are left out."""
    names, sizes, mtimes_ns = list[str](), array("q"), array("q")
    try:
        with _listing(folder) as entries:
            for name, size, mtime_ns in _entries(entries):
                names.append(name)
                sizes.append(size)
                mtimes_ns.append(mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return _Files()
    except OSError as error:
        raise ProjectError(f"{folder} cannot be read ({error.strerror}): check that you may open it.") from error
    order = _by_name(names)
    columns = (_numpy(column, np.int64)[order] for column in (sizes, mtimes_ns))
    return _Files(tuple([names[at] for at in order.tolist()]), *columns)


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


def _known(word: str, tables: Sequence[ClipTable]) -> _Known:
    """What the last scan found in a word's folder."""
    names: list[str] = []
    columns: list[list[Numbers]] = []
    for table in tables:
        rows = table.word_rows.get(word, range(0))
        part = slice(rows.start, rows.stop)
        names += [table.names[row] for row in rows]
        columns.append([getattr(table, name)[part] for name in ("sizes", "mtimes_ns", "frames", "rates")])
    if not names:
        return _Known()
    order = _by_name(names)
    sizes, mtimes_ns, frames, rates = (np.concatenate(parts)[order] for parts in zip(*columns, strict=True))
    return _Known(_Files(tuple([names[at] for at in order.tolist()]), sizes, mtimes_ns), _Headers(frames, rates))


def _columns(known: Known) -> _Known | None:
    """What the index knows of a word's files; None where it knows nothing."""
    if not known:
        return None
    names, *numbers = known
    sizes, mtimes_ns, frames, rates = (np.array(column, np.int64) for column in numbers)
    return _Known(_Files(tuple(names), sizes, mtimes_ns), _Headers(frames, rates))


def _by_name(names: Sequence[str]) -> Numbers:
    """The places of names (N,) in their order.

    Sorting many strings as Python objects would hold up all other threads, as long as it takes.
    """
    longest = max(map(len, names), default=0)
    is_ascii = all(map(str.isascii, names))
    if longest * (1 if is_ascii else 4) * len(names) > _MOST_SORTED_BYTES:
        return np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
    return np.argsort(np.array(names, "S" if is_ascii else "U"), kind="stable")


def _by_speaker_and_take(speakers: Sequence[str], speaker: NDArray[np.int32], takes: NDArray[np.int32]) -> Numbers:
    """The places of clips (N,), which stand by name, by speaker and take."""
    used = np.flatnonzero(np.bincount(speaker, minlength=len(speakers)))
    rank = np.zeros(len(speakers), np.int64)
    rank[sorted(used.tolist(), key=speakers.__getitem__)] = np.arange(len(used))
    return np.lexsort((takes, rank[speaker]))


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
