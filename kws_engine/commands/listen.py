"""`kws listen`: a model hears a microphone or a file and names what it detects."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio, spec
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import SpecError
from kws_engine.spotting.detector import Detector, DetectorConfig, Step

_POLL_S = 0.03
Sound = Generator[tuple[int, NDArray[np.float32]], None, None]  # (samples lost before these, samples)


def add(add_command: Any) -> None:
    listen = add_command("listen", _listen, help="detect words in a microphone's or a file's sound")
    listen.add_argument("model", type=Path, help="a .kws file")
    source = listen.add_mutually_exclusive_group()
    source.add_argument("--device", help="the microphone, as listed by `kws devices`; else the system's own choice")
    source.add_argument("--file", type=Path, metavar="AUDIO", help="listen to this file instead")
    listen.add_argument("--seconds", type=_seconds, metavar="S", help="stop after so much sound")
    listen.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        dest="assignments",
        help="an option of the detector, as in detector.threshold=0.9",
    )


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

    def microphone(self, device: str | None, *, rate: int, most: float) -> Sound:
        """The microphone's sound at `rate` until `most` samples were heard."""
        from kws_engine.microphone import Microphone, Reader

        with Microphone(device) as microphone:
            reader = Reader(microphone, rate=rate)
            while self.samples < most:
                microphone.check()
                heard = reader.read()
                self.lost += heard.lost
                yield heard.lost, self._counted(heard.samples, most)
                time.sleep(_POLL_S)

    def file(self, path: Path, *, rate: int, most: float) -> Sound:
        """The file's sound at `rate`, at most so many samples."""
        for block in audio.blocks(path, rate=rate):
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
    if arguments.file is not None:
        source = listening.file(arguments.file, rate=model.rate, most=most)
    else:
        source = listening.microphone(arguments.device, rate=model.rate, most=most)
    with interrupts() as interrupted, contextlib.closing(source):
        if arguments.file is None:
            output.message(f"Listening for {', '.join(model.words)}; Ctrl-C ends it")
        for steps in hear(source, detector):
            _say(steps, model.rate, output)
            if interrupted:
                break
    _say(detector.flush(), model.rate, output)
    _finish(listening, model.rate, time.process_time() - cpu_started, output)


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
