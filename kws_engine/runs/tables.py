"""What a run knows of single clips, as tables in its folder; knows no training loop.

learning.csv: path,label,seen,margin,own_probability,predicted - every recorded training clip that was trained on;
what it was predicted to be counts in the second half of a run, and is empty where that never came.
validation.csv: path,label,predicted,probability,own_probability - every validation clip, judged with the best weights.
"""

from __future__ import annotations

import csv
import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine.clips.project import Project
from kws_engine.disk import storing, temporary_beside
from kws_engine.errors import KwsError
from kws_engine.runs.clip_list import FILE as CLIPS_FILE
from kws_engine.runs.clip_list import ClipRow, hashes_of, path_in, read_clips, write_clips
from kws_engine.runs.loading import Data
from kws_engine.training.events import Skipped

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.training.training_dynamics import TrainingDynamics

LEARNING, VALIDATION = "learning.csv", "validation.csv"
_HASHED_AT_ONCE = 50  # clips: so soon the thread ends when it is told to


def write_learning(folder: Path, dynamics: TrainingDynamics, data: Data, project: Project) -> None:
    """Writes learning.csv.

    Raises:
        ProjectError: The disk is full or the folder cannot be written.
    """
    seen, margin, own, predicted = (column.tolist() for column in dynamics.rows())
    rows = (
        (path_in(project.folder, data.training.paths[at]), data.labels[label], count,
         f"{margin[at]:.4f}", f"{own[at]:.4f}",
         data.labels[predicted[at]] if predicted[at] >= 0 else "")
        for at, (label, count) in enumerate(zip(data.training.labels.tolist(), seen, strict=True))
        if count
    )  # fmt: skip
    _write(folder / LEARNING, ("path", "label", "seen", "margin", "own_probability", "predicted"), rows)


def write_validation(
    folder: Path, clips: Tensor, labels: Tensor, logits: Tensor, *, data: Data, project: Project
) -> None:
    """Writes validation.csv.

    Args:
        folder: The run's.
        clips: (N,) indices into the validation part, below 0 for silence made by the program.
        labels: (N,).
        logits: (N, n_labels).
        data: Whose labels and validation part.
        project: Paths are written relative to its folder.

    Raises:
        ProjectError: The disk is full or the folder cannot be written.
    """
    probabilities = logits.float().softmax(1).cpu()
    best, predicted = probabilities.max(1)
    own = probabilities.gather(1, labels.cpu().unsqueeze(1)).squeeze(1)
    columns = (clips.tolist(), labels.tolist(), predicted.tolist(), best.tolist(), own.tolist())
    rows = (
        (path_in(project.folder, data.validation.paths[clip]) if clip >= 0 else "",
         data.labels[label], data.labels[heard], f"{surest:.6f}", f"{right:.6g}")
        for clip, label, heard, surest, right in zip(*columns, strict=True)
    )  # fmt: skip
    _write(folder / VALIDATION, ("path", "label", "predicted", "probability", "own_probability"), rows)


class ClipListing:
    """clips.csv: first of all the clips, so that a run never goes on with others, and then with what is in them.

    Reading every file for its hash need not keep the run waiting, so that is done in a thread of its own. A run that is
    gone on with keeps its list; hashes that are lacking come in.
    """

    def __init__(self, folder: Path, data: Data, project: Project) -> None:
        """Writes the list and starts the thread.

        Raises:
            ProjectError: The disk is full or the folder cannot be written.
        """
        self._folder, self._project = folder, project
        self._refusal = ""
        self._stopping = threading.Event()
        if not (folder / CLIPS_FILE).exists():
            write_clips(folder, _rows(data, project))
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def end(self) -> Iterator[Skipped]:
        """Waits for the hashes; tells where they could not be written."""
        self._thread.join()
        if self._refusal:
            yield Skipped(str(self._folder / CLIPS_FILE), self._refusal)

    def stop(self) -> None:
        """Ends the thread, wherever it is; the list stands as it was written last."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            if not all(row.sha256 for row in read_clips(self._folder)):
                write_clips(self._folder, self._hashed(read_clips(self._folder)))
        except _StoppedError:
            return
        except (KwsError, OSError) as error:
            self._refusal = str(error)

    def _hashed(self, rows: Iterator[ClipRow]) -> Iterator[ClipRow]:
        """The rows with their hashes; without one where the file has gone away, for who repeats the run to be told."""
        while some := list(itertools.islice(rows, _HASHED_AT_ONCE)):
            if self._stopping.is_set():
                raise _StoppedError
            lacking = [row for row in some if not row.sha256]
            hashes = dict(zip(lacking, hashes_of(lacking, self._project), strict=True))
            yield from (replace(row, sha256=hashes.get(row, row.sha256)) for row in some)


class _StoppedError(Exception):
    """The list is no longer wanted."""


def _rows(data: Data, project: Project) -> Iterator[ClipRow]:
    """Every clip, its hash left empty."""
    for split, part in (("training", data.training), ("validation", data.validation)):
        for path, label in zip(part.paths, part.labels.tolist(), strict=True):
            yield ClipRow(path_in(project.folder, path), split, data.labels[label], "")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with storing(path), temporary_beside(path) as temporary:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        temporary.replace(path)
