"""What a run found out about single clips: learning.csv and validation.csv.

learning.csv: path,label,seen,margin,own_probability,predicted - every recorded clip that was trained on; `predicted`
counts in the second half of a run, and is empty where that was not reached.
validation.csv: path,label,predicted,probability,own_probability - every validation clip, with the best weights; the
path of generated silence is empty.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from kws_engine.disk import storing, temporary_beside
from kws_engine.errors import TrainingError
from kws_engine.evaluation.finding import LearnedClip, ValidatedClip
from kws_engine.runs.run_file import DAMAGED, RunFile

Row = TypeVar("Row")
_ANSWER_COLUMNS = {"path", "label", "predicted"}


class LearningTable(RunFile):
    """How each training clip was learned."""

    def write(self, rows: Iterable[LearnedClip]) -> None:
        """Replaces the table.

        Raises:
            ProjectError: The disk is full or the folder cannot be written.
        """
        header = ("path", "label", "seen", "margin", "own_probability", "predicted")
        cells = (
            (one.path, one.label, str(one.seen), f"{one.margin:.4f}", f"{one.own_probability:.4f}", one.predicted)
            for one in rows
        )
        _write(self.path, header, cells)

    def read(self) -> Iterator[LearnedClip]:
        """Its rows; none where the run did not get so far.

        Raises:
            TrainingError: It is damaged.
        """
        return _rows(self.path, _learned)


class ValidationTable(RunFile):
    """The answer to each validation clip."""

    def write(self, rows: Iterable[ValidatedClip]) -> None:
        """Replaces the table.

        Raises:
            ProjectError: The disk is full or the folder cannot be written.
        """
        header = ("path", "label", "predicted", "probability", "own_probability")
        cells = (
            (one.path, one.label, one.predicted, f"{one.probability:.6f}", f"{one.own_probability:.6g}") for one in rows
        )
        _write(self.path, header, cells)

    def read(self) -> Iterator[ValidatedClip]:
        """Its rows; none where the run did not get so far.

        Raises:
            TrainingError: It is damaged.
        """
        return _rows(self.path, _validated)

    def answers(self) -> dict[str, tuple[str, str]]:
        """Label and answer of every recorded clip, by its path as written there.

        Raises:
            TrainingError: It is damaged.
        """
        damaged = TrainingError(f"{self.path} is damaged: delete it, and the model is evaluated again")
        try:
            with open(self.path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                rows = csv.DictReader(file, strict=True)
                if not _ANSWER_COLUMNS <= set(rows.fieldnames or ()):
                    raise damaged
                found = {row["path"]: (row["label"], row["predicted"]) for row in rows if row["path"]}
        except (OSError, csv.Error):
            raise damaged from None
        return {path: answer for path, answer in found.items() if all(answer)}  # a cut-off line has no answer


def _rows(path: Path, read: Callable[[Mapping[str, str]], Row]) -> Iterator[Row]:
    if not path.is_file():
        return
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            for row in csv.DictReader(file, strict=True):
                yield read(row)
    except (*DAMAGED, csv.Error):
        raise TrainingError(f"{path} is damaged: choose another run, or train again with its settings") from None


def _learned(row: Mapping[str, str]) -> LearnedClip:
    return LearnedClip(
        path=row["path"],
        label=row["label"],
        seen=int(row["seen"]),
        margin=float(row["margin"]),
        own_probability=float(row["own_probability"]),
        predicted=row["predicted"],
    )


def _validated(row: Mapping[str, str]) -> ValidatedClip:
    return ValidatedClip(
        path=row["path"],
        label=row["label"],
        predicted=row["predicted"],
        probability=float(row["probability"]),
        own_probability=float(row["own_probability"]),
    )


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with storing(path), temporary_beside(path) as temporary:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        temporary.replace(path)
