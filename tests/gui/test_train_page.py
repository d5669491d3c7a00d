"""The Train page as a person uses it: real clips, real training processes, real files."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from leading import leads_to
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot
from tiny_project import make_project, quick_settings

from kws_engine.clips.project import Project
from kws_engine.runs.records import past_runs
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch
from kws_gui.pages.train.form import rounded
from kws_gui.pages.train.page import TrainPage
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.services import Services

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def trained(trained_tones: Callable[..., Path]) -> Path:
    """A project with one run; tests work on copies of it."""
    return trained_tones(())


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[TrainPage]:
    made = TrainPage(services)
    qtbot.addWidget(made)
    made.resize(856, 640)
    made.show()
    yield made
    made.shutdown()


def _open(qtbot: QtBot, page: TrainPage, folder: Path) -> ProjectModel:
    model: ProjectModel = page._model
    model.open(Project.open(folder))
    qtbot.waitUntil(lambda: not page._runs.is_reading(), timeout=PATIENCE_MS)
    return model


def _open_preview(qtbot: QtBot, page: TrainPage) -> None:
    page.preview.setOpen(True)
    qtbot.waitUntil(lambda: not page.preview.is_working(), timeout=PATIENCE_MS)


def _copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def _epochs(page: TrainPage) -> list[Epoch]:
    """Of the run that was started last."""
    live = page._training.live
    return live.epochs if live is not None else []


def _train(page: TrainPage, qtbot: QtBot) -> None:
    qtbot.mouseClick(page.train, Qt.MouseButton.LeftButton)


@pytest.mark.slow
def test_train_draws_curves_and_leaves_a_model(qtbot: QtBot, page: TrainPage, tmp_path: Path) -> None:
    model = _open(qtbot, page, make_project(tmp_path / "tones").folder)
    assert page.train.isEnabled() and page.runs.rows() == []
    _train(page, qtbot)
    assert page.train.text() == "Stop"
    qtbot.waitUntil(lambda: len(page.run.curves.points()) >= 1, timeout=PATIENCE_MS)
    assert "of 3" in page.run.sentence() and "so far" in page.run.times()
    qtbot.waitUntil(lambda: page.train.text() == "Train", timeout=PATIENCE_MS)
    assert [point.epoch for point in page.run.curves.points()] == [1, 2, 3]
    qtbot.waitUntil(lambda: not page._runs.is_reading(), timeout=PATIENCE_MS)
    assert page.messages.kind() == "success" and "validation clips right" in page.messages.text()
    assert model.model_path is not None and model.model_path.is_file()
    qtbot.waitUntil(lambda: len(page.runs.rows()) == 1 and not page._runs.is_reading(), timeout=PATIENCE_MS)
    row = page.runs.rows()[0]
    assert row.run.model == model.model_path and row.validation is not None and row.clips == 4
    with leads_to(qtbot, page._navigation, "results"):
        qtbot.mouseClick(page.messages.remedyButton(), Qt.MouseButton.LeftButton)


@pytest.mark.slow
def test_a_past_run_shows_its_curves_and_gives_back_its_settings(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    model = _open(qtbot, page, _copy(trained, tmp_path))
    qtbot.waitUntil(lambda: len(page.run.curves.points()) == 3, timeout=PATIENCE_MS)
    assert page.run.sentence().startswith("Finished after 3 epochs")
    page.form.setValue(Settings())
    page.runs.menu.action("use").trigger()
    assert page.form.value() == quick_settings()
    model.undo_stack.undo()
    assert page.form.value() == Settings()
    with leads_to(qtbot, page._navigation, "listen"):
        qtbot.mouseClick(page.runs.listen, Qt.MouseButton.LeftButton)
    assert model.model_path == page.runs.rows()[0].run.model


@pytest.mark.slow
def test_a_deleted_run_comes_back_with_undo(qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path) -> None:
    model = _open(qtbot, page, _copy(trained, tmp_path))
    folder = page.runs.rows()[0].folder
    model.set_model_path(page.runs.rows()[0].run.model)
    page.runs.tree.setFocus()
    qtbot.keyClick(page.runs.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: page.runs.rows() == [], timeout=PATIENCE_MS)
    assert not folder.exists() and model.model_path is None
    assert page.run.curves.points() == ()
    qtbot.mouseClick(page.messages.remedyButton(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(page.runs.rows()) == 1, timeout=PATIENCE_MS)
    assert folder.is_dir() and model.model_path is not None and model.model_path.is_file()


@pytest.mark.slow
def test_stop_keeps_the_model_so_far(qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path) -> None:
    model = _open(qtbot, page, _copy(trained, tmp_path))
    page.form.training.setValue(quick_settings("training.epochs=5000").training)
    _train(page, qtbot)
    qtbot.waitUntil(lambda: len(_epochs(page)) >= 1, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(page.runs.rows()) == 2, timeout=PATIENCE_MS)
    current = page.runs.current()
    assert current is not None and current.folder == page._runs.live and not page.runs.menu.action("delete").isEnabled()
    page.runs.choose(page.runs.rows()[1].folder)
    assert page.run.sentence().startswith("Finished") and page._training.is_running
    qtbot.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.train.text() == "Train", timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: not page._runs.is_reading(), timeout=PATIENCE_MS)
    assert page.messages.text().startswith("Stopped: ")
    assert model.model_path is not None and model.model_path.parent != page.runs.rows()[1].folder


@pytest.mark.slow
def test_a_killed_training_is_said_and_training_goes_on(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    folder = _copy(trained, tmp_path)
    _open(qtbot, page, folder)
    page.form.training.setValue(quick_settings("training.epochs=5000").training)
    _train(page, qtbot)
    qtbot.waitUntil(lambda: len(_epochs(page)) >= 1, timeout=PATIENCE_MS)
    assert page._training.pid is not None
    os.kill(page._training.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: page.messages.kind() == "error", timeout=PATIENCE_MS)
    assert "was ended by SIGKILL" in page.messages.text()
    assert page.train.text() == "Train" and page.train.isEnabled()
    qtbot.waitUntil(lambda: not page._runs.is_reading() and len(page.runs.rows()) == 2, timeout=PATIENCE_MS)
    assert page.run.sentence().startswith("Cut off after") and len(past_runs(folder / "runs")) == 2


@pytest.mark.slow
def test_cancel_while_clips_are_read_ends_at_once(qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path) -> None:
    folder = _copy(trained, tmp_path)
    _open(qtbot, page, folder)
    _train(page, qtbot)
    qtbot.mouseClick(page.run.progress.cancelButton(), Qt.MouseButton.LeftButton)
    assert page.train.text() == "Train" and page.train.isEnabled() and not page._training.is_running
    assert page.messages.kind() == "info" and "nothing was trained" in page.messages.text()
    assert page.run.sentence().startswith("Finished after 3 epochs") and len(past_runs(folder / "runs")) == 1


@pytest.mark.slow
def test_another_project_ends_the_run_of_the_one_before(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    model = _open(qtbot, page, _copy(trained, tmp_path))
    page.form.training.setValue(quick_settings("training.epochs=5000").training)
    _train(page, qtbot)
    qtbot.waitUntil(lambda: len(_epochs(page)) >= 1, timeout=PATIENCE_MS)
    other = make_project(tmp_path / "other")
    _open(qtbot, page, other.folder)
    qtbot.waitUntil(lambda: not page._training.is_running, timeout=PATIENCE_MS)
    assert page.form.value() == quick_settings() and model.model_path is None
    assert len(past_runs(tmp_path / "copy" / "runs")) == 2 and past_runs(other.runs_folder) == []


@pytest.mark.slow
def test_a_value_that_does_not_fit_is_shown_at_its_field_and_not_trained(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    _open(qtbot, page, _copy(trained, tmp_path))
    page.form.folds["training"].setOpen(True)
    editor = page.form.training.editor("epochs")
    field = editor.findChild(QLineEdit) or editor
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "0")
    assert page.form.training.errors() == {"epochs": "Epochs: 0 is outside 1 to 10000"}
    page.form.folds["training"].setOpen(False)
    _train(page, qtbot)
    assert not page._training.is_running and page.train.text() == "Train"
    assert "Epochs: 0 is outside 1 to 10000" in page.messages.text()
    assert page.form.folds["training"].isOpen()


@pytest.mark.slow
def test_the_size_follows_the_form_and_an_impossible_network_is_refused(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    _open(qtbot, page, _copy(trained, tmp_path))
    page.form.setValue(Settings())
    qtbot.waitUntil(lambda: page.form.cost.text() == "65 k parameters\n1.5 M MACs", timeout=PATIENCE_MS)
    page.form.setValue(Settings().with_options(["model.name=cnn", "model.pool_time=8"]))
    qtbot.waitUntil(lambda: page.form.cost.text().startswith("Layer 3: its pooling cell"), timeout=PATIENCE_MS)
    _train(page, qtbot)
    assert not page._training.is_running and page.messages.text().startswith("Layer 3")


@pytest.mark.slow
def test_settings_are_kept_in_the_project(qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path) -> None:
    folder = _copy(trained, tmp_path)
    model = _open(qtbot, page, folder)
    with qtbot.waitSignal(model.settingsChanged, timeout=PATIENCE_MS):
        page.form.setValue(quick_settings("regularizers.l2.weight=0.001"))
    assert Settings.from_dict(Project.open(folder).settings) == quick_settings("regularizers.l2.weight=0.001")
    qtbot.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    page.hide()
    assert Settings.from_dict(Project.open(folder).settings) == Settings()


@pytest.mark.slow
def test_nothing_open_and_too_few_clips_say_what_to_do(qtbot: QtBot, page: TrainPage, tmp_path: Path) -> None:
    with leads_to(qtbot, page._navigation, "start"):
        qtbot.mouseClick(page._nothing_open.button(), Qt.MouseButton.LeftButton)
    Project.create(tmp_path / "empty", words=["left", "right"])
    _open(qtbot, page, tmp_path / "empty")
    assert not page.train.isEnabled() and "'left' has 0 clips" in page.train.toolTip()
    assert page._too_little.isVisible() and "'left' has 0 clips" in page._too_little.accessibleName()
    with leads_to(qtbot, page._navigation, "words"):
        qtbot.mouseClick(page._too_little.button(), Qt.MouseButton.LeftButton)
    qtbot.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert not page._training.is_running


@pytest.mark.slow
def test_tab_goes_from_the_network_through_its_options_to_the_folds(page: TrainPage) -> None:
    for network in ("tc_resnet", "cnn"):
        page.form.setValue(Settings().with_model(network))
        form = page.form.model.form()
        stops = [page.form.model.entryBox(), form.editor("dropout"), page.form.folds["feature"].header(), page.train]
        at, seen = page.form.model.entryBox(), []
        for _ in range(2000):
            seen.append(at)
            at = at.nextInFocusChain()
        assert [stop for stop in dict.fromkeys(seen) if stop in stops] == stops


@pytest.mark.slow
def test_a_failure_can_be_copied(qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path) -> None:
    """Clips that vanish behind the window's back: the sentence in the page, the traceback on the clipboard."""
    folder = _copy(trained, tmp_path)
    _open(qtbot, page, folder)
    shutil.rmtree(folder / "clips" / "low")
    (folder / "clips" / "low").mkdir()
    _train(page, qtbot)
    qtbot.waitUntil(lambda: page.messages.isVisible(), timeout=PATIENCE_MS)
    assert "'low' has 0 clips" in page.messages.text()
    qtbot.mouseClick(page.messages.copyButton(), Qt.MouseButton.LeftButton)
    assert "Traceback" in QGuiApplication.clipboard().text()


