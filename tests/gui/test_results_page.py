"""The Results page on a model that a real run made: numbers, cells, sound, and what is left out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from leading import leads_to
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_engine.evaluation.interval import wilson
from kws_engine.evaluation.metrics import evaluate
from kws_engine.runs.records import past_runs
from kws_engine.spotting.model_file import SpottingModel
from kws_gui.pages.results import source as results_source
from kws_gui.pages.results.page import ResultsPage
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.services import Services

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    """A project with one short run, so short that the network still makes mistakes."""
    return trained_tones(("training.epochs=6",))


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Project:
    return Project.open(shutil.copytree(trained, tmp_path / "copy"))


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[ResultsPage]:
    made = ResultsPage(services)
    qtbot.addWidget(made)
    made.resize(856, 640)
    made.show_view("clips")
    made.show()
    yield made
    made.shutdown()


def _open(qtbot: QtBot, page: ResultsPage, project: Project) -> ProjectModel:
    model: ProjectModel = page._model
    model.open(project)
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    return model


def _choose_part(qtbot: QtBot, page: ResultsPage, part: str) -> None:
    page.source.parts.setFocus()
    while page.source.part() != part:
        qtbot.keyClick(page.source.parts, Qt.Key.Key_Home if part == "validation" else Qt.Key.Key_Down)
        page.source.parts.activated.emit(page.source.parts.currentIndex())
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)


def _model_file(project: Project) -> Path:
    model = past_runs(project.runs_folder)[0].model
    assert model is not None
    return model


@pytest.mark.slow
def test_the_numbers_are_those_of_the_engine(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    model = _open(qtbot, page, project)
    assert model.model_path == _model_file(project)
    expected = evaluate(SpottingModel(_model_file(project)), project.clips(split="validation"))
    assert page.evaluation is not None and (page.evaluation.counts == expected.counts).all()
    right = sum(one.label == one.predicted for one in expected.evaluated)
    assert (
        right / 4 == expected.accuracy and page.accuracy.text() == f"On 4 clips only: {wilson(right, 4).text()} right"
    )
    assert f"of {len(expected.evaluated)} validation clips" in page.about.fullText()
    shown = {page.words.item(row, 0).text(): page.words.item(row, 2).text() for row in range(page.words.rowCount())}
    for word in project.words:
        assert shown[word] == f"{expected.per_word[word].recall:.0%}"


def test_a_click_on_a_cell_lists_its_clips(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    _open(qtbot, page, project)
    _choose_part(qtbot, page, "training")
    assert page.evaluation is not None
    used = list(page.evaluation.per_word)
    for row, said in enumerate(used):
        for column, heard in enumerate(used):
            at = page.matrix.cellRect(row, column).center()
            qtbot.mouseClick(page.matrix, Qt.MouseButton.LeftButton, pos=QPoint(int(at.x()), int(at.y())))
            expected = [one.path for one in page.evaluation.evaluated if (one.label, one.predicted) == (said, heard)]
            assert sorted(page.clips.paths()) == sorted(expected)
            assert page.clips.list.count() == len(expected)


def test_enter_on_a_cell_shows_the_sound_and_space_plays_it(
    qtbot: QtBot, page: ResultsPage, project: Project, virtual_microphone: object
) -> None:
    _open(qtbot, page, project)
    _choose_part(qtbot, page, "training")
    page.matrix.setFocus()
    qtbot.keyClick(page.matrix, Qt.Key.Key_Right)
    qtbot.keyClick(page.matrix, Qt.Key.Key_Left)
    qtbot.keyClick(page.matrix, Qt.Key.Key_Return)
    assert page.clips.paths()
    qtbot.waitUntil(lambda: page.clips.waveform.accessibleDescription() == "1.00 s of sound", timeout=PATIENCE_MS)
    with qtbot.waitSignal(page.clips.player.started, timeout=PATIENCE_MS):
        qtbot.keyClick(page.clips.list, Qt.Key.Key_Space)
    assert page.clips.play.text() == "Stop"
    with qtbot.waitSignal(page.clips.player.stopped, timeout=PATIENCE_MS):
        qtbot.mouseClick(page.clips.play, Qt.MouseButton.LeftButton)
    assert page.clips.play.text() == "Play"


def test_the_testing_part_is_looked_at_only_on_purpose(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    _open(qtbot, page, project)
    before = page.evaluation
    _choose_part(qtbot, page, "testing")
    assert page._last.isVisible() and page.evaluation is before and not page.is_working()
    qtbot.mouseClick(page._last.button(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.evaluation is not before, timeout=PATIENCE_MS)
    assert page.evaluation is not None
    assert {one.path for one in page.evaluation.evaluated} == {clip.path for clip in project.clips(split="testing")}


def test_the_table_sorts_by_value(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    _open(qtbot, page, project)
    _choose_part(qtbot, page, "training")
    for column in range(1, 5):
        page.words.sortByColumn(column, Qt.SortOrder.DescendingOrder)
        values = [page.words.item(row, column).value for row in range(page.words.rowCount())]
        assert values == sorted(values, reverse=True)


def test_files_that_cannot_be_read_are_named(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    broken = next(clip for clip in project.clips(split="validation", word="low"))
    broken.path.write_bytes(b"RIFF no sound")
    _open(qtbot, page, project)
    assert page.messages.kind() == "warning" and f"low/{broken.path.name}" in page.messages.text()
    assert page.evaluation is not None and broken.path not in {one.path for one in page.evaluation.evaluated}


def test_changed_clips_are_judged_again(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    model = _open(qtbot, page, project)
    assert page.evaluation is not None
    count = len(page.evaluation.evaluated)
    clip = project.clips(split="validation")[0]
    model.push(
        "Exclude", redo=lambda: project.edit.exclude([clip], True), undo=lambda: project.edit.exclude([clip], False)
    )
    qtbot.waitUntil(lambda: len(page.evaluation.evaluated) == count - 1, timeout=PATIENCE_MS)
    model.undo_stack.undo()
    qtbot.waitUntil(lambda: len(page.evaluation.evaluated) == count, timeout=PATIENCE_MS)


def test_a_model_file_of_elsewhere_and_a_damaged_one(
    qtbot: QtBot, page: ResultsPage, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _open(qtbot, page, project)
    other = Path(shutil.copy(_model_file(project), tmp_path / "other.kws"))
    damaged = tmp_path / "damaged.kws"
    damaged.write_text("no zip")
    for path in (other, damaged):
        monkeypatch.setattr(results_source, "ask_for_model", lambda parent, path=path: path)
        last = page.source.models.count() - 1
        page.source.models.setCurrentIndex(last)
        page.source.models.activated.emit(last)
        qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
        assert model.model_path == path and page.source.models.currentText() == path.name
    assert page.messages.kind() == "error" and "damaged.kws" in page.messages.text() and page._again.isVisible()


def test_nothing_open_nothing_trained_nothing_recorded(qtbot: QtBot, page: ResultsPage, tmp_path: Path) -> None:
    with leads_to(qtbot, page._navigation, "start"):
        qtbot.mouseClick(page._no_project.button(), Qt.MouseButton.LeftButton)
    model = _open(qtbot, page, Project.create(tmp_path / "empty", words=["left"]))
    with leads_to(qtbot, page._navigation, "train"):
        qtbot.mouseClick(page._no_model.button(), Qt.MouseButton.LeftButton)
    model.set_model_path(tmp_path / "some.kws")
    with leads_to(qtbot, page._navigation, "words"):
        qtbot.mouseClick(page._no_clips.button(), Qt.MouseButton.LeftButton)
