"""A run's folder: names every file in it and hands out each as an object that reads and writes it.

20250101-120000-fnn/
job.toml                settings, seed, threads, versions             .job
label.toml              a person's name, tags and note                .label
clips.csv               every clip that was used, with its hash       .clips
events.jsonl            what the run emitted                          .events
events.out.tfevents.*   the same curves for TensorBoard               .tensorboard_files()
checkpoint.safetensors  the state after the last epoch                .snapshot
best.safetensors        the weights of the best epoch                 .best_weights
learning.csv            how each training clip was learned            .learning
validation.csv          the answer to each validation clip            .validation
evaluation.json         what the model gets right                     .evaluation
promise.json            what it misses, how often it fires falsely    .promise
weights.json            how the weights are spread                    .weights
<network>.kws           the model                                     .model()
running.lock            held by the program that is at work in it     .lock()
"""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from kws_engine.clips.layout import project_above
from kws_engine.disk import failure_kind, refuse_link, remove_leftovers
from kws_engine.errors import TrainingError
from kws_engine.runs.clip_list import ClipListFile
from kws_engine.runs.clip_tables import LearningTable, ValidationTable
from kws_engine.runs.evaluation_file import EvaluationFile
from kws_engine.runs.event_file import EventFile
from kws_engine.runs.job_file import JobFile
from kws_engine.runs.label_file import LabelFile
from kws_engine.runs.lock import RunLock, is_locked
from kws_engine.runs.promise_file import PromiseFile
from kws_engine.runs.state_files import BestWeightsFile, SnapshotFile
from kws_engine.runs.weights_file import WeightsFile

MODEL_SUFFIX: Final = ".kws"
_NAME = re.compile(r"\d{8}-\d{6}-.")
_LOCK: Final = "running.lock"
_TENSORBOARD: Final = "events.out.tfevents."
_OWN_SUFFIXES = (".safetensors", ".jsonl", ".csv", ".json", MODEL_SUFFIX)  # written only by the holder of the lock


@dataclass(frozen=True)
class RunFolder:
    """One run's folder, or one that might be."""

    path: Path

    @classmethod
    def create(cls, runs_folder: Path, name: str, *, otherwise: str) -> RunFolder:
        """A new, empty folder `<time>-<name>`.

        Args:
            runs_folder: Made where it is missing.
            name: A person's; what some file system would refuse in it is replaced.
            otherwise: Stands in where nothing of the name is left.

        Raises:
            TrainingError: It cannot be made.
            ProjectError: A link leads out of the project there.
        """
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{_safe(name) or otherwise}"
        refuse_link(runs_folder, itself=True)
        try:
            runs_folder.mkdir(exist_ok=True, parents=True)
            for number in range(1, 1000):
                folder = runs_folder / (name if number == 1 else f"{name}-{number}")
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
                return cls(folder)
        except OSError as error:
            why = f"{runs_folder} cannot be written ({error.strerror}): check space and permissions"
            raise TrainingError(why, kind=failure_kind(error)) from None
        raise TrainingError(f"{runs_folder} has 999 runs of this very second: wait a second and train again")

    # -- the files

    @property
    def job(self) -> JobFile:
        """Settings, seed, threads and versions."""
        return JobFile(self.path / "job.toml")

    @property
    def label(self) -> LabelFile:
        """What a person wrote about the run."""
        return LabelFile(self.path / "label.toml")

    @property
    def clips(self) -> ClipListFile:
        """Every clip that was used; older runs have no such list."""
        return ClipListFile(self.path / "clips.csv")

    @property
    def events(self) -> EventFile:
        """What the run emitted."""
        return EventFile(self.path / "events.jsonl")

    @property
    def snapshot(self) -> SnapshotFile:
        """The state after the last epoch, to resume from."""
        return SnapshotFile(self.path / "checkpoint.safetensors")

    @property
    def best_weights(self) -> BestWeightsFile:
        """The weights of the best epoch."""
        return BestWeightsFile(self.path / "best.safetensors")

    @property
    def learning(self) -> LearningTable:
        """How each training clip was learned."""
        return LearningTable(self.path / "learning.csv")

    @property
    def validation(self) -> ValidationTable:
        """The answer to each validation clip."""
        return ValidationTable(self.path / "validation.csv")

    @property
    def evaluation(self) -> EvaluationFile:
        """What the model gets right."""
        return EvaluationFile(self.path / "evaluation.json")

    @property
    def promise(self) -> PromiseFile:
        """What the model misses and how often it fires falsely."""
        return PromiseFile(self.path / "promise.json")

    @property
    def weights(self) -> WeightsFile:
        """How the weights are spread."""
        return WeightsFile(self.path / "weights.json")

    def model(self) -> Path | None:
        """The model file; None where there is none."""
        return next(iter(sorted(self.path.glob(f"*{MODEL_SUFFIX}"))), None)

    def model_file(self, network: str) -> Path:
        """Where the model of a network is written."""
        return self.path / f"{network}{MODEL_SUFFIX}"

    def tensorboard_files(self) -> list[Path]:
        """The event files for TensorBoard, the oldest first."""
        return sorted(self.path.glob(f"{_TENSORBOARD}*"))

    def new_tensorboard_file(self) -> Path:
        """A path for one more, named as TensorBoard does."""
        return self.path / f"{_TENSORBOARD}{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"

    # -- the folder

    @property
    def has_run_name(self) -> bool:
        """Whether it is named as this program names runs."""
        return _NAME.match(self.path.name) is not None

    def check(self) -> None:
        """Refuses a folder that is not there.

        Raises:
            TrainingError: It was deleted or moved.
        """
        if not self.path.is_dir():
            raise TrainingError(f"There is no run {self.path.name}: it was deleted or moved")

    def project(self) -> Path:
        """The project that it belongs to: the nearest one above, for the runs of a sweep too.

        Raises:
            TrainingError: There is none.
        """
        if (found := project_above(self.path)) is None:
            raise TrainingError(f"{self.path} lies in no project: choose a run in the runs folder of a project")
        return found

    def stamps(self) -> tuple[tuple[int, int, int], ...]:
        """Changes with every file that says how the run went, and with every file that comes or goes."""
        return tuple(map(_stamp, (self.path, self.job.path, self.events.path, self.label.path)))

    def lock(self) -> RunLock:
        """Held by the program that works in the folder."""
        return RunLock(self.path / _LOCK)

    def is_locked(self) -> bool:
        """Whether some program, this one included, works in the folder."""
        return is_locked(self.path / _LOCK)

    def remove_lock_file(self) -> None:
        """For a folder in which nobody can work any more, such as one in the trash."""
        (self.path / _LOCK).unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Removes what a killed program left half written; only for the holder of the lock."""
        remove_leftovers(self.path, suffixes=_OWN_SUFFIXES)


def _safe(name: str) -> str:
    """The part of a name that every file system takes."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-_")[:40]


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
