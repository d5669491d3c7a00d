"""What a run knows of single clips, as tables in its folder; knows no training loop.

learning.csv: path,label,seen,margin,own_probability,predicted - every recorded training clip that was trained on;
what it was predicted to be counts in the second half of a run, and is empty where that never came.
validation.csv: path,label,predicted,probability,own_probability - every validation clip, judged with the best weights.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine.clips.project import Project
from kws_engine.disk import storing, temporary_beside
from kws_engine.errors import ProjectError
from kws_engine.runs.clip_list import ClipRow, row_of, write_clips
from kws_engine.runs.loading import Data
from kws_engine.training.events import Skipped

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.training.dynamics import Dynamics
    from kws_engine.training.parts import Clips

LEARNING, VALIDATION = "learning.csv", "validation.csv"


def write_learning(folder: Path, dynamics: Dynamics, data: Data, project: Project) -> None:
    """Writes learning.csv.

    Raises:
        ProjectError: The disk is full or the folder cannot be written.
    """
    seen, margin, own, predicted = (column.tolist() for column in dynamics.rows())
    rows = (
        (_shown(data.training.paths[at], project), data.labels[label], count, f"{margin[at]:.4f}", f"{own[at]:.4f}",
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
        (_shown(data.validation.paths[clip], project) if clip >= 0 else "", data.labels[label], data.labels[heard],
         f"{surest:.6f}", f"{right:.6g}")
        for clip, label, heard, surest, right in zip(*columns, strict=True)
    )  # fmt: skip
    _write(folder / VALIDATION, ("path", "label", "predicted", "probability", "own_probability"), rows)


class ClipListing:
    """clips.csv, written in a thread of its own: reading every file for its hash need not keep the run waiting."""

    def __init__(self, folder: Path, data: Data, project: Project) -> None:
        self._folder, self._data, self._project = folder, data, project
        self._refusal = ""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def end(self) -> Iterator[Skipped]:
        """Waits for the list; tells where it could not be written."""
        self._thread.join()
        if self._refusal:
            yield Skipped(str(self._folder / "clips.csv"), self._refusal)

    def _work(self) -> None:
        try:
            write_clips(self._folder, self._rows())
        except (ProjectError, OSError) as error:
            self._refusal = str(error)

    def _rows(self) -> Iterator[ClipRow]:
        for split, part in (("training", self._data.training), ("validation", self._data.validation)):
            yield from self._rows_of(split, part)

    def _rows_of(self, split: str, part: Clips) -> Iterator[ClipRow]:
        folder = self._project.clips_folder
        for at in range(0, len(part), 1000):
            paths = part.paths[at : at + 1000]
            own = [path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder)]
            hashes = dict(self._project.index.digests(own))
            for path, label in zip(paths, part.labels[at : at + 1000].tolist(), strict=True):
                key = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""
                name = self._data.labels[label]
                yield self._row(path, split=split, label=name, sha256=hashes.get(key, ""))

    def _row(self, path: Path, *, split: str, label: str, sha256: str) -> ClipRow:
        """One clip; without its hash where the file has gone away during the run, for who repeats it to be told."""
        try:
            return row_of(path, project=self._project.folder, split=split, label=label, sha256=sha256)
        except OSError:
            return ClipRow(_shown(path, self._project), split, label, "")


def _shown(path: Path, project: Project) -> str:
    folder = project.folder
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.absolute().as_posix()


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with storing(path), temporary_beside(path) as temporary:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        temporary.replace(path)
