"""What is shown of a run without a model: how it ended, and the one thing to do next."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from kws_gui import theme
from kws_gui.runs.rows import RunRow, finish_text, outcome_text
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.wrapped_label import WrappedLabel

_NOTHING_TO_EVALUATE = (
    "This run came to no model: there is nothing to evaluate yet. It kept the weights of its best epoch, and a model "
    "can be made of them."
)
_NO_WEIGHTS = "This run came to no model: its weights were not written down. Its findings say what went wrong."
_TO_FINDINGS = "See the findings"


class UnfinishedCard(QFrame):
    """How the run ended, with the button that makes the most of it; hidden for runs that have a model.

    Signals:
        finishRequested(): A model is to be made of its best epoch.
        settingsRequested(): Its settings are to be used for another run.
    """

    finishRequested = Signal()
    settingsRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: RunRow | None = None
        self.words = WrappedLabel()
        self.button = QPushButton()
        theme.set_role(self, "card")
        theme.set_role(self.button, "primary")
        self.button.clicked.connect(self._on_pressed)
        row = QHBoxLayout(self)
        row.setContentsMargins(*[theme.GROUP] * 4)
        row.setSpacing(theme.GROUP)
        row.addWidget(self.words, 1)
        row.addWidget(self.button)
        self.setRun(None)

    def setRun(self, row: RunRow | None) -> None:
        """Shows a run without a model; None hides the card."""
        self._row = row
        self.setVisible(row is not None)
        if row is None:
            return
        self.words.setText(f"{outcome_text(row)}. It came to no model.")
        self.setAccessibleName(self.words.text())
        finish = row.run.can_finish
        self.button.setText(finish_text(row.run) if finish else "Use its settings")
        tip = (
            "Writes the model without training further, on the Train page"
            if finish
            else "Puts them on the form, with undo"
        )
        self.button.setToolTip(tip)

    def _on_pressed(self) -> None:
        if self._row is not None and self._row.run.can_finish:
            self.finishRequested.emit()
        else:
            self.settingsRequested.emit()


class NoModelState(EmptyState):
    """In the place of what needs a model: why there is none, and the way to one or to the findings.

    Signals:
        finishRequested(), findingsRequested(): The button was pressed.
    """

    finishRequested = Signal()
    findingsRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("mdi6.stethoscope", _NOTHING_TO_EVALUATE, _TO_FINDINGS, parent)
        self._can_finish = False
        self.triggered.connect(self._on_triggered)

    def setRun(self, row: RunRow) -> None:
        """Shows it for this run."""
        self._can_finish = row.run.can_finish
        self.setSentence(_NOTHING_TO_EVALUATE if self._can_finish else _NO_WEIGHTS)
        self.button().setText(finish_text(row.run) if self._can_finish else _TO_FINDINGS)

    def _on_triggered(self) -> None:
        (self.finishRequested if self._can_finish else self.findingsRequested).emit()
