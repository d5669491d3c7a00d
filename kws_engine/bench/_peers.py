"""Other programs that listen, each in a process of its own; runs with another Python, so it imports nothing of ours.

    python _peers.py NAME SOUND ...
    python _peers.py --heard NAME SOUND ...

SOUND is raw 16-bit mono sound at 16 kHz. Prints one JSON object: processor seconds for each second of each sound, and
resident memory; or, of each sound, the samples at which the program reports its word.
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
_USUAL = 0.5  # threshold of a word that gives scores
_CHUNK = 1024  # samples, as these programs read them themselves
Feed = Callable[[bytes], bool]
"""Takes the next sound, and says whether the word was heard."""


def pymicro_wakeword() -> Feed:
    """A streaming convolutional network of int8, one word."""
    package = importlib.import_module("pymicro_wakeword")
    word = package.MicroWakeWord.from_builtin(package.Model("okay_nabu"))
    frontend = package.MicroWakeWordFeatures()

    def feed(chunk: bytes) -> bool:
        found = [word.process_streaming(features) for features in frontend.process_streaming(chunk)]
        return any(found)

    return feed


def pyopen_wakeword() -> Feed:
    """A head on the speech embedding, one word."""
    package = importlib.import_module("pyopen_wakeword")
    word = package.OpenWakeWord.from_builtin(package.Model("okay_nabu"))
    frontend = package.OpenWakeWordFeatures.from_builtin()

    def feed(chunk: bytes) -> bool:
        scores = [score for features in frontend.process_streaming(chunk) for score in word.process_streaming(features)]
        return any(score >= _USUAL for score in scores)

    return feed


def pvporcupine() -> Feed:
    """A closed network, one word."""
    array: Any = importlib.import_module("numpy")
    word = importlib.import_module("pvporcupine").create(keywords=["computer"])
    waiting = array.zeros(0, array.int16)

    def feed(chunk: bytes) -> bool:
        nonlocal waiting
        sound = array.concatenate((waiting, array.frombuffer(chunk, array.int16)))
        whole = len(sound) - len(sound) % word.frame_length
        found = [word.process(sound[at : at + word.frame_length]) for at in range(0, whole, word.frame_length)]
        waiting = sound[whole:]
        return any(one >= 0 for one in found)

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


def heard(make: Callable[[], Feed], sounds: list[Path]) -> dict[str, Any]:
    """The samples at which each sound's words were reported, from a fresh listener for each."""
    found = []
    for path in sounds:
        sound, feed = path.read_bytes(), make()
        starts = range(0, len(sound), 2 * _CHUNK)
        found.append([at // 2 + _CHUNK for at in starts if feed(sound[at : at + 2 * _CHUNK])])
    return {"heard": found}


def resident_mb() -> float:
    """Of this process; 0 where the system does not tell it in this way."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    mode, arguments = (heard, sys.argv[2:]) if sys.argv[1] == "--heard" else (measure, sys.argv[1:])
    print(json.dumps(mode(PEERS[arguments[0]], [Path(one) for one in arguments[1:]])))
