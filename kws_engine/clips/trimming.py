"""Finds where the speech in a recording begins and ends, and cuts the clip around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FRAME_MS, HOP_MS = 25, 10
LOWEST_HZ, HIGHEST_HZ = 150.0, 7_500.0
QUIETEST_DB = -85.0  # about the rounding noise of 16 bit in that band: below it there is no floor to rise from
_DIGITAL_SILENCE_DB = -110.0
_NOISE_BELOW_SPEECH_DB = 25.0  # the quietest tenth of speech alone is not so far below its peak
_LEAST_RISE_DB = 10.0  # speech stands at least so far above the floor
_CORE_MS = 60  # shorter bursts are clicks, unless they belong to speech nearby, like the t of "eight"
_BURST_GAP_MS = 200
_PHRASE_GAP_MS = 350  # pauses inside "computer, lights"
_SECOND_GROUP_DB = 12.0  # another stretch of sound counts when it is not much weaker than the strongest
# Weak onsets and dying ends lie below the threshold: where that is 38 dB below the peak, next to nothing; 18 dB, much.
_BEFORE_MS, _AFTER_MS = (80, 320), (120, 360)
_ALL_HEARD_DB, _MUCH_HIDDEN_DB = 38.0, 18.0
_TAIL_MS = 40  # the end of a word is hidden for longer than its onset
_SPARE_MS = 100  # of a clip, around the speech that is to fit in
_STEP_DB = 1.0

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class _Run:
    """Frames `first` to `last` (exclusive) above the threshold, and the energy in them."""

    first: int
    last: int
    energy: float


@dataclass(frozen=True, eq=False)
class BandEnergy:
    """What is read from the energy of a recording's frames between 150 and 7,500 Hz: computed once for all of it.

    Attributes:
        frames_db: (frames,) as `band_energy_db` gives them.
        rate: Of the recording, in Hz.
        length: Its samples.
    """

    frames_db: NDArray[np.float64]
    rate: int
    length: int

    @classmethod
    def of(cls, samples: Samples, rate: int) -> BandEnergy:
        """That of a recording (samples,)."""
        return cls(band_energy_db(samples, rate), rate, len(samples))

    @cached_property
    def floor_and_peak_db(self) -> tuple[float, float]:
        """Levels of the noise floor and of the loudest sound longer than a click, in dB of full scale."""
        return _floor_and_peak_db(self.frames_db) if len(self.frames_db) else (QUIETEST_DB, QUIETEST_DB)

    @cached_property
    def core(self) -> tuple[int, int] | None:
        """Like `bounds` without the margin: only what rises clearly above the floor."""
        return _core(self.frames_db, self._threshold_and_peak_db[0], self.rate, self.length)

    @cached_property
    def bounds(self) -> tuple[int, int] | None:
        """First and one-past-last sample of the speech, with a margin; None without speech.

        Over a noise floor taken from the quietest tenth of the frames. Hum, steady noise, single clicks and the level
        do not matter; a second stretch counts when it is about as strong. The margin is wider where noise hides more of
        the speech: `kws bench bounds` measures that no onset is cut.
        """
        if self.core is None:
            return None
        threshold_db, peak_db = self._threshold_and_peak_db
        hidden = (_ALL_HEARD_DB - (peak_db - threshold_db)) / (_ALL_HEARD_DB - _MUCH_HIDDEN_DB)
        margins = (round(np.interp(hidden, (0, 1), margin) * self.rate / 1000) for margin in (_BEFORE_MS, _AFTER_MS))
        before, after = margins
        return max(0, self.core[0] - before), min(self.length, self.core[1] + after)

    def standing_out(self, clip_samples: int) -> tuple[int, int] | None:
        """The core; of one longer than a clip, as in noise, what rises so high above it that it fits in."""
        threshold_db, peak_db = self._threshold_and_peak_db
        core = found = self.core
        fits = clip_samples - _SPARE_MS * self.rate // 1000
        while found is not None and found[1] - found[0] > fits and threshold_db < peak_db:
            core = found
            threshold_db += _STEP_DB
            found = _core(self.frames_db, threshold_db, self.rate, self.length)
        return found or core

    @cached_property
    def _threshold_and_peak_db(self) -> tuple[float, float]:
        """What speech rises above, infinity where nothing stands out; and the level of the loudest sound."""
        if not len(self.frames_db):
            return np.inf, QUIETEST_DB
        floor_db, peak_db = self.floor_and_peak_db
        rise_db = peak_db - floor_db
        return (floor_db + max(6.0, 0.25 * rise_db) if rise_db >= _LEAST_RISE_DB else np.inf), peak_db


def speech_bounds(samples: Samples, rate: int) -> tuple[int, int] | None:
    """First and one-past-last sample of the speech in `samples` (samples,), as `BandEnergy.bounds`."""
    return BandEnergy.of(samples, rate).bounds


def speech_core(samples: Samples, rate: int) -> tuple[int, int] | None:
    """Like `speech_bounds` without the margin: only what rises clearly above the floor."""
    return BandEnergy.of(samples, rate).core


def longest_loud_ms(samples: Samples, rate: int, *, within_db: float) -> int:
    """How long `samples` (samples,) stay within so many dB of their loudest frame, 150 to 7,500 Hz, at a stretch."""
    energy_db = band_energy_db(samples, rate)
    if not len(energy_db):
        return 0
    runs = _runs(energy_db, float(energy_db.max()) - within_db)
    return max(run.last - run.first for run in runs) * HOP_MS


def stretches(energy_db: NDArray[np.float64], threshold_db: float, *, gap_ms: int) -> list[tuple[int, int]]:
    """First and one-past-last frames of what is above the threshold, with gaps of so many ms at most inside."""
    runs = _runs(energy_db, threshold_db)
    return [(run.first, run.last) for run in _joined(runs, gap_ms)] if runs else []


def cut(
    samples: Samples,
    rate: int,
    *,
    clip_samples: int,
    bounds: tuple[int, int] | None = None,
    energy: BandEnergy | None = None,
) -> tuple[Samples, int]:
    """The clip of exactly `clip_samples` centred on `bounds`, else on the speech; and where in `samples` it starts.

    Of speech longer than the clip, what stands out most is taken, and where there is none, the loudest stretch. Only a
    recording shorter than the clip is filled up with zeros; then the start is zero or negative. `energy` is that of
    `samples`, where it is known.
    """
    spare = len(samples) - clip_samples
    tail = _TAIL_MS * rate // 1000 if bounds is None else 0
    if bounds is None:
        bounds = (energy or BandEnergy.of(samples, rate)).standing_out(clip_samples)
    first, last = bounds or (0, len(samples))
    if last - first > clip_samples:
        start = first + _loudest_start(samples[first:last], clip_samples)
    else:
        start = (first + last + tail - clip_samples) // 2
    start = min(max(start, min(0, spare)), max(0, spare))
    clip = np.zeros(clip_samples, np.float32)
    first, last = max(0, start), min(len(samples), start + clip_samples)
    clip[first - start : last - start] = samples[first:last]
    return clip, start


def fitted(samples: Samples, rate: int, *, clip_samples: int) -> Samples:
    """The clip of exactly `clip_samples` as a network takes it: unchanged where it has that length, else cut."""
    return samples if len(samples) == clip_samples else cut(samples, rate, clip_samples=clip_samples)[0]


def window(samples: Samples, rate: int, *, window_samples: int, ends_windows: bool) -> Samples:
    """What a network sees of a recording: a window that ends behind its speech, or the clip around it."""
    if ends_windows:
        return ending(samples, rate, window_samples=window_samples)
    return fitted(samples, rate, clip_samples=window_samples)


def ending(samples: Samples, rate: int, *, window_samples: int, behind_s: float = 0.12) -> Samples:
    """The window of exactly `window_samples` that ends so soon after the speech; before a recording there is silence.

    Where no speech is found, the window ends with the recording.
    """
    core = speech_core(samples, rate)
    end = min(len(samples), core[1] + round(behind_s * rate)) if core else len(samples)
    heard = samples[max(0, end - window_samples) : end]
    window = np.zeros(window_samples, np.float32)
    window[window_samples - len(heard) :] = heard
    return window


def band_energy_db(samples: Samples, rate: int) -> NDArray[np.float64]:
    """Power of each frame (frames,) between the band's edges, in dB of full scale; frames lie wholly in the sound."""
    size, hop = FRAME_MS * rate // 1000, HOP_MS * rate // 1000
    if len(samples) < size:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float32), size)[::hop]
    window = np.hanning(size).astype(np.float32)
    frequency = np.fft.rfftfreq(size, 1 / rate)
    in_band = (frequency >= LOWEST_HZ) & (frequency <= HIGHEST_HZ)
    power = np.empty(len(frames))
    for at in range(0, len(frames), 1000):  # ten seconds at a time: a long recording stays small in memory
        spectra = np.fft.rfft(frames[at : at + 1000] * window, axis=1)[:, in_band]
        power[at : at + 1000] = (spectra.real**2 + spectra.imag**2).sum(axis=1)
    power *= 2 / (size * float((window**2).sum()))
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


