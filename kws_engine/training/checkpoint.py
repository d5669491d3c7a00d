"""Weights and the state of whole runs on disk, as safetensors files that are written atomically."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.disk import write_atomically
from kws_engine.errors import TrainingError, shortened
from kws_engine.training.events import Epoch

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.training.train import Snapshot

_SCHEMA = 1


def save(path: Path, weights: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> None:
    """Replaces `path` by these weights atomically; if that fails, the old file stays in place.

    Raises:
        ProjectError: The disk is full or the folder cannot be written.
    """
    from safetensors.torch import save as to_bytes

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(path, to_bytes(plain, metadata=dict(metadata or {})))


def load(path: Path) -> dict[str, Tensor]:
    """The weights by name.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    tensors, _ = _read(path)
    return tensors


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replaces the checkpoint in a run's folder.

    Raises:
        ProjectError: The disk is full or the folder cannot be written; the old checkpoint stays in place.
    """
    history = json.dumps([dataclasses.asdict(epoch) for epoch in snapshot.history])
    metadata = {"schema": str(_SCHEMA), "steps": str(snapshot.steps), "history": history}
    save(path, snapshot.tensors, metadata=metadata)


def load_snapshot(path: Path) -> Snapshot:
    """The state of a run after the last epoch in its checkpoint.

    Raises:
        TrainingError: There is none, it is damaged, or a newer program wrote it.
    """
    from kws_engine.training.train import Snapshot

    run = path.parent.name
    if not path.exists():
        raise TrainingError(f"The run {run} ended before its first epoch: there is nothing to resume")
    tensors, metadata = _read(path)
    try:
        if int(metadata["schema"]) > _SCHEMA:
            raise TrainingError(f"The run {run} was made by a newer program: resume it there")
        history = tuple(Epoch(**values) for values in json.loads(metadata["history"]))
        return Snapshot(tensors, history, int(metadata["steps"]))
    except (LookupError, ValueError, TypeError, ArithmeticError, RecursionError):
        raise TrainingError(f"The checkpoint of the run {run} is damaged: train again") from None


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            # Copies: a view of the file would keep Windows from replacing it.
            return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata() or {}
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise TrainingError(f"The weights in {path} cannot be read ({shortened(error)}): train again") from None
