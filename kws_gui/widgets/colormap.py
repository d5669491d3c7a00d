"""The colour map of spectrograms, from dark (quiet) to bright (loud)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import qRgb

from kws_engine import resources

LOW_DB, HIGH_DB = -80.0, 0.0


@functools.cache
def magma() -> list[int]:
    """256 colours as Qt's 32-bit values: matplotlib's magma (CC0), 256 RGB triples in a file of 768 bytes.

    Not taken from pyqtgraph, whose import during the first paint would block the window for half a second.
    """
    table = np.frombuffer(resources.path("magma.rgb").read_bytes(), np.uint8).reshape(256, 3)
    return [qRgb(int(r), int(g), int(b)) for r, g, b in table]


def levels(frames_db: NDArray[np.floating], *, low_db: float = LOW_DB, high_db: float = HIGH_DB) -> NDArray[np.uint8]:
    """Scales dB to 0..255 on a fixed range; NaN counts as silence."""
    scaled = (np.nan_to_num(frames_db, nan=low_db) - low_db) * (255.0 / (high_db - low_db))
    indices: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return indices
