"""Sets the thresholds of a project's model to a rate of false alarms, and measures both numbers that matter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import OwnTalk, own_talk
from kws_engine.clips.project import Project
from kws_engine.clips.split import Split
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import AudioError
from kws_engine.evaluation.interval import wilson
from kws_engine.operating.calibrating import PER_HOUR, Calibration, Promise
from kws_engine.operating.laying import Take
from kws_engine.operating.measuring import SNR_DB, Background, make_report, measure_misses, misses_in
from kws_engine.operating.report import Report
from kws_engine.operating.talk_hearing import (
    OTHER_WORDS,
    OWN,
    Sound,
    fired_by,
    fired_by_bank,
    own_sound,
    talk_of,
    talk_to_calibrate,
)
from kws_engine.operating.telling import headline
from kws_engine.operating.word_curve import CURVES, stored
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.rewriting import replace_manifest
from kws_engine.training.events import Progress, Promised, Skipped

Samples = NDArray[np.float32]
Promising = Generator[Progress | Skipped, None, Report]
CPU_S = 40.0
"""Of processor time, for all talk of one part: a network that takes long hears less of it."""
_MOST_MISSED = 0.2  # of the takes: a model that hears fewer is of no use, however quiet it is
_FEWEST = 4  # takes: of fewer nothing is certain
_LOOSER = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)  # an hour
_LEAST_OTHER_S = 30.0
_MOST_OTHER = 1500  # clips
_GAP_S = 0.3
_BACKGROUND_S = 180.0


@dataclass(frozen=True)
class Wanted:
    """What is to be promised.

    Attributes:
        per_hour: False alarms an hour of talk, all words together.
        at_any_price: Also where more than a fifth of the words would certainly be missed for it.
        own: Recordings of a person's talk without the words, besides those of the project.
        cpu_s: Of processor time, for all talk of one part.
    """

    per_hour: float = PER_HOUR
    at_any_price: bool = False
    own: Sequence[Path] = ()
    cpu_s: float = CPU_S


def keep_promise(
    path: Path, project: Project | None, wanted: Wanted, *, should_stop: Callable[[], bool] = lambda: False
) -> Promising:
    """Writes thresholds into a model file and measures what they are worth.

    Args:
        path: The model file.
        project: Whose takes and talk the model may be tried on; None where there is none.
        wanted: The rate.
        should_stop: Asked now and then; the thresholds are set, but less is measured.

    Raises:
        ModelFileError: The model cannot be used.
        ProjectError: It cannot be written; the old one stays.
    """
    model = SpottingModel(path)
    yield Progress("Setting the thresholds on talk", 0, 3, after_training=True)
    own = own_sound(wanted.own)
    calibration = calibration_of(model, [*sound_of_project(project, model, "calibration"), *own], wanted)
    background = background_of(model)
    chosen_on, _ = yield from _takes(project, ("validation", "testing"), model)
    promise, would_miss = _promised(model, calibration, wanted, chosen_on, background)
    yield Progress("Counting misses and false alarms", 1, 3, after_training=True)
    model = _with_thresholds(model, promise)
    takes, takes_from = yield from _takes(project, ("testing", "validation"), model)
    sounds = [*talk_of("testing", model.words), *sound_of_project(project, model, "testing")]
    fired = fired_by(model, sounds, most_cpu_s=wanted.cpu_s, should_stop=should_stop)
    yield Progress("Counting misses and false alarms", 2, 3, after_training=True)
    misses = measure_misses(model, takes, background, should_stop=should_stop) if takes else []
    curves = {word: calibration.curve(word) for word in model.words}
    report = make_report(promise, misses, fired, takes_from=takes_from, would_miss=would_miss, curves=curves)
    replace_manifest(path, dataclasses.replace(model.manifest, quality={**model.manifest.quality, **told(report)}))
    yield Progress("Counting misses and false alarms", 3, 3, after_training=True)
    return report


def calibration_of(model: SpottingModel, own: Sequence[Sound] = (), wanted: Wanted = Wanted()) -> Calibration:
    """The tails in all that the model can be tried on, and in a person's own sound."""
    if model.pipeline.ends_windows:  # the bank has its vectors, of the shipped talk and of people
        return Calibration({**fired_by_bank(model), **fired_by(model, own)}, model.words, pooled=True)
    second = model.second
    if second is not None and not model.detector_config.first_share:
        # Of which the bank tells as much, as if the first network heard a word all the time.
        return Calibration({**fired_by_bank(second), **fired_by(model, own)}, model.words, pooled=True)
    heard = [*talk_to_calibrate(model.words), *own]
    return Calibration(fired_by(model, heard, most_cpu_s=wanted.cpu_s), model.words, pooled=second is not None)


def promised(report: Report) -> Promised:
    """The event of it."""
    missed = report.missed
    return Promised(
        per_hour=report.promised,
        expected=report.expected,
        low=report.low,
        high=report.high,
        missed=missed.missed,
        takes=missed.takes,
        missed_low=missed.interval.low,
        missed_high=missed.interval.high,
        false_alarms=report.false_alarm_count,
        hours=report.hours,
        upper_95=min(report.upper_95, 1e9),
        told=headline(report),
    )


