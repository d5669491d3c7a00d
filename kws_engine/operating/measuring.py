"""What a model misses and how often it fires falsely, on takes and talk that neither trained nor calibrated it."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.words import is_machine
from kws_engine.operating.calibrating import Promise
from kws_engine.operating.hearing import hear
from kws_engine.operating.laying import CLEAN, Laid, Take
from kws_engine.operating.report import Counted, FiredOn, InNoise, MissedTake, OfSource, Report, WordReport
from kws_engine.operating.streams import SpokenWord, StreamQuality
from kws_engine.operating.talk_hearing import Fired
from kws_engine.processors import cores
from kws_engine.spotting.model_file import SpottingModel

Samples = NDArray[np.float32]
SNR_DB = 20.0
"""Of the noise in which misses are counted first."""
SNRS_DB = (CLEAN, 20.0, 10.0, 5.0, 0.0, -5.0)
_WITHIN_VOICES = 0.3  # the correlation of misses within a voice
_MOST_TAKES = 400
_MOST_TAKES_A_NOISE = 120
_MOST_PEAKS = 300  # of each word, the highest
_MOST_TOLD = 200


@dataclass
class Misses:
    """Takes laid into one kind of background.

    Attributes:
        snr_db: Of the noise; None without.
        takes: In the order in which they were laid.
        quality: Of the whole stream, its spoken words in the same order.
    """

    snr_db: float | None
    takes: list[Take]
    quality: StreamQuality


@dataclass(frozen=True)
class Background:
    """What takes are laid into: noise (N,) and pieces of talk, both at the model's rate."""

    noise: Samples
    talk: Sequence[Samples]


def misses_in(
    model: SpottingModel, takes: Sequence[Take], background: Background, *, snr_db: float | None, seed: int = 0
) -> Misses:
    """Lays each take once into talk and noise, and counts those that are not heard."""
    laid = Laid(takes, noise=background.noise, talk=background.talk, snr_db=snr_db, rate=model.rate, seed=seed)
    heard = hear(model, _joined(laid.blocks(), 20 * model.rate))
    quality = StreamQuality()
    quality.add(heard.detections, laid.spoken, samples=heard.samples, rate=model.rate, peaks=heard.peaks)
    return Misses(snr_db, [takes[number] for number in laid.order], quality)


def measure_misses(
    model: SpottingModel, takes: Sequence[Take], background: Background, *, should_stop: Callable[[], bool]
) -> list[Misses]:
    """The misses in noise of `SNR_DB` on all takes, first, and in each of `SNRS_DB` on some of them."""
    all_takes, some = _sample(takes, _MOST_TAKES), _sample(takes, _MOST_TAKES_A_NOISE)
    jobs = [(all_takes, SNR_DB), *((some, snr_db) for snr_db in SNRS_DB)]
    with ThreadPoolExecutor(cores()) as pool:
        return [
            one
            for one in pool.map(
                lambda job: None if should_stop() else misses_in(model, job[0], background, snr_db=job[1]), jobs
            )
            if one is not None
        ]


