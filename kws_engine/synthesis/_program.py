"""Runs a program that speaks: never through a shell, and never for longer than agreed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from kws_engine.errors import KwsError, shortened

NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def output_of(command: Sequence[str], *, text: str = "", seconds: float) -> bytes:
    """What a program writes when it is given a text as its input.

    Raises:
        KwsError: It cannot be started, fails, or takes longer than `seconds`.
    """
    name = command[0]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=seconds, check=True, creationflags=NO_WINDOW
        )
    except subprocess.TimeoutExpired as error:
        raise too_slow(name, seconds) from error
    except subprocess.CalledProcessError as error:
        said = shortened(error.stderr.decode(errors="replace").strip())
        raise KwsError(f"{name} failed: {said or f'it ended with {error.returncode}'}") from error
    except OSError as error:
        raise KwsError(f"{name} cannot be started: {error.strerror}") from error
    return done.stdout


def too_slow(name: str, seconds: float) -> KwsError:
    """The error for something that has not spoken in time."""
    return KwsError(f"{name} did not answer within {seconds:g} s: try a shorter text or another voice")
