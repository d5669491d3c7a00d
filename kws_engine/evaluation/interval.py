"""How far a share of clips and a count in hours can be trusted: Wilson's interval and Poisson's bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""Standard normal quantile of a two-sided 95% interval."""


@dataclass(frozen=True)
class Interval:
    """A share in 0..1 and the bounds between which the true one lies."""

    share: float
    low: float
    high: float

    def text(self) -> str:
        """In whole percent: "93 ± 2%" where both sides are alike, "93% (81 to 97%)" where they are not."""
        share, low, high = (round(100 * value) for value in (self.share, self.low, self.high))
        if high - share == share - low:
            return f"{share} ± {high - share}%"
        return f"{share}% ({low} to {high}%)"


def wilson(right: float, total: float, *, z: float = Z_95) -> Interval:
    """The score interval of Wilson (1927), which keeps to 0..1 and holds for few clips and shares near 0 or 1.

    Args:
        right: Successes; a share measured elsewhere times `total` need not be whole.
        total: Trials, at least 1; an effective number need not be whole.
        z: How many standard errors; `Z_95` for 95%.

    Raises:
        ValueError: There are no trials, or `right` is not between 0 and `total`.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if total < 1 or not 0 <= right <= total:
        raise ValueError(f"{right} of {total} is no share")
    share, scaled = right / total, z * z / total
    centre = (share + scaled / 2) / (1 + scaled)
    half = math.sqrt(share * (1 - share) * scaled + scaled * scaled / 4) / (1 + scaled)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def poisson_upper(count: int, *, share: float = 0.95) -> float:
    """The largest mean with which so few events, or fewer, still happen with a probability of 1 - `share`.

    0 events bound the mean by 3.0, the "rule of three". Garwood, Fiducial limits for the Poisson distribution,
    Biometrika 28 (1936).
    """
    from scipy.special import gammaincinv

    return float(gammaincinv(count + 1, share))


def poisson_interval(count: int) -> tuple[float, float]:
    """The two-sided 95% bounds of the mean (Garwood 1936)."""
    from scipy.special import gammaincinv

    low = float(gammaincinv(count, 0.025)) if count else 0.0
    return low, float(gammaincinv(count + 1, 0.975))
