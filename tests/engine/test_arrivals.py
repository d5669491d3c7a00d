"""The rule of the parts, over sequences of arrivals: it holds after each, and nothing ever moves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_engine.clips.arrivals import Takes, decide
from kws_engine.clips.split import SPLITS, which_set

VOICES = ("me", "ann", "bob", "late", "2aa787cf", "fde2dee7", "eb67fcbc", "3bc21161", "da1d320c", "Zoë", "x", "y")
BY_HASH = {part: [name for n in range(4000) if which_set(name := f"{n:08x}") == part] for part in SPLITS}

arrival = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(VOICES), st.integers(1, 25)), min_size=1, max_size=12)
single = st.tuples(st.integers(0, 3), st.sampled_from(VOICES)).map(lambda one: [(*one, 1)])
sequences = st.lists(st.one_of(single, arrival), min_size=1, max_size=40)


@dataclasses.dataclass
class Words:
    """Clips with their parts as they arrived, by word and speaker."""

    speakers: list[str] = dataclasses.field(default_factory=list)
    rows: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)

    def arrive(self, clips: list[tuple[int, str, int]]) -> None:
        """So many takes of a word by somebody, and more, at once."""
        self.speakers += sorted({name for _, name, _ in clips} - set(self.speakers))
        new = [(word, self.speakers.index(name)) for word, name, takes in clips for _ in range(takes)]
        parts = decide(takes_of(self.rows), takes_of([(*one, 0) for one in new]), self.speakers)
        self.rows += [(*one, int(part)) for one, part in zip(new, parts, strict=True)]

    def counts(self, word: int) -> list[int]:
        """Clips of a word in each part."""
        return [sum(row[0] == word and row[2] == part for row in self.rows) for part in range(3)]


def takes_of(rows: list[tuple[int, int, int]]) -> Takes:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return Takes(columns[0], columns[1], columns[2].astype(np.int8))


def assert_rule(words: Words) -> None:
    for word in {row[0] for row in words.rows}:
        training, validation, testing = counts = words.counts(word)
        assert training >= 1, counts
        assert validation >= (sum(counts) >= 2), counts
        assert testing >= (sum(counts) >= 10), counts
        assert training >= sum(counts) / 2 - 1, counts


@settings(deadline=None, max_examples=200)
@given(sequences)
def test_every_word_is_validated_and_tested_after_each_arrival(arrivals):
    words = Words()
    for clips in arrivals:
        words.arrive(clips)
        assert_rule(words)


@settings(deadline=None, max_examples=60)
@given(sequences, st.data())
def test_what_is_lost_is_made_up_for_by_what_arrives_next(arrivals, data):
    words = Words()
    for clips in arrivals:
        words.arrive(clips)
    gone = data.draw(st.sets(st.integers(0, len(words.rows) - 1)))
    words.rows = [row for at, row in enumerate(words.rows) if at not in gone]
    words.arrive([(word, "new", 1) for word in range(4)])
    words.arrive([(word, "new", 1) for word in range(4)])
    words.arrive([(word, "new", 1) for word in range(4)])
    for word in range(4):
        training, validation, testing = counts = words.counts(word)
        assert training and validation and testing >= (sum(counts) >= 10), counts


@pytest.mark.parametrize("takes", [2, 3, 5, 8, 10, 12, 20, 40, 100])
@pytest.mark.parametrize("voice", ["me", "late", "bob"])  # by hash in training, testing, training
def test_takes_of_one_voice_are_shared_out_at_once_and_one_by_one(takes, voice):
    at_once, one_by_one = Words(), Words()
    at_once.arrive([(0, voice, takes)])
    for _ in range(takes):
        one_by_one.arrive([(0, voice, 1)])
    share = 1 if takes < 30 else (takes + 5) // 10
    tested = share if takes >= 8 else 0
    for words in (at_once, one_by_one):
        assert words.counts(0) == [takes - share - tested, share, tested]


def test_speakers_stay_whole_where_there_are_five_and_not_where_there_are_four():
    five, four = Words(), Words()
    five.arrive([(word, f"sp{n}", 10) for word in range(3) for n in range(5)])
    four.arrive([(word, f"sp{n}", 10) for word in range(3) for n in range(4)])
    assert [five.counts(word) for word in range(3)] == [[30, 10, 10]] * 3
    assert all(len({row[2] for row in five.rows if row[1] == who}) == 1 for who in range(5))
    assert [four.counts(word) for word in range(3)] == [[32, 4, 4]] * 3
    assert {row[1] for row in four.rows if row[2] == 1} == set(range(4)), "a validation take of each"


def test_five_takes_of_five_voices_validate_with_one():
    words = Words()
    words.arrive([(word, f"sp{n}", 1) for word in range(3) for n in range(5)])
    assert [words.counts(word) for word in range(3)] == [[4, 1, 0]] * 3
    assert len({row[1] for row in words.rows if row[2] == 1}) == 1, "the same one for all words"


@pytest.mark.parametrize("number", [10, 20, 29])
def test_of_few_takes_that_nobody_says_twice_one_validates_and_one_tests(number):
    words = Words()
    words.arrive([(0, f"v{n:03d}", 1) for n in range(number)])
    assert words.counts(0) == [number - 2, 1, 1]


def test_few_takes_of_an_official_split_stay_in_it():
    names = [*BY_HASH["training"][:15], *BY_HASH["validation"][:3], *BY_HASH["testing"][:2]]
    words = Words()
    words.arrive([(0, name, 1) for name in names])
    assert words.counts(0) == [15, 3, 2]


@pytest.mark.parametrize("number", [10, 20, 40])
@pytest.mark.parametrize("part", SPLITS)
def test_distinct_voices_whose_hashes_all_say_the_same(part, number):
    words = Words()
    words.arrive([(0, name, 1) for name in BY_HASH[part][:number]])
    assert_rule(words)
    training, validation, testing = words.counts(0)
    assert training >= 0.55 * number and max(validation, testing) <= number / 4


def test_the_hash_rules_where_it_fills_the_parts():
    names = [f"{n:08x}" for n in range(400)]
    words = Words()
    words.arrive([(word, name, 1) for word in range(3) for name in names])
    assert all(SPLITS[part] == which_set(words.speakers[who]) for _, who, part in words.rows)
    words.arrive([(0, f"{n:08x}", 2) for n in range(400, 440)])
    assert all(SPLITS[part] == which_set(words.speakers[who]) for _, who, part in words.rows)


def test_the_official_split_stays_where_its_testing_speakers_were_taken_out():
    names = [*BY_HASH["training"][:400], *BY_HASH["validation"][:50]]
    words = Words()
    words.arrive([(0, name, 1) for name in names])
    words.arrive([(1, name, 1) for name in reversed(names)])
    assert [words.counts(word) for word in (0, 1)] == [[400, 50, 0]] * 2
    for _ in range(20):
        words.arrive([(0, "late", 1)])
        words.arrive([(2, "late", 1)])
    assert words.counts(0) == [420, 50, 0], "whoever joins strangers is learned"
    assert words.counts(2) == [18, 1, 1], "a word of one's own is tested"


def test_a_voice_that_was_learned_validates_a_new_word_and_stays_learned_in_the_old_ones():
    words = Words()
    words.arrive([(0, f"sp{n}", 8) for n in range(10)])
    learned = next(who for who in range(10) if {row[2] for row in words.rows if row[1] == who} == {0})
    before = list(words.rows)
    words.arrive([(1, words.speakers[learned], 8)])
    assert words.counts(1) == [6, 1, 1] and words.rows[: len(before)] == before
    for _ in range(4):
        words.arrive([(0, words.speakers[next(w for w in range(10) if w != learned)], 1)])
    assert_rule(words)
