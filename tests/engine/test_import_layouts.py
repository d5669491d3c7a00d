"""Folders as people have them: what an import takes, as which word, speaker and part, and what it says of the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recordings import chunk, fmt, int16, plain, riff, tone

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips import importing
from kws_engine.clips.clip import layout_clips
from kws_engine.clips.importing import Imported, SpeakerRule, import_folder
from kws_engine.clips.layout import IMPORT_LOCK_FILE
from kws_engine.clips.project import Project
from kws_engine.errors import ProjectError
from kws_engine.file_lock import FileLock
from kws_engine.runs.loading import load
from kws_engine.runs.minimum_clips import missing_clips
from kws_engine.settings import Settings


def put(path: Path, sound: np.ndarray | None = None) -> Path:
    """A recording that sounds like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = zlib.crc32("/".join(path.parts[-3:]).encode())
    soundfile.write(path, tone(0.5, hz=200 + number % 3000) if sound is None else sound, 16_000)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "set"


def who(project: Project, word: str) -> list[tuple[str, int, str]]:
    """Speaker, take and part of each clip of a word."""
    return [(clip.speaker, clip.take, clip.split) for clip in project.clips(word=word)]


def reasons(result: Imported) -> dict[str, str]:
    return {one.path.name: one.reason for one in result.skipped}


def notes(result: Imported) -> str:
    return "\n".join(result.notes)


# -- parts


def test_the_lists_of_speech_commands_are_respected(project, folder):
    for number in range(6):
        for word in ("yes", "no"):
            put(folder / word / f"anna{number}_nohash_0.wav")
    (folder / "validation_list.txt").write_text("yes/anna1_nohash_0.wav\nno/anna1_nohash_0.wav\nyes/gone.wav\n")
    (folder / "testing_list.txt").write_text("yes/anna2_nohash_0.wav\r\nno/anna2_nohash_0.wav\r\n")
    result = import_folder(project, folder)
    for word in ("yes", "no"):
        parts = {clip.speaker: clip.split for clip in project.clips(word=word)}
        assert parts.pop("anna1") == "validation" and parts.pop("anna2") == "testing"
        assert set(parts.values()) == {"training"}
    assert "testing_list.txt and validation_list.txt" in notes(result) and "1 of the 5 files" in notes(result)
    assert Project.open(project.folder).clips() == project.clips()


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Training", "dev", "Testing"), ("train", "val", "eval")]
)
def test_folders_of_parts_lie_above_the_words(project, folder, names):
    for part in names:
        for word in ("yes", "no"):
            put(folder / part / word / "1.wav")
    put(folder / names[0] / "_background_noise_/hum.wav")
    result = import_folder(project, folder)
    assert result.words == {"no": 3, "yes": 3} and result.noises == 1
    assert {split for _, _, split in who(project, "yes")} == {"training", "validation", "testing"}
    assert f"{names[0]} (training)" in notes(result)


@pytest.mark.parametrize("speakers", [1, 6])
def test_without_a_part_to_validate_some_of_those_to_learn_from_do(project, folder, speakers):
    for part, takes in (("train", 6), ("test", 2)):
        for word in ("yes", "no"):
            for take in range(takes):
                put(folder / part / word / f"{part}{take % speakers}_nohash_{take}.wav")
    result = import_folder(project, folder)
    assert "Nothing said which clips validate: 2 clips" in notes(result)
    for word in ("yes", "no"):
        parts = who(project, word)
        assert {speaker.rstrip("0123456789") for speaker, _, part in parts if part == "testing"} == {"test"}
        assert [part for _, _, part in parts].count("testing") == 2  # as the folder says, no more and no less
        assert [part for _, _, part in parts].count("validation") == 1
    assert not missing_clips(project.table(), project.words)
    put(folder / "train/yes/train9_nohash_9.wav")
    assert "Nothing said" not in notes(import_folder(project, folder))  # one validates already
    assert [part for speaker, _, part in who(project, "yes") if speaker == "train9"] == ["training"]


