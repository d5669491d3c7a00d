"""Projects on disk: words, takes, parts, deletion and undo, and everything that can be wrong with the folder."""

import errno
import os
import pathlib
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.clips import layout, project_file
from kws_engine.clips.clip import Clip, is_audio_name
from kws_engine.clips.project import Project, copy_starter, folder_clips
from kws_engine.clips.words import check_word, parse_clip_name, speaker_id
from kws_engine.errors import ProjectError
from kws_engine.file_lock import FileLock

ROOT = pathlib.Path(__file__).parents[2]


def tone(hz=440.0, seconds=1.0, level=0.3):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * 16000)) / 16000)).astype(np.float32)


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "my-words", words=["up", "down"])


def test_a_new_project_has_the_layout_of_the_design(project):
    content = tomllib.loads((project.folder / "project.toml").read_text())
    assert content == {
        "schema": 1, "name": "my-words", "words": ["up", "down"], "sample_rate": 16000, "clip_ms": 1000,
    }  # fmt: skip
    assert sorted(path.name for path in project.clips_folder.iterdir()) == [
        "_background_noise_", "_unknown_", "down", "up",
    ]  # fmt: skip
    assert (project.rate, project.clip_ms, project.clip_samples) == (16000, 1000, 16000)
    assert project.words == ("up", "down")
    assert project.clips() == []


def test_takes_count_per_word_and_speaker_and_are_read_back(project):
    first = project.edit.add_take("up", tone(), speaker="me")
    assert first == Clip(project.clips_folder / "up/me_nohash_0.wav", "up", "me", 0, "training", 1.0, False)
    assert project.edit.add_take("up", tone(500), speaker="me").take == 1
    assert project.edit.add_take("down", tone(600), speaker="me").take == 0
    assert project.edit.add_take("up", tone(700), speaker="you").take == 0
    assert np.allclose(audio.read(first.path, rate=16000), tone(), atol=1 / 32768)
    assert Project.open(project.folder).clips() == project.clips()
    assert len(project.clips(word="up")) == 3


def test_one_speaker_is_split_by_take_and_stays_so(project):
    clips = [project.edit.add_take("up", tone(300 + 10 * n), speaker="me") for n in range(8)]
    assert [(clip.take, clip.split) for clip in clips if clip.split != "training"] == [
        (1, "validation"),
        (7, "testing"),
    ]
    later = [project.edit.add_take("up", tone(900 + n), speaker="late") for n in range(3)]
    assert len({clip.split for clip in later}) == 1
    before = {clip.path: clip.split for clip in clips}
    assert {clip.path: clip.split for clip in Project.open(project.folder).clips() if clip.speaker == "me"} == before
    summary = project.summary()["up"]
    assert summary.speakers == 2
    assert summary.training + summary.validation + summary.testing == 11
    assert list(project.summary()) == ["up", "down", "_unknown_"]


def test_a_deleted_take_leaves_its_number_and_comes_back(project):
    clips = [project.edit.add_take("up", tone(300 + 10 * n), speaker="me") for n in range(3)]
    project.edit.set_splits([clips[2]], ["testing"])
    deletion = project.edit.delete(clips[1:])
    assert [clip.take for clip in project.clips()] == [0]
    assert not clips[2].path.exists()
    assert project.edit.add_take("up", tone(800), speaker="me").take == 3
    project.edit.restore(deletion)
    assert [clip.take for clip in project.clips()] == [0, 1, 2, 3]
    assert project.clips()[2].split == "testing"
    with pytest.raises(ProjectError, match="no longer in the trash"):
        project.edit.restore(deletion)


def test_a_restored_clip_never_overwrites(project):
    clip = project.edit.add_take("up", tone(), speaker="me")
    deletion = project.edit.delete([clip])
    audio.write(clip.path, tone(900), rate=16000)
    with pytest.raises(ProjectError, match="exists again"):
        project.edit.restore(deletion)
    assert np.allclose(audio.read(clip.path, rate=16000), tone(900), atol=1e-4)


