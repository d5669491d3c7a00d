"""Picks a clip of the open project, or of the starter's, for a chapter to work on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from kws_engine import audio, resources
from kws_engine.clips import trimming
from kws_engine.clips.clip import Clip
from kws_engine.clips.words import UNKNOWN
from kws_engine.features.log_mel import LogMelConfig, build
from kws_engine.features.pipeline import Pipeline
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.forms.editors import guard_wheel
from kws_gui.services.project_model import ProjectModel

RATE = 16_000
CLIP_SAMPLES = RATE
Floats = NDArray[np.float32]


def log_mel() -> Pipeline:
    """The features of the chapters: 40 bands every 10 ms."""
    return build(LogMelConfig(), rate=RATE)


def in_db(features: Floats, pipeline: Pipeline) -> Floats:
    """Scaled log mel powers (T, F) as dB of a full-scale sine."""
    powers = (features - pipeline.shift) / pipeline.scale
    full_scale = 2 * np.log(pipeline.window.sum() / 2)
    decibels: Floats = (powers - full_scale) * np.float32(10 / np.log(10))
    return decibels


class ClipPicker(QWidget):
    """A word, another clip of it, and its sound.

    Signals:
        picked(samples): A second of sound (RATE,), read; also after another project was opened.
        failed(str): It cannot be read, in words.
        playRequested: The person wants to hear it.
    """

    picked = Signal(object)
    failed = Signal(str)
    playRequested = Signal()

    def __init__(self, model: ProjectModel) -> None:
        super().__init__()
        self._model = model
        self._paths: dict[str, Sequence[Clip | Path]] = {}
        self._place = 0
        self._reading = Latest(self)
        self.words = _word_box()
        self.again = QPushButton("Another clip")
        self.again.setToolTip("The word's next recording")
        self.listen = QPushButton("Play")
        self._origin = QLabel()
        theme.set_role(self._origin, "muted")
        self._lay_out()
        self._reading.answered.connect(self.picked)
        self._reading.failed.connect(lambda sentence, _details: self.failed.emit(sentence))
        self.words.currentIndexChanged.connect(self._on_word)
        self.again.clicked.connect(self._on_again)
        self.listen.clicked.connect(self.playRequested)
        self._stale = True
        model.opened.connect(self._on_changed)
        model.clipsChanged.connect(self._on_changed)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self.refresh()

    def refresh(self) -> None:
        """Looks for clips again; the word stays where there still is one of that name."""
        self._stale = False
        own, paths = clips_by_word(self._model)
        if paths == self._paths:
            return
        self._paths = paths
        word = self.words.currentText()
        self.words.blockSignals(True)
        self.words.clear()
        self.words.addItems(list(self._paths))
        self.words.setCurrentIndex(max(0, self.words.findText(word)))
        self.words.blockSignals(False)
        self._origin.setText("" if own else "from the starter project")
        self._on_word()

    def shutdown(self) -> None:
        """Waits for a file that is being read; none is read any more."""
        self._reading.shutdown()

    def _lay_out(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.GRID)
        label = QLabel("Clip of")
        label.setBuddy(self.words)
        theme.set_icon(self.listen, "mdi6.play")
        for part in (label, self.words, self.again, self.listen):
            line.addWidget(part)
        line.addWidget(self._origin)
        line.addStretch(1)

    def _on_changed(self) -> None:
        """The clips of a chapter out of sight are looked up when it is shown."""
        self._stale = True
        if self.isVisible():
            self.refresh()

    def _on_word(self) -> None:
        self._place = 0
        self._read()

    def _on_again(self) -> None:
        self._place += 1
        self._read()

    def _read(self) -> None:
        paths = self._paths.get(self.words.currentText(), ())
        self.again.setEnabled(len(paths) > 1)
        if not paths:
            return
        clip = paths[self._place % len(paths)]
        path = clip.path if isinstance(clip, Clip) else clip
        self._reading.ask(lambda _progress, _should_stop: _sound(path))


def clips_by_word(model: ProjectModel) -> tuple[bool, dict[str, Sequence[Clip | Path]]]:
    """Whether they are the project's own, and the clips of each word that has any."""
    if model.project is not None:
        words = model.project.table().word_rows.keys() - {UNKNOWN}
        own = {word: clips for word in sorted(words) if (clips := model.project.clips(word=word))}
        if own:
            return True, dict(own)
    found: dict[str, list[Clip | Path]] = defaultdict(list)
    for path in sorted(resources.path("starter", "clips").glob("[!_]*/*.flac")):
        found[path.parent.name].append(path)
    return False, dict(found)


def _sound(path: Path) -> Floats:
    """The second of sound around the word."""
    return trimming.fitted(audio.read(path, rate=RATE, max_seconds=60.0), RATE, clip_samples=CLIP_SAMPLES)


def _word_box() -> QComboBox:
    box = QComboBox()
    box.setAccessibleName("Word whose clip is used")
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    guard_wheel(box)
    return box
