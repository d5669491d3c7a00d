"""The training loop, which ends with the best weights and can be resumed after any epoch."""

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
from kws_engine.training.config import TrainingConfig
from kws_engine.training.data.mixup import mixup
from kws_engine.training.data.source import Batch, Source
from kws_engine.training.events import Epoch, Progress
from kws_engine.training.optimizing import (
    WeightAverage,
    learning_rate,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)
from kws_engine.training.scale_out import ONE, Processes
from kws_engine.training.seeds import STEPS, derive_seed
from kws_engine.training.training_dynamics import TrainingDynamics

Penalty = Callable[[nn.Module], Tensor]
NOTHING_TRAINED = "The run was stopped before its first epoch ended: nothing was trained, start it again"
CROSS_ENTROPY = "cross_entropy"  # a term of the loss, beside the penalties' names
CURVE_CLIPS = 1000  # the training curve is evaluated on at most this many clips
_CHECK_EVERY = 16  # steps; reading the loss makes a graphics card wait
_EVALUATION_BATCH = 256  # clips; with 64 or 512, each takes a tenth longer
_LOOKS = 5  # for hard talk
_LARGE = 1_000_000  # parameters; below, converting to bfloat16 costs more than it saves


@dataclass(frozen=True)
class EvaluationSet:
    """Features (N, T, F), in half precision or not, and labels (N,), to evaluate on without augmentation."""

    features: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Fit:
    """The result of the loop: the weights of the best epoch, and whether it stopped early."""

    weights: dict[str, Tensor]
    best: Epoch
    stopped_early: bool


@dataclass(frozen=True)
class Snapshot:
    """All that is needed to resume after an epoch as if nothing had happened.

    Attributes:
        tensors: Weights, their average, the best of them, the optimizer's state, how each clip was learned and which
            windows of talk are hard.
        history: The epochs so far.
        steps: How many steps the average covers.
    """

    tensors: dict[str, Tensor]
    history: tuple[Epoch, ...]
    steps: int


