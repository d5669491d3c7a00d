"""What the folders of runs tell, however much of them was written; knows no training, and reads a run once.

Hundreds of runs are listed again and again: a run is read anew only where one of its files has changed.
"""

from __future__ import annotations

import functools
import json
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from kws_engine.clips import layout
from kws_engine.errors import TrainingError
from kws_engine.runs import labels
from kws_engine.runs.lock import is_locked
from kws_engine.training.events import Epoch, Event, Failed, Finished, Started, from_dict

JOB_FILE = "job.toml"
EVENTS_FILE = "events.jsonl"
CHECKPOINT_FILE = "checkpoint.safetensors"
SCHEMA = 1
CUT_OFF = "cut off before its end"
STOPPED = "The run was stopped"
"""How the message of a run begins that a person stopped before there was anything to keep."""

State = Literal["running", "finished", "stopped", "failed", "cut off", "damaged"]
"""Running: a program trains it now. Stopped: a person ended it early. Cut off: without an ending, its program died."""

_LARGEST_JOB = 1_000_000  # bytes; the largest settings that a form makes are some 10,000
_LARGEST_EVENTS = 50_000_000  # characters, some 100,000 epochs
_RUN_NAME = re.compile(r"\d{8}-\d{6}-.")
_REMEMBERED = 5000


@dataclass(frozen=True)
class PastRun:
    """A run as its folder tells it.

    Attributes:
        model: The `.kws` file, or None where the run did not get that far.
        message: Why it failed or what is damaged, empty if nothing; a run without an ending was cut off.
        planned: Epochs that it was to have; 0 where it did not start.
        parameters: Of the network; 0 where the run did not start.
        macs: Multiply-accumulates of one clip; 0 where the run did not start.
    """

    folder: Path
    network: str
    epochs: tuple[Epoch, ...]
    model: Path | None
    message: str
    state: State = "cut off"
    label: labels.Label = field(default_factory=labels.Label)
    seed: int = 0
    planned: int = 0
    parameters: int = 0
    macs: int = 0

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
        """Whether it ended before its time and has what it takes to go on."""
        return self.state in ("cut off", "stopped", "failed") and (self.folder / CHECKPOINT_FILE).is_file()

    @property
    def can_finish(self) -> bool:
        """Whether it has no model, but kept the weights of its best epoch for one."""
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
        }


def past_runs(runs_folder: Path) -> list[PastRun]:
    """Every run of a project, newest first; folders that are no run are passed over."""
    try:
        folders = sorted((path for path in runs_folder.iterdir() if path.is_dir()), reverse=True)
    except OSError:
        return []
    return [run for run in map(read_run, folders) if run is not None]


def read_run(folder: Path) -> PastRun | None:
    """One run; None where the folder is none.

    A folder with a run's name but without a readable job.toml is a damaged run: it can only be deleted.
    """
    run = _read(folder, _signature(folder))
    if run is None or run.state != "cut off" or not is_locked(folder):  # who has just told its ending may still hold it
        return run
    return replace(run, state="running", message="")


def run_in(folder: Path) -> PastRun:
    """One run that somebody named.

    Raises:
        TrainingError: The folder is none of a run, or what it holds is damaged.
    """
    if not folder.is_dir():
        raise TrainingError(f"There is no run {folder}: name a folder in the runs folder of a project")
    run = read_run(folder.absolute())
    if run is None:
        raise TrainingError(f"{folder} is no run: name a folder in the runs folder of a project")
    if run.state == "damaged":
        raise TrainingError(run.message)
    return run


def project_of(folder: Path) -> Path:
    """The project that a run lies in: the nearest folder above it with a project.toml, for those of a sweep too.

    Raises:
        TrainingError: There is none.
    """
    for above in folder.absolute().parents:
        if (above / layout.PROJECT_FILE).exists():
            return above
    raise TrainingError(f"{folder} lies in no project: choose a run in the runs folder of a project")


def job_content(folder: Path) -> dict[str, Any]:
    """What job.toml says, with "settings" as a table.

    Raises:
        TrainingError: It is missing, damaged or of a newer program.
    """
    try:
        with open(folder / JOB_FILE, "rb") as file:
            text = file.read(_LARGEST_JOB + 1)
        if len(text) > _LARGEST_JOB:
            raise unreadable(folder)
        content = tomllib.loads(text.decode())
        schema = content.get("schema", 1)
        if not isinstance(schema, int) or not isinstance(content["settings"], dict):
            raise unreadable(folder)
    except (OSError, LookupError, TypeError, ValueError, RecursionError):
        raise unreadable(folder) from None
    if schema > SCHEMA:
        made_by = str(content.get("version", "newer"))[:20]
        raise TrainingError(f"{folder.name} was made by a newer KWS Studio ({made_by}): update this one to use the run")
    return content


