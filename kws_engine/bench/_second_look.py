"""What a second look is worth: misses and false alarms with it and without, of TC-ResNet8 on people's sound.

Sound is heard by the first network alone, and by both. Thresholds are set for the promise, each way's own; or the
first's own become the gates, so that a word is heard only where the first network alone would hear it; or there is one
threshold for all words, the same both ways, or the highest with the second look that misses no more than asked for.
"""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_engine import audio
from kws_engine.bench import Row
from kws_engine.bench._kept import blocks_of, kept
from kws_engine.bench._people import KEYWORDS, recordings
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.clips.importing import import_folder
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.operating.calibrating import PER_HOUR, Calibration
from kws_engine.operating.hearing import hear
from kws_engine.operating.laying import Take
from kws_engine.operating.measuring import SNR_DB, misses_in
from kws_engine.operating.talk_hearing import fired_by, talk_to_calibrate
from kws_engine.runs.job import Job
from kws_engine.runs.promising import background_of
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.events import Failed, Finished

_TAKES, _CLIPS, _FURTHER = 20, 80, 40  # of "computer"; of each of nine words; of each of these, to miss
_PLAIN: Final = 0.7  # a threshold that nothing sets
_ADDED: Final = 2.0  # points of misses that a second look may add
_OPTIONS = ("model.name=tc_resnet", "detector.second_look=yes")
_FEW = ("training.epochs=30",)
_MANY = ("training.epochs=40", "detector.first_share=0.5")  # as the form advises where there are many clips


def second_look_rows(people: Path, folder: Path) -> Iterator[Row]:
    """Trains on few takes of one word and on some clips of nine words, and measures both models.

    Args:
        people: The folder of recordings.
        folder: An empty one, for the projects.

    Raises:
        KwsError: A run failed.
    """
    computer = sorted((people / "wake_word" / "computer").glob("*.wav"))
    random.Random(0).shuffle(computer)
    yield from _rows(
        f"computer from {_TAKES} takes",
        _trained(folder / "look-computer", {"computer": computer[:_TAKES]}, _FEW),
        {"computer": computer[_TAKES:]},
        people,
    )
    learned: dict[str, list[Path]] = {}
    further: dict[str, list[Path]] = {}
    for one in recordings(people):
        if one.source == "speech_commands" and one.word in KEYWORDS:
            (further if one.kept else learned).setdefault(one.word, []).append(one.path)
    for word in KEYWORDS:
        learned[word] = random.Random(0).sample(learned[word], min(_CLIPS, len(learned[word])))
        further[word] = random.Random(0).sample(further[word], min(_FURTHER, len(further[word])))
    path = _trained(folder / "look-nine", learned, _MANY)
    yield from _rows(f"nine words, {_CLIPS} clips each", path, further, people)


def _trained(folder: Path, clips: Mapping[str, Sequence[Path]], options: Sequence[str]) -> Path:
    project = Project.create(folder, words=tuple(clips))
    source = folder.with_name(f"{folder.name}-clips")
    for word, paths in clips.items():
        (source / word).mkdir(parents=True)
        for path in paths:
            shutil.copyfile(path, source / word / path.name)
    import_folder(project, source, words=tuple(clips))
    settings = Settings().with_options((*_OPTIONS, *options))
    for event in run(Job(folder, settings.to_dict())):
        if isinstance(event, Failed):
            raise KwsError(f"The run of {folder.name} failed: {event.message}")
        if isinstance(event, Finished):
            return folder / event.model
    raise AssertionError("a run has an ending")


