"""What a word's threshold promises at every place: told in a few words, and kept by the model file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import promised_run
import pytest
import tone_model

from kws_engine.operating.calibrating import Calibration
from kws_engine.operating.curve import from_logit, grid
from kws_engine.operating.report import Report
from kws_engine.operating.talk_hearing import Fired
from kws_engine.operating.word_curve import WordCurve, counted, curves_in, curves_of, told_of_all
from kws_engine.runs.thresholds import set_thresholds
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.rewriting import replace_manifest

RATES = [80 * 0.5**at for at in range(len(grid()))]
FALLING = {"sentence": RATES, "noise": [rate / 10 for rate in RATES]}


def with_rates(report: Report) -> Report:
    """The report as one that knows its curves."""
    words = {name: dataclasses.replace(word, per_hour=FALLING) for name, word in report.words.items()}
    return dataclasses.replace(report, words=words)


def test_a_threshold_tells_its_rate_and_its_misses() -> None:
    curve = WordCurve([0.5, 0.8, 0.9, 0.95], FALLING)
    assert curve.told(grid()[9]) == "0.16/h, misses 25%"
    assert curve.told(grid()[3]) == "10/h, misses 0%"
    assert curve.told(grid()[40]) == "under 0.01/h, misses 100%"
    assert curve.told(1.0) == "0/h, misses 100%"
    assert WordCurve([], FALLING).told(grid()[3]) == "10/h"
    assert WordCurve([]).told(0.5) == ""


def test_between_two_thresholds_the_rate_lies_between_theirs() -> None:
    curve, rates = WordCurve([], FALLING), []
    for threshold in np.linspace(0.05, 0.9999, 500):
        rate = curve.alarms(float(threshold))
        assert rate is not None
        rates.append(rate)
    assert rates == sorted(rates, reverse=True) and rates[0] == pytest.approx(80)


def test_a_count_of_none_says_how_few_that_may_be() -> None:
    curve = WordCurve([], {}, [0.9, 0.6], hours=2.0)
    assert curve.told(0.5) == "1/h" and curve.told(0.7) == "0.5/h" and curve.told(0.95) == "under 0.5/h"


def test_all_words_together_add_up() -> None:
    curves = {"low": WordCurve([0.5, 0.8], FALLING), "high": WordCurve([0.9, 0.95], FALLING)}
    assert told_of_all(curves, {"low": grid()[3], "high": grid()[3]}) == "20/h, misses 0%"
    assert told_of_all(curves, {"low": 0.6, "high": 0.93}).endswith("misses 50%")
    assert told_of_all(curves, {"low": 0.6, "new": 0.6}) == "" and told_of_all(curves, {}) == ""


def test_the_curve_of_a_calibration_agrees_with_what_it_promises() -> None:
    generator = np.random.default_rng(0)
    peaks = {word: [from_logit(one) for one in generator.exponential(1.2, 150)] for word in ("low", "high")}
    calibration = Calibration({"sentence": Fired(2.0, peaks)}, ["low", "high"])
    promise = calibration.promise(0.5)
    curves = {word: WordCurve([], calibration.curve(word)) for word in peaks}
    rates = [curves[word].alarms(threshold) or 0.0 for word, threshold in promise.thresholds.items()]
    assert sum(rates) == pytest.approx(promise.expected, rel=0.05) and min(rates) > 0
    assert told_of_all(curves, promise.thresholds) == "0.5/h"
    assert Calibration({}, ["low"]).curve("low") == {}


def test_all_words_together_fire_as_often_as_in_the_worst_source_not_in_the_worst_of_each() -> None:
    quiet = [rate / 10 for rate in RATES]
    low, high = WordCurve([], {"talk": RATES, "noise": quiet}), WordCurve([], {"talk": quiet, "noise": RATES})
    assert low.told(grid()[3]) == high.told(grid()[3]) == "10/h"
    assert told_of_all({"low": low, "high": high}, dict.fromkeys(("low", "high"), grid()[3])) == "11/h"


def test_a_model_tells_of_all_words_what_its_calibration_expects() -> None:
    generator = np.random.default_rng(1)
    fired = {
        source: Fired(1.0, {word: [from_logit(one) for one in generator.exponential(scale, 150)] for word in "ab"})
        for source, scale in (("sentence", 1.4), ("noise", 1.0), ("word", 0.8))
    }
    calibration = Calibration(fired, ["a", "b"])
    curves = {word: WordCurve([], calibration.curve(word)) for word in "ab"}
    thresholds = {"a": 0.8, "b": 0.95}
    alarms = [curves[word].alarms_in(one) for word, one in thresholds.items()]
    together = max(sum(one[source] for one in alarms) for source in fired)
    assert together == pytest.approx(calibration.expected(thresholds), rel=0.02)


def test_the_model_file_keeps_the_curves_over_moved_thresholds_and_undo(tmp_path: Path) -> None:
    report = with_rates(promised_run.report())
    project = promised_run.make(tmp_path / "mine", report)
    path = next(project.runs_folder.glob("*/*.kws"))
    kept = curves_in(path)
    assert kept["low"] == WordCurve(report.words["low"].hit_peaks, FALLING) and set(kept) == {"low", "high"}
    before = set_thresholds(path, {"low": 0.5}, report)
    assert curves_in(path) == kept
    replace_manifest(path, before)
    assert curves_in(path) == kept and SpottingModel(path).thresholds["low"] == report.words["low"].threshold
    assert Report.from_dict(report.to_dict()) == report


def test_an_older_report_gives_what_was_counted() -> None:
    report = promised_run.report()
    curves = counted(report)
    word = report.words["low"]
    assert curves["low"].missed(0.9) == word.missed / word.takes
    assert curves["low"].alarms(0.5) == word.false_alarms_at(0.5) / report.hours


@pytest.mark.parametrize(
    "curves",
    [
        None,
        [],
        {"low": None},
        {"low": {"hit_peaks": [0.5], "per_hour:talk": [1.0]}},
        {"low": {"hit_peaks": ["a"], "per_hour:talk": RATES}},
        {"low": {"hit_peaks": [0.5], "per_hour:talk": [float("inf")] * len(RATES)}},
        {"low": {"hit_peaks": [0.5], "per_hour:talk": [-1.0] * len(RATES)}},
        {"low": {"hit_peaks": [0.5]}},
    ],
)
def test_damaged_curves_are_none(curves: Any, tmp_path: Path) -> None:
    assert curves_of({"curves": curves}) == {}
    path = tone_model.write(tmp_path / "tones.kws", manifest={"quality": {"curves": curves}})
    assert curves_in(path) == {}
    assert isinstance(SpottingModel(path).manifest.quality, Mapping)


def test_a_file_that_is_no_model_has_no_curves(tmp_path: Path) -> None:
    assert curves_in(tmp_path / "missing.kws") == {}
