"""The Teach page through its buttons and keys, with a real microphone path and real projects on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import promised_run
import pytest
from leading import leads_to
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot
from virtual_microphone import VirtualMicrophone

from kws_engine import audio, resources
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import add_talk, seconds_of_talk
from kws_engine.clips.project import Project
from kws_engine.runs.teaching import TAKES, teach_settings
from kws_engine.settings import Settings
from kws_engine.spotting.decision import Detection
from kws_gui.app import make_window
from kws_gui.main_window import MainWindow
from kws_gui.page_frame import PageFrame
from kws_gui.pages.teach.distance import DistancePanel, DistanceTest
from kws_gui.pages.teach.page import TeachPage
from kws_gui.pages.teach.talk_text import TEXT, without
from kws_gui.services import remembered
from kws_gui.services import teaching as teaching_service

PATIENCE_MS = 60_000
RATE = 16_000
QUICK = ("training.epochs=8", "training.clips_per_epoch=2560", "training.false_alarms_per_hour=5")


def quick_settings() -> Settings:
    """Teaching in less time, for a model of less."""
    return teach_settings().with_options(QUICK)


@pytest.fixture(autouse=True)
def _quick(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
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
    until(qtbot, lambda: page.speak.count_takes() >= TAKES, patience_ms=90_000)
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
    until(qtbot, lambda: page.try_it.heard >= 5)
    assert page.try_it.word.word() == "computer"
    assert "Misses" in page.try_it.promise.text() and "Fires falsely" in page.try_it.promise.text()


def test_a_word_that_is_none_is_refused_while_it_is_typed(window: MainWindow, qtbot: QtBot) -> None:
    window.services.navigation.show_page("teach")
    page = page_of(window)
    assert page.step == "type" and not page.type.next.isEnabled()
    qtbot.keyClicks(page.type.field, "a/b")
    assert "holds /" in page.type.told.text() and not page.type.next.isEnabled()
    qtbot.keyClick(page.type.field, Qt.Key.Key_Return)
    assert page.step == "type" and window.services.project.project is None
    page.type.field.setText("lamp, LAMP")
    assert "capitals" in page.type.told.text() and not page.type.next.isEnabled()


def test_phrases_and_several_words_make_a_project_with_longer_clips(window: MainWindow, qtbot: QtBot) -> None:
    page = typed(window, qtbot, "good  morning house, lamp")
    project = window.services.project.project
    assert project is not None and project.words == ("good morning house", "lamp")
    assert project.clip_ms == 1800 and Project.open(project.folder).clip_ms == 1800
    assert page.speak.word.fullText() == "good morning house"


@pytest.mark.slow
def test_noise_clipping_and_what_is_too_long_are_refused_in_words_and_asked_for_again(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    page = typed(window, qtbot, "computer")
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    told: list[str] = []
    page.speak.hands_free.refused.connect(told.append)
    word = said("computer", 1)[0]
    rng = np.random.default_rng(1)
    noise = 0.2 * np.hanning(8000) * rng.standard_normal(8000)
    clipped = np.clip(20 * word, -1, 1)
    endless = np.concatenate([audio.read(path, rate=RATE)[2000:-3000] for path in starter_clips("computer")[:6]])
    sounds = [noise.astype(np.float32), clipped, endless, word]
    play(virtual_microphone, tmp_path, stream(sounds, gap_s=1.2))
    until(qtbot, lambda: page.speak.count_takes() == 1)
    assert len(told) == 3, told
    assert "not a voice" in told[0] and "Clipping" in told[1] and "Too long" in told[2]
    assert page.speak.told.text().startswith("Heard")


@pytest.mark.slow
def test_silence_is_said(window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone) -> None:
    page = typed(window, qtbot, "computer")
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    until(qtbot, lambda: "Nothing is heard" in page.speak.told.text())
    assert page.speak.count_takes() == 0


def test_the_last_take_is_taken_back_and_comes_again(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "few", takes=12)
    page = opened(window, qtbot, tmp_path / "few")
    assert page.step == "speak" and page.speak.count.text() == "12 of 20"
    assert page.speak.hands_free.state == "idle"  # nobody has asked for it just now
    qtbot.keyClick(page.speak, Qt.Key.Key_Backspace)
    assert page.speak.count.text() == "11 of 20" and page.speak.tiles.count() == 11
    window.services.project.undo_stack.undo()
    assert page.speak.count.text() == "12 of 20"


@pytest.mark.slow
def test_space_pauses_and_goes_on_and_a_lost_microphone_is_waited_for(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    page = typed(window, qtbot, "computer")
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    qtbot.keyClick(page.speak, Qt.Key.Key_Space)
    assert page.speak.hands_free.state == "idle" and page.speak.told.text().startswith("Paused")
    play(virtual_microphone, tmp_path, stream(said("computer", 1)))
    qtbot.keyClick(page.speak, Qt.Key.Key_Space)
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    virtual_microphone.unplug()
    until(qtbot, lambda: page.speak.hands_free.state == "opening")
    until(qtbot, lambda: "goes on by itself" in page.speak.told.text())
    virtual_microphone.plug()
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    before = page.speak.count_takes()
    play(virtual_microphone, tmp_path, stream(said("computer", 2)))
    until(qtbot, lambda: page.speak.count_takes() == before + 2)


def test_it_goes_on_where_it_stood(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    """Too few takes: say it; enough: talk; talked, too: teach."""
    for name, takes in (("none", 0), ("few", 3), ("all", 20)):
        make_project(tmp_path / name, takes=takes)
    assert opened(window, qtbot, tmp_path / "none").step == "speak"
    page = opened(window, qtbot, tmp_path / "few")
    assert page.step == "speak" and not page.speak.next.isEnabled() and not page.steps.button("talk").isEnabled()
    assert opened(window, qtbot, tmp_path / "all").step == "talk"
    talk = np.zeros(round(121 * RATE), np.float32)
    add_talk(ProjectFolder(tmp_path / "all").talk, talk, rate=RATE)
    window.services.projects.close()
    page = opened(window, qtbot, tmp_path / "all")
    assert page.step == "wait" and page.wait.start.isVisible() and not page.steps.button("try").isEnabled()


@pytest.mark.slow
def test_talk_goes_to_the_folder_of_talk_in_pieces(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "all", takes=20)
    page = opened(window, qtbot, tmp_path / "all")
    assert "computer" not in page.talk.text.toPlainText() and "“computer”" in page.talk.why.text()
    assert page.talk.next.text().startswith("Skip")
    folder = ProjectFolder(project.folder).talk
    for seconds in (1.0, 2.5):
        qtbot.keyClick(page.talk, Qt.Key.Key_Space)
        until(qtbot, lambda seconds=seconds: window.services.talk.seconds >= seconds)
        qtbot.keyClick(page.talk, Qt.Key.Key_Space)
        assert window.services.talk.state == "idle"
        until(qtbot, lambda seconds=seconds: seconds_of_talk(folder) >= seconds)
    assert len(list(folder.iterdir())) == 1 and page.talk.next.text() == "Teach it now"
    page.talk.toggle.click()
    until(qtbot, lambda: window.services.talk.state == "recording" and window.services.talk.seconds > 3)
    window.services.navigation.show_page("words")  # leaving stores it, too
    until(qtbot, lambda: seconds_of_talk(folder) >= 3)


@pytest.mark.slow
def test_a_teaching_that_fails_or_is_stopped_says_so_and_can_be_tried_again(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "all", takes=20)
    page = opened(window, qtbot, tmp_path / "all")
    project.runs_folder.rmdir()
    project.runs_folder.write_text("in the way")
    page.talk.next.click()
    until(qtbot, lambda: not window.services.training.is_running)
    assert (
        page.step == "wait"
        and page.wait.start.text() == "Try again"
        and str(project.runs_folder) in page.wait.told.text()
    )
    project.runs_folder.unlink()
    page.wait.start.click()
    assert window.services.training.is_running and page.wait.stop.isVisible()
    page.wait.stop.click()
    until(qtbot, lambda: not window.services.training.is_running)
    assert "stopped" in page.wait.told.text() and page.wait.start.isVisible()


def test_every_step_has_a_name_for_its_widgets_and_can_be_reached_by_key(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "all", takes=20)
    page = opened(window, qtbot, tmp_path / "all")
    assert page.steps.button("talk").accessibleName() == "Step 3 of 5: Talk, now"
    page._go(-1)
    assert page.step == "speak" and page.speak.tiles.accessibleDescription().startswith("20 of 20")
    page._go(-1)
    assert page.step == "type"
    page.steps.button("talk").click()
    assert page.step == "talk"


def test_an_added_word_joins_the_project_and_the_old_one_keeps_its_takes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "all", takes=20)
    page = opened(window, qtbot, tmp_path / "all")
    page.steps.button("type").click()
    assert "Joins your project all" in page.type.told.text()
    qtbot.keyClicks(page.type.field, "lamp")
    qtbot.keyClick(page.type.field, Qt.Key.Key_Return)
    assert page.step == "speak" and page.speak.word.fullText() == "lamp" and page.speak.count.text() == "0 of 20"
    assert Project.open(project.folder).words == ("computer", "lamp")
    assert len(window.services.teaching.takes("computer")) == 20


def test_the_next_start_opens_the_page_where_it_stood(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "few", takes=3)
    remembered.remember_project(tmp_path / "few")
    QSettings().setValue("window/page", "teach")
    window = make_window(qapp, None)
    qtbot.addWidget(window)
    until(qtbot, lambda: window.services.project.project is not None)
    page = page_of(window)
    assert window.page_name == "teach" and page.step == "speak" and page.speak.count.text() == "3 of 20"
    window.close()


@pytest.mark.slow
def test_without_a_microphone_it_says_so_and_tries_again(
    window: MainWindow, qtbot: QtBot, virtual_microphone: VirtualMicrophone
) -> None:
    virtual_microphone.unplug()
    page = typed(window, qtbot, "computer")
    until(qtbot, page.speak.no_microphone.isVisible)
    assert page.speak.hands_free.state == "opening"
    virtual_microphone.plug()
    page.speak.no_microphone.button().click()
    until(qtbot, lambda: page.speak.hands_free.state == "listening")
    assert page.speak.tiles.isVisible()


@pytest.mark.slow
@pytest.mark.usefixtures("virtual_microphone")
@pytest.mark.parametrize("size", [(960, 540), (1280, 800)], ids=str)
def test_every_step_has_room_without_scrolling(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, size: tuple[int, int]
) -> None:
    promised_run.make(tmp_path / "tones", promised_run.report())
    page = opened(window, qtbot, tmp_path / "tones")
    window.resize(*size)
    assert page.step == "try"
    until(qtbot, lambda: page.try_it.bridge.is_running)
    frame = page.parentWidget().parentWidget()
    assert isinstance(frame, PageFrame)
    for step in ("type", "speak", "talk", "wait", "try"):
        window.services.teaching._step = step
        window.services.teaching.changed.emit()
        for farther in (False, True) if step == "try" else (False,):
            page.try_it.farther.setChecked(farther)
            qtbot.waitUntil(lambda: page.size().height() > 0)
            QApplication.processEvents()
            QApplication.processEvents()
            assert frame.verticalScrollBar().maximum() == 0, (step, farther, page.minimumSizeHint())
            assert frame.horizontalScrollBar().maximum() == 0, step
            for label in page._of_step[step].findChildren(QLabel):
                wrapped = label.wordWrap() and label.isVisible() and label.width() > 0
                assert not wrapped or label.height() >= label.heightForWidth(label.width()), (step, label.text())


@pytest.mark.slow
@pytest.mark.usefixtures("virtual_microphone")
def test_from_trying_it_three_ways_lead_on(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    promised_run.make(tmp_path / "tones", promised_run.report())
    page = opened(window, qtbot, tmp_path / "tones")
    assert page.step == "try" and "at most 0.5 times in an hour" in page.try_it.promise.text()
    until(qtbot, lambda: page.try_it.bridge.is_running)
    page.try_it.farther.click()
    assert page.try_it.distance.isVisible() and "“low” or “high”" in page.try_it.distance._help.text()
    page.try_it.add.click()
    assert page.step == "type" and not page.try_it.is_listening
    page.steps.button("try").click()
    until(qtbot, lambda: page.try_it.bridge.is_running)
    with leads_to(qtbot, window.services.navigation, "listen"):
        page.try_it.use.click()
    assert not page.try_it.is_listening
    assert window.page("listen").picker.currentData() == window.services.project.model_path


@pytest.mark.parametrize("piece", [480, 5000])
def test_each_try_from_farther_away_is_told_with_its_snr_and_whether_it_was_heard(qtbot: QtBot, piece: int) -> None:
    panel, began_at = DistancePanel(), 7000
    qtbot.addWidget(panel)
    panel.start("“computer”")
    test = DistanceTest(RATE, clip_samples=RATE, at_sample=began_at)
    takes = [level * take for level, take in zip((1.0, 0.3, 0.1), said("computer", 3), strict=True)]
    sound = np.concatenate([stream(takes, gap_s=1.5, room=0.002), np.zeros(RATE, np.float32)])
    ends, at = [], round(1.5 * RATE)
    for take in takes:
        ends.append(at + len(take))
        at += len(take) + round(1.5 * RATE)
    answers = {ends[0]: "computer", ends[2]: "computer"}  # of the loudest and the softest
    for start in range(0, len(sound), piece):
        for end in [end for end in answers if end <= start]:
            test.detected(Detection(answers.pop(end), began_at + end, 0.9))
        for attempt in test.feed(sound[start : start + piece]):
            panel.add(attempt)
    assert [one.word for one in panel.attempts()] == ["computer", "", "computer"]
    snrs = [one.snr_db for one in panel.attempts()]
    assert 7 < snrs[0] - snrs[1] < 14 and 5 < snrs[1] - snrs[2] < 13
    assert panel.sum.text().startswith("Heard 2 of 3, down to")
    assert panel.table.item(1, 2).text() == "✗ not heard"


def test_the_text_to_read_is_without_the_words_that_are_taught() -> None:
    assert len(without(["window"], TEXT)) == len(TEXT) - 1
    assert without(["wind"], TEXT) == list(TEXT[2:])  # not "window", though it begins so
