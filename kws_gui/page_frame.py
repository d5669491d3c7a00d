"""A frame around a page: as large as the window lets it be, with scroll bars only where the page needs more."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget


class PageFrame(QScrollArea):
    """Gives a page the room there is, and at least its smallest size.

    A QScrollArea that resizes its widget by itself gives one whose text wraps its preferred height, not its least one,
    and so scrolls although everything had room.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)

    def setPage(self, page: QWidget) -> None:
        """Shows a page, whose parent is best the viewport from the start."""
        self.setWidget(page)
        page.setAutoFillBackground(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        page, room = self.widget(), self.maximumViewportSize()
        if page is None:
            return
        least, layout = page.minimumSizeHint().expandedTo(page.minimumSize()), page.layout()
        bar = self.verticalScrollBar().sizeHint().width()

        def height(width: int) -> int:
            if layout is None or not layout.hasHeightForWidth():
                return least.height()
            return max(layout.minimumHeightForWidth(width), page.minimumHeight())

        width = max(room.width(), least.width())
        if height(width) > room.height():  # the bar takes some of the width
            width = max(room.width() - bar, least.width())
        page.resize(width, max(room.height() - (bar if width > room.width() else 0), height(width)))
