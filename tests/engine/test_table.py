"""Clips in columns: the same whether read at once or put together bit by bit, and a snapshot for whoever holds it."""

import pathlib
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.clips.header import frames_and_rate
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS, split_by_take, split_codes, which_set
from kws_engine.clips.table import COLUMNS, ClipList, ClipRow, ClipTable
from kws_engine.errors import AudioError
from kws_engine.runs.minimum_clips import missing_clips

WORDS = ("up", "down", "größer", "_unknown_")
SOUND = np.full(1600, 0.25, np.float32)
DATA = pathlib.Path(__file__).parents[2].parent / "shared/data/speech_commands"

keys = st.builds(
    lambda word, speaker, take: f"{word}/{speaker}_nohash_{take}.wav",
    st.sampled_from(WORDS),
    st.sampled_from(["ann", "bob", "Zoë", "ann-2", "日本"]),
    st.integers(0, 12),
)
entries = st.builds(
    ClipRow, keys, st.integers(0, 2), st.booleans(), st.integers(44, 99999), st.integers(0, 9), st.integers(1, 99999),
    st.just(16000),
)  # fmt: skip


names = st.builds(
    lambda word, speaker, take, suffix: f"{word}/{speaker}_nohash_{take}{suffix}",
    st.sampled_from(WORDS[:2]),
    st.sampled_from(["ann", "a nn", "a-nn", "bob"]),  # two of which are one speaker
    st.integers(0, 3),
    st.sampled_from([".wav", ".mp3", ".flac"]),
)


@given(st.sets(names, max_size=20), st.sets(names, max_size=20))
def test_rows_are_found_in_another_table_by_their_names(mine, theirs):
    first, second = (
        ClipTable.empty(pathlib.Path("clips"), WORDS).with_clips(
            [ClipRow(key, 0, False, 44, 0, 1, 16000) for key in some]
        )
        for some in (mine, theirs)
    )
    expected = [-1 if (row := first.row(second.key(at))) is None else row for at in range(len(second))]
    assert first.places_of(second).tolist() == expected


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "p", words=["up", "down"])
    for word in ("up", "down"):
        for speaker in ("ann", "bob"):
            for _ in range(9):
                made.edit.add_take(word, SOUND, speaker=speaker)
    return made


def reopened(project):
    return Project.open(project.folder)


def columns(table):
    """Everything a table holds but the order of its speakers."""
    values = {name: getattr(table, name).tolist() for name in COLUMNS if name != "speaker"}
    speakers = [table.speakers[at] for at in table.speaker.tolist()]
    return values, speakers, [table.key(row) for row in range(len(table))], table.words


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(entries, max_size=20, unique_by=lambda entry: entry.key), st.data())
def test_a_table_put_together_in_any_order_is_the_same(some, data):
    whole = ClipTable.empty(pathlib.Path("clips"), WORDS).with_clips(some)
    table = ClipTable.empty(pathlib.Path("clips"), WORDS)
    for entry in data.draw(st.permutations(some)):
        table = table.with_clips([entry])
    assert columns(table) == columns(whole)
    gone = data.draw(st.sets(st.sampled_from([entry.key for entry in some]))) if some else set()
    left = ClipTable.empty(pathlib.Path("clips"), WORDS).with_clips([e for e in some if e.key not in gone])
    assert columns(table.without(gone)) == columns(left)
    for entry in some:
        row = whole.row(entry.key)
        assert (whole.key(row), whole.sizes[row], whole.split[row]) == (entry.key, entry.size, entry.split)
        assert (left.row(entry.key) is None) == (entry.key in gone)
    order = [(clip.word, clip.speaker, clip.take) for clip in whole.clips()]
    assert order == sorted(order)


def test_labels_index_the_projects_words_in_their_order(project):
    project.edit.add_word("again")  # its folder stands first
    project.edit.add_take("again", SOUND, speaker="ann")
    table = project.table()
    assert table.words == ("up", "down", "again", "_unknown_")
    assert [table.words[label] for label in table.labels] == [clip.word for clip in project.clips()]
    assert table.clip(0).word == "again"
    project.edit.rename_word("up", "zenith")
    assert project.table().words == ("zenith", "down", "again", "_unknown_")
    assert columns(project.table()) == columns(reopened(project).table())


