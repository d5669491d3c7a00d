"""What stands between a mouth and a file: a shoebox room, and a microphone with its band and colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from talk.voices import RATE

SPEED_OF_SOUND = 343.0
EARLY_S = 0.05  # single reflections up to here; then there are so many that noise is like them
_REFLECTIONS = 3  # in each direction of each axis
_BANDS_HZ = (0.0, 800.0, 3000.0, RATE / 2)
_DECAY_OF_BAND = (1.15, 1.0, 0.6)  # of the reverberation time: walls and air swallow the high


@dataclass(frozen=True)
class Room:
    """A shoebox: its sides in m, its reverberation time in s, and where its microphone is."""

    sides: np.ndarray
    reverberation_s: float
    microphone: np.ndarray


def drawn_room(rng: np.random.Generator) -> Room:
    """From a car to a hall; most are rooms of a home or an office."""
    scale = rng.choice([0.5, 1.0, 2.2], p=[0.12, 0.73, 0.15])
    sides = scale * np.array([rng.uniform(2.6, 6.5), rng.uniform(2.4, 5.0), rng.uniform(2.3, 3.2)])
    seconds = float(np.clip(rng.lognormal(np.log(0.38), 0.45) * scale**0.5, 0.12, 1.4))
    return Room(sides, seconds, sides * rng.uniform(0.2, 0.8, 3))


def impulse_response(room: Room, distance_m: float, rng: np.random.Generator) -> np.ndarray:
    """From a mouth at about a distance to the microphone; the direct sound is the first sample, 1.

    Early reflections come from image sources (Allen and Berkley 1979). The tail is noise with a decay for each band, as
    strong as diffuse sound is at that distance: (distance / critical distance)^2 of the direct sound.
    """
    length = int(RATE * min(1.2, 1.1 * room.reverberation_s + EARLY_S))
    mouth = _placed(room, distance_m, rng)
    distance = max(0.1, float(np.linalg.norm(mouth - room.microphone)))
    volume = float(np.prod(room.sides))
    surface = 2 * sum(float(np.prod(room.sides) / side) for side in room.sides)
    reflected = np.sqrt(max(0.05, 1 - 0.161 * volume / surface / room.reverberation_s))
    response = np.zeros(length)
    for far, strength in zip(*_images(room, mouth, reflected), strict=True):
        at = (far - distance) / SPEED_OF_SOUND * RATE
        if 0 < at < EARLY_S * RATE:
            whole = int(at)
            share = at - whole
            response[whole] += (1 - share) * strength * distance / far
            response[whole + 1] += share * strength * distance / far
    response[0] = 1.0
    critical_m = 0.057 * np.sqrt(volume / room.reverberation_s)
    start = int(EARLY_S * RATE / 2)
    tail = _tail(length - start, room.reverberation_s, rng)
    late = 10 ** (-6 * EARLY_S / 2 / room.reverberation_s)
    response[start:] += tail * np.sqrt((distance / critical_m) ** 2 * late / np.sum(tail**2))
    return response.astype(np.float32)


def _placed(room: Room, distance_m: float, rng: np.random.Generator) -> np.ndarray:
    for _ in range(200):
        direction = rng.normal(size=3) * (1, 1, 0.4)
        mouth = room.microphone + distance_m * direction / np.linalg.norm(direction)
        if (mouth > 0.1).all() and (mouth < room.sides - 0.1).all():
            return mouth
        distance_m *= 0.985
    return room.microphone + 0.15


def _images(room: Room, mouth: np.ndarray, reflected: float) -> tuple[np.ndarray, np.ndarray]:
    """(distances in m, strengths) of the mirror images of a mouth."""
    steps = np.arange(-_REFLECTIONS, _REFLECTIONS + 1)
    axes, bounces = [], []
    for side, at, ear in zip(room.sides, mouth, room.microphone, strict=True):
        axes.append(np.concatenate((2 * steps * side + at, 2 * steps * side - at)) - ear)
        bounces.append(np.concatenate((np.abs(2 * steps), np.abs(2 * steps - 1))))
    far = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    strength = reflected ** sum(np.meshgrid(*bounces, indexing="ij"))
    return far.ravel(), strength.ravel()


def _tail(length: int, reverberation_s: float, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(rng.normal(size=length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    time_s = np.arange(length) / RATE
    tail = np.zeros(length)
    for low, high, decay in zip(_BANDS_HZ[:-1], _BANDS_HZ[1:], _DECAY_OF_BAND, strict=True):
        band = np.fft.irfft(spectrum * ((frequencies >= low) & (frequencies <= high)), length)
        tail += band * 10 ** (-3 * time_s / (reverberation_s * decay))
    return tail


def convolved(sound: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Both, of the length of both together."""
    length = len(sound) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[:length].astype(np.float32)


def through_microphone(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Band limits, a tilt and a few bumps; one in ten has the band of a telephone."""
    is_telephone = rng.random() < 0.1
    low_hz = rng.uniform(200, 320) if is_telephone else np.exp(rng.uniform(np.log(30), np.log(180)))
    high_hz = rng.uniform(3400, 4200) if is_telephone else rng.uniform(6500, 9500)
    tilt_db = rng.uniform(-2.5, 2.5)
    frequencies = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1.0)
    octaves = np.log2(frequencies / 1000)
    gain_db = tilt_db * np.clip(octaves, -4, 3)
    for _ in range(rng.integers(1, 5)):
        centre, width = rng.uniform(-3.5, 3), rng.uniform(0.15, 0.8)
        gain_db = gain_db + rng.uniform(-5, 5) * np.exp(-(((octaves - centre) / width) ** 2))
    gain = 10 ** (gain_db / 20) / np.sqrt(1 + (low_hz / frequencies) ** 4) / np.sqrt(1 + (frequencies / high_hz) ** 12)
    return np.fft.irfft(np.fft.rfft(sound) * gain, len(sound)).astype(np.float32)
