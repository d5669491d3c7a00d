"""`kws listen`: a model hears a microphone, a file or a pipe and names what it detects."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio, audio_pipe, spec
from kws_engine.commands import acting
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import SpecError
from kws_engine.resident import give_back
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.detector import Detector, Step

if TYPE_CHECKING:
    from kws_engine.operating.listening_log import ListeningLog
    from kws_engine.patient_microphone import PatientMicrophone
    from kws_engine.spotting.model_file import SpottingModel

_POLL_S = 0.03
Sound = Generator[tuple[int, NDArray[np.float32]], None, None]  # (samples lost before these, samples)


def add(add_command: Any) -> None:
    listen = add_command("listen", _listen, help="detect words in a microphone's or a file's sound")
    listen.add_argument("model", type=Path, help="a .kws file")
    source = listen.add_mutually_exclusive_group()
    source.add_argument("--device", help="the microphone, as listed by `kws devices`; else the system's own choice")
    source.add_argument(
        "--file", metavar="AUDIO", help="listen to this file instead, or to a pipe: - is standard input"
    )
    listen.add_argument(
        "--rate",
        type=_rate,
        metavar="HZ",
        help="samples a second of a pipe without a header: raw 16-bit little-endian mono sound",
    )
    listen.add_argument(
        "--once", action="store_true", help="end when the microphone goes away, rather than wait for it to come back"
    )
    listen.add_argument(
        "--log", type=Path, metavar="FILE", help="add each detection to this file, for `kws evaluate-stream --log`"
    )
    acting.add_options(listen)
    listen.add_argument("--seconds", type=_seconds, metavar="S", help="stop after so much sound")
    listen.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        dest="assignments",
        help="an option of the detector, as in detector.threshold=0.9",
    )


def _rate(text: str) -> int:
    low, high = audio.LOWEST_RATE, audio.HIGHEST_RATE
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of samples a second from {low} to {high}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


class Listening:
    """Counts what was heard while a source runs through the detector."""

    def __init__(self) -> None:
        self.samples = 0
        self.lost = 0

    def microphone(self, microphone: PatientMicrophone, *, most: float, once: bool, output: Output) -> Sound:
        """The open microphone's sound until `most` samples were heard; `once`, until it goes away.

        Raises:
            MicrophoneError: It went away, and `once` was wanted.
        """
        is_away = False
        while self.samples < most:
            heard = microphone.read(once=once)
            self.lost += heard.lost
            yield heard.lost, self._counted(heard.samples, most)
            if bool(microphone.absent) != is_away:
                is_away = not is_away
                if is_away:
                    _say_waiting(microphone.absent, output)
                else:
                    _say_back(microphone.name, heard.lost / microphone.rate, output)
            time.sleep(_POLL_S)

    def file(self, path: Path, *, rate: int, most: float) -> Sound:
        """The file's sound at `rate`, at most so many samples."""
        for block in audio.blocks(path, rate=rate):
            yield 0, self._counted(block, most)
            if self.samples >= most:
                return

    def pipe(self, path: str, *, rate: int, raw_rate: int | None, most: float) -> Sound:
        """A pipe's sound at `rate` as it comes, at most so many samples; nothing while nothing comes."""
        for block in audio_pipe.blocks(path, rate=rate, raw_rate=raw_rate):
            yield 0, self._counted(block, most)
            if self.samples >= most:
                return

    def _counted(self, samples: NDArray[np.float32], most: float) -> NDArray[np.float32]:
        taken = samples[: int(min(len(samples), most - self.samples))]
        self.samples += len(taken)
        return taken


