"""The training loop, which ends with the best weights and can be gone on with; knows no file, screen or project."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from kws_engine.errors import TrainingError
from kws_engine.training.chance import STEPS, seed_of
from kws_engine.training.clip_dynamics import Dynamics
from kws_engine.training.config import TrainingConfig
from kws_engine.training.data.batches import Batch, Batches
from kws_engine.training.data.mixup import mixed
from kws_engine.training.events import Epoch, Progress
from kws_engine.training.optimizing import (
    Average,
    learning_rate,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)
from kws_engine.training.scale_out import ONE, Processes

Penalty = Callable[[nn.Module], Tensor]
NOTHING_TRAINED = "The run was stopped before its first epoch ended: nothing was trained, start it again"
CROSS_ENTROPY = "cross_entropy"  # a term of the loss, beside the penalties' names
CURVE_CLIPS = 1000  # the training curve is measured on at most so many clips
_CHECKED_EVERY = 16  # steps; looking at the loss makes a graphics card wait
_MEASURED_AT_ONCE = 256  # clips; of 64 or 512 each takes a tenth longer


@dataclass(frozen=True)
class Measured:
    """Features (N, T, F), in half precision or not, and labels (N,): measured on without augmentation."""

    features: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Fit:
    """What the loop ends with: the best epoch's weights and why it ended."""

    weights: dict[str, Tensor]
    best: Epoch
    stopped_early: bool


@dataclass(frozen=True)
class Snapshot:
    """All that is needed to go on after an epoch as if nothing had happened.

    Attributes:
        tensors: Weights, their average, the best of them, the optimizer's memory and what is known of each clip.
        history: The epochs so far.
        steps: How many steps the average has taken in.
    """

    tensors: dict[str, Tensor]
    history: tuple[Epoch, ...]
    steps: int


