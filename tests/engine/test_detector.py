"""The detector: the same audio gives the same events however it is cut, and its four rules hold."""

from __future__ import annotations

import itertools
import pathlib
import time
import tracemalloc

import numpy as np
import pytest
import tone_model
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_model import RATE, pause, tone

from kws_engine.commands.listen import hear
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.detector import Detector, Step, with_peaks
from kws_engine.spotting.model_file import SpottingModel

SOUND = np.concatenate([pause(1.2), tone("low"), pause(1.5), tone("high"), pause(1.2)])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpottingModel:
    return SpottingModel(tone_model.write(tmp_path_factory.mktemp("model") / "tones.kws"))


class Scripted:
    """A classifier whose posterior of "low" is the newest feature: what a test writes into the sound is the score."""

    labels = ("low", "high", "_unknown_", "_silence_")
    rate = RATE
    window_samples = RATE // 10

    def __init__(self, feature: str = "log_mel", **options: str) -> None:
        entry = FEATURES[feature]
        config = entry.config(window_ms=10.0, hop_ms=10.0, low_hz=500.0, bands=4, **options)
        self.pipeline = entry.build(config, rate=RATE)
        self.scores: list[tuple[float, float]] = []
        self.looks = 0

    def posteriors(self, features: np.ndarray) -> np.ndarray:
        low, high = self.scores[min(self.looks, len(self.scores) - 1)]
        self.looks += 1
        return np.array([[low, high, 1 - low - high, 0.0]], np.float32)


def heard(scores: list[float] | list[tuple[float, float]], **options: float) -> list[tuple[int, str]]:
    """(look, word) of the detections when the network gives these scores, 10 ms a look."""
    scripted = Scripted()
    scripted.scores = [score if isinstance(score, tuple) else (score, 0.0) for score in scores]
    config = DetectorConfig(**({"hop_ms": 10.0, "smoothing_ms": 0.0, "refractory_ms": 0.0, "threshold": 0.5} | options))
    steps = Detector(scripted, config).feed(np.zeros(scripted.window_samples + 160 * (len(scores) - 1), np.float32))
    assert len(steps) == len(scores)
    return [(look, step.detection.word) for look, step in enumerate(steps) if step.detection]


def same(one: list[Step], other: list[Step]) -> bool:
    return len(one) == len(other) and all(
        a.at_sample == b.at_sample
        and np.array_equal(a.scores, b.scores)
        and a.detection == b.detection
        and a.risen == b.risen
        for a, b in zip(one, other, strict=True)
    )


def test_each_tone_is_heard_once_and_named(model: SpottingModel) -> None:
    detector = model.detector()
    steps = detector.feed(SOUND) + detector.flush()
    found = [step.detection for step in steps if step.detection]
    assert [detection.word for detection in found] == ["low", "high"]
    assert 1.2 * RATE < found[0].at_sample < 2.3 * RATE and 3.3 * RATE < found[1].at_sample < 4.4 * RATE
    assert all(detection.score >= DetectorConfig().threshold for detection in found)


def test_a_detection_is_reported_at_its_crossing_and_rises_to_its_peak() -> None:
    scripted = Scripted()
    lows = [0.1, 0.6, 0.8, 0.7, 0.9, 0.3, 0.2, 0.95, 0.1, 0.4]
    scripted.scores = [(low, 0.0) for low in lows]
    config = DetectorConfig(hop_ms=10.0, smoothing_ms=0.0, refractory_ms=0.0, threshold=0.5)
    steps = Detector(scripted, config).feed(np.zeros(scripted.window_samples + 160 * (len(lows) - 1), np.float32))
    found = {look: round(step.detection.score, 2) for look, step in enumerate(steps) if step.detection}
    risen = {look: round(step.risen.score, 2) for look, step in enumerate(steps) if step.risen}
    assert (found, risen) == ({1: 0.6, 7: 0.95}, {2: 0.8, 4: 0.9})
    peaks = with_peaks(steps)
    assert [round(one.score, 2) for one in peaks] == [0.9, 0.95]
    assert [one.at_sample for one in peaks] == [step.at_sample for step in steps if step.detection]


def test_what_rises_later_or_is_another_word_belongs_to_no_detection() -> None:
    scripted = Scripted()
    scripted.scores = [(0.6, 0.0), (0.1, 0.0), (0.9, 0.0), (0.0, 0.9), (0.0, 0.95)]
    config = DetectorConfig(hop_ms=10.0, smoothing_ms=0.0, refractory_ms=1000.0, threshold=0.5)
    steps = Detector(scripted, config).feed(np.zeros(scripted.window_samples + 160 * 4, np.float32))
    assert [step.detection.score for step in steps if step.detection] == [pytest.approx(0.6)]
    assert not any(step.risen for step in steps)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=60))
