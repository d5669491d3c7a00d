"""Every recording that a person has: WAVs whose headers lie, every container and coding, and what is no sound."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from recordings import RATE, chunk, encode, fmt, int16, int24, plain, riff, tone, video

from kws_engine import audio
from kws_engine.decoding import is_plain_wav
from kws_engine.errors import AudioError

SOUND = tone(1.0)
DATA = int16(SOUND)
SUB_FORMAT = bytes.fromhex("000000001000800000AA00389B71")
INFO = b"INFO" + chunk(b"ISFT", b"abc\0")
ID3 = b"ID3\3\0\0\0\0\0\x15" + b"TIT2\0\0\0\5\0\0\0lamp" + b"\0" * 6


def assert_is_heard(path: Path, *, seconds: float = 1.0, within: float = 0.0) -> None:
    """All of the tone, the same by every way of reading, and as long as it is measured."""
    samples = audio.read(path, rate=RATE)
    assert len(samples) / RATE == pytest.approx(seconds, abs=within + 1e-3), path.name
    assert 0.3 < np.abs(samples[2000:-2000]).max() < 0.65
    middle = samples[2000:14000] * np.hanning(12000)
    assert np.argmax(np.abs(np.fft.rfft(middle))) * RATE / 12000 == pytest.approx(440, abs=2)
    frames, rate = audio.measure(path)
    assert frames / rate == pytest.approx(len(samples) / RATE, abs=1e-3)
    assert audio.info(path).seconds == pytest.approx(frames / rate, abs=1e-3)
    blocks = np.concatenate(list(audio.blocks(path, rate=RATE, block_seconds=0.3)))
    assert np.allclose(blocks, samples, atol=1e-3)


def reason(path: Path) -> str:
    """Why a file is not read: the same sentence by every way of reading."""
    with pytest.raises(AudioError) as caught:
        audio.read(path, rate=RATE, max_seconds=30.0)
    sentence = str(caught.value)
    assert sentence.startswith(path.name) and sentence.endswith(".") and "\n" not in sentence
    with pytest.raises(AudioError):
        audio.measure(path, max_seconds=30.0)
    return sentence


def extensible(channels: int, rate: int, bits: int, valid: int, tag: int) -> bytes:
    return fmt(0xFFFE, channels, rate, bits, extra=struct.pack("<HHIH", 22, valid, 0, tag) + SUB_FORMAT)


def sized(size: int) -> bytes:
    return riff(fmt(), chunk(b"data", DATA, size=size), size=min(size + 36, 0xFFFFFFFF))


WAVS = {
    "plain": plain(SOUND),
    "size_zero": riff(fmt(), chunk(b"data", DATA, size=0), size=0),
    "size_zero_after_a_list": riff(fmt(), chunk(b"LIST", INFO), chunk(b"data", DATA, size=0), size=0),
    "size_7ffff000": sized(0x7FFFF000),
    "size_7fffffff": sized(0x7FFFFFFF),
    "size_80000000": sized(0x80000000),
    "size_fffffff0": sized(0xFFFFFFF0),
    "size_ffffffff": sized(0xFFFFFFFF),
    "size_2_more": riff(fmt(), chunk(b"data", DATA, size=len(DATA) + 2)),
    "size_44_more": riff(fmt(), chunk(b"data", DATA, size=len(DATA) + 44)),
    "riff_size_0": riff(fmt(), chunk(b"data", DATA), size=0),
    "riff_size_36_more": riff(fmt(), chunk(b"data", DATA), size=len(DATA) + 36 + 36),
    "odd_byte_behind": riff(fmt(), chunk(b"data", DATA + b"\1")),
    "fmt_of_18": riff(fmt(extra=b"\0\0"), chunk(b"data", DATA)),
    "fmt_of_40": riff(fmt(extra=bytes(24)), chunk(b"data", DATA)),
    "extensible_16": riff(extensible(1, RATE, 16, 16, 1), chunk(b"data", DATA)),
    "extensible_24": riff(extensible(1, RATE, 24, 24, 1), chunk(b"data", int24(SOUND))),
    "extensible_float": riff(extensible(1, RATE, 32, 32, 3), chunk(b"data", SOUND.astype("<f4").tobytes())),
    "pcm_24": riff(fmt(bits=24), chunk(b"data", int24(SOUND))),
    "float_without_fact": riff(fmt(3, bits=32), chunk(b"data", SOUND.astype("<f4").tobytes())),
    "float_64": riff(fmt(3, bits=64), chunk(b"data", SOUND.astype("<f8").tobytes())),
    "unsigned_8": riff(fmt(bits=8), chunk(b"data", np.rint(SOUND * 127 + 128).astype(np.uint8).tobytes())),
    "id3_in_front": ID3 + plain(SOUND),
    "id3_behind": plain(SOUND) + chunk(b"id3 ", ID3),
    "tag_behind": plain(SOUND) + b"TAG" + bytes(125),
    "rubbish_behind": plain(SOUND) + b"\xff\x13rubbish" * 5,
    "half_a_header_behind": plain(SOUND) + b"LIS",
    "two_data_chunks": riff(fmt(), chunk(b"data", DATA[:8000]), chunk(b"data", DATA[8000:])),
    "big_endian": b"RIFX"
    + struct.pack(">I", 36 + len(DATA))
    + b"WAVEfmt "
    + struct.pack(">IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    + b"data"
    + struct.pack(">I", len(DATA))
    + np.frombuffer(DATA, "<i2").astype(">i2").tobytes(),
    "rf64": b"RF64\xff\xff\xff\xffWAVE"
    + chunk(b"ds64", struct.pack("<QQQI", len(DATA) + 72, len(DATA), len(DATA) // 2, 0))
    + fmt()
    + chunk(b"data", DATA, size=0xFFFFFFFF),
    "bw64": b"BW64\xff\xff\xff\xffWAVE"
    + chunk(b"ds64", struct.pack("<QQQI", len(DATA) + 72, len(DATA), len(DATA) // 2, 0))
    + fmt()
    + chunk(b"data", DATA, size=0xFFFFFFFF),
    **{
        f"{number}_{name.decode(errors='replace').strip()}_in_front": riff(
            fmt(), chunk(name, body), chunk(b"data", DATA)
        )
        for number, (name, body) in enumerate(
            [
                (b"PEAK", bytes(12)), (b"PEAK", struct.pack("<III", 1, 0, 0) + bytes(8)), (b"LIST", bytes(20)),
                (b"LIST", bytes(4000)), (b"LIST", INFO + bytes(200)), (b"LIST", b"INFOIART\xff\0\0\0abc\0"),
                (b"LIST", b"INFOIART\3\0\0\0abcISFT\4\0\0\0abc\0"), (b"LIST", b"INFOIART\3\0\0\0abc\0x"),
                (b"LIST", b"adtl" + chunk(b"note", b"\1\0\0\0take 1\0")), (b"LIST", b""), (b"smpl", bytes(32)),
                (b"cue ", struct.pack("<I", 50) + bytes(24)), (b"fact", bytes(12)), (b"bext", bytes(100)),
                (b"cart", bytes(2048)), (b"JUNK", bytes(28)), (b"FLLR", bytes(4044)), (b"zzzz", b"hello!"),
                (b"\1\2\3\4", b"hello!"), (b"\0\0\0\0", bytes(8)), (b"iXML", b"<BWFXML/>"),
            ]
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", WAVS)
def test_a_wav_is_read_to_its_end_whatever_its_header_says(tmp_path, kind):
    path = tmp_path / f"{kind.replace(chr(0), '')}.wav"
    path.write_bytes(WAVS[kind])
    assert_is_heard(path)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "ULAW", "ALAW", "GSM610", "G721_32"])
def test_codings_of_telephones_are_read(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", tone(1.0, 8000), 8000, subtype=subtype)
    assert_is_heard(tmp_path / "a.wav", within=0.07)


def test_only_a_wav_that_every_program_reads_alike_is_plain(tmp_path):
    path = tmp_path / "a.wav"
    for kind, content in WAVS.items():
        path.write_bytes(content)
        assert is_plain_wav(path, rate=RATE, channels=1) == (kind in ("plain", "riff_size_0", "riff_size_36_more"))
    path.write_bytes(plain(SOUND, rate=8000))
    assert not is_plain_wav(path, rate=RATE) and is_plain_wav(path)


ENCODED = [
    ("a.m4a", "aac", "ipod", 44_100, "mono"), ("a.m4a", "aac", "ipod", 48_000, "5.1"),
    ("a.m4a", "alac", "ipod", RATE, "mono"), ("a.qta", "alac", "mov", 48_000, "mono"),
    ("a.3ga", "aac", "3gp", RATE, "mono"), ("a.3gp", "libopencore_amrnb", "3gp", 8000, "mono"),
    ("a.mov", "aac", "mov", 44_100, "stereo"), ("a.m4b", "aac", "ipod", 22_050, "mono"),
    ("a.aac", "aac", "adts", 44_100, "mono"), ("a.amr", "libopencore_amrnb", "amr", 8000, "mono"),
    ("a.webm", "libopus", "webm", 48_000, "mono"), ("a.weba", "libopus", "webm", 48_000, "stereo"),
    ("a.mka", "libopus", "matroska", 48_000, "mono"), ("a.opus", "libopus", "ogg", 48_000, "mono"),
    ("a.ac3", "ac3", "ac3", 48_000, "mono"), ("a.eac3", "eac3", "eac3", 48_000, "5.1"),
    ("a.mp2", "mp2", "mp2", 44_100, "mono"), ("a.mp3", "libmp3lame", "mp3", 22_050, "mono"),
    ("a.wav", "libmp3lame", "wav", 22_050, "mono"), ("a.tta", "tta", "tta", RATE, "mono"),
    ("a.wv", "wavpack", "wv", RATE, "mono"), ("a.caf", "alac", "caf", RATE, "mono"),
    ("a.caf", "adpcm_ima_qt", "caf", RATE, "mono"), ("a.caf", "pcm_s16le", "caf", RATE, "mono"),
    ("a.aif", "pcm_s24be", "aiff", RATE, "mono"), ("a.snd", "pcm_s16be", "au", RATE, "mono"),
    ("a.au", "pcm_mulaw", "au", 8000, "mono"), ("a.w64", "pcm_s16le", "w64", RATE, "mono"),
    ("a.wave", "pcm_s16le", "wav", RATE, "stereo"), ("a.flv", "nellymoser", "flv", 22_050, "mono"),
    ("a.avi", "pcm_s16le", "avi", RATE, "mono"), ("a.ts", "aac", "mpegts", 48_000, "mono"),
    ("webm in a.wav", "libopus", "webm", 48_000, "mono"), ("m4a in a.mp3", "aac", "ipod", 44_100, "mono"),
    ("mp3 in a.wav", "libmp3lame", "mp3", 44_100, "mono"), ("no ending", "aac", "ipod", 44_100, "mono"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "container", "rate", "layout"), ENCODED)
def test_every_container_and_coding_is_read_by_what_is_in_it(tmp_path, name, codec, container, rate, layout):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV does not write {codec}")
    assert_is_heard(encode(tmp_path / name, codec, container=container, rate=rate, layout=layout), within=0.1)


@pytest.mark.parametrize(
    ("kind", "subtype", "options"),
    [("OGG", "VORBIS", {}), ("FLAC", "PCM_16", {}), ("AIFF", "PCM_S8", {}), ("AIFF", "FLOAT", {}),
     ("NIST", "PCM_16", {}), ("IRCAM", "PCM_16", {}), ("SVX", "PCM_16", {}), ("RF64", "PCM_16", {}),
     ("AVR", "PCM_16", {}), ("AU", "PCM_16", {"endian": "LITTLE"})],
)  # fmt: skip
def test_old_formats_are_read(tmp_path, kind, subtype, options):
    path = tmp_path / f"a.{kind.lower()}"
    soundfile.write(path, SOUND, RATE, format=kind, subtype=subtype, **options)
    assert_is_heard(path, within=0.02)


def test_an_mp3_without_a_length_is_read_to_its_end_with_all_kinds_of_tags(tmp_path):
    bare = encode(tmp_path / "bare.mp3", "libmp3lame", rate=44_100, options={"write_xing": "0", "id3v2_version": "0"})
    content = bare.read_bytes()
    picture = b"APIC" + struct.pack(">I", 200_014) + b"\0\0\0image/png\0\3\0" + np.random.default_rng(0).bytes(200_000)
    length = bytes(len(picture) >> shift & 127 for shift in (21, 14, 7, 0))
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 50, 1, 0x80000000) + bytes(8)
    for number, tagged in enumerate(
        [content, b"ID3\3\0\0" + length + picture + content, content + ape, content + b"TAG" + b"x" * 125,
         bytes(2000) + content, content + bytes(5000), content + ape + b"TAG" + bytes(125)]
    ):  # fmt: skip
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(tagged)
        assert_is_heard(path, within=0.1)
    (tmp_path / "twice.mp3").write_bytes(content + content)
    assert audio.info(tmp_path / "twice.mp3").seconds == pytest.approx(2 * audio.info(bare).seconds, abs=0.06)


def test_an_mp3_whose_quality_varies_is_not_estimated(tmp_path):
    sound = np.concatenate([np.zeros(44_100 * 5, np.float32), tone(1.0, 44_100), np.zeros(44_100 * 5, np.float32)])
    path = encode(
        tmp_path / "a.mp3", "libmp3lame", sound=sound, rate=44_100,
        options={"write_xing": "0"}, stream_options={"compression_level": "9", "q": "9"},
    )  # fmt: skip
    assert len(audio.read(path, rate=RATE)) / RATE == pytest.approx(11.0, abs=0.1)


def test_flac_of_unknown_length_and_with_tags_around_it(tmp_path):
    soundfile.write(tmp_path / "a.flac", SOUND, RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    (tmp_path / "tagged.flac").write_bytes(ID3 + content + b"TAG" + bytes(125))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "stream.flac").write_bytes(content)
    assert_is_heard(tmp_path / "tagged.flac")
    assert_is_heard(tmp_path / "stream.flac")


@pytest.mark.parametrize("codec", ["libopus", "VORBIS"])
def test_an_ogg_of_several_parts_is_read_whole(tmp_path, codec):
    parts = []
    for number in range(3):
        path = tmp_path / f"{number}.ogg"
        if codec == "VORBIS":
            soundfile.write(path, tone(1.0, 48_000), 48_000, subtype=codec)
        else:
            encode(path, codec)
        parts.append(path.read_bytes())
    (tmp_path / "all.ogg").write_bytes(b"".join(parts))
    assert audio.info(tmp_path / "all.ogg").seconds == pytest.approx(3.0, abs=0.1)


def test_a_video_has_a_sound_track_or_says_that_it_has_none(tmp_path):
    assert_is_heard(video(tmp_path / "a.mp4", sound=tone(1.0, 48_000)), within=0.1)
    assert "has no sound track" in reason(video(tmp_path / "mute.mp4", sound=None))


# -- sizes of other containers


def written(tmp_path: Path, kind: str, seconds: float = 3.0) -> bytearray:
    path = tmp_path / f"whole.{kind.lower()}"
    soundfile.write(path, tone(seconds), RATE, format=kind, subtype="PCM_16")
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
@pytest.mark.parametrize("kind", ["AIFF", "AU", "CAF", "W64"])
def test_a_recorder_that_never_knew_the_length_is_read_to_its_end(tmp_path, kind, size):
    content = written(tmp_path, kind)
    if kind == "AIFF":
        at = content.index(b"SSND")
        content[at + 4 : at + 8] = struct.pack(">I", size)
        content[4:8] = struct.pack(">I", size)
    elif kind == "AU":
        content[8:12] = struct.pack(">I", size)
    elif kind == "CAF":
        at = content.index(b"data")
        content[at + 4 : at + 12] = struct.pack(">q", -1 if size else 0)
    else:
        at = content.index(b"data")
        content[at + 16 : at + 24] = struct.pack("<Q", 2**64 - 1 if size else 24)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(content)
    assert_is_heard(path, seconds=3.0)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "CAF", "W64", "FLAC", "WAV", "RF64"])
def test_a_finished_file_of_which_seconds_are_missing_is_cut_off(tmp_path, kind):
    content = written(tmp_path, kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(content[: len(content) // 3])
    assert "is cut off after" in reason(path) and "of 3.0 s" in reason(path)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("a.m4a", "aac", {"movflags": "faststart"}), ("a.mp3", "libmp3lame", {}), ("a.webm", "libopus", {})],
)
def test_compressed_files_that_end_early_are_cut_off(tmp_path, name, codec, options):
    path = encode(tmp_path / name, codec, sound=tone(4.0, 48_000), options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    assert "is cut off after" in reason(path)


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.opus", "libopus"), ("a.mka", "libopus")])
def test_files_that_cannot_be_opened_any_more_are_damaged(tmp_path, name, codec):
    path = encode(tmp_path / name, codec, sound=tone(4.0, 48_000))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "cut off" in reason(path)


# -- channels


@pytest.mark.parametrize(
    ("weights", "peak"),
    [((1, -1), 0.52), ((1, -0.9), 0.52), ((1, 0), 0.52), ((0, 1), 0.52), ((1, 0, 0, 0), 0.52),
     ((0, 0, 1, 0, 0, 0), 0.52), ((1, 1), 0.52), ((1, 0.5), 0.39)],
)  # fmt: skip
def test_channels_that_cancel_are_not_averaged(tmp_path, weights, peak):
    soundfile.write(tmp_path / "a.wav", np.outer(SOUND, weights), RATE)
    samples = audio.read(tmp_path / "a.wav", rate=RATE)
    assert np.abs(samples).max() == pytest.approx(peak, abs=0.02)


def test_an_offset_is_no_sound_when_channels_are_judged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([0.5 * SOUND, np.full(len(SOUND), 0.5)], axis=1), RATE)
    samples = audio.read(tmp_path / "a.wav", rate=RATE)
    assert np.ptp(samples) == pytest.approx(0.52, abs=0.02)


# -- what is no sound


NO_SOUND = {
    "page.wav": (b"<!DOCTYPE html><html><body>404</body></html>" * 30, "a web page"),
    "pointer.wav": (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n", "git lfs pull"),
    "zeros.wav": (bytes(50_000), "nothing but zeros"),
    "zeros.mp3": (bytes(50_000), "nothing but zeros"),
    "empty.wav": (b"", "empty (0 bytes)"),
    "samples.raw": (np.random.default_rng(0).bytes(32_000), "bare samples"),
    "samples.pcm": (DATA, "bare samples"),
    "picture.wav": (b"\x89PNG\r\n\x1a\n" + bytes(300), "not audio"),
    "archive.wav": (b"PK\3\4" + bytes(900), "not audio"),
    "notes.wav": (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "not audio"),
    "noise.wav": (np.random.default_rng(1).bytes(100_000), "not audio"),
    "one.wav": (b"R", "not audio"),
}


@pytest.mark.parametrize("name", NO_SOUND)
def test_what_is_no_sound_is_called_what_it_is(tmp_path, name):
    content, what = NO_SOUND[name]
    (tmp_path / name).write_bytes(content)
    assert what in reason(tmp_path / name)


PLAYLISTS = {
    "hls.wav": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{0}\n#EXT-X-ENDLIST\n",
    "concat.wav": "ffconcat version 1.0\nfile '{0}'\n",
    "list.mp3": "[playlist]\nFile1={0}\nNumberOfEntries=1\n",
    "list.wma": "<asx version='3.0'><entry><ref href='{0}'/></entry></asx>",
    "list.ram": "rtsp://127.0.0.1/x\n{0}\n",
    "session.wav": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={0}\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "dash.wav": "<?xml version='1.0'?><MPD><Period><BaseURL>{0}</BaseURL></Period></MPD>",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_never_opens_what_it_names(tmp_path, name, monkeypatch):
    other = encode(tmp_path / "secret.aac", "aac", container="adts")
    (tmp_path / name).write_text(PLAYLISTS[name].format(other.name))
    monkeypatch.chdir(tmp_path)
    assert "not audio" in reason(tmp_path / name)


def test_pipes_and_devices_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "device.wav").symlink_to("/dev/zero")
    done = []
    thread = threading.Thread(
        target=lambda: done.extend(reason(tmp_path / name) for name in ("pipe.wav", "device.wav")), daemon=True
    )
    thread.start()
    thread.join(20.0)
    assert len(done) == 2 and all("a pipe or a device" in sentence for sentence in done)


READ_WITH_LITTLE = """
import resource, sys
from kws_engine import audio
from kws_engine.errors import AudioError
import av, soxr
for path in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    try:
        audio.read(path, rate=16_000, max_seconds=30.0)
    except AudioError as error:
        assert str(error).endswith(".")
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(path, (after.ru_maxrss - before.ru_maxrss) // 1024, seconds)
"""


def hostile(folder: Path) -> list[Path]:
    """Small files, and endless ones, whose headers ask for all memory or time there is."""
    files: dict[str, bytes | bytearray] = {}
    m4a = encode(folder / "a.m4a", "aac", options={"movflags": "faststart"}).read_bytes()
    at = m4a.index(b"stsz")
    files["table.m4a"] = m4a[: at + 12] + b"\x7f\xff\xff\xff" + m4a[at + 16 :]
    files["constant.m4a"] = m4a[: at + 8] + b"\0\0\0\1\x7f\xff\xff\xff" + m4a[at + 16 :]
    at = m4a.index(b"stts")
    files["times.m4a"] = m4a[: at + 12] + b"\x7f\xff\xff\xff" + m4a[at + 16 :]
    files["channels.wav"] = riff(fmt(channels=1000), chunk(b"data", DATA * 40))
    files["more channels.wav"] = WAVS["plain"][:22] + b"\xff\xff" + WAVS["plain"][24:]
    files["chunks.wav"] = b"RIFF\xff\xff\xff\xffWAVE" + b"junk\0\0\0\0" * 500_000
    files["picture.mp3"] = b"ID3\3\0\0\x7f\x7f\x7f\x7f" + b"APIC\x7f\xff\xff\xff" + bytes(5000)
    tta = bytearray(encode(folder / "a.tta", "tta", rate=RATE).read_bytes())
    tta[10:18] = b"\xff\xff\xff\0\xff\xff\xff\x7f"
    files["a.tta"] = tta
    soundfile.write(folder / "a.flac", SOUND, RATE)
    flac = bytearray((folder / "a.flac").read_bytes())
    flac[8:12] = flac[18:22] = b"\xff" * 4
    files["a.flac"] = flac
    for name, content in files.items():
        (folder / name).write_bytes(content)
    endless = {"endless.mp3": encode(folder / "b.mp3", "libmp3lame").read_bytes(), "endless.wav": WAVS["size_ffffffff"]}
    for name, content in {**endless, "nothing.mp3": b"", "nothing.wav": b""}.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.truncate(2**40)  # sparse: it needs no disk
    return [folder / name for name in (*files, *endless, "nothing.mp3", "nothing.wav")]


@pytest.mark.slow
def test_no_header_and_no_endless_file_takes_much_memory_or_time(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", READ_WITH_LITTLE, *map(str, hostile(tmp_path))],
        capture_output=True, text=True, timeout=240,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stdout.splitlines():
        name, mebibytes, seconds = line.rsplit(" ", 2)
        assert int(mebibytes) < 250 and float(seconds) < 10, (name, mebibytes, seconds)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus"), ("a.webm", "libopus"), ("a.flv", "nellymoser"),
     ("a.caf", "alac"), ("a.wv", "wavpack"), ("a.wav", "pcm_s16le")],
)  # fmt: skip
def test_damage_gives_sound_or_a_sentence_and_what_is_measured_is_what_is_read(tmp_path, capfd, name, codec):
    rate = 22_050 if codec == "nellymoser" else 48_000
    content = encode(tmp_path / name, codec, rate=rate).read_bytes()
    chance, path = np.random.default_rng(0), tmp_path / f"hurt {name}"
    for _ in range(40):
        hurt = bytearray(content)
        for at in chance.integers(0, min(len(hurt), 400), 4):
            hurt[at] = chance.integers(0, 256)
        path.write_bytes(hurt[: chance.integers(1, 2 * len(hurt))])
        try:
            samples = audio.read(path, rate=RATE, max_seconds=30.0)
        except AudioError as error:
            assert str(error).startswith(path.name) and str(error).endswith(".")
        else:
            frames, found = audio.measure(path, max_seconds=30.0)
            assert np.isfinite(samples).all() and len(samples) == pytest.approx(frames * RATE / found, abs=2)
    assert capfd.readouterr() == ("", "")
