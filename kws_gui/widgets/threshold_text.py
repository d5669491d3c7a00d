"""Thresholds as text: near 1, where confident networks live, with as many digits as tell them apart."""

from __future__ import annotations

import math

from kws_engine.operating.curve import from_logit, logit

STEP, LARGE_STEP = 0.1, 1.0  # on the scale of logits


def threshold_text(value: float) -> str:
    """Two digits behind the nines: "0.70", "0.985", "0.99983"."""
    if value >= 1:
        return "1"
    decimals = max(2, 1 - math.floor(math.log10(max(1 - value, 1e-9)) + 1e-9))
    return f"{value:.{decimals}f}"


def stepped(value: float, by: float) -> float:
    """A threshold moved by so much on the scale of logits: near 1 in ever smaller steps."""
    return round(from_logit(logit(value) + by), 7)
