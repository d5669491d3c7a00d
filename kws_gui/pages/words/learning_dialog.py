"""Accuracy against takes, measured on the project's own clips, with the line on to what more takes would give."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from kws_engine.caring.learning_curve import LearningCurve
from kws_gui import theme
from kws_gui.widgets.dialog_size import size_in
from kws_gui.widgets.plot_axes import style_axes
from kws_gui.widgets.wrapped_label import WrappedLabel

_WIDTH, _HEIGHT = 640, 460  # px


class LearningDialog(QDialog):
    """The measured points with their intervals, the fitted line in its band, and one sentence."""

    def __init__(self, curve: LearningCurve, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("What more takes would give")
        self._curve = curve
        self.told = WrappedLabel()
        self.told.setText(f"{curve}.")
        self.notes = WrappedLabel()
        self.notes.setText(_notes(curve))
        theme.set_role(self.notes, "muted")
        self.view = pg.PlotWidget(enableMenu=False)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setMouseEnabled(x=False, y=False)
        self.view.hideButtons()
        self.view.setLabel("left", "Clips told right, %")
        self.view.setLabel("bottom", "Takes of each word")
        self.view.setAccessibleName("Accuracy against takes")
        self.view.setAccessibleDescription(f"{curve}.")
        self.view.addLegend(offset=(-16, -16))
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(self.told)
        column.addWidget(self.view, 1)
        column.addWidget(self.notes)
        column.addLayout(buttons)
        self.resize(size_in(self.parentWidget(), _WIDTH, _HEIGHT))
        theme.notifier.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        colors, curve = theme.current(), self._curve
        self.view.clear()
        style_axes(self.view)
        self.view.showGrid(x=False, y=True, alpha=0.25)
        self.view.plotItem.legend.setLabelTextColor(colors.text)
        takes = np.array([one.takes for one in curve.line])
        low, middle, high = (
            100 * np.array([getattr(one, name) for one in curve.line])
            for name in ("accuracy_low", "accuracy", "accuracy_high")
        )
        edges = [pg.PlotCurveItem(takes, edge) for edge in (low, high)]
        band = pg.FillBetweenItem(*edges, brush=pg.mkBrush(colors.color("training", 0.2)))
        self.view.addItem(band)
        pen = pg.mkPen(colors.training, width=2, style=Qt.PenStyle.DashLine)
        self.view.plot(takes, middle, pen=pen, name="Foretold, with nine of ten in the band")
        at = np.array([one.takes for one in curve.points])
        right = 100 * np.array([one.accuracy for one in curve.points])
        above = 100 * np.array([one.accuracy_high for one in curve.points]) - right
        below = right - 100 * np.array([one.accuracy_low for one in curve.points])
        self.view.addItem(pg.ErrorBarItem(x=at, y=right, top=above, bottom=below, beam=0.6, pen=pg.mkPen(colors.text)))
        points = {"symbol": "o", "symbolSize": 9, "symbolBrush": colors.validation, "symbolPen": colors.text}
        self.view.plot(at, right, pen=None, name="Measured on clips held out", **points)
        bottom = min(low.min(), (right - below).min())
        self.view.setYRange(max(0.0, bottom - 2), 100.5, padding=0)
        self.view.setXRange(0, takes.max() * 1.04, padding=0)


def _notes(curve: LearningCurve) -> str:
    last = curve.points[-1]
    notes = [
        f"Where one in a hundred clips of other words is taken for a word, {100 * last.missed:.0f}% are missed with "
        f"{last.takes} takes."
    ]
    if not curve.by_voice:
        notes.append("Some of the same people were learned from and tested: others will be told less well.")
    if curve.left_aside:
        notes.append(f"Left aside, with too few clips: {', '.join(curve.left_aside)}.")
    return " ".join(notes)
