"""Tiles of the takes of a word, each with its spectrogram, number and level; the ones to come are empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import SMALL
from kws_gui.widgets.colormap import levels, magma

_GAP = 8  # px
_LEAST_WIDTH, _LEAST_HEIGHT, _MOST_HEIGHT = 72, 44, 120  # px
_CAPTION = 18  # px
_RADIUS = 6


@dataclass(frozen=True)
class Tile:
    """A take: spectrogram frames (n, bands) in dB, and its peak in dBFS."""

    frames_db: NDArray[np.float32]
    peak_db: float


class TakeTiles(QWidget):
    """The newest takes in rows, as many as fit the total; the newest one has a green edge and a tick."""

    def __init__(self, total: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._total = total
        self._count = 0
        self._images: list[tuple[QImage, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Takes")
        theme.notifier.changed.connect(self.update)
        self._describe()

    def setTiles(self, tiles: Sequence[Tile], *, count: int | None = None) -> None:
        """Shows the newest takes, of `count` altogether."""
        self._count = len(tiles) if count is None else count
        self._images = [(_image(tile.frames_db), tile.peak_db) for tile in tiles[-self._total :]]
        self._describe()

    def add(self, tile: Tile) -> None:
        """Adds the newest take."""
        self._images = [*self._images, (_image(tile.frames_db), tile.peak_db)][-self._total :]
        self._count += 1
        self._describe()

    def count(self) -> int:
        """How many takes there are, shown or not."""
        return self._count

    def sizeHint(self) -> QSize:
        return QSize(10 * (_LEAST_WIDTH + _GAP), 2 * 96 + _GAP)

    def minimumSizeHint(self) -> QSize:
        return QSize(5 * (_LEAST_WIDTH + _GAP), 2 * (_LEAST_HEIGHT + _CAPTION) + _GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font(SMALL))
        first = self._count - len(self._images)
        for place in range(self._total):
            area = self._area(place)
            if place < len(self._images):
                self._paint_take(painter, area, place, first + place + 1)
            else:
                self._paint_empty(painter, area, first + place + 1)

    def _area(self, place: int) -> QRectF:
        columns = self._total if self._total <= 5 else self._total // 2
        while columns > 5 and (self.width() + _GAP) / columns < _LEAST_WIDTH + _GAP:
            columns = -(-columns // 2)
        rows = -(-self._total // columns)
        width = (self.width() + _GAP) / columns - _GAP
        height = min((self.height() + _GAP) / rows - _GAP, _MOST_HEIGHT + _CAPTION)
        row, column = divmod(place, columns)
        return QRectF(column * (width + _GAP) + 1, row * (height + _GAP) + 1, width - 2, height - 2)

    def _paint_take(self, painter: QPainter, area: QRectF, place: int, number: int) -> None:
        image, peak_db = self._images[place]
        colors = theme.current()
        is_newest = place == len(self._images) - 1
        picture = area.adjusted(0, 0, 0, -_CAPTION)
        path = QPainterPath()
        path.addRoundedRect(picture, _RADIUS, _RADIUS)
        painter.save()
        painter.setClipPath(path)
        painter.drawImage(picture, image)
        painter.restore()
        painter.setPen(QPen(colors.color("detection" if is_newest else "border"), 2 if is_newest else 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        tick = "✓ " if is_newest else ""
        painter.setPen(colors.color("text" if is_newest else "muted"))
        caption = area.adjusted(2, area.height() - _CAPTION, -2, 0)
        painter.drawText(caption, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{tick}{number}")
        painter.drawText(caption, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{peak_db:.0f} dB")

    def _paint_empty(self, painter: QPainter, area: QRectF, number: int) -> None:
        colors = theme.current()
        picture = area.adjusted(0, 0, 0, -_CAPTION)
        painter.setPen(QPen(colors.color("field_border"), 1, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(picture, _RADIUS, _RADIUS)
        painter.setPen(colors.color("muted"))
        painter.drawText(picture, Qt.AlignmentFlag.AlignCenter, str(number))

    def _describe(self) -> None:
        newest = f"; the newest peaks at {self._images[-1][1]:.0f} dB" if self._images else ""
        self.setAccessibleDescription(f"{self._count} of {self._total}{newest}")
        self.update()


def _image(frames_db: NDArray[np.float32]) -> QImage:
    """The spectrogram with low frequencies at the bottom; it holds its own copy of the values."""
    indices = np.ascontiguousarray(levels(frames_db).T[::-1])
    bands, frames = indices.shape
    if not frames:
        return QImage()
    image = QImage(indices.data, frames, bands, frames, QImage.Format.Format_Indexed8).copy()
    image.setColorTable(magma())
    return image
