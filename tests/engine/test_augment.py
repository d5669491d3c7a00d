"""Augmentations, every registered one: shape, off, reproducible; and that each does what it says to which clips."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from kws_engine import bench, spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Context
from kws_engine.errors import SpecError
from kws_engine.features import torchaudio_guard

RATE = 16_000
ENTRIES = [pytest.param(entry, id=entry.name) for entry in AUGMENTATIONS]


def _context(seed: int = 0, noises: Tensor | None = None) -> Context:
    return Context(generator=torch.Generator().manual_seed(seed), rate=RATE, noises=noises)


def _batch(domain: str, clips: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    shape = (clips, RATE) if domain == "sound" else (clips, 98, 40)
    return 0.1 * torch.randn(shape, generator=generator)


def _apply(name: str, batch: Tensor, context: Context | None = None, **changes: Any) -> Tensor:
    entry = AUGMENTATIONS[name]
    changed: Tensor = entry.build(spec.changed(entry.config(), changes), rate=RATE)(batch, context or _context())
    return changed


def _level_db(sound: Tensor) -> Tensor:
    return 10 * torch.log10(sound.square().mean(dim=1))


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_augmentation_says_where_it_works_and_how_often(entry: Any) -> None:
    assert entry.config.domain in ("sound", "spectrogram")
    assert isinstance(entry.config.order, int)
    first = spec.options(entry.config)[0]
    assert (first.name, first.low, first.high) == ("probability", 0.0, 1.0)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_augmentation_keeps_shape_and_leaves_its_input_alone(entry: Any) -> None:
    batch = _batch(entry.config.domain)
    before = batch.clone()
    changed = _apply(entry.name, batch, probability=1.0)
    assert changed.shape == batch.shape and changed.dtype == batch.dtype
    assert torch.isfinite(changed).all()
    assert torch.equal(batch, before)
    assert (changed != batch).flatten(1).any(1).float().mean() > 0.9


@pytest.mark.parametrize("entry", ENTRIES)
def test_probability_decides_for_each_clip(entry: Any) -> None:
    batch = _batch(entry.config.domain, clips=200)
    assert torch.equal(_apply(entry.name, batch, probability=0.0), batch)
    share = (_apply(entry.name, batch, probability=0.5) != batch).flatten(1).any(1).float().mean()
    assert 0.3 < share < 0.65


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_seed_repeats_and_another_does_not(entry: Any) -> None:
    batch = _batch(entry.config.domain)
    once, again, other = (_apply(entry.name, batch, _context(seed)) for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize("entry", ENTRIES)
def test_silence_and_a_single_clip_stay_finite(entry: Any) -> None:
    silent = torch.zeros_like(_batch(entry.config.domain, clips=1))
    assert torch.isfinite(_apply(entry.name, silent, probability=1.0)).all()


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_was_drawn_is_told_where_it_is_asked_for(entry: Any) -> None:
    batch = _batch(entry.config.domain)
    context = replace(_context(), drawn={})
    changed = _apply(entry.name, batch, context, probability=0.5)
    assert torch.equal(changed, _apply(entry.name, batch, probability=0.5)), "asking changes nothing"
    assert context.drawn is not None and list(context.drawn) == [entry.name]
    told = torch.tensor([text != "unchanged" for text in context.drawn[entry.name]])
    differs = (changed != batch).flatten(1).any(1)
    assert len(told) == len(batch) and not (differs & ~told).any()
    assert differs.sum() >= 0.8 * told.sum() > 0
    assert len(set(context.drawn[entry.name])) > (1 if entry.name == "polarity" else 3)


def test_what_is_told_is_what_was_done() -> None:
    sound, context = _batch("sound", clips=8), replace(_context(), drawn={})
    louder = _apply("gain", sound, context, probability=1.0, gain_db=(-9.0, 3.0))
    assert context.drawn is not None
    told = [float(text.removesuffix(" dB")) for text in context.drawn["gain"]]
    torch.testing.assert_close(torch.tensor(told), _level_db(louder) - _level_db(sound), atol=0.06, rtol=0)


def test_a_shift_moves_the_sound_and_fills_with_silence() -> None:
    click = torch.zeros(200, RATE)
    click[:, 8_000] = 1.0
    moved = _apply("time_shift", click, probability=1.0, max_ms=50.0)
    offsets = moved.argmax(dim=1) - 8_000
    assert torch.equal(moved.sum(dim=1), torch.ones(200))
    assert offsets.abs().max() <= 800 and offsets.min() < -400 and offsets.max() > 400
    edge = _apply("time_shift", torch.ones(200, RATE), probability=1.0, max_ms=50.0)
    assert torch.equal((edge == 0).sum(dim=1) > 0, (edge[:, 0] == 0) | (edge[:, -1] == 0))


def test_gain_stays_in_its_range_and_never_clips() -> None:
    sound = _batch("sound")
    change_db = _level_db(_apply("gain", sound, probability=1.0, gain_db=(-20.0, -5.0))) - _level_db(sound)
    assert change_db.min() >= -20.01 and change_db.max() <= -4.99 and change_db.std() > 2
    loud = _apply("gain", sound, probability=1.0, gain_db=(30.0, 30.0))
    torch.testing.assert_close(loud.abs().amax(dim=1), torch.ones(len(sound)))
    torch.testing.assert_close(loud / loud.abs().amax(1, True), sound / sound.abs().amax(1, True))


@pytest.mark.parametrize("noise_samples", [0, 3_000, 100_000], ids=["none recorded", "shorter than a clip", "long"])
def test_noise_comes_at_the_chosen_ratio(noise_samples: int) -> None:
    sound = _batch("sound")
    noises = 0.5 * torch.randn(noise_samples) if noise_samples else None
    added = _apply("background_noise", sound, _context(noises=noises), probability=1.0, snr_db=(5.0, 15.0)) - sound
    snr_db = _level_db(sound) - _level_db(added)
    assert snr_db.min() > 4.9 and snr_db.max() < 15.1 and snr_db.std() > 1


def test_recorded_noise_is_used_in_different_pieces() -> None:
    noises = torch.arange(1.0, 50_001.0)
    sound = torch.ones(50, RATE)
    added = _apply("background_noise", sound, _context(noises=noises), probability=1.0) - sound
    steps = added[:, -1] / added[:, 0]
    pieces = (RATE - 1) / (steps - 1)
    assert pieces.min() >= 0.5 and pieces.max() <= 50_000 - RATE + 2
    assert len(pieces.round().unique()) > 40


def test_generated_noise_is_white_and_pink() -> None:
    sound = _batch("sound", clips=200)
    added = _apply("background_noise", sound, probability=1.0, snr_db=(0.0, 0.0)) - sound
    power = torch.fft.rfft(added).abs().square()
    tilt_db = 10 * torch.log10(power[:, 100:200].mean(1) / power[:, 6_400:].mean(1))
    white, pink = tilt_db.abs() < 3, tilt_db > 12
    assert (white | pink).all() and 60 < white.sum() < 140


def test_masks_hide_stretches_with_the_mean_of_the_clip() -> None:
    features = torch.randn(100, 98, 40)
    masked = _apply(
        "spec_augment", features, probability=1.0, time_masks=1, max_frames=10, frequency_masks=1, max_bands=5
    )
    changed = masked != features
    whole_frames, whole_bands = changed.all(dim=2), changed.all(dim=1)
    assert torch.equal(changed, whole_frames.unsqueeze(2) | whole_bands.unsqueeze(1))
    assert whole_frames.sum(dim=1).max() == 10 and whole_bands.sum(dim=1).max() == 5
    edges = (whole_frames[:, 1:] != whole_frames[:, :-1]).sum(dim=1)
    assert edges.max() <= 2, "one stretch has two ends"
    means = features.mean(dim=1, keepdim=True).expand_as(features)
    assert torch.equal(masked[changed], means[changed])


def test_no_masks_change_nothing() -> None:
    features = torch.randn(4, 98, 40)
    assert torch.equal(_apply("spec_augment", features, probability=1.0, time_masks=0, frequency_masks=0), features)
    assert torch.equal(_apply("spec_augment", features, probability=1.0, max_frames=0, max_bands=0), features)


def test_masks_wider_than_the_clip_are_cut_to_it() -> None:
    masked = _apply("spec_augment", torch.randn(20, 5, 3), probability=1.0, max_frames=200, max_bands=128)
    assert masked.shape == (20, 5, 3) and torch.isfinite(masked).all()


def test_polarity_turns_the_sound_over() -> None:
    sound = _batch("sound")
    assert torch.equal(_apply("polarity", sound, probability=1.0), -sound)


@pytest.mark.parametrize("rt60_s", [0.2, 0.45])
def test_a_room_dies_away_as_asked_and_keeps_time_and_loudness(rt60_s: float) -> None:
    click = torch.zeros(30, RATE)
    click[:, 1_000] = 0.5
    room = _apply("reverb", click, probability=1.0, rt60_s=(rt60_s, rt60_s), direct_db=(3.0, 3.0))
    assert room[:, :1_000].abs().max() < 1e-4 and torch.equal(room.abs().argmax(dim=1), click.argmax(dim=1))
    torch.testing.assert_close(_level_db(room), _level_db(click), atol=0.01, rtol=0)
    echo = room.clone()
    echo[:, 1_000] = 0
    drr_db = 10 * torch.log10(room[:, 1_000].square() / echo.square().sum(dim=1))
    torch.testing.assert_close(drr_db, torch.full((30,), 3.0), atol=0.1, rtol=0)
    early, late = (int(1_000 + share * rt60_s * RATE) for share in (0.3, 0.7))
    powers = [echo[:, at : at + 400].square().mean() for at in (early, late)]
    fallen_db = 10 * torch.log10(powers[0] / powers[1])
    assert 20 < fallen_db < 26, "60 dB in one reverberation time are 24 in 0.4 of it, less what still fills up"


def test_a_narrow_band_takes_the_rest_away() -> None:
    only = {"low_rate": False, "eight_bit": False, "mu_law": False}
    sound = _batch("sound")
    narrow = _apply("quality", sound, probability=1.0, high_hz=(2_000.0, 2_000.0), low_hz=(300.0, 300.0), **only)
    power = torch.fft.rfft(narrow).abs().square().mean(0) / torch.fft.rfft(sound).abs().square().mean(0)
    assert power[600:1_000].min() > 0.7 and power[:100].max() < 0.02 and power[6_000:].max() < 0.01


def test_a_band_that_can_be_empty_is_refused() -> None:
    with pytest.raises(SpecError, match=r"Lower limit: up to 900 Hz is not below the upper one, 800 Hz; lower it"):
        _apply("quality", _batch("sound"), low_hz=(50.0, 900.0), high_hz=(800.0, 3_000.0))


def test_fewer_samples_are_held() -> None:
    only = {"band_limit": False, "eight_bit": False, "mu_law": False}
    held = _apply("quality", _batch("sound"), probability=1.0, sample_rate=(4_000.0, 4_000.0), **only)
    assert torch.equal(held, _batch("sound")[:, ::4].repeat_interleave(4, dim=1))


def test_fewer_bits_are_those_of_the_codecs() -> None:
    sound = _batch("sound").clamp(-1, 1)
    off = {"band_limit": False, "low_rate": False}
    eight = _apply("quality", sound, probability=1.0, mu_law=False, **off)
    assert len(eight.unique()) <= 256 and (eight - sound).abs().max() <= 0.51 / 127
    functional = torchaudio_guard.load().functional
    theirs = functional.mu_law_decoding(functional.mu_law_encoding(sound, 256), 256)
    ours = _apply("quality", sound, probability=1.0, eight_bit=False, **off)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert torch.equal(_apply("quality", sound, probability=1.0, eight_bit=False, mu_law=False, **off), sound)


@pytest.mark.parametrize(
    ("name", "option", "axis"), [("shift_time", "max_frames", 1), ("shift_frequency", "max_bands", 2)]
)
def test_a_picture_is_moved_whole_and_its_edge_fills_the_gap(name: str, option: str, axis: int) -> None:
    size = (98, 40)[axis - 1]
    ramp = torch.arange(float(size)).view((1, -1, 1) if axis == 1 else (1, 1, -1)).expand(200, 98, 40)
    moved = _apply(name, ramp, probability=1.0, **{option: 3})
    offsets = (ramp - moved).select(axis, size // 2)[:, 0]
    assert sorted(offsets.unique().tolist()) == [-3, -2, -1, 1, 2, 3]
    assert torch.equal(moved, (ramp - offsets.view(-1, 1, 1)).clamp(0, size - 1))


def test_a_warp_keeps_the_ends_and_the_order() -> None:
    ramp = torch.arange(98.0).view(1, -1, 1).expand(200, 98, 40)
    warped = _apply("warp", ramp, probability=1.0, max_frames=6)
    moved = (warped - ramp)[:, :, 0]
    assert (warped[:, 0] == 0).all() and (warped[:, -1] == 97).all()
    assert (warped.diff(dim=1) > 0).all()
    assert 4 < moved.max() <= 6 and -6 <= moved.min() < -4
    assert ((moved > 0.5).any(1) & (moved < -0.5).any(1)).sum() == 0, "a clip's one moment moves one way"
    tiny = _apply("warp", torch.randn(20, 2, 3), probability=1.0, max_frames=50)
    assert tiny.shape == (20, 2, 3) and torch.isfinite(tiny).all()


@pytest.mark.parametrize("rate", [8_000, 44_100])
@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.values[0].config.domain == "sound"])
def test_other_sample_rates_and_lengths_do(entry: Any, rate: int) -> None:
    sound = 0.1 * torch.randn(3, rate // 3)
    context = Context(generator=torch.Generator().manual_seed(0), rate=rate)
    changed = entry.build(spec.changed(entry.config(), {"probability": 1.0}), rate=rate)(sound, context)
    assert changed.shape == sound.shape and torch.isfinite(changed).all()


@pytest.mark.all_parts
def test_the_cost_of_augmentations_is_told() -> None:
    together, *rows = islice(bench.rows("augment"), 2 + AUGMENTATIONS.names().index("gain"))
    each = [row for row in rows if row.against]
    assert (together.domain, together.asked) == ("sound", 1.0) and together.value == together.ms_per_clip
    for row, name in zip(each, ("Background noise", "Gain"), strict=True):
        told = row.to_dict()
        assert told["what"].startswith(name) and told["domain"] == "sound" and told["against"].startswith("torchaudio")
        assert told["ms_per_clip"] > 0 and told["ratio"] > 0