def test_a_list_of_testing_clips_alone_leaves_some_to_validate(project, folder):
    for number in range(8):
        for word in ("yes", "no"):
            put(folder / word / f"anna{number}_nohash_0.wav")
    (folder / "testing_list.txt").write_text("yes/anna2_nohash_0.wav\nno/anna2_nohash_0.wav\n")
    import_folder(project, folder)
    for word in ("yes", "no"):
        parts = {speaker: part for speaker, _, part in who(project, word)}
        assert [speaker for speaker, part in parts.items() if part == "testing"] == ["anna2"]
        assert "validation" in parts.values() and list(parts.values()).count("training") >= 4


def test_a_word_may_be_called_train(project, folder):
    for word in ("train", "test", "bus"):
        put(folder / word / "1.wav")
    assert import_folder(project, folder).words == {"bus": 1, "test": 1, "train": 1}


# -- names


@pytest.mark.parametrize("inside", ["recordings", "."])
def test_spoken_digits_have_their_word_and_speaker_in_the_name(project, folder, inside):
    for digit in range(3):
        for speaker in ("jackson", "theo"):
            put(folder / inside / f"{digit}_{speaker}_{digit + 30}.wav")
    result = import_folder(project, folder)
    assert result.words == {"0": 2, "1": 2, "2": 2} and not result.speakers_unknown
    assert [(speaker, take) for speaker, take, _ in who(project, "2")] == [("jackson", 32), ("theo", 32)]
    assert "word “0”, speaker “jackson”, take 30" in notes(result)


def test_spoken_digits_may_lie_in_folders_of_speakers_or_of_digits(project, folder, tmp_path):
    for speaker in ("01", "02"):
        for digit in range(2):
            put(folder / speaker / f"{digit}_{speaker}_7.wav")
    assert import_folder(project, folder).words == {"0": 2, "1": 2}
    other = Project.create(tmp_path / "other")
    put(tmp_path / "digits/7/7_jackson_32.wav")
    put(tmp_path / "digits/8/8_theo_1.wav")
    assert import_folder(other, tmp_path / "digits").words == {"7": 1, "8": 1}
    assert [(speaker, take) for speaker, take, _ in who(other, "7")] == [("jackson", 32)]


def test_dates_are_no_digits(project, folder):
    put(folder / "yes/1_05_2024.wav")
    put(folder / "yes/2_05_2024.wav")
    result = import_folder(project, folder)
    assert result.words == {"yes": 2} and result.speakers_unknown == 2


def test_a_flat_folder_says_that_all_became_one_word(project, folder):
    for name in ("yes_anna_1", "no_anna_2"):
        put(folder / f"{name}.wav")
    result = import_folder(project, folder)
    assert result.words == {"set": 2}
    assert "all files became the word “set”" in notes(result) and "{word}_{speaker}_{take}" in notes(result)


# -- speakers


@pytest.mark.parametrize(
    ("rule", "speakers"),
    [
        (SpeakerRule(everyone="kim"), {"kim"}),
        (SpeakerRule(source="file"), {"anna_1", "bob_2"}),
        (SpeakerRule(source="{speaker}_{take}"), {"anna", "bob"}),
        (SpeakerRule(source="{word}/{speaker}_{any}"), {"anna", "bob"}),
    ],
)
def test_who_speaks_can_be_said(project, folder, rule, speakers):
    put(folder / "yes/anna_1.wav")
    put(folder / "yes/bob_2.wav")
    result = import_folder(project, folder, rule=rule)
    assert result.words == {"yes": 2} and not result.speakers_unknown
    assert {clip.speaker for clip in project.clips()} == speakers


def test_a_pattern_gives_words_and_names_what_does_not_fit(project, folder):
    for name in ("yes_anna_1", "no_anna_b_2", "other"):
        put(folder / f"{name}.wav")
    result = import_folder(project, folder, rule=SpeakerRule(source="{word}_{speaker}_{take}"))
    assert result.words == {"no": 1, "yes": 1}
    assert [(speaker, take) for speaker, take, _ in who(project, "no")] == [("anna_b", 2)]
    assert "does not fit {word}_{speaker}_{take}" in reasons(result)["other.wav"]


