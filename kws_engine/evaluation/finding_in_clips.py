"""Faults in the clips that a run was trained and validated on."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median

from kws_engine.clips.words import SILENCE, SPECIAL, UNKNOWN
from kws_engine.evaluation.finding import Facts, Finding, LearnedClip, Remedy, SuspectClip, UsedClip, ValidatedClip
from kws_engine.evaluation.interval import wilson
from kws_engine.evaluation.remedies import for_few_clips, for_label_errors, offered

_LEAKED = 0.02  # share of the validation part; less changes no figure
_SPEECHLESS = 0.10  # share of a word's clips; of real recordings up to 2% are empty or cut off
_HEARD_IN_SILENCE = 0.3
_LEARNED = 0.75  # accuracy, confusions of a pair aside, from which errors point to clips and no longer to the network
_LEARNED_WELL = 0.85
_MIXED_UP = 0.12  # share of a pair's clips, at the lower end of the interval
_NEARLY_GUESSED = 0.3
_HARDLY_ANY = 5  # clips; of one voice, six are enough to learn a word from (`kws bench diagnosis`)
_FAR_FEWER = 0.25  # of what the other words have
_VOICES = 5  # speakers of the other words, from which one alone is few
_DOUBTED = 0.05  # share of the clips that look wrong, at the lower end of the interval
_FAR_BELOW = 0.4  # of the usual probability of its own label: a clip is learned as one of another word
_SHOWN = 200


def leakage(facts: Facts) -> Finding | None:
    """Validation clips whose recording or speaker is in the training part, too; a lone speaker's takes may be."""
    training = [clip for clip in facts.clips if clip.split == "training"]
    validation = [clip for clip in facts.clips if clip.split == "validation"]
    contents = {clip.sha256: clip.path for clip in training if clip.sha256}
    speakers = {clip.speaker for clip in training if clip.speaker} - facts.one_voice
    copies = [clip for clip in validation if clip.sha256 in contents]
    known = [clip for clip in validation if clip.speaker in speakers and clip.sha256 not in contents]
    leaked = len(copies) + len(known)
    if leaked < 2 or leaked < _LEAKED * len(validation):
        return None
    clips = tuple(_copy(clip, contents[clip.sha256]) for clip in copies) + tuple(map(_known_voice, known))
    leaks = [f"{len(copies)} are copies of training recordings"] if copies else []
    leaks += (
        [f"{len(known)} are by {len({clip.speaker for clip in known})} speakers of the training part"] if known else []
    )
    return Finding(
        "leakage",
        "Training clips in the validation part",
        "The validation figures are too good: the network is tested on what, or on whom, it has learned by heart.",
        f"Of {len(validation)} validation clips, {' and '.join(leaks)}.",
        None,
        leaked / max(len(validation), 1),
        (Remedy("Leave these validation clips out", action="exclude", clips=clips, key="exclude"),),
        clips[:_SHOWN],
    )


def _copy(clip: UsedClip, original: str) -> SuspectClip:
    return SuspectClip(clip.path, clip.label, clip.label, 1.0, f"the same recording as {original}", "validation")


def _known_voice(clip: UsedClip) -> SuspectClip:
    return SuspectClip(clip.path, clip.label, clip.label, 0.5, f"{clip.speaker} is in the training part", "validation")