def _promised(
    model: SpottingModel, calibration: Calibration, wanted: Wanted, takes: Sequence[Take], background: Background
) -> tuple[Promise, float | None]:
    """What can be promised; and what share the rate asked for would miss, where that is more than is bearable.

    That is where it is certain, at 95%, that more than a fifth is missed: of four takes two that nobody would know say
    little, and fewer say nothing. A higher rate is taken only as far as it helps.
    """
    promise = calibration.promise(wanted.per_hour)
    if wanted.at_any_price or len(takes) < _FEWEST:
        return promise, None
    peaks = misses_in(model, takes, background, snr_db=SNR_DB).quality.hit_peaks

    def missed(at: Promise) -> int:
        return sum(score < at.thresholds[word] for word, scores in peaks.items() for score in scores)

    def is_bearable(count: int) -> bool:
        return wilson(count, len(takes)).low <= _MOST_MISSED

    would_miss = missed(promise)
    if is_bearable(would_miss):
        return promise, None
    looser = [promise, *(calibration.promise(per_hour) for per_hour in _LOOSER if per_hour > wanted.per_hour)]
    counts = [missed(one) for one in looser]
    enough = next(filter(is_bearable, counts), counts[-1])
    if enough == would_miss:
        return promise, None
    taken = looser[next(at for at, count in enumerate(counts) if count <= enough)]
    return dataclasses.replace(taken, per_hour=wanted.per_hour), would_miss / len(takes)


def _with_thresholds(model: SpottingModel, promise: Promise) -> SpottingModel:
    detector = {**model.manifest.detector, "thresholds": promise.thresholds}
    replace_manifest(model.path, dataclasses.replace(model.manifest, detector=detector))
    return SpottingModel(model.path)


def told(report: Report) -> dict[str, Any]:
    """What the model file tells of a report, among its qualities."""
    missed, upper = report.missed, report.upper_95
    found: dict[str, Any] = {
        "promised_per_hour": report.promised,
        "expected_per_hour": report.expected,
        "promised_low": report.low,
        "promised_high": report.high,
        "promise_hours": report.calibration_hours,
        "missed": missed.missed,
        "takes": missed.takes,
        "effective_takes": missed.effective,
        "synthetic_takes": missed.synthetic,
        "missed_low": missed.interval.low,
        "missed_high": missed.interval.high,
        "takes_from": report.takes_from,
        "false_alarms": report.false_alarm_count,
        "false_alarm_hours": report.hours,
    }
    curves = stored(report)
    return (
        found
        | ({"false_alarms_upper_95": upper} if math.isfinite(upper) else {})
        | ({CURVES: curves} if curves else {})
    )


def _takes(
    project: Project | None, splits: tuple[Split, Split], model: SpottingModel
) -> Generator[Skipped, None, tuple[list[Take], str]]:
    """Takes of the first of the parts in which every word has some, else of both; and which parts that is."""
    if project is None:
        return [], ""
    by_split = {split: [clip for clip in project.clips(split=split) if clip.word in model.words] for split in splits}
    first, second = splits
    words = set(model.words) & set(project.words)
    if words <= {clip.word for clip in by_split[first]}:
        clips, name = by_split[first], str(first)
    elif first == "validation":
        clips, name = by_split[first] or by_split[second], ""
    else:
        clips, name = [*by_split[first], *by_split[second]], f"{second} and {first}" if by_split[first] else str(second)
    takes: list[Take] = []
    for clip in clips:
        try:
            samples = audio.read(clip.path, rate=model.rate, max_seconds=LONGEST_CLIP_S)
        except AudioError as error:
            yield Skipped(str(clip.path), str(error))
            continue
        takes.append(Take(clip.word, samples, clip.path.relative_to(project.folder).as_posix(), clip.speaker))
    return takes, name


def background_of(model: SpottingModel) -> Background:
    """Noise and talk of the testing part, some minutes of each."""
    noise: list[Samples] = []
    talk: list[Samples] = []
    for sound in talk_of("testing", model.words):
        if sound.source not in ("noise", "sentence"):
            continue
        into = noise if sound.source == "noise" else talk
        at_s = 0.0
        for block in sound.blocks(model.rate):
            if not any(start < at_s + len(block) / model.rate and at_s < end for start, end in sound.spans):
                into.append(block)
            at_s += len(block) / model.rate
            if sum(map(len, into)) > _BACKGROUND_S * model.rate:
                break
    return Background(np.concatenate([np.zeros(0, np.float32), *noise]), talk)


def sound_of_project(project: Project | None, model: SpottingModel, part: str) -> list[Sound]:
    """A project's own talk, of which every fourth minute is for each part, and its clips of other words."""
    if project is None:
        return []
    folder = ProjectFolder(project.folder).talk
    parts = {"calibration": 0, "testing": 1}

    def minutes(rate: int) -> Iterator[Samples]:
        for one in own_talk(folder, "measuring", rate=rate):
            if isinstance(one, OwnTalk) and round(one.start_s / 60) // 2 % 2 == parts[part]:
                yield one.samples

    seconds = sum(map(len, minutes(model.rate))) / model.rate
    found = [Sound(OWN, "your own talk", seconds, minutes)] if seconds else []
    split: Split = "validation" if part == "calibration" else "testing"
    clips = [clip for clip in project.clips(split=split) if clip.word not in model.words and clip.word == UNKNOWN]
    return found + _other_words(clips[:_MOST_OTHER], model)


def _other_words(clips: Sequence[Clip], model: SpottingModel) -> list[Sound]:
    def blocks(rate: int) -> Iterable[Samples]:
        quiet = np.zeros(round(_GAP_S * rate), np.float32)
        for clip in clips:
            try:
                yield np.concatenate((quiet, audio.read(clip.path, rate=rate, max_seconds=LONGEST_CLIP_S)))
            except AudioError:
                continue

    seconds = len(clips) * (model.window_samples / model.rate + _GAP_S)
    return [Sound(OTHER_WORDS, OTHER_WORDS, seconds, blocks)] if seconds >= _LEAST_OTHER_S else []
