"""`kws record --session`: a session over many words from a command line, by itself or by key."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Final

from kws_engine.caring.problems import Problem
from kws_engine.caring.take_check import TakeCheck
from kws_engine.clips.clip import Clip, moved_with_word
from kws_engine.clips.judging import MOST_SILENT, Judged, KeyedTakes, SpokenTakes
from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take
from kws_engine.clips.session import Item, Session, Sitting, new_session, read_session, recording
from kws_engine.clips.words import speaker_id
from kws_engine.commands.interrupts import INTERRUPTED, interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import MicrophoneError, ProjectError
from kws_engine.patient_microphone import PatientMicrophone, told_away

_POLL_S: Final = 0.02
_TAKES: Final = 10
_REPEAT: Final = ("r", "repeat")
_SKIP: Final = ("s", "skip")


def record_session(arguments: argparse.Namespace, output: Output, *, speakers: Sequence[str]) -> int:
    """Goes on with the project's session, or begins one; the exit status.

    Raises:
        ProjectError: There is none to go on with as asked, another program records it, or a take cannot be stored.
        MicrophoneError: It cannot be opened, or nobody speaks.
    """
    project = Project.open(arguments.project)
    session = read_session(project) if arguments.status or not arguments.new else None
    if arguments.status:
        _say_status(project, session, output)
        return 0
    if session is None:
        session = _begun(arguments, project, speakers)
    else:
        _refuse_other_options(arguments, session, speakers)
    with recording(project):
        project.refresh()  # what another program has recorded until just now
        sitting = Sitting(session, project)
        if sitting.current is None:
            _say_done(sitting, output)
            return 0
        with PatientMicrophone(arguments.device, rate=project.rate) as microphone, interrupts() as interrupted:
            keys = _Keys(is_needed=arguments.by_key)
            return _Recording(project, sitting, output, keys, by_key=arguments.by_key).run(microphone, interrupted)


def _begun(arguments: argparse.Namespace, project: Project, speakers: Sequence[str]) -> Session:
    words = arguments.words or project.words
    if not words:
        raise ProjectError("The project has no words yet: name some, as in --words yes,no --add.")
    if arguments.add:
        with project.edit as edit:
            for word in dict.fromkeys(words):
                if word not in project.words:
                    edit.add_word(word)
    return new_session(project, words, takes=arguments.takes or _TAKES, speakers=speakers)


def _refuse_other_options(arguments: argparse.Namespace, session: Session, speakers: Sequence[str]) -> None:
    """The same call goes on with a session; one that asks for something else is a mistake.

    Raises:
        ProjectError: A word, the number of takes or a speaker is another one.
    """
    ids = tuple(dict.fromkeys(map(speaker_id, speakers)))
    asked = {
        "words": bool(arguments.words) and set(arguments.words) != set(session.words),
        "takes": arguments.takes is not None and arguments.takes != session.takes,
        "speakers": bool(arguments.speakers or arguments.speaker) and ids != session.speakers,
    }
    for name, is_other in asked.items():
        if is_other:
            raise ProjectError(
                f"There is a session with other {name}: leave --{name} out to go on with it, or begin another one with "
                "--new."
            )


class _Recording:
    """One sitting at a microphone."""

    def __init__(self, project: Project, sitting: Sitting, output: Output, keys: _Keys, *, by_key: bool) -> None:
        self._project = project
        self._sitting = sitting
        self._output = output
        self._keys = keys
        self._keyed = KeyedTakes(project.rate, clip_samples=project.clip_samples) if by_key else None
        self._takes = self._keyed or SpokenTakes(project.rate, clip_samples=project.clip_samples, strict=True)
        self._check = TakeCheck(project, sitting.session.words)
        self._saved: list[Clip] = []
        self._silent = 0  # times in a row
        self._waits_for_turn = False
        self._speaker = ""

    def run(self, microphone: PatientMicrophone, interrupted: Sequence[int]) -> int:
        """Asks until every take is there, or Ctrl-C; the exit status."""
        is_over = threading.Event()
        with ThreadPoolExecutor(1) as learning:
            learning.submit(self._check.learn, is_over.is_set)
            try:
                return self._record(microphone, interrupted)
            finally:
                is_over.set()

    def _record(self, microphone: PatientMicrophone, interrupted: Sequence[int]) -> int:
        self._ask()
        is_away = False
        while self._sitting.current is not None:
            if interrupted or self._output.is_unread() or self._keys.are_missed:
                return self._pause()
            heard = microphone.read()
            if bool(microphone.absent) != is_away:
                is_away = not is_away
                self._say_microphone(microphone)
            for judged in self._takes.feed(heard.samples, lost=heard.lost):
                self._on_judged(judged)
            for line in self._keys.lines():
                self._on_key(line)
            time.sleep(_POLL_S)
        _say_done(self._sitting, self._output)
        return 0

    # -- takes

    def _on_judged(self, judged: Judged) -> None:
        item = self._sitting.current
        if item is None or self._waits_for_turn:
            return
        if judged.kind is not None or judged.take is None:
            self._on_refused(item, judged)
            return
        self._silent = 0
        item = self._caught_up(item)
        if item.word in self._sitting.session.words:
            self._save(item, judged.take)
        self._sitting.saved()
        self._ask()

    def _caught_up(self, item: Item) -> Item:
        """The same take, where another program has renamed its word meanwhile."""
        renamed = self._sitting.catch_up()
        for old, new in renamed.items():
            self._check.rename(old, new)
            self._output.result({"event": "renamed", "word": old, "to": new}, f"“{old}” is called “{new}” now.")
        self._saved = [moved_with_word(clip, renamed.get(clip.word, clip.word)) for clip in self._saved]
        return Item(renamed.get(item.word, item.word), item.speaker)

    def _save(self, item: Item, take: Take) -> None:
        clip = self._project.edit.add_take(item.word, take.clip, speaker=item.speaker)
        self._saved.append(clip)
        problems = self._check.problems(clip, take.clip)
        values: dict[str, Any] = {
            "event": "saved",
            "path": str(clip.path),
            "word": item.word,
            "speaker": item.speaker,
            "peak_db": round(take.peak_db, 1),
            "warnings": [problem.kind for problem in problems],
        }
        if other := next((one.other for one in problems if one.kind == "another_word"), ""):
            values["sounds_like"] = other
        self._output.result(values, f"kept {clip.key}, peak {take.peak_db:.0f} dB.{self._remark(problems)}")

    def _remark(self, problems: Sequence[Problem]) -> str:
        if not problems:
            return ""
        told = f" Perhaps wrong: {', '.join(map(str, problems))}."
        return f"{told} Type r and Enter to say it again." if self._keys.are_read else told

    def _on_refused(self, item: Item, judged: Judged) -> None:
        is_silence = judged.take is None and judged.kind == "nothing_said"
        self._silent = self._silent + 1 if is_silence else 0
        is_put_off = self._sitting.refused()
        values = {"event": "refused", "word": item.word, "speaker": item.speaker, "kind": judged.kind}
        self._output.result(
            {**values, "reason": judged.sentence, "put_off": is_put_off},
            f"not kept. {judged.sentence}{' It comes again at the end.' if is_put_off else ''}",
        )
        if self._silent >= MOST_SILENT:
            self._pause()
            raise MicrophoneError("Nobody has said anything for a minute: the session is paused, call again to go on.")
        self._ask()

    # -- asking

    def _ask(self) -> None:
        item = self._sitting.current
        if item is None:
            return
        is_other = bool(self._speaker) and item.speaker != self._speaker
        if self._keys.are_read and not self._keyed and (is_other or self._waits_for_turn):
            self._waits_for_turn = True
            self._speaker = item.speaker
            self._output.result({"event": "turn", "speaker": item.speaker})
            self._output.message(f"Now {item.speaker} speaks: press Enter when ready")
            return
        self._speaker = item.speaker
        number, total = self._sitting.number, self._sitting.total
        values = {"event": "ask", "word": item.word, "speaker": item.speaker, "number": number, "of": total}
        self._output.result(values)
        key = "press Enter, then " if self._keyed else ""
        self._output.message(f"{number} of {total}, {item.speaker}: {key}say “{item.word}”")
        self._takes.ask()

    def _on_key(self, line: str) -> None:
        if line in _REPEAT:
            self._take_back()
        elif line in _SKIP:
            self._sitting.skip()
            self._ask()
        elif self._waits_for_turn:
            self._waits_for_turn = False
            self._ask()
        elif self._keyed is not None and not self._keyed.is_inside:
            self._keyed.begin()
            self._output.message("Recording: speak")

    def _take_back(self) -> None:
        """Moves the last take of this sitting to the trash, and asks for it again."""
        if self._sitting.current is not None:
            self._caught_up(self._sitting.current)
        if not self._saved:
            self._output.message("There is no take to repeat yet")
            return
        clip = self._saved.pop()
        self._project.edit.delete([clip])
        self._check.forget(clip)
        self._waits_for_turn = False
        self._speaker = clip.speaker
        self._sitting.repeat(Item(clip.word, clip.speaker))
        values = {"event": "taken_back", "path": str(clip.path), "word": clip.word, "speaker": clip.speaker}
        self._output.result(values, f"{clip.key} is taken back.")
        self._ask()

    # -- saying

    def _pause(self) -> int:
        sitting = self._sitting
        done, total = sitting.done, sitting.total
        self._output.result(
            {"event": "paused", "done": done, "of": total},
            f"Paused with {done} of {total} takes: kws record {self._project.folder} --session goes on.",
        )
        return INTERRUPTED

    def _say_microphone(self, microphone: PatientMicrophone) -> None:
        if microphone.absent:
            self._output.result({"event": "waiting", "reason": microphone.absent})
            self._output.message(told_away(microphone.absent))
        else:
            self._output.result({"event": "listening", "device": microphone.name})
            self._output.message(f'"{microphone.name}" is heard again')
            self._ask()


class _Keys:
    """Lines from the keyboard, or from whatever standard input is; it is left alone where it is no terminal.

    Args:
        is_needed: It is read wherever it comes from.
    """

    def __init__(self, *, is_needed: bool) -> None:
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._has_ended = False
        self._is_needed = is_needed
        self.are_read = _is_readable(is_needed)
        if self.are_read:
            threading.Thread(target=self._read, name="keyboard", daemon=True).start()

    @property
    def are_missed(self) -> bool:
        """Whether there is no keyboard, or no longer, where one is needed."""
        return self._is_needed and self._lines.empty() and (self._has_ended or not self.are_read)

    def lines(self) -> list[str]:
        """What was typed since the last call, without case and spaces around it."""
        found: list[str] = []
        while True:
            try:
                found.append(self._lines.get_nowait())
            except Empty:
                return found

    def _read(self) -> None:
        rest = b""
        descriptor = sys.stdin.fileno()
        while True:  # not sys.stdin: its lock would be held by this thread when the program ends
            try:
                some = os.read(descriptor, 1024)
            except OSError:
                some = b""
            if not some:
                self._has_ended = True
                return
            *lines, rest = (rest + some).split(b"\n")
            for line in lines:
                self._lines.put(line.decode("utf-8", "replace").strip().casefold())


def _is_readable(is_needed: bool) -> bool:
    try:
        descriptor = sys.stdin.fileno()
        if not os.isatty(descriptor):
            return is_needed
        return not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(descriptor) == os.getpgrp()  # else reading would stop us
    except (AttributeError, OSError, ValueError):  # there is none
        return False


def _say_status(project: Project, session: Session | None, output: Output) -> None:
    if session is None:
        raise ProjectError(
            f"There is no session in {project.folder}: begin one with kws record {project.folder} --session."
        )
    sitting = Sitting(session, project)
    left = [{"word": item.word, "speaker": item.speaker, "takes": takes} for item, takes in _in_order(sitting)]
    values = {
        "event": "status",
        "words": list(session.words),
        "takes": session.takes,
        "speakers": list(session.speakers),
        "done": sitting.done,
        "of": sitting.total,
        "left": left,
    }
    lines = [f"{sitting.done} of {sitting.total} takes are there."]
    for speaker in session.speakers:
        wanted = [f"{one['word']} {one['takes']}" for one in left if one["speaker"] == speaker]
        if wanted:
            lines.append(f"{speaker} still has to say: {', '.join(wanted)}")
    output.result(values, "\n".join(lines))


def _in_order(sitting: Sitting) -> list[tuple[Item, int]]:
    """What is left by speaker and word, in the order in which they were chosen."""
    left, session = sitting.left, sitting.session
    items = (Item(word, speaker) for speaker in session.speakers for word in session.words)
    return [(item, left[item]) for item in items if left[item]]


def _say_done(sitting: Sitting, output: Output) -> None:
    output.result(
        {"event": "done", "done": sitting.done, "of": sitting.total},
        f"All {sitting.total} takes are there. `--new` begins another session; `kws check` looks at all clips.",
    )
