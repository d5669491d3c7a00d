"""Words in continuous sound: a stream made of clips, and what was heard compared with the words spoken in it."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kws_engine.evaluation.interval import Interval, poisson_upper, wilson
from kws_engine.operating.peaks import Peak
from kws_engine.operating.truth import Spoken
from kws_engine.spotting.decision import Detection
from kws_engine.spotting.detector import Detector

Samples = NDArray[np.float32]
TOLERANCE_S = 0.75
"""A word counts as heard from its start until this long after its end: the detector answers late, never before."""


@dataclass(frozen=True)
class Alarm:
    """A false alarm: of which word, where in which stream, and how sure."""

    word: str
    stream: str
    at_s: float
    score: float


@dataclass
class StreamQuality:
    """What a detector made of one stream or more.

    Attributes:
        hits: Detected words, by word.
        misses: Words that were not detected, by word (false rejects).
        false_alarms: Detections of a word that was not spoken there, in order.
        latencies_s: From the end of each detected word to its detection; negative where it was sure before.
        hours: Length of the streams.
        hit_peaks: The highest score of each spoken word, 0 where it has none, by word.
        alarm_peaks: The scores of all peaks where that word was not spoken, by word.
    """

    hits: dict[str, int] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)
    false_alarms: list[Alarm] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    hours: float = 0.0
    hit_peaks: dict[str, list[float]] = field(default_factory=dict)
    alarm_peaks: dict[str, list[float]] = field(default_factory=dict)

    @property
    def spoken(self) -> int:
        """How many words were spoken."""
        return self.hit_count + self.miss_count

    @property
    def hit_count(self) -> int:
        """How many of them were detected."""
        return sum(self.hits.values())

    @property
    def miss_count(self) -> int:
        """How many were not."""
        return sum(self.misses.values())

    @property
    def miss_rate(self) -> float:
        """Share of the spoken words that were missed, 0..1 (FRR)."""
        return self.miss_count / max(self.spoken, 1)

    @property
    def miss_interval(self) -> Interval | None:
        """The same with its 95% bounds; None where nothing was spoken."""
        return wilson(self.miss_count, self.spoken) if self.spoken else None

    @property
    def false_alarms_per_hour(self) -> float:
        """FA/h."""
        return len(self.false_alarms) / max(self.hours, 1e-9)

    @property
    def false_alarms_upper(self) -> float:
        """FA/h that are not exceeded with 95% certainty."""
        return poisson_upper(len(self.false_alarms)) / max(self.hours, 1e-9)

    @property
    def false_alarms_by_word(self) -> dict[str, int]:
        """How many false alarms there were of each word that had any."""
        return dict(Counter(alarm.word for alarm in self.false_alarms))

    def latency_s(self, percent: float) -> float | None:
        """That percentile of the latencies; None where nothing was detected."""
        return float(np.percentile(self.latencies_s, percent)) if self.latencies_s else None

    def add(
        self,
        found: Iterable[Detection],
        spoken: Sequence[Spoken],
        *,
        samples: int,
        rate: int,
        peaks: Iterable[Peak] = (),
        stream: str = "",
    ) -> None:
        """Adds one stream: each word spoken is to be detected once, and nothing else at all."""
        said = _Said([one for one in spoken if one.word is not None], rate)
        for word in said.words:
            for counts in (self.hits, self.misses):
                counts.setdefault(word, 0)
        is_open = [True] * len(said.words)
        for detection in found:
            number = next((number for number in said.at(detection) if is_open[number]), None)
            if number is None:
                self.false_alarms.append(
                    Alarm(detection.word, stream, detection.at_sample / rate, round(detection.score, 6))
                )
                continue
            is_open[number] = False
            self.hits[detection.word] += 1
            self.latencies_s.append((detection.at_sample - said.spoken[number].stop) / rate)
        for word, missed in zip(said.words, is_open, strict=True):
            self.misses[word] += missed
        self.hours += samples / rate / 3600
        self._add_peaks(peaks, said)

    def _add_peaks(self, peaks: Iterable[Peak], said: _Said) -> None:
        highest = [0.0] * len(said.words)
        for peak in peaks:
            numbers = said.at(peak)
            for number in numbers:
                highest[number] = max(highest[number], peak.score)
            if not numbers:
                self.alarm_peaks.setdefault(peak.word, []).append(peak.score)
        for word, score in zip(said.words, highest, strict=True):
            self.hit_peaks.setdefault(word, []).append(score)


class _Said:
    """The words spoken in one stream, found by the time at which they may be heard."""

    def __init__(self, spoken: Sequence[Spoken], rate: int) -> None:
        self.spoken = sorted(spoken, key=lambda one: one.start)
        self.words = [str(one.word) for one in self.spoken]
        self._starts = [one.start for one in self.spoken]
        self._tolerance = TOLERANCE_S * rate
        self._longest = max((one.stop - one.start for one in self.spoken), default=0) + self._tolerance

    def at(self, heard: Detection | Peak) -> list[int]:
        """The numbers of those that this may be, the earliest first."""
        last = bisect.bisect_left(self._starts, heard.at_sample)
        first = bisect.bisect_left(self._starts, heard.at_sample - self._longest)
        return [
            number
            for number in range(first, last)
            if self.words[number] == heard.word and heard.at_sample <= self.spoken[number].stop + self._tolerance
        ]


def make_stream(
    clips: Sequence[tuple[str | None, Samples]],
    noise: Samples,
    *,
    rate: int,
    gap_s: tuple[float, float],
    snr_db: float,
    seed: int,
) -> tuple[Samples, list[Spoken]]:
    """The clips one after another in random order, with pauses, over a running noise.

    Args:
        clips: (word or None, samples) each.
        noise: Repeated under the whole stream; empty for none.
        rate: Samples a second.
        gap_s: Shortest and longest pause between two clips.
        snr_db: How far the clips' mean power is above the noise's.
        seed: Of order and pauses.

    Returns:
        The stream (N,) and the words spoken in it, in order.
    """
    generator = np.random.default_rng(seed)
    pieces, spoken, at = [], [], 0
    for number in generator.permutation(len(clips)):
        word, samples = clips[number]
        gap = round(generator.uniform(*gap_s) * rate)
        pieces += [np.zeros(gap, np.float32), samples]
        spoken.append(Spoken(word, at + gap, at + gap + len(samples)))
        at += gap + len(samples)
    pieces.append(np.zeros(rate, np.float32))
    stream = np.concatenate(pieces)
    if len(noise) and len(clips):
        speech_power = float(np.mean([np.mean(np.square(samples)) for _, samples in clips]))
        running = np.resize(noise, len(stream))
        stream += running * np.sqrt(speech_power / 10 ** (snr_db / 10) / max(float(np.mean(np.square(noise))), 1e-12))
    return np.clip(stream, -1.0, 1.0).astype(np.float32), spoken


def detections(detector: Detector, stream: Samples, *, chunk_samples: int = 16_000) -> list[Detection]:
    """What the detector hears in the whole stream, its end included."""
    detector.reset()
    chunks = (stream[at : at + chunk_samples] for at in range(0, len(stream), chunk_samples))
    steps = [step for chunk in chunks for step in detector.feed(chunk)] + detector.flush()
    return [step.detection for step in steps if step.detection is not None]


def evaluate_stream(found: Iterable[Detection], spoken: Sequence[Spoken], *, samples: int, rate: int) -> StreamQuality:
    """Compares detections with the words spoken in one stream."""
    quality = StreamQuality()
    quality.add(found, spoken, samples=samples, rate=rate)
    return quality
