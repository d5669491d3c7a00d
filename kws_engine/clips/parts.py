"""Which part each clip of a project is in: given once by rule, or chosen by hand; and which clips are left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.arrivals import Takes, decide
from kws_engine.clips.decisions import Decisions
from kws_engine.clips.part_file import Parts
from kws_engine.clips.split import SPLITS, split_codes
from kws_engine.clips.table import UNDECIDED, ClipTable
from kws_engine.clips.words import is_synthetic, parse_name

Codes = NDArray[np.int8]


def part_of(key: str, rule: int, decisions: Decisions) -> tuple[int, bool]:
    """The part of the clip at `word/name`, as an index into `SPLITS`, and whether it is left out.

    Args:
        key: The clip.
        rule: Its part by rule, as an index into `SPLITS`.
        decisions: What was decided by hand.
    """
    decision = decisions.get(key)
    split = SPLITS.index(decision.split) if decision and decision.split else rule
    return split, bool(decision and decision.excluded)


def with_parts(table: ClipTable, decisions: Decisions) -> ClipTable:
    """The same clips, each in its part: by rule except for the few with a decision; without a part yet, by hash."""
    by_rule = table.rule
    if (by_rule < 0).any():
        by_hash = split_codes(table.speakers, table.speaker, table.takes, by_take=())
        by_rule = np.where(by_rule < 0, by_hash, by_rule)
    rows = ((table.row(key), key) for key in decisions.paths())
    chosen = {row: part_of(key, int(by_rule[row]), decisions) for row, key in rows if row is not None}
    return table.with_parts(by_rule, chosen)


def settled(
    table: ClipTable, decisions: Decisions, parts: Parts, *, by_take: Set[str] | None = None, new: Collection[str] = ()
) -> ClipTable:
    """Gives every clip without a part one for good, stored with those of other programs; the others stay as they are.

    Args:
        table: Clips with their decisions.
        decisions: What was decided by hand.
        parts: Where they are stored.
        by_take: The speakers who were split by take in a project of an older version, whose rule keeps its clips where
            they were; None for the rule of today.
        new: Clips that get a part even where one is stored under their name.
    """
    fresh = np.flatnonzero(table.rule == UNDECIDED)
    if not len(fresh):
        return table
    given = np.zeros(0, np.int8)

    def decided(others: Mapping[str, int]) -> Codes:
        nonlocal given
        others = {key: part for key, part in others.items() if key not in new}
        if by_take is not None:
            by_old_rule = split_codes(table.speakers, table.speaker, table.takes, by_take=by_take)[fresh]
            given = _with_stored(table, fresh, by_old_rule, others)
        else:
            given = _by_rule(table, fresh, decisions, others)
        return given

    words = [table.words[at] for at in np.unique(table.labels[fresh]).tolist()]
    parts.give(words, lambda: map(table.key, fresh.tolist()), decided)
    rule = table.rule.copy()
    rule[fresh] = given
    return with_parts(table.with_rule(rule), decisions)


def _with_stored(table: ClipTable, fresh: NDArray[np.int64], codes: Codes, others: Mapping[str, int]) -> Codes:
    """The parts of new clips, but those that another program has stored already."""
    if not others:
        return codes
    return np.array(
        [others.get(table.key(row), code) for row, code in zip(fresh.tolist(), codes.tolist(), strict=True)], np.int8
    )


def _by_rule(table: ClipTable, fresh: NDArray[np.int64], decisions: Decisions, others: Mapping[str, int]) -> Codes:
    """The parts of new clips by the rule, beside those that count here and those that other programs have brought.

    What a synthetic voice said is learned: it neither validates nor tests, and real clips are shared out as without it.
    """
    codes = split_codes(table.speakers, table.speaker, table.takes, by_take=())[fresh]
    synthetic = of_synthetic_voices(table)
    codes[synthetic[fresh]] = SPLITS.index("training")
    pinned = table.excluded[fresh] | np.isin(fresh, _in_parts_by_hand(table, decisions)) | synthetic[fresh]
    if others:
        stored = _with_stored(table, fresh, np.full(len(fresh), UNDECIDED, np.int8), others)
        codes = np.where(stored != UNDECIDED, stored, codes)
        known = stored != UNDECIDED
    else:
        known = np.zeros(len(fresh), bool)
    arriving = fresh[~pinned & ~known]
    here = ~table.excluded & ~synthetic
    here[arriving] = False
    effective = table.split.copy()
    effective[fresh[known & ~pinned]] = codes[known & ~pinned]
    rows = np.flatnonzero(here)
    speakers = list(table.speakers)
    more = _brought(table, others, speakers) if others else np.zeros((3, 0), np.int64)
    counted = Takes(
        np.concatenate([table.labels[rows].astype(np.int64), more[0]]),
        np.concatenate([table.speaker[rows].astype(np.int64), more[1]]),
        np.concatenate([effective[rows], more[2].astype(np.int8)]),
    )
    new = Takes(
        table.labels[arriving].astype(np.int64), table.speaker[arriving].astype(np.int64), table.split[arriving]
    )
    codes[~pinned & ~known] = decide(counted, new, speakers)
    return codes


def of_synthetic_voices(table: ClipTable) -> NDArray[np.bool_]:
    """Which clips (N,) were said by a synthetic voice."""
    if not len(table):
        return np.zeros(0, bool)
    result: NDArray[np.bool_] = np.array([is_synthetic(name) for name in table.speakers], bool)[table.speaker]
    return result


def shared_out(table: ClipTable, rows: NDArray[np.int64]) -> Codes:
    """The parts that some clips (M,) would get if they were real, as indices into `SPLITS`; all others stay."""
    others = ~table.excluded
    others[rows] = False
    here, arriving = (
        Takes(table.labels[at].astype(np.int64), table.speaker[at].astype(np.int64), table.split[at])
        for at in (np.flatnonzero(others), rows)
    )
    return decide(here, arriving, table.speakers)


def to_validate(table: ClipTable, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of some clips validate by the rule, of words that have two of them or more and none that validates.

    Args:
        table: All clips.
        rows: Those that were given to learn from, by lists or folders that name none to validate.
    """
    counts = ~table.excluded
    validated = np.unique(table.labels[counts & (table.split == SPLITS.index("validation"))])
    several = np.bincount(table.labels[rows], minlength=int(table.labels.max(initial=0)) + 1) >= 2
    rows = rows[several[table.labels[rows]] & ~np.isin(table.labels[rows], validated)]
    counts[rows] = False
    here, arriving = (
        Takes(table.labels[at].astype(np.int64), table.speaker[at].astype(np.int64), table.split[at])
        for at in (np.flatnonzero(counts), rows)
    )
    spared: NDArray[np.int64] = rows[decide(here, arriving, table.speakers) == SPLITS.index("validation")]
    return spared


