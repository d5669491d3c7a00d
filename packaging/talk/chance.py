"""Random numbers that depend on a key alone, so that a sentence added later changes no other sound."""

from __future__ import annotations

import hashlib

import numpy as np


def rng_for(*key: object) -> np.random.Generator:
    """The generator that belongs to a key."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
