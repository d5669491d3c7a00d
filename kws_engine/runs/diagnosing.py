"""A run's folder and the project around it, read into facts for a diagnosis; judges nothing itself."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from kws_engine import audio
from kws_engine.clips import layout, project_file
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.clips.trimming import speech_core
from kws_engine.clips.words import SPECIAL, parse_clip_name
from kws_engine.errors import AudioError, KwsError, TrainingError
from kws_engine.evaluation.diagnosis import diagnose, suspects
from kws_engine.evaluation.finding import Facts, Finding, JudgedClip, LearnedClip, SuspectClip, UsedClip
from kws_engine.runs import clip_list
from kws_engine.runs.job import settings_of
from kws_engine.runs.records import history, read_events, run_in
from kws_engine.training.events import Epoch, Failed, Started

LEARNING_FILE, VALIDATION_FILE = "learning.csv", "validation.csv"
LOST_NUMBER = "The loss is no longer a number"
"""How the message of a run begins that diverged."""
_LISTENED = 150  # clips of a word; where some of them hold no speech, all are listened to
_RATE = 16_000

Progress = Callable[[int, int], None]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Look:
    """What a look at a run finds.

    Attributes:
        findings: What is wrong, what is to be cured first in the first place; empty for a healthy run.
        clips: Worth listening to, ranked, in a healthy run, too; empty where the run kept nothing of single clips.
    """

    findings: list[Finding]
    clips: tuple[SuspectClip, ...]


def diagnose_run(folder: Path, *, progress: Progress | None = None) -> list[Finding]:
    """What is wrong with the run in `folder`, what is to be cured first in the first place; empty for a healthy run.

    The first time it listens to some of the clips, which takes seconds.

    Args:
        folder: A run's, in a project's `runs`.
        progress: Told how many clips of how many were listened to.

    Raises:
        KwsError: The folder is no run, or one that was not written to its end.
    """
    return look_at_run(folder, progress=progress).findings


def look_at_run(folder: Path, *, progress: Progress | None = None) -> Look:
    """The findings, and the clips that are no fault of the run but worth listening to.

    Raises:
        KwsError: As `diagnose_run`.
    """
    facts = facts_of(folder, progress=progress)
    return Look(diagnose(history(read_events(folder)), facts), suspects(facts))


def facts_of(folder: Path, *, progress: Progress | None = None) -> Facts:
    """What the folder, its clips and its project tell; files that runs of before did not write are left out.

    Raises:
        KwsError: As `diagnose_run`.
    """
    run_in(folder)
    settings, events = settings_of(folder), list(read_events(folder))
    started = next((event for event in reversed(events) if isinstance(event, Started)), None)
    lost_number = any(isinstance(event, Failed) and event.message.startswith(LOST_NUMBER) for event in events)
    if started is None or not (lost_number or any(isinstance(event, Epoch) for event in events)):
        raise TrainingError(f"{folder.name} has no epoch to judge by: choose a run that got further, or train again")
    project, clips = _project_of(folder), _clips(folder)
    learned = list(_rows(folder / LEARNING_FILE, _learned))
    if 2 * len(history(iter(events))) <= started.epochs:  # what clips are called counts from the second half on
        learned = [replace(clip, predicted="") for clip in learned]
    return Facts(
        settings=settings,
        labels=tuple(started.labels),
        training=started.training,
        validation=started.validation,
        clips=_listened(clips, project, progress or (lambda done, total: None)) if project else clips,
        learned=learned,
        judged=list(_rows(folder / VALIDATION_FILE, _judged)),
        one_voice=_one_voice(project),
        lost_number=lost_number,
    )


def _project_of(folder: Path) -> Path | None:
    """The nearest project above: a run may lie in its `runs` or deeper."""
    return next((above for above in folder.absolute().parents if (above / layout.PROJECT_FILE).is_file()), None)


def _one_voice(project: Path | None) -> frozenset[str]:
    return frozenset(project_file.read(project).by_take or ()) if project else frozenset()


def _clips(folder: Path) -> list[UsedClip]:
    if not (folder / clip_list.FILE).is_file():  # runs of before have none
        return []
    return [
        UsedClip(row.path, row.label, row.split, _speaker(row.path), row.sha256)
        for row in clip_list.read_clips(folder)
    ]  # fmt: skip


def _speaker(path: str) -> str:
    """Whose clip it is; empty where the name tells none."""
    stem = Path(path).stem
    return parse_clip_name(stem)[0] if "_nohash_" in stem else ""


def _rows(path: Path, read: Callable[[Mapping[str, str]], Row]) -> Iterator[Row]:
    """The rows of one of the run's tables; none where the run did not get so far as to write it."""
    if not path.is_file():
        return
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            for row in csv.DictReader(file, strict=True):
                yield read(row)
    except (OSError, csv.Error, LookupError, TypeError, ValueError):
        raise TrainingError(f"{path} is damaged: choose another run, or train again with its settings") from None


def _learned(row: Mapping[str, str]) -> LearnedClip:
    return LearnedClip(
        row["path"], row["label"], int(row["seen"]), float(row["margin"]), float(row["own_probability"]),
        row["predicted"],
    )  # fmt: skip


def _judged(row: Mapping[str, str]) -> JudgedClip:
    return JudgedClip(
        row["path"], row["label"], row["predicted"], float(row["probability"]), float(row["own_probability"])
    )


def _listened(clips: list[UsedClip], project: Path, progress: Progress) -> list[UsedClip]:
    """The clips with what was heard in them: of each word some, and all of a word where some hold no speech."""
    of_word: dict[str, list[int]] = defaultdict(list)
    for at, clip in enumerate(clips):
        if clip.label not in SPECIAL:
            of_word[clip.label].append(at)
    chosen = {word: random.Random(0).sample(places, min(len(places), _LISTENED)) for word, places in of_word.items()}
    total, done = sum(map(len, chosen.values())), 0
    heard: dict[int, bool | None] = {}
    for word, places in chosen.items():
        heard |= _speech_in([(at, clips[at]) for at in places], project)
        if sum(heard[at] is False for at in places) > len(places) / 20:
            heard |= _speech_in([(at, clips[at]) for at in of_word[word] if at not in heard], project)
        done += len(places)
        progress(done, total)
    return [replace(clip, has_speech=heard[at]) if at in heard else clip for at, clip in enumerate(clips)]


def _speech_in(clips: Sequence[tuple[int, UsedClip]], project: Path) -> dict[int, bool | None]:
    return {at: _has_speech(_located(clip, project)) for at, clip in clips}


def _located(clip: UsedClip, project: Path) -> Path:
    return clip_list.located(clip_list.ClipRow(clip.path, clip.split, clip.label, clip.sha256), project)


def _has_speech(path: Path) -> bool | None:
    """None where the clip cannot be read any more."""
    try:
        sound = audio.read(path, rate=_RATE, max_seconds=LONGEST_CLIP_S)
    except (AudioError, KwsError):
        return None
    return speech_core(sound, _RATE) is not None
