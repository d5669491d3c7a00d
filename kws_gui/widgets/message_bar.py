"""A bar in the page that reports what happened, with the remedy as a button, in place of a dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from kws_gui import theme

Kind = Literal["error", "warning", "info", "success"]
_LOOK: dict[Kind, tuple[str, str, str]] = {  # icon, colour, the word that a screen reader reads first
    "error": ("mdi6.alert-circle-outline", "error", "Error"),
    "warning": ("mdi6.alert-outline", "warning", "Warning"),
    "info": ("mdi6.information-outline", "accent", "Note"),
    "success": ("mdi6.check-circle-outline", "detection", "Done"),
}


class MessageBar(QFrame):
    """Hidden until there is a message; in a layout, or over the top of a page that does not move for it.

    Signals:
        remedyTriggered(), otherTriggered(): The first or second remedy button was clicked.
        dismissed(): The person closed the bar (button or Escape).
    """

    remedyTriggered = Signal()
    otherTriggered = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind: Kind = "info"
        self._details = ""
        self._action = ""
        self._host: QWidget | None = None
        self._free: tuple[QWidget, ...] = ()
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._remedy = QPushButton()
        self._second = QPushButton()
        self._copy = QPushButton("Copy details")
        self._copy.setToolTip("Copies the details that a developer needs")
        theme.set_role(self._copy, "quiet")
        self._close = QToolButton()
        self._close.setAccessibleName("Dismiss")
        self._close.setToolTip("Dismiss (Esc)")
        theme.set_icon(self._close, "mdi6.close", role="muted")
        self._lay_out()
        theme.notifier.changed.connect(self.update)
        self.hide()

    def lieOver(self, host: QWidget, *, free: Sequence[QWidget] = ()) -> None:
        """Shows messages over the top of `host`, which Esc closes from anywhere in it.

        Args:
            host: A page.
            free: What is never covered: the message lies below it instead.
        """
        self.setParent(host)
        self._host = host
        self._free = tuple(free)
        host.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is not self._host or not self.isVisible():
            return False
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._place()
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self._on_close()
                return True
        return False

    def showMessage(
        self, kind: Kind, text: str, *, remedy: str = "", other: str = "", details: str = "", action: str = ""
    ) -> None:
        """Shows one sentence.

        Args:
            kind: How serious it is.
            text: The sentence.
            remedy: The words of the first button; empty for none.
            other: The words of the second button.
            details: What "Copy details" copies.
            action: What the remedy does, such as "undo": for code that must know whether it still holds.
        """
        self._kind = kind
        self._details = details
        self._action = action
        icon, role, word = _LOOK[kind]
        theme.set_icon(self._icon, icon, role=role, size=20)
        self._text.setText(text)
        for button, words in ((self._remedy, remedy), (self._second, other)):
            button.setText(words)
            button.setVisible(bool(words))
        self._copy.setVisible(bool(details))
        self.setAccessibleName(f"{word}: {text}")
        self.update()
        self._place()
        self.show()
        if self._host is not None:
            self.raise_()

    def clear(self) -> None:
        """Hides the bar."""
        self._text.clear()
        self._action = ""
        self.hide()

    def text(self) -> str:
        """The sentence shown, or nothing."""
        return self._text.text()

    def kind(self) -> Kind:
        """The kind of message: error, warning, info or success."""
        return self._kind

    def action(self) -> str:
        """What the remedy shown does, as data; empty where nothing is shown or nobody needs to know."""
        return self._action

    def remedyButton(self) -> QPushButton:
        """The button of the first remedy."""
        return self._remedy

    def otherButton(self) -> QPushButton:
        """The button of the second remedy."""
        return self._second

    def copyButton(self) -> QPushButton:
        """The button that copies the details."""
        return self._copy

    def closeButton(self) -> QToolButton:
        """The button that dismisses."""
        return self._close

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._on_close()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        color = theme.current().color(_LOOK[self._kind][1])
        painter.setBrush(theme.current().color("surface"))
        painter.drawRoundedRect(self.rect(), 8, 8)
        color.setAlphaF(0.12)
        painter.setBrush(color)
        if self._host is not None:  # an edge towards what it lies on
            painter.setPen(theme.current().color(_LOOK[self._kind][1], 0.6))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GRID + 4, theme.GRID, theme.GRID, theme.GRID)
        row.setSpacing(theme.GRID)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        for part in (self._remedy, self._second, self._copy, self._close):
            row.addWidget(part)
        self._remedy.clicked.connect(self.remedyTriggered)
        self._second.clicked.connect(self.otherTriggered)
        self._copy.clicked.connect(self._on_copy)
        self._close.clicked.connect(self._on_close)

    def _place(self) -> None:
        """Over the top of the host, below what is never covered."""
        host = self._host
        if host is None:
            return
        width = host.width() - 2 * theme.GRID
        height = max(self.heightForWidth(width), self.minimumSizeHint().height())
        place = QRect(theme.GRID, theme.GRID, width, height)
        for widget in self._free:
            area = QRect(widget.mapTo(host, QPoint(0, 0)), widget.size())
            if widget.isVisibleTo(host) and area.intersects(place):
                place.moveTop(area.bottom() + 1 + theme.GRID // 2)
        self.setGeometry(place)

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.text()}\n\n{self._details}")

    def _on_close(self) -> None:
        self.clear()
        self.dismissed.emit()
