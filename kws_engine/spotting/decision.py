"""When a smoothed score is a detection: threshold, re-arm and refractory time; time counts in samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kws_engine.spec import find, option, unknown

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DetectorConfig:
    hop_ms: float = option(
        30.0,
        "Hop",
        "Time from one look of the network to the next; smaller locates words more exactly and costs more.",
        low=10.0,
        high=500.0,
        unit="ms",
    )
    smoothing_ms: float = option(
        240.0,
        "Smoothing",
        "Scores are averaged over this time; longer means fewer false alarms and later detections.",
        low=0.0,
        high=2000.0,
        unit="ms",
    )
    threshold: float = option(
        0.7,
        "Threshold",
        "A smoothed score of at least this is a detection, for words without a threshold of their own.",
        low=0.0,
        high=1.0,
    )
    refractory_ms: float = option(
        700.0,
        "Refractory time",
        "After a detection nothing is detected for this long.",
        low=0.0,
        high=10_000.0,
        unit="ms",
    )
    rearm: float = option(
        0.5,
        "Re-arm below",
        "A word can be detected again when its score has fallen below this share of its threshold.",
        low=0.05,
        high=1.0,
        advanced=True,
    )
    second_look: bool = option(
        False,
        "Second look",
        "A second network, on the speech embedding, is trained on the same clips and asked only when the first one "
        "hears a word: far fewer false alarms, and nothing more to compute in silence. Needs sound at 16 kHz.",
    )
    first_share: float = option(
        0.0,
        "First network's share",
        "How much the first network counts where the second has looked: 0 leaves it to the second; with 0.5 both count "
        "alike, which is best where the first has learned from eighty clips of each word or more.",
        low=0.0,
        high=0.9,
        advanced=True,
    )
    saving: bool = option(
        True,
        "Save work",
        "The network does not look at sound that is no louder than the quietest moments of the last seconds, and looks "
        "at fewer moments while no word is near.",
        advanced=True,
    )


_THRESHOLD = find(DetectorConfig, "threshold")


@dataclass(frozen=True)
class Detection:
    """A word heard: `at_sample` is the end of the audio that was needed to hear it, and `score` its score there."""

    word: str
    at_sample: int
    score: float


class Decision:
    """Takes the smoothed scores of one look after another.

    Args:
        columns: The place of each word's score among the scores of a look; kept as `columns`.
        config: The options.
        rate: Samples a second.
    """

    def __init__(self, columns: Mapping[str, int], config: DetectorConfig, *, rate: int) -> None:
        self.config = config
        self.columns = dict(columns)
        self._places = list(self.columns.values())
        self._thresholds = dict.fromkeys(self.columns, config.threshold)
        self._find_lowest()
        self._refractory_samples = round(config.refractory_ms * rate / 1000)
        self.reset()

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of every word, 0..1."""
        return dict(self._thresholds)

    def set_threshold(self, word: str, threshold: float) -> None:
        """Takes effect at the next look.

        Raises:
            SpecError: The model does not know the word, or the threshold is not in 0..1.
        """
        if word not in self.columns:
            raise unknown(word, self.columns, what="word of this model")
        self._thresholds[word] = _THRESHOLD.check(threshold)
        self._find_lowest()

    def _find_lowest(self) -> None:
        self._lowest = float(min(map(np.float32, self._thresholds.values()), default=np.float32(np.inf)))

    def reset(self) -> None:
        """Starts over; the next sample is sample 0."""
        self._quiet_until = 0
        self.rearm()

    def rearm(self) -> None:
        """Forgets which words are sounding, as after a pause or lost sound."""
        self._armed = dict.fromkeys(self.columns, True)
        self._all_armed = True
        self._sounding: Detection | None = None  # the newest, with its highest score, until it has faded away

    def is_calm(self, scores: Floats) -> bool:
        """Whether nothing at all happens at looks with these scores (L, labels): no word sounds, and none begins to."""
        if not self._all_armed or self._sounding is not None or not self._places:
            return False
        return float(np.maximum.reduce(scores.take(self._places, axis=1), axis=None)) < self._lowest

    def look(self, scores: Floats, at_sample: int, *, is_smooth: bool = True) -> Detection | None:
        """The detection that the scores (labels,) of one look lead to; never one while they are not smooth yet."""
        if self.is_calm(scores[None]):
            return None
        for word, column in self.columns.items():
            if scores[column] < self.config.rearm * self._thresholds[word]:
                self._armed[word] = True
        self._all_armed = all(self._armed.values())
        if at_sample < self._quiet_until or not is_smooth:
            return None
        heard = [word for word, column in self.columns.items() if scores[column] >= self._thresholds[word]]
        if not heard:
            return None
        word = max(heard, key=lambda candidate: float(scores[self.columns[candidate]]))
        if not self._armed[word]:  # it is still sounding, and any weaker word is its echo
            return None
        self._armed[word] = self._all_armed = False
        self._quiet_until = at_sample + self._refractory_samples
        self._sounding = Detection(word, at_sample, float(scores[self.columns[word]]))
        return self._sounding

    def risen(self, scores: Floats) -> Detection | None:
        """The newest detection with its new highest score, if this look, already taken, has one."""
        if self._sounding is None or self._armed[self._sounding.word]:
            self._sounding = None
            return None
        score = float(scores[self.columns[self._sounding.word]])
        if score <= self._sounding.score:
            return None
        self._sounding = replace(self._sounding, score=score)
        return self._sounding

    def decide(self, scores: Floats, at_samples: NDArray[np.int64], found: list[Detection]) -> None:
        """Adds the detections of many looks (L, labels) in a row to those found before in the same stream.

        The same as `look` for each, but it skips those looks that can only re-arm. A detection has its peak score, as
        far as these looks show it.
        """
        levels = np.array([self.config.rearm * self._thresholds[word] for word in self.columns], np.float32)
        active = np.flatnonzero((scores[:, list(self.columns.values())] >= levels).any(axis=1))
        before = -1
        for number in active.tolist():
            if number != before + 1:
                self.rearm()
            before = number
            detection = self.look(scores[number], int(at_samples[number]))
            if detection is not None:
                found.append(detection)
            elif (risen := self.risen(scores[number])) is not None:
                found[-1] = risen
        if before != len(scores) - 1:
            self.rearm()
