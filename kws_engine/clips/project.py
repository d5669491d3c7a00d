"""An open project: what it holds now, and `edit` to change it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kws_engine import resources
from kws_engine.clips import contents, project_file
from kws_engine.clips.clip import Clip, WordSummary, audio_files, layout_clips
from kws_engine.clips.contents import Current
from kws_engine.clips.edit import Edit
from kws_engine.clips.index import Index
from kws_engine.clips.layout import CLIPS_FOLDER, PROJECT_FILE, RUNS_FOLDER
from kws_engine.clips.split import Split
from kws_engine.clips.table import ClipList, ClipTable
from kws_engine.clips.words import NOISE, UNKNOWN, check_new_word
from kws_engine.disk import storing
from kws_engine.errors import ProjectError


class Project:
    """An open project; what it returns is a snapshot, in which later changes do not show.

    Attributes:
        folder: The project's folder.
        index: What was measured in the clips and decided about them.
        edit: Every change of words, clips and settings, one by one or several in a `with`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Opens the project in `folder`.

        Raises:
            ProjectError: There is none, it is damaged, or a newer program made it.
        """
        self.folder = Path(folder)
        self.index = Index(self.folder, self.clips_folder)
        self._current = Current(contents.read(self.folder, self.index))
        self.edit = Edit(self.folder, self.index, self._current)

    @classmethod
    def create(cls, folder: str | os.PathLike[str], *, words: Iterable[str] = (), name: str | None = None) -> Project:
        """Makes a project in a new or empty folder.

        Raises:
            ProjectError: The folder is not empty, is a project already, cannot be written, or a word's name is unfit.
        """
        folder = Path(folder)
        checked: tuple[str, ...] = ()
        for word in words:
            checked += (check_new_word(word, checked),)
        project_file.check_free(folder)
        with storing(folder):
            for word in (*checked, UNKNOWN, NOISE):
                (folder / CLIPS_FOLDER / word).mkdir(parents=True, exist_ok=True)
            (folder / RUNS_FOLDER).mkdir(exist_ok=True)
        project_file.write(folder, project_file.new_content(name or folder.absolute().name, checked))
        return cls(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Project:
        """Opens the project in `folder`.

        Raises:
            ProjectError: There is none, it is damaged, or a newer program made it.
        """
        return cls(folder)

    def refresh(self) -> None:
        """Looks at the disk again: words, clips, decisions; headers are read only of files that changed."""
        self.edit.refresh()

    # -- where things are

    @property
    def clips_folder(self) -> Path:
        return self.folder / CLIPS_FOLDER

    @property
    def runs_folder(self) -> Path:
        return self.folder / RUNS_FOLDER

    # -- what project.toml says

    @property
    def name(self) -> str:
        return self._current.contents.file.name

    @property
    def words(self) -> tuple[str, ...]:
        """The words to teach, in order; `_unknown_` and the like are not among them."""
        return self._current.contents.words

    @property
    def settings(self) -> dict[str, Any]:
        """What `edit.save_settings` stored last, as plain nested tables; a copy."""
        return project_file.plain(self._current.contents.file.settings)

    @property
    def rate(self) -> int:
        """Samples per second of every clip."""
        return self._current.contents.file.rate

    @property
    def clip_ms(self) -> int:
        return self._current.contents.file.clip_ms

    @property
    def clip_samples(self) -> int:
        return self.rate * self.clip_ms // 1000

    @property
    def is_split_settled(self) -> bool:
        """Whether there have been clips, so that later ones are given their parts beside them."""
        return len(self.table()) > 0 or self._current.contents.file.by_take is not None

    # -- the clips

    def table(self) -> ClipTable:
        """All readable clips in columns."""
        return self._current.contents.table

    def clips(self, *, word: str | None = None, split: Split | None = None, include_excluded: bool = False) -> ClipList:
        """The clips of all words and of `_unknown_`, by word, speaker and take."""
        table = self.table()
        return table.clips(table.select(word=word, split=split, include_excluded=include_excluded))

    @property
    def unreadable(self) -> Sequence[Clip]:
        """The files in the folders of words that are not sound, with 0 seconds."""
        return self._current.contents.unreadable.clips()

    def noises(self) -> list[Path]:
        """The recordings of background noise, of any length."""
        return [Path(entry.path) for entry in audio_files(self.clips_folder / NOISE)]

    def summary(self) -> dict[str, WordSummary]:
        """Counts for each word in order, `_unknown_` last."""
        table = self.table()
        return {word: table.summary(word) for word in table.words}

    def levels(self, clips: Iterable[Clip]) -> list[tuple[float, float]]:
        """Peak and RMS level of each clip in dBFS, measured once and remembered.

        Raises:
            AudioError: A clip cannot be decoded.
        """
        now = self._current.contents
        return self.index.measured.levels([now.key(clip.path) for clip in clips])


def folder_clips(folder: str | os.PathLike[str], *, with_unreadable: bool = False) -> Sequence[Clip]:
    """The clips of a project, with its own split, or of any folder in Speech Commands layout, split by hash.

    Files that cannot be read are left out, or come with 0 seconds.

    Raises:
        ProjectError: The folder is missing or holds no readable clip, or the project cannot be opened.
    """
    folder = Path(folder)
    if not (folder / PROJECT_FILE).is_file():
        return layout_clips(folder, with_unreadable=with_unreadable)
    project = Project.open(folder)
    clips = project.clips()
    if not clips:
        raise ProjectError(f"The project {folder} holds no readable clip: record or import some first.")
    return [*clips, *project.unreadable] if with_unreadable else clips


def copy_starter(target: str | os.PathLike[str]) -> Project:
    """Copies the starter project to a new or empty folder and opens it.

    Raises:
        ProjectError: The folder is not empty or cannot be written.
    """
    target = Path(target)
    project_file.check_free(target)
    source = resources.path("starter")
    with storing(target):
        try:
            shutil.copytree(source, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
        except shutil.Error as error:
            raise OSError(str(error)) from error
        for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
            folder.chmod(folder.stat().st_mode | 0o700)
    return Project.open(target)
