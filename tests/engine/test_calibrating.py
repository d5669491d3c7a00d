"""Thresholds set to a rate: they keep to it on sound that did not set them, and say how sure that is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kws_engine.bank import HOP_S, BankVectors, shipped_bank
from kws_engine.clips.trimming import speech_core
from kws_engine.features import FEATURES
from kws_engine.operating.calibrating import HIGHEST, LOWEST, Calibration
from kws_engine.operating.curve import from_logit, logit
from kws_engine.operating.laying import Laid, Take
from kws_engine.operating.measuring import are_synthetic, effective_takes
from kws_engine.operating.report import Counted, FiredOn, InNoise, MissedTake, OfSource, Report, WordReport
from kws_engine.operating.streams import Alarm
from kws_engine.operating.tail import fit_tails
from kws_engine.operating.talk_hearing import Fired, _evenly_said
from kws_engine.operating.telling import (
    cannot_know,
    expected_in_short,
    false_alarms_told,
    headline,
    missed_of,
    misses_told,
    takes_in_short,
)

RATE = 16_000


def peaks(generator: np.random.Generator, *, hours: float, per_hour: float, scale: float) -> list[float]:
    """Scores of which so many an hour exceed 0.5, and fall off exponentially in logits."""
    levels = generator.exponential(scale, generator.poisson(hours * per_hour))
    return [from_logit(level) for level in levels]


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("wanted", [0.5, 2.0, 10.0])
def test_a_threshold_set_on_one_part_of_a_stream_holds_on_the_other(scale: float, wanted: float) -> None:
    """Over many streams the rate found is the one wanted, within the factor that a few peaks allow."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(60):
        [tail] = fit_tails({"a": peaks(generator, hours=1, per_hour=80, scale=scale)}, 1.0).values()
        level = tail.level(wanted, highest=logit(HIGHEST))
        found.append(80 * math.exp(-level / scale))  # the true rate there
    assert 0.3 * wanted < np.median(found) < 2 * wanted
    assert np.mean(np.array(found) < 4 * wanted) > 0.9


def test_a_tail_is_as_uncertain_as_its_peaks_are_few() -> None:
    generator = np.random.default_rng(1)
    few, many = (
        fit_tails({"a": peaks(generator, hours=hours, per_hour=20, scale=1.0)}, hours)["a"] for hours in (0.2, 5.0)
    )
    spreads = []
    for tail in (few, many):
        rates = tail.drawn_rates(logit(0.99), np.random.default_rng(2), draws=2000)
        low, high = np.percentile(rates, (5, 95))
        assert low <= tail.rate(logit(0.99)) * 1.5 and tail.rate(logit(0.99)) <= high
        spreads.append(math.log(high / max(low, 1e-9)))
    assert spreads[0] > spreads[1]


def test_nothing_that_fired_still_gives_a_threshold_and_no_sound_none() -> None:
    [tail] = fit_tails({"a": []}, 1.0).values()
    assert 0 < tail.rate(logit(0.5)) < 1 and tail.level(0.5, highest=10) < logit(0.5)
    with pytest.raises(ValueError, match="some hours"):
        fit_tails({"a": []}, 0.0)


def fired(generator: np.random.Generator, per_hour: dict[str, float], hours: float = 1.0) -> Fired:
    return Fired(hours, {w: peaks(generator, hours=hours, per_hour=rate, scale=1.0) for w, rate in per_hour.items()})


def test_all_words_share_a_rate_and_the_worst_source_counts() -> None:
    generator = np.random.default_rng(3)
    sources = {"sentence": fired(generator, {"a": 100, "b": 2}), "noise": fired(generator, {"a": 1, "b": 300})}
    calibration = Calibration(sources, ["a", "b"])
    strict, loose = calibration.promise(0.5), calibration.promise(10)
    assert strict.hours == 2.0 and strict.sources == {"sentence": 1.0, "noise": 1.0}
    for word in "ab":
        assert LOWEST <= loose.thresholds[word] < strict.thresholds[word] <= HIGHEST
    assert strict.expected == pytest.approx(0.5, abs=0.26) and loose.expected == pytest.approx(10, abs=5.1)
    assert strict.low == 0 and strict.low <= strict.high < loose.high
    assert calibration.expected(strict.thresholds) == strict.expected
    with pytest.raises(ValueError, match="above 0"):
        calibration.promise(0)


