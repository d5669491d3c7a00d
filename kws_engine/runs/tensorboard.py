"""A run's curves as TensorBoard reads them, so that `tensorboard --logdir <project>/runs` works.

Written by tensorboard's own parts and not by torch.utils.tensorboard, whose first import takes 10 s.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from kws_engine.disk import open_to_append
from kws_engine.errors import ProjectError
from kws_engine.training.events import Epoch

_LONGEST_CLOSE_S = 10.0


class TensorBoardLog:
    """Takes epochs and writes them in a thread of its own; it never waits and never fails.

    Nothing is loaded or written before the first epoch. Where the disk is full, what could not be written is tried
    again with the next epoch.

    Args:
        path: The new event file.
        history: Earlier epochs of a resumed run.
        replaces: Its old event files, removed when the new one holds every epoch once.
    """

    def __init__(self, path: Path, history: Sequence[Epoch] = (), *, replaces: Sequence[Path] = ()) -> None:
        self._path = path
        self._replaces = tuple(replaces)
        self._history = tuple(history)
        self._waiting: queue.SimpleQueue[tuple[float, Epoch] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def epoch(self, epoch: Epoch) -> None:
        """One more point of every curve."""
        if self._thread is None:
            self._add_history(time.time() - epoch.seconds)
            self._thread = threading.Thread(target=self._write_all, name="TensorBoard", daemon=True)
            self._thread.start()
        self._waiting.put((time.time(), epoch))

    def close(self) -> None:
        """Returns when everything is written, or after some seconds where the disk takes longer."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(_LONGEST_CLOSE_S)

    def _add_history(self, end: float) -> None:
        """The history, as if it had ended just before the first new epoch began."""
        start = end - sum(epoch.seconds for epoch in self._history)
        for epoch in self._history:
            start += epoch.seconds
            self._waiting.put((start, epoch))

    def _write_all(self) -> None:
        old = self._replaces
        content = _header()
        for waiting in _batches(self._waiting):
            content += b"".join(_records(epoch, at) for at, epoch in waiting)
            if _append(self._path, content):
                content = b""
                for other in old:
                    with contextlib.suppress(OSError):
                        other.unlink()
                old = ()


def scalars(epoch: Epoch) -> dict[str, float]:
    """What is drawn of an epoch, by TensorBoard's names: those with the same first part stand together."""
    terms = {f"loss_terms/{name}": value for name, value in epoch.terms.items()}
    return {
        "loss/train": epoch.train_loss,
        "loss/validation": epoch.validation_loss,
        "accuracy/train": epoch.train_accuracy,
        "accuracy/validation": epoch.validation_accuracy,
        "learning_rate": epoch.learning_rate,
        **terms,
    }


def _batches(epochs: queue.SimpleQueue[tuple[float, Epoch] | None]) -> Iterator[list[tuple[float, Epoch]]]:
    """All that waits, again and again, up to None."""
    while True:
        waiting = [epochs.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(epochs.get_nowait())
        yield [one for one in waiting if one is not None]
        if None in waiting:
            return


def _append(path: Path, content: bytes) -> bool:
    """Adds the whole content, or nothing: readers stop at half a record."""
    if not content:
        return True
    try:
        with open_to_append(path) as file:
            size = os.fstat(file.fileno()).st_size
            if _wrote_all(file, content):
                return True
            file.truncate(size)
    except (OSError, ProjectError):
        pass
    return False


def _wrote_all(file: io.FileIO, content: bytes) -> bool:
    try:
        return file.write(content) == len(content)
    except OSError:
        return False


def _header() -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event

    return _framed(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())


def _records(epoch: Epoch, at: float) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(epoch).items()]
    return _framed(Event(wall_time=at, step=epoch.epoch, summary=Summary(value=values)).SerializeToString())


def _framed(record: bytes) -> bytes:
    """With its length and checksums, as in every TFRecord file."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    RecordWriter(buffer).write(record)
    return buffer.getvalue()
