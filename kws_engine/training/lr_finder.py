"""The learning rate finder: one short run whose rate grows from too small to too large.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from kws_engine.training.config import TrainingConfig
from kws_engine.training.data.source import Batch, Source
from kws_engine.training.events import Progress, RatePoint
from kws_engine.training.optimizing import make_optimizer
from kws_engine.training.seeds import STEPS, derive_seed
from kws_engine.training.train import Penalty

LOWEST, HIGHEST, STEPS_TAKEN = 1e-6, 3.0, 120
_SMOOTHING = 0.9
_DIVERGED = 4.0  # times the lowest loss; beyond that it will not recover
_WARM_UP_STEPS = 15  # whose running mean is too unsure to be the lowest
_VALLEY_DEPTH = 0.95  # of the loss after warm-up, below which the loss must fall


def try_rates(
    network: nn.Module,
    batches: Source,
    config: TrainingConfig,
    *,
    penalties: Mapping[str, Penalty],
    should_stop: Callable[[], bool] = lambda: False,
    seed: int = 0,
) -> Iterator[Progress | RatePoint]:
    """Trains in place with a rate that grows by the same factor each step; ends where the loss diverges."""
    network.train()
    torch.manual_seed(derive_seed(seed, STEPS))
    optimizer = make_optimizer(network, config)
    smoothed, lowest = 0.0, math.inf
    step = 0
    for item in _endless(batches):
        if step == STEPS_TAKEN or should_stop():
            return
        if isinstance(item, Progress):
            yield item
            continue
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS_TAKEN - 1))
        loss = _step(network, optimizer, item, penalties, rate)
        if not math.isfinite(loss):
            return
        smoothed = _SMOOTHING * smoothed + (1 - _SMOOTHING) * loss
        level = smoothed / (1 - _SMOOTHING ** (step + 1))
        yield RatePoint(rate, loss, level)
        step += 1
        lowest = min(lowest, level) if step > _WARM_UP_STEPS else math.inf
        if level > _DIVERGED * lowest:
            return


def suggestion(points: Sequence[RatePoint]) -> float | None:
    """The middle, on a logarithmic scale, of the valley in the running mean of the loss.

    The valley is the longest falling subsequence (fastai's `valley`, Howard & Gugger 2020). None where the loss hardly
    fell, as with a network that cannot learn.
    """
    levels = [point.smoothed for point in points]
    if (
        len(levels) < _WARM_UP_STEPS
        or min(levels[_WARM_UP_STEPS:], default=math.inf) > _VALLEY_DEPTH * levels[_WARM_UP_STEPS - 1]
    ):
        return None
    lengths = [1] * len(levels)
    for late in range(len(levels)):
        lengths[late] += max((lengths[at] for at in range(late) if levels[at] > levels[late]), default=0)
    end = max(range(len(levels)), key=lengths.__getitem__)
    middle = end - lengths[end] // 2
    return float(f"{points[middle].learning_rate:.2g}")


def _endless(batches: Source) -> Iterator[Progress | Batch]:
    epoch = 0
    while True:
        epoch += 1
        yield from (progress for progress in batches.prepare(epoch) if progress is not None)
        yield from batches.epoch(epoch)


def _step(
    network: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, penalties: Mapping[str, Penalty], rate: float
) -> float:
    """Takes one step; returns the cross-entropy before it, in nats."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    cross_entropy = functional.cross_entropy(network(batch.features), batch.labels)
    terms = [cross_entropy, *(penalty(network).to(cross_entropy.device) for penalty in penalties.values())]
    optimizer.zero_grad(set_to_none=True)
    torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(cross_entropy.detach())
