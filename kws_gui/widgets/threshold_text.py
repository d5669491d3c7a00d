"""Thresholds as text: near 1, where confident networks live, with as many digits as tell them apart."""

from __future__ import annotations

import math

from kws_engine.operating.curve import from_logit, logit


def threshold_text(value: float) -> str:
    """Two digits behind the nines, at least two in all: "0.70", "0.985", "0.99983"."""
    if value >= 1:
        return "1.00"
    if round(value, 2) <= 0.95:
        return f"{value:.2f}"
    decimals = max(2, 1 - math.floor(math.log10(max(1 - value, 1e-9)) + 1e-9))
    return f"{value:.{decimals}f}"


def score_of(score: float, threshold: float) -> str:
    """A score beside its threshold, in little room: "0.31 of 0.70"; never as if it reached one that it does not."""
    shown = math.floor(100 * score + 1e-9) / 100 if score < threshold else score
    return f"{shown:.2f} of {threshold_text(threshold)}"


def stepped(value: float, by: float) -> float:
    """A threshold moved by so much on the scale of logits: near 1 in ever smaller steps."""
    return round(from_logit(logit(value) + by), 7)
