"""The clips of a word as a grid of small spectrograms: another view of the table's rows, selection and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from kws_engine import audio
from kws_engine.clips.table import ClipList, ClipTable
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.sound_picture import SoundPicture
from kws_gui.pages.words.clips import ClipTableView
from kws_gui.services.recordings import SHOWN_S
from kws_gui.widgets.cell_view import CellView
from kws_gui.widgets.colormap import levels, magma

_CELL = QSize(136, 92)
_MARGIN, _TEXT = 4, 18
_KEPT = 4_000  # pictures, of about 10 kB each
_RATE = 16_000
_OWN_KEYS = (
    Qt.Key.Key_Space,
    Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
    Qt.Key.Key_Delete,
    Qt.Key.Key_X,
    Qt.Key.Key_W,
    Qt.Key.Key_T,
)
_Index = QModelIndex | QPersistentModelIndex


class ClipGrid(CellView):
    """Draws what is in view; the pictures of it are made in the background and kept, the newest thousands."""

    def __init__(self, table: ClipTableView, parent: QWidget | None = None) -> None:
        super().__init__(_CELL, parent)
        self._table = table
        self._pictures: dict[Path, QImage | None] = {}
        self._of: ClipTable | None = None
        self.frames_wide = 100
        self._latest = Latest(self)
        self._latest.answered.connect(lambda _: self.viewport().update())
        self._asking = QTimer(self, singleShot=True, interval=30)
        self._asking.timeout.connect(self._ask)
        self.setModel(table.rows)
        self.setSelectionModel(table.selectionModel())
        self.setAccessibleName("Clips of this word as spectrograms")
        self.setToolTip(table.toolTip())
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setItemDelegate(_Cell(self))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: table.show_menu(self.viewport().mapToGlobal(at)))
        self.doubleClicked.connect(lambda _: table.playRequested.emit(table.current()))
        self.setAutoScroll(True)
        table.rows.modelReset.connect(self._forget_changed)

    def picture(self, path: Path) -> QImage | None:
        """The spectrogram of a clip, once it is made; None before, and where the clip cannot be read."""
        if path not in self._pictures:
            if not self._asking.isActive():  # or asking often would put it off for ever
                self._asking.start()
            return None
        return self._pictures[path]

    def set_span(self, clip_ms: int) -> None:
        """How much sound a cell is wide, the same for all; of longer clips the beginning is drawn."""
        self.frames_wide = max(1, round(clip_ms / SoundPicture.HOP_MS) - 2)  # a frame needs all of its window

    def shutdown(self) -> None:
        """Makes no more pictures."""
        self._asking.stop()
        self._latest.shutdown()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _OWN_KEYS:
            self._table.keyPressEvent(event)
        else:
            super().keyPressEvent(event)

    def shown(self) -> list[Path]:
        """The clips in view."""
        clips = self._table.rows.clips
        return [clips[row].path for row in self.in_view() if row < len(clips)]

    def _ask(self) -> None:
        wanted = [path for path in self.shown() if path not in self._pictures]
        if wanted:
            while len(self._pictures) > _KEPT:
                del self._pictures[next(iter(self._pictures))]
            self._latest.ask(partial(_make_pictures, wanted, self._pictures))

    def _forget_changed(self) -> None:
        """In another table a clip may have been recorded again or cut anew; another order changes none."""
        clips = self._table.rows.clips
        table = clips.table if isinstance(clips, ClipList) else None
        if table is None or table is not self._of:
            self._pictures.clear()
        self._of = table


class _Cell(QStyledItemDelegate):
    """A spectrogram, below it who and which take, or what is wrong."""

    def __init__(self, grid: ClipGrid) -> None:
        super().__init__(grid)
        self._grid = grid

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return _CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        rows = self._grid._table.rows
        clip = rows.clips[index.row()]
        area = QRect(option.rect.topLeft(), _CELL).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        palette = option.palette
        if is_selected:
            painter.fillRect(area.adjusted(-2, -2, 2, 2), palette.color(QPalette.ColorRole.Highlight))
        above = area.adjusted(0, 0, 0, -_TEXT)
        image = self._grid.picture(clip.path)
        painter.fillRect(above, Qt.GlobalColor.black)
        if image is not None:
            painter.setOpacity(0.35 if clip.excluded else 1.0)
            shown = min(image.width(), self._grid.frames_wide)
            width = round(above.width() * shown / self._grid.frames_wide)
            target = QRect(above.left(), above.top(), width, above.height())
            painter.drawImage(target, image, QRect(0, 0, shown, image.height()))
            painter.setOpacity(1.0)
        problems = rows.problems(index.row())
        role = QPalette.ColorRole.HighlightedText if is_selected else QPalette.ColorRole.Text
        painter.setPen(palette.color(role) if problems or is_selected else theme.current().color("muted"))
        text = problems or f"{clip.speaker} {clip.take}"
        text = f"left out · {text}" if clip.excluded else text
        below = QRect(area.left(), area.bottom() - _TEXT + 1, area.width(), _TEXT)
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.drawRect(area.adjusted(-2, -2, 1, 1))


def _make_pictures(
    paths: Sequence[Path],
    pictures: dict[Path, QImage | None],
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> None:
    """Makes the pictures of some clips, one by one."""
    for path in paths:
        if should_stop():
            return
        pictures[path] = _picture(path)


def _picture(path: Path) -> QImage | None:
    try:
        samples = audio.read(path, rate=_RATE, max_seconds=SHOWN_S)
    except KwsError:
        return None
    frames = SoundPicture(_RATE).push(samples)
    if not len(frames):
        return None
    values = np.ascontiguousarray(levels(frames).T[::-1])
    bands, width = values.shape
    image = QImage(values.tobytes(), width, bands, width, QImage.Format.Format_Indexed8)
    image.setColorTable(magma())
    return image.copy()
