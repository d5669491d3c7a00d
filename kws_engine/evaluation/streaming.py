"""Words in continuous sound: a stream made of clips, and detections compared with the words spoken in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.spotting.decision import Detection
from kws_engine.spotting.detector import Detector

Samples = NDArray[np.float32]
# A word counts as heard from its clip's start until this long after its end: the detector answers late, never before.
TOLERANCE_S = 0.75


@dataclass(frozen=True)
class Spoken:
    """A word in a stream, from `start` up to `stop`, in samples; None where it is no word of the model."""

    word: str | None
    start: int
    stop: int


@dataclass(frozen=True)
class StreamQuality:
    """What a detector made of a stream.

    Attributes:
        hits: Detected words, by word.
        misses: Words that were not detected, by word (false rejects).
        false_alarms: Detections of a word that was not spoken there, by the word detected.
        hours: Length of the stream.
    """

    hits: dict[str, int]
    misses: dict[str, int]
    false_alarms: dict[str, int]
    hours: float

    @property
    def miss_rate(self) -> float:
        """Share of the spoken words that were missed, 0..1 (FRR)."""
        missed = sum(self.misses.values())
        return missed / max(missed + sum(self.hits.values()), 1)

    @property
    def false_alarms_per_hour(self) -> float:
        """FA/h."""
        return sum(self.false_alarms.values()) / max(self.hours, 1e-9)


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
    """Compares detections with the words spoken: each is to be detected once, and nothing else at all."""
    words = sorted({one.word for one in spoken if one.word is not None})
    hits, misses, false_alarms = dict.fromkeys(words, 0), dict.fromkeys(words, 0), dict[str, int]()
    open_words = [one for one in spoken if one.word is not None]
    for detection in found:
        heard = next((one for one in open_words if _matches(detection, one, rate)), None)
        if heard is None:
            false_alarms[detection.word] = false_alarms.get(detection.word, 0) + 1
        else:
            open_words.remove(heard)
            hits[detection.word] += 1
    for one in open_words:
        misses[str(one.word)] += 1
    return StreamQuality(hits, misses, false_alarms, samples / rate / 3600)


def _matches(detection: Detection, spoken: Spoken, rate: int) -> bool:
    in_time = spoken.start < detection.at_sample <= spoken.stop + TOLERANCE_S * rate
    return in_time and detection.word == spoken.word