@pytest.mark.parametrize("source", ["nobody", "{who}_{take}", "{speaker}_{speaker}", "{take}", "{take}_{any}"])
def test_a_pattern_that_says_nothing_is_refused(source):
    with pytest.raises(ProjectError, match=r"\{speaker\}"):
        SpeakerRule(source=source)
    with pytest.raises(ProjectError, match="given twice"):
        SpeakerRule("kim", "file")


def test_speakers_given_later_name_the_clips_that_are_there_and_move_none(project, folder):
    for number in range(4):
        put(folder / f"yes/anna_{number}.wav")
    assert import_folder(project, folder).speakers_unknown == 4
    before = [clip.split for clip in project.clips()]
    result = import_folder(project, folder, rule=SpeakerRule(source="{speaker}_{take}"))
    assert (
        result.clips == 0
        and result.already_there == 4
        and "4 clips that were there got their speakers" in notes(result)
    )
    assert [(clip.speaker, clip.take) for clip in project.clips()] == [("anna", take) for take in range(4)]
    assert [clip.split for clip in project.clips()] == before


def test_folders_within_words_are_speakers_beside_words_with_files(project, folder):
    put(folder / "yes/1.wav")
    for name in ("anna", "bob"):
        put(folder / f"no/{name}/1.wav")
    result = import_folder(project, folder)
    assert result.words == {"no": 2, "yes": 1} and result.speakers_unknown == 1
    assert [speaker for speaker, _, _ in who(project, "no")] == ["anna", "bob"]
    assert "taken as speakers: anna, bob" in notes(result)


# -- words one folder deeper


def test_words_one_folder_deeper_are_named_with_where_to_import_from(project, folder):
    for word in ("yes", "no"):
        put(folder / "speech" / word / "1.wav")
    with pytest.raises(ProjectError, match=f"the words lie one folder deeper: import {folder}/speech"):
        import_folder(project, folder)
    assert import_folder(project, folder / "speech").words == {"no": 1, "yes": 1}


def test_speakers_or_words_outside_is_asked_rather_than_guessed(project, folder, tmp_path):
    for word in ("yes", "no"):
        for name in ("anna", "bob"):
            put(folder / word / name / "1.wav")
    with pytest.raises(ProjectError, match="--speaker-from folder"):
        import_folder(project, folder)
    assert import_folder(project, folder, rule=SpeakerRule(source="folder")).words == {"no": 2, "yes": 2}
    assert {clip.speaker for clip in project.clips()} == {"anna", "bob"}
    other = Project.create(tmp_path / "other")
    rule = SpeakerRule(source="{speaker}/{word}/{any}")
    assert import_folder(other, folder, rule=rule).words == {"anna": 2, "bob": 2}


def test_known_words_tell_words_from_speakers(project, folder):
    project.edit.add_word("yes")
    for word in ("yes", "no"):
        put(folder / word / "anna/1.wav")
    assert import_folder(project, folder).words == {"no": 1, "yes": 1}


def test_a_folder_of_words_beside_words_is_no_speaker(project, folder):
    put(folder / "yes/1.wav")
    put(folder / "more/yes/2.wav")
    put(folder / "more/no/2.wav")
    result = import_folder(project, folder)
    assert result.words == {"yes": 1}
    assert all(f"the words lie one folder deeper: import {folder}/more" in one.reason for one in result.skipped)
    assert len(result.skipped) == 2


def test_what_lies_deep_down_is_named(project, folder):
    put(folder / "yes/1.wav")
    put(folder / "yes/2024/may/2.wav")
    assert "lies too deep" in reasons(import_folder(project, folder))["2.wav"]


# -- lists


