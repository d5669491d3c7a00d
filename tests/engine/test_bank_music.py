"""Computed music of the bank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"


@pytest.mark.parametrize("seed", range(6))
def test_a_piece_has_its_length_and_peak_and_tones_in_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGING))
    from music import RATE, music

    piece = music(6.0, np.random.default_rng(seed))
    assert piece.shape == (6 * RATE,) and piece.dtype == np.float32
    assert np.abs(piece).max() == pytest.approx(0.5) and np.isfinite(piece).all()
    spectrum = np.sort(np.abs(np.fft.rfft(piece)) ** 2)[::-1]
    assert spectrum[: len(spectrum) // 20].sum() > 0.8 * spectrum.sum(), "a twentieth of the lines holds it: no noise"
    assert np.array_equal(piece, music(6.0, np.random.default_rng(seed)))
    assert not np.array_equal(piece, music(6.0, np.random.default_rng(seed + 100)))
