"""The microphone, with a real sound path: bit-exact, and noticed when it goes away."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
from virtual_microphone import VirtualMicrophone
from waiting import assert_stays, wait_until

from kws_engine import audio
from kws_engine.clips.recording import TakeRecorder
from kws_engine.errors import MicrophoneError
from kws_engine.microphone import Microphone, Reader, devices, find_device, refresh_devices

RATE = 16_000
ROOT = pathlib.Path(__file__).parents[2]


def hiss(path: pathlib.Path, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """A WAV of loud random samples, none of them zero, and what it holds."""
    pcm = np.random.default_rng(1).integers(1, 20_000, round(seconds * rate)).astype(np.int16)
    soundfile.write(path, pcm, rate, subtype="PCM_16")
    return pcm.astype(np.float32) / 32768


def started(microphone: Microphone) -> Microphone:
    """What is played before the first callback is not heard."""
    wait_until(lambda: microphone.ring.position)
    return microphone


def sound_in(samples: np.ndarray) -> np.ndarray:
    """From the first to the last sample that is not silence."""
    at = np.flatnonzero(samples)
    return samples[at[0] : at[-1] + 1] if len(at) else samples[:0]


def hear(microphone: Microphone, virtual: VirtualMicrophone, path: pathlib.Path) -> np.ndarray:
    virtual.play(path).wait()
    ring = microphone.ring
    wait_until(lambda: ring.position > RATE // 5 and not ring.read(ring.position - RATE // 5).samples.any())
    return sound_in(ring.read(0).samples)


def test_what_is_played_is_recorded_bit_by_bit(virtual_microphone, tmp_path):
    played = hiss(tmp_path / "hiss.wav", seconds=2.0)
    with Microphone(rate=RATE) as microphone:
        assert np.array_equal(hear(started(microphone), virtual_microphone, tmp_path / "hiss.wav"), played)
        assert microphone.overflows == 0
        microphone.check()


def test_the_devices_own_rate_is_bit_exact_too(virtual_microphone, tmp_path):
    own_rate = find_device().rate
    virtual_microphone.plug(rate=own_rate)
    played = hiss(tmp_path / "hiss.wav", rate=own_rate)
    with Microphone() as microphone:
        assert microphone.rate == own_rate
        assert np.array_equal(hear(started(microphone), virtual_microphone, tmp_path / "hiss.wav"), played)


def test_a_48_khz_microphone_is_resampled(virtual_microphone, tmp_path):
    virtual_microphone.plug(rate=48_000)
    wave = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    audio.write(tmp_path / "tone.wav", wave, rate=48_000)
    with Microphone(rate=48_000) as microphone:
        started(microphone)
        reader, pieces = Reader(microphone, rate=RATE), []
        began = microphone.ring.position
        virtual_microphone.play(tmp_path / "tone.wav").wait()
        wait_until(lambda: pieces.append(reader.read()) or np.any(pieces[-1].samples))
        wait_until(lambda: pieces.append(reader.read()) or pieces[-1].position > 1.5 * RATE)
        whole = microphone.ring.read(began).samples
    heard = np.concatenate([piece.samples for piece in pieces])
    assert sum(piece.lost for piece in pieces) == 0
    assert pieces[-1].position == len(heard)
    expected = audio.resample(whole, 48_000, RATE)
    offset = (len(whole) // 3) - len(heard)
    assert np.abs(heard).max() > 0.4
    assert min(np.abs(heard - expected[at : at + len(heard)]).max() for at in range(max(1, offset))) < 1e-4


def test_two_readers_have_positions_of_their_own(virtual_microphone, tmp_path):
    played = hiss(tmp_path / "hiss.wav")
    with Microphone(rate=RATE) as microphone:
        started(microphone)
        often, once = Reader(microphone), Reader(microphone)
        pieces = []
        player = virtual_microphone.play(tmp_path / "hiss.wav")
        wait_until(lambda: pieces.append(often.read().samples) or player.poll() is not None)
        hear(microphone, virtual_microphone, tmp_path / "hiss.wav")
    pieces.append(often.read().samples)
    everything = once.read()
    assert np.array_equal(np.concatenate(pieces), everything.samples)
    assert everything.lost == 0 and len(often.read().samples) == 0
    assert np.array_equal(sound_in(everything.samples)[: len(played)], played)


@pytest.mark.parametrize("rate", [RATE, 8_000])
def test_a_reader_that_was_too_slow_counts_what_it_lost(virtual_microphone, rate):
    with Microphone(ring_seconds=0.2, rate=RATE) as microphone:
        reader = Reader(started(microphone), rate=rate)
        wait_until(lambda: microphone.ring.position > RATE)
        slow = reader.read()
        assert slow.lost > 0.5 * rate
        assert slow.position == slow.lost + len(slow.samples)
        total_lost, counted = slow.lost, slow.lost + len(slow.samples)
        for _ in range(5):
            heard = reader.read()
            counted += heard.lost + len(heard.samples)
            total_lost += heard.lost
            assert heard.position == counted
            before = microphone.ring.position
            wait_until(lambda before=before: microphone.ring.position > before)
        reader.skip()
        assert reader.read().lost == 0


def test_pulled_out(virtual_microphone):
    with Microphone() as microphone:
        started(microphone).check()
        virtual_microphone.unplug()
        with pytest.raises(MicrophoneError, match='"default" went away: plug it in again'):
            wait_until(microphone.check, seconds=5.0)
        heard = microphone.ring.position
        assert len(microphone.ring.read(0).samples) == heard > 0
    virtual_microphone.plug()
    with Microphone() as microphone:
        started(microphone).check()


def test_gone_silent(virtual_microphone):
    with Microphone() as microphone:
        started(microphone).check()
        virtual_microphone.suspend()
        with pytest.raises(MicrophoneError, match='"default" delivers no sound any more'):
            wait_until(microphone.check, seconds=5.0)


def test_a_microphone_can_be_stopped_and_started_again(virtual_microphone, tmp_path):
    played = hiss(tmp_path / "hiss.wav")
    microphone = Microphone(rate=RATE)
    for _ in range(3):
        with microphone:
            before = microphone.ring.position
            wait_until(lambda before=before: microphone.ring.position > before)
        stopped_at = microphone.ring.position
        assert_stays(lambda stopped_at=stopped_at: microphone.ring.position == stopped_at, seconds=0.15)
        microphone.check()
    with microphone:
        before = microphone.ring.position
        wait_until(lambda: microphone.ring.position > before)
        assert np.array_equal(hear(microphone, virtual_microphone, tmp_path / "hiss.wav"), played)


def test_the_level_follows_the_newest_sound(virtual_microphone, tmp_path):
    hiss(tmp_path / "hiss.wav")
    with Microphone(rate=RATE) as microphone:
        started(microphone)
        wait_until(lambda: microphone.level.peak_db == audio.SILENCE_DB)
        virtual_microphone.play(tmp_path / "hiss.wav")
        wait_until(lambda: microphone.level.peak_db > -6.0)
        wait_until(lambda: -14.0 < microphone.level.rms_db < 0.0)
        virtual_microphone.hush()
        wait_until(lambda: microphone.level.rms_db == audio.SILENCE_DB)


def test_names_pick_devices(virtual_microphone):
    names = [device.name for device in devices()]
    assert {"Desk", "Headset left", "Headset right", "default"} <= set(names) and len(set(names)) == len(names)
    assert [device.name for device in devices() if device.is_default] == [find_device().name] == ["default"]
    assert find_device("Headset left").name == "Headset left"
    assert find_device("desk").name == "Desk"
    with pytest.raises(MicrophoneError, match=r'fits several microphones.*: "Headset left", "Headset right"'):
        find_device("head")
    with pytest.raises(MicrophoneError, match=r'No microphone is called "Studio".*"Desk", "Headset left"'):
        Microphone("Studio")
    with Microphone("Desk") as microphone:
        started(microphone)
        assert microphone.device.name == "Desk"


def test_devices_are_listed_anew_only_while_none_is_open(virtual_microphone):
    with Microphone() as microphone:
        started(microphone)
        assert not refresh_devices()
        microphone.check()
    assert refresh_devices()


def test_devices_may_be_listed_while_another_thread_lists_them_anew(virtual_microphone):
    names, done = [device.name for device in devices()], threading.Event()

    def list_anew() -> None:
        for _ in range(10):
            refresh_devices()
        done.set()

    threading.Thread(target=list_anew).start()
    while not done.is_set():
        assert [device.name for device in devices()] == names


def test_a_device_listed_elsewhere_since_it_was_chosen_is_still_the_one_opened(virtual_microphone, tmp_path):
    microphone = Microphone("Headset right")
    settings = pathlib.Path(os.environ["ALSA_CONFIG_PATH"])
    lines = settings.read_text().splitlines()
    desk = next(at for at, line in enumerate(lines) if "Desk" in line)
    (tmp_path / "asound.conf").write_text("\n".join(lines[:desk] + lines[desk + 2 :]) + "\n")
    os.environ["ALSA_CONFIG_PATH"] = str(tmp_path / "asound.conf")
    try:
        assert refresh_devices()
        assert {device.name: device.index for device in devices()}["Headset right"] != microphone.device.index
        with microphone:
            started(microphone)
            assert microphone.device == find_device("Headset right")
    finally:
        os.environ["ALSA_CONFIG_PATH"] = str(settings)
        assert refresh_devices()


def test_odd_names_are_shown_in_one_line_and_can_be_chosen(virtual_microphone, tmp_path):
    names = (b"D\x1b[31mesk\a", b"caf\xe9")
    odd = b"".join(b'pcm."' + name + b'" { type pulse\n hint { show on description "x" } }\n' for name in names)
    settings = pathlib.Path(os.environ["ALSA_CONFIG_PATH"])
    (tmp_path / "asound.conf").write_bytes(settings.read_bytes() + odd)
    os.environ["ALSA_CONFIG_PATH"] = str(tmp_path / "asound.conf")
    try:
        assert refresh_devices()
        assert all(device.name.isprintable() for device in devices())
        with Microphone("D [31mesk") as microphone:
            started(microphone)
        with pytest.raises(MicrophoneError, match="not valid UTF-8"):
            Microphone("caf").start()
    finally:
        os.environ["ALSA_CONFIG_PATH"] = str(settings)
        assert refresh_devices()


def test_a_microphone_that_cannot_be_opened_says_why(virtual_microphone):
    microphone = Microphone()
    virtual_microphone.unplug()
    environment = dict(os.environ)
    try:
        os.environ["PULSE_SERVER"] = "unix:/nowhere"
        with pytest.raises(MicrophoneError, match=r'"default" could not be opened \(.+\): plug it in'):
            microphone.start()
    finally:
        os.environ.update(environment)
    assert refresh_devices(), "a failed start leaves nothing open"


def test_a_take_of_real_speech_through_the_microphone(virtual_microphone, shared_data):
    path = sorted((shared_data / "wake_word/computer").glob("*.wav"))[0]
    recorder = TakeRecorder(RATE, clip_samples=RATE, take_seconds=4.0)
    with Microphone(rate=RATE) as microphone:
        reader = Reader(started(microphone))
        recorder.start()
        virtual_microphone.play(path)
        wait_until(lambda: recorder.feed(reader.read().samples) or recorder.state == "done")
    take = recorder.take()
    assert take.bounds is not None and not take.no_speech
    spoken = audio.read(path, rate=RATE)
    windows = np.lib.stride_tricks.sliding_window_view(spoken, RATE)
    first_in_clip = np.flatnonzero(take.clip)[0]
    assert any(np.array_equal(window[first_in_clip:], take.clip[first_in_clip:]) for window in windows)


NO_MICROPHONE = """
from kws_engine.errors import MicrophoneError
from kws_engine.microphone import Microphone, devices
try:
    print(devices())
    Microphone()
