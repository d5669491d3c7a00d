"""Which looks at a stream can be left out: those at quiet, and most of the others while no word is near.

Looks come in groups of 120 ms, or of two where they are far apart. Groups have fixed places in the stream, and the
first look is one of its own. The last look of a group is taken first. Those before it are taken only where a word is
near in it; else their posteriors lie on the line from the last look of the group before. After a group that ends with a
word near, nothing is saved, and every look is taken as soon as its sound is there: so no detection is later than with
all looks, but for a word that has its whole score within one group. In a group for which the speech gate is closed no
look is taken: its posteriors are the model's answer to digital silence, without any word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.gate import SpeechGate

if TYPE_CHECKING:
    from kws_engine.spotting.looks import Classifier, Looks

Floats = NDArray[np.float32]
_GROUP_S: Final = 0.1201  # with room for rounding
_NEAR: Final = 0.02  # a word's posterior: below any threshold that somebody may set
_MOST_IN_SILENCE: Final = 0.1
_LONGEST_SAVED_S: Final = 0.08  # between looks


@dataclass(frozen=True)
class Saving:
    """How work is saved with one model.

    Attributes:
        group: Looks in a group.
        block_samples: The sound from one group to the next.
        hold_samples: How long the gate stays open: for as long as anything loud is in a window.
        rate: Samples a second.
        quiet: Posteriors (labels,) where the gate is closed.
        words: The columns of words.
    """

    group: int
    block_samples: int
    hold_samples: int
    rate: int
    quiet: Floats
    words: NDArray[np.intp]

    @classmethod
    def of(cls, model: Classifier, config: DetectorConfig, looks: Looks) -> Saving | None:
        """None where it is not wanted, or the model's answer to silence is not known or a word."""
        quiet: Floats | None = getattr(model, "quiet", None)
        words = np.array([at for at, label in enumerate(model.labels) if label not in (UNKNOWN, SILENCE)], np.intp)
        if not config.saving or quiet is None or not bool((quiet[words] < _MOST_IN_SILENCE).all()):
            return None
        quiet = quiet.copy()
        quiet[words] = 0.0
        look_s = looks.look_samples / model.rate
        most = max(int(_GROUP_S / look_s), 2 if look_s <= _LONGEST_SAVED_S else 1)
        group = max(1, min(most, looks.smoothed))
        hold = looks.first + (group - 1) * looks.look_samples
        return cls(group, group * looks.look_samples, hold, model.rate, quiet, words)

    @cached_property
    def silent(self) -> Floats:
        """The posteriors (group, labels) of a group for which the gate is closed."""
        return np.tile(self.quiet, (self.group, 1))

    @cached_property
    def kept_blocks(self) -> int:
        """How many blocks hold all sound that the windows of a group see."""
        return -(-self.hold_samples // self.block_samples)

    def gate(self) -> SpeechGate:
        """A new one, for the blocks after the first look."""
        return SpeechGate(self.block_samples, rate=self.rate, hold_samples=self.hold_samples)

    def is_near(self, posteriors: Floats) -> bool:
        """Whether a word is, in posteriors (labels,)."""
        return not max(posteriors[self.words].tolist(), default=0.0) < _NEAR

    def near(self, posteriors: Floats) -> NDArray[np.bool_]:
        """The same of many (L, labels)."""
        found: NDArray[np.bool_] = ~(posteriors[:, self.words].max(axis=1, initial=0.0) < _NEAR)
        return found

    def line(self, before: Floats, last: Floats) -> Floats:
        """Posteriors (group, labels) from those of the last look of the group before to the group's own last."""
        return np.asarray(before + (last - before) * self._shares, np.float32)

    @cached_property
    def _shares(self) -> Floats:
        return np.arange(1, self.group + 1, dtype=np.float32)[:, None] / np.float32(self.group)
