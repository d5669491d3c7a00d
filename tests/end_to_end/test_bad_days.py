"""What goes wrong in a person's day, in the whole window: one sentence where it happened, nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tone_model
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from tiny_project import RATE, WORDS, make_project, quick_settings
from virtual_microphone import VirtualMicrophone

from kws_engine import audio
from kws_engine.clips.project import Project
from kws_gui import theme
from kws_gui.main_window import MainWindow
from kws_gui.services import remembered

PATIENCE_MS = 60_000
TAKES = 4


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


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def click(qtbot: QtBot, widget: QWidget) -> None:
    assert widget.isVisible() and widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def open_recent(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    """Clicks a project in the list of the start screen, which knows it from earlier."""
    show_recent(window, folder)
    click_recent(qtbot, window)


def show_recent(window: MainWindow, folder: Path) -> None:
    remembered.remember_project(folder)
    window.services.navigation.show_page("start")
    assert window.page("start").recent.isVisible()


def click_recent(qtbot: QtBot, window: MainWindow) -> None:
    recent = window.page("start").recent
    qtbot.mouseClick(recent.viewport(), Qt.MouseButton.LeftButton, pos=recent.visualItemRect(recent.item(0)).center())
    until(qtbot, lambda: not window.services.projects.is_busy)


def opened(qtbot: QtBot, window: MainWindow, folder: Path) -> Project:
    make_project(folder, takes=TAKES)
    open_recent(qtbot, window, folder)
    until(qtbot, lambda: window.page_name == "words")
    project = window.services.project.project
    assert project is not None
    return project


def drop(widget: QWidget, path: Path) -> None:
    """Drags a file or folder onto a page and lets go."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(9, 9), *how)
    QApplication.sendEvent(widget, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(widget, QDropEvent(QPointF(9, 9), *how))


# -- a project that cannot be opened


def test_a_project_of_a_newer_program_is_said_and_left_as_it_is(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    file = make_project(tmp_path / "future", takes=1).folder / "project.toml"
    file.write_text(file.read_text().replace("schema = 1", "schema = 99"))
    before = file.read_bytes()
    open_recent(qtbot, window, tmp_path / "future")
    assert window.messages.isVisible() and window.messages.kind() == "error"
    assert "99" in window.messages.text() and "newer" in window.messages.text()
    assert window.page_name == "start" and window.services.project.project is None
    assert file.read_bytes() == before


def test_a_project_that_is_gone_is_said_while_another_stays_open(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    project = opened(qtbot, window, tmp_path / "tones")
    open_recent(qtbot, window, tmp_path / "gone")
    assert window.messages.isVisible() and "gone" in window.messages.text()
    assert window.services.project.project is project
    assert tmp_path / "gone" not in remembered.recent_projects()
    click(qtbot, window.rail.button("words"))
    assert window.page("words").words.tree.topLevelItemCount() == len(WORDS) + 2


def test_a_folder_that_is_no_project_is_said(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "holidays").mkdir()
    open_recent(qtbot, window, tmp_path / "holidays")
    assert window.messages.isVisible() and "holidays" in window.messages.text()
    assert list((tmp_path / "holidays").iterdir()) == []


@pytest.fixture
def lock() -> Iterator[Callable[[Path], None]]:
    """Takes the right to write a folder away from this process, also when the tests run as root."""
    locked: list[Path] = []

    def take_away(folder: Path) -> None:
        locked.append(folder)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if os.getuid() == 0:
            os.seteuid(65534)

    yield take_away
    if os.getuid() == 0:
        os.seteuid(0)
    for folder in locked:
        for path in (folder, *folder.rglob("*")):
            path.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)


def test_a_read_only_project_can_be_looked_at_and_what_cannot_be_stored_is_said(
    window: MainWindow, qtbot: QtBot, lock: Callable[[Path], None]
) -> None:
    home = Path(tempfile.mkdtemp())  # pytest's own folders are for their owner only
    show_recent(window, make_project(home / "tones", takes=TAKES).folder)
    lock(home)
    click_recent(qtbot, window)
    until(qtbot, lambda: window.page_name == "words")
    page = window.page("words")
    assert page.table.rows.rowCount() == TAKES
    page.table.selectRow(0)
    click(qtbot, page.recorder.delete)
    assert page.messages.isVisible() and page.messages.kind() == "error"
    assert "written" in page.messages.text()
    assert page.table.rows.rowCount() == TAKES
    page.messages.clear()
    qtbot.keyClicks(page.words.add_field, "stop")
    qtbot.keyClick(page.words.add_field, Qt.Key.Key_Return)
    assert page.messages.isVisible() and "written" in page.messages.text()
    assert page.words.add_field.text() == "stop"  # what was typed is not lost


# -- words and recordings


def test_an_impossible_word_is_refused_and_what_was_typed_stays(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    opened(qtbot, window, tmp_path / "tones")
    page = window.page("words")
    page.words.add_field.setText("n" * 300)
    qtbot.keyClick(page.words.add_field, Qt.Key.Key_Return)
    assert page.messages.isVisible() and "300 characters" in page.messages.text()
    assert page.words.add_field.text() == "n" * 300
    assert page.sizeHint().width() < 2000
    qtbot.waitUntil(lambda: page.messages.width() <= window.width(), timeout=PATIENCE_MS)  # a window grows when it can


def test_a_folder_of_bad_recordings_comes_in_as_far_as_it_can_and_each_bad_one_is_named(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    project = opened(qtbot, window, tmp_path / "tones")
    bad = {"letter.wav", "empty.wav", "cut.flac", "long.wav"}
    folder = _bad_recordings(tmp_path / "stop")
    page = window.page("words")
    drop(page, folder)
    until(qtbot, lambda: page.transfers.review is not None)
    click(qtbot, page.transfers.review.go)
    until(qtbot, lambda: page.imports.result.isVisible())
    assert page.imports.result.text() == "Imported 2 clips of 1 word; 4 left out, listed below."
    listed = [page.imports.left_out.item(row).text() for row in range(page.imports.left_out.count())]
    assert {line.partition(":")[0] for line in listed} == bad
    assert all(line.endswith(".") for line in listed)
    click(qtbot, page.imports.fold.header())
    assert page.imports.left_out.isVisible()
    assert len(project.clips(word="stop")) == 2


def _bad_recordings(folder: Path) -> Path:
    """Two unusual recordings that can be read and four that cannot."""
    folder.mkdir()
    voice = tone_model.tone("low")
    soundfile.write(folder / "phone_nohash_0.wav", np.stack([voice[::2]] * 2, axis=1), RATE // 2)  # 8 kHz stereo
    soundfile.write(folder / "studio_nohash_0.wav", np.repeat(voice, 6), RATE * 6, subtype="FLOAT")  # 96 kHz float
    (folder / "letter.wav").write_text("Dear aunt, this is no sound at all.")
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "cut.flac", np.random.default_rng(0).normal(0, 0.1, 2 * RATE), RATE)
    (folder / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:20_000])
    with soundfile.SoundFile(folder / "long.wav", "w", 8000, 1, "PCM_U8") as file:
        for _ in range(120):  # two hours
            file.write(np.zeros(60 * 8000, np.float32))
    return folder


def test_a_folder_without_any_recording_is_said(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    opened(qtbot, window, tmp_path / "tones")
    (tmp_path / "nothing").mkdir()
    page = window.page("words")
    drop(page, tmp_path / "nothing")
    until(qtbot, lambda: page.imports.result.isVisible())
    assert page.imports.result.kind() == "error" and "no readable clip" in page.imports.result.text()


# -- the microphone


def test_a_microphone_pulled_out_while_recording_is_said_and_the_takes_are_kept(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    project = opened(qtbot, window, tmp_path / "tones")
    page = window.page("words")
    until(qtbot, lambda: window.services.microphones.is_open)
    page.recorder._countdown.setChecked(False)
    page.recorder._takes.setValue(5)
    virtual_microphone.play(
        _file(tmp_path, np.tile(np.concatenate([tone_model.tone("low"), tone_model.pause(0.5)]), 9))
    )
    click(qtbot, page.recorder.record)
    until(qtbot, lambda: page.table.rows.rowCount() == TAKES + 1 and page.recorder.count.text() == "Speak")
    virtual_microphone.unplug()
    until(qtbot, lambda: page.messages.isVisible())
    assert page.recorder.record.text() == "Record" and page.messages.remedyButton().text() == "Try again"
    assert len(Project.open(project.folder).clips(word="low")) == TAKES + 1
    assert "No microphone" in window.rail.microphone.choose.accessibleName()
    virtual_microphone.plug()
    click(qtbot, page.messages.remedyButton())
    until(qtbot, lambda: window.services.microphones.is_open and not page.messages.isVisible())


def test_a_microphone_pulled_out_while_listening_is_said_and_what_was_heard_stays(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    window.services.project.set_model_path(tone_model.write(tmp_path / "tones.kws"))
    window.services.navigation.show_page("listen")
    page = window.page("listen")
    until(qtbot, page.button.isEnabled)
    click(qtbot, page.button)
    until(qtbot, lambda: page.view.spectrogram.now_s() > 0.2)
    said = np.concatenate([tone_model.pause(1.5), tone_model.tone("low"), tone_model.pause(1.5)])
    virtual_microphone.play(_file(tmp_path, said))
    until(qtbot, lambda: page.view.log.words())
    virtual_microphone.unplug()
    until(qtbot, lambda: page.messages.isVisible())
    assert page.messages.kind() == "warning" and page.button.text() == "Stop"
    assert [entry.word for entry in page.view.log.words()] == ["low"]


def _file(folder: Path, sound: np.ndarray) -> Path:
    audio.write(folder / "said.wav", sound, rate=RATE)
    return folder / "said.wav"


def test_a_model_file_that_is_none_is_said_where_it_was_dropped(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.kws"
    letter.write_text("dear aunt")
    click(qtbot, window.rail.button("listen"))
    page = window.page("listen")
    drop(page, letter)
    until(qtbot, lambda: page.messages.isVisible())
    assert "letter.kws is not a KWS Studio model" in page.messages.text()
    assert not page.button.isEnabled()
    drop(page, tone_model.write(tmp_path / "tones.kws"))
    until(qtbot, page.button.isEnabled)
    assert not page.messages.isVisible()


# -- training


@pytest.mark.slow
def test_a_killed_training_is_said_on_its_page_while_the_person_was_elsewhere(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "tones", takes=TAKES * 2).edit.save_settings(
        quick_settings("training.epochs=5000").to_dict()
    )
    open_recent(qtbot, window, tmp_path / "tones")
    until(qtbot, lambda: window.page_name == "words")
    click(qtbot, window.rail.button("train"))
    page = window.page("train")
    click(qtbot, page.train)
    until(qtbot, lambda: len(page.run.curves.points()) >= 1)
    epochs = len(page.run.curves.points())
    click(qtbot, window.rail.button("words"))
    assert window.services.training.pid is not None
    os.kill(window.services.training.pid, signal.SIGKILL)
    until(qtbot, lambda: not window.services.training.is_running and not window.services.runs.is_reading())
    click(qtbot, window.rail.button("train"))
    assert page.messages.isVisible() and "SIGKILL" in page.messages.text()
    assert page.train.text() == "Train" and page.train.isEnabled()
    until(qtbot, lambda: [page.runs.tree.topLevelItem(0).text(4)] == ["cut off"])
    assert len(page.run.curves.points()) >= epochs
