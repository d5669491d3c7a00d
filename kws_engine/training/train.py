"""The training loop: a generator of epochs that ends with the best weights; knows no file, screen or project."""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from kws_engine.errors import TrainingError
from kws_engine.training.batches import Batches
from kws_engine.training.config import TrainingConfig
from kws_engine.training.events import Epoch
from kws_engine.training.mixup import mixed

Penalty = Callable[[nn.Module], Tensor]
NOTHING_TRAINED = "The run was stopped before its first epoch ended: nothing was trained, start it again"
CROSS_ENTROPY = "cross_entropy"  # a term of the loss, beside the penalties' names
CURVE_CLIPS = 1000  # the training curve is measured on at most so many clips


@dataclass(frozen=True)
class Measured:
    """Features (N, T, F) and labels (N,) on which loss and accuracy are measured, without augmentation."""

    features: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Fit:
    """What the loop ends with: the best epoch's weights and why it ended."""

    weights: dict[str, Tensor]
    best: Epoch
    stopped_early: bool


def fit(
    network: nn.Module, batches: Batches, config: TrainingConfig, *, penalties: Mapping[str, Penalty],
    training: Measured, validation: Measured, should_stop: Callable[[], bool],
) -> Generator[Epoch, None, Fit]:  # fmt: skip
    """Trains in place, yields every epoch, returns the best weights; `network` holds them at the end.

    While an epoch is yielded, `network` holds the weights that were measured: the running average, where that is on.

    Raises:
        TrainingError: The loss is no longer a number, or the run was stopped before its first epoch.
    """
    optimizer, average = make_optimizer(network, config), Average(network, share=config.averaging)
    total = config.epochs * batches.steps
    best: Epoch | None = None
    weights: dict[str, Tensor] = {}
    stopped_early = False
    for number in range(1, config.epochs + 1):
        started = time.monotonic()
        first_step = (number - 1) * batches.steps
        terms = _one_epoch(
            network, batches, optimizer, average, config, penalties, first_step / total, 1 / total, should_stop
        )
        if terms is None:
            stopped_early = True
            break
        average.swap(network)
        epoch = _measure(number, network, training, validation, started, optimizer, terms, best, config)
        if best is None or epoch.best:
            best, weights = epoch, copy.deepcopy(network.state_dict())
        yield epoch
        average.swap(network)
        if config.early_stopping and number - best.epoch >= config.patience and number < config.epochs:
            stopped_early = True
            break
    if best is None:
        raise TrainingError(NOTHING_TRAINED)
    network.load_state_dict(weights)
    network.eval()
    return Fit(weights, best, stopped_early)


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) or SGD with momentum; biases and batch norm are never decayed."""
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=decayed[0].device.type in ("cpu", "cuda"))


class Average:
    """A running average of a network's weights and batch norm statistics (Polyak & Juditsky 1992).

    After n steps it keeps the smaller of `share` and (1 + n) / (10 + n) of itself, so that it does not hang on to the
    random weights of the beginning. With a share of 0 it is the network itself.
    """

    def __init__(self, network: nn.Module, *, share: float) -> None:
        self._share, self._steps = share, 0
        self._state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Takes in the weights after a step."""
        kept = min(self._share, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self._state[name].lerp_(value, 1 - kept)
            else:
                self._state[name].copy_(value)

    def swap(self, network: nn.Module) -> None:
        """Puts the average into the network and keeps the network's own weights; the second call undoes the first."""
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self._state)
        self._state = own


def learning_rate(config: TrainingConfig, progress: float) -> float:
    """The rate at `progress` 0..1 of the run: one-cycle (Smith & Topin 2017), half a cosine down, or constant."""
    if config.schedule == "constant":
        return config.learning_rate
    rise = 0.2 if config.schedule == "one_cycle" else 0.0
    if progress < rise:
        return config.learning_rate * (0.05 + 0.95 * (1 - math.cos(math.pi * progress / rise)) / 2)
    fall = (progress - rise) / (1 - rise)
    return config.learning_rate * max((1 + math.cos(math.pi * min(fall, 1.0))) / 2, 1e-3)


@torch.no_grad()
def measure(network: nn.Module, measured: Measured) -> tuple[float, float]:
    """(cross-entropy in nats, accuracy 0..1) in evaluation mode."""
    network.eval()
    logits = torch.cat([network(features) for features in torch.split(measured.features, 512)])
    loss = functional.cross_entropy(logits, measured.labels)
    return float(loss), float((logits.argmax(1) == measured.labels).float().mean())


def _one_epoch(
    network: nn.Module, batches: Batches, optimizer: torch.optim.Optimizer, average: Average, config: TrainingConfig,
    penalties: Mapping[str, Penalty], progress: float, step: float, should_stop: Callable[[], bool],
) -> dict[str, float] | None:  # fmt: skip
    """The mean of each term of the loss over the epoch, or None where it was stopped on the way."""
    network.train()
    sums: Counter[str] = Counter()
    for features, labels in batches.epoch():
        if should_stop():
            return None
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, progress)
        progress += step
        terms = {CROSS_ENTROPY: _cross_entropy(network, features, labels, config)}
        terms |= {name: penalty(network).to(features.device) for name, penalty in penalties.items()}
        loss = torch.stack(list(terms.values())).sum()
        _check_number(float(loss.detach()), optimizer)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average.update(network)
        sums.update({name: float(term.detach()) for name, term in terms.items()})
    return {name: value / batches.steps for name, value in sums.items()}


def _cross_entropy(network: nn.Module, features: Tensor, labels: Tensor, config: TrainingConfig) -> Tensor:
    """In nats, against labels as smoothed and mixed as the config says."""
    smoothing = config.label_smoothing
    if not config.mixup:
        return functional.cross_entropy(network(features), labels, label_smoothing=smoothing)
    blended, partners, shares = mixed(features, labels, config.mixup)
    logits = network(blended)
    own = functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    other = functional.cross_entropy(logits, partners, label_smoothing=smoothing, reduction="none")
    return (shares * own + (1 - shares) * other).mean()


def _check_number(loss: float, optimizer: torch.optim.Optimizer) -> None:
    if not math.isfinite(loss):
        rate = float(optimizer.param_groups[0]["lr"])
        raise TrainingError(
            f"The loss is no longer a number at a learning rate of {rate:.2g}: train again with a tenth of it"
        )


def _measure(
    number: int, network: nn.Module, training: Measured, validation: Measured, started: float,
    optimizer: torch.optim.Optimizer, terms: dict[str, float], best: Epoch | None, config: TrainingConfig,
) -> Epoch:  # fmt: skip
    train_loss, train_accuracy = measure(network, training)
    validation_loss, validation_accuracy = measure(network, validation)
    _check_number(train_loss + validation_loss, optimizer)
    return Epoch(
        epoch=number,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        learning_rate=float(optimizer.param_groups[0]["lr"]),
        seconds=time.monotonic() - started,
        penalty=sum(value for name, value in terms.items() if name != CROSS_ENTROPY),
        terms=terms,
        best=best is None or validation_loss < best.validation_loss - config.minimum_gain,
    )
