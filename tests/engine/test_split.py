"""The split of Speech Commands, held against facts about the data set itself."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_engine.clips.project import folder_clips
from kws_engine.clips.split import speakers_fill_parts, split_by_take, which_set

DATA = pathlib.Path(__file__).parents[2].parent / "shared/data/speech_commands"
MAIN_WORDS = ("right", "left", "up", "down", "go", "eight", "one", "zero", "five")


# From testing_list.txt and validation_list.txt of the data set, and names that stand in neither.
@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("testing", "cat/2aa787cf_nohash_0 cat/ffa76c4a_nohash_0 cat/24ad3ebe_nohash_1 cat/d7467392_nohash_0"),
        ("testing", "go/0ea0e2f4_nohash_1 go/85834399_nohash_0 go/94de6a6a_nohash_1 four/27c30960_nohash_0"),
        ("validation", "bed/fde2dee7_nohash_0 bird/099d52ad_nohash_0 cat/66cff190_nohash_0 down/364c0853_nohash_1"),
        ("validation", "go/0ab3b47d_nohash_0 happy/4abefdf5_nohash_0 house/65ec06e5_nohash_0 two/7c1d8533_nohash_4"),
        ("training", "bed/eb67fcbc_nohash_0 bird/f953e1af_nohash_0 cat/3bc21161_nohash_0 dog/da1d320c_nohash_1"),
    ],
)
def test_published_lists(part, names):
    assert {which_set(f"{name}.wav") for name in names.split()} == {part}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not here")
def test_real_clips_are_never_testing_and_main_words_have_about_400_and_50():
    clips = folder_clips(DATA)
    assert len(clips) == 4319
    assert {clip.split for clip in clips} == {"training", "validation"}
    for word in MAIN_WORDS:
        parts = [clip.split for clip in clips if clip.word == word]
        assert parts.count("training") == 400
        assert 45 <= parts.count("validation") <= 105


@given(st.text(alphabet="0123456789abcdef", min_size=8, max_size=8), st.integers(0, 99))
def test_a_speaker_is_in_one_part_whatever_the_folder_and_take(speaker, take):
    part = which_set(f"{speaker}_nohash_0.wav")
    assert which_set(f"some/word/{speaker}_nohash_{take}.wav") == part
    assert which_set(f"some\\word\\{speaker}_nohash_{take}.wav") == part
    assert which_set(speaker) == part


def test_of_many_speakers_a_tenth_validates_and_a_tenth_tests():
    parts = [which_set(f"{number:08x}") for number in range(10_000)]
    assert 900 < parts.count("validation") < 1100
    assert 900 < parts.count("testing") < 1100


def test_of_eight_takes_the_third_validates_and_the_seventh_tests():
    assert [take for take in range(16) if split_by_take(take) == "validation"] == [2, 10]
    assert [take for take in range(16) if split_by_take(take) == "testing"] == [6, 14]


def test_one_speaker_never_fills_two_parts():
    assert not speakers_fill_parts(["me"])
    assert speakers_fill_parts(f"{number:08x}" for number in range(200))
