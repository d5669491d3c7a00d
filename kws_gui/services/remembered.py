"""What the program remembers from one start to the next, and where it stores it."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from PySide6.QtCore import QCoreApplication, QSettings, QStandardPaths

from kws_engine.commands.microphone import default_speaker

APPLICATION = "KWS Studio"
HOME_VARIABLE = "KWS_STUDIO_HOME"
_RECENT = "projects/recent"
_LAST = "projects/last"
_WRITING = "train/writing_s"
_SPEAKER = "words/speaker"
_MOST_RECENT = 8
_FIRST_WRITING_S = 4.0


def set_up() -> None:
    """Makes `QSettings()` mean this program's; under the folder KWS_STUDIO_HOME where that is set."""
    QCoreApplication.setOrganizationName(APPLICATION)
    QCoreApplication.setApplicationName(APPLICATION)
    if home := os.environ.get(HOME_VARIABLE):
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, home)


def log_folder() -> Path:
    """The folder of the log file; made on first use."""
    home = os.environ.get(HOME_VARIABLE)
    folder = Path(home) / "log" if home else Path(platformdirs.user_log_dir(APPLICATION, appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def projects_folder() -> Path:
    """Where new projects go unless another place is chosen."""
    if home := os.environ.get(HOME_VARIABLE):
        return Path(home) / "projects"
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents or Path.home()) / APPLICATION


def free_folder(parent: Path, name: str) -> Path:
    """`parent/name`, with a number appended where that exists already."""
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def recent_projects() -> list[Path]:
    """The projects opened last, newest first, including those that no longer exist."""
    stored = QSettings().value(_RECENT) or []
    return [Path(folder) for folder in ([stored] if isinstance(stored, str) else stored)]


def remember_project(folder: Path) -> None:
    """Puts a project first among the recent ones; the next start opens it."""
    others = [other for other in recent_projects() if other != folder]
    QSettings().setValue(_RECENT, [str(path) for path in (folder, *others)][:_MOST_RECENT])
    QSettings().setValue(_LAST, str(folder))


def forget_project(folder: Path) -> None:
    """Removes a project from the recent ones."""
    QSettings().setValue(_RECENT, [str(path) for path in recent_projects() if path != folder])
    if last_project() == folder:
        close_project()


def last_project() -> Path | None:
    """The project that was open when the window was closed."""
    stored = QSettings().value(_LAST)
    return Path(stored) if stored else None


def close_project() -> None:
    """The next start opens none."""
    QSettings().remove(_LAST)


def speaker() -> str:
    """Who records: the name typed last, else the user's."""
    return str(QSettings().value(_SPEAKER, "") or default_speaker())


def remember_speaker(name: str) -> None:
    """Stores who records."""
    QSettings().setValue(_SPEAKER, name.strip())


def writing_s() -> float:
    """How long the last model and its evaluation took to write."""
    stored = QSettings().value(_WRITING)
    try:
        return float(str(stored)) if stored is not None else _FIRST_WRITING_S
    except ValueError:
        return _FIRST_WRITING_S


def remember_writing(seconds: float) -> None:
    """Stores how long writing a model and its evaluation took."""
    QSettings().setValue(_WRITING, round(seconds, 1))