def test_every_chunking_gives_identical_steps(model: SpottingModel, cuts: list[int]) -> None:
    whole, pieces = model.detector(), model.detector()
    edges = [0, *sorted(cuts), len(SOUND)]
    chunked = [step for a, b in itertools.pairwise(edges) for step in pieces.feed(SOUND[a:b])]
    assert same(whole.feed(SOUND) + whole.flush(), chunked + pieces.flush())


@pytest.mark.parametrize("size", [1, 37, 160, 479, 480, 481, 16_000])
def test_constant_chunks_give_identical_steps_with_noise(model: SpottingModel, size: int) -> None:
    noisy = np.random.default_rng(3).normal(0, 0.1, 20_000).astype(np.float32)
    whole, pieces = model.detector(), model.detector()
    chunked = [step for at in range(0, len(noisy), size) for step in pieces.feed(noisy[at : at + size])]
    assert same(whole.feed(noisy), chunked)


def test_after_a_reset_the_same_sound_gives_the_same_steps(model: SpottingModel) -> None:
    detector = model.detector()
    first = detector.feed(SOUND[: 3 * RATE + 123])
    detector.reset()
    assert same(first, detector.feed(SOUND[: 3 * RATE + 123]))


def test_looks_are_a_hop_apart_and_begin_with_a_whole_window(model: SpottingModel) -> None:
    steps = model.detector(DetectorConfig(hop_ms=50.0)).feed(SOUND[: 2 * RATE])
    times = [step.at_sample for step in steps]
    assert RATE - 160 < times[0] <= RATE
    assert set(np.diff(times)) == {RATE * 50 // 1000}


@pytest.mark.parametrize(("feature", "deltas"), [("log_mel", "none"), ("log_mel", "both"), ("pcen", "first")])
@pytest.mark.parametrize("hop_ms", [20.0, 500.0])
def test_every_window_is_seen_as_a_clip_of_its_own_and_no_frame_is_stale(
    feature: str, deltas: str, hop_ms: float
) -> None:
    scripted = Scripted(feature, deltas=deltas)
    scripted.scores = [(0.0, 0.0)]
    seen: list[np.ndarray] = []
    scripted.posteriors = lambda features: (  # type: ignore[method-assign]
        seen.append(features.copy()) or np.array([[0, 0, 1, 0]], np.float32)  # type: ignore[func-returns-value]
    )
    sound = np.random.default_rng(0).normal(0, 0.1, RATE * 2).astype(np.float32)
    steps = Detector(scripted, DetectorConfig(hop_ms=hop_ms)).feed(sound)
    assert len(steps) == 1 + (len(sound) - scripted.window_samples) // round(hop_ms * RATE / 1000)
    for step, features in zip(steps, seen, strict=True):
        window = sound[step.at_sample - scripted.window_samples : step.at_sample]
        np.testing.assert_allclose(features[0], scripted.pipeline.batch(window), atol=1e-5)


def test_smoothing_averages_the_looks_and_waits_until_it_has_them_all() -> None:
    assert heard([0.9, 0, 0, 0, 0, 0], smoothing_ms=30.0) == []
    assert heard([0.9, 0.9, 0.9, 0], smoothing_ms=30.0) == [(2, "low")]
    assert heard([0, 0, 0.9, 0.9, 0.9], smoothing_ms=30.0) == [(3, "low")]


def test_a_word_is_heard_again_only_after_it_fell_below_the_rearm_level() -> None:
    assert heard([0.6, 0.4, 0.6, 0.4, 0.6]) == [(0, "low")]
    assert heard([0.6, 0.2, 0.6]) == [(0, "low"), (2, "low")]
    assert heard([0.6, 0.4, 0.6], rearm=0.9) == [(0, "low"), (2, "low")]


def test_nothing_is_heard_within_the_refractory_time() -> None:
    scores = [(0.6, 0.0), (0.0, 0.6), (0.0, 0.6), (0.0, 0.6)]
    assert heard(scores, refractory_ms=0.0) == [(0, "low"), (1, "high")]
    assert heard(scores, refractory_ms=20.0) == [(0, "low"), (2, "high")]
    assert heard(scores, refractory_ms=100.0) == [(0, "low")]


def test_the_surest_word_wins_and_a_sounding_one_hides_its_echo() -> None:
    assert heard([(0.4, 0.5)], threshold=0.3) == [(0, "high")]
    assert heard([(0.6, 0.0), (0.6, 0.35), (0.6, 0.35)], threshold=0.3) == [(0, "low")]


def test_thresholds_are_each_words_own(model: SpottingModel) -> None:
    detector = model.detector()
    assert detector.thresholds == {"low": DetectorConfig().threshold, "high": DetectorConfig().threshold}
    detector.set_threshold("low", 1.0)
    words = [step.detection.word for step in detector.feed(SOUND) if step.detection]
    assert words == ["high"]


def test_a_threshold_that_cannot_be_is_refused_in_words(model: SpottingModel) -> None:
    detector = model.detector()
    with pytest.raises(SpecError, match="There is no word of this model 'lo'; did you mean 'low'"):
        detector.set_threshold("lo", 0.5)
    for value in (1.5, -0.1, float("nan")):
        with pytest.raises(SpecError, match="Threshold"):
            detector.set_threshold("low", value)
    assert detector.thresholds["low"] == DetectorConfig().threshold


def test_unknown_and_silence_are_never_detected(model: SpottingModel) -> None:
    detector = model.detector(DetectorConfig(threshold=0.3))
    assert detector.words == ("low", "high")
    assert [step.detection for step in detector.feed(pause(4.0)) if step.detection] == []


def test_flush_hears_a_word_at_the_very_end(model: SpottingModel) -> None:
    cut = np.concatenate([pause(2.0), tone("low", 0.49)])
    detector = model.detector()
    assert not [step for step in detector.feed(cut) if step.detection]
    assert [step.detection.word for step in detector.flush() if step.detection] == ["low"]


@pytest.mark.parametrize("seconds", [0.4, 0.6, 0.8, 1.1])
@pytest.mark.parametrize("size", [100, 4000, 20_000])
def test_flush_hears_a_word_that_is_all_there_is(model: SpottingModel, seconds: float, size: int) -> None:
    sound = tone("low", 0.4) if seconds == 0.4 else np.concatenate([tone("low", 0.5), pause(seconds - 0.5)])
    config = DetectorConfig(threshold=0.3 if seconds == 0.4 else 0.7)  # so short a tone scores 0.32 wherever it stands
    short, whole = model.detector(config), model.detector(config)
    for at in range(0, len(sound), size):
        assert not [step for step in short.feed(sound[at : at + size]) if step.detection]
    ended = short.flush()
    found = [step.detection for step in ended if step.detection]
    assert [detection.word for detection in found] == ["low"]
    assert 0 < found[0].at_sample <= len(sound) + RATE
    whole.feed(sound)
    assert same(whole.flush(), ended)


def test_flush_of_nothing_hears_nothing(model: SpottingModel) -> None:
    assert not [step for step in model.detector().flush() if step.detection]


def test_behind_lost_samples_it_begins_anew_and_counts_them(model: SpottingModel) -> None:
    fresh, skipping = model.detector(), model.detector()
    skipping.feed(SOUND[:1234])
    skipping.skip(5000)
    moved = skipping.feed(SOUND) + skipping.flush()
    expected = fresh.feed(SOUND) + fresh.flush()
    assert [step.at_sample - 6234 for step in moved] == [step.at_sample for step in expected]
    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(moved, expected, strict=True))


