"""Changes of many clips by hand that can be undone, also after a restart and by another program."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from kws_engine.clips.clip import Clip, file_at, key_at, name_of
from kws_engine.clips.decisions import missing
from kws_engine.clips.edit import Cut, CutClips, Move
from kws_engine.clips.import_changes import Steps, bring_back, keys_of, noted, take_out
from kws_engine.clips.index_file import Decision
from kws_engine.clips.journal import Change, ChangeKind, Journal
from kws_engine.clips.layout import CLIPS_FOLDER, ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.trash import Deletion
from kws_engine.errors import ProjectError

_SHORTEST_S: Final = 0.05  # of a piece


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

    def trim(self, clips: Sequence[Clip], spans: Sequence[tuple[int, int]]) -> Change | None:
        """Keeps of each clip only what lies between two samples, at the project's rate; the old sounds go to the trash.

        Raises:
            ProjectError: Also where less than 50 ms would be left, or a span reaches out of its clip.
        """
        cuts = {clip.key: [span] for clip, span in zip(clips, spans, strict=True)}
        return self._do_cuts("trim", clips, cuts)

    def split(self, clip: Clip, at_sample: int) -> Change | None:
        """Makes two clips of one: the first keeps the name, the second is the speaker's next take.

        Raises:
            ProjectError: Also where a part would be shorter than 50 ms.
        """
        length = self._length(clip)
        return self._do_cuts("split", [clip], {clip.key: [(0, at_sample), (at_sample, length)]})

    def note_import(self, keys: Sequence[str], new_words: Sequence[str], superseded: Deletion | None = None) -> Change:
        """Notes an import that is done.

        Args:
            keys: The `word/name` of the new clips.
            new_words: The words that it added.
            superseded: The examples of other words that it deleted.
        """
        change = Change(time.time_ns(), "import", len(keys))
        self._journal.add(change, noted(keys, new_words, superseded))
        return change

    def _length(self, clip: Clip) -> int:
        return round(clip.seconds * self._project.rate)

    def _do_cuts(
        self, kind: ChangeKind, clips: Sequence[Clip], spans: dict[str, list[tuple[int, int]]]
    ) -> Change | None:
        least = round(_SHORTEST_S * self._project.rate)
        for clip in clips:
            for start, stop in spans[clip.key]:
                if start < 0 or stop > self._length(clip) + 1 or stop - start < least:
                    raise ProjectError(
                        f"{clip.key} cannot be cut from {start / self._project.rate:.2f} to "
                        f"{stop / self._project.rate:.2f} s: it lasts {clip.seconds:.2f} s, and a piece at least "
                        f"{_SHORTEST_S:.2f}."
                    )
        keys = [clip.key for clip in clips if spans[clip.key] != [(0, self._length(clip))]]
        return self._do(kind, {"clips": keys, "spans": [spans[key] for key in keys]}) if keys else None

    # -- undoing

    def done(self) -> list[Change]:
        """What can be undone, oldest first."""
        return self._journal.done()

    def find(self, change: Change) -> Change | None:
        """A change as far as it is still done; None where it was undone."""
        return next((one for one in self._journal.done() if one.number == change.number), None)

    def undo(
        self, change: Change, content: dict[str, Any] | None = None, *, steps: Steps | None = None
    ) -> Change | None:
        """Undoes a change.

        Args:
            change: What is undone.
            content: What `content` gave for it; after the undoing of an import, what `redo` needs.
            steps: Progress and stopping of an import, the only change that is undone step by step.

        Returns:
            What is left of an import that was stopped, which can be undone further, also after a restart.

        Raises:
            ProjectError: Also where it was undone already, or the clips are no longer as it left them.
        """
        content = self.content(change) if content is None else content
        if change.kind == "import":
            return self._undo_import(change, content, steps or Steps())
        with self._project.edit as edit:
            if change.kind in ("exclude", "use"):
                edit.exclude(self._clips(content["clips"]), change.kind == "use")
            elif change.kind == "relabel":
                moves = [Move(self._clip(new), *old.split("/")) for old, new in content["moves"]]
                edit.move(moves)
            elif change.kind == "part":
                edit.set_splits(self._clips(content["clips"]), content["before"])
            elif change.kind in ("trim", "split"):
                edit.uncut(self._cut_clips(content))
            else:
                trash = ProjectFolder(self._project.folder).trash / content["trash"]
                edit.restore(Deletion(trash, tuple(Path(CLIPS_FOLDER) / key for key in content["clips"])))
        self._journal.forget(change)
        return None

    def redo(self, change: Change, content: dict[str, Any], *, steps: Steps | None = None) -> Change | None:
        """Does a change again after it was undone.

        Args:
            change: What was undone.
            content: What `content` gave for it before, as `undo` left it.
            steps: As in `undo`; of an import that was stopped, what is back by then is returned as the change.
        """
        if change.kind == "import":
            return self._redo_import(change, content, steps or Steps())
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

    def _undo_import(self, change: Change, content: dict[str, Any], steps: Steps) -> Change | None:
        left = change.clips
        try:
            left = take_out(self._project, content, steps, keep=lambda: self._journal.add(change, content))
        finally:
            rest = replace(change, clips=left)
            if left:
                self._journal.add(rest, content)
            else:
                self._journal.forget(change)
        return rest if left else None

    def _redo_import(self, change: Change, content: dict[str, Any], steps: Steps) -> Change:
        whole = replace(change, clips=len(keys_of(content)))
        missing = bring_back(self._project, content, steps, keep=lambda: self._journal.add(whole, content))
        back = replace(whole, clips=whole.clips - missing)
        if missing:
            self._journal.add(back, content)
        return back

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
            elif kind in ("trim", "split"):
                cuts = zip(self._clips(content["clips"]), content["spans"], strict=True)
                made = edit.cut([Cut(clip, tuple((start, stop) for start, stop in spans)) for clip, spans in cuts])
                content = {**content, **_noted(made)}
            else:
                clips_folder = self._project.clips_folder
                deletion = edit.delete([file_at(clips_folder / key) for key in content["clips"]])
                content = {"clips": content["clips"], "trash": deletion.trash.name}
        change = Change(time.time_ns(), kind, len(content["moves" if kind == "relabel" else "clips"]), word)
        self._journal.add(change, content)
        return change

    def _cut_clips(self, content: dict[str, Any]) -> CutClips:
        paths = tuple(Path(CLIPS_FOLDER) / key for key in content["clips"])
        deletion = Deletion(ProjectFolder(self._project.folder).trash / content["trash"], paths)
        before = tuple(None if one is None else Decision("", 0, *one) for one in content["before"])
        return CutClips(tuple(map(tuple, content["pieces"])), deletion, before)

    def _clips(self, keys: Sequence[str]) -> list[Clip]:
        return [self._clip(key) for key in keys]

    def _clip(self, key: str) -> Clip:
        table = self._project.edit.now.table
        row = table.row(key)
        if row is None:
            raise missing(key)
        return table.clip(row)


def _noted(made: CutClips) -> dict[str, Any]:
    before = [None if one is None else [one.excluded, one.split, one.note] for one in made.before]
    return {"pieces": [list(keys) for keys in made.pieces], "trash": made.deletion.trash.name, "before": before}


def _is_sound(kind: ChangeKind, content: Any) -> bool:
    """Whether a note holds what its kind needs, and leads nowhere out of the project."""
    if not isinstance(content, dict):
        return False
    if kind == "relabel":
        moves = content.get("moves")
        return isinstance(moves, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(map(_is_key, pair)) for pair in moves
        )
    if kind == "import":
        return _is_import(content)
    keys = content.get("clips")
    if not isinstance(keys, list) or not all(map(_is_key, keys)):
        return False
    if kind == "delete":
        return _is_trash(content.get("trash"))
    if kind in ("trim", "split"):
        return _is_trash(content.get("trash")) and _are_cuts(content, len(keys))
    if kind == "part":
        before = content.get("before")
        return isinstance(before, list) and len(before) == len(keys) and all(part in (None, *SPLITS) for part in before)
    return True


def _is_import(content: dict[str, Any]) -> bool:
    clips, words, gone, out, removed = (
        content.get(name) for name in ("clips", "words", "superseded", "out", "removed")
    )
    if not isinstance(clips, dict) or not all(isinstance(one, list) for one in (words, out, removed, *clips.values())):
        return False
    keys = (f"{word}/{name}" for word, names in clips.items() for name in names)
    return (
        all(map(_is_key, keys))
        and all(_is_key(f"{word}/x") for word in words or ())
        and all(map(_is_trash, out or ()))
        and (gone is None or (isinstance(gone, dict) and _is_sound("delete", gone)))
        and all(map(_is_removal, removed or ()))
    )


def _is_removal(one: Any) -> bool:
    """Whether this is a word, its place and the folder of the trash that it is in."""
    return (
        isinstance(one, list)
        and list(map(type, one)) == [str, int, str]
        and _is_key(f"{one[0]}/x")
        and one[1] >= 0
        and _is_trash(one[2])
    )


def _is_trash(name: Any) -> bool:
    return isinstance(name, str) and name == Path(name).name and name not in ("", ".", "..")


def _are_cuts(content: dict[str, Any], count: int) -> bool:
    """Whether pieces, spans and decisions are noted for so many clips."""
    pieces, spans, before = (content.get(name) for name in ("pieces", "spans", "before"))
    if not all(isinstance(one, list) and len(one) == count for one in (pieces, spans, before)):
        return False
    return (
        all(isinstance(keys, list) and keys and all(map(_is_key, keys)) for keys in pieces or ())
        and all(isinstance(each, list) and all(map(_is_span, each)) for each in spans or ())
        and all(one is None or _is_decision(one) for one in before or ())
    )


def _is_span(span: Any) -> bool:
    return isinstance(span, list) and list(map(type, span)) == [int, int] and 0 <= span[0] < span[1]


def _is_decision(one: Any) -> bool:
    return (
        isinstance(one, list)
        and len(one) == 3
        and isinstance(one[0], bool)
        and one[1] in (None, *SPLITS)
        and isinstance(one[2], str)
    )


def _is_key(key: Any) -> bool:
    """Whether this is `word/name`, both of them plain names."""
    if not isinstance(key, str) or "\\" in key or "\0" in key:
        return False
    parts = key.split("/")
    return len(parts) == 2 and all(part not in ("", ".", "..") for part in parts)
