"""A word from nothing to a detection in the real window, by clicks and keys, as it ships."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import voices

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VOICE = os.environ.get("KWS_TEST_VOICE", "en-us+m3")
WINDOW_S = 900  # patience with a busy machine, not what it takes


@pytest.mark.slow
@pytest.mark.timeout(WINDOW_S + 60)
@pytest.mark.skipif(bool(voices.missing()), reason="espeak-ng is not installed")
@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="xvfb-run is not installed")
@pytest.mark.usefixtures("_sound_server")
def test_a_word_taught_in_the_window_is_heard_in_the_window(tmp_path: Path) -> None:
    """Takes hands free, a noise among them; two minutes of talk; it hears the word, and only it."""
    report = _drive(tmp_path)
    assert report["platform"] == "xcb"
    assert report["takes"]["count"] == 20 and len(report["refused"]) == 1, report
    assert report["talk_s"] >= 120
    assert len(report["curves"]) >= 4, "the curves did not move"
    assert "Misses" in report["promise"] and "Fires falsely" in report["promise"]
    words = [one for one in report["heard"] if one["said"]]
    others = [one for one in report["heard"] if not one["said"]]
    assert sum(one["heard"] == [one["said"]] for one in words) >= len(words) - 1, report["heard"]
    assert sum(bool(one["heard"]) for one in others) <= 1, report["heard"]


def _drive(folder: Path) -> dict[str, Any]:
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", sys.executable, str(HERE / "drive_teach.py")]
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE.parent)))}
    done = subprocess.run(
        [*command, str(folder), VOICE], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=WINDOW_S
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, f"{done.stdout}\n{done.stderr}"
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report
