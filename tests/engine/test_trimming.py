"""Finding the speech: on real recordings, and whatever level, noise, hum or clicks are around it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_engine import audio
from kws_engine.bench import bounds
from kws_engine.clips.trimming import cut, speech_bounds

RATE = 16_000


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def voice(seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    """Something between a vowel and a buzz: 20 harmonics of 140 Hz under a smooth envelope."""
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * 140 * k * time + k * k) / k for k in range(1, 21))
    return (0.2 * wave * np.sin(np.pi * time / seconds) ** 0.5).astype(np.float32)


def recording(*, at_s: float, seconds: float = 3.0, noise: float = 0.001, rate: int = RATE) -> np.ndarray:
    samples = (noise * random().standard_normal(round(seconds * rate))).astype(np.float32)
    word = voice(rate=rate)
    start = round(at_s * rate)
    samples[start : start + len(word)] += word
    return samples


def assert_holds(bounds, *, at_s: float, rate: int = RATE, spare_s: float = 0.22) -> None:
    """The bounds hold the whole half-second word and little else; `spare_s` is most of the margin before or after."""
    assert bounds is not None
    assert at_s - spare_s <= bounds[0] / rate <= at_s + 0.005
    assert at_s + 0.495 <= bounds[1] / rate <= at_s + 0.5 + spare_s


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("at_s", [0.4, 1.2, 2.3])
def test_a_word_in_faint_noise(at_s, rate):
    assert_holds(speech_bounds(recording(at_s=at_s, rate=rate), rate), at_s=at_s, rate=rate)


@pytest.mark.parametrize("gain", [0.1, 1.0, 4.0])
def test_the_level_does_not_matter(gain):
    samples = recording(at_s=1.0)
    loud, scaled = speech_bounds(samples, RATE), speech_bounds(samples * np.float32(gain), RATE)
    assert loud is not None and scaled is not None
    assert np.abs(np.subtract(loud, scaled)).max() <= RATE // 25


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.01, 0.03])
def test_noise_does_not_matter_much(noise):
    spare_s = 0.22 if not noise else 0.42  # what lies under the noise is guessed
    assert_holds(speech_bounds(recording(at_s=1.0, noise=noise), RATE), at_s=1.0, spare_s=spare_s)


def test_hum_does_not_matter():
    samples = recording(at_s=1.0)
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(len(samples)) / RATE)
    assert_holds(speech_bounds((samples + hum).astype(np.float32), RATE), at_s=1.0, spare_s=0.32)


def test_clicks_away_from_the_word_do_not_matter():
    samples = recording(at_s=1.2)
    for at in (3_000, 9_000, 40_000):
        samples[at : at + 40] += np.float32(0.9)
    assert_holds(speech_bounds(samples, RATE), at_s=1.2)


def test_a_recording_filled_up_with_zeros():
    samples = np.concatenate((np.zeros(RATE, np.float32), recording(at_s=0.5, seconds=1.5), np.zeros(RATE, np.float32)))
    assert_holds(speech_bounds(samples, RATE), at_s=1.5)


def test_the_last_sound_of_eight_belongs_to_it():
    samples = recording(at_s=1.0)
    samples[25_600:26_080] += (0.1 * random().standard_normal(480)).astype(np.float32)  # 30 ms, after 100 ms of closure
    found = speech_bounds(samples, RATE)
    assert found is not None and found[1] >= 26_080


def test_two_words_with_a_pause_are_one_phrase():
    samples = recording(at_s=0.5)
    samples[20_000:28_000] += voice()
    found = speech_bounds(samples, RATE)
    assert found is not None and found[0] <= 8_000 and found[1] >= 28_000


def test_a_faint_rustle_far_away_is_left_out():
    samples = recording(at_s=2.0)
    samples[3_000:6_000] += (0.015 * random().standard_normal(3_000)).astype(np.float32)
    assert_holds(speech_bounds(samples, RATE), at_s=2.0)


@pytest.mark.parametrize("level", [0.0, 1e-5, 1e-3, 0.03, 0.3])
def test_noise_alone_is_no_speech(level):
    assert speech_bounds((level * random().standard_normal(2 * RATE)).astype(np.float32), RATE) is None


@pytest.mark.parametrize("count", [0, 1, 399, 400, 600])
def test_next_to_nothing_is_no_speech(count):
    assert speech_bounds(np.full(count, 0.1, np.float32), RATE) is None


def test_a_click_alone_is_no_speech():
    samples = (0.001 * random().standard_normal(RATE)).astype(np.float32)
    samples[8_000:8_020] = 0.9
    assert speech_bounds(samples, RATE) is None


def test_the_clip_has_the_word_in_its_middle():
    samples = recording(at_s=1.7)
    clip, start = cut(samples, RATE, clip_samples=RATE)
    assert np.array_equal(clip, samples[start : start + RATE])
    assert start == pytest.approx(1.95 * RATE - RATE / 2, abs=0.06 * RATE)


@given(st.integers(0, 9000), st.integers(1, 6000), st.integers(0, 9000))
def test_a_clip_is_always_whole_and_padded_only_when_it_must_be(count, clip_samples, loud_from):
    samples = np.arange(1, count + 1, dtype=np.float32)
    samples[loud_from : loud_from + 3000] *= 50 * np.cos(np.arange(len(samples[loud_from : loud_from + 3000])) * 0.4)
    samples[samples == 0] = 1
    clip, start = cut(samples, RATE, clip_samples=clip_samples)
    assert clip.shape == (clip_samples,) and clip.dtype == np.float32
    assert np.count_nonzero(clip) == min(count, clip_samples)
    if count >= clip_samples:
        assert np.array_equal(clip, samples[start : start + clip_samples])
    else:
        assert start <= 0 and np.array_equal(clip[-start : count - start], samples)


def test_without_speech_the_loudest_stretch_is_cut():
    samples = np.zeros(3 * RATE, np.float32)
    samples[40_000] = 0.5
    clip, start = cut(samples, RATE, clip_samples=RATE)
    assert start <= 40_000 < start + RATE and clip.max() == 0.5


def energy_outside(samples: np.ndarray, first: int, last: int) -> float:
    """Share of the recording's energy above its noise that lies outside, in 20 ms pieces."""
    power = (samples[: len(samples) // 320 * 320].reshape(-1, 320).astype(np.float64) ** 2).mean(axis=1)
    power = np.maximum(0.0, power - 2 * np.percentile(power, 20))
    middle = np.arange(len(power)) * 320 + 160
    outside = (middle < first) | (middle >= last)
    return float(power[outside].sum() / power.sum())


def test_real_recordings_lose_no_speech(shared_data):
    paths = sorted((shared_data / "wake_word/computer").glob("*.wav"))
    outside, lengths_s = [], []
    for path in paths:
        samples = audio.read(path, rate=RATE)
        found = speech_bounds(samples, RATE)
        assert found is not None, path.name
        outside.append(energy_outside(samples, *found))
        lengths_s.append((found[1] - found[0]) / RATE)
    assert np.mean(np.array(outside) > 0.05) <= 0.02
    assert 0.6 < np.median(lengths_s) < 1.1  # the word and its margins, not the whole three seconds


def test_real_noise_is_rarely_taken_for_speech(shared_data):
    for name in ("white_noise", "pink_noise", "running_tap", "exercise_bike"):
        noise = audio.read(shared_data / f"speech_commands/_background_noise_/{name}.wav", rate=RATE)
        pieces = noise[: len(noise) // (2 * RATE) * 2 * RATE].reshape(-1, 2 * RATE)
        assert sum(speech_bounds(piece, RATE) is not None for piece in pieces) <= 1


def test_onsets_of_real_words_in_noise_are_kept(shared_data):
    """Once 8.3% of the onsets lay outside of the bounds at 10 dB, and 3.8% outside of the clip."""
    rng = np.random.default_rng(0)
    noises = bounds._noises(shared_data)
    takes = [bounds.lay(word, noises, 10, rng) for word in bounds.words_of(shared_data, 300)]
    missed, onsets, _, before_ms = bounds.share_cut(takes, lambda samples: speech_bounds(samples, RATE))
    assert missed <= 1 and onsets <= 1.5 and np.median(before_ms) < 400
    short = [take for take in takes if take.bounds[1] - take.bounds[0] < 0.9 * RATE]
    assert len(short) > 200 and bounds.share_cut(short, bounds.clip_bounds)[1] <= 2


def test_a_cut_onset_is_counted_as_one():
    samples = recording(at_s=1.0, seconds=2.5, noise=1e-5)
    found = bounds.energy_bounds(samples)
    assert found is not None and abs(found[0] / RATE - 1.0) < 0.03 and abs(found[1] / RATE - 1.5) < 0.03
    take = bounds.lay(bounds.Word(samples, found), [random().standard_normal(4 * RATE)], 30, random())
    first, last = take.bounds
    assert take.cut_of((first - 100, last + 100)) == (False, False)
    assert take.cut_of((first + 640, last)) == (True, False)
    assert take.cut_of((first, last - 640)) == (False, True)
