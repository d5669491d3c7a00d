"""Clips chosen by text and put in an order, as a table of them shows them, by what a check has found in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kws_engine.caring.checking import Check
from kws_engine.caring.problems import PROBLEM_KINDS, Problem
from kws_engine.clips.table import ClipTable, Rows

SortKey = Literal["take", "speaker", "word", "part", "length", "peak", "snr", "suspicion", "problems"]
"""Scripts give these to `kws clips --sort`: a key may be added, none renamed."""
SORT_KEYS: Final[tuple[SortKey, ...]] = get_args(SortKey)
CHECKED_KEYS: Final[frozenset[SortKey]] = frozenset(("peak", "snr", "suspicion", "problems"))
"""Those that need a check; the peak may be measured without one."""

_NO_PROBLEM: Final = len(PROBLEM_KINDS)
Keys = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The clips of a table with what is known of them.

    Attributes:
        table: The clips, N rows.
        found: What a check found, perhaps in an older table; None without one.
        measured_db: (N,) peak levels that were measured without a check, NaN where they were not.
    """

    table: ClipTable
    found: Check | None = None
    measured_db: NDArray[np.floating] | None = None

    # -- what is known

    @cached_property
    def peaks_db(self) -> NDArray[np.float32]:
        """(N,) in dBFS, NaN where it is not known."""
        checked = self._of_check(lambda found: found.peaks_db)
        return checked if self.measured_db is None else np.where(np.isnan(checked), self.measured_db, checked)

    @cached_property
    def snrs_db(self) -> NDArray[np.float32]:
        """(N,) from the noise floor to the loudest 70 ms, NaN where it is not known."""
        return self._of_check(lambda found: found.snrs_db)

    @cached_property
    def suspicion(self) -> NDArray[np.float32]:
        """(N,) how much more a clip sounds like another word than like its own, in cosines; NaN where not known."""
        return self._of_check(lambda found: found.compared.excess)

    def problems(self, row: int) -> tuple[Problem, ...]:
        """What is wrong with a clip, the worst first."""
        at = self._checked_at[row]
        return self.found.problems[at] if self.found is not None and at >= 0 else ()

    # -- choosing

    def matching(self, rows: Rows, text: str) -> Rows:
        """Those of some rows (M,) that have every word of a text, in any case: in word, name, speaker or problems."""
        wanted = text.casefold().split()
        if not wanted or not len(rows):
            return rows
        names = self.table.names.joined(rows).casefold().split("\0")
        mask = np.ones(len(rows), bool)
        for part in wanted:
            has = np.array([part in name for name in names])
            has |= _having(part, self.table.words)[self.table.labels[rows]]
            has |= _having(part, self.table.speakers)[self.table.speaker[rows]]
            if self.found is not None:
                texts, code = self._notes
                has |= _having(part, texts)[code[rows]]
            mask &= has
        return rows[mask]

    def with_problem(self, rows: Rows, kind: str | None = None) -> Rows:
        """Those of some rows (M,) with a kind of problem, None for any."""
        bits = self._kinds[rows]
        wanted = bits != 0 if kind is None else bits & _bit(kind) != 0
        return np.asarray(rows[wanted])

    def problem_counts(self, rows: Rows) -> dict[str, int]:
        """How many of some rows (M,) have each kind of problem."""
        bits = self._kinds[rows]
        return {kind: int(np.count_nonzero(bits & _bit(kind))) for kind in PROBLEM_KINDS}

    # -- ordering

    def ordered(self, rows: Rows, by: SortKey, *, descending: bool = False) -> Rows:
        """Some rows (M,) in an order: equal ones as before, those of which it is not known last."""
        keys = self._keys(by)[rows]
        unknown = np.isnan(keys) if keys.dtype.kind == "f" else np.zeros(len(keys), bool)
        if descending:
            keys = -keys.astype(np.float64)
        return rows[np.lexsort((keys, unknown))]

    def _keys(self, by: SortKey) -> Keys:
        table = self.table
        keys: dict[SortKey, Callable[[], Keys]] = {
            "take": lambda: table.takes,
            "speaker": lambda: _rank(table.speakers)[table.speaker],
            "word": lambda: _rank(table.words)[table.labels],
            "part": lambda: np.where(table.excluded, 127, table.split),
            "length": lambda: table.seconds,
            "peak": lambda: self.peaks_db,
            "snr": lambda: self.snrs_db,
            "suspicion": lambda: self.suspicion,
            "problems": lambda: _worst(self._kinds),
        }
        return keys[by]()

    # -- the check

    @cached_property
    def _checked_at(self) -> Rows:
        """Where each row stands in the table that was checked (N,), -1 where it does not."""
        if self.found is None:
            return np.full(len(self.table), -1, np.int64)
        return self.found.table.places_of(self.table)

    def _of_check(self, values: Callable[[Check], NDArray[np.float32]]) -> NDArray[np.float32]:
        at = self._checked_at
        if self.found is None or not len(self.found.table):
            return np.full(len(at), np.nan, np.float32)
        return np.where(at >= 0, values(self.found)[at], np.float32(np.nan))

    @cached_property
    def _kinds(self) -> NDArray[np.int32]:
        """The kinds of each row's problems (N,), a bit for each."""
        bits = np.zeros(len(self.table), np.int32)
        if self.found is not None and len(self.found.table):
            known = self._checked_at >= 0
            bits[known] = self.found.kind_bits[self._checked_at[known]]
        return bits

    @cached_property
    def _notes(self) -> tuple[Sequence[str], NDArray[np.int64]]:
        """What is said of problems, each once, and which of it of each row (N,)."""
        assert self.found is not None
        texts, code = self.found.notes
        return texts, np.where(self._checked_at >= 0, np.append(code, 0)[self._checked_at], 0)


def _having(part: str, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of some texts have a part; it is in small letters."""
    return np.array([part in text.casefold() for text in texts], bool)


def _rank(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name in the alphabet, small and capital letters alike."""
    rank = np.zeros(len(names), np.int64)
    rank[sorted(range(len(names)), key=lambda at: (names[at].casefold(), names[at]))] = np.arange(len(names))
    return rank


def _bit(kind: str) -> int:
    return 1 << PROBLEM_KINDS.index(kind)


def _worst(bits: NDArray[np.int32]) -> NDArray[np.int64]:
    """The place of the worst kind of problem (N,), of which the lowest bit stands; behind all for none."""
    lowest = np.log2(np.maximum(bits & -bits, 1)).astype(np.int64)
    return np.where(bits != 0, lowest, _NO_PROBLEM)
