"""Music that encoders and banks learn from: MIDI of games, played."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from virtual_microphone import VirtualMicrophone

PACKAGING = Path(__file__).parents[2] / "packaging"


@pytest.fixture
def player(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(PACKAGING))
    import music

    yield music
    del sys.modules["music"]


def _midi(*notes: int) -> bytes:
    """One note after another, half a second each, on an organ."""
    events = bytes([0, 0xC0, 19])
    for note in notes:
        events += bytes([0, 0x90, note, 100, 0x60, 0x80, note, 0])
    events += bytes([0, 0xFF, 0x2F, 0])
    return b"MThd" + struct.pack(">ihhh", 6, 0, 1, 96) + b"MTrk" + struct.pack(">i", len(events)) + events


def _wad(path: Path, *lumps: bytes) -> Path:
    directory, at = b"", 12
    for lump in lumps:
        directory += struct.pack("<ii8s", at, len(lump), b"D_TUNE")
        at += len(lump)
    path.write_bytes(b"IWAD" + struct.pack("<ii", len(lumps), at) + b"".join(lumps) + directory)
    return path


def test_each_piece_of_the_games_is_found_once(
    player: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _midi(60), _midi(62)
    games = [_wad(tmp_path / "a.wad", b"a map", first, second), _wad(tmp_path / "b.wad", second, b"MUS\x1a")]
    monkeypatch.setattr(player, "_GAMES", games)
    assert player._pieces() == [first, second]


def test_what_is_not_installed_is_named(player: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "_GAMES", [tmp_path / "missing.wad"])
    with pytest.raises(SystemExit, match="freedoom, freedm, fluid-soundfont-gm and fluidsynth"):
        player.music("training")


def test_a_piece_is_played_in_one_part(player: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not player.is_installed():
        pytest.skip(f"needs {player.PACKAGES}")
    pieces = [_midi(*[note] * 12) for note in range(50, 70)]
    monkeypatch.setattr(player, "_GAMES", [_wad(tmp_path / "a.wad", *pieces)])
    training, calibration = player.music("training"), player.music("calibration")
    assert len(training) + len(calibration) == len(pieces) and len(training) > len(calibration) > 0
    for sound in training:
        assert sound.dtype == np.float32 and np.abs(sound).max() == pytest.approx(0.5) and len(sound) > 4 * player.RATE


def test_music_is_played_where_the_sound_server_has_no_device(
    player: ModuleType, virtual_microphone: VirtualMicrophone
) -> None:
    """FluidSynth looks for devices though it plays into a file, and dies where there is none."""
    if not player.is_installed():
        pytest.skip(f"needs {player.PACKAGES}")
    virtual_microphone.unplug()
    assert len(player._played(_midi(*[60] * 12))) > 4 * player.RATE
