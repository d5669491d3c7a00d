"""What was measured in clips and decided about them, in clips.sqlite, read on demand; knows no words or speakers."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from kws_engine import audio
from kws_engine.clips.header import frames_and_rate
from kws_engine.clips.index_file import Decision, IndexDamaged, IndexFile
from kws_engine.clips.split import Split

__all__ = ["Decision", "Index", "IndexDamaged", "Known", "file_digest"]

_AT_ONCE: Final = 500
_MEASURE: Final = """
INSERT INTO measured VALUES (?, ?, ?, NULL, ?, ?, NULL, NULL) ON CONFLICT (path) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, frames = excluded.frames, rate = excluded.rate,
    sha256 = NULL, peak_db = NULL, rms_db = NULL
WHERE size <> excluded.size OR mtime_ns <> excluded.mtime_ns"""


Known = tuple[tuple[Any, ...], ...]
"""Files in columns by name: names, sizes in bytes, times of writing in ns, and what their headers then said: samples
per channel, 0 where it cannot be read, and rate in Hz; or nothing."""


@dataclass(frozen=True)
class _Heard:
    """What needed all of a file when it had this size and time: digest and levels in dBFS, as far as asked for."""

    size: int
    mtime_ns: int
    sha256: str | None = None
    peak_db: float | None = None
    rms_db: float | None = None


class Index:
    """Rows by path relative to the clips folder; only decisions, which are few, are held in memory.

    Where clips.sqlite cannot be written, what was digested or decoded is held in memory too.
    """

    def __init__(self, project_folder: Path, clips_folder: Path) -> None:
        self._file = IndexFile(project_folder)
        self._clips = clips_folder
        self._lock = threading.RLock()
        self._decided: dict[str, Decision] = {}
        self._content: dict[str, str] = {}  # digests of the files that were decided about, as they are
        self._unsaved: dict[str, _Heard] = {}

    # -- the files that are there

    def load(self) -> None:
        """Read the decisions.

        Raises:
            IndexDamaged: `rebuild` is to be called.
        """
        with self._lock:
            decided = self._file.decisions()
            if decided is not None:
                self._decided = decided

    def rebuild(self) -> None:
        """Set a damaged file aside and carry over whatever decisions can still be read from it."""
        with self._lock:
            self._decided = {**self._file.set_aside(), **self._decided}
            self._file.save(decided=self._decided.items())

    def known(self, word: str) -> Known:
        """What is remembered of the files in a folder.

        Raises:
            IndexDamaged: `rebuild` is to be called.
        """
        query = """SELECT substr(path, ?), size, mtime_ns, frames, rate FROM measured
            WHERE path >= ? AND path < ? ORDER BY path"""
        return tuple(zip(*(self._file.rows(query, (len(word) + 2, *_range(word))) or ()), strict=True))

    def remember(self, rows: Iterable[tuple[str, int, int, int, int]], *, gone: Iterable[str] = ()) -> None:
        """Store path, size, time, samples and rate of files, and forget the paths of files that are gone."""
        self._file.change(("DELETE FROM measured WHERE path = ?", ((path,) for path in gone)), (_MEASURE, rows))

    def forget_other_words(self, words: Iterable[str]) -> None:
        """Forget the files of folders that are gone."""
        there, at, gone = set(words), "", []
        while found := self._file.rows("SELECT path FROM measured WHERE path >= ? ORDER BY path LIMIT 1", (at,)):
            word = found[0][0].partition("/")[0]
            at = _range(word)[1]
            if word not in there:
                gone.append(_range(word))
        if gone:
            self._file.change(("DELETE FROM measured WHERE path >= ? AND path < ?", gone))

    def orphans(self) -> dict[int, set[str]]:
        """Digests of the decisions whose files are gone, by size: such files may have been renamed by hand."""
        sizes: dict[int, set[str]] = {}
        for path, decision in self._decided.items():
            if not os.path.lexists(self._clips / path):
                sizes.setdefault(decision.size, set()).add(decision.sha256)
        return sizes

    def follow(self, candidates: Iterable[str]) -> None:
        """Bring the decisions up to the files: digest what they need; one whose file was renamed follows the content.

        Args:
            candidates: new and changed files of a size that `orphans` gave.
        """
        with self._lock:
            by_content = {d.sha256: d for p, d in self._decided.items() if not os.path.lexists(self._clips / p)}
            for path in candidates if by_content else ():
                digest = self._digest_if_readable(path)
                if path not in self._decided and digest in by_content:
                    self._decided[path] = by_content.pop(digest)
                    self._file.save(decided=[(path, self._decided[path])])
            self._content = dict(self.digests(self._decided))

    def take_in(self, paths: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
        """Take in files that are new, changed or back again, without looking at the others.

        Returns:
            Size, time of writing, samples and rate of each.

        Raises:
            OSError: a file is not there.
        """
        with self._lock:
            known = {}
            for path in paths:
                stat = (self._clips / path).stat()
                header = frames_and_rate(self._clips / path, stat.st_size)
                known[path] = (stat.st_size, stat.st_mtime_ns, *header)
            self.remember((path, *values) for path, values in known.items())
            self._content.update(self.digests(path for path in paths if path in self._decided))
            return known

    # -- decisions

    def decided(self) -> list[str]:
        """The paths about which something was decided."""
        return list(self._decided)

    def decision(self, path: str) -> Decision | None:
        """What was decided about the content that is at `path` now."""
        decision = self._decided.get(path)
        return decision if decision is not None and self._content.get(path) == decision.sha256 else None

    def decide(
        self,
        path: str,
        *,
        excluded: bool | None = None,
        split: Split | Literal["keep"] | None = "keep",
        note: str | None = None,
    ) -> None:
        """Change what is given of the decision about the file at `path` and store it.

        Raises:
            ProjectError: the project cannot be written.
        """
        self.decide_all([path], excluded=excluded, split=split, note=note)

    def decide_all(
        self,
        paths: Sequence[str],
        *,
        excluded: bool | None = None,
        split: Split | Literal["keep"] | None = "keep",
        note: str | None = None,
    ) -> None:
        """The same of several files, all or none.

        Raises:
            ProjectError: the project cannot be written.
            FileNotFoundError: a file is not there.
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
        """Put files into parts by hand, each into its own, or with None back to the rule; all or none.

        Raises:
            ProjectError: the project cannot be written.
            FileNotFoundError: a file is not there.
        """
        self._decide(list(splits), lambda path, old: replace(old, split=splits[path]))

    def _decide(self, paths: Sequence[str], change: Callable[[str, Decision], Decision]) -> None:
        with self._lock:
            digests = dict(self.digests(paths))
            changed = {}
            for path in paths:
                if path not in digests:
                    raise FileNotFoundError(path)
                old = self.decision(path) or Decision(digests[path], (self._clips / path).stat().st_size)
                changed[path] = change(path, old)
            self._file.save(decided=changed.items(), must=True)
            self._decided.update(changed)
            self._content.update((path, digests[path]) for path in changed)

    def move_word(self, old: str, new: str) -> None:
        """Let rows follow the folder of a word that was renamed."""
        with self._lock:
            self._decided = {_moved(path, old, new): decision for path, decision in self._decided.items()}
            self._content = {_moved(path, old, new): digest for path, digest in self._content.items()}
            self._unsaved = {_moved(path, old, new): heard for path, heard in self._unsaved.items()}
            rename = "SET path = ? || substr(path, ?) WHERE path >= ? AND path < ?"
            moved = [(new, len(old) + 1, *_range(old))]
            for table in ("measured", "decided"):
                self._file.change(
                    (f"DELETE FROM {table} WHERE path >= ? AND path < ?", [_range(new)]),
                    (f"UPDATE {table} {rename}", moved),
                )

    # -- what needs all of a file

    def digest(self, path: str) -> str:
        """SHA-256 of the file's bytes, computed once for each content.

        Raises:
            FileNotFoundError: the file is not there.
        """
        for _, digest in self.digests([path]):
            return digest
        raise FileNotFoundError(path)

    def digests(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of each file, computed once for each content; files that cannot be read are left out."""
        paths = iter(paths)
        while some := list(itertools.islice(paths, _AT_ONCE)):
            heard = self._heard(some)
            fresh = {}
            for path in some:
                if path not in heard or heard[path].sha256 is None:
                    with contextlib.suppress(OSError):
                        now = heard.get(path) or self._unheard(path)
                        fresh[path] = replace(now, sha256=file_digest(self._clips / path))
            self._keep(fresh)
            heard.update(fresh)
            yield from ((path, heard[path].sha256 or "") for path in some if path in heard and heard[path].sha256)

    def levels(self, paths: Sequence[str]) -> list[tuple[float, float]]:
        """Peak and RMS level in dBFS of each file, measured once for each content.

        Raises:
            AudioError: a file cannot be read.
        """
        levels = []
        for at in range(0, len(paths), _AT_ONCE):
            heard, fresh = self._heard(paths[at : at + _AT_ONCE]), {}
            for path in paths[at : at + _AT_ONCE]:
                now = heard.get(path)
                if now is None or now.peak_db is None or now.rms_db is None:
                    now = fresh[path] = self._listened(path, now)
                levels.append((now.peak_db or 0.0, now.rms_db or 0.0))
            self._keep(fresh)
        return levels

    def remember_digests(self, digests: Mapping[str, str]) -> None:
        """Keep digests that were computed while the files were written."""
        values = ((digest, path) for path, digest in digests.items())
        self._file.change(("UPDATE measured SET sha256 = ? WHERE path = ?", values))

    def _heard(self, paths: Sequence[str]) -> dict[str, _Heard]:
        """What is remembered of these files as they are now."""
        marks = ",".join("?" * len(paths))
        query = f"SELECT path, size, mtime_ns, sha256, peak_db, rms_db FROM measured WHERE path IN ({marks})"
        try:
            rows = self._file.rows(query, tuple(paths)) or ()
        except IndexDamaged:  # it is made again when the project is read next
            rows = ()
        found = {path: _Heard(*rest) for path, *rest in rows}
        found.update((path, self._unsaved[path]) for path in paths if path in self._unsaved)
        return {path: heard for path, heard in found.items() if self._is_now(path, heard)}

    def _is_now(self, path: str, heard: _Heard) -> bool:
        try:
            return self._unheard(path) == _Heard(heard.size, heard.mtime_ns)
        except OSError:
            return False

    def _unheard(self, path: str) -> _Heard:
        stat = (self._clips / path).stat()
        return _Heard(stat.st_size, stat.st_mtime_ns)

    def _listened(self, path: str, before: _Heard | None) -> _Heard:
        samples = audio.read(self._clips / path, rate=audio.info(self._clips / path).rate)
        heard = before or self._unheard(path)
        return replace(heard, peak_db=audio.peak_db(samples), rms_db=audio.rms_db(samples))

    def _keep(self, fresh: Mapping[str, _Heard]) -> None:
        """Store what was digested and decoded, or hold it in memory."""
        update = """UPDATE measured SET sha256 = coalesce(?, sha256), peak_db = coalesce(?, peak_db),
            rms_db = coalesce(?, rms_db) WHERE path = ? AND size = ? AND mtime_ns = ?"""
        values = [(h.sha256, h.peak_db, h.rms_db, path, h.size, h.mtime_ns) for path, h in fresh.items()]
        if values and not self._file.change((update, values)):
            self._unsaved.update(fresh)

    def _digest_if_readable(self, path: str) -> str | None:
        with contextlib.suppress(OSError):
            return self.digest(path)
        return None


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _range(word: str) -> tuple[str, str]:
    """The first path in a folder's order that is in it, and the first after it; `0` comes after `/`."""
    return f"{word}/", f"{word}0"


def _moved(path: str, old: str, new: str) -> str:
    word, _, name = path.partition("/")
    return f"{new}/{name}" if word == old else path
