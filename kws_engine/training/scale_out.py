"""The processes that train one network together, as torchrun starts them.

Every process computes its own shard of each batch and all of them take the same step, so that their weights stay equal.
Whatever ends a run early is agreed on by all processes before a step, so that none waits for another in vain.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from kws_engine.errors import SpecError, TrainingError
from kws_engine.processors import cores
from kws_engine.training.data.feature_cache import WHOLE, Shard
from kws_engine.training.distributed_batch_norm import distributed_batch_norms

T = TypeVar("T")
_TIMEOUT = timedelta(minutes=30)  # for a process that writes, reads or evaluates while the others wait
_REPORT_WITHIN_S = 3.0  # a process that fails posts its reason before the others notice
_CONNECTION_LOST = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")


class Processes:
    """A single process, the usual case: its own answer is everyone's answer."""

    def __init__(self, shard: Shard = WHOLE) -> None:
        self.shard = shard

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.shard.rank == 0

    @property
    def threads(self) -> int:
        """Processor cores for each process."""
        return cores()

    def join(self, device: torch.device, *, batch_size: int) -> torch.device:
        """Connects the processes; returns this one's device."""
        return device

    def described(self, device: torch.device) -> str:
        """What the run trains on, as text for people."""
        return str(device)

    def norms(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Within the context, the network's batch norms cover all processes' clips."""
        return contextlib.nullcontext()

    def parallel(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """The network's forward pass for training, after which gradients become their mean over all processes."""
        return network

    def any(self, value: bool) -> bool:
        """Whether the value is true in any process."""
        return value

    def total(self, values: Sequence[float]) -> list[float]:
        """Each number's sum over all processes."""
        return list(values)

    def summed(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each tensor's sum over all processes, on the CPU where there are several."""
        return dict(tensors)

    def only_first(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors in the first process, zeros in the others: the inverse of `summed`."""
        return dict(tensors)

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, in all of them; the others do not call it."""
        return make()

    def gathered(self, items: Sequence[T]) -> list[T]:
        """The items of all processes without duplicates, those of the first process first."""
        return list(items)

    def check_same(self, what: object, *, name: str) -> None:
        """Checks that all processes have the same value.

        Raises:
            TrainingError: Their values differ.
        """

    @property
    def is_orphan(self) -> bool:
        """Whether the program that started the processes has died, so that nobody waits for them."""
        return False

    def fault(self, error: Exception, sentence: str) -> str:
        """The sentence to report for an error that ends this process; empty where another process reports it."""
        return sentence

    def leave(self) -> None:
        """Disconnects from the other processes, after the last step."""


ONE = Processes()


def from_environment() -> Processes:
    """The processes that torchrun started, or a single one."""
    world = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    return DistributedProcesses(Shard(int(os.environ["RANK"]), world)) if world > 1 else ONE


def _without_buffers() -> dict[str, Any]:
    """Batch norms are equal in all processes, so no buffers need sending. Newer versions of torch rename the option."""
    known = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    return {next(name for name in ("forward_sync_buffers", "broadcast_buffers") if name in known): False}


class DistributedProcesses(Processes):
    """One of several processes, which one according to torchrun's environment variables."""

    def __init__(self, shard: Shard) -> None:
        super().__init__(shard)
        self._local_world = int(os.environ["LOCAL_WORLD_SIZE"])
        self._parent = os.getppid()
        self._control: dist.ProcessGroup | None = None  # on the CPU: agreeing must not make a graphics card wait

    @property
    def threads(self) -> int:
        """Processor cores for each process of this machine."""
        return max(1, cores() // self._local_world)

    def join(self, device: torch.device, *, batch_size: int) -> torch.device:
        """Waits for the other processes; on a machine with graphics cards, each process gets its own.

        Raises:
            SpecError: The batch cannot be shared evenly.
            TrainingError: There is no such device for each process.
        """
        self._check(device, batch_size)
        if device.type == "cuda":
            own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(own)
            dist.init_process_group("nccl", timeout=_TIMEOUT, device_id=own)
            atexit.register(self.leave)  # after a failure, too: NCCL must end before the interpreter does
        else:
            own = device
            dist.init_process_group("gloo", timeout=_TIMEOUT)
        self._control = dist.new_group(backend="gloo", timeout=_TIMEOUT)
        return own

    def _check(self, device: torch.device, batch_size: int) -> None:
        world = self.shard.world
        if batch_size % world:
            raise SpecError(
                f"Batch size: {batch_size} clips cannot be shared evenly among {world} processes: choose "
                f"training.batch_size={max(1, round(batch_size / world)) * world}",
                option="training.batch_size",
            )
        if device.type not in ("cpu", "cuda"):
            raise TrainingError(f"Several processes cannot train on {device}: choose training.device=cpu")
        if device.type == "cuda" and torch.cuda.device_count() < self._local_world:
            raise TrainingError(
                f"This machine has {torch.cuda.device_count()} graphics cards for {self._local_world} processes: start "
                "as many processes as there are cards, or choose training.device=cpu"
            )

    def described(self, device: torch.device) -> str:
        """How many processes on which kind of device."""
        return f"{self.shard.world} x {device.type}"

    def norms(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Within the context, the network's batch norms cover all processes' clips."""
        return distributed_batch_norms(network)

    def parallel(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """The network in DistributedDataParallel; its weights become those of the first process."""
        device = next(network.parameters()).device
        return nn.parallel.DistributedDataParallel(
            network,
            device_ids=[device.index] if device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            **_without_buffers(),
        )

    def any(self, value: bool) -> bool:
        """Whether the value is true in any process."""
        flag = torch.tensor([int(value)], dtype=torch.int32)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX, group=self._control)
        return bool(flag.item())

    def total(self, values: Sequence[float]) -> list[float]:
        """Each number's sum over all processes."""
        sums = torch.tensor(list(values), dtype=torch.float64)
        dist.all_reduce(sums, group=self._control)
        return [float(value) for value in sums]

    def summed(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each tensor's sum over all processes, on the CPU."""
        sums = {}
        for name, tensor in tensors.items():
            wide = tensor.detach().cpu().to(torch.int32 if tensor.dtype == torch.int16 else tensor.dtype, copy=True)
            dist.all_reduce(wide, group=self._control)
            sums[name] = wide.to(tensor.dtype)
        return sums

    def only_first(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors in the first process, zeros in the others."""
        return {name: value if self.is_first else torch.zeros_like(value) for name, value in tensors.items()}

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, in all of them."""
        made: list[Any] = [make() if self.is_first else None]
        dist.broadcast_object_list(made, src=0, group=self._control)
        first: T = made[0]
        return first

    def gathered(self, items: Sequence[T]) -> list[T]:
        """The items of all processes without duplicates, those of the first process first."""
        lists: list[Any] = [None] * self.shard.world
        dist.all_gather_object(lists, list(items), group=self._control)
        return list(dict.fromkeys(item for own in lists for item in own))

    def check_same(self, what: object, *, name: str) -> None:
        """Checks that all processes have the same value.

        Raises:
            TrainingError: Their values differ.
        """
        if self.any(self.from_first(lambda: what) != what):
            raise TrainingError(
                f"The processes of this run do not have the same {name}: give every machine the same project, program "
                "and command"
            )

    @property
    def is_orphan(self) -> bool:
        """Whether torchrun has died."""
        return os.getppid() != self._parent

    def fault(self, error: Exception, sentence: str) -> str:
        """Posts why this process ends, or reads why another did; empty where the first process reports it."""
        is_lost = isinstance(error, RuntimeError) and any(sign in str(error) for sign in _CONNECTION_LOST)
        if self.is_first:
            reason = self._reason_of_others() if is_lost else sentence
            self._post_reason(reason)
            return reason
        if not is_lost:
            self._post_reason(sentence)
        reported = self._reason_of(0, wait_s=2 * _REPORT_WITHIN_S)
        if reported and (is_lost or reported == sentence):
            return ""
        return f"Process {self.shard.rank}: {self._reason_of_others() if is_lost else sentence}"

    def _reason_of_others(self) -> str:
        """Why another process ended, as it posted itself."""
        wait_s = _REPORT_WITHIN_S / self.shard.world
        for rank in range(self.shard.world):
            if rank != self.shard.rank and (reason := self._reason_of(rank, wait_s=wait_s)):
                return f"Process {rank} of this run failed: {reason}"
        return (
            "Another process of this run is gone without a word: it was killed, or its machine was lost; what the "
            "epochs reached is kept in the run's folder: resume it"
        )

    def _post_reason(self, sentence: str) -> None:
        with contextlib.suppress(RuntimeError):
            self._store.set(f"fault/{self.shard.rank}", sentence)

    def _reason_of(self, rank: int, *, wait_s: float) -> str:
        with contextlib.suppress(RuntimeError):
            self._store.wait([f"fault/{rank}"], timedelta(seconds=wait_s))
            return str(self._store.get(f"fault/{rank}"), "utf-8")
        return ""

    @functools.cached_property
    def _store(self) -> Any:
        """The key-value store of torchrun, which outlives any of the processes."""
        from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, is_master=False, timeout=timedelta(seconds=5), wait_for_workers=False)
        return PrefixStore(f"kws/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)

    def leave(self) -> None:
        """Disconnects from the other processes, after the last step."""
        if dist.is_initialized():
            dist.destroy_process_group()
