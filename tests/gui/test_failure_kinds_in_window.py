"""With every sentence and every button of the window turned to gibberish, what it decides stays the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pytestqt.qtbot import QtBot
from tiny_project import fail

from kws_engine.clips.project import Project
from kws_engine.errors import FailureKind, KwsError
from kws_engine.runs.diagnosing import diagnose_run
from kws_engine.runs.records import PastRun, read_run
from kws_engine.training.events import Failed
from kws_gui.bridges.training import TrainingBridge
from kws_gui.pages.results.page import ResultsPage
from kws_gui.pages.train.messages import Cure, TrainMessages, cure_of
from kws_gui.pages.words.page import WordsPage
from kws_gui.services.services import Services
from kws_gui.widgets.message_bar import MessageBar

GIBBERISH = "Zqx wvv"
PATIENCE_MS = 120_000


@pytest.fixture(autouse=True)
def _gibberish(monkeypatch: pytest.MonkeyPatch) -> None:
    show = MessageBar.showMessage

    def show_gibberish(bar: MessageBar, kind: Any, text: str, **more: Any) -> None:
        words = {name: GIBBERISH if more.get(name) else "" for name in ("remedy", "other", "details")}
        show(bar, kind, GIBBERISH, **{**more, **words})

    monkeypatch.setattr(MessageBar, "showMessage", show_gibberish)
    monkeypatch.setattr(KwsError, "__str__", lambda self: GIBBERISH)


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    return trained_tones(())


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Project:
    return Project.open(shutil.copytree(trained, tmp_path / "copy"))


def failed_run(project: Project, kind: FailureKind) -> PastRun:
    run = read_run(fail(project.runs_folder, next(project.runs_folder.iterdir()), GIBBERISH, kind))
    assert run is not None
    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_the_cure_follows_the_kind(project: Project, kind: FailureKind) -> None:
    run, event = failed_run(project, kind), Failed(GIBBERISH, kind=kind)
    expected: Cure = "slower" if kind == "not_a_number" else "resume"
    assert cure_of(event, run, was_resumed=False) == expected
    assert cure_of(event, run, was_resumed=True) == ("slower" if kind == "not_a_number" else "settings")
    assert cure_of(event, None, was_resumed=False) == ""
    assert run.state == ("stopped" if kind == "stopped" else "failed") and run.can_finish
    assert ("diverging" in [one.kind for one in diagnose_run(run.folder)]) == (kind == "not_a_number")


def test_a_run_that_is_stopped_while_its_clips_are_read_says_so_as_data(qtbot: QtBot, project: Project) -> None:
    from kws_engine.runs.job import Job

    bridge = TrainingBridge()
    bridge.start(Job(project.folder))
    with qtbot.waitSignal(bridge.failed) as failed:
        bridge.stop()
    assert failed.args[0].kind == "stopped"
    bridge.shutdown()


@pytest.fixture
def results(qtbot: QtBot, services: Services, project: Project) -> Iterator[ResultsPage]:
    page = ResultsPage(services)
    qtbot.addWidget(page)
    page.show()
    page._model.open(project)
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    yield page
    page.shutdown()


def test_what_can_no_longer_be_undone_is_forgotten_on_the_results_page(results: ResultsPage) -> None:
    results._on_said("Left out 3 clips")
    assert results.messages.isVisible() and results.messages.text() == GIBBERISH
    results._model.undo_stack.changed.emit()
    assert not results.messages.isVisible()
    results._say_error("Something else")
    results._model.undo_stack.changed.emit()
    assert results.messages.isVisible(), "this one offers no undo"


def test_what_can_no_longer_be_undone_is_forgotten_on_the_train_page(qtbot: QtBot) -> None:
    messages = TrainMessages()
    qtbot.addWidget(messages)
    messages.say("info", "Deleted", undoes=True)
    messages.forget_undo()
    assert not messages.isVisible()
    messages.say("error", "Failed")
    messages.forget_undo()
    assert not messages.isHidden(), "this one offers no undo"


def test_a_microphone_that_comes_back_takes_its_message_with_it(
    qtbot: QtBot, services: Services, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = WordsPage(services)
    qtbot.addWidget(page)
    page.show()
    services.project.open(project)
    monkeypatch.setattr(page.table, "current", lambda: project.clips()[0])
    page.recording._on_microphone_failed("There is no microphone")
    assert page.messages.isVisible() and page.messages.text() == GIBBERISH
    page.recording._on_microphone_opened()
    assert not page.messages.isVisible()
    page.recording._on_failed("The disk is full")
    page.recording._on_microphone_opened()
    assert page.messages.isVisible(), "this one is not about the microphone"
    page.shutdown()
