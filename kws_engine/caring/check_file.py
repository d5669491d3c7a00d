"""The file checks.sqlite: what was found in recordings, by content; it may be deleted and is made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from kws_engine.caring.problems import PROBLEM_KINDS
from kws_engine.caring.sound_check import VERSION, Found
from kws_engine.clips.index_file import IndexDamaged, IndexFile
from kws_engine.clips.layout import CHECKS_FILE
from kws_engine.features.encoded import VALUES

_BATCH: Final = 500


class CheckFile(IndexFile):
    """Rows by the digest of a file's bytes and by what it was looked at for: rate and clip length."""

    _NAME: ClassVar[str] = CHECKS_FILE
    _TABLES: ClassVar[str] = """
CREATE TABLE IF NOT EXISTS found (
    sha256 TEXT NOT NULL, made_for TEXT NOT NULL, kinds TEXT NOT NULL, digest TEXT NOT NULL,
    peak_db REAL NOT NULL, snr_db REAL NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (sha256, made_for)) WITHOUT ROWID;
"""
    _JOURNAL: ClassVar[str] = "DELETE"

    def __init__(self, project_folder: Path, *, rate: int, clip_samples: int) -> None:
        super().__init__(project_folder)
        self._made_for = f"{VERSION} {rate} {clip_samples}"

    def found(self, digests: Sequence[str]) -> dict[str, Found]:
        """What is remembered of files with these digests."""
        remembered: dict[str, Found] = {}
        for at in range(0, len(digests), _BATCH):
            some = tuple(digests[at : at + _BATCH])
            marks = ",".join("?" * len(some))
            query = f"""SELECT sha256, kinds, digest, peak_db, snr_db, vector FROM found
                WHERE made_for = ? AND sha256 IN ({marks})"""
            try:
                rows = self.rows(query, (self._made_for, *some)) or ()
            except IndexDamaged:
                self._rename_aside()
                return remembered
            remembered.update((row[0], found) for row in rows if (found := _found(row[1:])) is not None)
        return remembered

    def store(self, found: Mapping[str, Found]) -> None:
        """Remembers what was found, where the file can be written."""
        rows = [
            (sha256, self._made_for, " ".join(one.kinds), one.digest, one.peak_db, one.snr_db, one.vector.tobytes())
            for sha256, one in found.items()
        ]
        self.change(("REPLACE INTO found VALUES (?,?,?,?,?,?,?)", rows))


def _found(values: Sequence[Any]) -> Found | None:
    """One row, None where it holds something else."""
    kinds, digest, peak_db, snr_db, vector = values
    if not (isinstance(kinds, str) and isinstance(digest, str) and isinstance(vector, bytes)):
        return None
    if not (isinstance(peak_db, float) and isinstance(snr_db, float) and len(vector) == 4 * VALUES):
        return None
    named = kinds.split()
    read = np.frombuffer(vector, np.float32)
    if not np.isfinite(read).all() or not set(named) <= set(PROBLEM_KINDS):
        return None
    return Found(tuple(kind for kind in PROBLEM_KINDS if kind in named), digest, peak_db, snr_db, read)
