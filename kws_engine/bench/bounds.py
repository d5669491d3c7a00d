"""Where speech begins and ends: how many onsets and ends are cut, by the bounds and by the clips that takes become.

Real words are laid into takes of 2.3 s with real noise 40, 20, 10 and 5 dB below them. What is to be found are the
bounds of each word by its energy in its own quiet recording: from 35 dB below its peak on. An onset is cut where more
than 30 ms of it, or more than 3% of the word's energy, lie outside; an end likewise. Margins were chosen on the other
half of the voices. `KWS_SHARED_DATA` names the folder of recordings; `KWS_BOUNDS_WORDS` (1500) says how many words.
`KWS_BOUNDS_SILERO` names an ONNX file of silero-vad at 16 kHz (`silero_vad_16k_op15.onnx` in its wheel), to be
measured beside it at a threshold of 0.5 with 100 ms around it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench import Row
from kws_engine.bench._people import Recording, folder_of_people, recordings
from kws_engine.clips import trimming
from kws_engine.errors import KwsError

TITLE = "Bounds: how many onsets of real words are cut, in quiet and in noise (a minute)"
_RATE: Final = 16_000
_SNRS_DB: Final = (40, 20, 10, 5)
_CLIP: Final = _RATE
_LONGEST_S: Final = 0.9  # of a word that is to fit into a clip
_TAKE_S: Final = 2.3
_NOISES: Final = ("outdoor_indoor", "rain", "room", "cafe", "train", "_background_noise_")
_WINDOW, _HOP = 160, 80  # samples: 10 ms every 5 ms
_BELOW_PEAK_DB, _ABOVE_FLOOR_DB, _CLEAN_DB = 35.0, 8.0, 40.0
_SHORTEST_RUN_S, _PAUSE_S = 0.02, 0.25
_CUT_S, _CUT_SHARE = 0.03, 0.03
_ASKED: Final = 1.0  # per cent

Samples = NDArray[np.float32]
Bounds = tuple[int, int]
Finder = Callable[[Samples], Bounds | None]


@dataclass(frozen=True)
class Word:
    """A word in its own quiet recording (samples,), and where it is there by its energy."""

    samples: Samples
    bounds: Bounds


@dataclass(frozen=True)
class Laid:
    """A take (samples,), where its word is, and the word's power in pieces of 5 ms."""

    samples: Samples
    bounds: Bounds
    power: NDArray[np.float64]

    def cut_of(self, found: Bounds) -> tuple[bool, bool]:
        """Whether the word's onset and its end are outside of what was found."""
        before, behind = max(0, found[0] - self.bounds[0]), max(0, self.bounds[1] - found[1])
        return self._is_cut(before, self.power[: before // _HOP]), self._is_cut(
            behind, self.power[len(self.power) - behind // _HOP :]
        )

    def _is_cut(self, outside: int, power: NDArray[np.float64]) -> bool:
        return outside > _CUT_S * _RATE or float(power.sum()) > _CUT_SHARE * float(self.power.sum())


def rows() -> Iterator[Row]:
    """The program's own bounds and clips at each level of noise; silero-vad's where it is there.

    Raises:
        KwsError: There are no recordings.
    """
    people = folder_of_people()
    if people is None:
        raise KwsError("There are no recordings of people: name their folder in KWS_SHARED_DATA.")
    wanted = int(os.environ.get("KWS_BOUNDS_WORDS", "1500"))
    words = words_of(people, wanted)
    noises = _noises(people)
    rng = np.random.default_rng(0)
    takes = {snr_db: [lay(word, noises, snr_db, rng) for word in words] for snr_db in _SNRS_DB}
    yield Row("words, each at four levels of noise", len(words), "")
    yield from _rows("bounds", takes, lambda samples: trimming.speech_bounds(samples, _RATE))
    yield from _clip_rows(takes)
    if silero := os.environ.get("KWS_BOUNDS_SILERO"):
        yield from _rows("silero-vad", takes, _Silero(Path(silero)).bounds)


def words_of(people: Path, count: int) -> list[Word]:
    """So many words in quiet recordings of all collections, of the half of the voices that nothing was chosen on."""
    of_source: dict[str, list[Recording]] = {}
    for one in recordings(people):
        if one.kind == "word" and _is_judging(one):
            of_source.setdefault(one.source, []).append(one)
    for source in sorted(of_source):
        np.random.default_rng(0).shuffle(of_source[source])
    words: list[Word] = []
    while len(words) < count and of_source:
        for source in sorted(of_source):
            if not of_source[source]:
                del of_source[source]
                continue
            samples = audio.read(of_source[source].pop().path, rate=_RATE)
            bounds = energy_bounds(samples)
            if bounds is not None:
                words.append(Word(samples, bounds))
    return words[:count]


def energy_bounds(samples: Samples) -> Bounds | None:
    """Where the one word in a quiet recording (samples,) is; None where noise, an edge or other sound is too close."""
    if len(samples) < 0.25 * _RATE:
        return None
    power = _power(samples)
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(level_db, 6, mode="edge"), 13), axis=1)
    peak_db, floor_db = float(smooth.max()), float(np.percentile(level_db[level_db > -100], 10))
    if peak_db - floor_db < _CLEAN_DB:
        return None
    above = level_db > max(floor_db + _ABOVE_FLOOR_DB, peak_db - _BELOW_PEAK_DB)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], above, [0])).astype(np.int8))).reshape(-1, 2).tolist()
    groups: list[tuple[int, int, float]] = []
    for first, last in edges:
        if (last - first) * _HOP < _SHORTEST_RUN_S * _RATE:
            continue
        energy = float(power[first:last].sum())
        if groups and (first - groups[-1][1]) * _HOP <= _PAUSE_S * _RATE:
            groups[-1] = (groups[-1][0], last, groups[-1][2] + energy)
        else:
            groups.append((first, last, energy))
    if not groups:
        return None
    word = max(groups, key=lambda group: group[2])
    if sum(group[2] for group in groups) > 1.02 * word[2]:
        return None
    start, stop = word[0] * _HOP + _HOP // 2, word[1] * _HOP + _WINDOW - _HOP // 2
    is_whole = start >= 0.01 * _RATE and stop <= len(samples) - 0.01 * _RATE
    return (start, stop) if is_whole and 0.12 < (stop - start) / _RATE < 1.5 else None


