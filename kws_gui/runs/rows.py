"""A run, or one that waits, in the words of the Train page's list; knows no widget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kws_engine.evaluation.interval import Interval, wilson
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.records import PastRun, past_runs


@dataclass(frozen=True)
class RunRow:
    """A run as the list shows it.

    Attributes:
        validation: Share of its validation clips that it names rightly, where the run got that far.
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
        """What a person calls it, else when it began."""
        return self.run.label.name or when(self.folder)

    def matches(self, text: str) -> bool:
        """Whether every word of the text is in its name, tags, note, network, state or time."""
        label = self.run.label
        told = (label.name, *(f"#{tag}" for tag in label.tags), label.note, self.run.network, self.run.state,
                when(self.folder), self.folder.name)  # fmt: skip
        whole = " ".join(told).casefold()
        return all(word in whole for word in text.casefold().split())


def read_rows(runs_folder: Path) -> list[RunRow]:
    """The runs of a project with what their evaluation says; reads files, so not for the GUI's thread."""
    return [RunRow(run, *validation_of(run.folder)) for run in past_runs(runs_folder)]


def when(folder: Path) -> str:
    """When a run began, from its folder's name: "23 Nov 06:07"; "23 Nov 06:07 (2)" for the second of one moment."""
    try:
        began = f"{datetime.strptime(folder.name[:15], '%Y%m%d-%H%M%S'):%d %b %H:%M}".lstrip("0")
    except ValueError:
        return folder.name
    number = folder.name.rpartition("-")[2] if folder.name.count("-") > 2 else ""
    return f"{began} ({number})" if number.isdigit() else began


def validation_of(run_folder: Path) -> tuple[Interval | None, int]:
    """How much of how many validation clips a run names rightly, from its evaluation; (None, 0) without one."""
    found = RunFolder(run_folder).evaluation.read()
    return (None, 0) if found.accuracy is None else (wilson(found.accuracy * found.clips, found.clips), found.clips)


def story(row: RunRow) -> str:
    """How a past run went, in one sentence."""
    if row.run.state == "damaged":
        return row.run.message
    best = f" · best: epoch {row.run.best.epoch}" if row.run.best else ""
    why = f": {row.run.message}" if row.run.state == "failed" else ""
    return f"{row.run.state.capitalize()} after {counted(len(row.run.epochs), 'epoch')}{best}{why}"


def finish_in_words(run: PastRun) -> str:
    """What a button says that makes a model of a run that has none."""
    return f"Make a model of epoch {run.best.epoch}" if run.best else ""


def quality(validation: Interval | None, clips: int) -> str:
    """How good a run became, in words; empty where it was not measured."""
    return f"{validation.text()} of {clips} validation clips right" if validation else ""


def counted(count: int, noun: str) -> str:
    """Says "1 clip", "2 clips"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def about(row: RunRow, *, running: bool = False) -> str:
    """All that is told of a run in its tooltip, a line each."""
    label = row.run.label
    lines = [
        label.name,
        row.folder.name,
        " ".join(f"#{tag}" for tag in label.tags),
        quality(row.validation, row.clips),
        "" if running else row.run.message,
        label.note,
    ]
    return "\n".join(line for line in lines if line)
