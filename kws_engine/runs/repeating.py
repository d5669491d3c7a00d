"""Jobs made from a run's folder: the same run again, or the rest of one that ended early."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from kws_engine import __version__
from kws_engine.errors import TrainingError
from kws_engine.runs.clip_list import ClipRow, counted, located, noise_hashes, sha256_of
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, read_job, versions
from kws_engine.runs.labels import LONGEST_NAME
from kws_engine.runs.records import run_in

_PROGRESS_EVERY = 1000  # clips
_SUFFIX = " (repeated)"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Repetition:
    """A run's job once more, and what has changed since.

    Attributes:
        changed: Clips whose content has changed, as clips.csv names them.
        missing: Clips that are missing.
        added: Background noises that the run did not have; other clips that were added since are left out anyway.
        versions: Sentences on software that the first run was made with and this one would not be.
        unknown: Clips whose hash the run ended too early to write: whether they have changed is not known.
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
        """Why it would not be the same run, in one sentence; empty where it would."""
        changes = self.changes()
        return f"{changes}: put it back as it was, or allow the changes with --allow-changes" if changes else ""

    def changes(self) -> str:
        """What has changed, counted and with the first clips named; empty where nothing has."""
        kinds = (
            (self.changed, "clip has changed", "clips have changed"),
            (self.missing, "clip is missing", "clips are missing"),
            (self.added, "background noise was added", "background noises were added"),
        )
        return ", ".join(counted(paths, one, many) for paths, one, many in kinds if paths)

    def notes(self) -> tuple[str, ...]:
        """Sentences on what does not prevent the run but may change its result."""
        if not self.unknown:
            return self.versions
        clips = counted(self.unknown, "clip", "clips")
        unknown = f"The run ended before the content of {clips} was recorded: whether it has changed is not known"
        return (*self.versions, unknown)


def repetition(folder: Path, *, progress: Progress | None = None) -> Repetition:
    """Reads a run's folder and every clip that it used.

    Args:
        folder: The run's.
        progress: Called with how many clips have been read.

    Raises:
        KwsError: It is no run, is damaged or has no list of its clips, or an option of it is no longer known.
    """
    run, job = run_in(folder), read_job(folder)
    files = RunFolder(folder.absolute())
    changed, missing, added = _differences(files, job.project, progress or (lambda done: None))
    name = run.label.name.removesuffix(_SUFFIX)
    again = replace(
        job,
        name=name and name[: LONGEST_NAME - len(_SUFFIX)] + _SUFFIX,
        tags=run.label.tags,
        runs_folder=None,
        clips=files.clips.path,
    )
    return Repetition(again, tuple(changed), tuple(missing), tuple(added), _other_versions(files), _unknown(files))


def resumption(folder: Path) -> Job:
    """The job that resumes a run that was cut off, stopped or failed.

    Raises:
        KwsError: It is no run or damaged, some program is training it, it is finished, or it has no checkpoint.
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
            f"The run {run.title} has no checkpoint to resume from: start it again with `kws repeat` or its settings"
        )
    return replace(read_job(folder), resume=folder.absolute())


def _differences(files: RunFolder, project: Path, progress: Progress) -> tuple[list[str], list[str], list[str]]:
    """What has changed, is missing, and was added to the noises."""
    changed: list[str] = []
    missing: list[str] = []
    for number, row in enumerate(files.clips.read(), 1):
        content = _hash_now(row, project)
        if not content:
            missing.append(row.path)
        elif row.sha256 and content != row.sha256:
            changed.append(row.path)
        if number % _PROGRESS_EVERY == 0:
            progress(number)
    noises, now = files.job.read().get("noises"), noise_hashes(project)
    if not isinstance(noises, dict):  # older runs did not list them
        return changed, missing, []
    changed += [path for path in noises if path in now and now[path] != noises[path]]
    missing += [path for path in noises if path not in now]
    return changed, missing, [path for path in now if path not in noises]


def _hash_now(row: ClipRow, project: Path) -> str:
    """Read from the file itself: a repetition is to be the same to the last digit."""
    with contextlib.suppress(OSError):
        return sha256_of(located(row, project))
    return ""


def _unknown(files: RunFolder) -> tuple[str, ...]:
    return tuple(row.path for row in files.clips.read() if not row.sha256)


def _other_versions(files: RunFolder) -> tuple[str, ...]:
    content = files.job.read()
    was = content.get("versions")
    before = {**(was if isinstance(was, dict) else {}), "KWS Studio": content.get("version")}
    now = {**versions(), "KWS Studio": __version__}
    return tuple(
        f"{name} was {before[name]} and is {now.get(name, 'not there')} now: the last digits may differ"
        for name in sorted(before)
        if isinstance(before[name], str) and before[name] != now.get(name)
    )
