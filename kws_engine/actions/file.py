"""Appends a line to a file or a named pipe; a pipe that nobody reads keeps nobody waiting."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from kws_engine.actions import ACTIONS
from kws_engine.actions.moment import PLACES, Act, Call, fill
from kws_engine.disk import write_error
from kws_engine.errors import KwsError, SpecError, quoted
from kws_engine.spec import option

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


@dataclass(frozen=True)
class FileConfig:
    """Options of the action that writes a line."""

    path: str = option("", "File", "The whole path of a file, which is made where it is missing, or of a named pipe.")
    line: str = option("{time} {word} {score}", "Line", f"What is written; {PLACES} are replaced.")


@ACTIONS.register("file", "Append to a file or pipe", FileConfig)
def build(config: FileConfig) -> Act:
    """Appends one line for each detection to a file or a named pipe."""
    path = Path(config.path).expanduser() if config.path else Path()
    if not path.is_absolute():
        raise SpecError(f"File: {quoted(config.path)} is not a whole path, from / or ~", option="path")

    def append(call: Call) -> None:
        _append(path, (fill(config.line, call.moment) + "\n").encode("utf-8", "replace"))

    return append


def _append(path: Path, line: bytes) -> None:
    try:
        opened = os.open(path, _FLAGS, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise KwsError(f"Nobody reads the pipe {path}: start the program that reads it.") from error
        raise write_error(error, path) from error
    try:
        kind = os.fstat(opened).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            raise KwsError(f"{path} is neither a file nor a pipe: choose another.")
        written = os.write(opened, line)
    except BlockingIOError as error:
        raise KwsError(f"The pipe {path} is full: the program that reads it does not keep up.") from error
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        os.close(opened)
    if written < len(line):
        raise KwsError(f"Only a part of the line was written to {path}: free some space.")
