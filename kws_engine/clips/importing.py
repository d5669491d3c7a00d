"""Imports a folder of recordings into a project, file by file."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.clips.import_plan import ImportFile, Plan, SkippedFile, plan_import
from kws_engine.clips.measurements import file_digest
from kws_engine.clips.noise_file import is_project_wav, store_noise
from kws_engine.clips.project import Project
from kws_engine.clips.takes import TakeNumbers, publish_take, write_audio
from kws_engine.clips.words import NOISE, UNKNOWN, clip_name
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError, ProjectError

__all__ = ["Imported", "SkippedFile", "import_folder"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Imported:
    """What was imported: new clips in all and per word, new noise files, and the skipped files with the reasons."""

    clips: int
    words: dict[str, int]
    skipped: list[SkippedFile]
    noises: int = 0
    already_there: int = 0
    stopped: bool = False


def import_folder(
    project: Project,
    folder: str | os.PathLike[str],
    *,
    words: Iterable[str] | None = None,
    rest_unknown: bool = False,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Imported:
    """Imports a folder in Speech Commands layout, or one flat folder of a single word.

    Every subfolder is a word; with `words` only those are, and the others go to `_unknown_` (`rest_unknown`) unless the
    project has such a word, or are left alone. `_background_noise_` is always imported as noise.
    `<speaker>_nohash_<take>` keeps speaker and, where it is free, take. Any other file is take 0 of a speaker named
    after it, except that first clips which could not be split by such speakers become the takes of one speaker named
    after the folder. A 16 kHz mono 16-bit WAV is copied bit for bit, anything else is mixed, resampled and written as
    one. A sound that the project has already is skipped; one that it has in `_unknown_` moves to its word.

    Args:
        project: Refreshed afterwards, also when an error ends the import.
        folder: Where the recordings are; it is only read.
        words: Names of subfolders.
        rest_unknown: Whether the other subfolders are words that the model must not answer to.
        progress: Called with (files done, files in all).
        should_stop: Called before each file; what was imported by then stays.

    Raises:
        ProjectError: No readable clip, an unknown word, a full disk or a project that cannot be written; clips
            imported before stay.
    """
    plan = plan_import(project, Path(folder), words=words, rest_unknown=rest_unknown)
    run = _Import(project, plan)
    stopped = False
    try:
        for done, file in enumerate(plan.files):
            stopped = should_stop is not None and should_stop()
            if stopped:
                break
            run.take(file)
            if progress is not None:
                progress(done + 1, len(plan.files))
    finally:
        run.finish()
    if not run.counts and not run.already and not stopped:
        reason = f" ({run.skipped[0].path.name}: {run.skipped[0].reason.rstrip('.')})" if run.skipped else ""
        raise ProjectError(f"{folder} holds no readable clip{reason}: it takes {plan.expected}.")
    return run.result(stopped)


@dataclass
class _Import:
    """One import in progress."""

    project: Project
    plan: Plan
    counts: Counter[str] = field(default_factory=Counter)
    already: list[Path] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    _digests: dict[str, str] = field(default_factory=dict)
    _superseded: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.skipped = list(self.plan.skipped)
        self._takes: dict[str, TakeNumbers] = {}
        self._known: dict[str, set[Path]] = defaultdict(set)
        self._table = self.project.table()
        by_size = np.argsort(self._table.sizes, kind="stable")
        sizes, starts = np.unique(self._table.sizes[by_size], return_index=True)
        self._unhashed = dict(zip(sizes.tolist(), np.split(by_size, starts[1:]), strict=False))

    def take(self, file: ImportFile) -> None:
        """Imports one file, or notes why not."""
        try:
            if file.word == NOISE:
                is_new = store_noise(file.path, self.project.clips_folder / NOISE, rate=self.project.rate)
            else:
                is_new = self._take_clip(file)
        except (AudioError, OSError) as error:
            reason = (
                str(error) if isinstance(error, AudioError) else f"{file.path.name} cannot be read ({error.strerror})."
            )
            self.skipped.append(SkippedFile(file.path, reason))
            return
        if is_new:
            self.counts[file.word] += 1
        else:
            self.already.append(file.path)

    def finish(self) -> None:
        """Makes what was imported part of the project."""
        new_words = [word for word in self.counts if word not in (*self.project.words, UNKNOWN, NOISE)]
        was_settled = self.project.is_split_settled
        try:
            for word in new_words:
                self.project.edit.add_word(word)
        finally:
            self.project.refresh()
        if not was_settled:
            self.project.edit.settle_split()
        if self._superseded:
            self.project.edit.delete(clip for clip in self.project.clips(word=UNKNOWN) if clip.path in self._superseded)
        self.project.index.measured.remember_digests(self._digests)

    def result(self, stopped: bool) -> Imported:
        words = {word: count for word, count in self.counts.items() if word != NOISE}
        skipped = self.skipped + self._already_there()
        return Imported(sum(words.values()), words, skipped, self.counts[NOISE], len(self.already), stopped)

    def _already_there(self) -> list[SkippedFile]:
        if len(self.already) == 1:
            return [SkippedFile(self.already[0], f"{self.already[0].name} is already in the project.")]
        if self.already:
            return [SkippedFile(self.plan.root, f"{len(self.already)} files are already in the project.")]
        return []

    def _take_clip(self, file: ImportFile) -> bool:
        folder = self.project.clips_folder / file.word
        target = folder / clip_name(file.speaker, file.take or 0)
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with temporary_beside(target) as temporary:
            rate = self.project.rate
            if is_project_wav(file.path, rate) and file.path.stat().st_size <= LONGEST_CLIP_S * rate * 2:
                digest = self._copy(file, temporary)
            else:
                digest = self._convert(file, temporary)
            if digest is not None:
                self._publish(temporary, file, digest)
        return digest is not None

    def _copy(self, file: ImportFile, temporary: Path) -> str | None:
        """Copies bit for bit; returns the digest, or None where the project has this sound."""
        content = file.path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if self._is_known(digest, len(content), file.word):
            return None
        with storing(temporary.with_name(file.path.name)):
            temporary.write_bytes(content)
        return digest

    def _convert(self, file: ImportFile, temporary: Path) -> str | None:
        """Writes a WAV at the project's rate; returns the digest, or None where the project has this sound."""
        samples = audio.read(file.path, rate=self.project.rate, max_seconds=LONGEST_CLIP_S)
        write_audio(temporary, samples, rate=self.project.rate, shown=file.path.name)
        digest = file_digest(temporary)
        return None if self._is_known(digest, temporary.stat().st_size, file.word) else digest

    def _publish(self, temporary: Path, file: ImportFile, digest: str) -> None:
        folder = self.project.clips_folder / file.word
        takes = self._takes.get(file.word)
        if takes is None:
            takes = self._takes[file.word] = TakeNumbers(self.project.folder, file.word)
        wanted = file.take if file.take is not None else takes.next(file.speaker)
        with storing(folder):
            if takes.is_present(file.speaker, wanted):
                path = publish_take(temporary, folder, speaker=file.speaker, first=takes.next(file.speaker))
            else:
                path = publish(temporary, folder, names=(clip_name(file.speaker, wanted),))
        takes.use(path.name)
        self._known[digest].add(path)
        self._digests[f"{file.word}/{path.name}"] = digest

    def _is_known(self, digest: str, size: int, word: str) -> bool:
        rows = self._unhashed.pop(size, ())
        for key, found in self.project.index.measured.digests(map(self._table.key, rows)):
            self._known[found].add(self._table.folder / key)
        places = self._known.get(digest, set())
        in_unknown = {path for path in places if path.parent.name == UNKNOWN}
        if places and (word == UNKNOWN or places != in_unknown):
            return True
        self._superseded |= in_unknown
        return False
