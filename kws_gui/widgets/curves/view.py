"""Loss, accuracy, learning rate and loss terms by epoch, of one run or of several overlaid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_engine.disk import write_atomically
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.widgets.curves import export, lines
from kws_gui.widgets.curves.bar import CurveBar
from kws_gui.widgets.curves.legend import CurveLegend
from kws_gui.widgets.curves.numbers import Point, RunCurves, Terms, csv_of_run, csv_of_runs, spans_a_decade
from kws_gui.widgets.curves.panel import Line, Panel
from kws_gui.widgets.curves.plots import CurvePlots
from kws_gui.widgets.finding_line import FindingLine

_TITLES = {  # the first that fits on the axis is shown
    lines.LEARNING_RATE: ("Learning rate", "Rate"),
    lines.TOTAL_LOSS: ("Total training loss", "Total loss", "Loss"),
    lines.PENALTIES: ("Penalties",),
}


class LossAndAccuracy(QWidget):
    """Training solid with dots, validation dashed with squares; the legend shows the numbers of the selected epoch.

    Signals:
        failed(str): Why a picture or table could not be written.
        saved(Path): A picture or table was written.
        remedyTriggered(): The remedy of the finding was clicked.
    """

    LEAST = QSize(312, 296)  # px: both plots with their axes, the legend and a finding of three lines

    failed = Signal(str)
    saved = Signal(object)
    remedyTriggered = Signal()

    def __init__(self, parent: QWidget | None = None, *, findings: bool = False) -> None:
        super().__init__(parent)
        self._points: list[Point] = []
        self._runs: tuple[RunCurves, ...] | None = None
        self._best: int | None = None
        self._title = ""
        self.bar = CurveBar()
        self.legend = CurveLegend()
        self.finding = FindingLine()
        self._loss = Panel("Loss")
        self._accuracy = Panel("Accuracy", percent=True)
        self._panels = {lines.LOSS: self._loss, lines.ACCURACY: self._accuracy}  # the others follow when they are shown
        self.plots = CurvePlots()
        self.setMinimumSize(self.LEAST)
        self.setAccessibleName("Loss and accuracy by epoch")
        self._lay_out()
        self.finding.setVisible(findings)  # not before it has a parent: it would be a window for a moment
        self._connect()
        self._draw()

    # -- what is drawn

    def add(
        self,
        epoch: int,
        train_loss: float,
        validation_loss: float,
        train_accuracy: float,
        validation_accuracy: float,
        *,
        learning_rate: float = math.nan,
        seconds: float = math.nan,
        terms: Terms | None = None,
    ) -> None:
        """Adds one epoch; accuracies are 0..1."""
        numbers = (train_loss, validation_loss, train_accuracy, validation_accuracy)
        self.append(Point(epoch, *numbers, learning_rate, seconds, terms or {}), best=self._best)

    def append(self, point: Point, *, best: int | None = None) -> None:
        """Appends an epoch to the run shown; `best` is the best epoch so far."""
        self._runs = None
        self._points.append(point)
        self._best = best
        self._draw()

    def setPoints(self, points: Iterable[Point], *, best: int | None = None) -> None:
        """Shows a whole run."""
        self._points = list(points)
        self._best = best
        self._runs = None
        self._show_anew()

    def setRuns(self, runs: Iterable[RunCurves]) -> None:
        """Overlays several runs, told apart by colour, dash and marker in their order."""
        self._points = []
        self._best = None
        self._runs = tuple(runs)
        self._show_anew()

    def clear(self) -> None:
        """Removes every epoch."""
        self.setPoints([])

    def setBest(self, epoch: int | None) -> None:
        """Marks the epoch whose weights are kept; None removes the mark."""
        self._best = epoch
        self._draw()

    def setTitle(self, title: str) -> None:
        """The heading of a saved picture, and the default name of a saved file."""
        self._title = title

    def setFinding(self, text: str, tooltip: str = "", remedy: str = "") -> None:
        """Shows what the curves mean in a line below them, with its remedy as a link; the layout does not change."""
        self.finding.setFinding(text, tooltip, remedy)

    def points(self) -> tuple[Point, ...]:
        """The epochs of the run shown; empty for several runs."""
        return tuple(self._points)

    def runs(self) -> tuple[RunCurves, ...]:
        """The runs overlaid."""
        return self._runs or ()

    def text(self) -> str:
        """Describes the curves at the selected epoch, or at the last one."""
        selected = self.plots.selectedEpoch()
        if self._runs is not None:
            return lines.describe_runs(self._runs, selected)
        return lines.describe_run(self._points, selected, self._best)

    # -- views and zoom

    def view(self) -> str:
        """What is drawn: "curves", "rate" or "terms"."""
        return self.bar.view()

    def setView(self, view: str) -> None:
        """Draws loss and accuracy ("curves"), the learning rate ("rate") or the loss terms ("terms")."""
        self.bar.views.choose(view)

    def zoom(self, low: float, high: float) -> None:
        """Shows these epochs only."""
        self.plots.zoom(low, high)

    def showAll(self) -> None:
        """Shows every epoch."""
        self.plots.showAll()

    def shownEpochs(self) -> tuple[float, float]:
        """The first and last epoch in view."""
        return self.plots.range()

    # -- files

    def savePictureAs(self) -> None:
        """Asks for a file, then saves the picture."""
        path = export.choose_path(self, "Save picture of the curves", self._stem(), suffix=".png", kind="Pictures")
        if path is not None:
            self.savePicture(path)

    def saveNumbersAs(self) -> None:
        """Asks for a file, then saves the numbers."""
        path = export.choose_path(self, "Save numbers of the curves", self._stem(), suffix=".csv", kind="Tables")
        if path is not None:
            self.saveNumbers(path)

    def savePicture(self, path: Path) -> bool:
        """Writes the curves as a PNG with title and legend, at twice the resolution; returns whether it was written."""
        self.plots.select(None)
        for panel in self._panels.values():
            panel.print_at(export.SCALE)
        content = export.picture(self._title, self.plots, self.legend)
        for panel in self._panels.values():
            panel.print_at(1)
        return self._write(path, content)

    def saveNumbers(self, path: Path) -> bool:
        """Writes one CSV row per epoch; returns whether it was written."""
        text = csv_of_run(self._points) if self._runs is None else csv_of_runs(self._runs)
        return self._write(path, text.encode("utf-8"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_L and self.bar.log.isEnabled():
            self.bar.log.toggle()
        else:
            super().keyPressEvent(event)

    # -- drawing

    def _show_anew(self) -> None:
        self.plots.showAll()
        self._draw()

    def _shown(self) -> list[str]:
        """Names of the panels in this view; a run without penalties has no penalty panel."""
        names = [*lines.PANELS[self.view()]]
        points = self._points if self._runs is None else [point for run in self._runs for point in run.points]
        if self.view() == "terms" and not lines.penalty_names(points):
            names.remove(lines.PENALTIES)
        return names

    def _draw(self) -> None:
        """Draws the panels of this view; the others are drawn when they are shown."""
        runs = self._runs if self._runs is not None else (RunCurves("", self._points),)
        self.plots.setEpochs(sorted({point.epoch for run in runs for point in run.points}))
        names = self._shown()
        self.plots.show_panels([self._panel(name) for name in names])
        for name in names:
            drawn, panel = self._lines(name), self._panels[name]
            panel.setLines(drawn, smoothing=self._smoothing(name), logarithmic=self._is_log(name, drawn))
            panel.setBest(self._best, labelled=name == names[0])
        self._name_axes()
        self._show_state(runs)
        self._show_numbers()

    def _panel(self, name: str) -> Panel:
        if name not in self._panels:
            self._panels[name] = Panel(*_TITLES[name])
        return self._panels[name]

    def _lines(self, name: str) -> list[Line]:
        if self._runs is None:
            return lines.lines_of_run(name, self._points)
        return lines.lines_of_runs(name, self._runs, training=self.bar.withTraining())

    def _smoothing(self, name: str) -> float:
        return 0.0 if name == lines.LEARNING_RATE else self.bar.smoothing()

    def _is_log(self, name: str, drawn: list[Line]) -> bool:
        if name in (lines.LOSS, lines.TOTAL_LOSS):
            return self.bar.isLogarithmic()
        return name != lines.ACCURACY and spans_a_decade(value for line in drawn for value in line.values)

    def _name_axes(self) -> None:
        several = self._runs is not None
        self._loss.values.setTitles(*(["Validation loss"] if several else []), "Loss")
        self._accuracy.values.setTitles(*(["Validation accuracy"] if several else []), "Accuracy")

    def _show_state(self, runs: tuple[RunCurves, ...]) -> None:
        points = [point for run in runs for point in run.points]
        self.bar.showState(
            empty=not points,
            zoomed=self.plots.isZoomed(),
            several=self._runs is not None,
            spans=spans_a_decade(lines.losses(points)),
        )

    def _show_numbers(self) -> None:
        """Puts the numbers of the selected epoch into the legend."""
        selected = self.plots.selectedEpoch()
        if self._runs is not None:
            self.legend.setItems(lines.legend_of_runs(self.view(), self._runs, selected))
        else:
            point = next((point for point in self._points if point.epoch == selected), None)
            self.legend.setItems(lines.legend_of_run(self.view(), self._points, point, self._best))
        self.legend.setToolTip(self.text())
        self.setAccessibleDescription(self.text())

    def _on_zoom(self) -> None:
        self.bar.all_action.setEnabled(self.plots.isZoomed())

    def _on_menu(self, at: QPoint) -> None:
        self.bar.menu.popup(at)

    def _on_theme(self) -> None:
        for panel in self._panels.values():
            panel.apply_theme()

    def _write(self, path: Path, content: bytes) -> bool:
        """Writes the whole file, or leaves an existing one unchanged."""
        try:
            write_atomically(path, content)
        except KwsError as error:
            self.failed.emit(str(error))
            return False
        self.saved.emit(path)
        return True

    def _stem(self) -> str:
        return self._title or "curves"

    def _connect(self) -> None:
        self.bar.changed.connect(self._draw)
        self.bar.savePictureRequested.connect(self.savePictureAs)
        self.bar.saveNumbersRequested.connect(self.saveNumbersAs)
        self.bar.showAllRequested.connect(self.showAll)
        self.plots.epochSelected.connect(self._show_numbers)
        self.plots.zoomChanged.connect(self._on_zoom)
        self.plots.menuRequested.connect(self._on_menu)
        self.finding.remedyTriggered.connect(self.remedyTriggered)
        theme.notifier.changed.connect(self._on_theme)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.bar)
        column.addWidget(self.plots, 1)
        column.addWidget(self.legend)
        column.addWidget(self.finding)
