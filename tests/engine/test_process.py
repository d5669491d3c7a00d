"""A run in a process of its own: one ending whatever becomes of it, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from speech_project import QUICK
from waiting import assert_stays, collect, wait_until

from kws_engine.clips.project import Project
from kws_engine.runs.job import Job
from kws_engine.runs.process import TrainingProcess, _vanished
from kws_engine.runs.records import past_runs
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Event, Failed, Finished, Progress, Promised, Started

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
ENDLESS = ("training.epochs=9000", "training.early_stopping=no", "training.schedule=constant")


@contextmanager
def running(project: Project, *options: str) -> Iterator[TrainingProcess]:
    process = TrainingProcess(Job(project.folder, Settings().with_options((*QUICK, *options)).to_dict(), threads=1))
    try:
        yield process
    finally:
        process.close()


def events_until(process: TrainingProcess, found: Callable[[Event], bool], *, seconds: float = 90.0) -> list[Event]:
    return collect(process.poll, lambda told: any(map(found, told)), seconds=seconds)


def is_ending(event: Event) -> bool:
    return isinstance(event, Finished | Failed)


def wait_until_gone(pid: int, *, seconds: float = 30.0) -> None:
    wait_until(lambda: not _lives(pid), seconds=seconds, what=f"{pid} to end")


def wait_until_quiet(process: TrainingProcess, *, seconds: float = 1.0) -> None:
    """Until it has sent nothing for so long; what was under way may still arrive."""
    quiet_since = time.monotonic()

    def is_quiet() -> bool:
        nonlocal quiet_since
        quiet_since = time.monotonic() if process.poll() else quiet_since
        return time.monotonic() - quiet_since > seconds

    wait_until(is_quiet)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_a_polite_stop_ends_a_run_with_its_best_weights(project: Project) -> None:
    with running(project, *ENDLESS) as process:
        told = events_until(process, lambda event: isinstance(event, Epoch))
        process.stop()
        told += events_until(process, is_ending)
        assert [type(event) for event in told if not isinstance(event, Epoch | Progress)][-3:] == [
            Started, Promised, Finished,
        ]  # fmt: skip
        finished = told[-1]
        assert isinstance(finished, Finished) and finished.stopped_early and Path(finished.model).is_file()
        assert process.ended and process.poll() == []
        wait_until_gone(process.pid or 0)
    assert past_runs(project.runs_folder)[0].model == Path(finished.model)


@pytest.mark.slow
def test_a_killed_process_ends_in_one_sentence_that_says_so(project: Project) -> None:
    with running(project, *ENDLESS) as process:
        told = events_until(process, lambda event: isinstance(event, Epoch))
        os.kill(process.pid or 0, signal.SIGKILL)
        told += events_until(process, is_ending)
        endings = [event for event in told if is_ending(event)]
        assert endings == told[-1:] and isinstance(told[-1], Failed)
        assert "SIGKILL" in told[-1].message and "resume it" in told[-1].message
        assert_stays(lambda: process.poll() == [], seconds=0.2)
        assert not process.is_alive()
    past = past_runs(project.runs_folder)[0]
    assert past.epochs and past.model is None and "cut off" in past.message
    assert (past.folder / "best.safetensors").is_file()


def test_a_process_killed_at_its_start_ends_in_one_sentence(project: Project) -> None:
    with running(project) as process:
        os.kill(process.pid or 0, signal.SIGKILL)
        told = events_until(process, is_ending)
        assert len(told) == 1 and "SIGKILL" in told[0].message  # type: ignore[union-attr]
        assert process.poll() == []


@pytest.mark.slow
def test_a_run_that_cannot_start_says_why_across_processes(tmp_path: Path) -> None:
    process = TrainingProcess(Job(tmp_path / "none"))
    told = events_until(process, is_ending)
    assert len(told) == 1 and isinstance(told[0], Failed) and "There is no project" in told[0].message
    assert "ProjectError" in told[0].traceback
    wait_until_gone(process.pid or 0)
    process.close()
    assert process.poll() == []


@pytest.mark.slow
def test_closing_ends_the_process_and_tells_nobody(project: Project) -> None:
    with running(project, *ENDLESS) as process:
        events_until(process, lambda event: isinstance(event, Progress | Started))
        process.close(seconds=0.5)
        assert not _lives(process.pid or 0) and not process.is_alive()
        assert process.poll() == [] and process.ended
        process.close()  # a second time does no harm


PARENT = """
import sys, threading
from pathlib import Path
from kws_engine.runs.job import Job
from kws_engine.runs.process import TrainingProcess
from kws_engine.settings import Settings
from waiting import collect

