"""Peak levels of clips as they are measured, and the recordings of background noise as clips."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipList, ClipTable
from kws_engine.clips.words import NOISE
from kws_engine.errors import AudioError
from kws_gui.bridges.latest import Latest

_AT_ONCE = 256
_AFTER_MS = 300


class PeakLevels(QObject):
    """Keeps what was measured, for as long as a file stays as it is.

    Signals:
        changed(): More of it is known.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._measured: tuple[ClipTable, NDArray[np.float32]] | None = None
        self._latest = Latest(self)
        self._latest.answered.connect(self._on_measured)

    def of(self, table: ClipTable) -> NDArray[np.float32] | None:
        """The peaks (N,) of a table's clips in dBFS, NaN where they are not known; None where none is."""
        if self._measured is None:
            return None
        before, peaks = self._measured
        at = before.places_of(table)
        is_same = before.folder == table.folder and np.append(before.mtimes_ns, -1)[at] == table.mtimes_ns
        return np.where(is_same & (at >= 0), np.append(peaks, np.float32(np.nan))[at], np.float32(np.nan))

    def measure(self, project: Project, clips: ClipList) -> None:
        """Measures these in the background, in the place of others that were asked for."""
        self._latest.ask(partial(peaks_db, project, clips), after_ms=_AFTER_MS)

    def shutdown(self) -> None:
        """Measures no more."""
        self._latest.shutdown()

    def _on_measured(self, measured: tuple[ClipTable, NDArray[np.float32]]) -> None:
        table, peaks = measured
        known = self.of(table)
        self._measured = (table, peaks if known is None else np.where(np.isnan(peaks), known, peaks))
        self.changed.emit()


def peaks_db(
    project: Project, clips: ClipList, progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> tuple[ClipTable, NDArray[np.float32]]:
    """The table of the clips and their peaks (N,) in dBFS in it, as work for `Latest`; NaN for all others."""
    found = np.full(len(clips.table), np.nan, np.float32)
    for at in range(0, len(clips), _AT_ONCE):
        if should_stop():
            break
        some = clips[at : at + _AT_ONCE]
        try:
            found[some.indices] = [peak for peak, _ in project.levels(some)]
        except (AudioError, KeyError):  # a clip was removed meanwhile, or cannot be decoded
            for row, clip in zip(some.indices.tolist(), some, strict=True):
                with contextlib.suppress(AudioError, KeyError):
                    found[row] = project.levels([clip])[0][0]
    return clips.table, found


def noise_clips(project: Project) -> list[Clip]:
    """The recordings of background noise as rows of the table; unreadable ones are left out."""
    rows = []
    for path in project.noises():
        try:
            seconds = audio.info(path).seconds
        except AudioError:
            continue
        rows.append(Clip(path, NOISE, "", 0, "training", seconds))
    return rows