def make_report(
    promise: Promise,
    misses: Sequence[Misses],
    fired: Mapping[str, Fired],
    *,
    takes_from: str,
    would_miss: float | None = None,
    curves: Mapping[str, dict[str, list[float]]] | None = None,
) -> Report:
    """All of it.

    Args:
        promise: What the thresholds were set to.
        misses: As `measure_misses` gives them.
        fired: What talk of the testing part fired, by source.
        takes_from: Of which part the takes are.
        would_miss: What the thresholds for the rate asked for would miss, where they are lower.
        curves: The rates expected of each word, as `Calibration.curve` gives them.
    """
    first = misses[0] if misses else Misses(SNR_DB, [], StreamQuality())
    alarms = sorted((alarm for one in fired.values() for alarm in one.alarms), key=lambda alarm: -alarm.score)
    missed_takes = [
        MissedTake(take.name, take.word, round(spoken.score, 6))
        for take, spoken in zip(first.takes, first.quality.spoken, strict=True)
        if not spoken.is_heard
    ]
    return Report(
        promised=promise.per_hour,
        expected=promise.expected,
        low=promise.low,
        high=promise.high,
        calibration_hours=promise.hours,
        takes_from=takes_from,
        missed=dataclasses.replace(_counted_in(first), effective=effective_takes(first.takes)),
        snr_db=SNR_DB,
        snr=[InNoise(**vars(_counted_in(one)), snr_db=one.snr_db) for one in misses[1:]],
        speakers=_by_speaker(first),
        latency_ms=(_ms(first.quality.latency_s(50)), _ms(first.quality.latency_s(95))),
        missed_takes=missed_takes[:_MOST_TOLD],
        false_alarms={source: OfSource(len(one.alarms), one.hours) for source, one in fired.items()},
        alarms=[FiredOn(**vars(alarm)) for alarm in alarms[:_MOST_TOLD]],
        words={
            word: _word(word, threshold, first, fired, (curves or {}).get(word, {}))
            for word, threshold in promise.thresholds.items()
        },
        would_miss=would_miss,
    )


def effective_takes(takes: Sequence[Take]) -> float:
    """How many independent takes tell as much about voices that are not among them.

    The number of takes over the design effect of cluster sampling, 1 + (size - 1) * correlation (Kish, Survey Sampling,
    1965), with voices as clusters. Takes of a single voice, or of unknown ones, count in full: theirs is then the voice
    that the figure is about.
    """
    sizes = Counter(take.speaker for take in takes)
    if len(sizes) < 2 or "" in sizes:
        return float(len(takes))
    size = sum(count * count for count in sizes.values()) / len(takes)
    return len(takes) / (1 + (size - 1) * _WITHIN_VOICES)


def are_synthetic(takes: Sequence[Take]) -> bool:
    """Whether most of them are said by synthetic voices."""
    return 2 * sum(is_machine(take.speaker) for take in takes) > len(takes)


def _counted_in(misses: Misses) -> Counted:
    return dataclasses.replace(_counted(misses.quality.spoken), synthetic=are_synthetic(misses.takes))


def _counted(spoken: Sequence[SpokenWord]) -> Counted:
    return Counted(sum(not one.is_heard for one in spoken), len(spoken))


def _by_speaker(misses: Misses) -> dict[str, Counted]:
    speakers: dict[str, list[SpokenWord]] = {}
    for take, spoken in zip(misses.takes, misses.quality.spoken, strict=True):
        speakers.setdefault(take.speaker, []).append(spoken)
    return {name: _counted(said) for name, said in sorted(speakers.items()) if name}


def _word(
    word: str, threshold: float, misses: Misses, fired: Mapping[str, Fired], per_hour: dict[str, list[float]]
) -> WordReport:
    of_word = [one for one in misses.quality.spoken if one.word == word]
    alarms = sorted((score for one in fired.values() for score in one.peaks.get(word, ())), reverse=True)
    return WordReport(
        threshold,
        sum(not one.is_heard for one in of_word),
        len(of_word),
        sum(alarm.word == word for one in fired.values() for alarm in one.alarms),
        [round(score, 6) for score in sorted(one.score for one in of_word)],
        [round(score, 6) for score in alarms[:_MOST_PEAKS]],
        per_hour,
    )


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)


def _sample(takes: Sequence[Take], most: int) -> list[Take]:
    """So many takes, of each word alike, the same ones each time."""
    if len(takes) <= most:
        return list(takes)
    by_word: dict[str, list[Take]] = {}
    for take in takes:
        by_word.setdefault(take.word, []).append(take)
    for of_word in by_word.values():
        random.Random(0).shuffle(of_word)
    rows = itertools.zip_longest(*by_word.values())
    return [take for row in rows for take in row if take is not None][:most]


def _joined(blocks: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Blocks put together to about `size` samples."""
    waiting: list[Samples] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= size:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)
