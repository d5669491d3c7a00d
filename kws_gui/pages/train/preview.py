"""A clip as the network will see it, and beside it as training may change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine import audio, resources
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import UNCHANGED
from kws_engine.clips import trimming
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.features import FEATURES
from kws_engine.runs.previewing import Preview, PreviewQuestion, seen
from kws_engine.settings import Settings
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.player import Player
from kws_gui.bridges.warm import Asker, WarmBridge
from kws_gui.forms.editors import guard_wheel
from kws_gui.forms.fold import Fold
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.colormap import HIGH_DB, LOW_DB
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.spectrogram import Spectrogram

Floats = NDArray[np.float32]
_PAUSE_MS = 200
_PICTURE_WIDTH, _PICTURE_HEIGHT = 140, 104  # px; at least so wide
_LOW_PICTURE_HEIGHT = 68  # px
_NO_CLIP = "There is no clip to show: record words first"
_NOTHING_ON = "No augmentation is on: training sees the clip as it is"


@dataclass(frozen=True, eq=False)
class FeatureView:
    """A clip as the settings make features of it.

    Attributes:
        samples: (N,) of the clip.
        seen: (M,), what the network gets of it.
        features: (T, F) of that.
        rate: Samples a second.
        hop_ms: From one frame to the next.
        frame_s: That a frame sees, where frames are vectors of a window that ends behind the word; else None.
    """

    samples: Floats
    seen: Floats
    features: Floats
    rate: int
    hop_ms: float
    frame_s: float | None

    @property
    def first_s(self) -> float:
        """Where the time axis begins: a vector is drawn where the sound that it sees ends."""
        return 0.0 if self.frame_s is None else self.frame_s - self.hop_ms / 1000

    @property
    def caption(self) -> str:
        """Returns "98 frames x 40 features", or "10 vectors x 96 numbers, of 1.5 s"."""
        frames, features = self.features.shape
        if self.frame_s is None:
            return f"{frames} frames x {features} features"
        return f"{frames} vectors x {features} numbers, of {len(self.seen) / self.rate:.1f} s"


class PreviewFold(Fold):
    """Computes only while it is open; new settings are shown after a short pause.

    Signals:
        failed(str): A clip cannot be read or heard, in words.
    """

    failed = Signal(str)

    def __init__(self, model: ProjectModel, warm: WarmBridge | None = None) -> None:
        self._model = model
        self._settings = Settings()
        self._clips: dict[str, Sequence[Clip]] = {}
        self._place = 0
        self._seed = 0
        self._shown: FeatureView | None = None
        self._changed: Preview | None = None
        self._make_parts()
        super().__init__("Preview", self._lay_out_content())
        self.augments = Asker(warm or WarmBridge(self), parent=self)
        self.player = Player(self)
        self._reading = Latest(self)
        self._connect()

    def show_settings(self, settings: Settings) -> None:
        """The settings to show the clip with."""
        self._settings = settings
        self._later()

    def read_words(self) -> None:
        """Looks up which clips there are."""
        project = self._model.project
        words = project.table().word_rows if project is not None else ()
        parts = {word: project.clips(word=word, split="training") for word in words} if project is not None else {}
        self._clips = {word: clips for word, clips in parts.items() if clips}
        chosen = self.words.currentText()
        self.words.blockSignals(True)
        self.words.clear()
        self.words.addItems(sorted(self._clips, key=lambda word: (word.startswith("_"), word)))
        self.words.setCurrentIndex(max(0, self.words.findText(chosen)))
        self.words.blockSignals(False)
        self._later()

    def make_low(self, is_low: bool) -> None:
        """In a low window the pictures leave room for the curves."""
        for picture in (self.before, self.after):
            picture.setFixedHeight(_LOW_PICTURE_HEIGHT if is_low else _PICTURE_HEIGHT)

    def is_working(self) -> bool:
        """Whether anything is being computed."""
        return self._reading.is_working() or self.augments.is_busy

    def shutdown(self) -> None:
        """Ends sound, thread and process."""
        self._reading.shutdown()
        self.player.shutdown()
        self.augments.shutdown()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.player.stop()

    # -- what is shown

    def _later(self) -> None:
        if self.isOpen():
            self._look(after_ms=_PAUSE_MS)

    def _look(self, *, after_ms: int = 0) -> None:
        """Reads the clip and computes its features in a thread."""
        clips = self._clips.get(self.words.currentText(), ())
        for part in (self.other, self.hear, self.hear_changed, self.again):
            part.setEnabled(bool(clips))
        if not clips or self._model.project is None:
            self._reading.cancel()
            self.drawn.setFullText(_NO_CLIP)
            return
        clip = clips[self._place % len(clips)]
        rate, n_samples = self._model.project.rate, self._model.project.clip_samples
        work = partial(_view, clip.path, self._settings, rate, n_samples)
        self._reading.ask(lambda _progress, _should_stop: work(), after_ms=after_ms)

    def _on_read(self, view: FeatureView) -> None:
        self._shown = view
        self._changed = None
        _show(self.before, view.features, view)
        self.caption.setFullText(view.caption)
        self._explain(view)
        self._ask()

    def _explain(self, view: FeatureView) -> None:
        what = "features, as the network will see them"
        if view.frame_s is not None:
            what = (
                f"vectors, as the network will see them, each where the {view.frame_s:.2f} s of sound that it sees "
                "end. Their numbers have no order; each is drawn less its mean"
            )
        self.before.setToolTip(f"The clip's {what}; colours from lowest to highest")
        self.before.setAccessibleDescription(view.caption)

    def _on_failed(self, sentence: str, _details: str) -> None:
        self.drawn.setFullText(sentence)

    def _ask(self) -> None:
        """Asks for the clip as an epoch of training may have it."""
        self.augments.cancel()
        if self._shown is None or self._model.project is None:
            return
        values = self._settings.to_dict()
        idle = self._settings.idle()
        on = {
            name: options
            for name, options in values["augment"].items()
            if options["probability"] > 0 and f"augment.{name}" not in idle
        }
        self.again.setEnabled(bool(on))
        if not on:
            _show(self.after, self._shown.features, self._shown)
            self.drawn.setFullText(_NOTHING_ON)
            return
        noises = (self._model.project.noises() or _shipped_noises()) if "background_noise" in on else []
        noise = tuple(noises[self._seed % len(noises) :][:1]) if noises else ()
        self.augments.ask(
            PreviewQuestion(
                self._shown.samples, self._shown.rate, values["feature"], on, self._seed, certain=False, noises=noise
            )
        )

    def _on_previewed(self, preview: Preview) -> None:
        if self._shown is None:
            return
        self._changed = preview
        _show(self.after, preview.changed, self._shown)
        self.drawn.setFullText(_drawn_text(preview.drawn))

    # -- buttons

    def _on_other(self) -> None:
        self._place += 1
        self._look()

    def _on_word(self) -> None:
        self._place = 0
        self._look()

    def _on_again(self) -> None:
        self._seed += 1
        self._ask()

    def _on_hear(self) -> None:
        if self._shown is not None:
            self.player.play(self._shown.seen, self._shown.rate)

    def _on_hear_changed(self) -> None:
        if self._shown is not None:
            samples = self._changed.samples if self._changed is not None else self._shown.seen
            self.player.play(samples, self._shown.rate)

    # -- making

    def _make_parts(self) -> None:
        self.words = QComboBox()
        self.words.setAccessibleName("Word to preview")
        guard_wheel(self.words)
        self.other = QPushButton("Another clip")
        self.again = QPushButton("Again")
        self.again.setToolTip("New random values, as another epoch would have them")
        self.hear = QToolButton()
        self.hear_changed = QToolButton()
        for button, what in ((self.hear, "Play the clip"), (self.hear_changed, "Play the augmented clip")):
            theme.set_icon(button, "mdi6.play", role="muted")
            button.setToolTip(what)
            button.setAccessibleName(what)
        self.caption = ElidedLabel()
        self.caption_after = ElidedLabel()
        self.caption.setFullText("For the network")
        self.caption_after.setFullText("Changed, as in training")
        self.before = Spectrogram(40, gutter=0)
        self.after = Spectrogram(40, gutter=0)
        for picture, name in ((self.before, "Clip as features"), (self.after, "Augmented clip as features")):
            picture.setFixedHeight(_PICTURE_HEIGHT)
            picture.setMinimumWidth(_PICTURE_WIDTH)
            picture.setAccessibleName(name)
        self.before.setToolTip("The clip's features, as the network will see them; colours from lowest to highest")
        self.after.setToolTip("The same after the augmentations that are on, with the random values below")
        self.drawn = ElidedLabel()
        theme.set_role(self.drawn, "muted")

    def _lay_out_content(self) -> QWidget:
        top = QHBoxLayout()
        top.setSpacing(theme.GRID)
        for part in (self.words, self.other, self.again):
            top.addWidget(part)
        top.addStretch()
        pictures = QGridLayout()
        pictures.setHorizontalSpacing(theme.GROUP)
        pictures.setVerticalSpacing(theme.GRID // 2)
        for column, (caption, button, picture) in enumerate(
            ((self.caption, self.hear, self.before), (self.caption_after, self.hear_changed, self.after))
        ):
            title = QHBoxLayout()
            title.addWidget(caption, 1)
            title.addWidget(button)
            pictures.addLayout(title, 0, column)
            pictures.addWidget(picture, 1, column)
            pictures.setColumnStretch(column, 1)
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(theme.GRID // 2)
        rows.addLayout(top)
        rows.addLayout(pictures)
        rows.addWidget(self.drawn)
        return content

    def _connect(self) -> None:
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self._on_failed)
        self.toggled.connect(self._later)
        self.words.currentIndexChanged.connect(self._on_word)
        self.other.clicked.connect(self._on_other)
        self.again.clicked.connect(self._on_again)
        self.hear.clicked.connect(self._on_hear)
        self.hear_changed.clicked.connect(self._on_hear_changed)
        self.augments.answered.connect(self._on_previewed)
        self.augments.refused.connect(self.drawn.setFullText)
        self.augments.lost.connect(self.drawn.setFullText)
        self.player.failed.connect(self.failed)


def _view(path: Path, settings: Settings, rate: int, n_samples: int) -> FeatureView:
    sound = audio.read(path, rate=rate, max_seconds=LONGEST_CLIP_S)
    samples = trimming.fitted(sound, rate, clip_samples=n_samples)
    pipeline = FEATURES[settings.feature.name].build(settings.feature.config, rate=rate)
    heard = seen(samples, pipeline)
    frame_s = pipeline.window_samples / rate if pipeline.ends_windows else None
    return FeatureView(samples, heard, pipeline.batch(heard), rate, 1000 * pipeline.hop_s, frame_s)


def _show(picture: Spectrogram, features: Floats, view: FeatureView) -> None:
    """Features on the colour map from the smallest to the largest of the view's, whatever their unit is.

    Of vectors, what changes: each number less its mean in the view, as batch norm would take it off.
    """
    if not features.size or not view.features.size:
        return
    means = view.features.mean(axis=0) if view.frame_s is not None else np.float32(0)
    scale, features = view.features - means, features - means
    low, high = float(scale.min()), float(scale.max())
    share = (features - low) / max(high - low, 1e-6)
    picture.setFrames(LOW_DB + (HIGH_DB - LOW_DB) * share, hop_ms=view.hop_ms, first_s=view.first_s)


def _shipped_noises() -> list[Path]:
    return sorted(resources.path("starter", "clips", "_background_noise_").iterdir())


def _drawn_text(drawn: Mapping[str, Any]) -> str:
    """What was drawn, leaving out what was not: "Pitch +1.2 semitones · Gain -3 dB"."""
    acted = [f"{_title(name)} {text}" for name, text in drawn.items() if text != UNCHANGED]
    return " · ".join(acted) or "Nothing was drawn for this clip this time: press Again"


def _title(name: str) -> str:
    return AUGMENTATIONS[name].title.partition(" (")[0]
