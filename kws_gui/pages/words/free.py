"""The button that records free talk beside other words, and the room beside background noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QPushButton, QWidget

from kws_engine.clips.clip import Clip
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_gui import theme
from kws_gui.services.free_recording import FreeRecording, Kind
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.project_model import ProjectModel

_KINDS: Final[dict[str, Kind]] = {UNKNOWN: "talk", NOISE: "room"}
_TITLES: Final[dict[Kind, str]] = {"talk": "Talk freely", "room": "Record the room"}
_TIPS: Final[dict[Kind, str]] = {
    "talk": "Talk about anything, but say none of your words: it is cut at the pauses by itself",
    "room": "Up to a minute of the room: what is said in it is left out by itself",
}
_RUNNING: Final[dict[Kind, str]] = {
    "talk": "Talk about anything but your words. Stop when you like.",
    "room": "Be silent. Stop when you like, or after a minute.",
}


class FreeButton(QPushButton):
    """Starts and stops it; shows how long it has been.

    Signals:
        busyChanged(is_busy): It records, or does no longer.
        told(role, sentence): What to do, or what was stored.
        stored(text, clips): All is on disk, as a change of that name.
    """

    busyChanged = Signal(bool)
    told = Signal(str, str)
    stored = Signal(str, object)

    def __init__(
        self,
        project: ProjectModel,
        microphones: MicrophoneService,
        *,
        speaker: Callable[[], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.recording = FreeRecording(project, microphones, self)
        self._speaker = speaker
        self._kind: Kind | None = None
        theme.set_icon(self, "mdi6.record-circle-outline")
        self.clicked.connect(self.toggle_recording)
        self.recording.stateChanged.connect(self._on_state)
        self.recording.grown.connect(lambda _: self._show())
        self.recording.slow.connect(lambda: self.told.emit("", "Storing what was recorded …"))
        self.recording.ended.connect(self._on_ended)
        self.recording.failed.connect(self._on_failed)

    @property
    def is_busy(self) -> bool:
        """Whether it records, or stores what was recorded."""
        return self.recording.state != "idle" or self.recording.is_storing

    def show_word(self, word: str) -> None:
        """Offers what goes with that word; nothing for one that is taught."""
        self._kind = _KINDS.get(word)
        self.setVisible(self._kind is not None)
        self._show()

    def toggle_recording(self) -> None:
        """Starts, or stops and stores."""
        if self.is_busy or self.recording.waits:
            self.recording.stop()  # which does nothing while it stores
        elif self._kind is not None:
            self.recording.start(self._kind, speaker=self._speaker())

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.is_busy:
            self.recording.stop()

    def _show(self) -> None:
        if self._kind is None:
            return
        seconds, is_running = int(self.recording.seconds), self.recording.state != "idle"
        self.setEnabled(not self.recording.is_storing)
        self.setText(f"Stop ({seconds // 60}:{seconds % 60:02})" if is_running else _TITLES[self._kind])
        self.setToolTip("Stop, and keep what was recorded" if is_running else _TIPS[self._kind])

    def _on_state(self, state: str) -> None:
        self._show()
        self.busyChanged.emit(self.is_busy)
        if state != "idle":
            sentence = "Opening the microphone …" if state == "opening" else _RUNNING[self.recording.kind]
            self.told.emit("", sentence)

    def _on_failed(self, sentence: str) -> None:
        self._show()
        self.busyChanged.emit(self.is_busy)
        self.told.emit("error", f"{sentence} It waits in memory: press {self.text()} again.")

    def _on_ended(self, kind: Kind, clips: list[Clip], seconds: float) -> None:
        self._show()
        self.busyChanged.emit(self.is_busy)
        if clips:
            self.stored.emit("Talk freely" if kind == "talk" else "Record the room", clips)
        count = "one clip" if len(clips) == 1 else f"{len(clips)} clips"
        if kind == "talk":
            self.told.emit("success", f"{seconds:.0f} s of talk are kept as your own talk, and {count} cut out of it.")
        elif clips:
            kept_s = sum(clip.seconds for clip in clips)
            self.told.emit("success", f"{kept_s:.0f} of {seconds:.0f} s are kept as noise; nobody speaks in them.")
        else:
            self.told.emit("warning", "Nothing was kept: a voice was heard all the time, or nothing at all.")
