"""Seeds for every use of randomness, each derived from the run's seed and the place where it is used.

No random state is carried from one use to the next: the second batch of epoch 7 is the same whether or not this process
made the epochs before it. That is what lets a run be resumed exactly, and be shared among processes.
"""

from __future__ import annotations

import numpy as np
import torch

# Uses, so that no two draw the same numbers.
ORDER, SOURCES, SOUND, SPECTROGRAM, STEPS, BAND_NOISE, TALK_SOUND, TALK_WINDOWS, HARD_TALK = range(9)


def derive_seed(*numbers: int) -> int:
    """A seed below 2**63 from any non-negative numbers; equal numbers give equal seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def torch_generator(device: torch.device, *numbers: int) -> torch.Generator:
    """A torch generator on a device, seeded by the numbers."""
    return torch.Generator(device=device).manual_seed(derive_seed(*numbers))


def numpy_generator(*numbers: int) -> np.random.Generator:
    """A numpy generator, seeded by the numbers."""
    return np.random.default_rng(derive_seed(*numbers))
