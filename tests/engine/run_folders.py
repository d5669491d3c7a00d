"""Folders of runs made by hand, as a run would have written them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Event, Failed, Finished, Started

LABELS = ["low", "high", "_unknown_", "_silence_"]


def epoch(number: int, *, loss: float | None = None, best: bool = True) -> Epoch:
    measured = 1.0 / number if loss is None else loss
    return Epoch(number, 0.9 / number, 0.9, measured, 0.8, 1e-3, 2.0, 0.0, best, {"cross_entropy": 1.0})


def epochs(last: int, *, best: int | None = None) -> list[Epoch]:
    """From 1 to the last, each better than the one before up to the best."""
    best = last if best is None else best
    return [epoch(number, best=number <= best) for number in range(1, last + 1)]


def started(folder: Path, *, planned: int = 30) -> Started:
    return Started(
        str(folder), LABELS, {"low": 8}, {"low": 2}, parameters=65_000, macs=1_500_000, device="cpu", epochs=planned
    )


def finished(folder: Path, *, best: int = 1, early: bool = False) -> Finished:
    return Finished(str(folder), str(folder / "fnn.kws"), best, 0.8, early)


def run_folder(
    project: Path, options: Sequence[str] = (), *, events: Iterable[Event] = (), seed: int = 0, name: str = ""
) -> Path:
    """A run's folder with job.toml and these events after `Started`."""
    job = Job(project, Settings().with_options(options).to_dict(), seed=seed, name=name)
    folder = make_run_folder(job, project / "runs")
    RunFolder(folder).events.append(started(folder))
    for event in events:
        RunFolder(folder).events.append(event)
    return folder


def ended(project: Path, options: Sequence[str] = (), *, last: int = 5, **more: object) -> Path:
    """A finished run."""
    folder = run_folder(project, options, events=epochs(last), **more)  # type: ignore[arg-type]
    RunFolder(folder).events.append(finished(folder, best=last))
    return folder


__all__ = ["Failed", "ended", "epoch", "epochs", "finished", "run_folder", "started"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk on which no file can grow beyond so many bytes."""
    import resource  # not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
