"""The Listen page through clicks and keys, with a real model file and, where sound is needed, a real sound path."""

from __future__ import annotations

import csv
import pathlib
import shutil
import time
from collections.abc import Callable

import numpy as np
import pytest
import tone_model
from leading import leads_to
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QScrollArea
from pytestqt.qtbot import QtBot
from tiny_project import WORDS, make_project, quick_settings
from tone_model import RATE, pause, tone
from virtual_microphone import VirtualMicrophone
from waiting import collect

from kws_engine import audio
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.operating.listening_log import read_log
from kws_engine.runs.job import Job
from kws_engine.runs.process import TrainingProcess
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.training.events import Finished
from kws_gui.pages.listen import models as listen_models
from kws_gui.pages.listen import page as listen
from kws_gui.pages.listen.log import HeardWord
from kws_gui.pages.listen.page import ListenPage
from kws_gui.pages.listen.use_log import UseLog
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.threshold_text import threshold_text

SAID = np.concatenate([pause(1.5), tone("low"), pause(1.5), tone("high"), pause(1.5)])
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def kws(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tone_model.write(tmp_path_factory.mktemp("model") / "tones.kws")


@pytest.fixture
def model() -> ProjectModel:
    return ProjectModel()


@pytest.fixture
def make_page(model: ProjectModel, make_listen_page: Callable[..., ListenPage]) -> Callable[[], ListenPage]:
    return lambda: make_listen_page(model, 856, 612)


@pytest.fixture
def page(make_page: Callable[[], ListenPage], kws: pathlib.Path, qtbot: QtBot) -> ListenPage:
    made = make_page()
    open_model(qtbot, made, kws)
    return made


def open_model(qtbot: QtBot, page: ListenPage, path: pathlib.Path) -> None:
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        page.choose(path)


def press(qtbot: QtBot, page: ListenPage) -> None:
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)


def listening(qtbot: QtBot, page: ListenPage) -> None:
    """Presses Listen and waits until sound arrives."""
    press(qtbot, page)
    until(qtbot, lambda: page.view.spectrogram.now_s() > 0.2)


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def words(page: ListenPage) -> list[str]:
    return [entry.word for entry in page.view.log.words()]


def sound_file(path: pathlib.Path, samples: np.ndarray = SAID) -> pathlib.Path:
    audio.write(path, samples, rate=RATE)
    return path


# -- without a microphone


def test_without_a_model_the_page_says_what_to_do(make_page: Callable[[], ListenPage], model: ProjectModel) -> None:
    page = make_page()
    assert page.empty.isVisible() and not page.button.isEnabled()
    assert not page.train_button.isVisible()  # nothing to train: no project is open
    assert page.open_button.isVisible()
    assert page.picker.currentIndex() == -1


def test_with_a_project_but_no_run_train_is_offered(
    qtbot: QtBot, make_page: Callable[[], ListenPage], model: ProjectModel, tmp_path: pathlib.Path
) -> None:
    page = make_page()
    model.open(Project.create(tmp_path / "mine", words=["low", "high"]))
    with leads_to(qtbot, page._navigation, "train"):
        qtbot.mouseClick(page.train_button, Qt.MouseButton.LeftButton)


