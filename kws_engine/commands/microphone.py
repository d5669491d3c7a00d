"""`kws devices`, `kws record`: microphones and takes from a command line."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.free_recording import store_room, store_talk
from kws_engine.clips.own_talk import MINUTE_S
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
    record = add_command("record", _record, help="record takes of a word, free talk, or a room")
    record.add_argument("project", type=Path)
    what = record.add_mutually_exclusive_group()
    what.add_argument("word", nargs="?", help="what is said; not with --session")
    what.add_argument(
        "--talk", type=_minutes, metavar="MINUTES", help="talk about anything: own talk, and clips of other words"
    )
    what.add_argument(
        "--room", type=_seconds, metavar="SECONDS", help="the sound of the room as background noise, without speech"
    )
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


def _minutes(text: str) -> float:
    return _number(text, "minutes", 0.1, 60)


def _seconds(text: str) -> float:
    return _number(text, "seconds", 2, 3600)


def _number(text: str, unit: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {unit} from {low:g} to {high:g}")
    return number


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
    project = Project.open(arguments.project)
    speaker = arguments.speaker or default_speaker()
    if arguments.talk is not None:
        _record_talk(project, arguments.device, speaker, round(60 * arguments.talk, 1), output)
    elif arguments.room is not None:
        _record_room(project, arguments.device, speaker, arguments.room, output)
    else:
        _record_takes(project, check_word(arguments.word), arguments, output, speaker=speaker)
    return 0


def _record_takes(project: Project, word: str, arguments: argparse.Namespace, output: Output, *, speaker: str) -> None:
    takes = arguments.takes or 1
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


def _record_session(arguments: argparse.Namespace, output: Output) -> int:
    from kws_engine.commands.recording_session import record_session

    if arguments.talk is not None or arguments.room is not None:
        raise SpecError("A session asks for words: leave --session out, or --talk and --room")
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
    if arguments.word is None and arguments.talk is None and arguments.room is None:
        raise SpecError(
            "Name the word to record, as in kws record PROJECT yes, or record many words with --session, free talk "
            "with --talk or a room with --room"
        )


def _record_talk(project: Project, device: str | None, speaker: str, seconds: float, output: Output) -> None:
    """Stores each minute when it is over, so that no more can be lost."""
    path: Path | None = None
    done_s, clips = 0.0, 0
    with Microphone(device) as microphone:
        reader = Reader(microphone, rate=project.rate)
        output.message(f"Talk about anything for {_time(seconds)}, but say none of the project's words. Now")
        while seconds - done_s > 1 / project.rate:
            samples = _heard(microphone, reader, min(MINUTE_S, seconds - done_s), output)
            stored = store_talk(project, samples, speaker=speaker, after=path)
            path, done_s, clips = stored.path, done_s + len(samples) / project.rate, clips + len(stored.clips)
            values = {"event": "talk", "path": str(path), "seconds": round(done_s, 2), "clips": len(stored.clips)}
            output.result(values, f"kept {_time(done_s)} in {path.name}, {len(stored.clips)} clips of other words cut")
    output.result({"event": "finished", "seconds": round(done_s, 2), "clips": clips})


def _record_room(project: Project, device: str | None, speaker: str, seconds: float, output: Output) -> None:
    with Microphone(device) as microphone:
        reader = Reader(microphone, rate=project.rate)
        output.message(f"Be silent for {_time(seconds)}. Now")
        samples = _heard(microphone, reader, seconds, output)
    kept = store_room(project, samples, speaker=speaker)
    for clip in kept:
        values = {"event": "noise", "path": str(clip.path), "seconds": round(clip.seconds, 2)}
        output.result(values, f"kept {clip.path.name}, {clip.seconds:.1f} s of noise")
    if not kept:
        raise MicrophoneError("Nothing was kept: somebody spoke all the time, or the microphone is muted. Try again.")
    kept_s = sum(clip.seconds for clip in kept)
    output.result({"event": "finished", "seconds": round(kept_s, 2), "left_out_s": round(seconds - kept_s, 2)})


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _heard(microphone: Microphone, reader: Reader, seconds: float, output: Output) -> NDArray[np.float32]:
    """So much of the sound from where the reader is, (samples,); says so where some was lost.

    Raises:
        MicrophoneError: The microphone went away.
    """
    wanted, pieces, lost = round(seconds * reader.rate), [np.zeros(0, np.float32)], 0
    while sum(map(len, pieces)) < wanted:
        microphone.check()
        heard = reader.read()
        lost += heard.lost
        pieces.append(heard.samples)
        time.sleep(_POLL_S)
    if lost:
        output.message(f"{lost} samples were lost because the computer was busy: close other programs.")
    return np.concatenate(pieces)[:wanted]


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
