"""The bank: vectors of what people say that is not the word, from which every taught word learns.

It holds sentences, single words and noise by many voices in several languages, as they are and changed. Only vectors
ship, one number a byte, compressed; each encoder has its own. `packaging/make_bank.py` makes them; NOTICE names the
recordings.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine import resources
from kws_engine.features.encoded import EncoderName
from kws_engine.talk import holds_word

BankPart = Literal["training", "calibration"]
BankKind = Literal["sentence", "word", "noise"]
_KINDS: Final = ("sentence", "word", "noise")
_PARTS: Final = ("training", "calibration")
HOP_S: Final = 0.08


@dataclass(frozen=True)
class BankVectors:
    """Vectors of one part.

    Attributes:
        values: int8 (N, 96); a vector is `values * scale`.
        scale: float32 (96,), for vectors as the feature gives them.
        starts: (S,), where each stretch of sound begins; vectors of one stretch follow on one another.
        lengths: (S,), how many vectors each has.
        kinds: The kind of each stretch.
        changed: Whether a stretch is one of the others, with another room, microphone, noise and voice (S,).
        texts: By number, what is said in each (S,); -1 where that is not known.
        voices: By number, who speaks (S,); -1 where that is not known, or nobody does.
    """

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    kinds: tuple[BankKind, ...]
    changed: NDArray[np.bool_]
    texts: NDArray[np.int64]
    voices: NDArray[np.int64]

    def hours(self, kind: BankKind) -> float:
        """Sound of a kind that the vectors are of, each recording once."""
        chosen = np.array([one == kind for one in self.kinds], bool) & ~self.changed
        return float(self.lengths[chosen].sum()) * HOP_S / 3600

    def stretch(self, number: int) -> NDArray[np.float32]:
        """The vectors (n, 96) of one stretch."""
        start = self.starts[number]
        return self.values[start : start + self.lengths[number]].astype(np.float32) * self.scale


def shipped_bank(part: BankPart, encoder: EncoderName, *, without: Iterable[str] = ()) -> BankVectors:
    """A part of an encoder's bank without what says one of the words, as far as it is known what is said.

    Raises:
        KwsError: It is missing: the installation is damaged.
    """
    values, scale, index = _loaded(*(resources.path("bank", encoder, name) for name in ("vectors.zlib", "index.json")))
    words = [word for word in without if word]
    wanted = _PARTS.index(part)
    lengths = np.array(index["lengths"], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    texts: list[str] = index["texts"]
    said = {number for number, text in enumerate(texts) if any(holds_word(text, word) for word in words)}
    keep = np.array(
        [own == wanted and text not in said for own, text in zip(index["parts"], index["text"], strict=True)], bool
    )
    kinds: tuple[BankKind, ...] = tuple(
        _KINDS[kind] for kind, kept in zip(index["kinds"], keep.tolist(), strict=True) if kept
    )
    changed = np.array(index["changed"], bool)
    said_in, spoken_by = _known(index["text"], texts), _known(index["voice"], index["voices"])
    return BankVectors(values, scale, starts[keep], lengths[keep], kinds, changed[keep], said_in[keep], spoken_by[keep])


def _known(numbers: list[int], names: list[str]) -> NDArray[np.int64]:
    """The numbers of the names (S,), -1 for that of the empty one."""
    every = np.array(numbers, np.int64)
    return np.where(np.array([bool(name) for name in names])[every], every, -1)


@lru_cache(maxsize=1)
def _loaded(vectors: Path, index: Path) -> tuple[NDArray[np.int8], NDArray[np.float32], dict[str, Any]]:
    read = json.loads(index.read_text(encoding="utf-8"))
    scale = np.array(read["scale"], np.float32)
    by_number = np.frombuffer(zlib.decompress(vectors.read_bytes()), np.int8).reshape(len(scale), -1)
    return np.ascontiguousarray(by_number.T), scale, read