def lay(word: Word, noises: Sequence[Samples], snr_db: float, rng: np.random.Generator) -> Laid:
    """A take with the word somewhere in it, at a level between -32 and -16 dB, and noise so far below it."""
    length, (start, stop) = round(_TAKE_S * _RATE), word.bounds
    first = round(0.35 * _RATE)
    at = int(rng.integers(first, max(first + 1, length - (stop - start) - round(0.25 * _RATE))))
    fade = np.minimum(1, np.minimum(np.arange(len(word.samples)), np.arange(len(word.samples))[::-1]) / _WINDOW)
    level = 10 ** (rng.uniform(-32, -16) / 20) / float(np.sqrt(np.mean(word.samples[start:stop] ** 2)))
    take, begin = np.zeros(length), at - start
    inside = slice(max(0, begin), min(length, begin + len(word.samples)))
    take[inside] = (level * fade * word.samples)[inside.start - begin : inside.stop - begin]
    noise = noises[int(rng.integers(len(noises)))]
    noise_at = int(rng.integers(0, len(noise) - length))
    around = noise[noise_at : noise_at + length] - noise[noise_at : noise_at + length].mean()
    said = float(_power(take[at : at + stop - start].astype(np.float32)).mean())
    around = around * np.sqrt(said / max(float(_power(around).mean()), 1e-12) / 10 ** (snr_db / 10))
    mixed = take + around
    mixed *= min(1.0, 0.98 / float(np.abs(mixed).max()))
    return Laid(mixed.astype(np.float32), (at, at + stop - start), _power(word.samples[start:stop], size=_HOP))


def share_cut(takes: Sequence[Laid], find: Finder) -> tuple[float, float, float, list[float]]:
    """Percentages of words not found, onsets cut and ends cut of those found; and how many ms are before each."""
    missed, onsets, ends, before_ms = 0, 0, 0, []
    for take in takes:
        found = find(take.samples)
        if found is None or found[1] <= take.bounds[0] or found[0] >= take.bounds[1]:
            missed += 1
            continue
        onset, end = take.cut_of(found)
        onsets, ends = onsets + onset, ends + end
        before_ms.append((take.bounds[0] - found[0]) / _RATE * 1000)
    of = max(1, len(before_ms))
    return 100 * missed / max(1, len(takes)), 100 * onsets / of, 100 * ends / of, before_ms


