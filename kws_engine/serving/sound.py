"""Sound as a client sends it, of any rate, width and number of channels, to samples at the rates that models hear."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from kws_engine.audio import HIGHEST_RATE, LOWEST_RATE
from kws_engine.audio_pipe import Downmix, pcm
from kws_engine.errors import KwsError, shortened

Samples = NDArray[np.float32]
_MOST_CHANNELS: Final = 16


@dataclass(frozen=True)
class Format:
    """Of integers, little-endian.

    Attributes:
        rate: Frames a second.
        width: Bytes a sample: 1 (unsigned), 2, 3 or 4.
        channels: Samples a frame.
    """

    rate: int
    width: int
    channels: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Format:
        """As a message tells it.

        Raises:
            KwsError: There is no such sound.
        """
        bounds = {"rate": (LOWEST_RATE, HIGHEST_RATE), "width": (1, 4), "channels": (1, _MOST_CHANNELS)}
        for name, (low, high) in bounds.items():
            value = data.get(name)
            if type(value) is not int or not low <= value <= high:
                raise KwsError(f"Sound with {name} {shortened(repr(value))}: send whole numbers from {low} to {high}")
        return cls(data["rate"], data["width"], data["channels"])

    @property
    def frame_bytes(self) -> int:
        """Bytes of one moment."""
        return self.width * self.channels


class Sound:
    """One stream of sound, cut into messages anywhere."""

    def __init__(self, form: Format, rates: Collection[int]) -> None:
        self.form = form
        self._downmix = Downmix(form.rate)
        self._streams = {rate: _stream(form.rate, rate) for rate in rates}
        self._rest = b""

    def take(self, audio: bytes) -> dict[int, Samples]:
        """The samples (N,) at each rate that these bytes bring; half a frame waits for the rest."""
        data = self._rest + audio
        whole = len(data) - len(data) % self.form.frame_bytes
        self._rest = data[whole:]
        block = pcm(data[:whole], bits=8 * self.form.width, channels=self.form.channels)
        return self._resampled(self._downmix.take(block), last=False)

    def end(self) -> dict[int, Samples]:
        """The last samples at each rate."""
        return self._resampled(np.zeros(0, np.float32), last=True)

    def _resampled(self, mono: Samples, *, last: bool) -> dict[int, Samples]:
        return {
            rate: mono if stream is None else np.asarray(stream.resample_chunk(mono, last=last), np.float32)
            for rate, stream in self._streams.items()
        }


def _stream(from_rate: int, rate: int) -> soxr.ResampleStream | None:
    return None if from_rate == rate else soxr.ResampleStream(from_rate, rate, 1, dtype="float32", quality="HQ")
