"""clips.csv: every clip that a run used, with the hash of its content, so that the run can be repeated."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kws_engine import resources
from kws_engine.clips.clip import audio_files
from kws_engine.clips.layout import CLIPS_FOLDER, ProjectFolder
from kws_engine.clips.words import NOISE
from kws_engine.disk import storing, temporary_beside
from kws_engine.errors import KwsError, TrainingError
from kws_engine.runs.run_file import RunFile

if TYPE_CHECKING:
    from kws_engine.clips.project import Project

_HEADER = ["path", "split", "label", "sha256"]
_STARTER = ("starter", "clips")
_OWN = f"{CLIPS_FOLDER}/"  # how the paths of a project's own clips begin
_NAMED = 3


@dataclass(frozen=True)
class ClipRow:
    """One clip of a run.

    Attributes:
        path: Relative to the project with `/` on every system; absolute where the clip ships with the program.
        label: What it was taken for, such as `_unknown_`.
        sha256: Of the whole file, in hexadecimal; empty where the run ended before it was known.
    """

    path: str
    split: str
    label: str
    sha256: str


def path_in(project: Path, path: Path) -> str:
    """A clip's path as of `ClipRow.path`."""
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.absolute().as_posix()


def row_of(path: Path, *, project: Path, split: str, label: str, sha256: str = "") -> ClipRow:
    """The row of a clip; its file is read for the hash where none is given.

    Raises:
        OSError: The file cannot be read.
    """
    return ClipRow(path_in(project, path), split, label, sha256 or sha256_of(path))


def sha256_of(path: Path) -> str:
    """The hash of a file's content, in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes_of(rows: Sequence[ClipRow], project: Project) -> list[str]:
    """The hash of each row's clip as it is now, empty where it cannot be read.

    The project's own clips are read only where they have changed since they were hashed last.
    """
    own = [row.path.removeprefix(_OWN) for row in rows if row.path.startswith(_OWN)]
    known = dict(project.index.measured.digests(own))
    return [
        known.get(row.path.removeprefix(_OWN), "") if row.path.startswith(_OWN) else _hash_or_none(row, project.folder)
        for row in rows
    ]


def _hash_or_none(row: ClipRow, project: Path) -> str:
    with contextlib.suppress(OSError):
        return sha256_of(located(row, project))
    return ""


def counted(paths: Sequence[str], one: str, many: str) -> str:
    """So many clips, and the first of them by name."""
    more = ", ..." if len(paths) > _NAMED else ""
    return f"{len(paths)} {one if len(paths) == 1 else many} ({', '.join(paths[:_NAMED])}{more})"


def noise_hashes(project: Path) -> dict[str, str]:
    """The project's recordings of background noise, as of `ClipRow.path`, each with its hash; unreadable ones without.

    Raises:
        ProjectError: Their folder cannot be read.
    """
    found: dict[str, str] = {}
    for entry in audio_files(ProjectFolder(project).clips / NOISE):
        path = Path(entry.path)
        found[path.relative_to(project).as_posix()] = ""
        with contextlib.suppress(OSError):
            found[path.relative_to(project).as_posix()] = sha256_of(path)
    return found


class ClipListFile(RunFile):
    """The clips of one run as CSV."""

    def write(self, rows: Iterable[ClipRow]) -> None:
        """Replaces the list at once; takes any number of rows and keeps none in memory.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        with storing(self.path), temporary_beside(self.path) as temporary:
            with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(_HEADER)
                writer.writerows((row.path, row.split, row.label, row.sha256) for row in rows)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)

    def read(self) -> Iterator[ClipRow]:
        """Its rows, one by one.

        Raises:
            TrainingError: It is missing or damaged.
        """
        try:
            with open(self.path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                rows = csv.reader(file, strict=True)
                if next(rows, None) != _HEADER:
                    raise self._damaged()
                for row in rows:
                    if len(row) != len(_HEADER) or not row[0] or "\0" in row[0]:
                        raise self._damaged()
                    yield ClipRow(*row)
        except FileNotFoundError:
            raise TrainingError(
                f"{self.run_name} has no list of its clips ({self.path.name}), as older runs have none: "
                "train again with its settings instead"
            ) from None
        except (OSError, csv.Error) as error:
            raise self._damaged() from error

    def _damaged(self) -> TrainingError:
        return TrainingError(
            f"The list of clips {self.path} is damaged: choose another run, or train again with its settings"
        )


def located(row: ClipRow, project: Path) -> Path:
    """Where the clip of a row is now; one that ships with the program is found wherever the program is installed."""
    path = project / row.path
    if path.exists():
        return path
    parts = PurePosixPath(row.path).parts
    for start in range(1, len(parts) - 2):
        if parts[start : start + 2] == _STARTER and ".." not in parts:
            with contextlib.suppress(KwsError):
                return resources.path(*parts[start:])
    return path
