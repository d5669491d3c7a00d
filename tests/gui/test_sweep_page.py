"""The Search page with real workers: options found and checked, trials as they run, stopped, gone on with, used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from leading import leads_to
from postgres_server import PostgresServer
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine.clips.project import Project
from kws_engine.sweeps.folder import past_sweeps
from kws_engine.sweeps.results import results
from kws_gui.main_window import MainWindow
from kws_gui.pages.results.page import ResultsPage
from kws_gui.pages.search.page import SearchPage
from kws_gui.pages.words.page import WordsPage
from kws_gui.runs.trials import open_trial
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.services import Services

PATIENCE_MS = 280_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_project(tmp_path_factory.mktemp("project") / "tones", takes=8)
    settings = dict(made.settings)
    settings["training"] = {**settings["training"], "epochs": 1, "clips_per_epoch": 32}
    made.edit.save_settings(settings)
    return made.folder


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[SearchPage]:
    made = SearchPage(services)
    qtbot.addWidget(made)
    made.resize(856, 610)
    made.show()
    yield made
    made.shutdown()


def _open(page: SearchPage, folder: Path) -> ProjectModel:
    model: ProjectModel = page._model
    model.open(Project.open(folder))
    return model


def _pick(qtbot: QtBot, page: SearchPage, typed: str) -> None:
    edit = page.form.picker.lineEdit()
    edit.setText(typed)  # typed by keys, a list drops down, which this screen cannot show
    completer = page.form.picker.completer()
    completer.setCompletionPrefix(typed)
    assert completer.completionCount() == 1
    qtbot.keyClick(edit, Qt.Key.Key_Return)


def _over(qtbot: QtBot, page: SearchPage) -> None:
    qtbot.waitUntil(lambda: not page._searching.is_running and not page._searching.is_reading, timeout=PATIENCE_MS)


def test_an_option_is_found_by_part_of_its_name_and_checked_against_its_limits(
    qtbot: QtBot, page: SearchPage, folder: Path
) -> None:
    _open(page, folder)
    assert not page.start.isEnabled() and "Add an option" in page.start.toolTip()
    _pick(qtbot, page, "width mult")
    (row,) = page.form.rows()
    assert row.path == "model.width" and page.form.assignments() == ("model.width=0.25:0.5",)
    assert page.start.isEnabled() and page.form.picker.findData("model.width") < 0
    row.high.selectAll()
    qtbot.keyClicks(row.high, "9")
    assert row.mistake() == "9 is outside 0.25 to 4."
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert page.messages.kind() == "error" and "0.25 to 4" in page.messages.text() and not page._searching.is_running
    qtbot.mouseClick(row.remove, Qt.MouseButton.LeftButton)
    assert page.form.rows() == [] and page.form.picker.findData("model.width") >= 0


def test_choices_are_taken_by_their_boxes(qtbot: QtBot, page: SearchPage, folder: Path) -> None:
    _open(page, folder)
    _pick(qtbot, page, "optimizer")
    (row,) = page.form.rows()
    assert row.path == "training.optimizer" and row.text() == "adamw|sgd"
    qtbot.keyClick(row.choices["sgd"], Qt.Key.Key_Space)
    assert row.mistake() == "Choose two or more."


def test_every_option_that_is_offered_begins_with_a_range_that_fits(page: SearchPage, folder: Path) -> None:
    _open(page, folder)
    paths = [page.form.picker.itemData(at) for at in range(page.form.picker.count())]
    assert len(paths) > 50
    for path in paths:
        page.form.add(path)
    assert {row.path: row.mistake() for row in page.form.mistakes()} == {}


def test_nothing_open_and_nothing_recorded(qtbot: QtBot, page: SearchPage, tmp_path: Path) -> None:
    with leads_to(qtbot, page._navigation, "start"):
        qtbot.mouseClick(page._nothing_open.button(), Qt.MouseButton.LeftButton)
    _open(page, Project.create(tmp_path / "empty", words=["left"]).folder)
    with leads_to(qtbot, page._navigation, "words"):
        qtbot.mouseClick(page._too_little.button(), Qt.MouseButton.LeftButton)
    with leads_to(qtbot, page._navigation, "train"):
        qtbot.mouseClick(page.back, Qt.MouseButton.LeftButton)


@pytest.mark.slow
def test_a_search_runs_is_gone_on_with_and_its_best_is_used(qtbot: QtBot, page: SearchPage, folder: Path) -> None:
    model = _open(page, folder)
    _pick(qtbot, page, "learning rate")
    page.form.trials.setValue(2)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert page.start.text() == "Stop" and not page.form.isEnabled()
    qtbot.waitUntil(lambda: bool(page.table.rows()), timeout=PATIENCE_MS)
    _over(qtbot, page)
    assert page.messages.kind() == "success", page.messages.text()
    (past,) = past_sweeps(folder)
    found = results(folder, past.name)
    assert found.best is not None and page._searching.trials.best() is not None
    assert page._searching.trials.best().number == found.best.number
    assert [row.value for row in page.table.rows()] == [trial.value for trial in found.trials]
    assert page.table.topLevelItem(found.best.number).text(1) == "★ best"
    assert page.start.text() == "Go on" and page.sweeps.currentData() == past.name

    page.form.trials.setValue(3)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    _over(qtbot, page)
    assert page._searching.trials.finished() == 3 and len(results(folder, past.name).trials) == 3

    before, found = model.settings, results(folder, past.name)
    assert found.best is not None
    with leads_to(qtbot, page._navigation, "train"):
        qtbot.mouseClick(page.trials.use, Qt.MouseButton.LeftButton)
    assert model.settings == found.settings_of(found.best) != before
    model.undo_stack.undo()
    assert model.settings == before
    with leads_to(qtbot, page._navigation, "results"):
        qtbot.mouseClick(page.trials.open_run, Qt.MouseButton.LeftButton)
    assert model.model_path is not None and model.model_path.parent.name == found.best.run
    with qtbot.waitSignal(page._navigation.searchRequested) as asked:
        qtbot.mouseClick(page.trials.matters, Qt.MouseButton.LeftButton)
    assert asked.args == [past.name]


@pytest.mark.slow
def test_stopped_it_can_go_on(qtbot: QtBot, page: SearchPage, folder: Path) -> None:
    _open(page, folder)
    _pick(qtbot, page, "width mult")
    page.form.trials.setValue(50)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.table.rows()), timeout=PATIENCE_MS)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert page.start.text() == "Stopping …"
    _over(qtbot, page)
    assert page.messages.text().startswith("Stopped, ") and page.start.text() == "Go on"
    assert not any(row.state == "running" for row in page.table.rows())


def _type_address(qtbot: QtBot, page: SearchPage, address: str) -> None:
    page.form.more.setOpen(True)
    page.form.storage.selectAll()
    qtbot.keyClicks(page.form.storage, address)
    qtbot.keyClick(page.form.storage, Qt.Key.Key_Return)


@pytest.mark.slow
def test_a_search_may_be_kept_elsewhere_and_is_gone_on_with_there(
    qtbot: QtBot, page: SearchPage, folder: Path, tmp_path: Path
) -> None:
    project = Path(shutil.copytree(folder, tmp_path / "tones", ignore=shutil.ignore_patterns("sweeps")))
    model = _open(page, project)
    _pick(qtbot, page, "weight decay")
    page.form.trials.setValue(1)
    for wrong, said in (("postgresql/x", "is no address"), ("postgresql://me:se@cret@machine/db", "%40")):
        _type_address(qtbot, page, wrong)
        qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
        assert page.messages.kind() == "error" and said in page.messages.text() and not page._searching.is_running
        assert "cret" not in page.messages.text() and "cret" not in page.form.storage.text()
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    _type_address(qtbot, page, address)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    _over(qtbot, page)
    assert page.messages.kind() == "success", page.messages.text()
    (past,) = past_sweeps(project)
    assert past.storage == address and not (past.folder / "study.db").exists()
    assert page.start.text() == "Go on" and page.form.storage.text() == address and page.form.storage.isEnabled()
    page.form.trials.setValue(2)
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    _over(qtbot, page)
    assert page._searching.trials.finished() == 2, page.messages.text()
    trial = results(project, past.name).trials[0]
    shutil.rmtree(past.folder / "runs" / trial.run)
    said: list[str] = []
    assert not open_trial(model, past.name, trial, said.append) and "another copy of this project" in said[0]
    assert not open_trial(model, past.name, replace(trial, machine="upstairs"), said.append)
    assert "was run on “upstairs”" in said[1] and f"sweeps/{past.name}/runs/{trial.run}" in said[1]
    assert not open_trial(model, past.name, replace(trial, run=""), said.append) and "ended early" in said[2]


@pytest.mark.slow
def test_a_password_is_asked_for_again_and_shown_nowhere(
    qtbot: QtBot,
    page: SearchPage,
    folder: Path,
    tmp_path: Path,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    make_services: Callable[..., Services],
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    project = Path(shutil.copytree(folder, tmp_path / "tones", ignore=shutil.ignore_patterns("sweeps")))
    address = postgres.address(postgres.new_database())
    _open(page, project)
    _pick(qtbot, page, "weight decay")
    page.form.trials.setValue(1)
    _type_address(qtbot, page, address)
    assert "***" in page.form.storage.text() and page.form.address() == address
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    _over(qtbot, page)
    assert page.messages.kind() == "success", page.messages.text()
    name = past_sweeps(project)[0].name
    assert "s3cret" not in (past_sweeps(project)[0].folder / "sweep.toml").read_text(encoding="utf-8")

    later = ResultsPage(make_services())  # as after the window was opened anew
    qtbot.addWidget(later)
    later.show()
    try:
        later._model.open(Project.open(project))
        later.show_search(name)
        qtbot.waitUntil(lambda: later.search.address.isVisible(), timeout=PATIENCE_MS)
        field = later.search.address.field
        assert "***" in field.text() and later.search.results is None
        field.selectAll()
        qtbot.keyClicks(field, address)
        qtbot.keyClick(field, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: later.search.results is not None, timeout=PATIENCE_MS)
        assert later.search.results is not None and len(later.search.results.trials) == 1
        assert not later.search.address.isVisible() and "s3cret" not in field.text()
    finally:
        later.shutdown()

    page._model.addresses.clear()
    page.sweeps.setCurrentIndex(0)
    page.sweeps.activated.emit(0)
    page.sweeps.setCurrentIndex(1)
    page.sweeps.activated.emit(1)
    qtbot.waitUntil(lambda: page.messages.kind() == "error" and page.messages.isVisible(), timeout=PATIENCE_MS)
    assert "give the address with its password" in page.messages.text() and "s3cret" not in page.messages.text()
    _type_address(qtbot, page, address)
    qtbot.waitUntil(lambda: page.form.is_fixed() and not page._searching.is_reading, timeout=PATIENCE_MS)
    assert page._searching.trials.finished() == 1 and page.start.text() == "Go on"


@pytest.mark.slow  # it shows what the tests before it have searched
def test_results_show_what_a_search_found(qtbot: QtBot, services: Services, folder: Path) -> None:
    name = past_sweeps(folder)[-1].name
    page = ResultsPage(services)
    qtbot.addWidget(page)
    page.show()
    try:
        model: ProjectModel = page._model
        model.open(Project.open(folder))
        page.show_search(name)
        qtbot.waitUntil(lambda: page.search.results is not None, timeout=PATIENCE_MS)
        found = results(folder, name)
        assert page.search.results is not None and page.search.results.name == name
        assert page.search.picker.box.currentText() == name
        assert found.best is not None and page.search.plot.current() == found.best.number
        assert page.search._too_few.isVisible(), "of three trials nothing can be said"
        page.search.plot.setFocus()
        with qtbot.waitSignal(page.search.plot.chosen):
            qtbot.keyClick(page.search.plot, Qt.Key.Key_Down)
        number = page.search.plot.current()
        assert number != found.best.number and page.search.use.text() == f"Use trial {number}'s settings"
        with leads_to(qtbot, page._navigation, "train"):
            qtbot.mouseClick(page.search.use, Qt.MouseButton.LeftButton)
        chosen = next(trial for trial in found.trials if trial.number == number)
        assert model.settings == found.settings_of(chosen)
        qtbot.mouseClick(page.search.open_run, Qt.MouseButton.LeftButton)
        assert model.model_path is not None and model.model_path.parent.name == chosen.run
        assert page.views.current() == "clips"
        qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    finally:
        page.shutdown()


def test_results_without_a_search_lead_to_one(qtbot: QtBot, services: Services, tmp_path: Path) -> None:
    page = ResultsPage(services)
    qtbot.addWidget(page)
    page.show()
    try:
        page._model.open(Project.create(tmp_path / "empty", words=["left"]))
        qtbot.mouseClick(page.views.button("search"), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.search._nothing.isVisible(), timeout=PATIENCE_MS)
        with leads_to(qtbot, page._navigation, "search"):
            qtbot.mouseClick(page.search._nothing.button(), Qt.MouseButton.LeftButton)
    finally:
        page.shutdown()


@pytest.mark.slow
def test_the_window_leads_to_the_search_and_to_a_word(qtbot: QtBot, folder: Path, virtual_microphone: object) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    window.open_folder(folder)
    qtbot.waitUntil(lambda: window.services.project.project is not None, timeout=PATIENCE_MS)
    search = next(action for action in window.menuBar().findChildren(QAction) if action.text() == "&Search settings")
    assert search.isEnabled()
    search.trigger()
    page = window.page("search")
    assert window.page_name == "search" and isinstance(page, SearchPage) and page.isVisible()
    qtbot.mouseClick(page.back, Qt.MouseButton.LeftButton)
    assert window.page_name == "train"
    results_page = window.page("results")
    assert isinstance(results_page, ResultsPage)
    window.services.navigation.show_word("middle")
    words = window.page("words")
    assert window.page_name == "words" and isinstance(words, WordsPage) and words.words.word == "middle"
    window.services.navigation.show_page("search")
    assert window.page_name == "search"
    window.close()
