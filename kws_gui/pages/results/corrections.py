"""Undoable corrections of clips that a diagnosis names: leave out, or move to another word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.clip import Clip, key_at
from kws_engine.clips.edit import Move
from kws_engine.clips.project import Project
from kws_engine.clips.words import UNKNOWN
from kws_gui.runs.rows import counted
from kws_gui.services.project_model import ProjectModel

_ALREADY = "Nothing to change: these clips are already {}, or no longer exist."


class ClipCorrections(QObject):
    """Clips are identified by the path recorded with the run, even after they have been moved.

    Signals:
        said(sentence): What was done; it can be undone.
        nothingDone(sentence): Why there was nothing to do.
    """

    said = Signal(str)
    nothingDone = Signal(str)

    def __init__(self, model: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._moved: dict[str, Path] = {}
        model.opened.connect(self._on_opened)

    def where(self, path: str) -> Path:
        """Where the clip is now, if it was moved in this session."""
        project = self._model.project
        return self._moved.get(path) or (project.folder / path if project else Path(path))

    def clip(self, path: str) -> Clip | None:
        """The clip as it is now; None if it is missing or does not belong to the project."""
        return _clip_at(self._model.project, self.where(path))

    def words(self) -> list[str]:
        """The words that a clip can be moved to."""
        return [*self._model.project.words, UNKNOWN] if self._model.project else []

    def state(self, path: str) -> str:
        """What was changed about a clip, as text; empty if nothing was."""
        clip = self.clip(path)
        if clip is None:
            return "" if self.where(path).is_file() else "missing"
        changes = [f"moved to {named(clip.word)}"] if path in self._moved else []
        return ", ".join([*changes, "left out"] if clip.excluded else changes)

    def leave_out(self, paths: Iterable[str], excluded: bool = True) -> None:
        """Leaves clips out of training and evaluation, or uses them again."""
        project = self._model.project
        clips = [clip for path in paths if (clip := self.clip(path)) is not None and clip.excluded != excluded]
        if project is None or not clips:
            self.nothingDone.emit(_ALREADY.format("left out" if excluded else "in use"))
            return
        many = _many(len(clips), "left out") if excluded else _many(len(clips), "used again")
        title = f"{'Leave out' if excluded else 'Use again'}: {counted(len(clips), 'clip')}"
        if self._model.push(
            title,
            redo=lambda: project.edit.exclude(_now(project, clips), excluded),
            undo=lambda: project.edit.exclude(_now(project, clips), not excluded),
        ):
            self.said.emit(many)

    def move(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Moves clips to words, given as pairs of path and word; clips already there are skipped."""
        project = self._model.project
        found = [(path, self.clip(path), word) for path, word in wanted]
        moves = {path: Move(clip, word) for path, clip, word in found if clip is not None and clip.word != word}
        if project is None or not moves:
            self.nothingDone.emit(_ALREADY.format("moved"))
            return
        before = {path: self._moved.get(path) for path in moves}
        now: list[Clip] = []

        def redo() -> None:
            now[:] = project.edit.move(list(moves.values()))
            self._moved |= {path: clip.path for path, clip in zip(moves, now, strict=True)}

        def undo() -> None:
            back = zip(_now(project, now), moves.values(), strict=True)
            project.edit.move([Move(clip, move.clip.word, move.clip.path.name) for clip, move in back])
            for path, was in before.items():
                self._moved.pop(path) if was is None else self._moved.update({path: was})

        words = {move.word for move in moves.values()}
        where = f" to “{named(words.pop())}”" if len(words) == 1 else ""
        if self._model.push(f"Move {counted(len(moves), 'clip')}{where}", redo=redo, undo=undo):
            self.said.emit(_many(len(moves), f"moved{where}"))

    def _on_opened(self) -> None:
        self._moved.clear()


def named(word: str) -> str:
    """The display name of a word."""
    return "other words" if word == UNKNOWN else word


def _many(count: int, what: str) -> str:
    return f"{counted(count, 'clip')} {'is' if count == 1 else 'are'} {what}, starting with the next run."


def _now(project: Project, clips: Sequence[Clip]) -> list[Clip]:
    """The current state of the clips; a missing one is returned as it was, so that an error can name it."""
    return [_clip_at(project, clip.path) or clip for clip in clips]


def _clip_at(project: Project | None, path: Path) -> Clip | None:
    if project is None or path.parent.parent != project.clips_folder:
        return None
    table = project.table()
    row = table.row(key_at(path))
    return None if row is None else table.clip(row)
