"""Parts from the command line: what kws split, info, train and evaluate say and change, on spoken words."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from speech_project import Trained, starter_part

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.project import Project

Kws = Callable[..., tuple[int, str, str]]
DATA = Path(__file__).parents[2].parent / "shared/data/speech_commands"
SMALL = ("training.epochs=1", "training.clips_per_epoch=60", "training.shipped_unknown=no", "model.name=fnn")


@pytest.fixture
def kws(capsys: pytest.CaptureFixture[str]) -> Kws:
    """Runs a command here: status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def result(kws: Kws, *arguments: object) -> dict[str, Any]:
    """The last line of a command with --json."""
    status, out, err = kws(*arguments, "--json")
    assert status == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def one_voice(folder: Path, takes: int, *words: str) -> Path:
    """So many takes of each word, all said to be by one person, with names that say so or, without a name, nothing."""
    for word in words:
        (folder / word).mkdir(parents=True)
        source = starter_part(folder.parent / f"of {word}", words=(word,)) / word
        for take, path in enumerate(sorted(source.iterdir())[:takes]):
            shutil.copyfile(path, folder / word / f"me_nohash_{take}.wav")
    return folder


def parts(project: Path) -> dict[str, str]:
    clips = Project.open(project).clips(include_excluded=True)
    return {f"{clip.word}/{clip.path.name}": clip.split for clip in clips}


@pytest.mark.slow
@pytest.mark.parametrize("takes", [2, 8, 20])
def test_takes_of_one_voice_are_imported_trained_and_judged(kws: Kws, tmp_path: Path, takes: int) -> None:
    project = tmp_path / "p"
    kws("new", project)
    assert kws("import", project, one_voice(tmp_path / "set", takes, "lights", "music"))[0] == 0
    info = result(kws, "info", project)
    assert info["split_by"] == {"lights": "take", "music": "take"}
    of_lights = info["words"]["lights"]
    assert of_lights["training"] + of_lights["validation"] + of_lights["testing"] == takes
    assert of_lights["validation"] and (of_lights["testing"] or takes < 8)
    assert "split by take, with some speakers in several parts (me): lights, music" in kws("info", project)[1]
    options = [part for option in SMALL for part in ("--set", option)]
    status, out, err = kws("train", project, "--threads", 1, *options)
    assert status == 0, err
    assert f"on {2 * of_lights['validation']} clips only: " in out or "clips of a word only: " in out
    model = next(project.glob("runs/*/*.kws"))
    split = "validation" if takes < 8 else "testing"
    status, out, err = kws("evaluate", model, project, *(("--split", "validation") if takes < 8 else ()))
    assert status == 0 and out.startswith(f"on {2 * of_lights[split]} clips only: "), err
    assert f"left out: {2 * of_lights['training']} in the training part" in out


def test_words_with_too_few_takes_are_named(kws: Kws, tmp_path: Path) -> None:
    project = tmp_path / "p"
    kws("new", project, "--words", "lights,music,stop")
    kws("import", project, one_voice(tmp_path / "set", 1, "lights"))
    assert (
        "'lights' has 1 clip to learn from" in kws("train", project)[2]
        or "'music' has 0 clips" in kws("train", project)[2]
    )
    kws("import", project, one_voice(tmp_path / "more", 3, "music", "stop"))
    assert "'lights' has 1 clip to learn from and none to validate it: record at least 2" in kws("train", project)[2]


