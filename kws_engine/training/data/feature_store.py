"""Storage for the features of many clips, wherever there is room: on the device, in memory, or in a file."""

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

IN_MEMORY_BYTES = 384 * 2**20  # beyond that the features go to a file
_GPU_SHARE = 0.3  # of a graphics card's free memory


class FeatureStore(Protocol):
    """Rows of features of one shape, in half precision; several threads may read and write at once."""

    def write(self, first: int, features: Tensor) -> None:
        """Writes features (B, T, F) to the B rows from `first` on.

        Raises:
            TrainingError: The disk has no room for them.
        """
        ...

    def read(self, rows: Tensor) -> Tensor:
        """The features (B, T, F), float32, on the device."""
        ...

    def close(self) -> None:
        """Frees the storage; nothing can be read any more."""
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
    """A nameless file, which disappears with the process, however that ends.

    It is read row by row, not mapped: mapped pages would count as this process's memory.
    """

    def __init__(self, count: int, shape: tuple[int, ...], device: torch.device, folder: Path | None) -> None:
        self._count = count
        self._shape = shape
        self._device = device
        self._folder = folder
        self._row_bytes = 2 * int(np.prod(shape))
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=0)
        self._lock = threading.Lock()  # held between a seek and its read or write

    def write(self, first: int, features: Tensor) -> None:
        values = features.to("cpu", torch.float16).contiguous().numpy()
        try:
            with self._lock:
                self._file.seek(first * self._row_bytes)
                if self._file.write(values.data) < values.nbytes:  # a nearly full disk takes some of the bytes
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            size = self._count * self._row_bytes / 1e9
            raise TrainingError(
                f"{self._folder or tempfile.gettempdir()} has no room for this run's features ({error.strerror}): free "
                f"{size:.1f} GB there, and resume the run",
                kind="disk_full",
            ) from None

    def read(self, rows: Tensor) -> Tensor:
        found = np.empty((len(rows), *self._shape), np.float16)
        with self._lock:
            for place, row in enumerate(rows.tolist()):
                self._file.seek(row * self._row_bytes)
                self._file.readinto(memoryview(found[place]).cast("B"))  # type: ignore[attr-defined]
        return torch.from_numpy(found).to(self._device).float()

    def close(self) -> None:
        self._file.close()


def make_feature_store(
    count: int, shape: tuple[int, ...], *, device: torch.device, folder: Path | None = None
) -> FeatureStore:
    """A store for `count` rows of this shape; its file, where it needs one, is made in `folder`."""
    size = 2 * count * int(np.prod(shape))
    room = IN_MEMORY_BYTES
    if device.type == "cuda":
        room = max(room, int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0]))
    return _InMemory(count, shape, device) if size <= room else _InFile(count, shape, device, folder)
