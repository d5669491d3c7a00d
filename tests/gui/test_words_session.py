"""A recording session in the window: spoken to through a real microphone path, on real projects on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QSpinBox, QWidget
from pytestqt.qtbot import QtBot
from virtual_microphone import VirtualMicrophone

from kws_engine import audio, resources
from kws_engine.clips import judging
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.session import new_session, read_session, recording
from kws_gui.pages.words.page import WordsPage
from kws_gui.pages.words.session_dialog import SessionDialog
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.services import Services

PATIENCE_MS = 30_000
RATE = 16_000
WORDS = ("lights", "music")
Speak = Callable[[np.ndarray], None]


def word(name: str, number: int = 0) -> np.ndarray:
    path = sorted((resources.path("starter") / "clips" / name).iterdir())[number]
    return audio.read(path, rate=RATE)


@pytest.fixture
def microphones(qapp: QApplication) -> Iterator[MicrophoneService]:
    service = MicrophoneService()
    yield service
    service.shutdown()


@pytest.fixture
def open_page(
    qtbot: QtBot, microphones: MicrophoneService, make_services: Callable[..., Services]
) -> Iterator[Callable[[Project], WordsPage]]:
    """Makes Words pages; the next one is the program started again."""
    pages: list[WordsPage] = []

    def make(project: Project) -> WordsPage:
        for before in pages:
            before.shutdown()
            before.hide()
        services = replace(make_services(), microphones=microphones)
        services.project.open(Project.open(project.folder))
        page = WordsPage(services)
        page.model = services.project  # kept alive with the page
        pages.append(page)
        page.resize(900, 700)
        qtbot.addWidget(page)
        page.show()
        return page

    yield make
    pages[-1].shutdown()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "mine", words=WORDS)


@pytest.fixture
def speak(virtual_microphone: VirtualMicrophone, tmp_path: Path) -> Speak:
    def play(sound: np.ndarray) -> None:
        path = tmp_path / f"said-{time.monotonic_ns()}.wav"
        audio.write(path, np.concatenate([sound, np.zeros(RATE // 10, np.float32)]), rate=RATE)
        virtual_microphone.play(path)

    return play


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def opened(page: WordsPage, qtbot: QtBot) -> SessionDialog:
    qtbot.keyClick(page.many_button, Qt.Key.Key_Space)
    assert page.sessions is not None and page.sessions.isVisible()
    return page.sessions


def begun(page: WordsPage, qtbot: QtBot, *, takes: int, speakers: str = "ann", by_key: bool = False) -> SessionDialog:
    dialog = opened(page, qtbot)
    dialog.setup.takes.setValue(takes)
    dialog.setup.speakers.setText(speakers)
    dialog.setup.with_key.setChecked(by_key)
    qtbot.keyClick(dialog.setup.go, Qt.Key.Key_Space)
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    return dialog


def say_it(page: WordsPage, qtbot: QtBot, speak: Speak, number: int = 0) -> str:
    """Says the word that is asked for, and waits until it is kept."""
    item, done = page.many.current, page.many.done
    assert item is not None and page.sessions is not None
    assert page.sessions.panel.word.fullText() == item.word
    speak(word(item.word, number))
    until(qtbot, lambda: page.many.done == done + 1)
    return item.word


@pytest.mark.slow
def test_a_whole_session_with_good_clipped_silent_late_and_wrong_takes(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot, speak: Speak
) -> None:
    for number in range(0, 15, 3):
        for name in WORDS:
            project.edit.add_take(name, word(name, number), speaker="bob")
    page = open_page(project)
    dialog = begun(page, qtbot, takes=3)
    panel = dialog.panel
    assert panel.count.text() == "1 of 6" and panel.speaker.fullText() == "ann says"
    first = say_it(page, qtbot, speak, 1)
    assert panel.told.text().startswith(f"Kept “{first}”") and panel.count.text() == "2 of 6"

    asked = page.many.current
    assert asked is not None
    speak(np.clip(20 * word(asked.word), -1, 1))
    until(qtbot, lambda: "Clipping" in panel.told.text())
    assert page.many.current == asked and panel.told.text().startswith("Not kept.")
    until(qtbot, lambda: "Nothing is heard" in panel.told.text())  # silence, and then it is said late
    assert page.many.current == asked and panel.count.text() == "2 of 6"
    say_it(page, qtbot, speak, 4)

    asked = page.many.current
    assert asked is not None
    other = {"lights": "music", "music": "lights"}[asked.word]
    speak(word(other, 16))
    until(qtbot, lambda: f"sounds like “{other}”" in panel.doubt.text())
    assert page.many.done == 3 and "Say it again?" in panel.doubt.text() and page.many.doubtful == 1
    qtbot.keyClick(dialog, Qt.Key.Key_Backspace)
    assert page.many.done == 2 and page.many.current == asked and page.many.doubtful == 0
    assert panel.doubt.text() == "" and "taken back" in panel.told.text()
    for number in (7, 10, 13, 16):
        say_it(page, qtbot, speak, number)
    assert page.many.state == "done" and panel.word.fullText() == "All takes are there"
    assert panel.count.text() == "6 of 6" and page.many.hands_free.state == "idle"
    stored = Project.open(project.folder)
    assert Counter((clip.word, clip.speaker) for clip in stored.clips() if clip.speaker == "ann") == Counter(
        {("lights", "ann"): 3, ("music", "ann"): 3}
    )
    qtbot.keyClick(panel.main, Qt.Key.Key_Space)
    assert page.sessions is None and page.many_button.text() == "Record a session…"


@pytest.mark.slow
def test_what_is_refused_three_times_comes_again_at_the_end(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot, speak: Speak
) -> None:
    page = open_page(project)
    panel = begun(page, qtbot, takes=1).panel
    first = page.many.current
    for count in range(1, 4):
        speak(np.clip(20 * word("computer"), -1, 1))
        until(qtbot, lambda count=count: page.many._sitting._refused == count % 3 and "Clipping" in panel.told.text())
        panel.told.setText("")
    until(qtbot, lambda: page.many.current != first)
    say_it(page, qtbot, speak)
    assert page.many.current == first
    say_it(page, qtbot, speak)
    assert page.many.state == "done"


@pytest.mark.slow
def test_a_microphone_lost_in_the_middle_is_waited_for_and_nothing_is_lost(
    open_page: Callable[[Project], WordsPage],
    project: Project,
    qtbot: QtBot,
    speak: Speak,
    virtual_microphone: VirtualMicrophone,
) -> None:
    page = open_page(project)
    panel = begun(page, qtbot, takes=1).panel
    say_it(page, qtbot, speak)
    asked = page.many.current
    assert asked is not None
    speak(word(asked.word))
    until(qtbot, lambda: page.many.hands_free.hears_voice)
    virtual_microphone.unplug()  # in the middle of the word
    until(qtbot, lambda: page.many.hands_free.state == "opening")
    until(qtbot, lambda: "goes on by itself" in panel.told.text())
    assert page.many.state == "recording" and page.many.done == 1
    virtual_microphone.plug()
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    assert page.many.current == asked
    say_it(page, qtbot, speak)
    assert page.many.state == "done" and len(Project.open(project.folder).clips()) == 2


@pytest.mark.slow
def test_by_keys_alone_with_the_space_bar_for_two_speakers(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot, speak: Speak
) -> None:
    page = open_page(project)
    page.many_button.setFocus()
    dialog = opened(page, qtbot)
    setup, panel = dialog.setup, dialog.panel
    setup.words.setFocus()
    for key in ("A", "Delete"):
        qtbot.keySequence(setup.words, {"A": "Ctrl+A"}.get(key, key))
    assert not setup.go.isEnabled() and "Type the words" in setup.told.text()
    qtbot.keyClicks(setup.words, "lights")
    setup.takes.setFocus()
    qtbot.keySequence(setup.takes, "Ctrl+A")
    qtbot.keyClicks(setup.takes, "1")
    qtbot.keySequence(setup.speakers, "Ctrl+A")
    qtbot.keyClicks(setup.speakers, "ann, ben")
    qtbot.keyClick(setup.with_key, Qt.Key.Key_Space)
    assert setup.by_key and "2 takes" in setup.told.text()
    qtbot.keyClick(setup.speakers, Qt.Key.Key_Return)
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    assert panel.main.text() == "Record"

    speak(word("lights"))
    until(qtbot, lambda: panel.meter.text() not in ("no signal", "quiet"))
    qtbot.keyClick(dialog, Qt.Key.Key_Space)
    assert page.many.hands_free.hears_voice
    until(qtbot, lambda: not page.many.hands_free.hears_voice)
    if page.many.done == 0:  # it was begun too late
        qtbot.keyClick(dialog, Qt.Key.Key_Space)
        speak(word("lights"))
    until(qtbot, lambda: page.many.state == "turn")
    assert panel.word.fullText() == "ben" and panel.main.text() == "Ready" and page.many.done == 1
    qtbot.keyClick(dialog, Qt.Key.Key_Backspace)  # not so good: once more by ann
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    assert page.many.done == 0 and page.many.current is not None and page.many.current.speaker == "ann"
    for who in ("ann", "ben"):
        assert panel.speaker.fullText() == f"{who} says"
        qtbot.keyClick(dialog, Qt.Key.Key_Space)
        speak(word("lights"))
        until(qtbot, lambda: page.many.state in ("turn", "done"))
        if who == "ann":
            qtbot.keyClick(dialog, Qt.Key.Key_Space)
            until(qtbot, lambda: page.many.hands_free.state == "listening")
    assert Counter(clip.speaker for clip in Project.open(project.folder).clips()) == Counter(ann=1, ben=1)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert page.sessions is None


@pytest.mark.slow
def test_it_goes_on_after_a_restart_where_it_stood(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot, speak: Speak
) -> None:
    page = open_page(project)
    dialog = begun(page, qtbot, takes=2)
    say_it(page, qtbot, speak)
    qtbot.keyClick(dialog, Qt.Key.Key_S)
    assert "comes again at the end" in dialog.panel.told.text()
    say_it(page, qtbot, speak, 3)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert page.many.state == "paused" and page.sessions is dialog and dialog.panel.main.text() == "Continue"
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert page.sessions is None and page.many_button.text() == "Continue the session (2 of 4)"

    page = open_page(project)
    assert page.many_button.text() == "Continue the session (2 of 4)"
    dialog = opened(page, qtbot)
    assert dialog.panel.isVisible() and page.many.state == "paused" and dialog.panel.count.text() == "3 of 4"
    qtbot.keyClick(dialog, Qt.Key.Key_Space)
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    for number in (6, 9):
        say_it(page, qtbot, speak, number)
    assert page.many.state == "done"
    assert Counter(clip.word for clip in Project.open(project.folder).clips()) == Counter(lights=2, music=2)


@pytest.mark.slow
def test_it_pauses_when_nobody_speaks_for_long(
    open_page: Callable[[Project], WordsPage],
    project: Project,
    qtbot: QtBot,
    virtual_microphone: VirtualMicrophone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "QUIET_S", 0.4)
    page = open_page(project)
    panel = begun(page, qtbot, takes=1).panel
    until(qtbot, lambda: page.many.state == "paused")
    assert "nobody has said anything" in panel.told.text() and panel.main.text() == "Begin"
    assert page.many.hands_free.state == "idle"


@pytest.mark.slow
def test_a_take_that_cannot_be_stored_pauses_and_is_stored_when_it_goes_on(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot, speak: Speak
) -> None:
    page = open_page(project)
    dialog = begun(page, qtbot, takes=1)
    item = page.many.current
    assert item is not None
    folder = project.clips_folder / item.word
    folder.rmdir()
    folder.write_text("in the way")
    speak(word(item.word))
    until(qtbot, lambda: page.many.state == "paused")
    assert page.recordings.waiting == 1 and item.word in dialog.panel.told.text() and page.many.done == 0
    folder.unlink()
    qtbot.keyClick(dialog, Qt.Key.Key_Space)
    assert page.recordings.waiting == 0 and page.many.done == 1 and page.many.state == "recording"
    assert page.many.current is not None and page.many.current.word != item.word


def test_words_are_pasted_and_read_from_a_file_and_new_ones_are_added_undoably(
    open_page: Callable[[Project], WordsPage],
    project: Project,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = open_page(project)
    setup = opened(page, qtbot).setup
    assert setup.words.toPlainText() == "lights\nmusic"
    QGuiApplication.clipboard().setText("stop\r\n lights ,stop\n\n")
    qtbot.keyClick(setup.paste, Qt.Key.Key_Space)
    assert setup.words.toPlainText() == "stop\nlights" and "New in the project: stop" in setup.told.text()
    (tmp_path / "words.txt").write_text("\ufeffgood  morning\nmusic\n", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "words.txt"), ""))
    qtbot.keyClick(setup.file, Qt.Key.Key_Space)
    assert setup.words.toPlainText() == "good morning\nmusic"
    for text, told in (("a/b", "holds /"), ("Lights", "capitals"), ("_unknown_", "part of every project")):
        setup.words.setPlainText(text)
        assert told in setup.told.text() and not setup.go.isEnabled()
    setup.words.setPlainText("music\nstop")
    setup.takes.setValue(3)
    setup.speakers.setText("ann, Ben ,ann")
    assert setup.told.text().startswith("2 words by 2 speakers in turn: 12 takes")
    setup.go.click()
    assert page.model.project.words == ("lights", "music", "stop")
    stored = read_session(Project.open(project.folder))
    assert stored is not None and (stored.words, stored.takes, stored.speakers) == (
        ("music", "stop"),
        3,
        ("ann", "Ben"),
    )
    page.sessions.reject()
    page.model.undo_stack.undo()
    assert page.model.project.words == WORDS


def test_another_program_that_records_it_and_a_damaged_file_are_said(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot
) -> None:
    new_session(project, WORDS, takes=1, speakers=["ann"])
    page = open_page(project)
    dialog = opened(page, qtbot)
    with recording(project):
        qtbot.keyClick(dialog, Qt.Key.Key_Space)
        assert page.many.state == "paused" and "Another program" in dialog.panel.told.text()
    dialog.reject()
    ProjectFolder(project.folder).session.write_text("{")
    page.many.read()
    assert "damaged" in page.messages.text() and page.many_button.text() == "Record a session…"


@pytest.mark.slow
def test_what_another_program_recorded_meanwhile_is_not_asked_for_again(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot, speak: Speak
) -> None:
    session = new_session(project, WORDS, takes=1, speakers=["ann"], seed=1)
    page = open_page(project)
    dialog = opened(page, qtbot)
    assert dialog.panel.count.text() == "1 of 2"
    first, second = session.order()
    project.edit.add_take(first.word, word(first.word), speaker="ann")  # by another program's eyes
    qtbot.keyClick(dialog, Qt.Key.Key_Space)
    assert page.many.state == "recording" and page.many.current == second and dialog.panel.count.text() == "2 of 2"
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    new_session(project, ["music"], takes=2, speakers=["ben"])
    qtbot.keyClick(dialog, Qt.Key.Key_Space)
    assert page.many.current is not None and page.many.current.speaker == "ben"
    assert page.many.total == 2 and page.many.done == 0
    until(qtbot, lambda: page.many.hands_free.state == "listening")
    say_it(page, qtbot, speak)


def test_deleting_a_take_on_the_page_asks_for_it_again(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot
) -> None:
    new_session(project, WORDS, takes=1, speakers=["ann"])
    for name in WORDS:
        project.edit.add_take(name, word(name), speaker="ann")
    page = open_page(project)
    assert page.many.state == "done" and page.many_button.text() == "Record a session…"
    page.words.choose("music")
    page.table.selectRow(0)
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert page.many_button.text() == "Continue the session (1 of 2)"
    page.model.undo_stack.undo()
    assert page.many.state == "done"


def test_a_word_renamed_on_the_page_keeps_its_place_in_the_session(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot
) -> None:
    new_session(project, WORDS, takes=2, speakers=["ann"], seed=1)
    page = open_page(project)
    asked = page.many.current
    assert asked is not None
    clip = page.model.project.edit.add_take(asked.word, word(asked.word), speaker="ann")
    page.model.clipsChanged.emit()
    assert page.many.done == 1 and clip.path.exists()
    told: list[str] = []
    page.many.told.connect(lambda _, sentence: told.append(sentence))
    page.words.choose(asked.word)
    page.words.rename("renamed")
    assert (page.many.done, page.many.total) == (1, 4) and told == [
        f"“{asked.word}” is called “renamed” now; its takes count on."
    ]
    assert page.many_button.text() == "Continue the session (1 of 4)"
    dialog = opened(page, qtbot)
    words = {item.word for item in page.many.plan.order()}
    assert words == {"renamed", *WORDS} - {asked.word} and dialog.panel.count.text() == "2 of 4"
    dialog.reject()
    page.model.undo_stack.undo()
    assert {item.word for item in page.many.plan.order()} == set(WORDS) and page.many.done == 1
    page.table.selectRow(0)
    page.words.choose(asked.word)
    page.recordings.delete([page.table.rows.clips[0]])
    assert page.many_button.text() == "Continue the session (0 of 4)", "a deleted take is wanted again"


def test_every_part_has_a_name_and_tab_walks_in_reading_order(
    open_page: Callable[[Project], WordsPage], project: Project, qtbot: QtBot
) -> None:
    page = open_page(project)
    dialog = opened(page, qtbot)
    setup = dialog.setup
    walked: list[QWidget] = [setup.words]
    while walked[-1] is not setup.go:
        following = walked[-1].nextInFocusChain()
        while not _takes_tab(following):
            following = following.nextInFocusChain()
        walked.append(following)
    order = [setup.words, setup.all, setup.paste, setup.file, setup.takes, setup.speakers]
    assert walked[:6] == order and walked[-2:] == [setup.cancel, setup.go] and len(walked) <= 10
    for part in (setup.words, setup.takes, setup.speakers, dialog.panel.bar, dialog.panel.meter):
        assert part.accessibleName()
    for button in (dialog.panel.main, dialog.panel.repeat, dialog.panel.skip, dialog.panel.pause):
        assert button.text() and "(" in button.toolTip()


def _takes_tab(widget: QWidget) -> bool:
    is_inside_another = isinstance(widget.parentWidget(), QSpinBox)
    return widget.isVisible() and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and not is_inside_another
