"""Reads a run's folder and its project into the facts for a diagnosis."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.clips.layout import project_above
from kws_engine.clips.part_file import speakers_in_several_parts
from kws_engine.clips.trimming import speech_core
from kws_engine.clips.words import SPECIAL, parse_clip_name
from kws_engine.errors import AudioError, KwsError, TrainingError
from kws_engine.evaluation.diagnosis import diagnose, suspects
from kws_engine.evaluation.finding import Facts, Finding, InTalk, SuspectClip, UsedClip
from kws_engine.evaluation.finding_in_speakers import Voices, voices_of
from kws_engine.runs import clip_list
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import settings_of
from kws_engine.runs.records import history, run_in
from kws_engine.training.events import Epoch, Failed, Started

_LISTENED = 150  # clips of a word; where some of them hold no speech, all are read
_RATE = 16_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Look:
    """A diagnosis of a run.

    Attributes:
        findings: What is wrong, the first to be cured first; empty for a healthy run.
        clips: Worth listening to, ranked, in a healthy run too; empty where the run stored nothing about single clips.
    """

    findings: list[Finding]
    clips: tuple[SuspectClip, ...]


def diagnose_run(folder: Path, *, progress: Progress | None = None) -> list[Finding]:
    """What is wrong with the run in `folder`, the first to be cured first; empty for a healthy run.

    It reads some of the clips, which takes seconds.

    Args:
        folder: A run's, in a project's `runs`.
        progress: Called with how many clips of how many have been read.

    Raises:
        KwsError: The folder is no run's, or the run has no epoch.
    """
    return look_at_run(folder, progress=progress).findings


def look_at_run(folder: Path, *, progress: Progress | None = None) -> Look:
    """The findings, and the clips that are no fault of the run but worth listening to.

    Raises:
        KwsError: As `diagnose_run`.
    """
    facts = facts_of(folder, progress=progress)
    return Look(diagnose(history(RunFolder(folder).events.read()), facts), suspects(facts))


def facts_of(folder: Path, *, progress: Progress | None = None) -> Facts:
    """All that is known from the folder, its clips and its project; files that older runs did not write are left out.

    Raises:
        KwsError: As `diagnose_run`.
    """
    run_in(folder)
    run = RunFolder(folder)
    settings, events = settings_of(folder), list(run.events.read())
    started = next((event for event in reversed(events) if isinstance(event, Started)), None)
    lost_number = any(isinstance(event, Failed) and event.kind == "not_a_number" for event in events)
    if started is None or not (lost_number or any(isinstance(event, Epoch) for event in events)):
        raise TrainingError(f"{folder.name} has no epoch to diagnose: choose a run that got further, or train again")
    project, clips = project_above(folder), _clips(run)
    learned = list(run.learning.read())
    if 2 * len(history(iter(events))) <= started.epochs:  # predictions count from the second half on
        learned = [replace(clip, predicted="") for clip in learned]
    return Facts(
        settings=settings,
        labels=tuple(started.labels),
        training=started.training,
        validation=started.validation,
        clips=_listened(clips, project, progress or (lambda done, total: None)) if project else clips,
        learned=learned,
        validated=list(run.validation.read()),
        one_voice=_one_voice(project),
        lost_number=lost_number,
        in_talk=_in_talk(run),
    )


def _in_talk(run: RunFolder) -> InTalk | None:
    report = run.promise.read()
    if report is None:
        return None
    return InTalk(
        promised=report.promised,
        expected=report.expected,
        would_miss=report.would_miss,
        missed=report.missed.missed,
        takes=report.missed.takes,
        false_alarms=report.false_alarm_count,
        hours=report.hours,
    )


def voices_in(folder: Path) -> Voices | None:
    """Who says the words in a run's clips; None where that is not known, or its list of clips is not there.

    Raises:
        TrainingError: The list is damaged.
    """
    return voices_of(_clips(RunFolder(folder)))


def _one_voice(project: Path | None) -> frozenset[str]:
    return speakers_in_several_parts(project) if project else frozenset()


def _clips(run: RunFolder) -> list[UsedClip]:
    if not run.clips.exists():  # older runs have none
        return []
    return [UsedClip(row.path, row.label, row.split, _speaker(row.path), row.sha256) for row in run.clips.read()]


def _speaker(path: str) -> str:
    """Whose clip it is; empty where its name has no speaker."""
    stem = Path(path).stem
    return parse_clip_name(stem)[0] if "_nohash_" in stem else ""


def _listened(clips: list[UsedClip], project: Path, progress: Progress) -> list[UsedClip]:
    """The clips with whether there is speech in them: some of each word, and all of a word where some have none."""
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
