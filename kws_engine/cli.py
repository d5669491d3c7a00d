"""`kws ...`: every job of the engine from a command line; flags and their checks come from the parts' own specs.

Exit status: 0 done, 1 failed, 2 usage.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kws_engine import __version__, commands
from kws_engine.commands.output import Output
from kws_engine.errors import KwsError, SpecError

DONE, FAILED, USAGE = 0, 1, 2
_INTERRUPTED = 130  # what shells give for Ctrl-C


def make_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """The parser of every command; each module of `kws_engine.commands` with an `add` adds its own.

    Where there is a module of the name `wanted` that adds this command, no other is loaded: starting to listen takes
    half the time so.
    """
    parser = argparse.ArgumentParser(prog="kws", description="Teach a computer your own words, and have it listen.")
    parser.add_argument("--version", action="version", version=f"kws {__version__}")
    adding = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add_command(name: str, run: Callable[[Any, Output], int | None], *, help: str) -> argparse.ArgumentParser:
        command = adding.add_parser(name, help=help, description=help)
        command.add_argument("--json", action="store_true", help="print one JSON object a line")
        command.set_defaults(run=run)
        return command

    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    own = [name for name in names if name.replace("_", "-") == wanted]
    for name in own or names:
        add = getattr(importlib.import_module(f"{commands.__name__}.{name}"), "add", None)
        if add is not None:
            add(add_command)
    return parser if not own or wanted in adding.choices else make_parser()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    try:
        given = sys.argv[1:] if argv is None else argv
        arguments = make_parser(given[0] if given else None).parse_args(given)
    except KeyboardInterrupt:
        return _INTERRUPTED
    output = Output(as_json=arguments.json)
    try:
        return _left(arguments.run(arguments, output) or DONE)
    except SpecError as error:
        output.message(f"kws {arguments.command}: {error}")
        return USAGE
    except KwsError as error:
        output.message(f"kws {arguments.command}: {error}")
        return FAILED
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output has left, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        else:
            where = f"{error.filename}: " if error.filename else ""
            output.message(f"kws {arguments.command}: {where}{error.strerror or error}: check space and permissions")
        return FAILED
    except KeyboardInterrupt:
        return _left(_INTERRUPTED)
    finally:
        output.close()


def _left(status: int) -> int:
    """The status; after Ctrl-C the process ends here where a call of the sound system still runs.

    That call is in C on another thread, and crashes where the libraries are unloaded under it.
    """
    microphone = sys.modules.get("kws_engine.microphone")
    if status == _INTERRUPTED and microphone is not None and microphone.is_calling():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
