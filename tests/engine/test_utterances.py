"""Utterances found in live sound: the same whatever the pieces, noise refused, the SNR as it was mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_engine import audio, resources
from kws_engine.clips.recording import evaluate_take
from kws_engine.clips.utterances import ONSET_RISE_DB, Utterance, UtteranceFinder, has_voice, refusal, snr_db

RATE = 16_000
GAP_S = 0.9


def words(count: int) -> list[np.ndarray]:
    folder = resources.path("starter") / "clips" / "computer"
    return [audio.read(path, rate=RATE) for path in sorted(folder.iterdir())[:count]]


def laid(sounds: list[np.ndarray], *, noise: float = 0.0005, gap_s: float = GAP_S) -> np.ndarray:
    gap = np.zeros(round(gap_s * RATE), np.float32)
    whole = np.concatenate([gap, *(part for sound in sounds for part in (sound, gap))])
    return (whole + noise * np.random.default_rng(0).standard_normal(len(whole))).astype(np.float32)


def found(
    sound: np.ndarray, *, piece: int = 480, clip_samples: int = RATE, rise_db: float = ONSET_RISE_DB
) -> list[Utterance]:
    finder = UtteranceFinder(RATE, clip_samples=clip_samples, rise_db=rise_db)
    return [one for at in range(0, len(sound), piece) for one in finder.feed(sound[at : at + piece])]


@pytest.mark.parametrize("noise", [0.0001, 0.0005, 0.003])
def test_each_word_is_found_once_and_makes_a_good_take(noise: float) -> None:
    said = words(10)
    utterances = found(laid(said, noise=noise))
    assert len(utterances) == len(said)
    at = round(GAP_S * RATE)
    for word, utterance in zip(said, utterances, strict=True):
        assert at <= utterance.start < utterance.stop <= at + len(word) + RATE // 10
        take = evaluate_take(utterance.samples, RATE, clip_samples=RATE)
        assert refusal(take, RATE) == "" and 0 <= take.start <= len(take.raw) - RATE  # whole, not filled up
        at += len(word) + round(GAP_S * RATE)


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(piece=st.integers(1, 20_000))
def test_every_chunking_gives_the_same_utterances(piece: int) -> None:
    sound = laid(words(2))
    for one, other in zip(found(sound, piece=max(piece, 40)), found(sound), strict=True):
        assert (one.start, one.stop, one.at_sample) == (other.start, other.stop, other.at_sample)
        np.testing.assert_array_equal(one.samples, other.samples)


def test_silence_steady_noise_and_clicks_are_no_utterance() -> None:
    rng = np.random.default_rng(0)
    quiet = np.zeros(5 * RATE, np.float32)
    steady = (0.05 * rng.standard_normal(5 * RATE)).astype(np.float32)
    clicks = quiet.copy()
    clicks[RATE::RATE] = 0.8
    assert found(quiet) == found(steady) == found(clicks) == []


def test_what_does_not_end_is_cut_and_the_next_word_is_found() -> None:
    talk = np.concatenate([word[3000:-3000] for word in words(8)])
    utterances = found(laid([talk, *words(1)], gap_s=1.5))
    assert [one.is_cut for one in utterances] == [True, False]


def test_a_word_said_before_the_first_quiet_is_no_good_take() -> None:
    (word,) = words(1)
    utterances = found(laid([word])[round(GAP_S * RATE) + 5000 :])
    takes = [evaluate_take(one.samples, RATE, clip_samples=RATE) for one in utterances]
    assert all(refusal(take, RATE) for take in takes)


def test_a_phrase_is_one_utterance_and_its_clip_holds_all_of_it() -> None:
    one, other = words(2)
    phrase = np.concatenate([one[2000:-2000], np.zeros(RATE // 5, np.float32), other[2000:-2000]])
    (utterance,) = found(laid([phrase]), clip_samples=round(1.8 * RATE))
    take = evaluate_take(utterance.samples, RATE, clip_samples=round(1.8 * RATE))
    assert refusal(take, RATE) == "" and utterance.stop - utterance.start > 1.1 * RATE


def test_bursts_of_noise_are_no_voice_and_words_are() -> None:
    rng = np.random.default_rng(0)
    bursts = [0.2 * np.hanning(length) * rng.standard_normal(length) for length in rng.integers(1600, 12_000, 40)]
    assert sum(has_voice(burst.astype(np.float32), RATE) for burst in bursts) <= 1
    assert all(has_voice(word, RATE) for word in words(20))


@pytest.mark.slow
def test_recorded_words_of_many_voices_have_a_voice(shared_data: Path) -> None:
    folder = shared_data / "speech_commands"
    paths = sorted(folder.glob("right/*"))[:150] + sorted(folder.glob("zero/*"))[:150]
    takes = [evaluate_take(audio.read(path, rate=RATE), RATE, clip_samples=RATE) for path in paths]
    spoken = [take for take in takes if take.bounds is not None]
    refused = sum(not has_voice(take.raw[slice(*take.bounds)], RATE) for take in spoken if take.bounds)
    assert len(spoken) > 280 and refused <= 0.02 * len(spoken)


@pytest.mark.parametrize("wanted_db", [30, 20, 10])
def test_the_snr_is_that_of_the_mixture(wanted_db: int) -> None:
    (word,) = words(1)
    (clean,) = found(laid([word], noise=1e-5))
    at = slice(clean.start - round(GAP_S * RATE), clean.stop - round(GAP_S * RATE))
    level = float(np.sqrt(np.mean(word[at] ** 2))) * 10 ** (-wanted_db / 20)
    (utterance,) = found(laid([word], noise=level))
    assert abs(snr_db(utterance) - wanted_db) < 3


def test_a_smaller_rise_finds_words_that_hardly_stand_out_and_still_no_noise() -> None:
    said = words(6)
    soft = laid([0.12 * word for word in said], noise=0.004)
    assert len(found(soft, rise_db=7.0)) == len(said) > len(found(soft))
    assert found(laid([np.zeros(5 * RATE, np.float32)], noise=0.004), rise_db=7.0) == []
