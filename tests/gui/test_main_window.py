"""The window as a person meets it: start, open, switch, drop, close, start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot
from tiny_project import make_project
from waiting import wait_until

from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take, evaluate_take
from kws_gui import theme
from kws_gui.app import ErrorReporter, make_window
from kws_gui.main_window import MainWindow, stored_theme
from kws_gui.rail import PAGES
from kws_gui.services import remembered

PATIENCE_MS = 30_000


@pytest.fixture(autouse=True)
def _hooks(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the window sets it; undone after the test


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    window = MainWindow()
    window.show()
    yield window
    window.close()
    window.deleteLater()


def opened(window: MainWindow, folder: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(folder)


def test_with_nothing_open_only_listening_and_learning_are_offered(window: MainWindow) -> None:
    assert window.page_name == "start"
    assert [name for name in PAGES if window.rail.button(name).isEnabled()] == ["teach", "listen", "learn"]
    window.services.navigation.show_page("train")
    assert window.page_name == "start"


@pytest.mark.slow
def test_a_project_opens_its_pages_switch_by_key_and_it_closes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "tones", takes=2)
    opened(window, tmp_path / "tones", qtbot)
    assert window.page_name == "words" and "tones" in window.windowTitle()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=PATIENCE_MS)
    for number, name in enumerate(PAGES, 1):
        qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
        assert window.page_name == name and window.rail.button(name).isChecked()
        assert window.page(name).isVisible()
    assert remembered.last_project() == tmp_path / "tones"
    window.services.projects.close()
    assert window.page_name == "start" and remembered.last_project() is None
    assert remembered.recent_projects() == [tmp_path / "tones"]


def test_a_missing_project_is_said_and_forgotten(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    remembered.remember_project(tmp_path / "gone")
    with qtbot.waitSignal(window.services.projects.failed, timeout=PATIENCE_MS):
        window.open_folder(tmp_path / "gone")
    assert "gone" in window.messages.text() and window.messages.isVisible()
    assert remembered.recent_projects() == [] and remembered.last_project() is None


def test_the_starter_project_is_copied_to_a_free_folder(window: MainWindow, qtbot: QtBot) -> None:
    for name in ("starter", "starter-2"):
        with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
            window.services.projects.copy_starter()
        project = window.services.project.project
        assert project is not None and project.folder == remembered.projects_folder() / name
        assert len(project.words) == 6


@pytest.mark.slow
def test_a_model_asked_for_on_results_is_made_on_train(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "tones", takes=2)
    opened(window, tmp_path / "tones", qtbot)
    window.services.navigation.show_page("results")
    window.services.navigation.make_model(tmp_path / "tones/runs/20250101-000000-gone")
    assert window.page_name == "train" and "There is no run" in window.page("train").messages.text()


def drop(window: MainWindow, folder: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(10, 10), *how)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(10, 10), *how))


@pytest.mark.slow
def test_a_dropped_project_opens_and_dropped_clips_come_into_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "tones", takes=2)
    clips = make_project(tmp_path / "other", takes=3).clips_folder / "high"
    drop(window, clips)
    assert "is no project" in window.messages.text()
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        drop(window, tmp_path / "tones")
    words = window.page("words")
    window.services.navigation.show_page("train")
    drop(window, clips)
    qtbot.waitUntil(lambda: words.transfers.review is not None, timeout=PATIENCE_MS)
    with qtbot.waitSignal(words.imports.imported, timeout=PATIENCE_MS):
        words.transfers.review.go.click()
    assert window.page_name == "words"


def test_theme_and_size_are_remembered(qtbot: QtBot) -> None:
    first = MainWindow()
    first.show()
    first.resize(977, 600)
    first.set_theme("dark")
    assert theme.current() is theme.DARK
    first.close()
    assert stored_theme() == "dark"
    second = MainWindow()
    qtbot.addWidget(second)
    assert second.height() == 600  # the width does not fit the offscreen screen


def test_the_last_project_opens_at_the_next_start(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "tones", takes=2)
    remembered.remember_project(tmp_path / "tones")
    QSettings().setValue("window/page", "train")
    window = make_window(qapp, None)
    qtbot.addWidget(window)
    qtbot.waitUntil(lambda: window.services.project.project is not None, timeout=PATIENCE_MS)
    assert window.page_name == "train"
    window.close()


def test_what_nobody_caught_is_said_and_logged(window: MainWindow) -> None:
    reporter = ErrorReporter(window.report, window)
    try:
        raise ValueError("a screw loose")
    except ValueError as error:
        reporter.on_error(type(error), error, error.__traceback__)
    assert "a screw loose" in window.messages.text()
    assert window.messages.copyButton().isVisible()


@pytest.mark.slow
def test_closing_while_training_asks_and_stops_the_process(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    project = make_project(tmp_path / "tones", takes=16)
    settings = project.settings
    settings["training"]["epochs"] = 500
    project.edit.save_settings(settings)
    opened(window, tmp_path / "tones", qtbot)
    window.services.navigation.show_page("train")
    page = window.page("train")
    with qtbot.waitSignal(window.services.training.epochsAdded, timeout=PATIENCE_MS * 4):
        page.train.click()
    pid = window.services.training.pid
    QTimer.singleShot(0, lambda: press("Go on training"))
    assert not window.close() and window.services.training.is_running
    QTimer.singleShot(0, lambda: press("Stop and keep the best so far"))
    assert window.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def press(text: str) -> None:
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    next(button for button in box.buttons() if button.text() == text).click()


def test_leaving_asks_while_a_take_waits_in_memory(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    project = make_project(tmp_path / "tones", takes=2)
    opened(window, tmp_path / "tones", qtbot)
    words = window.page("words")
    folder = project.clips_folder / "low"
    away = folder.rename(folder.with_name(".away"))
    folder.write_text("in the way")
    assert not words.recordings.save("low", _take(), speaker="eve")
    QTimer.singleShot(0, lambda: press("Stay"))
    assert not window.close() and words.recordings.waiting == 1
    folder.unlink()
    away.rename(folder)
    assert window.close()  # it can be stored by now: nothing is asked
    assert (folder / "eve_nohash_0.wav").is_file()


def _take() -> Take:
    times = np.arange(32_000) / 16_000
    tone = np.sin(2 * np.pi * 300 * times) * np.exp(-(((times - 1) / 0.12) ** 2))
    return evaluate_take(tone.astype(np.float32), 16_000, clip_samples=16_000)


def test_another_project_opens_on_its_words_and_its_menu_works(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    close = next(action for action in window.findChildren(QAction) if action.text() == "&Close project")
    assert not close.isEnabled()
    QSettings().setValue("window/page", "listen")
    make_project(tmp_path / "tones", takes=2)
    opened(window, tmp_path / "tones", qtbot)
    assert window.page_name == "words" and close.isEnabled()


def test_a_failed_undo_is_said_and_dropped(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "tones", takes=2)
    opened(window, tmp_path / "tones", qtbot)
    project = window.services.project.project
    assert isinstance(project, Project)
    clip = project.clips(word="low")[0]
    words = window.page("words")
    words.recordings.delete([clip])
    for trashed in (project.folder / ".trash").rglob("*.wav"):
        trashed.unlink()
    window.services.project.undo_stack.undo()
    assert "no longer in the trash" in words.messages.text()
    assert not window.services.project.undo_stack.canUndo() and not window.services.project.undo_stack.canRedo()


class _Slowly:
    """Openings of projects that end when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = Project.open
        self._doors: dict[str, threading.Event] = {}
        monkeypatch.setattr(Project, "open", self._open)

    def hold(self, name: str) -> threading.Event:
        return self._doors.setdefault(name, threading.Event())

    def _open(self, folder: Path) -> Project:
        if folder.name in self._doors:
            assert self._doors[folder.name].wait(PATIENCE_MS / 1000)
        return self._real(folder)


