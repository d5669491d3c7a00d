"""Long work in one row: what, how far, how long still, Cancel; knows no job."""

from __future__ import annotations

import time

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.elided_label import ElidedLabel

_TRUST_AFTER_S = 1.5  # before that, an estimate would only jump


class ProgressRow(QWidget):
    """Hidden until work starts.

    Signals:
        cancelRequested(): The person pressed Cancel; the row says so and waits for `finish`.
    """

    cancelRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._started_s = 0.0
        self._what = ElidedLabel()  # gives way to how far it is
        self._far = QLabel()
        theme.set_role(self._far, "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self._on_cancel)
        self._lay_out()
        self.hide()

    def start(self, what: str) -> None:
        """Shows the row: "Importing 1,200 clips"; how far is not known yet."""
        self._started_s = time.monotonic()
        self._what.setFullText(what)
        self._far.setText("starting")
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(what)
        self._cancel.setEnabled(True)
        self.show()

    def setWhat(self, what: str) -> None:
        """Names the part of the work that is being done now."""
        self._what.setFullText(what)
        self._bar.setAccessibleName(what)

    def setProgress(self, done: int, total: int, *, remaining_s: float | None = None) -> None:
        """How far it is; the remaining time is worked out from the start where it is not given."""
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)
        elapsed_s = time.monotonic() - self._started_s
        if remaining_s is None and 0 < done and elapsed_s >= _TRUST_AFTER_S:
            remaining_s = elapsed_s / done * (total - done)
        words = f"{done:,} of {total:,}"
        if remaining_s is not None and done < total:
            words += f" · {duration(remaining_s)} left"
        if self._cancel.isEnabled():
            self._far.setText(words)
        self._bar.setAccessibleDescription(words)

    def finish(self) -> None:
        """Hides the row."""
        self.hide()

    def text(self) -> str:
        """How far, in words."""
        return self._far.text()

    def cancelButton(self) -> QPushButton:
        """The Cancel button."""
        return self._cancel

    def _lay_out(self) -> None:
        words = QHBoxLayout()
        words.addWidget(self._what, 1)
        words.addWidget(self._far)
        left = QVBoxLayout()
        left.setSpacing(theme.GRID // 2)
        left.addLayout(words)
        left.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GROUP)
        row.addLayout(left, 1)
        row.addWidget(self._cancel)

    def _on_cancel(self) -> None:
        self._cancel.setEnabled(False)
        self._far.setText("stopping")
        self.cancelRequested.emit()


def duration(seconds: float) -> str:
    """A time as a person says it: "8 s", "1 min 20 s", "2 h 5 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
