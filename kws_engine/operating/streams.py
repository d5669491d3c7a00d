"""Words in continuous sound: a stream made of clips, and what was heard compared with the words spoken in it."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
    """A false alarm: of which word, where in which stream, how sure, and what was said there, where that is known."""

    word: str
    stream: str
    at_s: float
    score: float
    text: str = ""


@dataclass(frozen=True)
class SpokenWord:
    """A word that was spoken, and what became of it.

    Attributes:
        word: The word.
        stream: In which stream,
        start_s: and where in it.
        score: The highest score of the word there; 0 where it has none.
        latency_s: From its end to its detection, negative where the detector was sure before; None where it was missed.
    """

    word: str
    stream: str
    start_s: float
    score: float
    latency_s: float | None

    @property
    def is_heard(self) -> bool:
        """Whether it was detected."""
        return self.latency_s is not None


@dataclass
class StreamQuality:
    """What a detector made of one stream or more.

    Attributes:
        spoken: The words spoken, in order.
        false_alarms: Detections of a word that was not spoken there, in order.
        hours: Length of the streams.
        alarm_peaks: The scores of all peaks where that word was not spoken, by word.
    """

    spoken: list[SpokenWord] = field(default_factory=list)
    false_alarms: list[Alarm] = field(default_factory=list)
    hours: float = 0.0
    alarm_peaks: dict[str, list[float]] = field(default_factory=dict)

    @property
    def hits(self) -> dict[str, int]:
        """Detected words, by word."""
        return self._counts(lambda one: one.is_heard)

    @property
    def misses(self) -> dict[str, int]:
        """Words that were not detected, by word (false rejects)."""
        return self._counts(lambda one: not one.is_heard)

    @property
    def hit_peaks(self) -> dict[str, list[float]]:
        """The highest score of each spoken word, by word."""
        peaks: dict[str, list[float]] = {}
        for one in self.spoken:
            peaks.setdefault(one.word, []).append(one.score)
        return peaks

    @property
    def miss_count(self) -> int:
        """How many words were not detected."""
        return sum(not one.is_heard for one in self.spoken)

    @property
    def miss_rate(self) -> float:
        """Share of the spoken words that were missed, 0..1 (FRR)."""
        return self.miss_count / max(len(self.spoken), 1)

    @property
    def miss_interval(self) -> Interval | None:
        """The same with its 95% bounds; None where nothing was spoken."""
        return wilson(self.miss_count, len(self.spoken)) if self.spoken else None

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
        latencies = [one.latency_s for one in self.spoken if one.latency_s is not None]
        return float(np.percentile(latencies, percent)) if latencies else None

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
        latencies: list[float | None] = [None] * len(said.spoken)
        scores = [0.0] * len(said.spoken)
        for detection in found:
            number = next((number for number in said.at(detection) if latencies[number] is None), None)
            if number is None:
                at_s, score = detection.at_sample / rate, round(detection.score, 6)
                self.false_alarms.append(Alarm(detection.word, stream, at_s, score))
            else:
                latencies[number] = (detection.at_sample - said.spoken[number].stop) / rate
                scores[number] = detection.score
        for peak in peaks:
            numbers = said.at(peak)
            for number in numbers:
                scores[number] = max(scores[number], peak.score)
            if not numbers:
                self.alarm_peaks.setdefault(peak.word, []).append(peak.score)
        for one, score, latency_s in zip(said.spoken, scores, latencies, strict=True):
            self.spoken.append(SpokenWord(str(one.word), stream, one.start / rate, score, latency_s))
        self.hours += samples / rate / 3600

    def _counts(self, is_counted: Callable[[SpokenWord], bool]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one in self.spoken:
            counts[one.word] = counts.get(one.word, 0) + is_counted(one)
        return counts


class _Said:
    """The words spoken in one stream, found by the time at which they may be heard."""

    def __init__(self, spoken: Sequence[Spoken], rate: int) -> None:
        self.spoken = sorted(spoken, key=lambda one: one.start)
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
            if self.spoken[number].word == heard.word and heard.at_sample <= self.spoken[number].stop + self._tolerance
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
