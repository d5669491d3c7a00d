"""Starts the program with the desktop, by a file in the folder that XDG desktops read; knows no other desktops."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from kws_engine import resources
from kws_engine.disk import storing, write_atomically

BACKGROUND: Final = "--background"
"""The option with which the program starts: in the tray, listening."""
_FILE: Final = "kws-studio.desktop"
_QUOTED: Final = '"`$\\'


def is_possible() -> bool:
    """Whether this system has such a folder."""
    return sys.platform.startswith("linux")


def is_on() -> bool:
    """Whether it is started with the desktop."""
    try:
        lines = path().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return not any(line.replace(" ", "").casefold() == "hidden=true" for line in lines)  # a desktop's own switch


def switch(on: bool) -> None:
    """Starts it with the desktop from now on, or no longer.

    Raises:
        ProjectError: The file cannot be written.
    """
    if on:
        with storing(path()):
            path().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path(), _entry().encode())
    else:
        with storing(path()):
            path().unlink(missing_ok=True)


def path() -> Path:
    """The file that switches it on."""
    home = os.environ.get("XDG_CONFIG_HOME")
    config = Path(home) if home and os.path.isabs(home) else Path.home() / ".config"
    return config / "autostart" / _FILE


def command() -> list[str]:
    """What starts this very installation."""
    script = shutil.which("kws-studio", path=str(Path(sys.executable).parent))
    return [*([script] if script else [sys.executable, "-m", "kws_gui.app"]), BACKGROUND]


def _entry() -> str:
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Name=KWS Studio",
        "Comment=Listens for your words",
        f"Exec={' '.join(map(_argument, command()))}",
        f"Icon={resources.path('icons', 'kws-studio.svg')}",
        "Terminal=false",
        "X-GNOME-Autostart-enabled=true",
    ]
    return "\n".join(lines) + "\n"


def _argument(text: str) -> str:
    """Quoted as the Desktop Entry Specification demands: within quotes, and again as a value of a file."""
    quoted = "".join(f"\\{letter}" if letter in _QUOTED else letter for letter in text)
    return '"' + quoted.replace("\\", "\\\\").replace("%", "%%") + '"'
