"""The window's microphone and loudspeaker as signals, on a real sound path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from virtual_microphone import VirtualMicrophone
from waiting import wait_until

from kws_engine import audio, microphone
from kws_engine.errors import MicrophoneError
from kws_gui.bridges.player import Player
from kws_gui.services.microphone import MicrophoneService

PATIENCE_MS = 20_000
RATE = 16_000


@pytest.fixture
def service(qapp: QApplication, virtual_microphone: VirtualMicrophone) -> Iterator[MicrophoneService]:
    service = MicrophoneService()
    yield service
    service.shutdown()


@pytest.fixture
def player(qapp: QApplication) -> Iterator[Player]:
    player = Player()
    yield player
    player.shutdown()


def tone(seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def open_for(service: MicrophoneService, owner: object, qtbot: QtBot) -> None:
    with qtbot.waitSignal(service.opened, timeout=PATIENCE_MS):
        service.acquire(owner)


def test_it_is_open_while_somebody_holds_it(service: MicrophoneService, qtbot: QtBot) -> None:
    one, other = object(), object()
    open_for(service, one, qtbot)
    service.acquire(other)
    service.release(one)
    assert service.is_open
    with qtbot.waitSignal(service.closed, timeout=PATIENCE_MS):
        service.release(other)
    assert not service.is_open
    with pytest.raises(MicrophoneError):
        service.reader(RATE)


def test_released_before_it_was_open_it_stays_closed(service: MicrophoneService, qtbot: QtBot) -> None:
    service.acquire(one := object())
    service.release(one)
    open_for(service, other := object(), qtbot)
    service.release(other)
    assert not service.is_open


def test_a_stream_that_opens_while_the_window_closes_is_closed(
    qapp: QApplication, virtual_microphone: VirtualMicrophone
) -> None:
    for is_released in (False, True):
        service = MicrophoneService()
        service.acquire(owner := object())
        wait_until(lambda: microphone._open_streams, seconds=10)  # the window's thread hears of nothing
        if is_released:
            service.release(owner)
        service.shutdown()
        assert not microphone._open_streams
        qapp.processEvents()
        assert not service.is_open


def test_the_level_is_told(
    service: MicrophoneService, qtbot: QtBot, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    open_for(service, service, qtbot)
    audio.write(tmp_path / "tone.wav", tone(3), rate=RATE)
    virtual_microphone.play(tmp_path / "tone.wav")
    levels = []
    service.levelChanged.connect(lambda peak_db, rms_db: levels.append((peak_db, rms_db)))
    qtbot.waitUntil(lambda: any(abs(p + 6) < 1 and abs(r + 9) < 1 for p, r in levels), timeout=PATIENCE_MS)


def test_devices_are_listed_and_the_chosen_one_is_remembered(service: MicrophoneService, qtbot: QtBot) -> None:
    with qtbot.waitSignal(service.devicesChanged, timeout=PATIENCE_MS):
        service.refresh()
    assert "Desk" in [device.name for device in service.devices()]
    open_for(service, service, qtbot)
    with qtbot.waitSignal(service.opened, timeout=PATIENCE_MS) as opened:
        service.set_device("Desk")
    assert opened.args == ["Desk"] and service.name == "Desk"
    assert QSettings().value("microphone/device") == "Desk"
    assert MicrophoneService().device == "Desk"


def test_unplugged_is_said_and_try_again_opens_it(
    service: MicrophoneService, qtbot: QtBot, virtual_microphone: VirtualMicrophone
) -> None:
    open_for(service, service, qtbot)
    with qtbot.waitSignals([service.failed, service.closed], timeout=PATIENCE_MS):
        virtual_microphone.unplug()
    virtual_microphone.plug()
    with qtbot.waitSignal(service.opened, timeout=PATIENCE_MS):
        service.try_again()


def test_an_unknown_device_fails_in_words(service: MicrophoneService, qtbot: QtBot) -> None:
    service.set_device("Nowhere")
    with qtbot.waitSignal(service.failed, timeout=PATIENCE_MS) as failed:
        service.acquire(service)
    assert '"Nowhere"' in failed.args[0] and not service.is_open


def test_a_sound_is_played_into_the_loudspeaker(service: MicrophoneService, player: Player, qtbot: QtBot) -> None:
    """The sink's monitor is the microphone, so what is played is heard."""
    open_for(service, service, qtbot)
    reader = service.reader(RATE)
    positions: list[int] = []
    player.positionChanged.connect(positions.append)
    with qtbot.waitSignal(player.stopped, timeout=PATIENCE_MS):
        player.play(tone(0.6), RATE)
    heard: list[np.ndarray] = []

    def is_heard() -> bool:
        heard.append(reader.read().samples)
        return bool(np.sum(np.abs(np.concatenate(heard)) > 0.1) > 0.4 * RATE)

    qtbot.waitUntil(is_heard, timeout=PATIENCE_MS)
    assert positions == sorted(positions) and positions[-1] <= 0.6 * RATE


def test_a_new_sound_silences_the_one_before(
    virtual_microphone: VirtualMicrophone, player: Player, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(player.started, timeout=PATIENCE_MS):
        player.play(tone(30), RATE)
    with qtbot.waitSignals([player.stopped, player.started], timeout=PATIENCE_MS):
        player.play(tone(30), RATE)
    with qtbot.waitSignal(player.stopped, timeout=PATIENCE_MS):
        player.stop()
    assert not player.is_playing


def test_a_sound_that_starts_while_the_window_closes_is_stopped(
    qapp: QApplication, virtual_microphone: VirtualMicrophone
) -> None:
    for is_silenced in (False, True):
        player = Player()
        player.play(tone(30), RATE)
        wait_until(lambda player=player: player._arriving, seconds=10)  # the window's thread hears of nothing
        assert microphone._open_streams
        if is_silenced:
            player.stop()
        player.shutdown()
        assert not microphone._open_streams
        qapp.processEvents()
        assert not player.is_playing and microphone.refresh_devices()


def test_a_file_that_is_no_sound_fails_in_words(player: Player, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with qtbot.waitSignal(player.failed, timeout=PATIENCE_MS) as failed:
        player.play_file(tmp_path / "text.wav")
    assert "text.wav" in failed.args[0]
