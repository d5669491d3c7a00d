"""The stretch of a clip that holds its speech, as long as the project's clips: what trimming to speech keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.trimming import Samples, speech_bounds


def speech_span(samples: Samples, rate: int, *, clip_samples: int) -> tuple[int, int] | None:
    """First and one-past-last sample of the speech in `samples` (samples,), with room up to `clip_samples` around it.

    Speech that is longer is kept whole. None where nothing is to be trimmed: no speech is found, or the clip is no
    longer than that already, because a shorter one would be filled up with silence again.
    """
    bounds = speech_bounds(samples, rate) if len(samples) > clip_samples else None
    if bounds is None:
        return None
    length = max(clip_samples, bounds[1] - bounds[0])
    start = min(max(0, (bounds[0] + bounds[1] - length) // 2), len(samples) - length)
    return (start, start + length) if length < len(samples) else None


def speech_spans(
    clips: Sequence[Clip],
    *,
    rate: int,
    clip_samples: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[list[Clip], list[tuple[int, int]]] | None:
    """The clips on disk that are to be trimmed, and the span of each; None where it was ended early.

    Raises:
        AudioError: One cannot be read.
    """
    chosen: list[Clip] = []
    spans: list[tuple[int, int]] = []
    for number, clip in enumerate(clips):
        if should_stop():
            return None
        span = _span_of(clip, rate=rate, clip_samples=clip_samples)
        if span is not None:
            chosen.append(clip)
            spans.append(span)
        progress(number + 1, len(clips))
    return chosen, spans


def _span_of(clip: Clip, *, rate: int, clip_samples: int) -> tuple[int, int] | None:
    """The same of a clip on disk.

    Raises:
        AudioError: It cannot be read.
    """
    if clip.seconds * rate <= clip_samples:
        return None
    return speech_span(audio.read(clip.path, rate=rate), rate, clip_samples=clip_samples)
