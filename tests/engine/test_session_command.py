"""`kws record --session` as a process that is spoken to: asked, answered, paused, killed and continued."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import queue
import random
import signal
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_microphone import VirtualMicrophone
from waiting import PATIENCE_S, wait_until

from kws_engine import audio, cli, resources
from kws_engine.clips import judging
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.session import read_session

RATE = 16_000
WORDS = ("computer", "lights", "music")
Event = dict[str, Any]


def word(name: str, number: int = 0) -> np.ndarray:
    path = sorted((resources.path("starter") / "clips" / name).iterdir())[number]
    return audio.read(path, rate=RATE)


class Command:
    """A running `kws record --session --json`, with what it has told so far."""

    def __init__(self, project: Path, *arguments: str, terminal: int | None = None) -> None:
        command = [sys.executable, "-m", "kws_engine.cli", "record", str(project), "--session", "--json", *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if terminal is None else terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=terminal is not None,
            preexec_fn=None if terminal is None else lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.told: list[Event] = []
        self.errors: list[str] = []
        self._new: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def next(self, seconds: float = 30.0) -> Event:
        """The next event, waited for."""
        try:
            return self._new.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"after {self.told[-3:]}: {''.join(self.errors[-5:])}") from None

    def until(self, name: str) -> list[Event]:
        """The events up to the next one of that name."""
        found = [self.next()]
        while found[-1]["event"] != name:
            found.append(self.next())
        return found

    def type(self, line: str) -> None:
        """Types a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self, number: int | None = signal.SIGINT) -> int:
        """Sends a signal, if any, where it still runs, and waits; its exit status."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        for thread in self._threads:
            thread.join(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.told.append(json.loads(line))
                self._new.put(self.told[-1])

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)


@pytest.fixture
def begin() -> Iterator[Callable[..., Command]]:
    begun: list[Command] = []

    def start(project: Path, *arguments: str, terminal: int | None = None) -> Command:
        begun.append(Command(project, *arguments, terminal=terminal))
        return begun[-1]

    yield start
    for command in begun:
        if command.process.returncode is None:
            command.end(signal.SIGKILL)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "mine", words=WORDS)


@pytest.fixture
def speak(virtual_microphone: VirtualMicrophone, tmp_path: Path) -> Callable[[np.ndarray], None]:
    def play(sound: np.ndarray) -> None:
        path = tmp_path / f"said-{time.monotonic_ns()}.wav"
        audio.write(path, np.concatenate([sound, np.zeros(RATE // 10, np.float32)]), rate=RATE)
        virtual_microphone.play(path)

    return play


def kws(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[Event], str]:
    status = cli.main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


@pytest.mark.slow
def test_a_session_is_asked_for_paused_continued_and_done(
    begin: Callable[..., Command],
    project: Project,
    speak: Callable[[np.ndarray], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = begin(project.folder, "--words", "lights,music", "--takes", "2", "--speakers", "ann,ben")
    saved: list[Event] = []
    for number in range(1, 4):
        asked = command.until("ask")[-1]
        assert (asked["number"], asked["of"]) == (number, 8)
        speak(word(asked["word"], number))
        told = command.until("saved")
        assert [one["event"] for one in told] == ["saved"], told
        assert (told[0]["word"], told[0]["speaker"]) == (asked["word"], asked["speaker"])
        assert Path(told[0]["path"]).is_file() and told[0]["warnings"] == []
        saved.append(told[0])
    next_word = command.until("ask")[-1]["word"]
    assert command.end() == 130 and command.told[-1] == {"event": "paused", "done": 3, "of": 8}
    status, told, _ = kws(capsys, "record", project.folder, "--session", "--status")
    assert (
        status == 0 and (told[0]["done"], told[0]["of"]) == (3, 8) and sum(one["takes"] for one in told[0]["left"]) == 5
    )
    status, _, err = kws(capsys, "record", project.folder, "--session", "--takes", "3")
    assert status == 1 and "other takes" in err and "--new" in err

    command = begin(project.folder, "--words", "lights,music", "--speakers", "ann,ben")  # the same call goes on
    for number in range(4, 9):
        asked = command.until("ask")[-1]
        assert asked["number"] == number and (number > 4 or asked["word"] == next_word)
        speak(word(asked["word"], number))
        saved += command.until("saved")
    assert command.next() == {"event": "done", "done": 8, "of": 8} and command.end(None) == 0
    project.refresh()
    assert {str(clip.path) for clip in project.clips()} == {one["path"] for one in saved}
    assert set(Counter((clip.word, clip.speaker) for clip in project.clips()).values()) == {2}
    status, told, _ = kws(capsys, "record", project.folder, "--session")
    assert status == 0 and told == [{"event": "done", "done": 8, "of": 8}]


@pytest.mark.slow
def test_what_fails_is_asked_for_again_with_its_reason_and_then_put_off(
    begin: Callable[..., Command], project: Project, speak: Callable[[np.ndarray], None]
) -> None:
    command = begin(project.folder, "--takes", "1", "--speakers", "ann")
    first = command.until("ask")[-1]["word"]
    said = word("computer")
    burst = (0.2 * np.hanning(8000) * np.random.default_rng(1).standard_normal(8000)).astype(np.float32)
    for number, (sound, kind) in enumerate(
        (
            (np.clip(20 * said, -1, 1), "clipping"),
            (0.014 / np.abs(said).max() * said, "too_quiet"),
            (burst, "nothing_said"),
        )
    ):
        speak(sound)
        told = command.until("ask")
        assert [one["event"] for one in told] == ["refused", "ask"]
        refused = told[0]
        assert refused["word"] == first and refused["kind"] == kind, refused
        assert refused["reason"].endswith(".") and refused["put_off"] == (number == 2)
    asked = told[-1]["word"]
    assert asked != first
    for _ in range(2):
        speak(word(asked))
        asked = command.until("ask")[-1]["word"]
    assert asked == first
    speak(word(asked))
    assert command.until("done")[-1]["done"] == 3


@pytest.mark.slow
def test_by_key_a_take_is_repeated_and_a_word_put_off(
    begin: Callable[..., Command], project: Project, speak: Callable[[np.ndarray], None]
) -> None:
    command = begin(project.folder, "--takes", "1", "--by-key", "--speakers", "ann")
    asked = [command.until("ask")[-1]["word"]]
    command.type("s")
    asked.append(command.until("ask")[-1]["word"])
    command.type("")
    speak(word(asked[-1]))
    saved = command.until("saved")[-1]
    asked.append(command.until("ask")[-1]["word"])
    command.type("r")
    assert [one["event"] for one in command.until("ask")] == ["taken_back", "ask"]
    assert command.told[-1]["word"] == saved["word"] and not Path(saved["path"]).exists()
    for number, wanted in enumerate((asked[1], asked[2], asked[0])):
        command.type("")
        speak(word(wanted, 1))
        assert command.until("saved")[-1]["word"] == wanted
        assert command.next()["event"] == ("ask" if number < 2 else "done")
    assert command.end(None) == 0
    project.refresh()
    assert len(project.clips()) == 3 and Path(saved["path"]) not in {clip.path for clip in project.clips()}


@pytest.mark.slow
def test_on_a_terminal_the_next_speaker_is_waited_for_and_keys_work_beside_the_voice(
    begin: Callable[..., Command], project: Project, speak: Callable[[np.ndarray], None]
) -> None:
    screen, terminal = pty.openpty()
    command = begin(project.folder, "--words", "lights", "--takes", "1", "--speakers", "ann,ben,cid", terminal=terminal)
    command.until("ask")
    speak(word("lights"))
    saved = command.until("turn")
    assert [one["event"] for one in saved] == ["saved", "turn"] and saved[-1]["speaker"] == "ben"
    speak(word("lights", 1))  # nobody's turn: this is nobody's take
    os.write(screen, b"r\n")
    assert [one["event"] for one in command.until("ask")] == ["taken_back", "ask"]
    assert command.told[-1]["speaker"] == "ann" and not Path(saved[0]["path"]).exists()
    os.write(screen, b"s\n")
    assert command.until("turn")[-1]["speaker"] == "ben"
    os.write(screen, b"\n")
    assert command.until("ask")[-1]["speaker"] == "ben"
    os.write(screen, b"\x03")
    assert command.until("paused")[-1]["done"] == 0 and command.end(None) == 130
    os.close(screen)
    os.close(terminal)


@pytest.mark.slow
def test_when_nobody_speaks_for_long_it_pauses(
    project: Project,
    virtual_microphone: VirtualMicrophone,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "QUIET_S", 0.4)
    status, told, err = kws(capsys, "record", project.folder, "--session")
    assert status == 1 and "Nobody has said anything" in err
    assert [one["kind"] for one in told if one["event"] == "refused"] == ["nothing_said"] * 9
    assert [one["put_off"] for one in told if one["event"] == "refused"] == [False, False, True] * 3
    assert told[-1] == {"event": "paused", "done": 0, "of": 30}


@pytest.mark.slow
def test_a_lost_microphone_is_waited_for_and_a_wrong_word_is_told(
    begin: Callable[..., Command],
    project: Project,
    speak: Callable[[np.ndarray], None],
    virtual_microphone: VirtualMicrophone,
) -> None:
    for number in range(0, 15, 3):
        for name in ("lights", "music"):
            project.edit.add_take(name, word(name, number), speaker="bob")
    command = begin(project.folder, "--words", "lights,music", "--takes", "1", "--speakers", "ann")
    asked = command.until("ask")[-1]["word"]
    virtual_microphone.unplug()
    assert command.until("waiting")[-1]["reason"]
    virtual_microphone.plug()
    assert [one["event"] for one in command.until("ask")] == ["listening", "ask"]
    other = {"lights": "music", "music": "lights"}[asked]
    speak(word(other, 16))
    saved = command.until("saved")[-1]
    assert saved["word"] == asked and saved["warnings"] == ["another_word"] and saved["sounds_like"] == other
    speak(word(command.until("ask")[-1]["word"], 16))
    assert command.until("done")[0]["warnings"] == []


def test_what_is_asked_for_wrongly_is_said_in_a_sentence(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, status, told in (
        (("yes", "--session"), 2, "--words yes"),
        (("--status",), 2, "add --session"),
        ((), 2, "Name the word"),
        (("--session", "--status"), 1, "begin one with"),
        (("--session", "--words", "nope"), 1, "add it with --add"),
        (("--session", "--speaker", "a", "--speakers", "b"), 2, "use --speakers"),
    ):
        got, lines, err = kws(capsys, "record", project.folder, *arguments)
        assert (got, lines) == (status, []) and told in err, arguments
    assert read_session(project) is None


KILLS = 50
SIDE_BY_SIDE = 4


class Killed:
    """A command that is killed at a random moment: after it has asked, or about when it writes."""

    def __init__(self, command: Command, folder: Path, chance: random.Random, *, at_write: bool) -> None:
        self.command = command
        self._folder = folder
        self._at_write = at_write
        self._after_s = chance.uniform(0.0, 0.03 if at_write else 4.0)
        self._before = self._files()
        self._since_s: float | None = None

    def is_due(self) -> bool:
        """Whether its moment has come."""
        if self._since_s is None:
            if self._at_write:
                has_begun = self._files() != self._before
            else:
                has_begun = any(one["event"] == "ask" for one in self.command.told)
            self._since_s = time.monotonic() if has_begun else None
        return self._since_s is not None and time.monotonic() > self._since_s + self._after_s

    def _files(self) -> set[str]:
        return {entry.name for name in WORDS for entry in os.scandir(self._folder / "clips" / name)}


@pytest.mark.slow
def test_fifty_kills_lose_no_take_that_was_told_as_saved_and_double_none(
    begin: Callable[..., Command], tmp_path: Path, virtual_microphone: VirtualMicrophone
) -> None:
    """Several projects hear one voice that never stops; every other command is killed while it stores a take."""
    chance = random.Random(5)
    projects = [Project.create(tmp_path / f"p{at}", words=WORDS) for at in range(SIDE_BY_SIDE)]
    gap = np.zeros(round(0.7 * RATE), np.float32)
    said = [part for number in range(12) for name in WORDS for part in (word(name, number), gap)]
    audio.write(tmp_path / "voice.wav", np.tile(np.concatenate(said), 4), rate=RATE)
    voice = virtual_microphone.play(tmp_path / "voice.wav")
    reported: list[Path] = []
    kills = 0
    running: dict[Path, Killed] = {}

    def note(command: Command) -> None:
        reported.extend(Path(one["path"]) for one in command.told if one["event"] == "saved")

    def step() -> bool:
        nonlocal kills
        assert voice.poll() is None, f"the voice has ended after {kills} kills"
        for folder in (project.folder for project in projects):
            if folder not in running:
                is_first = not ProjectFolder(folder).session.exists()
                options = ("--takes", "20", "--speakers", "ann") if is_first else ()
                at_write = (kills + len(running)) % 2 == 0
                running[folder] = Killed(begin(folder, *options), folder, chance, at_write=at_write)
            elif running[folder].is_due():
                command = running.pop(folder).command
                assert command.end(signal.SIGKILL) == -signal.SIGKILL, command.errors
                note(command)
                kills += 1
        return kills >= KILLS

    wait_until(step, seconds=5 * PATIENCE_S, step_s=0.005, what=f"{KILLS} kills")
    for killed in running.values():
        killed.command.end()
        note(killed.command)
    virtual_microphone.hush()
    stored = set[Path]()
    for project in projects:
        project.refresh()
        clips = [clip.path for clip in project.clips()]
        stored.update(clips)
        assert not project.unreadable
        sounds = {audio.read(path, rate=RATE).tobytes() for path in clips}
        assert len(sounds) == len(clips) and {len(sound) for sound in sounds} == {4 * project.clip_samples}
        session = read_session(project)
        assert session is not None and sum(session.done(project.table()).values()) == len(clips)
    assert len(set(reported)) == len(reported) > 20 and set(reported) <= stored
    assert len(stored) - len(reported) <= KILLS
    print(f"{len(reported)} takes told as saved, {len(stored)} stored")