def test_common_voice_is_read_from_its_lists(project, folder):
    rows = ["client_id\tpath\tsentence\tup_votes"]
    for number, (word, voice) in enumerate([(w, v) for w in ("Yes.", "no", "firefox") for v in "abc"]):
        put(folder / f"clips/common_voice_en_{number}.wav")
        rows.append(f"{voice * 8}\tcommon_voice_en_{number}.wav\t{word}\t2")
    (folder / "validated.tsv").write_text("\n".join(rows))
    (folder / "dev.tsv").write_text("\n".join([rows[0], rows[1], rows[4]]))
    (folder / "test.tsv").write_text("\n".join([rows[0], rows[2], rows[5]]))
    (folder / "invalidated.tsv").write_text("\n".join([rows[0], "x\tcommon_voice_en_99.wav\tyes\t0"]))
    put(folder / "clips/common_voice_en_99.wav")
    result = import_folder(project, folder)
    assert result.words == {"Yes": 3, "no": 3, "firefox": 3} and not result.speakers_unknown
    parts = {clip.speaker: clip.split for clip in project.clips(word="no")}
    assert parts["a" * 8] == "validation" and parts["b" * 8] == "testing"
    assert "is not in validated.tsv, dev.tsv and test.tsv" in reasons(result)["common_voice_en_99.wav"]
    assert "validated.tsv" in notes(result) and "invalidated.tsv was not read" in notes(result)


TABLES = {
    "comma": "path,word,speaker,part\na/1.wav,yes,anna,train\na/2.wav,no,bob,dev\n",
    "semicolon": "File Name;Label;User\na\\1.wav;yes;anna\na\\2.wav;no;bob\n",
    "tab": 'audio\tcommand\tspeaker_id\n./a/1.wav\tyes\tanna\n/home/x/set/a/2.wav\t"no"\tbob\n',
    "quoted": '\ufeff"path","transcript","client_id"\n"a/1.wav","yes","anna"\n"2.wav","No, ","bob"\n',
    "without endings": "clip,class,speaker\na/1,yes,anna\n2,no,bob\n",
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("is_given", [True, False])
def test_a_table_of_paths_words_speakers_and_parts(project, folder, kind, is_given):
    for number in range(1, 4):
        put(folder / f"a/{number}.wav")
    (folder / "list.csv").write_text(TABLES[kind])
    result = import_folder(project, folder, list_file=folder / "list.csv" if is_given else None)
    assert {word.casefold() for word in result.words} == {"yes", "no"} and not result.speakers_unknown
    assert {clip.speaker for clip in project.clips()} == {"anna", "bob"}
    assert reasons(result) == {"3.wav": "3.wav is not in list.csv."}
    if kind == "comma":
        assert {clip.speaker: clip.split for clip in project.clips()} == {"anna": "training", "bob": "validation"}


def test_a_list_names_what_is_missing_what_has_no_word_and_what_has_two(project, folder):
    for number in range(1, 5):
        put(folder / f"{number}.wav")
    rows = [
        "path,word,split",
        "1.wav,yes,holdout",
        "2.wav,,train",
        "3.wav,yes,train",
        "3.wav,no,train",
        "9.wav,yes,train",
    ]
    (folder / "list.csv").write_text("\n".join(rows))
    result = import_folder(project, folder)
    assert result.words == {"yes": 1} and result.speakers_unknown == 1
    found = reasons(result)
    assert "no word" in found["2.wav"] and '"yes" and "no"' in found["3.wav"]
    assert "not in list.csv" in found["4.wav"] and "9.wav is in list.csv but not here" in found["9.wav"]
    assert "parts that are not known: holdout" in notes(result)


def test_a_list_elsewhere_may_name_files_elsewhere_only_if_it_is_given(project, folder, tmp_path):
    put(folder / "yes/1.wav")
    outside = put(tmp_path / "elsewhere/x.wav")
    (folder / "list.csv").write_text(
        f"path,word,speaker\nyes/1.wav,yes,anna\n../elsewhere/x.wav,no,bob\n{outside},no,bob\n"
    )
    result = import_folder(project, folder)
    assert result.words == {"yes": 1} and len(result.skipped) == 2
    assert import_folder(project, folder, list_file=folder / "list.csv").words == {"no": 1}


def test_a_list_may_leave_words_to_the_folders(project, folder):
    put(folder / "yes/1.wav")
    put(folder / "no/2.wav")
    (folder / "who.csv").write_text("file,speaker\nyes/1.wav,anna\nno/2.wav,bob\n")
    assert import_folder(project, folder).speakers_unknown == 2  # it was not asked for
    result = import_folder(project, folder, list_file=folder / "who.csv")
    assert "2 clips that were there got their speakers" in notes(result)
    assert {clip.word: clip.speaker for clip in project.clips()} == {"yes": "anna", "no": "bob"}


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "path\n1.wav\n", "\0\0\0\n", 'path,word\n"1.wav,yes\n'])
def test_a_list_that_is_none_is_refused_where_it_is_given_and_passed_over_else(project, folder, content):
    put(folder / "yes/1.wav")
    (folder / "list.csv").write_text(content)
    with pytest.raises(ProjectError, match=r"list\.csv|holds no readable clip"):
        import_folder(project, folder, list_file=folder / "list.csv")
    assert import_folder(project, folder).words == {"yes": 1}


