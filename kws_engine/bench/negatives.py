"""What negatives from talk are worth: false alarms an hour of talk that no network heard, and the words missed.

The same network is trained without talk, with talk at random and with the hardest of it, on nine words of Speech
Commands and on the starter project. Its words are the validation (and for the starter project the testing) clips, laid
into a stream with pauses and noise 20 dB below; the talk is whatever is in `conversation` and `talk/speech` below the
folder that `KWS_SHARED_DATA` names. `KWS_NEGATIVES_TALK` names a folder of recordings to learn from beside the
program's own: they go to the projects' `talk` folder, and its files are left out of what is measured on.
`KWS_NEGATIVES_PROJECTS=starter`, `KWS_NEGATIVES_SEEDS=0:1` and `KWS_NEGATIVES_OPTIONS=training.epochs=5,model.name=fnn`
change what is run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench import Row
from kws_engine.bench._faults import speech_commands
from kws_engine.clips.clip import audio_files
from kws_engine.clips.importing import import_folder
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project, copy_starter
from kws_engine.errors import KwsError
from kws_engine.operating.streams import TOLERANCE_S, make_stream
from kws_engine.operating.truth import Spoken
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.events import Failed, Finished

TITLE = "Talk as negatives: false alarms an hour of talk never heard, and the words missed"
WORDS: Final = ("right", "left", "up", "down", "go", "eight", "one", "zero", "five")
VARIANTS: Final = {
    "no talk": ("training.talk_share=0",),
    "talk at random": ("training.hard_talk_share=0",),
    "the hardest talk": (),
}
PROJECTS: Final = {"nine words": ("training.epochs=12",), "starter": ()}
_RATE: Final = 16_000
_HOP_S, _SMOOTHING_S, _REFRACTORY_S, _REARM = 0.06, 0.24, 0.7, 0.5
_MISSED, _AN_HOUR = 0.05, 5.0
_WINDOWS_AT_ONCE = 512

Samples = NDArray[np.float32]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """A network's smoothed scores (N, words) of a stream, and where each look ended (N,), in samples."""

    scores: Scores
    ends: NDArray[np.int64]
    hours: float

    def alarms(self, threshold: float) -> int:
        """Detections, by the detector's rule: re-armed below half of the threshold, quiet for 0.7 s after each."""
        is_armed, quiet_until, count, before = np.ones(self.scores.shape[1], bool), 0.0, 0, 0
        low = self.scores < _REARM * threshold
        for at in np.flatnonzero(self.scores.max(axis=1, initial=0.0) >= threshold):
            is_armed |= low[before:at].any(axis=0)
            before, word = int(at), int(self.scores[at].argmax())
            if self.ends[at] < quiet_until or not is_armed[word]:
                continue
            is_armed[word], quiet_until = False, self.ends[at] + _REFRACTORY_S * _RATE
            count += 1
        return count

    def peaks(self, spoken: Sequence[Spoken], words: Sequence[str]) -> NDArray[np.float32]:
        """The highest score (N,) that each spoken word reaches in its time."""
        found = []
        for one in spoken:
            first, last = np.searchsorted(self.ends, [one.start + 1, one.stop + TOLERANCE_S * _RATE + 1])
            found.append(self.scores[first:last, words.index(str(one.word))].max(initial=0.0))
        return np.array(found, np.float32)


def rows() -> Iterator[Row]:
    """Yields rows for each run: validation accuracy, alarms where 5% are missed, and misses at five alarms an hour.

    Raises:
        KwsError: The recordings are missing, or a run failed.
    """
    talk = _held_out()
    for name, options in _chosen().items():
        with tempfile.TemporaryDirectory(prefix="kws-negatives-") as folder:
            project = _project(name, Path(folder) / "project")
            for seed in _seeds():
                for variant, changes in VARIANTS.items():
                    finished = _trained(project, (*options, *changes, *_extra()), seed)
                    yield from _measured(f"{name}, {variant}, seed {seed}", finished, project, talk)


def _measured(what: str, finished: Finished, project: Project, talk: Sequence[Path]) -> Iterator[Row]:
    model = SpottingModel(project.folder / finished.model)
    stream, spoken = _spoken(project)
    peaks = heard(model, stream).peaks(spoken, model.words)
    alarms = [heard(model, sound) for sound in _joined(talk)]
    hours = sum(part.hours for part in alarms)

    def an_hour(threshold: float) -> float:
        return sum(part.alarms(threshold) for part in alarms) / hours

    yield Row(f"{what}: right of the validation clips", 100 * finished.validation_accuracy, "%")
    threshold = float(np.quantile(peaks, _MISSED))
    yield Row(f"{what}: false alarms where {_MISSED:.0%} are missed", an_hour(threshold), f"an hour of {hours:.1f} h")
    thresholds = 1 / (1 + np.exp(-np.linspace(-3, 9, 49)))
    strict = next((float(one) for one in thresholds if an_hour(float(one)) <= _AN_HOUR), 1.0)
    yield Row(f"{what}: missed at {_AN_HOUR:g} false alarms an hour", 100 * float((peaks < strict).mean()), "%")


