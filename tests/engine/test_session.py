"""Recording sessions: the order, what is done as the disk tells it, and the file that a session is continued from."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_engine import audio, resources
from kws_engine.caring.take_check import TakeCheck
from kws_engine.clips.judging import QUIET_S, Judged, KeyedTakes, SpokenTakes
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.session import MOST_REFUSED, Item, Session, Sitting, new_session, read_session, recording
from kws_engine.errors import ProjectError

RATE = 16_000
WORDS = ("lights", "music", "stop")


def word(name: str, number: int = 0) -> np.ndarray:
    path = sorted((resources.path("starter") / "clips" / name).iterdir())[number]
    return audio.read(path, rate=RATE)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "mine", words=WORDS)


def sitting_of(project: Project, *, takes: int = 2, speakers: tuple[str, ...] = ("ann",), seed: int = 3) -> Sitting:
    return Sitting(new_session(project, WORDS, takes=takes, speakers=speakers, seed=seed), project)


def say(project: Project, item: Item | None) -> None:
    assert item is not None
    project.edit.add_take(item.word, word(item.word), speaker=item.speaker)


def plan(words: int, takes: int, speakers: int, seed: int) -> Session:
    names = tuple(f"w{number}" for number in range(words))
    people = tuple(f"p{number}" for number in range(speakers))
    return Session(names, takes, people, seed, {Item(name, person): 0 for name in names for person in people})


@given(st.integers(1, 8), st.integers(1, 30), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_the_order_holds_every_take_once_mixed_and_the_same_again(
    words: int, takes: int, speakers: int, seed: int
) -> None:
    session = plan(words, takes, speakers, seed)
    order = session.order()
    assert order == session.order() and set(Counter(order).values()) == {takes}
    assert len(order) == session.total == words * takes * speakers
    if words > 1:
        assert all(one.word != other.word for one, other in itertools.pairwise(order))
    for person in session.speakers:  # wherever it ends, each word has been said as often as the others, or once more
        said = Counter(dict.fromkeys(session.words, 0))
        for item in order:
            said[item.word] += item.speaker == person
            assert max(said.values()) - min(said.values()) <= 1


def test_speakers_take_turns_and_another_seed_is_another_order() -> None:
    session = plan(5, 12, 2, 0)
    turns = [(who, len(list(items))) for who, items in itertools.groupby(session.order(), lambda item: item.speaker)]
    assert turns == [("p0", 20), ("p1", 20)] * 3
    assert session.order() != plan(5, 12, 2, 1).order()


def test_what_is_done_is_what_is_on_disk(project: Project) -> None:
    project.edit.add_take("stop", word("stop"), speaker="ann")  # before the session
    sitting = sitting_of(project)
    assert (sitting.number, sitting.total) == (1, 6)
    clips = []
    for _ in range(2):
        item = sitting.current
        assert item is not None
        clips.append(project.edit.add_take(item.word, word(item.word), speaker=item.speaker))
        sitting.saved()
    again = Sitting(read_session(Project.open(project.folder)) or sitting.session, Project.open(project.folder))
    assert again.done == sitting.done == 2 and again.left == sitting.left and again.current == sitting.current
    project.edit.delete([clips[0]])
    sitting.refresh()
    assert sitting.done == 1 and sitting.left[Item(clips[0].word, "ann")] == 2
    (project.clips_folder / "stop" / "ann_nohash_77.wav").write_bytes(b"RIFF, not whole")
    project.refresh()
    sitting.refresh()
    assert sitting.done == 1


def test_all_takes_are_asked_for_and_then_none(project: Project) -> None:
    sitting = sitting_of(project, speakers=("ann", "ben"))
    asked = []
    while sitting.current is not None:
        asked.append(sitting.current)
        say(project, sitting.current)
        sitting.saved()
    assert asked == sitting.session.order() and sitting.done == sitting.total == sitting.number == 12
    assert Counter((clip.word, clip.speaker) for clip in project.clips()) == Counter(
        {(name, who): 2 for name in WORDS for who in ("ann", "ben")}
    )


def test_a_take_refused_three_times_comes_again_at_the_end(project: Project) -> None:
    sitting = sitting_of(project)
    first = sitting.current
    assert first is not None
    assert [sitting.refused() for _ in range(MOST_REFUSED)] == [False, False, True]
    assert sitting.current != first and sitting.number == 1
    asked = []
    while sitting.current is not None:
        asked.append(sitting.current)
        say(project, sitting.current)
        sitting.saved()
    assert len(asked) == 6 and asked[-1] == first
    assert all(one.word != other.word for one, other in itertools.pairwise(asked[:-1]))


def test_of_two_that_were_put_off_the_one_refused_again_is_last(project: Project) -> None:
    sitting = sitting_of(project, takes=1)
    one = sitting.current
    sitting.skip()
    other = sitting.current
    sitting.skip()
    say(project, sitting.current)
    sitting.saved()
    assert sitting.current == one
    sitting.skip()
    assert sitting.current == other
    say(project, other)
    sitting.saved()
    sitting.skip()  # nothing else is left
    assert sitting.current == one and sitting.number == 3


def test_a_take_that_was_taken_back_is_next(project: Project) -> None:
    sitting = sitting_of(project)
    item = sitting.current
    assert item is not None
    clip = project.edit.add_take(item.word, word(item.word), speaker=item.speaker)
    sitting.saved()
    following = sitting.current
    project.edit.delete([clip])
    sitting.repeat(item)
    assert sitting.current == item != following and sitting.number == 1
    say(project, item)
    sitting.saved()
    assert sitting.current == following and sitting.number == 2


def test_a_word_that_is_gone_is_not_asked_for(project: Project) -> None:
    sitting_of(project)
    project.edit.remove_word("music")
    stored = read_session(project)
    assert stored is not None and stored.words == ("lights", "stop")
    assert Sitting(stored, project).total == 4


def test_a_renamed_word_is_followed_by_a_sitting_here_and_elsewhere_and_back(project: Project) -> None:
    sitting = sitting_of(project)
    say(project, sitting.current)
    sitting.saved()
    elsewhere = Project.open(project.folder)
    other = Sitting(read_session(elsewhere) or sitting.session, elsewhere)
    asked = sitting.current
    assert asked is not None and other.current == asked
    sitting.skip()
    first = next(iter(sitting.session.done(project.table())))
    put_off, done = asked.word, sitting.done
    project.edit.rename_word(put_off, "renamed")
    assert sitting.catch_up() == {put_off: "renamed"} and sitting.catch_up() == {}
    assert other.catch_up() == {put_off: "renamed"} and other.current == Item("renamed", "ann")
    assert sitting.done == other.done == done == 1 and sitting.total == 6 and first.word != put_off
    while sitting.current is not None:
        last = sitting.current
        project.edit.add_take(last.word, word("stop"), speaker="ann")
        sitting.saved()
    assert last == Item("renamed", "ann"), "what was put off still comes last"
    assert len(project.clips(word="renamed")) == 2 and read_session(project) == sitting.session
    project.edit.rename_word("renamed", put_off)
    assert sitting.catch_up() == {"renamed": put_off} and sitting.current is None
    assert {item.word for item in sitting.session.order()} == set(WORDS)


def test_a_word_removed_in_a_sitting_is_asked_for_no_more_and_is_again_when_it_is_back(project: Project) -> None:
    sitting = sitting_of(project)
    asked = sitting.current
    assert asked is not None
    removal = project.edit.remove_word(asked.word)
    assert sitting.catch_up() == {} and sitting.total == 4
    assert sitting.current is not None and sitting.current.word != asked.word
    project.edit.restore(removal)
    assert sitting.catch_up() == {} and sitting.total == 6


def test_a_rename_leaves_a_damaged_session_alone_and_one_that_fails_leaves_the_session(project: Project) -> None:
    path = ProjectFolder(project.folder).session
    new_session(project, WORDS, takes=1, speakers=["ann"])
    before = path.read_bytes()
    with pytest.raises(RuntimeError), project.edit as edit:
        edit.rename_word("stop", "halt")
        raise RuntimeError
    assert json.loads(path.read_bytes()) == json.loads(before) and "stop" in project.words
    path.write_text("{", encoding="utf-8")
    assert project.edit.rename_word("stop", "halt") == "halt" and path.read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize(
    ("words", "takes", "speakers", "told"),
    [
        (("nope",), 2, ("ann",), 'no word "nope"'),
        (("_unknown_",), 2, ("ann",), "no word to say"),
        ((), 2, ("ann",), "1 to 1000 words"),
        (WORDS, 0, ("ann",), "takes of each word"),
        (WORDS, 2, (), "speakers"),
        (WORDS, 1000, tuple("abcdefgh"), "altogether"),
    ],
)
def test_what_cannot_be_a_session_is_said(
    project: Project, words: tuple[str, ...], takes: int, speakers: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ProjectError, match=told):
        new_session(project, words, takes=takes, speakers=speakers)
    assert read_session(project) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', "[" * 5000, '{"schema": 1, "words": 3}'])
def test_a_damaged_file_is_said_and_a_new_session_replaces_it(project: Project, content: str) -> None:
    ProjectFolder(project.folder).session.write_text(content)
    with pytest.raises(ProjectError, match="damaged: begin a new one"):
        read_session(project)
    assert sitting_of(project).total == 6 and read_session(project) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("takes", 0), ("takes", 10**9), ("words", []), ("speakers", ["../up"]), ("first_takes", {}), ("seed", None)],
)
def test_a_file_with_nonsense_is_damaged(project: Project, name: str, value: object) -> None:
    sitting_of(project)
    path = ProjectFolder(project.folder).session
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(ProjectError, match="damaged"):
        read_session(project)


def test_a_newer_file_is_left_alone(project: Project) -> None:
    ProjectFolder(project.folder).session.write_text('{"schema": 2}')
    with pytest.raises(ProjectError, match="newer"):
        read_session(project)


def test_two_cannot_record_one_session(project: Project) -> None:
    with recording(project), pytest.raises(ProjectError, match="Another program"), recording(project):
        pass
    with recording(project):
        pass


# -- what is heard


def room(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def fed(takes: SpokenTakes | KeyedTakes, sound: np.ndarray) -> list[Judged]:
    """What is found in a sound in a quiet room."""
    sound = (sound + 0.0005 * np.random.default_rng(0).standard_normal(len(sound))).astype(np.float32)
    return [one for at in range(0, len(sound), 480) for one in takes.feed(sound[at : at + 480])]


def kinds(found: list[Judged]) -> list[str | None]:
    return [one.kind for one in found]


def test_each_fault_has_its_kind_and_a_good_take_none() -> None:
    said = word("computer")
    noisy = np.concatenate([room(1), 0.3 * said, room(1)])
    noisy += 0.008 * np.random.default_rng(2).standard_normal(len(noisy)).astype(np.float32)
    endless = np.concatenate([word("computer", number)[2000:-3000] for number in range(6)])
    burst = (0.2 * np.hanning(8000) * np.random.default_rng(1).standard_normal(8000)).astype(np.float32)
    for sound, kind in (
        (np.concatenate([room(1), said, room(1)]), None),
        (np.concatenate([room(1), np.clip(20 * said, -1, 1), room(1)]), "clipping"),
        (np.concatenate([room(1), endless, room(1)]), "too_long"),
        (np.concatenate([room(1), burst, room(1)]), "nothing_said"),
        (noisy, "noisy"),
    ):
        found = fed(SpokenTakes(RATE, clip_samples=RATE, strict=True), sound)
        assert kinds(found) == [kind] and bool(found[0].sentence) == (kind is not None), kind
    lenient = SpokenTakes(RATE, clip_samples=RATE)
    assert kinds(fed(lenient, noisy)) == [None]


def test_silence_is_told_every_six_seconds_from_when_it_was_asked() -> None:
    takes = SpokenTakes(RATE, clip_samples=RATE)
    assert fed(takes, room(QUIET_S - 1)) == []
    takes.ask()
    assert fed(takes, room(QUIET_S - 1)) == []
    found = fed(takes, room(QUIET_S + 2))
    assert kinds(found) == ["nothing_said"] * 2 and found[0].take is None


def test_what_began_before_it_was_asked_for_is_not_taken() -> None:
    takes = SpokenTakes(RATE, clip_samples=RATE)
    said = np.concatenate([room(1), word("stop"), room(1)])
    half = RATE + len(word("stop")) // 2
    assert fed(takes, said[:half]) == [] and takes.is_inside
    takes.ask()
    assert kinds(fed(takes, said[half:])) == ["too_soon"]
    assert kinds(fed(takes, said)) == [None]


def test_lost_samples_are_told_where_something_was_said() -> None:
    takes = SpokenTakes(RATE, clip_samples=RATE)
    assert list(takes.feed(room(1), lost=100)) == []
    fed(takes, word("stop")[: RATE // 2])
    assert takes.is_inside
    assert kinds(list(takes.feed(room(1), lost=100))) == ["lost"]


def test_a_key_begins_a_take_and_what_is_late_is_cut_off() -> None:
    takes = KeyedTakes(RATE, clip_samples=RATE)
    said = word("computer")
    assert fed(takes, np.concatenate([room(1), said, room(1)])) == []
    takes.begin()
    assert takes.is_inside
    assert kinds(fed(takes, np.concatenate([room(0.3), said, room(1)]))) == [None]
    assert fed(takes, said) == [] and not takes.is_inside
    takes.begin()
    assert kinds(fed(takes, np.concatenate([room(1.7), said, room(1)]))) == ["cut_off"]
    takes.begin()
    assert kinds(fed(takes, room(2.5))) == ["nothing_said"]
    takes.begin()
    assert kinds(list(takes.feed(room(1), lost=5))) == ["lost"] and not takes.is_inside
    takes.begin()
    fed(takes, said[:RATE])
    takes.ask()
    assert not takes.is_inside and fed(takes, said) == []


# -- which word it was


def test_another_word_is_told_once_there_are_some_of_each(project: Project) -> None:
    check = TakeCheck(project, WORDS)

    def told(name: str, sound: np.ndarray) -> list[str]:
        clip = project.edit.add_take(name, sound, speaker="ann")
        return [str(one) for one in check.problems(clip, sound) if one.kind == "another_word"]

    for number in range(0, 15, 3):
        for name in ("lights", "music"):
            assert told(name, word(name, number)) == []
    assert told("lights", word("music", 16)) == ["sounds like “music”"]
    assert told("lights", word("lights", 16)) == []


def test_clips_that_are_there_are_learned_and_forgotten_takes_are_not(project: Project) -> None:
    for number in range(0, 15, 3):
        for name in ("lights", "music"):
            project.edit.add_take(name, word(name, number), speaker="ann")
    check = TakeCheck(project, WORDS)
    check.learn()
    wrong = project.edit.add_take("music", word("lights", 16), speaker="ben")
    assert [one.other for one in check.problems(wrong, word("lights", 16))] == ["lights"]
    check.forget(wrong)
    check.forget(wrong)
    assert check.problems(wrong, word("lights", 16))[-1].other == "lights"


def test_a_word_that_is_renamed_is_still_compared(project: Project) -> None:
    check = TakeCheck(project, WORDS)
    for name in ("lights", "music"):
        for number in range(0, 15, 3):
            clip = project.edit.add_take(name, word(name, number), speaker="bob")
            check.problems(clip, word(name, number))
    project.edit.rename_word("music", "tune")
    check.rename("music", "tune")
    wrong = project.edit.add_take("tune", word("lights", 4), speaker="ann")
    assert any(one.kind == "another_word" and one.other == "lights" for one in check.problems(wrong, word("lights", 4)))
