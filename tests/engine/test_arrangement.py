"""Clips chosen by text and put in order, in the table that was checked, in a newer one, and without a check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_engine.caring.arrangement import SORT_KEYS, Arrangement
from kws_engine.caring.checking import Check
from kws_engine.caring.neighbours import Comparison
from kws_engine.caring.problems import Problem
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipTable

SPEAKERS = ("bob", "Ann", "zoë")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two words, three speakers, two takes of each, each take 10 ms longer than the one before."""
    made = Project.create(tmp_path / "p", words=["up", "Down"])
    length = 1600
    for word in made.words:
        for speaker in SPEAKERS:
            for _ in range(2):
                length += 160
                made.edit.add_take(word, np.full(length, 0.2, np.float32), speaker=speaker)
    return made


def checked(table: ClipTable) -> Check:
    """As if every third clip were noisy and the second one sounded like "up"; levels and doubts by row."""
    rows = np.arange(len(table), dtype=np.float32)
    problems = [(Problem("noisy"),) if row % 3 == 0 else () for row in range(len(table))]
    problems[1] = (Problem("clipping"), Problem("another_word", "up"))
    excess = np.where(rows == 5, np.nan, -rows).astype(np.float32)
    compared = Comparison(np.full(len(table), -1, np.int64), excess, np.zeros(len(table), bool))
    return Check(table, problems, -rows, 10 - rows, np.zeros((len(table), 96), np.float32), compared, ())


def keys(arrangement: Arrangement, rows: Any) -> list[str]:
    return [arrangement.table.key(row) for row in rows]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ANN", {"ann"}),
        ("ZOË", {"zo"}),
        ("down bob", {"Down/bob"}),
        ("up/", set()),  # word and name are looked into each by itself
        ("  ", {""}),
        ("nobody", set()),
    ],
)
def test_text_is_found_in_word_name_and_speaker(project: Project, text: str, wanted: set[str]) -> None:
    table = project.table()
    arrangement, every = Arrangement(table), np.arange(len(table))
    found = keys(arrangement, arrangement.matching(every, text))
    assert found == [
        key for key in keys(arrangement, every) if any(part.casefold() in key.casefold() for part in wanted)
    ]


def test_text_is_found_in_what_is_wrong_also_after_the_clips_have_changed(project: Project) -> None:
    found = checked(project.table())
    arrangement, every = Arrangement(found.table, found), np.arange(12)
    assert arrangement.matching(every, "noisy").tolist() == [0, 3, 6, 9]
    assert arrangement.matching(every, "SOUNDS “up”").tolist() == [1]
    assert arrangement.matching(every[::-1], "noisy").tolist() == [9, 6, 3, 0], "in the order in which they were"
    gone, moved = found.table.key(0), found.table.key(3)
    project.edit.delete([found.table.clip(0)])
    project.edit.add_take("Down", np.full(1600, 0.2, np.float32), speaker="new")
    newer = Arrangement(project.table(), found)
    still = keys(newer, newer.matching(np.arange(len(newer.table)), "noisy"))
    assert gone not in still and moved in still and len(still) == 3
    assert keys(newer, newer.with_problem(np.arange(len(newer.table)), "clipping")) == [found.table.key(1)]
    assert newer.problem_counts(np.arange(len(newer.table)))["noisy"] == 3
    new = newer.table.row("Down/new_nohash_0.wav")
    assert new is not None and newer.problems(new) == () and np.isnan(newer.snrs_db[new])


def test_every_key_orders_and_what_is_not_known_comes_last(project: Project) -> None:
    found = checked(project.table())
    arrangement, every = Arrangement(found.table, found), np.arange(12)
    table = found.table
    for key in SORT_KEYS:
        up, down = arrangement.ordered(every, key), arrangement.ordered(every, key, descending=True)
        assert sorted(up.tolist()) == sorted(down.tolist()) == every.tolist()
    assert arrangement.ordered(every, "suspicion").tolist() == [11, 10, 9, 8, 7, 6, 4, 3, 2, 1, 0, 5]
    assert arrangement.ordered(every, "suspicion", descending=True).tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 5]
    assert arrangement.ordered(every, "problems").tolist()[:5] == [1, 0, 3, 6, 9], "the worst first"
    speakers = [table.clip(row).speaker for row in arrangement.ordered(every, "speaker").tolist()]
    assert speakers == [speaker for speaker in ("Ann", "bob", "zoë") for _ in range(4)]
    assert [table.clip(row).take for row in arrangement.ordered(every, "take", descending=True).tolist()] == [1] * 6 + [
        0
    ] * 6
    seconds = [table.clip(row).seconds for row in arrangement.ordered(every, "length").tolist()]
    assert seconds == sorted(seconds)


def test_without_a_check_nothing_is_known_but_measured_levels(project: Project) -> None:
    table, every = project.table(), np.arange(12)
    plain = Arrangement(table)
    assert plain.ordered(every, "snr").tolist() == every.tolist() and plain.problems(3) == ()
    measured = np.linspace(-20, -9, 12)
    assert (
        Arrangement(table, measured_db=measured).ordered(every, "peak", descending=True).tolist()
        == every[::-1].tolist()
    )


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["clips", *map(str, arguments), "--json"]) == 0
    return list(json.loads(capsys.readouterr().out)["clips"])


def test_the_command_line_filters_by_text_and_sorts(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    longest = run(capsys, project.folder, "--filter", "text=bob", "--sort", "length", "--descending")
    seconds = [clip["seconds"] for clip in longest]
    assert {clip["speaker"] for clip in longest} == {"bob"} and seconds == sorted(seconds, reverse=True)
    assert "problems" not in longest[0], "nothing was checked for that"
    loud = run(capsys, project.folder, "--sort", "peak")
    peaks = [clip["peak_db"] for clip in loud]
    assert len(peaks) == 12 and peaks == sorted(peaks)
    silent = run(capsys, project.folder, "--filter", "text=nothing said")
    assert len(silent) == 12, "the project was checked by now: what was found is looked into"
    assert [clip["path"] for clip in run(capsys, project.folder, "--descending")] == [
        clip["path"] for clip in run(capsys, project.folder)[::-1]
    ]
