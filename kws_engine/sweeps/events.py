"""The events that a sweep emits, as frozen dataclasses."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from typing import Any, Literal

from kws_engine.errors import FailureKind
from kws_engine.sweeps.space import Value

State = Literal["complete", "pruned", "failed", "stopped", "lost", "running", "waiting"]


@dataclass(frozen=True)
class Trial:
    """One set of options and what its run reached.

    Attributes:
        number: Of the study, counted from 0; those of sets that were given to two workers are left out.
        state: "stopped" was interrupted and "lost" lost its worker: both are run again under another number.
        value: What the sweep is by: validation loss or accuracy of the best epoch, of the last one where pruned.
        run: The run's folder in the sweep's `runs`, empty before it has one.
        machine: The name of the one that ran it, in whose project the run's folder is.
        message: Why it failed, for a person.
        kind: How it failed; None where it did not.
        retry_of: The number of the stopped or lost trial that this one repeats.
    """

    number: int
    state: State
    value: float | None = None
    options: dict[str, Value] = dataclasses.field(default_factory=dict)
    run: str = ""
    machine: str = ""
    message: str = ""
    parameters: int = 0
    macs: int = 0
    best_epoch: int = 0
    seconds: float = 0.0
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    retry_of: int | None = None
    kind: FailureKind | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether another machine ran it; False where that is not known."""
        return self.machine not in ("", platform.node())


@dataclass(frozen=True)
class SweepStarted:
    """The study exists.

    Attributes:
        storage: The database's address without a password; empty is the file in the folder.
        trials: How many to finish; `finished` of them already are.
        options: Path and range of each option that is searched.
    """

    name: str
    folder: str
    storage: str
    by: str
    trials: int
    finished: int
    options: dict[str, str]


@dataclass(frozen=True)
class TrialStarted:
    """A worker tries these options."""

    worker: int
    number: int
    options: dict[str, Value]


@dataclass(frozen=True)
class TrialEpoch:
    """One epoch of a trial's run."""

    worker: int
    number: int
    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrialEnded:
    """A trial has its result, or why it has none."""

    worker: int
    trial: Trial


@dataclass(frozen=True)
class WorkerLost:
    """A worker's process vanished; the others continue and run its trial again."""

    worker: int
    message: str


@dataclass(frozen=True)
class SweepEnded:
    """All trials are finished, or the sweep was asked to stop.

    Attributes:
        importance: Share of each option in what makes a trial good, largest first; empty for fewer than 5 trials.
    """

    name: str
    folder: str
    best: Trial | None
    importance: dict[str, float]
    finished: int
    failed: int
    stopped: bool


@dataclass(frozen=True)
class SweepFailed:
    """The other ending, always with a reason a person can act on; the traceback is for the log."""

    message: str
    traceback: str = ""
    kind: FailureKind = "other"


SweepEvent = SweepStarted | TrialStarted | TrialEpoch | TrialEnded | WorkerLost | SweepEnded | SweepFailed


def to_dict(event: SweepEvent) -> dict[str, Any]:
    """The event as one JSON object, its kind under "event"."""
    values = {"event": type(event).__name__, **dataclasses.asdict(event)}
    values.pop("traceback", None)
    return values
