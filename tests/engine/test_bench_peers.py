"""Other programs beside ours: where they are found, and when one reports its word."""

import os
import sys

import numpy as np
import pytest

from kws_engine.bench._heed import Heed, reports
from kws_engine.bench.listen import peer_python
from kws_engine.errors import KwsError

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="environments are made of links")


def environment(folder, *modules):
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for module in modules:
        (folder / f"{module}.py").touch()
    return python


@needs_links
def test_the_first_environment_with_a_program_is_taken(tmp_path, monkeypatch):
    bare, listening = environment(tmp_path / "bare"), environment(tmp_path / "listening", "listens_to_words")
    monkeypatch.setenv("KWS_PEERS", os.pathsep.join(str(python.parents[1]) for python in (bare, listening)))
    assert peer_python("listens_to_words") == listening
    assert peer_python("json") == bare
    assert peer_python("not_there_at_all") is None


def test_an_environment_without_python_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("KWS_PEERS", str(tmp_path))
    with pytest.raises(KwsError, match="There is no Python in"):
        peer_python("json")


@pytest.mark.parametrize(
    ("scores", "steps"),
    [
        ([0.9, 0.1, 0.9, 0.1], []),  # never two in a row
        ([0.1, 0.9, 0.9, 0.1], [2]),
        ([0.5, 0.5, 0.5], []),  # not above
        ([0.9, 0.9] + [0.1] * 3 + [0.9, 0.9] + [0.1] * 3 + [0.9, 0.9], [1, 11]),
    ],
)
def test_heed_reports_after_two_steps_and_then_holds(scores, steps):
    assert reports(np.array(scores, np.float32), 0.5) == [1600 * (step + 1) for step in steps]


def test_the_threshold_in_hindsight_gives_so_many_reports_at_most(tmp_path):
    heed = Heed(tmp_path / "python", tmp_path)
    heed.scores = {
        "one": np.array([0.9, 0.9, 0.0] + 10 * [0.0] + [0.7, 0.8], np.float32),
        "other": np.array([0.0, 0.5, 0.6], np.float32),
    }
    thresholds = [heed.threshold_for(count, ["one", "other"]) for count in (0, 1, 2)]
    assert thresholds == pytest.approx([0.9, 0.7, 0.5])
    assert [sum(len(reports(one, at)) for one in heed.scores.values()) for at in thresholds] == [0, 1, 2]
