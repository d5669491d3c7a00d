"""Writes resources/bank, vectors of what is not the word, for one of the encoders.

    python packaging/make_bank.py ENCODER [--people FOLDER]

It reads those recordings of people that are not kept for measuring (`kws_engine/bench/_people.py`), and the training
and calibration parts of the shipped talk. FOLDER, or $KWS_SHARED_DATA, holds them. Music is played from the Debian
packages that packaging/music.py names. Sentences are encoded as they run; single words are laid into sound as takes
are. Everything is there as it is and changed, for training several times: another speed, pitch, room, microphone and
noise. All chance comes from seeds. ENCODER is "robust" or "google", whose bank is smaller, since few words are taught
on it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from music import music

from kws_engine import audio, spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.bank import BankKind, BankPart
from kws_engine.bench._people import Recording, folder_of_people, recordings
from kws_engine.features import FEATURES
from kws_engine.features._encoder import MODELS
from kws_engine.features.encoded import EncodedPipeline, EncoderName
from kws_engine.resources import path as resource
from kws_engine.talk import TalkUtterance, shipped_talk
from kws_engine.training.data.laid_rows import window_of
from kws_engine.training.data.laying_words import Window, core_of, laid

RATE = 16_000
OUTPUT = Path(__file__).resolve().parent.parent / "resources" / "bank"
KINDS: Sequence[BankKind] = ("sentence", "word", "noise")
PARTS: Sequence[BankPart] = ("training", "calibration")
MOST_MINUTES = {"swahili_speech": 24.0, "asterisk-core-sounds-it-wav": 4.0}  # of which thresholds count five, at most
MOST_OF_A_WORD: Mapping[BankPart, Mapping[str, int]] = {
    "training": {"speech_commands": 220, "precise_community": 150},
    "calibration": {"speech_commands": 35, "precise_community": 60},
}
COPIES: Mapping[EncoderName, Mapping[BankPart, int]] = {
    "robust": {"training": 3, "calibration": 1},
    "google": {"training": 1, "calibration": 1},
}
"""Changed ones, of each recording of people."""
NOISE_COPIES = 5  # of each recording of noise, of which there are minutes
LEVELS: Mapping[EncoderName, int] = {"robust": 8, "google": 5}
"""Steps from 0 to the 99.9th percentile of a number; such vectors compress to three bits a number."""
_APART = 7919  # seeds of the copies of one recording
MUSIC_S = 12  # of each piece from a third of it, and as long from two thirds, changed
STRETCH_S = 12.0
WORD_AROUND = (4, 6)
"""Vectors before and behind those of a word to learn, around a word that sets thresholds. A detector looks at a word
all the time, not only when it has just ended: thresholds set on looks at its end alone are too low."""
QUIET_S = (1.2, 0.9)
"""Before and behind an utterance of the shipped talk that sets thresholds, for the same reason."""
NOISE_S = 600  # of each shipped file of noise, which no word is laid into
CALIBRATION = 0.25
CHANGES = {
    "speed": {"probability": 0.7},
    "pitch": {"probability": 0.3},
    "reverb": {"probability": 0.5},
    "gain": {"probability": 0.8},
    "background_noise": {"probability": 0.8, "snr_db": (3.0, 30.0)},
    "quality": {"probability": 0.35},
}


class Changing:
    """The program's own augmentations of sound, strong enough to be another recording."""

    def __init__(self, noises: np.ndarray) -> None:
        configs = {name: spec.changed(AUGMENTATIONS[name].config(), options) for name, options in CHANGES.items()}
        ordered = sorted(configs.items(), key=lambda item: item[1].order)
        self._augments: list[Augment] = [AUGMENTATIONS[name].build(one, rate=RATE) for name, one in ordered]
        self._noises = torch.from_numpy(noises)

    def __call__(self, samples: np.ndarray, seed: int) -> np.ndarray:
        context = Context(torch.Generator().manual_seed(seed), RATE, self._noises)
        sound = torch.from_numpy(samples).unsqueeze(0)
        with torch.no_grad():
            for augment in self._augments:
                sound = augment(sound, context)
        return np.clip(sound[0].numpy(), -1, 1).astype(np.float32)


@dataclass(frozen=True)
class Stretch:
    """What the encoder makes of one sound, and what that sound is.

    Attributes:
        vectors: (n_vectors, n_features).
        kind: What is heard.
        part: What it is for.
        text: What is said, where that is known.
        voice: Who says it, empty where nobody knows.
        changed: Whether the sound is another than was recorded.
    """

    vectors: np.ndarray
    kind: BankKind
    part: BankPart
    text: str
    voice: str
    changed: bool


