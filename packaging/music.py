"""Music that may train what ships: that of Freedoom, as MIDI, played by FluidSynth with the sounds of FluidR3.

Music is what homes are full of, and recordings of it that may be used freely for this are not to be had in number.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bank import BankPart

RATE = 16_000
SECONDS = 90.0
PACKAGES = "freedoom, freedm, fluid-soundfont-gm and fluidsynth"
Sound = NDArray[np.float32]
_GAMES = [Path("/usr/share/games/doom") / f"{name}.wad" for name in ("freedoom1", "freedoom2", "freedm")]
_SOUNDS = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_CALIBRATION_PERCENT = 20
_NO_SOUND_SERVER = "unix:/nowhere"  # for one without a device FluidSynth 2.3.1 dies, though it plays into a file


def music(part: BankPart) -> list[Sound]:
    """The first minute and a half of each piece, (N,) at RATE, its peak at 0.5; a piece is in one part only.

    Raises:
        SystemExit: Where one of the packages is missing.
    """
    if not is_installed():
        raise SystemExit(f"The music is played from Debian's packages {PACKAGES}: install them first.")
    chosen = [midi for midi in _pieces() if (zlib.crc32(midi) % 100 < _CALIBRATION_PERCENT) == (part == "calibration")]
    return [played for midi in chosen if len(played := _played(midi)) > 4 * RATE]


def is_installed() -> bool:
    """Whether the packages are there."""
    return shutil.which("fluidsynth") is not None and all(file.exists() for file in [*_GAMES, _SOUNDS])


def _pieces() -> list[bytes]:
    """MIDI files, each once, in the order of the games."""
    return list(dict.fromkeys(lump for game in _GAMES for lump in _lumps(game.read_bytes()) if lump[:4] == b"MThd"))


def _lumps(wad: bytes) -> Iterator[bytes]:
    """What a WAD holds: a header names the place of a directory of (offset, size, name)."""
    count, directory = struct.unpack("<ii", wad[4:12])
    for offset, size, _ in struct.iter_unpack("<ii8s", wad[directory : directory + 16 * count]):
        yield wad[offset : offset + size]


def _played(midi: bytes) -> Sound:
    with tempfile.TemporaryDirectory() as folder:
        score, file = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        score.write_bytes(midi)
        command = ["fluidsynth", "-ni", "-r", str(RATE), "-F", str(file), str(_SOUNDS), str(score)]
        environment = {**os.environ, "PULSE_SERVER": _NO_SOUND_SERVER}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        sound = audio.read(file, rate=RATE, max_seconds=1200)[: round(SECONDS * RATE)]
    loud = np.flatnonzero(np.abs(sound) > 1e-3)
    sound = sound[loud[0] :] if len(loud) else sound[:0]
    return (0.5 * sound / max(float(np.abs(sound).max(initial=0)), 1e-6)).astype(np.float32)
