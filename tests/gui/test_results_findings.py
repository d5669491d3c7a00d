"""Findings on the Results page: what they say, remedies on the form, clips heard, left out, moved, and all undone."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from leading import leads_to
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tiny_project import fail

from kws_engine.clips.project import Project
from kws_engine.evaluation import finding_in_clips, remedies
from kws_engine.runs.diagnosing import Look, diagnose_run, look_at_run
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import settings_of
from kws_engine.runs.records import past_runs
from kws_gui.pages.results.findings import FindingCard
from kws_gui.pages.results.page import ResultsPage
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.services import Services

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    return trained_tones(("training.learning_rate=0.002",))


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Project:
    """A project whose run met clips that it took for another word nearly whenever it was trained on them."""
    made = Project.open(shutil.copytree(trained, tmp_path / "copy"))
    wrong = _wrong(made)
    with RunFolder(_run(made)).learning.path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "seen", "margin", "own_probability", "predicted", "others"])
        for clip in made.clips(split="training"):
            path = clip.path.relative_to(made.folder).as_posix()
            is_wrong = path in wrong
            own, heard = (0.02, "high") if is_wrong else (0.9, clip.word)
            table.writerow([path, clip.word, 20, -4.0 if is_wrong else 4.0, own, heard, ""])
    return made


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[ResultsPage]:
    made = ResultsPage(services)
    qtbot.addWidget(made)
    made.resize(856, 610)
    made.show()
    yield made
    made.shutdown()


def _wrong(project: Project) -> list[str]:
    clips = [*project.clips(word="low", split="training")[:4], *project.clips(word="middle", split="training")[:4]]
    return [clip.path.relative_to(project.folder).as_posix() for clip in clips]


def _run(project: Project) -> Path:
    return past_runs(project.runs_folder)[0].folder


def _open(qtbot: QtBot, page: ResultsPage, project: Project) -> ProjectModel:
    model: ProjectModel = page._model
    model.open(project)
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: page.findings.diagnosis.state in ("known", "unknown"), timeout=PATIENCE_MS)
    qtbot.mouseClick(page.views.button("findings"), Qt.MouseButton.LeftButton)
    return model


@pytest.fixture(autouse=True)
def _smooth_labels_helped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offers a remedy that changes settings, whatever the benchmark says of it."""
    smooth = "label_errors", "label_smoothing"
    monkeypatch.setitem(remedies.MEASURED, smooth, replace(remedies.MEASURED[smooth], helped=True))  # type: ignore[arg-type]


def _card(page: ResultsPage, kind: str) -> FindingCard:
    return next(card for card in page.findings.cards() if card.finding.kind == kind)


def _press(qtbot: QtBot, card: FindingCard, start: str) -> None:
    button = next(button for button in card.buttons if button.text().startswith(start))
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _listen(qtbot: QtBot, page: ResultsPage) -> None:
    qtbot.mouseClick(_card(page, "label_errors").listen, Qt.MouseButton.LeftButton)
    assert page.findings.suspects.isVisible()


