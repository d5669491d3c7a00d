"""A titled section that opens and closes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.elided_label import ElidedLabel


class Fold(QWidget):
    """A header button (Space toggles it), a summary beside it, and the content below."""

    opening = Signal()  # emitted before the content is shown
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
        self._state = ElidedLabel()
        theme.set_role(self._state, "muted")
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._lay_out()
        self._content.setVisible(opened)
        self._header.setChecked(opened)
        self._on_icon()

    def setState(self, words: str) -> None:
        """Sets the summary beside the title: "off", "on, 30%"."""
        self._state.setFullText(words)
        self._header.setAccessibleName(f"{self._title}: {words}" if words else self._title)

    def state(self) -> str:
        """The summary."""
        return self._state.fullText()

    def isOpen(self) -> bool:
        """Whether the content is visible."""
        return self._header.isChecked()

    def setOpen(self, opened: bool) -> None:
        """Opens or closes it."""
        self._header.setChecked(opened)

    def header(self) -> QToolButton:
        """The button that opens it."""
        return self._header

    def showEvent(self, event: QShowEvent) -> None:
        self._keep_header_whole()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and self.isVisible():
            self._keep_header_whole()

    def _keep_header_whole(self) -> None:
        """A form that grows is squeezed until it is laid out again, to less than the hints of what is in it."""
        self._header.ensurePolished()
        self._header.setMinimumHeight(self._header.sizeHint().height())

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
        if opened:
            self.opening.emit()
        self._content.setVisible(opened)
        self._on_icon()
        self.toggled.emit(opened)

    def _on_icon(self) -> None:
        name = "mdi6.chevron-down" if self._header.isChecked() else "mdi6.chevron-right"
        theme.set_icon(self._header, name, role="muted")
