"""Free talk becomes own talk and clips of other words, a room becomes noise; from any microphone, and safe on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from virtual_microphone import VirtualMicrophone
from waiting import wait_until

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.free_recording import store_room, store_talk
from kws_engine.clips.free_talk import noise_of, other_words
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import own_talk, seconds_of_talk
from kws_engine.clips.project import Project
from kws_engine.clips.recording import TakeRecorder
from kws_engine.clips.utterances import has_voice
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import ProjectError
from kws_engine.microphone import Microphone, Reader

RATE = 16_000


def sentences(folder: Path, count: int, *, pause_s: float = 0.5) -> np.ndarray:
    """People talking, with a pause after each sentence."""
    rng = np.random.default_rng(4)
    paths = sorted((folder / "conversation").glob("*.flac"))[:count]
    pieces = [
        piece for path in paths for piece in (audio.read(path, rate=RATE), np.zeros(round(pause_s * RATE), np.float32))
    ]
    talk = np.concatenate(pieces)
    return (talk + 2e-4 * rng.standard_normal(len(talk))).astype(np.float32)


def hiss(seconds: float, rms_db: float = -50) -> np.ndarray:
    noise = np.random.default_rng(6).standard_normal(round(seconds * RATE))
    return (10 ** (rms_db / 20) * noise).astype(np.float32)


def test_talk_is_cut_into_clips_with_a_voice_and_none_of_them_twice(shared_data):
    talk = sentences(shared_data, 8)
    clips = other_words(talk, RATE, clip_samples=RATE)
    assert 0.4 * len(talk) / RATE < len(clips) < 1.5 * len(talk) / RATE
    assert all(len(clip) == RATE and has_voice(clip, RATE) for clip in clips)
    assert len({clip.tobytes() for clip in clips}) == len(clips)
    longer = other_words(talk, RATE, clip_samples=2 * RATE)
    assert 0 < len(longer) < len(clips) and all(len(clip) == 2 * RATE for clip in longer)


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros(5 * RATE, np.float32), hiss(5), hiss(0.3)])
def test_where_nobody_talks_there_are_no_clips(sound):
    assert other_words(sound, RATE, clip_samples=RATE) == []


@pytest.mark.parametrize("snr_db", [30, 10, 0])
def test_what_is_said_in_a_room_is_left_out_of_its_noise(shared_data, snr_db):
    """Of 30 sentences in real noise, 0.02% of the energy was left at any of 30 to 0 dB."""
    said = sentences(shared_data, 2)[: 8 * RATE]
    noise = hiss(20)
    at = 6 * RATE
    noise[at : at + len(said)] += said / np.sqrt(np.mean(said**2)) * np.float32(10 ** ((snr_db - 50) / 20))
    kept = noise_of(noise, RATE)
    assert sum(map(len, kept)) > 8 * RATE
    assert all(len(piece) >= 1.5 * RATE for piece in kept)
    assert max(audio.rms_db(piece) for piece in kept) < -49


def test_noise_is_kept_whole_and_silence_is_not_noise():
    assert [len(piece) for piece in noise_of(hiss(10), RATE)] == [10 * RATE]
    assert noise_of(np.zeros(10 * RATE, np.float32), RATE) == [] and noise_of(hiss(1), RATE) == []


def test_clips_are_in_the_part_of_their_minute(shared_data, tmp_path):
    project = Project.create(tmp_path / "mine", words=["stop"])
    talk = np.tile(sentences(shared_data, 12), 3)[: 95 * RATE]
    first = store_talk(project, talk[: 50 * RATE], speaker="ann")
    second = store_talk(project, talk[50 * RATE :], speaker="ann", after=first.path)
    assert second.path == first.path and seconds_of_talk(ProjectFolder(project.folder).talk) == pytest.approx(95)
    assert first.clips and {clip.split for clip in project.clips(word=UNKNOWN)} == {"training", "testing"}
    learned, measured = (
        next(own_talk(ProjectFolder(project.folder).talk, part, rate=RATE)).samples
        for part in ("training", "measuring")
    )
    for clip in project.clips(word=UNKNOWN):
        sound = audio.read(clip.path, rate=RATE)
        minute = learned if clip.split == "training" else measured
        assert sound.tobytes() in minute.tobytes(), clip.path.name
    assert {clip.speaker for clip in project.clips(word=UNKNOWN)} == {"ann"}


def test_talk_is_kept_whole_where_clips_cannot_be_stored(shared_data, tmp_path, monkeypatch):
    project = Project.create(tmp_path / "mine", words=["stop"])
    talk = sentences(shared_data, 4)

    def full(*_: object, **__: object) -> None:
        raise ProjectError("The disk is full.")

    monkeypatch.setattr("kws_engine.clips.edit.write_take", full)
    with pytest.raises(ProjectError):
        store_talk(project, talk, speaker="ann")
    assert project.clips(word=UNKNOWN) == []
    assert seconds_of_talk(ProjectFolder(project.folder).talk) == pytest.approx(len(talk) / RATE)
    with pytest.raises(ProjectError):
        store_room(project, hiss(5), speaker="ann")
    assert project.noises() == []


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict], str]:
    status = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


@pytest.mark.slow
def test_talk_from_the_command_line(shared_data, tmp_path, capsys, virtual_microphone: VirtualMicrophone):
    project = Project.create(tmp_path / "mine", words=["stop"])
    audio.write(tmp_path / "talk.wav", sentences(shared_data, 6), rate=RATE)
    virtual_microphone.play(tmp_path / "talk.wav")
    status, lines, err = told(capsys, "record", project.folder, "--talk", "0.15", "--speaker", "ann")
    assert status == 0, err
    assert [line["event"] for line in lines] == ["talk", "finished"] and lines[-1]["seconds"] == 9.0
    project.refresh()
    assert len(project.clips(word=UNKNOWN)) == lines[-1]["clips"] > 2
    assert audio.info(lines[0]["path"]).seconds == pytest.approx(9.0)


@pytest.mark.slow
def test_a_room_from_the_command_line(shared_data, tmp_path, capsys, virtual_microphone: VirtualMicrophone):
    project = Project.create(tmp_path / "mine", words=["stop"])
    audio.write(
        tmp_path / "room.wav", np.concatenate([hiss(3), sentences(shared_data, 1)[: 2 * RATE], hiss(9)]), rate=RATE
    )
    virtual_microphone.play(tmp_path / "room.wav")
    status, lines, err = told(capsys, "record", project.folder, "--room", "8")
    assert status == 0, err
    kept = project.noises()
    assert lines[-1]["event"] == "finished" and lines[-1]["left_out_s"] > 1
    assert {line["path"] for line in lines[:-1]} == set(map(str, kept))
    assert not any(has_voice(audio.read(path, rate=RATE), RATE) for path in kept)


@pytest.mark.slow
def test_a_muted_microphone_gives_no_noise(tmp_path, capsys, virtual_microphone: VirtualMicrophone):
    project = Project.create(tmp_path / "mine", words=["stop"])
    status, lines, err = told(capsys, "record", project.folder, "--room", "2")
    assert status == 1 and "Nothing was kept" in err and lines == [] and project.noises() == []


def test_what_to_record_is_named(tmp_path, capsys):
    assert main(["record", str(tmp_path)]) == 2
    assert "--session" in (err := capsys.readouterr().err) and "--talk" in err and "--room" in err


@pytest.mark.parametrize("arguments", [["stop", "--talk", "1"], ["--talk", "0"], ["--room", "x"], ["--talk", "nan"]])
def test_one_thing_is_recorded_at_a_time(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["record", str(tmp_path), *arguments])
    assert ended.value.code == 2 and "record" in capsys.readouterr().err


DEVICES = [(8_000, 1), (8_000, 6), (44_100, 2), (48_000, 1), (48_000, 6), (96_000, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "channels"), DEVICES)
def test_any_microphone_gives_the_word_with_its_onset(
    shared_data, tmp_path, virtual_microphone: VirtualMicrophone, rate, channels
):
    """The word has begun 150 ms before the take is asked for: 300 ms before that are kept."""
    virtual_microphone.plug(rate=rate, channels=channels)
    word = audio.read(sorted((shared_data / "wake_word/computer").glob("*.wav"))[0], rate=RATE)
    audio.write(tmp_path / "word.wav", word, rate=RATE)
    recorder = TakeRecorder(RATE, clip_samples=round(1.5 * RATE), take_seconds=2.5)
    loud = float(np.abs(word).max()) / 3
    with Microphone(rate=rate) as microphone:
        wait_until(lambda: microphone.began_s is not None)
        reader = Reader(microphone, rate=RATE)
        virtual_microphone.play(tmp_path / "word.wav")
        begun: list[int] = []

        def hear() -> bool:
            samples = reader.read().samples
            if not begun and len(at := np.flatnonzero(np.abs(samples) > loud)):
                recorder.feed(samples[: at[0] + 2400])
                begun.append(1)
                recorder.start()
                recorder.feed(samples[at[0] + 2400 :])
            else:
                recorder.feed(samples)
            return recorder.state == "done"

        wait_until(hear)
    take = recorder.take()
    whole = TakeRecorder(RATE, clip_samples=round(1.5 * RATE), take_seconds=len(word) / RATE)
    whole.start()
    whole.feed(word)
    assert take.bounds is not None and not take.no_speech
    assert take.peak_db == pytest.approx(whole.take().peak_db, abs=2.0)
    assert np.abs(take.raw[: round(0.45 * RATE)]).max() > loud  # what was said before the start


@pytest.mark.slow
def test_a_take_that_was_told_is_whole_on_disk_though_the_program_is_killed(
    shared_data, tmp_path, virtual_microphone: VirtualMicrophone
):
    project = Project.create(tmp_path / "mine", words=["stop"])
    word = audio.read(sorted((shared_data / "speech_commands/go").glob("*.wav"))[0], rate=RATE)
    audio.write(tmp_path / "again.wav", np.tile(np.concatenate([word, hiss(0.5, -75)]), 20), rate=RATE)
    virtual_microphone.play(tmp_path / "again.wav")
    command = [
        sys.executable,
        "-u",
        "-m",
        "kws_engine.cli",
        "record",
        str(project.folder),
        "stop",
        "--takes",
        "9",
        "--json",
    ]
    root = str(Path(__file__).parents[2])
    recording = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": root}
    )
    try:
        for _ in range(2):
            line = json.loads(recording.stdout.readline())
            with wave.open(line["path"]) as file:  # reads no other program's half a file
                assert file.getnframes() == RATE and file.getframerate() == RATE
    finally:
        recording.send_signal(signal.SIGKILL)
        recording.communicate()
    project.refresh()
    clips = project.clips(word="stop")
    assert len(clips) >= 2 and not project.unreadable
    assert all(len(audio.read(clip.path, rate=RATE)) == RATE for clip in clips)
