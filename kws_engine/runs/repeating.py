"""Jobs made from a run's folder: the same run again, or the rest of one that ended early; trains nothing itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from kws_engine import __version__
from kws_engine.errors import TrainingError
from kws_engine.runs.clip_list import FILE as CLIPS_FILE
from kws_engine.runs.clip_list import ClipRow, counted, located, noise_hashes, read_clips, sha256_of
from kws_engine.runs.job import Job, read_job, versions
from kws_engine.runs.labels import LONGEST_NAME
from kws_engine.runs.records import job_content, run_in

_TOLD_EVERY = 1000  # clips
_SUFFIX = " (repeated)"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Repetition:
    """A run's job once more, and what is no longer as it was.

    Attributes:
        changed: Clips whose content is another one by now, as clips.csv names them.
        missing: Clips that are gone.
        added: Background noises that the run did not have; other clips that were added since are left out anyway.
        versions: Sentences on what the first run was made with and this one would not be.
        unknown: Clips whose hash the run did not live to write: whether they have changed nobody can tell.
    """

    job: Job
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    versions: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuses where it would not be the same run.

        Raises:
            TrainingError: So many clips have changed or are missing, and the first of them.
        """
        if refusal := self.refusal():
            raise TrainingError(refusal)

    def refusal(self) -> str:
        """Why it would not be the same run, in one sentence; empty where nothing stands against it."""
        changes = self.changes()
        return f"{changes}: put it back as it was, or allow the changes with --allow-changes" if changes else ""

    def changes(self) -> str:
        """What is no longer as it was, counted and with the first of it named; empty where all is."""
        kinds = (
            (self.changed, "clip has changed", "clips have changed"),
            (self.missing, "clip is missing", "clips are missing"),
            (self.added, "background noise was added", "background noises were added"),
        )
        return ", ".join(counted(paths, one, many) for paths, one, many in kinds if paths)

    def notes(self) -> tuple[str, ...]:
        """Sentences on what stands in no run's way and may make it another one."""
        if not self.unknown:
            return self.versions
        told = counted(self.unknown, "clip", "clips")
        unknown = f"The run ended before the content of {told} was noted: whether it has changed cannot be told"
        return (*self.versions, unknown)


def repetition(folder: Path, *, progress: Progress | None = None) -> Repetition:
    """Reads a run's folder and every clip that it used.

    Args:
        folder: The run's.
        progress: Told how many clips were looked at.

    Raises:
        KwsError: It is no run, is damaged or has no list of its clips, or an option of it is no longer known.
    """
    run, job = run_in(folder), read_job(folder)
    changed, missing, added = _differences(folder, job.project, progress or (lambda done: None))
    name = run.label.name.removesuffix(_SUFFIX)
    again = replace(
        job,
        name=name and name[: LONGEST_NAME - len(_SUFFIX)] + _SUFFIX,
        tags=run.label.tags,
        runs_folder=None,
        clips=folder.absolute() / CLIPS_FILE,
    )
    return Repetition(again, tuple(changed), tuple(missing), tuple(added), _other_versions(folder), _unknown(folder))


def resumption(folder: Path) -> Job:
    """The job that goes on with a run that was cut off, stopped or failed.

    Raises:
        KwsError: It is no run or damaged, some program is training it, it came to its end, or it has no checkpoint.
    """
    run = run_in(folder)
    if run.state == "running":
        raise TrainingError(
            f"The run {run.title} is being trained by another program: wait for its end or stop it there"
        )
    if run.state == "finished":
        raise TrainingError(f"The run {run.title} came to its end: train again with more epochs to go further")
    if not run.can_resume:
        raise TrainingError(
            f"The run {run.title} kept no checkpoint to go on from: start it anew, with `kws repeat` or its settings"
        )
    return replace(read_job(folder), resume=folder.absolute())


def _differences(folder: Path, project: Path, progress: Progress) -> tuple[list[str], list[str], list[str]]:
    """What has changed, is missing, and was added to the noises."""
    changed: list[str] = []
    missing: list[str] = []
    for number, row in enumerate(read_clips(folder), 1):
        content = _hash_now(row, project)
        if not content:
            missing.append(row.path)
        elif row.sha256 and content != row.sha256:
            changed.append(row.path)
        if number % _TOLD_EVERY == 0:
            progress(number)
    noises, now = job_content(folder).get("noises"), noise_hashes(project)
    if not isinstance(noises, dict):  # runs of before did not list them
        return changed, missing, []
    changed += [path for path in noises if path in now and now[path] != noises[path]]
    missing += [path for path in noises if path not in now]
    return changed, missing, [path for path in now if path not in noises]


def _hash_now(row: ClipRow, project: Path) -> str:
    """Read from the file itself: a repetition is to be the same to the last digit."""
    with contextlib.suppress(OSError):
        return sha256_of(located(row, project))
    return ""


def _unknown(folder: Path) -> tuple[str, ...]:
    return tuple(row.path for row in read_clips(folder) if not row.sha256)


def _other_versions(folder: Path) -> tuple[str, ...]:
    content = job_content(folder)
    was = content.get("versions")
    before = {**(was if isinstance(was, dict) else {}), "KWS Studio": content.get("version")}
    now = {**versions(), "KWS Studio": __version__}
    return tuple(
        f"{name} was {before[name]} and is {now.get(name, 'not there')} now: the last digits may differ"
        for name in sorted(before)
        if isinstance(before[name], str) and before[name] != now.get(name)
    )
