"""Misses and false alarms on Results: both numbers first, thresholds to move and to write, and the mistakes to hear."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import promised_run
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_engine.operating.quality import figures_in, thresholds_in
from kws_engine.operating.report import Counted, Report
from kws_engine.operating.telling import cannot_know
from kws_engine.operating.working_point import of_word
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.records import past_runs
from kws_gui import theme
from kws_gui.pages.results.findings import FindingCard
from kws_gui.pages.results.page import ResultsPage
from kws_gui.pages.results.promise.conditions import latency_told
from kws_gui.services.services import Services
from kws_gui.widgets.threshold_text import threshold_text
from kws_gui.widgets.word_style import WordStyle, word_styles

PATIENCE_MS = 120_000
LEFT = Qt.MouseButton.LeftButton
REPORT = promised_run.report(takes=40)
LOOSE = dataclasses.replace(REPORT, expected=210.0, low=190, high=260, would_miss=1.0)
SYNTHETIC = Counted(34, 54, 9.0, synthetic=True)


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[ResultsPage]:
    made = ResultsPage(services)
    qtbot.addWidget(made)
    made.resize(1100, 720)
    made.show()
    yield made
    made.shutdown()


@pytest.fixture
def opened(qtbot: QtBot, page: ResultsPage, tmp_path: Path) -> Callable[[Report | None], Project]:
    def open_project(report: Report | None) -> Project:
        project = promised_run.make(tmp_path / "mine", report)
        page._model.open(project)
        qtbot.waitUntil(lambda: not page.is_working() and page._model.model_path is not None, timeout=PATIENCE_MS)
        return project

    return open_project


def model_of(project: Project) -> Path:
    model = past_runs(project.runs_folder)[0].model
    assert model is not None
    return model


def test_results_opens_with_both_numbers_and_what_they_rest_on(
    page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    opened(REPORT)
    head = page.promise.head
    assert page.views.current() == "promise" and head.isVisible() and page.promise.view.isVisible()
    assert f"{REPORT.missed.missed} of 40" in head.misses.number.fullText()
    assert head.alarms.number.fullText().startswith("At most 0.5 false alarms an hour of talk")
    assert "testing takes" in head.misses.whole.text() and "20 dB" in head.misses.whole.text()
    assert cannot_know(REPORT) in head.alarms.whole.text()
    page.show_view("findings")
    assert head.isVisible()
    page.show_view("search")
    assert not head.isVisible(), "a search has no numbers of one model"


@pytest.mark.parametrize("report", [REPORT, LOOSE, dataclasses.replace(LOOSE, missed=SYNTHETIC)])
def test_in_a_small_window_both_numbers_and_what_they_rest_on_are_whole(
    page: ResultsPage, opened: Callable[[Report | None], Project], report: Report
) -> None:
    page.resize(904, 516)
    opened(report)
    for view in (page.promise.head.misses, page.promise.head.alarms):
        assert view.line.isVisible() and not view.whole.isVisible()
        for label in (view.number, view.line):
            assert label.text() == label.fullText() != ""
        assert view.whole.text() in view.line.toolTip(), "the long sentence is not lost"


def test_in_a_small_window_what_no_report_tells_is_whole_too(
    page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    page.resize(904, 516)
    figures = figures_in(model_of(opened(REPORT)))
    assert figures is not None
    head = page.promise.head
    unmeasured = dataclasses.replace(REPORT, missed=Counted(0, 0))
    by_hand = dataclasses.replace(figures, promised=None)
    for shown, report in (
        (figures, None),
        (by_hand, REPORT),
        (dataclasses.replace(figures, missed=Counted(0, 0)), unmeasured),
    ):
        head.setFigures(shown, report)
        QApplication.processEvents()
        for view in (head.misses, head.alarms):
            assert [label.text() for label in (view.number, view.line)] == [
                label.fullText() for label in (view.number, view.line)
            ]
    head.setFigures(None, None)
    QApplication.processEvents()
    nothing = head._nothing
    assert nothing.line.text() == nothing.line.fullText() and nothing.whole.text() in nothing.line.toolTip()


def test_a_finding_about_other_talk_leads_to_the_thresholds(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    opened(dataclasses.replace(REPORT, expected=40.0, false_alarms={"sentence": promised_run.OfSource(90, 2.1)}))
    page.promise.view.panels.choose("mistakes")
    page.show_view("findings")
    qtbot.waitUntil(lambda: bool(_remedies(page, "thresholds")), timeout=PATIENCE_MS)
    qtbot.mouseClick(_remedies(page, "thresholds")[0], LEFT)
    assert page.views.current() == "promise" and page.promise.view.thresholds.isVisible()


def _remedies(page: ResultsPage, action: str) -> list[QPushButton]:
    return [
        button
        for card in page.findings.findChildren(FindingCard)
        for remedy, button in zip(card.finding.remedies, card.buttons, strict=True)
        if remedy.action == action
    ]


def test_keys_move_the_threshold_of_the_chosen_word_and_say_what_it_gives(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    project = opened(REPORT)
    panel = page.promise.view.thresholds
    assert panel.word() == "low" and not panel.use.isEnabled() and not panel.back.isEnabled()
    before = of_word(REPORT.words["low"], REPORT.hours, panel.thresholds()["low"])
    qtbot.keyClick(panel.plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    moved = panel.thresholds()["low"]
    after = of_word(REPORT.words["low"], REPORT.hours, moved)
    assert moved > 0.9 and panel.thresholds()["high"] == 0.9
    assert after.missed.missed >= before.missed.missed and after.false_alarms <= before.false_alarms
    assert after != before, "ten steps change a count"
    assert after.told() in panel.point.text() and threshold_text(moved) in panel.point.text()
    assert panel.plot.accessibleDescription() == panel.point.text()
    assert panel.table.item(0, 1).text() == threshold_text(moved)
    assert panel.table.item(0, 2).text() == f"{after.missed.missed} of {after.missed.takes}"
    assert panel.use.isEnabled() and panel.back.isEnabled()
    assert thresholds_in(model_of(project)) == {"low": 0.9, "high": 0.9}, "nothing is written before the button"
    page._runs.read()
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    assert panel.thresholds()["low"] == moved, "a list that is read again moves nothing"
    for _ in range(100):
        qtbot.keyClick(panel.plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert of_word(REPORT.words["low"], REPORT.hours, panel.thresholds()["low"]).missed.missed == 20
    assert panel.thresholds()["low"] < 1


def test_a_press_on_a_curve_chooses_its_word_and_the_ring_can_be_dragged(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    opened(REPORT)
    panel = page.promise.view.thresholds
    plot = panel.plot
    panel.table.selectRow(1)
    assert plot.word() == "high"
    at = plot.handle().toPoint()
    scene = plot.view.mapToScene(plot.view.mapFrom(plot, at))
    plot._area.dragged.emit(scene + QPoint(0, -60))
    assert panel.thresholds()["high"] > 0.9, "upwards is more misses"
    panel.table.selectRow(0)
    other = plot._scene(plot._points["high"][-1])
    nearest = plot._nearest("low", other)[0]
    if nearest > 16:  # else the two curves meet there
        plot._area.pressed.emit(other)
        assert plot.word() == "high"
    with qtbot.waitSignal(plot.wordChosen) as chosen:
        far = max(plot._points["high"], key=lambda one: plot._nearest(plot.word(), plot._scene(one))[0])
        if plot.word() == "high":
            panel.table.selectRow(0)
            far = max(plot._points["high"], key=lambda one: plot._nearest("low", plot._scene(one))[0])
        plot._area.pressed.emit(plot._scene(far))
    assert chosen.args == ["high"] and panel.word() == "high"


def test_thresholds_are_written_undone_and_brought_back(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    project = opened(REPORT)
    model, panel = model_of(project), page.promise.view.thresholds
    qtbot.keyClick(panel.plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    wanted = panel.thresholds()
    with qtbot.waitSignal(page._model.modelChanged):
        qtbot.mouseClick(panel.use, LEFT)
    assert thresholds_in(model) == wanted and page.messages.action() == "undo"
    assert "by hand" in page.promise.head.text() and not panel.use.isEnabled() and panel.back.isEnabled()
    page._model.undo_stack.undo()
    assert thresholds_in(model) == {"low": 0.9, "high": 0.9} and panel.thresholds() == thresholds_in(model)
    page._model.undo_stack.redo()
    assert thresholds_in(model) == wanted == panel.thresholds()
    qtbot.mouseClick(panel.back, LEFT)
    assert thresholds_in(model) == {"low": 0.9, "high": 0.9}
    assert figures_in(model) is not None and figures_in(model).promised == 0.5  # type: ignore[union-attr]
    assert "At most 0.5" in page.promise.head.alarms.number.fullText() and not panel.back.isEnabled()


def test_noise_speakers_and_latency_are_shown(page: ResultsPage, opened: Callable[[Report | None], Project]) -> None:
    opened(REPORT)
    page.promise.view.panels.choose("conditions")
    shown = page.promise.view.conditions
    assert shown.isVisible() and shown.noise.text().startswith("clean: ") and "-5 dB: " in shown.noise.text()
    assert shown.speakers.rowCount() == len(REPORT.speakers)
    shares = [shown.speakers.item(row, 2).text() for row in range(shown.speakers.rowCount())]
    assert shares == sorted(shares, key=lambda text: -int(text.partition("%")[0])), "worst first"
    assert shown.latency.text() == latency_told(REPORT) and "310 ms" in shown.latency.text()


@pytest.mark.slow
def test_what_fired_and_what_was_missed_can_be_heard(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project], virtual_microphone: object
) -> None:
    opened(REPORT)
    page.promise.view.panels.choose("mistakes")
    panel = page.promise.view.mistakes
    assert panel.alarms.rowCount() == len(REPORT.alarms) and panel.missed.rowCount() == len(REPORT.missed_takes)
    panel.alarms.selectRow(0)
    qtbot.waitUntil(lambda: panel.sound.waveform.accessibleDescription() == "3.00 s of sound", timeout=PATIENCE_MS)
    with qtbot.waitSignal(panel.sound.player.started, timeout=PATIENCE_MS):
        qtbot.keyClick(panel.alarms, Qt.Key.Key_Space)
    panel.missed.selectRow(0)
    assert not panel.alarms.selectedItems() and not panel.sound.player.is_playing
    qtbot.waitUntil(lambda: panel.sound.waveform.accessibleDescription() == "0.90 s of sound", timeout=PATIENCE_MS)
    with qtbot.waitSignal(panel.sound.player.started, timeout=PATIENCE_MS):
        qtbot.mouseClick(panel.sound.play, LEFT)


def test_what_is_empty_says_so(page: ResultsPage, opened: Callable[[Report | None], Project]) -> None:
    silent = dataclasses.replace(promised_run.report(talk=False), missed_takes=[], speakers={})
    opened(silent)
    page.promise.view.panels.choose("mistakes")
    panel = page.promise.view.mistakes
    assert not panel.alarms.isVisible() and "no talk" in panel._no_alarms.text()
    assert "not counted" in page.promise.view.thresholds.whole.text()
    quiet = dataclasses.replace(
        silent, false_alarms={"sentence": promised_run.OfSource(0, 0.5)}, missed=promised_run.Counted(0, 0)
    )
    page.promise.view.setReport(quiet, {}, model=Path("x"), project=Path("y"))
    assert panel._no_alarms.text() == "0 in 0.5 h shows only: fewer than 6 an hour."
    assert "no takes" in panel._no_missed.text()
    page.promise.view.panels.choose("conditions")
    assert page.promise.view.conditions._no_takes.isVisible() and not page.promise.view.conditions.noise.isVisible()


@pytest.mark.slow
def test_an_older_run_is_measured_at_a_press_and_a_cancelled_one_stays(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project]
) -> None:
    project = opened(None)
    model = model_of(project)
    assert page.promise.nothing.isVisible() and not page.promise.head.measure.isVisible()
    qtbot.mouseClick(page.promise.nothing.button(), LEFT)
    qtbot.waitUntil(page.promise.progress.isVisible)
    assert not page.promise.head.measure.isEnabled()
    qtbot.mouseClick(page.promise.progress.cancelButton(), LEFT)
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    assert figures_in(model) is None and thresholds_in(model) == {} and page.messages.isVisible()
    page.show_view("weights")
    qtbot.mouseClick(page.promise.head.measure, LEFT)
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    page.show_view("promise")
    report = RunFolder(model.parent).promise.read()
    assert report is not None and page.promise.view.isVisible()
    assert page.promise.view.thresholds.thresholds() == thresholds_in(model)
    assert figures_in(model) is not None and page.promise.head.text() == figures_in(model).told()  # type: ignore[union-attr]


def test_eight_words_and_more_are_told_apart_by_their_lines(page: ResultsPage) -> None:
    styles = word_styles([f"word{number}" for number in range(21)])
    for name in ("light", "dark"):
        looks = {(style.color().name(), style.line) for style in styles.values()}
        assert len(looks) == 21, name
    for number in range(WordStyle.FEW):
        assert theme.contrast(WordStyle(number).color().name(), theme.current().sunken) >= 3.0


@pytest.mark.parametrize("size", [(792, 469), (856, 569), (1112, 729)], ids=str)
def test_a_report_of_thousands_of_takes_fits(
    qtbot: QtBot, page: ResultsPage, opened: Callable[[Report | None], Project], size: tuple[int, int]
) -> None:
    opened(promised_run.report(takes=4000, hours=3.0))
    page.resize(*size)
    for view in ("thresholds", "conditions", "mistakes"):
        page.promise.view.panels.choose(view)
        qtbot.waitUntil(lambda: page.promise.view.isVisible())
        assert page.minimumSizeHint().width() <= size[0] and page.minimumSizeHint().height() <= size[1]
