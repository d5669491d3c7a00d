"""What a second look is worth: misses and false alarms with it and without, at thresholds for the same promise.

Ways of hearing by one file: by its first network alone; by both, as the file is; by both where the first network's
own thresholds are the gates, so that a word is heard only where the first network alone would hear it; and by the first
network alone and by both with one threshold for all words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_engine.bench import Row
from kws_engine.bench._kept import blocks_of, kept
from kws_engine.errors import KwsError
from kws_engine.operating.calibrating import PER_HOUR, Calibration
from kws_engine.operating.hearing import hear
from kws_engine.operating.laying import Take
from kws_engine.operating.measuring import SNR_DB, Background, misses_in
from kws_engine.operating.talk_hearing import fired_by, talk_to_calibrate
from kws_engine.runs.promising import background_of
from kws_engine.spotting.model_file import SpottingModel

_PLAIN: Final = 0.7  # a threshold that is set by nothing


@dataclass(frozen=True)
class Way:
    """A way of hearing.

    Attributes:
        name: For a row.
        model: With or without its second look.
        thresholds: By word.
    """

    name: str
    model: SpottingModel
    thresholds: Mapping[str, float]


def ways(path: Path) -> list[Way]:
    """The ways of a model file with a second look.

    Raises:
        KwsError: It has none.
    """
    alone, both, strict = SpottingModel(path), SpottingModel(path), SpottingModel(path)
    if both.second is None or strict.second is None:
        raise KwsError(f"{path.name} has no second look: train it with detector.second_look=yes")
    alone.second = None
    alone.detector_config = dataclasses.replace(alone.detector_config, second_look=False)
    first = Calibration(fired_by(alone, talk_to_calibrate(alone.words)), alone.words).promise(PER_HOUR).thresholds
    strict.second.gates = dict(first)
    return [
        Way("first network alone", alone, first),
        Way("with the second look", both, both.thresholds),
        Way("with it, at the first's thresholds", strict, both.thresholds),
        Way(f"first network alone, at {_PLAIN:g}", alone, dict.fromkeys(alone.words, _PLAIN)),
        Way(f"with the second look, at {_PLAIN:g}", both, dict.fromkeys(both.words, _PLAIN)),
    ]


def second_look_rows(what: str, path: Path, *, takes: Sequence[Take], folder: Path) -> Iterator[Row]:
    """Misses, and false alarms an hour by kind of sound and in all, of each way.

    Args:
        what: Names the model in the rows.
        path: Its file, with a second look.
        takes: That trained and calibrated nothing.
        folder: Of the recordings of people.

    Raises:
        KwsError: The model has no second look.
    """
    found = ways(path)
    background = background_of(found[0].model)
    sound = kept(folder, without=found[0].model.words)
    first: tuple[float, int] | None = None
    for way in found:
        if way.model.second is None:
            first = None
        missed = _missed(way, takes, background)
        alarms, hours = 0, 0.0
        for category, paths in sound.items():
            count, heard_h = _alarms(way, paths)
            alarms, hours = alarms + count, hours + heard_h
            yield Row(f"{what}, {way.name}: false alarms, {category}", count / max(heard_h, 1e-9), "an hour")
        against = first or (missed, alarms)
        yield Row(
            f"{what}, {way.name}: false alarms",
            alarms / max(hours, 1e-9),
            f"an hour of {hours:.1f} h",
            ratio=alarms / max(against[1], 1),
            against="first network alone",
            asked=None if first is None else 0.01,
            at_least=None if first is None else False,
        )
        yield Row(f"{what}, {way.name}: missed of {len(takes)}", 100 * missed, "%")
        if first is not None:
            added = 100 * (missed - first[0])
            yield Row(f"{what}, {way.name}: misses added", added, "points", asked=2.0, at_least=False)
        first = first or (missed, alarms)


def _missed(way: Way, takes: Sequence[Take], background: Background) -> float:
    """The share of the takes, in noise of `SNR_DB`."""
    model = way.model
    detector = {**model.manifest.detector, "thresholds": dict(way.thresholds)}
    model.manifest = dataclasses.replace(model.manifest, detector=detector)
    quality = misses_in(model, takes, background, snr_db=SNR_DB).quality
    return sum(quality.misses.values()) / max(len(takes), 1)


def _alarms(way: Way, paths: Sequence[Path]) -> tuple[int, float]:
    """False alarms, and the hours in which they were."""
    heard = hear(way.model, blocks_of(paths)(way.model.rate), thresholds=way.thresholds)
    return len(heard.detections), heard.samples / way.model.rate / 3600
