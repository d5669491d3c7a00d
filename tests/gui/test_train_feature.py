"""The speech embedding on the Train page: its network, what has no effect on it, and its picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine.clips.project import Project
from kws_engine.features import FEATURES
from kws_engine.runs.previewing import PreviewQuestion, preview
from kws_engine.settings import Settings
from kws_gui import theme
from kws_gui.forms.layers import LayersEditor
from kws_gui.pages.train.form import SettingsForm
from kws_gui.pages.train.preview import PreviewFold
from kws_gui.services.project_model import ProjectModel

PATIENCE_MS = 60_000
OFF = [f"augment.{name}.probability=0" for name in Settings().augment]
RATE = 16_000


@pytest.fixture
def form(qtbot: QtBot) -> SettingsForm:
    made = SettingsForm()
    qtbot.addWidget(made)
    made.show()
    made.folds["feature"].setOpen(True)
    return made


@pytest.fixture
def fold(qtbot: QtBot, tmp_path: Path) -> Iterator[PreviewFold]:
    model = ProjectModel()
    made = PreviewFold(model)
    qtbot.addWidget(made)
    made.resize(640, 260)
    made.show()
    model.open(Project.open(make_project(tmp_path / "tones").folder))
    made.read_words()
    yield made
    made.shutdown()


def choose(form: SettingsForm, feature: str) -> None:
    box = form.feature.entryBox()
    box.setCurrentIndex(box.findData(feature))


def test_the_form_agrees_with_the_command_line_and_says_so(form: SettingsForm) -> None:
    choose(form, "speech_embedding")
    assert form.value() == Settings().with_option("feature.name", "speech_embedding")
    assert form.network_note.isVisible() and "Head for the speech embedding" in form.network_note.label.text()
    choose(form, "log_mel")
    assert form.value() == Settings() and "TC-ResNet" in form.network_note.label.text()


def test_the_network_before_is_kept_at_a_press(form: SettingsForm, qtbot: QtBot) -> None:
    choose(form, "speech_embedding")
    assert form.network_note.keep.text() == "Keep TC-ResNet"
    with qtbot.waitSignal(form.valueChanged):
        qtbot.mouseClick(form.network_note.keep, Qt.MouseButton.LeftButton)
    assert form.value().model == Settings().model and form.value().feature.name == "speech_embedding"
    assert not form.network_note.isVisible()


def test_headers_of_folds_are_never_cut(form: SettingsForm, qtbot: QtBot, qapp: QApplication) -> None:
    def is_whole(header: QToolButton) -> bool:
        return header.height() >= header.sizeHint().height()

    choose(form, "speech_embedding")
    advanced = form.feature.form().advanced()
    assert advanced is not None
    headers = [fold.header() for fold in (*form.folds.values(), advanced)]
    for name in ("dark", "light"):
        theme.apply(qapp, name)
        qtbot.waitUntil(lambda: all(map(is_whole, headers)))


def test_a_network_that_was_chosen_stays(form: SettingsForm) -> None:
    form.setValue(Settings().with_options(["model.width=2"]))
    choose(form, "speech_embedding")
    assert form.value().model.config.width == 2 and not form.network_note.isVisible()


def test_settings_from_elsewhere_say_nothing(form: SettingsForm) -> None:
    choose(form, "speech_embedding")
    form.setValue(Settings().with_recipe("teach"))
    assert not form.network_note.isVisible() and form.value() == Settings().with_recipe("teach")


def test_what_has_no_effect_on_the_feature_is_shown_so(form: SettingsForm) -> None:
    form.setValue(Settings().with_options(["augment.spec_augment.probability=1", "augment.gain.probability=1"]))
    fold = form.augment.fold("spec_augment")
    assert fold.state().startswith("on") and "SpecAugment" in form.augment.summary()
    assert not form.training.editor("synthetic_takes").isVisibleTo(form.training)
    choose(form, "speech_embedding")
    assert fold.state() == "no effect here" and "Gain" in form.augment.summary()
    assert "SpecAugment" not in form.folds["augment"].state() and "Time shift" not in form.folds["augment"].state()
    form.folds["training"].setOpen(True)
    advanced = form.training.advanced()
    assert advanced is not None
    advanced.setOpen(True)
    assert form.training.editor("synthetic_takes").isVisible()


def test_layers_are_counted_for_the_window_of_vectors(form: SettingsForm) -> None:
    form.set_clip(n_samples=RATE, rate=RATE, n_labels=4)
    form.setValue(Settings().with_options(["model.name=custom", "feature.name=speech_embedding"]))
    editor = form.model.form().editor("layers")
    assert isinstance(editor, LayersEditor)
    given = editor.table._input
    assert (given.n_features, given.n_frames) == (96, 10)


def _of_sound(samples: np.ndarray, *augment: str) -> PreviewQuestion:
    settings = Settings().with_options([*OFF, "feature.name=speech_embedding", *augment]).to_dict()
    on = {name: options for name, options in settings["augment"].items() if options["probability"] > 0}
    return PreviewQuestion(samples, RATE, settings["feature"], on, seed=3)


def test_a_clip_is_previewed_in_the_window_in_which_it_is_used() -> None:
    """The word lies at the end of a window of 1.5 s, also where an augmentation makes it longer."""
    times = np.arange(RATE) / RATE
    word = np.where((times > 0.2) & (times < 0.6), 0.3 * np.sin(2 * np.pi * 600 * times), 0).astype(np.float32)
    pipeline = FEATURES["speech_embedding"].build(FEATURES["speech_embedding"].config(), rate=RATE)
    plain = preview(_of_sound(word))
    assert plain.features.shape == plain.changed.shape == (10, 96)
    np.testing.assert_array_equal(plain.features, pipeline.batch(plain.samples))
    changed = preview(_of_sound(word, "augment.speed.probability=1", "augment.gain.probability=1"))
    assert (changed.changed != plain.features).any() and set(changed.drawn) == {"speed", "gain"}
    for one in (plain, changed):
        heard = np.flatnonzero(np.abs(one.samples) > 0.01)
        assert len(one.samples) == pipeline.window_for(RATE) and len(one.samples) - heard[-1] < 0.2 * RATE


def test_vectors_are_drawn_where_the_sound_that_they_see_ends(fold: PreviewFold, qtbot: QtBot) -> None:
    fold.show_settings(Settings().with_options([*OFF, "feature.name=speech_embedding"]))
    fold.setOpen(True)
    qtbot.waitUntil(lambda: not fold.is_working(), timeout=PATIENCE_MS)
    assert fold.caption.fullText() == "10 vectors x 96 numbers, of 1.5 s"
    first_s, last_s = fold.before._span()
    assert last_s == pytest.approx(1.495, abs=0.02) and first_s == pytest.approx(last_s - 0.8)
    assert np.unique(fold.before._ring).size > 30
    fold.show_settings(Settings().with_options(OFF))
    qtbot.waitUntil(lambda: not fold.is_working() and "features" in fold.caption.fullText(), timeout=PATIENCE_MS)
    assert fold.before._span()[0] == 0.0


def test_augmentations_without_effect_are_not_previewed(fold: PreviewFold, qtbot: QtBot) -> None:
    options = [*OFF, "feature.name=speech_embedding", "augment.spec_augment.probability=1"]
    fold.show_settings(Settings().with_options([*options, "augment.time_shift.probability=1"]))
    fold.setOpen(True)
    qtbot.waitUntil(lambda: not fold.is_working(), timeout=PATIENCE_MS)
    assert not fold.again.isEnabled() and fold.augments.pid is None and "No augmentation" in fold.drawn.fullText()
