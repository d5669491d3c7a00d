"""The files and folders that are dragged onto the window, and which of them can be imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtGui import QDropEvent

from kws_engine.clips.clip import is_audio_name
from kws_engine.clips.layout import ProjectFolder

_LISTS: Final = (".zip", ".csv", ".tsv", ".txt")


def dragged(event: QDropEvent) -> list[Path]:
    """The files and folders of this computer that are dragged or dropped."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


def importable(paths: Sequence[Path]) -> list[Path]:
    """One folder that is no project; or recordings; or one zip, table or label track; empty where there is none."""
    folders = [path for path in paths if path.is_dir() and not ProjectFolder(path).is_project]
    if folders:
        return folders[:1]
    recordings = [path for path in paths if path.is_file() and is_audio_name(path.name)]
    lists = [path for path in paths if path.is_file() and path.suffix.lower() in _LISTS]
    return recordings or lists[:1]