def _core(energy_db: NDArray[np.float64], threshold_db: float, rate: int, length: int) -> tuple[int, int] | None:
    """First and one-past-last of `length` samples of what rises above the threshold, clicks aside."""
    runs = _without_clicks(_runs(energy_db, threshold_db))
    if not runs:
        return None
    groups = _joined(runs, _PHRASE_GAP_MS)
    strongest = max(group.energy for group in groups)
    strong = [group for group in groups if group.energy >= strongest * 10 ** (-_SECOND_GROUP_DB / 10)]
    hop = HOP_MS * rate // 1000
    middle = (FRAME_MS - HOP_MS) * rate // 2000  # a frame speaks for the hop in its middle
    return strong[0].first * hop + middle, min(length, strong[-1].last * hop + middle)


def _floor_and_peak_db(energy_db: NDArray[np.float64]) -> tuple[float, float]:
    """Level of the quietest tenth, and of the loudest 70 ms: a click is shorter than half of that."""
    padded = np.pad(energy_db, 3, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    peak_db = float(smooth.max())
    floor_db = float(np.percentile(energy_db, 10))
    if floor_db < _DIGITAL_SILENCE_DB:
        # Zeros before or after: a recording with noise of its own was filled up, or nothing but the speech is there.
        sounding = energy_db[energy_db > _DIGITAL_SILENCE_DB]
        inner_db = float(np.percentile(sounding, 10)) if len(sounding) else floor_db
        floor_db = inner_db if peak_db - inner_db > _NOISE_BELOW_SPEECH_DB else floor_db
    return max(QUIETEST_DB, floor_db), peak_db


def _runs(energy_db: NDArray[np.float64], threshold_db: float) -> list[_Run]:
    above = np.concatenate(([0], energy_db > threshold_db, [0])).astype(np.int8)
    edges = np.flatnonzero(np.diff(above))
    power = 10 ** (energy_db / 10)
    return [_Run(first, last, float(power[first:last].sum())) for first, last in edges.reshape(-1, 2).tolist()]


def _without_clicks(runs: list[_Run]) -> list[_Run]:
    """Long runs, and short ones that have a long one close by."""
    cores = [run for run in runs if (run.last - run.first) * HOP_MS >= _CORE_MS]
    gap = _BURST_GAP_MS // HOP_MS
    return [run for run in runs if any(run.first - core.last < gap and core.first - run.last < gap for core in cores)]


def _joined(runs: list[_Run], gap_ms: int) -> list[_Run]:
    groups = [runs[0]]
    for run in runs[1:]:
        last = groups[-1]
        if (run.first - last.last) * HOP_MS <= gap_ms:
            groups[-1] = _Run(last.first, run.last, last.energy + run.energy)
        else:
            groups.append(run)
    return groups


def _loudest_start(samples: Samples, clip_samples: int) -> int:
    if len(samples) <= clip_samples:
        return (len(samples) - clip_samples) // 2
    energy = np.concatenate(([0.0], np.cumsum(np.asarray(samples, np.float64) ** 2)))
    return int(np.argmax(energy[clip_samples:] - energy[:-clip_samples]))
