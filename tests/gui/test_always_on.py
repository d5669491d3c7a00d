"""Listening all day: asked for from anywhere, paused as a whole, in a small window, started with the desktop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tone_model
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from virtual_microphone import VirtualMicrophone

from kws_engine import audio
from kws_engine.clips.project import Project
from kws_engine.errors import ProjectError
from kws_engine.spotting.decision import Detection
from kws_gui import theme
from kws_gui.app import make_window
from kws_gui.main_window import MainWindow
from kws_gui.services import autostart
from kws_gui.services.listening import Listening
from kws_gui.services.services import Services
from kws_gui.small_window import SmallWindow
from kws_gui.tray import marked

PATIENCE_MS = 30_000


@pytest.fixture(autouse=True)
def _own_settings_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, qapp: QApplication) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the window sets it; undone after the test


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of which a model is chosen on Listen."""
    folder = Project.create(tmp_path / "tones", words=["low", "high"]).folder
    tone_model.write(folder / "tones.kws")
    return folder


def opened(qtbot: QtBot, project: Path, *, in_background: bool = False) -> MainWindow:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    window = make_window(app, project, in_background=in_background)
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        pass
    window.services.project.set_model_path(project / "tones.kws")
    return window


@pytest.fixture
def window(qtbot: QtBot, project: Path) -> Iterator[MainWindow]:
    made = opened(qtbot, project)
    yield made
    made.close()
    made.deleteLater()


def test_what_is_reported_is_told_once_and_an_end_that_nobody_wanted_is_said(qtbot: QtBot) -> None:
    listening = Listening()
    told: list[str] = []
    listening.changed.connect(lambda: told.append("changed"))
    listening.ended.connect(lambda: told.append("ended"))
    listening.want(True)
    assert listening.is_wanted and not listening.is_listening
    for _ in range(2):
        listening.report(True, ("low",))
    assert told == ["changed"] and not listening.is_wanted
    listening.toggle()
    listening.report(False, ("low",))
    assert told == ["changed", "changed"]
    listening.want(True)
    listening.report(True, ("low",))
    listening.report(False, ("low",))
    assert told[2:] == ["changed", "changed", "ended"]


@pytest.mark.usefixtures("virtual_microphone")
def test_listening_is_asked_for_from_another_page_and_paused_there(qtbot: QtBot, window: MainWindow) -> None:
    listening = window.services.listening
    assert window.page_name != "listen"
    window.always_on.listen.trigger()
    qtbot.waitUntil(lambda: window.services.listening.is_listening, timeout=PATIENCE_MS)
    assert listening.words == ("low", "high") and window.page_name != "listen"
    window.always_on.listen.trigger()
    assert not listening.is_listening


def test_a_word_said_to_the_microphone_is_shown_in_the_small_window(
    qtbot: QtBot, virtual_microphone: VirtualMicrophone, window: MainWindow, tmp_path: Path
) -> None:
    window.always_on.small_window.trigger()
    small = window.always_on.small
    assert small is not None and small.isVisible() and window.always_on.small_window.isChecked()
    qtbot.mouseClick(small.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.services.microphones.is_open, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: small.meter.text() != "no signal", timeout=PATIENCE_MS)
    audio.write(tmp_path / "said.wav", tone_model.tone("high", 1.0), rate=tone_model.RATE)
    virtual_microphone.play(tmp_path / "said.wav")
    qtbot.waitUntil(lambda: small.word.word() == "high", timeout=PATIENCE_MS)
    qtbot.mouseClick(small.button, Qt.MouseButton.LeftButton)
    assert not window.services.listening.is_listening and small.button.isVisible()
    small.close()
    assert not window.always_on.small_window.isChecked()


def test_the_small_window_follows_what_is_heard(qtbot: QtBot, services: Services) -> None:
    small = SmallWindow(services.listening, services.microphones)
    qtbot.addWidget(small)
    small.show()
    services.listening.report(True, ("low",))
    services.listening.say(Detection("low", at_sample=16_000, score=0.8))
    assert small.word.word() == "low" and "0.8" in small.word.accessibleDescription()
    services.listening.say_risen(Detection("low", at_sample=16_000, score=0.93))
    assert "0.93" in small.word.accessibleDescription()
    assert small.windowFlags() & Qt.WindowType.WindowStaysOnTopHint
    with qtbot.waitSignal(small.opened):
        qtbot.mouseDClick(small, Qt.MouseButton.LeftButton)