class Loop:
    """Trains a network in place; `epochs` does the work, `snapshot` and `restore` let another process go on with it."""

    def __init__(
        self, network: nn.Module, batches: Batches, config: TrainingConfig, *, penalties: Mapping[str, Penalty],
        training: Measured, validation: Measured, should_stop: Callable[[], bool], seed: int = 0,
        dynamics: Dynamics | None = None, label_weights: Tensor | None = None, processes: Processes = ONE,
    ) -> None:  # fmt: skip
        self._processes, self._forward = processes, processes.spread(network)
        self._network, self._batches, self._config, self._penalties = network, batches, config, penalties
        self._training, self._validation, self._should_stop = training, validation, should_stop
        self._seed, self._dynamics, self._label_weights = seed, dynamics, label_weights
        self._optimizer, self._average = make_optimizer(network, config), Average(network, share=config.averaging)
        self._weights = list(network.parameters())
        self._device = self._weights[0].device
        self._autocast = wants_bfloat16(config, network)
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.stopped_early = self._is_over = False

    def epochs(self) -> Iterator[Progress | Epoch]:
        """Yields every epoch, and work before it that takes long.

        While an epoch is yielded, the network holds the weights that were measured: the running average, where that is
        on; afterwards those of the best epoch.

        Raises:
            TrainingError: The loss is no longer a number, or the run was stopped before its first epoch.
        """
        try:
            yield from self._all_epochs()
        finally:
            self._batches.close()
        if self.best is None:
            raise TrainingError(NOTHING_TRAINED, kind="stopped")
        self._network.load_state_dict(self.best_weights)
        self._network.eval()

    def _all_epochs(self) -> Iterator[Progress | Epoch]:
        for number in range(len(self.history) + 1, self._config.epochs + 1):
            if self._is_over or self._is_patience_over():
                break
            started = time.monotonic()
            terms = self._one_epoch(number) if (yield from self._prepared(number)) else None
            if terms is None:
                self.stopped_early = True
                break
            self._average.swap(self._network)
            epoch = self._measure(number, started, terms)
            self.history.append(epoch)
            if epoch.best:
                self.best, self.best_weights = epoch, copy.deepcopy(self._network.state_dict())
            yield epoch
            self._average.swap(self._network)

    def _prepared(self, number: int) -> Generator[Progress, None, bool]:
        """Makes what an epoch needs; False where it was stopped on the way, which several processes are at a step."""
        for progress in self._batches.prepare(number):
            if progress is not None:
                yield progress
            if self._processes.share.world == 1 and self._should_stop():
                return False
        return True

    def result(self) -> Fit:
        """After the last epoch."""
        assert self.best is not None
        return Fit(self.best_weights, self.best, self.stopped_early)

    def snapshot(self) -> Snapshot:
        """While an epoch is yielded: the state after it."""
        parts = {
            "average": self._network.state_dict(),
            "network": self._average.tensors(),
            "best": self.best_weights,
            "optimizer": optimizer_tensors(self._optimizer),
            "dynamics": self._processes.summed(self._dynamics.tensors()) if self._dynamics else {},
        }
        tensors = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        return Snapshot(tensors, tuple(self.history), self._average.steps)

    def restore(self, snapshot: Snapshot) -> None:
        """Before `epochs`: goes on after the last epoch of the snapshot.

        Raises:
            TrainingError: It is of another network.
        """
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in snapshot.tensors.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = value
        try:
            self._network.load_state_dict(parts["network"])
            self._average.restore(parts["average"], steps=snapshot.steps)
            restore_optimizer(self._optimizer, parts.get("optimizer", {}))
            if self._dynamics is not None:
                self._dynamics.restore(self._processes.only_first(parts["dynamics"]))
        except (RuntimeError, ValueError, LookupError):
            raise TrainingError(
                "The run's checkpoint is of another network or of other clips: start the run anew with `kws repeat`, "
                "or by Train with its settings"
            ) from None
        self.history = list(snapshot.history)
        self.best = next((epoch for epoch in reversed(self.history) if epoch.best), None)
        self.best_weights = {name: value.to(self._device) for name, value in parts.get("best", {}).items()}

    def end_here(self) -> None:
        """Before `epochs`: no step is taken any more, the best epoch so far is the result."""
        self.stopped_early = self._is_over = True

    def _is_patience_over(self) -> bool:
        if not self._config.early_stopping or self.best is None:
            return False
        self.stopped_early = len(self.history) - self.best.epoch >= self._config.patience
        return self.stopped_early

    def _one_epoch(self, number: int) -> dict[str, float] | None:
        """The mean of each term of the loss over the epoch, or None where it was stopped on the way."""
        self._network.train()
        share = self._processes.share
        torch.manual_seed(seed_of(self._seed, STEPS, number, *([share.rank] if share.rank else [])))
        sums: dict[str, Tensor] = {}
        for step, batch in enumerate(self._batches.epoch(number)):
            if self._processes.any(self._should_stop()):
                return None
            self._set_rate((number - 1 + step / self._batches.steps) / self._config.epochs)
            terms = self._step(batch, late=2 * number > self._config.epochs)
            for name, term in terms.items():
                sums[name] = sums[name] + term if name in sums else term
            if step % _CHECKED_EVERY == 0:
                self._check_number(*self._processes.total([sum(float(value) for value in sums.values())]))
        totals = self._processes.total([float(value) / (self._batches.steps * share.world) for value in sums.values()])
        means = dict(zip(sums, totals, strict=True))
        self._check_number(sum(means.values()))
        return means

    def _set_rate(self, progress: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._config, progress)

    def _step(self, batch: Batch, *, late: bool) -> dict[str, Tensor]:
        """One step down the loss; its terms, detached."""
        terms = {CROSS_ENTROPY: self._cross_entropy(batch, late=late)}
        if self._processes.share.world > 1:
            terms[CROSS_ENTROPY] = terms[CROSS_ENTROPY] * self._part(batch)
        for name, penalty in self._penalties.items():
            terms[name] = penalty(self._network).to(self._device)
        loss = terms[CROSS_ENTROPY] if len(terms) == 1 else torch.stack(list(terms.values())).sum()
        for weight in self._weights:  # 1% of a small network's step less than by the optimizer
            weight.grad = None
        self._processes.backward(loss)
        self._optimizer.step()
        self._average.update()
        return {name: term.detach() for name, term in terms.items()}

    def _part(self, batch: Batch) -> float:
        """By what this process's mean is multiplied, so that the processes' mean is that over all their clips."""
        world = self._processes.share.world
        if self._label_weights is None or self._config.mixup:
            return len(batch.labels) * world / batch.whole
        own = float(self._label_weights[batch.labels].sum())
        return own * world / self._processes.total([own])[0]

    def _cross_entropy(self, batch: Batch, *, late: bool) -> Tensor:
        """In nats, against labels as smoothed and mixed as the config says."""
        config, labels = self._config, batch.labels
        if not config.mixup:
            logits = self._logits(batch.features)
            self._observe(batch, logits, late=late)
            return functional.cross_entropy(
                logits, labels, weight=self._label_weights, label_smoothing=config.label_smoothing
            )
        blended, partners, shares = mixed(batch.features, labels, config.mixup)
        logits = self._logits(blended)
        self._observe(batch, logits, late=late, shares=shares)
        own, other = (
            functional.cross_entropy(
                logits, some, weight=self._label_weights, label_smoothing=config.label_smoothing, reduction="none"
            )
            for some in (labels, partners)
        )
        return (shares * own + (1 - shares) * other).mean()

    def _logits(self, features: Tensor) -> Tensor:
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._autocast):
            logits: Tensor = self._forward(features)
        return logits.float()

    def _observe(self, batch: Batch, logits: Tensor, *, late: bool, shares: Tensor | None = None) -> None:
        if self._dynamics is not None:
            self._dynamics.observe(batch.clips, batch.labels, logits, late=late, shares=shares)

    def _check_number(self, loss: float) -> None:
        if not math.isfinite(loss):
            rate = float(self._optimizer.param_groups[0]["lr"])
            kept = f"; the weights of epoch {self.best.epoch} are kept" if self.best else ""
            raise TrainingError(
                f"The loss is no longer a number at a learning rate of {rate:.2g}: "
                f"train again with a tenth of it{kept}",
                kind="not_a_number",
            )

    def _measure(self, number: int, started: float, terms: dict[str, float]) -> Epoch:
        train_loss, train_accuracy = measure(self._network, self._training, processes=self._processes)
        validation_loss, validation_accuracy = measure(self._network, self._validation, processes=self._processes)
        self._check_number(train_loss + validation_loss)
        return Epoch(
            epoch=number,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=float(self._optimizer.param_groups[0]["lr"]),
            seconds=time.monotonic() - started,
            penalty=sum(value for name, value in terms.items() if name != CROSS_ENTROPY),
            terms=terms,
            best=self.best is None or validation_loss < self.best.validation_loss - self._config.minimum_gain,
        )