def test_a_removed_word_comes_back_in_its_place_with_its_clips(project):
    project.edit.add_word("left")
    clips = [project.edit.add_take("down", tone(300 + n), speaker="me") for n in range(2)]
    removal = project.edit.remove_word("down")
    assert (project.words, project.clips()) == (("up", "left"), [])
    project.edit.restore(removal)
    assert project.words == ("up", "down", "left")
    assert project.clips() == clips
    assert Project.open(project.folder).words == ("up", "down", "left")


def test_a_renamed_word_keeps_takes_parts_and_decisions(project):
    clips = [project.edit.add_take("up", tone(300 + n), speaker="me") for n in range(3)]
    project.edit.set_splits([clips[0]], ["testing"])
    project.edit.exclude([clips[1]], True)
    project.edit.rename_word("up", "hoch")
    assert project.words == ("hoch", "down")
    again = Project.open(project.folder).clips(word="hoch", include_excluded=True)
    assert [(c.take, c.split, c.excluded) for c in again] == [
        (0, "testing", False), (1, "validation", True), (2, "training", False),
    ]  # fmt: skip
    project.edit.rename_word("hoch", "Hoch")
    assert len(project.clips(word="Hoch")) == 2
    with pytest.raises(ProjectError, match="there already"):
        project.edit.rename_word("Hoch", "down")


def test_excluded_clips_are_left_out_and_found_on_demand(project):
    clip = project.edit.add_take("up", tone(), speaker="me")
    project.edit.add_take("up", tone(500), speaker="me")
    assert project.edit.exclude([clip], True)[0].excluded
    assert [c.take for c in project.clips()] == [1]
    assert (project.summary()["up"].training, project.summary()["up"].validation) == (0, 1)
    assert [c.take for c in Project.open(project.folder).clips(include_excluded=True)] == [0, 1]
    assert not project.edit.exclude([clip], False)[0].excluded
    assert len(project.clips()) == 2


def test_a_hand_set_split_wins_and_can_be_given_back(project):
    clip = project.edit.add_take("up", tone(), speaker="me")
    assert project.edit.set_splits([clip], ["validation"]) == [None] and project.clips()[0].split == "validation"
    assert Project.open(project.folder).clips(split="validation")[0].path == clip.path
    assert project.edit.set_splits([clip], [None]) == ["validation"] and project.clips()[0].split == "training"


def test_a_redone_take_keeps_its_number_and_split_and_the_old_sound_is_in_the_trash(project):
    clip = project.edit.add_take("up", tone(), speaker="me")
    project.edit.set_splits([clip], ["testing"])
    project.edit.exclude([clip], True)
    redone = project.edit.replace_take(clip, tone(880, seconds=0.5))
    assert (redone.path, redone.split, redone.excluded, redone.seconds) == (clip.path, "testing", False, 0.5)
    old = list((project.folder / ".trash").rglob("*.wav"))
    assert len(old) == 1
    assert np.allclose(audio.read(old[0], rate=16000), tone(), atol=1e-4)


def test_two_programs_at_once_never_overwrite(project):
    code = (
        "import sys, numpy as np; from kws_engine.clips.project import Project; p = Project.open(sys.argv[1])\n"
        "for n in range(12): p.edit.add_take('up', np.full(1600, float(sys.argv[2]), 'f4'), speaker='me')"
    )
    command = [sys.executable, "-c", code, str(project.folder)]
    running = [subprocess.Popen([*command, level], cwd=ROOT) for level in ("0.25", "0.5")]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    project.refresh()
    clips = project.clips(word="up")
    assert sorted(clip.take for clip in clips) == list(range(24))
    levels = [round(float(audio.read(clip.path, rate=16000)[0]), 2) for clip in clips]
    assert levels.count(0.25) == levels.count(0.5) == 12
    assert not list(project.clips_folder.rglob(".*.wav"))


