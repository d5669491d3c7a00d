"""The Words page through its buttons and keys, with a real microphone path and a real project on disk."""

from __future__ import annotations

import threading
import wave
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot
from tiny_project import RATE, WORDS, make_project
from virtual_microphone import VirtualMicrophone

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.import_files import ImportFile
from kws_engine.clips.index_file import IndexFile
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import seconds_of_talk
from kws_engine.clips.project import Project
from kws_engine.clips.recording import evaluate_take
from kws_engine.clips.synthetic import SynthesisConfig
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_engine.errors import ProjectError
from kws_engine.synthesis import _child, _espeak
from kws_gui.pages.words.clips import how_split
from kws_gui.pages.words.import_dialog import ImportDialog
from kws_gui.pages.words.page import WordsPage
from kws_gui.pages.words.review_dialog import ReviewDialog
from kws_gui.services import free_recording
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.services import make_services

PATIENCE_MS = 20_000


@pytest.fixture
def microphones(qapp: QApplication) -> Iterator[MicrophoneService]:
    service = MicrophoneService()
    yield service
    service.shutdown()


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path, microphones: MicrophoneService) -> Iterator[WordsPage]:
    services = replace(make_services(), microphones=microphones)
    model = services.project
    model.open(make_project(tmp_path / "tones", takes=4))
    page = WordsPage(services)
    page.resize(900, 700)
    qtbot.addWidget(page)
    page.show()
    page.model = model  # kept alive with the page
    yield page
    page.shutdown()


def project_of(page: WordsPage) -> Project:
    project = page.model.project
    assert project is not None
    return project


def spoken(seconds: float = 2.3, *, at_s: float = 1.0) -> np.ndarray:
    """Noise shaped like a syllable over a quiet room."""
    rng = np.random.default_rng(1)
    times = np.arange(round(seconds * RATE)) / RATE
    voice = np.sin(2 * np.pi * 300 * times) + 0.5 * np.sin(2 * np.pi * 1200 * times)
    return (0.3 * voice * np.exp(-(((times - at_s) / 0.12) ** 2)) + 1e-3 * rng.standard_normal(len(times))).astype(
        np.float32
    )


def take(**where: float):
    return evaluate_take(spoken(**where), RATE, clip_samples=RATE)


def names(page: WordsPage) -> list[str]:
    return [clip.path.name for clip in page.table.rows.clips]


def test_words_are_listed_with_their_counts_per_part(page: WordsPage) -> None:
    tree = page.words.tree
    rows = [[tree.topLevelItem(i).text(column) for column in range(4)] for i in range(tree.topLevelItemCount())]
    assert [row[0] for row in rows] == [*WORDS, "Other words", "Background noise"]
    for row, word in zip(rows, WORDS, strict=False):
        summary = project_of(page).summary()[word]
        assert row[1:] == [str(summary.training), str(summary.validation), str(summary.testing)]


