"""The table of one word's clips: play, delete, put into a part, leave out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from kws_engine.caring.checking import Check
from kws_engine.clips.arrivals import TESTED_FROM
from kws_engine.clips.clip import Clip, key_at
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.table import ClipList, ClipTable
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_gui import theme
from kws_gui.pages.words.caring import problem_text

_HEADER = ("Clip", "Speaker", "Part", "Length", "Peak", "Problems")
_PROBLEMS = 5
_PART_TITLES: dict[str, str] = {"training": "training", "validation": "validation", "testing": "test"}
_Index = QModelIndex | QPersistentModelIndex
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ClipTableModel(QAbstractTableModel):
    """Clips in rows, each made when it comes into view; levels follow as they are measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clips: Sequence[Clip] = ()
        self._last: tuple[int, Clip] | None = None
        self._peaks_db: dict[str, float] = {}
        self._found: Check | None = None

    @property
    def clips(self) -> Sequence[Clip]:
        return self._clips

    def set_clips(self, clips: Sequence[Clip]) -> None:
        """Shows these clips, by speaker and take."""
        self.beginResetModel()
        self._clips = _by_speaker(clips)
        self._last = None
        self.endResetModel()

    def row_of(self, path: Path) -> int | None:
        """The row of the clip at `path`, None where it is not shown."""
        if isinstance(self._clips, ClipList):
            row = self._clips.table.row(key_at(path))
            rows = np.flatnonzero(self._clips.indices == row).tolist() if row is not None else []
            return rows[0] if rows and self._clips[rows[0]].path == path else None
        return next((row for row, clip in enumerate(self._clips) if clip.path == path), None)

    def set_levels(self, peaks_db: dict[str, float]) -> None:
        """Peak levels in dBFS by `word/name`."""
        self._peaks_db = peaks_db
        if self._clips:
            self.dataChanged.emit(self.index(0, 4), self.index(len(self._clips) - 1, 4))

    def set_found(self, found: Check | None) -> None:
        """What a check found in the clips."""
        self._found = found
        if self._clips:
            self.dataChanged.emit(self.index(0, _PROBLEMS), self.index(len(self._clips) - 1, _PROBLEMS))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._clips)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return len(_HEADER)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADER[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if 3 <= section < _PROBLEMS else Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = 0) -> Any:
        clip = self._clip(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(clip, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole and 3 <= index.column() < _PROBLEMS:
            return _RIGHT
        if role == Qt.ItemDataRole.ForegroundRole and clip.excluded:
            return theme.current().color("muted")
        if role == Qt.ItemDataRole.ToolTipRole:
            problems = problem_text(self._found, clip)
            return f"{clip.path}{f'{chr(10)}{problems}' if problems else ''}" + (
                "\nleft out of training and evaluation" if clip.excluded else ""
            )
        return None

    def _clip(self, row: int) -> Clip:
        """The clip of a row; Qt asks for the same row many times in turn while it draws."""
        if self._last is None or self._last[0] != row:
            self._last = (row, self._clips[row])
        return self._last[1]

    def _text(self, clip: Clip, column: int) -> str:
        if column == 0:
            return clip.path.name if clip.word == NOISE else f"take {clip.take}"
        if column == 1:
            return "" if clip.word == NOISE else clip.speaker
        if column == 2:
            return "left out" if clip.excluded else "" if clip.word == NOISE else _PART_TITLES[clip.split]
        if column == 3:
            return f"{clip.seconds:.2f} s" if clip.seconds < 60 else f"{clip.seconds / 60:.1f} min"
        if column == _PROBLEMS:
            return problem_text(self._found, clip)
        peak_db = self._peaks_db.get(clip.key)
        return "" if peak_db is None else f"{peak_db:.0f} dB"


def how_split(table: ClipTable, word: str) -> str:
    """How the clips of a word come to be in their parts, in a few words; empty where it has none."""
    found = table.summary(word) if word in table.word_rows else None
    total = found.training + found.validation + found.testing if found is not None else 0
    if found is None or not total:
        return ""
    if total == 1:
        return "The second take will validate."
    speakers = table.speakers_by_take(word)
    if not speakers:
        way = "Split by whole speakers"
    elif len(speakers) == 1:
        way = f"Split by take: {speakers[0]} is in several parts"
    else:
        way = f"Split by take: {len(speakers)} speakers are in several parts"
    if not found.validation:
        return f"{way}. Nothing validates: record one more take."
    if not found.testing:
        return f"{way}. Nothing tests" + (" it." if total >= TESTED_FROM else " yet: of ten takes, one will.")
    return f"{way}."


def _by_speaker(clips: Sequence[Clip]) -> Sequence[Clip]:
    """The clips of a word by speaker, however written, and take."""
    if not isinstance(clips, ClipList):
        return sorted(clips, key=lambda clip: (clip.speaker.casefold(), clip.take, clip.path.name))
    table, rows = clips.table, clips.indices  # by speaker and take already, with all capitals first
    used, speaker = np.unique(table.speaker[rows], return_inverse=True)
    names = [table.speakers[at] for at in used.tolist()]
    rank = np.argsort(sorted(range(len(names)), key=lambda at: (names[at].casefold(), names[at])))
    order = np.argsort(rank[speaker], kind="stable") if len(rows) else slice(0)
    return ClipList(table, rows[order])


class ClipTableView(QTableView):
    """Space or Enter plays, Del deletes; everything else is in the context menu.

    Signals:
        currentClipChanged: (clip or None) Another row is current.
        playRequested: (clip).
        deleteRequested: (clips).
        partRequested: (clips, split or None for the rule).
        excludeRequested: (clips, excluded).
        relabelRequested: (clips, word).
        trimRequested: (clip) It is to be shown with handles.
        speechRequested: (clips) They are to be trimmed to their speech.
        hoverChosen: (on) Whether a clip plays under the pointer.
    """

    currentClipChanged = Signal(object)
    playRequested = Signal(object)
    deleteRequested = Signal(list)
    partRequested = Signal(list, object)
    excludeRequested = Signal(list, bool)
    relabelRequested = Signal(list, str)
    trimRequested = Signal(object)
    speechRequested = Signal(list)
    hoverChosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ClipTableModel(self)
        self.setModel(self.rows)
        self.setAccessibleName("Clips of this word")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu)
        self.doubleClicked.connect(lambda index: self.playRequested.emit(self.rows.clips[index.row()]))
        self.selectionModel().currentRowChanged.connect(lambda *_: self.currentClipChanged.emit(self.current()))
        self.words: Sequence[str] = ()
        self.plays_on_hover = False
        self.setToolTip(
            "Space plays, X leaves out, W moves to another word, T trims, Del deletes; right click for more"
        )

    def show_clips(self, clips: Sequence[Clip]) -> None:
        """Shows these clips; the current one stays current where it is among them."""
        before = self.current()
        blocked = self.blockSignals(True)
        self.rows.set_clips(clips)
        if before is not None:
            self.choose(before.path)
        self.blockSignals(blocked)

    def current(self) -> Clip | None:
        """The clip of the current row."""
        index = self.currentIndex()
        return self.rows.clips[index.row()] if index.isValid() and index.row() < len(self.rows.clips) else None

    def selected(self) -> list[Clip]:
        """The clips of all selected rows."""
        parts = self.selectionModel().selection().toList()
        rows = {row for part in parts for row in range(part.top(), part.bottom() + 1)}
        return [self.rows.clips[row] for row in sorted(rows)]

    def choose(self, path: Path) -> None:
        """Makes the clip at `path` current and brings it into view."""
        row = self.rows.row_of(path)
        if row is not None:
            self.selectRow(row)
            self.setCurrentIndex(self.rows.index(row, 0))
            self.scrollTo(self.rows.index(row, 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        clip = self.current()
        if clip is not None and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.playRequested.emit(clip)
        elif event.key() in (Qt.Key.Key_X, Qt.Key.Key_W) and not event.modifiers():
            self._care_for(self.selected(), is_exclusion=event.key() == Qt.Key.Key_X)
        elif event.key() == Qt.Key.Key_T and not event.modifiers() and clip is not None and clip.word != NOISE:
            self.trimRequested.emit(clip)
        elif event.key() == Qt.Key.Key_Delete and self.selected():
            self.deleteRequested.emit(self.selected())
        else:
            super().keyPressEvent(event)

    def make_menu(self) -> QMenu:
        """What can be done with the selected clips."""
        menu = QMenu(self)
        clips = self.selected()
        menu.addAction("Play\tSpace", lambda: self.playRequested.emit(self.current()))
        if clips and clips[0].word != NOISE:
            parts = menu.addMenu("Part")
            for split in SPLITS:
                self._add_part(parts, _PART_TITLES[split], clips, split)
            parts.addSeparator()
            self._add_part(parts, "by rule", clips, None)
            leave_out = not clips[0].excluded
            menu.addMenu(self.make_words_menu(menu))
            menu.addAction("Trim or split…\tT", lambda: self.trimRequested.emit(self.current()))
            menu.addAction("Trim to speech", lambda: self.speechRequested.emit(clips))
            words = "Leave out of training" if leave_out else "Use again"
            menu.addAction(words, lambda: self.excludeRequested.emit(clips, leave_out))
        menu.addSeparator()
        hover = menu.addAction("Play under the pointer")
        hover.setCheckable(True)
        hover.setChecked(self.plays_on_hover)
        hover.toggled.connect(self.hoverChosen)
        menu.addAction("Delete\tDel", lambda: self.deleteRequested.emit(clips))
        return menu

    def make_words_menu(self, parent: QWidget | None = None) -> QMenu:
        """The words that the selected clips can be put under."""
        menu = QMenu("Put under", parent or self)
        clips = self.selected()
        for word in self.words:
            if clips and word != clips[0].word:
                title = "other words" if word == UNKNOWN else word.replace("&", "&&")
                menu.addAction(title, partial(self.relabelRequested.emit, clips, word))
        return menu

    def _care_for(self, clips: list[Clip], *, is_exclusion: bool) -> None:
        """Leaves clips out or uses them again, or asks for their word; noise is neither."""
        if not clips or clips[0].word == NOISE:
            return
        if is_exclusion:
            self.excludeRequested.emit(clips, not all(clip.excluded for clip in clips))
        else:
            self._pop_up(self.make_words_menu())

    def _pop_up(self, menu: QMenu) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).bottomLeft()))

    def _add_part(self, menu: QMenu, title: str, clips: list[Clip], split: Split | None) -> None:
        menu.addAction(title, lambda: self.partRequested.emit(clips, split))

    def _on_menu(self, at: QPoint) -> None:
        self.show_menu(self.viewport().mapToGlobal(at))

    def show_menu(self, at: QPoint) -> None:
        """The menu of the selected clips, at a place on the screen."""
        if self.selected():
            menu = self.make_menu()
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(at)