def test_thousands_of_sentences_do_not_become_words(project, folder):
    put(folder / "clips/1.wav")
    rows = [f"clips/{number}.wav,sentence {number},anna" for number in range(1, 700)]
    for number in range(2, 700):
        os.link(folder / "clips/1.wav", folder / f"clips/{number}.wav")
    (folder / "list.csv").write_text("\n".join(["path,sentence,speaker", *rows]))
    with pytest.raises(ProjectError, match="699 different words"):
        import_folder(project, folder)
    assert import_folder(project, folder, words=["sentence 5"]).words == {"sentence 5": 1}


# -- nothing passed over in silence


def test_every_file_that_is_not_taken_is_named(project, folder):
    put(folder / "yes/good.wav")
    put(folder / "yes/silent.wav", np.zeros(8000, np.float32))
    put(folder / "yes/offset.wav", np.full(8000, 0.2, np.float32))
    soundfile.write(folder / "yes/other rate.flac", np.zeros(44_100), 44_100)
    (folder / "yes/strange.xyz").write_bytes(b"something else entirely")
    (folder / "yes/bare.pcm").write_bytes(int16(tone(0.5)))
    (folder / "yes/nothing").write_bytes(b"")
    (folder / "yes/gone.wav").symlink_to(folder / "nowhere.wav")
    os.mkfifo(folder / "yes/pipe.wav")
    for name in ("README", "notes.txt", "cover.jpg", ".DS_Store", "Thumbs.db", "LICENSE.md"):
        (folder / name).write_text("about")
    (folder / "__MACOSX").mkdir()
    put(folder / "deep/down/1.wav")
    result = import_folder(project, folder)
    assert result.words == {"deep": 1, "yes": 1}
    found = reasons(result)
    assert set(found) == {
        "silent.wav", "offset.wav", "other rate.flac", "strange.xyz", "bare.pcm", "nothing", "gone.wav", "pipe.wav",
    }  # fmt: skip
    for name in ("silent.wav", "offset.wav", "other rate.flac"):
        assert "digital silence" in found[name]
    assert "not audio" in found["strange.xyz"] and "bare samples" in found["bare.pcm"]
    assert "Passed over 7 files that are no recordings" in notes(result)


def test_any_ending_is_tried(project, folder):
    (folder / "yes").mkdir(parents=True)
    for at, name in enumerate(("memo", "memo.qta", "memo.weird", "memo.3ga", "memo.SND")):
        (folder / "yes" / name).write_bytes(plain(tone(0.5, hz=300 + 50 * at)))
    assert import_folder(project, folder).words == {"yes": 5}


def test_words_that_were_not_asked_for_are_said(project, folder):
    for word in ("yes", "no", "bed"):
        put(folder / word / "1.wav")
    assert "Not asked for and left where they are: bed 1, no 1" in notes(import_folder(project, folder, words=["yes"]))


def test_words_that_differ_in_capitals_are_one(project, folder):
    project.edit.add_word("yes")
    put(folder / "Yes/1.wav")
    result = import_folder(project, folder)
    assert result.words == {"yes": 1} and '"Yes" was taken as "yes"' in notes(result)


