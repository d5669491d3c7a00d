"""The processes that train one network together, as torchrun starts them; knows no network, file or event.

Every process makes its own part of each batch and all of them take the same step, so that their weights stay the same.
The first one alone decides nothing: what makes a run end is agreed upon before each step.
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
_PATIENCE = timedelta(minutes=30)  # for a process that writes, reads or evaluates while the others wait
_WORDS_WITHIN_S = 3.0  # a process that fails tells why before the others notice
_LOST = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")


class Processes:
    """One process, the usual case: every question has its own answer for an answer."""

    def __init__(self, shard: Shard = WHOLE) -> None:
        self.shard = shard

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.shard.rank == 0

    @property
    def threads(self) -> int:
        """Processor cores for each process."""
        return cores()

    def join(self, device: torch.device, *, batch_size: int) -> torch.device:
        """Brings the processes together; gives this one's device."""
        return device

    def described(self, device: torch.device) -> str:
        """What the run trains on, for people."""
        return str(device)

    def norms(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Within it, the network's batch norms are over all processes' clips."""
        return contextlib.nullcontext()

    def spread(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """The network's training pass, whose gradients become the mean over all processes."""
        return network

    def any(self, wish: bool) -> bool:
        """Whether any process has that wish."""
        return wish

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
        """What the first process makes, in all of them."""
        return make()

    def gathered(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, those of the first one first, none twice."""
        return list(items)

    def check_same(self, what: object, *, name: str) -> None:
        """Refuses to go on where the processes do not have the same.

        Raises:
            TrainingError: They differ in it.
        """

    @property
    def is_orphan(self) -> bool:
        """Whether the program that started the processes is gone, and nobody waits for them."""
        return False

    def fault(self, error: Exception, sentence: str) -> str:
        """The sentence to tell for an error that ends this process; empty where another process tells it."""
        return sentence

    def leave(self) -> None:
        """After the last common step."""


ONE = Processes()


def from_environment() -> Processes:
    """The processes that torchrun started, or the one that there is."""
    world = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    return DistributedProcesses(Shard(int(os.environ["RANK"]), world)) if world > 1 else ONE


def _without_buffers() -> dict[str, Any]:
    """Batch norms are the same everywhere: nothing to send before each step. Newer torch calls it otherwise."""
    known = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    return {next(name for name in ("forward_sync_buffers", "broadcast_buffers") if name in known): False}


class DistributedProcesses(Processes):
    """One of several processes; torchrun's environment tells which."""

    def __init__(self, shard: Shard) -> None:
        super().__init__(shard)
        self._local_world = int(os.environ["LOCAL_WORLD_SIZE"])
        self._parent = os.getppid()
        self._control: dist.ProcessGroup | None = None  # on the CPU: a graphics card need not wait to be asked

    @property
    def threads(self) -> int:
        """Processor cores for each process of this machine."""
        return max(1, cores() // self._local_world)

    def join(self, device: torch.device, *, batch_size: int) -> torch.device:
        """Waits for the others.

        Raises:
            SpecError: The batch cannot be shared out evenly.
            TrainingError: There is no such device for each process.
        """
        self._check(device, batch_size)
        if device.type == "cuda":
            own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(own)
            dist.init_process_group("nccl", timeout=_PATIENCE, device_id=own)
            atexit.register(self.leave)  # after a failure: NCCL must be gone before the interpreter is
        else:
            own = device
            dist.init_process_group("gloo", timeout=_PATIENCE)
        self._control = dist.new_group(backend="gloo", timeout=_PATIENCE)
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
        """How many of which."""
        return f"{self.shard.world} x {device.type}"

    def norms(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Within it, the network's batch norms are over all processes' clips."""
        return distributed_batch_norms(network)

    def spread(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """The network with DistributedDataParallel around it; its weights become those of the first process."""
        weight = next(network.parameters())
        devices = [weight.device.index] if weight.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            network, device_ids=devices, gradient_as_bucket_view=True, **_without_buffers()
        )

    def any(self, wish: bool) -> bool:
        """Whether any process has that wish."""
        flag = torch.tensor([int(wish)], dtype=torch.int32)
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
        """What the first process makes, in all of them."""
        made: list[Any] = [make() if self.is_first else None]
        dist.broadcast_object_list(made, src=0, group=self._control)
        first: T = made[0]
        return first

    def gathered(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, those of the first one first, none twice."""
        lists: list[Any] = [None] * self.shard.world
        dist.all_gather_object(lists, list(items), group=self._control)
        return list(dict.fromkeys(item for own in lists for item in own))

    def check_same(self, what: object, *, name: str) -> None:
        """Refuses to go on where the processes do not have the same.

        Raises:
            TrainingError: They differ in it.
        """
        if self.any(self.from_first(lambda: what) != what):
            raise TrainingError(
                f"The processes of this run do not have the same {name}: give every machine the same project, program "
                "and command"
            )

    @property
    def is_orphan(self) -> bool:
        """Whether torchrun is gone."""
        return os.getppid() != self._parent

    def fault(self, error: Exception, sentence: str) -> str:
        """Tells the others why this process ends, or learns from them; empty where the first process tells it."""
        is_lost = isinstance(error, RuntimeError) and any(sign in str(error) for sign in _LOST)
        if self.is_first:
            told = self._others_word() if is_lost else sentence
            self._leave_word(told)
            return told
        if not is_lost:
            self._leave_word(sentence)
        told = self._word_of(0, wait_s=2 * _WORDS_WITHIN_S)
        if told and (is_lost or told == sentence):
            return ""
        return f"Process {self.shard.rank}: {self._others_word() if is_lost else sentence}"

    def _others_word(self) -> str:
        """Why another process has gone, as it said itself."""
        for rank in range(self.shard.world):
            if rank != self.shard.rank and (said := self._word_of(rank, wait_s=_WORDS_WITHIN_S / self.shard.world)):
                return f"Process {rank} of this run failed: {said}"
        return (
            "Another process of this run is gone without a word: it was killed, or its machine was lost; what the "
            "epochs reached is kept in the run's folder: resume it"
        )

    def _leave_word(self, sentence: str) -> None:
        with contextlib.suppress(RuntimeError):
            self._store.set(f"fault/{self.shard.rank}", sentence)

    def _word_of(self, rank: int, *, wait_s: float) -> str:
        with contextlib.suppress(RuntimeError):
            self._store.wait([f"fault/{rank}"], timedelta(seconds=wait_s))
            return str(self._store.get(f"fault/{rank}"), "utf-8")
        return ""

    @functools.cached_property
    def _store(self) -> Any:
        """The processes' notice board, which torchrun holds; it stands even where a process is gone."""
        from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, is_master=False, timeout=timedelta(seconds=5), wait_for_workers=False)
        return PrefixStore(f"kws/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)

    def leave(self) -> None:
        """After the last common step."""
        if dist.is_initialized():
            dist.destroy_process_group()
