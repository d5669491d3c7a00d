"""What each remedy of a faulty run does: the run is repeated with it, and both models are judged on the same clips.

The judge's clips are clean recordings of the project's words by people who are in neither run. What a person would do
by hand is done for them: clips are left out, moved, or added from the recordings.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench._faults import RATE, WORDS, room, speech_commands
from kws_engine.bench._running import ran
from kws_engine.clips.clip import Clip, audio_files, layout_clips
from kws_engine.clips.edit import Move
from kws_engine.clips.layout import RUNS_FOLDER, ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE, SILENCE
from kws_engine.evaluation.finding import Finding, Kind, Remedy
from kws_engine.evaluation.mcnemar import mcnemar
from kws_engine.evaluation.metrics import EvaluatedClip, evaluate
from kws_engine.evaluation.remedies import CANDIDATES, settings_after
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, settings_of
from kws_engine.runs.records import history
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel

_JUDGED = 60  # clips of a word
_ADDED = 100
_FEW_ADDED = 60  # clips that as many people say in one or two takes
_FIGURES: tuple[Kind, ...] = ("leakage", "noisy_validation")
"""Faults of the validation figures, which are cured when these come nearer to the judge's; the network stays."""
_BEYOND_CHANCE = 2.0  # standard errors

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One run judged without and with a remedy.

    Attributes:
        before, after: (right, loss in nats) of each of the judge's clips (N, 2).
        off: How far the accuracy on the validation part was from the judge's, without and with the remedy.
    """

    fault: Kind
    key: str
    before: Values
    after: Values
    off: tuple[float, float]


def trials(fault: Kind, finding: Finding, run: Path, place: Path, *, seed: int) -> Iterator[Trial]:
    """Repeats a faulty run with each of its remedies.

    Args:
        fault: What the run was made to have.
        finding: The one that named it.
        run: The run's folder, in a project.
        place: Where projects and runs are saved and reused.
        seed: Of the runs.
    """
    project = run.parents[1]
    judge = judge_of(fault, project, place / "judge", seed=seed)
    before = _answers(run, judge)
    for remedy in _of_each_key([*finding.remedies, *_candidates(fault, run)]):
        trial = place / f"remedy-{remedy.key}"
        done = trial / "done"
        if not done.exists():
            shutil.rmtree(trial, ignore_errors=True)
            job = Job(project, settings_of(run).to_dict(), seed=seed, threads=1, runs_folder=trial / "repeated")
            done.parent.mkdir(parents=True)
            done.write_text(str(ran(_with(job, remedy, trial / "project", seed)).relative_to(trial)), encoding="utf-8")
        repeated = trial / done.read_text(encoding="utf-8")
        after = _answers(repeated, judge)
        off = _off(run, before), _off(repeated, after)
        yield Trial(fault, remedy.key, before, after, off)


@dataclass(frozen=True)
class Verdict:
    """A remedy over all of its trials: accuracy on the judge's clips without and with it, and whether it helped."""

    runs: int
    before: float
    after: float
    loss: tuple[float, float]
    off: tuple[float, float]
    helped: bool


def verdict(found: Sequence[Trial]) -> Verdict:
    """Judges all trials of one remedy together.

    It helped where accuracy (McNemar's test) or loss (paired differences) is better beyond chance and neither is worse
    beyond chance; with a fault of the validation figures, where these are nearer to the truth.
    """
    before, after = (np.concatenate([getattr(one, name) for one in found]) for name in ("before", "after"))
    lost, won = int(np.sum(before[:, 0] > after[:, 0])), int(np.sum(before[:, 0] < after[:, 0]))
    change = after[:, 1] - before[:, 1]
    standard_errors = float(change.mean() / (change.std() / math.sqrt(len(change)) + 1e-12))
    is_certain = mcnemar(lost, won, clips=len(before)).p < 0.05
    better = (is_certain and won > lost) or standard_errors < -_BEYOND_CHANCE
    worse = (is_certain and lost > won) or standard_errors > _BEYOND_CHANCE
    off = float(np.mean([one.off[0] for one in found])), float(np.mean([one.off[1] for one in found]))
    helped = off[1] < off[0] if found[0].fault in _FIGURES else better and not worse
    accuracies = float(before[:, 0].mean()), float(after[:, 0].mean())
    losses = float(before[:, 1].mean()), float(after[:, 1].mean())
    return Verdict(len(found), *accuracies, losses, off, helped)


def _of_each_key(remedies: Iterable[Remedy]) -> Iterator[Remedy]:
    seen = set()
    for remedy in remedies:
        if remedy.key not in seen:
            seen.add(remedy.key)
            yield remedy


# the judge


def judge_of(fault: Kind, project: Path, folder: Path, *, seed: int) -> list[Clip]:
    """Clips of the project's words by people whom it does not know: a third of them, the others are kept to be added.

    Where nothing is added, they are all; where silence was learned, rooms in which nobody speaks are among them.
    """
    if not folder.exists():
        generator = np.random.default_rng(seed)
        for word in _true_words(project):
            (folder / word).mkdir(parents=True)
            paths = _unused(project, word, generator, of_judge=True)[:_JUDGED]
            if fault == "leakage":
                paths += _unused(project, word, generator, of_judge=False)
            for path in paths:
                shutil.copyfile(path, folder / word / path.name)
        if fault == "silence_learned":
            _write_silence(folder / SILENCE, seed)
    return layout_clips(folder, with_silence=True)