def test_the_count_in_an_hour_lies_between_the_bounds() -> None:
    """The interval is wider than chance alone makes it: people's talk may be unlike the talk that was heard."""
    generator = np.random.default_rng(4)
    inside = []
    for _ in range(40):
        promise = Calibration({"sentence": fired(generator, {"a": 60})}, ["a"]).promise(5)
        true_rate = 60 * math.exp(-logit(promise.thresholds["a"]))
        inside.append(promise.low <= generator.poisson(true_rate) <= promise.high)
    assert np.mean(inside) >= 0.9


# Takes in a stream


def word(seconds: float = 0.5, level: float = 0.3) -> np.ndarray:
    at = np.arange(round(seconds * RATE)) / RATE
    tone = level * np.sin(2 * np.pi * 440 * at) * np.hanning(len(at))
    return np.concatenate((np.zeros(4000), tone, np.zeros(4000))).astype(np.float32)


@pytest.mark.parametrize("snr_db", [None, 20.0, 0.0])
def test_takes_are_laid_once_each_with_noise_as_far_below_as_asked(snr_db: float | None) -> None:
    takes = [Take("a", word(level=level), f"{level}") for level in (0.05, 0.2, 0.4)]
    noise = np.random.default_rng(0).normal(0, 1, RATE * 5).astype(np.float32)
    talk = [np.random.default_rng(1).normal(0, 0.1, RATE * 3).astype(np.float32)]
    laid = Laid(takes, noise=noise, talk=talk, snr_db=snr_db, rate=RATE, seed=0)
    blocks = list(laid.blocks())
    stream = np.concatenate(blocks)
    assert sorted(laid.order) == [0, 1, 2] and len(laid.spoken) == 3
    silent = Laid(takes, noise=noise[:0], talk=talk, snr_db=snr_db, rate=RATE, seed=0)
    for number, spoken, block in zip(laid.order, laid.spoken, blocks, strict=True):
        take = takes[number]
        core = speech_core(take.samples, RATE)
        assert core is not None and spoken.stop - spoken.start == core[1] - core[0]
        if snr_db is not None:
            clean = take.samples[slice(*core)]
            under = stream[spoken.start : spoken.stop] - clean
            measured_db = 10 * np.log10(np.mean(clean**2) / np.mean(under**2))
            assert measured_db == pytest.approx(snr_db, abs=1.5)
        assert len(block) / RATE > 1.5
    if snr_db is None:
        np.testing.assert_array_equal(stream, np.concatenate(list(silent.blocks())))


# A report


def report(**changes: object) -> Report:
    values: dict[str, object] = {
        "promised": 0.5, "expected": 0.5, "low": 0, "high": 3, "calibration_hours": 1.1, "takes_from": "testing",
        "missed": Counted(2, 40), "snr_db": 20.0, "snr": [InNoise(1, 40, snr_db=None), InNoise(9, 40, snr_db=-5.0)],
        "speakers": {"ann": Counted(2, 20), "bob": Counted(0, 20)}, "latency_ms": (30, 200),
        "missed_takes": [MissedTake("clips/a/1.wav", "a", 0.3)],
        "false_alarms": {"sentence": OfSource(0, 1.6), "noise": OfSource(0, 0.5)},
        "alarms": [FiredOn("a", "x.opus", 3.5, 0.9, "a letter")],
        "words": {"a": WordReport(0.9, 2, 40, 0, [0.3, 0.95, 0.99], [0.8, 0.2])},
    }  # fmt: skip
    return Report(**values | changes)  # type: ignore[arg-type]


