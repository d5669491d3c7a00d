"""Import of folders as they come: layouts, formats, damage, repetition, a full disk."""

import pathlib
import resource
import shutil
import wave
import zlib

import numpy as np
import pytest
import soundfile

from kws_engine import audio
from kws_engine.clips.importing import SpeakerRule, import_folder
from kws_engine.clips.project import Project
from kws_engine.clips.split import which_set
from kws_engine.errors import ProjectError

DATA = pathlib.Path(__file__).parents[2].parent / "shared/data"
SPEAKERS = [f"{number:08x}" for number in range(40)]


def tone(hz=440.0, seconds=1.0, rate=16000, level=0.3):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def put(path, samples=None, rate=16000, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    number = zlib.crc32(f"{path.parent.name}/{path.name}".encode())  # not of the folder that a run is given
    soundfile.write(path, tone(200 + number % 1000) if samples is None else samples, rate, **options)
    return path


def files_of(project):
    return {
        path.relative_to(project.clips_folder): path.read_bytes()
        for path in project.clips_folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "project")


@pytest.fixture
def layout(tmp_path):
    """Three words of 40 speakers, unknown words and noise, in Speech Commands layout."""
    for number, speaker in enumerate(SPEAKERS):
        for word, hz in (("up", 300), ("down", 600), ("bed", 1200)):
            put(tmp_path / f"set/{word}/{speaker}_nohash_0.wav", tone(hz + number))
    put(tmp_path / "set/_unknown_/abc_nohash_3.wav")
    put(tmp_path / "set/_background_noise_/hum.wav", tone(50, seconds=40))
    (tmp_path / "set/README.md").write_text("about")
    (tmp_path / "set/_background_noise_/README.md").write_text("about")
    (tmp_path / "set/_other_").mkdir()
    return tmp_path / "set"


def test_every_subfolder_is_a_word_and_files_are_copied_bit_for_bit(project, layout):
    done = []
    result = import_folder(project, layout, progress=lambda n, of: done.append((n, of)))
    assert (result.clips, result.noises, result.skipped) == (121, 1, [])
    assert result.words == {"_unknown_": 1, "bed": 40, "down": 40, "up": 40}
    assert set(project.words) == {"bed", "down", "up"}
    assert done == [(n, 122) for n in range(1, 123)]
    name = f"up/{SPEAKERS[7]}_nohash_0.wav"
    assert (project.clips_folder / name).read_bytes() == (layout / name).read_bytes()
    assert (project.clips_folder / "_background_noise_/hum.wav").read_bytes() == (
        layout / "_background_noise_/hum.wav"
    ).read_bytes()
    assert all(clip.split == which_set(clip.path.name) for clip in project.clips())
    assert Project.open(project.folder).clips() == project.clips()


def test_importing_twice_changes_nothing(project, layout):
    put(layout / "up/high.flac", tone(2000, rate=48000), rate=48000)
    import_folder(project, layout)
    before = files_of(project)
    again = import_folder(project, layout)
    assert (again.clips, again.noises, again.words, again.already_there) == (0, 0, {}, 123)
    assert [skipped.reason for skipped in again.skipped] == ["123 files are already in the project."]
    assert files_of(project) == before


def test_chosen_words_and_the_rest_as_unknown(project, layout):
    put(layout / f"cat/{SPEAKERS[0]}_nohash_0.wav", tone(3000))
    result = import_folder(project, layout, words=["up", "down"], rest_unknown=True)
    assert project.words == ("down", "up")
    assert result.words == {"_unknown_": 42, "down": 40, "up": 40}
    names = {clip.path.name for clip in project.clips(word="_unknown_")}
    assert {f"{SPEAKERS[0]}_nohash_0.wav", f"{SPEAKERS[0]}_nohash_1.wav"} <= names
    assert len(names) == 42


def test_chosen_words_alone(project, layout):
    result = import_folder(project, layout, words=["up"])
    assert result.words == {"_unknown_": 1, "up": 40}
    assert result.noises == 1
    with pytest.raises(ProjectError, match='has no clips of "left": choose among bed, down, up'):
        import_folder(project, layout, words=["up", "left"])


def test_what_was_unknown_and_comes_as_a_word_is_not_in_both(project, layout):
    import_folder(project, layout, words=["up"], rest_unknown=True)
    assert len(project.clips(word="_unknown_")) == 81
    result = import_folder(project, layout, words=["down"], rest_unknown=True)
    assert result.words == {"down": 40}
    assert len(project.clips(word="_unknown_")) == 41
    assert len(project.clips(word="up")) == 40
    assert len(list((project.folder / ".trash").rglob("*.wav"))) == 40


def test_a_flat_folder_is_one_word_and_its_nameless_files_are_takes(project, tmp_path):
    for name in ("b", "a", "take (3)", "c"):
        put(tmp_path / f"computer/{name}.wav")
    assert import_folder(project, tmp_path / "computer").words == {"computer": 4}
    clips = project.clips()
    assert [(clip.speaker, clip.take) for clip in clips] == [("computer", n) for n in range(4)]
    assert {clip.split for clip in clips} == {"training", "validation"}
    assert (project.clips_folder / "computer/computer_nohash_0.wav").read_bytes() == (
        tmp_path / "computer/a.wav"
    ).read_bytes()


def test_nameless_files_are_takes_of_one_speaker_and_that_is_said(project, tmp_path):
    for number in range(60):
        put(tmp_path / f"set/computer/person {number}.wav", tone(300 + number))
    result = import_folder(project, tmp_path / "set")
    assert {clip.speaker for clip in project.clips()} == {"set"}
    assert sorted(clip.take for clip in project.clips()) == list(range(60))
    assert (result.speakers_unknown, result.one_speaker) == (60, "set")


def test_each_file_is_a_speaker_where_that_is_asked_for(project, tmp_path):
    for number in range(60):
        put(tmp_path / f"set/computer/person {number}.wav", tone(300 + number))
    result = import_folder(project, tmp_path / "set", rule=SpeakerRule(source="file"))
    assert len({clip.speaker for clip in project.clips()}) == 60
    assert {clip.take for clip in project.clips()} == {0}
    assert {clip.split for clip in project.clips()} >= {"training", "validation"}
    assert not result.speakers_unknown


def test_one_named_speaker_is_split_by_take_and_later_ones_by_hash(project, tmp_path, layout):
    for take in range(8):
        put(tmp_path / f"mine/up/me_nohash_{take}.wav", tone(4000 + take))
    import_folder(project, tmp_path / "mine")
    assert project.summary()["up"].training == 6
    import_folder(project, layout)
    mine = [clip.split for clip in project.clips(word="up") if clip.speaker == "me"]
    assert (mine.count("training"), mine.count("validation"), mine.count("testing")) == (6, 1, 1)
    assert all(clip.split == which_set(clip.speaker) for clip in project.clips() if clip.speaker != "me")


def test_a_taken_number_gets_the_next_free_one(project, tmp_path):
    project.edit.add_word("up")
    recorded = project.edit.add_take("up", tone(1000), speaker="me")
    put(tmp_path / "set/up/me_nohash_0.wav", tone(2000))
    import_folder(project, tmp_path / "set")
    assert [clip.take for clip in project.clips()] == [0, 1]
    assert np.allclose(audio.read(recorded.path, rate=16000), tone(1000), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("stereo.wav", 8000, {"subtype": "PCM_16"}),
        ("float.wav", 96000, {"subtype": "FLOAT"}),
        ("deep.flac", 44100, {"subtype": "PCM_24"}),
        ("small.ogg", 22050, {}),
        ("small.mp3", 44100, {}),
    ],
)
def test_any_format_becomes_a_wav_of_the_project(project, tmp_path, name, rate, options):
    sound = tone(440, rate=rate)
    put(tmp_path / "set/up" / name, np.stack([sound, sound], axis=1), rate=rate, **options)
    import_folder(project, tmp_path / "set")
    stored = project.clips()[0].path
    header = audio.info(stored)
    assert (header.rate, header.channels, header.format) == (16000, 1, "WAV PCM_16")
    heard = audio.read(stored, rate=16000)[2000:14000]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 16000 / len(heard) == pytest.approx(440, abs=2)
    assert np.abs(heard).max() == pytest.approx(0.3, abs=0.03)


