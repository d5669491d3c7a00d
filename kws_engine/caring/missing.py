"""Says what is missing in a project's recordings: words with too few takes, or of too few people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from kws_engine.caring.learning_curve import LearningCurve
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import UNKNOWN

TAKES_WANTED: Final = 20
"""Twenty recordings are enough for a word with the speech embedding (TEACH: missed words against takes)."""
SPEAKERS_WANTED: Final = 2
_FAR_BELOW: Final = 0.25  # of the median of the words


@dataclass(frozen=True)
class Missing:
    """What a word lacks.

    Attributes:
        word: The word.
        takes: Its clips, those that are left out aside.
        speakers: How many people spoke them.
        takes_wanted: How many would do.
        speakers_wanted: Of how many people.
        measured: What the learning curve of these clips says, where one was measured.
    """

    word: str
    takes: int
    speakers: int
    takes_wanted: int
    speakers_wanted: int
    measured: str = ""

    def __str__(self) -> str:
        wanted = f"{self.takes_wanted} of {_number(self.speakers_wanted)}"
        if not self.takes:
            return f"{self.word} has no takes yet: record {wanted}"
        has = f"{self.word} has {self.takes} {'take' if self.takes == 1 else 'takes'} of {_people(self.speakers)}"
        if self.takes >= self.takes_wanted:
            return f"{has}; some of a second one would show whether others are understood, too"
        if self.measured:
            return f"{has}; {wanted} are enough for most words. {self.measured}"
        return f"{has}; {wanted} would do more than any setting"


def missing(table: ClipTable, curve: LearningCurve | None = None) -> list[Missing]:
    """What each taught word lacks; nothing where all have enough, clips that are left out aside.

    Args:
        table: The clips.
        curve: What was measured of them, if it was: it takes the place of the rule of thumb.
    """
    counts = table.counts()
    words = [word for word in table.words if word != UNKNOWN]
    takes = {word: int(counts[at].sum()) for at, word in enumerate(table.words)}
    usual = float(np.median([takes[word] for word in words])) if words else 0.0
    found = []
    said = str(curve) if curve is not None else ""
    for word in words:
        speakers = table.summary(word).speakers
        wanted = max(TAKES_WANTED, round(usual)) if takes[word] < _FAR_BELOW * usual else TAKES_WANTED
        people = max(SPEAKERS_WANTED, speakers)
        if takes[word] < wanted or speakers < SPEAKERS_WANTED:
            found.append(Missing(word, takes[word], speakers, wanted, people, said))
    return found


def _number(people: int) -> str:
    return {1: "one", 2: "two", 3: "three"}.get(people, str(people))


def _people(speakers: int) -> str:
    return "one speaker" if speakers == 1 else f"{_number(speakers)} speakers"
