"""The progress of a long job in one row: what it does, how far it is, the time left, and Cancel."""

from __future__ import annotations

import time

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.elided_label import ElidedLabel

_TRUST_AFTER_S = 1.5  # an earlier estimate would jump about


class ProgressRow(QWidget):
    """Hidden until work starts.

    Signals:
        cancelRequested(): Cancel was clicked; the row shows "stopping" until `finish`.
    """

    cancelRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._started_s = 0.0
        self._title = ElidedLabel()  # is elided in favour of the progress
        self._status = QLabel()
        theme.set_role(self._status, "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self._on_cancel)
        self._lay_out()
        self.hide()

    def start(self, title: str) -> None:
        """Shows the row with a title such as "Importing 1,200 clips"; the progress is not known yet."""
        self._started_s = time.monotonic()
        self._title.setFullText(title)
        self._status.setText("starting")
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(title)
        self._cancel.setEnabled(True)
        self.show()

    def setTitle(self, title: str) -> None:
        """Names the step in progress."""
        self._title.setFullText(title)
        self._bar.setAccessibleName(title)

    def setProgress(self, done: int, total: int, *, remaining_s: float | None = None) -> None:
        """Shows the progress; the remaining time is extrapolated from the start unless it is given."""
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)
        elapsed_s = time.monotonic() - self._started_s
        if remaining_s is None and 0 < done and elapsed_s >= _TRUST_AFTER_S:
            remaining_s = elapsed_s / done * (total - done)
        words = f"{done:,} of {total:,}"
        if remaining_s is not None and done < total:
            words += f" · {duration(remaining_s)} left"
        if self._cancel.isEnabled():
            self._status.setText(words)
        self._bar.setAccessibleDescription(words)

    def finish(self) -> None:
        """Hides the row."""
        self.hide()

    def text(self) -> str:
        """The progress as text."""
        return self._status.text()

    def cancelButton(self) -> QPushButton:
        """The Cancel button."""
        return self._cancel

    def _lay_out(self) -> None:
        words = QHBoxLayout()
        words.addWidget(self._title, 1)
        words.addWidget(self._status)
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
        self._status.setText("stopping")
        self.cancelRequested.emit()


def duration(seconds: float) -> str:
    """A duration as text: "8 s", "1 min 20 s", "2 h 5 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
