"""Writes a project's clips as a folder or zip in the layout of Speech Commands, or the whole project as a zip."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kws_engine.clips.clip import Clip
from kws_engine.clips.layout import CLIPS_FOLDER, INDEX_FILE, PARTS_FILE, PROJECT_FILE, RUNS_FOLDER, TALK_FOLDER
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE
from kws_engine.disk import storing, temporary_beside
from kws_engine.errors import ProjectError

Kind = Literal["folder", "zip", "project"]
KINDS: Final[tuple[Kind, ...]] = ("folder", "zip", "project")
LISTS: Final = {"validation": "validation_list.txt", "testing": "testing_list.txt"}
_LEVEL: Final = 1  # the quickest: speech becomes hardly smaller by more


@dataclass(frozen=True)
class ExportedData:
    """What was written.

    Attributes:
        target: The folder or file.
        clips: How many clips.
        noises: How many recordings of noise.
        left_out: How many clips are left out of training, and so of a folder or zip in the layout of Speech Commands.
        runs: How many runs.
        stopped: Whether it was cancelled; nothing is left of it then.
    """

    target: Path
    clips: int
    noises: int
    left_out: int = 0
    runs: int = 0
    stopped: bool = False


class _Stopped(Exception):
    """The export was cancelled."""


def export_data(
    project: Project,
    target: Path,
    *,
    kind: Kind = "folder",
    with_runs: bool = False,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ExportedData:
    """Writes the clips of a project so that other programs, and another project, read words, speakers and parts.

    `folder` and `zip` have the layout of Google Speech Commands (Warden 2018) with `validation_list.txt` and
    `testing_list.txt`; what is left out of training stays out. `project` is a zip of the project: settings, all clips,
    what was decided about them, noise and talk; it opens unpacked and imports as it is. The target appears whole or not
    at all.

    Args:
        project: It is only read.
        target: A folder that is new or empty, or a file that does not exist yet.
        kind: What to write.
        with_runs: Whether a project has its runs and their models with it.
        progress: Called with (files done, files in all).
        should_stop: Called before each file.

    Raises:
        ProjectError: The target is in use or part of the project, cannot be written, or the disk is full; there is no
            clip; or runs are asked for in the layout of Speech Commands, which has none.
    """
    if with_runs and kind != "project":
        raise ProjectError("Runs belong to a project: export it as one (--as project), or leave the runs out.")
    _check_target(project, target, kind)
    files = _files(project, whole=kind == "project", with_runs=with_runs)
    clips = project.clips(include_excluded=kind == "project")
    if not len(clips):
        raise ProjectError(f"{project.name} has no clips to export: record or import some first.")
    above = f"{CLIPS_FOLDER}/" if kind == "project" else ""
    total = len(clips) + len(files)
    try:
        with _opened(target, kind) as out:
            for done, (source, name) in enumerate(_in_order(clips, files, above)):
                if should_stop is not None and should_stop():
                    raise _Stopped
                with storing(target):
                    out.copy(source, name)
                if progress is not None:
                    progress(done + 1, total)
            for split, file in LISTS.items():
                listed = "".join(f"{clip.key}\n" for clip in clips if clip.split == split)
                with storing(target):
                    out.text(listed, above + file)
    except _Stopped:
        return ExportedData(target, 0, 0, stopped=True)
    everything = project.clips(include_excluded=True)
    return ExportedData(
        target,
        len(clips),
        len(project.noises()),
        len(everything) - len(clips),
        len({name.split("/")[1] for _, name in files if name.startswith(f"{RUNS_FOLDER}/")}),
    )


def _in_order(clips: Sequence[Clip], files: Sequence[tuple[Path, str]], above: str) -> Iterator[tuple[Path, str]]:
    for clip in clips:
        yield clip.path, f"{above}{clip.key}"
    yield from files


def _check_target(project: Project, target: Path, kind: Kind) -> None:
    own = project.folder.resolve()
    if target.resolve() == own or own in target.resolve().parents:
        raise ProjectError(f"{target} is in the project itself: choose a place outside of it.")
    if kind == "folder" and target.is_dir():
        if any(target.iterdir()):
            raise ProjectError(f"{target} is not empty: choose a new or empty folder.")
    elif target.exists():
        raise ProjectError(f"{target} is there already: choose another name.")


def _files(project: Project, *, whole: bool, with_runs: bool) -> list[tuple[Path, str]]:
    """What belongs to an export beside the clips, and its name there."""
    above = f"{CLIPS_FOLDER}/" if whole else ""
    files = [(path, f"{above}{NOISE}/{path.name}") for path in project.noises()]
    if not whole:
        return files
    files.append((project.folder / PROJECT_FILE, PROJECT_FILE))
    files += [(path, path.name) for name in (INDEX_FILE, PARTS_FILE) if (path := project.folder / name).is_file()]
    for folder in (TALK_FOLDER, *([RUNS_FOLDER] if with_runs else [])):
        inside = sorted(path for path in (project.folder / folder).rglob("*") if path.is_file())
        files += [(path, path.relative_to(project.folder).as_posix()) for path in inside if not path.is_symlink()]
    return files


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, source: Path, name: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def text(self, content: str, name: str) -> None:
        (self._folder / name).write_text(content, encoding="utf-8", newline="\n")


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def copy(self, source: Path, name: str) -> None:
        if source.suffix != ".sqlite":
            self._archive.write(source, name)
            return
        with tempfile.TemporaryDirectory() as folder:  # another program may be writing it
            copy = Path(folder) / source.name
            with (
                contextlib.closing(sqlite3.connect(source)) as one,
                contextlib.closing(sqlite3.connect(copy)) as other,
            ):
                one.backup(other)
            self._archive.write(copy, name)

    def text(self, content: str, name: str) -> None:
        self._archive.writestr(name, content)


@contextlib.contextmanager
def _opened(target: Path, kind: Kind) -> Iterator[_Folder | _Zip]:
    """Where files are written; it gets the target's name when all of them are there."""
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        with storing(target):
            building = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
        try:
            yield _Folder(building)
            with storing(target):
                building.chmod(0o755)
                if target.is_dir():
                    target.rmdir()
                os.replace(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return
    with temporary_beside(target) as temporary:
        with storing(target):
            archive = zipfile.ZipFile(
                temporary, "x", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL, strict_timestamps=False
            )
        try:
            yield _Zip(archive)
        finally:
            with storing(target):
                archive.close()
        with storing(target):
            os.replace(temporary, target)
