"""The command line: every command's lines and exit status, in JSON and for people."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tone_model
from speech_project import QUICK, WORDS, Trained
from virtual_microphone import VirtualMicrophone
from waiting import assert_stays, wait_until

from kws_engine import __version__, audio
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.commands import microphone as microphone_commands

ROOT = Path(__file__).parents[2]
KWS = (sys.executable, "-m", "kws_engine.cli")


@pytest.fixture
def kws(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command here: status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse ends like this
            status = int(str(end.code))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


Kws = Callable[..., tuple[int, str, str]]


def lines(out: str) -> list[dict[str, Any]]:
    """What a command printed with --json: objects, and nothing else."""
    return [json.loads(line) for line in out.splitlines()]


def one_sentence(status: int, out: str, err: str) -> str:
    """What a command that failed said, after it was found to be what a person should see."""
    assert status == 1, (status, err)
    said = err.splitlines()[-1]
    assert said.startswith("kws ") and ": " in said and "Errno" not in said
    return said


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **more}


def command(*arguments: object, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*KWS, *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **more,
    )  # fmt: skip


def line_where(stream: Any, found: Callable[[str], bool]) -> str:
    """The next line that is wanted."""
    for line in stream:
        if found(line):
            return str(line)
    raise AssertionError("the program ended first")


def test_version_and_usage(kws: Kws) -> None:
    assert kws("--version") == (0, f"kws {__version__}\n", "")
    done = subprocess.run([*KWS, "--version"], capture_output=True, text=True, env=environment(), timeout=60)
    assert (done.returncode, done.stdout) == (0, f"kws {__version__}\n")
    for arguments in ((), ("sing",), ("new",), ("train", "p", "--seed", "-1"), ("train", "p", "--threads", "0"),
                      ("record", "p", "w", "--takes", "0"), ("listen", "m", "--seconds", "nan"),
                      ("models", "--labels", "0"), ("new", "p", "--words", ","),
                      ("evaluate", "m", "p", "--split", "some")):  # fmt: skip
        status, out, err = kws(*arguments)
        assert status == 2 and out == "" and "usage:" in err
    status, out, _ = kws("--help")
    assert status == 0
    for name in ("new", "import", "info", "devices", "record", "train", "evaluate", "listen", "models", "demo"):
        assert f"  {name} " in out


def test_a_project_is_made_filled_and_looked_at(kws: Kws, tmp_path: Path, speech: Path) -> None:
    folder = tmp_path / "mine"
    status, out, _ = kws("new", folder, "--words", "lights,music", "--json")
    assert status == 0 and lines(out)[0]["words"] == ["lights", "music"]
    (speech / "music/broken_nohash_0.wav").write_text("no sound")
    status, out, _ = kws("import", folder, speech, "--words", "lights,music", "--rest-unknown", "--json")
    (imported,) = lines(out)
    keys = {"event", "clips", "words", "skipped", "notes", "noises", "speakers_unknown", "already_there"}
    assert status == 0 and set(imported) == keys
    assert imported["event"] == "imported" and imported["clips"] == 81
    assert imported["words"] == {"lights": 27, "music": 27, "_unknown_": 27}
    (skipped,) = imported["skipped"]
    assert set(skipped) == {"path", "reason"} and skipped["path"].endswith("broken_nohash_0.wav")
    status, out, _ = kws("info", folder, "--json")
    (info,) = lines(out)
    assert (
        status == 0 and set(info) == {"words", "split_by"} and list(info["words"]) == ["lights", "music", "_unknown_"]
    )
    assert info["split_by"] == dict.fromkeys(info["words"], "speaker")
    assert info["words"]["lights"] == {"training": 15, "validation": 6, "testing": 6, "speakers": 9, "seconds": 27.0}


def test_the_same_for_people(kws: Kws, tmp_path: Path, speech: Path) -> None:
    folder = tmp_path / "mine"
    assert "kws record" in kws("new", folder)[1]
    assert "no words yet" in kws("info", folder)[1] or "_unknown_" in kws("info", folder)[1]
    (speech / "stop/broken_nohash_0.wav").write_text("no sound")
    status, out, _ = kws("import", folder, speech)
    assert status == 0 and "81 clips imported: " in out and "left out" in out and "broken_nohash_0.wav" in out
    assert not out.startswith("{")
    status, out, _ = kws("info", folder)
    assert status == 0 and out.splitlines()[0].split() == [
        "word", "training", "validation", "testing", "speakers", "seconds"
    ]  # fmt: skip


@pytest.mark.slow
def test_training_tells_every_epoch_and_one_ending(kws: Kws, project: Project) -> None:
    options = [part for option in QUICK for part in ("--set", option)]
    status, out, err = kws("train", project.folder, "--threads", 1, "--model", "fnn", "--json", *options)
    told = lines(out)
    assert status == 0 and [one["event"] for one in told] == ["started", "epoch", "promised", "finished"], err
    assert set(told[1]) == {
        "event", "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate",
        "seconds",
    }  # fmt: skip
    assert set(told[3]) == {"event", "run", "model", "best_epoch", "validation_accuracy", "stopped_early"}
    assert Path(told[3]["model"]).is_file() and "Reading training clips" in err


def test_training_for_people_and_what_ends_it(kws: Kws, project: Project) -> None:
    for clip in project.clips(word="music"):
        project.edit.delete([clip])
    status, out, err = kws("train", project.folder, "--json")
    assert "'music' has 0 clips" in one_sentence(status, out, err)
    assert [set(one) for one in lines(out)] == [{"event", "message", "kind"}] and lines(out)[0]["event"] == "failed"
    status, out, err = kws("train", project.folder)
    assert "'music' has 0 clips" in one_sentence(status, out, err) and out == ""


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(("--set", "model.widht=1.5"), "model.width"), (("--set", "training.epoch=3"), "training.epochs"),
     (("--model", "tc_resnt"), "tc_resnet"), (("--model", "tc_resnet:16"), "14"),
     (("--set", "model.width=9"), "Width"), (("--set", "training.epochs"), "OPTION=VALUE")],
)  # fmt: skip
def test_an_option_that_does_not_fit_is_refused_by_name(
    kws: Kws, project: Project, arguments: tuple[str, ...], near: str
) -> None:
    status, out, err = kws("train", project.folder, *arguments, "--json")
    assert status == 2 and near in err and len(err.splitlines()) == 1
    (failed,) = lines(out)
    assert failed["event"] == "failed" and near in failed["message"]
    assert list(project.runs_folder.glob("*")) == []


def test_training_nothing_fails_in_an_event(kws: Kws, tmp_path: Path, project: Project) -> None:
    status, out, err = kws("train", tmp_path / "none", "--json")
    assert "There is no project" in one_sentence(status, out, err)
    assert [one["event"] for one in lines(out)] == ["failed"]
    status, out, err = kws("train", tmp_path / ("n" * 300), "--json")
    assert "File name too long" in one_sentence(status, out, err)
    assert [one["event"] for one in lines(out)] == ["failed"]
    project.edit.save_settings({"training": {"epoch": 3}})
    assert "project.toml" in one_sentence(*kws("train", project.folder))


@pytest.mark.slow
def test_a_run_stopped_by_a_signal_finishes_with_what_it_has(project: Project) -> None:
    options = [part for option in (*QUICK, "training.epochs=9000") for part in ("--set", option)]
    with command("train", project.folder, "--json", "--threads", 1, *options) as process:
        line_where(process.stdout, lambda line: '"epoch"' in line and "train_loss" in line)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    finished = lines(out)[-1]
    assert finished["event"] == "finished" and finished["stopped_early"] and "Traceback" not in err


@pytest.mark.slow
def test_a_model_is_judged_on_a_project_and_on_a_folder(kws: Kws, trained: Trained, speech: Path) -> None:
    status, out, _ = kws("evaluate", trained.model, trained.project.folder, "--json")
    (judged,) = lines(out)
    assert status == 0 and set(judged) == {
        "accuracy", "clips", "per_word", "confusion", "skipped", "left_out", "as_unknown", "promise",
    }  # fmt: skip
    assert judged["clips"] == 27 and set(judged["confusion"]) == {"labels", "counts"}
    assert set(judged["per_word"]["stop"]) == {"precision", "recall", "f1", "clips"}
    (speech / "stop").rename(speech / "halt")  # a word that the model does not know
    (speech / "music/broken_nohash_0.wav").write_text("no sound")
    status, out, err = kws("evaluate", trained.model, speech, "--json")
    (judged,) = lines(out)
    assert status == 0 and judged["clips"] == 81 and judged["per_word"]["_unknown_"]["clips"] == 27
    assert [Path(one["path"]).name for one in judged["skipped"]] == ["broken_nohash_0.wav"]
    assert "left out" in err and "broken_nohash_0.wav" in err
    status, out, _ = kws("evaluate", trained.model, speech)
    assert status == 0 and "clips right" in out and "precision" in out


@pytest.mark.slow
def test_a_project_of_other_words_can_be_judged(kws: Kws, trained: Trained, tmp_path: Path, speech: Path) -> None:
    kws("new", tmp_path / "other")
    (speech / "music").rename(speech / "tune")
    kws("import", tmp_path / "other", speech, "--words", "tune")
    status, out, _ = kws("evaluate", trained.model, tmp_path / "other", "--split", "all", "--json")
    assert status == 0 and list(lines(out)[0]["per_word"])[-1] and lines(out)[0]["clips"] == 27
    assert lines(out)[0]["per_word"]["_unknown_"]["clips"] == 27


TONES = ["low", "high", "low"]


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hears two tones and cannot err on them."""
    return tone_model.write(tmp_path_factory.mktemp("tones") / "tones.kws")


