"""Imports a folder of recordings into a project, file by file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip, key_at
from kws_engine.clips.cutting import PieceReader
from kws_engine.clips.edit import Move
from kws_engine.clips.import_plan import ImportFile, Plan, check_new_words, plan_import
from kws_engine.clips.import_speakers import SpeakerRule
from kws_engine.clips.import_tree import SkippedFile
from kws_engine.clips.layout import IMPORT_LOCK_FILE
from kws_engine.clips.noise_file import store_noise
from kws_engine.clips.parts import to_validate
from kws_engine.clips.project import Project
from kws_engine.clips.split import Split
from kws_engine.clips.takes import TakeNumbers, publish_take
from kws_engine.clips.trash import Deletion, Removal
from kws_engine.clips.words import NOISE, UNKNOWN, clip_name, parse_name
from kws_engine.decoding import parse_plain_wav
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError, KwsError, ProjectError
from kws_engine.file_lock import FileLock, holder

__all__ = ["Imported", "SkippedFile", "SpeakerRule", "import_folder", "import_planned", "marked", "undo_import"]

Progress = Callable[[int, int], None]

_LOOKS_AGAIN_S: Final = 0.2
_EDGE_S: Final = 0.01  # a constant has ripples where resampling begins and ends
_SILENT_STEPS: Final = 2  # of 65,536: nothing but dither
_STRIDE: Final = 97
_SHOWN: Final = 3


@dataclass(frozen=True)
class Imported:
    """What was imported: new clips in all and per word, new noise files, and the skipped files with the reasons.

    Attributes:
        notes: What was recognised in the folder, and what it was taken for, in sentences.
        speakers_unknown: How many of the new clips name no speaker and were stored as takes of `one_speaker`.
        taken: What was taken as what, or in a dry run would be, without noise.
        paths: The new clips.
        new_words: The words that the project did not have.
        superseded: The clips of `_unknown_` that became clips of their words, if there were any.
    """

    clips: int
    words: dict[str, int]
    skipped: list[SkippedFile]
    noises: int = 0
    already_there: int = 0
    stopped: bool = False
    notes: list[str] = field(default_factory=list)
    speakers_unknown: int = 0
    one_speaker: str = ""
    taken: list[ImportFile] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    new_words: list[str] = field(default_factory=list)
    superseded: Deletion | None = None


def import_folder(
    project: Project,
    folder: str | os.PathLike[str],
    *,
    words: Iterable[str] | None = None,
    rest_unknown: bool = False,
    rule: SpeakerRule | None = None,
    list_file: Path | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Imported:
    """Imports a folder of recordings in one of the layouts that people have, which `Imported.notes` names.

    Every subfolder is a word, unless a list, the names of the files, or folders such as train and test above the words
    say otherwise; a flat folder is one word. With `words` only those are taken, and the others go to `_unknown_`
    (`rest_unknown`) unless the project has such a word, or are left alone. `_background_noise_` is always imported as
    noise. Names such as `<speaker>_nohash_<take>` keep speaker and, where it is free, take; files of which nobody says
    who speaks become takes of one speaker named after the folder. A file of which every program reads the same samples,
    16-bit mono at the project's rate, is copied bit for bit; anything else is mixed, resampled and written as such
    a one. A sound that the project has already is skipped; one that it has in `_unknown_` moves to its word; one that
    it has under another word is skipped and named with both. Imports into one project take turns.

    Args:
        project: Refreshed before and afterwards, also when an error ends the import.
        folder: Where the recordings are; it is only read.
        words: Words among those that are there.
        rest_unknown: Whether the other words are such that the model must not answer to.
        rule: Where speakers are read from, instead of the known patterns.
        list_file: A table with columns for path, word, speaker and part.
        progress: Called with (files done, files in all).
        should_stop: Called before each file; what was imported by then stays.
        on_wait: Called once with a sentence where another import into this project has to end first.

    Raises:
        ProjectError: No readable clip, an unknown word, a list that cannot be read, words that lie one folder deeper,
            a full disk or a project that cannot be written; clips imported before stay.
    """

    def plan() -> Plan:
        made = plan_import(
            project, Path(folder), words=words, rest_unknown=rest_unknown, rule=rule, list_file=list_file
        )
        if words is None:
            check_new_words(project, made)
        return made

    return _import(project, plan, progress, should_stop, on_wait)


def import_planned(
    project: Project,
    plan: Plan,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Imported:
    """Imports what a plan says, as `import_folder` does; files with a remark are left out, with it as the reason.

    Args:
        project: As in `import_folder`.
        plan: Of this project; a person may have changed its files.
        dry_run: Whether to read everything, find duplicates and faults, and change nothing.
        progress: As in `import_folder`.
        should_stop: As in `import_folder`.
        on_wait: As in `import_folder`.

    Raises:
        ProjectError: As in `import_folder`.
    """
    return _import(project, lambda: plan, progress, should_stop, on_wait, dry_run=dry_run)


def marked(
    project: Project,
    plan: Plan,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Plan:
    """The plan with a remark on every file that would not come in, such as a sound that is in the project already.

    Reads every file, and writes nothing; files after `should_stop` are left as they are.
    """
    run = _Import(project, plan, dry_run=True)
    files = list(plan.files)
    for at, file in enumerate(plan.files):
        if should_stop is not None and should_stop():
            break
        if not file.remark:
            already, skipped = len(run.already), len(run.skipped)
            run.take(file)
            if len(run.already) > already:
                files[at] = replace(file, remark="The same sound is in the project already, or above.")
            elif len(run.skipped) > skipped:
                files[at] = replace(file, remark=run.skipped[-1].reason)
        if progress is not None:
            progress(at + 1, len(files))
    return replace(plan, files=files)


def undo_import(project: Project, imported: Imported) -> Callable[[], Imported]:
    """Takes back an import: its clips go to the trash, words that it added and that have no other clips go, too.

    Returns:
        What brings all of it back, and returns what to take back then.

    Raises:
        ProjectError: The project cannot be written; nothing was changed.
    """
    table = project.table()
    rows = [table.row(key_at(path)) for path in imported.paths]
    clips = [table.clip(row) for row in rows if row is not None]
    undone: list[Deletion | Removal] = []
    with project.edit as edit:
        undone.append(edit.delete(clips))
        ours = {clip.path for clip in clips}
        for word in set(imported.new_words) & set(project.words):
            if ours.issuperset(map(table.path, table.select(word=word, include_excluded=True).tolist())):
                undone.append(edit.remove_word(word))
        if imported.superseded is not None:
            edit.restore(imported.superseded)

    def bring_back() -> Imported:
        superseded = imported.superseded
        with project.edit as edit:
            for one in reversed(undone):
                edit.restore(one)
            if superseded is not None:
                there = {project.folder / path for path in superseded.paths}
                superseded = edit.delete(clip for clip in project.clips(word=UNKNOWN) if clip.path in there)
        return replace(imported, superseded=superseded)

    return bring_back


def _import(
    project: Project,
    make_plan: Callable[[], Plan],
    progress: Progress | None,
    should_stop: Callable[[], bool] | None,
    on_wait: Callable[[str], None] | None,
    *,
    dry_run: bool = False,
) -> Imported:
    stop = should_stop or (lambda: False)
    with _alone(project, stop, on_wait) as is_alone:
        if not is_alone:
            return Imported(0, {}, [], stopped=True)
        plan = make_plan()
        run = _Import(project, plan, dry_run)
        stopped = False
        try:
            for done, file in enumerate(plan.files):
                stopped = stop()
                if stopped:
                    break
                run.take(file)
                if progress is not None:
                    progress(done + 1, len(plan.files))
        finally:
            if not dry_run:
                run.finish()
    if not run.counts and not run.already and not run.twins and not stopped:
        first = run.skipped[0] if run.skipped else None
        reason = f" ({first.path.name}: {first.reason.rstrip('.')})" if first else ""
        raise ProjectError(f"{plan.root} holds no readable clip{reason}: it takes {plan.expected}.")
    return run.result(stopped)


@contextlib.contextmanager
def _alone(project: Project, stop: Callable[[], bool], on_wait: Callable[[str], None] | None) -> Iterator[bool]:
    """Lets one import into a project run at a time; whether it may, unless stopped while it waits."""
    path = project.folder / IMPORT_LOCK_FILE
    lock = FileLock(path)
    has_waited = False
    while not _is_taken(lock, project.folder):
        if stop():
            yield False
            return
        if not has_waited and on_wait is not None:
            on_wait(f"Another import into {project.name} is running{holder(path)}: this one begins when it ends.")
        has_waited = True
    try:
        project.refresh()
        yield True
    finally:
        lock.release()


def _is_taken(lock: FileLock, folder: Path) -> bool:
    with storing(folder):
        return lock.take(seconds=_LOOKS_AGAIN_S)


@dataclass
class _Import:
    """One import in progress."""

    project: Project
    plan: Plan
    dry_run: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    already: list[Path] = field(default_factory=list)
    twins: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    spared: int = 0  # clips to learn from that validate, as no list or folder named any
    _digests: dict[str, str] = field(default_factory=dict)
    _superseded: set[Path] = field(default_factory=set)
    _sources: dict[Path, ImportFile] = field(default_factory=dict)  # of the clips that are new
    _other_speakers: dict[Path, ImportFile] = field(default_factory=dict)  # of clips that were there

    def __post_init__(self) -> None:
        self.skipped = list(self.plan.skipped)
        self._new_words: list[str] = []
        self._deleted: Deletion | None = None
        self._reader = PieceReader(self.project.rate)
        self._takes: dict[str, TakeNumbers] = {}
        self._known: dict[str, set[Path]] = defaultdict(set)
        self._table = self.project.table()
        by_size = np.argsort(self._table.sizes, kind="stable")
        sizes, starts = np.unique(self._table.sizes[by_size], return_index=True)
        self._unhashed = dict(zip(sizes.tolist(), np.split(by_size, starts[1:]), strict=False))

    def take(self, file: ImportFile) -> None:
        """Imports one file, or notes why not: whatever is wrong with it, the others come in."""
        try:
            is_new: bool | None
            if file.remark:
                raise AudioError(file.remark if file.path.name in file.remark else f"{file.shown}: {file.remark}")
            if file.word == NOISE and self.dry_run:
                is_new = audio.info(file.path).seconds > 0
            elif file.word == NOISE:
                is_new = store_noise(file.path, self.project.clips_folder / NOISE, rate=self.project.rate)
            else:
                is_new = self._take_clip(file)
        except AudioError as error:
            self.skipped.append(SkippedFile(file.path, str(error)))
        except KwsError:
            raise
        except OSError as error:
            self.skipped.append(
                SkippedFile(file.path, f"{file.path.name} cannot be read ({error.strerror or error}): copy it again.")
            )
        except Exception as error:  # noqa: BLE001 - a library that trips over one file must not lose the others
            what = f"{type(error).__name__} {error}".strip()[:100]
            self.skipped.append(
                SkippedFile(file.path, f"{file.path.name} cannot be decoded ({what}): make a WAV of it.")
            )
        else:
            if is_new:
                self.counts[file.word] += 1
            elif is_new is not None:
                self.already.append(file.path)

    def finish(self) -> None:
        """Makes what was imported part of the project."""
        try:
            for word in [word for word in self.counts if word not in (*self.project.words, UNKNOWN, NOISE)]:
                self._add_word(word)
        finally:
            self.project.refresh()
        self.project.index.measured.remember_digests(self._digests)
        if not self.project.is_split_settled:
            self.project.edit.settle_split()
        if self._superseded:
            superseded = [clip for clip in self.project.clips(word=UNKNOWN) if clip.path in self._superseded]
            self._deleted = self.project.edit.delete(superseded)
        self._set_parts()
        self._set_speakers()

    def result(self, stopped: bool) -> Imported:
        words = {word: count for word, count in self.counts.items() if word != NOISE}
        unknown = sum(file.speaker == self.plan.one_speaker and file.take is None for file in self._sources.values())
        return Imported(
            sum(words.values()),
            words,
            self.skipped + self._already_there(),
            self.counts[NOISE],
            len(self.already),
            stopped,
            [*self.plan.notes, *self._notes()],
            unknown if self.plan.speakers_unknown else 0,
            self.plan.one_speaker,
            list(self._sources.values()),
            [] if self.dry_run else list(self._sources),
            self._new_words,
            self._deleted,
        )

    def _notes(self) -> list[str]:
        notes = []
        if self.spared:
            clips = "1 clip" if self.spared == 1 else f"{self.spared:,} clips"
            notes.append(f"Nothing said which clips validate: {clips} of those to learn from will.")
        if self.twins:
            shown = "; ".join(f"{one} and {other}" for one, other in self.twins[:_SHOWN])
            more = f" and {len(self.twins) - _SHOWN:,} more" if len(self.twins) > _SHOWN else ""
            notes.append(f"The same recording is under two words, and was taken for the first: {shown}{more}.")
        if self._other_speakers:
            count = len(self._other_speakers)
            notes.append(f"{count:,} {'clip' if count == 1 else 'clips'} that were there got their speakers.")
        return notes

    def _already_there(self) -> list[SkippedFile]:
        if len(self.already) == 1:
            return [SkippedFile(self.already[0], f"{self.already[0].name} is already in the project.")]
        if self.already:
            return [SkippedFile(self.plan.root, f"{len(self.already)} files are already in the project.")]
        return []

    def _add_word(self, word: str) -> None:
        try:
            self.project.edit.add_word(word)
            self._new_words.append(word)
        except ProjectError:
            self.project.refresh()
            if word not in self.project.words:  # another program has not added it meanwhile
                raise

    def _clip_at(self, path: Path) -> Clip | None:
        table = self.project.table()
        row = table.row(key_at(path))
        return None if row is None else table.clip(row)

    def _set_parts(self) -> None:
        """Puts the new clips into the parts that a list or folder says, where the rule would put them elsewhere."""
        clips: list[Clip] = []
        splits: list[Split | None] = []
        for path, file in self._sources.items():
            clip = self._clip_at(path) if file.split else None
            if clip is not None and clip.split != file.split:
                clips.append(clip)
                splits.append(file.split)
        if clips:
            self.project.edit.set_splits(clips, splits)
        self._spare_some_to_validate()

    def _spare_some_to_validate(self) -> None:
        """Where lists or folders say what is learned and tested and nothing that validates, as train/ and test/ do."""
        table = self.project.table()
        learned = [path for path, file in self._sources.items() if file.split == "training"]
        rows = [table.row(key_at(path)) for path in learned]
        known = np.array([row for row in rows if row is not None], np.int64)
        spared = [table.clip(row) for row in to_validate(table, known).tolist()] if len(known) else []
        if spared:
            self.project.edit.set_splits(spared, ["validation"] * len(spared))
        self.spared = len(spared)

    def _set_speakers(self) -> None:
        """Names clips that were there after the speakers that were given now; their parts stay."""
        moves = []
        for path, file in self._other_speakers.items():
            clip = self._clip_at(path)
            if clip is not None:
                take = file.take if file.take is not None else self._takes_of(clip.word).next(file.speaker)
                moves.append(Move(clip, clip.word, clip_name(file.speaker, take)))
                self._takes_of(clip.word).use(moves[-1].name)
        if moves:
            self.project.edit.move(moves)

    def _takes_of(self, word: str) -> TakeNumbers:
        if word not in self._takes:
            self._takes[word] = TakeNumbers(self.project.folder, word)
        return self._takes[word]

    def _take_clip(self, file: ImportFile) -> bool | None:
        """Whether the clip is new; None where it is skipped with a reason."""
        content = self._as_wav(file)
        _check_not_silent(content, file.path, rate=self.project.rate)
        digest = hashlib.sha256(content).hexdigest()
        other = self._other_place(digest, len(content), file)
        if other is not None:
            return other
        folder = self.project.clips_folder / file.word
        if self.dry_run:
            would_be = folder / f"{len(self._sources)}"
            self._known[digest].add(would_be)
            self._sources[would_be] = file
            return True
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with temporary_beside(folder / "clip.wav") as temporary:
            with storing(folder / file.path.name):
                temporary.write_bytes(content)
            path = self._publish(temporary, file)
        self._known[digest].add(path)
        self._digests[f"{file.word}/{path.name}"] = digest
        self._sources[path] = file
        return True

    def _as_wav(self, file: ImportFile) -> bytes:
        """The bytes of a plain WAV at the project's rate: the file's own, or what it decodes to."""
        rate, path = self.project.rate, file.path
        longest = round(LONGEST_CLIP_S * rate)
        if file.span_s is not None:
            if file.span_s[1] - file.span_s[0] > LONGEST_CLIP_S:
                raise AudioError(f"{file.shown} lasts over {LONGEST_CLIP_S:.0f} s, which is no word: correct its end.")
            return audio.encode(self._reader.read(path, file.span_s), rate=rate)
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= 2 * longest + 100:
            content = path.read_bytes()
            plain = parse_plain_wav(content, len(content))
            if plain is not None and plain[1:] == (rate, 1) and plain[0] <= longest:
                return content
        return audio.encode(audio.read(path, rate=rate, max_seconds=LONGEST_CLIP_S), rate=rate)

    def _publish(self, temporary: Path, file: ImportFile) -> Path:
        folder = self.project.clips_folder / file.word
        takes = self._takes_of(file.word)
        wanted = file.take if file.take is not None else takes.next(file.speaker)
        with storing(folder):
            if takes.is_present(file.speaker, wanted):
                path = publish_take(temporary, folder, speaker=file.speaker, first=takes.next(file.speaker))
            else:
                path = self._publish_as(temporary, folder, file.speaker, wanted)
        takes.use(path.name)
        return path

    def _publish_as(self, temporary: Path, folder: Path, speaker: str, take: int) -> Path:
        try:
            return publish(temporary, folder, names=(clip_name(speaker, take),))
        except FileExistsError:  # somebody records at this moment
            return publish_take(temporary, folder, speaker=speaker, first=take + 1)

    def _other_place(self, digest: str, size: int, file: ImportFile) -> bool | None:
        """None where the sound is new, or so far only an example of other words; False where the project has it.

        Raises:
            AudioError: It has it under another word.
        """
        rows = self._unhashed.pop(size, ())
        for key, found in self.project.index.measured.digests(map(self._table.key, rows)):
            self._known[found].add(self._table.folder / key)
        places = self._known.get(digest, set())
        in_unknown = {path for path in places if path.parent.name == UNKNOWN}
        same = {path for path in places if path.parent.name == file.word}
        if same or (places and file.word == UNKNOWN):
            self._note_speaker(file, same)
            return False
        if places == in_unknown:
            self._superseded |= in_unknown
            return None
        there = min(places - in_unknown)
        source = self._sources[there].path if there in self._sources else there
        name, other = key_at(file.path), key_at(source)
        self.twins.append((other, name))
        raise AudioError(
            f'{file.path.name} is the same recording as {other}, which is under "{there.parent.name}" and not under '
            f'"{file.word}": listen, and delete the wrong one.'
        )

    def _note_speaker(self, file: ImportFile, same: set[Path]) -> None:
        if file.is_speaker_given and len(same) == 1:
            (path,) = same
            if path not in self._sources and parse_name(path.name)[0] != file.speaker:
                self._other_speakers[path] = file


def _check_not_silent(content: bytes, path: Path, *, rate: int) -> None:
    samples = np.frombuffer(content, "<i2", offset=44)
    edge = round(_EDGE_S * rate)
    inner = samples[edge:-edge] if len(samples) > 4 * edge else samples
    # A few samples tell of nearly every clip that it is not silent.
    if np.ptp(inner[::_STRIDE]) <= _SILENT_STEPS and int(inner.max()) - int(inner.min()) <= _SILENT_STEPS:
        raise AudioError(f"{path.name} holds nothing but digital silence: record or export it again.")
