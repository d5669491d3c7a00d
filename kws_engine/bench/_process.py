"""What another process measures and prints as JSON in its last line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kws_engine.errors import KwsError


def environment(**more: str) -> dict[str, str]:
    """This process's, in which the program that measures is found wherever it stands; with some variables more."""
    paths = os.pathsep.join((str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])))
    return {**os.environ, "PYTHONPATH": paths, **more}


def told_by(command: Sequence[str], *, failed: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a command prints.

    Args:
        command: The program and its arguments.
        failed: What is said where it ends with an error, before the reason.
        env: Its variables; those of `environment` by default.

    Raises:
        KwsError: It ended with an error.
    """
    variables = environment() if env is None else env
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}"
        raise KwsError(f"{failed} ({reason}): report this.")
    values: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return values
