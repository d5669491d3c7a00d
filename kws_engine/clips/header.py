"""Length and rate of an audio file in the clips folder, as training will find them, read in one small piece at best."""

from __future__ import annotations

from pathlib import Path

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.decoding import plain_wav
from kws_engine.errors import AudioError


def frames_and_rate(path: Path | str) -> tuple[int, int]:
    """Samples per channel and rate in Hz of a regular file; (0, 0) where training could not read it as a clip."""
    try:
        plain = plain_wav(path)
        if plain is not None:
            frames, rate, _ = plain
            is_sane = audio.LOWEST_RATE <= rate <= audio.HIGHEST_RATE and frames <= LONGEST_CLIP_S * rate
            return (frames, rate) if is_sane else (0, 0)
        return audio.measure(path, max_seconds=LONGEST_CLIP_S)
    except (AudioError, OSError):
        return 0, 0
