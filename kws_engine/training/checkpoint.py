"""Weights on disk as safetensors, written whole or not at all; knows no network by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.disk import write_atomically
from kws_engine.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor


def save(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Replaces `path` by these weights at once; a checkpoint that cannot be written leaves the old one in place.

    Raises:
        ProjectError: The disk is full or the folder cannot be written.
    """
    from safetensors.torch import save as to_bytes

    write_atomically(path, to_bytes({name: tensor.cpu().contiguous() for name, tensor in weights.items()}))


def load(path: Path) -> dict[str, Tensor]:
    """The weights by name.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"The weights in {path} cannot be read ({error}): train again") from None