@pytest.mark.parametrize(
    ("count", "text"), [(65_180, "65 k"), (1_522_560, "1.5 M"), (999, "999"), (999_900, "1.0 M"), (4_600, "4.6 k")]
)
def test_counts_are_rounded_to_what_people_compare(count: int, text: str) -> None:
    assert rounded(count) == text


@pytest.mark.slow
def test_a_setting_that_cannot_work_is_refused_at_its_field(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    _open(qtbot, page, _copy(trained, tmp_path))
    page.form.setValue(Settings().with_options(["feature.name=mfcc", "feature.bands=20"]))
    form = page.form.feature.form()
    qtbot.waitUntil(lambda: "coefficients" in form.errors(), timeout=PATIENCE_MS)
    assert form.errors()["coefficients"].startswith("Coefficients: 40 are more than the 20 mel bands")
    _train(page, qtbot)
    assert not page._training.is_running and page.form.folds["feature"].isOpen()
    assert page.messages.text().startswith("Coefficients: 40 are more than the 20 mel bands")
    page.form.setValue(Settings())
    qtbot.waitUntil(lambda: form.errors() == {} and not page.form.cost.refusal, timeout=PATIENCE_MS)


@pytest.mark.slow
def test_the_open_preview_fits_into_the_smallest_window(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    _open(qtbot, page, _copy(trained, tmp_path))
    page.resize(856, 640)
    _open_preview(qtbot, page)
    assert page.height() == 640 and not page.runs.isVisible()
    page.resize(856, 900)
    assert page.runs.isVisible()
    page.resize(856, 640)
    page.preview.setOpen(False)
    assert page.runs.isVisible()


@pytest.mark.slow
def test_the_open_preview_has_a_very_low_window_to_itself(
    qtbot: QtBot, page: TrainPage, trained: Path, tmp_path: Path
) -> None:
    _open(qtbot, page, _copy(trained, tmp_path))
    page.resize(856, 500)
    picture_height = page.preview.before.height()
    _open_preview(qtbot, page)
    assert page.height() == 500 and not page.run.isVisible() and page.preview.before.height() > picture_height
    page.preview.setOpen(False)
    assert page.run.isVisible() and page.runs.isVisible()
    _open_preview(qtbot, page)
    _train(page, qtbot)
    assert page.run.isVisible() and not page.preview.isOpen(), "who trains looks at the curves"
    qtbot.waitUntil(lambda: page.train.text() == "Train", timeout=PATIENCE_MS)
