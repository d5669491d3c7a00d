"""Where things stand in a project's folder: the one place that names its files and folders.

my-words/
project.toml        words, clip length, sample rate, settings        clips/project_file.py
.project.lock       held while project.toml changes
.import.lock        held while a folder is imported
clips/<word>/       one recording a file
clips.sqlite        what was decided and measured about clips        clips/index_file.py
parts.sqlite        the part of each clip, given once and for good   clips/part_file.py
changes.sqlite      what can be undone after a restart               clips/journal.py
checks.sqlite       what was found in clips, by content              caring/check_file.py
session.json        what is to be recorded, by whom                  clips/session_file.py
.session.lock       held while that is recorded
talk/               the user's own talk, recordings of any length    clips/own_talk.py
listening.jsonl     what was heard on Listen                         operating/listening_log.py
runs/<run>/         one training run each                            runs/folder.py
sweeps/<sweep>/     one search each                                  sweeps/folder.py
.trash/<time>/      deleted files, laid out as they were             clips/trash.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_engine.disk import keep_whole

PROJECT_FILE: Final = "project.toml"
LOCK_FILE: Final = ".project.lock"
IMPORT_LOCK_FILE: Final = ".import.lock"
INDEX_FILE: Final = "clips.sqlite"
PARTS_FILE: Final = "parts.sqlite"
CHANGES_FILE: Final = "changes.sqlite"
CHECKS_FILE: Final = "checks.sqlite"
SESSION_FILE: Final = "session.json"
SESSION_LOCK_FILE: Final = ".session.lock"
CLIPS_FOLDER: Final = "clips"
TALK_FOLDER: Final = "talk"
RUNS_FOLDER: Final = "runs"
SWEEPS_FOLDER: Final = "sweeps"
TRASH_FOLDER: Final = ".trash"
LISTENING_LOG: Final = "listening.jsonl"
keep_whole(PROJECT_FILE)


@dataclass(frozen=True)
class ProjectFolder:
    """The folder of one project, or one that might be."""

    path: Path

    @property
    def is_project(self) -> bool:
        """Whether there is a project in it, readable or not."""
        return self.project_file.is_file()

    @property
    def project_file(self) -> Path:
        """Words, clip length, sample rate and settings."""
        return self.path / PROJECT_FILE

    @property
    def index(self) -> Path:
        """What was decided and measured about clips."""
        return self.path / INDEX_FILE

    @property
    def checks(self) -> Path:
        """What was found in clips; there once they were checked."""
        return self.path / CHECKS_FILE

    @property
    def session(self) -> Path:
        """What is to be recorded, by whom; there once a session was begun."""
        return self.path / SESSION_FILE

    @property
    def clips(self) -> Path:
        """A folder for each word."""
        return self.path / CLIPS_FOLDER

    @property
    def talk(self) -> Path:
        """Recordings of the user's own talk, in which none of the words is spoken."""
        return self.path / TALK_FOLDER

    @property
    def listening_log(self) -> Path:
        """Every detection of the window's listening, for `kws evaluate-stream --log`."""
        return self.path / LISTENING_LOG

    @property
    def runs(self) -> Path:
        """A folder for each run that is not part of a sweep."""
        return self.path / RUNS_FOLDER

    @property
    def sweeps(self) -> Path:
        """A folder for each sweep."""
        return self.path / SWEEPS_FOLDER

    @property
    def trash(self) -> Path:
        """A folder for each deletion."""
        return self.path / TRASH_FOLDER

    def run(self, name: str) -> Path:
        """The folder of a run, by its name."""
        return self.runs / name

    def deleted_runs(self) -> list[Path]:
        """The folders of runs in the trash, the last deletion first."""
        found = (path for path in self.trash.glob(f"*/{RUNS_FOLDER}/*") if path.is_dir())
        return sorted(found, key=lambda path: path.relative_to(self.trash).parts[0], reverse=True)


def project_above(path: Path) -> Path | None:
    """The nearest folder above that is a project: which project a run or a sweep belongs to."""
    return next((above for above in path.absolute().parents if ProjectFolder(above).is_project), None)