def test_parts_are_shown_set_and_given_back(kws: Kws, project: Project) -> None:
    folder, before = project.folder, parts(project.folder)
    shown = result(kws, "split", folder)
    assert set(shown) == {"event", "moved", "words", "split_by", "by_hand", "undo"} and shown["event"] == "split"
    assert shown["moved"] == shown["by_hand"] == shown["undo"] == []
    assert shown["words"]["lights"]["espeakannie3"] == {"training": 0, "validation": 3, "testing": 0}
    assert set(shown["split_by"].values()) == {"speaker"}
    status, out, _ = kws("split", folder)
    assert status == 0 and out.splitlines()[0].split() == ["word", "speaker", "training", "validation", "testing"]

    told = result(kws, "split", folder, "--speaker", "flitekal0", "--to", "validation")
    assert len(told["moved"]) == 9 == len(told["by_hand"])
    assert {(one["from"], one["to"], one["by_hand_before"]) for one in told["moved"]} == {
        ("training", "validation", None)
    }
    assert set(told["moved"][0]) == {"clip", "word", "speaker", "take", "from", "to", "by_hand_before"}
    assert told["words"]["stop"] == {"flitekal0": {"training": 0, "validation": 3, "testing": 0}}
    changed = parts(folder)
    assert {key for key in before if changed[key] != before[key]} == {key for key in before if "flitekal0" in key}

    assert result(kws, "split", folder, "--speaker", "flitekal0", "--to", "validation")["moved"] == []
    told = result(kws, "split", folder, "--word", "stop", "--takes", "0,2", "--to", "testing")
    assert {one["word"] for one in told["moved"]} == {"stop"} and {one["take"] for one in told["moved"]} == {0, 2}
    for arguments in told["undo"]:
        assert result(kws, "split", *arguments)["moved"]
    assert parts(folder) == changed
    assert result(kws, "split", folder, "--auto")["by_hand"] == [] and parts(folder) == before
    assert "0 clips moved" in kws("split", folder, "--auto")[1]


def test_what_was_printed_to_undo_a_change_undoes_it(kws: Kws, project: Project) -> None:
    before = parts(project.folder)
    status, out, _ = kws("split", project.folder, "--word", "music", "--to", "training")
    (undo,) = [line for line in out.splitlines() if line.startswith("undo: kws split ")]
    assert status == 0 and parts(project.folder) != before
    assert kws(*shlex.split(undo.removeprefix("undo: kws ")))[0] == 0
    assert parts(project.folder) == before


@pytest.mark.parametrize("named", ["from here", "in the project", "in its clips"])
def test_a_clip_is_named_from_anywhere(kws: Kws, project: Project, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = project.clips(word="stop")[0]
    monkeypatch.chdir(clip.path.parent)
    path = {"from here": clip.path.name, "in the project": f"clips/stop/{clip.path.name}"}.get(
        named, f"stop/{clip.path.name}"
    )
    (moved,) = result(kws, "split", project.folder, "--clip", path, "--to", "testing")["moved"]
    assert moved["clip"] == str(clip.path) and Project.open(project.folder).clips(word="stop")[0].split == "testing"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--speaker", "nobody", "--to", "testing"), "has no speaker “nobody”: there is espeakadam0"),
        (("--word", "up", "--to", "testing"), "has no word “up”: there is lights, music, stop"),
        (("--word", "stop", "--takes", "0,99", "--auto"), "“stop” has no take 99: there is 0, 1, 2"),
        (("--clip", "none.wav", "--auto"), "none.wav is no clip of"),
        (("--to", "testing"), "--to needs to know which clips"),
        (("--takes", "3", "--auto"), "--takes counts the takes of a word: add --word"),
    ],
)
def test_what_does_not_exist_is_named(kws: Kws, project: Project, arguments: tuple[str, ...], said: str) -> None:
    before = parts(project.folder)
    status, out, err = kws("split", project.folder, *arguments, "--json")
    assert status == 1 and out == "" and said in err and len(err.splitlines()) == 1
    assert parts(project.folder) == before


