"""The table of one word's clips: put in order, play, delete, put into a part, leave out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QItemSelectionRange, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from kws_engine.caring.arrangement import Arrangement, SortKey
from kws_engine.clips.arrivals import TESTED_FROM
from kws_engine.clips.clip import Clip
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.table import ClipList, ClipTable, Rows
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_gui.pages.words.clip_model import COLUMNS, PART_TITLES, WORST_LAST, ClipTableModel

_MOST_RUNS = 1_000  # stretches of selected rows that stay selected in another order
_PADDING = 24  # px beside the text of a column
_NARROW = 600  # px, below which only the more important columns are shown


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
        orderChanged: The clips are in another order.
    """

    orderChanged = Signal()
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
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._shape_columns()
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu)
        self.doubleClicked.connect(lambda index: self.playRequested.emit(self.rows.clips[index.row()]))
        self.selectionModel().currentRowChanged.connect(lambda *_: self.currentClipChanged.emit(self.current()))
        self.words: Sequence[str] = ()
        self.plays_on_hover = False
        self.setToolTip(
            "Space plays, X leaves out, W moves to another word, T trims, Del deletes; right click for more"
        )

    def show_clips(self, clips: Sequence[Clip], arrangement: Arrangement | None = None) -> None:
        """Shows these clips of what `arrangement` tells; the current one stays current where it is among them."""
        with self._staying():
            self.rows.set_clips(clips, arrangement)
        self._show_columns()

    def set_order(self, by: SortKey, descending: bool) -> None:
        """Puts the clips in order; the current one and the selected ones stay so."""
        with self._staying():
            chosen = self._selected_rows()
            self.rows.set_order(by, descending)
            self._select_again(chosen)
        direction = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator([column.key for column in COLUMNS].index(by), direction)
        self.orderChanged.emit()

    @contextmanager
    def _staying(self) -> Iterator[None]:
        """The current clip stays current, in view, without a word about it."""
        before = self.current()
        blocked = self.blockSignals(True)
        yield
        if before is not None and (row := self.rows.row_of(before.path)) is not None:
            if not self.selectionModel().isRowSelected(row):
                self.selectRow(row)
            flag = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self.rows.index(row, 0), flag)
            self.scrollTo(self.rows.index(row, 0))
        self.blockSignals(blocked)

    def _selected_rows(self) -> Rows:
        """Those of the clips' table whose clips are selected (M,)."""
        parts = self.selectionModel().selection().toList()
        if not isinstance(self.rows.clips, ClipList) or not parts:
            return np.zeros(0, np.int64)
        rows = np.concatenate([np.arange(part.top(), part.bottom() + 1) for part in parts])
        return np.asarray(self.rows.clips.indices[rows])

    def _select_again(self, chosen: Rows) -> None:
        clips = self.rows.clips
        if not isinstance(clips, ClipList) or not len(chosen):
            return
        edges = np.flatnonzero(np.diff(np.isin(clips.indices, chosen), prepend=False, append=False)).reshape(-1, 2)
        selection = QItemSelection()
        for first, end in edges.tolist() if len(edges) <= _MOST_RUNS else ():
            last = self.rows.index(end - 1, len(COLUMNS) - 1)
            selection.append(QItemSelectionRange(self.rows.index(first, 0), last))
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

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
            index, flag = self.rows.index(row, 0), QItemSelectionModel.SelectionFlag
            # selectRow asks the keyboard: with Ctrl held, as for a shortcut, it takes the row out of what is selected.
            self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
            self.scrollTo(index)

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

    def choose_order(self, by: SortKey) -> None:
        """Puts the clips in order by this; where they are, the other way round."""
        now, descending = self.rows.order
        self.set_order(by, not descending if by == now else by in WORST_LAST)

    def make_menu(self) -> QMenu:
        """What can be done with the selected clips."""
        menu = QMenu(self)
        clips = self.selected()
        menu.addAction("Play\tSpace", lambda: self.playRequested.emit(self.current()))
        if clips and clips[0].word != NOISE:
            parts = menu.addMenu("Part")
            for split in SPLITS:
                self._add_part(parts, PART_TITLES[split], clips, split)
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

    def _shape_columns(self) -> None:
        """Those of numbers as wide as these, the others share what is left."""
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(1, Qt.SortOrder.AscendingOrder)
        header.sectionClicked.connect(lambda at: self.choose_order(COLUMNS[at].key))
        for at, column in enumerate(COLUMNS):
            header.setSectionResizeMode(
                at, QHeaderView.ResizeMode.Fixed if column.widest else QHeaderView.ResizeMode.Stretch
            )
            if column.widest:
                text = self.fontMetrics().horizontalAdvance(column.widest)
                title = header.fontMetrics().horizontalAdvance(column.title)
                header.resizeSection(at, max(text, title) + _PADDING)
        self._show_columns()

    def _show_columns(self) -> None:
        """Those of which something is known, and those for which there is room."""
        is_narrow = self.width() < _NARROW and self.rows.is_checked
        for at, column in enumerate(COLUMNS):
            is_hidden = (column.is_checked and not self.rows.is_checked) or (column.is_spare and is_narrow)
            if is_hidden != self.isColumnHidden(at):
                self.setColumnHidden(at, is_hidden)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_columns()
        super().resizeEvent(event)

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
