"""Runs side by side: settings, results on the same clips, and whether chance alone explains the difference."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
import tone_model
import torch
from run_folders import ended, epochs, run_folder
from scipy.stats import binomtest, chi2

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.errors import TrainingError
from kws_engine.evaluation.interval import wilson
from kws_engine.evaluation.mcnemar import EXACT_BELOW, mcnemar
from kws_engine.runs.clip_list import ClipListFile, ClipRow, located, row_of, sha256_of
from kws_engine.runs.clip_listing import ClipListing
from kws_engine.runs.comparing import compare, flat_settings
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.loading import Data
from kws_engine.training.data.clips import LoadedClips


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Without clips: what runs answered stands in their folders."""
    return Project.create(tmp_path / "words", words=("low", "high"))


@pytest.fixture
def tones(project: Project) -> Project:
    """The project with two tones said by 40 speakers, who fill all three parts."""
    for word in ("low", "high"):
        sound = tone_model.tone(word, 1.0)
        for speaker in range(40):
            audio.write(project.clips_folder / word / f"speaker{speaker}_nohash_0.wav", sound, rate=tone_model.RATE)
    project.refresh()
    return project


def with_answers(folder: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    """validation.csv of a run, as training writes it: path, label and answer."""
    lines = ["path,label,predicted,probability,own_probability"]
    lines += [f"{path},{label},{answer},0.9,0.9" for path, label, answer in rows]
    (folder / "validation.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def judged(count: int, right: range) -> list[tuple[str, str, str]]:
    """Answers on so many clips, right for those in the range; and one on silence, which is no clip."""
    rows = [(f"clips/low/a_nohash_{i}.wav", "low", "low" if i in right else "high") for i in range(count)]
    return [*rows, ("", "_silence_", "low")]


def test_mcnemar_is_that_of_the_textbooks() -> None:
    for b, c in ((0, 0), (5, 0), (3, 9), (12, 12), (1, 23), (0, 24)):
        expected = binomtest(b, b + c).pvalue if b + c else 1.0
        assert mcnemar(b, c, clips=1000).p == pytest.approx(expected, rel=1e-9)
    for b, c in ((25, 0), (13, 12), (40, 25), (101, 59), (400, 300)):
        expected = chi2.sf(max(0, abs(b - c) - 1) ** 2 / (b + c), 1)
        assert b + c >= EXACT_BELOW and mcnemar(b, c, clips=1000).p == pytest.approx(expected, rel=1e-9)
    # a drug trial of many textbooks: 121 against 59 of 314 people, (|121 - 59| - 1)^2 / 180 = 20.67
    assert mcnemar(121, 59, clips=314).p == pytest.approx(5.4e-6, rel=0.02)
    with pytest.raises(ValueError, match="no comparison"):
        mcnemar(3, 3, clips=5)
    assert mcnemar(2, 20, clips=50).text().startswith("The second is better, beyond chance: 2 right by the first alone")
    assert mcnemar(20, 2, clips=50).text("wide", "deep").startswith("Wide is better")
    assert mcnemar(3, 4, clips=9).text().startswith("No difference beyond chance")


def test_only_what_differs_is_shown(project: Project) -> None:
    first = ended(project.folder, ("model.name=fnn", "training.epochs=5"), seed=1)
    second = ended(project.folder, ("model.name=fnn", "training.epochs=9", "augment.gain.probability=0.25"), seed=2)
    third = ended(project.folder, ("model.name=cnn", "training.epochs=5"), seed=1)
    differs = compare([first, second]).differs
    assert differs["training.epochs"] == [5, 9] and differs["seed"] == [1, 2]
    assert set(differs) == {"training.epochs", "augment.gain.probability", "seed"}
    networks = compare([first, third]).differs
    assert networks["model.name"] == ["fnn", "cnn"] and None in next(
        v for k, v in networks.items() if k != "model.name"
    )
    assert all(path.startswith("model.") for path in networks)
    assert compare([first, ended(project.folder, ("model.name=fnn", "training.epochs=5"), seed=1)]).differs == {}


def test_options_of_before_are_compared_as_they_were_written(project: Project) -> None:
    made = ended(project.folder)
    text = (made / "job.toml").read_text()
    (made / "job.toml").write_text(text.replace("[settings.training]\n", "[settings.training]\nforgotten = 7\n"))
    assert flat_settings(made)["training.forgotten"] == 7
    assert compare([made, ended(project.folder)]).differs == {"training.forgotten": [7, None]}


def test_results_on_the_same_clips_are_tested(project: Project) -> None:
    first = with_answers(ended(project.folder), judged(60, range(0, 50)))
    second = with_answers(ended(project.folder, last=3), judged(60, range(20, 60)))
    found = compare([first, second])
    assert found.mcnemar is not None
    assert (found.mcnemar.b, found.mcnemar.c, found.mcnemar.clips) == (20, 10, 60)
    assert found.mcnemar.p == pytest.approx(chi2.sf(81 / 30, 1))
    assert [(one.accuracy, one.clips) for one in found.runs] == [(wilson(50, 60), 60), (wilson(40, 60), 60)]
    assert [one.seconds for one in found.runs] == [10.0, 6.0] and found.notes == ()
    assert [(size, one.run.folder) for size, one in found.points("macs")] == [
        (1_500_000.0, first),
        (1_500_000.0, second),
    ]
    three = compare([first, second, with_answers(ended(project.folder), judged(60, range(60)))])
    assert three.mcnemar is None and three.runs[2].accuracy == wilson(60, 60)


def test_only_clips_that_both_judged_alike_count(project: Project) -> None:
    rows = judged(30, range(30))
    first = with_answers(ended(project.folder), rows)
    other = [(path, "_unknown_" if path.endswith("_3.wav") else label, answer) for path, label, answer in rows[5:]]
    other += [("clips/low/a_nohash_3.wav", "_unknown_", "low")]
    found = compare([first, with_answers(ended(project.folder), other)])
    assert found.mcnemar is not None and found.mcnemar.clips == 25 == found.runs[0].clips
    assert found.notes == ("5 clips are left out: not all of the runs judged them under the same label",)


def test_clips_that_a_run_was_trained_on_are_no_test_of_it(project: Project) -> None:
    first = with_answers(ended(project.folder), judged(30, range(30)))
    second = with_answers(ended(project.folder), judged(30, range(15)))
    rows = [
        ClipRow(f"clips/low/a_nohash_{i}.wav", "training" if i < 10 else "validation", "low", "") for i in range(30)
    ]
    RunFolder(second).clips.write(rows)
    found = compare([first, second])
    assert found.mcnemar is not None and (found.mcnemar.b, found.mcnemar.clips) == (15, 20)
    assert found.notes == ("10 clips are left out: one of the runs was trained on them",)


def test_runs_of_different_clips_are_not_tested(project: Project, tmp_path: Path) -> None:
    other = Project.create(tmp_path / "other", words=("low", "high"))
    first = with_answers(ended(project.folder), judged(20, range(10)))
    second = with_answers(ended(other.folder), judged(20, range(20)))  # the same names in another project
    found = compare([first, second])
    assert found.mcnemar is None and "different clips" in found.notes[0]
    assert [one.accuracy for one in found.runs] == [wilson(10, 20), wilson(20, 20)]


def model_of(folder: Path, *, deaf: bool = False) -> Path:
    """Its model file: one that knows the tones, or one that takes every clip for the high one."""
    graph = tone_model.network()
    if deaf:
        bias = next(one for one in graph.graph.initializer if one.name == "bias")
        bias.raw_data = b"".join(struct.pack("<f", value) for value in (-1000.0, 1000.0, 0.0, 0.0))
    tone_model.write(folder / "fnn.kws", network=graph.SerializeToString())
    return folder


@pytest.mark.parametrize("split", ["validation", "testing"])
def test_a_model_is_asked_where_no_answers_were_kept(tones: Project, split: str) -> None:
    clips = len(tones.clips(split=split))  # type: ignore[arg-type]
    assert clips >= 4
    told: list[tuple[int, int]] = []
    first, second = model_of(ended(tones.folder)), model_of(ended(tones.folder), deaf=True)
    found = compare([first, second], split=split, progress=lambda done, total: told.append((done, total)))  # type: ignore[arg-type]
    assert [one.accuracy for one in found.runs] == [wilson(clips, clips), wilson(clips // 2, clips)]
    assert found.mcnemar is not None and (found.mcnemar.b, found.mcnemar.c) == (clips // 2, 0)
    assert told[-1] == (2 * clips, 2 * clips) and found.notes == ()


def test_answers_on_validation_are_not_taken_for_testing(tones: Project) -> None:
    runs = [with_answers(model_of(ended(tones.folder)), judged(20, range(0))) for _ in range(2)]
    assert compare(runs).runs[0].accuracy == wilson(0, 20)
    tested = compare(runs, split="testing").runs[0].accuracy
    assert tested is not None and tested.share == 1.0


def test_a_run_without_a_model_is_compared_as_far_as_it_goes(tones: Project) -> None:
    whole, cut_off = model_of(ended(tones.folder)), run_folder(tones.folder, events=epochs(3))
    found = compare([whole, cut_off])
    assert found.mcnemar is None and found.runs[1].accuracy is None and found.runs[0].accuracy is not None
    assert len(found.runs[1].run.epochs) == 3 and "no model file" in found.notes[0]
    assert [one.run.folder for _, one in found.points("parameters")] == [whole]


def test_damaged_answers_are_named_and_cut_off_ones_passed_over(project: Project) -> None:
    whole = with_answers(ended(project.folder), judged(20, range(20)))
    cut = with_answers(ended(project.folder), judged(20, range(20)))
    text = (cut / "validation.csv").read_text()
    (cut / "validation.csv").write_text(text[: text.index("_19.wav") + 9])
    assert compare([whole, cut]).runs[0].clips == 19
    for content in ("", "a,b\n1,2\n", 'path,label,predicted\n"unclosed'):
        (cut / "validation.csv").write_text(content)
        found = compare([whole, cut])
        assert found.mcnemar is None and found.runs[1].accuracy is None
        assert "validation.csv is damaged" in found.notes[0]


def test_false_alarms_are_shown_where_they_were_measured(project: Project) -> None:
    first, second, third = (ended(project.folder) for _ in range(3))
    (first / "evaluation.json").write_text(json.dumps({"false_alarms_per_hour": 0.5}))
    (second / "evaluation.json").write_text("[")
    assert [one.false_alarms_per_hour for one in compare([first, second, third]).runs] == [0.5, None, None]


def test_what_cannot_be_compared_is_said(project: Project) -> None:
    run = ended(project.folder)
    damaged = ended(project.folder)
    (damaged / "job.toml").write_text("")
    for runs, said in (
        ([run], "at least two runs"), ([run, run], "each named once"), ([run, project.folder], "is no run"),
        ([run, project.folder / "runs/none"], "There is no run"), ([run, damaged], "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(TrainingError, match=said):
            compare(runs)


def test_the_command_line_compares(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = with_answers(ended(project.folder, ("training.epochs=5",), name="short"), judged(60, range(0, 50)))
    second = with_answers(ended(project.folder, ("training.epochs=9",)), judged(60, range(0, 20)))
    assert main(["compare", str(first), str(second), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["differs"] == {"training.epochs": [5, 9]} and len(said["runs"]) == 2
    assert said["mcnemar"] == {"b": 30, "c": 0, "p": pytest.approx(chi2.sf(29**2 / 30, 1)), "clips": 60}
    accuracy = said["runs"][0]["accuracy"]
    assert accuracy["clips"] == 60 and accuracy["low"] < 50 / 60 == accuracy["share"] < accuracy["high"]
    assert main(["compare", str(first), str(second)]) == 0
    text = capsys.readouterr().out
    assert "short" in text and "training.epochs" in text and "Short is better, beyond chance" in text
    assert main(["compare", str(first), str(first)]) == 1 and "each named once" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", str(first)])


def test_the_list_of_clips_is_read_back(tones: Project, tmp_path: Path) -> None:
    clips = [clip.path for clip in tones.clips()[:5]]
    odd = tones.folder / 'clips/low/a "b", c\nd.wav'
    odd.write_bytes(clips[0].read_bytes())
    rows = [row_of(path, project=tones.folder, split="training", label="low") for path in [*clips, odd]]
    assert rows[0].path.startswith("clips/") and rows[0].sha256 == sha256_of(clips[0]) and len(rows[0].sha256) == 64
    RunFolder(tmp_path).clips.write(iter(rows))
    assert list(RunFolder(tmp_path).clips.read()) == rows == list(ClipListFile(tmp_path / "clips.csv").read())
    assert [located(row, tones.folder) for row in rows] == [*clips, odd]
    assert [path.name for path in tmp_path.glob("*.csv")] == ["clips.csv"] and not list(tmp_path.glob(".*"))


def test_a_clip_gone_during_the_run_is_listed_without_its_hash(tones: Project, tmp_path: Path) -> None:
    paths = [clip.path for clip in tones.clips()[:3]]
    part = LoadedClips(torch.zeros((3, 1), dtype=torch.int16), torch.zeros(3, dtype=torch.int64), paths)
    paths[1].unlink()
    listing = ClipListing(
        RunFolder(tmp_path), Data(("low", "_unknown_", "_silence_"), part, part, torch.zeros(0)), tones
    )
    assert list(listing.end()) == []
    rows = list(RunFolder(tmp_path).clips.read())
    assert [tones.folder / row.path for row in rows] == [*paths, *paths]
    assert [bool(row.sha256) for row in rows] == [True, False, True] * 2


def test_shipped_clips_are_found_wherever_the_program_is(tmp_path: Path) -> None:
    from kws_engine import resources

    shipped = next(resources.path("starter", "clips", "stop").iterdir())
    row = row_of(shipped, project=tmp_path, split="training", label="_unknown_")
    assert located(row, tmp_path) == shipped
    elsewhere = ClipRow(f"/opt/of/someone/resources/starter/clips/stop/{shipped.name}", "training", "_unknown_", "")
    assert located(elsewhere, tmp_path) == shipped
    assert not located(ClipRow("/opt/starter/clips/../../../etc/x", "training", "a", ""), tmp_path).exists()


def test_a_damaged_list_of_clips_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no list of its clips"):
        list(RunFolder(tmp_path).clips.read())
    header = "path,split,label,sha256\n"
    for content in (
        "",
        "a,b\n",
        header + "x,y\n",
        header + '"unclosed',
        header + ",training,low,ab\n",
        header + "a\0b,c,d,e\n",
    ):
        (tmp_path / "clips.csv").write_text(content)
        with pytest.raises(TrainingError, match="is damaged"):
            list(RunFolder(tmp_path).clips.read())


def test_wilson_and_p_values_stay_in_range() -> None:
    assert all(0 <= mcnemar(b, c, clips=200).p <= 1 for b in range(0, 100, 7) for c in range(0, 100, 7))
    assert not math.isnan(mcnemar(0, 0, clips=0).p)
