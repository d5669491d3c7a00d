"""A model hears stored sound, many times faster than live: its detections, and the peaks of all scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kws_engine.operating.peaks import Peak, PeakFinder
from kws_engine.spotting.decision import Detection
from kws_engine.spotting.detector import decision_of
from kws_engine.spotting.looks import BulkScores, Scores
from kws_engine.spotting.model_file import SpottingModel

Samples = NDArray[np.float32]
BLOCK_S = 20.0
"""How much sound is best given at once."""


@dataclass
class Heard:
    """What a model heard in one stream.

    Attributes:
        samples: Length of the stream.
        detections: At the thresholds, in order, each where it crossed its threshold, with its peak score.
        peaks: Of the words' scores, by `at_sample`; as good as in order.
    """

    samples: int = 0
    detections: list[Detection] = field(default_factory=list)
    peaks: list[Peak] = field(default_factory=list)


def hear_frames(model: SpottingModel, stretches: Iterable[NDArray[np.float32]]) -> Heard:
    """The peaks in stretches of frames (n, n_static) that were computed before; each is a sound of its own.

    Nothing is detected: peaks are all that thresholds are set by.
    """
    config, pipeline = model.detector_config, model.pipeline
    columns = decision_of(model, config, thresholds={}).columns
    heard = Heard()
    for frames in stretches:
        finder = PeakFinder(columns, config, rate=model.rate)
        heard.samples += len(frames) * pipeline.hop_samples
        heard.peaks += finder.feed(BulkScores(model, config, of_frames=True).feed_frames(frames))
        heard.peaks += finder.flush()
    return heard


def hear(model: SpottingModel, sound: Iterable[Samples], *, thresholds: Mapping[str, float] | None = None) -> Heard:
    """Hears blocks of sound at the model's rate, as one stream, in memory that does not grow with its length.

    Args:
        model: With its detector's options.
        sound: Blocks (N,) of samples, best of `BLOCK_S`.
        thresholds: By word, in place of the file's.
    """
    config = model.detector_config
    decision = decision_of(model, config, thresholds={**model.thresholds, **(thresholds or {})})
    finder = PeakFinder(decision.columns, config, rate=model.rate)
    bulk, heard = BulkScores(model, config), Heard()

    def take(scores: Scores) -> None:
        decision.decide(scores.scores, scores.at_samples, heard.detections)
        heard.peaks += finder.feed(scores)

    for block in sound:
        heard.samples += len(block)
        take(bulk.feed(block))
    take(bulk.flush())
    heard.peaks += finder.flush()
    return heard
