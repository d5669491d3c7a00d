"""Audio files: what is read, what is refused in which words, and what a failed write leaves behind."""

from __future__ import annotations

import os
import pathlib
import resource
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from kws_engine import audio
from kws_engine.errors import AudioError

RATE = 16_000


def tone(seconds: float = 1.0, rate: int = RATE, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def noise(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)


def refusal(path: pathlib.Path, **options: float) -> str:
    with pytest.raises(AudioError) as caught:
        audio.read(path, rate=RATE, **options)
    message = str(caught.value)
    assert path.name in message and message.endswith(".") and "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sixteen_bits_survive_writing_and_reading(tmp_path, suffix):
    pcm = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.float32) / 32768
    audio.write(tmp_path / f"a{suffix}", pcm, rate=RATE)
    assert np.array_equal(audio.read(tmp_path / f"a{suffix}", rate=RATE), pcm)
    assert [entry.name for entry in tmp_path.iterdir()] == [f"a{suffix}"]


def test_values_beyond_full_scale_are_limited_in_files_and_kept_in_float_files(tmp_path):
    loud = np.array([2.0, -2.0, 0.5], np.float32)
    audio.write(tmp_path / "a.wav", loud, rate=RATE)
    assert audio.read(tmp_path / "a.wav", rate=RATE) == pytest.approx([32767 / 32768, -1.0, 0.5])
    soundfile.write(tmp_path / "f.wav", loud, RATE, subtype="FLOAT")
    assert np.array_equal(audio.read(tmp_path / "f.wav", rate=RATE), loud)


@pytest.mark.parametrize(
    ("name", "rate", "subtype"),
    [("a.wav", 8_000, "PCM_16"), ("a.wav", 96_000, "FLOAT"), ("a.wav", 44_100, "PCM_24"), ("a.flac", 48_000, "PCM_24"),
     ("a.ogg", 48_000, "VORBIS"), ("a.mp3", 44_100, "MPEG_LAYER_III"), ("a.aiff", 22_050, "PCM_16")],
)  # fmt: skip
def test_any_format_and_rate_becomes_mono_at_the_asked_rate(tmp_path, name, rate, subtype):
    wave = tone(2.0, rate)
    soundfile.write(tmp_path / name, np.stack((wave, wave * 0.5), axis=1), rate, subtype=subtype)
    read = audio.read(tmp_path / name, rate=RATE)
    assert len(read) == pytest.approx(2 * RATE, abs=2 if "mp3" not in name else 2000)
    spectrum = np.abs(np.fft.rfft(read[8000:24000] * np.hanning(16000)))
    assert np.argmax(spectrum) == 440
    assert np.abs(read[8000:24000]).max() == pytest.approx(0.375, rel=0.03)
    found = audio.info(tmp_path / name)
    assert (found.rate, found.channels) == (rate, 2)
    assert found.seconds == pytest.approx(2.0, abs=0.15)
    assert found.format.split()[0] == name[2:].upper()


@given(st.sampled_from([8_000, 16_000, 44_100, 96_000]), st.floats(0.01, 0.7), st.floats(0.1, 1.5))
def test_blocks_are_the_same_samples_as_read(tmp_path_factory, rate, block_seconds, seconds):
    path = tmp_path_factory.mktemp("blocks") / "a.wav"
    soundfile.write(path, noise(seconds, rate), rate)
    pieces = list(audio.blocks(path, rate=RATE, block_seconds=block_seconds))
    assert {len(piece) for piece in pieces[:-1]} <= {max(1, round(block_seconds * RATE))}
    assert np.array_equal(np.concatenate(pieces), audio.read(path, rate=RATE))


@pytest.mark.slow
def test_two_hours_stream_in_little_memory(tmp_path):
    path = tmp_path / "long.flac"
    second = noise(1.0, 8_000)
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(7200):
            file.write(second)
    tracemalloc.start()
    total = sum(len(block) for block in audio.blocks(path, rate=RATE, block_seconds=10.0))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 7200 * RATE
    assert peak_bytes < 8e6
    assert "long.flac lasts 7200 s; a clip may last 30 s: cut it" in refusal(path, max_seconds=30.0)


def test_text_named_wav(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("this is no sound at all\n" * 20)
    assert "not audio" in refusal(path)


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    assert "empty (0 bytes)" in refusal(path)


def test_a_wav_without_samples(tmp_path):
    path = tmp_path / "nothing.wav"
    soundfile.write(path, np.zeros(0, np.float32), RATE)
    assert "0 samples" in refusal(path)
    with pytest.raises(AudioError, match="0 samples"):
        audio.info(path)
    with pytest.raises(AudioError, match="0 samples"):
        list(audio.blocks(path, rate=RATE))


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
@pytest.mark.parametrize("kept", [0.2, 0.4, 0.8])
def test_a_file_cut_off_says_where(tmp_path, suffix, kept):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    audio.write(whole, noise(6.0), rate=RATE)
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    message = refusal(path)
    good = float(message.split("after ")[1].split(" of")[0])
    assert "of 6.0 s: copy it again" in message
    assert good == pytest.approx(6.0 * kept, abs=0.35)
    with pytest.raises(AudioError, match="is cut off after"):
        list(audio.blocks(path, rate=RATE, block_seconds=0.1))


@pytest.mark.parametrize("suffix", [".ogg", ".mp3"])
def test_other_formats_cut_off_are_refused_too(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, noise(3.0), RATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.4)])
    assert "cut off" in refusal(path)


def test_a_piped_wav_that_never_knew_its_length_is_read(tmp_path):
    path = tmp_path / "piped.wav"
    audio.write(path, tone(), rate=RATE)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    assert len(audio.read(path, rate=RATE)) == RATE


