"""A project on disk: its words, clips, splits and settings; knows neither what the settings mean nor how to train."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import resources
from kws_engine.clips import project_file, trash
from kws_engine.clips.clip import Clip, WordSummary, audio_files, layout_clips
from kws_engine.clips.index import Index
from kws_engine.clips.layout import CLIPS, ProjectFolder
from kws_engine.clips.parts import part_of, with_parts
from kws_engine.clips.scan import scan
from kws_engine.clips.split import SPLITS, Split, speakers_fill_parts
from kws_engine.clips.table import ClipList, ClipTable, Entry
from kws_engine.clips.takes import TakeNumbers, replace_take, write_take
from kws_engine.clips.trash import Deletion, Removal
from kws_engine.clips.words import NOISE, UNKNOWN, check_new_word, parse_clip_name, speaker_id
from kws_engine.disk import is_writable, storing
from kws_engine.errors import ProjectError

__all__ = ["Clip", "Deletion", "Project", "Removal", "WordSummary", "copy_starter", "folder_clips"]


class Project:
    """An open project; every change is on disk when the method returns, and nothing is ever overwritten or lost."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open the project in `folder`; the same as `Project.open`."""
        self.folder = Path(folder)
        self._lock = threading.RLock()
        self._by_take: frozenset[str] | None = None
        self._table = self._unreadable = ClipTable.empty(self.clips_folder)
        self.index = Index(self.folder, self.clips_folder)
        self.refresh()
        if self._by_take is None:
            self.settle_split()

    @classmethod
    def create(cls, folder: str | os.PathLike[str], *, words: Iterable[str] = (), name: str | None = None) -> Project:
        """Make a project in a new or empty folder.

        Raises:
            ProjectError: the folder is not empty, is a project already, cannot be written, or a word's name is unfit.
        """
        folder = Path(folder)
        checked: tuple[str, ...] = ()
        for word in words:
            checked += (check_new_word(word, checked),)
        project_file.check_free(folder)
        with storing(folder):
            for part in (*checked, UNKNOWN, NOISE):
                (ProjectFolder(folder).clips / part).mkdir(parents=True, exist_ok=True)
            ProjectFolder(folder).runs.mkdir(exist_ok=True)
        project_file.write(folder, project_file.new_content(name or folder.absolute().name, checked))
        return cls(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Project:
        """Open the project in `folder`.

        Raises:
            ProjectError: there is none, it is damaged, or a newer program made it.
        """
        return cls(folder)

    @property
    def clips_folder(self) -> Path:
        return ProjectFolder(self.folder).clips

    @property
    def runs_folder(self) -> Path:
        return ProjectFolder(self.folder).runs

    @property
    def words(self) -> tuple[str, ...]:
        """The words to be taught, in order; `_unknown_` and the like are not among them."""
        return self._words

    @property
    def settings(self) -> dict[str, Any]:
        """What `save_settings` stored last, as plain nested tables; a copy."""
        return project_file.plain(self._settings)

    @property
    def clip_samples(self) -> int:
        return self.rate * self.clip_ms // 1000

    def refresh(self) -> None:
        """Look at the disk again: words, clips, decisions; headers are read only of files that changed."""
        with self._lock:
            content = project_file.read(self.folder)
            self._take_in(content)
            found = scan(self.clips_folder, self.index, before=(self._table, self._unreadable))
            readable, unreadable = found.tables(content.words)
            self._words = readable.words[:-1]
            self._table, self._unreadable = self._decided(readable), self._decided(unreadable)

    def table(self) -> ClipTable:
        """All readable clips in columns, as they are now; later changes do not show in it."""
        # without the lock: whoever shows or counts the clips never waits for a refresh in another thread
        return self._table.with_words((*self._words, UNKNOWN))

    def clips(self, *, word: str | None = None, split: Split | None = None, include_excluded: bool = False) -> ClipList:
        """The clips of all words and of `_unknown_`, by word, speaker and take, as they are now."""
        table = self._table
        return table.clips(table.select(word=word, split=split, include_excluded=include_excluded))

    @property
    def unreadable(self) -> Sequence[Clip]:
        """The files in the folders of words that are no sound, with 0 seconds."""
        return self._unreadable.clips()

    def noises(self) -> list[Path]:
        """The recordings of background noise, of any length."""
        return [Path(entry.path) for entry in audio_files(self.clips_folder / NOISE)]

    def summary(self) -> dict[str, WordSummary]:
        """Counts for each word in order, `_unknown_` last."""
        table = self.table()
        return {word: table.summary(word) for word in table.words}

    def add_word(self, word: str) -> str:
        """Add a word at the end; gives it in its stored form.

        Raises:
            ProjectError: an unfit name, a word that is there already, or a project that cannot be written.
        """
        with self._lock:
            word = check_new_word(word, self.words)
            with storing(self.clips_folder / word):
                (self.clips_folder / word).mkdir(parents=True, exist_ok=True)
            self._edit_words(lambda words: words.append(check_new_word(word, words)))
            return word

    def remove_word(self, word: str) -> Removal:
        """Move the word and all its clips to the trash; `restore` brings both back.

        Raises:
            ProjectError: there is no such word, or the project cannot be written.
        """
        with self._lock:
            position = self.words.index(self._known(word))
            deletion = trash.delete(self.folder, [Path(CLIPS) / word])
            self._table, self._unreadable = (t.without_word(word) for t in (self._table, self._unreadable))
            self._edit_words(lambda words: words.remove(word) if word in words else None)
            return Removal(word, position, deletion)

    def rename_word(self, old: str, new: str) -> str:
        """Rename a word and its folder; clips keep their speakers, takes, parts and decisions.

        Raises:
            ProjectError: no such word, an unfit new name, or one that is in use.
        """
        with self._lock:
            self._known(old)
            new = check_new_word(new, [word for word in self.words if word != old])
            target = self.clips_folder / new
            if new.casefold() != old.casefold() and target.exists() and any(target.iterdir()):
                raise ProjectError(f'The folder {target} is not empty: choose another name than "{new}".')
            with storing(target):
                (self.clips_folder / old).mkdir(exist_ok=True)
                if new.casefold() != old.casefold() and target.exists():
                    target.rmdir()  # empty, and Windows would not replace it
                os.replace(self.clips_folder / old, target)
            self.index.move_word(old, new)
            self._table, self._unreadable = (t.renamed(old, new) for t in (self._table, self._unreadable))
            try:
                self._edit_words(lambda words: project_file.replace_word(words, old, new))
            except ProjectError:
                self.refresh()  # the folder has its new name
                raise
            return new

    def save_settings(self, settings: Mapping[str, Any]) -> None:
        """Store the chosen settings, nested tables of plain values; None values are left out, TOML has none.

        Raises:
            ProjectError: a value that TOML cannot hold, or a project that cannot be written.
        """
        with self._lock:
            self._save(settings=project_file.plain(settings))

    def add_take(self, word: str, samples: NDArray[np.float32], *, speaker: str) -> Clip:
        """Store a recording, mono float (samples,) at `rate`, under the speaker's next free number for this word.

        A take of `_background_noise_` is found in `noises`, not in `clips`.

        Raises:
            ProjectError: the disk is full or cannot be written, or there is no such word; earlier takes are kept.
        """
        with self._lock:
            speaker = speaker_id(speaker)
            word = word if word in (UNKNOWN, NOISE) else self._known(word)
            first = TakeNumbers(self.folder, word).next(speaker)
            path = write_take(samples, self.clips_folder / word, speaker=speaker, first=first, rate=self.rate)
            if word == NOISE:
                return Clip(
                    path, NOISE, speaker, parse_clip_name(path.stem)[1] or 0, "training", len(samples) / self.rate
                )
            self._include([self._key(path)])
            if self._by_take is None:
                self.settle_split()
            return self._renewed(self._key(path))

    def replace_take(self, clip: Clip, samples: NDArray[np.float32]) -> Clip:
        """Put a new recording in the place of a clip; its old sound goes to the trash, a hand-set split stays.

        Raises:
            ProjectError: the disk is full or cannot be written; the old recording is kept.
        """
        with self._lock:
            key = self._key(clip.path)
            before = self.index.decision(key)
            target = replace_take(samples, clip.path, self.folder, rate=self.rate)
            self._table = self._table.without([key])
            self._include([self._key(target)])
            if before is not None and (before.split or before.note):
                self.index.decide(self._key(target), split=before.split, note=before.note)
            return self._renewed(self._key(target))

    def delete(self, clips: Iterable[Clip]) -> Deletion:
        """Move clips to the trash, all or none.

        Raises:
            ProjectError: the project cannot be written.
        """
        with self._lock:
            keys = [self._key(clip.path) for clip in clips]
            deletion = trash.delete(self.folder, [Path(CLIPS) / key for key in keys])
            self._table = self._table.without(keys)
            return deletion

    def restore(self, deleted: Deletion | Removal) -> None:
        """Undo a deletion of clips or a removal of a word.

        Raises:
            ProjectError: the trash was emptied, or something else took the place.
        """
        with self._lock:
            trash.restore(self.folder, deleted.deletion if isinstance(deleted, Removal) else deleted)
            if not isinstance(deleted, Removal):
                self._include([path.relative_to(CLIPS).as_posix() for path in deleted.paths])
                return
            self._edit_words(lambda words: project_file.insert_word(words, deleted.word, at=deleted.position))
            folder = self.clips_folder / deleted.word
            self._include([f"{deleted.word}/{entry.name}" for entry in audio_files(folder)])

    def set_split(self, clip: Clip, split: Split | None) -> Clip:
        """Put a clip into a part by hand; None gives it back to the rule."""
        if split is not None and split not in SPLITS:
            raise ProjectError(f'There is no part "{split}": use {", ".join(SPLITS)}.')
        with self._lock:
            self.index.decide(self._key(clip.path), split=split)
            return self._renewed(self._key(clip.path))

    def exclude(self, clip: Clip, excluded: bool) -> Clip:
        """Leave a clip out of training and evaluation, or take it in again; the file stays."""
        with self._lock:
            self.index.decide(self._key(clip.path), excluded=excluded)
            return self._renewed(self._key(clip.path))

    def set_note(self, clip: Clip, note: str) -> None:
        """Keep a remark about a clip."""
        self.index.decide(self._key(clip.path), note=note)

    def note(self, clip: Clip) -> str:
        """The remark about a clip, empty where there is none."""
        decision = self.index.decision(self._key(clip.path))
        return decision.note if decision else ""

    def levels(self, clips: Iterable[Clip]) -> list[tuple[float, float]]:
        """Peak and RMS level of each clip in dBFS, measured once and remembered.

        Raises:
            AudioError: a clip cannot be decoded.
        """
        return self.index.levels([self._key(clip.path) for clip in clips])

    @property
    def is_split_settled(self) -> bool:
        """Whether the first clips have decided who is split by take."""
        return self._by_take is not None

    def settle_split(self) -> None:
        """Decide once, by the first batch of clips, whether its speakers are split by take or by their hashes.

        Speakers whose hashes leave training or validation empty (always so with one speaker) are split by take for
        good; whoever comes later goes by hash. A project that cannot be written is settled in memory.
        """
        with self._lock:
            speakers = sorted(self._table.speakers[at] for at in np.unique(self._table.speaker).tolist())
            if not speakers:
                return
            self._by_take = frozenset(() if speakers_fill_parts(speakers) else speakers)
            if is_writable(self.folder):
                self._save(by_take=sorted(self._by_take))
            self._table = self._decided(self._table)

    def _take_in(self, content: project_file.ProjectFile) -> None:
        in_use = self._table.word_rows.keys() - {UNKNOWN, *content.words}
        self._words = (*content.words, *sorted(in_use))  # folders that were put there by hand
        self.name, self._settings = content.name, MappingProxyType(dict(content.settings))
        self.rate, self.clip_ms = content.rate, content.clip_ms
        if content.by_take is not None:
            self._by_take = frozenset(content.by_take)

    def _edit_words(self, edit: Callable[[list[str]], None]) -> None:
        there = [word for word in self._words if (self.clips_folder / word).is_dir()]
        self._take_in(project_file.edit_words(self.folder, edit, there=there))

    def _save(self, **changed: Any) -> None:
        def mutate(content: dict[str, Any]) -> None:
            if "by_take" in changed:
                content.setdefault("split", {})["by_take"] = changed.pop("by_take")
            content.update(changed)

        self._take_in(project_file.change(self.folder, mutate))

    def _decided(self, table: ClipTable) -> ClipTable:
        return with_parts(table, self.index, self._by_take or frozenset())

    def _part(self, key: str) -> tuple[int, bool]:
        return part_of(key, self.index, self._by_take or frozenset())

    def _include(self, keys: Sequence[str]) -> None:
        """Take in single files, without looking at the others."""
        with storing(self.clips_folder):
            known = self.index.take_in(keys)
        entries = [Entry(key, *self._part(key), *known[key]) for key in keys]
        self._table = self.table().with_clips([entry for entry in entries if entry.frames])
        every = (*self._table.words, *(word for word in self._unreadable.words if word not in self._table.words))
        silent = [entry for entry in entries if not entry.frames]
        self._unreadable = self._unreadable.with_words(every).with_clips(silent) if silent else self._unreadable

    def _renewed(self, key: str) -> Clip:
        row = self._table.row(key)
        assert row is not None
        self._table = self._table.with_parts(self._table.split, {row: self._part(key)}, self._table.excluded)
        return self._table.clip(row)

    def _key(self, path: Path) -> str:
        key = f"{path.parent.name}/{path.name}"
        if self.clips_folder / key != path:
            raise ProjectError(f"{path} is no clip of {self.folder}: choose a clip of this project.")
        return key

    def _known(self, word: str) -> str:
        if word not in self.words:
            raise ProjectError(f'There is no word "{word}" in {self.name}: add it first.')
        return word


def folder_clips(folder: str | os.PathLike[str], *, with_unreadable: bool = False) -> Sequence[Clip]:
    """The clips of a project, with its own split, or of any folder in Speech Commands layout, split by hash.

    Files that cannot be read are left out, or come with 0 seconds.

    Raises:
        ProjectError: the folder is missing or holds no readable clip, or the project cannot be opened.
    """
    folder = Path(folder)
    if not ProjectFolder(folder).is_project:
        return layout_clips(folder, with_unreadable=with_unreadable)
    project = Project.open(folder)
    clips = project.clips()
    if not clips:
        raise ProjectError(f"The project {folder} holds no readable clip: record or import some first.")
    return [*clips, *project.unreadable] if with_unreadable else clips


def copy_starter(target: str | os.PathLike[str]) -> Project:
    """Copy the starter project to a new or empty folder and open it.

    Raises:
        ProjectError: the folder is not empty or cannot be written.
    """
    target = Path(target)
    project_file.check_free(target)
    source = resources.path("starter")
    with storing(target):
        try:
            shutil.copytree(source, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
        except shutil.Error as error:
            raise OSError(str(error)) from error
        for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
            folder.chmod(folder.stat().st_mode | 0o700)
    return Project.open(target)
