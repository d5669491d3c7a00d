"""Sound from a pipe: the same samples as from a file, whatever pieces it comes in, and at once."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tone_model
from tone_model import RATE, pause, tone

from kws_engine import audio, audio_pipe
from kws_engine.errors import AudioError

ROOT = Path(__file__).parents[2]
SAID = np.concatenate([pause(1.5), tone("low"), pause(1.5), tone("high"), pause(1.5)])
SIZE_AT = 40


def encoded(samples: np.ndarray, form: str = "WAV", subtype: str = "PCM_16", *, rate: int = 44_100) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=form, subtype=subtype)
    return content.getvalue()


def sized(wav: bytes, size: int) -> bytes:
    return wav[:SIZE_AT] + struct.pack("<I", size) + wav[SIZE_AT + 4 :]


def piped(content: bytes, *, piece: int = 65_536, rate: int = RATE, raw_rate: int | None = None) -> np.ndarray:
    """What comes out of a pipe into which `content` goes in pieces."""
    out, into = os.pipe()

    def write() -> None:
        try:
            for at in range(0, len(content), piece):
                os.write(into, content[at : at + piece])
        except BrokenPipeError:  # it was refused
            pass
        os.close(into)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        return np.concatenate(list(audio_pipe.blocks(f"/dev/fd/{out}", rate=rate, raw_rate=raw_rate)))
    finally:
        os.close(out)
        writing.join(30)
        assert not writing.is_alive(), "whoever writes into a pipe that nobody reads is told so"


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    at = np.arange(66_150)
    return (0.3 * np.sin(at / 20) + 0.01 * np.random.default_rng(0).standard_normal(len(at))).astype(np.float32)


@pytest.mark.parametrize("piece", [7, 65_536])
@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
     ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("FLAC", "PCM_16"),
     ("OGG", "VORBIS"), ("AIFF", "PCM_16")],
)  # fmt: skip
def test_a_pipe_gives_what_the_file_gives(
    form: str, subtype: str, piece: int, noise: np.ndarray, tmp_path: Path
) -> None:
    content = encoded(noise, form, subtype)
    path = tmp_path / f"sound.{ {'FLAC': 'flac', 'OGG': 'ogg', 'AIFF': 'aiff'}.get(form, 'wav') }"
    path.write_bytes(content)
    np.testing.assert_allclose(piped(content, piece=piece), audio.read(path, rate=RATE), atol=1e-6)


@pytest.mark.parametrize("piece", [1, 5, 4096])
def test_raw_sound_has_the_rate_that_is_said(piece: int, noise: np.ndarray) -> None:
    pcm = np.rint(noise[:3000] * 32_768).astype("<i2")
    expected = audio.resample(pcm.astype(np.float32) / 32_768, 44_100, RATE)
    np.testing.assert_array_equal(piped(pcm.tobytes() + b"\x01", piece=piece, raw_rate=44_100), expected)


@pytest.mark.parametrize(
    "size", [0, 100, 132_300 + 2, 132_300 + 44, 0x4000_0000, 0x7FFF_F000, 0x7FFF_EFDC, 0x8000_0000, 0xFFFF_FFFF]
)
def test_a_wav_whose_size_is_wrong_is_read_to_its_end(size: int, noise: np.ndarray) -> None:
    wav = encoded(noise)
    np.testing.assert_array_equal(piped(sized(wav, size), piece=1000), piped(wav))


@pytest.mark.parametrize("padded", [True, False])
def test_chunks_after_the_sound_are_no_sound(padded: bool, noise: np.ndarray) -> None:
    wav = encoded(noise[:44_101], subtype="PCM_U8")[: SIZE_AT + 4 + 44_101]
    tail = b"\0" * padded + b"LIST" + struct.pack("<I", 20_000) + b"\x7f" * 20_000
    np.testing.assert_array_equal(piped(wav + tail), piped(wav))
    twice = b"data" + struct.pack("<I", 1000) + b"\x80" * 1000
    assert len(piped(wav + tail + twice, rate=44_100)) == 44_101 + 1000


def test_stereo_whose_sum_is_nothing_is_its_better_channel(noise: np.ndarray) -> None:
    for other in (-noise, 0 * noise):
        heard = piped(encoded(np.stack([noise, other], axis=1)))
        assert audio.rms_db(heard) == pytest.approx(audio.rms_db(noise), abs=0.5)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"a letter to my aunt" * 9, b"\x12\x07" * 99_999, b"\xff\xfb\x90" * 999]
)
def test_what_is_no_audio_is_refused_and_the_remedy_named(content: bytes) -> None:
    with pytest.raises(AudioError, match=r"--rate 16000|is empty|cannot be decoded"):
        piped(content)


def test_sound_that_is_cut_off_or_no_number_is_said_after_what_came(noise: np.ndarray) -> None:
    with pytest.raises(AudioError, match=r"cut off after 0\.5 of 1\.5 s"):
        piped(encoded(noise)[: 44 + 2 * 20_000])
    broken = noise.copy()
    broken[50_000] = np.nan
    with pytest.raises(AudioError, match=r"NaN or infinite values from 1\.1 s"):
        piped(encoded(broken, subtype="FLOAT"))


# -- the command


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tone_model.write(tmp_path_factory.mktemp("model") / "tones.kws")


@pytest.fixture
def kws(model: Path) -> Iterator[subprocess.Popen[bytes]]:
    yield from listening(model)


def listening(model: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    call = [sys.executable, "-m", "kws_engine.cli", "listen", str(model), "--file", "-", "--json", *more]
    with subprocess.Popen(
        call, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, bufsize=0,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@pytest.mark.parametrize("raw", [True, False])
def test_words_are_told_before_the_pipe_ends(raw: bool, model: Path) -> None:
    content = encoded(SAID[: round(4.0 * RATE)], rate=RATE)
    more = ("--rate", str(RATE)) if raw else ()
    for process in listening(model, *more):
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(content[44:] if raw else sized(content, 0))
        assert json.loads(process.stdout.readline())["word"] == "low"
        process.stdin.write(encoded(SAID[round(4.0 * RATE) :], rate=RATE)[44:])
        assert json.loads(process.stdout.readline())["word"] == "high"
        process.stdin.close()
        last = json.loads(process.stdout.readline())
        assert last["event"] == "finished" and last["audio_s"] == pytest.approx(len(SAID) / RATE)
        assert process.wait(60) == 0


def test_a_silent_pipe_is_left_at_once(kws: subprocess.Popen[bytes], noise: np.ndarray) -> None:
    assert kws.stdin is not None and kws.stdout is not None and kws.stderr is not None
    kws.stdin.write(sized(encoded(SAID[: round(4.0 * RATE)], rate=RATE), 0))
    kws.stdout.readline()
    kws.send_signal(signal.SIGINT)
    assert json.loads(kws.stdout.readline())["event"] == "finished"
    assert kws.wait(10) == 0 and kws.stderr.read() == b""


def test_an_output_that_nobody_reads_ends_it_quietly(kws: subprocess.Popen[bytes]) -> None:
    assert kws.stdin is not None and kws.stdout is not None and kws.stderr is not None
    kws.stdin.write(sized(encoded(SAID[: round(4.0 * RATE)], rate=RATE), 0))
    kws.stdout.readline()
    kws.stdout.close()
    kws.wait(10)
    assert kws.stderr.read() == b""


def test_the_rate_is_for_pipes(model: Path, tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", SAID, rate=RATE)
    call = [sys.executable, "-m", "kws_engine.cli", "listen", str(model), "--rate", "16000"]
    for more in ([], ["--file", str(tmp_path / "a.wav")]):
        done = subprocess.run([*call, *more], capture_output=True, text=True, timeout=60, cwd=ROOT)
        assert done.returncode == 2 and "--file -" in done.stderr


@pytest.mark.slow
def test_an_endless_pipe_takes_no_memory(model: Path) -> None:
    """An hour at once: 230 MB as numbers at 16 kHz."""
    code = (
        "import resource, sys\nfrom kws_engine.cli import main\nstatus = main(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\nsys.exit(status)"
    )
    call = [sys.executable, "-c", code, "listen", str(model), "--file", "-", "--rate", "16000"]

    def memory_mb(seconds: int) -> float:
        with open("/dev/zero", "rb") as zeros:
            done = subprocess.run(
                [*call, "--seconds", str(seconds), "--set", "detector.hop_ms=500"],
                stdin=zeros, capture_output=True, text=True, timeout=300, cwd=ROOT, check=True,
            )  # fmt: skip
        return int(done.stdout.splitlines()[-1]) / 1024

    assert memory_mb(3600) < memory_mb(5) + 40
