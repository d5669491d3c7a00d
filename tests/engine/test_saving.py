"""What a detector leaves out changes nothing that it detects: quiet, and every second look while no word is near."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib

import numpy as np
import pytest
import tone_model
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_model import RATE, pause, tone

from kws_engine.operating.hearing import hear
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.detector import Detector, Step, with_peaks
from kws_engine.spotting.gate import SpeechGate
from kws_engine.spotting.looks import BulkScores
from kws_engine.spotting.model_file import SpottingModel

BLOCK = RATE * 60 // 1000
HOLD = RATE


def gate() -> SpeechGate:
    return SpeechGate(BLOCK, rate=RATE, hold_samples=HOLD)


def opened(sound: np.ndarray, one: SpeechGate | None = None) -> np.ndarray:
    """Of each block, whether the gate is open."""
    heard = one or gate()
    whole = np.asarray(sound, np.float32)
    return np.array([heard.take(whole[at : at + BLOCK]) for at in range(0, len(whole) - BLOCK + 1, BLOCK)])


def hiss(seconds: float, level_db: float, *, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), round(seconds * RATE))
    return noise.astype(np.float32)


@pytest.mark.parametrize("sound", [np.zeros(20 * RATE), hiss(20, -60), hiss(20, -30)], ids=["digital", "room", "loud"])
def test_the_gate_closes_in_steady_sound_once_it_knows_it(sound: np.ndarray) -> None:
    found = opened(sound)
    known = round(3.1 * RATE / BLOCK)
    assert found[:known].all() or not sound.any()
    assert not found[known + round(1.1 * HOLD / BLOCK) :].any()


@pytest.mark.parametrize("level_db", [-70.0, -40.0, -20.0])
def test_sound_as_loud_as_the_noise_opens_the_gate_for_as_long_as_a_window_holds_it(level_db: float) -> None:
    swelling = hiss(0.5, level_db, seed=1) * np.sin(np.linspace(0, np.pi, RATE // 2)) * np.sqrt(2)
    sound = np.concatenate([hiss(10, level_db), swelling + hiss(0.5, level_db, seed=2), hiss(6, level_db, seed=3)])
    found = opened(sound)
    begins, ends = 10 * RATE // BLOCK, int(10.5 * RATE / BLOCK)
    assert not found[begins - 5 : begins - 1].any()
    assert found[begins + 4 : ends + HOLD // BLOCK - 4].all()
    assert not found[ends + HOLD // BLOCK + 5 :].any()


def test_sound_that_is_not_a_number_opens_the_gate() -> None:
    one = gate()
    assert not opened(np.zeros(10 * RATE), one)[-1]
    assert opened(np.full(BLOCK, np.nan), one).all()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpottingModel:
    return SpottingModel(tone_model.write(tmp_path_factory.mktemp("model") / "tones.kws"))


SOUND = np.concatenate(
    [pause(7), tone("low"), pause(6.5), tone("high", 0.7, peak=0.05), pause(0.4), tone("low"), pause(3)]
)


def counted(model: SpottingModel, config: DetectorConfig, sound: np.ndarray) -> tuple[list[Step], int]:
    """The steps, and how many windows the network saw."""
    seen = []

    class Counting:
        labels, rate, window_samples, pipeline = model.labels, model.rate, model.window_samples, model.pipeline
        quiet = model.quiet

        def posteriors(self, features: np.ndarray) -> np.ndarray:
            seen.append(len(features))
            return model.posteriors(features)

    return Detector(Counting(), config).feed(sound), sum(seen)


def test_the_same_is_detected_with_less_work(model: SpottingModel) -> None:
    saving, plain = DetectorConfig(), DetectorConfig(saving=False)
    fewer, some = counted(model, saving, SOUND)
    every, all_of_them = counted(model, plain, SOUND)
    assert len(every) == all_of_them and some < 0.5 * all_of_them
    assert [one.at_sample for one in fewer] == [one.at_sample for one in every][: len(fewer)]
    found, expected = with_peaks(fewer), with_peaks(every)
    assert [(one.word, one.at_sample) for one in found] == [(one.word, one.at_sample) for one in expected]
    assert [one.word for one in found] == ["low", "high", "low"]


def test_in_quiet_no_look_is_taken(model: SpottingModel) -> None:
    _, first = counted(model, DetectorConfig(), pause(8))
    _, later = counted(model, DetectorConfig(), pause(30))
    assert first == later


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=60))
def test_every_chunking_gives_identical_steps_when_the_gate_closes(model: SpottingModel, cuts: list[int]) -> None:
    whole, pieces = model.detector(), model.detector()
    edges = [0, *sorted(cuts), len(SOUND)]
    chunked = [step for a, b in itertools.pairwise(edges) for step in pieces.feed(SOUND[a:b])]
    expected = whole.feed(SOUND)
    assert [(one.at_sample, one.detection) for one in chunked] == [(one.at_sample, one.detection) for one in expected]
    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(chunked, expected, strict=True))


@pytest.mark.parametrize("hop_ms", [10.0, 20.0, 30.0, 50.0])
@pytest.mark.parametrize("size", [999, 20_000, 10_000_000])
def test_stored_sound_gets_the_scores_of_live_sound(model: SpottingModel, hop_ms: float, size: int) -> None:
    config = DetectorConfig(hop_ms=hop_ms)
    live = Detector(model, config).feed(SOUND)
    bulk = BulkScores(model, config)
    stored = [bulk.feed(SOUND[at : at + size]) for at in range(0, len(SOUND), size)]
    at_samples = np.concatenate([one.at_samples for one in stored])
    smooth = live[len(live) - len(at_samples) :]
    np.testing.assert_array_equal(at_samples, [one.at_sample for one in smooth])
    np.testing.assert_allclose(
        np.concatenate([one.scores for one in stored]), [one.scores for one in smooth], atol=1e-5
    )


def test_stored_sound_gives_the_events_of_live_sound(model: SpottingModel) -> None:
    heard = hear(model, [SOUND[at : at + 50_000] for at in range(0, len(SOUND), 50_000)])
    detector = model.detector()
    live = with_peaks(detector.feed(SOUND) + detector.flush())
    assert [(one.word, one.at_sample) for one in heard.detections] == [(one.word, one.at_sample) for one in live]
    assert [one.score for one in heard.detections] == pytest.approx([one.score for one in live], abs=1e-5)


def test_a_model_that_hears_a_word_in_silence_looks_everywhere(model: SpottingModel, tmp_path: pathlib.Path) -> None:
    class Nervous:
        labels, rate, window_samples, pipeline = model.labels, model.rate, model.window_samples, model.pipeline
        quiet = np.array([0.5, 0.0, 0.5, 0.0], np.float32)
        looks = 0

        def posteriors(self, features: np.ndarray) -> np.ndarray:
            self.looks += len(features)
            return model.posteriors(features)

    nervous = Nervous()
    assert len(Detector(nervous, DetectorConfig()).feed(pause(10))) == nervous.looks


def test_saving_can_be_turned_off(model: SpottingModel) -> None:
    config = dataclasses.replace(model.detector_config, saving=False)
    steps, looks = counted(model, config, pause(10))
    assert looks == len(steps)
