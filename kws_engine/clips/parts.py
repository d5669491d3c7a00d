"""Which part each clip of a project is in, by rule or by hand, and which clips are left out."""

from __future__ import annotations

from collections.abc import Set

from kws_engine.clips.decisions import Decisions
from kws_engine.clips.split import SPLITS, split_by_take, split_codes, which_set
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import parse_name


def part_of(key: str, decisions: Decisions, by_take: Set[str]) -> tuple[int, bool]:
    """The part of the clip at `word/name`, as an index into `SPLITS`, and whether it is left out.

    Args:
        key: The clip.
        decisions: What was decided by hand.
        by_take: The speakers who are split by take.
    """
    speaker, take = parse_name(key.partition("/")[2])
    by_rule = split_by_take(take) if speaker in by_take else which_set(speaker)
    decision = decisions.get(key)
    split = decision.split if decision and decision.split else by_rule
    return SPLITS.index(split), bool(decision and decision.excluded)


def with_parts(table: ClipTable, decisions: Decisions, by_take: Set[str]) -> ClipTable:
    """The same clips, each in its part: by rule except for the few with a decision."""
    by_rule = split_codes(table.speakers, table.speaker, table.takes, by_take=by_take)
    rows = ((table.row(key), key) for key in decisions.paths())
    return table.with_parts(by_rule, {row: part_of(key, decisions, by_take) for row, key in rows if row is not None})
