"""`kws devices`, `kws record`: microphones and takes from a command line; knows no training."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import time
from pathlib import Path
from typing import Any

from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take, TakeRecorder
from kws_engine.clips.words import check_word
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
    if not text.isdigit() or not 1 <= int(text) <= 1000:
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
    if word not in project.words and not word.startswith("_"):
        project.add_word(word)
    speaker = arguments.speaker or default_speaker()
    kept = failed = 0
    with Microphone(arguments.device) as microphone:
        reader = Reader(microphone, rate=project.rate)
        while kept < arguments.takes:
            output.message(f"Take {kept + 1} of {arguments.takes}: say “{word}” now")
            take = _one_take(microphone, reader, project)
            if take.no_speech:
                failed += 1
                if failed >= _MOST_FAILED:
                    raise MicrophoneError(
                        f"No speech was heard {failed} times: {take.advice or 'check the microphone'}"
                    )
                output.message(take.advice)
                continue
            failed = 0
            clip = project.add_take(word, take.clip, speaker=speaker)
            kept += 1
            values = {"event": "take", "path": str(clip.path), "peak_db": round(take.peak_db, 1), "advice": take.advice}
            output.result(values, f"kept {clip.path.name}, peak {take.peak_db:.0f} dB. {take.advice}".rstrip())
    output.result({"event": "finished", "takes": kept})


def _one_take(microphone: Microphone, reader: Reader, project: Project) -> Take:
    recorder = TakeRecorder(project.rate, clip_samples=project.clip_samples)
    recorder.start()
    while recorder.state != "done":
        microphone.check()
        recorder.feed(reader.read().samples)
        time.sleep(_POLL_S)
    return recorder.take()


def default_speaker() -> str:
    """The user's login name as a speaker id: letters and digits only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return "".join(letter for letter in name if letter.isalnum()) or "speaker"
