"""clips.csv as a run writes it: the clips at once, and their hashes while it trains."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace

from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.runs.clip_list import ClipRow, hashes_of, path_in
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.loading import Data
from kws_engine.training.events import Skipped

_HASHED_AT_ONCE = 50  # clips: the thread ends this soon after it is stopped


class ClipListing:
    """The list of a run's clips, so that the run is never resumed with others, and then what is in them.

    Reading every file for its hash need not keep the run waiting, so a thread does it. A resumed run keeps its list;
    only missing hashes are added.
    """

    def __init__(self, folder: RunFolder, data: Data, project: Project) -> None:
        """Writes the list and starts the thread.

        Raises:
            ProjectError: The disk is full or the folder cannot be written.
        """
        self._file = folder.clips
        self._project = project
        self._refusal = ""
        self._stopping = threading.Event()
        if not self._file.exists():
            self._file.write(_rows(data, project))
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def end(self) -> Iterator[Skipped]:
        """Waits for the hashes; reports where they could not be written."""
        self._thread.join()
        if self._refusal:
            yield Skipped(str(self._file.path), self._refusal)

    def stop(self) -> None:
        """Ends the thread, however far it is; the list stays as it was last written."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            if not all(row.sha256 for row in self._file.read()):
                self._file.write(self._hashed(self._file.read()))
        except _StoppedError:
            return
        except (KwsError, OSError) as error:
            self._refusal = str(error)

    def _hashed(self, rows: Iterator[ClipRow]) -> Iterator[ClipRow]:
        """The rows with their hashes; without one where the file is missing, which a repetition of the run reports."""
        while some := list(itertools.islice(rows, _HASHED_AT_ONCE)):
            if self._stopping.is_set():
                raise _StoppedError
            unhashed = [row for row in some if not row.sha256]
            hashes = dict(zip(unhashed, hashes_of(unhashed, self._project), strict=True))
            yield from (replace(row, sha256=hashes.get(row, row.sha256)) for row in some)


class _StoppedError(Exception):
    """The list is no longer wanted."""


def _rows(data: Data, project: Project) -> Iterator[ClipRow]:
    """Every clip, without its hash."""
    for split, part in (("training", data.training), ("validation", data.validation)):
        for path, label in zip(part.paths, part.labels.tolist(), strict=True):
            yield ClipRow(path_in(project.folder, path), split, data.labels[label], "")
