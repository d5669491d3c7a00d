"""Faults that the curves of a run show, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.evaluation.finding import Finding, Remedy
from kws_engine.evaluation.interval import Interval, wilson
from kws_engine.evaluation.remedies import (
    for_diverging,
    for_not_converged,
    for_overfitting,
    for_underfitting,
    offered,
    penalties,
    usual_rate,
)
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch

Values = NDArray[np.float64]

MOST_VALIDATED = 10_000  # clips that a run measures after each epoch, a share of more would hardly be more certain
_WIDEST = 0.15  # 95% interval of a validation accuracy that still separates one run from another
_JUMPS = 0.04  # of accuracy from each epoch to the next, from which a curve asks whether that is more than chance
_LAST_EPOCHS = 5
_SPARED = 0.05  # share of the words' clips that validates, from which a project has hardly a clip more to spare
_FEWEST_MEASURED = 20  # clips, below which the mean loss is that of one or two of them
_GOOD = 0.97  # accuracy of the kept weights, from which there is nothing that a remedy could win
_GAP = 0.05  # of accuracy, between training and the upper end of the validation's interval
_RISE = 0.25  # of validation loss over its lowest
_STANDARD_ERRORS = 3.0  # a line that is looked at after every epoch has many chances to be wrong
_RISE_NATS, _COSTLY_NATS = 0.05, 0.15  # of validation loss: the least rise, and the level, that cost anything
_RISING_EPOCHS = 5
_POOR = 0.85  # training accuracy below which a network has not learned its own clips
_PLATEAU_EPOCHS = 8  # fewer show no plateau
_STILL_FALLING = 0.5  # - d ln(loss) / d ln(epoch): twice the epochs would divide the loss by 2 to this power
_NOTHING_LEARNED = 0.95  # of the loss of a guess that knows only how frequent each label is
_FEWEST_AT_CHANCE = 4  # epochs
_BLOWN_UP = 3.0  # times the earlier loss
_SLOW, _FAST = 0.2, 5.0  # of the usual learning rate
_HARDLY_FALLING = 0.1


@dataclass(frozen=True)
class Curves:
    """A run's history as arrays (epochs,), with what is needed to read them.

    Attributes:
        validation_clips: Of all labels together.
        words: Clips of the words, without other words and silence, in the training and in the validation part.
    """

    history: Sequence[Epoch]
    settings: Settings
    validation_clips: int
    chance_loss: float
    words: tuple[int, int]

    def of(self, name: str) -> Values:
        """One of an epoch's numbers over the epochs."""
        return np.array([getattr(epoch, name) for epoch in self.history], np.float64)

    @property
    def cross_entropy(self) -> Values:
        """Of the training steps, with augmentation and dropout; the measured one where an older run has none."""
        return np.array([epoch.terms.get("cross_entropy", epoch.train_loss) for epoch in self.history], np.float64)

    @property
    def best(self) -> Epoch:
        """The epoch of the lowest validation loss."""
        return min(self.history, key=lambda epoch: epoch.validation_loss)

    @property
    def measured_clips(self) -> int:
        """Of the validation part, after each epoch."""
        return min(self.validation_clips, MOST_VALIDATED)

    @property
    def interval(self) -> Interval:
        """Of the best epoch's validation accuracy."""
        total = max(1, self.measured_clips)
        return wilson(min(self.best.validation_accuracy, 1.0) * total, total)


