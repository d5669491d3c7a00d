"""The main job from end to end with a synthetic person: in the real window under Xvfb, and by commands alone."""

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
from virtual_microphone import VirtualMicrophone

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VOICE = os.environ.get("KWS_TEST_VOICE", "en-us+m3")
TAKES = 8
EPOCHS = 25  # of the headless journey; the window's goes through all that the program ships with
WINDOW_S, TRAINING_S = 800, 500  # patience with a busy machine, not what it takes

pytestmark = [
    pytest.mark.skipif(bool(voices.missing()), reason="espeak-ng is not installed"),
    pytest.mark.timeout(WINDOW_S + 60),
]


@pytest.fixture(autouse=True)
def _talk_that_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds as a person gets them: on seconds of talk they are guesses, and may lie above what a word scores."""
    monkeypatch.delenv("KWS_TALK")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="xvfb-run is not installed")
@pytest.mark.usefixtures("_sound_server")
def test_words_recorded_in_the_window_are_heard_in_the_window(tmp_path: Path) -> None:
    """Start screen, Words, Train, Listen, by clicks and keys; the program runs in a process and a screen of its own."""
    report = _drive_window(tmp_path)
    assert report["platform"] == "xcb" and report["title"].startswith("my words")
    assert {word: sum(counts) for word, counts in report["takes"].items()} == dict.fromkeys(voices.WORDS, TAKES)
    assert all(validation and testing for _, validation, testing in report["takes"].values()), report["takes"]
    _assert_curves(report)
    assert report["trained"][0] == "success", report["trained"]
    assert report["message"] == ""
    _assert_each_found_once(report["heard"])
    assert report["log"] == [one["said"] for one in report["heard"] if one["said"]]


def _drive_window(folder: Path) -> dict[str, Any]:
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", sys.executable, str(HERE / "drive_window.py")]
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(
        [*command, str(folder), VOICE], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=WINDOW_S
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, f"{done.stdout}\n{done.stderr}"
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _assert_curves(report: dict[str, Any]) -> None:
    """All four lines grew, one epoch at a time, and the network learned something."""
    growing, points = report["curves"], report["points"]
    assert len({tuple(lengths) for lengths in growing}) >= 4, f"the curves did not move: {growing}"
    assert growing[-1] == [len(points)] * 4
    assert points[-1]["train_loss"] < points[0]["train_loss"]
    assert points[-1]["validation_accuracy"] > 0.8


def _assert_each_found_once(heard: list[dict[str, Any]]) -> None:
    wrong = [one for one in heard if one["heard"] != ([one["said"]] if one["said"] else [])]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.slow
def test_words_recorded_by_command_are_heard_by_command(virtual_microphone: VirtualMicrophone, tmp_path: Path) -> None:
    """`kws new`, `record`, `train`, `listen`, each in its own process, with the microphone of the operating system."""
    project = tmp_path / "project"
    _kws("new", str(project), "--words", ",".join(voices.WORDS))
    for word in voices.WORDS:
        _record(virtual_microphone, project, word, tmp_path)
    counts = _kws("info", str(project))[0]["words"]
    assert all(counts[word]["training"] >= 4 and counts[word]["validation"] for word in voices.WORDS), counts
    training = ("train", str(project), "--set", f"training.epochs={EPOCHS}")
    *epochs, finished = [event for event in _kws(*training) if event["event"] in ("epoch", "finished")]
    assert [event["epoch"] for event in epochs] == list(range(1, len(epochs) + 1))
    assert finished["event"] == "finished" and finished["validation_accuracy"] > 0.8
    sound, spoken = voices.stream(voices.held_out(VOICE))
    heard = _listen(virtual_microphone, Path(finished["model"]), voices.write(tmp_path / "said.wav", sound))
    assert [event["word"] for event in heard[:-1]] == [one.word for one in spoken if one.word]
    assert heard[-1]["event"] == "finished" and heard[-1]["lost_samples"] == 0


def _kws(*arguments: str) -> list[dict[str, Any]]:
    """Runs a command to its end and returns what it told in JSON."""
    command = [sys.executable, "-m", "kws_engine.cli", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TRAINING_S)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _record(microphone: VirtualMicrophone, project: Path, word: str, folder: Path) -> None:
    """Says the next take whenever the command asks for one, also again for one that it did not understand."""
    command = ["record", str(project), word, "--takes", str(TAKES), "--device", "default", "--speaker", "ann"]
    with _Started(*command) as recording:
        number = 0
        assert recording.stderr is not None
        for line in recording.stderr:
            if line.startswith("Take "):
                number = int(line.split()[1]) - 1
            if line.startswith("Take ") or "again now" in line:
                microphone.play(voices.write(folder / f"{word}-{number}.wav", voices.take(word, VOICE, number)))
        assert recording.wait() == 0
        assert recording.stdout is not None
        told = [json.loads(line) for line in recording.stdout]
    assert [event["event"] for event in told] == ["take"] * TAKES + ["finished"]


def _listen(microphone: VirtualMicrophone, model: Path, sound: Path) -> list[dict[str, Any]]:
    """Plays the sound once the command listens; it ends by itself."""
    seconds = str(voices.seconds(sound) + 8)
    with _Started("listen", str(model), "--device", "default", "--seconds", seconds) as listening:
        assert listening.stderr is not None and listening.stdout is not None
        assert any(line.startswith("Listening for") for line in listening.stderr)
        microphone.play(sound)
        told = [json.loads(line) for line in listening.stdout]
        assert listening.wait() == 0
    return told


class _Started:
    """A command that runs while the block does; killed with it when something fails."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "kws_engine.cli", *arguments, "--json"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self._process.__enter__()

    def __exit__(self, *why: object) -> None:
        if self._process.poll() is None and why[0] is not None:
            self._process.kill()
        self._process.__exit__(None, None, None)
