"""Listens to one sound file at a time: as fast as possible, or as it sounds, in place of the microphone."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from kws_gui.bridges.detector import SoundSource
from kws_gui.bridges.file_hearing import FileHeard, FileHearing
from kws_gui.bridges.file_source import FileSource
from kws_gui.pages.listen.ears import Ears
from kws_gui.pages.listen.sounds import AROUND_S
from kws_gui.widgets.progress_row import ProgressRow

_LOOK_MS = 100


class FileListening(QObject):
    """Shows its progress in a row, whose Cancel stops it.

    Signals:
        found(FileWord): A word, at full speed; at normal speed the ears tell it.
        ended(FileHeard): All of it was heard, or it was stopped.
        failed(sentence, details): It is no sound, or listening ended by itself.
        changed(): It has begun, or has ended.
    """

    found = Signal(object)
    ended = Signal(object)
    failed = Signal(str, str)
    changed = Signal()

    def __init__(self, ears: Ears, progress: ProgressRow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ears = ears
        self._progress = progress
        self._hearing: FileHearing | None = None
        self._sources: list[FileSource] = []
        self._count = 0
        self.path: Path | None = None
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(self._on_look)
        progress.cancelRequested.connect(self.stop)
        ears.detected.connect(self._on_detected)

    @property
    def is_busy(self) -> bool:
        """Whether a file is being heard."""
        return self.path is not None

    @property
    def is_sounding(self) -> bool:
        """Whether one is heard at normal speed."""
        return self.path is not None and self._hearing is None

    def hear(self, path: Path) -> None:
        """At full speed, beside whatever is listened to."""
        listeners = [ear.bridge.listener(self._ears.name(ear)) for ear in self._ears if ear.opened is not None]
        longest_s = max(ear.opened.model.window_samples / ear.opened.model.rate for ear in self._ears if ear.opened)
        self.path = path
        self._hearing = FileHearing(path, listeners, (max(AROUND_S[0], longest_s), AROUND_S[1]))
        self._hearing.progressed.connect(self._progress.setProgress)
        self._hearing.found.connect(self.found)
        self._hearing.finished.connect(self._on_heard)
        self._hearing.failed.connect(self._on_failed)
        self._progress.start(f"Listening to {path.name}")
        self._hearing.start()
        self.changed.emit()

    def sound(self, path: Path) -> None:
        """At normal speed; nothing else may be listened to meanwhile."""
        self.path = path
        self._sources = []
        self._count = 0
        self._progress.start(f"Listening to {path.name} at normal speed")
        self._ears.start(self._source)
        self._look.start()
        self.changed.emit()

    def stop(self) -> None:
        """Stops it; `ended` follows, at normal speed at once."""
        if self._hearing is not None:
            self._hearing.cancel()
        elif self.path is not None:
            self._end_sounding()

    def abandon(self) -> None:
        """Ends listening at normal speed without a word, after it failed."""
        if self.is_sounding:
            self._ears.stop()
            self._end()

    def shutdown(self) -> None:
        """Ends every thread."""
        self._look.stop()
        if self._hearing is not None:
            self._hearing.wait()

    # -- at full speed

    def _on_heard(self, heard: FileHeard) -> None:
        self._end()
        self.ended.emit(heard)

    def _on_failed(self, sentence: str, details: str) -> None:
        self._end()
        self.failed.emit(sentence, details)

    # -- at normal speed

    def _source(self, rate: int) -> SoundSource:
        assert self.path is not None
        source = FileSource(self.path, rate=rate)
        self._sources.append(source)
        return source

    def _on_detected(self) -> None:
        self._count += 1

    def _on_look(self) -> None:
        first = self._sources[0]
        if first.seconds:
            self._progress.setProgress(min(int(first.position_s), int(first.seconds)), max(1, int(first.seconds)))
        if first.ended or not self._ears.first.bridge.is_running:  # another model was chosen
            self._end_sounding()

    def _end_sounding(self) -> None:
        """Stops the ears, and tells when what they have heard until now is shown."""
        self._ears.stop()
        QTimer.singleShot(0, self, self._on_sounded)

    def _on_sounded(self) -> None:
        if self.path is None or self._hearing is not None:
            return
        path, first = self.path, self._sources[0]
        self._end()
        heard_s = min(first.position_s, first.seconds)
        self.ended.emit(FileHeard(path, heard_s, self._count, complete=first.ended))

    def _end(self) -> None:
        self._look.stop()
        if self._hearing is not None:
            self._hearing.deleteLater()
        self._hearing = None
        self.path = None
        self._sources = []
        self._progress.finish()
        self.changed.emit()
