"""Actions in the window: kept, switched, tested and undone in the dialog, and done when a word is heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tone_model
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from kws_engine.actions import ACTIONS, stored
from kws_engine.actions.rule import ANY, parse
from kws_engine.clips.project import Project
from kws_engine.spotting.decision import Detection
from kws_gui.pages.listen.actions import ActionsDialog
from kws_gui.pages.listen.page import ListenPage
from kws_gui.services.services import Services


@pytest.fixture
def opened(services: Services, tmp_path: Path) -> Services:
    """The services with a project of two words open."""
    services.project.open(Project.create(tmp_path / "lamps", words=["low", "high"]))
    return services


@pytest.fixture
def dialog(qtbot: QtBot, opened: Services) -> ActionsDialog:
    made = ActionsDialog(opened.actions, ["low", "high"])
    qtbot.addWidget(made)
    made.show()
    return made


def fill_in(dialog: ActionsDialog, word: str, kind: str, **texts: str) -> None:
    """What a person chooses and types."""
    editor = dialog.editor
    editor.word.setCurrentIndex(editor.word.findData(word))
    editor.chooser.entryBox().setCurrentIndex(editor.chooser.entryBox().findData(kind))
    for name, text in texts.items():
        form = editor.limits if name == "pause_s" else editor.chooser.form()
        field = form.editor(name)
        (field.lineEdit() if hasattr(field, "lineEdit") else field).setText(text)


def test_an_action_is_added_off_and_switched_on_by_its_switch(dialog: ActionsDialog, opened: Services) -> None:
    fill_in(dialog, "low", "program", command="echo 'two words' {word}", pause_s="3")
    dialog.editor.save.click()
    (rule,) = opened.actions.rules
    assert (rule.word, rule.kind, rule.limits.pause_s, rule.is_on) == ("low", "program", 3, False)
    assert rule.config.command == ("echo", "two words", "{word}")
    assert dialog.rows[0].choose.isChecked() and not dialog.rows[0].switch.isChecked()
    dialog.rows[0].switch.click()
    assert stored.read(opened.project.project.folder)[0].is_on  # type: ignore[union-attr]
    dialog.rows[0].switch.click()
    assert not opened.actions.rules[0].is_on


def test_every_kind_can_be_chosen_and_a_form_that_cannot_work_says_why(dialog: ActionsDialog, opened: Services) -> None:
    for entry in ACTIONS:
        fill_in(dialog, ANY, entry.name)
        assert dialog.editor.rule().kind == entry.name
    fill_in(dialog, "low", "http", url="nowhere")
    dialog.editor.save.click()
    assert "is not an address" in dialog.editor.told.text() and opened.actions.rules == []
    fill_in(dialog, "low", "sound", volume="7")
    dialog.editor.save.click()
    assert dialog.editor.told.text() == "Volume: 7 is outside 0 to 1" and opened.actions.rules == []


def test_a_test_says_how_it_went(qtbot: QtBot, dialog: ActionsDialog, tmp_path: Path) -> None:
    fill_in(dialog, "low", "program", command="sh -c 'echo no lamp >&2; exit 1'")
    dialog.editor.test.click()
    assert not dialog.editor.test.isEnabled()
    qtbot.waitUntil(dialog.editor.test.isEnabled)
    assert dialog.editor.told.text().endswith("failed with status 1: no lamp")
    fill_in(dialog, "low", "file", path=str(tmp_path / "heard"), line="{word}")
    dialog.editor.test.click()
    qtbot.waitUntil(dialog.editor.test.isEnabled)
    assert dialog.editor.told.text().startswith("Done in") and (tmp_path / "heard").read_text() == "low\n"


def test_changes_and_removals_are_undone(dialog: ActionsDialog, opened: Services) -> None:
    stack, actions = opened.project.undo_stack, opened.actions
    first = parse(["low=sound"])
    assert actions.add(first) and actions.set_on(0, True)
    dialog.choose(0)
    fill_in(dialog, "high", "sound", volume="1")
    dialog.editor.save.click()
    assert actions.rules[0].word == "high" and actions.rules[0].is_on, "what a person saves here stays on"
    dialog.editor.remove.click()
    assert actions.rules == [] and dialog.rows == []
    stack.undo()
    assert actions.rules[0].word == "high" and actions.rules[0].is_on
    stack.undo()
    assert actions.rules[0].word == "low" and actions.rules[0].is_on
    stack.undo()
    assert actions.rules == [first] and stored.read(opened.project.project.folder) == [first]  # type: ignore[union-attr]
    stack.undo()
    assert actions.rules == []


def test_a_switch_stays_off_where_the_action_cannot_be_done(
    dialog: ActionsDialog, opened: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.actions.add(parse(["low=keys", "keys=a"]))
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    dialog.rows[0].switch.click()
    assert not dialog.rows[0].switch.isChecked() and "Wayland" in dialog.rows[0].outcome.text()
    assert not opened.actions.rules[0].is_on


def test_what_goes_wrong_is_shown_with_its_count_and_nothing_waits(
    qtbot: QtBot, dialog: ActionsDialog, opened: Services, tmp_path: Path
) -> None:
    actions = opened.actions
    for parts in (["program", "command=false", "pause_s=0"], ["low=file", f"path={tmp_path / 'x'}", "pause_s=0"]):
        actions.add(parse(parts))
        actions.set_on(len(actions.rules) - 1, True)
    for at in (1, 2):
        actions.take(Detection("low", at_sample=at * 16_000, score=0.9), rate=16_000)
    qtbot.waitUntil(lambda: actions.outcome(0).done == 2 and actions.outcome(1).done == 2)
    assert dialog.rows[0].outcome.text().startswith("Failed (2 of 2): ")
    assert dialog.rows[1].outcome.text().endswith("in all 2")
    assert [report.rule.kind for report in actions.failing] == ["program"]
    actions.set_on(0, False)
    assert actions.outcome(0).done == 2 and actions.failing == []


def test_damaged_actions_are_told_and_nothing_is_overwritten(qtbot: QtBot, services: Services, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "lamps", words=["low"])
    file = project.folder / "project.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n[[actions]]\nkind = 'newer'\n", encoding="utf-8")
    services.project.open(Project.open(project.folder))
    made = ActionsDialog(services.actions, [])
    qtbot.addWidget(made)
    made.show()
    assert "There is no action 'newer'" in made._empty.text() and not made.editor.isEnabled()
    assert not services.actions.add(parse(["sound"]))
    assert "newer" in file.read_text(encoding="utf-8")


@pytest.fixture
def page(qtbot: QtBot, opened: Services) -> Iterator[ListenPage]:
    made = ListenPage(opened)
    qtbot.addWidget(made)
    yield made
    made.shutdown()


def test_a_word_that_the_page_hears_does_it(
    qtbot: QtBot, page: ListenPage, opened: Services, tmp_path: Path, virtual_microphone: object
) -> None:
    opened.actions.add(parse(["low=file", f"path={tmp_path / 'heard'}", "line={word}"]))
    opened.actions.set_on(0, True)
    assert page.outward.button.text() == "Actions: 1 on"
    page.choose(tone_model.write(tmp_path / "tones.kws"))
    qtbot.waitUntil(lambda: page.bridge.opened is not None)
    page.bridge.detected.emit(Detection("low", at_sample=16_000, score=0.9))
    qtbot.waitUntil((tmp_path / "heard").exists)
    qtbot.waitUntil(lambda: opened.actions.outcome(0).done == 1)
    opened.actions.replace(0, parse(["low=program", "command=false"]))
    opened.actions.set_on(0, True)
    page.bridge.detected.emit(Detection("low", at_sample=32_000, score=0.9))
    qtbot.waitUntil(lambda: bool(opened.actions.failing))
    assert "failed with status 1" in page.outward.button.toolTip()
    assert page.messages.text().startswith("Run a program at “low” failed: ")
    page.messages.clear()
    page.bridge.detected.emit(Detection("low", at_sample=64_000, score=0.9))
    qtbot.waitUntil(lambda: opened.actions.outcome(0).done == 2)
    assert page.messages.text() == "", "it is said once"


def test_the_button_opens_the_dialog_and_needs_a_project(qtbot: QtBot, page: ListenPage, opened: Services) -> None:
    qtbot.mouseClick(page.outward.button, Qt.MouseButton.LeftButton)
    dialog = page.outward.button.dialog
    assert dialog is not None and dialog.isVisible()
    words = [dialog.editor.word.itemText(at) for at in range(dialog.editor.word.count())]
    assert words == ["Every word", "low", "high"]
    page.outward.button.close_dialog()
    opened.project.close()
    assert not page.outward.button.isEnabled() and opened.actions.rules == []
