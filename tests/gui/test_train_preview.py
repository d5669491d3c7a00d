"""The preview on the Train page: real clips, real features, real augmentation in its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine.settings import Settings
from kws_gui.pages.train.preview import PreviewFold
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.colormap import magma

PATIENCE_MS = 60_000
OFF = [f"augment.{name}.probability=0" for name in Settings().augment]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("preview") / "tones").folder


@pytest.fixture
def preview(qtbot: QtBot, folder: Path) -> Iterator[PreviewFold]:
    from kws_engine.clips.project import Project

    model = ProjectModel()
    made = PreviewFold(model)
    qtbot.addWidget(made)
    made.resize(640, 260)
    made.show()
    model.open(Project.open(folder))
    made.read_words()
    yield made
    made.shutdown()


def _settled(qtbot: QtBot, preview: PreviewFold) -> None:
    qtbot.waitUntil(lambda: not preview.is_working(), timeout=PATIENCE_MS)


def _picture(preview: PreviewFold, which: str) -> bytes:
    return bytes(getattr(preview, which)._ring.tobytes())


def test_nothing_is_computed_until_it_is_opened(qtbot: QtBot, preview: PreviewFold) -> None:
    assert not preview.is_working() and preview.augments.pid is None
    preview.show_settings(Settings().with_options(OFF))
    preview.setOpen(True)
    assert preview.is_working()
    _settled(qtbot, preview)
    assert preview.augments.pid is None, "without augmentation torch is not needed"
    assert preview.caption.fullText() == "98 frames x 40 features"
    assert _picture(preview, "before") == _picture(preview, "after") and not preview.again.isEnabled()


def test_the_features_on_the_form_are_the_ones_shown(qtbot: QtBot, preview: PreviewFold) -> None:
    preview.setOpen(True)
    preview.show_settings(Settings().with_options([*OFF, "feature.name=mfcc", "feature.coefficients=13"]))
    _settled(qtbot, preview)
    assert preview.caption.fullText().endswith("x 13 features")
    shown = np.frombuffer(_picture(preview, "before"), np.uint8)
    colours = preview.before._colours
    used = colours[shown.min()], colours[shown.max()]
    assert used[0] == magma()[0] and used[1] in magma()[-2:], "the whole range of the colours"


@pytest.mark.slow
def test_again_draws_new_values_and_says_them(qtbot: QtBot, preview: PreviewFold) -> None:
    preview.show_settings(Settings().with_options([*OFF, "augment.gain.probability=1", "augment.pitch.probability=1"]))
    preview.setOpen(True)
    _settled(qtbot, preview)
    first = _picture(preview, "after"), preview.drawn.fullText()
    assert first[0] != _picture(preview, "before") and "Pitch" in first[1] and "semitones" in first[1]
    qtbot.mouseClick(preview.again, Qt.MouseButton.LeftButton)
    _settled(qtbot, preview)
    assert (_picture(preview, "after"), preview.drawn.fullText()) != first


def test_another_word_and_another_clip_are_other_pictures(qtbot: QtBot, preview: PreviewFold) -> None:
    preview.show_settings(Settings().with_options(OFF))
    preview.setOpen(True)
    _settled(qtbot, preview)
    first = _picture(preview, "before")
    qtbot.mouseClick(preview.other, Qt.MouseButton.LeftButton)
    _settled(qtbot, preview)
    second = _picture(preview, "before")
    preview.words.setCurrentIndex(1)
    _settled(qtbot, preview)
    assert len({first, second, _picture(preview, "before")}) == 3


def test_it_fits_beside_the_form_in_the_smallest_window(preview: PreviewFold) -> None:
    preview.setOpen(True)
    assert preview.minimumSizeHint().width() <= 1024 - 168 - 360 - 3 * 16