@pytest.fixture(scope="session")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight and a half seconds: TONES with pauses."""
    pieces = [tone_model.pause(1.0)]
    for word in TONES:
        pieces += [tone_model.tone(word, 1.0), tone_model.pause(1.5)]
    path = tmp_path_factory.mktemp("sounding") / "tones.wav"
    audio.write(path, np.concatenate(pieces), rate=16_000)
    return path


@pytest.fixture(scope="session")
def spoken(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each word that the model has learned twice, with pauses."""
    pieces = [np.zeros(16_000, np.float32)]
    for word in (*WORDS, *WORDS):
        clip = trained.project.clips(word=word, split="training")[len(pieces)]
        pieces += [audio.read(clip.path, rate=16_000), np.zeros(24_000, np.float32)]
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    audio.write(path, np.concatenate(pieces), rate=16_000)
    return path


def words_of(told: list[dict[str, Any]]) -> list[str]:
    return [one["word"] for one in told if one["event"] == "detection"]


def test_words_are_found_in_a_file(kws: Kws, tones: Path, sounding: Path) -> None:
    status, out, _ = kws("listen", tones, "--file", sounding, "--json")
    told = lines(out)
    assert status == 0 and words_of(told) == TONES
    assert all(set(one) == {"event", "word", "at_s", "score"} for one in told[:-1])
    assert set(told[-1]) == {"event", "audio_s", "cpu_s", "lost_samples"} and told[-1]["event"] == "finished"
    assert told[-1]["audio_s"] == 8.5 and told[-1]["lost_samples"] == 0
    for start_s, one in zip((1.0, 3.5, 6.0), told, strict=False):
        assert start_s < one["at_s"] < start_s + 1.75 and 0.7 <= one["score"] <= 1
    status, out, _ = kws("listen", tones, "--file", sounding, "--seconds", 3)
    assert status == 0 and "3.0 s heard" in out and "low" in out and "high" not in out


