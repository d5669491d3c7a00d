"""Piper: small networks trained on one speaker or many, for some fifty languages."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_engine.errors import KwsError
from kws_engine.synthesis import SYNTHESIZERS, _child, _espeak
from kws_engine.synthesis._voice_files import files
from kws_engine.synthesis.script import main_part
from kws_engine.synthesis.voice import Samples, Synthesizer, SynthesizerConfig, Voice

_SUFFIX = ".onnx.json"


@dataclass(frozen=True)
class PiperConfig(SynthesizerConfig):
    """Options of Piper."""


def _described(path: Path) -> dict[str, Any]:
    """What stands beside a network; {} where it is no voice that we can use."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fits = (
            found.get("phoneme_type", "espeak") == "espeak" and "phoneme_id_map" in found and "voice" in found["espeak"]
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return found if fits and path.with_suffix("").is_file() else {}


class _Piper:
    reads_phonemes = True
    rank = 1

    def __init__(self, config: PiperConfig) -> None:
        self.share = config.share

    def voices(self, language: str) -> list[Voice]:
        if _espeak.data() is None:
            return []
        found = []
        for path in files("*" + _SUFFIX, packages="*piper_voice*"):
            described = _described(path)
            accent = str(described.get("espeak", {}).get("voice", "")).lower()
            if accent and language.lower() in (accent, main_part(accent)):
                name, speakers = path.name.removesuffix(_SUFFIX), int(described.get("num_speakers", 1))
                found += [Voice("piper", f"{name}#{one}" if speakers > 1 else name, accent) for one in range(speakers)]
        return found

    def speak(self, text: str, voice: Voice, *, pace: float, pitch: float, seconds: float) -> tuple[Samples, int]:
        semitones = 2 ** (pitch / 12)  # a smaller or larger speaker: said slower by as much, then played faster
        name, _, speaker = voice.name.partition("#")
        (path,) = (one for one in files("*" + _SUFFIX, packages="*piper_voice*") if one.name == name + _SUFFIX)
        text = _espeak.checked(text, voice.language, seconds=seconds)
        (ipa,) = _espeak.phonemes([text], voice.language, style="ipa", seconds=seconds)
        request = {"voice": str(path), "ipa": ipa, "speaker": int(speaker or 0), "stretch": semitones / pace}
        head, sound = _child.ask(__name__, request, seconds=seconds)
        return np.frombuffer(sound, np.float32), round(head["rate"] * semitones)


@SYNTHESIZERS.register("piper", "Piper", PiperConfig)
def build(config: PiperConfig) -> Synthesizer:
    """Speaks by one network for each voice (VITS, Kim et al. 2021), from packages or KWS_STUDIO_VOICES."""
    return _Piper(config)


def opened() -> _child.Answer:
    """Answers with samples, in a process of its own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions: dict[str, tuple[Any, dict[str, Any]]] = {}

    def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        path = Path(request["voice"])
        if request["voice"] not in sessions:
            sessions.clear()  # one at a time: each takes 60 MB and more
            session = onnxruntime.InferenceSession(
                str(path.with_suffix("")), options, providers=["CPUExecutionProvider"]
            )
            sessions[request["voice"]] = session, _described(path)
        session, described = sessions[request["voice"]]
        ids = _ids(request["ipa"], described["phoneme_id_map"])
        noise = described.get("inference", {})
        scales = (
            noise.get("noise_scale", 0.667),
            request["stretch"] * noise.get("length_scale", 1.0),
            noise.get("noise_w", 0.8),
        )
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
            "sid": np.array([request["speaker"]], np.int64),
        }
        wanted = {one.name for one in session.get_inputs()}
        sound = session.run(None, {name: value for name, value in inputs.items() if name in wanted})[0]
        return {"rate": described["audio"]["sample_rate"]}, np.asarray(sound, np.float32).ravel().tobytes()

    return answer


def _ids(ipa: str, numbers: dict[str, list[int]]) -> list[int]:
    """Begin, each sign and a filler after it, end."""
    plain = unicodedata.normalize("NFD", _espeak.SWITCH.sub("", ipa))
    signs = [sign for sign in plain if sign in numbers and sign not in "_^$"]
    if not signs:
        raise KwsError("Piper has no sound for this text: write it in the voice's language")
    filler = numbers["_"]
    return [*numbers["^"], *filler, *(one for sign in signs for one in [*numbers[sign], *filler]), *numbers["$"]]
