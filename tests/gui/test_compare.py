"""Runs side by side as a person compares them: real runs, chosen by keys and clicks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pictures import near, pixels, shown
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_engine.evaluation.interval import wilson
from kws_engine.evaluation.mcnemar import mcnemar
from kws_engine.runs import labels
from kws_engine.runs.comparing import Comparison
from kws_engine.runs.label_file import Label
from kws_gui import theme
from kws_gui.pages.train.compare.view import CompareView
from kws_gui.pages.train.compare.wording import option_title, value_text, verdict
from kws_gui.pages.train.page import TrainPage
from kws_gui.runs.rows import read_rows
from kws_gui.services.services import Services
from kws_gui.widgets.curves.style import run_style
from kws_gui.widgets.size_scatter import SizedRun, SizeScatter, count_text

PATIENCE_MS = 120_000
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    """A project with two runs; tests work on copies of it."""
    return trained_tones((), ("model.width=0.5", "training.epochs=2"))


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    made = Path(shutil.copytree(trained, tmp_path / "copy"))
    newer, older = sorted((made / "runs").iterdir(), reverse=True)
    labels.relabel(newer, Label("wide"))
    labels.relabel(older, Label("narrow", ("lecture",)))
    return made


@pytest.fixture
def page(qtbot: QtBot, services: Services, folder: Path) -> Iterator[TrainPage]:
    made = TrainPage(services)
    qtbot.addWidget(made)
    made.resize(1200, 1000)
    made.show()
    made._model.open(Project.open(folder))
    qtbot.waitUntil(lambda: not services.runs.is_reading(), timeout=PATIENCE_MS)
    yield made
    made.shutdown()


def _choose_both(page: TrainPage, qtbot: QtBot) -> Comparison:
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_Down, SHIFT)
    qtbot.waitUntil(lambda: page.compare.comparison() is not None, timeout=PATIENCE_MS)
    comparison = page.compare.comparison()
    assert comparison is not None
    return comparison


def _texts(table: object, row: int) -> list[str]:
    item = table.topLevelItem(row)  # type: ignore[attr-defined]
    return [item.text(column) for column in range(item.columnCount())]


@pytest.mark.slow
def test_two_runs_show_curves_results_and_only_the_settings_that_differ(qtbot: QtBot, page: TrainPage) -> None:
    comparison = _choose_both(page, qtbot)
    view = page.compare
    assert view.isVisible() and not page.run.isVisible()
    assert [(run.name, len(run.points)) for run in view.curves.runs()] == [("wide", 2), ("narrow", 3)]
    assert view.results.topLevelItem(0).text(1) == "wide" and view.results.topLevelItem(1).text(1) == "narrow"
    right = comparison.runs[0].accuracy
    assert right is not None and view.results.topLevelItem(0).text(2) == right.text()
    assert comparison.mcnemar is not None and view.verdict.text() == verdict(comparison) != ""
    assert [_texts(view.settings, row) for row in range(view.settings.topLevelItemCount())] == [
        ["Network · Width multiplier", "0.5", "0.25"],
        ["Training · Epochs", "2", "3"],
    ]


@pytest.mark.slow
def test_the_scatter_follows_what_size_is_asked_for(qtbot: QtBot, page: TrainPage) -> None:
    comparison = _choose_both(page, qtbot)
    view = page.compare
    qtbot.mouseClick(view.views.button("size"), Qt.MouseButton.LeftButton)
    assert view.scatter.isVisible()
    assert [run.size for run in view.scatter.runs()] == [one.run.parameters for one in comparison.runs]
    qtbot.mouseClick(view.sizes.button("macs"), Qt.MouseButton.LeftButton)
    assert [run.size for run in view.scatter.runs()] == [one.run.macs for one in comparison.runs]


@pytest.mark.slow
def test_the_testing_part_is_judged_by_the_models(qtbot: QtBot, page: TrainPage) -> None:
    _choose_both(page, qtbot)
    view = page.compare
    qtbot.mouseClick(view.views.button("results"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(view.parts.button("testing"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.comparison() is not None, timeout=PATIENCE_MS)
    comparison = view.comparison()
    assert comparison is not None and comparison.split == "testing" and comparison.runs[0].clips > 0
    assert view.progress.isHidden()


@pytest.mark.slow
def test_one_row_ends_the_comparison_and_the_menu_begins_it_again(qtbot: QtBot, page: TrainPage) -> None:
    _choose_both(page, qtbot)
    at = page.runs.tree.visualItemRect(page.runs.tree.topLevelItem(0)).center()
    qtbot.mouseClick(page.runs.tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert page.run.isVisible() and page.compare.comparison() is None and len(page.run.curves.points()) == 2
    page.runs.menu.action("compare").trigger()
    assert [row.title for row in page.runs.selected()] == ["wide", "narrow"] and page.compare.isVisible()
    qtbot.waitUntil(lambda: page.compare.comparison() is not None, timeout=PATIENCE_MS)


def test_a_low_view_shows_one_thing_at_a_time(qtbot: QtBot, folder: Path) -> None:
    view = shown(qtbot, CompareView(), 448, 360)
    view.show_runs(read_rows(folder / "runs"))
    qtbot.waitUntil(lambda: view.comparison() is not None, timeout=PATIENCE_MS)
    assert view.curves.isVisible() and not view.results.isVisible() and view.width() == 448
    view.views.button("curves").setFocus()
    qtbot.keyClick(view.views, Qt.Key.Key_Right)
    assert view.results.isVisible() and not view.curves.isVisible()
    assert not view.results.isColumnHidden(2) and view.results.columnWidth(1) >= 100
    view.resize(448, 700)
    assert view.results.isVisible() and view.curves.isVisible() and not view.views.button("curves").isVisible()
    view.shutdown()


def test_a_run_that_is_gone_is_said(qtbot: QtBot, folder: Path) -> None:
    view = shown(qtbot, CompareView(), 600, 700)
    rows = read_rows(folder / "runs")
    shutil.rmtree(rows[0].folder)
    view.show_runs(rows)
    qtbot.waitUntil(lambda: not view.comparing.is_working(), timeout=PATIENCE_MS)
    assert view.comparison() is None and "There is no run" in view.verdict.text()
    view.shutdown()


def test_options_and_values_are_named_as_the_form_does() -> None:
    assert option_title("training.learning_rate") == "Training · Learning rate"
    assert option_title("model.name") == "Network" and value_text("model.name", "tc_resnet") == "TC-ResNet"
    assert option_title("regularizers.l2.weight").startswith("L2 · ")
    assert option_title("model.blocks", ["tc_resnet"]) == "Network · Depth"
    assert option_title("model.of_the_future") == "model.of_the_future" and option_title("seed") == "Seed"
    assert (
        value_text("x", None) == "–" and value_text("x", True) == "yes" and value_text("x", 0.00012345) == "0.0001234"
    )
    assert value_text("x", [1, 2.5]) == "1, 2.5"


@pytest.mark.parametrize(
    ("b", "c", "words"),
    [
        (3, 2, "The difference is within chance, p = 1"),
        (1, 20, "“narrow” is better, beyond chance, p < 0.001"),
        (20, 1, "“wide” is better"),
        (0, 0, "Both have the same of the 30 clips right."),
    ],
)
def test_two_runs_are_tested_against_chance(page: TrainPage, qtbot: QtBot, b: int, c: int, words: str) -> None:
    found = _choose_both(page, qtbot)
    told = verdict(Comparison(found.runs, "validation", {}, mcnemar(b, c, clips=30)))
    assert told.startswith(words)
    if b + c:
        assert f"{b} of 30 clips only “wide” has right, {c} only “narrow”." in told


def test_the_scatter_names_its_runs_and_tells_the_one_pointed_at(qtbot: QtBot, qapp: QApplication) -> None:
    scatter = shown(qtbot, SizeScatter(), 480, 280)
    runs = [SizedRun(f"run {i}", 4_600.0 * 4**i, wilson(20 + 5 * i, 40), run_style(i)) for i in range(3)]
    scatter.setRuns(runs, "parameters")
    assert "run 2: 75" in scatter.text() and "74 k parameters" in scatter.text()
    at = [scatter.place(run) for run in runs]
    assert at[0].x() < at[1].x() < at[2].x() and at[0].y() > at[1].y() > at[2].y()
    for choice in (theme.LIGHT.name, theme.DARK.name):
        theme.apply(qapp, choice)
        drawn = pixels(scatter)
        for run, place in zip(runs, at, strict=True):
            color = run.style.color(theme.current()).name()
            assert near(drawn, color)[
                int(place.y()) - 2 : int(place.y()) + 3, int(place.x()) - 2 : int(place.x()) + 3
            ].any()
    qtbot.mouseMove(scatter, QPoint(round(at[1].x()) + 3, round(at[1].y())))
    assert scatter.text().startswith("run 1: ") and scatter.toolTip() == scatter.text()
    scatter.setRuns([], "parameters")
    assert scatter.text() == "None of these runs has both a size and a result" and pixels(scatter).std() > 0


def test_one_run_alone_and_equal_ones_have_a_place(qtbot: QtBot) -> None:
    scatter = shown(qtbot, SizeScatter(), 300, 180)
    one = SizedRun("a", 65_000, wilson(0, 5), run_style(0))
    for runs in ([one], [one, SizedRun("b", 65_000, wilson(5, 5), run_style(1))]):
        scatter.setRuns(runs, "MACs")
        assert all(scatter.rect().contains(scatter.place(run).toPoint()) for run in runs)
        assert pixels(scatter).std() > 0


@pytest.mark.parametrize(
    ("count", "text"), [(65_180, "65 k"), (5_000, "5 k"), (4_600, "4.6 k"), (2e6, "2 M"), (12, "12")]
)
def test_sizes_are_short(count: float, text: str) -> None:
    assert count_text(count) == text