@torch.no_grad()
def measure(network: nn.Module, measured: Measured, *, processes: Processes = ONE) -> tuple[float, float]:
    """(cross-entropy in nats, accuracy 0..1) in evaluation mode; several processes share the work."""
    if processes.share.world > 1:
        return _measure_together(network, measured, processes)
    logits = predict(network, measured.features)
    loss = functional.cross_entropy(logits, measured.labels)
    return float(loss), float((logits.argmax(1) == measured.labels).float().mean())


def _measure_together(network: nn.Module, measured: Measured, processes: Processes) -> tuple[float, float]:
    features, labels = (
        values[processes.share.rank :: processes.share.world] for values in (measured.features, measured.labels)
    )
    loss, accuracy = measure(network, Measured(features, labels)) if len(labels) else (0.0, 0.0)
    total = processes.total([loss * len(labels), round(accuracy * len(labels))])
    return total[0] / len(measured.labels), total[1] / len(measured.labels)


@torch.no_grad()
def predict(network: nn.Module, features: Tensor) -> Tensor:
    """Logits (N, n_labels) of features (N, T, F) in evaluation mode."""
    network.eval()
    return torch.cat([network(some.float()) for some in torch.split(features, _MEASURED_AT_ONCE)])


def wants_bfloat16(config: TrainingConfig, network: nn.Module) -> bool:
    """Whether the network's arithmetic is done in bfloat16: where it is asked for, or is known to be faster."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    weight = next(network.parameters())
    large = sum(one.numel() for one in network.parameters()) >= _LARGE
    return weight.device.type == "cuda" and large and torch.cuda.is_bf16_supported()


_LARGE = 1_000_000  # parameters; below, converting costs more than it saves