class Loop:
    """Trains a network in place; `epochs` does the work, `snapshot` and `restore` let another process resume it."""

    def __init__(
        self,
        network: nn.Module,
        batches: Source,
        config: TrainingConfig,
        *,
        penalties: Mapping[str, Penalty],
        training: EvaluationSet,
        validation: EvaluationSet,
        should_stop: Callable[[], bool],
        seed: int = 0,
        dynamics: TrainingDynamics | None = None,
        label_weights: Tensor | None = None,
        processes: Processes = ONE,
    ) -> None:
        self._processes = processes
        self._forward = processes.parallel(network)
        self._network = network
        self._batches = batches
        self._config = config
        self._penalties = penalties
        self._training = training
        self._validation = validation
        self._should_stop = should_stop
        self._seed = seed
        self._dynamics = dynamics
        self._label_weights = label_weights
        self._optimizer = make_optimizer(network, config)
        self._average = WeightAverage(network, share=config.averaging)
        self._weights = list(network.parameters())
        self._device = self._weights[0].device
        self._autocast = wants_bfloat16(config, network)
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.stopped_early = False
        self._is_over = False

    def epochs(self) -> Iterator[Progress | Epoch]:
        """Yields every epoch, and the progress of long preparations before it.

        While an epoch is yielded, the network holds the weights that were evaluated: the running average, where that is
        on. After the last epoch it holds those of the best one.

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
            terms = self._one_epoch(number) if (yield from self._prepare(number)) else None
            if terms is None:
                self.stopped_early = True
                break
            self._average.swap(self._network)
            if number in looks_for_hard_talk(self._config.epochs):
                self._look_for_hard_talk(number)
            epoch = self._evaluate(number, started, terms)
            self.history.append(epoch)
            if epoch.best:
                self.best = epoch
                self.best_weights = copy.deepcopy(self._network.state_dict())
            yield epoch
            self._average.swap(self._network)

    def _prepare(self, number: int) -> Generator[Progress, None, bool]:
        """Prepares the batches of an epoch; False where it was stopped (several processes stop at a step instead)."""
        for progress in self._batches.prepare(number):
            if progress is not None:
                yield progress
            if self._processes.shard.world == 1 and self._should_stop():
                return False
        return True

    def result(self) -> Fit:
        """Call after the last epoch."""
        assert self.best is not None
        return Fit(self.best_weights, self.best, self.stopped_early)

    def snapshot(self) -> Snapshot:
        """The state after an epoch; call it while that epoch is yielded."""
        parts = {
            "average": self._network.state_dict(),
            "network": self._average.tensors(),
            "best": self.best_weights,
            "optimizer": optimizer_tensors(self._optimizer),
            "dynamics": self._processes.summed(self._dynamics.tensors()) if self._dynamics else {},
            "talk": self._batches.talk.tensors() if self._batches.talk else {},
        }
        tensors = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        return Snapshot(tensors, tuple(self.history), self._average.steps)

    def restore(self, snapshot: Snapshot) -> None:
        """Call before `epochs`, to resume after the last epoch of the snapshot.

        Raises:
            TrainingError: It belongs to another network or other clips.
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
            if self._batches.talk is not None:
                self._batches.talk.restore(parts.get("talk", {}))
        except (RuntimeError, ValueError, LookupError):
            raise TrainingError(
                "The run's checkpoint is of another network or of other clips: start the run again with `kws repeat`, "
                "or by Train with its settings"
            ) from None
        self.history = list(snapshot.history)
        self.best = next((epoch for epoch in reversed(self.history) if epoch.best), None)
        self.best_weights = {name: value.to(self._device) for name, value in parts.get("best", {}).items()}

    def end_here(self) -> None:
        """Takes no further step: the best epoch so far is the result."""
        self.stopped_early = True
        self._is_over = True

    def _is_patience_over(self) -> bool:
        if not self._config.early_stopping or self.best is None:
            return False
        self.stopped_early = len(self.history) - self.best.epoch >= self._config.patience
        return self.stopped_early

    def _one_epoch(self, number: int) -> dict[str, float] | None:
        """The mean of each term of the loss over the epoch, or None where it was stopped."""
        self._network.train()
        shard = self._processes.shard
        torch.manual_seed(derive_seed(self._seed, STEPS, number, *([shard.rank] if shard.rank else [])))
        sums: dict[str, Tensor] = {}
        steps = self._batches.steps
        for step, batch in enumerate(self._batches.epoch(number)):
            if self._processes.any(self._should_stop()):
                if self.best is not None:
                    return None
                if step:  # there is nothing else to keep
                    self.end_here()
                    steps = step
                    break
            self._set_rate((number - 1 + step / self._batches.steps) / self._config.epochs)
            terms = self._step(batch, late=2 * number > self._config.epochs)
            for name, term in terms.items():
                sums[name] = sums[name] + term if name in sums else term
            if step % _CHECK_EVERY == 0:
                self._check_finite(*self._processes.total([sum(float(value) for value in sums.values())]))
        totals = self._processes.total([float(value) / (steps * shard.world) for value in sums.values()])
        means = dict(zip(sums, totals, strict=True))
        self._check_finite(sum(means.values()))
        return means

    def _look_for_hard_talk(self, number: int) -> None:
        """Lets later epochs draw the windows of talk in which the network comes closest to hearing a word."""
        talk, shard = self._batches.talk, self._processes.shard
        if talk is None or not talk.looks_for_hard:
            return
        self._network.eval()
        windows, scores = talk.scored(number, self._closest_word, rank=shard.rank, world=shard.world)
        talk.keep_hardest(windows, self._processes.summed({"scores": scores})["scores"])

    @torch.no_grad()
    def _closest_word(self, features: Tensor) -> Tensor:
        """The logarithm of the likeliest word's posterior (B,), of features (B, T, F)."""
        logits: Tensor = self._network(features)
        return logits.float().log_softmax(1)[:, : self._batches.unknown].amax(1)

    def _set_rate(self, progress: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._config, progress)

    def _step(self, batch: Batch, *, late: bool) -> dict[str, Tensor]:
        """Takes one step; returns the terms of the loss, detached."""
        terms = {CROSS_ENTROPY: self._cross_entropy(batch, late=late)}
        if self._processes.shard.world > 1:
            terms[CROSS_ENTROPY] = terms[CROSS_ENTROPY] * self._process_weight(batch)
        for name, penalty in self._penalties.items():
            terms[name] = penalty(self._network).to(self._device)
        loss = terms[CROSS_ENTROPY] if len(terms) == 1 else torch.stack(list(terms.values())).sum()
        for weight in self._weights:  # the optimizer's zero_grad takes 1% of a small network's step longer
            weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._average.update()
        return {name: term.detach() for name, term in terms.items()}

    def _process_weight(self, batch: Batch) -> float:
        """The factor for this process's mean loss that makes the processes' mean the mean over all their clips."""
        world = self._processes.shard.world
        if self._label_weights is None or self._config.mixup:
            return len(batch.labels) * world / batch.whole
        own = float(self._label_weights[batch.labels].sum())
        return own * world / self._processes.total([own])[0]

    def _cross_entropy(self, batch: Batch, *, late: bool) -> Tensor:
        """In nats, against labels smoothed and mixed up as the config says."""
        config, labels = self._config, batch.labels
        if not config.mixup:
            logits = self._logits(batch.features)
            self._observe(batch, logits, late=late)
            return functional.cross_entropy(
                logits, labels, weight=self._label_weights, label_smoothing=config.label_smoothing
            )
        blends, partners, shares = mixup(batch.features, labels, config.mixup)
        logits = self._logits(blends)
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

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            rate = float(self._optimizer.param_groups[0]["lr"])
            kept = f"; the weights of epoch {self.best.epoch} are kept" if self.best else ""
            raise TrainingError(
                f"The loss is no longer a number at a learning rate of {rate:.2g}: "
                f"train again with a tenth of it{kept}",
                kind="not_a_number",
            )

    def _evaluate(self, number: int, started: float, terms: dict[str, float]) -> Epoch:
        train_loss, train_accuracy = evaluate(self._network, self._training, processes=self._processes)
        validation_loss, validation_accuracy = evaluate(self._network, self._validation, processes=self._processes)
        self._check_finite(train_loss + validation_loss)
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
            best=self._config.keep == "last"
            or self.best is None
            or validation_loss < self.best.validation_loss - self._config.minimum_gain,
        )