def test_what_was_changed_bit_by_bit_is_what_is_read_anew(project):
    clips = project.clips(word="up")
    project.edit.exclude([clips[1]], True)
    project.edit.set_splits([clips[2]], ["testing"])
    project.edit.replace_take(clips[3], SOUND[:800])
    deletion = project.edit.delete(project.clips(word="down")[2:7])
    assert columns(project.table()) == columns(reopened(project).table())
    project.edit.restore(deletion)
    project.edit.add_take("_unknown_", SOUND, speaker="Zoë")
    assert columns(project.table()) == columns(reopened(project).table())
    project.refresh()
    assert columns(project.table()) == columns(reopened(project).table())


def test_whoever_holds_clips_is_not_disturbed(project):
    clips, table = project.clips(word="up"), project.table()
    before = list(clips)
    project.edit.delete(clips[:4])
    project.edit.remove_word("down")
    project.edit.rename_word("up", "oben")
    assert list(clips) == before and len(table) == 36
    assert len(project.clips()) == 14
    with pytest.raises(ValueError, match="read-only"):
        table.labels[0] = 1


def test_a_list_of_clips_is_like_any_other(project):
    clips = project.clips(word="down")
    listed = list(clips)
    assert isinstance(clips, ClipList) and clips == listed and listed == clips and clips == tuple(listed)
    assert clips != listed[:-1] and clips != [] and project.clips(word="none") == []
    assert clips[3] == listed[3] and clips[-1] == listed[-1] and clips[2:9:3] == listed[2:9:3]
    assert clips + listed == listed * 2 and [*listed, *clips] == listed + clips
    assert clips.index(listed[5]) == 5 and listed[5] in clips and list(reversed(clips)) == listed[::-1]
    with pytest.raises(IndexError):
        clips[18]
    assert clips[0] == Clip(
        project.clips_folder / "down/ann_nohash_0.wav", "down", "ann", 0, "training", 0.1, False
    )  # fmt: skip


def test_rows_are_chosen_and_counted_as_clips_are(project):
    project.edit.exclude([project.clips()[4]], True)
    table = project.table()
    for word in (None, "up", "down", "_unknown_", "none"):
        for split in (None, *SPLITS):
            for include_excluded in (False, True):
                rows = table.select(word=word, split=split, include_excluded=include_excluded)
                expected = [
                    clip for clip in table.clips()
                    if word in (None, clip.word) and split in (None, clip.split)
                    and (include_excluded or not clip.excluded)
                ]  # fmt: skip
                assert table.clips(rows) == expected
    assert table.counts().sum() == 35 and table.counts(include_excluded=True).sum() == 36
    for word, summary in project.summary().items():
        clips = project.clips(word=word)
        assert (summary.speakers, summary.seconds) == (len({c.speaker for c in clips}), round(0.1 * len(clips), 3))
        assert table.word_counts("training").get(word) == summary.training == sum(c.split == "training" for c in clips)


def test_what_is_lacking_is_the_same_from_columns(project):
    assert missing_clips(project.table(), project.words) == missing_clips(project.clips(), project.words) == ""
    project.edit.delete(project.clips(word="up")[1:])
    said = missing_clips(project.table(), project.words)
    assert said == missing_clips(project.clips(), project.words) and "'up' has 1 clip" in said


def test_parts_by_rule_are_those_of_single_clips():
    speakers = [f"speaker-{n}" for n in range(40)]
    speaker = np.arange(400, dtype=np.int32) % 40
    takes = np.arange(400, dtype=np.int32) // 40
    codes = split_codes(speakers, speaker, takes, by_take=speakers[:5])
    for who, take, code in zip(speaker.tolist(), takes.tolist(), codes.tolist(), strict=True):
        assert SPLITS[code] == (split_by_take(take) if who < 5 else which_set(speakers[who]))


