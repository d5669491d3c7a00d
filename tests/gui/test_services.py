"""The application's state without any page: what is open, where to go, takes in memory, a search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject, QTimer, SignalInstance
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take, evaluate_take
from kws_engine.runs.job import Job
from kws_engine.settings import Settings
from kws_engine.sweeps.folder import past_sweeps
from kws_engine.sweeps.job import SweepJob
from kws_engine.training.events import Epoch, Started
from kws_gui.leaving import Leaving
from kws_gui.main_window import MainWindow
from kws_gui.services import remembered
from kws_gui.services.services import Services, make_services
from kws_gui.services.training import LiveRun

PATIENCE_MS = 280_000


@pytest.fixture
def services(qapp: QApplication) -> Iterator[Services]:
    made = make_services()
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("project") / "tones", takes=8)
    settings = dict(project.settings)
    settings["training"] = {**settings["training"], "epochs": 1, "clips_per_epoch": 32}
    project.edit.save_settings(settings)
    return project.folder


def opened(services: Services, folder: Path, qtbot: QtBot) -> Project:
    with qtbot.waitSignal(services.project.opened, timeout=PATIENCE_MS):
        services.projects.open(folder)
    project = services.project.project
    assert project is not None
    return project


def heard(signal: SignalInstance) -> list[object]:
    """What a signal sends from now on."""
    sent: list[object] = []
    signal.connect(sent.append)
    return sent


# -- what is open, and where to go


def test_a_project_is_created_left_and_opened_again(services: Services, qtbot: QtBot) -> None:
    folder = remembered.projects_folder() / "mine"
    left = []
    services.projects.leaving.connect(lambda: left.append(True))
    with qtbot.waitSignal(services.project.opened, timeout=PATIENCE_MS):
        services.projects.create(folder, ["low"])
    assert services.project.project is not None and list(services.project.project.words) == ["low"]
    assert services.navigation.page == "words" and remembered.last_project() == folder
    services.projects.close()
    assert services.project.project is None and services.navigation.page == "start"
    assert remembered.last_project() is None and len(left) == 2
    assert opened(services, folder, qtbot).folder == folder


def test_requests_go_to_the_page_in_front_and_are_dropped_with_nothing_open(
    services: Services, qtbot: QtBot, tones: Path, tmp_path: Path
) -> None:
    navigation = services.navigation
    signals = (
        navigation.wordRequested,
        navigation.importRequested,
        navigation.modelRequested,
        navigation.searchRequested,
    )
    sent = [heard(signal) for signal in signals]

    def request() -> list[str]:
        pages = []
        for call in (
            lambda: navigation.show_word("low"),
            lambda: navigation.import_recordings(tmp_path),
            lambda: navigation.make_model(tmp_path / "run"),
            lambda: navigation.show_search("width"),
        ):
            call()
            pages.append(navigation.page)
        return pages

    assert request() == ["start"] * 4 and sent == [[], [], [], []]
    opened(services, tones, qtbot)
    assert request() == ["words", "words", "train", "results"]
    assert sent == [["low"], [tmp_path], [tmp_path / "run"], ["width"]]


def test_settings_to_try_wait_until_a_project_is_open(services: Services, qtbot: QtBot, tones: Path) -> None:
    informed = heard(services.navigation.informed)
    services.navigation.try_settings({"training.patience": "7"})
    assert services.navigation.page == "start" and "Open a project" in str(informed[0])
    before = Settings.from_dict(Project.open(tones).settings)
    opened(services, tones, qtbot)
    assert services.navigation.page == "train" and services.project.settings.training.patience == 7
    services.project.undo_stack.undo()
    assert services.project.settings == before


# -- takes in memory


def test_a_take_that_cannot_be_stored_holds_the_project_without_a_page(
    services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    project = opened(services, make_project(tmp_path / "tones", takes=2).folder, qtbot)
    folder = project.clips_folder / "low"
    away = folder.rename(folder.with_name(".away"))
    folder.write_text("in the way")
    window = QWidget()
    qtbot.addWidget(window)
    leaving = Leaving(window, services)
    services.projects.set_guard(leaving)
    assert leaving.at_stake() == set() and leaving.may_leave()
    assert not services.recordings.save("low", _take(), speaker="eve")
    assert leaving.at_stake() == {("recordings", 1)}
    QTimer.singleShot(0, lambda: _press("Stay"))
    services.projects.close()
    assert services.project.project is project and services.recordings.waiting == 1
    QTimer.singleShot(0, lambda: _press("Lose it"))
    services.projects.close()
    assert services.project.project is None and services.recordings.waiting == 0
    folder.unlink()
    away.rename(folder)


def _press(text: str) -> None:
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    next(button for button in box.buttons() if button.text() == text).click()


def _take() -> Take:
    times = np.arange(32_000) / 16_000
    tone = np.sin(2 * np.pi * 300 * times) * np.exp(-(((times - 1) / 0.12) ** 2))
    return evaluate_take(tone.astype(np.float32), 16_000, clip_samples=16_000)


# -- a search


def _job(folder: Path, *, trials: int) -> SweepJob:
    settings = Project.open(folder).settings
    return SweepJob(folder, ("model.width=0.25:0.5",), settings, trials=trials, threads=1)


@pytest.mark.slow
def test_a_search_is_run_and_read_without_a_page(services: Services, qtbot: QtBot, tones: Path) -> None:
    opened(services, tones, qtbot)
    searching = services.searching
    ended = heard(searching.ended)
    searching.start(_job(tones, trials=2))
    assert searching.is_running and not searching.is_stopping
    with pytest.raises(RuntimeError):
        searching.start(_job(tones, trials=2))
    qtbot.waitUntil(lambda: not searching.is_running and not searching.is_reading, timeout=PATIENCE_MS)
    assert len(ended) == 1 and searching.trials.finished() == 2
    assert searching.name and searching.chosen_past == past_sweeps(tones)[0]
    assert searching.results is not None and searching.results.best is not None
    best = searching.trials.best()
    assert best is not None and best.number == searching.results.best.number
    searching.choose("")
    assert searching.name == "" and searching.trials.all() == [] and searching.results is None
    searching.choose(past_sweeps(tones)[0].name)
    qtbot.waitUntil(lambda: searching.results is not None, timeout=PATIENCE_MS)
    assert searching.trials.finished() == 2


@pytest.mark.slow
def test_a_search_goes_on_when_its_page_is_dropped_and_ends_when_the_project_is_left(qtbot: QtBot, tones: Path) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    services = window.services
    opened(services, tones, qtbot)
    services.navigation.show_page("search")
    services.searching.start(_job(tones, trials=200))
    qtbot.waitUntil(lambda: len(services.searching.trials.all()) > 0, timeout=PATIENCE_MS)
    window._drop_pages()
    assert services.searching.is_running
    services.navigation.show_page("search")
    page = window.page("search")
    assert page.start.text() == "Stop" and not page.form.isEnabled()
    assert [row.number for row in page.table.rows()] == [trial.number for trial in services.searching.trials.all()]
    assert page.progress.isVisible() and page.trials.isVisible()
    QTimer.singleShot(0, lambda: _press("Go on searching"))
    services.projects.close()
    assert services.searching.is_running and services.project.project is not None
    QTimer.singleShot(0, lambda: _press("Stop and keep what is finished"))
    services.projects.close()
    assert not services.searching.is_running and services.searching.pids == []
    assert services.project.project is None and window.page_name == "start"
    assert window.close()


def test_services_are_plain_objects(services: Services) -> None:
    for name in services.__dataclass_fields__:
        service = getattr(services, name)
        assert isinstance(service, QObject) and not isinstance(service, QWidget), name


def test_the_time_left_counts_writing_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    live = LiveRun(Job(tmp_path), writing_s=6.0)
    assert live.remaining_s is None
    live.started = Started(str(tmp_path), [], {}, {}, 1, 1, "cpu", 3)
    live.epochs, live.trained_s = [epoch(1, 2.0)], 100.0
    assert live.remaining_s == 2 * 2.0 + 6.0
    live.epochs = [epoch(number, 2.0) for number in (1, 2, 3)]
    now[0] = 104.0
    assert live.remaining_s == 2.0
    now[0] = 200.0
    assert live.remaining_s == 0.0


def test_how_long_writing_took_is_remembered(tmp_path: Path) -> None:
    assert remembered.writing_s() > 0
    remembered.remember_writing(7.25)
    assert remembered.writing_s() == pytest.approx(7.2, abs=0.1)


def epoch(number: int, seconds: float) -> Epoch:
    return Epoch(number, 1.0, 0.5, 1.0, 0.5, 0.001, seconds, 0.0, True)
