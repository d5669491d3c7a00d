"""`kws devices`, `kws record`: microphones and takes from a command line."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import time
from pathlib import Path
from typing import Any

from kws_engine.clips.project import Project
from kws_engine.clips.recording import NOISE_TAKE_S, Take, TakeRecorder, word_take_s
from kws_engine.clips.words import NOISE, UNKNOWN, check_word
from kws_engine.commands.output import Output, table
from kws_engine.commands.project import words
from kws_engine.errors import MicrophoneError, SpecError
from kws_engine.microphone import Microphone, Reader, devices

_POLL_S = 0.02
_MOST_FAILED = 3


def add(add_command: Any) -> None:
    add_command("devices", _devices, help="list the microphones")
    record = add_command("record", _record, help="record takes of a word")
    record.add_argument("project", type=Path)
    record.add_argument("word", nargs="?", help="what is said; not with --session")
    record.add_argument("--takes", type=_count, metavar="N", help="how many (1); in a session, of each word (10)")
    record.add_argument("--device", help="the microphone, as listed by `kws devices`")
    record.add_argument("--speaker", help="who speaks; letters and digits (your user name)")
    session = record.add_argument_group(
        "a session over many words",
        "The first call begins one, the next ones go on with it; takes begin with the voice. Type r and Enter to "
        "repeat the last take, s and Enter to put a word off; Ctrl-C pauses.",
    )
    session.add_argument("--session", action="store_true", help="ask for many words in a mixed order")
    session.add_argument("--words", type=words, metavar="A,B,C", help="which (all of the project's)")
    session.add_argument("--add", action="store_true", help="add those of them that the project has not")
    session.add_argument("--speakers", type=words, metavar="X,Y", help="who speaks, in turn (your user name)")
    session.add_argument("--by-key", action="store_true", help="a take begins with Enter, not with the voice")
    session.add_argument("--new", action="store_true", help="begin another session; takes are kept")
    session.add_argument("--status", action="store_true", help="say where the session stands, record nothing")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of takes from 1 to 1000")
    return int(text)


def _devices(arguments: argparse.Namespace, output: Output) -> None:
    known = devices()
    if not known:
        raise MicrophoneError("There is no microphone: plug one in and try again")
    if output.as_json:
        for device in known:
            output.result({"event": "device", **dataclasses.asdict(device)})
        return
    rows = [[d.name, str(d.channels), f"{d.rate} Hz", "default" if d.is_default else ""] for d in known]
    output.result({}, table(rows, header=["microphone", "channels", "rate", ""]))


def _record(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.session:
        return _record_session(arguments, output)
    _refuse_options_of_a_session(arguments)
    takes = arguments.takes or 1
    project = Project.open(arguments.project)
    word = check_word(arguments.word)
    speaker = arguments.speaker or default_speaker()
    with Microphone(arguments.device) as microphone:
        if word not in (*project.words, UNKNOWN, NOISE):
            word = project.edit.add_word(word)
        reader = Reader(microphone, rate=project.rate)
        for number in range(1, takes + 1):
            what = f"be silent for {NOISE_TAKE_S:.0f} s" if word == NOISE else f"say “{word}”"
            output.message(f"Take {number} of {takes}: {what} now")
            take = _good_take(microphone, reader, project, output, is_noise=word == NOISE)
            clip = project.edit.add_take(word, take.raw if word == NOISE else take.clip, speaker=speaker)
            advice = "" if word == NOISE else take.advice
            values = {"event": "take", "path": str(clip.path), "peak_db": round(take.peak_db, 1), "advice": advice}
            output.result(values, f"kept {clip.path.name}, peak {take.peak_db:.0f} dB. {advice}".rstrip())
    output.result({"event": "finished", "takes": takes})
    return 0


def _record_session(arguments: argparse.Namespace, output: Output) -> int:
    from kws_engine.commands.recording_session import record_session

    if arguments.word is not None:
        raise SpecError(
            f"A session takes its words from --words: write --words {arguments.word}, or leave --session out"
        )
    if arguments.speaker and arguments.speakers:
        raise SpecError("--speaker and --speakers name the same: use --speakers")
    return record_session(arguments, output, speakers=arguments.speakers or (arguments.speaker or default_speaker(),))


def _refuse_options_of_a_session(arguments: argparse.Namespace) -> None:
    """Options that mean nothing without `--session`.

    Raises:
        SpecError: One is given, or the word is missing.
    """
    for name in ("words", "add", "speakers", "by_key", "new", "status"):
        if getattr(arguments, name):
            raise SpecError(f"--{name.replace('_', '-')} is for a session: add --session, or leave it out")
    if arguments.word is None:
        raise SpecError("Name the word to record, as in kws record PROJECT yes, or record many words with --session")


def _good_take(microphone: Microphone, reader: Reader, project: Project, output: Output, *, is_noise: bool) -> Take:
    """A whole take, with speech in it unless it is noise; after some attempts if need be.

    Raises:
        MicrophoneError: Every attempt failed, or the microphone went away.
    """
    why = ""
    for attempt in range(_MOST_FAILED):
        if attempt:
            output.message(f"{why} Say it again now")
        take, lost = _one_take(microphone, reader, project, is_noise=is_noise)
        if lost:
            why = f"{lost} samples were lost because the computer was busy: close other programs."
        elif take.no_speech and not is_noise:
            why = take.advice
        else:
            return take
    raise MicrophoneError(f"{_MOST_FAILED} attempts at this take failed; the takes before it are kept. {why}")


def _one_take(microphone: Microphone, reader: Reader, project: Project, *, is_noise: bool) -> tuple[Take, int]:
    """The take, and how many samples are missing in it."""
    seconds = NOISE_TAKE_S if is_noise else word_take_s(project.clip_ms)
    recorder = TakeRecorder(project.rate, clip_samples=project.clip_samples, take_seconds=seconds)
    recorder.start()
    lost = 0
    while recorder.state != "done":
        microphone.check()
        heard = reader.read()
        lost += heard.lost
        recorder.feed(heard.samples)
        time.sleep(_POLL_S)
    return recorder.take(), lost


def default_speaker() -> str:
    """The user's login name as a speaker id: letters and digits only."""
    try:
        name = getpass.getuser()
    except (ImportError, KeyError, OSError):  # which of them depends on system and Python
        name = ""
    return "".join(letter for letter in name if letter.isalnum()) or "speaker"
