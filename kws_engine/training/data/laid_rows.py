"""The window into which words are laid to learn from: a network's own, and some vectors more, to be looked at later.

A word is heard when its window ends from 160 ms before the word's end to 160 ms behind it (those looks are positive),
so each laid word gives several windows.
"""

from __future__ import annotations

from typing import Final

from kws_engine.features.encoded import EncodedPipeline
from kws_engine.training.data.laying_words import Window

LATER: Final = 3
"""Windows of a laid word beside the first, each a vector later."""
_BEFORE_END_S: Final = 0.16


def window_of(pipeline: EncodedPipeline, clip_samples: int, *, phase: float = 0.5) -> Window:
    """Where a word is laid.

    Args:
        pipeline: Whose vectors are looked at.
        clip_samples: Length of a clip.
        phase: 0..1, of one vector: how much later the windows end after the word.
    """
    first_end = pipeline.window_for(clip_samples)
    word_end = first_end + round(_BEFORE_END_S * pipeline.rate) - round(phase * pipeline.hop_samples)
    return Window(first_end + LATER * pipeline.hop_samples, word_end, pipeline.rate)
