"""Cuts what is recorded without a word to say: free talk into clips of other words, the sound of a room into noise."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips import trimming
from kws_engine.clips.recording import evaluate_take, is_knocking
from kws_engine.clips.utterances import has_voice

_RISE_DB: Final = 8.0
_GAP_MS: Final = 190  # inside a word, as the closure of a t; between two words it is longer
_SHORTEST_S: Final = 0.15
_BREAK_FROM: Final = 0.5  # of a clip: where speech without a pause is cut, between here and the end of the clip
_FAINT_RISE_DB: Final = 5.0
_AROUND_S: Final = 0.5  # of speech, which is faint there
_VOICE_S: Final = 0.5  # looked at for a voice at a time
_LEAST_NOISE_S: Final = 1.5
_DIGITAL_SILENCE: Final = 1e-5

Samples = NDArray[np.float32]
Span = tuple[int, int]


def other_words(samples: Samples, rate: int, *, clip_samples: int) -> list[Samples]:
    """Clips (clip_samples,) of what is said in free talk (samples,), cut at its pauses.

    A stretch without a pause that is longer than a clip is cut where it is quietest. What clips, holds no voice or is
    hardly audible gives no clip.
    """
    energy_db = trimming.band_energy_db(samples, rate)
    hop = trimming.HOP_MS * rate // 1000
    longest = clip_samples // hop
    clips = []
    for first, last in _loud(energy_db, rise_db=_RISE_DB):
        for begin, end in _broken(energy_db, first, last, longest):
            if (end - begin) * hop < _SHORTEST_S * rate:
                continue
            middle = (begin + end) * hop // 2
            start = min(max(0, middle - clip_samples // 2), max(0, len(samples) - clip_samples))
            clip = samples[start : start + clip_samples]
            if len(clip) == clip_samples and _is_said(samples[begin * hop : end * hop], clip, rate):
                clips.append(clip.copy())
    return clips


def noise_of(samples: Samples, rate: int) -> list[Samples]:
    """The stretches of at least 1.5 s of a room's sound (samples,) in which nobody speaks; none of digital silence."""
    kept, at = [], 0
    for first, last in [*_speech(samples, rate), (len(samples), len(samples))]:
        piece = samples[at:first]
        if len(piece) >= _LEAST_NOISE_S * rate and float(np.abs(piece).max()) > _DIGITAL_SILENCE:
            kept.append(piece.copy())
        at = max(at, last)
    return kept


def _speech(samples: Samples, rate: int) -> list[Span]:
    """Spans with a voice in them, and what is around them, by time and without overlap."""
    energy_db = trimming.band_energy_db(samples, rate)
    hop, around, window = trimming.HOP_MS * rate // 1000, round(_AROUND_S * rate), round(_VOICE_S * rate)
    spans: list[Span] = []
    for first, last in _loud(energy_db, rise_db=_FAINT_RISE_DB):
        for at in range(first * hop, last * hop, window):
            stop = min(at + window, len(samples))
            if not has_voice(samples[max(0, at - window // 4) : stop + window // 4], rate):
                continue
            begin, end = max(0, at - around), min(len(samples), stop + around)
            if spans and begin <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((begin, end))
    return spans


def _loud(energy_db: NDArray[np.float64], *, rise_db: float) -> list[Span]:
    """Frames from and to which the level is above the quietest tenth, short pauses included."""
    if not len(energy_db):
        return []
    floor_db = max(trimming.QUIETEST_DB, float(np.percentile(energy_db, 10)))
    return trimming.stretches(energy_db, floor_db + rise_db, gap_ms=_GAP_MS)


def _broken(energy_db: NDArray[np.float64], first: int, last: int, longest: int) -> list[Span]:
    """Pieces of frames no longer than that, cut where it is quietest."""
    pieces = []
    while last - first > longest:
        start = first + round(_BREAK_FROM * longest)
        at = start + int(np.argmin(energy_db[start : first + longest]))
        pieces.append((first, at))
        first = at
    return [*pieces, (first, last)]


def _is_said(piece: Samples, clip: Samples, rate: int) -> bool:
    """Whether a piece of talk is a voice, and its clip neither clips nor is too quiet; its edges do not matter."""
    if not has_voice(piece, rate) or is_knocking(piece, rate):
        return False
    return evaluate_take(clip, rate, clip_samples=len(clip)).fault not in ("clipping", "too_quiet", "no_sound")
