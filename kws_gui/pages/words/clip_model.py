"""Clips as the rows of a table in any order, each made when it comes into view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget

from kws_engine.caring.arrangement import Arrangement, SortKey
from kws_engine.clips.clip import Clip, key_at
from kws_engine.clips.split import Split
from kws_engine.clips.table import ClipList
from kws_engine.clips.words import NOISE
from kws_gui import theme

PART_TITLES: Final[dict[Split, str]] = {"training": "training", "validation": "validation", "testing": "test"}
_Index = QModelIndex | QPersistentModelIndex
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column:
    """One value of a clip, by which clips can be put in order.

    Attributes:
        key: Which.
        title: In the header.
        order: What the order by it is called.
        widest: A text that has to fit in; empty for a column that takes a share of the room that is left.
        is_number: Whether it stands at the right.
        is_checked: Whether only a check tells it.
        is_spare: Whether it may be missing where there is little room for what a check tells.
        tip: What it means, where the title does not say it.
    """

    key: SortKey
    title: str
    order: str
    widest: str = ""
    is_number: bool = False
    is_checked: bool = False
    is_spare: bool = False
    tip: str = ""


COLUMNS: Final = (
    Column("take", "Clip", "Take"),
    Column("speaker", "Speaker", "Speaker"),
    Column("part", "Part", "Part", "validation"),
    Column("length", "Length", "Length", "0.00 s", is_number=True, is_spare=True),
    Column("peak", "Peak", "Peak level", "-00 dB", is_number=True, is_spare=True),
    Column(
        "snr", "SNR", "Quality: signal to noise", "00 dB", is_number=True, is_checked=True,
        tip="Quality: from the noise floor to the loudest 70 ms",
    ),
    Column(
        "suspicion", "Doubt", "Suspicion: like another word", "+0.00", is_number=True, is_checked=True,
        tip="How much more it sounds like another word than like its own, in cosines: above 0.1 it is suspected",
    ),
    Column("problems", "Problems", "Problems, the worst first"),
)  # fmt: skip
WORST_LAST: Final[frozenset[SortKey]] = frozenset(("suspicion",))
"""Of these the largest value is the most interesting."""


class ClipTableModel(QAbstractTableModel):
    """Knows the clips and what is known of them; who shows them says in which order."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._given: Sequence[Clip] = ()
        self._clips: Sequence[Clip] = ()
        self._arrangement: Arrangement | None = None
        self._last: tuple[int, Clip] | None = None
        self._order: tuple[SortKey, bool] = ("speaker", False)
        self._texts: dict[SortKey, Callable[[Clip, int | None], str]] = {
            "take": lambda clip, _: clip.path.name if clip.word == NOISE else f"take {clip.take}",
            "speaker": lambda clip, _: "" if clip.word == NOISE else clip.speaker,
            "part": lambda clip, _: _part(clip),
            "length": lambda clip, _: f"{clip.seconds:.2f} s" if clip.seconds < 60 else f"{clip.seconds / 60:.1f} min",
            "peak": lambda _, row: self._number(row, "peaks_db", "{:.0f} dB"),
            "snr": lambda _, row: self._number(row, "snrs_db", "{:.0f} dB"),
            "suspicion": lambda _, row: self._number(row, "suspicion", "{:+.2f}"),
            "problems": lambda _, row: self._problems(row),
        }

    @property
    def clips(self) -> Sequence[Clip]:
        """Those that are shown, in their order."""
        return self._clips

    @property
    def order(self) -> tuple[SortKey, bool]:
        """By what the clips are put in order, and whether descending."""
        return self._order

    @property
    def is_checked(self) -> bool:
        """Whether a check has told something of the clips."""
        return self._arrangement is not None and self._arrangement.found is not None

    def set_clips(self, clips: Sequence[Clip], arrangement: Arrangement | None = None) -> None:
        """Shows these clips.

        Args:
            clips: Any.
            arrangement: What is known of their table, where they are of one.
        """
        if arrangement is None and isinstance(clips, ClipList):
            arrangement = Arrangement(clips.table)
        self.beginResetModel()
        self._given, self._arrangement = clips, arrangement
        self._arrange()
        self.endResetModel()

    def set_order(self, by: SortKey, descending: bool) -> None:
        """Shows the clips in another order, equal ones by speaker and take."""
        self.beginResetModel()
        self._order = (by, descending)
        self._arrange()
        self.endResetModel()

    def row_of(self, path: Path) -> int | None:
        """The row of the clip at `path`, None where it is not shown."""
        if isinstance(self._clips, ClipList):
            row = self._clips.table.row(key_at(path))
            rows = np.flatnonzero(self._clips.indices == row).tolist() if row is not None else []
            return rows[0] if rows and self._clips[rows[0]].path == path else None
        return next((row for row, clip in enumerate(self._clips) if clip.path == path), None)

    def problems(self, row: int) -> str:
        """What is wrong with the clip of a row, in a few words."""
        return self._problems(self._table_row(row))

    # -- what Qt asks for

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._clips)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{column.tip or column.order}. Click to put the clips in this order, again for the other way round"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.is_number else _LEFT
        return None

    def data(self, index: _Index, role: int = 0) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            text = self._texts[COLUMNS[index.column()].key]
            return text(self._clip(index.row()), self._table_row(index.row()))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if COLUMNS[index.column()].is_number else _LEFT
        if role == Qt.ItemDataRole.ForegroundRole and self._clip(index.row()).excluded:
            return theme.current().color("muted")
        if role == Qt.ItemDataRole.ToolTipRole:
            clip = self._clip(index.row())
            left_out = "left out of training and evaluation" if clip.excluded else ""
            return "\n".join(filter(None, (str(clip.path), self.problems(index.row()), left_out)))
        return None

    # -- what is known

    def _arrange(self) -> None:
        self._last = None
        clips, (by, descending) = self._given, self._order
        if isinstance(clips, ClipList) and self._arrangement is not None:
            rows = self._arrangement.ordered(clips.indices, "speaker")
            if self._order != ("speaker", False):
                rows = self._arrangement.ordered(rows, by, descending=descending)
            self._clips = clips.table.clips(rows)
        else:
            self._clips = sorted(clips, key=_keys_of_listed(by), reverse=descending)

    def _table_row(self, row: int) -> int | None:
        if self._arrangement is None or not isinstance(self._clips, ClipList):
            return None
        return int(self._clips.indices[row])

    def _clip(self, row: int) -> Clip:
        """The clip of a row; Qt asks for the same row many times in turn while it draws."""
        if self._last is None or self._last[0] != row:
            self._last = (row, self._clips[row])
        return self._last[1]

    def _number(self, row: int | None, name: str, pattern: str) -> str:
        value = np.nan if row is None else float(getattr(self._arrangement, name)[row])
        return "" if np.isnan(value) else pattern.format(value)

    def _problems(self, row: int | None) -> str:
        known = self._arrangement
        return ", ".join(map(str, known.problems(row))) if known is not None and row is not None else ""


def _part(clip: Clip) -> str:
    return "left out" if clip.excluded else "" if clip.word == NOISE else PART_TITLES[clip.split]


def _keys_of_listed(by: SortKey) -> Callable[[Clip], tuple[float, str, int, str]]:
    """By length, or by speaker and take: more is not known of what is of no table, as background noise."""
    return lambda clip: (clip.seconds if by == "length" else 0, clip.speaker.casefold(), clip.take, clip.path.name)
