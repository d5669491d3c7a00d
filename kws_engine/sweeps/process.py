"""A sweep's workers in processes of their own, as one stream of events."""

from __future__ import annotations

import signal
import threading
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from kws_engine.processors import cores
from kws_engine.runs.spawning import SPAWN, Flag, end_process, end_with_parent, spawn
from kws_engine.sweeps.events import SweepEnded, SweepEvent, SweepFailed, SweepStarted, WorkerLost
from kws_engine.sweeps.job import SweepJob


@dataclass
class _Worker:
    number: int
    process: SpawnProcess
    receiver: Connection
    ending: SweepEnded | SweepFailed | None = None
    lost: bool = False

    @property
    def is_over(self) -> bool:
        return self.lost or self.ending is not None


class SweepProcess:
    """Starts at once; `poll` gives the events so far, and one ending when the last worker has ended.

    The first worker makes the study, the others follow when it exists. One that vanishes is reported and not replaced:
    the others do its trial again.
    """

    def __init__(self, job: SweepJob, *, workers: int = 1) -> None:
        self._job = replace(job, threads=job.threads or max(1, cores() // workers))
        self._wanted = workers
        self._stop = Flag()
        self._workers = [self._start(0)]
        self.ended = False

    @property
    def pids(self) -> list[int]:
        """The ids of the processes there are."""
        return [one.process.pid for one in self._workers if one.process.pid is not None]

    def is_alive(self) -> bool:
        """Whether any process is still there; they leave shortly after the ending was polled."""
        return any(one.process.is_alive() for one in self._workers)

    def poll(self) -> list[SweepEvent]:
        """The events since the last call, without waiting; after the ending, none."""
        events: list[SweepEvent] = []
        if self.ended:
            return events
        for worker in list(self._workers):
            events += self._polled(worker)
        if all(worker.is_over for worker in self._workers):
            self.ended = True
            events.append(self._ending())
        return events

    def stop(self) -> None:
        """Asks politely: running trials end after their step, and are run again when the sweep is resumed."""
        self._stop.set()

    def close(self, *, seconds: float = 10.0) -> None:
        """Stops politely, then terminates; returns when the processes are gone. The ending is not reported."""
        self.stop()
        for worker in self._workers:
            end_process(worker.process, seconds=seconds)
            worker.receiver.close()
        self.ended = True

    def _start(self, number: int) -> _Worker:
        receiver, sender = SPAWN.Pipe(duplex=False)
        process = spawn(_child, self._job, number, sender, self._stop)
        sender.close()
        return _Worker(number, process, receiver)

    def _polled(self, worker: _Worker) -> list[SweepEvent]:
        events: list[SweepEvent] = []
        try:
            while not worker.is_over and worker.receiver.poll():
                event: SweepEvent = worker.receiver.recv()
                if isinstance(event, SweepEnded | SweepFailed):
                    worker.ending = event
                elif not isinstance(event, SweepStarted):
                    events.append(event)
                elif worker.number == 0:
                    events.append(event)
                    self._follow(event)
        except (EOFError, OSError):
            worker.lost = True
            worker.process.join(5)
            events.append(WorkerLost(worker.number, _vanished(worker.process.exitcode)))
        return events

    def _follow(self, started: SweepStarted) -> None:
        """The other workers, on the study that now exists."""
        self._job = replace(self._job, assignments=(), name=started.name)
        self._workers += [self._start(number) for number in range(1, self._wanted)]

    def _ending(self) -> SweepEnded | SweepFailed:
        """The best news of the workers: the sweep is done where any of them saw its end."""
        endings = [worker.ending for worker in self._workers if worker.ending is not None]
        good = [ending for ending in endings if isinstance(ending, SweepEnded)]
        if good:
            return max(good, key=lambda one: one.finished)
        failure = next((ending for ending in endings if isinstance(ending, SweepFailed)), None)
        return failure or SweepFailed(
            "All workers of the sweep vanished: start it again with fewer workers; what is finished is kept"
        )


def _vanished(exit_code: int | None) -> str:
    if exit_code is not None and -exit_code == getattr(signal, "SIGKILL", None):
        why = "was ended by SIGKILL, by hand or by the system for lack of memory"
    else:
        why = f"ended unexpectedly with exit code {exit_code}"
    return f"A worker of the sweep {why}; its trial is done again by another"


def _child(job: SweepJob, number: int, sender: Connection, stop: Flag) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        from kws_engine.sweeps.worker import work

        for event in work(job, stop.is_set, worker=number):
            sender.send(event)
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - the child's edge
        sender.send(SweepFailed(f"The sweep could not start: {error}", traceback.format_exc()))