@pytest.mark.parametrize("arguments", [("--to", "test"), ("--takes", "a"), ("--auto", "--to", "testing")])
def test_usage(kws: Kws, project: Project, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        kws("split", project.folder, *arguments)


@pytest.mark.slow
def test_a_foreign_folder_is_judged_whole_and_what_is_left_out_is_counted(
    kws: Kws, trained: Trained, speech: Path
) -> None:
    (speech / "music").rename(speech / "tune")
    (speech / "_silence_").mkdir()
    audio.write(speech / "_silence_/a_nohash_0.wav", audio.read(next((speech / "stop").iterdir()), rate=16_000) * 0,
                rate=16_000)  # fmt: skip
    (speech / "stop/anna").mkdir()
    for place in ("stop/anna/a.wav", "loose.wav", "_other_/a.wav", "_background_noise_/hum.wav"):
        (speech / place).parent.mkdir(exist_ok=True)
        shutil.copyfile(next((speech / "lights").iterdir()), speech / place)
    (speech / "stop/notes.txt").write_text("about")
    (speech / "stop/broken.wav").write_text("no sound")
    status, out, err = kws("evaluate", trained.model, speech, "--json", "--clips")
    *clips, judged = map(json.loads, out.splitlines())
    assert status == 0, err
    assert judged["clips"] == 82 == len(clips) and judged["as_unknown"] == {"tune": 27}
    assert judged["per_word"]["_silence_"]["clips"] == 1
    assert judged["per_word"]["music"] == {"precision": None, "recall": None, "f1": None, "clips": 0}
    assert {one["reason"]: one["clips"] for one in judged["left_out"]} == {
        "cannot be read": 1,
        "beside the folders of words": 1,
        "not called like a sound": 1,
        "in _other_, which is no word": 1,
        "in _background_noise_, which is no word": 1,
        "in a folder within that of a word: name the folder above it": 1,
    }
    for clip in clips:
        assert set(clip) == {"event", "path", "word", "predicted", "scores"} and clip["event"] == "clip"
        assert clip["word"] == Path(clip["path"]).parent.name and set(clip["scores"]) == set(
            judged["confusion"]["labels"]
        )
        assert clip["predicted"] == max(clip["scores"], key=clip["scores"].__getitem__)
        assert sum(clip["scores"].values()) == pytest.approx(1, abs=1e-4)
    status, out, _ = kws("evaluate", trained.model, speech)
    assert "counted as _unknown_, since the model does not know them: tune 27" in out
    (row,) = [line for line in out.splitlines() if line.startswith("music")]
    assert row.split() == ["music", "–", "–", "–", "0"]
    assert result(kws, "evaluate", trained.model, speech, "--split", "testing")["clips"] < 82


@pytest.mark.slow
def test_a_project_is_judged_on_its_testing_part_and_says_what_else_there_is(kws: Kws, trained: Trained) -> None:
    judged = result(kws, "evaluate", trained.model, trained.project.folder)
    of_part = {split: len(trained.project.clips(split=split)) for split in ("training", "validation", "testing")}
    assert judged["clips"] == of_part["testing"]
    assert {one["reason"]: one["clips"] for one in judged["left_out"]} == {
        f"in the {split} part": of_part[split] for split in ("training", "validation")
    }
    assert result(kws, "evaluate", trained.model, trained.project.folder, "--split", "all")["left_out"] == []


@pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not here")
@pytest.mark.parametrize(("speakers", "takes"), [(1, 20), (1, 8), (5, 20), (20, 20)])
def test_real_speech_of_so_many_speakers(kws: Kws, tmp_path: Path, speakers: int, takes: int) -> None:
    for word in ("right", "left"):
        (tmp_path / "set" / word).mkdir(parents=True)
        for number, path in enumerate(sorted((DATA / word).iterdir())[:takes]):
            name = f"{path.name.partition('_')[0]}_nohash_{number}" if speakers == takes else f"v{number % speakers}"
            name = name if speakers == takes else f"{name}_nohash_{number // speakers}"
            shutil.copyfile(path, tmp_path / "set" / word / f"{name}.wav")
    kws("new", tmp_path / "p")
    kws("import", tmp_path / "p", tmp_path / "set")
    info = result(kws, "info", tmp_path / "p")
    for word in ("right", "left"):
        found = info["words"][word]
        assert found["training"] >= takes / 2 and found["validation"] and (takes < 10 or found["testing"])
