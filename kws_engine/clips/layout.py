"""The names of the files and folders in a project's folder."""

from __future__ import annotations

from typing import Final

PROJECT_FILE: Final = "project.toml"
CLIPS_FOLDER: Final = "clips"
INDEX_FILE: Final = "clips.sqlite"
RUNS_FOLDER: Final = "runs"
SWEEPS_FOLDER: Final = "sweeps"
TRASH_FOLDER: Final = ".trash"
LOCK_FILE: Final = ".project.lock"
