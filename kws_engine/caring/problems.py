"""What may be wrong with a clip, as data, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

ProblemKind = Literal[
    "unreadable", "nothing_said", "clipping", "too_quiet", "noisy", "cut_off", "too_long", "another_word", "duplicate",
]  # fmt: skip
"""The worst first. Scripts read these from `kws check --json`: a kind may be added, none renamed."""
PROBLEM_KINDS: Final[tuple[ProblemKind, ...]] = get_args(ProblemKind)

TITLES: Final[dict[ProblemKind, str]] = {
    "unreadable": "unreadable",
    "nothing_said": "nothing said",
    "clipping": "clipping",
    "too_quiet": "too quiet",
    "noisy": "noisy",
    "cut_off": "cut off",
    "too_long": "too long",
    "another_word": "another word?",
    "duplicate": "duplicate",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one clip.

    Attributes:
        kind: What it is.
        other: The word that `another_word` sounds like, or the clip, `word/name`, that a `duplicate` is the same as.
    """

    kind: ProblemKind
    other: str = ""

    def __str__(self) -> str:
        if self.kind == "another_word":
            return f"sounds like “{self.other}”"
        return f"same as {self.other}" if self.kind == "duplicate" else TITLES[self.kind]
