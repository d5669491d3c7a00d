"""Time shift: moves clips earlier or later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TimeShiftConfig:
    """Options of the time shift."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 10

    probability: float = option(0.8, "Probability", "Share of the clips that are shifted; 0 is off.", low=0.0, high=1.0)
    max_ms: float = option(
        100.0,
        "Largest shift",
        "Earlier or later by up to this; more cuts into long words.",
        low=0,
        high=1000,
        unit="ms",
    )


@AUGMENTATIONS.register("time_shift", "Time shift", TimeShiftConfig)
def build(config: TimeShiftConfig, *, rate: int) -> Augment:
    """Moves the word within the clip, as a listener never knows when it starts; silence fills the gap."""
    largest = round(config.max_ms * rate / 1000)

    def shift(sound: Tensor, context: Context) -> Tensor:
        import torch

        clips, samples = sound.shape
        chosen = context.chosen(clips, config.probability, device=sound.device)
        offsets = context.uniform(clips, -largest, largest, device=sound.device).round().long() * chosen
        context.note("time_shift", sound, chosen, "{:+.0f} ms", offsets * (1000 / rate))
        padded = torch.nn.functional.pad(sound, (largest, largest))
        rows = torch.arange(clips, device=sound.device)
        return padded.unfold(1, samples, 1)[rows, largest + offsets]

    return shift
