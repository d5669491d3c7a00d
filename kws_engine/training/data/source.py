"""What the training loop needs of any source of batches, and of the talk in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from kws_engine.training.events import Progress

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Batch:
    """The clips of one step.

    Attributes:
        features: (B, T, F), on the device.
        labels: (B,), on the device.
        clips: (B,) indices into the training split, or SILENT, SYNTHETIC or TALK; on the CPU.
        whole: Clips of the step in all processes together.
    """

    features: Tensor
    labels: Tensor
    clips: Tensor
    whole: int


class HardTalk(Protocol):
    """Talk without the words, from which the windows that come closest to a word are drawn more often."""

    @property
    def looks_for_hard(self) -> bool:
        """Whether hard windows are drawn at all."""
        ...

    def scored(self, epoch: int, score: Score, *, rank: int, world: int) -> tuple[Tensor, Tensor]:
        """Windows (N,) of the talk that is there, the hard ones known so far among them, and their scores (N,).

        Args:
            epoch: Seeds the choice.
            score: Of features (B, T, F), (B,): how close each comes to a word.
            rank: Which of the processes this is: the scores of the others' windows are left 0.
            world: How many processes share the work.
        """
        ...

    def keep_hardest(self, windows: Tensor, scores: Tensor) -> None:
        """Keeps those of the windows (N,) whose scores (N,) are highest, in place of the ones before."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        ...

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        ...


class Source(Protocol):
    """The training split as a source of epochs.

    Attributes:
        steps: Batches of an epoch.
        unknown: The label of other words; the labels below are words.
        talk: None where there is none.
    """

    steps: int
    unknown: int

    @property
    def talk(self) -> HardTalk | None: ...

    def __len__(self) -> int: ...

    def prepare(self, epoch: int) -> Iterator[Progress | None]:
        """Computes what is due before an epoch (from 1 on); yields now and then, so that the caller can stop."""
        ...

    def epoch(self, number: int) -> Iterator[Batch]:
        """Every draw once, in the order of this epoch; call `prepare` first."""
        ...

    def close(self) -> None:
        """Ends the threads and frees memory; no batch can be made any more."""
        ...
