"""An exception that ended a run, as the `Failed` event that says so."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import torch

from kws_engine.errors import FailureKind, KwsError
from kws_engine.training.events import Failed

_NO_MEMORY = (  # neither torch nor the loader of libraries has an exception class of its own for this
    "DefaultCPUAllocator",
    "std::bad_alloc",
    "failed to map segment from shared object",
    "cannot allocate memory",
    "Cannot allocate memory",
)
_MEMORY_EXHAUSTED = (
    "The computer's memory is exhausted: choose a smaller batch size or fewer threads, or close other programs; what "
    "the epochs reached is kept in the run's folder: resume it"
)
_OTHER_DEVICE = "choose training.device=cpu or a smaller batch size"


def failure(error: Exception) -> Failed:
    """The event, with one sentence for the person who trains and the traceback for the log."""
    kind, sentence = _described(error)
    return Failed(sentence, "".join(traceback.format_exception(error)), kind)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, and what it was raised from: a library that cannot be loaded is told as one that is missing."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _is_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY)


def _described(error: Exception) -> tuple[FailureKind, str]:
    if isinstance(error, KwsError):
        return error.kind, str(error)
    if any(map(_is_of_memory, _causes(error))):
        return "out_of_memory", _MEMORY_EXHAUSTED
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(error, torch.OutOfMemoryError):
        return "out_of_memory", f"The graphics card has too little memory for this run: {_OTHER_DEVICE}"
    if isinstance(error, torch.AcceleratorError):
        return "no_device", f"The graphics card failed ({first}): {_OTHER_DEVICE}"
    return "other", f"Training failed: {first}"