def test_a_slow_opening_does_not_replace_what_was_opened_meanwhile(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("large", "small"):
        make_project(tmp_path / name, takes=2)
    door = _Slowly(monkeypatch).hold("large")
    window.open_folder(tmp_path / "large")
    opened(window, tmp_path / "small", qtbot)
    door.set()
    qtbot.waitUntil(lambda: not window.services.projects.is_busy, timeout=PATIENCE_MS)
    assert window.services.project.project is not None and window.services.project.project.name == "small"
    assert remembered.last_project() == tmp_path / "small"
    door.clear()
    window.open_folder(tmp_path / "large")
    window.services.projects.close()
    door.set()
    qtbot.waitUntil(lambda: not window.services.projects.is_busy, timeout=PATIENCE_MS)
    assert window.services.project.project is None and window.page_name == "start"


def test_what_began_during_a_slow_opening_is_not_dropped_unasked(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("large", "small"):
        make_project(tmp_path / name, takes=2)
    opened(window, tmp_path / "small", qtbot)
    door = _Slowly(monkeypatch).hold("large")
    window.open_folder(tmp_path / "large")
    folder = tmp_path / "small/clips/low"
    away = folder.rename(folder.with_name(".away"))
    folder.write_text("in the way")
    assert not window.page("words").recordings.save("low", _take(), speaker="eve")
    asked: list[bool] = []
    QTimer.singleShot(0, lambda: _press_when_asked("Stay", asked))
    door.set()
    qtbot.waitUntil(lambda: not window.services.projects.is_busy, timeout=PATIENCE_MS)
    assert asked and window.services.project.project is not None and window.services.project.project.name == "small"
    assert window.page("words").recordings.waiting == 1 and "large was not opened" in window.messages.text()
    QTimer.singleShot(0, lambda: _press_when_asked("Lose it", asked))
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(tmp_path / "large")
    assert len(asked) == 2, "what was agreed to is not asked again"
    folder.unlink()
    away.rename(folder)


def _press_when_asked(text: str, asked: list[bool]) -> None:
    if isinstance(QApplication.activeModalWidget(), QMessageBox):
        asked.append(True)
        press(text)
    else:
        QTimer.singleShot(20, lambda: _press_when_asked(text, asked))


def started(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kws_gui.app", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are a matter of Linux")
def test_without_a_display_it_says_so_in_one_sentence() -> None:
    process = started(QT_QPA_PLATFORM="xcb", DISPLAY=":987", WAYLAND_DISPLAY="")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and out == ""
    assert err.startswith("kws-studio: there is no display") and err.count("\n") == 1


def test_ctrl_c_in_the_terminal_closes_the_window(tmp_path: Path) -> None:
    process = started(QT_QPA_PLATFORM="offscreen", KWS_STUDIO_HOME=str(tmp_path))
    wait_until(lambda: _catches_interrupt(process.pid))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def _catches_interrupt(pid: int) -> bool:
    """Whether the window's own handler is in place: its wake-up socket is open."""
    try:
        return any("socket:" in os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
