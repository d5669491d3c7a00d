"""Clips in columns of a few dozen bytes a clip, for very many of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kws_engine.clips.clip import Clip, WordSummary
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.words import parse_name

Rows = NDArray[np.int64]

_TYPES: Final[dict[str, Any]] = {
    "labels": np.int16,
    "speaker": np.int32,
    "takes": np.int32,
    "split": np.int8,
    "excluded": np.bool_,
    "frames": np.int64,
    "rates": np.int32,
    "sizes": np.int64,
    "mtimes_ns": np.int64,
    "rule": np.int8,
}
COLUMNS: Final = tuple(_TYPES)
UNDECIDED: Final = -1
_OF_CLIPS: Final = ("takes", "split", "excluded", "frames", "rates")
_AT_ONCE: Final = 65_536
_PICKED: Final = 8_192


class Names:
    """File names as one array of the system's bytes and where each name ends; immutable."""

    def __init__(self, content: bytes | bytearray | NDArray[np.uint8], lengths: ArrayLike) -> None:
        self._bytes = np.frombuffer(content, np.uint8) if not isinstance(content, np.ndarray) else content
        ends = np.concatenate(([0], np.cumsum(np.asarray(lengths, np.int64))))
        self._ends = ends.astype(np.uint32 if ends[-1] < 2**32 else np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, row: int) -> str:
        return os.fsdecode(self._bytes[self._ends[row] : self._ends[row + 1]].tobytes())

    @property
    def nbytes(self) -> int:
        """Their size in memory."""
        return self._bytes.nbytes + self._ends.nbytes

    def where(self, mask: NDArray[np.bool_]) -> Names:
        """The names at which `mask` (N,) is true."""
        lengths = np.diff(self._ends)
        return Names(self._bytes[np.repeat(mask, lengths)], lengths[mask])

    def picked(self, rows: Rows) -> Names:
        """The names of some rows (M,), in their order."""
        parts = [self._picked(rows[at : at + _PICKED]) for at in range(0, len(rows), _PICKED)]
        empty = [np.zeros(0, np.uint8)]
        return Names(np.concatenate(parts or empty), np.diff(self._ends)[rows])

    def _picked(self, rows: Rows) -> NDArray[np.uint8]:
        """Their bytes; each of these takes sixteen in memory meanwhile."""
        starts, ends = self._ends[rows].astype(np.int64), self._ends[rows + 1].astype(np.int64)
        lengths = ends - starts
        moved_by = starts - np.concatenate(([0], np.cumsum(lengths)))[:-1]
        return self._bytes[np.repeat(moved_by, lengths) + np.arange(lengths.sum())]

    def span(self, start: int, stop: int) -> Names:
        """The names of rows that stand together."""
        ends = self._ends[start : stop + 1]
        return Names(self._bytes[ends[0] : ends[-1]], np.diff(ends))

    def joined(self, rows: Rows) -> str:
        """The names of some rows (M,) with a zero between each two, which no name has in it."""
        if not len(rows):
            return ""
        is_span = len(rows) == rows[-1] - rows[0] + 1 and bool((np.diff(rows) == 1).all())
        some = self.span(int(rows[0]), int(rows[-1]) + 1) if is_span else self.picked(rows)
        return os.fsdecode(np.insert(some._bytes, some._ends[1:-1].astype(np.int64), 0).tobytes())

    def same(self, other: Names) -> bool:
        """Whether the names are equal, in this order."""
        return np.array_equal(self._ends, other._ends) and np.array_equal(self._bytes, other._bytes)

    def inserted(self, at: Rows, names: Sequence[str]) -> Names:
        """With more names, each inserted before a row of `at` (M,), which ascends."""
        raw = [np.frombuffer(os.fsencode(name), np.uint8) for name in names]
        lengths = _inserted(np.diff(self._ends), at, [[len(name)] for name in raw])
        return Names(_inserted(self._bytes, self._ends[at], raw), lengths)


