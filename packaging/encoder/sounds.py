"""Pairs of sounds to learn from: speech as it was said, and as a microphone hears it in a room and in noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from make_bank import RATE, part_of, sound_of
from music import music
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from kws_engine.bank import BankPart
from kws_engine.bench._people import Recording
from kws_engine.talk import shipped_talk

Sound = NDArray[np.float32]
SAMPLES = 4 * RATE
_TALK_SHARE = 0.55  # of the pairs; the others are single words
_SPEECH_COMMANDS_SHARE = 3  # one in three of them: there are many of few words
_ROOM_SHARE = 0.35
_SNR_DB, _QUIET_SNR_DB, _NOISY_SHARE = (0.0, 25.0), (35.0, 60.0), 0.8
_ALONE_SHARE = 0.15
_BABBLE_SHARE = 0.2  # of the noises
ALONE_DB = -math.inf
"""The SNR where nobody speaks."""


@dataclass(frozen=True)
class People:
    """Recordings of people that may train what ships, the shipped talk, and music; of one part of the bank.

    Attributes:
        talk: Sentences, each longer than a pair.
        words: Single ones, cut to their speech, their peak at 0.5.
        noise: Recordings without speech.
        music: Pieces of it.
    """

    talk: list[Sound]
    words: list[Sound]
    noise: list[Sound]
    music: list[Sound]

    @classmethod
    def of(cls, recordings: Iterable[Recording], part: BankPart) -> People:
        """Those of a part that are not kept for measuring, read into memory."""
        people = cls([], [], [], music(part))
        commands = 0
        for one in recordings:
            if one.kept or part_of(one) != part:
                continue
            commands += one.source == "speech_commands" and one.kind == "word"
            if one.source == "speech_commands" and one.kind == "word" and commands % _SPEECH_COMMANDS_SHARE:
                continue
            people._add(one)
        for file in shipped_talk(part):
            if file.kind != "noise":
                people.talk.append(np.concatenate(list(file.blocks(rate=RATE))))
        return people

    def _add(self, one: Recording) -> None:
        sound = sound_of(one.path)
        if one.kind == "noise":
            self.noise.append(sound)
        elif one.kind == "speech" and len(sound) > SAMPLES:
            self.talk.append(sound)
        elif one.kind == "word" and (word := trimmed(sound)) is not None and len(word) < 2 * RATE:
            self.words.append(word)


def trimmed(sound: Sound) -> Sound | None:
    """What is within 35 dB of the loudest 10 ms, its peak at 0.5; None where there is less than 60 ms or silence."""
    window = RATE // 100
    pieces = len(sound) // window
    if pieces < 6:
        return None
    level = np.sqrt((sound[: pieces * window].reshape(pieces, window) ** 2).mean(axis=1))
    if level.max() < 1e-4:
        return None
    loud = np.flatnonzero(level > level.max() * 10 ** (-35 / 20))
    cut = sound[max(0, loud[0] - 2) * window : (loud[-1] + 3) * window]
    return (cut / np.abs(cut).max() * 0.5).astype(np.float32)


class Pairs:
    """Draws pairs by chance."""

    def __init__(self, people: People, *, seed: int) -> None:
        self._people = people
        self._rng = np.random.default_rng(seed)
        lengths = np.array([len(one) for one in people.talk], float)
        self._talk_shares = lengths / lengths.sum()

    def draw(self, *, snr_db: float | None = None) -> tuple[Sound, Sound]:
        """Sound of a microphone (SAMPLES,) without and with a room and noise, as loud in both; None draws the SNR.

        At ALONE_DB the first is as good as silence, and the second noise or music.
        """
        snr_db = self._snr_db() if snr_db is None else snr_db
        if snr_db == ALONE_DB:
            dry, heard = np.zeros(SAMPLES, np.float32), self._through_a_microphone(self._noise(babble=False))
        else:
            dry, heard = self._spoken(snr_db)
        rng = self._rng
        gain = 10 ** (rng.uniform(-30, -1) / 20) / max(np.abs(heard).max(), 1e-6)
        if rng.random() < 0.06:
            heard = np.clip(heard * gain * 4, -1, 1) / (4 * gain)
        hiss = rng.normal(size=SAMPLES) * 2e-5
        return (dry * gain + hiss).astype(np.float32), (heard * gain + hiss).astype(np.float32)

    def _snr_db(self) -> float:
        if self._rng.random() < _ALONE_SHARE:
            return ALONE_DB
        return self._rng.uniform(*(_SNR_DB if self._rng.random() < _NOISY_SHARE else _QUIET_SNR_DB))

    def _spoken(self, snr_db: float) -> tuple[Sound, Sound]:
        """Speech without and with a room and noise, at the level of its recording."""
        dry = self._through_a_microphone(self._speech())
        heard = fftconvolve(dry, self._room())[:SAMPLES] if self._rng.random() < _ROOM_SHARE else dry
        power = np.sqrt((heard**2).sum() / max((np.abs(heard) > 1e-3).sum(), 1))
        return dry, heard + self._noise() * power * 10 ** (-snr_db / 20)

    def _speech(self) -> Sound:
        """A piece of talk, one in four with a quiet beginning, or words one after another, near or far apart."""
        rng = self._rng
        if rng.random() < _TALK_SHARE:
            talk = self._people.talk[rng.choice(len(self._people.talk), p=self._talk_shares)]
            piece = self._piece(talk)
            piece = piece / (np.abs(piece).max() + 1e-6) * 0.5
            if rng.random() < 0.25:
                piece[: int(rng.uniform(0.5, 1.5) * RATE)] = 0
            return piece.astype(np.float32)
        sound, at = np.zeros(SAMPLES, np.float32), int(rng.uniform(0.1, 1.2) * RATE)
        while at < SAMPLES - RATE // 5:
            word = self._people.words[rng.integers(len(self._people.words))]
            word = _played_faster(word, rng.uniform(0.87, 1.15)) * 10 ** (rng.uniform(-4, 4) / 20)
            word = word[: SAMPLES - at]
            sound[at : at + len(word)] += word
            at += len(word) + int((rng.uniform(0.8, 1.6) if rng.random() < 0.5 else rng.uniform(0.05, 0.4)) * RATE)
        return sound

    def _through_a_microphone(self, sound: Sound) -> Sound:
        """Six times in ten: band limits (a telephone's in two of ten of these) and a tilt of up to 6 dB an octave."""
        rng = self._rng
        if rng.random() < 0.4:
            return sound
        spectrum = np.fft.rfft(sound)
        hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1)
        kind, slope, gain_db = rng.random(), 2 * rng.uniform(2, 8), np.zeros_like(hz)
        if kind < 0.2 or 0.5 <= kind < 0.65:
            low_hz = rng.uniform(200, 400) if kind < 0.2 else rng.uniform(80, 400)
            gain_db -= 10 * np.log10(1 + (low_hz / hz) ** slope)
        if kind < 0.5:
            high_hz = rng.uniform(2800, 3600) if kind < 0.2 else rng.uniform(2500, 7000)
            gain_db -= 10 * np.log10(1 + (hz / high_hz) ** slope)
        if rng.random() < 0.75:
            gain_db += np.log2(np.maximum(hz, 50) / 1000) * rng.uniform(-6, 6)
        return np.fft.irfft(spectrum * 10 ** (np.clip(gain_db, -80, 30) / 20), len(sound)).astype(np.float32)

    def _room(self) -> Sound:
        """Direct sound of 1, then noise that falls by 60 dB in 80 to 600 ms."""
        rng = self._rng
        samples = int(rng.uniform(0.08, 0.6) * RATE)
        response = rng.normal(size=samples) * 10 ** (-3 * np.arange(samples) / samples)
        response[: int(rng.uniform(1, 6) * RATE / 1000)] = 0
        response *= 10 ** (-rng.uniform(0, 15) / 20) / np.sqrt((response**2).sum() + 1e-9)
        response[0] = 1
        return response.astype(np.float32)

    def _noise(self, *, babble: bool = True) -> Sound:
        """Recorded, music, coloured, or three to seven people at once; its power is 1."""
        rng = self._rng
        kind = rng.random() * (1 if babble else 1 - _BABBLE_SHARE)
        if kind < 0.4:
            noise = self._piece_of_any(self._people.noise)
            if rng.random() < 0.5:
                noise = self._through_a_microphone(noise)
            if rng.random() < 0.3:
                noise = _even(noise) + _even(self._piece_of_any(self._people.noise)) * rng.uniform(0.3, 1)
        elif kind < 0.65:
            noise = _played_faster(self._piece_of_any(self._people.music), rng.uniform(0.8, 0.98))[:SAMPLES]
            noise = self._through_a_microphone(noise)
        elif kind < 1 - _BABBLE_SHARE:
            spectrum = np.fft.rfft(rng.normal(size=SAMPLES))
            noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 10) ** rng.uniform(0, 1.2), SAMPLES)
            if rng.random() < 0.3:
                noise *= 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.5, 8) * np.arange(SAMPLES) / RATE)
        else:
            noise = np.sum([_even(self._piece_of_any(self._people.talk)) for _ in range(rng.integers(3, 8))], axis=0)
        return _even(noise)

    def _piece_of_any(self, sounds: Sequence[Sound]) -> Sound:
        return self._piece(sounds[self._rng.integers(len(sounds))])

    def _piece(self, sound: Sound) -> Sound:
        start = self._rng.integers(max(1, len(sound) - SAMPLES + 1))
        return np.resize(sound[start : start + SAMPLES], SAMPLES)


def _even(sound: Sound) -> Sound:
    """The sound at a power of 1."""
    return np.asarray(sound / np.sqrt((sound**2).mean() + 1e-12), np.float32)


def _played_faster(sound: Sound, factor: float) -> Sound:
    """Speed and pitch together."""
    return np.interp(np.arange(0, len(sound) - 1, factor), np.arange(len(sound)), sound).astype(np.float32)
