"""Misses and false alarms: the curves with their thresholds, noise and people, and the mistakes to hear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.operating.report import Report
from kws_gui import theme
from kws_gui.pages.results.promise.conditions import ConditionsPanel
from kws_gui.pages.results.promise.mistakes import MistakesPanel
from kws_gui.pages.results.promise.thresholds import ThresholdPanel
from kws_gui.widgets.segments import Segment, Segments

_PANELS = (
    Segment(
        "thresholds", "Thresholds", "Thresholds", "Misses against false alarms an hour, and where each word stands"
    ),
    Segment(
        "conditions", "Noise and people", "Noise and people", "Where the words are missed, and how fast they are heard"
    ),
    Segment("mistakes", "What went wrong", "What went wrong", "False alarms and missed takes, to hear"),
)


class PromiseView(QWidget):
    """One of three panels of a model's report.

    Signals:
        useRequested(dict): These thresholds are to be written into the model file.
        failed(sentence): A sound could not be read or played.
    """

    useRequested = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panels = Segments(_PANELS, "What to look at of misses and false alarms")
        self.thresholds = ThresholdPanel()
        self.conditions = ConditionsPanel()
        self.mistakes = MistakesPanel()
        self._stack = QStackedWidget()
        for panel in (self.thresholds, self.conditions, self.mistakes):
            self._stack.addWidget(panel)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.panels)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(row)
        column.addWidget(self._stack, 1)
        self.panels.chosen.connect(self._on_panel)
        self.thresholds.useRequested.connect(self.useRequested)
        self.mistakes.failed.connect(self.failed)

    def setReport(self, report: Report, thresholds: Mapping[str, float], *, model: Path, project: Path) -> None:
        """Shows a model's report; `thresholds` are those that its file has now, `project` is a folder."""
        self.thresholds.setReport(report, thresholds)
        self.conditions.setReport(report)
        self.mistakes.setReport(report, model=model, project=project)

    def shutdown(self) -> None:
        """Ends sound and reading."""
        self.mistakes.shutdown()

    def _on_panel(self, key: str) -> None:
        self._stack.setCurrentIndex([segment.key for segment in _PANELS].index(key))
