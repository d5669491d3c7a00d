"""A process of our own for libraries that speak, so that one which hangs or crashes can be ended.

A request is a line of JSON. So is an answer, followed by as many bytes as it says. The process ends with its input,
and so with whoever started it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from kws_engine.errors import KwsError, shortened
from kws_engine.synthesis._program import NO_WINDOW, too_slow

Answer = Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]
_IDLE_S: Final = 20.0
_idle: list[tuple[float, str, _Child]] = []
_lock = threading.Lock()
_is_sweeping = False


class _Child:
    """One process; it answers one request at a time."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, part],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "OMP_NUM_THREADS": "1"},
            creationflags=NO_WINDOW,
        )

    def ask(self, request: dict[str, Any], *, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The answer; the process is gone where there is none."""
        assert self._process.stdin and self._process.stdout
        until_s = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            head = json.loads(self._process.stdout.readline())
            body = self._process.stdout.read(head["bytes"])
            if len(body) < head["bytes"]:
                raise EOFError
        except (OSError, ValueError, EOFError) as error:
            self.close()
            if time.monotonic() >= until_s:
                raise too_slow(self._part.rpartition(".")[2], seconds) from error
            raise KwsError(f"{self._part.rpartition('.')[2]} crashed: try another voice") from error
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
        return head, body

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()


def ask(part: str, request: dict[str, Any], *, seconds: float) -> tuple[dict[str, Any], bytes]:
    """What a process answers that runs `opened()` of the module `part`; it is kept for the next requests.

    Raises:
        KwsError: The part says why it cannot, crashed, or did not answer within `seconds`.
    """
    child = _taken(part) or _Child(part)
    head, body = child.ask(request, seconds=seconds)
    with _lock:
        _idle.append((time.monotonic(), part, child))
    _sweep_later()
    if "error" in head:
        raise KwsError(head["error"])
    return head, body


def _taken(part: str) -> _Child | None:
    with _lock:
        for at, (_, name, child) in enumerate(_idle):
            if name == part:
                del _idle[at]
                return child
    return None


def _sweep_later() -> None:
    global _is_sweeping
    with _lock:
        if _is_sweeping or not _idle:
            return
        _is_sweeping = True
    timer = threading.Timer(_IDLE_S, _sweep)
    timer.daemon = True
    timer.start()


def _sweep() -> None:
    global _is_sweeping
    close_idle(older_than_s=_IDLE_S)
    with _lock:
        _is_sweeping = False
    _sweep_later()


@atexit.register
def close_idle(older_than_s: float = 0.0) -> None:
    """Ends the processes that nobody has asked for so long; a model of a voice takes hundreds of megabytes."""
    before_s = time.monotonic() - older_than_s
    with _lock:
        ended = [one for one in _idle if one[0] <= before_s]
        _idle[:] = [one for one in _idle if one[0] > before_s]
    for _, _, child in ended:
        child.close()


def _main() -> None:
    """Answers until its input ends."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    answer: Answer | None = None
    for line in sys.stdin.buffer:
        try:
            answer = answer or importlib.import_module(sys.argv[1]).opened()
            head, body = answer(json.loads(line))
        except KwsError as error:
            head, body = {"error": str(error)}, b""
        except Exception as error:  # noqa: BLE001 - a process's edge: whoever asked raises it again
            head, body = {"error": f"{sys.argv[1].rpartition('.')[2]} failed: {shortened(error)}"}, b""
        output.write(json.dumps({**head, "bytes": len(body)}).encode() + b"\n" + body)
        output.flush()


if __name__ == "__main__":
    _main()
