"""Runs as a person handles them on the Train page: queued, paused, gone on with, repeated, named, found, failed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot
from tiny_project import fail, make_project, quick_settings

from kws_engine.clips.project import Project
from kws_engine.evaluation.diagnosis import KINDS
from kws_engine.runs import queue
from kws_engine.runs.clip_list import ClipRow
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.records import history, past_runs
from kws_engine.settings import RECIPES, Settings
from kws_engine.training.events import Epoch, Failed, Progress, Started
from kws_gui.pages.train.live_finding import LiveFinding
from kws_gui.pages.train.messages import cure_of
from kws_gui.pages.train.page import TrainPage
from kws_gui.pages.train.run_view import RunView
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.services import Services
from kws_gui.services.training import LiveRun, Training

PATIENCE_MS = 120_000
LEFT = Qt.MouseButton.LeftButton
CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
TOO_FAST = ("training.learning_rate=10", "training.optimizer=sgd", "training.schedule=constant", "training.averaging=0",
            "model.batch_norm=no", "training.epochs=30")  # fmt: skip


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    """A project with two runs; tests work on copies of it."""
    return trained_tones((), ("training.epochs=2",))


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


@pytest.fixture
def page(qtbot: QtBot, services: Services, folder: Path) -> Iterator[TrainPage]:
    made = TrainPage(services)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    _open(qtbot, made, folder)
    yield made
    made.shutdown()


def _open(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    page._model.open(Project.open(folder))
    _settle(qtbot, page)


def _settle(qtbot: QtBot, page: TrainPage) -> None:
    qtbot.waitUntil(lambda: not page._runs.is_reading(), timeout=PATIENCE_MS)


def _idle(qtbot: QtBot, page: TrainPage) -> None:
    qtbot.waitUntil(lambda: not page._training.is_running, timeout=PATIENCE_MS)
    _settle(qtbot, page)


def _start_long(qtbot: QtBot, page: TrainPage, *options: str) -> None:
    page.form.setValue(quick_settings("training.epochs=5000", *options))
    qtbot.mouseClick(page.train, LEFT)
    qtbot.waitUntil(lambda: len(_epochs(page)) >= 2, timeout=PATIENCE_MS)
    _settle(qtbot, page)


def _epochs(page: TrainPage) -> list[Epoch]:
    """Of the run that was started last."""
    live = page._training.live
    return live.epochs if live is not None else []


def _waiting(page: TrainPage) -> list[int]:
    return [waiting.job.settings["training"]["epochs"] for waiting in page.runs.waiting()]


# -- the queue


@pytest.mark.slow
def test_queued_runs_start_one_after_another(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    for epochs in (1, 2):
        page.form.setValue(quick_settings(f"training.epochs={epochs}"))
        qtbot.keyClick(page, Qt.Key.Key_Return, CONTROL | SHIFT)
    assert _waiting(page) == [1, 2] and not page._training.is_running
    assert page.messages.text() == "2 runs are waiting."
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    assert page.train.text() == "Stop"
    _idle(qtbot, page)
    assert [len(row.run.epochs) for row in page.runs.rows()] == [2, 1, 2, 3] and _waiting(page) == []
    assert queue.read_queue(folder) == () and page.messages.text().startswith("Done: ")


@pytest.mark.slow
def test_what_waits_outlives_the_window_and_is_offered_again(
    qtbot: QtBot, page: TrainPage, folder: Path, make_services: Callable[..., Services]
) -> None:
    qtbot.mouseClick(page.card.queue, LEFT)
    page.shutdown()
    other = TrainPage(make_services())
    qtbot.addWidget(other)
    other.show()
    _open(qtbot, other, folder)
    assert _waiting(other) == [3] and other.messages.text() == "1 run is waiting."
    assert other.messages.remedyButton().text() == "Start"
    other.shutdown()


@pytest.mark.slow
def test_the_queue_is_moved_and_emptied_by_keys_with_undo(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    for epochs in (1, 2, 3):
        page.form.setValue(quick_settings(f"training.epochs={epochs}"))
        qtbot.mouseClick(page.card.queue, LEFT)
    page.runs.chooseWaiting(page.runs.waiting()[2].key)
    assert "number 3" in page.run.sentence() and page.runs.start.isVisible()
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_Up, ALT)
    assert _waiting(page) == [1, 3, 2]
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_Delete)
    assert _waiting(page) == [1, 2] and len(past_runs(folder / "runs")) == 2
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    assert _waiting(page) == [1, 3, 2] and [w.key for w in queue.read_queue(folder)] == [
        w.key for w in page.runs.waiting()
    ]
    page.form.setValue(Settings())
    page.runs.chooseWaiting(page.runs.waiting()[1].key)
    page.runs.menu.action("use").trigger()
    assert page.form.value() == quick_settings("training.epochs=3")


@pytest.mark.slow
def test_stop_keeps_the_queue_waiting(qtbot: QtBot, page: TrainPage) -> None:
    _start_long(qtbot, page)
    qtbot.mouseClick(page.card.queue, LEFT)
    assert page.messages.isHidden() and _waiting(page) == [5000]
    qtbot.mouseClick(page.train, LEFT)
    _idle(qtbot, page)
    assert _waiting(page) == [5000] and page.messages.text().endswith("1 run is waiting.")
    assert page.messages.remedyButton().text() == "Start"


@pytest.mark.slow
def test_a_queued_run_that_cannot_begin_keeps_its_place(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    gone = folder / "runs/20200101-000000-gone"
    page.run_actions.queue(Job(folder, quick_settings().to_dict(), resume=gone))
    qtbot.mouseClick(page.card.queue, LEFT)
    page.runs.chooseWaiting(page.runs.waiting()[0].key)
    qtbot.mouseClick(page.runs.start, LEFT)
    _idle(qtbot, page)
    assert page.messages.kind() == "error" and len(_waiting(page)) == 2


@pytest.mark.slow
def test_another_project_does_not_go_on_with_the_queue(qtbot: QtBot, page: TrainPage, tmp_path: Path) -> None:
    _start_long(qtbot, page)
    qtbot.mouseClick(page.card.queue, LEFT)
    other = make_project(tmp_path / "other")
    _open(qtbot, page, other.folder)
    _idle(qtbot, page)
    assert (
        _waiting(page) == [] and past_runs(other.runs_folder) == [] and not (other.runs_folder / "queue.json").exists()
    )


@pytest.mark.slow
def test_a_damaged_queue_is_said(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    (folder / "runs/queue.json").write_text("{")
    _open(qtbot, page, folder)
    assert page.messages.kind() == "error" and "queue of runs" in page.messages.text()
    assert "delete the file" in page.messages.text()


def _other_window(page: TrainPage, folder: Path) -> Training:
    project = ProjectModel(page)
    other = Training(project, page)
    project.open(Project.open(folder))
    return other


@pytest.mark.slow
def test_two_windows_of_one_project_share_the_queue_and_start_no_run_twice(
    qtbot: QtBot, page: TrainPage, folder: Path
) -> None:
    other = _other_window(page, folder)
    for epochs in (1, 2):
        page.form.setValue(quick_settings(f"training.epochs={epochs}"))
        qtbot.mouseClick(page.card.queue, LEFT)
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    assert other.start_next(), "the second, while the first is being begun"
    begun = [page._training.live, other.live]
    assert [live and live.job.settings["training"]["epochs"] for live in begun] == [1, 2]
    qtbot.waitUntil(lambda: not other.is_running, timeout=PATIENCE_MS)
    _idle(qtbot, page)
    assert sorted(len(run.epochs) for run in past_runs(folder / "runs")) == [1, 2, 2, 3]
    assert queue.read_queue(folder) == () and not list((folder / "runs").glob("queue-*.lock"))


def test_a_window_says_that_another_one_starts_what_waits(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    qtbot.mouseClick(page.card.queue, LEFT)
    other = _other_window(page, folder)
    assert other.start_next()
    page.runs.chooseWaiting(page.runs.waiting()[0].key)
    qtbot.mouseClick(page.runs.start, LEFT)
    assert page.messages.text().startswith("Another window") and not page._training.is_running
    other.stop()  # before it stood: it waits on, for any window
    assert queue.read_queue(folder)
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    assert page._training.is_running
    other.shutdown()


# -- pause, resume, repeat


def test_pause_lets_the_run_wait_until_it_goes_on(qtbot: QtBot, page: TrainPage) -> None:
    _start_long(qtbot, page)
    assert page.card.pause.text() == "Pause"
    qtbot.mouseClick(page.card.pause, LEFT)
    assert page._training.is_paused and page.run.sentence().startswith("Paused. ")
    assert page.runs.tree.topLevelItem(0).text(4) == "paused" and page.card.pause.text() == "Go on"
    qtbot.keyClick(page, Qt.Key.Key_P, CONTROL | SHIFT)
    before = len(_epochs(page))
    qtbot.waitUntil(lambda: len(_epochs(page)) > before + 1, timeout=PATIENCE_MS)
    assert page.runs.tree.topLevelItem(0).text(4) == "running"
    qtbot.mouseClick(page.card.pause, LEFT)
    qtbot.mouseClick(page.train, LEFT)
    _idle(qtbot, page)
    assert page.messages.text().startswith("Stopped: ") and not page.card.pause.isVisible()


def test_a_killed_run_is_resumed_from_the_bar(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    _start_long(qtbot, page)
    assert page._training.live is not None
    run = page._training.live.folder
    assert run is not None and page._training.pid is not None
    os.kill(page._training.pid, signal.SIGKILL)
    _idle(qtbot, page)
    kept = history(RunFolder(run).events.read())
    assert page.messages.remedyButton().text() == "Resume"
    row = page.runs.current()
    assert row is not None and row.folder == run and page.runs.resume.isVisible()
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    qtbot.waitUntil(lambda: len(_epochs(page)) > len(kept), timeout=PATIENCE_MS)
    assert tuple(_epochs(page)[: len(kept)]) == kept
    assert [point.epoch for point in page.run.curves.points()] == [epoch.epoch for epoch in _epochs(page)]
    qtbot.mouseClick(page.train, LEFT)
    _idle(qtbot, page)
    assert len(page.runs.rows()) == 3 and page.runs.rows()[0].run.model is not None


def test_repeating_makes_the_same_run_and_says_what_changed(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    first = page.runs.rows()[0].run
    page.runs.menu.action("repeat").trigger()
    with qtbot.waitSignal(page._training.ended, timeout=PATIENCE_MS):
        pass
    _settle(qtbot, page)
    again = page.runs.rows()[0].run
    losses = [[epoch.validation_loss for epoch in run.epochs] for run in (first, again)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    next((folder / "clips/low").glob("*.wav")).unlink()
    page.runs.choose(first.folder)
    page.runs.menu.action("repeat").trigger()
    qtbot.waitUntil(lambda: page.messages.kind() == "warning", timeout=PATIENCE_MS)
    assert "1 clip is missing (clips/low/" in page.messages.text() and not page._training.is_running
    assert page.messages.remedyButton().text() == "Repeat anyway"


# -- failures


def test_a_loss_that_is_no_number_offers_a_tenth_of_the_rate(qtbot: QtBot, page: TrainPage) -> None:
    page.form.setValue(quick_settings(*TOO_FAST))
    qtbot.mouseClick(page.train, LEFT)
    _idle(qtbot, page)
    assert page.messages.text().startswith("The loss is no longer a number")
    assert page.messages.remedyButton().text() == "Use a tenth of the learning rate"
    page.form.setValue(Settings())
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    assert page.form.value() == quick_settings(*TOO_FAST, "training.learning_rate=1")
    page._model.undo_stack.undo()
    assert page.form.value() == Settings()


def test_a_checkpoint_of_another_network_offers_its_settings(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    _start_long(qtbot, page)
    os.kill(page._training.pid or 0, signal.SIGKILL)
    _idle(qtbot, page)
    run = page.runs.rows()[0].folder
    job = (run / "job.toml").read_text()
    (run / "job.toml").write_text(job.replace("width = 0.25", "width = 0.5"))
    before = (run / "checkpoint.safetensors").read_bytes()
    page._runs.read()
    _settle(qtbot, page)
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    _idle(qtbot, page)
    assert "checkpoint is of another network" in page.messages.text()
    assert page.messages.remedyButton().text() == "Use its settings"
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_a_half_written_run_is_listed_and_can_only_be_deleted(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    (folder / "runs/20990101-000000-x").mkdir()
    page._runs.read()
    _settle(qtbot, page)
    page.runs.choose(folder / "runs/20990101-000000-x")
    assert page.runs.tree.topLevelItem(0).text(4) == "damaged" and "cannot be read" in page.run.sentence()
    able = {name for name, action in page.runs.menu.actions_by_name.items() if action.isEnabled()}
    assert able == {"rename", "label", "compare", "delete"}
    page.runs.menu.action("delete").trigger()
    _settle(qtbot, page)
    assert len(page.runs.rows()) == 2


def test_what_helps_after_a_failure_follows_what_is_kept(page: TrainPage) -> None:
    finished = page.runs.rows()[0].run
    assert cure_of(Failed("Training failed: x"), None, was_resumed=False) == ""
    assert (
        cure_of(Failed("The loss is no longer a number: y", kind="not_a_number"), finished, was_resumed=False)
        == "slower"
    )
    assert cure_of(Failed("Training failed: x"), finished, was_resumed=True) == "settings"
    assert cure_of(Failed("Training failed: x"), finished, was_resumed=False) == ""


def _start_and_kill(qtbot: QtBot, page: TrainPage) -> Path:
    _start_long(qtbot, page)
    os.kill(page._training.pid or 0, signal.SIGKILL)
    _idle(qtbot, page)
    live = page._training.live
    assert live is not None and live.folder is not None
    return live.folder


def test_a_killed_run_is_made_a_model_of_from_the_bar(qtbot: QtBot, page: TrainPage) -> None:
    run = _start_and_kill(qtbot, page)
    kept = history(RunFolder(run).events.read())
    best = next(epoch.epoch for epoch in reversed(kept) if epoch.best)
    assert page.messages.otherButton().text() == f"Make a model of epoch {best}"
    qtbot.mouseClick(page.messages.otherButton(), LEFT)
    _idle(qtbot, page)
    assert page.messages.text().startswith("Done: ") and f"the weights of epoch {best}" in page.messages.text()
    row = page.runs.current()
    assert row is not None and row.folder == run and row.run.model is not None and row.run.epochs == kept
    assert page._model.model_path == row.run.model and page.runs.listen.isEnabled()
    assert not page.runs.menu.action("finish").isEnabled()


def test_the_key_makes_a_model_and_waits_behind_a_run(qtbot: QtBot, page: TrainPage, folder: Path) -> None:
    assert not page.runs.menu.action("finish").isEnabled(), "it has a model"
    run = fail(folder / "runs", page.runs.rows()[0].folder, "Training failed: no memory")
    page._runs.read()
    _settle(qtbot, page)
    page.runs.choose(run)
    assert page.runs.menu.action("finish").isEnabled() and page.runs.menu.action("results").isEnabled()
    page._training._bridge._process = Busy()  # something runs: it waits its turn
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_M, CONTROL)
    page._training._bridge._process = None
    (waiting,) = queue.read_queue(folder)
    assert waiting.job.finish and waiting.job.resume == run
    assert page.runs.tree.topLevelItem(0).text(0).startswith("Model of ")
    page._training.start_next()
    _idle(qtbot, page)
    assert [row.run.model is not None for row in page.runs.rows() if row.folder == run] == [True]


class Busy:
    """A process that only is there."""

    is_paused = False


# -- names, tags, filter


def test_f2_names_a_run_with_undo(qtbot: QtBot, page: TrainPage) -> None:
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_F2)
    field = page.runs.tree.viewport().findChild(QLineEdit)
    assert field is not None and field.text() == ""
    qtbot.keyClicks(field, "first of all")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.runs.rows()[0].title == "first of all", timeout=PATIENCE_MS)
    row = page.runs.current()
    assert row is not None and RunFolder(row.folder).label.read().name == "first of all"
    assert page.runs.tree.currentItem().text(0) == "first of all"
    page._model.undo_stack.undo()
    _settle(qtbot, page)
    assert RunFolder(row.folder).label.read().name == ""


def test_tags_and_a_note_are_kept_and_found_by_the_filter(qtbot: QtBot, page: TrainPage) -> None:
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_T, CONTROL)
    dialog = page.run_actions.dialog
    assert dialog is not None
    qtbot.keyClicks(dialog.tags, "lecture, #slow, lecture")
    qtbot.keyClicks(dialog.note, "to be shown")
    qtbot.mouseClick(dialog.save, LEFT)
    _settle(qtbot, page)
    row = page.runs.current()
    assert row is not None and row.run.label.tags == ("lecture", "slow") and row.run.label.note == "to be shown"
    hidden = lambda: [page.runs.tree.topLevelItem(at).isHidden() for at in range(2)]  # noqa: E731
    for text, expected in (("#slow", [False, True]), ("shown tc_res", [False, True]), ("nowhere", [True, True])):
        page.runs.filter.setText(text)
        assert hidden() == expected, text
    page.runs.filter.clear()
    assert hidden() == [False, False]


def test_a_label_that_does_not_fit_is_said_in_the_dialog(qtbot: QtBot, page: TrainPage) -> None:
    page.runs.menu.action("label").trigger()
    dialog = page.run_actions.dialog
    assert dialog is not None
    dialog.tags.setText("x" * 41)
    qtbot.mouseClick(dialog.save, LEFT)
    assert dialog.isVisible() and "41 characters" in dialog.error.text()
    dialog.reject()


def test_several_runs_are_deleted_and_come_back_together(qtbot: QtBot, page: TrainPage) -> None:
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_A, CONTROL)
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: page.runs.rows() == [], timeout=PATIENCE_MS)
    assert page.messages.text() == "The 2 runs are in the trash."
    qtbot.mouseClick(page.messages.remedyButton(), LEFT)
    qtbot.waitUntil(lambda: len(page.runs.rows()) == 2, timeout=PATIENCE_MS)


# -- recipes, the quiet line, work between epochs


def test_a_recipe_fills_in_the_form_with_undo(page: TrainPage) -> None:
    before = page.form.value()
    actions = {action.text(): action for action in page.card.recipe.menu().actions()}
    for name, recipe in RECIPES.items():
        actions[recipe.title].trigger()
        assert page.form.value() == before.with_recipe(name)
        page._model.undo_stack.undo()
        assert page.form.value() == before


STARTED = Started("run", ["a", "b", "_unknown_", "_silence_"], {"a": 100}, {"a": 200, "b": 200}, 1000, 1000, "cpu", 40)


def _overfitting(number: int) -> Epoch:
    rise = 0.08 * max(0, number - 6)
    validation = 0.3 + 0.5 / number + rise
    return Epoch(number, 1.0 / number**1.5, 1.0, validation, 0.7, 0.01, 1.0, 0.0, number <= 6)


def test_the_quiet_line_says_what_the_curves_mean_and_its_remedy_fills_in_the_form(qtbot: QtBot) -> None:
    view = RunView()
    qtbot.addWidget(view)
    view.show()
    finding = LiveFinding(view)
    settings = Settings().with_options(["training.early_stopping=no", "training.weight_decay=0", "training.epochs=40"])
    live = LiveRun(Job(Path("project"), settings.to_dict()), started=STARTED)
    view.show_live(live)
    for number in range(1, 26):
        live.epochs.append(_overfitting(number))
        view.update_live([live.epochs[-1]])
        finding.look(live)
    found = finding.finding()
    assert found is not None and found.kind in KINDS
    assert view.curves.finding.text() == f"{found.title}: {found.brief}"
    assert view.curves.finding.remedyButton().text().endswith(" for the next run")
    with qtbot.waitSignal(finding.settingsChosen) as chosen:
        qtbot.mouseClick(view.curves.finding.remedyButton(), LEFT)
    assert chosen.args[0] != settings
    view.show_past([_overfitting(1)], "Finished")
    assert view.curves.finding.text() == ""
    finding.show()
    assert view.curves.finding.text() == ""
    view.show_live(live)
    finding.show()
    assert view.curves.finding.text().startswith(found.title)
    finding.shutdown()


def test_the_line_names_too_few_speakers_once_the_list_of_clips_is_read(qtbot: QtBot, tmp_path: Path) -> None:
    rows = [
        ClipRow(f"clips/a/voice{voice}_nohash_{take}.wav", "training" if voice < 3 else "validation", "a", "")
        for voice in range(5)
        for take in range(20)
    ]
    RunFolder(tmp_path).clips.write(rows)
    view = RunView()
    qtbot.addWidget(view)
    view.show()
    finding = LiveFinding(view)
    live = LiveRun(Job(Path("project"), Settings().to_dict()), started=replace(STARTED, run=str(tmp_path)))
    live.epochs += [_overfitting(number) for number in range(1, 26)]
    view.show_live(live)
    finding.look(live)
    line = view.curves.finding
    qtbot.waitUntil(lambda: line.text().startswith("Too few speakers: the training clips are by 3 people"))
    with qtbot.waitSignal(finding.wordsRequested):
        qtbot.mouseClick(line.remedyButton(), LEFT)
    assert line.remedyButton().text() == "Record 9 more people"
    finding.shutdown()


def test_work_between_epochs_is_said_in_words(qtbot: QtBot) -> None:
    view = RunView()
    qtbot.addWidget(view)
    live = LiveRun(Job(Path("project")), progress=Progress("Reading clips", 1, 10))
    view.show_live(live)
    assert not view.progress.isHidden()
    live.started = STARTED
    live.progress = Progress("Augmenting and computing features", 256, 1500)
    view.update_live()
    assert view.sentence() == "Epoch 1 of 40 · augmenting and computing features: 256 of 1,500 clips"
    live.progress = Progress("Augmenting and computing features", 1500, 1500)
    view.update_live()
    assert view.sentence() == "Epoch 1 of 40"
    live.set_paused(True)
    view.update_live()
    assert view.sentence() == "Paused. Epoch 1 of 40"
    live.set_paused(False)
    live.epochs += map(_overfitting, (1, 2, 3))
    view.update_live(live.epochs)
    assert view.sentence().startswith("Epoch 3 of 40. Best so far: epoch 3")
    live.has_ended = True
    view.update_live()