@pytest.mark.slow
def test_a_clip_takes_a_few_dozen_bytes():
    count = 20_000
    some = [
        ClipRow(f"up/{n % 2000:08x}_nohash_{n // 2000}.wav", 0, False, 32044, n, 16000, 16000) for n in range(count)
    ]
    table = ClipTable.empty(pathlib.Path("clips"), WORDS).with_clips(some)
    held = sum(getattr(table, name).nbytes for name in COLUMNS) + table.names.nbytes
    assert held / count < 80


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.wav", {}),
        ("stereo.wav", {"channels": 2}),
        ("float.wav", {"subtype": "FLOAT"}),
        ("bytes.wav", {"subtype": "PCM_U8"}),
        ("extensible.wav", {"format": "WAVEX"}),
        ("clip.flac", {}),
        ("clip.ogg", {}),
    ],
)
def test_a_header_says_what_the_decoder_says(tmp_path, name, options):
    path, channels = tmp_path / name, options.pop("channels", 1)
    soundfile.write(path, np.zeros((1234, channels)) + 0.1, 22050, **options)
    said = audio.info(path)
    assert frames_and_rate(path) == (said.frames, said.rate) == (1234, 22050)


def test_plain_headers_of_bad_files_are_believed_no_more_than_by_the_decoder(tmp_path):
    whole = tmp_path / "whole.wav"
    audio.write(whole, SOUND, rate=16000)
    content = whole.read_bytes()
    cases = {
        "cut.wav": content[:1000], "empty.wav": b"", "header.wav": content[:44], "text.wav": b"no sound" * 9,
        "slow.wav": content[:24] + struct.pack("<I", 3) + content[28:], "longer.wav": content + b"LIST\4\0\0\0abcd",
        "odd.wav": content[:40] + struct.pack("<I", 1601) + content[44:],
    }  # fmt: skip
    for name, bad in cases.items():
        path = tmp_path / name
        path.write_bytes(bad)
        try:
            said = audio.info(path)
            expected = said.frames, said.rate
        except AudioError:
            expected = 0, 0
        assert frames_and_rate(path) == expected, name
    assert frames_and_rate(tmp_path / "none.wav") == (0, 0)


@pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not here")
def test_real_headers_are_read_right():
    for path in sorted(DATA.glob("*/*.wav"))[::200]:
        said = audio.info(path)
        is_clip = said.seconds <= LONGEST_CLIP_S
        assert frames_and_rate(path) == ((said.frames, said.rate) if is_clip else (0, 0))


def test_a_file_name_that_is_no_unicode_is_a_clip_like_others(project):
    raw = f"{project.clips_folder}/up/".encode() + b"caf\xe9_nohash_0.wav"
    with open(raw, "wb") as file:
        file.write(next(iter(project.clips())).path.read_bytes())
    project.refresh()
    odd = project.clips(word="up")
    assert len(odd) == 19 and sum(clip.path.read_bytes()[:4] == b"RIFF" for clip in odd) == 19
    assert len(reopened(project).clips(word="up")) == 19


def test_lists_of_two_tables_are_equal_where_their_clips_are(project):
    clips, other = project.clips(), reopened(project)
    assert clips == other.clips() and clips[::-1] == other.clips()[::-1] and clips != other.clips()[::-1]
    other.edit.exclude([other.clips()[3]], True)
    assert clips != other.clips(include_excluded=True)
    other.edit.exclude([other.table().clip(3)], False)
    assert clips == other.clips()
    other.edit.rename_word("up", "again")  # now before the others
    assert clips != other.clips() and clips[:18] == other.clips()[18:]


def test_a_word_that_was_removed_or_renamed_is_known_without_looking_at_the_others(project):
    (project.clips_folder / "down/broken_nohash_0.wav").write_text("no sound")
    stranger = project.clips_folder / "up/eve_nohash_0.wav"
    project.refresh()
    stranger.write_bytes(project.clips()[0].path.read_bytes())
    removal = project.edit.remove_word("down")
    assert len(project.clips()) == 18 and not project.unreadable
    project.edit.restore(removal)
    project.edit.rename_word("down", "above")
    assert len(project.clips()) == 36, "what another program put into another word is seen at the next refresh"
    assert [clip.path for clip in project.unreadable] == [project.clips_folder / "above/broken_nohash_0.wav"]
    project.refresh()
    assert len(project.clips()) == 37
    assert columns(project.table()) == columns(reopened(project).table())
