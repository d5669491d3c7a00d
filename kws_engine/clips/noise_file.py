"""A recording of noise, of up to three hours, converted into a project piece by piece."""

from __future__ import annotations

import itertools
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kws_engine import audio
from kws_engine.clips.measurements import file_digest
from kws_engine.clips.words import speaker_id
from kws_engine.decoding import is_plain_wav
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError

MAX_NOISE_S: Final = 3 * 3600.0


def store_noise(source: Path, folder: Path, *, rate: int) -> bool:
    """Stores one noise recording in `folder` as 16-bit mono WAV at `rate`; False where the folder has that sound.

    Raises:
        AudioError: The file cannot be decoded or is longer than three hours.
        ProjectError: The disk is full or cannot be written.
    """
    info = audio.info(source)
    if info.seconds > MAX_NOISE_S:
        raise AudioError(f"{source.name} lasts {info.seconds / 3600:.1f} h; noise may last 3 h: cut it.")
    name = speaker_id(source.stem)
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with temporary_beside(folder / f"{name}.wav") as temporary:
        if is_plain_wav(source, rate=rate, channels=1):
            with storing(folder / f"{name}.wav"):
                shutil.copyfile(source, temporary)
        else:
            _convert(source, temporary, rate=rate, shown=folder / f"{name}.wav")
        if _is_there(temporary, folder):
            return False
        with storing(folder / f"{name}.wav"):
            publish(temporary, folder, names=_names(name))
    return True


def _convert(source: Path, target: Path, *, rate: int, shown: Path) -> None:
    """Decodes and writes in turn; what cannot be read is the source's fault, what cannot be written the target's."""
    blocks = audio.blocks(source, rate=rate, block_seconds=10.0)
    with storing(shown):
        out = wave.open(str(target), "wb")
    try:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for block in blocks:
            with storing(shown):
                out.writeframesraw(audio.pcm16(block).tobytes())
    finally:
        with storing(shown):
            out.close()


def _is_there(temporary: Path, folder: Path) -> bool:
    size = temporary.stat().st_size
    others = [p for p in folder.iterdir() if p != temporary and p.is_file() and p.stat().st_size == size]
    return bool(others) and file_digest(temporary) in {file_digest(path) for path in others}


def _names(name: str) -> Iterator[str]:
    yield f"{name}.wav"
    for number in itertools.count(2):
        yield f"{name}-{number}.wav"
