"""One take of one word, from live samples to a clip with advice for the speaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips import trimming

QUIET_PEAK_DB = -34.0
NOISY_BELOW_DB: Final = 18.0
"""From the noise floor to the loudest 70 ms; words with noise 10 dB below them lie between 14 and 27 dB."""
NOISE_TAKE_S = 10.0
PRE_ROLL_S: Final = 0.3
"""Of a take, from before it was asked for: a word that was begun a moment too soon keeps its onset."""
_CLIPPED_AT = 0.985  # resampling rounds off the flat top of a clipped wave
_CLIPPED_SAMPLES = 3
# What is quieter and stands out less is steps, clatter or traffic. Of 348 pieces of room noise at -54 dB, 4 are taken
# for speech instead of 71; of 4,519 recorded words, 14 are refused that speech_bounds takes, all hardly audible.
_ROOM_NOISE_DB = -40.0
_ROOM_NOISE_RISE_DB = 25.0
# Keys, clicks and knocks ring for less; a syllable lasts longer. Of 196 pieces of typing on a loud keyboard, all are
# refused; of 7,321 words from 12 collections, 5. A cough or a clap in an echoing room lasts as long as a word.
_KNOCK_MS, _KNOCK_WITHIN_DB = 80, 20.0
_EDGE_MS = 40
_MOST_OUTSIDE = 0.03  # share of the word's energy that the clip may leave out: a breath, not a syllable

Samples = NDArray[np.float32]
State = Literal["waiting", "recording", "done"]
Fault = Literal[
    "no_sound", "no_word", "room_noise", "knocks", "clipping", "noisy", "late", "early", "too_long", "too_quiet"
]
"""What is wrong with a take, the most important first; of the first four, there is no word in it."""


@dataclass(frozen=True)
class Take:
    """A finished take: all of it (`raw`), the `clip` that begins at its sample `start`, and what was found wrong.

    `bounds` are the speech's first and one-past-last sample in `raw`. `fault` is what is wrong, the most important
    thing, None for a good take, and `advice` one sentence about it, or empty. `snr_db` is from the noise floor to the
    loudest 70 ms, between 150 and 7,500 Hz.
    """

    raw: Samples
    clip: Samples
    start: int
    bounds: tuple[int, int] | None
    peak_db: float
    clipped: bool
    too_quiet: bool
    no_speech: bool
    advice: str
    fault: Fault | None = None
    snr_db: float = 0.0


class TakeRecorder:
    """Collects one take from samples fed in pieces of any size; time counts in samples, there is no clock.

    While waiting it keeps the newest `pre_roll_seconds`, so a word begun a moment before `start` keeps its onset.

        feed ... feed  start()  feed ......... feed        feed
        [  pre-roll  ] [        take_seconds       ] done  (used only as the next take's pre-roll)
    """

    def __init__(
        self, rate: int, *, clip_samples: int, take_seconds: float = 2.0, pre_roll_seconds: float = PRE_ROLL_S
    ) -> None:
        self.rate = rate
        self.clip_samples = clip_samples
        self._pre_roll_samples = round(pre_roll_seconds * rate)
        self._take_samples = round(take_seconds * rate)
        if self._take_samples < 1:
            raise ValueError(f"take_seconds: {take_seconds} is below one sample")
        self._newest: Samples = np.zeros(0, np.float32)
        self._raw = np.zeros(self._pre_roll_samples + self._take_samples, np.float32)
        self._filled = 0
        self._recorded = 0
        self._state: State = "waiting"

    @property
    def state(self) -> State:
        """Before `start`, between `start` and the last sample, or after it."""
        return self._state

    @property
    def progress(self) -> float:
        """The share of `take_seconds` recorded so far, 0 to 1."""
        return self._recorded / self._take_samples

    @property
    def raw(self) -> Samples:
        """The take so far with its pre-roll (samples,), a copy."""
        return self._raw[: self._filled].copy()

    def start(self) -> None:
        """Starts recording at once; after a finished take, the next one."""
        self._filled = len(self._newest)
        self._raw[: self._filled] = self._newest
        self._recorded = 0
        self._state = "recording"

    def feed(self, samples: Samples) -> None:
        """Takes the next `samples` (samples,), any number of them."""
        if self._state == "recording":
            part = samples[: self._take_samples - self._recorded]
            self._raw[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            self._recorded += len(part)
            if self._recorded == self._take_samples:
                self._state = "done"
        if self._pre_roll_samples:
            self._newest = np.concatenate((self._newest, samples))[-self._pre_roll_samples :].astype(np.float32)

    def take(self) -> Take:
        """The finished take, cut and evaluated.

        Raises:
            ValueError: It is not finished yet.
        """
        if self._state != "done":
            raise ValueError(f"the take is not finished but {self._state}")
        return evaluate_take(self.raw, self.rate, clip_samples=self.clip_samples)


def word_take_s(clip_ms: int) -> float:
    """How long a take of a word lasts: twice the clip, so that nobody has to hurry."""
    return max(2.0, 2 * clip_ms / 1000)


def evaluate_take(raw: Samples, rate: int, *, clip_samples: int) -> Take:
    """Cuts the clip out of `raw` (samples,) and advises the speaker on what to do better, if anything."""
    energy = trimming.BandEnergy.of(raw, rate)
    bounds = None if is_room_noise(energy) else energy.bounds
    if bounds is not None and is_knocking(raw[slice(*bounds)], rate):
        bounds = None
    clip, start = trimming.cut(raw, rate, clip_samples=clip_samples, energy=energy)
    peak_db = audio.peak_db(raw if bounds is None else raw[bounds[0] : bounds[1]])
    floor_db, loudest_db = energy.floor_and_peak_db
    clipped = is_clipped(raw)
    too_quiet = peak_db < QUIET_PEAK_DB
    fault = _no_word(raw, energy) if bounds is None else _fault(raw, clip, energy, clipped)
    if fault is None and too_quiet:
        fault = "too_quiet"
    return Take(
        raw=raw,
        clip=clip,
        start=start,
        bounds=bounds,
        peak_db=peak_db,
        clipped=clipped,
        too_quiet=too_quiet,
        no_speech=bounds is None,
        advice=_advice(fault, energy, len(clip)) if fault else "",
        fault=fault,
        snr_db=loudest_db - floor_db,
    )


def is_room_noise(energy: trimming.BandEnergy) -> bool:
    """Whether a recording holds nothing but quiet sound that hardly stands out from the noise floor."""
    floor_db, peak_db = energy.floor_and_peak_db
    return peak_db < _ROOM_NOISE_DB and peak_db - floor_db < _ROOM_NOISE_RISE_DB


def is_knocking(samples: Samples, rate: int) -> bool:
    """Whether nothing in `samples` (samples,) lasts as long as a syllable: keys, a mouse, a knock on the table."""
    return trimming.longest_loud_ms(samples, rate, within_db=_KNOCK_WITHIN_DB) < _KNOCK_MS


def is_clipped(samples: Samples) -> bool:
    """Whether the wave stays at full scale for several samples in a row, anywhere."""
    at_limit = np.concatenate(([0], np.abs(samples) >= _CLIPPED_AT, [0])).astype(np.int8)
    edges = np.flatnonzero(np.diff(at_limit)).reshape(-1, 2)
    return bool(len(edges) and (edges[:, 1] - edges[:, 0]).max() >= _CLIPPED_SAMPLES)


def leaves_speech_out(clip: Samples, raw: Samples, core: tuple[int, int]) -> bool:
    """Whether more than a breath of what is said at `core` of `raw` (samples,) is not in the clip cut out of it."""
    return _energy(raw[slice(*core)]) * (1 - _MOST_OUTSIDE) > _energy(clip)


def _energy(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).sum())


def _no_word(raw: Samples, energy: trimming.BandEnergy) -> Fault:
    """Why there is no word in a take."""
    if energy.core is None:
        return "no_sound" if audio.peak_db(raw) < -90.0 else "no_word"
    return "room_noise" if is_room_noise(energy) else "knocks"


def _fault(raw: Samples, clip: Samples, energy: trimming.BandEnergy, clipped: bool) -> Fault | None:
    """The most important thing that is wrong with a word; in much noise it is not known where that begins and ends."""
    core, (floor_db, loudest_db) = energy.core, energy.floor_and_peak_db
    edge = _EDGE_MS * energy.rate // 1000
    if clipped:
        return "clipping"
    if loudest_db - floor_db < NOISY_BELOW_DB:
        return "noisy"
    if core is None:
        return None
    if core[1] > len(raw) - edge:
        return "late"
    if core[0] < edge:
        return "early"
    return "too_long" if leaves_speech_out(clip, raw, core) else None


_SENTENCES: Final[dict[Fault, str]] = {
    "no_sound": "No sound at all: check that the microphone is switched on and not muted.",
    "no_word": "No word was heard: speak when recording has begun, closer to the microphone.",
    "room_noise": "Only the noise of the room was heard: speak closer to the microphone, or raise its level.",
    "knocks": "Only knocks were heard, as of keys: leave the keyboard alone and speak closer to the microphone.",
    "clipping": "Clipping: move away from the microphone or lower its level.",
    "noisy": "Too noisy: the word stands only {snr:.0f} dB above the noise: move closer, or wait until it is quiet.",
    "late": "You were cut off at the end: speak sooner.",
    "early": "You were cut off at the beginning: wait until recording has begun.",
    "too_long": "Too long: the word took {said:.1f} s and a clip holds {clip:.1f} s: say it faster.",
    "too_quiet": "Too quiet: move closer to the microphone or raise its level.",
}


def _advice(fault: Fault, energy: trimming.BandEnergy, clip_samples: int) -> str:
    (first, last), (floor_db, loudest_db) = energy.core or (0, 0), energy.floor_and_peak_db
    said_s, clip_s = (last - first) / energy.rate, clip_samples / energy.rate
    return _SENTENCES[fault].format(said=said_s, clip=clip_s, snr=loudest_db - floor_db)
