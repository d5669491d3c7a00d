"""Curves as a person uses them: views, smoothing, pointing, zoom, several runs, saving."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import near, pixels, shown
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QToolButton
from pytestqt.qtbot import QtBot

from kws_engine.runs.job import Job
from kws_engine.training.events import Epoch
from kws_gui import theme
from kws_gui.pages.train.run_view import RunView
from kws_gui.services.training import LiveRun
from kws_gui.widgets.curves import LossAndAccuracy, Point, RunCurves, point_of
from kws_gui.widgets.curves import lines as curve_lines
from kws_gui.widgets.curves.numbers import brief, number, smoothed
from kws_gui.widgets.curves.style import run_style
from kws_gui.widgets.finding_line import FindingLine
from kws_gui.widgets.wrapped_label import WrappedLabel

LEFT = Qt.MouseButton.LeftButton
TERMS = {"cross_entropy": 0.9, "l2": 0.1}


def points(n: int, *, scale: float = 1.0, spread: float = 0.0) -> list[Point]:
    """A run whose losses fall and whose accuracies rise; `spread` is noise of the validation loss."""
    rng = np.random.default_rng(1)
    made = []
    for epoch in range(1, n + 1):
        loss, noise = scale * 2.0 / epoch, spread * float(rng.standard_normal())
        right = 1 - 0.9 / (epoch + 1)
        made.append(Point(epoch, loss, loss + 0.2 + noise, right, right - 0.05, 0.01 / epoch, 1.5, TERMS))
    return made


@pytest.fixture
def curves(qtbot: QtBot) -> LossAndAccuracy:
    made = LossAndAccuracy(findings=True)
    made.setPoints(points(40), best=20)
    return shown(qtbot, made, 800, 500)


def _values(curves: LossAndAccuracy, panel: str, curve: int) -> np.ndarray:
    drawn = curves._panels[panel].curves[curve].getData()[1]
    assert drawn is not None
    return np.asarray(drawn)


def _at(curves: LossAndAccuracy, epoch: float, height: float = 0.5) -> QPoint:
    """A place in the view of the loss, `height` of the way up."""
    low, high = curves._loss.box.viewRange()[1]
    scene = curves._loss.box.mapViewToScene(QPointF(epoch, low + height * (high - low)))
    return curves._loss.view.mapFromScene(scene)


def _wheel(curves: LossAndAccuracy, epoch: float, notches: int) -> None:
    viewport, at = curves._loss.view.viewport(), QPointF(_at(curves, epoch))
    event = QWheelEvent(
        at,
        viewport.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


# -- numbers


def test_smoothing_is_the_debiased_average_of_tensorboard() -> None:
    weight, values = 0.6, [1.0, 3.0, 2.0]
    expected = [1.0, (0.6 * 1 + 3) / 1.6, (0.36 * 1 + 0.6 * 3 + 2) / 1.96]
    assert smoothed(values, weight) == pytest.approx(expected)


def test_a_gap_stays_a_gap_and_leaves_the_average_alone() -> None:
    with_gap = smoothed([1.0, math.nan, 3.0, math.inf, 2.0], 0.9)
    assert math.isnan(with_gap[1]) and math.isinf(with_gap[3])
    assert [value for value in with_gap if math.isfinite(value)] == pytest.approx(smoothed([1.0, 3.0, 2.0], 0.9))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 0.99))
def test_smoothed_values_stay_between_the_measured(values: list[float], weight: float) -> None:
    made = smoothed(values, weight)
    spare = 1e-9 * max(map(abs, values)) + 1e-9
    assert len(made) == len(values) and min(values) - spare <= min(made) and max(made) <= max(values) + spare


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.3124, "0.312"),
        (4.2e-5, "4.2e-5"),
        (1e-6, "1e-6"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (2e7, "2e7"),
        (0, "0.000"),
    ],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert number(value) == words
    assert brief(0.01) == "0.01" and brief(20) == "20" and brief(1000) == "1000"


# -- one run


def test_smoothing_draws_the_average_over_the_measured_and_is_remembered(qtbot: QtBot, curves: LossAndAccuracy) -> None:
    curves.setPoints(points(40, spread=0.1))
    measured = _values(curves, "loss", 1)
    assert not curves._loss.curves[1].raw.isVisible()
    curves.bar.smoothing_actions["high"].trigger()
    assert np.abs(np.diff(_values(curves, "loss", 1))).mean() < np.abs(np.diff(measured)).mean()
    assert curves._loss.curves[1].raw.isVisible()
    assert np.asarray(curves._loss.curves[1].raw.getData()[1]) == pytest.approx(measured)
    assert "0.2" in curves.text() and curves.text().startswith("Epoch 40")  # numbers stay the measured ones
    again = shown(qtbot, LossAndAccuracy())
    assert again.bar.smoothing() == 0.9


def test_views_draw_the_learning_rate_and_the_terms(qtbot: QtBot, curves: LossAndAccuracy) -> None:
    qtbot.mouseClick(curves.bar.views.button("rate"), LEFT)
    assert curves.view() == "rate" and not curves._accuracy.view.isVisible()
    assert 10 ** _values(curves, "rate", 0)[-1] == pytest.approx(0.01 / 40)  # spans more than a decade: logarithmic
    assert [item.name for item in curves.legend.items()][1:] == ["Training", "Validation", "Learning rate"]
    assert curves.legend.items()[-1].value == "0.00025"
    qtbot.keyClick(curves.bar.views.button("rate"), Qt.Key.Key_Right)
    assert curves.view() == "terms"
    assert _values(curves, "total", 0)[0] == pytest.approx(1.0) and _values(curves, "penalties", 0)[0] == pytest.approx(
        0.1
    )
    assert [item.value for item in curves.legend.items()][1:] == ["1.000", "0.900 (90%)", "0.100 (10%)"]


def test_a_run_that_told_no_terms_says_so(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossAndAccuracy(), 700, 400)
    assert set(curves._panels) == {"loss", "accuracy"}  # the others are made when they are shown
    for epoch in range(1, 4):
        curves.add(epoch, 1.0, 1.1, 0.5, 0.4)
    curves.setView("terms")
    assert curves.legend.items()[1].value == "not recorded"
    assert "penalties" not in curves._panels
    curves.setView("rate")
    assert curves.legend.items()[-1].value == "not recorded"


def test_epochs_without_numbers_are_crossed_and_break_nothing(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossAndAccuracy(), 700, 500)
    odd = [math.nan, math.inf, -math.inf, 1e300, 0.0, 1.0]
    curves.setPoints(
        [
            Point(i, value, value, math.nan, value, value, value, {"cross_entropy": value, "l2": value})
            for i, value in enumerate(odd, 1)
        ]
    )
    assert list(curves._loss._undrawable.getData()[0]) == [1, 2, 3, 4]
    for view in ("curves", "rate", "terms"):
        curves.setView(view)
        curves.bar.log.setChecked(True)
        curves.bar.smoothing_actions["low"].trigger()
        curves.plots.select(2)
        curves.zoom(2, 4)
        curves.showAll()
        assert np.isfinite(curves._panels[curve_lines.PANELS[view][0]].box.viewRange()).all()
        assert near(pixels(curves), theme.current().text).sum() > 20
    assert "NaN" in curves.text() or "∞" in curves.text()


def test_the_logarithmic_scale_is_offered_where_it_helps(qtbot: QtBot, curves: LossAndAccuracy) -> None:
    assert curves.bar.log.isEnabled()  # 2 down to 0.05
    qtbot.mouseClick(curves.bar.log, LEFT)
    assert _values(curves, "loss", 0)[:1] == pytest.approx([math.log10(2)])
    qtbot.mouseClick(curves.bar.log, LEFT)
    curves.setPoints(points(3))
    assert not curves.bar.log.isEnabled() and "power of ten" in curves.bar.log.toolTip()


def test_a_new_epoch_keeps_the_zoom_and_the_axis(curves: LossAndAccuracy) -> None:
    curves.zoom(5, 15)
    curves.append(points(41)[-1], best=20)
    assert curves.shownEpochs() == (5, 15) and len(curves.points()) == 41
    curves.showAll()
    whole = curves.shownEpochs()
    curves.append(Point(42, 0.1, 0.2, 0.9, 0.9), best=20)
    assert curves.shownEpochs() == whole


# -- pointing and zooming


def test_the_pointer_tells_an_epoch_until_it_leaves(qtbot: QtBot, curves: LossAndAccuracy) -> None:
    qtbot.mouseMove(curves._loss.view.viewport(), _at(curves, 7.2))
    qtbot.waitUntil(lambda: curves.text().startswith("Epoch 7:"), timeout=2000)
    assert curves.legend.items()[0].value == "Epoch 7 · best 20"
    assert list(curves._accuracy._dots.getData()[0]) == [7, 7]


def test_keys_step_zoom_and_return(qtbot: QtBot, curves: LossAndAccuracy) -> None:
    curves.plots.setFocus()
    qtbot.keyClick(curves.plots, Qt.Key.Key_Left)
    assert curves.text().startswith("Epoch 40:")
    for _ in range(10):
        qtbot.keyClick(curves.plots, Qt.Key.Key_Left)
    assert curves.text().startswith("Epoch 30:")
    qtbot.keyClick(curves.plots, Qt.Key.Key_Plus)
    low, high = curves.shownEpochs()
    assert 1 < low < 30 < high <= 40 and curves.bar.all_action.isEnabled()
    for _ in range(25):
        qtbot.keyClick(curves.plots, Qt.Key.Key_Left)
    low, high = curves.shownEpochs()
    assert curves.text().startswith("Epoch 5:") and low <= 5 <= high
    qtbot.keyClick(curves.plots, Qt.Key.Key_Minus)
    assert curves.shownEpochs()[1] - curves.shownEpochs()[0] > high - low
    qtbot.keyClick(curves.plots, Qt.Key.Key_Home)
    assert curves.shownEpochs() == (1, 40) and not curves.bar.all_action.isEnabled()
    qtbot.keyClick(curves.plots, Qt.Key.Key_Escape)
    assert curves.text().startswith("Epoch 40:")


def test_the_wheel_zooms_around_the_pointer_in_both_plots(curves: LossAndAccuracy) -> None:
    for _ in range(4):
        _wheel(curves, 30, 1)
    low, high = curves.shownEpochs()
    assert 1 < low < 30 < high <= 40 and (high - low) == pytest.approx(39 / 1.25**4, rel=0.01)
    assert curves._loss.box.viewRange()[0] == curves._accuracy.box.viewRange()[0]
    for _ in range(6):
        _wheel(curves, 30, -1)
    assert curves.shownEpochs() == (1, 40)


def test_a_rectangle_zooms_and_a_double_click_returns(qtbot: QtBot, curves: LossAndAccuracy) -> None:
    viewport = curves._loss.view.viewport()
    start, end = _at(curves, 10, 0.1), _at(curves, 20, 0.4)
    qtbot.mousePress(viewport, LEFT, pos=start)
    for share in (0.3, 0.6, 1.0):
        qtbot.mouseMove(viewport, start + (end - start) * share)
    qtbot.mouseRelease(viewport, LEFT, pos=end)
    low, high = curves.shownEpochs()
    assert low == pytest.approx(10, abs=0.3) and high == pytest.approx(20, abs=0.3)
    bottom, top = curves._loss.box.viewRange()[1]
    assert top - bottom < 1.0
    qtbot.mouseClick(viewport, LEFT, pos=_at(curves, 15))
    qtbot.mouseDClick(viewport, LEFT, pos=_at(curves, 15))
    qtbot.mouseRelease(viewport, LEFT, pos=_at(curves, 15))
    qtbot.waitUntil(lambda: curves.shownEpochs() == (1, 40), timeout=2000)
    assert curves._loss.box.viewRange()[1][1] > 2


# -- several runs


def test_runs_are_overlaid_each_in_its_looks(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossAndAccuracy(), 900, 600)
    runs = [RunCurves(f"run {i}", points(20 + 10 * i, scale=1 + i), best=5 + i) for i in range(4)]
    curves.setRuns(runs)
    assert curves.runs() == tuple(runs) and curves.points() == ()
    assert [len(_values(curves, "loss", i)) for i in range(4)] == [20, 30, 40, 50]
    assert [item.name for item in curves.legend.items()][1:] == [run.name for run in runs]
    for index in range(4):
        assert near(pixels(curves), run_style(index).color(theme.current()).name()).sum() > 60
    curves.plots.select(25)
    assert curves.legend.items()[1].value == "" and curves.legend.items()[2].value  # the first run ended at 20
    curves.bar.training_action.trigger()
    assert len(curves._loss.curves) == 8
    curves.setPoints(points(3))
    assert len(curves._loss.curves) == 2 and curves.runs() == ()


def test_looks_of_runs_differ_in_more_than_colour() -> None:
    looks = [run_style(index) for index in range(84)]
    assert len(set(looks)) == 84
    assert all(len({(one.dash, one.symbol) for one in looks[i : i + 6]}) == 6 for i in range(78))


# -- standing still


@pytest.mark.parametrize("width", [704, 448])
def test_a_finding_is_never_cut_and_its_remedy_stands_on_the_button(qtbot: QtBot, width: int) -> None:
    """As wide as the curves are in a window of 1280 and of 1024 px."""
    line = shown(qtbot, FindingLine(), width, 64)
    text = "Too few speakers: the training clips are by 3 people, and others are 100% right"
    line.setFinding(text, "It learns their voices.", "Raise weight decay to 0.1 for the next run")
    button, label = line.remedyButton(), line.findChild(WrappedLabel)
    qtbot.waitUntil(lambda: button.isVisible() and button.width() >= button.sizeHint().width())
    assert label is not None and label.text() == text
    assert label.heightForWidth(label.width()) <= label.height()
    assert line.rect().contains(button.geometry()) and not label.geometry().intersects(button.geometry())


def test_nothing_moves_when_values_or_findings_come(qtbot: QtBot, qapp: QApplication) -> None:
    curves = shown(qtbot, LossAndAccuracy(findings=True), 448, 300)
    qapp.processEvents()  # its first layout
    before = (curves.plots.geometry(), curves.legend.geometry(), curves.finding.geometry())
    curves.setPoints(points(500), best=499)
    curves.setFinding("Validation loss has risen since epoch 14 while training falls", "since 14", "Add dropout")
    curves.plots.select(333)
    qapp.processEvents()
    assert (curves.plots.geometry(), curves.legend.geometry(), curves.finding.geometry()) == before
    with qtbot.waitSignal(curves.remedyTriggered):
        qtbot.mouseClick(curves.finding.remedyButton(), LEFT)


@pytest.mark.parametrize(("width", "short"), [(312, True), (448, True), (1000, False)])
def test_the_bar_fits_at_any_width(qtbot: QtBot, width: int, short: bool) -> None:
    curves = shown(qtbot, LossAndAccuracy(), width, 300)
    assert curves.width() == width
    assert (curves.bar.views.button("curves").text() == "Curves") is short
    for button in curves.bar.findChildren(QToolButton):
        assert button.width() >= button.sizeHint().width(), button.text()


# -- saving


def test_numbers_are_saved_as_csv(
    curves: LossAndAccuracy, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(parent: object, title: str, start: str, kinds: str) -> tuple[str, str]:
        asked.append(start)
        return str(tmp_path / f"table{len(asked)}"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    curves.setTitle("7 · tc_resnet")
    with qtbot.waitSignal(curves.saved):
        curves.bar.numbers_action.trigger()
    rows = list(csv.DictReader((tmp_path / "table1.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 40 and list(rows[0]) == [
        *("epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
        *("learning_rate", "seconds", "cross_entropy", "l2"),
    ]
    assert float(rows[1]["train_loss"]) == 1.0 and float(rows[1]["l2"]) == 0.1
    curves.setRuns([RunCurves("one", points(2)), RunCurves("two", points(3))])
    curves.bar.numbers_action.trigger()
    rows = list(csv.DictReader((tmp_path / "table2.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["run"] for row in rows] == ["one"] * 2 + ["two"] * 3
    assert Path(asked[0]).name == "7-tc_resnet.csv" and Path(asked[1]).parent == tmp_path  # the folder is remembered


def test_the_picture_is_twice_as_fine_and_shows_the_curves(curves: LossAndAccuracy, tmp_path: Path) -> None:
    curves.setTitle("7 · tc_resnet")
    assert curves.savePicture(tmp_path / "curves.png")
    image = QImage(str(tmp_path / "curves.png")).convertToFormat(QImage.Format.Format_RGB888)
    assert image.width() >= 2 * curves.plots.width() and image.height() > 2 * curves.plots.height()
    rows = np.array(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    drawn = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)
    for role in ("training", "validation"):
        assert near(drawn, getattr(theme.current(), role)).sum() > 500
    assert near(drawn[:90], theme.current().text).sum() > 50  # the title


def test_what_cannot_be_written_is_said_in_words(curves: LossAndAccuracy, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(curves.failed) as said:
        assert not curves.saveNumbers(tmp_path / "no" / "table.csv")
    assert "table.csv" in said.args[0]
    if os.path.exists("/dev/full") and os.geteuid() != 0:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
        with qtbot.waitSignal(curves.failed) as said:
            assert not curves.savePicture(folder / "curves.png")
        assert "choose a folder" in said.args[0]


# -- the run on the Train page


def test_the_view_of_a_run_feeds_the_curves(qtbot: QtBot) -> None:
    view = shown(qtbot, RunView(), 448, 337)
    epochs = [Epoch(i, 1 / i, 0.5, 1.2 / i, 0.4, 0.01, 1.0, 0.1, i == 2, TERMS) for i in (1, 2, 3)]
    live = LiveRun(Job(Path("project")))
    view.show_live(live)
    for epoch in epochs:
        live.epochs.append(epoch)
        view.update_live([epoch])
    assert view.curves.points() == tuple(map(point_of, epochs)) and "best 2" in view.curves.text()
    view.setFinding("Not converged yet")
    assert view.curves.finding.text() == "Not converged yet"
    live.has_ended = True
    view.update_live()
    view.show_past(epochs[:1], "Finished after 1 epoch")
    assert view.curves.finding.text() == ""
