"""The chapter in which every augmentation is heard and seen on one clip."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import UNCHANGED
from kws_engine.runs.previewing import Preview, PreviewQuestion
from kws_gui import theme
from kws_gui.bridges.player import Player
from kws_gui.bridges.warm import Asker, WarmBridge
from kws_gui.forms.chooser import RegistryChooser
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.clip_picker import RATE, ClipPicker, Floats, in_db, log_mel
from kws_gui.pages.learn.controls import push_button
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.spectrogram import Spectrogram
from kws_gui.widgets.waveform import Waveform

_FIRST = "pitch"


class ClipView(QWidget):
    """A clip as waveform and spectrogram, and the button that plays it."""

    def __init__(self, name: str, bands: int) -> None:
        super().__init__()
        self.waveform = Waveform()
        self.spectrogram = Spectrogram(bands, gutter=0)
        self.play = QPushButton(f"Play {name}")
        theme.set_icon(self.play, "mdi6.play")
        title = QLabel(name.capitalize())
        title.setFont(theme.font(bold=True))
        self.waveform.setAccessibleName(f"Waveform {name}")
        self.waveform.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # nothing in it to move
        self.spectrogram.setAccessibleName(f"Spectrogram {name}")
        self.waveform.setFixedHeight(104)
        self.spectrogram.setFixedHeight(168)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID // 2, 0, theme.GRID // 2, 0)
        column.setSpacing(theme.GRID)
        for part in (title, self.waveform, self.spectrogram):
            column.addWidget(part)
        column.addWidget(self.play, 0, Qt.AlignmentFlag.AlignLeft)
        self.setMinimumHeight(column.sizeHint().height())

    def show_clip(self, samples: Floats, frames_db: Floats) -> None:
        """Samples (N,) and frames (T, bands) in dB."""
        self.waveform.setSamples(samples, RATE)
        self.spectrogram.setFrames(frames_db)


@CHAPTERS.register("augmentation", "Augmentation, heard and seen", order=130)
class AugmentationChapter(ChapterPage):
    """One clip before and after, with new random values at a click."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._pipeline = log_mel()
        self._samples: Floats = np.zeros(RATE, np.float32)
        self._after: Floats = self._samples
        self._seed = 1
        self.text(
            "No two people say a word alike, and no two rooms sound alike. Augmentation makes more of the recordings "
            "there are: at every turn each clip comes a little different, higher, later, noisier. The network cannot "
            "learn the recordings by heart and learns what the changes leave alone: the word. Validation and test "
            "clips stay as they are.",
        )
        self.player = Player(self)
        self._make_parts(model)
        self.text(
            "Listen whether you still understand the word. If you cannot, the network learns from noise under the "
            "name of a word. Augmentations of sound act first; those of the spectrogram change only what the network "
            "sees and are not heard.",
            source="Ko et al. 2015 (speed), Ko et al. 2017 (rooms), Park et al. 2019 (SpecAugment).",
        )
        self._connect()
        self._offer()

    @cached_property
    def bridge(self) -> Asker:
        """Asks the window's warm process, or one of the chapter's own without a window."""
        asker = Asker(self.warm or WarmBridge(self), parent=self)
        asker.answered.connect(self._on_previewed)
        asker.refused.connect(self.said.setText)
        asker.lost.connect(self.said.setText)
        return asker

    def shutdown(self) -> None:
        self.bridge.shutdown()
        self.picker.shutdown()
        self.player.shutdown()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():  # another chapter or page: the process and its memory are released
            self.player.stop()
            self.bridge.shutdown()

    def _make_parts(self, model: ProjectModel) -> None:
        self.picker = ClipPicker(model)
        self.picker.listen.hide()  # each side has a button of its own
        self.chooser = RegistryChooser(AUGMENTATIONS)
        self.chooser.setValue(_FIRST, AUGMENTATIONS[_FIRST].config())
        self.chooser.setMaximumWidth(480)
        self.chooser.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.together = QCheckBox("All together, as the Train page has them")
        self.together.setToolTip("With their probabilities: some act, some do not, as in training")
        self.again = push_button("Again", "mdi6.dice-multiple", "Draws new random values")
        self.before = ClipView("before", self._pipeline.n_bands)
        self.after = ClipView("after", self._pipeline.n_bands)
        self.controls(self.picker)
        self.controls(self.chooser)
        self.controls(self.together, self.again)
        self.said = self.readout("One moment: the augmentations are being started.")
        self.said.setAccessibleName("Values that were drawn")
        self.drawing(self.before, self.after)

    def _connect(self) -> None:
        self.picker.picked.connect(self._on_picked)
        self.picker.failed.connect(self.said.setText)
        self.chooser.valueChanged.connect(self._on_chosen)
        self.together.toggled.connect(self._on_together)
        self.again.clicked.connect(self._on_again)
        self.player.failed.connect(self.said.setText)
        self.before.play.clicked.connect(lambda: self.player.play(self._samples, RATE))
        self.after.play.clicked.connect(lambda: self.player.play(self._after, RATE))

    def _on_picked(self, samples: Floats) -> None:
        self._samples = samples
        self._after = samples
        frames_db = in_db(self._pipeline.batch(samples), self._pipeline)
        self.before.show_clip(samples, frames_db)
        self.after.show_clip(samples, frames_db)
        self._ask()

    def _on_chosen(self) -> None:
        self._offer()
        self._ask()

    def _on_together(self, together: bool) -> None:
        self.chooser.setEnabled(not together)
        self._offer()
        self._ask()

    def _on_again(self) -> None:
        self._seed += 1
        self._ask()

    def _ask(self) -> None:
        """The process starts with the first question, so not before the chapter is shown."""
        if not self.isVisible() or not self._samples.any():
            return
        together = self.together.isChecked()
        name, config = self.chooser.value()
        augment = self.model.settings.augment if together else {name: config}
        project = self.model.project
        self.bridge.ask(
            PreviewQuestion(
                samples=self._samples,
                rate=RATE,
                feature={"name": "log_mel"},
                augment={name: spec.to_dict(config) for name, config in augment.items()},
                seed=self._seed,
                certain=not together,
                noises=tuple(project.noises()) if project is not None else (),
            )
        )

    def _on_previewed(self, preview: Preview) -> None:
        self._after = preview.samples
        self.after.show_clip(preview.samples, in_db(preview.changed, self._pipeline))
        is_audible = not np.array_equal(preview.samples, self._samples)
        self.after.play.setEnabled(is_audible)
        self.after.play.setToolTip("" if is_audible else "The sound is unchanged")
        self.said.setText(f"{_drawn_text(preview.drawn)}{'' if is_audible else ' The sound itself is as it was.'}")

    def _offer(self) -> None:
        """Offers to train with what the form holds, switched on."""
        if self.together.isChecked():
            augment = self.model.settings.augment.items()
            options = {f"augment.{name}.probability": f"{config.probability:g}" for name, config in augment}
            self.try_it(options, "Opens Train with each augmentation at its probability.")
            return
        name, config = self.chooser.value()
        written = _written(config)
        share = f"{float(written['probability']):.0%}"
        options = {f"augment.{name}.{option}": text for option, text in written.items()}
        self.try_it(options, f"Opens Train with {AUGMENTATIONS[name].title} in {share} of the clips.")


def _drawn_text(drawn: Mapping[str, str]) -> str:
    """The augmentations that acted, with their values, then those that did not."""
    acted = [f"{AUGMENTATIONS[name].title}: {words}" for name, words in drawn.items() if words != UNCHANGED]
    rested = [AUGMENTATIONS[name].title for name, words in drawn.items() if words == UNCHANGED]
    sentence = "; ".join(acted) if acted else "Nothing was changed"
    return f"{sentence}. {'Not drawn this time: ' + ', '.join(rested) + '.' if rested else ''}".rstrip()


def _written(config: Any) -> dict[str, str]:
    """The probability, and what differs from the defaults, as text."""
    shown = {option.name: option for option in spec.options(config)}
    changed = {name: shown[name].text(value) for name, value in spec.differences(config).items()}
    probability = config.probability or shown["probability"].default or 0.5
    return changed | {"probability": shown["probability"].text(probability)}