def test_settings_are_kept_as_they_are(project):
    settings = {"model": {"name": "tc_resnet", "width": 1.5}, "augment": [{"name": "gain", "low_db": -6}], "seed": 0}
    project.edit.save_settings({**settings, "unset": None})
    assert Project.open(project.folder).settings == settings
    assert project.settings == settings
    with pytest.raises(ProjectError, match="cannot hold these settings"):
        project.edit.save_settings({"x": object()})
    assert Project.open(project.folder).settings == settings


def test_two_open_projects_do_not_undo_each_other(project):
    other = Project.open(project.folder)
    other.edit.add_word("left")
    project.edit.save_settings({"seed": 1})
    assert Project.open(project.folder).words == ("up", "down", "left")
    assert Project.open(project.folder).settings == {"seed": 1}


def test_two_programs_that_add_words_at_once_lose_none(project):
    code = (
        "import sys; from kws_engine.clips.project import Project; p = Project.open(sys.argv[1])\n"
        "for n in range(20): p.edit.add_word(f'{sys.argv[2]} {n}'); p.edit.save_settings({sys.argv[2]: n})"
    )
    command = [sys.executable, "-c", code, str(project.folder)]
    running = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("left", "right")]
    assert [one.wait(60) for one in running] == [0, 0]
    words = tomllib.loads((project.folder / "project.toml").read_text())["words"]
    assert sorted(words) == sorted(["up", "down", *(f"{name} {n}" for name in ("left", "right") for n in range(20))])
    assert not list(project.folder.glob(".*"))


def test_words_changed_by_another_program_meanwhile_stay(project):
    other = Project.open(project.folder)
    other.edit.add_word("left")
    project.edit.rename_word("up", "upwards")
    removal = project.edit.remove_word("down")
    other.edit.add_word("right")
    assert Project.open(project.folder).words == ("upwards", "left", "right")
    project.edit.restore(removal)
    assert Project.open(project.folder).words == ("upwards", "down", "left", "right")
    with pytest.raises(ProjectError, match="down"):
        other.edit.add_word("down")


def test_a_program_that_holds_the_project_file_is_named(project, monkeypatch):
    monkeypatch.setattr(project_file, "_PATIENCE_S", 0.1)
    lock = FileLock(project.folder / layout.LOCK_FILE)
    assert lock.take(seconds=0)
    with pytest.raises(ProjectError, match=r"being changed by another program \(process \d+"):
        project.edit.save_settings({"seed": 1})
    lock.release()
    project.edit.save_settings({"seed": 1})


