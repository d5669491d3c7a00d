"""The inside of `kws bench listen`: one of our models listens in this process, as `_peers.py` has others listen."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from kws_engine.bench._peers import Feed, measure
from kws_engine.spotting.model_file import SpottingModel

_FULL = np.float32(1 / 32768)


def listener(model: SpottingModel, *, second_look: bool) -> Feed:
    """Feeds chunks of 16-bit sound to a detector of the model's own settings, with its second look or without."""
    detector = model.detector(dataclasses.replace(model.detector_config, second_look=second_look))

    def feed(chunk: bytes) -> bool:
        steps = detector.feed(np.multiply(np.frombuffer(chunk, np.int16), _FULL, dtype=np.float32))
        return any(step.detection is not None for step in steps)

    return feed


if __name__ == "__main__":
    opened, is_looked = SpottingModel(sys.argv[1]), sys.argv[2] == "looked"
    print(json.dumps(measure(lambda: listener(opened, second_look=is_looked), [Path(one) for one in sys.argv[3:]])))