def test_lost_samples_move_what_is_heard_behind_them(model: SpottingModel) -> None:
    pieces = [(0, SOUND), (7 * RATE, SOUND[:RATE]), (0, SOUND[RATE:])]
    found = [one.detection for steps in hear(pieces, model.detector()) for one in steps if one.detection]
    assert [detection.word for detection in found] == ["low", "high"] * 2
    moved = 7 * RATE + len(SOUND)
    assert [b.at_sample - a.at_sample for a, b in zip(found[:2], found[2:], strict=True)] == [moved] * 2


def test_sound_that_is_not_a_number_is_forgotten_after_a_window(model: SpottingModel) -> None:
    broken = np.concatenate([pause(1.0), np.full(100, np.nan, np.float32), SOUND])
    with np.errstate(invalid="ignore"):
        words = [step.detection.word for step in model.detector().feed(broken) if step.detection]
    assert words == ["low", "high"]


def test_memory_stays_bounded_over_a_long_stream() -> None:
    scripted = Scripted()
    scripted.scores = [(0.1, 0.1)]
    detector = Detector(scripted, DetectorConfig(smoothing_ms=300.0))
    chunk = np.zeros(4000, np.float32)
    for _ in range(40):
        detector.feed(chunk)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(400):
        detector.feed(chunk)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


def test_a_minute_is_heard_and_its_cost_reported(
    model: SpottingModel, record_property: pytest.RecordProperty, tmp_path: pathlib.Path
) -> None:
    detector = model.detector()
    began_s = time.process_time()
    steps = [step for _ in range(120) for step in detector.feed(pause(0.5))]
    record_property("cpu_seconds_per_second_of_audio", (time.process_time() - began_s) / 60)
    looks = 1 + (60 * RATE - steps[0].at_sample) // (RATE * 30 // 1000)
    assert looks - 3 < len(steps) <= looks  # those of a group come together
