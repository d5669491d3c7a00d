"""Findings: from curves and clips made to have each fault and none, from real runs, and as the command prints them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_project import QUICK, Trained, make_project

from kws_engine import audio
from kws_engine.bench import _faults, _remedies, _sizes
from kws_engine.bench import diagnosis as bench
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.clips.words import SILENCE, SPECIAL, UNKNOWN
from kws_engine.errors import KwsError
from kws_engine.evaluation import finding_in_curves, remedies
from kws_engine.evaluation.diagnosis import (
    KINDS,
    Facts,
    Finding,
    Kind,
    LearnedClip,
    Remedy,
    UsedClip,
    ValidatedClip,
    Voices,
    diagnose,
    settings_after,
    suspects,
    voices_of,
    watch,
)
from kws_engine.evaluation.finding import InTalk
from kws_engine.runs.diagnosing import diagnose_run, facts_of, look_at_run
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch

LABELS = ("go", "left", "right", "up", "_unknown_", "_silence_")
WORDS = LABELS[:4]


def epochs(
    train: Sequence[float], validation: Sequence[float] | None = None, *, accuracy: tuple[float, float] = (0.95, 0.93),
    rate: float = 8e-3, steps: Sequence[float] | None = None,
) -> list[Epoch]:  # fmt: skip
    """A history with these losses; the accuracies are those of every epoch, the rate is that of a one-cycle."""
    validation = train if validation is None else validation
    steps = train if steps is None else steps
    lowest, history = np.inf, []
    for at, (own, other) in enumerate(zip(train, validation, strict=True)):
        progress = at / len(train)
        history.append(
            Epoch(at + 1, own, accuracy[0], other, accuracy[1], rate * (1 - progress) + 1e-9, 1.0, 0.0, other < lowest,
                  {"cross_entropy": steps[at]})
        )  # fmt: skip
        lowest = min(lowest, other)
    return history


def falling(count: int, end: float, *, start: float = 1.7, power: float = 1.0) -> list[float]:
    """A loss that falls from `start` as a power of the epoch and then stays at `end`."""
    return [max(end, start * (at + 1) ** -power) for at in range(count)]


def facts(**changes: object) -> Facts:
    """Of a run on four words with 150 clips each, 50 to validate on."""
    counts = dict.fromkeys(WORDS, 150) | {"_unknown_": 200}
    plain = Facts(Settings(), LABELS, counts, dict.fromkeys(WORDS, 50) | {"_unknown_": 70})
    return replace(plain, **changes)  # type: ignore[arg-type]


HEALTHY = epochs(falling(24, 0.1), falling(24, 0.14))


def kinds(history: Sequence[Epoch], given: Facts) -> list[str]:
    return [finding.kind for finding in diagnose(history, given)]


def test_a_healthy_run_has_no_finding() -> None:
    assert kinds(HEALTHY, facts()) == []


def test_overfitting_is_seen_when_validation_rises_while_training_falls() -> None:
    rising = [*falling(8, 0.4), *np.linspace(0.42, 0.9, 16)]
    found = diagnose(epochs(falling(24, 0.0, power=2.5), rising, accuracy=(0.97, 0.93)), facts())
    assert [one.kind for one in found] == ["overfitting"] and found[0].epoch == 1 + int(np.argmin(rising))
    assert "rose from 0.400" in found[0].evidence


def test_a_rise_of_the_loss_that_costs_nothing_is_no_overfitting() -> None:
    falls, right = falling(24, 0.0, power=2.5), (0.97, 0.93)
    shape = np.array([*falling(8, 0.4), *np.linspace(0.42, 0.9, 16)])
    assert kinds(epochs(falls, shape, accuracy=right), facts()) == ["overfitting"]
    assert kinds(epochs(falls, shape / 200, accuracy=right), facts()) == [], "from 0.002 to 0.0045"
    assert kinds(epochs(falls, shape / 10, accuracy=right), facts()) == [], "from 0.04 to 0.09 still costs little"
    assert kinds(epochs(falls, shape, accuracy=(1.0, 0.98)), facts()) == [], "98% leave nothing to win"
    few = facts(training=dict.fromkeys(WORDS, 20), validation=dict.fromkeys(WORDS, 4))
    assert kinds(epochs(falls, shape, accuracy=right), few) == [], "of 16 clips one may make all of the rise"
    wild = shape + np.where(np.arange(24) % 2, 0.25, 0.0)
    assert kinds(epochs(falls, wild, accuracy=right), facts()) == [], "from one epoch to the next it moves as much"


def test_overfitting_is_seen_in_a_gap_that_the_size_of_the_validation_part_does_not_explain() -> None:
    gap = epochs(falling(24, 0.05), accuracy=(0.98, 0.85))
    assert kinds(gap, facts()) == ["overfitting"]
    assert diagnose(gap, facts())[0].brief == "98% of the training clips are right, 85% of the validation clips"
    few = facts(validation=dict.fromkeys(WORDS, 5))
    assert "overfitting" not in kinds(gap, few), "of 20 clips, 85% may well be 98%"


def test_a_poor_plateau_is_underfitting_and_a_poor_slope_is_not_finished() -> None:
    poor = (0.6, 0.58)
    assert kinds(epochs(falling(24, 1.0), accuracy=poor), facts()) == ["underfitting"]
    assert kinds(epochs(falling(24, 0.0, power=0.8), accuracy=poor), facts()) == ["not_converged"]
    assert kinds(epochs(falling(3, 0.0), accuracy=poor), facts()) == ["not_converged"]


def test_a_tiny_learning_rate_explains_a_slow_fall() -> None:
    slow = replace(facts(), settings=Settings().with_options(["training.learning_rate=0.0001"]))
    found = diagnose(epochs(falling(20, 0.0, power=0.3), accuracy=(0.5, 0.5), rate=1e-4), slow)
    assert [one.kind for one in found] == ["not_converged"]
    assert found[0].remedies[0].changes == {"training.learning_rate": "0.001"}


def test_a_loss_that_leaps_stays_at_chance_or_is_lost_is_diverging() -> None:
    leaping = [1.7, 1.6, 40.0, 9.0, *[1.8] * 20]
    found = diagnose(epochs(leaping, accuracy=(0.2, 0.2)), facts())
    assert [one.kind for one in found] == ["diverging"] and found[0].epoch == 3
    assert kinds(epochs([1.83] * 12, accuracy=(0.2, 0.2)), facts()) == ["diverging"]
    lost = diagnose([], facts(lost_number=True))
    assert [one.kind for one in lost] == ["diverging"] and lost[0].epoch == 1
    assert lost[0].remedies[0].changes == {"training.learning_rate": "0.0008"}


def test_a_poor_plateau_at_many_times_the_usual_rate_is_the_rate() -> None:
    fast = replace(facts(), settings=Settings().with_options(["training.learning_rate=0.2"]))
    found = diagnose(epochs(falling(24, 1.0), accuracy=(0.6, 0.58), rate=0.2), fast)
    assert [one.kind for one in found] == ["diverging"] and "25 times" in found[0].evidence
    assert found[0].remedies[0].changes == {"training.learning_rate": "0.02"}
    assert diagnose(epochs(falling(24, 0.1), rate=0.2), fast) == [], "what learns well may be fast"


def test_penalties_that_press_a_network_flat_are_no_learning_rate() -> None:
    pressed = replace(facts(), settings=Settings().with_options(["regularizers.l2.weight=0.1"]))
    found = diagnose(epochs([1.83] * 12, accuracy=(0.2, 0.2)), pressed)
    assert [one.kind for one in found] == ["underfitting"]
    assert found[0].remedies[0].changes["regularizers.l2.weight"] == "0"


def test_few_validation_clips_show_their_interval() -> None:
    (found,) = diagnose(HEALTHY, facts(validation=dict.fromkeys(WORDS, 3)))
    assert found.kind == "noisy_validation" and "12 clips" in found.evidence and "(" in found.evidence


def test_a_small_project_that_validates_on_its_fair_share_lacks_no_clips_for_it() -> None:
    counts = {"training": dict.fromkeys(WORDS, 6), "validation": dict.fromkeys(WORDS, 1)}
    assert kinds(HEALTHY, facts(**counts)) == [], (
        "of eight takes one validates; the headline says on how few clips it rests"
    )


def with_accuracies(values: Sequence[float]) -> list[Epoch]:
    """A healthy fall of the losses whose validation accuracies are these."""
    history = epochs(falling(len(values), 0.1), falling(len(values), 0.14))
    return [replace(epoch, validation_accuracy=value) for epoch, value in zip(history, values, strict=True)]


def test_the_interval_is_compared_with_the_differences_that_the_run_shows() -> None:
    rising = [*falling(8, 0.4), *np.linspace(0.42, 0.9, 16)]
    collapsed = epochs(falling(24, 0.0, power=2.5), rising, accuracy=(0.99, 0.9))
    collapsed = [replace(one, validation_accuracy=0.9 - 0.5 * (one.epoch > 12)) for one in collapsed]
    few = facts(validation=dict.fromkeys(WORDS, 8))
    assert kinds(collapsed, few) == ["overfitting"], "32 clips do tell 90% from 40%"
    steady = [0.9] * 24
    assert kinds(with_accuracies(steady), facts(validation=dict.fromkeys(WORDS, 30))) == []
    jumping = [0.9 + (0.03 if at % 2 else -0.03) for at in range(24)]
    (found,) = diagnose(with_accuracies(jumping), facts(validation=dict.fromkeys(WORDS, 30)))
    assert found.kind == "noisy_validation" and "an epoch and the next by 6" in found.evidence
    assert "noisy_validation" not in kinds(with_accuracies(jumping), facts(validation=dict.fromkeys(WORDS, 300)))


def test_of_a_huge_validation_part_the_clips_measured_count() -> None:
    curves = finding_in_curves.Curves(HEALTHY, Settings(), 100_000, 1.8, (600, 100_000))
    measured = finding_in_curves.Curves(HEALTHY, Settings(), 10_000, 1.8, (600, 10_000))
    assert curves.interval == measured.interval
    gap = epochs(falling(24, 0.05), accuracy=(0.98, 0.85))
    assert "of 10000 validation clips" in diagnose(gap, facts(validation={"go": 100_000}))[0].evidence


# speakers


def said_by(training: int, new: int, *, known: int = 0) -> list[UsedClip]:
    """Clips of so many people: in training, new ones in validation, and known ones in both."""
    parts = {"training": [*range(training)], "validation": [*range(known), *range(100, 100 + new)]}
    return [
        replace(used(word, 10 * voice + take, part), speaker=f"voice{voice}")
        for part, voices in parts.items()
        for word in WORDS
        for voice in voices
        for take in range(8)
    ]


GAP = epochs(falling(24, 0.05), accuracy=(0.98, 0.75))


def test_too_few_speakers_are_the_cause_of_a_gap() -> None:
    (found,) = diagnose(GAP, facts(clips=said_by(3, 2)))
    assert found.kind == "few_speakers" and "by 3 people, the validation clips by 2 other people" in found.evidence
    assert [(one.title, one.action) for one in found.remedies] == [
        ("Record 9 more people", "record"), ("Import other speakers", "import")
    ]  # fmt: skip
    assert kinds(HEALTHY, facts(clips=said_by(3, 2))) == [], "new people are understood"
    assert kinds(GAP, facts(clips=said_by(40, 2))) == ["overfitting"]


def test_where_nobody_new_or_nobody_known_speaks_too_few_speakers_are_not_named() -> None:
    assert kinds(GAP, facts(clips=said_by(1, 0, known=1), one_voice=frozenset({"voice0"}))) == ["overfitting"]
    unknown = [replace(clip, speaker="") for clip in said_by(3, 2)]
    assert kinds(GAP, facts(clips=unknown)) == ["overfitting"]
    assert voices_of(unknown) is None and voices_of([]) is None
    assert voices_of(said_by(3, 2)) == Voices(3, 2)


def test_too_few_speakers_are_named_while_a_run_trains() -> None:
    counts = {"training": dict.fromkeys(WORDS, 24), "validation": dict.fromkeys(WORDS, 16)}
    gap = epochs(falling(24, 0.05), np.linspace(0.5, 0.9, 24).tolist(), accuracy=(0.98, 0.75))
    named = watch(gap, settings=Settings(), **counts, voices=Voices(3, 2))
    assert named is not None and named.kind == "few_speakers" and "by 3 people" in named.brief
    unknown = watch(gap, settings=Settings(), **counts)
    assert unknown is not None and unknown.kind == "overfitting"


# remedies


def test_only_what_helped_in_the_benchmark_is_offered_and_first_what_helped_most() -> None:
    bare = Settings().with_options(
        [
            "model.dropout=0", "training.weight_decay=0", "training.early_stopping=no",
            *(f"augment.{name}.probability=0" for name in Settings().augment),
        ]
    )  # fmt: skip
    given = replace(facts(), settings=bare)
    gap = epochs(falling(24, 0.05), accuracy=(0.98, 0.85))
    offered = [remedy.key for remedy in diagnose(gap, given)[0].remedies]
    assert offered and all(remedies.MEASURED["overfitting", key].helped for key in offered)
    gains = [remedies.MEASURED["overfitting", key].gain for key in offered]
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("kind", sorted(remedies.CANDIDATES))
def test_every_setting_that_may_be_offered_was_measured(kind: Kind) -> None:
    far = Settings().with_options(
        [
            "model.dropout=0.8", "training.schedule=constant", "training.learning_rate=0.0001",
            "training.weight_decay=0", "training.early_stopping=no", "regularizers.l2.weight=0.1", "feature.name=mfcc",
        ]
    )  # fmt: skip
    bare = far.with_options(["model.name=fnn", "augment.gain.probability=0", "model.dropout=0"])
    keys = {one.key for settings in (Settings(), far, bare) for one in remedies.CANDIDATES[kind](settings, 20)}
    assert keys and all((kind, key) in remedies.MEASURED for key in keys)


def test_a_button_says_what_it_does() -> None:
    assert Remedy("Halve the width", {"model.width": "0.5"}).on_button == "Halve the width for the next run"
    assert Remedy("Record 9 more people", action="record").on_button == "Record 9 more people"


# clips


def used(word: str, number: int, split: str, **changes: object) -> UsedClip:
    path = f"clips/{word}/{split[:3]}{number}_nohash_0.wav"
    clip = UsedClip(path, word, split, f"{split[:3]}{number}", hashlib.sha256(path.encode()).hexdigest(), True)
    return replace(clip, **changes)  # type: ignore[arg-type]


TRAINING = [used(word, number, "training") for word in WORDS for number in range(150)]
VALIDATION = [used(word, number, "validation") for word in WORDS for number in range(50)]


def test_the_same_recording_in_both_parts_is_a_leak() -> None:
    copies = [replace(VALIDATION[at], sha256=TRAINING[at].sha256) for at in range(10)]
    (found,) = diagnose(HEALTHY, facts(clips=[*TRAINING, *VALIDATION[10:], *copies]))
    assert found.kind == "leakage" and "10 are copies" in found.evidence
    assert {clip.path for clip in found.remedies[0].clips} == {clip.path for clip in copies}
    assert found.remedies[0].action == "exclude"


def test_a_speaker_in_both_parts_is_a_leak_but_for_one_split_by_take() -> None:
    known = [replace(clip, speaker="tra1") for clip in VALIDATION[:10]]
    clips = [*TRAINING, *VALIDATION[10:], *known]
    assert kinds(HEALTHY, facts(clips=clips)) == ["leakage"]
    assert kinds(HEALTHY, facts(clips=clips, one_voice=frozenset({"tra1"}))) == []


def test_a_single_copy_among_hundreds_is_no_finding() -> None:
    copy = replace(VALIDATION[0], sha256=TRAINING[0].sha256)
    assert kinds(HEALTHY, facts(clips=[*TRAINING, *VALIDATION[1:], copy])) == []


def test_clips_without_speech_are_named_with_their_word() -> None:
    clips = [replace(clip, has_speech=not (clip.label == "left" and at % 3 == 0)) for at, clip in enumerate(TRAINING)]
    found = diagnose(HEALTHY, facts(clips=[*clips, *VALIDATION]))[0]
    assert found.kind == "silence_learned" and "50 of 200 clips of “left”" in found.evidence
    assert {clip.likely for clip in found.clips} == {"_silence_"} and len(found.clips) == 50
    some = [replace(clip, has_speech=at % 60 != 0) for at, clip in enumerate(TRAINING)]
    assert kinds(HEALTHY, facts(clips=[*some, *VALIDATION])) == [], "a few empty recordings are in any set"


def test_a_word_with_few_clips_or_one_voice_is_named() -> None:
    few = facts(training=dict.fromkeys(WORDS, 150) | {"up": 4})
    (found,) = diagnose(HEALTHY, few)
    assert found.kind == "few_clips" and "“up” has 4 clips" in found.evidence
    assert {(remedy.action, remedy.word) for remedy in found.remedies} >= {("record", "up"), ("import", "up")}
    clips = [replace(clip, speaker="me") if clip.label == "go" else clip for clip in TRAINING]
    (found,) = diagnose(HEALTHY, facts(clips=clips))
    assert found.kind == "few_clips" and "“go” has a single speaker" in found.evidence


def test_one_person_who_says_every_word_is_no_fault() -> None:
    clips = [replace(clip, speaker="me") for clip in [*TRAINING, *VALIDATION]]
    assert kinds(HEALTHY, facts(clips=clips, one_voice=frozenset({"me"}))) == []


def test_a_first_sitting_of_eight_takes_is_no_fault() -> None:
    takes = facts(training=dict.fromkeys(WORDS[:3], 6), labels=(*WORDS[:3], UNKNOWN, SILENCE))
    assert kinds(HEALTHY, takes) == []
    hardly = facts(training=dict.fromkeys(WORDS[:3], 3), labels=(*WORDS[:3], UNKNOWN, SILENCE))
    assert kinds(HEALTHY, hardly) == ["few_clips"]


def judged(wrong: dict[tuple[str, str], int]) -> list[ValidatedClip]:
    """Fifty validation clips of each label, of which so many are taken for another."""
    rows = []
    for label in LABELS:
        predicted = [other for (of, other), count in wrong.items() if of == label for _ in range(count)]
        predicted += [label] * (50 - len(predicted))
        for number, answer in enumerate(predicted):
            own = 0.9 if answer == label else 0.04
            rows.append(ValidatedClip(f"clips/{label}/{number}.wav", label, answer, 0.9, own))
    return rows


def test_two_words_that_are_taken_for_each_other_are_confused() -> None:
    found = diagnose(HEALTHY, facts(validated=judged({("go", "up"): 20, ("up", "go"): 15})))[0]
    assert found.kind == "confused_words" and "35 of 100 clips of “go” and “up”" in found.evidence
    assert found.clips and {clip.likely for clip in found.clips} == {"go", "up"}
    assert kinds(HEALTHY, facts(validated=judged({("go", "up"): 5, ("left", "right"): 4}))) == []
    apart = facts(validated=judged({("go", "up"): 20, ("up", "go"): 15}), learned=learned(0))
    assert kinds(HEALTHY, apart) == [], "the training clips are told apart: this is a matter of generalizing"


def test_a_word_heard_in_silence_is_named() -> None:
    found = diagnose(HEALTHY, facts(validated=judged({("_silence_", "go"): 30})))[0]
    assert found.kind == "silence_learned" and "“go” is heard in 30 of 50 clips of silence" in found.evidence


def learned(wrong: int) -> list[LearnedClip]:
    """150 clips of each word; so many in all, of all words alike, were never learned as theirs."""
    rows = [LearnedClip(clip.path, clip.label, 30, 3.0, 0.8, clip.label) for clip in TRAINING]
    for at in doubtful(wrong):
        other = "go" if rows[at].label != "go" else "up"
        rows[at] = replace(rows[at], margin=-2.0, own_probability=0.05, predicted=other)
    return rows


def doubtful(wrong: int) -> list[int]:
    """Places of so many training clips, spread over the words."""
    return [at * len(TRAINING) // wrong for at in range(wrong)]


def test_clips_that_never_learn_their_label_are_probably_mislabelled() -> None:
    found = diagnose(HEALTHY, facts(learned=learned(60)))[0]
    assert found.kind == "label_errors" and "60 of 600" in found.evidence
    assert {clip.path for clip in found.clips} == {TRAINING[at].path for at in doubtful(60)}
    relabel = next(remedy for remedy in found.remedies if remedy.action == "relabel")
    assert {(clip.label, clip.likely) for clip in relabel.clips} >= {("go", "up"), ("left", "go")}


def test_a_few_doubtful_clips_are_to_be_heard_but_are_no_fault() -> None:
    given = facts(learned=learned(12))
    assert kinds(HEALTHY, given) == []
    assert [clip.path for clip in suspects(given)] == [TRAINING[at].path for at in doubtful(12)]


def test_an_outlier_is_ranked_by_how_improbable_its_own_word_was() -> None:
    rows, validation = learned(2), judged({})
    rows[1] = replace(rows[1], margin=0.1, own_probability=0.2)  # its own word won, and hardly
    rows[2] = replace(rows[2], own_probability=0.4)  # half of the usual
    validation[3] = replace(validation[3], own_probability=0.3, probability=0.35, predicted="up")  # not surely “up”
    given = facts(learned=rows, validated=validation)
    found = suspects(given)
    assert [clip.path for clip in found] == [
        *(TRAINING[at].path for at in doubtful(2)), rows[1].path, validation[3].path
    ]  # fmt: skip
    assert [bool(clip.likely) for clip in found] == [True, True, False, False]
    assert "20% sure of “go” where 80% is usual" in found[2].reason and found[3].split == "validation"
    assert kinds(HEALTHY, given) == [], "no fault of the run"


def test_what_a_clip_was_taken_for_is_said_as_a_person_calls_it() -> None:
    rows = learned(2)
    lost = [replace(rows[at], predicted=label) for at, label in zip(doubtful(2), (SILENCE, UNKNOWN), strict=True)]
    given = facts(learned=[{row.path: row for row in lost}.get(row.path, row) for row in rows])
    said = " / ".join(clip.reason for clip in suspects(given))
    assert "mostly taken for no speech, " in said and "mostly taken for another word, " in said and "_" not in said


def test_clips_of_a_network_that_learned_nothing_are_not_doubted() -> None:
    nothing = [replace(row, margin=-0.5, own_probability=0.17, predicted="_unknown_") for row in learned(0)]
    assert kinds(HEALTHY, facts(learned=nothing)) == [] and suspects(facts(learned=nothing)) == ()


def test_a_cause_stands_before_its_effects_and_explains_them() -> None:
    copies = [replace(VALIDATION[at], sha256=TRAINING[at].sha256) for at in range(10)]
    poor = epochs(falling(24, 0.6), accuracy=(0.8, 0.78))
    found = diagnose(poor, facts(clips=[*TRAINING, *VALIDATION[10:], *copies], learned=learned(80)))
    assert [one.kind for one in found] == ["leakage", "label_errors"], "labels explain the poor plateau"
    assert [one.severity for one in found] == sorted((one.severity for one in found), reverse=True)


@settings(max_examples=60, deadline=None)
@given(
    losses=st.lists(st.tuples(st.floats(1e-6, 50), st.floats(1e-6, 50)), min_size=1, max_size=40),
    accuracy=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    clips=st.integers(0, 300),
)
def test_any_history_gives_findings_that_can_be_shown_and_whose_remedies_can_be_tried(
    losses: list[tuple[float, float]], accuracy: tuple[float, float], clips: int
) -> None:
    own, other = zip(*losses, strict=True)
    history = epochs(own, other, accuracy=accuracy)
    given_facts = replace(facts(), validation={"go": clips})
    quiet = watch(history, settings=given_facts.settings, training=given_facts.training, validation={"go": clips})
    for finding in [*diagnose(history, given_facts), *([quiet] if quiet else [])]:
        assert finding.kind in KINDS and finding.meaning.endswith(".") and finding.evidence.endswith(".")
        assert 0 <= finding.severity <= 1 and finding.remedies
        json.dumps(finding.to_dict())
        for remedy in finding.remedies:
            assert remedy.changes or remedy.action
            tried = settings_after(Settings(), remedy).to_dict()
            assert remedy.changes or tried == Settings().to_dict()


def test_watching_says_nothing_of_a_good_run_and_names_a_bad_one_before_its_end() -> None:
    plain = facts()

    def said(history: list[Epoch]) -> list[Finding | None]:
        shown = [history[:count] for count in range(1, len(history) + 1)]
        return [watch(one, settings=Settings(), training=plain.training, validation=plain.validation) for one in shown]

    assert not any(said(epochs(falling(40, 0.1), falling(40, 0.14))))
    rising = [*falling(8, 0.4), *np.linspace(0.42, 1.9, 32)]
    named_from = epochs(falling(40, 0.0, power=2.5), rising, accuracy=(0.97, 0.93))
    named = said(named_from)
    assert named[8] is None and named[20] is not None and named[20].kind == "overfitting"
    slow = epochs([1.79, 1.78, 1.77, 1.75, 1.74, 1.73, 1.71, 1.70], accuracy=(0.2, 0.2), rate=1e-4)
    assert not any(said(slow)), "slow is not diverging"
    some = [
        watch(named_from[:count], settings=Settings(), training=plain.training, validation={"go": 12})
        for count in range(1, 41)
    ]
    kept = [one.kind for one in some if one]
    assert set(kept) == {"noisy_validation"}, "what `diagnose` would not say of twelve clips, the line does not say"
    assert [one.kind for one in diagnose(named_from, facts(validation={"go": 12}))] == kept[-1:]
    leaping = said(epochs([1.7, 1.6, 1.5, 1.4, 40.0, 9.0], accuracy=(0.2, 0.2)))
    assert [one.kind if one else "" for one in leaping] == ["", "", "", "", "diverging", "diverging"]


# run folders


def test_a_real_run_is_judged_from_its_folder(trained: Trained) -> None:
    folder = Path(trained.finished.run)
    heard: list[tuple[int, int]] = []
    found = diagnose_run(folder, progress=lambda done, total: heard.append((done, total)))
    assert all(finding.kind in KINDS for finding in found)
    assert {"leakage", "silence_learned", "diverging", "label_errors"}.isdisjoint(one.kind for one in found)
    assert heard[-1][0] == heard[-1][1] > 0
    given_facts = facts_of(folder)
    assert len(given_facts.validated) > 10 and {clip.split for clip in given_facts.clips} == {"training", "validation"}
    assert sum(clip.has_speech is True for clip in given_facts.clips) > 20
    assert {clip.predicted for clip in given_facts.learned} <= set(given_facts.labels)


def test_the_command_prints_findings(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["diagnose", trained.finished.run, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)["findings"]
    assert [one["kind"] for one in found] == [one.kind for one in diagnose_run(Path(trained.finished.run))]
    assert all({"kind", "epoch", "evidence", "remedies", "title", "meaning", "clips"} <= set(one) for one in found)
    assert main(["diagnose", trained.finished.run]) == 0
    text = capsys.readouterr().out
    assert all(one["title"] in text for one in found) and text.strip()


def test_the_command_lists_clips_worth_listening_to_apart_from_the_findings(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(trained.finished.run)
    look = look_at_run(run)
    assert look.findings == diagnose_run(run)
    capsys.readouterr()
    assert main(["diagnose", str(run), "--clips", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in said["clips"]] == [clip.path for clip in look.clips]
    assert [one["score"] for one in said["clips"]] == sorted((one["score"] for one in said["clips"]), reverse=True)
    assert [one["kind"] for one in said["findings"]] == [one.kind for one in look.findings]
    assert main(["diagnose", str(run), "--clips"]) == 0
    text = capsys.readouterr().out
    assert all(clip.path in text for clip in look.clips)
    assert "worth listening to" in text if look.clips else "No clip stands out" in text


def test_a_folder_that_is_no_run_is_refused_in_words(
    tmp_path: Path, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", str(tmp_path / "nowhere"), "--json"]) == 1
    said = capsys.readouterr()
    assert "nowhere" in said.err and said.out == ""
    half = tmp_path / "runs" / "20260101-000000-half"
    half.mkdir(parents=True)
    shutil.copyfile(Path(trained.finished.run) / "job.toml", half / "job.toml")
    with pytest.raises(KwsError, match="has no epoch to diagnose"):
        diagnose_run(half)
    shutil.copytree(trained.finished.run, tmp_path / "copy")
    (tmp_path / "copy" / "learning.csv").write_text("path,label\na,b\n", encoding="utf-8")
    with pytest.raises(KwsError, match=r"learning\.csv is damaged"):
        diagnose_run(tmp_path / "copy")


def test_a_run_that_lost_its_number_is_diverging(tmp_path: Path) -> None:
    from kws_engine.runs.job import Job
    from kws_engine.runs.run import run
    from kws_engine.training.events import Failed

    project = make_project(tmp_path / "project")
    wild = ("model.name=fnn", "model.batch_norm=no", "training.optimizer=sgd", "training.learning_rate=10",
            "training.schedule=constant", "training.epochs=8", "training.clips_per_epoch=200",
            "training.batch_size=16", "training.shipped_unknown=no")  # fmt: skip
    events = list(run(Job(project.folder, Settings().with_options(wild).to_dict(), threads=1)))
    folder = next(project.runs_folder.iterdir())
    assert isinstance(events[-1], Failed), events[-1]
    found = diagnose_run(folder)
    assert found[0].kind == "diverging" and "no longer a number" in found[0].evidence


@pytest.mark.slow
def test_copies_and_empty_recordings_of_a_real_project_are_found(tmp_path: Path) -> None:
    from kws_engine.runs.job import Job
    from kws_engine.runs.run import run

    project = make_project(tmp_path / "project")
    word = project.words[0]
    training = project.clips(word=word, split="training")
    for clip in training[:6]:
        copy = project.clips_folder / word / f"copyof{clip.path.name}"
        shutil.copyfile(clip.path, copy)
    generator = np.random.default_rng(0)
    for number in range(8):
        silence = (1e-3 * generator.standard_normal(16_000)).astype(np.float32)
        audio.write(project.clips_folder / project.words[1] / f"nobody_nohash_{number}.wav", silence, rate=16_000)
    project = Project.open(project.folder)
    for clip in project.clips(word=word):
        if clip.path.name.startswith("copyof"):
            project.edit.set_splits([clip], ["validation"])
    list(run(Job(project.folder, Settings().with_options(QUICK).to_dict(), threads=1)))
    found = {one.kind: one for one in diagnose_run(next(project.runs_folder.iterdir()))}
    assert "6 are copies" in found["leakage"].evidence
    assert (
        sum(clip.path.endswith(f"nobody_nohash_{n}.wav") for n in range(8) for clip in found["silence_learned"].clips)
        == 8
    )


# the benchmark's runs


@pytest.mark.parametrize("fault", _faults.FAULTS)
def test_every_fault_can_be_made_of_real_clips(
    fault: str, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWS_SHARED_DATA", str(shared_data))
    job = _faults.make(fault, 1000, tmp_path / "project")
    Settings.from_dict(job.settings)
    counts = Project.open(job.project).summary()
    words = [counts[word] for word in counts if word != "_unknown_"]
    assert len(words) >= 4 and all(word.training >= 2 for word in words)
    assert (fault == "few_clips") == (min(word.training for word in words) < 12)
    assert (fault == "noisy_validation") == (sum(word.validation for word in words) == 12)


def test_the_benchmark_says_where_recordings_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_SHARED_DATA", str(tmp_path))
    with pytest.raises(KwsError, match="KWS_SHARED_DATA"):
        list(bench.rows())


def test_the_benchmark_covers_every_kind() -> None:
    in_curves_and_clips = set(KINDS) - {"fires_at_speech"}  # what a model does in talk has a benchmark of its own
    assert set(_faults.FAULTS) == {*in_curves_and_clips, _faults.HEALTHY}


@pytest.mark.parametrize(
    "size", [pytest.param(size, marks=[pytest.mark.slow] * (size == "nine words")) for size in _sizes.SIZES]
)
def test_healthy_projects_have_the_sizes_that_people_have(
    size: str, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWS_SHARED_DATA", str(shared_data))
    network = next(iter(_sizes.SIZES[size].networks))
    job = _sizes.make(f"{size}, {network}", 0, tmp_path / "project")
    Settings.from_dict(job.settings)
    counts = Project.open(job.project).summary()
    words = [counts[word] for word in counts if word not in SPECIAL]
    assert all(word.training >= 6 and word.validation >= 1 for word in words)
    assert len(words) == {"nine words": 9, "starter": 6}.get(size, 3)


def test_twenty_healthy_runs_are_looked_at() -> None:
    assert len(list(_sizes.names())) >= 20


def trial(before: Sequence[float], after: Sequence[float], **changes: object) -> _remedies.Trial:
    """Of clips that are right or wrong, with the loss that fits."""
    answers = [np.array([(right, 0.1 if right else 2.0) for right in part]) for part in (before, after)]
    return replace(_remedies.Trial("overfitting", "dropout", *answers, (0.2, 0.1)), **changes)  # type: ignore[arg-type]


def test_a_remedy_helped_where_more_is_right_than_chance_explains() -> None:
    worse, better = [1.0] * 70 + [0.0] * 30, [1.0] * 90 + [0.0] * 10
    assert _remedies.verdict([trial(worse, better)]).helped
    assert not _remedies.verdict([trial(better, worse)]).helped
    assert not _remedies.verdict([trial(worse, [*worse[1:], 1.0])]).helped, "one more, one less"
    assert _remedies.verdict([trial(worse, better), trial(worse, better)]).runs == 2


def test_a_fault_of_the_figures_is_cured_where_they_come_nearer_to_the_truth() -> None:
    same = [1.0] * 70 + [0.0] * 30
    assert _remedies.verdict([trial(same, same, fault="leakage")]).helped
    assert not _remedies.verdict([trial(same, same, fault="leakage", off=(0.1, 0.2))]).helped


def in_talk(**changes: object) -> InTalk:
    values: dict[str, object] = {
        "promised": 0.5, "expected": 0.5, "would_miss": None, "missed": 2, "takes": 40, "false_alarms": 0, "hours": 0.8,
    }  # fmt: skip
    return InTalk(**values | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expected": 12.0, "would_miss": 0.83, "false_alarms": 9}, "would miss 83% of the words"),
        ({"missed": 30}, "30 of 40 words are missed"),
        ({"false_alarms": 6}, "0.5 an hour were asked for"),
    ],
)
def test_a_network_that_fires_at_other_speech_is_named_first(changes: dict[str, object], says: str) -> None:
    facts = Facts(Settings().with_options(["training.talk_share=0"]), in_talk=in_talk(**changes))
    [found] = diagnose([], facts)
    assert found.kind == KINDS[0] == "fires_at_speech" and says in found.evidence
    assert {remedy.action for remedy in found.remedies} >= {"record", "thresholds"}


def test_a_promise_that_is_kept_is_no_finding() -> None:
    for kept in (in_talk(), in_talk(false_alarms=1), in_talk(hours=0.0, false_alarms=0), None):
        assert not diagnose([], Facts(Settings(), in_talk=kept))


def test_a_feature_with_a_network_of_its_own_is_not_taken_away() -> None:
    settings = Settings().with_recipe("teach").with_options(["augment.time_shift.probability=0"])
    changed = [path for remedy in remedies.for_underfitting(settings) for path in remedy.changes]
    assert not {"feature.name", "model.name"} & set(changed)
    by_key = {remedy.key: remedy for remedy in remedies.for_overfitting(settings)}
    assert "augment.time_shift.probability" not in by_key.get("augmentation", by_key["more_clips"]).changes
    poor = Settings().with_options(["model.name=fnn", "feature.name=mfcc"])
    assert {"log_mel", "tc_resnet"} <= {remedy.key for remedy in remedies.for_underfitting(poor)}
