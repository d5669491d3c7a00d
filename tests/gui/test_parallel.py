"""The parallel-coordinates plot and the bars of importance by mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import near, pixels, shown
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from kws_gui import theme
from kws_gui.widgets.importance import ImportanceBars
from kws_gui.widgets.parallel import ParallelPlot, PlotAxis, PlotLine, goodness_color

AXES = (
    PlotAxis("Learning rate", ((0.0, "1e-4"), (0.5, "1e-3"), (1.0, "1e-2"))),
    PlotAxis("Optimizer", ((0.0, "adamw"), (1.0, "sgd"))),
    PlotAxis("Validation loss", ((0.0, "0.1"), (1.0, "0.9"))),
)
LINES = (
    PlotLine(0, (0.1, 0.0, 0.9), 0.1, True, "Trial 0"),
    PlotLine(1, (0.5, 1.0, 0.0), 1.0, True, "Trial 1, the best"),
    PlotLine(2, (0.9, 0.0, 0.5), 0.5, False, "Trial 2\nended early"),
)


@pytest.fixture
def plot(qtbot: QtBot) -> ParallelPlot:
    made = shown(qtbot, ParallelPlot(), 640, 360)
    made.setLines(AXES, LINES, current=1)
    return made


def _at(plot: ParallelPlot, axis: int, position: float) -> QPoint:
    return QPoint(round(plot.axisX(axis)), round(plot.axisY(position)))


def _drag(qtbot: QtBot, plot: ParallelPlot, axis: int, low: float, high: float) -> None:
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=_at(plot, axis, low))
    qtbot.mouseMove(plot, _at(plot, axis, (low + high) / 2))
    qtbot.mouseMove(plot, _at(plot, axis, high))
    qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=_at(plot, axis, high))


def test_a_drag_along_an_axis_keeps_what_passes_there_and_a_click_shows_all(qtbot: QtBot, plot: ParallelPlot) -> None:
    with qtbot.waitSignal(plot.filtered):
        _drag(qtbot, plot, 0, 0.4, 1.0)
    assert plot.passing() == [1, 2]
    _drag(qtbot, plot, 1, 0.0, 0.2)
    assert plot.passing() == [2]
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=_at(plot, 1, 0.1))
    assert plot.passing() == [1, 2]
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Escape)
    assert plot.passing() == [0, 1, 2]


def test_a_click_near_a_line_chooses_its_trial(qtbot: QtBot, plot: ParallelPlot) -> None:
    between = QPoint(round((plot.axisX(0) + plot.axisX(1)) / 2), round(plot.axisY(0.05)))
    with qtbot.waitSignal(plot.chosen) as said:
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=between)
    assert said.args == [0] and plot.current() == 0


def test_keys_go_from_trial_to_trial_by_how_good_they_are_and_filter(qtbot: QtBot, plot: ParallelPlot) -> None:
    plot.setFocus()
    visited = []
    plot.chosen.connect(visited.append)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(plot, key)
    assert visited == [2, 0, 2]
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    qtbot.keyClick(plot, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert plot.filters() == {1: (0.0, 0.9)} and plot.passing() == [0, 2]
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    for _ in range(2):
        qtbot.keyClick(plot, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert plot.passing() == [2] and "1 of 3 trials shown" in plot.accessibleDescription()


def test_the_best_stands_out_from_the_ground_in_light_and_dark(qapp: QApplication) -> None:
    for choice in ("light", "dark"):
        theme.apply(qapp, choice)
        ground = theme.current().sunken
        best, worst = (theme.contrast(goodness_color(share).name(), ground) for share in (1.0, 0.0))
        assert best > 7 and best > worst > 1.8


def test_lines_are_drawn_in_their_colours_and_faint_where_a_filter_leaves_them_out(
    qtbot: QtBot, plot: ParallelPlot
) -> None:
    drawn = near(pixels(plot), goodness_color(0.1).name()).sum()
    plot.setFilter(0, 0.4, 1.0)
    assert near(pixels(plot), goodness_color(0.1).name()).sum() < drawn / 2
    plot.setLines(AXES, ())
    assert plot.passing() == [] and len(np.unique(pixels(plot))) > 2


def test_bars_are_as_long_as_their_shares(qtbot: QtBot) -> None:
    bars = shown(qtbot, ImportanceBars(), 300, 80)
    bars.setShares([("Width multiplier", 0.8), ("L2", 0.2)])
    assert bars.accessibleDescription() == "Width multiplier 80%, L2 20%"
    blue = near(pixels(bars), theme.current().accent)
    lengths = [int(blue[rows].any(0).sum()) for rows in (slice(0, 40), slice(40, 80))]
    assert lengths[0] == pytest.approx(240, abs=6) and lengths[1] == pytest.approx(60, abs=6)
