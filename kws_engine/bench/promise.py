"""Whether what a model promises holds: false alarms an hour on people's talk, and misses on other voices.

Three kinds of models: `directions.kws`, a model trained on the starter project, and one taught a word by 20 takes; the
last two are made anew in each draw (`KWS_PROMISE_DRAWS`, 3). Thresholds come from shipped talk or the bank, as at the
end of any run; what is found comes from recordings of people that nothing was made from. `KWS_SHARED_DATA` names the
folder above `talk`, `conversation`, `wake_word` and `speech_commands`.
"""

from __future__ import annotations

import math
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio, resources
from kws_engine.bench import Row
from kws_engine.bench._faults import speech_commands
from kws_engine.bench._kept import blocks_of, category_of
from kws_engine.bench._people import recordings
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.clips.project import Project, copy_starter
from kws_engine.clips.split import which_set
from kws_engine.clips.words import parse_clip_name
from kws_engine.errors import KwsError
from kws_engine.operating.calibrating import Calibration, Promise
from kws_engine.operating.hearing import hear
from kws_engine.operating.laying import Take
from kws_engine.operating.measuring import SNR_DB, are_synthetic, effective_takes, misses_in
from kws_engine.operating.report import Counted
from kws_engine.operating.talk_hearing import Fired, Sound, fired_by, talk_of
from kws_engine.runs.job import Job
from kws_engine.runs.promising import background_of, calibration_of
from kws_engine.runs.run import run
from kws_engine.runs.teaching import teach_settings
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.events import Failed, Finished

TITLE = "Promise: false alarms an hour and misses, promised and found, for three kinds of models (an hour)"
RATES: Final = (0.5, 2.0, 10.0)
_SHARE_INSIDE: Final = 0.9
_TAKES: Final = 20
_SPEED_S: Final = 600
_LONG_HOURS: Final = 8
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Tried:
    """A model, the takes that its promise of misses rests on, and takes of other voices."""

    name: str
    model: SpottingModel
    own_takes: Sequence[Take]
    other_takes: Sequence[Take]


def rows() -> Iterator[Row]:
    """Yields promised and found figures of each model and rate, then how many of them agree."""
    false_alarms, misses = [], []
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as folder:
        draws = int(os.environ.get("KWS_PROMISE_DRAWS", "3"))
        for tried in _models(Path(folder), draws):
            calibration, seconds = _calibration(tried.model)
            yield Row(f"{tried.name}: hearing the talk that sets its thresholds, all cores", seconds, "s", asked=10.0)
            found = fired_by(tried.model, list(_people(tried.model)))
            for per_hour in RATES:
                promise = calibration.promise(per_hour)
                for row, is_inside in _false_alarms(tried, promise, found):
                    false_alarms.append(is_inside)
                    yield row
                for row, is_inside in _misses(tried, promise):
                    misses.append(is_inside)
                    yield row
    yield _agreeing("False alarms found within the interval promised", false_alarms)
    yield _agreeing("Misses found within the interval promised", misses)
    yield from _speed()


def _agreeing(what: str, inside: Sequence[bool]) -> Row:
    share = sum(inside) / max(1, len(inside))
    return Row(f"{what}, {len(inside)} cases", share, "share", asked=_SHARE_INSIDE, at_least=True)


def _false_alarms(tried: Tried, promise: Promise, found: dict[str, Fired]) -> Iterator[tuple[Row, bool]]:
    hours, count, parts = 0.0, 0, []
    for source, one in sorted(found.items()):
        of_source = sum(score >= promise.thresholds[word] for word, scores in one.peaks.items() for score in scores)
        parts.append(f"{source} {of_source} in {one.hours:.1f} h")
        hours, count = hours + one.hours, count + of_source
    bounds = f"{promise.per_hour:g} an hour promised ({promise.low} to {promise.high})"
    row = Row(f"{tried.name}, {bounds}: found in {hours:.1f} h ({', '.join(parts)})", count / hours, "an hour")
    yield row, promise.low <= count / hours <= promise.high


def _misses(tried: Tried, promise: Promise) -> Iterator[tuple[Row, bool]]:
    if not tried.own_takes or not tried.other_takes:
        return
    background = background_of(tried.model)
    shares = []
    for takes in (tried.own_takes, tried.other_takes):
        peaks = misses_in(tried.model, takes, background, snr_db=SNR_DB).quality.hit_peaks
        missed = sum(score < promise.thresholds[word] for word, scores in peaks.items() for score in scores)
        shares.append(Counted(missed, len(takes), effective_takes(takes), are_synthetic(takes)).interval)
    promised, found = shares
    what = (
        f"{tried.name}, {promise.per_hour:g} an hour: missed {promised.share:.0%} ({promised.low:.0%} to "
        f"{promised.high:.0%}) of {len(tried.own_takes)} takes, of {len(tried.other_takes)} by other voices"
    )
    count = len(tried.other_takes)  # the bounds are of a share; what is found is a whole number of takes
    is_inside = math.floor(promised.low * count) <= round(found.share * count) <= math.ceil(promised.high * count)
    yield Row(what, 100 * found.share, "%"), is_inside


