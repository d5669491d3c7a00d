"""The voices that speak it: espeak-ng inside this process, a few milliseconds a word, and Kokoro by way of files.

Only the voices of the training part in ``talk/voices.py`` speak, so that the others can measure.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from talk.chance import rng_for
from talk.voices import ESPEAK, KOKORO, KOKORO_BLENDS, KOKORO_RATE, Kokoro, Utterance, Voice, at_16_khz

RATE = 16_000
ESPEAK_RATE = 22_050
WORDS_OF_KOKORO, VOICES_OF_KOKORO = 10, 6
# As espeak_SetVoiceByName finds them; "en" is British.
_ENGLISH = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029", "en-us-nyc")
_NAMES = {"pt": "pt-br"}
_SYNCHRONOUS, _UTF8, _PHONEMES, _IPA = 2, 1, 0x100, 0x2
_SPEED, _PITCH, _RANGE = 1, 3, 4  # of espeak_PARAMETER in speak_lib.h
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """espeak-ng's library; one at a time in a process, because the library has one state."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0) != ESPEAK_RATE:
            raise SystemExit("espeak-ng did not start at 22,050 Hz: install the package espeak-ng of your system")
        self._heard: list[np.ndarray] = []
        self._callback = _CALLBACK(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)

    def choose_voice(self, language: str, rng: np.random.Generator) -> None:
        """A variant, accent, speed, pitch and range of pitch by chance."""
        base = str(rng.choice(_ENGLISH)) if language == "en" else _NAMES.get(language, language)
        name = f"{base}+{rng.choice(ESPEAK['training'].split())}"
        if self._library.espeak_SetVoiceByName(name.encode()):
            raise SystemExit(f"espeak-ng has no voice {name}: install espeak-ng 1.51 or newer")
        for parameter, low, high in ((_SPEED, 120, 230), (_PITCH, 15, 85), (_RANGE, 20, 85)):
            self._library.espeak_SetParameter(parameter, int(rng.integers(low, high)), 0)

    def say(self, text: str) -> np.ndarray:
        """At 22,050 Hz, with the silence around it; [[ ]] holds phonemes."""
        self._heard.clear()
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8 | _PHONEMES, None, None)
        return np.concatenate([np.zeros(0, np.float32), *self._heard])

    def phonemes(self, text: str) -> str:
        """In IPA and without stress, by the rules of the voice chosen last."""
        start = ctypes.c_char_p(text.encode())
        spoken = self._library.espeak_TextToPhonemes(ctypes.byref(start), _UTF8, _IPA) or b""
        return spoken.decode().translate({ord("ˈ"): None, ord("ˌ"): None})

    def _hear(self, samples: ctypes.Array[ctypes.c_short], count: int, _event: int) -> int:
        if samples and count > 0:
            self._heard.append(np.ctypeslib.as_array(samples, (count,)).astype(np.float32) / 32768)
        return 0


@dataclass(frozen=True)
class Spoken:
    """Some words by some voices: `sounds[voice][word]` at 16 kHz."""

    language: str
    sounds: dict[str, dict[str, np.ndarray]]


def speak_by_kokoro(folder: Path, cache: Path, *, groups: int, words: dict[str, list[str]]) -> list[Spoken]:
    """Groups of ten words by six voices each, five in eleven of them English; the cache keeps each group."""
    cache.mkdir(parents=True, exist_ok=True)
    engine = Kokoro(folder)
    voices = [*KOKORO["training"].split(), *KOKORO_BLENDS["training"].split()]
    languages = ["en"] * 5 + [language for language in ("es", "it", "fr", "de", "hi", "pt") if language in words]
    found = []
    for number in range(groups):
        rng = rng_for("encoder", "kokoro", number)
        language = str(rng.choice(languages))
        texts = [str(word) for word in rng.choice(words[language], WORDS_OF_KOKORO, replace=False)]
        said = [
            Utterance("training", "word", language, Voice("kokoro", str(voice)), text, pace)
            for voice in rng.choice(voices, VOICES_OF_KOKORO, replace=False)
            for pace in (float(rng.uniform(0.85, 1.2)),)
            for text in texts
        ]
        path = cache / f"{number:04}.npz"
        if not path.exists():
            sounds = [at_16_khz(sound, KOKORO_RATE) for sound in engine.speak(said)]
            np.savez(path, *sounds)
            print(f"spoken by Kokoro: {number + 1} of {groups}", flush=True)
        with np.load(path) as stored:
            sounds_by_voice: dict[str, dict[str, np.ndarray]] = {}
            for utterance, name in zip(said, stored.files, strict=True):
                sounds_by_voice.setdefault(utterance.voice.name, {})[utterance.text] = stored[name]
        found.append(Spoken(language, sounds_by_voice))
    return found
