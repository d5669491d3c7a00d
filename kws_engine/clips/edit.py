"""Changes of a project, as transactions: all steps of a `with` are stored together, or none of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips import contents, project_file, session_file, trash
from kws_engine.clips.clip import Clip, audio_files
from kws_engine.clips.contents import Contents, Current
from kws_engine.clips.decisions import missing
from kws_engine.clips.index import Index
from kws_engine.clips.index_file import Decision
from kws_engine.clips.layout import CLIPS_FOLDER
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.takes import TakeNumbers, replace_take, take_names, wav_in_place_of, write_audio, write_take
from kws_engine.clips.trash import Deletion, Removal
from kws_engine.clips.words import NOISE, UNKNOWN, check_new_word, parse_clip_name, parse_name, speaker_id
from kws_engine.disk import move_file, publish, storing, temporary_beside
from kws_engine.errors import AudioError, KwsError, ProjectError

Tables = dict[str, Any]


@dataclass(frozen=True)
class Move:
    """A clip and the word whose folder it belongs in.

    Attributes:
        name: The file's name there, if it is free; empty keeps the clip's own.
    """

    clip: Clip
    word: str
    name: str = ""


@dataclass(frozen=True)
class Cut:
    """A clip and the pieces of it that are kept, from and to samples at the project's rate."""

    clip: Clip
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class CutClips:
    """What it takes to undo a cut.

    Attributes:
        pieces: The `word/name` of each clip's pieces.
        deletion: The old sounds.
        before: What was decided about each.
    """

    pieces: tuple[tuple[str, ...], ...]
    deletion: Deletion
    before: tuple[Decision | None, ...]


@dataclass(frozen=True)
class _Savepoint:
    """Where to return to: the contents, and how many steps and changes of project.toml there were."""

    contents: Contents
    steps: int
    changes: int


