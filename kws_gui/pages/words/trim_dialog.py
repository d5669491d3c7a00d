"""One clip to be trimmed or split: its waveform with two handles, heard before it is stored."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from kws_engine.clips.clip import Clip
from kws_engine.clips.speech_span import speech_span
from kws_gui import theme
from kws_gui.services.recordings import Samples
from kws_gui.widgets.dialog_size import size_in
from kws_gui.widgets.stretch import StretchWaveform
from kws_gui.widgets.wrapped_label import WrappedLabel

_WIDTH, _HEIGHT = 720, 300  # px


class TrimDialog(QDialog):
    """Asks what of a clip is kept, or where it is split.

    Signals:
        trimmed: The clip, first and one-past-last sample.
        wasSplit: The clip, and the sample.
        playRequested: The samples between the handles.
    """

    trimmed = Signal(object, int, int)
    wasSplit = Signal(object, int)
    playRequested = Signal(object)

    def __init__(
        self, clip: Clip, samples: Samples, rate: int, *, clip_samples: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Trim {clip.key}")
        self._clip, self._samples, self._rate, self._clip_samples = clip, samples, rate, clip_samples
        self.wave = StretchWaveform()
        self.wave.setSamples(samples, rate)
        self.wave.setStretch(0, len(samples))
        self.wave.stretchMoved.connect(lambda *_: self._say())
        self.said = WrappedLabel()
        theme.set_role(self.said, "muted")
        self.play = QPushButton("Play")
        self.play.setShortcut("Ctrl+P")
        self.play.setToolTip("What lies between the handles (Ctrl+P)")
        self.speech = QPushButton("To speech")
        self.speech.setToolTip("Put the handles around the speech, as far apart as a clip is long")
        self.split_here = QPushButton("Split here")
        self.split_here.setToolTip("Make two clips, at the chosen handle")
        self.go = QPushButton("Trim")
        self.go.setDefault(True)
        theme.set_role(self.go, "primary")
        self.play.clicked.connect(self._on_play)
        self.speech.clicked.connect(self._on_speech)
        self.split_here.clicked.connect(self._on_split)
        self.go.clicked.connect(self._on_go)
        self._lay_out()
        self._say()
        self.wave.setFocus()

    def _on_play(self) -> None:
        start, stop = self.wave.stretch()
        self.playRequested.emit(self._samples[start:stop])

    def _on_speech(self) -> None:
        span = speech_span(self._samples, self._rate, clip_samples=self._clip_samples)
        if span is not None:
            self.wave.setStretch(*span)
        else:
            self.said.setText("No speech stands out, or the clip is no longer than it has to be.")

    def _on_split(self) -> None:
        self.wasSplit.emit(self._clip, self.wave.place())
        self.accept()

    def _on_go(self) -> None:
        self.trimmed.emit(self._clip, *self.wave.stretch())
        self.accept()

    def _say(self) -> None:
        start, stop = self.wave.stretch()
        kept = (stop - start) / self._rate
        self.said.setText(
            f"{start / self._rate:.2f} to {stop / self._rate:.2f} s, {kept:.2f} s are kept. "
            "Arrow keys move the chosen handle; up and down choose start and end."
        )
        self.go.setEnabled((start, stop) != (0, len(self._samples)))
        least = self._rate // 20
        self.split_here.setEnabled(least <= self.wave.place() <= len(self._samples) - least)

    def _lay_out(self) -> None:
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        for button in (self.play, self.speech, self.split_here):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(self.wave, 1)
        column.addWidget(self.said)
        column.addLayout(buttons)
        self.resize(size_in(self.parentWidget(), _WIDTH, _HEIGHT))
