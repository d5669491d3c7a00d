"""Batch norm whose statistics are those of all processes' clips together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class DistributedBatchNorm(_BatchNorm):
    """What `torch.nn.SyncBatchNorm` does on graphics cards, for CPUs.

    Every process contributes the mean and variance of its part; those of the whole batch follow from them (Chan et al.
    1983), so that the network learns as if one process had seen all of it.
    """

    def __init__(self, like: _BatchNorm) -> None:
        """Shares the weights and running statistics of `like`."""
        super().__init__(like.num_features, like.eps, like.momentum, affine=False, track_running_stats=False)
        self.affine = like.affine
        self.track_running_stats = like.track_running_stats
        self.weight = like.weight
        self.bias = like.bias
        self.running_mean = like.running_mean
        self.running_var = like.running_var
        self.num_batches_tracked = like.num_batches_tracked
        self.train(like.training)

    def forward(self, values: Tensor) -> Tensor:
        """Values (B, C) or (B, C, ...), each channel normalised to mean 0 and variance 1 over all processes."""
        if not self.training:
            return super().forward(values)
        count, mean, variance = _statistics(values.float())
        self._track(count, mean.detach(), variance.detach())
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shape = [1, -1] + [1] * (values.ndim - 2)
        even = (values.float() - mean.view(shape)) * scale.view(shape)  # before rounding, as means may be large
        return (even if self.bias is None else even + self.bias.view(shape)).to(values.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions will do."""

    @torch.no_grad()
    def _track(self, count: Tensor, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / (count - 1), share)


@contextlib.contextmanager
def distributed_batch_norms(network: nn.Module) -> Iterator[None]:
    """Within the context, the network's batch norms cover all processes; after it, they are the original layers again.

    The weights, their names and their order stay the same.
    """
    found = [
        (parent, name, layer)
        for parent in network.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, _BatchNorm)
    ]
    for parent, name, layer in found:
        setattr(parent, name, _distributed(layer))
    try:
        yield
    finally:
        for parent, name, layer in found:
            layer.train(getattr(parent, name).training)
            setattr(parent, name, layer)


def _distributed(layer: _BatchNorm) -> nn.Module:
    if layer.weight is not None and layer.weight.device.type == "cuda":
        synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(layer)  # type: ignore[no-untyped-call]
        return synchronised
    return DistributedBatchNorm(layer)


def _statistics(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The number of values per channel in all processes, their mean (C,) and their variance (C,)."""
    reduced = [dim for dim in range(values.ndim) if dim != 1]
    variance, mean = torch.var_mean(values, reduced, correction=0)
    count = mean.new_full((1,), values.numel() // values.shape[1])
    rows = mean.new_zeros((dist.get_world_size(), 2 * len(mean) + 1))
    own = torch.cat([count, mean, variance])
    at = torch.tensor([dist.get_rank()], device=rows.device)
    rows = _Sum.apply(rows.index_copy(0, at, own.unsqueeze(0)))  # type: ignore[no-untyped-call]
    counts, means, variances = rows.split([1, len(mean), len(mean)], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    return total, mean, (counts * (variances + (means - mean).square())).sum(0) / total


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.contiguous().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed
