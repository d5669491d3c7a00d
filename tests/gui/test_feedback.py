"""“That was wrong” and “You missed one” on the Listen page, with a real model file and a real sound path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import promised_run
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tone_model import RATE, pause, tone
from virtual_microphone import VirtualMicrophone

from kws_engine import audio
from kws_engine.clips.words import UNKNOWN
from kws_engine.runs.job import settings_of
from kws_gui.pages.listen.page import ListenPage
from kws_gui.services.services import Services

PATIENCE_MS = 30_000


@pytest.fixture
def page(
    qtbot: QtBot, make_services: Callable[..., Services], tmp_path: Path, virtual_microphone: VirtualMicrophone
) -> Iterator[ListenPage]:
    """The page, listening with the tone model of the open project."""
    project = promised_run.make(tmp_path / "tones")
    services = make_services()
    services.project.open(project)
    page = ListenPage(services)
    page.services = services  # for the tests
    qtbot.addWidget(page)
    page.resize(1000, 640)
    page.show()
    services.project.set_model_path(next(project.runs_folder.glob("*/*.kws")))
    until(qtbot, lambda: page.bridge.opened)
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    until(qtbot, lambda: page.view.spectrogram.now_s() > 0.2)
    yield page
    page.shutdown()


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def play(qtbot: QtBot, page: ListenPage, microphone: VirtualMicrophone, sound: np.ndarray, folder: Path) -> None:
    """Plays a sound and waits until all of it was listened to."""
    file = folder / "said.wav"
    audio.write(file, sound, rate=RATE)
    player = microphone.play(file)
    until(qtbot, lambda: player.poll() is not None)
    until_sample = page.bridge.position + RATE
    until(qtbot, lambda: page.bridge.position >= until_sample)


def clips(page: ListenPage, word: str) -> list[Path]:
    project = page.services.project.project
    return [clip.path for clip in project.clips(word=word)]


@pytest.mark.slow
def test_a_false_alarm_becomes_another_word_and_is_taken_back(
    page: ListenPage, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    panel = page.feedback
    assert not panel.wrong.isEnabled() and not panel.again.isVisible()
    play(qtbot, page, virtual_microphone, np.concatenate([pause(1.0), tone("low"), pause(0.6)]), tmp_path)
    until(qtbot, panel.wrong.isEnabled)
    assert not list((tmp_path / "tones").glob("clips/_unknown_/*"))  # nothing is kept by itself
    panel.wrong.click()
    (clip,) = clips(page, UNKNOWN)
    sound = audio.read(clip, rate=RATE)
    assert len(sound) == RATE and np.abs(sound).max() > 0.3
    assert "not “low”" in panel.told.text() and panel.waveform.isVisible() and panel.waveform.windowStart() is not None
    assert panel.again.text() == "Teach again (1 new)" and not panel.wrong.isEnabled()
    panel.undo.click()
    assert clips(page, UNKNOWN) == [] and not panel.waveform.isVisible() and not panel.again.isVisible()


@pytest.mark.slow
@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # menus in front, without a screen
def test_a_missed_word_becomes_a_take_of_the_word_that_is_chosen_and_is_taught_again(
    page: ListenPage, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    panel, before = page.feedback, len(clips(page, "high"))
    at = np.arange(round(0.4 * RATE)) / RATE
    unheard = (0.3 * np.sin(2 * np.pi * 1400 * at) * np.hanning(len(at))).astype(np.float32)
    play(qtbot, page, virtual_microphone, np.concatenate([pause(1.0), unheard, pause(1.2)]), tmp_path)
    panel.press_missed()
    assert [action.text() for action in panel.words.actions()] == ["low", "high"]
    panel.words.actions()[1].trigger()
    panel.words.hide()
    assert len(clips(page, "high")) == before + 1 and "take of “high”" in panel.told.text()
    start = panel.waveform.windowStart()
    qtbot.keyClick(panel.waveform, Qt.Key.Key_Right)
    panel.settle()
    assert panel.waveform.windowStart() == start + RATE // 100
    panel.again.click()
    training = page.services.training
    assert training.is_running and training.live is not None
    run = page.services.project.model_path.parent
    assert training.live.job.settings == settings_of(run).to_dict()
    assert panel.again.text().startswith("Teaching") and not panel.again.isEnabled() and page.is_listening


@pytest.mark.slow
def test_a_word_that_was_heard_is_not_missed(
    page: ListenPage, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    play(qtbot, page, virtual_microphone, np.concatenate([pause(1.0), tone("low"), pause(1.2)]), tmp_path)
    until(qtbot, page.feedback.wrong.isEnabled)
    page.feedback._on_missed("low")
    assert "was heard" in page.messages.text() and len(clips(page, "low")) == 2
