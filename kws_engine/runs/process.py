"""A run in a process of its own, so that the window never waits and a crash loses nothing."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Literal

from kws_engine.runs.job import Job
from kws_engine.runs.spawning import SPAWN, Flag, end_process, end_with_parent, spawn
from kws_engine.training.events import Event, Failed, Finished, RateFound

What = Literal["run", "learning rate"]

_LOOK_EVERY_S = 0.05  # whether a paused run may continue


class TrainingProcess:
    """Starts at once; `poll` returns the events so far, and makes the ending itself if the process vanishes."""

    def __init__(self, job: Job, *, what: What = "run") -> None:
        """Trains, or looks for a learning rate with the job's settings."""
        self._receiver, sender = SPAWN.Pipe(duplex=False)
        self._stop = Flag()
        self._pause = Flag()
        self._process = spawn(_child, job, what, sender, self._stop, self._pause)
        sender.close()
        self.ended = False

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process is still there; it leaves shortly after its ending was polled."""
        return self._process.is_alive()

    def poll(self) -> list[Event]:
        """The events since the last call, without waiting; after the ending, none."""
        events: list[Event] = []
        try:
            while not self.ended and self._receiver.poll():
                events.append(self._receiver.recv())
                self.ended = isinstance(events[-1], Finished | Failed | RateFound)
        except (EOFError, OSError):
            self.ended = True
            self._process.join(5)
            events.append(Failed(_vanished(self._process.exitcode), kind="killed"))
        return events

    def pause(self) -> None:
        """Lets the run wait after its current step; nothing of it is lost."""
        self._pause.set()

    def resume(self) -> None:
        """Lets a paused run continue."""
        self._pause.clear()

    @property
    def is_paused(self) -> bool:
        """Whether the run waits, or will after its current step."""
        return self._pause.is_set()

    def stop(self) -> None:
        """Asks politely: the run ends after the current step with the best weights so far."""
        self._stop.set()

    def close(self, *, seconds: float = 10.0) -> None:
        """Stops politely, then terminates; returns when the process is gone. Its ending is not reported any more."""
        self.stop()
        until_s = time.monotonic() + seconds
        while not self.ended and (left_s := until_s - time.monotonic()) > 0:
            wait([self._receiver, self._process.sentinel], left_s)
            self.poll()  # it waits for ever where nobody takes what it reports
        end_process(self._process, seconds=max(0.0, until_s - time.monotonic()))
        self.ended = True
        self._receiver.close()


def _vanished(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        why = f"ended unexpectedly with exit code {exit_code}"
    elif -exit_code == getattr(signal, "SIGKILL", None):
        why = "was ended by SIGKILL, by hand or by the system for lack of memory (a smaller batch size needs less)"
    else:
        why = f"was ended by {_signal_name(-exit_code)}"
    return f"The training process {why}; what its epochs reached is kept in the run's folder: resume it"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def _child(job: Job, what: What, sender: Connection, stop: Flag, pause: Flag) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()

    def should_stop() -> bool:
        while pause.is_set() and not stop.is_set():
            time.sleep(_LOOK_EVERY_S)
        return stop.is_set()

    try:
        for event in _events(job, what, should_stop):
            sender.send(event)
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - the child's edge
        sender.send(Failed(f"Training could not start: {error}", traceback.format_exc()))


def _events(job: Job, what: What, should_stop: Callable[[], bool]) -> Iterator[Event]:
    if what == "run":
        from kws_engine.runs.run import run

        return run(job, should_stop)
    from kws_engine.runs.rates import find_rate

    return find_rate(job, should_stop)
