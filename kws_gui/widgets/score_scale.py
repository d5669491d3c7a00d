"""How scores lie along a strip: evenly, or, where a threshold is near 1, on the scale of logits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.operating.curve import from_logit, logit
from kws_gui.widgets.threshold_text import stepped

Floats = NDArray[np.float64]
_STEP, _FINE_STEP = 0.01, 0.1  # of a score; on the scale of logits
_FINE_ABOVE = 0.95
_LOWEST, _HIGHEST = -4.0, 12.0  # logits at both ends: 0.018 and 0.999994


@dataclass(frozen=True)
class ScoreScale:
    """Scores 0..1 to places 0..1 from the bottom, and back."""

    is_fine: bool = False

    @classmethod
    def of(cls, thresholds: Iterable[float]) -> ScoreScale:
        """The scale on which these thresholds can be told apart."""
        return cls(any(_FINE_ABOVE < one < 1 for one in thresholds))

    def place(self, score: float) -> float:
        """Where a score lies."""
        return float(self.places(np.array([score]))[0])

    def places(self, scores: Floats) -> Floats:
        """Where scores (n,) lie."""
        if not self.is_fine:
            return scores
        bounded = np.clip(scores, 1e-9, 1 - 1e-9)
        logits = np.log(bounded / (1 - bounded))
        return np.asarray(np.clip((logits - _LOWEST) / (_HIGHEST - _LOWEST), 0.0, 1.0))

    def score(self, place: float) -> float:
        """The score at a place; 0 and 1 at the ends."""
        bounded = min(max(place, 0.0), 1.0)
        if bounded in (0.0, 1.0):
            return bounded
        if not self.is_fine:
            return round(bounded, 2)
        return round(from_logit(_LOWEST + bounded * (_HIGHEST - _LOWEST)), 7)

    def moved(self, score: float, steps: int) -> float:
        """A threshold moved by so many steps: of 0.01, and near 1 ever smaller ones."""
        up = steps > 0
        if score >= 1 and not up:
            return stepped(from_logit(_HIGHEST), steps * _FINE_STEP) if self.is_fine else round(1 + steps * _STEP, 2)
        even = round(score + steps * _STEP, 2)
        if not self.is_fine and (even <= _FINE_ABOVE or abs(steps) > 1):
            return min(max(even, 0.0), 1.0)
        if self.is_fine and score <= _FINE_ABOVE and even <= _FINE_ABOVE:
            return max(even, 0.0)
        moved = stepped(score, steps * _FINE_STEP)
        return 1.0 if logit(moved) > _HIGHEST else moved
