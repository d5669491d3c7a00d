"""Optimizers, learning rate schedules, and the running average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from kws_engine.training.config import TrainingConfig

_WARM_UP = 0.2  # of a one-cycle run
_STEPS_PER_UPDATE = 4  # of the average: updating it at every step costs 1% of a small network's run


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) or SGD with momentum; biases and batch norm are never decayed."""
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    fused = decayed[0].device.type in ("cpu", "cuda")
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, fused=fused)
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=fused)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state tensors, under "number.name", where the number is that of the parameter."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": value
        for number, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        like = weights[int(number)]
        # In the memory layout of its weight, channels last or not: a fused step reads both in memory order.
        aligned = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(number), {})[name] = aligned
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def learning_rate(config: TrainingConfig, progress: float) -> float:
    """The learning rate at `progress` 0..1 of the run.

    One-cycle (Smith & Topin 2017), half a cosine (Loshchilov & Hutter 2017), drops to a tenth at equal distances, or
    constant.
    """
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return float(config.learning_rate * 0.1 ** min(int(progress * (config.drops + 1) + 1e-9), config.drops))
    rise = _WARM_UP if config.schedule == "one_cycle" else 0.0
    if progress < rise:
        return config.learning_rate * (0.05 + 0.95 * (1 - math.cos(math.pi * progress / rise)) / 2)
    fall = (progress - rise) / (1 - rise)
    return config.learning_rate * max((1 + math.cos(math.pi * min(fall, 1.0))) / 2, 1e-3)


class WeightAverage:
    """An exponential moving average of a network's weights and batch norm statistics (Polyak & Juditsky 1992).

    Its decay after n steps is the smaller of `share` and (1 + n) / (10 + n), so that the random initial weights fade
    quickly. A few steps are taken together: their decays are multiplied, and the weights after the last of them are
    added. With a share of 0 it is the network itself.
    """

    def __init__(self, network: nn.Module, *, share: float) -> None:
        self._share = share
        self.steps = 0
        self._pending_steps = 0
        self._decay = 1.0  # of the pending steps together
        self._own = network.state_dict()
        self._state = {name: value.detach().clone() for name, value in self._own.items()}
        self._pair_up()

    def update(self) -> None:
        """Call after every step of the optimizer."""
        self._decay *= min(self._share, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        self._pending_steps += 1
        if self._pending_steps == _STEPS_PER_UPDATE:
            self._average_in()

    @torch.no_grad()
    def _average_in(self) -> None:
        update = get_ema_multi_avg_fn(self._decay)  # type: ignore[no-untyped-call]
        update(self._averages, self._floats, 0)
        self._pending_steps = 0
        self._decay = 1.0

    def swap(self, network: nn.Module) -> None:
        """Exchanges the network's weights for the average; a second call undoes the first."""
        if self._pending_steps:
            self._average_in()
        for average, counter in self._integers:
            average.copy_(counter)
        own = {name: value.detach().clone() for name, value in self._own.items()}
        network.load_state_dict(self._state)
        self.restore(own, steps=self.steps)

    def tensors(self) -> dict[str, Tensor]:
        """The average, or between two swaps the network's own weights."""
        return self._state

    def restore(self, tensors: Mapping[str, Tensor], *, steps: int) -> None:
        """The inverse of `tensors`."""
        self.steps = steps
        for name, value in tensors.items():
            self._state[name].copy_(value)

    def _pair_up(self) -> None:
        """Lists the network's tensors beside the average's, so that one call updates them all."""
        floats = [name for name, value in self._own.items() if value.is_floating_point()]
        self._floats = [self._own[name].detach() for name in floats]
        self._averages = [self._state[name] for name in floats]
        self._integers = [(self._state[name], self._own[name]) for name in self._own if name not in floats]