def _write_silence(folder: Path, seed: int) -> None:
    folder.mkdir()
    rooms = [Path(entry.path) for entry in audio_files(speech_commands() / NOISE)]
    for number in range(_JUDGED):
        sound = room(np.random.default_rng([seed, number]), rooms)
        audio.write(folder / f"room_nohash_{number}.wav", sound, rate=RATE)


def _true_words(project: Path) -> list[str]:
    return [word for word in Project.open(project).words if word in WORDS]


def _unused(project: Path, word: str, generator: np.random.Generator, *, of_judge: bool) -> list[Path]:
    known = {clip.speaker for clip in Project.open(project).clips()}
    paths = [Path(entry.path) for entry in audio_files(speech_commands() / word)]
    free = [path for path in sorted(paths) if (speaker := _speaker(path)) not in known and _judges(speaker) == of_judge]
    return [free[at] for at in generator.permutation(len(free))]


def _judges(speaker: str) -> bool:
    return int(speaker[:8], 16) % 3 == 0


def _speaker(path: Path) -> str:
    return path.name.partition("_nohash_")[0]


def _answers(run: Path, judge: Sequence[Clip]) -> Values:
    """(right, loss) of each clip (N, 2); a run without a model guesses."""
    settings = settings_of(run)
    path = RunFolder(run).model_file(settings.model.name)
    if not path.exists():
        return np.tile([0.0, math.log(len({clip.word for clip in judge}) + 2)], (len(judge), 1))
    model, rows = SpottingModel(path), []

    def keep(clip: EvaluatedClip, posteriors: NDArray[np.float32]) -> None:
        own = float(posteriors[model.labels.index(clip.label)])
        rows.append((float(clip.predicted == clip.word), -math.log(max(own, 1e-6))))

    evaluate(model, judge, each=keep)
    return np.array(rows, np.float64)


def _candidates(fault: Kind, run: Path) -> list[Remedy]:
    """The settings worth trying, also where the table of what helped has none of them."""
    if fault not in CANDIDATES:
        return []
    return CANDIDATES[fault](settings_of(run), len(list(history(RunFolder(run).events.read()))))


def _off(run: Path, answers: Values) -> float:
    """Of the words' validation clips another share was right than of the judge's."""
    clips = [clip for clip in RunFolder(run).validation.read() if clip.label in WORDS]
    if not clips:
        return math.nan
    return abs(sum(clip.label == clip.predicted for clip in clips) / len(clips) - float(answers[:, 0].mean()))


# what a person does


def _with(job: Job, remedy: Remedy, folder: Path, seed: int) -> Job:
    """The job with a remedy; where it is about clips, in a copy of the project."""
    if remedy.changes:
        return replace(job, settings=settings_after(Settings.from_dict(job.settings), remedy).to_dict())
    shutil.copytree(job.project, folder, ignore=shutil.ignore_patterns(RUNS_FOLDER))
    _BY_HAND[remedy.key](Project.open(folder), remedy, np.random.default_rng([seed, 1]))
    return replace(job, project=folder)


def _clips_of(project: Project, remedy: Remedy) -> Mapping[Clip, str]:
    """The remedy's clips as they are in this project, each with the word it sounds like."""
    likely = {Path(clip.path).parts[-2:]: clip.likely for clip in remedy.clips}
    return {clip: likely[at] for clip in project.clips() if (at := clip.path.parts[-2:]) in likely}


def _exclude(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    project.edit.exclude(list(_clips_of(project, remedy)), True)


def _relabel(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    project.edit.move([Move(clip, word) for clip, word in _clips_of(project, remedy).items()])


def _record_again(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    """In place of all clips of the word, others."""
    clips = project.clips(word=remedy.word)
    project.edit.exclude(clips, True)
    _add(project, remedy.word, generator, split="training", most=_ADDED)


def _more_clips(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    """Of the word, or of all."""
    for word in [remedy.word] if remedy.word else project.words:
        _add(project, word, generator, split="training", most=_ADDED)


def _more_speakers(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    for word in project.words:
        _add(project, word, generator, split="training", most=_FEW_ADDED)


def _more_validation(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    for word in project.words:
        _add(project, word, generator, split="validation", most=_FEW_ADDED)


def _compare(project: Project, remedy: Remedy, generator: np.random.Generator) -> None:
    """Whoever listens hears one word in two folders, and moves the clips of the second into the first."""
    for second in [word for word in project.words if word not in WORDS]:
        clips = project.clips(word=second)
        project.edit.move([Move(clip, second.partition("-")[0]) for clip in clips])
        project.edit.remove_word(second)


def _add(project: Project, word: str, generator: np.random.Generator, *, split: str, most: int) -> None:
    paths = _unused(project.folder, word, generator, of_judge=False)[:most]
    for path in paths:
        shutil.copyfile(path, ProjectFolder(project.folder).clips / word / path.name)
    project.edit.refresh()
    added = {path.name for path in paths}
    new = [clip for clip in project.clips(word=word) if clip.path.name in added]
    project.edit.set_splits(new, [split] * len(new))  # type: ignore[list-item]


_BY_HAND: Mapping[str, Callable[[Project, Remedy, np.random.Generator], None]] = {
    "exclude": _exclude,
    "relabel": _relabel,
    "record_again": _record_again,
    "more_clips": _more_clips,
    "more_speakers": _more_speakers,
    "more_validation": _more_validation,
    "compare": _compare,
}