def test_takes_of_few_voices_tell_less_about_others() -> None:
    sound = np.zeros(10, np.float32)
    voices = [Take("a", sound, speaker=f"v{number % 3}") for number in range(54)]
    assert 8 < effective_takes(voices) < 10
    for alike in ([Take("a", sound, speaker="me")] * 20, [Take("a", sound)] * 20):
        assert effective_takes(alike) == 20
    assert effective_takes([Take("a", sound, speaker=f"v{number}") for number in range(20)]) == 20
    wide, narrow = Counted(27, 54, 9.0).interval, Counted(27, 54).interval
    assert wide.share == narrow.share and wide.low < narrow.low and wide.high > narrow.high


def test_takes_by_synthetic_voices_are_told_as_what_people_will_find() -> None:
    sound = np.zeros(10, np.float32)
    assert are_synthetic([Take("a", sound, speaker=name) for name in ("fliteslt0", "synthetic-en-gb-m3", "ann")])
    assert not are_synthetic([Take("a", sound, speaker=name) for name in ("fliteslt0", "flitewick", "ann")])
    assert not are_synthetic([])
    real, synthetic = Counted(17, 54, 9.0), Counted(17, 54, 9.0, synthetic=True)
    assert synthetic.interval.low > real.interval.low and synthetic.interval.high > real.interval.high
    assert synthetic.interval.low < 0.68 < synthetic.interval.high < 1  # what 202 takes by people found
    none, every = Counted(0, 5, synthetic=True).interval, Counted(5, 5, synthetic=True).interval
    assert none.share == none.low == 0 and every.share == every.high == 1
    told = report(missed=synthetic)
    assert missed_of(synthetic).startswith("missed 17 of 54 synthetic (people: ") and "people: " in headline(told)
    assert "record some by people" in misses_told(told) and "record some by people" not in misses_told(report())
    assert Report.from_dict(told.to_dict()) == told


def test_a_report_survives_a_file_and_a_damaged_one_is_refused() -> None:
    one = report()
    assert Report.from_dict(one.to_dict()) == one
    for damage in ({"missed": {"missed": 3, "takes": 2}}, {"expected": "x"}, {"words": 3}, {"latency_ms": [1]}):
        with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
            Report.from_dict(one.to_dict() | damage)


def test_both_numbers_are_said_with_what_they_rest_on() -> None:
    one = report()
    assert headline(one) == "missed 2 of 40 (1-17%) · at most 0.5 false alarms an hour of talk (0 in 2.1 h)"
    assert cannot_know(one) == "0 in 2.1 h shows only: fewer than 1.5 an hour."
    half = report(false_alarms={"sentence": OfSource(0, 0.5)})
    assert cannot_know(half) == "0 in 0.5 h shows only: fewer than 6 an hour."
    assert missed_of(Counted(0, 0)) == "misses not measured"
    assert "0 to 3" in false_alarms_told(one)
    assert expected_in_short(one) == "Count on 0 to 3 in an hour of people's talk"
    assert takes_in_short(one) == "Testing takes, in noise 20 dB below them"


def test_a_promise_that_cannot_be_kept_is_not_made() -> None:
    loose = report(expected=12.3, would_miss=0.83)
    assert "at most" not in headline(loose) and "some 13 false alarms an hour" in headline(loose)
    told = false_alarms_told(loose)
    assert "0.5 false alarms an hour would miss 83% of the takes" in told and "would help" in told
    assert expected_in_short(loose) == "0.5 an hour would miss 83%: count on 0 to 3"
    never = report(expected=2.0)
    assert "cannot be kept" in false_alarms_told(never)
    assert expected_in_short(never) == "0.5 an hour cannot be kept: count on 0 to 3"


def test_another_threshold_needs_no_other_measurement() -> None:
    word_report = report().words["a"]
    assert (word_report.misses_at(0.97).missed, word_report.false_alarms_at(0.5)) == (2, 1)
    assert Alarm("a", "s", 1.0, 0.5).text == ""


