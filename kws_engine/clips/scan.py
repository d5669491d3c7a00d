"""The clips folder read into columns, word by word; headers are read only of new and changed files, and no sound."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from kws_engine.clips.clip import is_audio_name, word_folders
from kws_engine.clips.header import frames_and_rate
from kws_engine.clips.index import Index, IndexDamaged, Known
from kws_engine.clips.split import split_codes
from kws_engine.clips.table import ClipTable, Names, parse_name
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import ProjectError

_THREADS: Final = 4
_AT_ONCE: Final = 256


class _File(NamedTuple):
    """One file of a word; ordered as clips are."""

    speaker: str
    take: int
    name: str
    size: int
    mtime_ns: int


@dataclass
class Scan:
    """What was found, in growing columns; `tables` makes it final."""

    folder: Path
    words: list[str] = field(default_factory=list)
    _speakers: dict[str, int] = field(default_factory=dict)
    _labels: array[int] = field(default_factory=lambda: array("h"))
    _speaker: array[int] = field(default_factory=lambda: array("i"))
    _takes: array[int] = field(default_factory=lambda: array("i"))
    _frames: array[int] = field(default_factory=lambda: array("q"))
    _rates: array[int] = field(default_factory=lambda: array("i"))
    _sizes: array[int] = field(default_factory=lambda: array("q"))
    _mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    _names: bytearray = field(default_factory=bytearray)
    _lengths: array[int] = field(default_factory=lambda: array("i"))

    def add_word(self, word: str, files: Sequence[_File], headers: Iterable[tuple[int, int]]) -> None:
        """The files of one folder, in order, with their samples and rates."""
        label, speakers = len(self.words), self._speakers
        self.words.append(word)
        self._labels.extend([label] * len(files))
        self._speaker.extend([speakers.setdefault(file.speaker, len(speakers)) for file in files])
        self._takes.extend([file.take for file in files])
        self._sizes.extend([file.size for file in files])
        self._mtimes_ns.extend([file.mtime_ns for file in files])
        for frames, rate in headers:
            self._frames.append(frames)
            self._rates.append(rate)
        for file in files:
            raw = os.fsencode(file.name)
            self._names += raw
            self._lengths.append(len(raw))

    def tables(self, words: Sequence[str], by_take: Iterable[str] = ()) -> tuple[ClipTable, ClipTable]:
        """The clips that can be read, and those that cannot, split by rule.

        Args:
            words: the project's so far; folders with clips that are not among them come after them.
            by_take: the speakers who are split by take.
        """
        frames, labels = _numpy(self._frames, np.int64), _numpy(self._labels, np.int16)
        readable = frames > 0
        in_use = {self.words[label] for label in np.unique(labels[readable]).tolist()} - {UNKNOWN, *words}
        listed = (*words, *sorted(in_use), UNKNOWN)
        every = (*listed, *(word for word in self.words if word not in listed))
        place = np.array([every.index(word) for word in self.words] or [0], np.int16)
        speakers, speaker, takes = tuple(self._speakers), _numpy(self._speaker, np.int32), _numpy(self._takes, np.int32)
        table = ClipTable(
            self.folder, every, speakers, place[labels], speaker, takes,
            split=split_codes(speakers, speaker, takes, by_take=by_take), excluded=np.zeros(len(labels), np.bool_),
            frames=frames, rates=_numpy(self._rates, np.int32), sizes=_numpy(self._sizes, np.int64),
            mtimes_ns=_numpy(self._mtimes_ns, np.int64), names=Names(self._names, _numpy(self._lengths, np.int32)),
        )  # fmt: skip
        if readable.all():
            return table.with_words(listed), ClipTable.empty(self.folder)
        return table.kept(readable).with_words(listed), table.kept(~readable)


def scan(folder: Path, index: Index, *, before: Sequence[ClipTable] = ()) -> Scan:
    """Read all folders of words and bring the index up to them.

    Args:
        folder: the clips folder.
        index: what is remembered of the files; a damaged one is made again.
        before: what is known of the files from the last time.

    Raises:
        ProjectError: a folder cannot be read.
    """
    try:
        return _scan(folder, index, before)
    except IndexDamaged:
        index.rebuild()
        return _scan(folder, index, before)


def _scan(folder: Path, index: Index, before: Sequence[ClipTable]) -> Scan:
    index.load()
    found, orphans, candidates = Scan(folder), index.orphans(), list[str]()
    for path in sorted(word_folders(folder), key=lambda path: path.name):
        word = path.name
        files = sorted(_files(path))
        known = _known(word, before) or index.known(word)
        fresh = [file for file in files if known.get(file.name, ())[:2] != (file.size, file.mtime_ns)]
        gone = known.keys() - {file.name for file in files}
        if fresh:
            known.update(_measured(path, fresh))
        if fresh or gone:
            index.remember(((f"{word}/{file.name}", known[file.name]) for file in fresh),
                           gone=(f"{word}/{name}" for name in gone))  # fmt: skip
        candidates += (f"{word}/{file.name}" for file in fresh if file.size in orphans)
        found.add_word(word, files, (known[file.name][2:] for file in files))
    index.forget_other_words(found.words)
    index.follow(candidates)
    return found


def _files(folder: Path) -> Iterator[_File]:
    """The audio files directly in a folder; those removed meanwhile are left out."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if is_audio_name(entry.name) and entry.is_file():
                        stat = entry.stat()
                        yield _File(*parse_name(entry.name), entry.name, stat.st_size, stat.st_mtime_ns)
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ProjectError(f"{folder} cannot be read ({error.strerror}): check that you may open it.") from error


def _known(word: str, tables: Sequence[ClipTable]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for table in tables:
        rows = table.word_rows.get(word, range(0))
        part = slice(rows.start, rows.stop)
        columns = (getattr(table, name)[part].tolist() for name in ("sizes", "mtimes_ns", "frames", "rates"))
        known.update(zip(map(table.names.__getitem__, rows), zip(*columns, strict=True), strict=True))
    return known


def _measured(folder: Path, files: Sequence[_File]) -> Mapping[str, Known]:
    """What the headers of these files say, by name."""
    parts = [files[at : at + _AT_ONCE] for at in range(0, len(files), _AT_ONCE)]

    def measure(part: Sequence[_File]) -> list[tuple[int, int]]:
        return [frames_and_rate(os.path.join(folder, file.name), file.size) for file in part]

    if len(parts) == 1:
        headers = measure(parts[0])
    else:  # reading from a disk waits, and waits together
        with ThreadPoolExecutor(_THREADS) as threads:
            headers = [header for some in threads.map(measure, parts) for header in some]
    return {f.name: (f.size, f.mtime_ns, *header) for f, header in zip(files, headers, strict=True)}


def _numpy(values: array[int], kind: Any) -> Any:
    return np.frombuffer(values, kind) if values else np.zeros(0, kind)
