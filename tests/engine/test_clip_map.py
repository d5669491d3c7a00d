"""The map of clips and the learning curve: what lies together, what is suspected, what is foretold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws_engine.caring import learning_curve as curves
from kws_engine.caring.clip_map import lay_out
from kws_engine.caring.learning_curve import Measured, foretell, learning_curve, measure
from kws_engine.caring.neighbours import compare
from kws_engine.cli import main
from kws_engine.clips.project import copy_starter
from kws_engine.errors import ProjectError


def clusters(words: int, clips: int, *, spread: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (N, 96) around one place a word, and their labels (N,)."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(words), clips)
    middles = rng.standard_normal((words, 96))
    return (middles[labels] + spread * rng.standard_normal((len(labels), 96))).astype(np.float32), labels


@pytest.mark.parametrize("clips", [12, 300])
def test_clips_of_a_word_lie_together(clips: int) -> None:
    vectors, labels = clusters(5, clips)
    places = lay_out(vectors)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (labels[apart.argmin(axis=1)] == labels).mean() > 0.97
    assert np.abs(places).max() == pytest.approx(1.0)


def test_the_order_of_the_clips_does_not_move_them() -> None:
    vectors, _ = clusters(3, 20)
    order = np.random.default_rng(1).permutation(len(vectors))
    np.testing.assert_array_equal(lay_out(vectors[order]), lay_out(vectors)[order])


def test_silence_has_no_place_and_few_clips_are_no_fault() -> None:
    vectors, _ = clusters(1, 3)
    vectors[1] = 0
    assert np.isnan(lay_out(vectors)[:, 0]).tolist() == [False, True, False]
    assert np.isnan(lay_out(np.zeros((4, 96), np.float32))).all()
    assert lay_out(np.zeros((0, 96), np.float32)).shape == (0, 2)


def test_laying_out_stops_when_asked() -> None:
    vectors, _ = clusters(3, 20)
    assert np.isnan(lay_out(vectors, should_stop=lambda: True)).all()


def test_swapped_labels_are_the_most_suspicious() -> None:
    vectors, labels = clusters(4, 50)
    wrong = np.array([3, 60, 120, 199])
    swapped = labels.copy()
    swapped[wrong] = (labels[wrong] + 1) % 4
    found = compare(vectors, swapped, np.ones(len(labels), bool))
    assert sorted(np.argsort(-found.excess)[: len(wrong)].tolist()) == wrong.tolist()
    assert found.others[wrong].tolist() == labels[wrong].tolist()
    assert np.flatnonzero(found.taken_for >= 0).tolist() == wrong.tolist()


def test_more_takes_tell_more_and_speakers_are_held_out() -> None:
    vectors, labels = clusters(4, 60, spread=4.0)
    speakers = np.tile(np.repeat(np.arange(12), 5), 4)
    found = measure(vectors, labels, speakers)
    assert found is not None and found.by_voice and found.takes[:3] == (5, 10, 20)
    points = found.points()
    assert points[-1].accuracy > points[0].accuracy + 0.05
    assert all(point.accuracy_low <= point.accuracy <= point.accuracy_high for point in points)
    alone = measure(vectors, labels, np.zeros(len(labels), int))
    assert alone is not None and not alone.by_voice
    assert measure(vectors, labels, speakers, should_stop=lambda: True) is None


def test_a_power_law_is_continued() -> None:
    takes = (5, 10, 20, 40)
    errors = np.tile(0.6 * np.array(takes, float) ** -0.5, (12, 1))
    line, then = foretell(Measured(takes, errors, errors, clips=20_000, by_voice=True), 60)
    assert then.takes == 60 and then.accuracy == pytest.approx(1 - 0.6 * 60**-0.5, abs=0.01)
    assert then.accuracy_low < then.accuracy < then.accuracy_high
    assert line[0].takes == 5 and line[-1].takes == 60
    few = foretell(Measured(takes, errors, errors, clips=40, by_voice=True), 60)[1]
    assert few.accuracy_high - few.accuracy_low > 2 * (then.accuracy_high - then.accuracy_low)


@pytest.mark.slow
def test_both_commands_answer_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = copy_starter(tmp_path / "words")
    assert main(["map", str(project.folder), "--json"]) == 0
    clips = json.loads(capsys.readouterr().out)["clips"]
    assert len(clips) == len(project.table())
    assert set(clips[0]) == {"path", "word", "x", "y", "outlier", "nearest", "suspicion"}
    assert main(["learning-curve", str(project.folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["rows"][0]) == {"takes", "accuracy", "accuracy_low", "accuracy_high", "missed", "draws"}
    assert found["forecast"]["takes"] == found["rows"][-1]["takes"] + curves.MORE
    assert main(["learning-curve", str(project.folder)]) == 0
    assert "would give about" in capsys.readouterr().out


def test_one_word_has_no_curve(tmp_path: Path) -> None:
    from kws_engine.caring.checking import check

    project = copy_starter(tmp_path / "words")
    for word in project.words[1:]:
        project.edit.remove_word(word)
    project.edit.delete(project.clips(word="_unknown_"))
    with pytest.raises(ProjectError, match="needs two words"):
        learning_curve(check(project))
