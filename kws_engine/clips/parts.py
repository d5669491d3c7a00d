"""Which part each clip of a project is in, by rule or by hand, and which are left out; knows no file."""

from __future__ import annotations

from collections.abc import Set

from kws_engine.clips.index import Index
from kws_engine.clips.split import SPLITS, split_by_take, split_codes, which_set
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import parse_name


def part_of(key: str, index: Index, by_take: Set[str]) -> tuple[int, bool]:
    """The part of the clip at `word/name`, as an index into `SPLITS`, and whether it is left out.

    Args:
        key: the clip.
        index: what was decided.
        by_take: the speakers who are split by take.
    """
    speaker, take = parse_name(key.partition("/")[2])
    by_rule = split_by_take(take) if speaker in by_take else which_set(speaker)
    decision = index.decision(key)
    split = decision.split if decision and decision.split else by_rule
    return SPLITS.index(split), bool(decision and decision.excluded)


def with_parts(table: ClipTable, index: Index, by_take: Set[str]) -> ClipTable:
    """The same clips, each in its part: by rule but for the few that something was decided about."""
    by_rule = split_codes(table.speakers, table.speaker, table.takes, by_take=by_take)
    rows = ((table.row(key), key) for key in index.decided())
    return table.with_parts(by_rule, {row: part_of(key, index, by_take) for row, key in rows if row is not None})
