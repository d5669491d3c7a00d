"""The inside of `kws bench listen`: one of our models listens in this process, as `_peers.py` has others listen."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from kws_engine.bench._peers import Feed, measure
from kws_engine.spotting.model_file import SpottingModel

_FULL = np.float32(1 / 32768)


def listener(model: SpottingModel) -> Feed:
    """Feeds chunks of 16-bit sound to a detector of the model's own settings."""
    detector = model.detector()

    def feed(chunk: bytes) -> bool:
        steps = detector.feed(np.multiply(np.frombuffer(chunk, np.int16), _FULL, dtype=np.float32))
        return any(step.detection is not None for step in steps)

    return feed


if __name__ == "__main__":
    opened = SpottingModel(sys.argv[1])
    print(json.dumps(measure(lambda: listener(opened), [Path(one) for one in sys.argv[2:]])))
