"""heed-wakeword listening to sound; runs with another Python, so it imports nothing of ours.

    python _heed_hearing.py MODEL SOUND

MODEL is what `heed train` wrote, SOUND raw 16-bit mono sound at 16 kHz. Prints one JSON object: the model's threshold,
the samples at which it reports its word, and its score at each step of 100 ms, 0 where its gate is closed.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

STEP = 1_600  # samples, as `heed listen` and `heed test` read them
_RATE = 16_000


def heard(model: Path, sound: Path) -> dict[str, Any]:
    """What its own detector says, with its own settings, in the stream's time."""
    array: Any = importlib.import_module("numpy")
    samples = array.frombuffer(sound.read_bytes(), array.int16).astype(array.float32) / 32768
    detector = importlib.import_module("heed.infer").WakeWordDetector(model)
    found, scores = [], []
    for at in range(0, len(samples) - STEP + 1, STEP):
        step = detector.step(samples[at : at + STEP], now=at / _RATE)
        scores.append(round(step["prob"], 9))
        if step["triggered"]:
            found.append(at + STEP)
    return {"threshold": detector.threshold, "heard": found, "scores": scores}


if __name__ == "__main__":
    print(json.dumps(heard(Path(sys.argv[1]), Path(sys.argv[2]))))
