"""One long recording of a word said again and again, cut at the pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.recording import evaluate_take
from kws_engine.clips.utterances import Utterance, UtteranceFinder, refusal
from kws_engine.errors import AudioError

_TAIL_S: Final = 2.0
_BLOCK_S: Final = 1.0
_LONG: Final = "Longer than a word: pause between one word and the next, or label the pieces."


@dataclass(frozen=True)
class Piece:
    """A take found in a recording.

    Attributes:
        start_s, end_s: Where its clip is in the recording.
        remark: What is wrong with it, in a sentence; empty for a good take.
    """

    start_s: float
    end_s: float
    remark: str


def cut_at_pauses(
    path: Path,
    *,
    rate: int,
    clip_samples: int,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Piece]:
    """The takes in a recording of any length, in constant memory, each judged as one that is recorded hands free.

    Args:
        path: A recording in any format.
        rate: Of the clips, in Hz.
        clip_samples: How long each is.
        progress: Called with (seconds done, seconds in all).
        should_stop: Called each second; the takes found by then are returned.

    Raises:
        AudioError: It cannot be read.
    """
    finder = UtteranceFinder(rate, clip_samples=clip_samples)
    total = round(audio.info(path).seconds)
    pieces: list[Piece] = []
    length = 0
    for number, block in enumerate(audio.blocks(path, rate=rate, block_seconds=_BLOCK_S)):
        if should_stop is not None and should_stop():
            return pieces
        length += len(block)
        pieces += _pieces(finder.feed(block), rate, clip_samples)
        if progress is not None:
            progress(min(number + 1, total), total)
    tail = np.zeros(round(_TAIL_S * rate), np.float32)  # ends a word that the recording ends with
    pieces += _pieces(map(_Ended(length).without_tail, finder.feed(tail)), rate, clip_samples)
    return pieces


@dataclass(frozen=True)
class _Ended:
    """A recording of so many samples, which silence was appended to."""

    length: int

    def without_tail(self, utterance: Utterance) -> Utterance:
        samples = utterance.samples[: max(0, self.length - utterance.at_sample)]
        return Utterance(samples, utterance.at_sample, utterance.start, utterance.stop, utterance.is_cut)


def _pieces(found: Iterator[Utterance] | list[Utterance], rate: int, clip_samples: int) -> Iterator[Piece]:
    for utterance in found:
        take = evaluate_take(utterance.samples, rate, clip_samples=clip_samples)
        start = max(0, utterance.at_sample + take.start)
        remark = _LONG if utterance.is_cut else refusal(take, rate)
        yield Piece(start / rate, (utterance.at_sample + take.start + clip_samples) / rate, remark)


class PieceReader:
    """Reads pieces of recordings; those of one recording in order of their starts, so that it is decoded once."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._path: Path | None = None
        self._blocks: Iterator[NDArray[np.float32]] = iter(())
        self._sound = np.zeros(0, np.float32)
        self._at = 0  # sample of the recording at which `_sound` begins

    def read(self, path: Path, span_s: tuple[float, float]) -> NDArray[np.float32]:
        """The samples (N,) from and to so many seconds, as far as the recording goes.

        Raises:
            AudioError: It cannot be read, or ends before the piece begins.
        """
        start, stop = (round(seconds * self._rate) for seconds in span_s)
        if path != self._path or start < self._at:
            self._path, self._at, self._sound = path, 0, np.zeros(0, np.float32)
            self._blocks = audio.blocks(path, rate=self._rate, block_seconds=_BLOCK_S)
        while self._at + len(self._sound) < stop:
            block = next(self._blocks, None)
            if block is None:
                break
            skipped = min(len(self._sound), max(0, start - self._at))
            self._sound = np.concatenate((self._sound[skipped:], block))
            self._at += skipped
        piece = self._sound[start - self._at : stop - self._at].copy()
        if not len(piece):
            raise AudioError(f"{path.name} ends before {span_s[0]:.2f} s: correct where the piece begins.")
        return piece
