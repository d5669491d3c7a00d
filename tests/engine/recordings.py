"""Recordings as other programs write them, made in code: WAVs byte by byte, everything else by FFmpeg's libraries."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np

RATE = 16_000
PCM = 1


def tone(seconds: float = 1.0, rate: int = RATE, *, hz: float = 440.0, level: float = 0.4) -> np.ndarray:
    """A tone of (samples,) float32 whose loudness wavers."""
    at = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * at) * (1 + 0.3 * np.sin(9 * at))).astype(np.float32)


def int16(sound: np.ndarray) -> bytes:
    """Little-endian 16-bit samples."""
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes()


def int24(sound: np.ndarray) -> bytes:
    """Little-endian 24-bit samples."""
    return np.rint(sound * 8_388_607).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def chunk(name: bytes, body: bytes, *, size: int | None = None, pad: bool = True) -> bytes:
    """A chunk of a WAV, whose size may lie."""
    length = len(body) if size is None else size
    return name + struct.pack("<I", length) + body + (b"\0" if pad and len(body) % 2 else b"")


def fmt(tag: int = PCM, channels: int = 1, rate: int = RATE, bits: int = 16, *, extra: bytes = b"") -> bytes:
    """The chunk that says how samples are stored."""
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + extra)


def riff(*chunks: bytes, size: int | None = None, magic: bytes = b"RIFF") -> bytes:
    """A WAV of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if size is None else size) + body


def plain(sound: np.ndarray, *, rate: int = RATE) -> bytes:
    """The WAV that most programs write."""
    return riff(fmt(rate=rate), chunk(b"data", int16(sound)))


def encode(
    path: Path,
    codec: str,
    *,
    container: str | None = None,
    sound: np.ndarray | None = None,
    rate: int = 48_000,
    layout: str = "mono",
    options: dict[str, str] | None = None,
    stream_options: dict[str, str] | None = None,
) -> Path:
    """Writes `sound` (samples,), a tone of one second by default, in every channel, as FFmpeg does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = tone(1.0, rate) if sound is None else sound
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout, options=stream_options or {})
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=_frame_size(stream))
        channels = len(av.AudioLayout(layout).channels)
        frame = av.AudioFrame.from_ndarray(np.tile(samples, (channels, 1)), format="fltp", layout=layout)
        frame.sample_rate = rate
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


def _frame_size(stream: av.AudioStream) -> int | None:
    stream.codec_context.open(strict=False)
    return stream.codec_context.frame_size or None


def video(path: Path, *, sound: np.ndarray | None, rate: int = 48_000) -> Path:
    """A second of grey pictures, with a sound track or without."""
    with av.open(str(path), "w") as file:
        pictures = file.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        track = file.add_stream("aac", rate=rate, layout="mono") if sound is not None else None
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            file.mux(pictures.encode(picture))
        file.mux(pictures.encode(None))
        if track is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate = rate
            file.mux(track.encode(frame))
            file.mux(track.encode(None))
    return path