def test_the_same_recording_under_two_words_is_named_with_both(project, folder):
    same = tone(0.5, hz=700)
    put(folder / "no/b.wav", same)
    put(folder / "yes/a.wav", same)
    put(folder / "yes/c.wav")
    for _ in range(2):
        result = import_folder(project, folder)
        assert "no/b" in notes(result) or "no/set_nohash" in notes(result)
        sentence = reasons(result)["a.wav"]
        assert 'under "no" and not under "yes"' in sentence and "listen" in sentence
    assert {clip.word for clip in project.clips()} == {"no", "yes"} and len(project.clips()) == 2


# -- one damaged file, one reader


def test_one_file_that_trips_a_library_ends_nothing(project, folder, monkeypatch):
    for name in "abc":
        put(folder / f"yes/{name}.flac")
    read = audio.read

    def trip(path, **options):
        if Path(path).name == "b.flac":
            raise RuntimeError("a bug in a library\nwith two lines" + "x" * 500)
        return read(path, **options)

    monkeypatch.setattr(importing.audio, "read", trip)
    result = import_folder(project, folder)
    assert result.words == {"yes": 2}
    assert "RuntimeError" in reasons(result)["b.flac"] and len(reasons(result)["b.flac"]) < 250


def odd_wavs() -> dict[str, bytes]:
    """16-bit mono WAVs at the project's rate that Python's `wave` believes, and others do not read, or the reverse."""
    kinds = {
        "two_data": lambda d: riff(fmt(), chunk(b"data", d[:4000]), chunk(b"data", d[4000:])),
        "zero_chunk": lambda d: riff(fmt(), bytes(16), chunk(b"data", d)),
        "list": lambda d: riff(fmt(), chunk(b"LIST", bytes(20)), chunk(b"data", d)),
        "peak": lambda d: riff(fmt(), chunk(b"PEAK", bytes(12)), chunk(b"data", d)),
        "size_zero": lambda d: riff(fmt(), chunk(b"data", d, size=0)),
        "odd_chunk": lambda d: riff(fmt(), chunk(b"junk", b"", size=2**31 + 1)) + d,
        "long": lambda d: riff(fmt(), chunk(b"data", d * 80)),
        "plain": lambda d: riff(fmt(), chunk(b"data", d)),
    }
    return {name: make(int16(tone(0.5, hz=300 + 20 * at))) for at, (name, make) in enumerate(kinds.items())}


def test_what_import_takes_info_lists_and_training_reads_are_the_same(project, folder):
    folder.joinpath("yes").mkdir(parents=True)
    for name, content in odd_wavs().items():
        (folder / f"yes/{name}.wav").write_bytes(content)
    result = import_folder(project, folder)
    assert result.clips == len(project.clips()) == 6 and set(reasons(result)) == {"odd_chunk.wav", "long.wav"}
    for clip in project.clips():
        assert len(audio.read(clip.path, rate=16_000)) == round(clip.seconds * 16_000) == 8000
        with wave.open(str(clip.path)) as file:
            assert file.getnframes() == 8000


def test_files_put_in_by_hand_are_listed_as_training_reads_them(project, folder):
    for word in ("yes", "no"):
        project.edit.add_word(word)
        for take in range(16):
            put(project.clips_folder / word / f"me_nohash_{take}.wav")
    for name, content in odd_wavs().items():
        (project.clips_folder / "yes" / f"{name}_nohash_0.wav").write_bytes(content)
    project = Project.open(project.folder)
    bad = {"odd_chunk_nohash_0.wav", "long_nohash_0.wav"}
    assert {clip.path.name for clip in project.unreadable} == bad
    assert len(project.clips(word="yes")) == 16 + 6
    events, loading = [], load(project, Settings())
    with pytest.raises(StopIteration) as ended:
        while True:
            events.append(next(loading))
    data = ended.value.value
    assert {Path(event.path).name for event in events if hasattr(event, "path")} == bad
    used = {Path(path) for part in (data.training, data.validation) for path in part.paths}
    assert {clip.path for clip in project.clips() if clip.split != "testing"} <= used


# -- two at once, and places that cannot be written


IMPORT = "import sys; from kws_engine.cli import main; sys.exit(main(sys.argv[1:]))"