def test_thousands_of_clips_are_counted_in_full(page: WordsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, counts = page.words.tree, project_of(page).table().counts()
    usual = [tree.columnWidth(column) for column in (1, 2, 3)]
    monkeypatch.setattr(ClipTable, "counts", lambda _: counts * 0 + 105_829)
    page.words.refresh()
    for column in (1, 2, 3):
        needed = tree.sizeHintForIndex(tree.indexFromItem(tree.topLevelItem(0), column)).width()
        assert tree.topLevelItem(0).text(column) == "105,829" and tree.columnWidth(column) >= needed > max(usual)
    monkeypatch.undo()
    page.words.refresh()
    assert [tree.columnWidth(column) for column in (1, 2, 3)] == usual


def test_a_word_is_added_renamed_and_removed_and_each_is_undone(page: WordsPage, qtbot: QtBot) -> None:
    stack = page.model.undo_stack
    qtbot.keyClicks(page.words.add_field, "stop")
    qtbot.keyClick(page.words.add_field, Qt.Key.Key_Return)
    assert project_of(page).words[-1] == "stop" and page.words.word == "stop"
    page.words.choose("low")
    page.words.rename("deep")
    assert page.words.word == "deep" and len(project_of(page).clips(word="deep")) == 4
    qtbot.keyClick(page.words.tree, Qt.Key.Key_Delete)
    assert "deep" not in project_of(page).words
    stack.undo()
    assert len(project_of(page).clips(word="deep")) == 4
    stack.undo()
    assert project_of(page).words[0] == "low"
    stack.undo()
    assert "stop" not in project_of(page).words


def test_an_unfit_word_is_refused_in_the_page(page: WordsPage, qtbot: QtBot) -> None:
    qtbot.keyClicks(page.words.add_field, "a/b")
    qtbot.keyClick(page.words.add_field, Qt.Key.Key_Return)
    assert "holds /" in page.messages.text()
    assert page.model.undo_stack.count() == 0


def test_a_clip_is_deleted_by_key_and_comes_back(page: WordsPage, qtbot: QtBot) -> None:
    page.words.choose("low")
    before = names(page)
    page.table.selectRow(1)
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert names(page) == before[:1] + before[2:]
    page.model.undo_stack.undo()
    assert names(page) == before


def test_parts_and_exclusion_are_set_and_undone(page: WordsPage) -> None:
    page.words.choose("low")
    page.table.selectRow(0)
    clip = page.table.current()
    page.table.partRequested.emit([clip], "testing")
    assert page.table.rows.clips[0].split == "testing"
    page.table.excludeRequested.emit([page.table.rows.clips[0]], True)
    assert page.table.rows.clips[0].excluded
    assert "left out" in page.table.rows.data(page.table.rows.index(0, 2), Qt.ItemDataRole.DisplayRole)
    page.model.undo_stack.undo()
    page.model.undo_stack.undo()
    assert page.table.rows.clips[0].split == clip.split and not page.table.rows.clips[0].excluded


def _from_menu(page: WordsPage, *titles: str) -> None:
    """Chooses in the context menu of the selected clips."""
    menu = page.table.make_menu()
    for title in titles:
        action = next(action for action in menu.actions() if action.text() == title)
        menu = action.menu()
    action.trigger()


def test_a_whole_selection_changes_in_one_step_and_each_clip_comes_back_as_it_was(
    page: WordsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.words.choose("low")
    project_of(page).edit.set_splits([page.table.rows.clips[1]], ["testing"])
    project_of(page).edit.exclude([page.table.rows.clips[2]], True)
    page.model.clipsChanged.emit()
    before = list(page.table.rows.clips)
    decided = [project_of(page).index.decided.get(f"low/{clip.path.name}") for clip in before]
    writes: list[int] = []
    save = IndexFile.save
    monkeypatch.setattr(IndexFile, "save", lambda *a, **k: (writes.append(1), save(*a, **k))[1])
    page.table.selectAll()
    _from_menu(page, "Part", "validation")
    assert [clip.split for clip in page.table.rows.clips] == ["validation"] * 4 and len(writes) == 1
    page.table.selectAll()
    _from_menu(page, "Leave out of training")
    assert all(clip.excluded for clip in page.table.rows.clips) and len(writes) == 2
    for _ in range(2):
        page.model.undo_stack.undo()
    assert list(page.table.rows.clips) == before and len(writes) == 4
    now = [project_of(page).index.decided.get(f"low/{clip.path.name}") for clip in before]
    assert [(d and d.split) for d in now] == [(d and d.split) for d in decided], "those by rule go by the rule again"
    (project_of(page).clips_folder / "low" / before[3].path.name).unlink()
    page.table.selectAll()
    _from_menu(page, "Part", "test")
    assert "no longer there" in page.messages.text() and list(page.table.rows.clips) == before, "all or none"


def test_levels_appear(page: WordsPage, qtbot: QtBot) -> None:
    rows = page.table.rows
    qtbot.waitUntil(lambda: rows.data(rows.index(0, 4), Qt.ItemDataRole.DisplayRole) != "", timeout=PATIENCE_MS)
    peak_db = audio.peak_db(audio.read(rows.clips[0].path, rate=RATE))
    assert rows.data(rows.index(0, 4), Qt.ItemDataRole.DisplayRole) == f"{peak_db:.0f} dB"


def test_the_cut_moves_by_key_and_back_by_undo(page: WordsPage, qtbot: QtBot) -> None:
    page.words.choose("low")
    recorded = take()
    assert page.recordings.save("low", recorded, speaker="eve")
    clip = page.table.current()
    assert clip is not None and clip.speaker == "eve"
    assert page.recorder.waveform.windowStart() == recorded.start
    with qtbot.waitSignal(page.recorder.cutMoved, timeout=PATIENCE_MS):
        for _ in range(5):
            qtbot.keyClick(page.recorder.waveform, Qt.Key.Key_Right)
    start = recorded.start + 5 * RATE // 100
    stored = audio.read(clip.path, rate=RATE)
    np.testing.assert_allclose(stored, recorded.raw[start : start + RATE], atol=1 / 32768)
    page.model.undo_stack.undo()
    np.testing.assert_allclose(audio.read(clip.path, rate=RATE), recorded.clip, atol=1 / 32768)
    assert page.recorder.waveform.windowStart() == recorded.start


def test_a_take_that_cannot_be_stored_waits_and_is_stored_again(
    page: WordsPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project_of(page).clips_folder / "low"
    away = folder.rename(folder.with_name(".away"))
    folder.write_text("in the way")  # no folder can be made here, whoever runs this
    assert not page.recordings.save("low", take(), speaker="eve")
    assert "waits in memory" in page.messages.text() and page.recordings.waiting == 1
    folder.unlink()
    away.rename(folder)
    qtbot.mouseClick(page.messages.remedyButton(), Qt.MouseButton.LeftButton)
    assert page.recordings.waiting == 0 and not page.messages.isVisible()
    assert "eve_nohash_0.wav" in [clip.path.name for clip in project_of(page).clips(word="low")]


def test_a_repetition_that_cannot_be_stored_waits_and_takes_the_place_later(page: WordsPage) -> None:
    page.words.choose("low")
    assert page.recordings.save("low", take(), speaker="eve")
    clip, again = page.table.current(), take(at_s=1.2)
    assert clip is not None
    trash = project_of(page).folder / ".trash"
    trash.write_text("in the way")  # the old sound has nowhere to go
    assert not page.recordings.replace(clip, again)
    assert "waits in memory" in page.messages.text() and page.recordings.waiting == 1
    np.testing.assert_allclose(audio.read(clip.path, rate=RATE), take().clip, atol=1 / 32768)
    trash.unlink()
    page.messages.remedyButton().click()
    assert page.recordings.waiting == 0
    np.testing.assert_allclose(audio.read(clip.path, rate=RATE), again.clip, atol=1 / 32768)


def test_a_cut_moved_just_before_another_clip_is_chosen_is_kept(page: WordsPage, qtbot: QtBot) -> None:
    page.words.choose("low")
    recorded = take()
    assert page.recordings.save("low", recorded, speaker="eve")
    clip = page.table.current()
    assert clip is not None
    qtbot.keyClick(page.recorder.waveform, Qt.Key.Key_Right)
    other = next(one for one in page.table.rows.clips if one.path != clip.path)
    page.table.choose(other.path)
    assert page.table.current() == other
    start = recorded.start + RATE // 100
    stored = audio.read(clip.path, rate=RATE)
    np.testing.assert_allclose(stored, recorded.raw[start : start + RATE], atol=1 / 32768)


def test_undoing_a_word_keeps_what_came_into_it_meanwhile_for_redo(page: WordsPage) -> None:
    page.words.add("stop")
    project_of(page).edit.add_take("stop", take().clip, speaker="eve")  # as an import does: without an undo of its own
    stack = page.model.undo_stack
    stack.undo()
    assert "stop" not in project_of(page).words
    stack.redo()
    assert len(project_of(page).clips(word="stop")) == 1


def drop(page: WordsPage, folder: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(10, 10), *how)
    QApplication.sendEvent(page, enter)
    assert enter.isAccepted()
    page.dropEvent(QDropEvent(QPointF(10, 10), *how))


def test_a_dropped_folder_is_imported_and_what_is_left_out_is_said(
    page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "stop"
    folder.mkdir()
    for number in range(3):
        audio.write(folder / f"kim_nohash_{number}.wav", np.roll(spoken(1.0, at_s=0.5), number), rate=RATE)
    (folder / "broken.wav").write_text("no audio")
    audio.write(folder / "kim_nohash_9.wav", np.roll(spoken(1.0, at_s=0.5), 0), rate=RATE)  # the same as the first
    dialog = reviewed(page, qtbot, folder)
    remarks = {file.path.name: file.remark for file in page_files(dialog)}
    assert "same sound" in remarks["kim_nohash_9.wav"] and "broken.wav" in remarks["broken.wav"]
    assert dialog.go.text() == "Import 3 clips" and "stop" not in project_of(page).words
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert "stop" in project_of(page).words and len(project_of(page).clips(word="stop")) == 3
    assert "3 clips of 1 word" in page.imports.result.text()


def test_the_word_of_a_whole_folder_is_changed_at_once(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = reviewed(page, qtbot, written(tmp_path / "stop", 4))
    dialog.choose_folder()
    rows = dialog.rows
    assert rows.setData(rows.index(0, 1), "halt", Qt.ItemDataRole.EditRole)
    rows.setData(rows.index(0, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert not dialog.go.isEnabled()
    dialog.table.selectRow(1)
    rows.setData(rows.index(1, 0), Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert len(project_of(page).clips(word="halt")) == 1 and "stop" not in project_of(page).words


def test_a_large_import_is_undone_in_the_background(
    page: WordsPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws_gui.services.undoing.MANY", 3)
    dialog = reviewed(page, qtbot, written(tmp_path / "stop", 4))
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    stack = page._model.undo_stack
    stack.undo()
    assert page.imports.is_running and not stack.canUndo() and not stack.canRedo()
    qtbot.waitUntil(lambda: not page.imports.is_running, timeout=PATIENCE_MS)
    assert "stop" not in project_of(page).words
    stack.redo()
    qtbot.waitUntil(lambda: not page.imports.is_running, timeout=PATIENCE_MS)
    assert len(project_of(page).clips(word="stop")) == 4 and stack.canUndo()


def written(folder: Path, count: int) -> Path:
    """Different recordings of one speaker."""
    folder.mkdir()
    for number in range(count):
        audio.write(folder / f"kim_nohash_{number}.wav", np.roll(spoken(1.0, at_s=0.5), 3 * number + 1), rate=RATE)
    return folder


def test_several_words_are_chosen_first_and_the_rest_become_other_words(
    page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    for at, word in enumerate(("low", "stop", "go")):
        (tmp_path / "set" / word).mkdir(parents=True)
        sound = np.roll(spoken(1.0, at_s=0.5), 10 + at)
        audio.write(tmp_path / "set" / word / "kim_nohash_0.wav", sound, rate=RATE)
    unknown = len(project_of(page).clips(word="_unknown_"))
    page.import_folder(tmp_path / "set")
    qtbot.waitUntil(lambda: page.transfers.dialog is not None, timeout=PATIENCE_MS)
    dialog = page.transfers.dialog
    assert dialog is not None and dialog.go.text() == "Import 1 word"  # "low" is taught already, the others are not
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert len(project_of(page).clips(word="low")) == 5
    assert len(project_of(page).clips(word="_unknown_")) == unknown + 2


def nameless(folder: Path, *words: str) -> Path:
    """Two recordings of each word whose names say nothing."""
    for at, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        for number in range(2):
            sound = np.roll(spoken(1.0, at_s=0.5), 10 * at + number + 1)
            audio.write(folder / word / f"{number}.wav", sound, rate=RATE)
    return folder


def asked(page: WordsPage, qtbot: QtBot, folder: Path) -> ImportDialog:
    """The dialog about a folder, once it has looked at it."""
    page.import_folder(folder)
    qtbot.waitUntil(lambda: page.transfers.dialog is not None, timeout=PATIENCE_MS)
    dialog = page.transfers.dialog
    assert dialog is not None
    return dialog


def test_who_speaks_is_asked_where_no_name_says_it(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = asked(page, qtbot, nameless(tmp_path / "set", "stop"))
    assert "2 clips do not say who speaks" in dialog.said.text() and "“set”" in dialog.said.text()
    dialog.speakers.setCurrentIndex(1)
    dialog.speaker_field.setText("zoe")
    dialog.speaker_field.editingFinished.emit()
    qtbot.waitUntil(lambda: dialog.go.isEnabled() and not dialog.said.text(), timeout=PATIENCE_MS)
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert {clip.speaker for clip in project_of(page).clips(word="stop")} == {"zoe"}
    assert not page.imports.speakers.isVisible()


def test_a_pattern_that_says_nothing_is_said_in_the_dialog(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = asked(page, qtbot, nameless(tmp_path / "set", "stop"))
    dialog.speakers.setCurrentIndex(4)
    dialog.speaker_field.setText("anna")
    dialog.speaker_field.editingFinished.emit()
    assert "{speaker}" in dialog.said.text() and not dialog.go.isEnabled()
    dialog.reject()


def test_the_speaker_can_be_named_after_the_import(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = asked(page, qtbot, nameless(tmp_path / "set", "stop"))
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert page.imports.speakers.isVisible() and "do not say who speaks" in page.imports.notes.text()
    page.imports.speaker_field.setText("zoe")
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        page.imports.name_speaker.click()
    assert {clip.speaker for clip in project_of(page).clips(word="stop")} == {"zoe"}
    assert "2 clips that were there got their speakers" in page.imports.notes.text()


def test_a_dropped_list_says_words_and_speakers(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    folder = nameless(tmp_path / "set", "a")
    (folder / "list.csv").write_text("path,word,speaker\na/0.wav,stop,zoe\na/1.wav,go,kim\nb.wav,go,kim\n")
    drop(page, folder / "list.csv")
    qtbot.waitUntil(lambda: page.transfers.dialog is not None, timeout=PATIENCE_MS)
    dialog = page.transfers.dialog
    assert dialog is not None and dialog.list_name.text() == "list.csv" and "listed in list.csv" in dialog.notes.text()
    assert [dialog.list.item(row).text() for row in range(dialog.list.count())] == ["go", "stop"]
    dialog.go.click()
    qtbot.waitUntil(lambda: page.transfers.review is not None, timeout=PATIENCE_MS)
    assert page.transfers.review is not None
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        page.transfers.review.go.click()
    assert {clip.word: clip.speaker for clip in project_of(page).clips() if clip.speaker in ("zoe", "kim")} == {
        "stop": "zoe", "go": "kim",
    }  # fmt: skip
    assert "b.wav" in page.imports.left_out.item(0).text() and "listed in list.csv" in page.imports.notes.text()


def test_a_list_can_be_chosen_in_the_dialog(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    folder = nameless(tmp_path / "set", "a")
    (tmp_path / "elsewhere.tsv").write_text("file\tlabel\tuser\na/0.wav\tstop\tzoe\na/1.wav\tgo\tkim\n")
    dialog = asked(page, qtbot, folder)
    dialog.use_list(tmp_path / "elsewhere.tsv")
    qtbot.waitUntil(lambda: dialog.list.count() == 2 and dialog.go.isEnabled(), timeout=PATIENCE_MS)
    assert dialog.list_name.text() == "elsewhere.tsv" and not dialog.said.text()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    dialog.use_list(tmp_path / "other.csv")
    qtbot.waitUntil(lambda: "other.csv" in dialog.said.text(), timeout=PATIENCE_MS)
    assert not dialog.go.isEnabled()
    dialog.reject()


def test_words_one_folder_deeper_are_asked_about(page: WordsPage, qtbot: QtBot, tmp_path: Path) -> None:
    nameless(tmp_path / "set/stop", "zoe", "kim")
    dialog = asked(page, qtbot, tmp_path / "set")
    assert "one folder deeper" in dialog.said.text() and not dialog.go.isEnabled()
    dialog.speakers.setCurrentIndex(3)
    qtbot.waitUntil(dialog.go.isEnabled, timeout=PATIENCE_MS)
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert {clip.speaker for clip in project_of(page).clips(word="stop")} == {"zoe", "kim"}


def quick(page: WordsPage, takes: int) -> None:
    page.recorder._countdown.setChecked(False)
    page.recorder._takes.setValue(takes)
    page.recorder.speaker_field.setText("zoe")


def file_of(folder: Path, sound: np.ndarray) -> Path:
    audio.write(folder / "said.wav", sound, rate=RATE)
    return folder / "said.wav"


@pytest.mark.slow
def test_takes_in_a_row_are_recorded_and_stored(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    page.words.choose("high")
    quick(page, 2)
    virtual_microphone.play(file_of(tmp_path, np.tile(spoken(1.5, at_s=0.8), 6)))
    qtbot.waitUntil(lambda: page.recorder.meter.text() not in ("no signal", "quiet"), timeout=PATIENCE_MS)
    with qtbot.waitSignal(page.session.ended, timeout=PATIENCE_MS) as ended:
        qtbot.keyClick(page, Qt.Key.Key_R)
    assert ended.args == [True]
    clips = [clip for clip in project_of(page).clips(word="high") if clip.speaker == "zoe"]
    assert [clip.take for clip in clips] == [0, 1]
    for clip in clips:
        assert audio.peak_db(audio.read(clip.path, rate=RATE)) > -20
    assert "2 of 2" in page.recorder.advice.text()
    page.model.undo_stack.undo()
    assert len([clip for clip in project_of(page).clips(word="high") if clip.speaker == "zoe"]) == 1


@pytest.mark.slow
def test_silence_is_not_saved_and_said(virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    quick(page, 1)
    before = names(page)
    with qtbot.waitSignal(page.session.ended, timeout=PATIENCE_MS) as ended:
        qtbot.mouseClick(page.recorder.record, Qt.MouseButton.LeftButton)
    assert ended.args == [False]
    assert page.recorder.advice.text().startswith("Not saved.") and names(page) == before


@pytest.mark.slow
def test_escape_cancels_and_an_unplugged_microphone_keeps_what_there_is(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    quick(page, 5)
    page.words.choose("high")
    page.table.selectRow(0)
    virtual_microphone.play(file_of(tmp_path, np.tile(spoken(1.5, at_s=0.8), 10)))
    with qtbot.waitSignal(page.session.ended, timeout=PATIENCE_MS):
        page.record()
        qtbot.waitUntil(lambda: page.session.state == "recording", timeout=PATIENCE_MS)
        qtbot.keyClick(page, Qt.Key.Key_Escape)
    with qtbot.waitSignal(page.session.ended, timeout=PATIENCE_MS):
        page.record()
        qtbot.waitSignal(page.session.taken, timeout=PATIENCE_MS).wait()
        virtual_microphone.unplug()
    assert len([clip for clip in project_of(page).clips(word="high") if clip.speaker == "zoe"]) == 1
    assert page.messages.remedyButton().text() == "Try again" and page.messages.isVisible()
    virtual_microphone.plug()
    qtbot.mouseClick(page.messages.remedyButton(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    assert not page.messages.isVisible()


@pytest.mark.slow
def test_background_noise_is_recorded_without_speech(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws_gui.pages.words.recording.NOISE_TAKE_S", 0.5)
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    quick(page, 1)
    page.words.choose(NOISE)
    with qtbot.waitSignal(page.session.ended, timeout=PATIENCE_MS) as ended:
        page.record()
    assert ended.args == [True] and len(project_of(page).noises()) == 1
    page.model.undo_stack.undo()
    assert project_of(page).noises() == []


def test_how_a_word_is_split_is_said_beside_its_clips(qtbot: QtBot, page: WordsPage) -> None:
    project = project_of(page)
    assert page.clips.parts.fullText() == how_split(project.table(), page.words.word)
    word = project.edit.add_word("novel")
    said = []
    for number in range(10):
        project.edit.add_take(word, np.full(1600, 0.1 + number / 100, np.float32), speaker="me")
        said.append(how_split(project.table(), word))
    assert how_split(project.table(), "none") == ""
    assert said[0] == "The second take will validate."
    assert said[1] == "Split by take: me is in several parts. Nothing tests yet: of ten takes, one will."
    assert said[9] == "Split by take: me is in several parts."
    project.edit.exclude(project.clips(word=word, split="validation"), True)
    assert how_split(project.table(), word).endswith("Nothing validates: record one more take.")
    page.model.clipsChanged.emit()
    page.words.choose(word)
    assert page.clips.parts.fullText() == how_split(project.table(), word)
    assert how_split(project.table(), word) in page.words.tree.currentItem().toolTip(0)


def several_words(path: Path, count: int) -> None:
    """A recording in which a word is said again and again."""
    pieces = [spoken(2.0, at_s=1.0) * (1 - 0.1 * number) for number in range(count)]
    audio.write(path, np.concatenate([*pieces, np.zeros(RATE, np.float32)]), rate=RATE)


def reviewed(page: WordsPage, qtbot: QtBot, dropped: Path) -> ReviewDialog:
    drop(page, dropped)
    qtbot.waitUntil(lambda: page.transfers.review is not None, timeout=PATIENCE_MS)
    assert page.transfers.review is not None
    return page.transfers.review


def test_a_dropped_recording_is_cut_and_its_list_changed_before_it_is_imported(
    page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    several_words(tmp_path / "zoe.wav", 4)
    page.words.choose("low")
    before = len(project_of(page).clips(word="low"))
    dialog = reviewed(page, qtbot, tmp_path / "zoe.wav")
    rows = dialog.rows
    assert rows.rowCount() == 4 and {file.speaker for file in page_files(dialog)} == {"zoe"}
    heard: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as silent:
        silent.setattr(page.player, "play", lambda samples, rate: heard.append(samples))
        dialog.table.selectRow(2)
        dialog.listen.click()
        qtbot.waitUntil(lambda: len(heard) == 1, timeout=PATIENCE_MS)
    start = round((page_files(dialog)[2].span_s or (0.0, 0.0))[0] * RATE)
    np.testing.assert_array_equal(heard[0], audio.read(tmp_path / "zoe.wav", rate=RATE)[start : start + len(heard[0])])
    for row in range(4):
        rows.setData(rows.index(row, 0), Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    rows.setData(rows.index(0, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert not rows.setData(rows.index(1, 1), "a/b", Qt.ItemDataRole.EditRole) and "a/b" in dialog.said.text()
    assert rows.setData(rows.index(1, 1), "door", Qt.ItemDataRole.EditRole) and not dialog.said.text()
    assert rows.setData(rows.index(2, 2), "kim", Qt.ItemDataRole.EditRole)
    assert dialog.go.text() == "Import 3 clips" and not project_of(page).clips(word="door")
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert len(project_of(page).clips(word="low")) == before + 2 and len(project_of(page).clips(word="door")) == 1
    assert "kim" in {clip.speaker for clip in project_of(page).clips(word="low")}
    stack = page._model.undo_stack
    assert stack.undoText() == "Import 3 clips"
    for _ in range(2):
        stack.undo()
        assert len(project_of(page).clips(word="low")) == before and "door" not in project_of(page).words
        stack.redo()
        assert len(project_of(page).clips(word="low")) == before + 2 and "door" in project_of(page).words


def page_files(dialog: ReviewDialog) -> list[ImportFile]:
    return list(dialog._planned.plan.files)


def test_a_dropped_zip_shows_its_list_and_cancelled_it_changes_nothing(
    page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    audio.write(tmp_path / "a.wav", spoken(1.0, at_s=0.3), rate=RATE)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "a.wav", "set/door/kim_nohash_0.wav")
        archive.write(tmp_path / "a.wav", "../out.wav")
    dialog = reviewed(page, qtbot, tmp_path / "set.zip")
    assert dialog.go.text() == "Import 1 clip" and "outside" in dialog.notes.text()
    dialog.reject()
    assert "door" not in project_of(page).words and not page.imports.is_running


@pytest.mark.skipif(_espeak.data() is None, reason="espeak-ng is not installed")
def test_synthetic_voices_say_the_chosen_word_and_it_can_be_undone(page: WordsPage, qtbot: QtBot) -> None:
    page.words.choose("low")
    before = len(project_of(page).clips(word="low"))
    page.clips.voices.click()
    dialog = page.transfers.voices
    assert dialog is not None
    dialog.form.setValue(SynthesisConfig(clips=5, neighbours=2))
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        dialog.go.click()
    assert len(project_of(page).clips(word="low")) == before + 5 and "10 clips" in page.imports.result.text()
    page._model.undo_stack.undo()
    assert len(project_of(page).clips(word="low")) == before
    page.words.choose(NOISE)
    assert not page.clips.voices.isEnabled()
    _child.close_idle()


def test_clips_are_exported_as_the_chosen_kind(
    page: WordsPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "all.zip"
    answer = (str(target), "The whole project as a zip (*.zip)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: answer)
    page.transfers.export_clips()
    qtbot.waitUntil(lambda: not page.imports.is_running and target.exists(), timeout=PATIENCE_MS)
    with zipfile.ZipFile(target) as archive:
        assert "project.toml" in archive.namelist()
    qtbot.waitUntil(lambda: str(target) in page.imports.result.text(), timeout=PATIENCE_MS)


@pytest.mark.slow
def test_talk_is_kept_and_cut_into_other_words(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, tmp_path: Path, shared_data: Path
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    page.words.choose("low")
    assert not page.free.isVisible()
    page.words.choose(UNKNOWN)
    before = len(page.table.rows.clips)
    said = [audio.read(path, rate=RATE) for path in sorted((shared_data / "conversation").glob("*.flac"))[:3]]
    virtual_microphone.play(file_of(tmp_path, np.concatenate(said)))
    qtbot.mouseClick(page.free, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.free.recording.seconds > 6, timeout=PATIENCE_MS)
    assert page.free.text().startswith("Stop (0:0") and not page.words.isEnabled()
    page.words.refresh()  # as when the clips or the colours change
    assert not page.recorder.record.isEnabled() and "Talk about anything" in page.recorder.advice.text()
    with qtbot.waitSignal(page.free.recording.ended) as ended:
        qtbot.mouseClick(page.free, Qt.MouseButton.LeftButton)
    _, clips, seconds = ended.args
    assert len(clips) >= 2 and page.words.isEnabled() and page.free.text() == "Talk freely"
    for clip in clips:
        assert len(audio.read(clip.path, rate=RATE)) == RATE
    assert seconds_of_talk(ProjectFolder(project_of(page).folder).talk) == pytest.approx(seconds)
    assert "kept as your own talk" in page.recorder.advice.text() and len(page.table.rows.clips) == before + len(clips)
    page.model.undo_stack.undo()
    assert len(page.table.rows.clips) == before
    page.model.undo_stack.redo()
    assert len(page.table.rows.clips) == before + len(clips)


@pytest.mark.slow
def test_the_room_is_kept_without_what_is_said(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    page.words.choose(NOISE)
    hiss = (3e-3 * np.random.default_rng(3).standard_normal(12 * RATE)).astype(np.float32)
    virtual_microphone.play(file_of(tmp_path, hiss))
    qtbot.waitUntil(lambda: page.recorder.meter.floor() is not None, timeout=PATIENCE_MS)
    qtbot.mouseClick(page.free, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.free.recording.seconds > 3, timeout=PATIENCE_MS)
    with qtbot.waitSignal(page.free.recording.ended):
        qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert len(project_of(page).noises()) == 1 and "kept as noise" in page.recorder.advice.text()
    page.model.undo_stack.undo()
    assert project_of(page).noises() == []


@pytest.mark.slow
def test_free_talk_that_cannot_be_stored_waits_and_leaving_the_page_keeps_it(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    page.words.choose(UNKNOWN)

    def full(*_: object, **__: object) -> None:
        raise ProjectError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr("kws_gui.services.free_recording.store_talk", full)
        page.free.toggle_recording()
        qtbot.waitUntil(lambda: page.free.recording.seconds > 0.5, timeout=PATIENCE_MS)
        page.free.toggle_recording()
        qtbot.waitUntil(lambda: page.free.recording.waits, timeout=PATIENCE_MS)
        assert "waits in memory" in page.recorder.advice.text() and page.words.isEnabled()
    talk = ProjectFolder(project_of(page).folder).talk
    with qtbot.waitSignal(page.free.recording.ended, timeout=PATIENCE_MS):
        page.free.toggle_recording()
    assert not page.free.recording.waits and seconds_of_talk(talk) > 0.4
    page.free.toggle_recording()
    qtbot.waitUntil(lambda: page.free.recording.seconds > 0.5, timeout=PATIENCE_MS)
    before = seconds_of_talk(talk)
    page.hide()
    qtbot.waitUntil(lambda: not page.free.is_busy and seconds_of_talk(talk) > before + 0.4, timeout=PATIENCE_MS)


@pytest.mark.slow
@pytest.mark.parametrize("is_closed", [False, True])
def test_free_talk_is_stored_beside_the_window_and_closing_it_loses_nothing(
    virtual_microphone: VirtualMicrophone,
    page: WordsPage,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_closed: bool,
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    page.words.choose(UNKNOWN)
    disk, store = threading.Event(), free_recording.store_talk

    def slowly(*arguments: Any, **named: Any) -> free_recording.StoredTalk:
        disk.wait(PATIENCE_MS / 1000)
        return store(*arguments, **named)

    monkeypatch.setattr(free_recording, "store_talk", slowly)
    page.free.toggle_recording()
    qtbot.waitUntil(lambda: page.free.recording.seconds > 0.5, timeout=PATIENCE_MS)
    page.free.toggle_recording()
    qtbot.waitUntil(lambda: page.recorder.advice.text().startswith("Storing"), timeout=PATIENCE_MS)
    talk, seconds = ProjectFolder(project_of(page).folder).talk, page.free.recording.seconds
    assert not page.free.isEnabled() and not page.words.isEnabled() and seconds_of_talk(talk) == 0
    if is_closed:
        threading.Timer(0.2, disk.set).start()
        page.shutdown()
    else:
        disk.set()
        qtbot.waitUntil(lambda: not page.free.is_busy, timeout=PATIENCE_MS)
        assert page.free.isEnabled() and page.words.isEnabled()
    assert seconds_of_talk(talk) == pytest.approx(seconds)


@pytest.mark.slow
def test_a_take_is_whole_on_disk_before_it_is_shown_as_saved_and_keeps_what_was_before_the_key(
    virtual_microphone: VirtualMicrophone, page: WordsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    qtbot.waitUntil(lambda: page._microphones.is_open, timeout=PATIENCE_MS)
    page.words.choose("high")
    quick(page, 1)
    virtual_microphone.play(file_of(tmp_path, np.tile(spoken(1.5, at_s=0.8), 8)))
    qtbot.waitUntil(lambda: page.recorder.meter.floor() is not None, timeout=PATIENCE_MS)  # heard for a second
    lengths: list[int] = []

    def look(clip: Clip) -> None:
        with wave.open(str(clip.path)) as file:
            lengths.append(file.getnframes())
        assert "Saved" not in page.recorder.advice.text()

    page.recordings.saved.connect(look)
    with qtbot.waitSignal(page.session.taken, timeout=PATIENCE_MS) as taken:
        page.record()
    assert lengths == [RATE] and "Saved" in page.recorder.advice.text()
    take = taken.args[0]
    assert len(take.raw) >= round(2.2 * RATE)  # of which 2 s came after the key
    assert np.abs(take.raw[: round(0.2 * RATE)]).max() > 0