def clip_bounds(samples: Samples) -> Bounds:
    """What of a take (samples,) becomes the clip of a second."""
    _, start = trimming.cut(samples, _RATE, clip_samples=_CLIP)
    return start, start + _CLIP


def _rows(who: str, takes: dict[int, list[Laid]], find: Finder) -> Iterator[Row]:
    for snr_db, some in takes.items():
        missed, onsets, ends, before_ms = share_cut(some, find)
        where = f"{who}, noise {snr_db} dB below"
        yield Row(f"{where}: words not found", round(missed, 1), "%")
        yield Row(f"{where}: onsets cut", round(onsets, 1), "%", asked=_ASKED, at_least=False)
        yield Row(f"{where}: ends cut", round(ends, 1), "%")
        median, most = np.percentile(before_ms or [0.0], [50, 95])
        yield Row(f"{where}: before the onset, median and 95th percentile", f"{median:.0f} and {most:.0f}", "ms")


def _clip_rows(takes: dict[int, list[Laid]]) -> Iterator[Row]:
    for snr_db, some in takes.items():
        fitting = [take for take in some if take.bounds[1] - take.bounds[0] <= _LONGEST_S * _RATE]
        _, onsets, ends, _ = share_cut(fitting, clip_bounds)
        where = f"clips of a second, noise {snr_db} dB below"
        yield Row(f"{where}: onsets cut", round(onsets, 1), "%", asked=_ASKED, at_least=False)
        yield Row(f"{where}: ends cut", round(ends, 1), "%")


def _is_judging(one: Recording) -> bool:
    """Of half of the voices; where nobody knows who speaks, of half of the words or recordings."""
    if one.source in ("speech_commands", "dspspeech20"):
        key = one.speaker
    else:
        key = one.path.name if one.source == "wake_word" else one.word + one.speaker
    return hashlib.sha1(key.encode(), usedforsecurity=False).digest()[0] % 2 == 1


def _noises(people: Path) -> list[Samples]:
    found = [one.path for one in recordings(people) if one.kind == "noise" and one.path.parent.name in _NOISES]
    read = [audio.read(path, rate=_RATE) for path in found]
    return [samples for samples in read if len(samples) > (_TAKE_S + 0.1) * _RATE]


def _power(samples: Samples, *, size: int = _WINDOW) -> NDArray[np.float64]:
    """Mean square above 100 Hz of pieces of `size` samples, every 5 ms."""
    length = len(samples)
    padded = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(samples, padded)
    spectrum[np.fft.rfftfreq(padded, 1 / _RATE) < 100] = 0
    heard = np.fft.irfft(spectrum)[:length]
    return np.asarray((np.lib.stride_tricks.sliding_window_view(heard, size)[::_HOP] ** 2).mean(axis=1))


class _Silero:
    """silero-vad at its usual threshold, with a margin."""

    _FRAME, _CONTEXT = 512, 64
    _SPEECH, _PAUSE = 0.5, 0.35
    _MARGIN_S, _SHORTEST_S = 0.1, 0.06

    def __init__(self, path: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def bounds(self, samples: Samples) -> Bounds | None:
        """From the first to the last stretch of speech in `samples` (samples,)."""
        spans, first = [], -1
        scores = [*self._scores(samples), 0.0]
        for frame, score in enumerate(scores):
            if first < 0 and score >= self._SPEECH:
                first = frame
            elif first >= 0 and score < self._PAUSE:
                spans.append((first, frame))
                first = -1
        spans = [span for span in spans if (span[1] - span[0]) * self._FRAME >= self._SHORTEST_S * _RATE]
        if not spans:
            return None
        margin = round(self._MARGIN_S * _RATE)
        return max(0, spans[0][0] * self._FRAME - margin), min(len(samples), spans[-1][1] * self._FRAME + margin)

    def _scores(self, samples: Samples) -> Iterator[float]:
        state, before = np.zeros((2, 1, 128), np.float32), np.zeros(self._CONTEXT, np.float32)
        for at in range(0, len(samples), self._FRAME):
            frame = np.zeros(self._FRAME, np.float32)
            frame[: len(samples[at : at + self._FRAME])] = samples[at : at + self._FRAME]
            given = {"input": np.concatenate((before, frame))[None], "state": state, "sr": np.array(_RATE, np.int64)}
            score, state = self._session.run(None, given)
            before = frame[-self._CONTEXT :]
            yield float(score[0, 0])
