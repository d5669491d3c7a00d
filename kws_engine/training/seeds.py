"""Seeds for every place where chance is used, each from the run's own seed and where it stands; knows no data.

Nothing is carried from one draw to the next: the batch that comes second in epoch 7 is drawn the same whether the
epochs before it were made in this process or not. That is what lets a run be resumed exactly, and shared among
processes.
"""

from __future__ import annotations

import numpy as np
import torch

ORDER, SOURCES, SOUND, SPECTROGRAM, STEPS, BAND_NOISE = range(6)  # what is drawn, so that no two of them draw alike


def derive_seed(*numbers: int) -> int:
    """A seed below 2**63 from any numbers that are not negative; equal numbers give equal seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def torch_generator(device: torch.device, *numbers: int) -> torch.Generator:
    """Torch's chance on a device, seeded by the numbers."""
    return torch.Generator(device=device).manual_seed(derive_seed(*numbers))


def numpy_generator(*numbers: int) -> np.random.Generator:
    """Numpy's chance, seeded by the numbers."""
    return np.random.default_rng(derive_seed(*numbers))