@pytest.mark.slow
def test_the_findings_are_those_of_the_engine(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    _open(qtbot, page, project)
    found = diagnose_run(_run(project))
    assert [card.finding for card in page.findings.cards()] == found and "label_errors" in {one.kind for one in found}
    assert page.views.button("findings").text() == f"Findings ({len(found)})"
    card = page.findings.cards()[0]
    assert card.evidence.isHidden()
    qtbot.mouseClick(card.why, Qt.MouseButton.LeftButton)
    assert card.evidence.isVisible() and card.evidence.text() == found[0].evidence
    assert [button.text() for button in card.buttons] == [remedy.on_button for remedy in found[0].remedies]


def test_a_remedy_is_on_the_form_and_is_undone(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    model = _open(qtbot, page, project)
    before = model.settings
    with leads_to(qtbot, page._navigation, "train"):
        _press(qtbot, _card(page, "label_errors"), "Smooth the labels")
    of_run = settings_of(_run(project))
    assert model.settings == of_run.with_option("training.label_smoothing", "0.1") != before
    assert Project.open(project.folder).settings["training"]["label_smoothing"] == 0.1
    model.set_settings(model.settings.with_option("training.epochs", "7"))
    _press(qtbot, _card(page, "label_errors"), "Smooth the labels")
    assert model.settings.training.epochs == 7, "a further remedy adds to what is on the form"
    for _ in range(2):
        model.undo_stack.undo()
    assert model.settings == before


def test_clips_are_ranked_heard_left_out_and_taken_in_again(
    qtbot: QtBot, page: ResultsPage, project: Project, virtual_microphone: object
) -> None:
    model = _open(qtbot, page, project)
    _listen(qtbot, page)
    suspects = page.findings.suspects
    assert {clip.path for clip in suspects.clips()} >= set(_wrong(project))
    scores = [clip.score for clip in suspects.clips()]
    assert scores == sorted(scores, reverse=True)
    with qtbot.waitSignal(suspects.sound.player.started, timeout=PATIENCE_MS):
        qtbot.keyClick(suspects.tree, Qt.Key.Key_Space)
    count, first = len(project.clips()), suspects.clips()[0]
    qtbot.keyClick(suspects.tree, Qt.Key.Key_Delete)
    assert len(project.clips()) == count - 1 and suspects.tree.topLevelItem(0).text(3) == "left out"
    assert suspects.tree.currentItem() is suspects.tree.topLevelItem(1), "the next one is at hand"
    assert project.folder / first.path not in {clip.path for clip in project.clips()}
    assert suspects.done.fullText().startswith("1 clip is left out")
    qtbot.mouseClick(suspects.undo_button, Qt.MouseButton.LeftButton)
    assert suspects.undo_button.isHidden()
    assert len(project.clips()) == count and suspects.tree.topLevelItem(0).text(3) == ""
    model.undo_stack.redo()
    suspects.tree.setCurrentItem(suspects.tree.topLevelItem(0))
    assert suspects.leave_out_button.text() == "Use again"
    qtbot.mouseClick(suspects.leave_out_button, Qt.MouseButton.LeftButton)
    assert len(project.clips()) == count


def test_a_clip_moves_to_the_word_it_sounds_like_and_back(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    model = _open(qtbot, page, project)
    _listen(qtbot, page)
    suspects = page.findings.suspects
    paths, wrong = [clip.path for clip in suspects.clips()], _wrong(project)[1]
    at = paths.index(wrong)
    suspects.tree.setCurrentItem(suspects.tree.topLevelItem(at))
    sound, there = (project.folder / wrong).read_bytes(), set(project.clips_folder.glob("high/*"))
    qtbot.waitUntil(lambda: suspects.sound.waveform.accessibleDescription() == "1.00 s of sound", timeout=PATIENCE_MS)
    qtbot.keyClick(suspects.tree, Qt.Key.Key_M)
    (moved,) = set(project.clips_folder.glob("high/*")) - there
    assert moved.read_bytes() == sound and not (project.folder / wrong).exists()
    assert suspects.tree.topLevelItem(at).text(3) == "moved to high"
    suspects.tree.setCurrentItem(suspects.tree.topLevelItem(at))
    assert suspects.sound.play.isEnabled(), "it can still be heard"
    menu = suspects.move_to_button.menu()
    menu.aboutToShow.emit()
    next(action for action in menu.actions() if action.text() == "middle").trigger()
    assert suspects.tree.topLevelItem(at).text(3) == "moved to middle"
    for _ in range(2):
        model.undo_stack.undo()
    assert (project.folder / wrong).read_bytes() == sound and set(project.clips_folder.glob("high/*")) == there
    assert suspects.tree.topLevelItem(at).text(3) == ""
    qtbot.keyClick(suspects.tree, Qt.Key.Key_Escape)
    assert not suspects.isVisible() and page.findings.cards()[0].isVisible()


def test_one_press_moves_all_or_leaves_all_out(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    model = _open(qtbot, page, project)
    card, files = _card(page, "label_errors"), set(project.clips_folder.rglob("*.wav"))
    remedy = next(remedy for remedy in card.finding.remedies if remedy.action == "relabel")
    _press(qtbot, card, remedy.title)
    assert not any((project.folder / clip.path).exists() for clip in remedy.clips)
    assert page.messages.remedyButton().text() == "Undo"
    qtbot.mouseClick(page.messages.remedyButton(), Qt.MouseButton.LeftButton)
    assert set(project.clips_folder.rglob("*.wav")) == files
    count = len(project.clips())
    _press(qtbot, card, "Leave these")
    left = len(next(remedy for remedy in card.finding.remedies if remedy.action == "exclude").clips)
    assert len(project.clips()) == count - left
    model.undo_stack.undo()
    assert len(project.clips()) == count


def test_clips_worth_listening_to_are_listed_apart_from_the_findings_also_of_a_healthy_run(
    qtbot: QtBot, page: ResultsPage, project: Project
) -> None:
    model = _open(qtbot, page, project)
    look = look_at_run(_run(project))
    worth = page.findings.worth
    assert worth.isVisible() and worth.listen.text() == f"Listen to {len(look.clips)} clips"
    assert len(page.findings.cards()) == len(look.findings), "it is no finding"
    page.findings.diagnosis._known[_run(project)] = Look([], look.clips)
    page.findings.diagnosis.changed.emit()
    assert page.findings.headline() == "No fault found" and page.findings.healthy.isVisible() and worth.isVisible()
    qtbot.mouseClick(worth.listen, Qt.MouseButton.LeftButton)
    suspects = page.findings.suspects
    assert suspects.isVisible() and suspects.clips() == look.clips
    assert suspects.title.fullText().startswith("Clips worth listening to: ")
    first = suspects.clips()[0].path
    qtbot.mouseClick(suspects.leave_out_button, Qt.MouseButton.LeftButton)
    assert page.findings.corrections.state(first) == "left out"
    model.undo_stack.undo()
    assert page.findings.corrections.state(first) == ""
    page.findings.diagnosis._known[_run(project)] = Look([], ())
    page.findings.diagnosis.changed.emit()
    assert not worth.isVisible() and page.findings.healthy.isVisible()


def test_a_run_without_fault_says_so_in_one_line(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    run = _run(project)
    RunFolder(run).learning.path.unlink()
    (run / "validation.csv").unlink()
    (run / "clips.csv").unlink()
    events = [json.loads(line) for line in RunFolder(run).events.path.read_text().splitlines()]
    epochs = [event for event in events if event["event"] == "epoch"]
    for event in events:
        if event["event"] == "started":  # as many clips as tell something
            event["training"] = dict.fromkeys(event["training"], 900)
            event["validation"] = dict.fromkeys(event["validation"], 200)
        if event["event"] == "epoch":
            share = event["epoch"] / len(epochs)
            event |= {"train_loss": 0.15 / share, "validation_loss": 0.16 / share, "train_accuracy": 0.97,
                      "validation_accuracy": 0.96}  # fmt: skip
    RunFolder(run).events.path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert diagnose_run(run) == []
    _open(qtbot, page, project)
    assert not page.findings.cards()
    assert page.findings.headline() == "No fault found" and page.findings.line.isVisible()
    assert page.views.button("findings").text() == "Findings"
    with leads_to(qtbot, page._navigation, "search"):
        page.findings.healthy.button().click()


def test_recordings_are_asked_for_at_their_word(
    qtbot: QtBot, page: ResultsPage, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding_in_clips, "_HARDLY_ANY", 1000)  # so that the clips of every word are too few
    _open(qtbot, page, project)
    asking = {
        remedy.action: (card, remedy)
        for card in page.findings.cards()
        for remedy in card.finding.remedies
        if remedy.action in ("record", "import", "open_words")
    }
    assert asking
    for card, remedy in asking.values():
        navigation = page._navigation
        words = navigation.wordRequested if remedy.word else navigation.pageShown
        with qtbot.waitSignal(navigation.importRequested if remedy.action == "import" else words):
            _press(qtbot, card, remedy.title)
        assert navigation.page == "words"


def test_a_model_without_its_run_is_said_to_be_one(
    qtbot: QtBot, page: ResultsPage, project: Project, tmp_path: Path
) -> None:
    model = _open(qtbot, page, project)
    found = page.findings.headline()
    other = Path(shutil.copy(next(_run(project).glob("*.kws")), tmp_path / "other.kws"))
    model.set_model_path(other)
    qtbot.waitUntil(lambda: page.findings.diagnosis.state == "unknown", timeout=PATIENCE_MS)
    assert page.findings.headline() == "Unknown" and "Train a network here" in page.findings.line.text()
    model.set_model_path(next(_run(project).glob("*.kws")))
    assert page.findings.headline() == found, "what was found is remembered"


FAILED = "The loss is no longer a number at a learning rate of 5: train again with a tenth of it"


def test_a_failed_run_is_diagnosed_and_made_a_model_of(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    run = fail(project.runs_folder, _run(project), FAILED, "not_a_number")
    model = _open(qtbot, page, project)
    assert model.run == run and model.model_path is None
    findings = page.findings
    assert findings.isVisible() and [card.finding for card in findings.cards()] == diagnose_run(run) != []
    assert FAILED in findings.unfinished.words.text() and not findings.healthy.isVisible()
    assert page.source.models.currentText().endswith("failed") and not page.source.parts.isEnabled()
    for view in ("clips", "weights"):
        page.show_view(view)
        button = page._no_model_of_run.button()
        assert button.isVisible() and button.text().startswith("Make a model of epoch ")
        with qtbot.waitSignal(page._navigation.modelRequested) as asked:
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert asked.args == [run]
    (run / "checkpoint.safetensors").unlink()
    page._runs.read()
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
    assert button.text() == "See the findings"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert findings.isVisible() and findings.unfinished.button.text() == "Use its settings"
    with leads_to(qtbot, page._navigation, "train"):
        qtbot.mouseClick(findings.unfinished.button, Qt.MouseButton.LeftButton)
    assert model.settings == settings_of(run)


def test_a_run_that_failed_is_chosen_among_those_with_a_model(
    qtbot: QtBot, page: ResultsPage, project: Project
) -> None:
    other = project.runs_folder / "20250101-000000-early"
    fail(project.runs_folder, Path(shutil.copytree(_run(project), other)), "Training failed: no memory")
    RunFolder(other).events.path.write_text("")
    model = _open(qtbot, page, project)
    with_model = model.model_path
    assert with_model is not None and not page.findings.unfinished.isVisible()
    page.show_view("clips")
    page.source.models.setCurrentIndex(1)
    page.source.models.activated.emit(1)
    qtbot.waitUntil(lambda: page.findings.diagnosis.state == "unknown", timeout=PATIENCE_MS)
    assert model.run == other and model.model_path == with_model and page.views.current() == "findings"
    assert "Cut off after 0 epochs" in page.findings.unfinished.words.text()
    assert "no epoch to diagnose" in page.findings.line.text()
    page.source.models.setCurrentIndex(0)
    page.source.models.activated.emit(0)
    assert model.run is None and not page.findings.unfinished.isVisible() and page.source.parts.isEnabled()


def test_a_remedy_that_was_used_says_so_when_pressed_again(qtbot: QtBot, page: ResultsPage, project: Project) -> None:
    model = _open(qtbot, page, project)
    card = _card(page, "label_errors")
    _press(qtbot, card, "Leave these")
    count, undoable = len(project.clips()), model.undo_stack.count()
    _press(qtbot, card, "Leave these")
    assert "already left out" in page.messages.text() and not page.messages.remedyButton().isVisible()
    assert len(project.clips()) == count
    _press(qtbot, card, "Smooth the labels")
    before = model.settings
    with qtbot.assertNotEmitted(page._navigation.pageShown):
        _press(qtbot, card, "Smooth the labels")
    assert "already has this setting" in page.messages.text() and model.settings == before
    assert model.undo_stack.count() == undoable + 1