def silence_learned(facts: Facts) -> Finding | None:
    """Words of which many clips hold no speech, or that are detected in silence."""
    heard: dict[str, list[UsedClip]] = defaultdict(list)
    for clip in facts.clips:
        if clip.has_speech is not None:
            heard[clip.label].append(clip)
    empty = {word: [clip for clip in clips if not clip.has_speech] for word, clips in heard.items()}
    words = [
        w
        for w in empty
        if len(empty[w]) > 2
        and wilson(len(empty[w]), len(heard[w])).low > _SPEECHLESS / 2
        and len(empty[w]) > _SPEECHLESS * len(heard[w])
    ]
    answers = Counter(clip.predicted for clip in facts.validated if clip.label == SILENCE)
    talking = {w: n for w, n in answers.items() if w not in SPECIAL and n > _HEARD_IN_SILENCE * answers.total()}
    if not words and not (talking and _accuracy(facts.validated) > _LEARNED):
        return None
    evidence = [f"{len(empty[w])} of {len(heard[w])} clips of “{w}” hold no speech" for w in words]
    evidence += [f"“{w}” is heard in {n} of {answers.total()} clips of silence" for w, n in talking.items()]
    clips = tuple(
        SuspectClip(clip.path, w, SILENCE, 1.0, "nothing in it rises above the noise", clip.split)
        for w in words
        for clip in empty[w]
    )
    return Finding(
        "silence_learned",
        "Silence learned instead of speech",
        "Recordings in which nobody speaks teach the network that silence is a word, so it answers to noise.",
        "; ".join(evidence) + ".",
        None,
        sum(len(empty[w]) for w in words) / max(sum(len(heard[w]) for w in words), 1),
        _silence_remedies(clips, [*words, *(w for w in talking if w not in words)]),
        clips[:_SHOWN],
    )


def _silence_remedies(clips: tuple[SuspectClip, ...], words: Sequence[str]) -> tuple[Remedy, ...]:
    exclude = Remedy(f"Leave the {len(clips)} empty clips out", action="exclude", clips=clips, key="exclude")
    again = [Remedy(f"Record “{word}” again", action="record", word=word, key="record_again") for word in words]
    return (exclude, *again) if clips else tuple(again)


def few_clips(facts: Facts) -> Finding | None:
    """Words with hardly any clip to learn from, or far fewer clips or voices than the others."""
    reasons = _lacks(facts)
    if not reasons:
        return None
    return Finding(
        "few_clips",
        "Too few clips of a word",
        "From so few recordings or voices the network learns these very recordings and not the word.",
        "; ".join(reasons.values()) + _recalls(facts.validated, list(reasons)) + ".",
        None,
        1 - min(facts.training.get(word, 0) for word in reasons) / 100,
        _few_remedies(list(reasons), facts),
    )


def _lacks(facts: Facts) -> dict[str, str]:
    """What the words lack that have too few clips or voices."""
    words = [word for word in facts.labels if word not in SPECIAL]
    voices, reasons = _voices(facts.clips), {}
    for word in words:
        count = facts.training.get(word, 0)
        others = [facts.training.get(other, 0) for other in words if other != word] or [count]
        usual_voices = median([voices.get(other, 0) for other in words if other != word] or [0])
        if count < _HARDLY_ANY or count < _FAR_FEWER * median(others):
            reasons[word] = f"“{word}” has {_clips(count)} to learn from, the other words {median(others):.0f}"
        elif voices.get(word) == 1 and usual_voices >= _VOICES:
            reasons[word] = f"“{word}” has a single speaker, the other words {usual_voices:.0f}"
    return reasons


def _voices(clips: Iterable[UsedClip]) -> dict[str, int]:
    """Speakers of each word in the training part; a clip whose speaker is not known counts as one of its own."""
    found: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.split == "training":
            found[clip.label].add(clip.speaker or clip.path)
    return {word: len(speakers) for word, speakers in found.items()}


def _recalls(validated: Sequence[ValidatedClip], words: Sequence[str]) -> str:
    total = Counter(clip.label for clip in validated)
    right = Counter(clip.label for clip in validated if clip.predicted == clip.label)
    return "".join(
        f"; {right[word]} of {total[word]} validation clips of it are heard" for word in words if total[word]
    )


def _few_remedies(words: Sequence[str], facts: Facts) -> tuple[Remedy, ...]:
    found = [Remedy(f"Record more of “{word}”", action="record", word=word, key="more_clips") for word in words]
    found += [Remedy(f"Import recordings of “{word}”", action="import", word=word, key="more_clips") for word in words]
    return (*found, *offered("few_clips", for_few_clips(facts.settings)))


