"""The Teach page through its buttons and keys, with a real microphone path and real projects on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from virtual_microphone import VirtualMicrophone

from kws_engine import audio, resources
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import seconds_of_talk
from kws_engine.clips.project import Project
from kws_engine.runs import teaching as teach_recipe
from kws_engine.settings import Settings
from kws_gui.main_window import MainWindow
from kws_gui.pages.teach.page import TeachPage
from kws_gui.services import remembered, talk_recording
from kws_gui.services import teaching as teaching_service

PATIENCE_MS = 60_000
RATE = 16_000
QUICK = (
    "model.width=0.5",
    "training.epochs=12",
    "training.clips_per_epoch=512",
    "training.false_alarms_per_hour=20",
    "training.early_stopping=no",
)


def quick_settings(project: Project) -> Settings:
    """A run of seconds in the place of that of a minute."""
    return Settings().with_options(QUICK)


@pytest.fixture(autouse=True)
def _quick(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered.set_up()
    monkeypatch.setattr(teaching_service, "teach_settings", quick_settings)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    window = MainWindow()
    window.resize(1280, 800)
    window.show()
    yield window
    window.services.training.shutdown(seconds=2)
    window.close()
    window.deleteLater()


def page_of(window: MainWindow) -> TeachPage:
    page = window.page("teach")
    assert isinstance(page, TeachPage)
    return page


def until(qtbot: QtBot, condition: Callable[[], object], *, patience_ms: int = PATIENCE_MS) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=patience_ms)


def starter_clips(word: str) -> list[Path]:
    """Takes that ship with the program, of eighteen voices."""
    return sorted((resources.path("starter") / "clips" / word).iterdir())


def stream(sounds: list[np.ndarray], *, gap_s: float = 0.9, room: float = 0.0005) -> np.ndarray:
    """Sounds with pauses between them in a quiet room."""
    gap = np.zeros(round(gap_s * RATE), np.float32)
    parts = [gap] + [part for sound in sounds for part in (sound, gap)]
    whole = np.concatenate(parts)
    return (whole + room * np.random.default_rng(0).standard_normal(len(whole))).astype(np.float32)


def said(word: str, count: int) -> list[np.ndarray]:
    return [audio.read(path, rate=RATE) for path in starter_clips(word)[:count]]


def play(microphone: VirtualMicrophone, folder: Path, sound: np.ndarray) -> None:
    file = folder / "said.wav"
    audio.write(file, sound, rate=RATE)
    microphone.play(file)


def make_project(folder: Path, word: str = "computer", *, takes: int) -> Project:
    """A project of one word with so many takes that ship."""
    project = Project.create(folder, words=[word])
    for number, path in enumerate(starter_clips(word)[:takes]):
        shutil.copyfile(path, project.clips_folder / word / f"ann_nohash_{number}{path.suffix}")
    project.refresh()
    project.edit.settle_split()
    return project


def opened(window: MainWindow, qtbot: QtBot, folder: Path) -> TeachPage:
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(folder)
    window.services.navigation.show_page("teach")
    return page_of(window)


def typed(window: MainWindow, qtbot: QtBot, text: str) -> TeachPage:
    """From the start screen to the takes of a word, by keys."""
    qtbot.keyClick(window.page("start").teach, Qt.Key.Key_Space)
    page = page_of(window)
    assert window.page_name == "teach" and page.step == "type"
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        qtbot.keyClicks(page.type.field, text)
        qtbot.keyClick(page.type.field, Qt.Key.Key_Return)
    assert window.page_name == "teach"
    page = page_of(window)
    assert page.step == "speak" and page.isVisible()
    return page


@pytest.mark.slow
def test_from_nothing_to_a_detection(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    """Start screen, type, speak hands free, skip talking, wait, and it is heard."""
    page = typed(window, qtbot, "computer")
    project = window.services.project.project
    assert project is not None and project.folder == remembered.projects_folder() / "computer"
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    play(virtual_microphone, tmp_path, stream(said("computer", 22)))
    until(qtbot, lambda: page.speak.count_takes() >= teaching_service.TAKES, patience_ms=90_000)
    assert page.speak.hands_free.state == "idle" and page.speak.count.text() == "20 of 20"
    virtual_microphone.hush()
    assert QApplication.focusWidget() is page.speak.next or not window.isActiveWindow()
    page.speak.next.click()
    assert page.step == "talk"
    page.talk.next.click()
    assert page.step == "wait"
    until(qtbot, lambda: page.wait.curves.points())
    until(qtbot, lambda: page.step == "try", patience_ms=300_000)
    until(qtbot, lambda: page.try_it.bridge.is_running)
    play(virtual_microphone, tmp_path, stream(said("computer", 8)))
    until(qtbot, lambda: page.try_it.heard >= 2)
    assert page.try_it.word.word() == "computer"
    assert "Misses" in page.try_it.promise.text() and "Fires falsely" in page.try_it.promise.text()
