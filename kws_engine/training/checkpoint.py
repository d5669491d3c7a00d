"""Weights and whole runs on disk as safetensors, written whole or not at all; knows no network by name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.disk import write_atomically
from kws_engine.errors import TrainingError
from kws_engine.training.events import Epoch

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.training.train import Snapshot

_SCHEMA = 1


def save(path: Path, weights: Mapping[str, Tensor], *, about: Mapping[str, str] | None = None) -> None:
    """Replaces `path` by these weights at once; a checkpoint that cannot be written leaves the old one in place.

    Raises:
        ProjectError: The disk is full or the folder cannot be written.
    """
    from safetensors.torch import save as to_bytes

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(path, to_bytes(plain, metadata=dict(about or {})))


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
        ProjectError: The disk is full or the folder cannot be written; the old checkpoint stands.
    """
    history = json.dumps([dataclasses.asdict(epoch) for epoch in snapshot.history])
    about = {"schema": str(_SCHEMA), "steps": str(snapshot.steps), "history": history}
    save(path, snapshot.tensors, about=about)


def load_snapshot(path: Path) -> Snapshot:
    """The state of a run after the last epoch that its checkpoint holds.

    Raises:
        TrainingError: There is none, it is damaged, or a newer program wrote it.
    """
    from kws_engine.training.train import Snapshot

    run = path.parent.name
    if not path.exists():
        raise TrainingError(f"The run {run} ended before its first epoch: there is nothing to go on with")
    tensors, about = _read(path)
    try:
        if int(about["schema"]) > _SCHEMA:
            raise TrainingError(f"A newer program made the run {run}: go on with it there")
        history = tuple(Epoch(**values) for values in json.loads(about["history"]))
        return Snapshot(tensors, history, int(about["steps"]))
    except (LookupError, ValueError, TypeError):
        raise TrainingError(f"The checkpoint of the run {run} is damaged: train again") from None


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            # Copies: what is still a view of the file keeps Windows from putting a new one in its place.
            return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"The weights in {path} cannot be read ({error}): train again") from None