def test_a_trained_model_finds_the_words_that_it_learned(kws: Kws, trained: Trained, spoken: Path) -> None:
    status, out, _ = kws("listen", trained.model, "--file", spoken, "--json", "--set", "detector.threshold=0.5")
    assert status == 0 and len(set(words_of(lines(out))) & set(WORDS)) >= 2


def test_listening_options_are_the_detectors(kws: Kws, tones: Path, sounding: Path) -> None:
    def listen(option: str) -> tuple[int, str, str]:
        return kws("listen", tones, "--file", sounding, "--json", "--set", option)

    status, out, _ = listen("detector.refractory_ms=4000")
    assert status == 0 and words_of(lines(out)) == ["low", "low"]
    for option, said in (("detector.treshold=1", "detector.threshold"), ("model.width=1", "cannot be set")):
        status, out, err = listen(option)
        assert status == 2 and said in err and out == ""


@pytest.mark.parametrize("arguments", [("listen", "--file"), ("evaluate",)])
def test_listening_and_judging_load_no_torch(trained: Trained, spoken: Path, arguments: tuple[str, ...]) -> None:
    name, *flags = arguments
    sound = spoken if flags else trained.project.folder
    code = "import sys\nfrom kws_engine.cli import main\nstatus = main(sys.argv[1:])\n"
    code += "sys.exit(status or ('torch' in sys.modules or 'sounddevice' in sys.modules) * 9)"
    call = [sys.executable, "-c", code, name, str(trained.model), *flags, str(sound)]
    done = subprocess.run(call, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_networks_are_listed_with_their_cost(kws: Kws) -> None:
    status, out, _ = kws("models", "--json")
    told = lines(out)
    assert status == 0 and all(set(one) == {"name", "preset", "parameters", "macs"} for one in told)
    assert {one["name"] for one in told} >= {"fnn", "cnn", "tc_resnet"}
    sizes = {one["preset"]: one["parameters"] for one in told if one["name"] == "tc_resnet"}
    assert sizes["8"] == pytest.approx(65_200, rel=0.01) and sizes["14"] == pytest.approx(135_900, rel=0.01)
    more = {one["preset"]: one["parameters"] for one in lines(kws("models", "--labels", 40, "--json")[1])
            if one["name"] == "tc_resnet"}  # fmt: skip
    assert more["8"] > sizes["8"] and "tc_resnet" in kws("models")[1]


def test_microphones_are_listed(kws: Kws, virtual_microphone: VirtualMicrophone) -> None:
    status, out, _ = kws("devices", "--json")
    names = [one["name"] for one in lines(out)]
    assert status == 0 and "Desk" in names and len(names) == len(set(names))
    assert sum(one["is_default"] for one in lines(out)) == 1
    status, out, _ = kws("devices")
    assert status == 0 and "Desk" in out and "default" in out


@pytest.fixture
def word_in_the_air(trained: Trained, tmp_path: Path, virtual_microphone: VirtualMicrophone) -> Iterator[None]:
    """A word said again and again into the microphone."""
    clip = trained.project.clips(word="stop", split="training")[0]
    sound = np.concatenate([audio.read(clip.path, rate=16_000), np.zeros(12_000, np.float32)])
    audio.write(tmp_path / "again.wav", np.tile(sound, 12), rate=16_000)
    virtual_microphone.play(tmp_path / "again.wav")
    yield
    virtual_microphone.hush()


def test_takes_are_recorded(kws: Kws, tmp_path: Path, word_in_the_air: None) -> None:
    project = Project.create(tmp_path / "mine")
    status, out, err = kws("record", project.folder, "stop", "--takes", 2, "--speaker", "ann", "--json")
    told = lines(out)
    assert status == 0, err
    assert [one["event"] for one in told] == ["take", "take", "finished"] and told[-1]["takes"] == 2
    project.refresh()
    assert [Path(one["path"]) for one in told[:2]] == [clip.path for clip in project.clips(word="stop")]
    assert {clip.speaker for clip in project.clips()} == {"ann"} and "say “stop” now" in err
    assert all(audio.peak_db(audio.read(clip.path, rate=16_000)) > -40 for clip in project.clips())


@pytest.mark.slow
def test_a_take_with_lost_samples_is_said_again(
    kws: Kws, tmp_path: Path, word_in_the_air: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computer too busy to read: the reader waits longer than the ring is long, once."""
    project = Project.create(tmp_path / "mine", words=["stop"])
    real, waits = microphone_commands.Microphone, iter([0.0, 1.2])
    monkeypatch.setattr(microphone_commands, "Microphone", lambda device: real(device, ring_seconds=0.5))
    sleep = time.sleep
    monkeypatch.setattr(microphone_commands.time, "sleep", lambda seconds: sleep(next(waits, seconds)))
    status, out, err = kws("record", project.folder, "stop", "--json")
    assert status == 0, err
    assert "samples were lost" in err and "Say it again" in err and lines(out)[0]["event"] == "take"
    project.refresh()
    assert len(project.clips()) == 1


@pytest.mark.slow
def test_silence_is_no_take(kws: Kws, tmp_path: Path, virtual_microphone: VirtualMicrophone) -> None:
    project = Project.create(tmp_path / "mine", words=["stop"])
    said = one_sentence(*kws("record", project.folder, "stop"))
    assert "3 attempts" in said and "No sound at all" in said
    project.refresh()
    assert project.clips() == []


@pytest.mark.slow
def test_a_microphone_is_listened_to_until_the_time_is_up(
    kws: Kws, tones: Path, sounding: Path, virtual_microphone: VirtualMicrophone
) -> None:
    virtual_microphone.play(sounding)
    status, out, err = kws("listen", tones, "--seconds", 10, "--json", "--device", "default")
    told = lines(out)
    assert status == 0 and words_of(told) == TONES, (told, err)
    assert told[-1]["audio_s"] == 10.0 and told[-1]["lost_samples"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_listening_ends_politely(tones: Path, virtual_microphone: VirtualMicrophone, number: int) -> None:
    with command("listen", tones, "--json") as process:
        line_where(process.stderr, lambda line: "Listening for" in line)
        assert_stays(lambda: process.poll() is None, seconds=0.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in err
    assert [one["event"] for one in lines(out)][-1] == "finished"


def test_an_import_that_is_interrupted_leaves_no_traceback(tmp_path: Path, speech: Path) -> None:
    project = Project.create(tmp_path / "mine")
    for number in range(400):
        source = speech / f"stop/voice{number}_nohash_0.wav"
        audio.write(source, np.random.default_rng(number).uniform(-0.5, 0.5, 44_100), rate=44_100)
    with command("import", project.folder, speech, "--json") as process:
        wait_until(lambda: list(project.clips_folder.glob("*/*.wav")) or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in err, err
    project.refresh()
    assert lines(out)[0]["clips"] == len(project.clips())
    assert 0 < len(project.clips()) < 481, "what came in before stays"


@pytest.mark.slow
def test_output_that_nobody_reads_ends_quietly() -> None:
    with command("models", "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(120) == 1
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_the_demo_does_the_main_job(kws: Kws) -> None:
    """The longest test: half a minute and more."""
    status, out, err = kws("demo", "--json")
    told = lines(out)
    kinds = [one["event"] for one in told]
    assert status == 0, err
    assert kinds == ["started", *["epoch"] * (len(kinds) - 5), "promised", "finished", "evaluated", "listened"]
    assert told[-2]["accuracy"] > 0.6 and sum(told[-1]["hits"].values()) > 0
    assert 0 <= told[-1]["miss_rate"] <= 1 and told[-1]["hours"] > 0


def test_sound_of_any_rate_is_listened_to(kws: Kws, tones: Path, sounding: Path, tmp_path: Path) -> None:
    sound = audio.read(sounding, rate=16_000)
    pair = np.stack([audio.resample(sound, 16_000, 8000)] * 2, axis=1)
    soundfile.write(tmp_path / "8k.wav", pair, 8000)
    soundfile.write(tmp_path / "96k.wav", audio.resample(sound, 16_000, 96_000), 96_000, subtype="FLOAT")
    for name in ("8k.wav", "96k.wav"):
        status, out, _ = kws("listen", tones, "--file", tmp_path / name, "--json")
        assert status == 0 and words_of(lines(out)) == TONES
        assert lines(out)[-1]["audio_s"] == pytest.approx(8.5, abs=0.01)
