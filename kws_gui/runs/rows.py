"""A run as every page lists it, and how runs are described in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kws_engine.evaluation.interval import Interval, wilson
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.records import PastRun, past_runs


@dataclass(frozen=True)
class RunRow:
    """A run with what its evaluation says.

    Attributes:
        validation: Share of its validation clips that it recognizes correctly; None where that was not measured.
        clips: How many clips that is.
    """

    run: PastRun
    validation: Interval | None
    clips: int

    @property
    def folder(self) -> Path:
        return self.run.folder

    @property
    def title(self) -> str:
        """Its name, else when it began."""
        return self.run.label.name or when(self.folder)

    def matches(self, text: str) -> bool:
        """Whether every word of the text is in its name, tags, note, network, state or time."""
        label = self.run.label
        tags = [f"#{tag}" for tag in label.tags]
        began = (when(self.folder), self.folder.name)
        fields = " ".join((label.name, *tags, label.note, self.run.network, self.run.state, *began)).casefold()
        return all(word in fields for word in text.casefold().split())


def read_rows(runs_folder: Path) -> list[RunRow]:
    """Reads the runs of a project, newest first; slow, so not for the GUI thread."""
    return [RunRow(run, *validation_of(run.folder)) for run in past_runs(runs_folder)]


def has_ended(row: RunRow) -> bool:
    """Whether there is something to look at on Results."""
    return row.run.state not in ("running", "damaged")


def when(folder: Path) -> str:
    """When a run began, from its folder's name: "23 Nov 06:07"; "23 Nov 06:07 (2)" for the second of one moment."""
    try:
        began = f"{datetime.strptime(folder.name[:15], '%Y%m%d-%H%M%S'):%d %b %H:%M}".lstrip("0")
    except ValueError:
        return folder.name
    number = folder.name.rpartition("-")[2] if folder.name.count("-") > 2 else ""
    return f"{began} ({number})" if number.isdigit() else began


def counted(count: int, noun: str) -> str:
    """Says "1 clip", "2 clips"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def validation_of(run_folder: Path) -> tuple[Interval | None, int]:
    """The share of its validation clips that a run recognizes, and how many there are; (None, 0) if not measured."""
    found = RunFolder(run_folder).evaluation.read()
    return (None, 0) if found.accuracy is None else (wilson(found.accuracy * found.clips, found.clips), found.clips)


def choice_text(row: RunRow) -> str:
    """A run in a list of models: "23 Nov 06:07 · tc_resnet · 93%"; its state in place of the figure without a model."""
    parts = [when(row.folder), row.run.network]
    if row.validation is not None:
        parts.append(f"{row.validation.share:.0%}")
    elif row.run.model is None:
        parts.append(row.run.state)
    return " · ".join(parts)


def model_text(row: RunRow) -> str:
    """A run in a list of models to listen with: "23 Nov 06:07 · tc_resnet · misses 5% · 0.5 false alarms/h"."""
    figures = row.run.figures.in_short() if row.run.figures else ""
    return " · ".join([when(row.folder), row.run.network, figures]) if figures else choice_text(row)


def promise_text(row: RunRow) -> str:
    """What a run's model misses and how often it fires falsely; empty if that was not measured."""
    return row.run.figures.told() if row.run.figures else ""


def measured_text(row: RunRow) -> str:
    """Both: misses with false alarms, and accuracy."""
    return " · ".join(text for text in (promise_text(row), accuracy_text(row)) if text)


def outcome_text(row: RunRow) -> str:
    """How a run went, in one sentence."""
    if row.run.state == "damaged":
        return row.run.message
    best = f" · best: epoch {row.run.best.epoch}" if row.run.best else ""
    why = f": {row.run.message}" if row.run.state == "failed" else ""
    return f"{row.run.state.capitalize()} after {counted(len(row.run.epochs), 'epoch')}{best}{why}"


def accuracy_text(row: RunRow) -> str:
    """How well a run recognizes its validation clips; empty if that was not measured."""
    return f"{row.validation.text()} of {row.clips} validation clips right" if row.validation else ""


def finish_text(run: PastRun) -> str:
    """What a button says that makes a model of a run without one."""
    return f"Make a model of epoch {run.best.epoch}" if run.best else ""


def tooltip_text(row: RunRow, *, running: bool = False) -> str:
    """Name, folder, tags, misses and false alarms, accuracy, message and note of a run, a line each."""
    label = row.run.label
    lines = [
        label.name,
        row.folder.name,
        " ".join(f"#{tag}" for tag in label.tags),
        promise_text(row),
        accuracy_text(row),
        "" if running else row.run.message,
        label.note,
    ]
    return "\n".join(line for line in lines if line)
