"""Plays a sound through the loudspeaker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine.actions import ACTIONS
from kws_engine.actions.moment import Act, Call
from kws_engine.errors import KwsError, SpecError, quoted
from kws_engine.spec import option

RATE = 16_000
LONGEST_S = 30.0
_LOOK_EVERY_S = 0.02
_TONES_HZ = (659.3, 987.8)
_TONE_S = 0.12


@dataclass(frozen=True)
class SoundConfig:
    """Options of the action that plays a sound."""

    file: str = option("", "File", f"The whole path of a sound of at most {LONGEST_S:g} s; empty plays a short chime.")
    volume: float = option(0.5, "Volume", "1 is as loud as the file.", low=0.0, high=1.0)


@ACTIONS.register("sound", "Play a sound", SoundConfig)
def build(config: SoundConfig) -> Act:
    """Plays a sound file or a short chime through the system's loudspeaker."""
    path = Path(config.file).expanduser() if config.file else None
    if path is not None and not path.is_absolute():
        raise SpecError(f"File: {quoted(config.file)} is not a whole path, from / or ~", option="file")

    def play(call: Call) -> None:
        from kws_engine import audio
        from kws_engine.microphone import Playback

        until_s = time.monotonic() + call.timeout_s
        samples = chime() if path is None else audio.read(path, rate=RATE, max_seconds=LONGEST_S)
        playback = Playback(samples * np.float32(config.volume), rate=RATE)
        playback.start()
        try:
            while not playback.ended and not call.stop.wait(_LOOK_EVERY_S):
                if time.monotonic() > until_s:
                    raise KwsError(f"The sound had not ended after {call.timeout_s:g} s: allow it more time.")
        finally:
            playback.stop()

    return play


def chime() -> NDArray[np.float32]:
    """Two rising tones that fade, (n,) at 16 kHz."""
    at_s = np.arange(round(_TONE_S * RATE)) / RATE
    fade = np.minimum(1.0, at_s / 0.005) * np.exp(-at_s / 0.06)
    return np.concatenate([fade * np.sin(2 * np.pi * hz * at_s) for hz in _TONES_HZ]).astype(np.float32)
