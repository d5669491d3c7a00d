"""Words in continuous sound: the stream is as long, as loud and as spoken as asked, and detections are held to it."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tone_model
from hypothesis import given
from hypothesis import strategies as st

from kws_engine.operating.streams import TOLERANCE_S, detections, evaluate_stream, make_stream
from kws_engine.operating.truth import Spoken
from kws_engine.spotting.decision import Detection
from kws_engine.spotting.model_file import SpottingModel

RATE = 1000


def stream_of(clips: list[tuple[str | None, np.ndarray]], noise: np.ndarray, **changes: object) -> tuple:
    options = {"rate": RATE, "gap_s": (0.5, 1.0), "snr_db": 20.0, "seed": 0} | changes
    return make_stream(clips, noise, **options)  # type: ignore[arg-type]


def clip(level: float, seconds: float = 1.0) -> np.ndarray:
    return np.full(round(seconds * RATE), level, np.float32)


def test_every_clip_lies_where_it_is_said_to_lie() -> None:
    clips = [("a", clip(0.1)), ("b", clip(0.2, 0.5)), (None, clip(0.3)), ("a", clip(0.4))]
    stream, spoken = stream_of(clips, np.zeros(0, np.float32))
    assert sorted(one.word or "" for one in spoken) == ["", "a", "a", "b"]
    ends = 0
    for one in spoken:
        assert 0.5 * RATE <= one.start - ends <= 1.0 * RATE
        assert not stream[ends : one.start].any()
        level = stream[one.start]
        assert np.all(stream[one.start : one.stop] == level) and (one.word, level) in [(w, s[0]) for w, s in clips]
        ends = one.stop
    assert len(stream) == ends + RATE and stream.dtype == np.float32


def test_the_noise_runs_through_at_the_asked_distance() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 777).astype(np.float32)
    clips = [("a", clip(0.1))] * 5
    with_noise, spoken = stream_of(clips, noise, snr_db=10.0)
    without, _ = stream_of(clips, np.zeros(0, np.float32))
    ratio_db = 10 * np.log10(0.1**2 / np.mean(np.square(with_noise - without)))
    assert ratio_db == pytest.approx(10.0, abs=0.3) and len(spoken) == 5
    assert np.std(with_noise[:400]) > 0 and np.std(with_noise[-400:]) > 0


def test_a_seed_repeats_a_stream_and_another_does_not() -> None:
    clips = [("a", clip(level / 10)) for level in range(1, 6)]
    noise = np.ones(10, np.float32)
    assert np.array_equal(stream_of(clips, noise)[0], stream_of(clips, noise)[0])
    assert not np.array_equal(stream_of(clips, noise)[0], stream_of(clips, noise, seed=1)[0][: 10**9])


def test_nothing_said_is_a_quiet_second_without_a_warning() -> None:
    stream, spoken = stream_of([], np.ones(10, np.float32))
    assert spoken == [] and len(stream) == RATE and not stream.any()


def found(*events: tuple[str, float]) -> list[Detection]:
    return [Detection(word, round(at_s * RATE), 0.9) for word, at_s in events]


SAID = [Spoken("a", 1000, 2000), Spoken("b", 3000, 4000), Spoken(None, 5000, 6000), Spoken("a", 7000, 8000)]


def test_a_word_is_to_be_found_once_and_nothing_else() -> None:
    quality = evaluate_stream(found(("a", 1.8), ("b", 4.2), ("a", 8.1)), SAID, samples=36_000, rate=RATE)
    assert (quality.hits, quality.misses, quality.false_alarms_by_word) == ({"a": 2, "b": 1}, {"a": 0, "b": 0}, {})
    assert quality.miss_rate == 0.0 and quality.false_alarms_per_hour == 0.0 and quality.hours == 0.01


def test_a_second_answer_to_one_word_a_wrong_word_and_an_answer_to_noise_are_false_alarms() -> None:
    events = found(("a", 1.5), ("a", 1.9), ("a", 3.5), ("b", 5.5), ("c", 9.0))
    quality = evaluate_stream(events, SAID, samples=36_000, rate=RATE)
    assert quality.hits == {"a": 1, "b": 0} and quality.misses == {"a": 1, "b": 1}
    assert quality.false_alarms_by_word == {"a": 2, "b": 1, "c": 1}
    assert quality.miss_rate == 2 / 3 and quality.false_alarms_per_hour == pytest.approx(400)


@pytest.mark.parametrize(
    ("at_s", "hit"), [(1.0, False), (1.001, True), (2.0 + TOLERANCE_S, True), (2.001 + TOLERANCE_S, False)]
)
def test_an_answer_counts_from_the_words_start_until_shortly_after_its_end(at_s: float, hit: bool) -> None:
    assert evaluate_stream(found(("a", at_s)), SAID[:1], samples=5000, rate=RATE).hits["a"] == hit


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 9)), max_size=12))
def test_every_word_is_hit_or_missed_and_every_detection_hit_or_false(events: list[tuple[str, float]]) -> None:
    quality = evaluate_stream(found(*sorted(events, key=lambda event: event[1])), SAID, samples=9000, rate=RATE)
    assert {word: quality.hits[word] + quality.misses[word] for word in "ab"} == {"a": 2, "b": 1}
    assert sum(quality.hits.values()) + len(quality.false_alarms) == len(events)


def test_a_real_detector_finds_every_tone_once_however_the_stream_is_cut(tmp_path: pathlib.Path) -> None:
    model = SpottingModel(tone_model.write(tmp_path / "tones.kws"))
    clips = [(word, tone_model.tone(word, 1.0)) for word in ("low", "high", "low", "high")]
    stream, spoken = make_stream(
        clips, tone_model.pause(), rate=tone_model.RATE, gap_s=(1.5, 2.0), snr_db=60.0, seed=0
    )  # fmt: skip
    heard = detections(model.detector(), stream)
    quality = evaluate_stream(heard, spoken, samples=len(stream), rate=tone_model.RATE)
    assert quality.hits == {"low": 2, "high": 2} and not quality.false_alarms
    detector = model.detector()
    detector.feed(stream[:12_345])  # what it heard before is forgotten
    assert detections(detector, stream, chunk_samples=777) == heard