@dataclass(frozen=True)
class Heard:
    """The peaks of one way of hearing.

    Attributes:
        takes: By word, the highest score at each take.
        alarms: Word and score of each peak where no word is said, by kind of sound.
        hours: By kind of sound.
    """

    takes: Mapping[str, Sequence[float]]
    alarms: Mapping[str, Sequence[tuple[str, float]]]
    hours: Mapping[str, float]

    def missed(self, thresholds: Mapping[str, float]) -> float:
        """The share of the takes, 0..1."""
        found = [score < thresholds[word] for word, scores in self.takes.items() for score in scores]
        return sum(found) / max(1, len(found))

    def strictest(self, missed: float) -> float:
        """The highest threshold for all words that misses at most that share of the takes; in hindsight."""
        scores = sorted(score for scores in self.takes.values() for score in scores)
        return scores[min(int(missed * len(scores)), len(scores) - 1)]

    def an_hour(self, kind: str, thresholds: Mapping[str, float]) -> float:
        """False alarms in that kind of sound."""
        return sum(score >= thresholds[word] for word, score in self.alarms[kind]) / max(self.hours[kind], 1e-9)

    def rate(self, thresholds: Mapping[str, float]) -> float:
        """False alarms an hour of all kinds together."""
        hours = sum(self.hours.values())
        return sum(self.an_hour(kind, thresholds) * one for kind, one in self.hours.items()) / max(hours, 1e-9)


def _rows(what: str, path: Path, takes: Mapping[str, Sequence[Path]], people: Path) -> Iterator[Row]:
    alone, both, strict = SpottingModel(path), SpottingModel(path), SpottingModel(path)
    if both.second is None or strict.second is None:
        raise KwsError(f"{path.name} has no second look")
    alone.second = None
    alone.detector_config = dataclasses.replace(alone.detector_config, second_look=False)
    own = Calibration(fired_by(alone, talk_to_calibrate(alone.words)), alone.words).promise(PER_HOUR).thresholds
    strict.second.gates = dict(own)
    plain = dict.fromkeys(alone.words, _PLAIN)
    without, looked, narrow = (_heard(model, takes, people) for model in (alone, both, strict))
    as_many = dict.fromkeys(alone.words, looked.strictest(without.missed(plain) + _ADDED / 100))
    for how, first, first_at, second, second_at in (
        ("each at its own thresholds", without, own, looked, both.thresholds),
        ("heard only where the first network hears it", without, own, narrow, both.thresholds),
        (f"both at {_PLAIN:g}", without, plain, looked, plain),
        (f"without at {_PLAIN:g}, with it where it misses {_ADDED:g} points more", without, plain, looked, as_many),
    ):
        yield from _compared(f"{what}, {how}", (first, first_at), (second, second_at))


def _compared(
    what: str, first: tuple[Heard, Mapping[str, float]], second: tuple[Heard, Mapping[str, float]]
) -> Iterator[Row]:
    rates = []
    for name, (heard, thresholds) in (("without a second look", first), ("with it", second)):
        for kind, hours in heard.hours.items():
            rate = heard.an_hour(kind, thresholds)
            yield Row(f"{what}, {name}: false alarms, {kind} ({hours:.1f} h)", rate, "an hour")
        yield Row(f"{what}, {name}: missed", 100 * heard.missed(thresholds), "%")
        rates.append(heard.rate(thresholds))
    yield Row(f"{what}, without a second look: false alarms", rates[0], "an hour")
    ratio = rates[1] / max(rates[0], 1e-9)
    against = "without a second look"
    yield Row(f"{what}, with it: false alarms", rates[1], "an hour", ratio, against, asked=0.01, at_least=False)
    added = 100 * (second[0].missed(second[1]) - first[0].missed(first[1]))
    yield Row(f"{what}: misses that it adds", added, "points", asked=_ADDED, at_least=False)


def _heard(model: SpottingModel, takes: Mapping[str, Sequence[Path]], people: Path) -> Heard:
    said = [
        Take(word, audio.read(path, rate=model.rate, max_seconds=LONGEST_CLIP_S), path.name)
        for word, paths in takes.items()
        for path in paths
    ]
    peaks = misses_in(model, said, background_of(model), snr_db=SNR_DB).quality.hit_peaks
    alarms, hours = {}, {}
    for kind, paths in kept(people, without=model.words).items():
        heard = hear(model, blocks_of(paths)(model.rate))
        alarms[kind] = [(peak.word, peak.score) for peak in heard.peaks]
        hours[kind] = heard.samples / model.rate / 3600
    return Heard(peaks, alarms, hours)