def confused_words(facts: Facts) -> Finding | None:
    """Two words that are taken for each other more often than chance and too few clips of one explain."""
    known = [label for label in facts.labels if label not in (*SPECIAL, *_lacks(facts))]
    pairs = list(combinations(known, 2))
    counts = Counter((clip.label, clip.predicted) for clip in facts.validated)
    shares = {pair: _mixed_up(counts, *pair) for pair in pairs}
    found = [
        pair
        for pair in pairs
        if shares[pair][2] > _least_mixed_up(facts.validated, *pair) and not _told_apart(facts.learned, *pair)
    ]
    if not found:
        return None
    found.sort(key=lambda pair: -shares[pair][2])
    first, second = found[0]
    evidence = [
        f"{shares[p][0]} of {shares[p][1]} clips of “{p[0]}” and “{p[1]}” are taken for the other" for p in found
    ]
    clips = _confused_clips(facts, found)
    return Finding(
        "confused_words",
        f"“{first}” and “{second}” are confused",
        "The network cannot tell these words apart: they sound alike, or the same word is in both folders.",
        "; ".join(evidence) + ".",
        None,
        shares[found[0]][2],
        (Remedy(f"Compare the clips of “{first}” and “{second}”", action="open_words", word=second, key="compare"),),
        clips,
    )


def _mixed_up(counts: Counter[tuple[str, str]], one: str, other: str) -> tuple[int, int, float]:
    """(clips taken for the other word, clips of either, lower end of the interval of their share)."""
    wrong = counts[one, other] + counts[other, one]
    total = wrong + counts[one, one] + counts[other, other]
    return wrong, total, wilson(wrong, total).low if total else 0.0


def _least_mixed_up(validated: Sequence[ValidatedClip], one: str, other: str) -> float:
    """How much two words must be mixed up to be named: more where the network makes many other errors, too."""
    accuracy = _accuracy(validated, one, other)
    return math.inf if accuracy < _LEARNED else _NEARLY_GUESSED if accuracy < _LEARNED_WELL else _MIXED_UP


def _told_apart(learned: Sequence[LearnedClip], one: str, other: str) -> bool:
    """Whether the training clips of two words were hardly ever confused: then the validation's are, from overfitting.

    A network memorizes the same recordings as different words, whatever is spoken in them; unknown counts as confused.
    """
    clips = [clip for clip in learned if clip.label in (one, other)]
    mixed = sum(clip.predicted != clip.label and clip.predicted in (one, other) for clip in clips)
    return bool(clips) and mixed < _MIXED_UP / 4 * len(clips)


def _accuracy(validated: Sequence[ValidatedClip], *alike: str) -> float:
    """Share of right answers, where words of `alike` count as one."""
    right = sum(c.label == c.predicted or (c.label in alike and c.predicted in alike) for c in validated)
    return right / max(len(validated), 1)


def _confused_clips(facts: Facts, pairs: Sequence[tuple[str, str]]) -> tuple[SuspectClip, ...]:
    ones = [
        c for c in facts.validated if c.path and ((c.label, c.predicted) in pairs or (c.predicted, c.label) in pairs)
    ]
    ones.sort(key=lambda clip: -clip.probability)
    return tuple(_taken_for_another(clip, clip.probability) for clip in ones[:_SHOWN])


def suspects(facts: Facts) -> tuple[SuspectClip, ...]:
    """Clips worth listening to, in a healthy run, too: first the one whose own label was least probable.

    They are of two kinds. Probably mislabelled is what another label surely won (`mislabelled`). An outlier is a clip
    that no other label surely won, and yet the probability of its own, over all its steps or by the best weights, is
    far below what is usual for that label. It may be cut off, drowned in noise or spoken oddly; nothing suggests what
    else it could be, so it has no `likely` label. Both are ranked by one figure, how improbable their own label was.
    """
    found = mislabelled(facts)
    named = {clip.path for clip in found}
    outliers = [clip for clip in _outliers(facts) if clip.path not in named]
    return tuple(sorted([*found, *outliers], key=lambda clip: -clip.score))


def mislabelled(facts: Facts) -> tuple[SuspectClip, ...]:
    """Clips that are likely to bear the wrong label, the likeliest first.

    Of the training part those whose label lost against another at most of their steps (area under the margin, Pleiss
    et al. 2020), of the validation part those that the network is as sure to be another word as it usually is of that
    word (confident learning, Northcutt et al. 2021).
    """
    found = [_doubted(clip) for clip in doubted(facts.learned)] + _surely_another(facts.validated)
    return tuple(sorted(found, key=lambda clip: -clip.score))