def test_without_a_tray_closing_the_window_ends_it_whatever_was_chosen(qtbot: QtBot, project: Path) -> None:
    window = opened(qtbot, project)
    assert not window.always_on.tray.is_available() and not window.always_on.keep.isEnabled()
    window.always_on.keep.setChecked(True)
    assert not window.always_on.keeps_running()
    assert window.close()
    window.deleteLater()


@pytest.mark.usefixtures("virtual_microphone")
def test_in_the_background_it_listens_without_its_window_and_shows_it_where_no_tray_comes(
    qtbot: QtBot, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(qtbot, project, in_background=True)
    try:
        assert not window.isVisible()
        qtbot.waitUntil(lambda: window.services.listening.is_listening, timeout=PATIENCE_MS)
        assert not window.isVisible()
        monkeypatch.setattr("kws_gui.always_on._MOST_WAITS", 0)
        qtbot.waitUntil(window.isVisible, timeout=PATIENCE_MS)
    finally:
        window.quit()
        window.deleteLater()


def test_listening_without_a_model_leads_to_the_page_that_says_so(qtbot: QtBot, tmp_path: Path) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    window = make_window(app, Project.create(tmp_path / "new", words=["low"]).folder)
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        pass
    window.always_on._stalled.setInterval(0)
    window.always_on.listen.trigger()
    qtbot.waitUntil(lambda: window.page_name == "listen", timeout=PATIENCE_MS)
    window.close()
    window.deleteLater()


# -- starting with the desktop


def test_it_starts_with_the_desktop_while_its_file_is_there(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    always_on, file = window.always_on, tmp_path / "config/autostart/kws-studio.desktop"
    assert not always_on.start.isChecked() and not file.exists()
    always_on.start.trigger()
    lines = file.read_text(encoding="utf-8").splitlines()
    assert (
        always_on.start.isChecked()
        and lines[0] == "[Desktop Entry]"
        and "--background" in next(line for line in lines if line.startswith("Exec="))
    )
    file.write_text("\n".join([*lines, "Hidden=true"]), encoding="utf-8")  # as a desktop's settings switch it off
    always_on.refresh()
    assert not always_on.start.isChecked()
    always_on.start.trigger()
    assert autostart.is_on() and "Hidden" not in file.read_text(encoding="utf-8")
    always_on.start.trigger()
    assert not file.exists()


def test_a_folder_that_cannot_be_written_is_said(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config/autostart").write_text("a file", encoding="utf-8")
    with qtbot.waitSignal(window.always_on.failed) as failed:
        window.always_on.start.trigger()
    assert "autostart" in failed.args[0] and not window.always_on.start.isChecked()
    with pytest.raises(ProjectError):
        autostart.switch(True)


def test_a_path_with_spaces_and_signs_is_one_argument() -> None:
    assert autostart._argument('/a b/$x"%`\\') == '"/a b/\\\\$x\\\\"%%\\\\`\\\\\\\\"'


def test_what_it_starts_is_this_installation() -> None:
    *program, option = autostart.command()
    assert option == autostart.BACKGROUND
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([*program, "--help"], capture_output=True, text=True, timeout=60, env=environment)
    assert ran.returncode == 0 and "--background" in ran.stdout


# -- the icon


def test_the_icon_tells_by_shape_and_colour_whether_it_listens(qtbot: QtBot) -> None:
    def at(is_listening: bool, x: int, y: int) -> QColor:
        return marked(is_listening).pixmap(64, 64).toImage().pixelColor(x, y)

    green = theme.LIGHT.color("detection")
    assert at(True, 47, 47).getRgb()[:3] == green.getRgb()[:3]
    bars = [at(False, x, 47).lightness() > 200 for x in (44, 47, 50)]
    assert bars == [True, False, True]