@dataclass
class Bank:
    """What one encoder has encoded so far."""

    pipeline: EncodedPipeline
    changing: Changing
    stretches: list[Stretch] = field(default_factory=list)

    def add(
        self,
        sound: np.ndarray,
        kind: BankKind,
        part: BankPart,
        *,
        text: str = "",
        voice: str = "",
        changed: bool = False,
    ) -> None:
        """A stretch (N,)."""
        vectors = self.pipeline.batch(sound).astype(np.float32)
        self.stretches.append(Stretch(vectors, kind, part, text, voice, changed))

    def add_with_copies(
        self, sound: np.ndarray, kind: BankKind, part: BankPart, *, seed: int, copies: int, voice: str = ""
    ) -> None:
        """A stretch as it is, and so many changed ones."""
        self.add(sound, kind, part, voice=voice)
        for copy in range(copies):
            self.add(self.changing(sound, seed + _APART * copy), kind, part, voice=voice, changed=True)

    def write(self, folder: Path) -> None:
        """vectors.zlib and index.json."""
        values = np.concatenate([one.vectors for one in self.stretches])
        some = np.abs(values[:: max(1, len(values) // 200_000)])
        scale = np.percentile(some, 99.9, axis=0) / LEVELS[self.pipeline.encoder]
        text, texts = _numbered([one.text for one in self.stretches])
        voice, voices = _numbered([one.voice for one in self.stretches])
        index = {
            "encoder": hashlib.sha256(resource(*MODELS[self.pipeline.encoder]).read_bytes()).hexdigest(),
            "scale": [round(float(one), 7) for one in scale],
            "lengths": [len(one.vectors) for one in self.stretches],
            "kinds": [KINDS.index(one.kind) for one in self.stretches],
            "parts": [PARTS.index(one.part) for one in self.stretches],
            "changed": [int(one.changed) for one in self.stretches],
            "text": text,
            "texts": texts,
            "voice": voice,
            "voices": voices,
        }
        folder.mkdir(parents=True, exist_ok=True)
        rounded = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)  # nothing repeats, so that searching only costs
        by_number = np.ascontiguousarray(rounded.T).tobytes()  # so that each number of a vector has codes of its own
        (folder / "vectors.zlib").write_bytes(packer.compress(by_number) + packer.flush())
        (folder / "index.json").write_text(json.dumps(index, separators=(",", ":"), ensure_ascii=False) + "\n")


def _numbered(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """A number for each, and what the numbers stand for."""
    known = sorted(set(names))
    number = {name: at for at, name in enumerate(known)}
    return [number[name] for name in names], known


def part_of(one: Recording) -> BankPart:
    """Voices and sources are in one part each; Italian is the language that thresholds hear and heads do not."""
    if one.source.startswith("asterisk-core-sounds-it"):
        return "calibration"
    if one.source in ("swahili_speech", "gcin_voice", "precise_community"):
        return "training"
    key = one.path.name if one.kind == "noise" else f"{one.source}/{one.speaker}"
    return "calibration" if zlib.crc32(key.encode()) % 100 < 100 * CALIBRATION else "training"


def voice_of(one: Recording) -> str:
    """Who speaks, empty where nobody knows."""
    return "" if one.speaker in ("", "unknown") else f"{one.source}/{one.speaker}"


def sound_of(path: Path) -> np.ndarray:
    """(N,) at 16 kHz."""
    return audio.read(path, rate=RATE, max_seconds=600)


def stretches(recordings: Iterable[Recording]) -> Iterator[tuple[np.ndarray, str]]:
    """Sound of about twelve seconds each, of recordings one after another, and the voice of the first of them."""
    waiting: list[np.ndarray] = []
    voice = ""
    for one in recordings:
        voice = voice if waiting else voice_of(one)
        waiting.append(sound_of(one.path))
        if sum(map(len, waiting)) >= STRETCH_S * RATE:
            yield np.concatenate(waiting), voice
            waiting = []
    if sum(map(len, waiting)) > 2 * RATE:
        yield np.concatenate(waiting), voice


def main() -> None:
    """Encodes all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", choices=list(COPIES))
    parser.add_argument("--people", type=Path, default=folder_of_people())
    options = parser.parse_args()
    torch.set_num_threads(1)
    entry = FEATURES["speech_embedding"]
    pipeline: EncodedPipeline = entry.build(entry.config(encoder=options.encoder), rate=RATE)
    usable = [one for one in recordings(options.people) if not one.kept]
    noises = {part: [sound_of(one.path)[: 45 * RATE] for one in usable if one.kind == "noise" and part_of(one) == part]
              for part in PARTS}  # fmt: skip
    bank = Bank(pipeline, Changing(np.concatenate(noises["training"])))
    talk = {part: _sentences(bank, usable, part) for part in PARTS}
    _words(bank, usable, talk)
    for part in PARTS:
        for number, noise in enumerate(noises[part]):
            bank.add_with_copies(noise, "noise", part, seed=number, copies=NOISE_COPIES)
        for number, piece in enumerate(music(part)):
            first, second = (piece[third * len(piece) // 3 :][: MUSIC_S * RATE] for third in (1, 2))
            bank.add(first, "noise", part)
            bank.add(bank.changing(second, number), "noise", part, changed=True)
    for part in PARTS:
        _shipped(bank, part)
    bank.write(OUTPUT / options.encoder)
    _tell(bank, OUTPUT / options.encoder)


def _sentences(bank: Bank, usable: Sequence[Recording], part: BankPart) -> np.ndarray:
    """Encodes them; returns some of them (N,), to lay words into."""
    kept: list[np.ndarray] = []
    for source in sorted({one.source for one in usable if one.kind == "speech"}):
        chosen = [one for one in usable if one.source == source and one.kind == "speech" and part_of(one) == part]
        most, seconds = MOST_MINUTES.get(source, 1e9) * 60, 0.0
        for number, (sound, voice) in enumerate(stretches(chosen)):
            seed = zlib.crc32(source.encode()) + number
            copies = COPIES[bank.pipeline.encoder][part]
            bank.add_with_copies(sound, "sentence", part, seed=seed, copies=copies, voice=voice)
            kept.append(sound)
            seconds += len(sound) / RATE
            if seconds > most:
                break
    return np.concatenate(kept)


def _words(bank: Bank, usable: Sequence[Recording], talk: dict[BankPart, np.ndarray]) -> None:
    counts: dict[tuple[BankPart, str, str], int] = {}
    learned = window_of(bank.pipeline, RATE)
    before, behind = (vectors * bank.pipeline.hop_samples for vectors in WORD_AROUND)
    heard = Window(learned.samples + before + behind, learned.word_end + before, RATE)
    words = [one for one in usable if one.kind == "word"]
    order = np.random.default_rng(0).permutation(len(words))
    for number in order.tolist():
        one = words[number]
        part = part_of(one)
        key = (part, one.source, one.word)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] > MOST_OF_A_WORD[part].get(one.source, 10**6):
            continue
        sound, generator = sound_of(one.path), np.random.default_rng(number)
        text = one.word if one.source == "speech_commands" else one.word.partition("-")[2].replace("_", " ")
        for copy in range(1 + COPIES[bank.pipeline.encoder][part]):
            spoken = laid(
                sound, core_of(sound, RATE), heard if part == "calibration" else learned, generator, talk=talk[part]
            )
            spoken = bank.changing(spoken, number + _APART * (copy - 1)) if copy else spoken
            bank.add(spoken, "word", part, text=text, voice=voice_of(one), changed=copy > 0)


def _shipped(bank: Bank, part: BankPart) -> None:
    """What synthetic voices say, each utterance for itself."""
    shortest = window_of(bank.pipeline, RATE).samples
    for file in shipped_talk(part):
        sound = np.concatenate(list(file.blocks(rate=RATE)))
        if file.kind == "noise":
            if part == "calibration":
                for at in range(0, min(len(sound), NOISE_S * RATE), round(STRETCH_S * RATE)):
                    bank.add(sound[at : at + round(STRETCH_S * RATE)], "noise", part)
            continue
        for number, one in enumerate(file.utterances):
            if part == "calibration":
                piece = _alone(sound, file.utterances, number)
            else:
                first, last = max(0, round((one.start_s - 0.9) * RATE)), round((one.end_s + 0.3) * RATE)
                piece = sound[first if last - first >= shortest else max(0, last - shortest) : last]
            piece = bank.changing(piece, number) if number % 2 == 1 else piece
            bank.add(piece, one.kind, part, text=one.text, voice=one.voice)
            if part == "training":
                piece = bank.changing(piece, number + _APART)
                bank.add(piece, one.kind, part, text=one.text, voice=one.voice, changed=True)


def _alone(sound: np.ndarray, utterances: Sequence[TalkUtterance], number: int) -> np.ndarray:
    """An utterance in quiet, without its neighbours, which may say what is left out."""
    start_s, end_s = utterances[number].start_s, utterances[number].end_s
    after_s = utterances[number - 1].end_s if number else 0.0
    until_s = utterances[number + 1].start_s if number + 1 < len(utterances) else len(sound) / RATE
    begin_s, stop_s = max(start_s - QUIET_S[0], after_s, 0.0), min(end_s + QUIET_S[1], until_s)
    piece = sound[round(begin_s * RATE) : round(stop_s * RATE)]
    missing_s = begin_s - (start_s - QUIET_S[0]), end_s + QUIET_S[1] - stop_s
    return np.pad(piece, [round(max(0.0, one) * RATE) for one in missing_s])


def _tell(bank: Bank, folder: Path) -> None:
    for part in PARTS:
        for kind in KINDS:
            lengths = [
                len(one.vectors) for one in bank.stretches if one.part == part and one.kind == kind and not one.changed
            ]
            print(f"{part} {kind}: {len(lengths)} stretches, {sum(lengths) * 0.08 / 60:.1f} min, and changed ones")
    print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