def _calibration(model: SpottingModel) -> tuple[Calibration, float]:
    began = time.monotonic()
    return calibration_of(model), time.monotonic() - began


# Models


def _models(folder: Path, draws: int) -> Iterator[Tried]:
    directions = SpottingModel(resources.path("models/directions.kws"))
    takes = [take for word in directions.words for take in _speech_commands_takes(word)]
    halves = [[take for take in takes if hash_half(take.speaker) == half] for half in (0, 1)]
    yield Tried("directions.kws", directions, *halves)
    for draw in range(draws):
        starter = copy_starter(folder / f"starter-{draw}")
        people = [*_wake_word_takes(), *_speech_commands_takes("stop")]
        yield Tried(f"starter, seed {draw}", _trained(starter, draw), _takes_of(starter, "testing"), people)
    for draw in range(draws):
        taught, others = _taught(folder / f"taught-{draw}", draw)
        held_out = [*_takes_of(taught, "testing"), *_takes_of(taught, "validation")]
        yield Tried(f"computer, 20 takes, draw {draw}", _trained(taught, draw, teach_settings()), held_out, others)


def _trained(project: Project, seed: int, settings: Settings | None = None) -> SpottingModel:
    *_, last = run(Job(project.folder, (settings or Settings()).to_dict(), seed=seed))
    if not isinstance(last, Finished):
        raise KwsError(f"The model to measure was not trained: {last.message if isinstance(last, Failed) else ''}")
    return SpottingModel(last.model)


def _taught(folder: Path, draw: int) -> tuple[Project, list[Take]]:
    """A project of 20 takes of "computer" by as many voices, and the takes left over."""
    paths = sorted(_shared("wake_word/computer").glob("*.wav"))
    random.Random(draw).shuffle(paths)
    clips = folder / "source" / "computer"
    clips.mkdir(parents=True)
    for number, path in enumerate(paths[:_TAKES]):
        shutil.copy(path, clips / f"v{number:02d}_nohash_0.wav")
    project = Project.create(folder / "project", words=["computer"])
    from kws_engine.clips.importing import import_folder

    import_folder(project, folder / "source")
    return project, [_take("computer", path) for path in paths[_TAKES:]]


def _takes_of(project: Project, split: str) -> list[Take]:
    return [
        _take(clip.word, clip.path, clip.speaker)
        for clip in project.clips()
        if clip.split == split and clip.word in project.words
    ]


def _speech_commands_takes(word: str) -> list[Take]:
    """Those of the validation voices, which train no shipped model."""
    takes = []
    for path in sorted((speech_commands() / word).glob("*.wav")):
        speaker, _ = parse_clip_name(path.name)
        if which_set(speaker) == "validation":
            takes.append(_take(word, path, speaker))
    return takes


def _wake_word_takes() -> list[Take]:
    return [_take("computer", path) for path in sorted(_shared("wake_word/computer").glob("*.wav"))]


def _take(word: str, path: Path, speaker: str = "") -> Take:
    return Take(word, audio.read(path, rate=16_000, max_seconds=LONGEST_CLIP_S), path.name, speaker)


def hash_half(speaker: str) -> int:
    """0 or 1, by voice."""
    return sum(speaker.encode()) % 2


# People's talk


def _shared(name: str) -> Path:
    folder = speech_commands().parent / name
    if not folder.exists():
        raise KwsError(f"There are no recordings in {folder}: name another place in KWS_SHARED_DATA.")
    return folder


def _people(model: SpottingModel) -> Iterator[Sound]:
    """Conversation, sentences, single words and noise by people that are kept, without what says the model's words.

    English sentences other than the conversations, which are known not to hold them, count only for models whose
    words are not said in them.
    """
    is_common = {"one", "up", "go"} & set(model.words)
    by_source: dict[str, list[Path]] = {}
    for one in recordings(_shared("talk").parent):
        says_it = any(word in one.word for word in model.words)
        is_unknown = one.kind == "speech" and one.language == "en" and one.source != "conversation"
        if one.kept and one.source != "speech_commands" and not says_it and not (is_common and is_unknown):
            by_source.setdefault(category_of(one), []).append(one.path)
    for source, paths in by_source.items():
        yield Sound(source, source, 0.0, blocks_of(paths, gap_s=1 / 3))


# Speed


def _speed() -> Iterator[Row]:
    model = SpottingModel(resources.path("models/directions.kws"))
    [first, *_] = [sound for sound in talk_of("testing", model.words) if sound.source == "sentence"]
    sound = np.concatenate(list(first.blocks(model.rate)))
    minutes = np.resize(sound, _SPEED_S * model.rate)
    began = time.thread_time()
    hear(model, np.split(minutes, _SPEED_S // 20))
    speed = _SPEED_S / (time.thread_time() - began)
    yield Row("evaluate-stream, nine words, one core", speed, "x real time", asked=200.0, at_least=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    block = minutes[: 20 * model.rate]
    hear(model, (block for _ in range(_LONG_HOURS * 3600 // 20)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    yield Row(f"its memory over {_LONG_HOURS} h of talk, more than over ten minutes", grown / 1024, "MB", asked=20.0)
