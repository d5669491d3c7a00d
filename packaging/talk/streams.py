"""Lays speech out in time as scenes, one room, microphone and noise each, and writes them as Ogg Opus with an index."""

from __future__ import annotations

import concurrent.futures
import csv
import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from talk.chance import rng_for
from talk.noises import NOISES, coloured, noise
from talk.rooms import convolved, drawn_room, impulse_response, through_microphone
from talk.texts import SHARES
from talk.voices import RATE, Utterance

# At this rate the log mel powers of speech change by 2.3 dB on average (of a standard deviation of 13 dB), and 3 dB are
# lost above 7 kHz. 16 kbit/s change them by 2.0 dB, 24 kbit/s by 1.6 dB.
BIT_RATE = 12_000
FILE_S = 400.0
NOISE_S = 600.0  # without speech, in each part
NO_LANGUAGE, MANY_LANGUAGES = "zxx", "mul"  # ISO 639-2
# Sentences of these are heard twice, the second time by a larger or smaller throat in another scene.
TWICE = ("kokoro",)
ANOTHER_THROAT = (0.86, 0.92, 1.09, 1.16)
CLEAN = 0.38  # share of scenes with no more than the noise of a quiet room
BABBLE = 0.18  # share of noisy scenes where the noise is other people
COLUMNS = ("file", "part", "start_s", "end_s", "kind", "language", "voice", "text")


@dataclass(frozen=True)
class Said:
    """Where something is in a scene or file, in samples."""

    start: int
    end: int
    kind: str
    language: str
    voice: str
    text: str

    def later(self, samples: int) -> Said:
        """The same, `samples` further on."""
        return Said(self.start + samples, self.end + samples, self.kind, self.language, self.voice, self.text)


Scene = tuple[np.ndarray, list[Said]]
Turn = list[Utterance]


def write(planned: list[Utterance], cache: Path, output: Path, *, processes: int) -> None:
    """Writes all files and the index into an empty folder `output`, one part a process."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    by_part = [[one for one in planned if one.part == part] for part in SHARES]
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(_write_part, by_part, [cache] * len(by_part), [output] * len(by_part)))
    with (output / "index.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(itertools.chain.from_iterable(rows))


def _write_part(ours: list[Utterance], cache: Path, output: Path) -> list[tuple[object, ...]]:
    rows, part = [], ours[0].part
    for kind in ("sentence", "word"):
        for language in ("en", MANY_LANGUAGES):
            chosen = [one for one in ours if one.kind == kind and (one.language == "en") == (language == "en")]
            scenes = _speech_scenes(chosen, ours, cache, key=(part, kind, language))
            rows += _write_files(scenes, output, part=part, name=f"{kind}-{language}")
    return rows + list(_write_files(_noise_scenes(part), output, part=part, name=f"noise-{NO_LANGUAGE}"))


def _write_files(scenes: Iterator[Scene], output: Path, *, part: str, name: str) -> Iterator[tuple[object, ...]]:
    pieces: list[np.ndarray] = []
    said: list[Said] = []
    number, length = 1, 0

    def finished() -> Iterator[tuple[object, ...]]:
        path = f"{part}/{name}-{number:02}.opus"
        _encode(np.concatenate(pieces), output / path)
        print(f"{path}: {length / RATE / 60:.1f} min", flush=True)
        for one in said:
            place = (f"{one.start / RATE:.2f}", f"{one.end / RATE:.2f}")
            yield (path, part, *place, one.kind, one.language, one.voice, one.text)

    for sound, spoken in scenes:
        if length > FILE_S * RATE:
            yield from finished()
            pieces, said, number, length = [], [], number + 1, 0
        said += [one.later(length) for one in spoken]
        pieces.append(sound)
        length += len(sound)
    yield from finished()


def _encode(sound: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(str(path), "w", format="ogg") as container:
        # 60 ms a packet: a twentieth less to store than packets of 20 ms.
        options = {"vbr": "on", "compression_level": "10", "frame_duration": "60", "application": "voip"}
        stream = container.add_stream("libopus", rate=RATE, options=options)
        stream.layout, stream.bit_rate = "mono", BIT_RATE
        for start in range(0, len(samples), RATE):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + RATE], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _speech_scenes(
    chosen: list[Utterance], ours: list[Utterance], cache: Path, *, key: tuple[str, ...]
) -> Iterator[Scene]:
    rng = rng_for("order", *key)
    again = [utterance for utterance in chosen if utterance.kind == "sentence" and utterance.voice.engine in TWICE]
    turns = [(turn, False) for turn in _turns(chosen, rng)] + [(turn, True) for turn in _turns(again, rng)]
    rng.shuffle(turns)
    number = 0
    while turns:
        scene_rng = rng_for("scene", *key, number)
        taken = 1 if key[1] == "word" else int(scene_rng.integers(2, 5))
        yield _scene([turns.pop() for _ in range(min(taken, len(turns)))], ours, cache, scene_rng)
        number += 1


def _turns(chosen: list[Utterance], rng: np.random.Generator) -> list[Turn]:
    """What one voice says in a row: one to three sentences, or three to eight words."""
    by_voice = defaultdict(list)
    for utterance in chosen:
        by_voice[utterance.voice, utterance.kind].append(utterance)
    turns = []
    for (_, kind), said in sorted(by_voice.items(), key=lambda item: (str(item[0][0]), item[0][1])):
        rng.shuffle(said)
        while said:
            count = int(rng.integers(3, 9) if kind == "word" else rng.integers(1, 4))
            turns.append(said[:count])
            said = said[count:]
    return turns


def _scene(turns: list[tuple[Turn, bool]], ours: list[Utterance], cache: Path, rng: np.random.Generator) -> Scene:
    """Turns after each other, each with whether it is heard a second time."""
    room, is_near = drawn_room(rng), rng.random() < 0.35
    placed: list[tuple[int, np.ndarray]] = []
    said: list[Said] = []
    at = int(rng.uniform(0.3, 1.0) * RATE)
    for turn, is_again in turns:
        distance = rng.uniform(0.12, 0.5) if is_near else np.exp(rng.uniform(np.log(0.5), np.log(4.0)))
        response = impulse_response(room, float(distance), rng)
        throat = rng.uniform(0.96, 1.05) if rng.random() < 0.5 else 1.0
        if is_again:
            low, high = ANOTHER_THROAT[:2] if rng.random() < 0.5 else ANOTHER_THROAT[2:]
            throat = rng.uniform(low, high)
        level_db = rng.uniform(-3, 3)
        for utterance in turn:
            speech = _speech(utterance, cache, throat) * 10 ** ((level_db + rng.uniform(-2, 2)) / 20)
            placed.append((at, convolved(speech, response)))
            said.append(
                Said(at, at + len(speech), utterance.kind, utterance.language, str(utterance.voice), utterance.text)
            )
            at += len(speech) + int(_pause_s(utterance.kind, rng) * RATE)
    length = max(start + len(wet) for start, wet in placed) + int(rng.uniform(0.1, 0.5) * RATE)
    sound = np.zeros(length, np.float32)
    for start, wet in placed:
        sound[start : start + len(wet)] += wet
    spoken = np.concatenate([sound[one.start : one.end] for one in said])
    speech_level = float(np.sqrt(np.mean(spoken**2)))
    sound = through_microphone(sound / speech_level + _background(length, ours, cache, rng), rng)
    return _at_level(sound, rng), said


def _pause_s(kind: str, rng: np.random.Generator) -> float:
    if kind == "word":
        return float(rng.uniform(0.7, 2.0))
    return float(np.clip(rng.lognormal(np.log(0.45), 0.6), 0.12, 2.0))


def _speech(utterance: Utterance, cache: Path, throat: float) -> np.ndarray:
    """Dry speech of RMS 1; a `throat` above 1 raises pitch and formants together."""
    speech = np.load(cache / f"{utterance.key}.npy").astype(np.float32) / 32768
    if throat != 1.0:
        speech = soxr.resample(speech, RATE * throat, RATE).astype(np.float32)
    return speech / float(np.sqrt(np.mean(speech**2)))


def _background(length: int, ours: list[Utterance], cache: Path, rng: np.random.Generator) -> np.ndarray:
    """Noise as loud as the scene's signal-to-noise ratio makes it, for speech of RMS 1."""
    floor = coloured(length, rng, slope=rng.uniform(0.5, 1.5))
    background = floor / np.std(floor) * 10 ** (-rng.uniform(38, 60) / 20)
    if rng.random() >= CLEAN:
        made = _babble(length, ours, cache, rng) if rng.random() < BABBLE else _some_noise(length, rng)
        background += made * 10 ** (-rng.uniform(0, 30) / 20)
    return background


