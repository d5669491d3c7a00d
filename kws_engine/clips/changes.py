"""Changes of many clips by hand that can be undone, also after a restart and by another program."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kws_engine.clips.clip import Clip, key_at
from kws_engine.clips.decisions import missing
from kws_engine.clips.edit import Move
from kws_engine.clips.journal import Change, ChangeKind, Journal
from kws_engine.clips.layout import CLIPS_FOLDER, ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.trash import Deletion
from kws_engine.errors import ProjectError


class Changes:
    """Each call is one transaction, noted in the project's journal; it returns the change, or None with nothing to do.

    Raises:
        ProjectError: From every call: a clip is missing, or the project cannot be written; then nothing is changed.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._journal = Journal(project.folder)

    def exclude(self, clips: Sequence[Clip], excluded: bool) -> Change | None:
        """Leaves clips out of training, validation and testing, or uses them again."""
        keys = [clip.key for clip in clips if clip.excluded != excluded]
        return self._do("exclude" if excluded else "use", {"clips": keys}) if keys else None

    def relabel(self, clips: Sequence[Clip], word: str) -> Change | None:
        """Puts clips under another word; they keep speaker, part and decisions."""
        moves = [[clip.key, f"{word}/{clip.path.name}"] for clip in clips if clip.word != word]
        return self._do("relabel", {"moves": moves}, word=word) if moves else None

    def set_part(self, clips: Sequence[Clip], split: Split | None) -> Change | None:
        """Puts clips into a part by hand, or with None back to the rule."""
        keys = [clip.key for clip in clips]
        return self._do("part", {"clips": keys, "parts": [split] * len(keys)}) if keys else None

    def delete(self, clips: Sequence[Clip]) -> Change | None:
        """Moves clips to the trash."""
        keys = [key_at(clip.path) for clip in clips]
        return self._do("delete", {"clips": keys}) if keys else None

    # -- undoing

    def done(self) -> list[Change]:
        """What can be undone, oldest first."""
        return self._journal.done()

    def undo(self, change: Change) -> None:
        """Undoes a change.

        Raises:
            ProjectError: Also where it was undone already, or the clips are no longer as it left them.
        """
        content = self.content(change)
        with self._project.edit as edit:
            if change.kind in ("exclude", "use"):
                edit.exclude(self._clips(content["clips"]), change.kind == "use")
            elif change.kind == "relabel":
                moves = [Move(self._clip(new), *old.split("/")) for old, new in content["moves"]]
                edit.move(moves)
            elif change.kind == "part":
                edit.set_splits(self._clips(content["clips"]), content["before"])
            else:
                trash = ProjectFolder(self._project.folder).trash / content["trash"]
                edit.restore(Deletion(trash, tuple(Path(CLIPS_FOLDER) / key for key in content["clips"])))
        self._journal.forget(change)

    def redo(self, change: Change, content: dict[str, Any]) -> Change | None:
        """Does a change again after it was undone.

        Args:
            change: What was undone.
            content: What `content` gave for it before.
        """
        return self._do(change.kind, content, word=change.word)

    def content(self, change: Change) -> dict[str, Any]:
        """What `undo` and `redo` need to know of a change that is still done.

        Raises:
            ProjectError: It was undone already, or the note of it is damaged.
        """
        content = self._journal.content(change)
        if content is None:
            raise ProjectError(f"“{change}” was undone already, perhaps by another program: look at the clips again.")
        if not _is_sound(change.kind, content):
            raise ProjectError(f"“{change}” cannot be undone, because the note of it is damaged: change it by hand.")
        assert isinstance(content, dict)
        return content

    def moves(self, change: Change) -> list[tuple[str, str]]:
        """The old and the new `word/name` of each clip of a relabelling."""
        return [(old, new) for old, new in self.content(change)["moves"]]

    # -- doing

    def _do(self, kind: ChangeKind, content: dict[str, Any], *, word: str = "") -> Change:
        with self._project.edit as edit:
            if kind in ("exclude", "use"):
                edit.exclude(self._clips(content["clips"]), kind == "exclude")
            elif kind == "relabel":
                old = [old for old, _ in content["moves"]]
                moved = edit.move([Move(self._clip(key), word, name_of(new)) for key, new in content["moves"]])
                content = {"moves": [list(pair) for pair in zip(old, (clip.key for clip in moved), strict=True)]}
            elif kind == "part":
                before = edit.set_splits(self._clips(content["clips"]), content["parts"])
                content = {**content, "before": before}
            else:
                clips_folder = self._project.clips_folder
                deletion = edit.delete([_file(clips_folder / key) for key in content["clips"]])
                content = {"clips": content["clips"], "trash": deletion.trash.name}
        change = Change(time.time_ns(), kind, len(content["moves" if kind == "relabel" else "clips"]), word)
        self._journal.add(change, content)
        return change

    def _clips(self, keys: Sequence[str]) -> list[Clip]:
        return [self._clip(key) for key in keys]

    def _clip(self, key: str) -> Clip:
        table = self._project.edit.now.table
        row = table.row(key)
        if row is None:
            raise missing(key)
        return table.clip(row)


def name_of(key: str) -> str:
    """The file's name in `word/name`."""
    return key.partition("/")[2]


def _file(path: Path) -> Clip:
    return Clip(path, path.parent.name, "", 0, "training", 0.0)


def _is_sound(kind: ChangeKind, content: Any) -> bool:
    """Whether a note holds what its kind needs, and leads nowhere out of the project."""
    if not isinstance(content, dict):
        return False
    if kind == "relabel":
        moves = content.get("moves")
        return isinstance(moves, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(map(_is_key, pair)) for pair in moves
        )
    keys = content.get("clips")
    if not isinstance(keys, list) or not all(map(_is_key, keys)):
        return False
    if kind == "delete":
        trash = content.get("trash")
        return isinstance(trash, str) and trash == Path(trash).name and trash not in ("", ".", "..")
    if kind == "part":
        before = content.get("before")
        return isinstance(before, list) and len(before) == len(keys) and all(part in (None, *SPLITS) for part in before)
    return True


def _is_key(key: Any) -> bool:
    """Whether this is `word/name`, both of them plain names."""
    if not isinstance(key, str) or "\\" in key or "\0" in key:
        return False
    parts = key.split("/")
    return len(parts) == 2 and all(part not in ("", ".", "..") for part in parts)