def heard(model: SpottingModel, sound: Samples) -> Heard:
    """The scores of all words in a sound (N,) at the model's rate, looked at every 60 ms and smoothed over 240 ms."""
    pipeline = model.pipeline
    frames, window = pipeline.stream().frames(sound), pipeline.n_frames(model.window_samples)
    hop = max(1, round(_HOP_S / pipeline.hop_s))
    starts = np.arange(0, max(0, len(frames) - window + 1), hop)
    found = [np.zeros((0, len(model.labels)), np.float32)]
    for some in np.array_split(starts, max(1, len(starts) // _WINDOWS_AT_ONCE)):
        if len(some):
            found.append(model.posteriors(np.stack([pipeline.features(frames[at : at + window]) for at in some])))
    looks = max(1, round(_SMOOTHING_S / (hop * pipeline.hop_s)))
    sums = np.cumsum(np.pad(np.concatenate(found).astype(np.float64), ((1, 0), (0, 0))), axis=0)
    columns = [model.labels.index(word) for word in model.words]
    smoothed = ((sums[looks:] - sums[:-looks]) / looks)[:, columns].astype(np.float32)
    ends = starts[looks - 1 :] * pipeline.hop_samples + model.window_samples
    return Heard(smoothed, ends, len(sound) / model.rate / 3600)


def _trained(project: Project, options: Sequence[str], seed: int) -> Finished:
    job = Job(project.folder, Settings().with_options(options).to_dict(), seed=seed)
    for event in run(job):
        if isinstance(event, Failed):
            raise KwsError(f"The run of {project.name} with {', '.join(options)} failed: {event.message}")
        if isinstance(event, Finished):
            return event
    raise AssertionError("a run has an ending")


def _project(name: str, folder: Path) -> Project:
    if name == "starter":
        project = copy_starter(folder)
    else:
        project = Project.create(folder, words=WORDS)
        import_folder(project, speech_commands(), words=WORDS, rest_unknown=True)
        project.refresh()
    if own := os.environ.get("KWS_NEGATIVES_TALK"):
        target = ProjectFolder(folder).talk
        target.mkdir()
        for number, path in enumerate(_recordings(Path(own))):
            shutil.copyfile(path, target / f"{number:05}-{path.name}")
    return project


def _spoken(project: Project) -> tuple[Samples, list[Spoken]]:
    """A stream of clips that were not learned from, and the words in it."""
    parts = [project.clips(split="validation")]
    if len(parts[0]) < 200:
        parts.append(project.clips(split="testing"))
    clips = [
        (clip.word, audio.read(clip.path, rate=_RATE)) for part in parts for clip in part if clip.word in project.words
    ]
    noises = [audio.read(entry.path, rate=_RATE) for entry in audio_files(speech_commands() / "_background_noise_")]
    noise = np.concatenate([sound[: 60 * _RATE] for sound in noises])
    return make_stream(clips, noise, rate=_RATE, gap_s=(0.7, 1.5), snr_db=20.0, seed=5)


def _held_out() -> list[Path]:
    """The talk to measure on, without files that are learned from."""
    folder = speech_commands().parent
    own = os.environ.get("KWS_NEGATIVES_TALK")
    learned = {path.name for path in _recordings(Path(own))} if own else set()
    found = [*_recordings(folder / "conversation"), *_recordings(folder / "talk" / "speech")]
    kept = [path for path in found if path.name not in learned]
    if not kept:
        raise KwsError(f"There is no talk to measure on: put recordings into {folder / 'conversation'}.")
    return kept


def _recordings(folder: Path) -> list[Path]:
    """All recordings in a folder and those below it."""
    folders = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())] if folder.is_dir() else []
    return [Path(entry.path) for one in folders for entry in audio_files(one)]


def _joined(paths: Sequence[Path], *, most_s: float = 1200.0) -> Iterator[Samples]:
    """The recordings one after another, in stretches of some twenty minutes."""
    waiting: list[Samples] = []
    for path in paths:
        waiting.append(audio.read(path, rate=_RATE))
        if sum(map(len, waiting)) > most_s * _RATE:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)


def _chosen() -> dict[str, tuple[str, ...]]:
    wanted = os.environ.get("KWS_NEGATIVES_PROJECTS", ",".join(PROJECTS)).split(",")
    if not set(wanted) <= set(PROJECTS):
        raise KwsError(f"KWS_NEGATIVES_PROJECTS is one or more of {', '.join(PROJECTS)}")
    return {name: options for name, options in PROJECTS.items() if name in wanted}


def _seeds() -> range:
    first, _, last = os.environ.get("KWS_NEGATIVES_SEEDS", "0:2").partition(":")
    with contextlib.suppress(ValueError):
        return range(int(first), int(last or first) + 1)
    raise KwsError("KWS_NEGATIVES_SEEDS is a first and a last number, as in 0:2")


def _extra() -> list[str]:
    return [one for one in os.environ.get("KWS_NEGATIVES_OPTIONS", "").split(",") if one]
