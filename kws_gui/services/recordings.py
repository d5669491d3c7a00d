"""Takes become clips of the project at once, undoably; those that cannot be stored wait in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine import audio
from kws_engine.clips.changes import Changes
from kws_engine.clips.clip import Clip
from kws_engine.clips.journal import Change
from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take
from kws_engine.clips.split import Split
from kws_engine.clips.trash import Deletion
from kws_engine.clips.words import NOISE
from kws_engine.errors import KwsError
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.undoing import ChangeAgain, ImportAgain, Undoing

_MAX_RAW_TAKES = 200  # of about 150 kB each, whose cut can still be moved
SHOWN_S = 60.0
RECORD = "Record a take"

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class RawTake:
    """All of a take, the sample in it where the clip starts, and the bounds of its speech (samples), if any."""

    samples: Samples
    start: int
    speech: tuple[int, int] | None


@dataclass(frozen=True)
class _Unsaved:
    word: str
    speaker: str
    take: Take
    replaced: Clip | None = None


class Recordings(QObject):
    """Every change of clips by hand; another project begins with no take in memory.

    Signals:
        saved(clip): A take is on disk, or a clip was replaced.
        unsaved(count): This many takes could not be stored and wait in memory for `save_again`.
    """

    saved = Signal(object)
    unsaved = Signal(int)

    def __init__(self, model: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._raw_takes: dict[Path, RawTake] = {}
        self._waiting: list[_Unsaved] = []
        self._noted: Changes | None = None
        self.undoing = Undoing(model, self)
        model.opened.connect(self._on_opened)

    def shutdown(self) -> None:
        """Stops what is undone in the background, and waits for it."""
        self.undoing.shutdown()

    @property
    def waiting(self) -> int:
        """How many takes wait in memory."""
        return len(self._waiting)

    def raw(self, clip: Clip) -> RawTake | None:
        """The whole take of a clip, where it was recorded since the start of the program."""
        return self._raw_takes.get(clip.path)

    def samples(self, clip: Clip) -> Samples:
        """A clip's sound (samples,) at the project's rate.

        Raises:
            KwsError: It cannot be read, or is longer than a minute.
        """
        return audio.read(clip.path, rate=self._project.rate, max_seconds=SHOWN_S)

    def save(self, word: str, take: Take, *, speaker: str, what: str = RECORD) -> bool:
        """Stores a take, undoable as `what`; where that fails it waits for `save_again`."""
        project = self._project
        added: list[Clip] = []
        deleted: list[Deletion] = []

        def redo() -> None:
            if deleted:
                project.edit.restore(deleted.pop())
                return
            clip = project.edit.add_take(word, take.raw if word == NOISE else take.clip, speaker=speaker)
            added.append(clip)
            if word != NOISE:
                self._remember(clip, RawTake(take.raw, take.start, take.bounds))

        if self._model.push(what, redo=redo, undo=lambda: deleted.append(project.edit.delete(added))):
            self.saved.emit(added[0])
            return True
        return self._wait(_Unsaved(word, speaker, take))

    def save_again(self) -> bool:
        """Stores the takes that wait, as far as it goes; whether all are stored."""
        waiting = self._waiting
        self._waiting = []
        for at, unsaved in enumerate(waiting):
            if unsaved.replaced is not None:
                stored = self.replace(unsaved.replaced, unsaved.take)
            else:
                stored = self.save(unsaved.word, unsaved.take, speaker=unsaved.speaker)
            if not stored:
                self._waiting += waiting[at + 1 :]
                return False
        return True

    def replace(self, clip: Clip, take: Take) -> bool:
        """Puts a new take in the place of a clip; where that fails it waits for `save_again`."""
        if self._change("Record again", clip, take.clip, RawTake(take.raw, take.start, take.bounds)):
            return True
        return self._wait(_Unsaved(clip.word, clip.speaker, take, clip))

    def move_cut(self, clip: Clip, start: int) -> bool:
        """Cuts a clip anew from its take, from sample `start` on; False where that could not be stored."""
        raw = self._raw_takes.get(clip.path)
        if raw is None or raw.start == start:
            return True
        length = self._project.clip_samples
        return self._change(
            "Move the cut", clip, raw.samples[start : start + length], RawTake(raw.samples, start, raw.speech)
        )

    def delete(self, clips: Sequence[Clip]) -> None:
        """Moves clips to the trash."""
        changes = self._changes
        count = "a clip" if len(clips) == 1 else f"{len(clips)} clips"
        self._push(f"Delete {count}", clips, lambda: changes.delete(clips))

    def take_back(self, clip: Clip) -> None:
        """Takes the newest take back: as the Edit menu does where it was the last change, else by deleting it."""
        if self._model.undo_stack.undoText() == RECORD:
            self._model.undo_stack.undo()
        else:
            self.delete([clip])

    def relabel(self, clips: Sequence[Clip], word: str) -> None:
        """Puts clips under another word, all or none."""
        changes = self._changes
        others = [clip for clip in clips if clip.word != word]
        if others:
            count = "a clip" if len(others) == 1 else f"{len(others)} clips"
            self._push(f"Put {count} under “{word}”", others, lambda: changes.relabel(others, word))

    def trim(self, clips: Sequence[Clip], spans: Sequence[tuple[int, int]]) -> None:
        """Keeps a stretch of each clip, in samples at the project's rate, all or none."""
        changes = self._changes
        count = "a clip" if len(clips) == 1 else f"{len(clips)} clips"
        self._push(f"Trim {count}", clips, lambda: changes.trim(clips, spans))

    def split(self, clip: Clip, at_sample: int) -> None:
        """Makes two clips of one."""
        changes = self._changes
        self._push("Split a clip", [clip], lambda: changes.split(clip, at_sample))

    def note(self, change: Change) -> None:
        """Makes a change undoable that was done elsewhere, as in the background."""
        self._put(change)
        self._model.clipsChanged.emit()

    def set_part(self, clips: Sequence[Clip], split: Split | None) -> None:
        """Puts clips into a part by hand, or with None back to the rule, all or none."""
        changes = self._changes
        self._push("Change the part", clips, lambda: changes.set_part(clips, split))

    def exclude(self, clips: Sequence[Clip], excluded: bool) -> None:
        """Leaves clips out of training, or takes them in again, all or none; undo restores each as it was."""
        changes = self._changes
        others = [clip for clip in clips if clip.excluded != excluded]
        if others:
            self._push("Leave out" if excluded else "Use again", others, lambda: changes.exclude(others, excluded))

    def _on_opened(self) -> None:
        self._raw_takes.clear()
        self._waiting.clear()
        self._noted = None
        if self._model.project is not None:
            for change in self._changes.done():
                self._put(change)

    @property
    def _project(self) -> Project:
        project = self._model.project
        assert project is not None
        return project

    @property
    def _changes(self) -> Changes:
        """The changes of the open project; what its journal cannot note is remembered here."""
        if self._noted is None:
            self._noted = Changes(self._project)
        return self._noted

    def _put(self, change: Change) -> None:
        """Makes a change undoable that is done already."""
        again: ImportAgain | ChangeAgain
        model, changes, title = self._model, self._changes, str(change)
        if change.kind == "import":
            again = ImportAgain(model, self.undoing, changes, change)
        else:
            again = ChangeAgain(model, self.undoing, changes, clips=change.clips, title=title, done=change)
        model.undo_stack.put(title, redo=again.redo, undo=again.undo)

    def _push(self, text: str, clips: Sequence[Clip], do: Callable[[], Change | None]) -> None:
        again = ChangeAgain(self._model, self.undoing, self._changes, clips=len(clips), title=text, do=do)
        self._model.push(text, redo=again.redo, undo=again.undo)

    def _wait(self, unsaved: _Unsaved) -> bool:
        self._waiting.append(unsaved)
        self.unsaved.emit(len(self._waiting))
        return False

    def _remember(self, clip: Clip, raw: RawTake | None) -> None:
        self._raw_takes.pop(clip.path, None)
        if raw is not None:
            self._raw_takes[clip.path] = raw
        while len(self._raw_takes) > _MAX_RAW_TAKES:
            del self._raw_takes[next(iter(self._raw_takes))]

    def _change(self, text: str, clip: Clip, samples: Samples, raw: RawTake) -> bool:
        project = self._project
        raw_before = self._raw_takes.get(clip.path)
        try:
            before = audio.read(clip.path, rate=project.rate)
        except KwsError as error:
            self._model.failed.emit(str(error))
            return False
        current = [clip]

        def put(samples: Samples, raw: RawTake | None) -> None:
            current[0] = project.edit.replace_take(current[0], samples)
            self._remember(current[0], raw)

        if self._model.push(text, redo=lambda: put(samples, raw), undo=lambda: put(before, raw_before)):
            self.saved.emit(current[0])
            return True
        return False
