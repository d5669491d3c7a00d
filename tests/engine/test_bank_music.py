"""Music that encoders and banks learn from: MIDI of games, played."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

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
    try:
        training, calibration = player.music("training"), player.music("calibration")
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            pytest.skip(f"{error.cmd[0]} of this machine is ended by a signal")
        raise
    assert len(training) + len(calibration) == len(pieces) and len(training) > len(calibration) > 0
    for sound in training:
        assert sound.dtype == np.float32 and np.abs(sound).max() == pytest.approx(0.5) and len(sound) > 4 * player.RATE


@pytest.mark.parametrize(("deaths", "is_played"), [(2, True), (3, False)])
def test_a_player_that_a_signal_ends_is_asked_again(
    player: ModuleType, tmp_path: Path, deaths: int, is_played: bool
) -> None:
    script = tmp_path / "player"
    script.write_text(f'echo >> "$0.tries"; [ $(wc -l < "$0.tries") -gt {deaths} ] || kill -SEGV $$\n')
    if is_played:
        player._run(["sh", str(script)])
    else:
        with pytest.raises(subprocess.CalledProcessError, match="SIGSEGV"):
            player._run(["sh", str(script)])


def test_a_player_that_says_it_failed_is_not_asked_again(player: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "player"
    script.write_text('echo >> "$0.tries"; exit 1\n')
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        player._run(["sh", str(script)])
    assert (tmp_path / "player.tries").read_text() == "\n"
