"""espeak-ng, by its program or by its library: speech, and the phonemes that other synthesizers read."""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from kws_engine.errors import KwsError
from kws_engine.synthesis import _child
from kws_engine.synthesis._program import output_of
from kws_engine.synthesis._voice_files import package_folder
from kws_engine.synthesis.script import language_of, main_part
from kws_engine.synthesis.voice import Samples, is_phonemic

Style = Literal["mnemonics", "ipa"]
_WORDS_A_MINUTE: Final = 175
_LIBRARY: Final = "espeakng_loader"  # a package with the library and its data
_SYNCHRONOUS, _UTF8, _PHONEMES = 2, 1, 0x100  # of speak_lib.h
_SEPARATOR, _TIE = "_", "^"
SWITCH: Final = re.compile(r"\(\^?[a-z](?:[a-z^-])*\)")
"""In phonemes, where a word is read in another language: `(en)`, or with ties `(^e^n)`."""
_CHINESE: Final = ("cmn", "zh")
_PLAINEST: Final = ("en-us", "en-gb", "fr-fr", "pt-br", "es")
_OTHER_SCRIPT: Final = ("en-shaw",)
_MOST_AT_ONCE: Final = 500  # lines, which take a second


@functools.cache
def data() -> Path | None:
    """The folder with espeak-ng's languages and voices; None where it is not installed."""
    if program() is not None:
        try:
            said = output_of(["espeak-ng", "--version"], seconds=10).decode(errors="replace")
        except KwsError:
            said = ""
        found = re.search(r"Data at: (.+)", said)
        folder = Path(found[1].strip()) if found else None
    else:
        folder = package / "espeak-ng-data" if (package := package_folder(_LIBRARY)) else None
    return folder if folder and (folder / "voices").is_dir() else None


@functools.cache
def program() -> str | None:
    """Where the program is; it is taken before the library."""
    return shutil.which("espeak-ng")


@functools.cache
def accents(language: str) -> tuple[str, ...]:
    """espeak-ng's names of a language and its accents, the plainest first: `en-us`, `en-gb`, ... for `en`."""
    if main_part(language) in _CHINESE:
        language = "cmn-latn-pinyin"  # characters are turned into it
    folder = data()
    found = {}
    for path in sorted((folder / "lang").rglob("*")) if folder else ():
        if path.is_file() and (named := re.findall(r"^language\s+(\S+)", path.read_text("utf-8", "replace"), re.M)):
            found[named[0]] = named
    if language.lower() in found:
        return (language.lower(),)
    spoken = ((name, set(map(main_part, names))) for name, names in found.items() if name not in _OTHER_SCRIPT)
    fits = [name for name, languages in spoken if main_part(language) in languages]
    return tuple(sorted(fits, key=lambda name: (_PLAINEST.index(name) if name in _PLAINEST else 9, len(name), name)))


def checked(text: str, language: str, *, seconds: float = 20.0) -> str:
    """The text as espeak-ng is to get it.

    Raises:
        KwsError: It would not be read but spelled or named, as "Chinese letter".
    """
    if is_phonemic(text):
        return text
    text = text.replace("[[", "[ [")  # what stands in them would be phonemes
    if language_of(text, "en") == "en":
        return text
    if main_part(language) in _CHINESE:
        text = _pinyin(text)
    foreign = " ".join(word for word in text.split() if not re.search("[A-Za-z]", word))
    (read,) = phonemes([foreign], language, style="ipa", seconds=seconds)
    if SWITCH.search(read):
        raise KwsError(f"espeak-ng does not know how to read {text} as {language}: write it in Latin letters")
    return text


def _pinyin(text: str) -> str:
    if importlib.util.find_spec("pypinyin") is None:
        raise KwsError(f"espeak-ng does not read {text}: write it in pinyin, or install pypinyin")
    pypinyin = importlib.import_module("pypinyin")
    return " ".join(pypinyin.lazy_pinyin(text, style=pypinyin.Style.TONE3, neutral_tone_with_five=True))


def speech(text: str, voice: str, *, pace: float, pitch: float, seconds: float) -> tuple[Samples, int]:
    """Samples and rate of a `checked` text by `accent+variant`; the arguments of `Synthesizer.speak`."""
    words_a_minute = str(round(_WORDS_A_MINUTE * pace))
    percent = str(min(99, max(0, round(50 + 50 * pitch / 12))))
    if program() is None:
        request = {"text": text, "voice": voice, "words_a_minute": int(words_a_minute), "pitch": int(percent)}
        head, pcm = _child.ask(__name__, request, seconds=seconds)
        return _floats(pcm), head["rate"]
    options = ["-b", "1", "-z", "-v", voice, "-s", words_a_minute, "-p", percent]
    wav = output_of(["espeak-ng", *options, "--stdin", "--stdout"], text=text, seconds=seconds)
    start = wav.find(b"data") + 8
    if start < 8:
        raise KwsError(f"espeak-ng has no voice {voice}: choose another")
    return _floats(wav[start:]), int.from_bytes(wav[24:28], "little")


