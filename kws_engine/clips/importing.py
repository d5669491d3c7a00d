"""Imports a folder of recordings into a project, file by file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from kws_engine import audio
from kws_engine.clips.changes import Changes
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip, key_at, name_of, word_of
from kws_engine.clips.cutting import PieceReader
from kws_engine.clips.edit import Move
from kws_engine.clips.import_files import ImportFile, ImportFiles
from kws_engine.clips.import_plan import Plan, check_new_words, plan_import
from kws_engine.clips.import_speakers import SpeakerRule
from kws_engine.clips.import_tree import SkippedFile
from kws_engine.clips.journal import Change
from kws_engine.clips.layout import IMPORT_LOCK_FILE
from kws_engine.clips.noise_file import store_noise
from kws_engine.clips.parts import to_validate
from kws_engine.clips.project import Project
from kws_engine.clips.split import Split
from kws_engine.clips.takes import TakeNumbers, take_names
from kws_engine.clips.trash import Deletion
from kws_engine.clips.words import NOISE, UNKNOWN, clip_name, parse_name
from kws_engine.decoding import parse_plain_wav
from kws_engine.disk import claim, refuse_link, storing, write_error
from kws_engine.errors import AudioError, KwsError, ProjectError
from kws_engine.file_lock import FileLock, holder

__all__ = ["Imported", "SkippedFile", "SpeakerRule", "import_folder", "import_planned", "marked"]

Progress = Callable[[int, int], None]

_LOOKS_AGAIN_S: Final = 0.2
_EDGE_S: Final = 0.01  # a constant has ripples where resampling begins and ends
_SILENT_STEPS: Final = 2  # of 65,536: nothing but dither
_STRIDE: Final = 97
_SHOWN: Final = 3
_AT_ONCE: Final = 1_000  # clips that are noted in the index
_MOST_NUMBERS: Final = 20_000  # of takes, kept in memory


@dataclass(frozen=True)
class Imported:
    """What was imported: new clips in all and per word, new noise files, and the skipped files with the reasons.

    Attributes:
        notes: What was recognised in the folder, and what it was taken for, in sentences.
        speakers_unknown: How many of the new clips name no speaker and were stored as takes of `one_speaker`.
        taken: What was taken as what, or in a dry run would be, without noise.
        keys: The `word/name` of the new clips.
        new_words: The words that the project did not have.
        project: The project's folder.
        change: By which it can be undone; None where no clip is new.
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
    taken: ImportFiles = field(default_factory=ImportFiles)
    keys: Sequence[str] = ()
    new_words: Sequence[str] = ()
    project: Path | None = None
    change: Change | None = None


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
    files = plan.files[:]
    for at, file in enumerate(plan.files):
        if should_stop is not None and should_stop():
            break
        if not file.remark:
            already, skipped = len(run.already), len(run.skipped)
            run.take(at, file)
            if len(run.already) > already:
                files.set_remark(at, "The same sound is in the project already, or above.")
            elif len(run.skipped) > skipped:
                files.set_remark(at, run.skipped[-1].reason)
        if progress is not None:
            progress(at + 1, len(files))
    return replace(plan, files=files)


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
                run.take(done, file)
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
    """One import in progress; of each new clip it keeps a key, a digest and two numbers."""

    project: Project
    plan: Plan
    dry_run: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    already: list[Path] = field(default_factory=list)
    twins: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    spared: int = 0  # clips to learn from that validate, as no list or folder named any
    _keys: list[str] = field(default_factory=list)  # of the clips that are new
    _rows: array[int] = field(default_factory=lambda: array("i"))  # of each of them in the plan
    _known: dict[bytes, int | tuple[str, ...]] = field(
        default_factory=dict
    )  # by SHA-256: a new clip, or what was there
    _written: list[tuple[str, int, int, str, int, int]] = field(default_factory=list)
    _superseded: set[str] = field(default_factory=set)
    _other_speakers: dict[str, ImportFile] = field(default_factory=dict)  # of clips that were there

    def __post_init__(self) -> None:
        self.skipped = list(self.plan.skipped)
        self._new_words: list[str] = []
        self._deleted: Deletion | None = None
        self._change: Change | None = None
        self._reader = PieceReader(self.project.rate)
        self._takes: dict[str, TakeNumbers] = {}
        self._ready: set[str] = set()
        self._table = self.project.table()
        by_size = np.argsort(self._table.sizes, kind="stable")
        sizes, starts = np.unique(self._table.sizes[by_size], return_index=True)
        self._unhashed = dict(zip(sizes.tolist(), np.split(by_size, starts[1:]), strict=False))

    def take(self, row: int, file: ImportFile) -> None:
        """Imports the file in a row of the plan, or notes why not: whatever is wrong with it, the others come in."""
        try:
            is_new: bool | None
            if file.remark:
                raise AudioError(file.remark if file.path.name in file.remark else f"{file.shown}: {file.remark}")
            if file.word == NOISE and self.dry_run:
                is_new = audio.info(file.path).seconds > 0
            elif file.word == NOISE:
                is_new = store_noise(file.path, self.project.clips_folder / NOISE, rate=self.project.rate)
            else:
                is_new = self._take_clip(row, file)
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
        self._remember_written()
        self._known.clear()
        self._takes.clear()
        try:
            for word in [word for word in self.counts if word not in (*self.project.words, UNKNOWN, NOISE)]:
                self._add_word(word)
        finally:
            self.project.refresh()
        if not self.project.is_split_settled:
            self.project.edit.settle_split()
        if self._superseded:
            superseded = [clip for clip in self.project.clips(word=UNKNOWN) if clip.key in self._superseded]
            self._deleted = self.project.edit.delete(superseded)
        self._set_parts()
        self._set_speakers()
        if self._keys:
            self._change = Changes(self.project).note_import(self._keys, self._new_words, self._deleted)

    def result(self, stopped: bool) -> Imported:
        words = {word: count for word, count in self.counts.items() if word != NOISE}
        taken = self.plan.files.picked(self._rows)
        unknown = 0
        if self.plan.speakers_unknown:
            rows = taken.rows_of(speaker=self.plan.one_speaker).tolist()
            unknown = sum(taken[row].take is None for row in rows)
        return Imported(
            sum(words.values()),
            words,
            self.skipped + self._already_there(),
            self.counts[NOISE],
            len(self.already),
            stopped,
            [*self.plan.notes, *self._notes()],
            unknown,
            self.plan.one_speaker,
            taken,
            () if self.dry_run else self._keys,
            self._new_words,
            self.project.folder,
            self._change,
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

    def _clip_at(self, key: str) -> Clip | None:
        table = self.project.table()
        row = table.row(key)
        return None if row is None else table.clip(row)

    def _set_parts(self) -> None:
        """Puts the new clips into the parts that a list or folder says, where the rule would put them elsewhere."""
        clips: list[Clip] = []
        splits: list[Split | None] = []
        for key, row in zip(self._keys, self._rows, strict=True):
            split = self.plan.files.split(row)
            clip = self._clip_at(key) if split else None
            if clip is not None and clip.split != split:
                clips.append(clip)
                splits.append(split)
        if clips:
            self.project.edit.set_splits(clips, splits)
        self._spare_some_to_validate()

    def _spare_some_to_validate(self) -> None:
        """Where lists or folders say what is learned and tested and nothing that validates, as train/ and test/ do."""
        table = self.project.table()
        new = zip(self._keys, self._rows, strict=True)
        rows = [table.row(key) for key, row in new if self.plan.files.split(row) == "training"]
        known = np.array([row for row in rows if row is not None], np.int64)
        spared = [table.clip(row) for row in to_validate(table, known).tolist()] if len(known) else []
        if spared:
            self.project.edit.set_splits(spared, ["validation"] * len(spared))
        self.spared = len(spared)

    def _set_speakers(self) -> None:
        """Names clips that were there after the speakers that were given now; their parts stay."""
        moves = []
        for key, file in self._other_speakers.items():
            clip = self._clip_at(key)
            if clip is not None:
                take = file.take if file.take is not None else self._takes_of(clip.word).next(file.speaker)
                moves.append(Move(clip, clip.word, clip_name(file.speaker, take)))
                self._takes_of(clip.word).use(moves[-1].name)
        if moves:
            self.project.edit.move(moves)

    def _takes_of(self, word: str) -> TakeNumbers:
        """The numbers that are used for a word; those of words that were imported before are forgotten."""
        if word not in self._takes:
            while sum(map(len, self._takes.values())) > _MOST_NUMBERS:
                del self._takes[next(iter(self._takes))]
            self._takes[word] = TakeNumbers(self.project.folder, word)
        return self._takes[word]

    def _take_clip(self, row: int, file: ImportFile) -> bool | None:
        """Whether the clip is new; None where it is skipped with a reason."""
        content = self._as_wav(file)
        _check_not_silent(content, file.path, rate=self.project.rate)
        digest = hashlib.sha256(content)
        other = self._other_place(digest.digest(), len(content), file)
        if other is not None:
            return other
        key = f"{file.word}/{len(self._keys)}" if self.dry_run else self._store(content, digest.hexdigest(), file)
        self._known[digest.digest()] = len(self._keys)
        self._keys.append(key)
        self._rows.append(row)
        return True

    def _store(self, content: bytes, digest: str, file: ImportFile) -> str:
        """Writes a new clip; its key."""
        folder = self.project.clips_folder / file.word
        if file.word not in self._ready:  # links are looked for once, not for every one of so many files
            with storing(folder):
                folder.mkdir(parents=True, exist_ok=True)
            refuse_link(folder, itself=True)
            self._ready.add(file.word)
        temporary = os.path.join(folder, f".{secrets.token_hex(8)}.wav")
        try:
            with open(temporary, "xb") as out:
                out.write(content)
            path = self._publish(temporary, folder, file)
            mtime_ns = os.stat(path).st_mtime_ns
        except OSError as error:
            raise write_error(error, folder / file.path.name) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        key = f"{file.word}/{os.path.basename(path)}"
        self._written.append((key, len(content), mtime_ns, digest, (len(content) - 44) // 2, self.project.rate))
        if len(self._written) >= _AT_ONCE:
            self._remember_written()
        return key

    def _remember_written(self) -> None:
        self.project.index.measured.remember_written(self._written)
        self._written.clear()

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

    def _publish(self, temporary: str, folder: Path, file: ImportFile) -> str:
        takes = self._takes_of(file.word)
        first = file.take if file.take is not None else takes.next(file.speaker)
        if takes.is_present(file.speaker, first):
            first = takes.next(file.speaker)
        for name in take_names(file.speaker, first):  # somebody may record at this moment
            path = os.path.join(folder, name)
            try:
                claim(temporary, path)
            except FileExistsError:
                continue
            takes.use(name)
            return path
        raise AssertionError("there is a number after every number")

    def _other_place(self, digest: bytes, size: int, file: ImportFile) -> bool | None:
        """None where the sound is new, or so far only an example of other words; False where the project has it.

        Raises:
            AudioError: It has it under another word.
        """
        rows = self._unhashed.pop(size, ())
        for key, found in self.project.index.measured.digests(map(self._table.key, rows)):
            self._known[bytes.fromhex(found)] = (*self._there(bytes.fromhex(found)), key)
        places = self._there(digest)
        in_unknown = [key for key in places if word_of(key) == UNKNOWN]
        same = [key for key in places if word_of(key) == file.word]
        if same or (places and file.word == UNKNOWN):
            if digest in self._known and not isinstance(self._known[digest], int):
                self._note_speaker(file, same)
            return False
        if len(in_unknown) == len(places):
            self._superseded.update(in_unknown)
            return None
        there = min(set(places).difference(in_unknown))
        known = self._known[digest]
        other = key_at(self.plan.files[self._rows[known]].path) if isinstance(known, int) else there
        name = key_at(file.path)
        self.twins.append((other, name))
        raise AudioError(
            f'{file.path.name} is the same recording as {other}, which is under "{word_of(there)}" and not under '
            f'"{file.word}": listen, and delete the wrong one.'
        )

    def _there(self, digest: bytes) -> tuple[str, ...]:
        """The clips with this content."""
        known = self._known.get(digest, ())
        return (self._keys[known],) if isinstance(known, int) else known

    def _note_speaker(self, file: ImportFile, same: Sequence[str]) -> None:
        if file.is_speaker_given and len(same) == 1 and parse_name(name_of(same[0]))[0] != file.speaker:
            self._other_speakers[same[0]] = file


def _check_not_silent(content: bytes, path: Path, *, rate: int) -> None:
    samples = np.frombuffer(content, "<i2", offset=44)
    edge = round(_EDGE_S * rate)
    inner = samples[edge:-edge] if len(samples) > 4 * edge else samples
    # A few samples tell of nearly every clip that it is not silent.
    if np.ptp(inner[::_STRIDE]) <= _SILENT_STEPS and int(inner.max()) - int(inner.min()) <= _SILENT_STEPS:
        raise AudioError(f"{path.name} holds nothing but digital silence: record or export it again.")
