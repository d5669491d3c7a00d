"""The weights of a run as safetensors: its state to resume from, and those of its best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kws_engine.runs.run_file import RunFile
from kws_engine.training import checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.training.train import Snapshot


class SnapshotFile(RunFile):
    """The state after the last epoch; reading and writing loads torch."""

    def read(self) -> Snapshot:
        """The state.

        Raises:
            TrainingError: There is none, it is damaged, or a newer program wrote it.
        """
        return checkpoint.load_snapshot(self.path)

    def write(self, snapshot: Snapshot) -> None:
        """Replaces the state.

        Raises:
            ProjectError: The disk is full or the folder cannot be written; the old state stands.
        """
        checkpoint.save_snapshot(self.path, snapshot)


class BestWeightsFile(RunFile):
    """The weights of the best epoch; reading and writing loads torch."""

    def read(self) -> dict[str, Tensor]:
        """The weights by name.

        Raises:
            TrainingError: They are missing or damaged.
        """
        return checkpoint.load(self.path)

    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Replaces the weights.

        Raises:
            ProjectError: The disk is full or the folder cannot be written; the old weights stand.
        """
        checkpoint.save(self.path, weights)
