"""What a person decided about clips: left out, a part chosen by hand, a note; in clips.sqlite and all in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from kws_engine.clips.index_file import Decision, IndexFile, moved
from kws_engine.clips.measurements import Measurements
from kws_engine.clips.split import Split
from kws_engine.errors import ProjectError


class Decisions:
    """Decisions by path relative to the clips folder; each is about one content and follows it where it is renamed."""

    def __init__(self, file: IndexFile, clips_folder: Path, measured: Measurements) -> None:
        self._file = file
        self._clips = clips_folder
        self._measured = measured
        self._lock = threading.RLock()
        self._decided: dict[str, Decision] = {}
        self._content: dict[str, str] = {}  # current digests of the files with a decision

    def load(self) -> None:
        """Reads all decisions.

        Raises:
            IndexDamaged: The file must be rebuilt.
        """
        with self._lock:
            decided = self._file.decisions()
            if decided is not None:
                self._decided = decided

    def adopt(self, salvaged: Mapping[str, Decision]) -> None:
        """Adds what a damaged file still held, and stores everything in the new one."""
        with self._lock:
            self._decided = {**salvaged, **self._decided}
            self._file.save(decided=self._decided.items())

    def paths(self) -> list[str]:
        """The paths with a decision."""
        return list(self._decided)

    def get(self, path: str) -> Decision | None:
        """What was decided about the content that is at `path` now."""
        decision = self._decided.get(path)
        return decision if decision is not None and self._content.get(path) == decision.sha256 else None

    # -- following the files

    def orphans(self) -> dict[int, set[str]]:
        """Digests of the decisions whose files are missing, by size: somebody may have renamed such files by hand."""
        sizes: dict[int, set[str]] = {}
        for path, decision in self._decided.items():
            if not os.path.lexists(self._clips / path):
                sizes.setdefault(decision.size, set()).add(decision.sha256)
        return sizes

    def follow(self, candidates: Iterable[str]) -> None:
        """Brings the decisions up to the files; the decision about a renamed file moves to its new path.

        Args:
            candidates: New and changed files of a size that `orphans` returned.
        """
        with self._lock:
            by_content = {d.sha256: d for p, d in self._decided.items() if not os.path.lexists(self._clips / p)}
            for path in candidates if by_content else ():
                digest = dict(self._measured.digests([path])).get(path)
                if path not in self._decided and digest in by_content:
                    self._decided[path] = by_content.pop(digest)
                    self._file.save(decided=[(path, self._decided[path])])
            self._content = dict(self._measured.digests(self._decided))

    def look_again(self, paths: Iterable[str]) -> None:
        """Brings the decisions up to a few files, which are new, changed or back again."""
        with self._lock:
            self._content.update(self._measured.digests(path for path in paths if path in self._decided))

    def move_word(self, old: str, new: str) -> None:
        """Lets the decisions follow a renamed folder."""
        with self._lock:
            self._decided = {moved(path, old, new): decision for path, decision in self._decided.items()}
            self._content = {moved(path, old, new): digest for path, digest in self._content.items()}
            self._file.move_word("decided", old, new)

    # -- deciding

    def decide(
        self,
        paths: Sequence[str],
        *,
        excluded: bool | None = None,
        split: Split | Literal["keep"] | None = "keep",
        note: str | None = None,
    ) -> None:
        """Changes what is given of the decisions about files, all or none; a `split` of None goes back to the rule.

        Raises:
            ProjectError: A file is missing, or the project cannot be written.
        """

        def changed(path: str, old: Decision) -> Decision:
            new = replace(
                old,
                excluded=old.excluded if excluded is None else excluded,
                note=old.note if note is None else note,
            )
            return new if split == "keep" else replace(new, split=split)

        self._decide(paths, changed)

    def decide_splits(self, splits: Mapping[str, Split | None]) -> None:
        """Puts each file into its own part by hand, or with None back to the rule; all or none.

        Raises:
            ProjectError: A file is missing, or the project cannot be written.
        """
        self._decide(list(splits), lambda path, old: replace(old, split=splits[path]))

    def stored(self, paths: Iterable[str]) -> dict[str, Decision | None]:
        """What is stored for these paths, whatever content is there now; `put_back` takes it."""
        return {path: self._decided.get(path) for path in paths}

    def put_back(self, stored: Mapping[str, Decision | None]) -> None:
        """Makes the decisions those that `stored` returned before."""
        with self._lock:
            self._file.save(decided=[(path, decision) for path, decision in stored.items() if decision is not None])
            removed = [path for path, decision in stored.items() if decision is None]
            self._file.change(("DELETE FROM decided WHERE path = ?", [(path,) for path in removed]))
            for path in removed:
                self._decided.pop(path, None)
            self._decided.update((path, decision) for path, decision in stored.items() if decision is not None)
            self.look_again(stored)

    def _decide(self, paths: Sequence[str], change: Callable[[str, Decision], Decision]) -> None:
        with self._lock:
            digests = dict(self._measured.digests(paths))
            changed = {}
            for path in paths:
                if path not in digests:
                    raise missing(path)
                old = self.get(path) or Decision(digests[path], (self._clips / path).stat().st_size)
                changed[path] = change(path, old)
            self._file.save(decided=changed.items(), must=True)
            self._decided.update(changed)
            self._content.update((path, digests[path]) for path in changed)


def missing(path: str) -> ProjectError:
    """The error for a clip that is no longer there."""
    return ProjectError(f"{path} is no longer there: look at the clips again.")