except MicrophoneError as error:
    print(error)
"""
NO_PORTAUDIO = "import ctypes.util; ctypes.util.find_library = lambda name: None\n" + NO_MICROPHONE
CHEAP_IMPORT = """
import sys, kws_engine.microphone
print(sorted({"sounddevice", "torch", "PySide6"} & set(sys.modules)))
"""


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_no_microphone_at_all(tmp_path):
    (tmp_path / "asound.conf").write_text("</usr/share/alsa/alsa.conf>\n")
    said = python(NO_MICROPHONE, ALSA_CONFIG_PATH=str(tmp_path / "asound.conf"), PULSE_SERVER="unix:/nowhere")
    assert said == "[]\nNo microphone was found: plug one in and allow this program to use it."


def test_a_sound_system_with_broken_settings(tmp_path):
    (tmp_path / "asound.conf").write_text("</usr/share/alsa/alsa.conf>\npcm.spoilt name { type pulse }\n")
    said = python(NO_MICROPHONE, ALSA_CONFIG_PATH=str(tmp_path / "asound.conf"))
    assert said.startswith("The sound system cannot be used (Unanticipated host error): check its settings")


def test_without_portaudio_the_package_to_install_is_named():
    assert "sudo apt-get install libportaudio2" in python(NO_PORTAUDIO)


def test_importing_costs_no_sound_system():
    assert python(CHEAP_IMPORT) == "[]"
