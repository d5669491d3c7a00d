"""What people give a program by mistake, by the command line: one clear sentence, status 1, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tone_model
from speech_project import starter_part
from virtual_microphone import VirtualMicrophone
from waiting import wait_until

from kws_engine import audio
from kws_engine.clips.project import Project

ROOT = Path(__file__).parents[2]
KWS = (sys.executable, "-m", "kws_engine.cli")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hears a low and a high tone."""
    return tone_model.write(tmp_path_factory.mktemp("tones") / "tones.kws")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "mine", words=["low"])


def kws(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | more.pop("env", {})
    call = [*more.pop("first", ()), *KWS, *map(str, arguments)]
    return subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120, cwd="/", **more)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a command that failed as it should."""
    assert done.returncode == 1, (done.returncode, done.stderr, done.stdout)
    said = done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr and "Errno" not in said
    assert re.match(r"kws [a-z]+: .{20,}", said), said
    return said


def unlucky(folder: Path) -> dict[str, Path]:
    """Files that are no clips, by what is the matter with them."""
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, 16_000)
    soundfile.write(folder / "whole.flac", sound, 16_000)
    content = (folder / "whole.flac").read_bytes()
    paths = {name: folder / f"{name}.wav" for name in ("text", "empty", "header only", "cut off")}
    paths["text"].write_text("a letter")
    paths["empty"].write_bytes(b"")
    soundfile.write(paths["header only"], np.zeros(0), 16_000)
    paths["cut off"] = folder / "cut off.flac"
    paths["cut off"].write_bytes(content[: len(content) // 2])
    (folder / "whole.flac").unlink()
    return paths


SAID = {"text": "is not audio", "empty": "is empty", "header only": "holds no sound", "cut off": "is cut off"}


@pytest.mark.parametrize("name", SAID)
def test_a_file_that_is_no_sound_is_not_listened_to(name: str, model: Path, tmp_path: Path) -> None:
    path = unlucky(tmp_path)[name]
    said = refusal(kws("listen", model, "--file", path))
    assert path.name in said and SAID[name] in said


def test_files_that_are_no_sound_are_named_and_the_others_come_in(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "words/low"
    folder.mkdir(parents=True)
    paths = unlucky(folder)
    tone = audio.resample(tone_model.tone("low"), 16_000, 8_000)
    soundfile.write(folder / "eight.wav", np.stack([tone, tone], axis=1), 8_000)
    soundfile.write(folder / "high.wav", audio.resample(tone, 8_000, 96_000), 96_000, subtype="FLOAT")
    done = kws("import", project.folder, tmp_path / "words", "--json")
    imported = json.loads(done.stdout)
    assert done.returncode == 0 and imported["clips"] == 2
    assert {Path(one["path"]) for one in imported["skipped"]} == set(paths.values())
    for one in imported["skipped"]:
        assert SAID[Path(one["path"]).stem] in one["reason"]


def test_a_folder_without_a_clip(model: Path, project: Project, tmp_path: Path) -> None:
    (tmp_path / "none/word").mkdir(parents=True)
    (tmp_path / "none/word/text.wav").write_text("a letter")
    for done in (kws("import", project.folder, tmp_path / "none"), kws("evaluate", model, tmp_path / "none")):
        assert "holds no readable clip" in refusal(done)


@pytest.mark.parametrize(("word", "said"), [("a/b", "holds /"), ("x" * 300, "has 300 characters"), ("..", "dot")])
def test_a_word_that_cannot_be_a_folder(project: Project, tmp_path: Path, word: str, said: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert said in refusal(kws("new", tmp_path / "other", "--words", word))
    assert said in refusal(kws("record", project.folder, word))
    assert sorted(path for path in tmp_path.rglob("*") if "sqlite-" not in path.name) == before


@pytest.mark.parametrize("command", [("info",), ("train",), ("record", "low"), ("import", ".")])
def test_a_project_that_is_newer_or_not_there(project: Project, command: tuple[str, ...], tmp_path: Path) -> None:
    name, *rest = command
    assert "There is no project" in refusal(kws(name, tmp_path / "none", *rest))
    file = project.folder / "project.toml"
    file.write_text(file.read_text().replace("schema = 1", "schema = 99"))
    said = refusal(kws(name, project.folder, *rest))
    assert "newer KWS Studio" in said and "update" in said and "schema = 99" in file.read_text()


@pytest.mark.skipif(shutil.which("setpriv") is None or os.getuid() != 0, reason="gives up root's right to write")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "theirs/mine", words=["low"])
    layout = starter_part(tmp_path / "words")
    for folder in (tmp_path / "theirs", *(path for path in (tmp_path / "theirs").rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    for path in project.folder.glob("*.*"):
        path.chmod(0o444)
    before = sorted((tmp_path / "theirs").rglob("*"))
    arguments: tuple[tuple[object, ...], ...] = (("new", tmp_path / "theirs/new"), ("import", project.folder, layout))
    for call in arguments:
        said = refusal(kws(*call, first=("setpriv", "--bounding-set", "-dac_override,-dac_read_search")))
        assert "cannot be written" in said and "choose a folder" in said
    done = kws("info", project.folder, first=("setpriv", "--bounding-set", "-dac_override,-dac_read_search"))
    assert done.returncode == 0 and "low" in done.stdout
    assert sorted((tmp_path / "theirs").rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no zip at all", "is not a KWS Studio model"), ({"../outside": b"x"}, "which no model file holds"),
     ({"/etc/outside": b"x"}, "which no model file holds"), (None, "There is no model file")],
)  # fmt: skip
def test_a_model_file_that_is_none(tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "stranger.kws"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_bytes(tone_model.zipped(tone_model.members() | content))
        assert zipfile.is_zipfile(path)
    for arguments in (("listen", path), ("evaluate", path, tmp_path)):
        assert said in refusal(kws(*arguments)) and not (tmp_path.parent / "outside").exists()


@pytest.mark.slow
def test_two_hours_are_listened_to_in_little_memory(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1, subtype="PCM_U8") as file:
        for _ in range(120):
            file.write(np.zeros(8000 * 60, np.int16))
    code = (
        "import resource, sys\nfrom kws_engine.cli import main\nstatus = main(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\nsys.exit(status)"
    )

    def memory_mb(seconds: int) -> float:
        call = [sys.executable, "-c", code, "listen", str(model), "--file", str(path), "--seconds", str(seconds)]
        call += ["--set", "detector.hop_ms=500"]
        done = subprocess.run(call, capture_output=True, text=True, timeout=300, cwd=ROOT, check=True)
        return int(done.stdout.splitlines()[-1]) / 1024

    assert memory_mb(1800) < memory_mb(5) + 40, "half an hour at 16 kHz alone would be 115 MB"


def test_a_full_disk_while_recording(project: Project, tmp_path: Path, virtual_microphone: VirtualMicrophone) -> None:
    said_again = np.tile(np.concatenate([tone_model.tone("low", 0.6), tone_model.pause(0.7)]), 8)
    audio.write(tmp_path / "again.wav", said_again, rate=16_000)
    virtual_microphone.play(tmp_path / "again.wav")
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000,) * 2); "
    limit += "from kws_engine.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # the index is made before the disk is full
    assert kws("info", project.folder).returncode == 0
    call = [sys.executable, "-c", limit, "record", str(project.folder), "low", "--speaker", "ann"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, env=environment)
    assert "disk is full" in refusal(done)
    assert list((project.clips_folder / "low").iterdir()) == [], "nothing half-written stays"


@pytest.mark.slow
def test_no_microphone(project: Project, model: Path, tmp_path: Path) -> None:
    (tmp_path / "asound.conf").write_text("</usr/share/alsa/alsa.conf>\n")
    alone = {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"), "PULSE_SERVER": "unix:/nowhere"}
    if kws("devices", env=alone).returncode == 0:
        pytest.skip("this machine has a microphone of its own")
    new_word = ("record", project.folder, "door")
    for arguments in (("devices",), new_word, ("record", project.folder, "low"), ("listen", model)):
        said = refusal(kws(*arguments, env=alone))
        assert "microphone" in said.lower() and ("plug" in said or "restart" in said)
    assert Project.open(project.folder).words == ("low",), "a word of which nothing was recorded is not added"


def test_a_microphone_that_is_not_called_so(
    project: Project, model: Path, virtual_microphone: VirtualMicrophone
) -> None:
    for arguments in (("record", project.folder, "low"), ("listen", model)):
        said = refusal(kws(*arguments, "--device", "Moon"))
        assert '"Moon"' in said and "Desk" in said


def unplugged(
    microphone: VirtualMicrophone, arguments: tuple[object, ...], *, wanted: Callable[[str], bool]
) -> subprocess.CompletedProcess[str]:
    """A command whose microphone is pulled out as soon as it has printed a certain line."""
    with subprocess.Popen(
        [*KWS, *map(str, arguments)], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        kept = []
        for line in process.stdout:
            kept.append(line)
            if wanted(line):
                break
        microphone.unplug()
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, "".join(kept) + out, err)


def test_a_microphone_pulled_out_while_recording(
    project: Project, tmp_path: Path, virtual_microphone: VirtualMicrophone
) -> None:
    said_again = np.tile(np.concatenate([tone_model.tone("low", 0.6), tone_model.pause(0.7)]), 20)
    audio.write(tmp_path / "again.wav", said_again, rate=16_000)
    virtual_microphone.play(tmp_path / "again.wav")
    arguments = ("record", project.folder, "low", "--takes", 50, "--speaker", "ann", "--json")
    done = unplugged(virtual_microphone, arguments, wanted=lambda line: '"take"' in line)
    said = refusal(done)
    assert "went away" in said or "delivers no sound any more" in said
    kept = [Path(json.loads(line)["path"]) for line in done.stdout.splitlines()]
    project.refresh()
    assert kept and [clip.path for clip in project.clips()] == kept


@pytest.mark.slow
def test_a_sound_server_that_does_not_answer(
    project: Project, model: Path, virtual_microphone: VirtualMicrophone
) -> None:
    """Nor does it keep Ctrl-C waiting, though PortAudio is waited for in C."""
    for arguments in (("devices",), ("listen", model), ("record", project.folder, "low")):
        with virtual_microphone.stopped():  # anew for each: its queue of connections is short
            began_s = time.monotonic()
            assert "has not answered for 5 seconds: restart it" in refusal(kws(*arguments))
            assert 5 < time.monotonic() - began_s < 20, "a slow machine starts for long"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with virtual_microphone.stopped():
        with subprocess.Popen([*KWS, "listen", str(model)], env=environment, stderr=subprocess.PIPE) as process:
            wait_until(lambda: "libpulse" in Path(f"/proc/{process.pid}/maps").read_text())  # the server is asked
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=10)
            assert (process.returncode, said) == (130, b""), "it does not end by itself, with a sentence"


@pytest.mark.slow
@pytest.mark.parametrize("device", [(), ("--device", "Desk")])
@pytest.mark.parametrize("goes", ["unplugged", "stopped"])
def test_a_microphone_that_comes_back_is_listened_to_again_at_the_right_time(
    goes: str, device: tuple[str, ...], model: Path, tmp_path: Path, virtual_microphone: VirtualMicrophone
) -> None:
    said = np.concatenate([tone_model.pause(0.3), tone_model.tone("low", 0.6), tone_model.pause(0.3)])
    audio.write(tmp_path / "said.wav", said, rate=16_000)
    with subprocess.Popen(
        [*KWS, "listen", str(model), "--json", *device], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told, times_s = [], []

        def told_of(event: str) -> None:
            told.append(json.loads(process.stdout.readline()))
            times_s.append(time.monotonic())
            assert told[-1]["event"] == event, told

        player = virtual_microphone.play(tmp_path / "said.wav")
        while not select.select([process.stdout], [], [], 0)[0]:
            if player.poll() is not None:
                player = virtual_microphone.play(tmp_path / "said.wav")
        told_of("detection")
        virtual_microphone.hush()
        if goes == "unplugged":
            virtual_microphone.unplug()
            told_of("waiting")
            virtual_microphone.plug()
        else:
            with virtual_microphone.stopped():
                told_of("waiting")
        told_of("listening")
        virtual_microphone.play(tmp_path / "said.wav")
        told_of("detection")
        process.send_signal(signal.SIGTERM)
        told_of("finished")
        assert process.wait(10) == 0
    assert told[1]["reason"].startswith(f'"{device[1] if device else "default"}"')
    passed_s, counted_s = times_s[3] - times_s[0], told[3]["at_s"] - told[0]["at_s"]
    assert counted_s == pytest.approx(passed_s, abs=1.0)
    assert told[4]["lost_samples"] >= round(told[2]["away_s"] * 16_000) - 16 > 0


def test_a_microphone_pulled_out_while_listening(
    model: Path, tmp_path: Path, virtual_microphone: VirtualMicrophone
) -> None:
    said_again = np.tile(np.concatenate([tone_model.pause(1.0), tone_model.tone("low", 1.0)]), 10)
    audio.write(tmp_path / "again.wav", said_again, rate=16_000)
    virtual_microphone.play(tmp_path / "again.wav")
    done = unplugged(
        virtual_microphone, ("listen", model, "--json", "--once"), wanted=lambda line: '"detection"' in line
    )
    said = refusal(done)
    assert "went away" in said or "delivers no sound any more" in said
    assert json.loads(done.stdout.splitlines()[0])["word"] == "low"