@dataclass(frozen=True)
class ClipRow:
    """A row to be inserted: the clip's key, its part as an index into `SPLITS`, what its file is, its part by rule."""

    key: str
    split: int
    excluded: bool
    size: int
    mtime_ns: int
    frames: int
    rate: int
    rule: int = UNDECIDED

    @property
    def order(self) -> tuple[str, str, int, str]:
        """By word, speaker, take and name."""
        word, _, name = self.key.partition("/")
        return word, *parse_name(name), name


@dataclass(frozen=True, eq=False)
class ClipTable:
    """A snapshot of clips, N rows by word, speaker, take and file name; nothing changes it.

    Attributes:
        folder: The clips folder of the project.
        words: What `labels` index: the project's words in their order, then `_unknown_`.
        speakers: What `speaker` indexes, in no order.
        labels: (N,) int16.
        speaker: (N,) int32.
        takes: (N,) int32.
        split: (N,) int8, an index into `SPLITS`; a hand-set part is in it.
        excluded: (N,) bool.
        frames: (N,) int64, samples per channel.
        rates: (N,) int32, in Hz; 0 where a file cannot be read.
        sizes: (N,) int64, in bytes.
        mtimes_ns: (N,) int64.
        rule: (N,) int8, the part by rule as an index into `SPLITS`, or `UNDECIDED`.
        names: (N,) file names.
    """

    folder: Path
    words: tuple[str, ...]
    speakers: tuple[str, ...]
    labels: NDArray[np.int16]
    speaker: NDArray[np.int32]
    takes: NDArray[np.int32]
    split: NDArray[np.int8]
    excluded: NDArray[np.bool_]
    frames: NDArray[np.int64]
    rates: NDArray[np.int32]
    sizes: NDArray[np.int64]
    mtimes_ns: NDArray[np.int64]
    rule: NDArray[np.int8]
    names: Names

    def __post_init__(self) -> None:
        for column in COLUMNS:
            array = np.asarray(getattr(self, column), _TYPES[column])
            array.flags.writeable = False
            object.__setattr__(self, column, array)

    @classmethod
    def empty(cls, folder: Path, words: tuple[str, ...] = ()) -> ClipTable:
        """A table without rows."""
        return cls(
            folder, words, (), **{name: np.zeros(0, kind) for name, kind in _TYPES.items()}, names=Names(b"", [])
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Length of each clip (N,) in seconds, 0 where it cannot be read."""
        return self.frames / np.maximum(self.rates, 1)

    @cached_property
    def word_rows(self) -> dict[str, range]:
        """The rows of each word that has any: they stand together."""
        starts = np.flatnonzero(np.diff(self.labels, prepend=-1)) if len(self) else np.zeros(0, np.int64)
        ends = [*starts[1:].tolist(), len(self)]
        spans = zip(starts.tolist(), ends, strict=False)
        return {self.words[self.labels[start]]: range(start, end) for start, end in spans}

    def select(self, *, word: str | None = None, split: Split | None = None, include_excluded: bool = False) -> Rows:
        """The rows (M,) of a word and a part, or of all, in order."""
        rows = range(len(self)) if word is None else self.word_rows.get(word, range(0))
        part = slice(rows.start, rows.stop)
        wanted = np.ones(len(rows), bool) if include_excluded else ~self.excluded[part]
        if split is not None:
            wanted &= self.split[part] == SPLITS.index(split)
        return np.flatnonzero(wanted).astype(np.int64, copy=False) + rows.start

    def counts(self, *, include_excluded: bool = False) -> NDArray[np.int64]:
        """Clips of each word in each part (words, parts)."""
        rows = self.select(include_excluded=include_excluded)
        cells = self.labels[rows].astype(np.int64) * len(SPLITS) + self.split[rows]
        return np.bincount(cells, minlength=len(self.words) * len(SPLITS)).reshape(-1, len(SPLITS))

    def word_counts(self, split: Split, *, include_excluded: bool = False) -> dict[str, int]:
        """Clips of each word in one part."""
        counts = self.counts(include_excluded=include_excluded)[:, SPLITS.index(split)]
        return dict(zip(self.words, counts.tolist(), strict=True))

    def summary(self, word: str) -> WordSummary:
        """Counts of a word, without the clips that are left out."""
        rows = self.select(word=word)
        training, validation, testing = np.bincount(self.split[rows], minlength=len(SPLITS)).tolist()
        seconds = round(float(self.seconds[rows].sum()), 3)
        return WordSummary(training, validation, testing, len(_distinct(self.speaker[rows])), seconds)

    def key(self, row: int) -> str:
        """`word/name`, the path under `folder`."""
        return f"{self.words[self.labels[row]]}/{self.names[row]}"

    def path(self, row: int) -> Path:
        """Where a clip is."""
        return self.folder / self.key(row)

    def clip(self, row: int) -> Clip:
        """One row as a `Clip`."""
        rate = int(self.rates[row])
        return Clip(
            self.path(row),
            self.words[self.labels[row]],
            self.speakers[self.speaker[row]],
            int(self.takes[row]),
            SPLITS[self.split[row]],
            int(self.frames[row]) / rate if rate else 0.0,
            bool(self.excluded[row]),
        )

    def clips(self, rows: Rows | None = None) -> ClipList:
        """Some rows, or all, as a list that makes each clip on access."""
        return ClipList(self, np.arange(len(self)) if rows is None else rows)

    def row(self, key: str) -> int | None:
        """The row of the clip at `word/name`, None where there is none."""
        word, _, name = key.partition("/")
        row = self._place((word, *parse_name(name), name))
        return row if row < len(self) and self.key(row) == key else None

    def places_of(self, other: ClipTable) -> Rows:
        """Where each row of another table (M,) stands in this one, by word and name; -1 where it does not."""
        if other.names is self.names and other.words == self.words and np.array_equal(other.labels, self.labels):
            return np.arange(len(other))
        places = np.full(len(other), -1, np.int64)
        for word, theirs in other.word_rows.items():
            mine = self.word_rows.get(word, range(0))
            ours = self.names.span(mine.start, mine.stop)
            if ours.same(other.names.span(theirs.start, theirs.stop)):
                places[theirs.start : theirs.stop] = mine
            elif (found := self._places_by_take(mine, other, theirs)) is not None:
                places[theirs.start : theirs.stop] = found
            else:
                at = dict(zip(ours.joined(np.arange(len(ours))).split("\0"), mine, strict=False))
                names = other.names.joined(np.array(theirs)).split("\0")
                places[theirs.start : theirs.stop] = [at.get(name, -1) for name in names]
        return places

    def _places_by_take(self, mine: range, other: ClipTable, theirs: range) -> Rows | None:
        """Where each of their rows (M,) of a word stands among mine, -1 where it does not, by speaker and take.

        None where that does not tell all names apart, as with two files of one take; it is five times as fast.
        """
        number = np.append(_places(other.speakers, self.speakers), -1)
        ours, wanted = (
            speaker.astype(np.int64) << 32 | table.takes[rows.start : rows.stop]
            for table, rows, speaker in (
                (self, mine, self.speaker[mine.start : mine.stop]),
                (other, theirs, number[other.speaker[theirs.start : theirs.stop]]),
            )
        )
        order = np.argsort(ours, kind="stable")
        ascending = ours[order]
        at = np.minimum(np.searchsorted(ascending, wanted), max(len(ours) - 1, 0))
        if not len(ours) or (ascending[1:] == ascending[:-1]).any():
            return None
        is_there = ascending[at] == wanted
        rows = order[at[is_there]]
        is_mine = np.zeros(len(ours), bool)
        is_mine[rows] = True
        same = self.names.span(mine.start, mine.stop).where(is_mine)
        if (np.diff(rows) <= 0).any() or not same.same(other.names.span(theirs.start, theirs.stop).where(is_there)):
            return None
        places = np.full(len(wanted), -1, np.int64)
        places[is_there] = rows + mine.start
        return places

    def where(self, mask: NDArray[np.bool_]) -> ClipTable:
        """The rows at which `mask` (N,) is true."""
        columns = {column: getattr(self, column)[mask] for column in COLUMNS}
        return replace(self, **columns, names=self.names.where(mask))

    def without(self, keys: Iterable[str]) -> ClipTable:
        """All rows but those of `keys`."""
        gone = [row for row in map(self.row, keys) if row is not None]
        mask = np.ones(len(self), bool)
        mask[gone] = False
        return self.where(mask) if gone else self

    def with_clips(self, rows: Sequence[ClipRow]) -> ClipTable:
        """With more clips; those with the key of an old one replace it."""
        table = self.without(row.key for row in rows)
        rows = sorted(rows, key=lambda row: row.order)
        if not rows:
            return table
        speakers = {speaker: at for at, speaker in enumerate(self.speakers)}
        values = []
        for row in rows:
            word, speaker, take, _ = row.order
            file = (row.frames, row.rate, row.size, row.mtime_ns)
            who = speakers.setdefault(speaker, len(speakers))
            values.append((self.words.index(word), who, take, row.split, row.excluded, *file, row.rule))
        at = np.array([table._place(row.order) for row in rows], np.int64)
        columns: dict[str, Any] = {
            name: _inserted(getattr(table, name), at, [[value] for value in column])
            for name, column in zip(COLUMNS, zip(*values, strict=True), strict=True)
        }
        names = table.names.inserted(at, [row.order[3] for row in rows])
        return replace(table, speakers=tuple(speakers), **columns, names=names)

    def with_parts(
        self,
        split: NDArray[np.int8],
        chosen: Mapping[int, tuple[int, bool]],
        excluded: NDArray[np.bool_] | None = None,
    ) -> ClipTable:
        """With these parts (N,) and exclusions (N,), or no exclusions; the rows of `chosen` get theirs from it."""
        split = split.copy()
        excluded = np.zeros(len(self), np.bool_) if excluded is None else excluded.copy()
        for row, (code, is_excluded) in chosen.items():
            split[row], excluded[row] = code, is_excluded
        return replace(self, split=split, excluded=excluded)

    def with_rule(self, rule: NDArray[np.int8]) -> ClipTable:
        """With these parts by rule (N,)."""
        return replace(self, rule=rule)

    def speakers_by_take(self, word: str) -> list[str]:
        """Who is in several parts of a word, clips that are left out aside."""
        rows = self.select(word=word)
        speaker = _distinct(self.speaker[rows].astype(np.int64) * len(SPLITS) + self.split[rows]) // len(SPLITS)
        several = _distinct(speaker[1:][speaker[1:] == speaker[:-1]])
        return sorted(self.speakers[at] for at in several.tolist())

    def split_by(self) -> dict[str, Literal["speaker", "take"]]:
        """How the clips of each word that has some are split: into whole speakers, or some speakers' clips by take."""
        return {
            word: "take" if self.speakers_by_take(word) else "speaker" for word in self.words if word in self.word_rows
        }

    def without_word(self, word: str) -> ClipTable:
        """All rows but those of a word."""
        rows = self.word_rows.get(word, range(0))
        return self.where(~np.isin(np.arange(len(self)), rows)) if rows else self

    def renamed(self, old: str, new: str) -> ClipTable:
        """With the clips of one word under another name, which no clip had."""
        words = tuple(new if word == old else word for word in self.words)
        blocks = sorted((new if word == old else word, rows.start, rows.stop) for word, rows in self.word_rows.items())
        order = np.concatenate([np.arange(start, stop) for _, start, stop in blocks] or [np.zeros(0, np.int64)])
        columns: dict[str, Any] = {name: getattr(self, name)[order] for name in COLUMNS}
        return replace(self, words=words, **columns, names=self.names.picked(order))

    def with_words(self, words: tuple[str, ...]) -> ClipTable:
        """With another list of words, which has all that are in use."""
        if words == self.words:
            return self
        return replace(self, words=words, labels=_places(self.words, words).astype(np.int16)[self.labels])

    def _place(self, wanted: tuple[str, str, int, str]) -> int:
        """The first row that does not come before this word, speaker, take and name."""
        rows = self.word_rows.get(wanted[0])
        if rows is None:
            return min((r.start for other, r in self.word_rows.items() if other > wanted[0]), default=len(self))
        low, high = rows.start, rows.stop
        while low < high:
            middle = (low + high) // 2
            if (self.speakers[self.speaker[middle]], int(self.takes[middle]), self.names[middle]) < wanted[1:]:
                low = middle + 1
            else:
                high = middle
        return low


class ClipList(Sequence[Clip]):
    """Rows of a table as clips, each made on access; a later change of the project does not show."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, table: ClipTable, rows: Rows) -> None:
        self.table = table
        self.indices = rows

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Clip: ...

    @overload
    def __getitem__(self, index: slice) -> ClipList: ...

    def __getitem__(self, index: int | slice) -> Clip | ClipList:
        if isinstance(index, slice):
            return ClipList(self.table, self.indices[index])
        return self.table.clip(int(self.indices[index]))

    def __iter__(self) -> Iterator[Clip]:
        for start in range(0, len(self.indices), 1024):  # Python numbers for a thousand rows at a time
            yield from map(self.table.clip, self.indices[start : start + 1024].tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (ClipList, list, tuple)):
            return NotImplemented
        if isinstance(other, ClipList):
            return len(self) == len(other) and self._same(other)
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def _same(self, other: ClipList) -> bool:
        mine, theirs = self.table, other.table
        if mine is theirs and np.array_equal(self.indices, other.indices):
            return True
        if mine.folder != theirs.folder:
            return False
        word = _places(theirs.words, mine.words)
        speaker = _places(theirs.speakers, mine.speakers)
        for start in range(0, len(self), _AT_ONCE):
            a, b = self.indices[start : start + _AT_ONCE], other.indices[start : start + _AT_ONCE]
            columns = [(getattr(mine, name)[a], getattr(theirs, name)[b]) for name in _OF_CLIPS]
            columns += [(mine.labels[a], word[theirs.labels[b]]), (mine.speaker[a], speaker[theirs.speaker[b]])]
            if not all(np.array_equal(*pair) for pair in columns) or not mine.names.picked(a).same(
                theirs.names.picked(b)
            ):
                return False
        return True

    def __add__(self, other: Iterable[Clip]) -> list[Clip]:
        return [*self, *other]

    def __radd__(self, other: Iterable[Clip]) -> list[Clip]:
        return [*other, *self]

    def __repr__(self) -> str:
        return f"<{len(self)} clips>"


def _distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Each value once, ascending; `np.unique` takes ten times as long for the clips of one word."""
    ascending = np.sort(values)
    return ascending[np.diff(ascending, prepend=ascending[:1] - 1) > 0]


def _places(of: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Where each of some names stands among others, -1 where it does not."""
    place = {name: at for at, name in enumerate(among)}
    return np.array([place.get(name, -1) for name in of], np.int64)


def _inserted(column: NDArray[Any], at: NDArray[Any], pieces: Sequence[ArrayLike]) -> NDArray[Any]:
    """A column with a piece before each of some rows (M,), which ascend; what lies between is copied whole."""
    between = np.split(column, at.astype(np.int64))
    mixed = [part for pair in zip(between, pieces, strict=False) for part in pair]
    return np.concatenate([np.asarray(part, column.dtype) for part in (*mixed, between[-1])])