def test_the_ready_model_is_one_click_away(
    qtbot: QtBot, make_page: Callable[[], ListenPage], model: ProjectModel, kws: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in (listen, listen_models):
        monkeypatch.setattr(module, "ready_model", lambda: kws)
    page = make_page()
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        qtbot.mouseClick(page.empty.button(), Qt.MouseButton.LeftButton)
    assert model.model_path == kws and page.view.isVisible() and page.button.isEnabled()
    assert page.picker.currentText() == "Ready model: directions"


def test_a_chosen_model_shows_its_words(page: ListenPage) -> None:
    assert page.button.isEnabled() and page.button.text() == "Listen"
    assert page.view.strip.row("low").threshold() == DetectorConfig().threshold
    assert page.picker.currentText() == "tones.kws"
    assert "low or high" in page.view.word.accessibleDescription()


def test_a_damaged_model_is_said_on_the_page(
    qtbot: QtBot, make_page: Callable[[], ListenPage], tmp_path: pathlib.Path
) -> None:
    page = make_page()
    letter = tmp_path / "letter.kws"
    letter.write_text("dear aunt")
    page.choose(letter)
    until(qtbot, page.messages.isVisible)
    assert "letter.kws is not a KWS Studio model" in page.messages.text()
    assert not page.button.isEnabled()


def test_after_a_damaged_model_the_old_strips_do_nothing_and_a_good_one_works(
    qtbot: QtBot, page: ListenPage, kws: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    letter = tmp_path / "letter.kws"
    letter.write_text("dear aunt")
    page.choose(letter)
    until(qtbot, page.messages.isVisible)
    assert not page.view.strip.isEnabled() and not page.view.file_button.isEnabled()
    open_model(qtbot, page, kws)
    assert page.view.strip.isEnabled() and page.button.isEnabled() and not page.messages.isVisible()


def test_moved_handles_are_where_they_were(
    qtbot: QtBot, make_page: Callable[[], ListenPage], kws: pathlib.Path
) -> None:
    first = make_page()
    open_model(qtbot, first, kws)
    first.view.setSizes([400, 424])
    first.shutdown()
    moved = first.view.sizes()
    second = make_page()
    assert abs(second.view.sizes()[1] - moved[1]) <= 2


def drop(page: ListenPage, path: pathlib.Path) -> bool:
    """Drags a file onto the page; whether it was taken."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), copy, mime, left, none)
    page.dragEnterEvent(enter)
    page.dropEvent(QDropEvent(QPointF(9, 9), copy, mime, left, none))
    return enter.isAccepted()


def test_a_model_can_be_dropped(qtbot: QtBot, make_page: Callable[[], ListenPage], kws: pathlib.Path) -> None:
    page = make_page()
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        assert drop(page, kws)
    assert page.picker.currentText() == "tones.kws"


def test_a_model_can_be_opened_from_the_list(
    qtbot: QtBot, make_page: Callable[[], ListenPage], kws: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(kws), ""))
    page = make_page()
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        page.picker.activated.emit(page.picker.count() - 1)
    assert page.picker.currentText() == "tones.kws"


def test_a_moved_threshold_is_remembered_for_that_file_and_can_be_reset(
    qtbot: QtBot, make_page: Callable[[], ListenPage], kws: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    first = make_page()
    open_model(qtbot, first, kws)
    assert not first.view.fold.reset.isEnabled()
    qtbot.keyClick(first.view.strip.row("low"), Qt.Key.Key_Down)
    assert first.bridge.thresholds["low"] == pytest.approx(DetectorConfig().threshold - 0.01)

    second = make_page()
    copy = tmp_path / "renamed.kws"
    copy.write_bytes(kws.read_bytes())
    open_model(qtbot, second, copy)
    assert second.view.strip.row("low").threshold() == pytest.approx(DetectorConfig().threshold - 0.01)
    assert second.view.fold.state() == "1 threshold moved"

    second.view.fold.setOpen(True)
    qtbot.mouseClick(second.view.fold.reset, Qt.MouseButton.LeftButton)
    assert second.view.strip.row("low").threshold() == second.bridge.thresholds["low"] == DetectorConfig().threshold
    assert not second.view.fold.reset.isEnabled()

    other = tone_model.write(tmp_path / "other.kws", manifest={"detector": {"thresholds": {"high": 0.4}}})
    open_model(qtbot, second, other)
    assert second.bridge.thresholds == {"low": DetectorConfig().threshold, "high": 0.4}


def test_detector_settings_are_remembered_for_that_file(
    qtbot: QtBot, make_page: Callable[[], ListenPage], kws: pathlib.Path
) -> None:
    first = make_page()
    open_model(qtbot, first, kws)
    first.view.fold.setOpen(True)
    editor = first.view.fold.form.editor("threshold")
    editor.lineEdit().setFocus()
    editor.lineEdit().selectAll()
    qtbot.keyClicks(editor.lineEdit(), "0.6")
    assert first.bridge.thresholds == {"low": 0.6, "high": 0.6}
    assert first.view.strip.row("high").threshold() == 0.6
    second = make_page()
    open_model(qtbot, second, kws)
    assert second.view.fold.form.value().threshold == 0.6
    assert second.bridge.thresholds == {"low": 0.6, "high": 0.6}


def test_a_sound_file_is_heard_into_the_log(
    qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sound_file(tmp_path / "said.wav")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(page.view.file_button, Qt.MouseButton.LeftButton)
    until(qtbot, page.messages.isVisible)
    assert page.messages.text() == "2 words were heard in said.wav (5.7 s)."
    assert words(page) == ["low", "high"]
    assert page.view.log.table.item(1, 0).text().startswith("0:0")
    assert page.view.file_button.isEnabled() and not page.progress.isVisible()


def test_a_silent_file_and_a_bad_one_are_said(qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path) -> None:
    assert drop(page, sound_file(tmp_path / "quiet.wav", pause(2.0)))
    until(qtbot, page.messages.isVisible)
    assert page.messages.text() == "No word was heard in quiet.wav (2.0 s)."
    letter = tmp_path / "letter.wav"
    letter.write_text("dear aunt")
    page.listen_to_file(letter)
    until(qtbot, lambda: "letter.wav is not audio" in page.messages.text())
    assert page.messages.kind() == "error"


def test_a_long_file_can_be_cancelled(qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path) -> None:
    page.listen_to_file(sound_file(tmp_path / "long.wav", np.tile(SAID, 60)))
    until(qtbot, lambda: page.progress.isVisible())
    qtbot.mouseClick(page.progress.cancelButton(), Qt.MouseButton.LeftButton)
    until(qtbot, page.messages.isVisible)
    assert "then you stopped" in page.messages.text()


def test_the_log_is_saved_as_csv_and_cleared(
    qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.listen_to_file(sound_file(tmp_path / "said.wav"))
    until(qtbot, lambda: len(words(page)) == 2)
    target = tmp_path / "heard.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(page.view.log.save_button, Qt.MouseButton.LeftButton)
    rows = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
    assert [(row["word"], row["source"]) for row in rows] == [("low", "said.wav"), ("high", "said.wav")]
    assert 1.5 < float(rows[0]["seconds"]) < 2.7 and DetectorConfig().threshold <= float(rows[0]["score"]) <= 1
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "x.csv"), ""))
    qtbot.mouseClick(page.view.log.save_button, Qt.MouseButton.LeftButton)
    assert page.messages.kind() == "error" and "x.csv" in page.messages.text()
    qtbot.mouseClick(page.view.log.clear_button, Qt.MouseButton.LeftButton)
    assert words(page) == [] and page.view.log.table.rowCount() == 0 and not page.view.log.save_button.isEnabled()


def test_a_long_log_keeps_everything_and_shows_a_thousand(page: ListenPage) -> None:
    from datetime import datetime

    now = datetime(2026, 1, 2, 3, 4, 5)
    for number in range(1010):
        page.view.log.add(HeardWord(f"w{number}", 0.9, now))
    assert page.view.log.table.rowCount() == 1000
    assert page.view.log.table.item(0, 1).text() == "w1009"
    assert page.view.log.csv_text().count("\n") == 1011


def test_everything_fits_a_small_window_and_has_a_name(page: ListenPage) -> None:
    assert page.minimumSizeHint().width() <= 1024 - 168
    assert page.minimumSizeHint().height() <= 612
    for widget in (page.picker, page.devices.box, page.devices.again, page.meter, page.view.word, page.view.log.table):
        assert widget.accessibleName()
    assert "Ctrl+L" in page.button.toolTip()


# -- a model trained here


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three words of tones, learned in a process of its own within seconds."""
    project = make_project(tmp_path_factory.mktemp("project") / "tones")
    settings = quick_settings("model.name=fnn", "training.epochs=15", "training.clips_per_epoch=512")
    process = TrainingProcess(Job(project.folder, settings.to_dict()))
    events = collect(process.poll, lambda _: process.ended, seconds=300)
    process.close()
    assert isinstance(events[-1], Finished), events[-1]
    return project


@pytest.mark.slow
def test_the_newest_run_listens_and_finds_its_words(
    qtbot: QtBot, make_page: Callable[[], ListenPage], model: ProjectModel, trained: Project, tmp_path: pathlib.Path
) -> None:
    page = make_page()
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        model.open(trained)
    assert "fnn" in page.picker.currentText() and page.button.isEnabled()
    for word in WORDS:  # its own are for talk, and a run of seconds is too unsure for them
        page.view.strip.row(word).setThreshold(DetectorConfig().threshold)
    noise = np.random.default_rng(5).normal(0, 0.003, 2 * RATE).astype(np.float32)
    takes = [audio.read(trained.clips_folder / word / "ann_nohash_0.wav", rate=RATE) for word in WORDS]
    said = np.concatenate([noise, *(part for take in takes for part in (take, noise))])
    page.listen_to_file(sound_file(tmp_path / "said.wav", said))
    until(qtbot, page.messages.isVisible)
    assert words(page) == list(WORDS)


@pytest.mark.slow
def test_a_new_run_takes_over_unless_sound_is_being_heard(
    qtbot: QtBot, page: ListenPage, model: ProjectModel, trained: Project, tmp_path: pathlib.Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained.folder, copy)
    model.open(Project.open(copy))
    until(qtbot, lambda: not page._runs.is_reading())
    assert model.model_path is not None and model.model_path.name == "tones.kws"  # what was chosen by hand stays
    run = next((copy / "runs").iterdir())
    shutil.copytree(run, run.with_name("20990101-000000-fnn"))
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        page._runs.read()
    assert page.picker.currentText().startswith("1 Jan 00:00 · fnn")


# -- with a microphone


@pytest.mark.slow
def test_a_word_said_lights_up_and_is_logged(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, tmp_path: pathlib.Path
) -> None:
    listening(qtbot, page)
    assert page.button.text() == "Stop" and "Ctrl+L" in page.button.toolTip()
    player = virtual_microphone.play(sound_file(tmp_path / "said.wav"))
    until(qtbot, lambda: words(page) == ["low"])
    assert page.view.word.word() == "low" and page.view.word.isLit() and page.view.strip.row("low").isLit()
    assert "low at" in page.view.spectrogram.accessibleDescription()
    until(qtbot, lambda: words(page) == ["low", "high"])
    assert page.view.log.table.item(0, 1).text() == "high"
    until(qtbot, lambda: player.poll() is not None and not page.view.word.isLit())
    press(qtbot, page)
    assert page.button.text() == "Listen" and not page.bridge.is_running
    assert words(page) == ["low", "high"] and page.view.word.word() == "high"


def test_space_and_the_shortcut_listen_and_stop(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone
) -> None:
    page.setFocus()
    qtbot.keyClick(page, Qt.Key.Key_Space)
    until(qtbot, lambda: page.bridge.is_running)
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert not page.is_listening and not page.bridge.is_running
    qtbot.keyClick(page, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    until(qtbot, lambda: page.bridge.is_running)
    qtbot.keyClick(page, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    until(qtbot, lambda: not page.is_listening)


def test_a_threshold_dragged_to_the_top_silences_its_word(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, tmp_path: pathlib.Path
) -> None:
    listening(qtbot, page)
    row = page.view.strip.row("low")
    x = row.width() // 2
    qtbot.mousePress(row, Qt.MouseButton.LeftButton, pos=QPoint(x, row.height() // 2))
    qtbot.mouseMove(row, QPoint(x, 4))
    qtbot.mouseMove(row, QPoint(x, 0))
    qtbot.mouseRelease(row, Qt.MouseButton.LeftButton, pos=QPoint(x, 0))
    if row.threshold() < 1.0:  # the offscreen mouse may not drag; a press at the top moves the line as well
        qtbot.mousePress(row, Qt.MouseButton.LeftButton, pos=QPoint(x, 0))
    assert page.bridge.thresholds["low"] == row.threshold() == 1.0
    virtual_microphone.play(sound_file(tmp_path / "said.wav"))
    until(qtbot, lambda: words(page))
    assert words(page) == ["high"]


@pytest.mark.slow
def test_a_pulled_out_microphone_is_said_and_listening_goes_on_by_itself_when_it_is_back(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, tmp_path: pathlib.Path
) -> None:
    listening(qtbot, page)
    said = sound_file(tmp_path / "said.wav")
    virtual_microphone.play(said)
    until(qtbot, lambda: words(page) == ["low", "high"])
    before_s = page.view.spectrogram.now_s()
    virtual_microphone.unplug()
    until(qtbot, page.messages.isVisible)
    assert page.messages.kind() == "warning" and "listening goes on by itself" in page.messages.text()
    assert page.is_listening and not page.bridge.is_running and page.button.text() == "Stop"
    assert words(page) == ["low", "high"] and page.view.spectrogram.now_s() >= before_s

    virtual_microphone.plug(rate=RATE)
    until(qtbot, lambda: page.bridge.is_running)
    after_s = page.view.spectrogram.now_s()
    until(qtbot, lambda: page.view.spectrogram.now_s() > after_s + 0.5)
    assert not page.messages.isVisible()
    virtual_microphone.play(said)
    until(qtbot, lambda: words(page) == ["low", "high", "low", "high"])


def test_a_microphone_that_is_away_is_not_waited_for_after_stop(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone
) -> None:
    listening(qtbot, page)
    virtual_microphone.unplug()
    until(qtbot, page.messages.isVisible)
    press(qtbot, page)
    assert page.button.text() == "Listen" and not page._microphones.waits_for
    virtual_microphone.plug(rate=RATE)
    listening(qtbot, page)
    assert not page.messages.isVisible()


@pytest.mark.slow
def test_a_sound_server_that_does_not_answer_is_said_and_stops_nothing(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone
) -> None:
    longest_s = 0.0
    with virtual_microphone.stopped():
        press(qtbot, page)
        asked_s = last_s = time.monotonic()

        def is_answered() -> bool:
            nonlocal longest_s, last_s
            now_s = time.monotonic()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
            return bool(page.messages.isVisible())

        qtbot.waitUntil(is_answered, timeout=30_000)
        assert "has not answered" in page.messages.text() and page.button.text() == "Listen"
        assert last_s - asked_s < 8 and longest_s < 1, "the window goes on meanwhile"
        began_s = time.monotonic()
        page._microphones.shutdown()
        assert time.monotonic() - began_s < 1, "and closes at once"


@pytest.mark.slow
def test_another_device_goes_on_listening(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, tmp_path: pathlib.Path
) -> None:
    listening(qtbot, page)
    until(qtbot, lambda: page.devices.box.count() > 1)
    index = next(i for i in range(page.devices.box.count()) if "Desk" in page.devices.box.itemText(i))
    page.devices.box.setCurrentIndex(index)
    page.devices.box.activated.emit(index)
    until(qtbot, lambda: page.bridge.is_running)
    now_s = page.view.spectrogram.now_s()
    until(qtbot, lambda: page.view.spectrogram.now_s() > now_s + 0.5)
    virtual_microphone.play(sound_file(tmp_path / "said.wav"))
    until(qtbot, lambda: words(page) == ["low", "high"])
    assert not page.messages.isVisible()


@pytest.mark.slow
def test_another_model_goes_on_listening(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, tmp_path: pathlib.Path
) -> None:
    listening(qtbot, page)
    open_model(qtbot, page, tone_model.write(tmp_path / "other.kws"))
    assert page.is_listening and page.button.text() == "Stop"
    until(qtbot, lambda: page.view.spectrogram.now_s() > 0.5)
    virtual_microphone.play(sound_file(tmp_path / "said.wav"))
    until(qtbot, lambda: words(page) == ["low", "high"])
    with qtbot.waitSignal(page.bridge.failed, timeout=PATIENCE_MS):
        (tmp_path / "letter.kws").write_text("dear aunt")
        page.choose(tmp_path / "letter.kws")
    assert not page.is_listening and not page.bridge.is_running and page.messages.isVisible()


def test_the_list_and_the_large_word_show_the_peak_of_the_score(qtbot: QtBot, page: ListenPage) -> None:
    opened = page.bridge.opened
    assert opened is not None
    steps = opened.model.detector().feed(SAID)
    for step in steps:
        if step.detection is not None:
            page.bridge.detected.emit(step.detection)
        if step.risen is not None:
            page.bridge.risen.emit(step.risen)
    shown = [entry.score for entry in page.view.log.words()]
    crossings = [step.detection.score for step in steps if step.detection]
    peaks = [max(step.scores[column] for step in steps) for column in (0, 1)]
    assert shown == pytest.approx(peaks) and all(peak > first for peak, first in zip(shown, crossings, strict=True))
    assert page.view.log.table.item(0, 2).text() == threshold_text(float(peaks[1]))
    assert page.view.word.accessibleDescription().endswith(f"score {threshold_text(float(peaks[1]))}")
    page.view.log.clear()
    page.bridge.risen.emit(next(step.risen for step in reversed(steps) if step.risen))
    assert page.view.log.words() == []


@pytest.mark.parametrize("size", [(1112, 768), (856, 608)])  # of the page, in a window of 1280 x 800 and 1024 x 640
def test_all_of_nine_strips_can_be_reached(qtbot: QtBot, page: ListenPage, size: tuple[int, int]) -> None:
    page.resize(*size)
    nine = {f"word {number}": 0.5 for number in range(9)}
    assert page.bridge.picture is not None
    page.view.first.setModel(list(nine), nine, rate=RATE, curves={})
    area = page.view.first.parentWidget().parentWidget().parentWidget()
    assert isinstance(area, QScrollArea)
    strip, bar = page.view.strip, area.verticalScrollBar()
    fits = size[1] == 768
    until(qtbot, lambda: strip.height() >= strip.minimumSizeHint().height() > 400 and (bar.maximum() == 0) == fits)
    for word in nine:
        row = strip.row(word)
        bar.setValue(row.y())
        top = row.mapTo(area.viewport(), QPoint(0, 0)).y()
        assert top >= 0 and top + row.height() <= area.viewport().height(), word


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_the_opened_list_of_models_is_as_wide_as_its_longest_entry(
    qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path
) -> None:
    page.picker.setPath(tmp_path / f"{'a long name ' * 5}.kws")
    page.picker.showPopup()
    popup = page.picker.view()
    until(qtbot, popup.isVisible)
    assert popup.viewport().width() >= popup.sizeHintForColumn(0)
    assert popup.visualRect(popup.model().index(page.picker.count() - 1, 0)).bottom() <= popup.viewport().height()
    page.picker.hidePopup()


def test_lost_sound_is_said(qtbot: QtBot, page: ListenPage) -> None:
    page.bridge.lost.emit(192)
    assert page.messages.text() == "12 ms of sound were lost: the computer is busy."
    page.bridge.lost.emit(RATE * 2)
    assert page.messages.text() == "2.0 s of sound were lost: the computer is busy."


def test_a_microphone_that_is_not_there_is_said_and_another_can_be_chosen(
    qtbot: QtBot, model: ProjectModel, make_page: Callable[[], ListenPage], kws: pathlib.Path,
    virtual_microphone: VirtualMicrophone,
) -> None:  # fmt: skip
    QSettings().setValue("microphone/device", "Studio")
    page = make_page()
    open_model(qtbot, page, kws)
    assert page.devices.box.currentText() == "Studio"
    press(qtbot, page)
    until(qtbot, page.messages.isVisible)
    assert 'No microphone is called "Studio"' in page.messages.text() and page.button.text() == "Listen"
    page.devices.box.setCurrentIndex(0)
    page.devices.box.activated.emit(0)
    qtbot.mouseClick(page.messages.remedyButton(), Qt.MouseButton.LeftButton)
    until(qtbot, lambda: page.bridge.is_running)
    assert not page.messages.isVisible() and page.button.text() == "Stop"


@pytest.mark.slow
def test_what_is_heard_in_a_project_is_written_down(
    qtbot: QtBot,
    page: ListenPage,
    model: ProjectModel,
    kws: pathlib.Path,
    virtual_microphone: VirtualMicrophone,
    tmp_path: pathlib.Path,
) -> None:
    project = Project.create(tmp_path / "mine", words=["low", "high"])
    model.open(project)
    if page.bridge.opened is None:
        open_model(qtbot, page, kws)
    for _ in range(2):
        before = len(words(page))
        listening(qtbot, page)
        virtual_microphone.play(sound_file(tmp_path / "said.wav"))
        until(qtbot, lambda before=before: len(words(page)) == before + 2)
        press(qtbot, page)
        until(qtbot, lambda: page.use_log._log is None)
    logged = read_log(ProjectFolder(project.folder).listening_log, rate=RATE)
    assert [one.word for one in logged.detections] == words(page) == ["low", "high"] * 2
    scores = [one.score for one in logged.detections]
    assert scores == pytest.approx([entry.score for entry in page.view.log.words()], abs=1e-5)
    times = [one.at_sample for one in logged.detections]
    assert times == sorted(times) and times[-1] <= logged.samples < 60 * RATE


def test_a_log_that_cannot_be_written_is_said_and_listening_goes_on(qtbot: QtBot, tmp_path: pathlib.Path) -> None:
    log = UseLog()
    with qtbot.waitSignal(log.failed) as said:
        log.begin(tmp_path, model=tmp_path / "tones.kws", rate=RATE)  # a folder
    assert "cannot be written" in said.args[0]
    log.take([])
    log.end()


def test_thresholds_near_one_are_listed_and_moved_in_small_steps(
    qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path
) -> None:
    open_model(
        qtbot, page, tone_model.write(tmp_path / "sure.kws", manifest={"detector": {"thresholds": {"low": 0.99983}}})
    )
    row = page.view.strip.row("low")
    assert row.threshold() == page.bridge.thresholds["low"] == 0.99983
    assert row.accessibleDescription() == "threshold 0.99983"
    qtbot.keyClick(row, Qt.Key.Key_Up)
    assert 0.99983 < row.threshold() < 0.9999 and page.bridge.thresholds["low"] == row.threshold()
    for _ in range(20):
        qtbot.keyClick(row, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert row.threshold() == 1.0
    for _ in range(3):
        qtbot.keyClick(row, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert 0.9 < row.threshold() < 0.9999
