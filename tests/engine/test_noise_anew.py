"""Noise that words are laid into: the same minutes, never as they were."""

from __future__ import annotations

import numpy as np
import pytest

from kws_engine.training.data.laying_words import noise_anew

RATE = 16_000


def _pitch_hz(sound: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * RATE / len(sound))


def test_noise_is_played_faster_and_slower() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(5 * RATE) / RATE).astype(np.float32)
    pitches = [_pitch_hz(noise_anew(tone, RATE, np.random.default_rng(seed))) for seed in range(60)]
    assert 680 < min(pitches) < 760 and 1320 < max(pitches) < 1470
    assert len(set(pitches)) > 40


def test_half_of_it_is_played_backwards() -> None:
    rising = np.linspace(-1, 1, 5 * RATE, dtype=np.float32)
    steps = [np.diff(noise_anew(rising, RATE, np.random.default_rng(seed)))[:-1] for seed in range(200)]
    assert all((step > 0).all() or (step < 0).all() for step in steps), "one piece, one way"
    assert 70 < sum((step < 0).all() for step in steps) < 130


@pytest.mark.parametrize("length", [1, 100, RATE, RATE + 1])
def test_noise_that_is_too_short_is_repeated(length: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, length).astype(np.float32)
    for seed in range(20):
        found = noise_anew(noise, RATE, np.random.default_rng(seed))
        assert found.shape == (RATE,) and found.dtype == np.float32
        assert np.abs(found).max() <= np.abs(noise).max() and np.isfinite(found).all()


def test_a_seed_gives_the_same_again() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * RATE).astype(np.float32)
    first, again = (noise_anew(noise, RATE, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
