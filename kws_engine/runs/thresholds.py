"""Other thresholds for a model, and the promise of one that has none yet: what the window changes in a model file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from kws_engine.clips.project import Project
from kws_engine.operating.quality import moved
from kws_engine.operating.report import Report
from kws_engine.operating.working_point import of_all
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.promising import Wanted, keep_promise, told
from kws_engine.spotting.model_file import Manifest, SpottingModel
from kws_engine.spotting.rewriting import replace_manifest
from kws_engine.training.events import Progress


def set_thresholds(path: Path, thresholds: Mapping[str, float], report: Report) -> Manifest:
    """Writes thresholds into a model file, with what they miss and fire at; the promise only where they are its own.

    Args:
        path: The model file.
        thresholds: By word; a word without one gets the promised.
        report: Of that model.

    Returns:
        The manifest as it was, with which `replace_manifest` takes all of it back.

    Raises:
        ModelFileError: The model cannot be used.
        ProjectError: It cannot be written; the old one stays.
    """
    before = SpottingModel(path).manifest
    promised = {word: one.threshold for word, one in report.words.items()}
    wanted = promised | dict(thresholds)
    quality = (
        before.quality | told(report) if wanted == promised else moved(before.quality, report, of_all(report, wanted))
    )
    detector = {**before.detector, "thresholds": wanted}
    replace_manifest(path, dataclasses.replace(before, detector=detector, quality=quality))
    return before


def measure_promise(
    path: Path,
    project: Path,
    per_hour: float,
    *,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Report | None:
    """Sets a model's thresholds to a rate of false alarms and measures both numbers, as a run does at its end.

    `project` is a folder. The report is stored beside the model of a run. None where it was stopped: then the model
    file is as it was.

    Raises:
        ModelFileError: The model cannot be used.
        ProjectError: The project cannot be opened, or the model or the report not be written.
    """
    before = SpottingModel(path).manifest
    promising = keep_promise(path, Project.open(project), Wanted(per_hour), should_stop=should_stop)
    report: Report | None = None
    while not should_stop():
        try:
            event = next(promising)
        except StopIteration as end:
            report = end.value
            break
        if isinstance(event, Progress):
            progress(event.done, event.total)
    if report is None or should_stop():  # stopped: less was measured
        replace_manifest(path, before)
        return None
    run = RunFolder(path.absolute().parent)
    if run.job.exists():
        run.promise.write(report)
    return report