def phonemes(lines: Sequence[str], voice: str, *, style: Style, seconds: float = 20.0) -> list[str]:
    """The phonemes of each line, with `_` between those of a word; "" for what cannot be read.

    Args:
        lines: Words or phrases without line breaks; `[[...]]` is read as phonemes.
        voice: A language or accent.
        style: espeak-ng's mnemonics, or IPA, in which `^` ties what is one sound.
        seconds: For how long at most.

    Raises:
        KwsError: espeak-ng is not installed, failed, or did not answer in time.
    """
    if data() is None:
        raise KwsError("espeak-ng is not installed: install it, or the package espeakng-loader")
    read: list[str] = []
    for at in range(0, len(lines), _MOST_AT_ONCE):
        read += _phonemes(tuple(lines[at : at + _MOST_AT_ONCE]), voice, style, seconds)
    return read


@functools.lru_cache(maxsize=256)
def _phonemes(lines: tuple[str, ...], voice: str, style: Style, seconds: float) -> tuple[str, ...]:
    if program() is None:
        head, _ = _child.ask(__name__, {"lines": lines, "voice": voice, "style": style}, seconds=seconds)
        return tuple(head["phonemes"])
    how = ["--ipa", f"--tie={_TIE}"] if style == "ipa" else ["-x", f"--sep={_SEPARATOR}"]
    text = "".join(f"{line}\n" for line in lines)
    said = output_of(["espeak-ng", "-b", "1", "-q", "-v", voice, *how], text=text, seconds=seconds)
    read = said.decode(errors="replace").split("\n")[: len(lines)]
    if len(read) < len(lines):
        raise KwsError("espeak-ng read fewer lines than it was given: shorten the text")
    return tuple(line.strip() for line in read)


def _floats(pcm: bytes) -> Samples:
    return np.asarray(np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2") / 32768, np.float32)


def opened() -> _child.Answer:
    """Loads the library, in the process of its own where it may crash; answers what `speech` and `phonemes` ask."""
    folder = package_folder(_LIBRARY)
    if folder is None:
        raise KwsError("espeak-ng is not installed: install it, or the package espeakng-loader")
    library = ctypes.CDLL(str(_library_in(folder)))
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    os.chdir(folder)  # the library takes no path of more than 160 characters
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", 0)
    if rate <= 0:
        raise KwsError("espeak-ng's library does not find its data: install espeakng-loader again")
    library.espeak_Synth(b"a", ctypes.c_size_t(2), 0, 0, 0, _UTF8 | _PHONEMES, None, None)  # or [[...]] is not read

    def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if library.espeak_SetVoiceByName(request["voice"].encode()):
            raise KwsError(f"espeak-ng has no voice {request['voice']}: choose another")
        if "lines" in request:
            return {"phonemes": [_read(library, line, request["style"]) for line in request["lines"]]}, b""
        return {"rate": rate}, _spoken(library, request)

    return answer


def _library_in(folder: Path) -> Path:
    name = {"win32": "espeak-ng.dll", "darwin": "libespeak-ng.dylib"}.get(sys.platform, "libespeak-ng.so")
    return folder / name


def _spoken(library: ctypes.CDLL, request: dict[str, Any]) -> bytes:
    """16-bit samples."""
    pieces: list[bytes] = []

    def take(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetParameter(1, request["words_a_minute"], 0)
    library.espeak_SetParameter(3, request["pitch"], 0)
    text = request["text"].encode() + b"\0"
    library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, _UTF8 | _PHONEMES, None, None)
    library.espeak_Synchronize()
    return b"".join(pieces)


def _read(library: ctypes.CDLL, line: str, style: Style) -> str:
    """Every clause of one line."""
    mode = 2 | 0x80 | ord(_TIE) << 8 if style == "ipa" else ord(_SEPARATOR) << 8
    text = ctypes.c_char_p(line.encode())
    at = ctypes.pointer(text)
    text_mode: Callable[..., bytes | None] = library.espeak_TextToPhonemes
    read = []
    while at.contents.value:
        read.append((text_mode(at, _UTF8 | _PHONEMES, mode) or b"").decode(errors="replace").strip())
    return " ".join(filter(None, read))
