"""Both numbers of a model: as its file tells them, at thresholds moved by hand, and back."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path

import numpy as np
import promised_run
import pytest
import tone_model

from kws_engine.cli import main
from kws_engine.errors import AudioError
from kws_engine.operating.quality import figures_in, figures_of, thresholds_in
from kws_engine.operating.report import FiredOn, WordReport
from kws_engine.operating.telling import headline
from kws_engine.operating.working_point import of_all, of_word, steps
from kws_engine.runs.alarm_sound import MARGIN_S, alarm_sound
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.records import past_runs
from kws_engine.runs.thresholds import measure_promise, set_thresholds
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.rewriting import replace_manifest
from kws_engine.talk import shipped_talk

WORD = WordReport(0.7, 1, 4, 1, [0.5, 0.8, 0.9, 0.95], [0.75, 0.6, 0.3])


def test_a_threshold_misses_what_is_below_and_fires_at_the_rest() -> None:
    point = of_word(WORD, 2.0, 0.85)
    assert (point.missed.missed, point.missed.takes, point.false_alarms, point.per_hour) == (2, 4, 0, 0.0)
    assert point.told() == "missed 2 of 4 (15-85%) · 0 false alarms in 2.0 h: fewer than 1.5 an hour"
    assert of_word(WORD, 2.0, 0.4).told().endswith("2 false alarms in 2.0 h: 1 an hour (0.12-3.6)")
    assert of_word(WORD, 0.0, 0.4).told().endswith("false alarms not counted")


def test_each_step_of_a_threshold_changes_a_count() -> None:
    counts = [(of_word(WORD, 1.0, one).missed.missed, of_word(WORD, 1.0, one).false_alarms) for one in steps(WORD)]
    assert 0.7 in steps(WORD) and steps(WORD) == sorted(steps(WORD)) and steps(WORD)[0] >= 0.3
    assert counts[0] == (0, 2) and counts[-1] == (4, 0)
    apart = [one for one, other in itertools.pairwise(counts) if one == other]
    assert len(apart) <= 1, "only the promised threshold may stand beside one that counts the same"


def test_no_threshold_goes_where_false_alarms_were_not_kept() -> None:
    assert steps(WordReport(0.5, 0, 1, 0, [0.1], [])) == [pytest.approx(0.1548, abs=1e-3), 0.5]
    assert min(steps(WordReport(0.5, 0, 1, 1, [0.1, 0.2], [0.9, 0.4]))) >= 0.4


def test_a_model_file_tells_the_headline_of_its_report(tmp_path: Path) -> None:
    report = promised_run.report()
    project = promised_run.make(tmp_path / "mine", report)
    (run,) = past_runs(project.runs_folder)
    assert run.figures is not None and run.model is not None
    assert run.figures.told() == headline(report)
    assert run.to_dict()["promise"]["takes"] == 20 and run.to_dict()["promise"]["promised_per_hour"] == 0.5
    assert thresholds_in(run.model) == {"low": 0.9, "high": 0.9}
    assert run.figures.in_short().endswith(" · 0.5 false alarms/h")


def test_moved_thresholds_are_stored_with_what_they_give_and_taken_back_whole(tmp_path: Path) -> None:
    report = promised_run.report(takes=40)
    project = promised_run.make(tmp_path / "mine", report)
    (model,) = [run.model for run in past_runs(project.runs_folder)]
    assert model is not None
    old = SpottingModel(model).manifest
    before = set_thresholds(model, {"low": 0.9998}, report)
    assert before == old
    moved = SpottingModel(model)
    assert moved.thresholds == {"low": 0.9998, "high": 0.9}
    point = of_all(report, {"low": 0.9998})
    figures = figures_in(model)
    assert figures is not None and figures.promised is None
    assert figures.missed == point.missed and point.missed.missed > report.missed.missed
    assert figures.told().endswith("thresholds set by hand")
    assert past_runs(project.runs_folder)[0].figures == figures, "a list shows the thresholds of today"
    set_thresholds(model, {word: one.threshold for word, one in report.words.items()}, report)
    assert figures_of(SpottingModel(model).manifest.quality) == figures_of(old.quality)
    replace_manifest(model, before)
    assert SpottingModel(model).manifest == old


@pytest.mark.parametrize(
    "quality",
    [
        {},
        {"missed": 3, "takes": 2, "false_alarms": 0, "false_alarm_hours": 1.0},
        {"missed": "1", "takes": 2, "false_alarms": 0, "false_alarm_hours": 1.0},
        {"missed": 1, "takes": 2, "false_alarms": 0, "false_alarm_hours": float("inf")},
        {"missed": 1, "takes": 2, "false_alarms": 0, "false_alarm_hours": 1.0, "promised_per_hour": [1]},
    ],
)
def test_nonsense_in_a_manifest_is_no_figure(quality: dict[str, object]) -> None:
    assert figures_of(quality) is None


def test_a_file_that_is_no_model_has_no_figures(tmp_path: Path) -> None:
    letter = tmp_path / "letter.kws"
    letter.write_text("dear aunt")
    assert figures_in(letter) is None and thresholds_in(letter) == {}
    with zipfile.ZipFile(letter, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("manifest.json", b"[" * 500_000)
    assert figures_in(letter) is None
    with zipfile.ZipFile(letter, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("manifest.json", b" " * 50_000_000)
    assert figures_in(letter) is None
    assert figures_in(tmp_path / "none.kws") is None


def test_kws_runs_and_evaluate_give_both_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = promised_run.report()
    project = promised_run.make(tmp_path / "mine", report)
    model = past_runs(project.runs_folder)[0].model
    assert main(["runs", str(project.folder)]) == 0
    listed = capsys.readouterr().out
    assert "missed" in listed and "false alarms/h" in listed and "0.5" in listed
    assert main(["evaluate", str(model), str(project.folder), "--split", "all"]) == 0
    assert headline(report) in capsys.readouterr().out


def test_what_fired_can_be_heard_with_a_second_around_it(tmp_path: Path) -> None:
    model = tone_model.write(tmp_path / "tones.kws")
    talk = next(one for one in shipped_talk("testing") if one.kind == "sentence")
    samples = alarm_sound(model, tmp_path, FiredOn("low", talk.path.name, 10.0, 0.9), rate=tone_model.RATE)
    window_s = tone_model.WINDOW_SAMPLES / tone_model.RATE
    assert len(samples) == pytest.approx((window_s + 2 * MARGIN_S) * tone_model.RATE, abs=2)
    start = round((10.0 - window_s - MARGIN_S) * tone_model.RATE)
    whole = np.concatenate([block for _, block in zip(range(30), talk.blocks(rate=tone_model.RATE), strict=False)])
    assert np.array_equal(samples, whole[start : start + len(samples)])


def test_what_is_no_longer_there_is_said(tmp_path: Path) -> None:
    project = promised_run.make(tmp_path / "mine")
    model = past_runs(project.runs_folder)[0].model
    assert model is not None
    with pytest.raises(AudioError, match="measure again"):
        alarm_sound(model, project.folder, FiredOn("low", "other words", 20.0, 0.9), rate=tone_model.RATE)


@pytest.mark.slow
def test_an_older_run_gets_its_promise_and_a_cancelled_one_stays_as_it_was(tmp_path: Path) -> None:
    project = promised_run.make(tmp_path / "mine")
    run = past_runs(project.runs_folder)[0]
    assert run.model is not None and run.figures is None
    before = run.model.read_bytes()
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    stopped = measure_promise(run.model, project.folder, 0.5, progress=progress, should_stop=lambda: bool(told))
    assert stopped is None and SpottingModel(run.model).thresholds == {}
    assert figures_in(run.model) is None and RunFolder(run.folder).promise.read() is None
    assert before and told
    report = measure_promise(run.model, project.folder, 0.5, progress=progress, should_stop=lambda: False)
    assert report is not None and told[-1] == (3, 3)
    assert RunFolder(run.folder).promise.read() == report
    assert thresholds_in(run.model) == {word: one.threshold for word, one in report.words.items()}
    figures = past_runs(project.runs_folder)[0].figures
    assert figures is not None and figures.told() == headline(report)
