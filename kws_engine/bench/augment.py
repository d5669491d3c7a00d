"""What each augmentation costs, and all those of the sound together, compared with torchaudio's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Context
from kws_engine.bench import Row
from kws_engine.features import torchaudio_guard
from kws_engine.spec import changed

if TYPE_CHECKING:
    from torch import Tensor

TITLE = "Augmentation: time for a clip of one second on one core, beside torchaudio's"
RATE, CLIPS, ASKED_MS = 16_000, 64, 1.0
_ROUNDS = 7


@dataclass(frozen=True)
class _Rival:
    """Another implementation of the same: its name, how many clips it gets at once, and the call."""

    name: str
    clips: int
    function: Callable[[Tensor], object]


def rows() -> Iterator[Row]:
    """Yields a row for those of the sound together, at their defaults, and one for each augmentation on every clip."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from _rows()
    finally:
        torch.set_num_threads(threads)


def _rows() -> Iterator[Row]:
    entries = sorted((entry for entry in AUGMENTATIONS if entry.config.domain == "sound"), key=lambda e: e.config.order)
    together = _ms_per_clip([entry.build(entry.config(), rate=RATE) for entry in entries], _batch("sound"), rounds=20)
    what = "All of the sound at their defaults"
    yield Row(what, together, "ms a clip", asked=ASKED_MS, domain="sound", ms_per_clip=together)
    rivals = _rivals()
    for entry in AUGMENTATIONS:
        batch = _batch(entry.config.domain)
        ours = _ms_per_clip([entry.build(changed(entry.config(), {"probability": 1.0}), rate=RATE)], batch)
        rival = rivals.get(entry.name)
        yield Row(
            f"{entry.title}, every clip",
            ours,
            "ms a clip",
            domain=entry.config.domain,
            ms_per_clip=ours,
            ratio=ours / _rival_ms(rival, batch) if rival else None,
            against=rival.name if rival else None,
        )


def _batch(domain: str) -> Tensor:
    """Clips (B, N) of noise that swells and fades as a word does, or spectrograms (B, T, F)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    if domain == "spectrogram":
        return torch.randn(CLIPS, 98, 40, generator=generator)
    noise = torch.randn(CLIPS, RATE, generator=generator)
    return 0.2 * noise * torch.hann_window(RATE)


def _ms_per_clip(augmentations: list[Any], batch: Tensor, *, rounds: int = _ROUNDS) -> float:
    import torch

    noises = 0.1 * torch.randn(60 * RATE, generator=torch.Generator().manual_seed(1))
    context = Context(generator=torch.Generator().manual_seed(2), rate=RATE, noises=noises)

    def apply() -> None:
        result = batch
        for augment in augmentations:
            result = augment(result, context)

    return _best_ms(apply, rounds=rounds, middle=True) / len(batch)


def _rival_ms(rival: _Rival, batch: Tensor) -> float:
    rounds = _ROUNDS if rival.clips > 1 else 1
    return _best_ms(lambda: rival.function(batch[: rival.clips]), rounds=rounds) / rival.clips


def _best_ms(function: Callable[[], object], *, rounds: int, middle: bool = False) -> float:
    """Processor time of a call in ms, after a first call: the least, or the median where each call draws new numbers.

    A single round has no first call: what is slow is measured once.
    """
    if rounds > 1:
        function()
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        function()
        taken.append(1000 * (time.process_time() - began))
    return sorted(taken)[len(taken) // 2] if middle else min(taken)


def _rivals() -> dict[str, _Rival]:
    """For some augmentations, torchaudio's implementation.

    A transform with one strength for the whole batch gets one clip and is made anew, because each clip draws its own.
    """
    import torch

    transforms, functional = (getattr(torchaudio_guard.load(), part) for part in ("transforms", "functional"))
    noise, room = 0.1 * torch.randn(CLIPS, RATE), 0.1 * torch.randn(CLIPS, RATE // 2)
    snr_db = torch.linspace(0, 30, CLIPS)
    return {
        "pitch": _Rival("torchaudio.transforms.PitchShift", 1, lambda x: transforms.PitchShift(RATE, 2.3)(x)),
        "speed": _Rival("torchaudio.transforms.Speed", 1, lambda x: transforms.Speed(RATE, 0.93)(x)),
        "gain": _Rival("torchaudio.transforms.Vol", CLIPS, transforms.Vol(-6.0, gain_type="db")),
        "background_noise": _Rival(
            "torchaudio.transforms.AddNoise", CLIPS, lambda x: transforms.AddNoise()(x, noise, snr_db),
        ),
        "reverb": _Rival("torchaudio.transforms.FFTConvolve", CLIPS, lambda x: transforms.FFTConvolve()(x, room)),
        "quality": _Rival(
            "torchaudio.functional.mu_law_encoding and back", CLIPS,
            lambda x: functional.mu_law_decoding(functional.mu_law_encoding(x, 256), 256),
        ),
        "spec_augment": _Rival(
            "torchaudio.functional.mask_along_axis_iid, twice", CLIPS,
            lambda x: functional.mask_along_axis_iid(
                functional.mask_along_axis_iid(x.unsqueeze(1), 15, 0.0, 2), 6, 0.0, 3
            ),
        ),
    }  # fmt: skip
