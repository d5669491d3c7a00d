"""The rule by which arriving clips get their parts, for good: whole speakers where there are enough, else by take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.split import SPLITS, which_set

_TRAINING, _VALIDATION, _TESTING = range(len(SPLITS))
_BY_TAKE: Final = -1  # a speaker who is in several parts
_NEW: Final = -2  # a speaker without clips so far

VALIDATED_FROM: Final = 2  # clips of a word from which one validates
TESTED_FROM: Final = 10  # and one tests
_WISHED_TEST_FROM: Final = 8  # where clips are shared out one by one: a first sitting
_FEW: Final = 30  # clips of a word; of fewer one validates and one tests: two would tell as little, and teach more
_ENOUGH_SPEAKERS: Final = 5  # of a word, so that two of them can be spared for validation and test
_CANDIDATES: Final = 500

# Of so many speakers, less than one set in a million has none whose hash says testing: they were taken out on purpose.
_TAKEN_OUT: Final = 132
_OFFICIAL_NAME: Final = re.compile("[0-9a-f]{8}")  # of a speaker of Speech Commands

Codes = NDArray[np.int8]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Takes:
    """Clips in columns (N,): numbers of their words and speakers, and their parts as indices into `SPLITS`."""

    word: NDArray[np.int64]
    speaker: NDArray[np.int64]
    part: Codes


def decide(here: Takes, arriving: Takes, speakers: Sequence[str]) -> Codes:
    """The part of each arriving clip (N,); those that are here stay where they are.

    Afterwards every word with two clips or more has one to validate, with ten or more one to test, and always one to
    learn from, as far as the arriving clips allow. Speakers stay whole where that leaves most of a word to learn from:
    known ones in their part, new ones by the hash of Speech Commands (Warden 2018) or, where that leaves a part empty
    or too full, in the part that lacks them. Other words are shared out take by take, a tenth to each of both parts. Of
    fewer than thirty clips that are shared out so, or that nobody else said, one validates and one tests.

    A word of a Speech Commands whose testing speakers were taken out is not tested: that is its official split.

    Args:
        here: The clips that count: present and not left out.
        arriving: New clips, each speaker's in order; their parts are not read.
        speakers: Names by number.
    """
    if not len(arriving.word):
        return np.zeros(0, np.int8)
    return _Arrival(here, arriving, speakers).parts()


class _Arrival:
    """Clips arriving at once, with words (W,) and people (S,) numbered among those that arrive."""

    def __init__(self, here: Takes, arriving: Takes, speakers: Sequence[str]) -> None:
        self._speakers = speakers
        self._all_speakers = np.union1d(here.speaker, arriving.speaker)
        words, self._word = np.unique(arriving.word, return_inverse=True)
        self._people, self._who = np.unique(arriving.speaker, return_inverse=True)
        self._words = len(words)
        places = np.full(max(int(here.word.max(initial=0)), int(words[-1])) + 1, -1, np.int64)
        places[words] = np.arange(len(words))
        at = places[here.word]
        beside = at >= 0
        self._here = Takes(at[beside], here.speaker[beside], here.part[beside])
        self._before = self._counted(self._here.word, self._here.part)
        self._pairs = self._word_and_speaker(arriving)
        self._homes_of_all = self._homes(here)
        self._home = self._homes_of_all[self._people]

    def parts(self) -> Codes:
        """The part of each arriving clip (N,)."""
        home = self._by_hash_or_training()
        codes, counts = self._shared_out(home[self._who])
        bad = ~self._fits(counts)
        if bad.any():
            home = self._switched(home, counts, bad)
            codes, counts = self._shared_out(home[self._who])
            bad = ~self._fits(counts)
        if bad.any():
            in_bad = bad[self._word]
            scattered = np.zeros(len(home), bool)
            scattered[self._who[in_bad]] = True
            by_take = in_bad | (scattered & (self._home == _NEW))[self._who]
            codes, _ = self._shared_out(np.where(by_take, _BY_TAKE, home[self._who]))
        return codes

    # -- what is known

    def _counted(self, word: NDArray[np.int64], part: NDArray[np.int8]) -> Counts:
        """Clips of each word in each part (W, 3)."""
        cells = word * len(SPLITS) + part
        return np.bincount(cells, minlength=self._words * len(SPLITS)).reshape(-1, len(SPLITS))

    def _word_and_speaker(self, arriving: Takes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each word with each of its speakers, once."""
        base = len(self._speakers)
        pairs = np.unique(
            np.concatenate([self._here.word * base + self._here.speaker, self._word * base + arriving.speaker])
        )
        return pairs // base, pairs % base

    def _homes(self, here: Takes) -> NDArray[np.int64]:
        """The part that each speaker is in, by number; or that there is none or are several."""
        cells = here.speaker * len(SPLITS) + here.part
        seen = np.bincount(cells, minlength=len(self._speakers) * len(SPLITS)).reshape(-1, len(SPLITS)) > 0
        parts = seen.sum(axis=1)
        return np.where(parts == 0, _NEW, np.where(parts == 1, seen.argmax(axis=1), _BY_TAKE))

    @cached_property
    def _is_official(self) -> NDArray[np.bool_]:
        """Whose name is one of Speech Commands, by number."""
        return np.array([_OFFICIAL_NAME.fullmatch(name) is not None for name in self._speakers], bool)

    @cached_property
    def _mostly_official(self) -> NDArray[np.bool_]:
        """Which words most speakers of are official ones (W,)."""
        word, speaker = self._pairs
        of_word = np.bincount(word, weights=self._is_official[speaker], minlength=self._words)
        mostly: NDArray[np.bool_] = 2 * of_word > np.bincount(word, minlength=self._words)
        return mostly

    @cached_property
    def _untested(self) -> NDArray[np.bool_]:
        """Which words are those of a Speech Commands without its testing speakers (W,)."""
        official = self._all_speakers[self._is_official[self._all_speakers]].tolist()
        if len(official) < _TAKEN_OUT or any(which_set(self._speakers[at]) == "testing" for at in official):
            return np.zeros(self._words, bool)
        return self._mostly_official

    @cached_property
    def _is_said_once(self) -> NDArray[np.bool_]:
        """Which words (W,) nobody says twice, but for those of an official split."""
        speakers = np.bincount(self._pairs[0], minlength=self._words)
        clips = np.bincount(self._here.word, minlength=self._words) + np.bincount(self._word, minlength=self._words)
        said_once: NDArray[np.bool_] = (speakers == clips) & ~self._mostly_official
        return said_once

    # -- whole speakers

    def _by_hash_or_training(self) -> NDArray[np.int64]:
        """Where each person belongs (S,): known ones where they are, new ones by their hash among enough of their kind.

        Somebody who joins the strangers of Speech Commands is no stranger: what they say is learned.
        """
        home = self._home.copy()
        home[home == _NEW] = _TRAINING
        official = self._is_official[self._people]
        for kind in (False, True):
            enough = self._whole_speakers(kind) >= _ENOUGH_SPEAKERS
            among_enough = np.bincount(self._who, weights=enough[self._word]) > 0
            for at in np.flatnonzero((self._home == _NEW) & among_enough & (official == kind)).tolist():
                home[at] = SPLITS.index(which_set(self._speakers[self._people[at]]))
        return home

    def _whole_speakers(self, official: bool) -> NDArray[np.int64]:
        """How many speakers of each word (W,) are in one part or new, of those with such names."""
        word, speaker = self._pairs
        whole = (self._homes_of_all[speaker] != _BY_TAKE) & (self._is_official[speaker] == official)
        return np.bincount(word[whole], minlength=self._words)

    def _fits(self, counts: Counts) -> NDArray[np.bool_]:
        """Which words (W,) have what they need in each part, and most of their clips to learn from."""
        fits = ~(_lacks(counts) > 0) & ~(_lopsided(counts, self._is_said_once) > 0)
        if fits.all():
            return fits
        return fits | (self._untested & ~(_lacks(counts, tested=False) > 0))

    def _switched(self, home: NDArray[np.int64], counts: Counts, bad: NDArray[np.bool_]) -> NDArray[np.int64]:
        """With new people of the words that do not fit in other parts, as long as that helps.

        The speakers of an official split stay in it.
        """
        in_bad = np.zeros(len(home), bool)
        in_bad[self._who[bad[self._word]]] = True
        in_official = np.zeros(len(home), bool)
        if self._untested.any():
            in_official[self._who[self._untested[self._word]]] = True
        people = np.flatnonzero(in_bad & ~in_official & (self._home == _NEW))[:_CANDIDATES]
        if len(people) < 2:  # whoever comes alone comes to be learned
            return home
        home = home.copy()
        number = np.full(len(home), -1, np.int64)
        number[people] = np.arange(len(people))
        mine = number[self._who] >= 0
        cells = number[self._who[mine]] * self._words + self._word[mine]
        takes = np.bincount(cells, minlength=len(people) * self._words).reshape(-1, self._words)
        cost = _cost(counts, self._is_said_once).sum()
        while not self._fits(counts).all():
            best = None
            for part in range(len(SPLITS)):
                changed = np.repeat(counts[None], len(people), axis=0)  # (people, W, 3)
                changed[np.arange(len(people)), :, home[people]] -= takes
                changed[:, :, part] += takes
                costs = _cost(changed, self._is_said_once).sum(axis=1)
                costs[home[people] == part] = np.inf
                at = int(costs.argmin())
                if costs[at] < cost - 1e-9:
                    cost, best = costs[at], (at, part, changed[at])
            if best is None:
                break
            at, part, counts = best
            home[people[at]] = part
        return home

    # -- by take

    def _shared_out(self, codes: NDArray[np.int64]) -> tuple[Codes, Counts]:
        """The parts (N,) after those by take were shared out, and the counts that all clips make (W, 3)."""
        codes = codes.copy()
        placed = codes >= 0
        counts = self._before + self._counted(self._word[placed], codes[placed].astype(np.int8))
        for word in np.unique(self._word[~placed]).tolist():
            rows = np.flatnonzero(~placed & (self._word == word))
            rows = rows[np.argsort(self._who[rows], kind="stable")]
            codes[rows] = self._shares(word, rows, counts[word])
            counts[word] += np.bincount(codes[rows], minlength=len(SPLITS))
        return codes.astype(np.int8), counts

    def _shares(self, word: int, rows: NDArray[np.int64], others: Counts) -> NDArray[np.int64]:
        """The parts of the clips of a word that are shared out by take, evenly spread, beside the `others` (3,)."""
        here = self._here.part[
            (self._here.word == word) & np.isin(self._here.speaker, self._people[np.unique(self._who[rows])])
        ]
        total = int(others.sum()) + len(rows)
        untested = bool(self._untested[word])
        must_validate = int(total >= VALIDATED_FROM and not others[_VALIDATION])
        must_test = int(total >= TESTED_FROM and not others[_TESTING] and not untested)
        must = must_validate + must_test
        most = max(must, (len(here) + len(rows)) // 4 - int((here != _TRAINING).sum()))  # of these people's clips
        most = min(most, len(rows) - int(not others[_TRAINING] and len(rows) > must))
        wished = _wished(total)
        validate = max(must_validate, wished - int(others[_VALIDATION]))
        test = 0 if total < _WISHED_TEST_FROM or untested else max(must_test, wished - int(others[_TESTING]))
        if validate + test > most:
            fair = (2 * most * validate + validate + test) // (2 * (validate + test))
            validate = max(must_validate, min(fair, most - must_test))
            test = max(must_test, min(test, most - validate))
        validate = min(validate, len(rows))
        test = min(test, len(rows) - validate)
        codes = np.full(len(rows), _TRAINING)
        for part, count, shift in ((_VALIDATION, validate, 0.3), (_TESTING, test, 0.75)):
            for number in range(count):
                at = int((number + shift) * len(rows) / count)
                while codes[at % len(rows)] != _TRAINING:
                    at += 1
                codes[at % len(rows)] = part
        return codes


def _wished(total: int) -> int:
    """Clips that validate, and as many that test, of so many of a word that are shared out: a tenth, one of few."""
    if total < VALIDATED_FROM:
        return 0
    return 1 if total < _FEW else (total + 5) // 10


def _lacks(counts: Counts, *, tested: bool = True) -> Counts:
    """How many of its parts each word (..., W, 3) lacks, though it has clips enough."""
    total = counts.sum(axis=-1)
    lacks: Counts = (
        ((total >= VALIDATED_FROM) & (counts[..., _VALIDATION] == 0)).astype(np.int64)
        + ((total > 0) & (counts[..., _TRAINING] == 0))
        + (tested & (total >= TESTED_FROM) & (counts[..., _TESTING] == 0))
    )
    return lacks


def _to_spare(total: NDArray[np.float64], said_once: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many clips of each word (..., W) are to validate, and as many to test: a tenth, not rounded, of few one."""
    share = np.where(said_once & (total < _FEW), 1, np.maximum(1, total / 10))
    return np.where(total >= VALIDATED_FROM, share, 0)


def _lopsided(counts: Counts, said_once: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each word (..., W, 3) is from 5 to 25% in validation and test and most in training; 0 where it is not.

    Of few clips that nobody says twice (`said_once`, (W,)), from one in each.
    """
    total = counts.sum(axis=-1).astype(float)
    few = said_once & (total < _FEW)
    least = total // 20
    most = np.where(few, 1, np.maximum(1, total / 4))
    spared = np.round(_to_spare(total, said_once))
    learned = np.minimum(0.55 * total, total - spared - np.where(total >= _WISHED_TEST_FROM, spared, 0))
    far = np.maximum(0, learned - counts[..., _TRAINING])
    for part in (_VALIDATION, _TESTING):
        far = far + np.maximum(0, least - counts[..., part]) + np.maximum(0, counts[..., part] - most)
    result: NDArray[np.float64] = far / np.maximum(total, 1)
    return result


def _cost(counts: Counts, said_once: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What is wrong with each word (..., W, 3): empty parts first, then lopsided ones, then the distance to a tenth."""
    total = counts.sum(axis=-1).astype(float)
    wished = _to_spare(total, said_once)
    tested = np.where(total >= _WISHED_TEST_FROM, wished, 0)
    away = np.abs(counts[..., _VALIDATION] - wished) + np.abs(counts[..., _TESTING] - tested)
    lopsided = _lopsided(counts, said_once)
    cost: NDArray[np.float64] = 1000.0 * _lacks(counts) + 10 * lopsided + away / np.maximum(total, 1)
    return cost