def test_bad_files_are_named_with_a_reason_and_stop_nothing(project, tmp_path):
    folder = tmp_path / "set/up"
    put(folder / "good_nohash_0.wav")
    (folder / "text.wav").write_text("Dear reader, this is no sound at all.")
    (folder / "nothing.wav").write_bytes(b"")
    put(folder / "silent.wav", np.zeros(0, np.float32))
    whole = put(folder / "cut.flac", np.random.default_rng(0).normal(0, 0.1, 32000)).read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    put(folder / "long.wav", tone(seconds=31))
    (folder / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    (folder / "notes.txt").write_text("not audio, not tried")
    put(tmp_path / "set/loose.wav")
    put(tmp_path / "set/_private_/x.wav")
    put(tmp_path / "set/nul/x.wav")
    result = import_folder(project, tmp_path / "set")
    assert result.clips == 1
    assert {skipped.path.name for skipped in result.skipped} == {
        "text.wav", "nothing.wav", "silent.wav", "cut.flac", "long.wav", "phone.m4a", "loose.wav", "_private_", "nul",
    }  # fmt: skip
    for skipped in result.skipped:
        assert skipped.reason.endswith("."), skipped
        assert skipped.path.name in skipped.reason
    reasons = {skipped.path.name: skipped.reason for skipped in result.skipped}
    assert "31" in reasons["long.wav"]
    assert "cut off" in reasons["cut.flac"]
    assert not list(project.clips_folder.rglob(".*"))


def test_a_folder_without_a_readable_clip_is_said_in_words(project, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad/up").mkdir(parents=True)
    (tmp_path / "bad/up/x.wav").write_text("text")
    with pytest.raises(ProjectError, match="holds no readable clip: it takes one folder per word"):
        import_folder(project, tmp_path / "empty")
    with pytest.raises(ProjectError, match=r"holds no readable clip \(x.wav.*it takes one folder per word"):
        import_folder(project, tmp_path / "bad")
    with pytest.raises(ProjectError, match="is not there"):
        import_folder(project, tmp_path / "nowhere")
    with pytest.raises(ProjectError, match="is part of this project"):
        import_folder(project, project.folder)
    assert project.words == ()
    assert not project.is_split_settled


def test_another_project_can_be_imported(project, tmp_path, layout):
    other = Project.create(tmp_path / "other")
    import_folder(other, layout)
    assert import_folder(project, other.folder).clips == 121


def test_stopping_keeps_what_came_in(project, layout):
    asked = []
    result = import_folder(project, layout, should_stop=lambda: asked.append(1) or len(asked) > 50)
    assert result.stopped
    assert result.clips + result.noises == 50
    assert len(project.clips()) == result.clips
    rest = import_folder(project, layout)
    assert result.clips + rest.clips == 121


def test_two_hours_of_noise_come_in_and_two_hours_of_a_word_do_not(project, tmp_path):
    noise = tmp_path / "set/_background_noise_/long.wav"
    put(tmp_path / "set/up/a_nohash_0.wav")
    noise.parent.mkdir()
    hour = np.random.default_rng(0).integers(-300, 300, 8000 * 3600, dtype=np.int16).tobytes()
    with wave.open(str(noise), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(hour)
        file.writeframes(hour)
    shutil.copy(noise, tmp_path / "set/up/long.wav")
    result = import_folder(project, tmp_path / "set")
    assert (result.clips, result.noises) == (1, 1)
    header = audio.info(project.noises()[0])
    assert (header.rate, header.seconds) == (16000, pytest.approx(7200, abs=0.01))
    assert [skipped.path.name for skipped in result.skipped] == ["long.wav"]


@pytest.fixture
def small_disk():
    """No file may grow beyond 64 KiB: the kernel refuses the write, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_the_import_in_words_and_keeps_what_came_in(project, tmp_path, small_disk):
    put(tmp_path / "set/a/x_nohash_0.wav")
    put(tmp_path / "set/b/x_nohash_0.wav", tone(seconds=3))
    put(tmp_path / "set/c/x_nohash_0.wav")
    small_disk()
    with pytest.raises(ProjectError, match="disk is full"):
        import_folder(project, tmp_path / "set")
    assert [clip.word for clip in project.clips()] == ["a"]
    assert not list(project.clips_folder.rglob(".*"))


def test_a_full_disk_while_recording_loses_nothing(project, small_disk):
    project.edit.add_word("up")
    kept = project.edit.add_take("up", tone(), speaker="me")
    small_disk()
    with pytest.raises(ProjectError, match=r"me_nohash_1\.wav was not saved because the disk is full"):
        project.edit.add_take("up", tone(seconds=3), speaker="me")
    assert Project.open(project.folder).clips() == [kept]
    assert not list(project.clips_folder.rglob(".*"))


@pytest.mark.skipif(not (DATA / "speech_commands").is_dir(), reason="the real recordings are not here")
def test_the_real_data_set_comes_in_whole(project):
    words = ["right", "left", "up", "down", "go", "eight", "one", "zero", "five"]
    result = import_folder(project, DATA / "speech_commands", words=words, rest_unknown=True)
    assert (result.clips, result.noises, result.skipped) == (4319, 6, [])
    summary = project.summary()
    assert sorted(project.words) == sorted(words)
    for word in words:
        assert summary[word].training == 400
        assert summary[word].validation >= 45
        assert summary[word].testing == 0
    assert sum(summary["_unknown_"].__dict__[part] for part in ("training", "validation")) == result.words["_unknown_"]


def test_a_clip_that_vanished_since_the_project_was_read_does_not_stop_an_import(project, tmp_path):
    put(tmp_path / "first/up/ann_nohash_0.wav", tone(300))
    import_folder(project, tmp_path / "first")
    next(iter(project.clips())).path.unlink()
    put(tmp_path / "second/up/bob_nohash_0.wav", tone(400))
    assert import_folder(project, tmp_path / "second").clips == 1
    assert [clip.speaker for clip in project.clips()] == ["bob"]
