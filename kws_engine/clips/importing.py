"""Folders of recordings taken into a project, file by file; knows nothing of how the clips are used later."""

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
from kws_engine.clips.import_plan import Plan, Skipped, Source, plan_import
from kws_engine.clips.measurements import file_digest
from kws_engine.clips.noise_file import is_project_wav, store_noise
from kws_engine.clips.project import Project
from kws_engine.clips.takes import TakeNumbers, publish_take, write_audio
from kws_engine.clips.words import NOISE, UNKNOWN, clip_name
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError, ProjectError

__all__ = ["Imported", "Skipped", "import_folder"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Imported:
    """What came in: new clips in all and per word, new noise files, what was left out and why."""

    clips: int
    words: dict[str, int]
    skipped: list[Skipped]
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
    """Take a folder in Speech Commands layout, or one flat folder of a single word, into the project.

    Every subfolder is a word; with `words` only those are, and the others go to `_unknown_` (`rest_unknown`) unless the
    project has such a word, or are left alone. `_background_noise_` always comes as noise. `<speaker>_nohash_<take>`
    keeps speaker and, where it is free, take. Any other file is take 0 of a speaker named after it, except that
    first clips which could not be split by such speakers become the takes of one speaker named after the folder.
    A 16 kHz mono 16-bit WAV is copied bit for bit, anything else is mixed, resampled and written as one. A sound that
    is in the project already is left out; one that is in `_unknown_` and comes as a word moves to that word.

    Args:
        project: open; refreshed afterwards, also when an error ends the import.
        folder: where the recordings are; it is only read.
        words: names of subfolders.
        rest_unknown: whether the other subfolders are words the model shall not know.
        progress: called with (files done, files in all).
        should_stop: asked before each file; what came in by then stays.

    Raises:
        ProjectError: no readable clip, an unknown word, a full disk or a project that cannot be written; clips that
            came in before stay.
    """
    plan = plan_import(project, Path(folder), words=words, rest_unknown=rest_unknown)
    run = _Import(project, plan)
    stopped = False
    try:
        for done, source in enumerate(plan.sources):
            stopped = should_stop is not None and should_stop()
            if stopped:
                break
            run.take(source)
            if progress is not None:
                progress(done + 1, len(plan.sources))
    finally:
        run.finish()
    if not run.counts and not run.already and not stopped:
        reason = f" ({run.skipped[0].path.name}: {run.skipped[0].reason.rstrip('.')})" if run.skipped else ""
        raise ProjectError(f"{folder} holds no readable clip{reason}: it takes {plan.expected}.")
    return run.result(stopped)


@dataclass
class _Import:
    """One import under way."""

    project: Project
    plan: Plan
    counts: Counter[str] = field(default_factory=Counter)
    already: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
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

    def take(self, source: Source) -> None:
        """Bring one file in, or note why not."""
        try:
            if source.word == NOISE:
                is_new = store_noise(source.path, self.project.clips_folder / NOISE, rate=self.project.rate)
            else:
                is_new = self._take_clip(source)
        except (AudioError, OSError) as error:
            reason = (
                str(error)
                if isinstance(error, AudioError)
                else f"{source.path.name} cannot be read ({error.strerror})."
            )
            self.skipped.append(Skipped(source.path, reason))
            return
        if is_new:
            self.counts[source.word] += 1
        else:
            self.already.append(source.path)

    def finish(self) -> None:
        """Make what came in part of the project."""
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

    def _already_there(self) -> list[Skipped]:
        if len(self.already) == 1:
            return [Skipped(self.already[0], f"{self.already[0].name} is already in the project.")]
        return (
            [Skipped(self.plan.root, f"{len(self.already)} files are already in the project.")] if self.already else []
        )

    def _take_clip(self, source: Source) -> bool:
        folder = self.project.clips_folder / source.word
        target = folder / clip_name(source.speaker, source.take or 0)
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with temporary_beside(target) as temporary:
            rate = self.project.rate
            if is_project_wav(source.path, rate) and source.path.stat().st_size <= LONGEST_CLIP_S * rate * 2:
                digest = self._copy(source, temporary)
            else:
                digest = self._convert(source, temporary)
            if digest is not None:
                self._publish(temporary, source, digest)
        return digest is not None

    def _copy(self, source: Source, temporary: Path) -> str | None:
        """Copy bit for bit; the digest, or None where the sound is known."""
        content = source.path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if self._is_known(digest, len(content), source.word):
            return None
        with storing(temporary.with_name(source.path.name)):
            temporary.write_bytes(content)
        return digest

    def _convert(self, source: Source, temporary: Path) -> str | None:
        """Write as WAV at the project's rate; the digest, or None where that sound is known."""
        samples = audio.read(source.path, rate=self.project.rate, max_seconds=LONGEST_CLIP_S)
        write_audio(temporary, samples, rate=self.project.rate, shown=source.path.name)
        digest = file_digest(temporary)
        return None if self._is_known(digest, temporary.stat().st_size, source.word) else digest

    def _publish(self, temporary: Path, source: Source, digest: str) -> None:
        folder = self.project.clips_folder / source.word
        takes = self._takes.get(source.word)
        if takes is None:
            takes = self._takes[source.word] = TakeNumbers(self.project.folder, source.word)
        wanted = source.take if source.take is not None else takes.next(source.speaker)
        with storing(folder):
            if takes.is_present(source.speaker, wanted):
                path = publish_take(temporary, folder, speaker=source.speaker, first=takes.next(source.speaker))
            else:
                path = publish(temporary, folder, names=(clip_name(source.speaker, wanted),))
        takes.use(path.name)
        self._known[digest].add(path)
        self._digests[f"{source.word}/{path.name}"] = digest

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
