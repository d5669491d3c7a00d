"""What sounds without words: computed noises, each of any length and of RMS 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from talk.voices import RATE

Noise = Callable[[int, np.random.Generator], np.ndarray]
NOISES: dict[str, Noise] = {}


def _noise(make: Noise) -> Noise:
    NOISES[make.__name__.removeprefix("_")] = make
    return make


def noise(name: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """A noise by name, float32 of RMS 1."""
    made = NOISES[name](length, rng)
    return (made / max(1e-9, float(np.sqrt(np.mean(made**2))))).astype(np.float32)


def coloured(length: int, rng: np.random.Generator, *, slope: float) -> np.ndarray:
    """Noise whose power falls with the frequency to the power of `slope`."""
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    spectrum = np.fft.rfft(rng.normal(size=length)) * np.maximum(frequencies, 20.0) ** (-slope / 2)
    return np.fft.irfft(spectrum, length)


def _banded(sound: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    frequencies = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1.0)
    gain = 1 / np.sqrt(1 + (low_hz / frequencies) ** 4) / np.sqrt(1 + (frequencies / high_hz) ** 4)
    return np.fft.irfft(np.fft.rfft(sound) * gain, len(sound))


def _wandering(length: int, rng: np.random.Generator, *, every_s: float, low: float, high: float) -> np.ndarray:
    """A slow curve between two values."""
    points = max(2, int(length / RATE / every_s) + 2)
    return np.interp(np.arange(length), np.linspace(0, length, points), rng.uniform(low, high, points))


def _scattered(
    length: int, rng: np.random.Generator, *, a_second: float, event: Callable[[np.random.Generator], np.ndarray]
) -> np.ndarray:
    """Events at random moments, over a floor."""
    sound = coloured(length, rng, slope=1.0)
    sound *= 0.004 / np.std(sound)
    for _ in range(max(1, rng.poisson(a_second * length / RATE))):
        one = event(rng)[:length]
        at = int(rng.integers(0, max(1, length - len(one))))
        sound[at : at + len(one)] += one * 10 ** rng.uniform(-0.7, 0)
    return sound


def _ringing(rng: np.random.Generator, *, low_hz: float, high_hz: float, decay_s: float, partials: int) -> np.ndarray:
    time_s = np.arange(int(RATE * 5 * decay_s)) / RATE
    sound = sum(
        rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(low_hz, high_hz) * time_s + rng.uniform(0, 6.28))
        * np.exp(-time_s / (decay_s * rng.uniform(0.4, 1)))
        for _ in range(partials)
    )  # fmt: skip
    return np.asarray(sound) / partials**0.5


@_noise
def _white(length: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=length)


@_noise
def _pink(length: int, rng: np.random.Generator) -> np.ndarray:
    return coloured(length, rng, slope=rng.uniform(0.7, 1.4))


@_noise
def _hum(length: int, rng: np.random.Generator) -> np.ndarray:
    time_s, mains = np.arange(length) / RATE, rng.choice([50.0, 60.0])
    sound = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * mains * k * time_s + k) for k in range(1, 16))
    return np.asarray(sound) + 0.05 * rng.normal(size=length)


@_noise
def _fan(length: int, rng: np.random.Generator) -> np.ndarray:
    time_s, blades = np.arange(length) / RATE, rng.uniform(60, 240)
    swing = 1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.5, 6) * time_s)
    body = _banded(coloured(length, rng, slope=1.0), 60, rng.uniform(1500, 5000))
    tones = sum(np.sin(2 * np.pi * blades * k * time_s) / k**1.5 for k in range(1, 6))
    return swing * (body / np.std(body) + rng.uniform(0.05, 0.5) * np.asarray(tones))


@_noise
def _vacuum_cleaner(length: int, rng: np.random.Generator) -> np.ndarray:
    phase = (
        2 * np.pi * np.cumsum(_wandering(length, rng, every_s=2, low=0.95, high=1.05)) * rng.uniform(180, 420) / RATE
    )
    whine = sum(np.sin(k * phase) / k for k in (1, 2, 3, 5, 8))
    body = _banded(rng.normal(size=length), 200, 6000)
    return body / np.std(body) + 0.6 * np.asarray(whine)


@_noise
def _traffic(length: int, rng: np.random.Generator) -> np.ndarray:
    sound = coloured(length, rng, slope=1.8)
    sound /= np.std(sound)
    for _ in range(max(1, int(length / RATE / 7))):
        passing = int(rng.uniform(3, 8) * RATE)
        car = coloured(passing, rng, slope=rng.uniform(0.8, 1.4))
        at = int(rng.integers(-passing // 2, length))
        start, end = max(0, at), min(length, at + passing)
        sound[start:end] += (car / np.std(car) * np.hanning(passing) ** 2 * rng.uniform(1, 3))[start - at : end - at]
    return sound


@_noise
def _engine(length: int, rng: np.random.Generator) -> np.ndarray:
    speed = rng.uniform(18, 45) * _wandering(length, rng, every_s=3, low=0.7, high=1.4)
    phase = 2 * np.pi * np.cumsum(speed) / RATE
    sound = sum(rng.uniform(0.3, 1) * np.sin(k * phase + k) / k**0.7 for k in range(1, 14))
    return np.asarray(sound) + coloured(length, rng, slope=1.5) * 0.05


@_noise
def _rain(length: int, rng: np.random.Generator) -> np.ndarray:
    drops = (rng.random(length) < 0.004) * rng.exponential(4, length)
    return _banded(rng.normal(size=length) + drops, 700, 7500)


@_noise
def _running_water(length: int, rng: np.random.Generator) -> np.ndarray:
    body = _banded(rng.normal(size=length), 400, 5000) * _wandering(length, rng, every_s=0.1, low=0.6, high=1.3)
    bubbles = _scattered(
        length, rng, a_second=14, event=lambda r: _ringing(r, low_hz=350, high_hz=1400, decay_s=0.012, partials=1)
    )
    return body / np.std(body) + 2 * bubbles


@_noise
def _wind(length: int, rng: np.random.Generator) -> np.ndarray:
    return coloured(length, rng, slope=2.0) * _wandering(length, rng, every_s=0.9, low=0.05, high=1.0) ** 2


@_noise
def _keyboard(length: int, rng: np.random.Generator) -> np.ndarray:
    def key(r: np.random.Generator) -> np.ndarray:
        click = r.normal(size=int(0.03 * RATE)) * np.exp(-np.arange(int(0.03 * RATE)) / (0.004 * RATE))
        return np.concatenate((click, np.zeros(int(r.uniform(0.04, 0.09) * RATE)), 0.5 * click))

    return _scattered(length, rng, a_second=rng.uniform(3, 8), event=key)


@_noise
def _door_bangs(length: int, rng: np.random.Generator) -> np.ndarray:
    def bang(r: np.random.Generator) -> np.ndarray:
        body = _ringing(r, low_hz=50, high_hz=380, decay_s=r.uniform(0.05, 0.2), partials=7)
        burst = r.normal(size=len(body)) * np.exp(-np.arange(len(body)) / (0.012 * RATE))
        return 2 * body + r.uniform(0.3, 1.2) * burst

    return _scattered(length, rng, a_second=0.35, event=bang)


@_noise
def _cutlery(length: int, rng: np.random.Generator) -> np.ndarray:
    return _scattered(
        length, rng, a_second=2.5, event=lambda r: _ringing(r, low_hz=1800, high_hz=7500, decay_s=0.06, partials=6)
    )


@_noise
def _footsteps(length: int, rng: np.random.Generator) -> np.ndarray:
    sound, step = 0.01 * coloured(length, rng, slope=1.0), int(rng.uniform(0.42, 0.65) * RATE)
    for at in range(0, max(1, length - step), step):
        heel = _ringing(rng, low_hz=70, high_hz=260, decay_s=0.03, partials=5)
        scrape = _banded(rng.normal(size=int(0.12 * RATE)), 800, 5000) * np.hanning(int(0.12 * RATE))
        for piece, level in ((heel, 1.0), (scrape, 0.08)):
            piece = piece[: length - at]
            sound[at : at + len(piece)] += level * rng.uniform(0.6, 1) * piece
    return sound


@_noise
def _birds(length: int, rng: np.random.Generator) -> np.ndarray:
    def chirp(r: np.random.Generator) -> np.ndarray:
        samples = int(r.uniform(0.06, 0.3) * RATE)
        pitch = _wandering(samples, r, every_s=0.05, low=2200, high=6200)
        return np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.hanning(samples)

    return _scattered(length, rng, a_second=2.2, event=chirp)


@_noise
def _dog(length: int, rng: np.random.Generator) -> np.ndarray:
    def bark(r: np.random.Generator) -> np.ndarray:
        samples = int(r.uniform(0.12, 0.28) * RATE)
        time = np.linspace(0, 1, samples)
        pitch = r.uniform(250, 520) * (1 + 0.5 * np.sin(np.pi * time))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        voiced = sum(np.sin(k * phase) * np.exp(-(((k * pitch - 1100) / 700) ** 2)) for k in range(1, 12))
        return (np.asarray(voiced) + 0.4 * _banded(r.normal(size=samples), 500, 3000)) * np.sin(np.pi * time) ** 0.6

    return _scattered(length, rng, a_second=1.1, event=bark)


@_noise
def _alarm(length: int, rng: np.random.Generator) -> np.ndarray:
    time_s, pitch = np.arange(length) / RATE, rng.uniform(600, 3200)
    on = (time_s * rng.uniform(0.8, 4)) % 1 < rng.uniform(0.2, 0.6)
    other = pitch * rng.choice([1.0, 1.25, 1.5, 0.8])
    tone = np.where((time_s * 3) % 1 < 0.5, np.sin(2 * np.pi * pitch * time_s), np.sin(2 * np.pi * other * time_s))
    return tone * np.convolve(on, np.hanning(160) / 80, mode="same") + 0.01 * rng.normal(size=length)


@_noise
def _music(length: int, rng: np.random.Generator) -> np.ndarray:
    sound, beat = np.zeros(length), int(RATE * 60 / rng.uniform(70, 150))
    root, scale = (
        rng.uniform(90, 200),
        np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.6 else [0, 2, 3, 5, 7, 8, 10]),
    )
    brightness, decay_s = rng.uniform(0.8, 2), rng.uniform(0.15, 0.9)
    for number, at in enumerate(range(0, length, beat // 2)):
        if number % 8 == 0:
            chord = rng.integers(0, 7)
        notes = [scale[(chord + step) % 7] for step in (0, 2, 4)] if number % 4 == 0 else []
        if rng.random() < 0.7:
            notes.append(12 + int(rng.choice(scale)))
        time_s = np.arange(min(int(RATE * 3 * decay_s), length - at)) / RATE
        for note in notes:
            pitch = root * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * pitch * k * time_s) / k**brightness for k in range(1, 9))
            sound[at : at + len(time_s)] += np.asarray(tone) * np.exp(-time_s / decay_s)
        if number % 2:
            hit = rng.normal(size=min(1600, length - at)) * np.exp(-np.arange(min(1600, length - at)) / 300)
            sound[at : at + len(hit)] += 0.4 * hit
    return sound


@_noise
def _crackle(length: int, rng: np.random.Generator) -> np.ndarray:
    return _scattered(
        length, rng, a_second=9, event=lambda r: _banded(r.normal(size=240) * np.exp(-np.arange(240) / 40), 300, 7000)
    )


@_noise
def _rustle(length: int, rng: np.random.Generator) -> np.ndarray:
    return _banded(rng.normal(size=length), 1200, 7500) * _wandering(length, rng, every_s=0.12, low=0, high=1) ** 3