def _some_noise(length: int, rng: np.random.Generator) -> np.ndarray:
    return noise(str(rng.choice(sorted(NOISES))), length, rng)


def _babble(length: int, ours: list[Utterance], cache: Path, rng: np.random.Generator) -> np.ndarray:
    """Ten voices of the same part at once, so that no word is to be understood."""
    sound = np.zeros(length, np.float32)
    sentences = [one for one in ours if one.kind == "sentence"]
    for _ in range(10):
        at = -int(rng.integers(0, 2 * RATE))
        while at < length:
            speech = _speech(sentences[rng.integers(len(sentences))], cache, 1.0)
            start, end = max(0, at), min(length, at + len(speech))
            if end > start:
                sound[start:end] += speech[start - at : end - at]
            at += len(speech) + int(rng.uniform(0, 0.4) * RATE)
    muffled = convolved(sound, impulse_response(drawn_room(rng), 3.0, rng))[:length]
    return muffled / np.sqrt(np.mean(muffled**2))


def _at_level(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scene at some level, from faint to loud, with its ends faded."""
    quantile = float(np.quantile(np.abs(sound[:: max(1, len(sound) // 100_000)]), 0.95))
    sound = sound * (10 ** (rng.uniform(-32, -10) / 20) / max(quantile, 1e-9))
    peak = float(np.abs(sound).max())
    if peak > 0.97:  # only few scenes are cut off, as a microphone that is set too loud does
        sound = np.clip(sound, -0.97, 0.97) if rng.random() < 0.15 else sound * (0.97 / peak)
    ramp = np.linspace(0, 1, RATE // 10, dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[-len(ramp) :] *= ramp[::-1]
    return sound.astype(np.float32)


def _noise_scenes(part: str) -> Iterator[Scene]:
    names = sorted(NOISES)
    rng_for("noises", part).shuffle(names)
    done, number = 0, 0
    while done < NOISE_S * RATE:
        rng, name = rng_for("noise", part, number), names[number % len(names)]
        length = int(rng.uniform(9, 18) * RATE)
        sound = noise(name, length, rng)
        text = name
        if rng.random() < 0.3:
            other = str(rng.choice(names))
            sound = sound + noise(other, length, rng) * 10 ** (rng.uniform(-12, 0) / 20)
            text = f"{name}, {other}" if other != name else name
        response = impulse_response(drawn_room(rng), float(rng.uniform(0.5, 4)), rng)
        wet = through_microphone(convolved(sound, response)[:length], rng)
        yield _at_level(wet, rng), [Said(0, length, "noise", NO_LANGUAGE, "", text.replace("_", " "))]
        done, number = done + length, number + 1
