"""Past runs as their folders record them, however much of each was written.

Hundreds of runs are listed again and again: a run is read again only where one of its files has changed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from kws_engine.errors import FailureKind, TrainingError, printable, shortened
from kws_engine.operating.quality import Figures, figures_in
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job_file import JobFile
from kws_engine.runs.label_file import Label
from kws_engine.training.events import Epoch, Event, Failed, Finished, Started

CUT_OFF = "cut off before its end"

State = Literal["running", "finished", "stopped", "failed", "cut off", "damaged"]
"""Running: a program trains it now. Stopped: a person ended it early. Cut off: its program died without an ending."""

_CACHED_RUNS = 5000
_LONGEST_MESSAGE = 1000  # a stranger may have written it


@dataclass(frozen=True)
class PastRun:
    """A run as its folder records it.

    Attributes:
        model: The `.kws` file, or None where the run did not get that far.
        message: Why it failed or what is damaged, empty if nothing; a run without an ending was cut off.
        planned: Epochs that it was to have; 0 where it did not start.
        parameters: Of the network; 0 where the run did not start.
        macs: Multiply-accumulates of one clip; 0 where the run did not start.
        kind: How it failed; None where it did not, or its program died first.
        figures: What its model misses and how often it fires falsely, at the thresholds that it has now.
    """

    folder: Path
    network: str
    epochs: tuple[Epoch, ...]
    model: Path | None
    message: str
    state: State = "cut off"
    label: Label = field(default_factory=Label)
    seed: int = 0
    planned: int = 0
    parameters: int = 0
    macs: int = 0
    kind: FailureKind | None = None
    figures: Figures | None = None

    @property
    def best(self) -> Epoch | None:
        """The last epoch that was a new best."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)

    @property
    def title(self) -> str:
        """What a person calls it; without a name, its folder's."""
        return self.label.name or self.folder.name

    @property
    def can_resume(self) -> bool:
        """Whether it ended early and has a state to resume from."""
        return self.state in ("cut off", "stopped", "failed") and RunFolder(self.folder).snapshot.exists()

    @property
    def can_finish(self) -> bool:
        """Whether it has no model, but the weights of its best epoch to make one of."""
        return self.model is None and self.best is not None and self.can_resume

    def to_dict(self) -> dict[str, Any]:
        """As printed by `kws runs --json`; what is not known is null."""
        best = self.best
        return {
            "run": str(self.folder),
            "name": self.label.name,
            "tags": list(self.label.tags),
            "state": self.state,
            "network": self.network,
            "seed": self.seed,
            "epochs": len(self.epochs),
            "best_epoch": best.epoch if best else None,
            "validation_accuracy": best.validation_accuracy if best else None,
            "validation_loss": best.validation_loss if best and math.isfinite(best.validation_loss) else None,
            "parameters": self.parameters or None,
            "macs": self.macs or None,
            "model": str(self.model) if self.model else None,
            "message": self.message,
            "kind": self.kind,
            "promise": self.figures.to_dict() if self.figures else None,
        }


def past_runs(runs_folder: Path) -> list[PastRun]:
    """Every run in a folder of runs, newest first; folders that are no run are skipped."""
    try:
        folders = sorted((path for path in runs_folder.iterdir() if path.is_dir()), reverse=True)
    except OSError:
        return []
    return [run for run in map(read_run, folders) if run is not None]


def read_run(folder: Path) -> PastRun | None:
    """One run; None where the folder is not one.

    A folder with a run's name but without a readable job.toml is a damaged run: it can only be deleted.
    """
    files = RunFolder(folder)
    run = _read(files, files.stamps())
    if run is None or run.state != "cut off" or not files.is_locked():  # a program that has just ended a run holds it
        return run
    return replace(run, state="running", message="")


def run_in(folder: Path) -> PastRun:
    """One run that a person named.

    Raises:
        TrainingError: The folder is no run's, or what it holds is damaged.
    """
    if not folder.is_dir():
        raise TrainingError(f"There is no run {folder}: name a folder in the runs folder of a project")
    run = read_run(folder.absolute())
    if run is None:
        raise TrainingError(f"{folder} is no run: name a folder in the runs folder of a project")
    if run.state == "damaged":
        raise TrainingError(run.message)
    return run


def history(events: Iterator[Event]) -> tuple[Epoch, ...]:
    """The epochs in one line: one that comes again, as in a resumed run, replaces all from there on."""
    epochs: list[Epoch] = []
    for event in events:
        if isinstance(event, Epoch):
            while epochs and epochs[-1].epoch >= event.epoch:
                epochs.pop()
            epochs.append(event)
    return tuple(epochs)


@functools.lru_cache(maxsize=_CACHED_RUNS)
def _read(files: RunFolder, stamps: tuple[tuple[int, int, int], ...]) -> PastRun | None:
    folder, label = files.path, files.label.read()
    try:
        job = _read_job(files.job)
    except TrainingError as error:
        return PastRun(folder, "", (), None, str(error), "damaged", label) if files.has_run_name else None
    events = list(files.events.read())
    epochs, ending = history(iter(events)), _ending(events)
    model = files.model() if isinstance(ending, Finished) else None
    run = PastRun(
        folder,
        job.network,
        epochs,
        model,
        _message(ending),
        _state(ending, epochs, job.patience),
        label,
        job.seed,
        kind=ending.kind if isinstance(ending, Failed) else None,
        figures=figures_in(model) if model else None,
    )
    started = next((event for event in reversed(events) if isinstance(event, Started)), None)
    if started is None:
        return run
    return replace(run, planned=started.epochs, parameters=started.parameters, macs=started.macs)


@dataclass(frozen=True)
class _JobRecord:
    network: str
    seed: int
    patience: float


def _read_job(file: JobFile) -> _JobRecord:
    content = file.read()
    settings, seed = content["settings"], content.get("seed", 0)
    try:
        network, training = shortened(settings["model"]["name"]), settings.get("training", {})
        patience = float(training.get("patience", 20)) if training.get("early_stopping", True) else math.inf
    except (LookupError, TypeError, ValueError, AttributeError):
        raise file.unreadable() from None
    return _JobRecord(network, seed if isinstance(seed, int) else 0, patience)


def _ending(events: list[Event]) -> Finished | Failed | None:
    """The last ending, unless an epoch came after it."""
    last = next((event for event in reversed(events) if isinstance(event, Epoch | Finished | Failed)), None)
    return None if isinstance(last, Epoch) else last


def _message(ending: Finished | Failed | None) -> str:
    if ending is None:
        return CUT_OFF
    return printable(ending.message)[:_LONGEST_MESSAGE] if isinstance(ending, Failed) else ""


def _state(ending: Finished | Failed | None, epochs: tuple[Epoch, ...], patience: float) -> State:
    if ending is None:
        return "cut off"
    if isinstance(ending, Failed):
        return "stopped" if ending.kind == "stopped" else "failed"
    best = next((epoch.epoch for epoch in reversed(epochs) if epoch.best), 0)
    without_gain = epochs[-1].epoch - best if epochs else 0
    return "stopped" if ending.stopped_early and without_gain < patience else "finished"