@torch.no_grad()
def evaluate(network: nn.Module, data: EvaluationSet, *, processes: Processes = ONE) -> tuple[float, float]:
    """(cross-entropy in nats, accuracy 0..1) in evaluation mode; several processes share the work."""
    if processes.shard.world > 1:
        return _evaluate_shards(network, data, processes)
    logits = predict(network, data.features)
    loss = functional.cross_entropy(logits, data.labels)
    return float(loss), float((logits.argmax(1) == data.labels).float().mean())


def _evaluate_shards(network: nn.Module, data: EvaluationSet, processes: Processes) -> tuple[float, float]:
    features, labels = (
        values[processes.shard.rank :: processes.shard.world] for values in (data.features, data.labels)
    )
    loss, accuracy = evaluate(network, EvaluationSet(features, labels)) if len(labels) else (0.0, 0.0)
    total = processes.total([loss * len(labels), round(accuracy * len(labels))])
    return total[0] / len(data.labels), total[1] / len(data.labels)


@torch.no_grad()
def predict(network: nn.Module, features: Tensor) -> Tensor:
    """Logits (N, n_labels) of features (N, T, F) in evaluation mode."""
    network.eval()
    return torch.cat([network(some.float()) for some in torch.split(features, _EVALUATION_BATCH)])


def looks_for_hard_talk(epochs: int) -> frozenset[int]:
    """The epochs of a run after which hard talk is looked for: five at equal intervals, fewer in a short run."""
    return frozenset(round(epochs * turn / (_LOOKS + 1)) for turn in range(1, _LOOKS + 1)) - {0, epochs}


def wants_bfloat16(config: TrainingConfig, network: nn.Module) -> bool:
    """Whether the network computes in bfloat16: where that is chosen, or known to be faster."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    device = next(network.parameters()).device
    is_large = sum(weights.numel() for weights in network.parameters()) >= _LARGE
    return device.type == "cuda" and is_large and torch.cuda.is_bf16_supported()
