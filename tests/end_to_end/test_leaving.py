"""Whoever leaves a run and is told that the best so far is kept finds a model, whatever the run was just doing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot
from tiny_project import make_project, quick_settings
from waiting import wait_until

from kws_engine.runs.records import past_runs
from kws_engine.spotting.model_file import SpottingModel
from kws_gui import theme
from kws_gui.main_window import MainWindow
from kws_gui.services import remembered

PATIENCE_MS = 120_000
LONG_EPOCH = ("training.clips_per_epoch=1000000", "training.fresh_share=1")
SLOW_S = 17.0

pytestmark = pytest.mark.slow


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    remembered.set_up()
    theme.apply(qapp, "light")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    made = MainWindow()
    made.show()
    yield made
    made.services.training.shutdown(seconds=0)
    made.close()
    made.deleteLater()


def train(window: MainWindow, qtbot: QtBot, folder: Path, *options: str) -> None:
    make_project(folder, takes=8).edit.save_settings(quick_settings(*options).to_dict())
    open_folder(window, qtbot, folder)
    window.services.navigation.show_page("train")
    window.page("train").train.click()


def open_folder(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(folder)


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def quit_and_keep(window: MainWindow) -> str:
    """Closes the window, and agrees that the run stops; what was asked."""
    asked = []

    def agree() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        box.buttons()[0].click()

    QTimer.singleShot(0, agree)
    assert window.close()
    return asked[0]


def model_in(folder: Path) -> Path:
    """The model of the only run, which can be listened with."""
    (run,) = past_runs(folder / "runs")
    assert run.model is not None, run.message
    assert "low" in SpottingModel(run.model).labels
    return run.model


def test_in_the_first_epoch(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    train(
        window,
        qtbot,
        tmp_path / "tones",
        "training.clips_per_epoch=8000",
        "training.batch_size=4",
        "training.fresh_share=0.5",
    )
    until(qtbot, lambda: window.services.training.live and window.services.training.live.has_learned)
    assert not window.services.training.live.epochs
    assert "best weights so far are kept" in quit_and_keep(window)
    model_in(tmp_path / "tones")


def test_while_it_is_paused_in_the_first_epoch(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    train(window, qtbot, tmp_path / "tones", *LONG_EPOCH)
    until(qtbot, lambda: window.services.training.live and window.services.training.live.started)
    window.services.training.pause()
    quit_and_keep(window)
    model_in(tmp_path / "tones")


def test_while_it_gets_ready_nothing_is_promised(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    train(window, qtbot, tmp_path / "tones")
    assert "has learned nothing yet" in quit_and_keep(window)
    assert not [run for run in past_runs(tmp_path / "tones" / "runs") if run.epochs]


def test_while_others_wait(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    train(window, qtbot, tmp_path / "tones", "training.epochs=5000")
    training = window.services.training
    window.page("train").card.queue.click()
    until(qtbot, lambda: training.live and training.live.epochs)
    quit_and_keep(window)
    model_in(tmp_path / "tones")
    assert len(training.waiting()) == 1, "what waits begins when it is asked for"


def test_while_the_model_is_written(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    train(window, qtbot, tmp_path / "tones", "training.epochs=1")
    until(qtbot, lambda: window.services.training.live and window.services.training.live.epochs)
    assert window.services.training.is_running, "the model is being written"
    quit_and_keep(window)
    model_in(tmp_path / "tones")


def test_when_its_process_is_slow(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    pid = halted_run(window, qtbot, tmp_path / "tones")
    threading.Timer(SLOW_S, os.kill, (pid, signal.SIGCONT)).start()
    quit_and_keep(window)
    model_in(tmp_path / "tones")


def test_another_project_does_not_wait_for_the_model(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    pid = halted_run(window, qtbot, tmp_path / "tones")
    make_project(tmp_path / "other", takes=2)
    QTimer.singleShot(0, lambda: QApplication.activeModalWidget().buttons()[0].click())
    open_folder(window, qtbot, tmp_path / "other")
    window.services.navigation.show_page("train")
    assert not window.services.training.is_running and not past_runs(tmp_path / "tones" / "runs")[0].model
    open_folder(window, qtbot, tmp_path / "tones")
    os.kill(pid, signal.SIGCONT)
    until(qtbot, lambda: [row.run.model for row in window.services.runs.rows if row.run.model])
    model_in(tmp_path / "tones")


def halted_run(window: MainWindow, qtbot: QtBot, folder: Path) -> int:
    """A run with an epoch whose process gets no processor; its id."""
    train(window, qtbot, folder, "training.epochs=5000")
    training = window.services.training
    until(qtbot, lambda: training.live and training.live.epochs)
    pid = training.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    return pid
