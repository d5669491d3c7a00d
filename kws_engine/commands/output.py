"""What a command prints: one JSON object a line, or text for people; messages always go to standard error."""

from __future__ import annotations

import io
import json
import os
import select
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from kws_engine.errors import KwsError, printable


class Output:
    """Results of a command.

    With `as_json`, standard output holds JSON lines and nothing else, whatever a library prints: `sys.stdout` is turned
    to standard error for the time of the command. Of several processes that torchrun started, only the first one gives
    results.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._is_first = "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0"
        if sys.stdout is None:  # closed by whoever started this; else the next file opened would take its place
            sys.stdout = open(os.devnull, "w")
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w")
        self._stdout: TextIO = sys.stdout
        if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may hold what no terminal can show
            sys.stdout.reconfigure(errors="backslashreplace")
        if as_json:
            sys.stdout = sys.stderr

    def close(self) -> None:
        """Restores standard output."""
        sys.stdout = self._stdout

    def is_unread(self) -> bool:
        """Whether the reader of standard output has left, as `| head` does; always False where no system call tells."""
        if not hasattr(select, "poll"):
            return False
        poll = select.poll()
        try:
            poll.register(self._stdout.fileno(), 0)
        except (OSError, ValueError):  # not a real file
            return False
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

    def result(self, values: Mapping[str, Any], text: str = "") -> None:
        """One result: as JSON, or as `text` where it is for people and not empty."""
        if not self._is_first:
            return
        if self.as_json:
            print(json.dumps(values), file=self._stdout, flush=True)
        elif text:
            print(printable(text), file=self._stdout, flush=True)

    def failure(self, error: KwsError) -> None:
        """An error that ends the command, as the event that scripts wait for; the caller raises it for people."""
        self.result({"event": "failed", "message": str(error), "kind": error.kind})

    def message(self, text: str) -> None:
        """A remark for people, on standard error."""
        print(printable(text), file=sys.stderr, flush=True)


def table(rows: list[list[str]], *, header: list[str]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(row: list[str]) -> str:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]  # noqa: B905
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])