REDONE = """
import os, signal, sys
import numpy as np
from kws_engine.clips.project import Project
project = Project.open(sys.argv[1])
clip = project.clips()[0]
replace = os.replace
def killed(source, target):
    if str(target) == str(clip.path):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = killed
project.edit.replace_take(clip, np.zeros(1600, "f4"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
def test_a_program_killed_while_a_take_is_redone_keeps_the_old_one(project):
    clip = project.edit.add_take("up", tone(), speaker="me")
    kept = clip.path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", REDONE, str(project.folder)], cwd=ROOT, timeout=60)
    assert killed.returncode < 0
    assert clip.path.read_bytes() == kept and Project.open(project.folder).clips() == [clip]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_take_that_cannot_be_published_leaves_the_old_one(project, monkeypatch, suffix):
    path = project.edit.add_take("up", tone(), speaker="me").path
    path.unlink()
    audio.write(path.with_suffix(suffix), tone(), rate=16000)
    project.refresh()
    (clip,) = project.clips()
    kept, replace = clip.path.read_bytes(), os.replace

    def full(source, target):
        if target == clip.path.with_suffix(".wav"):
            raise OSError(errno.ENOSPC, "full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ProjectError, match="disk is full"):
        project.edit.replace_take(clip, tone(880))
    assert clip.path.read_bytes() == kept and project.clips() == [clip]
    assert not list((project.folder / ".trash").rglob("*.*"))


def test_a_folder_of_clips_put_there_by_hand_is_a_word(project):
    (project.clips_folder / "sheila").mkdir()
    audio.write(project.clips_folder / "sheila/abc_nohash_4.flac", tone(), rate=16000)
    (project.clips_folder / "sheila/broken_nohash_0.wav").write_text("no sound")
    project.refresh()
    assert project.words == ("up", "down", "sheila")
    assert [(c.word, c.speaker, c.take) for c in project.clips()] == [("sheila", "abc", 4)]
    assert [clip.path.name for clip in project.unreadable] == ["broken_nohash_0.wav"]
    assert project.edit.add_take("sheila", tone(), speaker="abc").take == 5


def test_unknown_and_noise_take_recordings_but_are_no_words(project):
    assert project.edit.add_take("_unknown_", tone(), speaker="me").word == "_unknown_"
    noise = project.edit.add_take("_background_noise_", tone(seconds=3), speaker="room")
    assert project.noises() == [noise.path]
    assert len(project.clips()) == 1
    assert project.words == ("up", "down")
    for name in ("_unknown_", "_silence_", "_background_noise_"):
        with pytest.raises(ProjectError, match=name):
            project.edit.add_word(name)
    with pytest.raises(ProjectError, match='no word "_silence_"'):
        project.edit.add_take("_silence_", tone(), speaker="me")


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a/b", "a\\b", "..", ".hidden", "tab\there", "nul", "CON", "con.x", "x" * 300, "end.", " a", "a ", "_x_",
     "what?", "a:b", "\ud800"],
)  # fmt: skip
def test_unfit_words_are_refused_in_one_sentence(name, tmp_path):
    with pytest.raises(ProjectError) as caught:
        Project.create(tmp_path / "p", words=[name])
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 200
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["computer", "Licht an", "日本", "größer", "don't", "x" * 60, "_unknown_", "con1"])
def test_fit_words_pass(name):
    assert check_word(name) == name


def test_words_are_compared_in_one_unicode_form(project):
    project.edit.add_word("gro\u0308ßer")
    assert project.words[-1] == "größer"
    for again in ("größer", "UP"):
        with pytest.raises(ProjectError):
            project.edit.add_word(again)


def test_names_of_clips():
    assert parse_clip_name("0a1b_nohash_12") == ("0a1b", 12)
    assert parse_clip_name("0a1b_nohash_x") == ("0a1b", None)
    assert parse_clip_name("my clip (1)") == ("my-clip-1", None)
    assert speaker_id("../../etc") == "etc"
    assert speaker_id("a_nohash_b") == "a-b"
    assert speaker_id("  ") == "speaker"


def test_create_refuses_what_is_there(project, tmp_path):
    with pytest.raises(ProjectError, match="is a project already"):
        Project.create(project.folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear")
    with pytest.raises(ProjectError, match="is not empty"):
        Project.create(tmp_path / "full")
    with pytest.raises(ProjectError, match="is a file"):
        Project.create(tmp_path / "full/letter.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("schema = 9", r"was made by a newer KWS Studio \(schema 9, this one reads 1\): update KWS Studio\."),
        ("schema = ", "is damaged"),
        ("words = []", "has no schema number"),
        ('schema = 1\nwords = "up"', "words is 'up'"),
        ('schema = 1\nwords = ["../../up"]', "which no folder can have"),
        ("schema = 1\nsample_rate = 5", "outside 8000 to 48000"),
        ("schema = 1\n[split]\nby_take = [1]", "by_take is 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_words(tmp_path, content, message):
    (tmp_path / "project.toml").write_text(content)
    with pytest.raises(ProjectError, match=message):
        Project.open(tmp_path)


def test_a_missing_project_is_said_in_words(tmp_path):
    with pytest.raises(ProjectError, match="There is no project in"):
        Project.open(tmp_path / "nowhere")


def test_a_read_only_project_opens_for_reading_and_says_that_it_cannot_be_written(read_only_folder):
    def fill(folder):
        made = Project.create(folder / "p", words=["up"])
        made.edit.exclude([made.edit.add_take("up", tone(), speaker="me")], True)
        made.edit.add_take("up", tone(500), speaker="me")

    folder = read_only_folder(fill) / "p"
    opened = Project.open(folder)
    assert [clip.take for clip in opened.clips()] == [1]
    clip = opened.clips()[0]
    changes = [
        lambda: opened.edit.add_take("up", tone(), speaker="me"),
        lambda: opened.edit.replace_take(clip, tone()),
        lambda: opened.edit.add_word("down"),
        lambda: opened.edit.rename_word("up", "down"),
        lambda: opened.edit.remove_word("up"),
        lambda: opened.edit.delete([clip]),
        lambda: opened.edit.exclude([clip], True),
        lambda: opened.edit.save_settings({"seed": 1}),
        lambda: Project.create(folder.parent / "q"),
    ]
    for change in changes:
        with pytest.raises(ProjectError, match=r"(cannot|may not) be written"):
            change()
    assert opened.clips() == [clip]
    assert clip.path.exists()


def test_folder_clips_takes_any_folder_in_the_layout(tmp_path, project):
    for name in ("up/a_nohash_0.wav", "up/b_nohash_0.flac", "_unknown_/c_nohash_0.wav", "_background_noise_/n.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        audio.write(tmp_path / "set" / name, tone(), rate=16000)
    (tmp_path / "set/up/bad_nohash_0.wav").write_bytes(b"")
    assert [(c.word, c.speaker) for c in folder_clips(tmp_path / "set")] == [
        ("_unknown_", "c"), ("up", "a"), ("up", "b"),
    ]  # fmt: skip
    with pytest.raises(ProjectError, match="record or import some first"):
        folder_clips(project.folder)
    for _take in range(3):
        project.edit.add_take("up", tone(), speaker="me")
    assert [clip.split for clip in folder_clips(project.folder)] == ["training", "validation", "training"]
    with pytest.raises(ProjectError, match="holds no readable clip: it takes one folder per word"):
        folder_clips(tmp_path / "set/up")
    with pytest.raises(ProjectError, match="There is no folder"):
        folder_clips(tmp_path / "none")


@pytest.mark.skipif(not (ROOT / "resources/starter/project.toml").is_file(), reason="the starter is not made yet")
def test_the_starter_project_is_copied_and_can_be_changed(tmp_path):
    copy = copy_starter(tmp_path / "starter")
    assert len(copy.words) == 6
    for word, counts in copy.summary().items():
        if word in copy.words:
            assert counts.training + counts.validation + counts.testing >= 40
            assert counts.training and counts.validation and counts.testing
    assert copy.noises()
    copy.edit.add_take(copy.words[0], tone(), speaker="me")
    with pytest.raises(ProjectError, match="is a project already"):
        copy_starter(tmp_path / "starter")


def test_a_flac_that_is_recorded_again_leaves_a_wav_of_the_same_name_alone(project):
    project.edit.add_take("up", tone(300), speaker="me")
    other = project.clips_folder / "up/me_nohash_0.wav"
    kept = other.read_bytes()
    audio.write(project.clips_folder / "up/me_nohash_0.flac", tone(500), rate=16000)
    project.refresh()
    flac = next(clip for clip in project.clips() if clip.path.suffix == ".flac")
    redone = project.edit.replace_take(flac, tone(880))
    assert other.read_bytes() == kept
    assert redone.path.name == "me_nohash_1.wav" and not flac.path.exists()
    assert [clip.path for clip in project.clips()] == [other, redone.path]


def test_a_file_that_vanishes_while_the_folder_is_read_is_left_out(project, monkeypatch):
    for hz in (300, 400):
        project.edit.add_take("up", tone(hz), speaker="me")
    gone = project.clips_folder / "up/me_nohash_0.wav"

    def removed_once_listed(name):
        gone.unlink(missing_ok=True)
        return is_audio_name(name)

    monkeypatch.setattr("kws_engine.clips.scan.is_audio_name", removed_once_listed)
    project.refresh()
    assert [clip.path.name for clip in project.clips()] == ["me_nohash_1.wav"]
