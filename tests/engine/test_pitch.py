"""Pitch moved on real speech: by what was asked, in the same time, with the mouth's own sound where it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch
from torch import Tensor

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Context

RATE = 16_000
_FRAME, _HOP = 1_024, 160
WORDS = ("down", "four", "go", "nine", "on", "yes")


@pytest.fixture(scope="module")
def speech() -> Tensor:
    """36 voices, (36, 16000)."""
    data = Path(__file__).parents[2].parent / "shared/data/speech_commands"
    if not data.is_dir():
        pytest.skip("the recordings are not here")
    clips = [path for word in WORDS for path in sorted((data / word).glob("*.*"))[:6]]
    sounds = [torch.from_numpy(soundfile.read(path, dtype="float32")[0][:RATE]) for path in clips]
    return torch.stack([torch.nn.functional.pad(sound, (0, RATE - len(sound))) for sound in sounds])


def _moved(speech: Tensor, semitones: float, *, keep_formants: bool) -> Tensor:
    entry = AUGMENTATIONS["pitch"]
    config = entry.config(probability=1.0, semitones=(semitones, semitones), keep_formants=keep_formants)
    context = Context(generator=torch.Generator().manual_seed(0), rate=RATE)
    moved: Tensor = entry.build(config, rate=RATE)(speech, context)
    return moved


def _pitch_hz(sound: Tensor) -> tuple[Tensor, Tensor]:
    """Pitch (T,) by the first high peak of the autocorrelation, as in YIN and Praat, and where there is any."""
    frames = sound.unfold(0, _FRAME, _HOP)
    taper = torch.hann_window(_FRAME)

    def autocorrelation(rows: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(rows * taper, 4 * _FRAME).abs().square())[..., :_FRAME]

    whole = autocorrelation(frames - frames.mean(dim=1, keepdim=True))
    likeness = whole / whole[:, :1].clamp_min(1e-9) / (autocorrelation(torch.ones(_FRAME)) / taper.square().sum())
    shortest, longest = RATE // 600, RATE // 60
    inner = likeness[:, shortest:longest]
    is_peak = (inner > likeness[:, shortest - 1 : longest - 1]) & (inner >= likeness[:, shortest + 1 : longest + 1])
    best = inner.amax(dim=1)
    period = shortest + (is_peak & (inner > 0.9 * best.unsqueeze(1))).float().argmax(dim=1)
    loudness = frames.square().mean(dim=1)
    return RATE / period, (best > 0.8) & (loudness > 0.05 * loudness.max())


@pytest.mark.parametrize("keep_formants", [True, False])
@pytest.mark.parametrize("semitones", [-5.0, -2.0, 2.0, 5.0])
def test_pitch_moves_by_what_was_asked(speech: Tensor, semitones: float, keep_formants: bool) -> None:
    ratios = []
    for before, after in zip(speech, _moved(speech, semitones, keep_formants=keep_formants), strict=True):
        (hz, voiced), (moved_hz, still_voiced) = _pitch_hz(before), _pitch_hz(after)
        both = voiced & still_voiced
        if both.sum() >= 10:
            ratios.append((moved_hz / hz)[both].median() / 2 ** (semitones / 12))
    assert len(ratios) >= 18, "enough of the clips have a voice to measure"
    off = (torch.stack(ratios) - 1).abs()
    assert (off < 0.1).float().mean() >= 0.95 and off.median() < 0.02


@pytest.mark.parametrize("semitones", [-5.0, 5.0])
def test_the_word_stays_where_it_is_and_as_long(speech: Tensor, semitones: float) -> None:
    for keep in (True, False):
        moved = _moved(speech, semitones, keep_formants=keep)
        assert moved.shape == speech.shape
        shapes = [torch.log(sound.unfold(1, 400, 80).square().mean(dim=2) + 1e-5) for sound in (speech, moved)]
        shapes = [shape - shape.mean(dim=1, keepdim=True) for shape in shapes]
        likeness = torch.nn.functional.cosine_similarity(*shapes, dim=1)
        assert likeness.median() > 0.95 and likeness.min() > 0.8
        whole = torch.fft.rfft(shapes[1], 1_024) * torch.fft.rfft(shapes[0], 1_024).conj()
        lag = torch.fft.irfft(whole).argmax(dim=1)
        assert torch.minimum(lag, 1_024 - lag).float().quantile(0.9) <= 4, "20 ms"


def _centroid_hz(sound: Tensor) -> Tensor:
    """The middle of the spectral envelope (B,): of amplitudes, so that single harmonics do not decide."""
    amplitude = torch.fft.rfft(sound).abs().unfold(1, 400, 200).square().mean(dim=2).sqrt()[:, :18]
    at = torch.arange(amplitude.shape[1]) * 200 + 200.0
    return (amplitude * at).sum(dim=1) / amplitude.sum(dim=1)


@pytest.mark.parametrize("semitones", [-5.0, 5.0])
def test_formants_stay_only_where_they_are_kept(speech: Tensor, semitones: float) -> None:
    before = _centroid_hz(speech)
    kept, moved = (
        (_centroid_hz(_moved(speech, semitones, keep_formants=keep)) / before).log2().median() * 12
        for keep in (True, False)
    )
    assert kept.abs() < 1.2, "semitones"
    assert moved * semitones > 0 and moved.abs() > 2 * kept.abs() and moved.abs() > 1.5


def test_no_change_asked_is_none(speech: Tensor) -> None:
    moved = _moved(speech, 0.0, keep_formants=False)
    torch.testing.assert_close(moved, speech, atol=1e-3, rtol=0)
