"""Files to import in columns of some fifty bytes a file, for very many of them."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.table import Names

_NO_TAKE = -1
_NO_SPLIT = -1


@dataclass(frozen=True, slots=True)
class ImportFile:
    """One file to import.

    Attributes:
        take: None where its name has none.
        split: The part that a list or folder puts it in, None where none does.
        is_speaker_given: Whether a person or a list says who speaks, rather than the file's name or nobody.
        span_s: Where in the file the clip is, from and to in seconds; None where it is the whole file.
        remark: Why a person should listen before it is taken; with one it is left out.
    """

    path: Path
    word: str
    speaker: str
    take: int | None
    split: Split | None = None
    is_speaker_given: bool = False
    span_s: tuple[float, float] | None = None
    remark: str = ""

    @property
    def shown(self) -> str:
        """The file's name, and where in it the clip is."""
        return self.path.name if self.span_s is None else f"{self.path.name} at {self.span_s[0]:.2f} s"


class ImportFiles(Sequence[ImportFile]):
    """Files to import, each made on access; only `set_word`, `set_speaker` and `set_remark` change them."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, files: Iterable[ImportFile] = ()) -> None:
        folders, texts = dict[str, int](), dict[str, int]()
        columns = tuple(array(kind) for kind in ("i", "i", "i", "i", "b", "b"))
        names, lengths = bytearray(), array("i")
        self._spans_s: dict[int, tuple[float, float]] = {}
        self._remarks: dict[int, str] = {}
        for row, file in enumerate(files):
            folder, name = os.path.split(file.path)
            raw = os.fsencode(name)
            names += raw
            lengths.append(len(raw))
            values = (
                folders.setdefault(folder, len(folders)),
                texts.setdefault(file.word, len(texts)),
                texts.setdefault(file.speaker, len(texts)),
                _NO_TAKE if file.take is None else file.take,
                _NO_SPLIT if file.split is None else SPLITS.index(file.split),
                file.is_speaker_given,
            )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
            if file.span_s is not None:
                self._spans_s[row] = file.span_s
            if file.remark:
                self._remarks[row] = file.remark
        self._folders, self._texts = list(folders), list(texts)
        self._folder, self._word, self._speaker, self._take, self._split, self._is_given = map(np.array, columns)
        self._names = Names(names, np.array(lengths, np.int64))

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> ImportFile: ...

    @overload
    def __getitem__(self, index: slice) -> ImportFiles: ...

    def __getitem__(self, index: int | slice) -> ImportFile | ImportFiles:
        rows = range(len(self))[index]
        return self.picked(rows) if isinstance(rows, range) else self._file(rows)

    def __iter__(self) -> Iterator[ImportFile]:
        return map(self._file, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (ImportFiles, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"<{len(self)} files to import>"

    def rows_of(self, *, word: str | None = None, speaker: str | None = None) -> NDArray[np.int64]:
        """The rows (M,) of a word or of a speaker, or of all."""
        wanted = np.ones(len(self), bool)
        for text, column in ((word, self._word), (speaker, self._speaker)):
            if text is not None:
                wanted &= column == (self._texts.index(text) if text in self._texts else -1)
        return np.flatnonzero(wanted)

    def rows_beside(self, row: int) -> NDArray[np.int64]:
        """The rows (M,) of the files in the same folder as that of a row."""
        return np.flatnonzero(self._folder == self._folder[row])

    def split(self, row: int) -> Split | None:
        """The part that a list or folder puts the file in a row in, None where none does."""
        code = int(self._split[row])
        return None if code == _NO_SPLIT else SPLITS[code]

    def distinct_words(self) -> set[str]:
        """The words that there are files of."""
        return {self._texts[at] for at in np.unique(self._word).tolist()}

    @property
    def pieces(self) -> Mapping[int, tuple[float, float]]:
        """Where in its file each row is that is not a whole file, from and to in seconds."""
        return self._spans_s

    @property
    def remarks(self) -> Mapping[int, str]:
        """The remark of each row that has one."""
        return self._remarks

    def picked(self, rows: Iterable[int]) -> ImportFiles:
        """Some rows (M,), in their order."""
        at = np.fromiter(rows, np.int64)
        files = ImportFiles.__new__(ImportFiles)
        files._spans_s, files._remarks = {}, {}
        files._folders, files._texts = self._folders, list(self._texts)
        for name in ("_folder", "_word", "_speaker", "_take", "_split", "_is_given"):
            setattr(files, name, getattr(self, name)[at])
        files._names = self._names.picked(at)
        for sparse, target in ((self._spans_s, files._spans_s), (self._remarks, files._remarks)):
            _pick(sparse, at, target)
        return files

    def set_word(self, rows: Sequence[int], word: str) -> None:
        """Puts some rows under another word."""
        self._word[list(rows)] = self._text(word)

    def set_speaker(self, rows: Sequence[int], speaker: str, *, is_given: bool = True) -> None:
        """Names who speaks in some rows."""
        self._speaker[list(rows)] = self._text(speaker)
        if is_given:
            self._is_given[list(rows)] = True

    def set_remark(self, row: int, remark: str) -> None:
        """Gives a row a remark, or with an empty one takes it away."""
        self._remarks.pop(row, None)
        if remark:
            self._remarks[row] = remark

    def _text(self, text: str) -> int:
        if text not in self._texts:
            self._texts.append(text)
        return self._texts.index(text)

    def _file(self, row: int) -> ImportFile:
        take = int(self._take[row])
        return ImportFile(
            Path(self._folders[self._folder[row]], self._names[row]),
            self._texts[self._word[row]],
            self._texts[self._speaker[row]],
            None if take == _NO_TAKE else take,
            self.split(row),
            bool(self._is_given[row]),
            self._spans_s.get(row),
            self._remarks.get(row, ""),
        )


def _pick(sparse: dict[int, Any], rows: NDArray[np.int64], target: dict[int, Any]) -> None:
    """What is noted of few rows, under where they are now."""
    if sparse:
        target.update((at, sparse[row]) for at, row in enumerate(rows.tolist()) if row in sparse)
