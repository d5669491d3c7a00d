"""The index of a project's clips: what was measured in their files, what was decided about them, and their parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kws_engine.clips.decisions import Decisions
from kws_engine.clips.index_file import IndexFile
from kws_engine.clips.measurements import Measurements
from kws_engine.clips.part_file import Parts


class Index:
    """Both tables of clips.sqlite, and that of parts.sqlite, with paths relative to the clips folder.

    Attributes:
        measured: Headers, digests and levels of the files.
        decided: What a person decided about them.
        parts: The part that each was given by rule.
    """

    def __init__(self, project_folder: Path, clips_folder: Path) -> None:
        self._file = IndexFile(project_folder)
        self.measured = Measurements(self._file, clips_folder)
        self.decided = Decisions(self._file, clips_folder, self.measured)
        self.parts = Parts(project_folder)

    def rebuild(self) -> None:
        """Sets a damaged file aside and carries over whatever decisions can still be read from it."""
        self.decided.adopt(self._file.set_aside())

    def take_in(self, paths: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
        """Takes in files that are new, changed or back again, without looking at the others.

        Returns:
            Size, modification time, samples and rate of each.

        Raises:
            OSError: A file is missing.
        """
        measured = self.measured.measure(paths)
        self.decided.look_again(paths)
        return measured

    def move_word(self, old: str, new: str) -> None:
        """Lets all follow a renamed folder."""
        self.parts.move_word(old, new)
        self.measured.move_word(old, new)
        self.decided.move_word(old, new)