def test_a_wav_with_odd_chunks_around_the_sound(tmp_path):
    path = tmp_path / "chunks.wav"
    audio.write(path, tone(), rate=RATE)
    content = path.read_bytes()
    note = b"note" + struct.pack("<I", 3) + b"abc\0"
    body = content[8:36] + note + content[36:] + note
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert len(audio.read(path, rate=RATE)) == RATE


def test_missing_folder_and_headerless(tmp_path):
    assert "not there" in refusal(tmp_path / "gone.wav")
    (tmp_path / "folder.wav").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.wav")
    (tmp_path / "headerless.raw").write_bytes(bytes(1000))
    assert "not audio" in refusal(tmp_path / "headerless.raw")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(tmp_path, value):
    path = tmp_path / "broken.wav"
    samples = tone()
    samples[8000] = value
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    assert "NaN or infinite values from 0.5 s" in refusal(path)
    with pytest.raises(AudioError, match="NaN or infinite"):
        audio.write(tmp_path / "out.wav", samples, rate=RATE)
    assert not (tmp_path / "out.wav").exists()


def test_an_absurd_sample_rate(tmp_path):
    path = tmp_path / "slow.wav"
    audio.write(path, tone(), rate=RATE)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", 3)
    path.write_bytes(content)
    assert "3 samples a second" in refusal(path)


def test_a_clip_of_exactly_the_limit_is_read(tmp_path):
    audio.write(tmp_path / "a.wav", tone(3.0), rate=RATE)
    assert len(audio.read(tmp_path / "a.wav", rate=RATE, max_seconds=3.0)) == 3 * RATE
    assert "lasts 3.0 s; a clip may last 2.5 s" in refusal(tmp_path / "a.wav", max_seconds=2.5)


def test_an_unknown_suffix_is_not_written(tmp_path):
    with pytest.raises(AudioError, match=r"end its name in \.wav or \.flac"):
        audio.write(tmp_path / "a.mp4", tone(), rate=RATE)


def test_writing_into_a_missing_folder(tmp_path):
    with pytest.raises(AudioError, match="create it"):
        audio.write(tmp_path / "gone" / "a.wav", tone(), rate=RATE)


def test_permissions_are_respected_and_named(tmp_path):
    audio.write(tmp_path / "a.wav", tone(), rate=RATE)
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a.wav").stat().st_mode & 0o777 == 0o666 & ~mask
    (tmp_path / "a.wav").chmod(0)
    tmp_path.chmod(0o555)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)  # root may do anything, nobody may not
    try:
        assert "may not be read" in refusal(tmp_path / "a.wav")
        with pytest.raises(AudioError, match=r"b\.wav was not saved because .* may not be written"):
            audio.write(tmp_path / "b.wav", tone(), rate=RATE)
    finally:
        if was_root:
            os.seteuid(0)
        tmp_path.chmod(0o755)


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


WRITE_TWO = """
import sys, numpy, pathlib
from kws_engine import audio
from kws_engine.errors import AudioError
folder = pathlib.Path(sys.argv[1])
audio.write(folder / "first.wav", numpy.full(8_000, 0.25), rate=16_000)
for name, samples in (("second.wav", 16_000), ("first.wav", 16_000)):
    try:
        audio.write(folder / name, numpy.full(samples, 0.5), rate=16_000)
    except AudioError as error:
        print(error)
"""


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TWO, str(tmp_path)],
        preexec_fn=limit_file_size, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    second, first = done.stdout.splitlines()
    assert second.startswith("second.wav was not saved because the disk is full") and "free some space" in second
    assert first.startswith("first.wav was not saved")
    assert [entry.name for entry in tmp_path.iterdir()] == ["first.wav"]
    assert np.array_equal(audio.read(tmp_path / "first.wav", rate=RATE), np.full(8000, 0.25, np.float32))


def test_a_really_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        audio.write(disk / "first.wav", tone(1.0), rate=RATE)
        with pytest.raises(AudioError, match=r"second\.wav was not saved because the disk is full"):
            audio.write(disk / "second.wav", tone(2.0), rate=RATE)
        assert [entry.name for entry in disk.iterdir()] == ["first.wav"]
        assert len(audio.read(disk / "first.wav", rate=RATE)) == RATE
    finally:
        subprocess.run(["umount", disk], check=True)


def test_levels():
    assert audio.rms_db(tone()) == pytest.approx(-9.03, abs=0.01)
    assert audio.peak_db(tone()) == pytest.approx(-6.02, abs=0.01)
    assert audio.rms_db(np.zeros(10)) == audio.peak_db([]) == audio.rms_db([]) == audio.SILENCE_DB


def test_real_recordings_read(shared_data):
    paths = sorted((shared_data / "conversation").glob("*.flac"))[:5]
    for path in paths:
        samples = audio.read(path, rate=8_000)
        assert len(samples) == pytest.approx(audio.info(path).seconds * 8_000, abs=1)
        assert audio.rms_db(samples) > -60


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".aiff"])
def test_damage_anywhere_gives_sound_or_a_sentence(tmp_path, suffix):
    path, whole = tmp_path / f"hurt{suffix}", tmp_path / f"whole{suffix}"
    soundfile.write(whole, noise(0.5), RATE)
    content, chance = whole.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        hurt = bytearray(content)
        for at in chance.integers(0, 200, 4):
            hurt[at] = chance.integers(0, 256)
        path.write_bytes(hurt[: chance.integers(1, 2 * len(hurt))])
        try:
            samples = audio.read(path, rate=RATE, max_seconds=60.0)
        except AudioError as error:
            assert str(error).startswith(path.name) and str(error).endswith(".")
            refused += 1
        else:
            assert len(samples) and np.isfinite(samples).all()
    assert refused