def chance_loss(training: Mapping[str, int], n_labels: int) -> float:
    """Cross-entropy in nats of a guess that knows only how frequent labels are; one clip in `n_labels` is silence."""
    counts = np.array([count for count in training.values() if count > 0], np.float64)
    if not len(counts):
        return math.log(max(n_labels, 2))
    counts = np.append(counts, counts.sum() / max(n_labels, 2))
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def diverging(curves: Curves, *, lost_number: bool = False) -> Finding | None:
    """The loss leaves the range of numbers, leaps up on the way, or never comes below that of guessing."""
    losses, steps = curves.of("train_loss"), curves.cross_entropy
    evidence, epoch = "", len(losses)
    rate = curves.settings.training.learning_rate
    if lost_number:
        evidence, epoch = "The loss is no longer a number", len(losses) + 1
    elif (leap := _leap(steps, curves.chance_loss) or _leap(losses, curves.chance_loss)) is not None:
        worst = max(steps[leap], losses[leap])
        evidence, epoch = f"The loss leaps to {worst:.3g}, where guessing has {curves.chance_loss:.2f},", leap + 1
    elif _never_learned(losses, steps, curves.chance_loss) and not penalties(curves.settings):
        evidence, epoch = f"The loss stays at {losses[-1]:.2f}, guessing has {curves.chance_loss:.2f},", 1
    elif rate > _FAST * usual_rate(curves.settings) and len(losses) >= _PLATEAU_EPOCHS and _is_poor(curves):
        settled = f"{curves.history[-1].train_accuracy:.0%} of the training clips are right in the end"
        evidence, epoch = f"Only {settled}, with {rate / usual_rate(curves.settings):.0f} times the usual rate,", 1
    if not evidence:
        return None
    brief = evidence.rstrip(",")
    return Finding(
        "diverging",
        "Learning rate too high",
        "Each step overshoots, so the loss grows or stays where it began instead of falling.",
        f"{evidence} at a learning rate of {rate:.2g}.",
        epoch,
        1.0,
        offered("diverging", for_diverging(curves.settings)),
        brief=f"{brief[0].lower()}{brief[1:]}",
    )


def _leap(steps: Values, chance: float) -> int | None:
    """The first epoch whose mean loss is far above the earlier ones and that of guessing."""
    for at in range(1, len(steps)):
        if steps[at] > _BLOWN_UP * max(steps[:at].min(), chance / 2) and steps[at] > 1.2 * chance:
            return at
    return None