def _outliers(facts: Facts) -> list[SuspectClip]:
    """Clips of either part whose own label is far less probable than is usual, whatever else they were taken for."""
    trained = [(clip.path, clip.label, clip.own_probability) for clip in facts.learned if clip.seen > 0]
    validated = [(clip.path, clip.label, clip.own_probability) for clip in facts.validated if clip.path]
    found = []
    for split, clips in (("training", trained), ("validation", validated)):
        usual = _usual((label, probability) for _, label, probability in clips)
        for path, label, probability in clips:
            if label not in SPECIAL and probability < _FAR_BELOW * usual[label]:
                reason = f"unlike the others, {probability:.0%} sure of “{label}” where {usual[label]:.0%} is usual"
                found.append(SuspectClip(path, label, "", 1 - probability, reason, split))
    return found


def _named(label: str) -> str:
    """A label as a person calls it."""
    return {SILENCE: "no speech", UNKNOWN: "another word"}.get(label, f"“{label}”")


def _usual(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The median probability of each label."""
    of_label: dict[str, list[float]] = defaultdict(list)
    for label, probability in found:
        of_label[label].append(probability)
    return {label: median(values) for label, values in of_label.items()}


def doubted(learned: Sequence[LearnedClip]) -> list[LearnedClip]:
    """The training clips that lost against another label, with far less probability than is usual for theirs.

    What is usual is the label's own median, so that it holds for a network that has learned much or little.
    """
    usual = _usual((clip.label, clip.own_probability) for clip in learned)
    return [
        clip
        for clip in learned
        if _is_of_a_word(clip)
        and clip.margin < 0
        and clip.own_probability < _FAR_BELOW * usual[clip.label]
        and clip.predicted != clip.label
    ]


def _is_of_a_word(clip: LearnedClip) -> bool:
    return clip.label not in SPECIAL and clip.seen > 0


def _doubted(clip: LearnedClip) -> SuspectClip:
    taken = f"mostly taken for {_named(clip.predicted)}, " if clip.predicted else "taken for another word, "
    reason = f"{taken}{clip.own_probability:.0%} sure of “{clip.label}”"
    return SuspectClip(clip.path, clip.label, clip.predicted, 1 - clip.own_probability, reason)


def _surely_another(validated: Sequence[ValidatedClip]) -> list[SuspectClip]:
    probabilities: dict[str, list[float]] = defaultdict(list)
    for clip in validated:
        probabilities[clip.label].append(clip.own_probability)
    usual = {label: sum(values) / len(values) for label, values in probabilities.items()}
    return [
        _taken_for_another(clip, 1 - clip.own_probability)
        for clip in validated
        if clip.path
        and clip.label not in SPECIAL
        and clip.predicted != clip.label
        and clip.probability >= usual.get(clip.predicted, 2.0)
    ]


def _taken_for_another(clip: ValidatedClip, score: float) -> SuspectClip:
    reason = f"taken for {_named(clip.predicted)}, {clip.probability:.0%} sure"
    return SuspectClip(clip.path, clip.label, clip.predicted, score, reason, "validation")


def label_errors(facts: Facts) -> Finding | None:
    """More clips that look mislabelled than a clean set of recordings has."""
    total, found = sum(map(_is_of_a_word, facts.learned)), len(doubted(facts.learned))
    if not found or wilson(found, total).low < _DOUBTED:
        return None
    clips = mislabelled(facts)
    relabel = tuple(clip for clip in clips if clip.likely not in (*SPECIAL, ""))
    return Finding(
        "label_errors",
        "Probably wrong labels",
        "Clips in the wrong word's folder teach the network to be wrong, and hide how good it is.",
        f"{found} of {total} training clips ({found / total:.0%}) were taken for another word nearly whenever they "
        "were trained on; of clean recordings it is 2 to 4%.",
        None,
        found / total,
        (
            Remedy(f"Leave these {len(clips)} clips out", action="exclude", clips=clips, key="exclude"),
            Remedy(
                f"Give {len(relabel)} of them the word that is heard", action="relabel", clips=relabel, key="relabel"
            ),
            *offered("label_errors", for_label_errors(facts.settings)),
        ),
        clips[:_SHOWN],
    )


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
