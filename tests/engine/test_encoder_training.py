"""What trains the robust encoder: its pairs of sounds and its loss."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

PACKAGING = Path(__file__).parents[2] / "packaging"
RATE = 16_000


@pytest.fixture(autouse=True)
def _packaging_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(PACKAGING))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("encoder", "make_bank", "music")]:
        del sys.modules[name]


def _tone(hz: float, seconds: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def _pairs(seed: int) -> object:
    from encoder.sounds import Pairs, People

    noise = np.random.default_rng(9).normal(size=3 * RATE).astype(np.float32)
    people = People([_tone(200, 6)], [_tone(500, 0.4), _tone(900, 0.6)], [noise], [_tone(440, 5) + _tone(660, 5)])
    return Pairs(people, seed=seed)


def test_a_pair_is_as_loud_on_both_sides_and_only_one_is_noisy() -> None:
    from encoder.sounds import SAMPLES

    for seed in range(8):
        clean, noisy = _pairs(seed).draw(snr_db=50.0)  # type: ignore[attr-defined]
        assert clean.shape == noisy.shape == (SAMPLES,) and max(np.abs(clean).max(), np.abs(noisy).max()) < 1.5
    quiet, loud = ([_pairs(seed).draw(snr_db=snr_db) for seed in range(8)] for snr_db in (50.0, 0.0))  # type: ignore[attr-defined]
    apart = [float(np.mean([np.mean((b - a) ** 2) / np.mean(a**2) for a, b in some])) for some in (quiet, loud)]
    assert apart[1] > 2 * apart[0]


def test_noise_alone_is_to_be_heard_as_silence() -> None:
    from encoder.sounds import ALONE_DB

    for seed in range(8):
        silence, noise = _pairs(seed).draw(snr_db=ALONE_DB)  # type: ignore[attr-defined]
        assert np.abs(silence).max() < 1e-3 < np.abs(noise).max()


def test_what_is_kept_for_measuring_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from encoder import sounds
    from encoder.sounds import People

    monkeypatch.setattr(sounds, "music", lambda part: [])

    from kws_engine.bench._people import Recording

    kept = Recording(tmp_path / "missing.wav", "speech", "swahili_speech", "sw", "", "", kept=True)
    assert People.of([kept], "training").words == []


def test_a_word_is_cut_to_its_speech_and_silence_is_none() -> None:
    from encoder.sounds import trimmed

    padded = np.concatenate((np.zeros(RATE, np.float32), _tone(300, 0.5), np.zeros(RATE, np.float32)))
    word = trimmed(padded)
    assert word is not None and 0.5 <= len(word) / RATE < 0.6 and np.abs(word).max() == pytest.approx(0.5)
    assert trimmed(np.zeros(RATE, np.float32)) is None


@pytest.mark.slow
def test_a_few_steps_bring_vectors_in_noise_nearer_to_those_without() -> None:
    from encoder.sounds import ALONE_DB
    from encoder.training import Checked, Options, trained

    from kws_engine.features._encoder_network import Encoder

    base = Encoder("google")
    told: list[Checked] = []
    options = Options(steps=12, batch=4, learning_rate=2e-3)
    encoder = trained(base, _pairs(1), _pairs(2), options, told=told.append)  # type: ignore[arg-type]
    assert [one.step for one in told] == [0, 12]
    assert told[1].losses[10.0] < told[0].losses[10.0] and told[1].losses[ALONE_DB] < told[0].losses[ALONE_DB]
    before, after = base.state_dict(), encoder.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
