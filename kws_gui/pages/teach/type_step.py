"""The first step: type a word, several, or a phrase."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.services import remembered
from kws_gui.services.teaching import Teaching

_WIDTH = 620  # px
_QUESTION = "Which word should the computer listen for?"
_HELP = (
    "A word of two or more syllables, or a phrase of two or three words: the longer, the less is mistaken for it. "
    "Separate several by commas."
)


class TypeStep(QWidget):
    """A field, what becomes of it, and Next.

    Signals:
        typed(str): Words were entered.
    """

    typed = Signal(str)

    def __init__(self, teaching: Teaching, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._teaching = teaching
        self._project = ""
        self.field = QLineEdit()
        self.field.setPlaceholderText("computer")
        self.field.setAccessibleName(_QUESTION)
        theme.set_role(self.field, "large")
        self.next = QPushButton("Next: say it")
        self.next.setToolTip("Goes on to the recordings (Enter)")
        theme.set_role(self.next, "primary")
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setMinimumHeight(2 * self.told.fontMetrics().lineSpacing() + 2)
        self.field.textChanged.connect(self._check)
        self.field.returnPressed.connect(self.next.click)
        self.next.clicked.connect(lambda: self.typed.emit(self.field.text()))
        self._lay_out()
        self._check()

    def show_project(self, name: str) -> None:
        """The open project, which the words join; empty for none."""
        self._project = name
        self._check()

    def clear(self) -> None:
        """Empties the field, for another word."""
        self.field.clear()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.field.setFocus()

    def _check(self) -> None:
        text = self.field.text().strip(" ,;")
        fault = self._teaching.fault(text) if text else ""
        self.next.setEnabled(bool(text) and not fault)
        theme.set_role(self.told, "error" if fault else "muted")
        self.told.setText(fault or self._where(text))

    def _where(self, text: str) -> str:
        if self._project:
            words = ", ".join(self._teaching.words)
            return f"Joins your project {self._project}" + (f", which has {words}." if words else ".")
        name = text.partition(",")[0].strip() or "…"
        return f"Your recordings go to {remembered.projects_folder() / name}. They never leave this machine."

    def _lay_out(self) -> None:
        question, helping = QLabel(_QUESTION), QLabel(_HELP)
        theme.set_role(question, "title")
        theme.set_role(helping, "muted")
        helping.setWordWrap(True)
        question.setBuddy(self.field)
        middle = QWidget()
        middle.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for part in (question, helping, self.field, self.told):
            column.addWidget(part)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(self.next)
        column.addLayout(buttons)
        around = QHBoxLayout()
        around.addStretch(1)
        around.addWidget(middle, 100)
        around.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addStretch(2)
        outer.addLayout(around)
        outer.addStretch(3)
