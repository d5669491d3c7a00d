"""Whether two models differ by more than chance on the same clips."""

from __future__ import annotations

import math
from dataclasses import dataclass

EXACT_BELOW = 25
"""Clips on which the two disagree: with fewer, the chi-square distribution is too far from the true one."""


@dataclass(frozen=True)
class McNemar:
    """How two models differ on the same clips.

    Attributes:
        b: Clips that only the first gets right.
        c: Clips that only the second gets right.
        p: How likely a difference at least as large would be by chance, if both were equally good; 0..1.
        clips: All that both were evaluated on.
    """

    b: int
    c: int
    p: float
    clips: int

    def text(self, first: str = "the first", second: str = "the second") -> str:
        """In one sentence, for people, with the models' names."""
        counts = f"{self.b} right by {first} alone, {self.c} by {second} alone, of {self.clips} clips; p = {self.p:.2g}"
        if self.p >= 0.05:
            return f"No difference beyond chance: {counts}"
        better = first if self.b > self.c else second
        return f"{better[0].upper()}{better[1:]} is better, beyond chance: {counts}"


def mcnemar(b: int, c: int, *, clips: int) -> McNemar:
    """Two-sided: exactly binomial where `b + c` is below `EXACT_BELOW`, else chi-square with Edwards' correction.

    Raises:
        ValueError: Counts below 0, or more disagreements than clips.

    Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947). A. L. Edwards, Note on the "correction for continuity" in testing the significance of the
    difference between correlated proportions, Psychometrika 13 (1948).
    """
    if min(b, c) < 0 or b + c > clips:
        raise ValueError(f"{b} + {c} of {clips} clips is no comparison")
    if b + c < EXACT_BELOW:
        tail: float = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2.0 ** (b + c)
        return McNemar(b, c, min(1.0, 2 * tail), clips)
    chi_square = max(0, abs(b - c) - 1) ** 2 / (b + c)
    return McNemar(b, c, math.erfc(math.sqrt(chi_square / 2)), clips)
