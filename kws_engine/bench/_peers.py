"""Other programs that listen, each in a process of its own; runs with another Python, so it imports nothing of ours.

    python _peers.py NAME SOUND ...

SOUND is raw 16-bit mono sound at 16 kHz. Prints one JSON object: processor seconds for each second of each sound, and
resident memory.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RATE = 16_000
_CHUNK = 1024  # samples, as these programs read them themselves
Feed = Callable[[bytes], None]


def pymicro_wakeword() -> Feed:
    """A streaming convolutional network of int8, one word."""
    package = importlib.import_module("pymicro_wakeword")
    word = package.MicroWakeWord.from_builtin(package.Model("okay_nabu"))
    frontend = package.MicroWakeWordFeatures()

    def feed(chunk: bytes) -> None:
        for features in frontend.process_streaming(chunk):
            word.process_streaming(features)

    return feed


def pyopen_wakeword() -> Feed:
    """A head on the speech embedding, one word."""
    package = importlib.import_module("pyopen_wakeword")
    word = package.OpenWakeWord.from_builtin(package.Model("okay_nabu"))
    frontend = package.OpenWakeWordFeatures.from_builtin()

    def feed(chunk: bytes) -> None:
        for features in frontend.process_streaming(chunk):
            for _ in word.process_streaming(features):
                pass

    return feed


def pvporcupine() -> Feed:
    """A closed network, one word."""
    array: Any = importlib.import_module("numpy")
    word = importlib.import_module("pvporcupine").create(keywords=["computer"])
    waiting = array.zeros(0, array.int16)

    def feed(chunk: bytes) -> None:
        nonlocal waiting
        sound = array.concatenate((waiting, array.frombuffer(chunk, array.int16)))
        whole = len(sound) - len(sound) % word.frame_length
        for at in range(0, whole, word.frame_length):
            word.process(sound[at : at + word.frame_length])
        waiting = sound[whole:]

    return feed


PEERS: dict[str, Callable[[], Feed]] = {
    "pymicro-wakeword": pymicro_wakeword,
    "pvporcupine": pvporcupine,
    "pyopen-wakeword": pyopen_wakeword,
}


def measure(make: Callable[[], Feed], sounds: list[Path]) -> dict[str, Any]:
    """Processor seconds a second of each sound, from a fresh listener for each, and MB at the end."""
    costs = []
    for path in sounds:
        sound, feed = path.read_bytes(), make()
        chunks = [sound[at : at + 2 * _CHUNK] for at in range(0, len(sound), 2 * _CHUNK)]
        for chunk in chunks[:50]:
            feed(chunk)
        began = time.process_time()
        for chunk in chunks[50:]:
            feed(chunk)
        costs.append((time.process_time() - began) / (len(chunks[50:]) * _CHUNK / _RATE))
    return {"costs": costs, "mb": resident_mb()}


def resident_mb() -> float:
    """Of this process; 0 where the system does not tell it in this way."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    print(json.dumps(measure(PEERS[sys.argv[1]], [Path(one) for one in sys.argv[2:]])))
