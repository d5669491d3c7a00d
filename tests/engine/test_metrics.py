"""Judging a model on clips: the counts, the shares made of them, and what could not be judged."""

from __future__ import annotations

import json
import pathlib
import zipfile

import numpy as np
import pytest
import tone_model

from kws_engine import audio
from kws_engine.clips.clip import Clip, layout_clips
from kws_engine.clips.project import folder_clips
from kws_engine.errors import ProjectError
from kws_engine.evaluation.metrics import EvaluatedClip, Evaluation, evaluate
from kws_engine.spotting.model_file import SpottingModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpottingModel:
    return SpottingModel(tone_model.write(tmp_path_factory.mktemp("tones") / "tones.kws"))


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Three low, two high, one of them under the wrong name, and an unheard-of word that is silent."""
    sounds = {
        "low/a_nohash_0.wav": tone_model.tone("low"), "low/a_nohash_1.wav": tone_model.tone("low", peak=0.3),
        "low/b_nohash_0.wav": tone_model.tone("high"), "high/a_nohash_0.wav": tone_model.tone("high"),
        "door/a_nohash_0.wav": tone_model.tone("low"), "door/a_nohash_1.wav": tone_model.pause(),
    }  # fmt: skip
    for name, sound in sounds.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        audio.write(tmp_path / name, sound, rate=tone_model.RATE)
    return tmp_path


def test_counts_and_the_shares_made_of_them(model: SpottingModel, folder: pathlib.Path) -> None:
    evaluation = evaluate(model, folder_clips(folder))
    counts = {
        (label, given): int(evaluation.counts[i, j])
        for i, label in enumerate(model.labels)
        for j, given in enumerate(model.labels)
        if evaluation.counts[i, j]
    }
    assert counts == {
        ("low", "low"): 2, ("low", "high"): 1, ("high", "high"): 1,
        ("_unknown_", "low"): 1, ("_unknown_", "_unknown_"): 1,
    }  # fmt: skip
    assert evaluation.accuracy == 4 / 6
    low, high = evaluation.per_word["low"], evaluation.per_word["high"]
    assert (low.precision, low.recall, low.clips) == (2 / 3, 2 / 3, 3) and low.f1 == pytest.approx(2 / 3)
    assert (high.precision, high.recall, high.clips) == (1 / 2, 1.0, 1)
    unknown = evaluation.per_word["_unknown_"]
    assert (unknown.precision, unknown.recall, unknown.clips) == (
        1.0,
        1 / 2,
        2,
    ) and "_silence_" not in evaluation.per_word


def test_the_clips_behind_a_cell_are_named_surest_first(model: SpottingModel, folder: pathlib.Path) -> None:
    evaluation = evaluate(model, folder_clips(folder))
    assert [one.path.name for one in evaluation.clips("low", "high")] == ["b_nohash_0.wav"]
    assert evaluation.clips("high", "low") == []
    right = evaluation.clips("low", "low")
    assert len(right) == 2 and right[0].score >= right[1].score > 0.5


def test_what_is_printed_is_plain_json(model: SpottingModel, folder: pathlib.Path) -> None:
    values = json.loads(json.dumps(evaluate(model, folder_clips(folder)).to_dict()))
    assert set(values) == {"accuracy", "clips", "per_word", "confusion", "skipped", "left_out", "as_unknown"}
    assert values["clips"] == 6 == sum(map(sum, values["confusion"]["counts"]))
    assert values["confusion"]["labels"] == list(model.labels)
    assert set(values["per_word"]["low"]) == {"precision", "recall", "f1", "clips"}


def test_a_word_without_clips_has_no_figures(model: SpottingModel, folder: pathlib.Path) -> None:
    evaluation = evaluate(model, [clip for clip in folder_clips(folder) if clip.word == "low"])
    values = evaluation.to_dict(left_out={"in the training part": 4})
    assert values["per_word"]["high"] == {"precision": None, "recall": None, "f1": None, "clips": 0}
    assert set(values["per_word"]) == {"low", "high"} and values["per_word"]["low"]["recall"] == 2 / 3
    assert values["left_out"] == [{"reason": "in the training part", "clips": 4}]


def test_words_that_the_model_does_not_know_are_said_and_silence_is_judged(
    model: SpottingModel, folder: pathlib.Path
) -> None:
    (folder / "_silence_").mkdir()
    audio.write(folder / "_silence_/a_nohash_0.wav", tone_model.pause(), rate=tone_model.RATE)
    assert len(layout_clips(folder)) == 6
    told: list[tuple[EvaluatedClip, int]] = []
    evaluation = evaluate(
        model, layout_clips(folder, with_silence=True), each=lambda clip, scores: told.append((clip, len(scores)))
    )
    assert evaluation.as_unknown == {"door": 2} and evaluation.clip_counts["_silence_"] == 1
    assert [clip for clip, _ in told] == list(evaluation.evaluated) and {size for _, size in told} == {4}
    assert {one.word for one in evaluation.evaluated} == {"low", "high", "door", "_silence_"}


def test_clips_of_any_length_and_rate_are_judged(model: SpottingModel, tmp_path: pathlib.Path) -> None:
    long = np.concatenate([tone_model.pause(3.0), tone_model.tone("low"), tone_model.pause(2.0)])
    for name, sound, rate in (("long", long, 16_000), ("short", tone_model.tone("low", 0.55), 16_000)):
        audio.write(tmp_path / f"{name}.wav", sound, rate=rate)
    audio.write(tmp_path / "slow.wav", audio.resample(tone_model.tone("low"), 16_000, 8_000), rate=8_000)
    clips = [Clip(path, "low", "a", 0, "testing", 1.0) for path in sorted(tmp_path.glob("*.wav"))]
    assert evaluate(model, clips).accuracy == 1.0


def test_unreadable_clips_are_named_and_the_rest_is_judged(model: SpottingModel, folder: pathlib.Path) -> None:
    (folder / "low/c_nohash_0.wav").write_text("no sound")
    assert len(folder_clips(folder)) == 6
    clips = folder_clips(folder, with_unreadable=True)
    (folder / "high/a_nohash_0.wav").unlink()
    evaluation = evaluate(model, clips)
    assert {one.path.name for one in evaluation.skipped} == {"c_nohash_0.wav", "a_nohash_0.wav"}
    assert all(one.path.name in one.reason for one in evaluation.skipped) and len(evaluation.evaluated) == 5


def test_nothing_to_judge_is_an_error_with_the_first_reason(model: SpottingModel, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ProjectError, match="no clip to evaluate"):
        evaluate(model, [])
    with pytest.raises(ProjectError, match=r"gone\.wav is not there"):
        evaluate(model, [Clip(tmp_path / "gone.wav", "low", "a", 0, "testing", 1.0)])


def test_a_model_without_a_label_for_other_words_leaves_them_out(tmp_path: pathlib.Path, folder: pathlib.Path) -> None:
    path = tone_model.write(
        tmp_path / "two.kws",
        manifest={"labels": ["low", "high"]},
        network=tone_model.network(n_labels=2).SerializeToString(),
    )
    evaluation = evaluate(SpottingModel(path), folder_clips(folder))
    assert len(evaluation.evaluated) == 4
    assert {one.path.parent.name for one in evaluation.skipped} == {"door"}
    assert "door" in evaluation.skipped[0].reason
    assert evaluation.left_out == {"of a word for which the model has no label": 2}
    assert zipfile.is_zipfile(path)


def test_it_says_how_far_it_is_and_can_be_stopped(model: SpottingModel, folder: pathlib.Path) -> None:
    clips = folder_clips(folder) * 30
    told: list[tuple[int, int]] = []
    evaluation = evaluate(model, clips, progress=lambda *now: told.append(now), should_stop=lambda: len(told) == 2)
    assert told == [(64, 180), (128, 180)] and len(evaluation.evaluated) == 128


def test_shares_of_nothing_are_zero() -> None:
    empty = Evaluation(("a", "_unknown_"), np.zeros((2, 2), np.int64), (), ())
    assert empty.accuracy == 0.0 and empty.per_word == {}
