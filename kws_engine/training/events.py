"""The events that a run emits, as frozen dataclasses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from kws_engine.errors import FailureKind
from kws_engine.training.old_failures import stored_kind


@dataclass(frozen=True)
class Progress:
    """Work before the first epoch, or after the last: what is being done, and how far."""

    what: str
    done: int
    total: int
    after_training: bool = False


@dataclass(frozen=True)
class Skipped:
    """A file that cannot be used or written; the run continues without it."""

    path: str
    reason: str


@dataclass(frozen=True)
class Started:
    """The run has begun: its folder, what it trains and on how much.

    Attributes:
        run: The run's folder.
        labels: The network's labels in the order of its outputs.
        training: Clips in the training part, by label.
        validation: Clips in the validation part, by label.
    """

    run: str
    labels: list[str]
    training: dict[str, int]
    validation: dict[str, int]
    parameters: int
    macs: int
    device: str
    epochs: int


@dataclass(frozen=True)
class Epoch:
    """One pass over the training part.

    Both losses are plain cross-entropy in nats without penalties, both accuracies shares in 0..1; all four are measured
    with the same weights after the epoch, without augmentation and dropout, the training part on a fixed sample.

    Attributes:
        penalty: All penalties together, their mean over the epoch's steps.
        terms: What the loss that was trained on is the sum of, mean over the epoch's steps: "cross_entropy" with
            augmentation, dropout, label smoothing and mixup, and each penalty by its name. Empty in older runs.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    penalty: float
    best: bool
    terms: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Promised:
    """The thresholds are set, and what they are worth was measured on takes and talk that set nothing.

    Attributes:
        per_hour: False alarms an hour of talk asked for, all words together.
        expected: The rate expected; above `per_hour` where that would have cost too many words.
        low: In an hour of people's talk there are at least so many,
        high: and at most so many, with 95% certainty.
        missed: Of `takes`, with the bounds of the share, 0..1.
        false_alarms: In `hours` of talk and noise; `upper_95` an hour are excluded with 95% certainty.
        told: Both numbers in a line.
    """

    per_hour: float
    expected: float
    low: int
    high: int
    missed: int
    takes: int
    missed_low: float
    missed_high: float
    false_alarms: int
    hours: float
    upper_95: float
    told: str


@dataclass(frozen=True)
class Finished:
    """The good ending: the model file is written."""

    run: str
    model: str
    best_epoch: int
    validation_accuracy: float
    stopped_early: bool


@dataclass(frozen=True)
class Failed:
    """The other ending, always with a reason a person can act on.

    Attributes:
        message: For a person.
        traceback: For the log; not stored.
        kind: For code that decides what to do about it.
    """

    message: str
    traceback: str = ""
    kind: FailureKind = "other"


@dataclass(frozen=True)
class RatePoint:
    """One step of the search for a learning rate: the rate, the loss before the step, and its running mean, in nats."""

    learning_rate: float
    loss: float
    smoothed: float


@dataclass(frozen=True)
class RateFound:
    """The good ending of that search; None where no rate is better than another."""

    learning_rate: float | None


Event = Progress | Skipped | Started | Epoch | Promised | Finished | Failed | RatePoint | RateFound
_NAMES: dict[str, type[Any]] = {
    one.__name__.lower(): one
    for one in (Progress, Skipped, Started, Epoch, Promised, Finished, Failed, RatePoint, RateFound)
}


def to_dict(event: Event) -> dict[str, Any]:
    """The event as one JSON object, its type under "event"."""
    values = {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}
    if isinstance(event, Failed):
        del values["traceback"]
    return values


def from_dict(values: dict[str, Any]) -> Event:
    """The inverse of `to_dict`; fields that only a newer program knows are left out.

    Raises:
        LookupError, TypeError: It is no event.
    """
    event_type = _NAMES[values["event"]]
    known = {field.name for field in dataclasses.fields(event_type)}
    event: Event = event_type(**{name: value for name, value in values.items() if name in known})
    if isinstance(event, Failed):
        return dataclasses.replace(event, kind=stored_kind(values.get("kind"), event.message))
    return event