def two_at_once(project: Project, *folders: Path) -> list[dict]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", IMPORT, "import", str(project.folder), str(folder), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for folder in folders
    ]  # fmt: skip
    results = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (out, err)
        results.append(json.loads(out.splitlines()[-1]))
    return results


@pytest.mark.slow
@pytest.mark.parametrize("is_same", [True, False])
@pytest.mark.parametrize("time", range(4))
def test_two_imports_at_once_both_end_well_and_bring_each_recording_once(tmp_path, is_same, time):
    project = Project.create(tmp_path / "project")
    folders = [tmp_path / "one", tmp_path / ("one" if is_same else "two")]
    for word in ("yes", "no", f"only in {folders[1].name}"):
        for number in range(20):
            hz = 200 + 7 * number + zlib.crc32(word.encode()) % 999
            put(folders[0] / word / f"me_nohash_{number}.wav", tone(0.2, hz=hz))
            if not is_same:
                put(folders[1] / word / f"me_nohash_{number}.wav", tone(0.2, hz=hz + 3))
    first, second = two_at_once(project, *folders)
    project.refresh()
    count = 60 if is_same else 120
    assert first["clips"] + second["clips"] == len(project.clips()) == count
    assert len({clip.path.read_bytes() for clip in project.clips()}) == count
    assert set(project.words) == {"yes", "no", f"only in {folders[1].name}"}
    assert sorted(path.name for path in project.folder.glob(".*.lock")) == []


def test_an_import_waits_for_another_says_so_and_can_be_stopped(project, folder):
    put(folder / "yes/1.wav")
    other = FileLock(project.folder / IMPORT_LOCK_FILE)
    assert other.take(seconds=1.0)
    said: list[str] = []
    try:
        result = import_folder(project, folder, on_wait=said.append, should_stop=lambda: bool(said))
    finally:
        other.release()
    assert result.stopped and result.clips == 0 and "Another import into project is running" in said[0]
    assert import_folder(project, folder).clips == 1


def test_a_project_that_cannot_be_written_is_named_and_not_the_source(read_only_folder, folder):
    put(folder / "yes/1.wav")
    for path in (folder.parent, folder, folder / "yes"):
        path.chmod(0o755)
    place = read_only_folder(lambda inside: Project.create(inside / "project", words=["yes"]))
    with pytest.raises(ProjectError, match=f"{place / 'project'}.* cannot be written") as caught:
        import_folder(Project.open(place / "project"), folder)
    assert caught.value.kind == "read_only" and "1.wav" not in str(caught.value)


# -- the command


def test_the_command_says_what_it_took_the_folder_for(project, folder, capsys):
    put(folder / "train/yes/1.wav")
    put(folder / "test/yes/2.wav")
    assert main(["import", str(project.folder), str(folder)]) == 0
    text = capsys.readouterr().out
    assert "note: The folders test (testing), train (training) are parts" in text
    assert "2 clips do not say who speaks" in text and "--speaker-from file, folder" in text
    assert main(["import", str(project.folder), str(folder), "--speaker", "kim", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["notes"] and values["speakers_unknown"] == 0
    assert {clip.speaker for clip in Project.open(project.folder).clips()} == {"kim"}


def test_the_command_takes_a_list_and_a_pattern(project, folder, capsys):
    put(folder / "1.wav")
    (folder / "list.tsv").write_text("path\tword\n1.wav\tyes\n")
    arguments = [
        "import",
        str(project.folder),
        str(folder),
        "--list",
        str(folder / "list.tsv"),
        "--speaker-from",
        "file",
    ]
    assert main(arguments) == 0
    assert [clip.speaker for clip in Project.open(project.folder).clips(word="yes")] == ["1"]
    assert main([*arguments[:3], "--speaker-from", "{nobody}"]) == 1
    assert "{speaker}" in capsys.readouterr().err


def test_a_folder_to_judge_whose_words_lie_one_folder_deeper_is_told_from_an_empty_one(folder):
    for part in ("train", "test"):
        put(folder / part / "yes" / "1.wav")
    with pytest.raises(ProjectError, match=r"lie two folders deep, .*: choose .*test or .*train, or import"):
        layout_clips(folder)
    assert len(layout_clips(folder / "test")) == 1
