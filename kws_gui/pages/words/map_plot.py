"""A laid map of clips: one is current, some are selected; heard and changed by mouse and by keyboard."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from kws_engine.caring.clip_map import ClipMap
from kws_engine.clips.clip import Clip, key_at
from kws_engine.clips.table import ClipList
from kws_gui import theme
from kws_gui.pages.words.clips import ClipTableView
from kws_gui.pages.words.map_legend import MapLegend
from kws_gui.pages.words.word_list import title_of
from kws_gui.widgets.clip_scatter import ClipScatter
from kws_gui.widgets.elided_label import ElidedLabel

_DWELL_MS = 250
_NONE: NDArray[np.int64] = np.zeros(0, np.int64)
_ARROWS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
_HELP = (
    "Drag around clips to select them, with Shift to add; the wheel zooms, the right button moves. Arrows go from clip "
    "to clip, S selects, N goes to the next suspected one, Space plays, X leaves out, W puts under another word, Del "
    "deletes"
)


class MapPlot(QWidget):
    """The points, their legend, and one line about the clip under the pointer; actions are those of the table.

    Signals:
        soundRequested(path): This clip is to be heard.
        clipChosen(clip): This one was clicked, of any word.
    """

    soundRequested = Signal(object)
    clipChosen = Signal(object)

    def __init__(self, table: ClipTableView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self._map: ClipMap | None = None
        self._current = -1
        self._heard = -1
        self._rows = _NONE
        self._dwell = QTimer(self, singleShot=True, interval=_DWELL_MS)
        self.scatter = ClipScatter()
        self.legend = MapLegend()
        self.plays = QCheckBox("Play under the pointer")
        self.told = ElidedLabel()
        self._lay_out()
        self._connect()

    def show_map(self, laid: ClipMap | None) -> None:
        """Shows another map, or none."""
        self._map = laid
        self._current, self._rows = -1, _NONE
        if laid is None:
            return
        self.scatter.setPoints(laid.places, laid.table.labels, laid.outliers)
        self.legend.show_words(laid.table.words, laid.table.labels)
        self._tell(-1)
        self._follow_table()

    def selected(self) -> list[Clip]:
        """The clips that are selected, else the current one."""
        rows = self._rows.tolist() or ([self._current] if self._current >= 0 else [])
        return [self._map.table.clip(row) for row in rows] if self._map is not None else []

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._dwell.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self._map is None or not (self._moved(key) or self._done(key)):
            super().keyPressEvent(event)

    def _moved(self, key: Qt.Key) -> bool:
        """Whether a key goes to another clip, selects, or zooms."""
        if key in _ARROWS:
            self._go_to(self.scatter.next_to(self._current, _ARROWS[key]))
        elif key == Qt.Key.Key_N:
            self._go_to(self._next_suspected())
        elif key == Qt.Key.Key_S and self._current >= 0:
            self._select(np.setxor1d(self._rows, [self._current]))
        elif key == Qt.Key.Key_Escape and len(self._rows):
            self._select(_NONE)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            self.scatter.zoom(1 if key == Qt.Key.Key_Plus else -1)
        elif key == Qt.Key.Key_0:
            self.scatter.showAll()
        else:
            return False
        return True

    def _done(self, key: Qt.Key) -> bool:
        """Whether a key does something to the current clip or the selected ones."""
        clips = self.selected()
        if self._map is None or not clips:
            return False
        if key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current >= 0:
            self.soundRequested.emit(self._map.table.path(self._current))
        elif key == Qt.Key.Key_X:
            self._table.excludeRequested.emit(clips, not all(clip.excluded for clip in clips))
        elif key == Qt.Key.Key_W:
            self._pop_up(self.make_words_menu(), None)
        elif key == Qt.Key.Key_Delete:
            self._table.deleteRequested.emit(clips)
        else:
            return False
        return True

    # -- the current clip and the selection

    def _go_to(self, row: int) -> None:
        """Makes a clip of any word the current one here, in the table and in the grid."""
        if row < 0 or self._map is None:
            return
        self._set_current(row)
        self.clipChosen.emit(self._map.table.clip(row))

    def _set_current(self, row: int) -> None:
        self._current = row
        self.scatter.setCurrent(row)
        self._tell(row)

    def _next_suspected(self) -> int:
        """The suspected clip in view that comes after the current one, the most suspicious first; -1 for none."""
        assert self._map is not None
        rows = np.flatnonzero(self._map.outliers & self.scatter.shown())
        rows = rows[np.argsort(-self._map.suspicion[rows], kind="stable")]
        if not len(rows):
            return -1
        at = np.flatnonzero(rows == self._current)
        return int(rows[(int(at[0]) + 1) % len(rows)] if len(at) else rows[0])

    def _select(self, rows: NDArray[np.int64]) -> None:
        """Selects clips here, and those of the shown word in the table and the grid."""
        self._rows = rows.astype(np.int64)
        self.scatter.setSelected(self._rows)
        self._tell(self._current)
        clips = self._table.rows.clips
        if self._map is None or not isinstance(clips, ClipList) or clips.table is not self._map.table or not len(rows):
            return
        chosen = QItemSelection()
        for at in np.flatnonzero(np.isin(clips.indices, rows)).tolist():
            index = self._table.rows.index(at, 0)
            chosen.select(index, index)
        if not chosen.isEmpty():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self._table.selectionModel().select(chosen, flags)

    def _follow_table(self) -> None:
        clip = self._table.current()
        if clip is not None and self._map is not None:
            row = self._map.table.row(key_at(clip.path))
            if row is not None and row != self._current:
                self._set_current(row)

    # -- the mouse

    def _on_clicked(self, row: int, is_added: bool) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if is_added:
            self._select(np.setxor1d(self._rows, [row]))
        else:
            self._select(_NONE)
            self._go_to(row)

    def _on_lassoed(self, rows: NDArray[np.int64], is_added: bool) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._select(np.union1d(self._rows, rows) if is_added else rows)

    def _on_pointed(self, row: int) -> None:
        self._tell(row if row >= 0 else self._current)
        self._heard = row
        if row >= 0 and self.plays.isChecked():
            self._dwell.start()
        else:
            self._dwell.stop()

    def _on_dwelt(self) -> None:
        if self._map is not None and 0 <= self._heard < len(self._map.table):
            self.soundRequested.emit(self._map.table.path(self._heard))

    # -- what is said, and menus

    def _tell(self, row: int) -> None:
        """Says in a line which clip that is, and how many are selected."""
        text = self._told_of(row) if row >= 0 else ""
        if len(self._rows):
            text = f"{len(self._rows):,} selected{f' · {text}' if text else ''}"
        if not text and self._map is not None:
            count = int(self._map.outliers.sum())
            more = "1 clip (a cross) sounds" if count == 1 else f"{count:,} clips (crosses) sound"
            text = f"{more} more like another word: press N." if count else "No clip lies at a wrong word."
        self.told.setFullText(text)
        self.scatter.setAccessibleDescription(text)

    def _told_of(self, row: int) -> str:
        assert self._map is not None
        text = f"{self._map.table.key(row)}{', left out' if self._map.table.excluded[row] else ''}"
        if self._map.outliers[row]:
            text += f": sounds like “{title_of(self._map.table.words[self._map.nearest[row]])}”"
        return text

    def make_menu(self) -> QMenu:
        """What can be done with the selected clips."""
        menu, clips = QMenu(self), self.selected()
        leave_out = not all(clip.excluded for clip in clips)
        menu.addAction("Play\tSpace", lambda: self.soundRequested.emit(clips[0].path))
        menu.addMenu(self.make_words_menu(menu))
        title = "Leave out of training\tX" if leave_out else "Use again\tX"
        menu.addAction(title, lambda: self._table.excludeRequested.emit(clips, leave_out))
        menu.addSeparator()
        menu.addAction("Delete\tDel", lambda: self._table.deleteRequested.emit(clips))
        return menu

    def make_words_menu(self, parent: QWidget | None = None) -> QMenu:
        """The words that the selected clips can be put under."""
        menu, clips = QMenu("Put under", parent or self), self.selected()
        for word in self._table.words:
            if any(clip.word != word for clip in clips):
                action = menu.addAction(title_of(word).replace("&", "&&"))
                action.triggered.connect(partial(self._table.relabelRequested.emit, clips, word))
        return menu

    def _pop_up(self, menu: QMenu, at: QPoint | None) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(at if at is not None else self.rect().center()))

    def _on_menu(self, at: QPoint) -> None:
        if self.selected():
            self._pop_up(self.make_menu(), at)

    # -- making

    def _connect(self) -> None:
        self._table.currentClipChanged.connect(lambda _: self._follow_table())
        self.scatter.pointed.connect(self._on_pointed)
        self.scatter.clicked.connect(self._on_clicked)
        self.scatter.lassoed.connect(self._on_lassoed)
        self.legend.hiddenChanged.connect(self.scatter.hideGroups)
        self._dwell.timeout.connect(self._on_dwelt)
        self.customContextMenuRequested.connect(self._on_menu)
        theme.notifier.changed.connect(self._on_theme)

    def _on_theme(self) -> None:
        if self._map is not None:
            self.legend.show_words(self._map.table.words, self._map.table.labels)

    def _lay_out(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Map of all clips")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.scatter.setAccessibleName("Clips, those that sound alike side by side")
        self.scatter.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.scatter.setToolTip(_HELP)
        self.plays.setChecked(True)
        theme.set_role(self.told, "muted")
        side = QVBoxLayout()
        side.setSpacing(theme.GRID)
        side.addWidget(self.legend, 1)
        side.addWidget(self.plays)
        plot = QVBoxLayout()
        plot.setSpacing(theme.GRID // 2)
        plot.addWidget(self.scatter, 1)
        plot.addWidget(self.told)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addLayout(plot, 1)
        row.addLayout(side)
