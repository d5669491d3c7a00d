"""Features of many clips, kept where there is room: on the device, in memory, or in a file; knows no clip."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from torch import Tensor

from kws_engine.errors import TrainingError

IN_MEMORY_BYTES = 384 * 2**20  # beyond that the features are kept in a file
_SHARE_OF_CARD = 0.3  # of a graphics card's free memory


class Store(Protocol):
    """Rows of features of one shape, in half precision; several threads may read and write at once."""

    def write(self, first: int, features: Tensor) -> None:
        """Puts features (B, T, F) in the B rows from `first` on."""
        ...

    def read(self, rows: Tensor) -> Tensor:
        """The features (B, T, F), float32, on the device."""
        ...

    def close(self) -> None:
        """Gives the room back; nothing is read any more."""
        ...


class _InMemory:
    def __init__(self, count: int, shape: tuple[int, ...], device: torch.device) -> None:
        self._values = torch.empty((count, *shape), dtype=torch.float16, device=device)

    def write(self, first: int, features: Tensor) -> None:
        self._values[first : first + len(features)] = features

    def read(self, rows: Tensor) -> Tensor:
        return self._values.index_select(0, rows.to(self._values.device)).float()  # indexing takes three times as long

    def close(self) -> None:
        self._values = self._values[:0].clone()


class _InFile:
    """A file without a name, so that it is gone with the process, however that ends.

    It is read row by row, not mapped: mapped pages would count as this process's memory.
    """

    def __init__(self, count: int, shape: tuple[int, ...], device: torch.device, folder: Path | None) -> None:
        self._shape, self._device = shape, device
        self._bytes = 2 * int(np.prod(shape))
        self._folder = folder
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=0)
        self._count = count
        self._lock = threading.Lock()  # between moving to a place and reading or writing there

    def write(self, first: int, features: Tensor) -> None:
        values = features.to("cpu", torch.float16).contiguous().numpy()
        try:
            with self._lock:
                self._file.seek(first * self._bytes)
                if (
                    self._file.write(values.data) < values.nbytes
                ):  # of a disk that is nearly full the last bytes are taken
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            size = self._count * self._bytes / 1e9
            raise TrainingError(
                f"{self._folder or tempfile.gettempdir()} has no room for this run's features ({error.strerror}): free "
                f"{size:.1f} GB there, and resume the run",
                kind="disk_full",
            ) from None

    def read(self, rows: Tensor) -> Tensor:
        found = np.empty((len(rows), *self._shape), np.float16)
        with self._lock:
            for place, row in enumerate(rows.tolist()):
                self._file.seek(row * self._bytes)
                self._file.readinto(memoryview(found[place]).cast("B"))  # type: ignore[attr-defined]
        return torch.from_numpy(found).to(self._device).float()

    def close(self) -> None:
        self._file.close()


def make_store(count: int, shape: tuple[int, ...], *, device: torch.device, folder: Path | None = None) -> Store:
    """A store for `count` rows of that shape; `folder` is where its file would be."""
    size = 2 * count * int(np.prod(shape))
    room = IN_MEMORY_BYTES
    if device.type == "cuda":
        room = max(room, int(_SHARE_OF_CARD * torch.cuda.mem_get_info(device)[0]))
    return _InMemory(count, shape, device) if size <= room else _InFile(count, shape, device, folder)
