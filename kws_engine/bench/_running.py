"""Runs jobs to their end, for benchmarks that look at what they leave."""

from __future__ import annotations

from pathlib import Path

from kws_engine.errors import KwsError
from kws_engine.runs.job import Job
from kws_engine.training.events import Failed, Finished, Started


def ran(job: Job, *, may_lose_number: bool = False) -> Path:
    """Trains, and returns the run's folder.

    Raises:
        KwsError: The run failed, for another reason than that its loss was no longer a number where it may be so.
    """
    from kws_engine.runs.run import run  # torch is imported only when something trains

    folder: Path | None = None
    message = "it has no ending"
    for event in run(job):
        if isinstance(event, Started):
            folder = Path(event.run)
        if isinstance(event, Finished | Failed):
            message = event.message if isinstance(event, Failed) else ""
            if isinstance(event, Failed) and event.kind == "not_a_number" and may_lose_number:
                message = ""
    if folder is None or message:
        raise KwsError(f"A run in {job.project.name} failed ({message}): measure again")
    return folder
