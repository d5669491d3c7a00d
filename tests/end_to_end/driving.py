"""What the programs that drive the real window share: steps with a report, and the window from start to end."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from person import Impatient, Person
from PySide6.QtWidgets import QApplication
from virtual_microphone import VirtualMicrophone

from kws_gui import app as application
from kws_gui.main_window import MainWindow


class Runs(Protocol):
    def run(self) -> None: ...


class Drive:
    """One person at the window; `report` says what was seen."""

    def __init__(self, window: MainWindow, microphone: VirtualMicrophone, folder: Path, voice: str) -> None:
        self.window = window
        self.microphone = microphone
        self.folder = folder
        self.voice = voice
        self.person = Person(window, folder)
        self.report: dict[str, Any] = {"voice": voice, "platform": QApplication.platformName(), "seconds": {}}

    def take(self, steps: Sequence[Callable[[], None]]) -> None:
        """Every step; the report is written after each, so a failed one leaves what was seen until then."""
        for step in steps:
            began_s = time.monotonic()
            try:
                step()
            finally:
                self.report["seconds"][step.__name__] = round(time.monotonic() - began_s, 1)
                (self.folder / "report.json").write_text(json.dumps(self.report, indent=1))


def drive(made: Callable[[MainWindow, VirtualMicrophone, Path, str], Runs]) -> int:
    """Opens the window for the folder and voice of the command line, and lets the person act; the exit status."""
    folder, voice = Path(sys.argv[1]), sys.argv[2]
    os.environ["KWS_STUDIO_HOME"] = str(folder / "home")
    with VirtualMicrophone() as microphone:
        qt = application.make_application(["kws-studio"])
        window = application.make_window(qt, None)
        sys.excepthook = sys.__excepthook__  # what the window would show is for the test to read
        try:
            made(window, microphone, folder, voice).run()
        except Impatient as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            window.services.training.shutdown(seconds=2)
            window.close()
    return 0
