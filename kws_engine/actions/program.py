"""Runs a program: a list of arguments, never a line for a shell."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_engine.actions import ACTIONS
from kws_engine.actions.moment import PLACES, Act, Call, Moment, fill
from kws_engine.errors import KwsError, SpecError, quoted, shortened
from kws_engine.spec import option

_LOOK_EVERY_S = 0.02
_KEPT = 4096  # bytes of what it complains
_MOST_LEFT = 8
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish", "cmd", "powershell", "pwsh", "python", "python3", "perl", "ruby")
_left: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class ProgramConfig:
    """Options of the action that runs a program."""

    command: tuple[str, ...] = option(
        (),
        "Command",
        f"The program and its arguments, those with spaces in quotes; {PLACES} are replaced, and no shell sees it.",
    )
    wait: bool = option(
        True,
        "Wait for its end",
        "It fails by its exit status and is ended after the time limit; off for programs that stay open.",
    )


@ACTIONS.register("program", "Run a program", ProgramConfig)
def build(config: ProgramConfig) -> Act:
    """Starts a program with word, score and time in KWS_WORD, KWS_SCORE and KWS_TIME of its environment."""
    if not config.command or not config.command[0]:
        raise SpecError("Command: name the program to run, as in notify-send {word}", option="command")
    program = config.command[0]
    if os.path.dirname(program) and not Path(program).expanduser().is_absolute():
        raise SpecError(f"Command: {quoted(program)} depends on a folder: give its whole path", option="command")

    _refuse_code(config.command)

    def run(call: Call) -> None:
        arguments = [_program(program), *(_argument(text, call.moment) for text in config.command[1:])]
        if config.wait:
            _run(arguments, call)
        else:
            _leave_running(arguments, call.moment)

    return run


def _refuse_code(command: tuple[str, ...]) -> None:
    """A word may not become a part of a script: a stranger's model names its words."""
    if Path(command[0]).stem.casefold() not in _SHELLS:
        return
    for before, text in itertools.pairwise(command):
        is_code = before.casefold() == "/c" or (before.startswith("-") and before[-1].casefold() in ("c", "e", "d"))
        if is_code and "{word}" in text:
            raise SpecError(
                'Command: a script may not hold {word}, which it would run: write "$KWS_WORD" there', option="command"
            )


def _program(name: str) -> str:
    found = shutil.which(os.path.expanduser(name))
    if found is None:
        raise KwsError(f"There is no program {quoted(name)}: check its name, and that you may run it.")
    return found


def _argument(template: str, moment: Moment) -> str:
    """One argument; a word may not turn it into an option of the program."""
    filled = fill(template, moment)
    if filled.startswith("-") and not template.startswith("-"):
        raise KwsError(f"The word {quoted(filled)} would be an option of the program: it was not run.")
    return filled


def _start(arguments: list[str], moment: Moment, *, errors: int) -> subprocess.Popen[bytes]:
    told = {f"KWS_{name.upper()}": value for name, value in moment.values().items()}
    options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    try:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **told},
            cwd=Path.home(),
            **options,
        )
    except OSError as error:
        raise KwsError(
            f"{arguments[0]} could not be started ({error.strerror or error}): check the command."
        ) from error


def _run(arguments: list[str], call: Call) -> None:
    until_s = time.monotonic() + call.timeout_s
    with _start(arguments, call.moment, errors=subprocess.PIPE) as process:
        assert process.stderr is not None
        said, stderr = b"", process.stderr.fileno()
        os.set_blocking(stderr, False)
        try:
            while process.poll() is None:
                said = _newest(said, stderr)
                if time.monotonic() > until_s:
                    raise KwsError(
                        f"{arguments[0]} had not ended after {call.timeout_s:g} s and was ended: allow it more time, "
                        "or do not wait for its end."
                    )
                if call.stop.wait(_LOOK_EVERY_S):
                    raise KwsError(f"{arguments[0]} was ended, as listening was.")
            said = _newest(said, stderr)
        finally:
            _end(process)
    if process.returncode != 0:
        raise KwsError(_failure(arguments[0], process.returncode, said))


def _newest(said: bytes, stderr: int) -> bytes:
    """The end of what the program wrote so far."""
    with contextlib.suppress(BlockingIOError):
        said += os.read(stderr, 65536)
    return said[-_KEPT:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and whatever it started."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _failure(program: str, status: int, said: bytes) -> str:
    how = f"was ended by signal {-status}" if status < 0 else f"failed with status {status}"
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return f"{program} {how}" + (f": {shortened(lines[-1])}" if lines else ".")


def _leave_running(arguments: list[str], moment: Moment) -> None:
    for process in [one for one in _left if one.poll() is not None]:
        _left.discard(process)
    if len(_left) >= _MOST_LEFT:
        raise KwsError(f"{_MOST_LEFT} programs that were started before are still running: close some of them.")
    process = _start(arguments, moment, errors=subprocess.DEVNULL)
    _left.add(process)
    threading.Thread(target=process.wait, name="program of an action", daemon=True).start()