def _never_learned(losses: Values, steps: Values, chance: float) -> bool:
    """Whether a run ends at the loss of guessing without having come there slowly: a slow one still falls.

    So must that of the steps: averaged weights lag behind them in the first epochs of a run with few steps.
    """
    if len(losses) < _FEWEST_AT_CHANCE or min(losses[-1], steps[-1]) < _NOTHING_LEARNED * chance:
        return False
    late = steps[len(steps) // 2 :]
    is_flat = np.ptp(late) < 0.1 * chance and losses[1] - losses[-1] < 0.02 * chance
    return bool((is_flat and len(losses) >= _PLATEAU_EPOCHS) or losses[1:].max() > 1.2 * chance)


def noisy_validation(curves: Curves) -> Finding | None:
    """Differences between the epochs are within the interval of their accuracy, and that is wide or they are large.

    The differences are those that a person reads off the curve: the best epoch against the last ones, and an epoch
    against the next. Where they are larger than the interval, the clips are enough for what they show. An interval that
    separates one run from another, around a curve that hardly moves, is no fault; nor is a wide one in a small project
    that validates on its fair share of clips.
    """
    interval = curves.interval
    width, fall, jump = interval.high - interval.low, _from_best(curves), _jump(curves)
    is_unsure = (width > _WIDEST and _has_more_to_spare(curves)) or jump > _JUMPS
    if not curves.measured_clips or not is_unsure or width <= max(fall, jump):
        return None
    wanted = _clips_for(interval.share, width=_WIDEST if width > _WIDEST else jump)
    return Finding(
        "noisy_validation",
        "Too few clips to validate on",
        "The validation figures depend on a few clips, so a difference between epochs or runs may be chance.",
        f"{curves.measured_clips} clips: {interval.text()} right with 95% confidence, {100 * width:.0f} points in "
        f"all; the best epoch and the last ones differ by {100 * fall:.0f} points, an epoch and the next by "
        f"{100 * jump:.0f}.",
        None,
        width,
        (
            Remedy(f"Record or import about {wanted} clips to validate on", action="import", key="more_validation"),
            Remedy("Record more takes of every word", action="record", key="more_validation"),
        ),
        brief=f"of {curves.measured_clips} clips {interval.text()} are right",
    )


def _has_more_to_spare(curves: Curves) -> bool:
    training, validation = curves.words
    return validation < _SPARED * (training + validation)


def _from_best(curves: Curves) -> float:
    """How far the last epochs' accuracy is from the best one's."""
    return abs(curves.best.validation_accuracy - float(np.median(curves.of("validation_accuracy")[-_LAST_EPOCHS:])))


def _jump(curves: Curves) -> float:
    """How much accuracy usually changes from one epoch to the next in the second half; 0 of too few epochs."""
    if len(curves.history) < 2 * _PLATEAU_EPOCHS:  # in its first epochs a curve climbs
        return 0.0
    return float(np.median(np.abs(np.diff(curves.of("validation_accuracy")[len(curves.history) // 2 :]))))


def _clips_for(share: float, *, width: float) -> int:
    """How many clips make the interval that narrow, rounded up to tens."""
    total = 10
    while (found := wilson(share * total, total)).high - found.low > width:
        total += 10
    return total


def overfitting(curves: Curves, *, running: bool = False) -> Finding | None:
    """Validation loss rises while training loss falls, or training accuracy is beyond the validation's interval.

    Nothing is named where the kept weights, those of the lowest validation loss, are good: what happened after them
    cost nothing.
    """
    if not (evidence := overfits(curves, running=running)):
        return None
    return Finding(
        "overfitting",
        "Overfitting",
        "The network learns the training recordings by heart instead of what the words have in common.",
        evidence.text,
        evidence.epoch,
        evidence.strength,
        offered("overfitting", for_overfitting(curves.settings)),
        brief=evidence.brief,
    )


@dataclass(frozen=True)
class Overfit:
    """How a network shows that it knows its training clips better than others.

    Attributes:
        text: One sentence.
        brief: Its main figures, without a full stop.
        epoch: Of the lowest validation loss.
        strength: 0..1.
    """

    text: str
    brief: str
    epoch: int
    strength: float


def overfits(curves: Curves, *, running: bool = False) -> Overfit | None:
    """The rise or the gap, where it is beyond chance and costs something."""
    if curves.best.validation_accuracy >= _GOOD:
        return None
    train, validation = curves.of("train_loss"), curves.of("validation_loss")
    lowest = int(validation.argmin())
    after = len(validation) - 1 - lowest
    rise = _rise(curves, lowest)
    upper = curves.interval.high
    accuracy = float(np.median(curves.of("train_accuracy")[-3:]))
    gap = accuracy - upper > _GAP and accuracy > _POOR and not (running and after < 2)
    if not (rise or gap):
        return None
    parts = [_rose(train, validation, lowest)] if rise else []
    right = f"{accuracy:.0%} of the training clips are right"
    parts += [f"{right}, of {curves.measured_clips} validation clips {curves.interval.text()}"] if gap else []
    evidence = "; ".join(parts)
    share = curves.best.validation_accuracy
    brief = f"{accuracy:.0%} of the training clips are right, {share:.0%} of the validation clips"
    if rise:
        brief = f"validation loss rose from {validation[lowest]:.2f} in epoch {lowest + 1} to {validation[-1]:.2f}"
    text = f"{evidence[0].upper()}{evidence[1:]}."
    return Overfit(text, brief, lowest + 1, min(1.0, max(rise, accuracy - upper)))


def _rise(curves: Curves, lowest: int) -> float:
    """By which share validation loss rose over its lowest; 0 where that may be chance, or costs nothing."""
    train, validation = curves.of("train_loss"), curves.of("validation_loss")
    after = len(validation) - 1 - lowest
    if after < _RISING_EPOCHS or curves.measured_clips < _FEWEST_MEASURED or train[-1] >= 0.9 * train[lowest]:
        return 0.0
    level = float(np.median(validation[lowest + 1 :][-_RISING_EPOCHS:]))
    risen = level - validation[lowest]
    is_chance = risen <= max(_rise_by_chance(curves) * validation[lowest], 3 * _epoch_noise(validation[lowest:]))
    is_cheap = risen < _RISE_NATS or level < _COSTLY_NATS
    return 0.0 if is_chance or is_cheap else float(risen / validation[lowest])


def _epoch_noise(losses: Values) -> float:
    """Standard deviation of one epoch's loss about its trend, robustly, from second differences (variance 6 sigma²)."""
    return float(1.4826 * np.median(np.abs(np.diff(losses, 2))) / math.sqrt(6))


def _rose(train: Values, validation: Values, lowest: int) -> str:
    rose = f"validation loss rose from {validation[lowest]:.3f} in epoch {lowest + 1} to {validation[-1]:.3f}"
    return f"{rose} while training loss fell from {train[lowest]:.3f} to {train[-1]:.3f}"


def _rise_by_chance(curves: Curves) -> float:
    """How much of the lowest validation loss a rise must be to be none of chance.

    Three standard errors of a mean over so many clips, whose losses scatter about as much as they are large.
    """
    return max(_RISE, _STANDARD_ERRORS / math.sqrt(max(1, curves.measured_clips)))


def underfitting(curves: Curves) -> Finding | None:
    """Training and validation have both settled on a poor level."""
    if not _is_poor(curves) or len(curves.history) < _PLATEAU_EPOCHS or _still_falling(curves):
        return None
    last, interval = curves.history[-1], curves.interval
    return Finding(
        "underfitting",
        "Underfitting",
        "The network is too small or too held back, or its features lack what tells the words apart.",
        f"Both level off: {last.train_accuracy:.0%} of the training clips are right and {interval.text()} of the "
        f"validation clips.",
        _settled(curves.of("train_loss")),
        1 - last.train_accuracy,
        offered("underfitting", for_underfitting(curves.settings)),
        brief=f"{last.train_accuracy:.0%} of the training clips are right, and the loss hardly falls any more",
    )


def not_converged(curves: Curves) -> Finding | None:
    """The run ended while its losses were still falling."""
    falling = _still_falling(curves)
    if not falling and len(curves.history) >= _PLATEAU_EPOCHS:
        return None
    if not _is_poor(curves):
        return None
    losses = curves.of("train_loss")
    return Finding(
        "not_converged",
        "Not finished learning",
        "The run ended, or its learning rate faded out, before the network had learned what it can.",
        f"After {len(losses)} epochs {curves.history[-1].train_accuracy:.0%} of the training clips are right, and the "
        f"training loss had fallen from {losses[len(losses) // 2]:.3f} to {losses[-1]:.3f} in the second half.",
        len(losses),
        1 - curves.history[-1].train_accuracy,
        offered("not_converged", for_not_converged(curves.settings, len(losses))),
    )


def _is_poor(curves: Curves) -> bool:
    return float(np.median(curves.of("train_accuracy")[-3:])) < _POOR


def _still_falling(curves: Curves) -> bool:
    """Whether the loss fell steadily for as long as the rate was high; at a rate far below the usual, if at all."""
    is_slow = curves.settings.training.learning_rate < _SLOW * usual_rate(curves.settings)
    return falling_power(curves) > (_HARDLY_FALLING if is_slow else _STILL_FALLING)


def falling_power(curves: Curves) -> float:
    """- d ln(loss) / d ln(epoch), the median of slopes (Theil-Sen), where the rate was at least half of its highest."""
    rates, losses = curves.of("learning_rate"), curves.of("train_loss")
    hot = int(np.flatnonzero(rates >= 0.5 * rates.max())[-1]) + 1
    first = max(1, hot // 2)
    if hot - first < 2:
        return math.inf
    epochs, logs = np.log(np.arange(first + 1, hot + 1)), np.log(np.maximum(losses[first:hot], 1e-9))
    one, other = np.triu_indices(len(epochs), 1)
    return -float(np.median((logs[other] - logs[one]) / (epochs[other] - epochs[one])))


def _settled(losses: Values) -> int:
    """The first epoch from which the loss stays within a tenth of where it ends."""
    outside = np.flatnonzero(losses > 1.1 * losses[-1])
    return int(outside[-1]) + 2 if len(outside) else 1
