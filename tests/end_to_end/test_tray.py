"""The tray of a real desktop: closing the window goes on there, a click brings it back, its menu ends the program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import action_partners
import pytest

from kws_engine.clips.project import Project

ROOT = Path(__file__).parents[2]
TRAYER = shutil.which("trayer")
DRIVER = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from kws_gui.app import make_application, make_window

app = make_application(["kws-studio"])
window = make_window(app, Path(sys.argv[1]))
always_on = window.always_on

def wait(condition, what):
    for _ in range(1500):
        if condition():
            return
        QTest.qWait(20)
    raise SystemExit(f"waited for {what}")

told = {}
wait(lambda: window.services.project.project is not None, "the project")
wait(always_on.tray.is_available, "the tray")
always_on.refresh()
told["before"] = always_on.tray.icon.isVisible()
always_on.keep.trigger()
wait(always_on.tray.icon.isVisible, "the icon")
wait(lambda: always_on.tray.icon.geometry().width() > 0, "the icon's place")
told["closed"] = window.close()
told["hidden"] = not window.isVisible()
QTest.qWait(100)
always_on.tray.chosen.emit()
wait(window.isVisible, "the window")
window.close()
print(json.dumps(told), flush=True)
QTimer.singleShot(100, always_on.tray.menu.actions()[-1].trigger)
QTimer.singleShot(20_000, lambda: app.exit(7))
raise SystemExit(app.exec())
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def desktop() -> Iterator[str]:
    """A display with a tray; its name."""
    if action_partners.XVFB is None or TRAYER is None:
        pytest.skip("no desktop with a tray: Xvfb or trayer is not installed")
    with action_partners.x_server() as display:
        trayer = subprocess.Popen([TRAYER], env={**os.environ, "DISPLAY": display.name}, stderr=subprocess.DEVNULL)
        yield display.name
        trayer.terminate()
        trayer.wait()


def test_closing_the_window_goes_on_in_the_tray_until_it_is_quit(desktop: str, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "lamps", words=["low"])
    environment = {
        **os.environ, "DISPLAY": desktop, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT),
        "KWS_STUDIO_HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", DRIVER, str(project.folder)],
        env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {"before": False, "closed": False, "hidden": True}
