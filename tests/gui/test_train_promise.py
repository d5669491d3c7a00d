"""Misses and false alarms while and after a run trains: in its progress, its ending's message, and the lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import promised_run
import pytest
from pytestqt.qtbot import QtBot
from tiny_project import make_project, quick_settings

from kws_engine.operating.telling import headline
from kws_engine.runs.job import Job
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Finished, Progress, Started
from kws_gui.pages.listen.models import ModelPicker
from kws_gui.pages.train.messages import ending_text
from kws_gui.pages.train.page import TrainPage
from kws_gui.pages.train.run_view import RunView
from kws_gui.runs.rows import model_text, read_rows, tooltip_text
from kws_gui.services.services import Services
from kws_gui.services.training import LiveRun

PATIENCE_MS = 120_000


def test_the_end_of_a_run_says_what_it_misses_and_fires_at_first(tmp_path: Path) -> None:
    report = promised_run.report()
    project = promised_run.make(tmp_path / "mine", report)
    (row,) = read_rows(project.runs_folder)
    event = Finished(str(row.folder), str(row.run.model), 7, 0.9, False)
    told = ending_text(event, row, promised=headline(report), was_stopped=False, skipped=0, waiting=0)
    assert told.startswith(f"Done: {headline(report)}. ") and told.endswith("with the weights of epoch 7.")
    without = ending_text(event, row, promised="", was_stopped=False, skipped=0, waiting=0)
    assert without == "Done: validation accuracy 90%, with the weights of epoch 7."


def test_lists_of_runs_and_models_have_both_numbers(qtbot: QtBot, tmp_path: Path) -> None:
    report = promised_run.report()
    (row,) = read_rows(promised_run.make(tmp_path / "mine", report).runs_folder)
    assert headline(report) in tooltip_text(row).splitlines()
    assert model_text(row).endswith("% · 0.5 false alarms/h")
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.setRuns([row])
    picker.setPath(row.run.model)
    assert picker.currentText() == model_text(row)
    copy = tmp_path / "copy.kws"
    assert row.run.model is not None
    copy.write_bytes(row.run.model.read_bytes())
    picker.setPath(copy)
    assert picker.currentText().startswith("copy.kws · misses ")
    (older,) = read_rows(promised_run.make(tmp_path / "older").runs_folder)
    assert "misses" not in model_text(older)


def test_after_the_last_epoch_the_run_says_that_it_sets_thresholds(qtbot: QtBot, tmp_path: Path) -> None:
    view = RunView()
    qtbot.addWidget(view)
    counts = {"low": 2}
    live = LiveRun(Job(tmp_path, Settings().to_dict()), tmp_path)
    live.started = Started(str(tmp_path), ["low"], counts, counts, 1, 1, "cpu", 30)
    live.epochs.append(Epoch(1, 0.1, 1.0, 0.1, 1.0, 1e-3, 1.0, 0.0, True))
    view.show_live(live)
    assert "Epoch 1 of 30" in view.sentence()
    live.progress = Progress("Setting the thresholds on talk", 0, 3, after_training=True)
    view.update_live()
    assert view.sentence().startswith("Setting the thresholds on talk.") and "step 1 of 3" in view.times()
    assert "left at most" not in view.times()


@pytest.mark.slow
def test_a_real_run_ends_with_both_numbers(
    qtbot: QtBot, services: Services, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    project = make_project(tmp_path / "tones")
    page = TrainPage(services)
    qtbot.addWidget(page)
    page.show()
    services.project.open(project)
    steps: list[Progress] = []

    def note() -> None:
        live = services.training.live
        if live is not None and live.progress is not None and live.progress.after_training:
            steps.append(live.progress)

    services.training.progressed.connect(note)
    with qtbot.waitSignal(services.runs.ended, timeout=PATIENCE_MS):
        services.training.start(Job(project.folder, quick_settings().to_dict(), threads=1))
    live = services.training.live
    assert live is not None and live.promised is not None and steps
    assert live.promised.told in page.messages.text()
    (row,) = services.runs.rows
    assert row.run.figures is not None and row.run.figures.told() == live.promised.told
    page.shutdown()
