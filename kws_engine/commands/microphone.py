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
from kws_engine.errors import MicrophoneError
from kws_engine.microphone import Microphone, Reader, devices

_POLL_S = 0.02
_MOST_FAILED = 3


def add(add_command: Any) -> None:
    add_command("devices", _devices, help="list the microphones")
    record = add_command("record", _record, help="record takes of a word")
    record.add_argument("project", type=Path)
    record.add_argument("word")
    record.add_argument("--takes", type=_count, default=1, metavar="N", help="how many (1)")
    record.add_argument("--device", help="the microphone, as listed by `kws devices`")
    record.add_argument("--speaker", help="who speaks; letters and digits (your user name)")


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


def _record(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    word = check_word(arguments.word)
    speaker = arguments.speaker or default_speaker()
    with Microphone(arguments.device) as microphone:
        if word not in (*project.words, UNKNOWN, NOISE):
            word = project.edit.add_word(word)
        reader = Reader(microphone, rate=project.rate)
        for number in range(1, arguments.takes + 1):
            what = f"be silent for {NOISE_TAKE_S:.0f} s" if word == NOISE else f"say “{word}”"
            output.message(f"Take {number} of {arguments.takes}: {what} now")
            take = _good_take(microphone, reader, project, output, is_noise=word == NOISE)
            clip = project.edit.add_take(word, take.raw if word == NOISE else take.clip, speaker=speaker)
            advice = "" if word == NOISE else take.advice
            values = {"event": "take", "path": str(clip.path), "peak_db": round(take.peak_db, 1), "advice": advice}
            output.result(values, f"kept {clip.path.name}, peak {take.peak_db:.0f} dB. {advice}".rstrip())
    output.result({"event": "finished", "takes": arguments.takes})


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