def unreadable(folder: Path) -> TrainingError:
    """The sentence for a job.toml that tells nothing."""
    return TrainingError(f"The settings of {folder.name} cannot be read: choose another run")


def read_events(folder: Path) -> Iterator[Event]:
    """The events of a run; a half-written last line, and what is no event, is passed over."""
    try:
        with open(folder / EVENTS_FILE, encoding="utf-8", errors="replace") as file:
            lines = file.read(_LARGEST_EVENTS).splitlines()
    except OSError:
        return
    for line in lines:
        try:
            event = from_dict(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if _is_whole(event):
            yield event


def history(events: Iterator[Event]) -> tuple[Epoch, ...]:
    """The epochs as one line: one that comes again, as in a run that went on, replaces what was from there on."""
    epochs: list[Epoch] = []
    for event in events:
        if isinstance(event, Epoch):
            while epochs and epochs[-1].epoch >= event.epoch:
                epochs.pop()
            epochs.append(event)
    return tuple(epochs)


def _is_whole(event: Event) -> bool:
    """Whether every field holds what it should, as far as anybody counts with it."""
    kinds: dict[str, Any] = {"int": int, "float": int | float, "bool": bool, "str": str}
    if isinstance(event, Epoch) and not all(isinstance(value, int | float) for value in event.terms.values()):
        return False
    return all(isinstance(getattr(event, one.name), kinds.get(str(one.type), object)) for one in fields(event))


def _signature(folder: Path) -> tuple[tuple[int, int, int], ...]:
    """Changes with every file that is read, and with every file that comes or goes."""
    return tuple(
        _stamp(path)
        for path in (folder, folder / JOB_FILE, folder / EVENTS_FILE, folder / labels.FILE)
    )  # fmt: skip


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


@functools.lru_cache(maxsize=_REMEMBERED)
def _read(folder: Path, signature: tuple[tuple[int, int, int], ...]) -> PastRun | None:
    label = labels.read_label(folder)
    try:
        job = _read_job(folder)
    except TrainingError as error:
        is_run = _RUN_NAME.match(folder.name) is not None
        return PastRun(folder, "", (), None, str(error), "damaged", label) if is_run else None
    events = list(read_events(folder))
    epochs = history(iter(events))
    state, message = _ending(events, epochs, job.patience)
    models = sorted(folder.glob("*.kws")) if not message else []
    started = next((event for event in reversed(events) if isinstance(event, Started)), None)
    run = PastRun(folder, job.network, epochs, models[0] if models else None, message, state, label, job.seed)
    if started is None:
        return run
    return replace(run, planned=started.epochs, parameters=started.parameters, macs=started.macs)


@dataclass(frozen=True)
class _JobRecord:
    network: str
    seed: int
    patience: float


def _read_job(folder: Path) -> _JobRecord:
    content = job_content(folder)
    settings, seed = content["settings"], content.get("seed", 0)
    try:
        network, training = str(settings["model"]["name"]), settings.get("training", {})
        patience = float(training.get("patience", 20)) if training.get("early_stopping", True) else math.inf
    except (LookupError, TypeError, ValueError, AttributeError):
        raise unreadable(folder) from None
    return _JobRecord(network, seed if isinstance(seed, int) else 0, patience)


def _ending(events: list[Event], epochs: tuple[Epoch, ...], patience: float) -> tuple[State, str]:
    """The last ending, unless an epoch came after it; and the message."""
    last = next((event for event in reversed(events) if isinstance(event, Epoch | Finished | Failed)), None)
    if isinstance(last, Failed):
        return ("stopped" if last.message.startswith(STOPPED) else "failed"), last.message
    if not isinstance(last, Finished):
        return "cut off", CUT_OFF
    best = next((epoch.epoch for epoch in reversed(epochs) if epoch.best), 0)
    without_gain = epochs[-1].epoch - best if epochs else 0
    return ("stopped" if last.stopped_early and without_gain < patience else "finished"), ""
