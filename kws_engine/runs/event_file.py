"""events.jsonl: the events of a run, one JSON object a line, appended as they come."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from kws_engine.disk import failure_kind, open_to_append, write_atomically
from kws_engine.errors import TrainingError
from kws_engine.runs.run_file import DAMAGED, RunFile
from kws_engine.training.events import Epoch, Event, from_dict, to_dict

_LARGEST = 50_000_000  # characters, some 100,000 epochs


class EventFile(RunFile):
    """The events of one run."""

    def read(self) -> Iterator[Event]:
        """The events so far; a half-written last line, and anything that is no event, is skipped."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                lines = file.read(_LARGEST).splitlines()
        except OSError:
            return
        for line in lines:
            try:
                event = from_dict(json.loads(line))
            except DAMAGED:
                continue
            if _is_whole(event):
                yield event

    def append(self, event: Event) -> None:
        """Adds one line.

        Raises:
            TrainingError: The disk is full.
            ProjectError: A link leads out of the project there.
        """
        line = _line(event)
        try:
            with open_to_append(self.path) as file:
                size = os.fstat(file.fileno()).st_size
                if file.write(line) < len(line):  # half a line would spoil the next one, which may be shorter
                    file.truncate(size)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            why = f"{self.path.parent} cannot be written ({error.strerror}): free some space and train again"
            raise TrainingError(why, kind=failure_kind(error)) from None

    def write(self, events: Iterable[Event]) -> None:
        """Replaces the whole file at once.

        Raises:
            ProjectError: It cannot be written, or the disk is full; the old file is left as it was.
        """
        write_atomically(self.path, b"".join(map(_line, events)))

    def changed_ns(self) -> int:
        """When the run emitted an event last, in ns; 0 where it never did."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0


def _line(event: Event) -> bytes:
    return (json.dumps(to_dict(event)) + "\n").encode()


def _is_whole(event: Event) -> bool:
    """Whether every field that anybody computes with has its type."""
    types: dict[str, Any] = {"int": int, "float": int | float, "bool": bool, "str": str}
    if isinstance(event, Epoch) and not all(isinstance(value, int | float) for value in event.terms.values()):
        return False
    return all(isinstance(getattr(event, one.name), types.get(str(one.type), object)) for one in fields(event))