def _listen(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.spotting.model_file import SpottingModel

    model = SpottingModel(arguments.model)
    detector = model.detector()
    if arguments.assignments:
        detector = model.detector(_detector_config(detector.config, arguments.assignments))
    listening, cpu_started = Listening(), time.process_time()
    most = float("inf") if arguments.seconds is None else max(1, round(arguments.seconds * model.rate))
    with contextlib.ExitStack() as stack:
        source = _source(arguments, listening, stack, rate=model.rate, most=most, output=output)
        stack.enter_context(contextlib.closing(source))
        interrupted = stack.enter_context(interrupts())
        if arguments.file is None:
            output.message(f"Listening for {', '.join(model.words)}; Ctrl-C ends it")
        log = _log(arguments.log, model, listening, stack)
        actions = acting.begin(arguments, output, words=model.words, rate=model.rate)
        is_small = False
        for steps in hear(source, detector):
            if steps and not is_small:
                give_back()  # the first look has been taken, and all of starting lies behind
                is_small = True
            _say(steps, model.rate, output)
            log.take(steps)
            actions.take(steps)
            if interrupted or output.is_unread():
                break
        last = detector.flush()
        _say(last, model.rate, output)
        log.take(last)
        actions.take(last)
        actions.end(at_once=bool(interrupted) or output.is_unread())
    _finish(listening, model.rate, time.process_time() - cpu_started, output)


def _source(
    arguments: argparse.Namespace,
    listening: Listening,
    stack: contextlib.ExitStack,
    *,
    rate: int,
    most: float,
    output: Output,
) -> Sound:
    """What is listened to; a microphone is open until `stack` ends.

    Raises:
        SpecError: `--rate` without a pipe.
        MicrophoneError: The microphone cannot be opened.
    """
    is_pipe = arguments.file is not None and audio_pipe.is_pipe(arguments.file)
    if arguments.rate is not None and not is_pipe:
        raise SpecError("--rate is for raw sound from a pipe: use it with --file -, or leave it out")
    if is_pipe:
        return listening.pipe(arguments.file, rate=rate, raw_rate=arguments.rate, most=most)
    if arguments.file is not None:
        return listening.file(Path(arguments.file), rate=rate, most=most)
    from kws_engine.patient_microphone import PatientMicrophone

    microphone = stack.enter_context(PatientMicrophone(arguments.device, rate=rate))
    return listening.microphone(microphone, most=most, once=arguments.once, output=output)


class _NoLog:
    """Where none is wanted."""

    def take(self, steps: Iterable[Step]) -> None:
        """Nothing."""


def _log(
    path: Path | None, model: SpottingModel, listening: Listening, stack: contextlib.ExitStack
) -> ListeningLog | _NoLog:
    """The log of what is heard until `stack` ends."""
    if path is None:
        return _NoLog()
    from kws_engine.operating.listening_log import ListeningLog

    log = ListeningLog(path, model=model.path, rate=model.rate)
    stack.callback(lambda: log.close(listening.samples + listening.lost))
    return log


def _say_waiting(fact: str, output: Output) -> None:
    if output.as_json:
        output.result({"event": "waiting", "reason": fact})
    else:
        from kws_engine.patient_microphone import told_away  # it is loaded: it has told the fact

        output.message(f"{told_away(fact, doing='listening')}; Ctrl-C ends it")


def _say_back(name: str, away_s: float, output: Output) -> None:
    if output.as_json:
        output.result({"event": "listening", "device": name, "away_s": round(away_s, 3)})
    else:
        output.message(f'"{name}" is heard again after {away_s:.1f} s')


def hear(source: Iterable[tuple[int, NDArray[np.float32]]], detector: Detector) -> Iterator[list[Step]]:
    """The looks that each piece of (samples lost before it, samples) completes; their times count lost samples too."""
    for lost, samples in source:
        if lost:
            detector.skip(lost)
        yield detector.feed(samples)


def _finish(listening: Listening, rate: int, cpu_s: float, output: Output) -> None:
    values = {
        "event": "finished",
        "audio_s": round(listening.samples / rate, 3),
        "cpu_s": round(cpu_s, 3),
        "lost_samples": listening.lost,
    }
    lost = f", {listening.lost} samples lost" if listening.lost else ""
    output.result(values, f"{values['audio_s']} s heard in {values['cpu_s']} s of processor time{lost}")


def _say(steps: Iterable[Step], rate: int, output: Output) -> None:
    for step in steps:
        if step.detection is not None:
            one = step.detection
            values = {"event": "detection", "word": one.word, "at_s": round(one.at_sample / rate, 3)}
            values["score"] = round(one.score, 4)
            output.result(values, f"{values['at_s']:8.2f} s  {one.word}  {one.score:.2f}")


def _detector_config(config: DetectorConfig, assignments: list[str]) -> DetectorConfig:
    for assignment in assignments:
        path, _, text = assignment.partition("=")
        section, _, name = path.strip().partition(".")
        if section != "detector":
            raise SpecError(
                f"{path!r} cannot be set while listening: only options of the detector, as detector.hop_ms=20"
            )
        config = spec.changed(config, {name: spec.find(config, name, prefix="detector.").parse(text)})
    return config
