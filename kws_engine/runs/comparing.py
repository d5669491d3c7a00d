"""Runs side by side: where their settings differ, and whether their results differ by more than chance.

Where a run has no list of its answers, its model is evaluated.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, TrainingError
from kws_engine.evaluation.interval import Interval, wilson
from kws_engine.evaluation.mcnemar import McNemar, mcnemar
from kws_engine.evaluation.metrics import EvaluatedSplit, evaluate
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.records import PastRun, run_in
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel

Progress = Callable[[int, int], None]
Answers = Mapping[str, tuple[str, str]]
"""The label and the answer of every recorded clip, by its absolute path."""


@dataclass(frozen=True)
class Compared:
    """One run in a comparison.

    Attributes:
        seconds: All epochs together.
        accuracy: Share of correct answers, with its interval; None where it has no answers.
        clips: How many that is: the same ones for all runs, unless they have none in common.
        false_alarms_per_hour: From its evaluation, where that was measured.
    """

    run: PastRun
    seconds: float
    accuracy: Interval | None
    clips: int
    false_alarms_per_hour: float | None

    def to_dict(self) -> dict[str, Any]:
        """As printed by `kws compare --json`."""
        share = self.accuracy
        return {
            **self.run.to_dict(),
            "seconds": self.seconds,
            "accuracy": share and {"share": share.share, "low": share.low, "high": share.high, "clips": self.clips},
            "false_alarms_per_hour": self.false_alarms_per_hour,
        }


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; curves are `run.epochs` of each.

    Attributes:
        differs: Option path to its value in each run, None where a run has no such option; only those that differ.
        mcnemar: Where two runs were compared that have clips in common.
        notes: Sentences on what could not be compared, and why.
    """

    runs: tuple[Compared, ...]
    split: EvaluatedSplit
    differs: dict[str, list[Any]]
    mcnemar: McNemar | None
    notes: tuple[str, ...] = field(default=())

    def points(self, against: Literal["parameters", "macs"]) -> list[tuple[float, Compared]]:
        """For a scatter of accuracy against size: the runs that have both."""
        found = [(float(getattr(one.run, against)), one) for one in self.runs]
        return [(size, one) for size, one in found if size > 0 and one.accuracy is not None]

    def to_dict(self) -> dict[str, Any]:
        """As printed by `kws compare --json`."""
        return {
            "split": self.split,
            "runs": [one.to_dict() for one in self.runs],
            "differs": self.differs,
            "mcnemar": vars(self.mcnemar) if self.mcnemar else None,
            "notes": list(self.notes),
        }