def test_a_persons_own_talk_keeps_the_threshold_above_what_fired_in_it() -> None:
    peaks = [0.9, 0.6, 0.5, 0.4, 0.3]
    others = Fired(3.0, {"word": [0.02] * 40})
    own = Fired(1 / 60, {"word": peaks})
    without = Calibration({"sentence": others}, ["word"], pooled=True).promise(0.5).thresholds["word"]
    with_own = Calibration({"sentence": others, "own": own}, ["word"], pooled=True)
    assert without < 0.9 < with_own.promise(0.5).thresholds["word"] < 0.95
    assert with_own.promise(120.0).thresholds["word"] < 0.6, "two firings in that minute are then allowed"


def test_pooled_sources_share_their_hours() -> None:
    one = Fired(1.0, {"word": [0.9, 0.8, 0.5, 0.3, 0.2]})
    quiet = Fired(3.0, {"word": []})
    alone = Calibration({"sentence": one}, ["word"], pooled=True).promise(0.5)
    pooled = Calibration({"sentence": one, "word": quiet}, ["word"], pooled=True).promise(0.5)
    assert pooled.thresholds["word"] < alone.thresholds["word"] and pooled.hours == 4.0


def test_words_of_one_softmax_have_one_threshold_and_hold_the_rate_together() -> None:
    """Nine words that fire at most once each in an hour: an equal share of the rate would be told by no peak at all."""
    generator = np.random.default_rng(3)
    words = [f"word {number}" for number in range(9)]
    found = []
    for _ in range(40):
        heard = Fired(2.0, {word: peaks(generator, hours=2, per_hour=12, scale=1.0) for word in words[:-1]})
        promise = Calibration({"sentence": heard}, words, pooled=True).promise(0.5)
        assert len(set(promise.thresholds.values())) == 1
        assert promise.expected == pytest.approx(0.5, abs=0.02) and promise.low <= promise.high
        found.append(8 * 12 * math.exp(-logit(promise.thresholds["word 0"])))  # the true rate there
    assert 0.25 < np.median(found) < 1.0


# The bank that sets thresholds


def test_no_voice_and_no_text_sets_a_threshold_by_itself() -> None:
    """Otherwise one speaker who never says anything like the word makes it look as if nobody did."""
    texts = np.array([-1] * 100 + [7] * 20 + list(range(20, 60)))
    voices = np.array([3] * 100 + [-1] * 20 + list(range(10, 50)))
    lengths = np.full(160, 150)  # twelve seconds
    kinds = ("sentence",) * 160
    starts, changed = np.arange(160) * 150, np.zeros(160, bool)
    bank = BankVectors(
        np.zeros((1, 96), np.int8), np.ones(96, np.float32), starts, lengths, kinds, changed, texts, voices
    )
    chosen = _evenly_said(bank)
    counts = [sum(number in chosen for number in some) for some in (range(100), range(100, 120), range(120, 160))]
    assert counts == [26, 6, 40], "five minutes of the voice, six times the text, and all else"


def test_the_bank_knows_who_speaks() -> None:
    bank = shipped_bank("calibration", "robust")
    assert len(bank.voices) == len(bank.texts) and len(set(bank.voices.tolist())) > 60
    chosen = sorted(_evenly_said(bank))
    minutes = np.bincount(bank.voices[chosen] + 1, bank.lengths[chosen])[1:] * HOP_S / 60
    assert 5 <= minutes.max() < 6


def test_a_word_that_sets_thresholds_is_looked_at_all_the_time_as_in_use() -> None:
    """Not only as it ends, which is where it is learned: what is averaged over five looks then hardly ever is high."""
    bank = shipped_bank("calibration", "robust")
    entry = FEATURES["speech_embedding"]
    pipeline = entry.build(entry.config(), rate=16_000)
    window = pipeline.n_frames(pipeline.window_for(16_000))
    words = bank.lengths[np.array(bank.kinds) == "word"]
    assert np.all((words - window + 1) * HOP_S > 0.8), "seconds of looks"