if __name__ == "__main__":
    settings = Settings().with_options(sys.argv[2:])
    process = TrainingProcess(Job(Path(sys.argv[1]), settings.to_dict(), threads=1))
    collect(process.poll, lambda events: any(type(event).__name__ == "Started" for event in events))
    print(process.pid, flush=True)
    threading.Event().wait()
"""


def test_the_process_ends_when_its_parent_is_killed(project: Project, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    paths = (Path(__file__).parents[2], Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    with subprocess.Popen(
        [sys.executable, str(script), str(project.folder), *QUICK, *ENDLESS],
        stdout=subprocess.PIPE, text=True, env=environment,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _lives(child)
        parent.kill()
    wait_until_gone(child)


@pytest.mark.parametrize(
    ("code", "said"),
    [(-9, "SIGKILL"), (-15, "SIGTERM"), (-40, "signal 40"), (3, "exit code 3"), (None, "unexpectedly")],
)
def test_every_exit_has_words(code: int | None, said: str) -> None:
    assert said in _vanished(code) and _vanished(code).endswith("resume it")


@pytest.mark.slow
def test_a_paused_run_waits_and_goes_on(project: Project) -> None:
    with running(project, *ENDLESS) as process:
        events_until(process, lambda event: isinstance(event, Epoch))
        process.pause()
        assert process.is_paused
        wait_until_quiet(process)
        assert process.is_alive()
        process.resume()
        assert not process.is_paused and events_until(process, lambda event: isinstance(event, Epoch))
        process.pause()
        process.stop()
        assert isinstance(events_until(process, is_ending)[-1], Finished), "a paused run can be stopped"


@pytest.mark.slow
def test_a_run_killed_while_paused_is_closed_without_waiting(project: Project) -> None:
    process = TrainingProcess(Job(project.folder, Settings().with_options((*QUICK, *ENDLESS)).to_dict(), threads=1))
    events_until(process, lambda event: isinstance(event, Epoch))
    process.pause()
    wait_until_quiet(process)
    os.kill(process.pid or 0, signal.SIGKILL)
    told = events_until(process, is_ending)
    assert isinstance(told[-1], Failed) and "SIGKILL" in told[-1].message
    closing_it = threading.Thread(target=process.close, daemon=True)
    closing_it.start()
    closing_it.join(20)
    assert not closing_it.is_alive(), "the window would hang"
    assert process.ended and not process.is_alive()


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_as_one_never_interrupted(project: Project) -> None:
    options = ("training.epochs=7", "training.fresh_share=0.3", "training.mixup=0.1")
    job = Job(project.folder, Settings().with_options((*QUICK, *options)).to_dict(), seed=4, threads=1)
    whole = [event for event in run(job) if isinstance(event, Epoch)]
    folder: Path | None = None
    for last_epoch in (1, 3, 4):
        with closing(TrainingProcess(replace(job, resume=folder))) as process:
            told = events_until(process, lambda event, last=last_epoch: getattr(event, "epoch", 0) == last)
            if last_epoch == 3:
                assert_stays(process.is_alive, seconds=0.03)  # somewhere in an epoch
            os.kill(process.pid or 0, signal.SIGKILL)
            wait_until_gone(process.pid or 0)
        folder = next(Path(event.run) for event in told if isinstance(event, Started))
    with closing(TrainingProcess(replace(job, resume=folder))) as process:
        told = events_until(process, is_ending)
    assert isinstance(told[-1], Finished) and Path(told[-1].model).is_file()
    past = past_runs(project.runs_folder)[0]
    assert past.folder == folder and past.model is not None
    for before, after in zip(whole, past.epochs, strict=True):
        assert (before.epoch, before.best) == (after.epoch, after.best)
        numbers = [(e.train_loss, e.validation_loss, e.penalty, e.learning_rate) for e in (before, after)]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)