def compare(
    runs: Sequence[Path],
    *,
    split: EvaluatedSplit = "validation",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Reads the runs' folders, and evaluates the models of those that stored no answers.

    Clips that one of the runs was trained on are left out for all of them.

    Raises:
        TrainingError: Fewer than two runs, one named twice, or a folder that is no run or damaged.
    """
    folders = [folder.absolute() for folder in runs]
    if len(set(folders)) < max(2, len(folders)):
        raise TrainingError("Comparing takes at least two runs, each named once: name another one")
    past = [run_in(folder) for folder in folders]
    notes: list[str] = []
    answers = _answers_of_all(past, split, notes, progress, should_stop)
    _leave_out_trained(past, answers, notes)
    common = _common(answers, notes)
    return Comparison(
        runs=tuple(_compared(run, given, common) for run, given in zip(past, answers, strict=True)),
        split=split,
        differs=differing([flat_settings(folder) for folder in folders]),
        mcnemar=_mcnemar(answers, common),
        notes=tuple(notes),
    )


def flat_settings(folder: Path) -> dict[str, Any]:
    """Every option that a run was made with by its path, its seed among them.

    Options that are newer than the run have their defaults; where one of the run's is no longer known, all are given
    as they were stored.

    Raises:
        TrainingError: job.toml is missing, damaged or of a newer program.
    """
    content = RunFolder(folder).job.read()
    try:
        values = Settings.from_file(content["settings"]).to_dict()
    except KwsError:
        values = content["settings"]
    flat = dict(_flat(values, ""))
    return {**flat, "seed": content.get("seed", 0)}


def differing(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The options whose values differ, each with its value in every one; None where it does not exist."""
    paths = dict.fromkeys(path for one in settings for path in one)
    rows = {path: [one.get(path) for one in settings] for path in paths}
    return {path: values for path, values in rows.items() if any(value != values[0] for value in values)}


def _flat(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield prefix + name, list(value) if isinstance(value, tuple) else value
        else:
            yield from _flat(value, prefix if name == "options" else f"{prefix}{name}.")


def _answers_of_all(
    runs: Sequence[PastRun],
    split: EvaluatedSplit,
    notes: list[str],
    progress: Progress | None,
    should_stop: Callable[[], bool],
) -> list[dict[str, tuple[str, str]]]:
    found: list[dict[str, tuple[str, str]]] = []
    for number, run in enumerate(runs):

        def report(done: int, total: int, number: int = number) -> None:
            if progress is not None:
                progress(number * total + done, len(runs) * total)

        try:
            found.append(_answers(run, split, report, should_stop))
        except KwsError as error:
            found.append({})
            notes.append(f"{run.title} has no answers to compare: {error}")
    return found


def _answers(
    run: PastRun, split: EvaluatedSplit, progress: Progress, should_stop: Callable[[], bool]
) -> dict[str, tuple[str, str]]:
    folder = RunFolder(run.folder)
    project = folder.project()
    if split == "validation" and folder.validation.exists():
        return {_key(project, path): answer for path, answer in folder.validation.answers().items()}
    if run.model is None:
        raise TrainingError("it has no model file, train it to its end")
    clips = Project.open(project).clips(split=split)
    evaluation = evaluate(SpottingModel(run.model), clips, progress=progress, should_stop=should_stop)
    return {str(one.path.absolute()): (one.label, one.predicted) for one in evaluation.evaluated}


def _key(project: Path, path: str) -> str:
    """`str(project / path)`, ten times as fast: there may be a million of them."""
    return os.path.join(project, path if os.sep == "/" else path.replace("/", os.sep))


def _leave_out_trained(
    runs: Sequence[PastRun], answers: Sequence[dict[str, tuple[str, str]]], notes: list[str]
) -> None:
    """A clip that has since moved to another part is no test of a run that trained on it."""
    asked = {path for given in answers for path in given}
    learned = {path for run in runs for path in _learned(run) if path in asked}
    for given in answers:
        for path in learned & given.keys():
            del given[path]
    if learned:
        notes.append(f"{len(learned)} clips are left out: one of the runs was trained on them")


def _learned(run: PastRun) -> Iterable[str]:
    folder = RunFolder(run.folder)
    if not folder.clips.exists():
        return
    project = folder.project()
    for row in folder.clips.read():
        if row.split == "training":
            yield _key(project, row.path)


def _common(answers: Sequence[Answers], notes: list[str]) -> list[str]:
    """The clips that every run answered, under the same label."""
    given = [one for one in answers if one]
    if len(given) < 2:
        return list(given[0]) if given else []
    shared = [
        path
        for path, (label, _) in given[0].items()
        if all(path in other and other[path][0] == label for other in given[1:])
    ]
    if not shared:
        notes.append("The runs were evaluated on different clips, so their results cannot be tested against each other")
    elif left_out := len({path for one in given for path in one}) - len(shared):
        notes.append(f"{left_out} clips are left out: not all of the runs were evaluated on them under the same label")
    return shared


def _compared(run: PastRun, given: Answers, common: Sequence[str]) -> Compared:
    answers = [given[path] for path in (common or given)] if given else []
    right = sum(label == answer for label, answer in answers)
    return Compared(
        run=run,
        seconds=math.fsum(epoch.seconds for epoch in run.epochs),
        accuracy=wilson(right, len(answers)) if answers else None,
        clips=len(answers),
        false_alarms_per_hour=RunFolder(run.folder).evaluation.read().false_alarms_per_hour,
    )


def _mcnemar(answers: Sequence[Answers], common: Sequence[str]) -> McNemar | None:
    if len(answers) != 2 or not all(answers) or not common:
        return None
    first, second = ([given[path][0] == given[path][1] for path in common] for given in answers)
    b = sum(one and not other for one, other in zip(first, second, strict=True))
    c = sum(other and not one for one, other in zip(first, second, strict=True))
    return mcnemar(b, c, clips=len(common))
