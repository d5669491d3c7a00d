"""Finds where the speech in a recording begins and ends, and cuts the clip around it."""

from __future__ import annotations

from dataclasses import dataclass

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
_BEFORE_MS, _AFTER_MS = 80, 120  # weak onsets and dying ends below the threshold

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class _Run:
    """Frames `first` to `last` (exclusive) above the threshold, and the energy in them."""

    first: int
    last: int
    energy: float


def speech_bounds(samples: Samples, rate: int) -> tuple[int, int] | None:
    """First and one-past-last sample of the speech in `samples` (samples,), with a margin; None without speech.

    Energy between 150 and 7,500 Hz in 25 ms frames every 10 ms, over a noise floor taken from the quietest tenth. Hum,
    steady noise, single clicks and the level do not matter; a second stretch counts when it is about as strong.
    """
    core = speech_core(samples, rate)
    if core is None:
        return None
    return max(0, core[0] - _BEFORE_MS * rate // 1000), min(len(samples), core[1] + _AFTER_MS * rate // 1000)


def speech_core(samples: Samples, rate: int) -> tuple[int, int] | None:
    """Like `speech_bounds` without the margin: only what rises clearly above the floor."""
    energy_db = band_energy_db(samples, rate)
    if not len(energy_db):
        return None
    floor_db, peak_db = _floor_and_peak_db(energy_db)
    if peak_db - floor_db < _LEAST_RISE_DB:
        return None
    threshold_db = floor_db + max(6.0, 0.25 * (peak_db - floor_db))
    runs = _without_clicks(_runs(energy_db, threshold_db))
    if not runs:
        return None
    groups = _joined(runs, _PHRASE_GAP_MS)
    strongest = max(group.energy for group in groups)
    strong = [group for group in groups if group.energy >= strongest * 10 ** (-_SECOND_GROUP_DB / 10)]
    hop = HOP_MS * rate // 1000
    middle = (FRAME_MS - HOP_MS) * rate // 2000  # a frame speaks for the hop in its middle
    return strong[0].first * hop + middle, min(len(samples), strong[-1].last * hop + middle)


def floor_and_peak_db(samples: Samples, rate: int) -> tuple[float, float]:
    """Levels of the noise floor and of the loudest sound longer than a click, 150 to 7,500 Hz, in dB of full scale."""
    energy_db = band_energy_db(samples, rate)
    return _floor_and_peak_db(energy_db) if len(energy_db) else (QUIETEST_DB, QUIETEST_DB)


def longest_loud_ms(samples: Samples, rate: int, *, within_db: float) -> int:
    """How long `samples` (samples,) stay within so many dB of their loudest frame, 150 to 7,500 Hz, at a stretch."""
    energy_db = band_energy_db(samples, rate)
    if not len(energy_db):
        return 0
    runs = _runs(energy_db, float(energy_db.max()) - within_db)
    return max(run.last - run.first for run in runs) * HOP_MS


def cut(
    samples: Samples, rate: int, *, clip_samples: int, bounds: tuple[int, int] | None = None
) -> tuple[Samples, int]:
    """The clip of exactly `clip_samples` centred on the speech, and where in `samples` it starts.

    Without `bounds` they are searched for. Of speech longer than the clip, and where there is none, the loudest stretch
    is taken. Only a recording shorter than the clip is filled up with zeros; then the start is zero or negative.
    """
    bounds = bounds or speech_bounds(samples, rate)
    spare = len(samples) - clip_samples
    if bounds is None:
        start = _loudest_start(samples, clip_samples)
    elif bounds[1] - bounds[0] > clip_samples:
        start = bounds[0] + _loudest_start(samples[bounds[0] : bounds[1]], clip_samples)
    else:
        start = (bounds[0] + bounds[1] - clip_samples) // 2
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