def _in_parts_by_hand(table: ClipTable, decisions: Decisions) -> list[int]:
    """The rows of clips that a person put into their parts."""
    decided = [key for key in decisions.paths() if (decision := decisions.get(key)) and decision.split]
    return [row for row in map(table.row, decided) if row is not None]


def _brought(table: ClipTable, others: Mapping[str, int], speakers: list[str]) -> NDArray[np.int64]:
    """Words, speakers and parts (3, N) of clips that other programs have put into the folders of words meanwhile.

    A speaker who is not known here is appended to `speakers`.
    """
    number = {name: at for at, name in enumerate(speakers)}
    found: list[tuple[int, int, int]] = []
    words = {key.partition("/")[0] for key in others}
    known = {word: {table.names[row] for row in table.word_rows.get(word, ())} for word in words}
    for key, part in others.items():
        word, _, name = key.partition("/")
        speaker = parse_name(name)[0]
        if name not in known[word] and not is_synthetic(speaker) and (table.folder / key).is_file():
            if speaker not in number:
                number[speaker] = len(speakers)
                speakers.append(speaker)
            found.append((table.words.index(word), number[speaker], part))
    return np.array(found, np.int64).reshape(-1, 3).T


def renamed(table: ClipTable, left: Mapping[tuple[int, int], Sequence[str]], parts: Parts) -> ClipTable:
    """Lets parts follow files that were renamed by hand: new ones of the size and time of one that is gone.

    Args:
        table: Clips, some without a part yet.
        left: Paths of files that are gone, by size and modification time.
        parts: Where the parts are stored.
    """
    fresh = np.flatnonzero(table.rule == UNDECIDED).tolist() if left else []
    if not fresh:
        return table
    free = {what: list(paths) for what, paths in left.items()}
    moves: dict[int, str] = {}
    for row in fresh:
        paths = free.get((int(table.sizes[row]), int(table.mtimes_ns[row])))
        if paths:
            name = Path(table.key(row)).name
            old = next((path for path in paths if Path(path).name == name), paths[0])
            paths.remove(old)
            moves[row] = old
    stored = parts.of(list(moves.values()))
    rule = table.rule.copy()
    for row, old in moves.items():
        if old in stored:
            rule[row] = stored[old]
    parts.put(dict.fromkeys(stored))
    parts.put({table.key(row): stored[old] for row, old in moves.items() if old in stored})
    return table.with_rule(rule)
