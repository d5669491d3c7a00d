"""The file changes.sqlite: what was done with clips by hand, newest last, so that a restart does not end undoing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, get_args

from kws_engine.clips.index_file import IndexDamaged, IndexFile
from kws_engine.clips.layout import CHANGES_FILE

ChangeKind = Literal["exclude", "use", "relabel", "delete", "part", "trim", "split", "import"]
CHANGE_KINDS: Final[tuple[ChangeKind, ...]] = get_args(ChangeKind)
_KEPT: Final = 100


@dataclass(frozen=True)
class Change:
    """One change of clips that was done.

    Attributes:
        number: Later ones have higher numbers.
        kind: What was done.
        clips: With how many clips.
        word: Where they were put, by `relabel`.
    """

    number: int
    kind: ChangeKind
    clips: int
    word: str = ""

    def __str__(self) -> str:
        clips = "1 clip" if self.clips == 1 else f"{self.clips:,} clips"
        return {
            "exclude": f"Leave out {clips}",
            "use": f"Use {clips} again",
            "relabel": f"Put {clips} under “{self.word}”",
            "delete": f"Delete {clips}",
            "part": f"Change the part of {clips}",
            "trim": f"Trim {clips}",
            "split": f"Split {clips}",
            "import": f"Import {clips}",
        }[self.kind]


_unsaved: dict[str, dict[int, tuple[Change, Any]]] = {}
"""By file: whoever opens it in this program can undo it."""


class Journal(IndexFile):
    """The newest hundred changes that are done and not undone; one that cannot be stored ends with the program."""

    _NAME: ClassVar[str] = CHANGES_FILE
    _TABLES: ClassVar[str] = """
CREATE TABLE IF NOT EXISTS changes (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, clips INTEGER NOT NULL, word TEXT NOT NULL, content TEXT NOT NULL);
"""
    _JOURNAL: ClassVar[str] = "DELETE"

    def __init__(self, project_folder: Path) -> None:
        super().__init__(project_folder)
        self._unsaved = _unsaved.setdefault(str(self._file.absolute()), {})

    def add(self, change: Change, content: Any) -> None:
        """Notes a change, or what it has become, with what it takes to undo it, as plain values."""
        row = (change.number, change.kind, change.clips, change.word, json.dumps(content))
        is_stored = self.change(
            ("REPLACE INTO changes VALUES (?,?,?,?,?)", [row]),
            (
                "DELETE FROM changes WHERE number NOT IN (SELECT number FROM changes ORDER BY number DESC LIMIT ?)",
                [(_KEPT,)],
            ),
        )
        if not is_stored or not self._read("SELECT 1 FROM changes WHERE number = ?", (change.number,)):
            self._unsaved[change.number] = (change, content)

    def content(self, change: Change) -> Any:
        """What it takes to undo a change; None where it is not there any more."""
        if change.number in self._unsaved:
            return self._unsaved[change.number][1]
        rows = self._read("SELECT content FROM changes WHERE number = ?", (change.number,))
        try:
            return json.loads(rows[0][0]) if rows else None
        except (ValueError, TypeError, RecursionError):
            return None

    def forget(self, change: Change) -> None:
        """After it was undone."""
        self._unsaved.pop(change.number, None)
        self.change(("DELETE FROM changes WHERE number = ?", [(change.number,)]))

    def done(self) -> list[Change]:
        """What is done and not undone, oldest first; a row that holds something else is left out."""
        rows = self._read("SELECT number, kind, clips, word FROM changes ORDER BY number")
        sound = [row for row in rows if list(map(type, row)) == [int, str, int, str] and row[1] in CHANGE_KINDS]
        changes = {row[0]: Change(*row) for row in sound} | {at: change for at, (change, _) in self._unsaved.items()}
        return [changes[number] for number in sorted(changes)]

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self.rows(query, values) or []
        except IndexDamaged:
            self._rename_aside()
            return []
