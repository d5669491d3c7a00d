"""A titled section that opens and closes; knows nothing of what is in it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from kws_gui import theme


class Fold(QWidget):
    """A header button (space opens it) with a state in words beside it, and the content below."""

    toggled = Signal(bool)

    def __init__(self, title: str, content: QWidget, *, opened: bool = False) -> None:
        super().__init__()
        self._title = title
        self._content = content
        self._header = QToolButton()
        self._header.setText(title)
        self._header.setProperty("role", "fold")
        self._header.setCheckable(True)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.toggled.connect(self._on_toggled)
        self._state = _ElidedLabel()
        self._lay_out()
        self._content.setVisible(opened)
        self._header.setChecked(opened)
        self._on_icon()

    def setState(self, words: str) -> None:
        """Says in words, beside the title, what is inside: "off", "on, 30%"."""
        self._state.setFullText(words)
        self._header.setAccessibleName(f"{self._title}: {words}" if words else self._title)

    def state(self) -> str:
        """The words set last."""
        return self._state.fullText()

    def isOpen(self) -> bool:
        """Whether the content shows."""
        return self._header.isChecked()

    def setOpen(self, opened: bool) -> None:
        """Opens or closes it."""
        self._header.setChecked(opened)

    def header(self) -> QToolButton:
        """The button that opens it."""
        return self._header

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(theme.GRID)
        top.addWidget(self._header)
        top.addWidget(self._state, 1)
        inner = QVBoxLayout()
        inner.setContentsMargins(0, 0, 0, theme.GRID)
        inner.addWidget(self._content)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addLayout(inner)

    def _on_toggled(self, opened: bool) -> None:
        self._content.setVisible(opened)
        self._on_icon()
        self.toggled.emit(opened)

    def _on_icon(self) -> None:
        name = "mdi6.chevron-down" if self._header.isChecked() else "mdi6.chevron-right"
        theme.set_icon(self._header, name, role="muted")


class _ElidedLabel(QLabel):
    """One muted line that shortens itself with an ellipsis and tells all in its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self._full = ""
        theme.set_role(self, "muted")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def setFullText(self, text: str) -> None:
        self._full = text
        self.setToolTip(text)
        self._elide()

    def fullText(self) -> str:
        return self._full

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._elide()

    def _elide(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, self.width()))
