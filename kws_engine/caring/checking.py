"""Checks all clips of a project: each by itself, remembered by content, then each beside the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.caring.check_file import CheckFile
from kws_engine.caring.neighbours import Comparison, compare
from kws_engine.caring.problems import PROBLEM_KINDS, Problem, ProblemKind
from kws_engine.caring.sound_check import Found, look_at
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import AudioError
from kws_engine.features.encoded import VALUES
from kws_engine.processors import cores

_AT_ONCE: Final = 256
_NOTHING: Final[tuple[Problem, ...]] = ()

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Check:
    """What was found in the clips of a project at one moment.

    Attributes:
        table: The clips, N rows.
        problems: Of each row, the worst first.
        peaks_db: (N,) peak level of each, NaN where it was not looked at.
        snrs_db: (N,) from its noise floor to its loudest 70 ms, NaN where it was not looked at.
        vectors: (N, 96) float32, zeros where nothing is said.
        compared: What each sounds like beside its own word.
        unreadable: The files that are no sound.
        stopped: Whether it was ended early: clips that were not reached have no problems.
    """

    table: ClipTable
    problems: Sequence[tuple[Problem, ...]]
    peaks_db: NDArray[np.float32]
    snrs_db: NDArray[np.float32]
    vectors: NDArray[np.float32]
    compared: Comparison
    unreadable: Sequence[Clip]
    stopped: bool = False

    def of(self, key: str) -> tuple[Problem, ...]:
        """The problems of the clip at `word/name`; none where it is not known."""
        row = self.table.row(key)
        return self.problems[row] if row is not None else _NOTHING

    @cached_property
    def kind_bits(self) -> NDArray[np.int32]:
        """The kinds of the problems of each row (N,), a bit for each in the order of `PROBLEM_KINDS`."""
        bit = {kind: 1 << at for at, kind in enumerate(PROBLEM_KINDS)}
        each = (sum({bit[problem.kind] for problem in found}) if found else 0 for found in self.problems)
        return np.fromiter(each, np.int32, len(self.problems))

    @cached_property
    def notes(self) -> tuple[Sequence[str], NDArray[np.int64]]:
        """What is said of the problems of a clip, each text once, the first empty; and the place of each row's (N,)."""
        places: dict[str, int] = {"": 0}
        said: dict[tuple[Problem, ...], int] = {_NOTHING: 0}
        code = np.zeros(len(self.problems), np.int64)
        for row, found in enumerate(self.problems):
            if found:
                if found not in said:
                    said[found] = places.setdefault(", ".join(map(str, found)), len(places))
                code[row] = said[found]
        return tuple(places), code

    @cached_property
    def counts(self) -> dict[ProblemKind, int]:
        """How many clips, those that are left out aside, have each problem."""
        counted: dict[ProblemKind, int] = {}
        for row in np.flatnonzero(~self.table.excluded).tolist():
            for problem in self.problems[row]:
                counted[problem.kind] = counted.get(problem.kind, 0) + 1
        if self.unreadable:
            counted["unreadable"] = counted.get("unreadable", 0) + len(self.unreadable)
        return counted


def check(
    project: Project,
    *,
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Check:
    """Checks all clips; those with a content that was looked at before are not looked at again.

    Args:
        project: Whose clips.
        progress: Called with how many clips are done, of how many.
        should_stop: Ends it early; what was found by then is kept for the next time.
    """
    table, total = project.table(), len(project.table())
    file = CheckFile(project.folder, rate=project.rate, clip_samples=project.clip_samples)
    vectors = np.zeros((total, VALUES), np.float32)
    peaks_db, snrs_db = np.full((2, total), np.nan, np.float32)
    kinds: list[tuple[ProblemKind, ...]] = [()] * total
    sounds = [""] * total
    stopped = False
    with ThreadPoolExecutor(cores()) as pool:
        for at in range(0, total, _AT_ONCE):
            if stopped := should_stop():
                break
            rows = range(at, min(at + _AT_ONCE, total))
            for row, found in zip(rows, _found(project, table, rows, file, pool), strict=True):
                if found is None:
                    kinds[row] = ("unreadable",)
                    continue
                kinds[row], sounds[row], vectors[row] = found.kinds, found.digest, found.vector
                peaks_db[row], snrs_db[row] = found.peak_db, found.snr_db
            progress(rows.stop, total)
    compared = Comparison.unknown(total)
    if not stopped:
        unknown = table.words.index(UNKNOWN) if UNKNOWN in table.words else -1
        compared = compare(vectors, table.labels, ~table.excluded, other=unknown, should_stop=should_stop)
    others = compared.taken_for
    same = _same_as(table, sounds)
    problems = [_problems(table, row, kinds[row], int(others[row]), same.get(row)) for row in range(total)]
    ended = stopped or should_stop()
    checked = Check(table, problems, peaks_db, snrs_db, vectors, compared, project.unreadable, ended)
    _ = checked.kind_bits, checked.notes  # looked up in this thread: who filters by them does not wait
    return checked


def _found(
    project: Project, table: ClipTable, rows: range, file: CheckFile, pool: ThreadPoolExecutor
) -> list[Found | None]:
    """What was found in the clips of some rows, now or before; None where one cannot be read."""
    keys = [table.key(row) for row in rows]
    digests = dict(project.index.measured.digests(keys))
    remembered = file.found(sorted(set(digests.values())))
    new = {digest: key for key, digest in digests.items() if digest not in remembered}
    rate, clip_samples = project.rate, project.clip_samples

    def look(key: str) -> Found | None:
        try:
            samples = audio.read(project.clips_folder / key, rate=rate, max_seconds=LONGEST_CLIP_S)
        except AudioError:
            return None
        return look_at(samples, rate, clip_samples=clip_samples)

    looked = dict(zip(new, pool.map(look, new.values()), strict=True))
    fresh = {digest: found for digest, found in looked.items() if found is not None}
    if fresh:
        file.store(fresh)
    remembered.update(fresh)
    return [remembered.get(digests[key]) if key in digests else None for key in keys]


def _same_as(table: ClipTable, sounds: Sequence[str]) -> dict[int, int]:
    """Rows whose sound another clip has, with the row of that one.

    Of the same sound under one word, the first clip stays; under several words, one of them is wrong, whichever.
    """
    rows_of: dict[str, list[int]] = {}
    for row in np.flatnonzero(~table.excluded).tolist():
        if sounds[row]:
            rows_of.setdefault(sounds[row], []).append(row)
    same: dict[int, int] = {}
    for rows in rows_of.values():
        for row in rows[1:]:
            same[row] = rows[0]
            if table.labels[row] != table.labels[rows[0]]:
                same.setdefault(rows[0], row)
    return same


def _problems(
    table: ClipTable, row: int, kinds: tuple[ProblemKind, ...], other: int, same: int | None
) -> tuple[Problem, ...]:
    if not kinds and other < 0 and same is None:
        return _NOTHING
    found = [Problem(kind) for kind in kinds]
    if other >= 0:
        found.append(Problem("another_word", table.words[other]))
    if same is not None:
        found.append(Problem("duplicate", table.key(same)))
    return tuple(found)
