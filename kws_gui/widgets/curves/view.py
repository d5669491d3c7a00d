"""Loss, accuracy, learning rate and loss terms by epoch, of one run or several over one another; trains nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.curves import export as curve_export
from kws_gui.widgets.curves import lines as curve_lines
from kws_gui.widgets.curves.bar import CurveBar
from kws_gui.widgets.curves.legend import CurveKey
from kws_gui.widgets.curves.numbers import Point, RunCurves, Terms, csv_of_run, csv_of_runs, spans_a_decade
from kws_gui.widgets.curves.panel import Line, Panel
from kws_gui.widgets.curves.plots import CurvePlots
from kws_gui.widgets.finding_line import FindingLine


class LossAndAccuracy(QWidget):
    """Training solid with dots, validation dashed with squares; the epoch asked for is told in numbers.

    Signals:
        failed(str): A picture or table was not written, in words.
        saved(Path): It was.
        remedyTriggered(): The remedy of the finding was pressed.
    """

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
        self.key = CurveKey()
        self.finding = FindingLine()
        self.finding.setVisible(findings)
        self._loss = Panel("Loss")
        self._accuracy = Panel("Accuracy", percent=True)
        self._panels = {
            curve_lines.LOSS: self._loss,
            curve_lines.ACCURACY: self._accuracy,
            curve_lines.SPEED: Panel("Learning rate", "Rate"),
            curve_lines.TRAINED: Panel("Loss as trained on", "Loss trained on", "Loss"),
            curve_lines.PENALTIES: Panel("Penalties"),
        }
        self.plots = CurvePlots(list(self._panels.values()))
        self.setMinimumSize(312, 240)
        self.setAccessibleName("Loss and accuracy by epoch")
        self._lay_out()
        self._connect()
        self._on_view()

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
        """One epoch more of the run shown, and the best so far."""
        self._runs = None
        self._points.append(point)
        self._best = best
        self._draw()

    def setPoints(self, points: Iterable[Point], *, best: int | None = None) -> None:
        """Shows a whole run at once, all its epochs."""
        self._points = list(points)
        self._best = best
        self._runs = None
        self._show_anew()

    def setRuns(self, runs: Iterable[RunCurves]) -> None:
        """Shows several runs over one another, told apart by colour, dash and marker in their order."""
        self._points = []
        self._best = None
        self._runs = tuple(runs)
        self._show_anew()

    def clear(self) -> None:
        """Starts again without any epoch."""
        self.setPoints([])

    def setBest(self, epoch: int | None) -> None:
        """Marks the epoch whose weights are kept; None takes the mark away."""
        self._best = epoch
        self._draw()

    def setTitle(self, title: str) -> None:
        """What a saved picture has above the curves and a saved file is named after."""
        self._title = title

    def setFinding(self, text: str, tooltip: str = "", remedy: str = "") -> None:
        """What the curves mean, in one line below them, with its remedy as a link; nothing moves."""
        self.finding.setFinding(text, tooltip, remedy)

    def points(self) -> tuple[Point, ...]:
        """The epochs shown of the one run."""
        return tuple(self._points)

    def runs(self) -> tuple[RunCurves, ...]:
        """The runs shown over one another."""
        return self._runs or ()

    def text(self) -> str:
        """What the curves show, in words, for the epoch pointed at or the last."""
        asked = self.plots.askedEpoch()
        if self._runs is not None:
            return curve_lines.runs_in_words(self._runs, asked)
        return curve_lines.in_words(self._points, asked, self._best)

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

    def askPicture(self) -> None:
        """Asks where to, then saves the picture."""
        path = curve_export.ask_path(self, "Save picture of the curves", self._stem(), suffix=".png", kind="Pictures")
        if path is not None:
            self.savePicture(path)

    def askNumbers(self) -> None:
        """Asks where to, then saves the numbers."""
        path = curve_export.ask_path(self, "Save numbers of the curves", self._stem(), suffix=".csv", kind="Tables")
        if path is not None:
            self.saveNumbers(path)

    def savePicture(self, path: Path) -> bool:
        """Writes what is drawn as PNG with title and legend, at twice the size; whether it was written."""
        self.plots.ask(None)
        for panel in self._panels.values():
            panel.print_at(curve_export.SCALE)
        content = curve_export.picture(self._title, self.plots, self.key)
        for panel in self._panels.values():
            panel.print_at(1)
        return self._write(path, content)

    def saveNumbers(self, path: Path) -> bool:
        """Writes every epoch as a row of a CSV file; whether it was written."""
        text = csv_of_run(self._points) if self._runs is None else csv_of_runs(self._runs)
        return self._write(path, text.encode("utf-8"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text().lower() == "l" and self.bar.log.isEnabled():
            self.bar.log.toggle()
        else:
            super().keyPressEvent(event)

    # -- drawing

    def _show_anew(self) -> None:
        self.plots.showAll()
        self._draw()

    def _on_view(self) -> None:
        self._draw()

    def _shown(self) -> list[str]:
        """The plots of the view; without a penalty there is none of penalties."""
        names = [*curve_lines.PANELS[self.view()]]
        points = self._points if self._runs is None else [point for run in self._runs for point in run.points]
        if self.view() == "terms" and not curve_lines.penalty_names(points):
            names.remove(curve_lines.PENALTIES)
        return names

    def _draw(self) -> None:
        """Draws the plots in view; the others are drawn when they come into view."""
        runs = self._runs if self._runs is not None else (RunCurves("", self._points),)
        self.plots.setEpochs(sorted({point.epoch for run in runs for point in run.points}))
        names = self._shown()
        self.plots.show_panels([self._panels[name] for name in names])
        for name in names:
            lines, panel = self._lines(name), self._panels[name]
            panel.setLines(lines, smoothing=self._smoothing(name), logarithmic=self._is_log(name, lines))
            panel.setBest(self._best, labelled=name == names[0])
        self._name_axes()
        self._show_state(runs)
        self._tell()

    def _lines(self, name: str) -> list[Line]:
        if self._runs is None:
            return curve_lines.lines_of_run(name, self._points)
        return curve_lines.lines_of_runs(name, self._runs, training=self.bar.withTraining())

    def _smoothing(self, name: str) -> float:
        return 0.0 if name == curve_lines.SPEED else self.bar.smoothing()

    def _is_log(self, name: str, lines: list[Line]) -> bool:
        if name in (curve_lines.LOSS, curve_lines.TRAINED):
            return self.bar.isLogarithmic()
        return name != curve_lines.ACCURACY and spans_a_decade(value for line in lines for value in line.values)

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
            spans=spans_a_decade(curve_lines.losses(points)),
        )

    def _tell(self) -> None:
        """Says the numbers of the epoch asked for."""
        asked = self.plots.askedEpoch()
        if self._runs is not None:
            self.key.setItems(curve_lines.key_of_runs(self.view(), self._runs, asked))
        else:
            point = next((point for point in self._points if point.epoch == asked), None)
            self.key.setItems(curve_lines.key_of_run(self.view(), self._points, point, self._best))
        self.key.setToolTip(self.text())
        self.setAccessibleDescription(self.text())

    def _on_zoom(self) -> None:
        self.bar.all_action.setEnabled(self.plots.isZoomed())

    def _on_menu(self, at: QPoint) -> None:
        self.bar.menu.popup(at)

    def _on_theme(self) -> None:
        for panel in self._panels.values():
            panel.wear()

    def _write(self, path: Path, content: bytes) -> bool:
        wrong = curve_export.write(path, content)
        if wrong:
            self.failed.emit(wrong)
        else:
            self.saved.emit(path)
        return not wrong

    def _stem(self) -> str:
        return self._title or "curves"

    def _connect(self) -> None:
        self.bar.changed.connect(self._on_view)
        self.bar.pictureAsked.connect(self.askPicture)
        self.bar.numbersAsked.connect(self.askNumbers)
        self.bar.allAsked.connect(self.showAll)
        self.plots.asked.connect(self._tell)
        self.plots.zoomChanged.connect(self._on_zoom)
        self.plots.menuAsked.connect(self._on_menu)
        self.finding.remedyTriggered.connect(self.remedyTriggered)
        theme.notifier.changed.connect(self._on_theme)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.bar)
        column.addWidget(self.plots, 1)
        column.addWidget(self.key)
        column.addWidget(self.finding)
