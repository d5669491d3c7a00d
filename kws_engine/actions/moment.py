"""The moment at which a word was heard, and texts in which it is named."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from kws_engine.errors import shortened

PLACES: Final = "{word}, {score} and {time}"
_PLACE = re.compile(r"\{(word|score|time)\}")


@dataclass(frozen=True)
class Moment:
    """A word that was heard.

    Attributes:
        word: As the model names it; a stranger's model may name anything.
        score: 0..1.
        at: When, on the wall clock.
        at_s: When, in seconds of sound since listening began.
    """

    word: str
    score: float
    at: datetime
    at_s: float = 0.0

    def values(self) -> dict[str, str]:
        """Word, score and time as texts on one line, without control characters and valid as UTF-8."""
        word = shortened(self.word).encode("utf-8", "replace").decode("utf-8")
        time = self.at.astimezone().isoformat(timespec="milliseconds")
        return {"word": word, "score": f"{self.score:.3f}", "time": time}


@dataclass(frozen=True)
class Call:
    """One call of an action.

    Attributes:
        moment: What it is for.
        timeout_s: It has to end within so many seconds.
        stop: Set when nobody waits for it any more; it should end then.
    """

    moment: Moment
    timeout_s: float
    stop: threading.Event = field(default_factory=threading.Event)


Act = Callable[[Call], None]
"""Does it, in a thread of its own; raises a `KwsError` where that failed."""


def as_it_is(text: str) -> str:
    """The text unchanged."""
    return text


def fill(template: str, moment: Moment, *, quote: Callable[[str], str] = as_it_is) -> str:
    """The template with {word}, {score} and {time} replaced, once; all other braces stay.

    `quote` makes each value fit for what the text is, such as a URL.
    """
    values = moment.values()
    return _PLACE.sub(lambda place: quote(values[place[1]]), template)
