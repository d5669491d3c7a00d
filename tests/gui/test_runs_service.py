"""Runs and training without a page, and pages that show them: one list, one live run, read off the GUI thread."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tiny_project import make_project, quick_settings

from kws_engine.clips.project import Project
from kws_engine.errors import ProjectError
from kws_engine.runs import records
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.label_file import Label
from kws_engine.runs.records import past_runs
from kws_engine.runs.repeating import Repetition
from kws_engine.training.events import Epoch, Finished
from kws_gui.pages.listen.page import ListenPage
from kws_gui.pages.results.page import ResultsPage
from kws_gui.pages.train.page import TrainPage
from kws_gui.runs import rows
from kws_gui.services import runs as runs_module
from kws_gui.services.services import Services
from kws_gui.services.training import Ending

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    """A project with two runs; tests work on copies of it."""
    return trained_tones((), ("training.epochs=2",))


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def _settle(qtbot: QtBot, services: Services) -> None:
    qtbot.waitUntil(lambda: not services.runs.is_reading(), timeout=PATIENCE_MS)


def _open(qtbot: QtBot, services: Services, folder: Path) -> None:
    services.project.open(Project.open(folder))
    _settle(qtbot, services)


def _start(qtbot: QtBot, services: Services, folder: Path) -> list[Epoch]:
    """Starts a run that does not end by itself; its epochs so far, two at least."""
    services.training.start(Job(folder, quick_settings("training.epochs=5000").to_dict(), threads=1))
    live = services.training.live
    assert live is not None
    qtbot.waitUntil(lambda: len(live.epochs) >= 2, timeout=PATIENCE_MS)
    _settle(qtbot, services)
    return live.epochs


# -- without a page


@pytest.mark.slow
def test_the_list_follows_the_open_project(qtbot: QtBot, services: Services, folder: Path, tmp_path: Path) -> None:
    with qtbot.waitSignal(services.runs.changed):
        services.project.open(Project.open(folder))
    assert services.runs.rows == () and services.runs.is_reading()
    _settle(qtbot, services)
    assert [row.run for row in services.runs.rows] == past_runs(folder / "runs")
    assert services.project.model_path == services.runs.rows[0].run.model
    assert services.runs.row(services.runs.rows[1].folder) is services.runs.rows[1]
    _open(qtbot, services, make_project(tmp_path / "other", takes=2).folder)
    assert services.runs.rows == () and services.project.model_path is None
    services.project.close()
    assert services.runs.rows == () and not services.runs.is_reading()


def test_a_run_is_renamed_deleted_and_restored_by_undo(qtbot: QtBot, services: Services, folder: Path) -> None:
    _open(qtbot, services, folder)
    newest, oldest = services.runs.rows
    services.runs.relabel(newest, Label("wide", ("lecture",), ""))
    _settle(qtbot, services)
    assert services.runs.rows[0].title == "wide" and RunFolder(newest.folder).label.read().tags == ("lecture",)
    services.project.undo_stack.undo()
    assert RunFolder(newest.folder).label.read() == Label()
    assert services.runs.delete([newest])
    _settle(qtbot, services)
    assert [row.folder for row in services.runs.rows] == [oldest.folder]
    assert services.project.model_path == oldest.run.model, "the newest that is left"
    services.project.undo_stack.undo()
    _settle(qtbot, services)
    assert len(services.runs.rows) == 2 and services.project.model_path == newest.run.model


def test_nothing_is_deleted_where_one_run_cannot_be(
    qtbot: QtBot, services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(qtbot, services, folder)
    newest, oldest = services.runs.rows
    delete = runs_module.delete_run

    def fail_on_oldest(run: Path) -> object:
        if run == oldest.folder:
            raise ProjectError("the disk is full")
        return delete(run)

    monkeypatch.setattr(runs_module, "delete_run", fail_on_oldest)
    with qtbot.waitSignal(services.project.failed):
        assert not services.runs.delete([newest, oldest])
    assert newest.folder.is_dir() and oldest.folder.is_dir() and not services.project.undo_stack.canUndo()


@pytest.mark.slow
def test_a_run_is_trained_stopped_resumed_and_repeated(qtbot: QtBot, services: Services, folder: Path) -> None:
    _open(qtbot, services, folder)
    training = services.training
    endings: list[tuple[Ending, rows.RunRow | None]] = []
    services.runs.ended.connect(lambda ending, row: endings.append((ending, row)))
    _start(qtbot, services, folder)
    run = services.runs.live
    assert training.is_running and not training.is_paused and run is not None
    assert services.runs.row(run) is services.runs.rows[0]
    training.pause()
    assert training.is_paused
    training.resume()
    training.stop()
    assert training.is_stopping
    qtbot.waitUntil(lambda: len(endings) == 1, timeout=PATIENCE_MS)
    ending, row = endings[0]
    assert isinstance(ending.event, Finished) and ending.was_stopped and ending.run.has_ended
    assert row is not None and row.run.state == "stopped" and row.validation is not None
    assert services.project.model_path == row.run.model and services.runs.live is None
    services.runs.resume(run)
    qtbot.waitUntil(lambda: services.runs.live == run, timeout=PATIENCE_MS)
    with qtbot.waitSignal(training.queued):
        services.runs.finish(run)
    assert [waiting.job.finish for waiting in training.waiting()] == [True]
    assert training.remove(training.waiting()[0]) and training.waiting() == []
    next((folder / "clips/low").glob("*.wav")).unlink()
    with qtbot.waitSignal(services.runs.differs, timeout=PATIENCE_MS) as differs:
        services.runs.repeat(services.runs.rows[-1].folder)
    assert isinstance(differs.args[0], Repetition) and len(differs.args[0].missing) == 1


def test_what_cannot_be_resumed_fails_in_words(qtbot: QtBot, services: Services, folder: Path) -> None:
    _open(qtbot, services, folder)
    with qtbot.waitSignal(services.runs.failed) as failed:
        services.runs.resume(services.runs.rows[0].folder)
    assert "came to its end" in failed.args[0] and not services.training.is_running


@pytest.mark.slow
def test_closing_the_project_stops_its_run_which_keeps_its_best_weights(
    qtbot: QtBot, services: Services, folder: Path
) -> None:
    _open(qtbot, services, folder)
    _start(qtbot, services, folder)
    announced: list[object] = []
    services.runs.ended.connect(lambda ending, _row: announced.append(ending))
    services.project.close()
    qtbot.waitUntil(lambda: not services.training.is_running, timeout=PATIENCE_MS)
    assert len(past_runs(folder / "runs")) == 3
    assert past_runs(folder / "runs")[0].state == "stopped" and past_runs(folder / "runs")[0].model is not None
    assert services.runs.rows == () and services.project.model_path is None and announced == []


# -- with pages


@pytest.mark.slow
def test_a_page_made_late_shows_the_run_that_is_running_whole(qtbot: QtBot, services: Services, folder: Path) -> None:
    _open(qtbot, services, folder)
    epochs = _start(qtbot, services, folder)
    services.training.queue.add(Job(folder, quick_settings().to_dict()))
    services.training.pause()
    for _ in range(2):  # a page made anew shows the same
        page = TrainPage(services)
        qtbot.addWidget(page)
        page.show()
        assert page.train.text() == "Stop" and page.card.pause.text() == "Resume"
        assert [point.epoch for point in page.run.curves.points()] == [epoch.epoch for epoch in epochs]
        assert page.run.sentence().startswith("Paused. Epoch ") and "so far" in page.run.times()
        current = page.runs.current()
        assert current is not None and current.folder == services.runs.live
        assert len(page.runs.rows()) == 3 and len(page.runs.waiting()) == 1
        page.shutdown()
        page.close()
    assert services.training.is_running, "it is not the page's"


@pytest.mark.slow
def test_every_page_shows_the_one_list_and_none_reads_in_the_gui_thread(
    qtbot: QtBot, make_services: Callable[..., Services], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[threading.Thread] = []
    single: list[threading.Thread] = []
    monkeypatch.setattr(runs_module, "read_rows", _recording(runs_module.read_rows, lists))
    monkeypatch.setattr(records, "read_run", _recording(records.read_run, single))
    monkeypatch.setattr(rows, "validation_of", _recording(rows.validation_of, single))
    services = make_services()
    pages = (TrainPage(services), ResultsPage(services), ListenPage(services))
    for page in pages:
        qtbot.addWidget(page)
        page.show()
    _open(qtbot, services, folder)
    train_page, results_page, listen_page = pages
    qtbot.waitUntil(lambda: not results_page.is_working(), timeout=PATIENCE_MS)
    assert len(lists) == 1 and single and threading.main_thread() not in single
    shown = services.runs.rows
    assert len(shown) == 2 and all(one is other for one, other in zip(train_page.runs.rows(), shown, strict=True))
    models = [results_page.source.models.itemData(at) for at in range(2)]
    assert models == [row.run.model for row in shown] == [listen_page.picker.itemData(at) for at in range(2)]
    services.runs.relabel(shown[0], Label("wide"))
    services.runs.delete([shown[1]])
    _settle(qtbot, services)
    assert [row.title for row in train_page.runs.rows()] == ["wide"]
    assert len(lists) > 1 and threading.main_thread() not in lists
    for page in pages:
        page.shutdown()


def _recording(read: Callable[..., object], readers: list[threading.Thread]) -> Callable[..., object]:
    def record(*arguments: object) -> object:
        readers.append(threading.current_thread())
        return read(*arguments)

    return record