class Edit:
    """Changes of one project: each call by itself is stored when it returns, and undone as a whole when it fails.

        project.edit.add_word("left")
        with project.edit as edit:              # both, or neither
            moved = edit.move(moves)
            edit.exclude(moved, True)

    In a `with`, files move at once, project.toml is written once at the end (read anew under its lock, so that the
    words of another program stay), and other threads see the result when all of it is stored. An error undoes every
    step since the `with` began. Threads take turns. Deleted files go to the trash; nothing is overwritten.
    """

    def __init__(self, folder: Path, index: Index, current: Current) -> None:
        self._folder = folder
        self._clips_folder = folder / CLIPS_FOLDER
        self._index = index
        self._current = current
        self._lock = threading.RLock()
        self._savepoints: list[_Savepoint] = []
        self._steps: list[Callable[[], object]] = []  # each undoes one step
        self._changes: list[Callable[[Tables], None]] = []  # of project.toml
        self._contents = current.contents

    def __enter__(self) -> Edit:
        self._lock.acquire()
        if not self._savepoints:
            self._contents = self._current.contents
        self._savepoints.append(_Savepoint(self._contents, len(self._steps), len(self._changes)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        savepoint = self._savepoints.pop()
        try:
            if error is not None:
                self._roll_back(savepoint)
            elif not self._savepoints:
                self._store(savepoint)
        finally:
            self._lock.release()

    @property
    def now(self) -> Contents:
        """What the project holds, with the steps of a `with` that is not over; only for the thread that is in it."""
        return self._contents if self._savepoints else self._current.contents

    # -- words and settings

    def add_word(self, word: str) -> str:
        """Adds a word at the end; returns it in its stored form.

        Raises:
            ProjectError: The name is unfit or in use, or the project cannot be written.
        """
        with self:
            word = check_new_word(word, self._contents.words)
            self._make_folder(self._clips_folder / word)
            self._change_words(lambda words: words.append(check_new_word(word, words)))
            return word

    def remove_word(self, word: str) -> Removal:
        """Moves the word and all its clips to the trash; `restore` brings both back.

        Raises:
            ProjectError: There is no such word, or the project cannot be written.
        """
        with self:
            position = self._contents.words.index(self._contents.word(word))
            deletion = self._delete([Path(CLIPS_FOLDER) / word], [f"{word}/"])
            self._contents = self._contents.without_word(word)
            self._change_words(lambda words: words.remove(word) if word in words else None)
            return Removal(word, position, deletion)

    def rename_word(self, old: str, new: str) -> str:
        """Renames a word and its folder; clips keep their speakers, takes, parts and decisions, a session follows.

        Raises:
            ProjectError: There is no such word, the new name is unfit or in use, or the project cannot be written.
        """
        with self:
            self._contents.word(old)
            new = check_new_word(new, [word for word in self._contents.words if word != old])
            self._rename_folder(old, new)
            if new != old:
                self._move_index(old, new)
                self._steps.append(lambda: session_file.rename_word(self._folder, new, old))
            self._contents = self._contents.with_renamed(old, new)
            self._change_words(lambda words: project_file.replace_word(words, old, new))
        session_file.rename_word(self._folder, old, new)  # last: who reads it finds the word in the project
        return new

    def save_settings(self, settings: Mapping[str, Any]) -> None:
        """Stores the chosen settings, nested tables of plain values; None values are left out, TOML has none.

        Raises:
            ProjectError: TOML cannot hold a value, or the project cannot be written.
        """
        with self:
            stored = project_file.plain(settings)
            self._changes.append(lambda tables: tables.update(settings=stored))

    def lengthen_clips(self, clip_ms: int) -> None:
        """Makes the project's clips at least so long, as phrases need; recordings stay as they are.

        Raises:
            ProjectError: The project cannot be written.
        """

        def lengthen(tables: Tables) -> None:
            tables["clip_ms"] = max(clip_ms, int(tables.get("clip_ms", 0)))

        with self:
            if clip_ms > self._contents.file.clip_ms:
                self._changes.append(lengthen)

    def settle_split(self) -> None:
        """Gives every clip that has none yet a part, for good, as every reading of the project does.

        In a project that cannot be written this is decided in memory.
        """
        with self:
            self._contents = self._contents.settled(self._index)

    # -- takes

    def add_take(self, word: str, samples: NDArray[np.float32], *, speaker: str) -> Clip:
        """Stores a recording, mono float (samples,) at the project's rate, under the speaker's next free number.

        It is given its part for good: what the word lacks, or else that of its speaker.

        A take of `_background_noise_` is found in `Project.noises`, not in `Project.clips`.

        Raises:
            ProjectError: The disk is full or cannot be written, or there is no such word; earlier takes are kept.
        """
        with self:
            speaker = speaker_id(speaker)
            rate = self._contents.file.rate
            word = word if word in (UNKNOWN, NOISE) else self._contents.word(word)
            first = TakeNumbers(self._folder, word).next(speaker)
            path = write_take(samples, self._clips_folder / word, speaker=speaker, first=first, rate=rate)
            self._steps.append(lambda: path.unlink(missing_ok=True))
            if word == NOISE:
                take = parse_clip_name(path.stem)[1] or 0
                return Clip(path, NOISE, speaker, take, "training", len(samples) / rate)
            key = self._contents.key(path)
            self._remember_parts([key])
            self._include([key], are_new=True)
            return self._contents.clip(key)

    def replace_take(self, clip: Clip, samples: NDArray[np.float32]) -> Clip:
        """Puts a new recording in the place of a clip; its old sound goes to the trash, its part stays.

        Raises:
            ProjectError: The disk is full or cannot be written; the old recording is kept.
        """
        with self:
            key = self._contents.key(clip.path)
            before = self._index.decided.get(key)
            target, deletion = replace_take(samples, clip.path, self._folder, rate=self._contents.file.rate)

            def undo() -> None:
                if target != clip.path:
                    target.unlink(missing_ok=True)
                trash.put_back(self._folder, deletion)
                self._index.take_in([key])

            self._steps.append(undo)
            new = self._contents.key(target)
            self._carry_parts([key], [new])
            self._contents = self._contents.without([key])
            self._include([new])
            if before is not None and (before.split or before.note):
                self._remember_decisions([new])
                self._index.decided.decide([new], split=before.split, note=before.note)
            return self._renewed([new])[0]

    def cut(self, cuts: Sequence[Cut]) -> CutClips:
        """Puts pieces of clips in their places: the first under the clip's name, others under free take numbers.

        The old sounds go to the trash once all pieces are on disk. The pieces keep word, speaker, part, note and being
        left out.

        Raises:
            ProjectError: A clip is missing or cannot be written; then every clip is as it was.
        """
        with self, contextlib.ExitStack() as temporaries:
            keys = self._present([cut.clip for cut in cuts])
            before = [self._index.decided.get(key) for key in keys]
            self._remember_decisions(keys)
            rows = [self._contents.row(key) for key in keys]
            rules = [int(rule) for rule in self._contents.table.rule[rows]]
            written = [temporaries.enter_context(self._written(cut)) for cut in cuts]
            deletion = self._delete([Path(CLIPS_FOLDER) / key for key in keys], keys)
            self._contents = self._contents.without(keys)
            self._index.measured.remember((), gone=keys)
            made = [self._publish_pieces(cut.clip, files) for cut, files in zip(cuts, written, strict=True)]
            new = [key for pieces in made for key in pieces]
            self._remember_parts(new)
            parts = {key: rule for pieces, rule in zip(made, rules, strict=True) for key in pieces}
            self._index.parts.put(parts)
            self._include(new)
            self._remember_decisions(new)
            self._decide_alike(new, [one for pieces, one in zip(made, before, strict=True) for _ in pieces])
            self._renewed(new)
            return CutClips(tuple(map(tuple, made)), deletion, tuple(before))

    def uncut(self, made: CutClips) -> None:
        """Undoes `cut`: the pieces go to the trash, the old sounds come back with what was decided about them.

        Raises:
            ProjectError: A piece is missing, the trash was emptied, or the project cannot be written.
        """
        with self:
            pieces = [self._contents.clip(key) for keys in made.pieces for key in keys]
            keys = [path.relative_to(CLIPS_FOLDER).as_posix() for path in made.deletion.paths]
            self._remember_decisions(keys)
            self._present(pieces)
            self.delete(pieces)
            self.restore(made.deletion)
            self._decide_alike(keys, made.before)
            self._renewed(keys)

    # -- deleting and moving

    def delete(self, clips: Iterable[Clip], *, into: Path | None = None) -> Deletion:
        """Moves clips to the trash, to a folder of it from `trash.new_folder` or a new one; missing ones are left out.

        Raises:
            ProjectError: The project cannot be written.
        """
        with self:
            keys = [self._contents.key(clip.path) for clip in clips]
            deletion = self._delete([Path(CLIPS_FOLDER) / key for key in keys], keys, into=into)
            self._contents = self._contents.without(keys)
            return deletion

    def restore(self, deleted: Deletion | Removal) -> None:
        """Undoes a deletion of clips or the removal of a word.

        Raises:
            ProjectError: The trash was emptied, or something else took the place.
        """
        with self:
            deletion = deleted.deletion if isinstance(deleted, Removal) else deleted
            trash.restore(self._folder, deletion)
            self._steps.append(lambda: trash.take_back(self._folder, deletion))
            keys = [path.relative_to(CLIPS_FOLDER).as_posix() for path in deletion.paths]
            moved = [f"{deleted.word}/"] if isinstance(deleted, Removal) else keys
            self._index.parts.out_of_trash(deletion.trash.name, moved)
            self._steps.append(lambda: self._index.parts.into_trash(deletion.trash.name, moved))
            if not isinstance(deleted, Removal):
                self._include([key for key in keys if key.partition("/")[0] != NOISE])  # which is in no table
                return
            self._change_words(lambda words: project_file.insert_word(words, deleted.word, at=deleted.position))
            folder = self._clips_folder / deleted.word
            self._include([f"{deleted.word}/{entry.name}" for entry in audio_files(folder)])

    def move(self, moves: Sequence[Move]) -> list[Clip]:
        """Moves clips into the folders of other words; they keep speaker, part, note and being left out.

        A clip whose name is in use there, or was, gets its speaker's next free number.

        Returns:
            The clips where they are now, in the order given. `Move(moved, old.word, old.path.name)` undoes one.

        Raises:
            ProjectError: There is no such word, a clip is missing, or the project cannot be written.
        """
        with self:
            for move in moves:
                if move.word != UNKNOWN:
                    self._contents.word(move.word)
            old = self._present([move.clip for move in moves])
            decisions = [self._index.decided.get(key) for key in old]
            new = [self._contents.key(self._move_file(move)) for move in moves]
            self._carry_parts(old, new)
            self._contents = self._contents.without(old)
            self._index.measured.remember((), gone=old)
            self._include(new)
            self._remember_decisions(new)
            self._decide_alike(new, decisions)
            return self._renewed(new)

    # -- decisions

    def exclude(self, clips: Sequence[Clip], excluded: bool) -> list[Clip]:
        """Leaves clips out of training and evaluation, or takes them in again; their files stay.

        Raises:
            ProjectError: A clip is missing, or the project cannot be written.
        """
        with self:
            keys = self._present(clips)
            self._remember_decisions(keys)
            self._index.decided.decide(keys, excluded=excluded)
            return self._renewed(keys)

    def set_splits(self, clips: Sequence[Clip], splits: Sequence[Split | None]) -> list[Split | None]:
        """Puts each clip into its own part by hand; None gives it back to the rule.

        Returns:
            The part that each clip had by hand before, None where the rule decided; given again, they undo it.

        Raises:
            ProjectError: A clip is missing, there is no such part, or the project cannot be written.
        """
        for split in splits:
            if split is not None and split not in SPLITS:
                raise ProjectError(f'There is no part "{split}": use {", ".join(SPLITS)}.')
        with self:
            keys = self._present(clips)
            decisions = [self._index.decided.get(key) for key in keys]
            self._remember_decisions(keys)
            self._index.decided.decide_splits(dict(zip(keys, splits, strict=True)))
            self._renewed(keys)
            return [decision.split if decision else None for decision in decisions]

    def refresh(self) -> None:
        """Looks at the disk again: words, clips, decisions; headers are read only of files that changed."""
        with self:
            self._contents = contents.read(self._folder, self._index, before=self._contents)

    # -- storing and undoing

    def _store(self, savepoint: _Savepoint) -> None:
        try:
            if self._changes:
                file = project_file.change(self._folder, self._apply_changes)
                self._contents = self._contents.with_file(file)
        except BaseException:
            self._roll_back(savepoint)
            raise
        self._steps.clear()
        self._changes.clear()
        self._current.contents = self._contents

    def _apply_changes(self, tables: Tables) -> None:
        for change in self._changes:
            change(tables)

    def _roll_back(self, savepoint: _Savepoint) -> None:
        """Undoes what was done since; where the disk does not let us, what is there is read again."""
        del self._changes[savepoint.changes :]
        self._contents = savepoint.contents
        is_undone = True
        while len(self._steps) > savepoint.steps:
            try:
                self._steps.pop()()
            except (KwsError, OSError):
                is_undone = False
        if not is_undone:
            with contextlib.suppress(KwsError):
                self._contents = contents.read(self._folder, self._index, before=self._contents)
                if not self._savepoints:
                    self._current.contents = self._contents

    # -- single steps, each with its undoing

    def _change_words(self, edit: Callable[[list[str]], None]) -> None:
        """Lets `edit` change the words here and, when the edit is stored, as they are on disk by then."""
        words = list(self._contents.words)
        present = [word for word in words if (self._clips_folder / word).is_dir()]
        self._changes.append(lambda tables: project_file.edit_words(tables, edit, folder=self._folder, present=present))
        edit(words)
        self._contents = self._contents.with_words(words)

    def _make_folder(self, folder: Path) -> None:
        is_there = folder.is_dir()
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not is_there:
            self._steps.append(folder.rmdir)

    def _rename_folder(self, old: str, new: str) -> None:
        source = self._clips_folder / old
        target = self._clips_folder / new
        is_other = new.casefold() != old.casefold()
        if is_other and target.exists() and any(target.iterdir()):
            raise ProjectError(f'The folder {target} is not empty: choose another name than "{new}".')
        with storing(target):
            source.mkdir(exist_ok=True)
            if is_other and target.exists():
                target.rmdir()  # empty, and Windows would not replace it
            os.replace(source, target)
        self._steps.append(lambda: os.replace(target, source))

    def _move_index(self, old: str, new: str) -> None:
        decided = self._index.decided
        overwritten = decided.stored(path for path in decided.paths() if path.startswith(f"{new}/"))
        self._index.move_word(old, new)

        def undo() -> None:
            self._index.move_word(new, old)
            decided.put_back(overwritten)

        self._steps.append(undo)

    def _delete(self, paths: Sequence[Path], keys: Sequence[str], *, into: Path | None = None) -> Deletion:
        """Moves files or folders to the trash, and the parts of `keys` with them."""
        deletion = trash.delete(self._folder, paths, into=into)
        self._steps.append(lambda: trash.put_back(self._folder, deletion))
        self._index.parts.into_trash(deletion.trash.name, keys)
        self._steps.append(lambda: self._index.parts.out_of_trash(deletion.trash.name, keys))
        return deletion

    def _move_file(self, move: Move) -> Path:
        source = move.clip.path
        folder = self._clips_folder / move.word
        with storing(folder / source.name):
            folder.mkdir(parents=True, exist_ok=True)
            target = move_file(source, folder, names=self._names(move))
        self._steps.append(lambda: move_file(target, source.parent, names=[source.name]))
        return target

    def _names(self, move: Move) -> Iterator[str]:
        """The wanted name where no file of that speaker and take is or was there, then numbers never used before."""
        wanted = move.name or move.clip.path.name
        speaker, take = parse_name(wanted)
        folder = Path(CLIPS_FOLDER) / move.word
        numbers = TakeNumbers(self._folder, move.word)
        if not numbers.is_present(speaker, take) and wanted not in trash.trashed_names(self._folder, folder):
            yield wanted
        yield from take_names(speaker, numbers.next(speaker), move.clip.path.suffix)

    @contextlib.contextmanager
    def _written(self, cut: Cut) -> Iterator[list[Path]]:
        """The pieces of one clip in files without names yet."""
        path, rate = cut.clip.path, self._contents.file.rate
        with contextlib.ExitStack() as stack, storing(path):
            files = [stack.enter_context(temporary_beside(path.with_suffix(".wav"))) for _ in cut.spans]
            try:
                samples = audio.read(path, rate=rate)
            except AudioError as error:
                raise ProjectError(str(error)) from error
            for file, (start, stop) in zip(files, cut.spans, strict=True):
                write_audio(file, samples[start:stop], rate=rate, shown=path.name)
            yield files

    def _publish_pieces(self, clip: Clip, files: Sequence[Path]) -> list[str]:
        """Names the pieces of a clip that lies in the trash; their keys."""
        folder = clip.path.parent
        names = itertools.chain([wav_in_place_of(clip.path, self._folder).name], self._free_names(clip))
        keys = []
        for file in files:
            with storing(folder):
                path = publish(file, folder, names=names)
            self._steps.append(partial(path.unlink, missing_ok=True))
            keys.append(self._contents.key(path))
        return keys

    def _free_names(self, clip: Clip) -> Iterator[str]:
        """The names of the speaker's next takes; the folder is only looked at where one is needed."""
        yield from take_names(clip.speaker, TakeNumbers(self._folder, clip.word).next(clip.speaker))

    def _decide_alike(self, keys: Sequence[str], decisions: Sequence[Decision | None]) -> None:
        """Decides what is not None about each clip; the same for many is stored once, which waits for the disk."""
        alike: dict[tuple[bool, Split | None, str], list[str]] = {}
        for key, decision in zip(keys, decisions, strict=True):
            if decision is not None:
                alike.setdefault((decision.excluded, decision.split, decision.note), []).append(key)
        for (excluded, split, note), same in alike.items():
            self._index.decided.decide(same, excluded=excluded, split=split, note=note)

    def _remember_decisions(self, keys: Sequence[str]) -> None:
        """Whatever is decided about these clips next is undone with the edit."""
        stored = self._index.decided.stored(keys)
        self._steps.append(lambda: self._index.decided.put_back(stored))

    def _remember_parts(self, keys: Sequence[str]) -> None:
        """Whatever parts these clips are given next, it is undone with the edit."""
        stored = self._index.parts.of(keys)
        self._steps.append(lambda: self._index.parts.put({key: stored.get(key) for key in keys}))

    def _carry_parts(self, old: Sequence[str], new: Sequence[str]) -> None:
        """Gives clips at new paths the parts by rule that they had."""
        table = self._contents.table
        rows = [self._contents.row(key) for key in old]
        self._remember_parts([*old, *new])
        self._index.parts.put(dict.fromkeys(old))
        self._index.parts.put({key: int(table.rule[row]) for key, row in zip(new, rows, strict=True)})

    def _include(self, keys: Sequence[str], *, are_new: bool = False) -> None:
        with storing(self._clips_folder):
            self._contents = self._contents.with_files(keys, self._index, are_new=are_new)

    def _present(self, clips: Iterable[Clip]) -> list[str]:
        """The keys of clips whose files are there.

        Raises:
            ProjectError: One is missing.
        """
        keys = [self._contents.key(clip.path) for clip in clips]
        for key in keys:
            if self._contents.table.row(key) is None or not (self._clips_folder / key).is_file():
                raise missing(key)
        return keys

    def _renewed(self, keys: Sequence[str]) -> list[Clip]:
        self._contents = self._contents.decided_anew(keys, self._index.decided)
        return [self._contents.clip(key) for key in keys]
