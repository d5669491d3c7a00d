"""What fires a model in sound without its words: shipped talk, a person's own, and other words; peaks by source."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bank import HOP_S, BankVectors, shipped_bank
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.operating.hearing import BLOCK_S, Heard, hear, hear_frames
from kws_engine.operating.streams import Alarm
from kws_engine.processors import cores
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.second_look import SecondLook
from kws_engine.talk import TalkFile, TalkPart, shipped_talk

Samples = NDArray[np.float32]
OWN = "own"
"""The source of a person's own recordings; the others are the kinds of shipped talk, and other words of a project."""
OTHER_WORDS = "other words"
_TRIAL_S = 20.0
_LEAST_HOURS = 0.05
_MOST_OF_A_TEXT = 6  # stretches of the bank
_MOST_OF_A_VOICE_S = 300.0


@dataclass(frozen=True)
class Sound:
    """Some sound in which none of a model's words is said, but in the spans left out.

    Attributes:
        source: What it is, as `sentence`, `word`, `noise`, `own` or `other words`.
        name: Of the file.
        seconds: Its length without the spans.
        blocks: Opens it at a rate.
        spans: (start, end) in seconds that do not count, by time.
        text: What is said at a time; empty where that is not known.
    """

    source: str
    name: str
    seconds: float
    blocks: Callable[[int], Iterable[Samples]]
    spans: Sequence[tuple[float, float]] = ()
    text: Callable[[float], str] = lambda at_s: ""


@dataclass
class Fired:
    """What a model made of one source: all peaks by word, and what it detected at its thresholds."""

    hours: float = 0.0
    peaks: dict[str, list[float]] = field(default_factory=dict)
    alarms: list[Alarm] = field(default_factory=list)


def talk_of(part: TalkPart, words: Iterable[str]) -> list[Sound]:
    """The shipped talk of a part, without what says one of the words."""
    words = list(words)
    return [_sound_of(file, words) for file in shipped_talk(part)]


def talk_to_calibrate(words: Iterable[str]) -> list[Sound]:
    """The shipped talk that sets thresholds, and the noise of the training part, from which no network learns."""
    words = list(words)
    noise = [sound for sound in talk_of("training", words) if sound.source == "noise"]
    return [*talk_of("calibration", words), *noise]


def fired_by_bank(model: SpottingModel | SecondLook) -> dict[str, Fired]:
    """What the calibration part of the bank fires; of a model on the speech embedding, or a second look by itself."""
    assert isinstance(model.pipeline, EncodedPipeline)
    bank = shipped_bank("calibration", model.pipeline.encoder, without=model.words)
    chosen = _evenly_said(bank)

    def fired(kind: str) -> Fired:
        heard = hear_frames(
            model, (bank.stretch(at) for at, one in enumerate(bank.kinds) if one == kind and at in chosen)
        )
        found = Fired(heard.samples / model.rate / 3600)
        for peak in heard.peaks:
            found.peaks.setdefault(peak.word, []).append(peak.score)
        return found

    kinds = tuple(dict.fromkeys(bank.kinds))
    with ThreadPoolExecutor(cores()) as pool:
        return dict(zip(kinds, pool.map(fired, kinds), strict=True))


def _evenly_said(bank: BankVectors) -> set[int]:
    """The stretches without further repetitions of what many say, and of voices that say much.

    One word that resembles the model's is one; and an hour of one voice, which fires a model all the time or never,
    tells little of the rate that people give.
    """
    counts: dict[int, int] = {}
    seconds: dict[int, float] = {}
    kept = set()
    for number in np.random.default_rng(0).permutation(len(bank.texts)).tolist():
        text, voice = int(bank.texts[number]), int(bank.voices[number])
        counts[text] = counts.get(text, 0) + 1
        is_repeated = text >= 0 and counts[text] > _MOST_OF_A_TEXT
        if is_repeated or (voice >= 0 and seconds.get(voice, 0.0) > _MOST_OF_A_VOICE_S):
            continue
        seconds[voice] = seconds.get(voice, 0.0) + float(bank.lengths[number]) * HOP_S
        kept.add(number)
    return kept


def own_sound(paths: Iterable[Path]) -> list[Sound]:
    """A person's recordings without the words.

    Raises:
        AudioError: One cannot be read.
    """

    def sound(path: Path) -> Sound:
        frames, rate = audio.measure(path)
        return Sound(OWN, str(path), frames / rate, lambda at: audio.blocks(path, rate=at, block_seconds=BLOCK_S))

    return [sound(path) for path in paths]


def fired_by(
    model: SpottingModel,
    sounds: Sequence[Sound],
    *,
    most_cpu_s: float = math.inf,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Fired]:
    """Lets the model hear them all, several at once.

    Args:
        model: With its thresholds.
        sounds: By source in any order.
        most_cpu_s: A slow network hears only so much of each source as takes this long in all.
        should_stop: Asked between two sounds; what was not heard is left out.
    """
    chosen = _affordable(model, sounds, most_cpu_s)
    found: dict[str, Fired] = {}

    def work(sound: Sound) -> tuple[Sound, Heard | None]:
        return sound, None if should_stop() else hear(model, sound.blocks(model.rate))

    with ThreadPoolExecutor(cores()) as pool:
        for sound, heard in pool.map(work, chosen):
            if heard is not None:
                _add(found.setdefault(sound.source, Fired()), sound, heard, model.rate)
    return found


def _add(fired: Fired, sound: Sound, heard: Heard, rate: int) -> None:
    def counts(at_sample: int) -> bool:
        return not any(start <= at_sample / rate < end for start, end in sound.spans)

    fired.hours += max(0.0, heard.samples / rate - sum(end - start for start, end in sound.spans)) / 3600
    for peak in heard.peaks:
        if counts(peak.at_sample):
            fired.peaks.setdefault(peak.word, []).append(peak.score)
    for one in heard.detections:
        if counts(one.at_sample):
            at_s = round(one.at_sample / rate, 3)
            fired.alarms.append(Alarm(one.word, sound.name, at_s, round(one.score, 6), sound.text(at_s)))


def _sound_of(file: TalkFile, words: Sequence[str]) -> Sound:
    spans = file.spans_with(words)

    def text(at_s: float) -> str:
        said = [one.text for one in file.utterances if one.start_s <= at_s and at_s - 1.0 <= one.end_s]
        return said[-1] if said else ""

    def blocks(rate: int) -> Iterator[Samples]:
        return file.blocks(rate=rate, block_seconds=BLOCK_S)

    return Sound(file.kind, file.path.name, file.seconds_without(words), blocks, spans, text)


def _affordable(model: SpottingModel, sounds: Sequence[Sound], most_cpu_s: float) -> list[Sound]:
    """As many sounds of each source as take that long together, the first ones; at least one of each."""
    if math.isinf(most_cpu_s) or not sounds:
        return list(sounds)
    trial = np.zeros(round(_TRIAL_S * model.rate), np.float32)
    began = time.thread_time()
    hear(model, [trial])
    share = most_cpu_s / max(sum(sound.seconds for sound in sounds) * (time.thread_time() - began) / _TRIAL_S, 1e-9)
    if share >= 1:
        return list(sounds)
    chosen: list[Sound] = []
    for source in dict.fromkeys(sound.source for sound in sounds):
        of_source = [sound for sound in sounds if sound.source == source]
        wanted_s = max(share * sum(sound.seconds for sound in of_source), 3600 * _LEAST_HOURS)
        for sound in of_source:
            chosen.append(sound)
            wanted_s -= sound.seconds
            if wanted_s <= 0:
                break
    return chosen
