"""Shares as horizontal bars with their values."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme

_ROW, _BAR = 40, 8  # px


class ImportanceBars(QWidget):
    """One row per share: name, value, and a bar below them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[tuple[str, float], ...] = ()
        self.setAccessibleName("Importance of each option")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.notifier.changed.connect(self.update)

    def setShares(self, shares: Sequence[tuple[str, float]]) -> None:
        """Shows names and shares, 0..1, in the order given."""
        self._shares = tuple(shares)
        description = ", ".join(f"{name} {share:.0%}" for name, share in self._shares)
        self.setAccessibleDescription(description)
        self.setToolTip(description.replace(", ", "\n"))
        self.updateGeometry()
        self.update()

    def shares(self) -> tuple[tuple[str, float], ...]:
        """The names and shares shown."""
        return self._shares

    def sizeHint(self) -> QSize:
        return QSize(220, _ROW * len(self._shares))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, _ROW * len(self._shares))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colors = QPainter(self), theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        for row, (name, share) in enumerate(self._shares):
            value = f"{share:.0%}"
            width = metrics.horizontalAdvance("100%") + theme.GRID
            line = QRectF(0, row * _ROW, self.width() - width, metrics.lineSpacing())
            painter.setPen(colors.color("text"))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, int(line.width()))
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft, shown)
            painter.drawText(
                QRectF(self.width() - width, line.top(), width, line.height()), Qt.AlignmentFlag.AlignRight, value
            )
            bar = QRectF(0, line.bottom() + 3, self.width(), _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("sunken"))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
            painter.setBrush(colors.color("accent"))
            bar.setWidth(max(bar.width() * min(max(share, 0.0), 1.0), _BAR))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
