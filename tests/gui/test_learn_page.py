"""Learn: every chapter there is builds, moves, draws in both themes and tries what Train knows; the sums are right."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pictures import pixels
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QComboBox, QLabel, QSlider, QWidget
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine.settings import Settings
from kws_gui import theme
from kws_gui.main_window import MainWindow
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import (
    CHAPTERS,
    batch_norm,
    dropout,
    early_stopping,
    l1_l2,
    outliers,
    overfitting,
    weight_decay,
)
from kws_gui.pages.learn.page import LearnPage
from kws_gui.services.services import make_services

PATIENCE_MS = 30_000
NAMES = [chapter.name for chapter in CHAPTERS]
MOVED = (QSlider, QComboBox, QAbstractSpinBox, QAbstractButton)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    window = MainWindow()
    window.resize(1024, 640)
    window.show()
    yield window
    window.close()
    window.deleteLater()


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[LearnPage]:
    """As large as it is in a window of 1024 x 640."""
    page = LearnPage(make_services())
    qtbot.addWidget(page)
    page.resize(856, 600)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.shutdown()


def shown(page: LearnPage, name: str) -> ChapterPage:
    assert page.show_chapter(name)
    return page.chapter(name)


def pictures(chapter: ChapterPage) -> list[np.ndarray]:
    return [pixels(drawing) for drawing in chapter.drawings()]


def move(qtbot: QtBot, control: QWidget) -> None:
    """Moves a control as a person at the keyboard does."""
    inner = control if isinstance(control, MOVED) else next(c for c in control.findChildren(QWidget) if _moves(c))
    inner.setFocus()
    if isinstance(inner, QSlider):
        qtbot.keyClick(inner, Qt.Key.Key_Home if inner.value() == inner.maximum() else Qt.Key.Key_End)
    elif isinstance(inner, QComboBox):
        qtbot.keyClick(inner, Qt.Key.Key_Up if inner.currentIndex() == inner.count() - 1 else Qt.Key.Key_Down)
    elif isinstance(inner, QAbstractSpinBox):
        inner.stepBy(1 if inner.stepEnabled() & QAbstractSpinBox.StepEnabledFlag.StepUpEnabled else -1)
    else:
        qtbot.keyClick(inner, Qt.Key.Key_Space)


def _moves(widget: QWidget) -> bool:
    return isinstance(widget, MOVED) and widget.isEnabled() and widget.focusPolicy() != Qt.FocusPolicy.NoFocus


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_says_draws_and_offers_something(page: LearnPage, name: str) -> None:
    chapter = shown(page, name)
    said = [label.text() for label in chapter.findChildren(QLabel)]
    assert CHAPTERS[name].title in said and any(text.startswith("Source: ") for text in said)
    assert chapter.drawings() and chapter.controls()
    assert chapter.button is not None and chapter.button.text() == "Try it on your words"
    for drawing in chapter.drawings():
        told = [part for part in (drawing, *drawing.findChildren(QWidget)) if part.accessibleName()]
        assert told and any(part.accessibleDescription() for part in told)
    assert chapter.minimumSizeHint().width() <= chapter.width()  # nothing is cut off right


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_control_changes_a_drawing(qtbot: QtBot, page: LearnPage, name: str) -> None:
    chapter = shown(page, name)
    for at, control in enumerate(chapter.controls()):
        before = pictures(chapter)
        move(qtbot, control)

        def changed(before: list[np.ndarray] = before) -> bool:
            after = pictures(chapter)
            return any(a.shape != b.shape or (a != b).any() for a, b in zip(after, before, strict=True))

        qtbot.waitUntil(changed, timeout=PATIENCE_MS)
        assert chapter.controls()[at] is control


@pytest.mark.parametrize("name", NAMES)
def test_drawings_show_something_in_both_themes(page: LearnPage, qapp: QApplication, name: str) -> None:
    chapter = shown(page, name)
    light = pictures(chapter)
    theme.apply(qapp, "dark")
    for bright, dark in zip(light, pictures(chapter), strict=True):
        for picture in (bright, dark):
            assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 12 and picture.std() > 4
        assert (bright != dark).any()


def test_in_a_wide_window_the_button_stands_with_the_text(page: LearnPage, qtbot: QtBot) -> None:
    page.resize(1800, 900)
    chapter = shown(page, "tc_resnet")
    qtbot.waitUntil(lambda: chapter.width() > 1400)
    assert chapter.button is not None
    paragraph = next(label for label in chapter.findChildren(QLabel) if label.text().startswith("TC-ResNet reads"))
    what = next(label for label in chapter.findChildren(QLabel) if label.text().startswith("Opens Train"))
    left, right = (chapter.button.mapTo(chapter, chapter.button.rect().topLeft()).x(), _right(what, chapter))
    assert left == paragraph.mapTo(chapter, paragraph.rect().topLeft()).x() and right <= _right(paragraph, chapter)
    assert what.mapTo(chapter, what.rect().topLeft()).x() - _right(chapter.button, chapter) <= 2 * theme.GROUP


def _right(part: QWidget, chapter: ChapterPage) -> int:
    return part.mapTo(chapter, part.rect().topRight()).x()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_chapter_tries_is_known_to_train(qtbot: QtBot, page: LearnPage, name: str) -> None:
    chapter = shown(page, name)
    for control in (None, *chapter.controls()):
        if control is not None:
            move(qtbot, control)
        settings = Settings().with_options(f"{path}={text}" for path, text in chapter.options().items())
        assert chapter.options() and set(chapter.options()) <= set(settings.paths())
        assert Settings.from_dict(settings.to_dict()) == settings


@pytest.mark.all_parts
def test_every_chapter_has_its_picture_in_the_documents() -> None:
    """A new chapter has neither picture nor section until `packaging/screenshots.py --only learn` makes both."""
    docs = Path(__file__).parents[2] / "docs"
    written = (docs / "learn.md").read_text(encoding="utf-8")
    for chapter in CHAPTERS:
        picture = f"pictures/learn-{chapter.name.replace('_', '-')}.png"
        has_section, is_shown = f"## {chapter.title}\n" in written, f"]({picture})" in written
        assert has_section == is_shown == (docs / picture).is_file(), f"{chapter.title}: make its picture anew"


@pytest.mark.all_parts
def test_no_chapter_loads_torch() -> None:
    code = (
        "import sys; from PySide6.QtWidgets import QApplication; app = QApplication([]);"
        "from kws_gui.pages.learn.chapters import CHAPTERS;"
        "from kws_gui.services.project_model import ProjectModel; model = ProjectModel();"
        "made = [chapter.make(model) for chapter in CHAPTERS]; [page.shutdown() for page in made];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.all_parts
def test_the_chapter_read_last_comes_again(page: LearnPage, qtbot: QtBot) -> None:
    assert page.list.currentRow() == 0 and page.list.count() == len(NAMES)
    page.list.setFocus()
    qtbot.keyClick(page.list, Qt.Key.Key_Down)
    assert page.chapter(NAMES[1]).isVisible()
    again = LearnPage(make_services())
    qtbot.addWidget(again)
    assert again.list.currentRow() == 1


@pytest.mark.slow
def test_trying_opens_train_with_the_settings_and_undoes(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "tones", takes=2)
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(tmp_path / "tones")
    before = window.services.project.settings
    chapter = tried(window, "early_stopping", qtbot)
    assert window.page_name == "train"
    assert window.services.project.settings.training.patience == int(chapter.options()["training.patience"])
    assert window.page("train").form.value() == window.services.project.settings != before
    window.services.project.undo_stack.undo()
    assert window.services.project.settings == before == window.page("train").form.value()


@pytest.mark.slow
def test_without_a_project_what_is_tried_waits_for_one(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    chapter = tried(window, "dropout", qtbot)
    assert window.page_name == "start" and "Open a project" in window.messages.text()
    make_project(tmp_path / "tones", takes=2)
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(tmp_path / "tones")
    qtbot.waitUntil(lambda: window.page_name == "train", timeout=PATIENCE_MS)
    assert window.services.project.settings.model.config.dropout == float(chapter.options()["model.dropout"])


@pytest.mark.slow
def test_a_network_without_the_option_gives_way_to_the_usual_one(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "tones", takes=2)
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(tmp_path / "tones")
    window.services.project.set_settings(Settings().with_model("fnn"))
    window.services.navigation.try_settings({"model.width": "2"})
    assert (
        window.services.project.settings.model.name == "tc_resnet"
        and window.services.project.settings.model.config.width == 2
    )


def tried(window: MainWindow, name: str, qtbot: QtBot) -> ChapterPage:
    window.services.navigation.show_page("learn")
    page = window.page("learn")
    page.show_chapter(name)
    chapter = page.chapter(name)
    chapter.controls()[0].setValue(0.25 if name == "dropout" else 7)
    chapter.button.click()
    return chapter


# -- what the chapters say is so


def test_the_right_feature_needs_two_weights() -> None:
    classes = overfitting.CircleClasses(0)
    straight, curved = (classes.errors(degree)[1] for degree in (1, 2))
    assert classes.radial_errors()[1] < 0.1 < 0.25 < straight and curved < 0.15
    assert classes.errors(9)[0] < classes.errors(2)[0] + 1e-9 and classes.errors(9)[1] > 2 * curved


def test_training_error_falls_with_the_degree() -> None:
    data = overfitting.PolynomialFits(3, 14)
    assert (np.diff(data.train_errors) <= 1e-9).all()
    assert data.test_errors[12] > 2 * data.test_errors.min()


@pytest.mark.parametrize("kind", ["L1", "L2"])
@pytest.mark.parametrize("wanted", [-0.5, 0.0, 0.7, 1.5])
@pytest.mark.parametrize("strength", [0.0, 0.9, 3.0])
def test_the_minimum_is_where_the_sum_is_lowest(kind: l1_l2.Kind, wanted: float, strength: float) -> None:
    w = np.linspace(-2, 2, 4001)
    lowest = w[np.argmin((w - wanted) ** 2 + l1_l2.penalty(kind, w, strength))]
    assert l1_l2.minimum(kind, wanted, strength) == pytest.approx(lowest, abs=1e-3)


def test_decay_is_l2_for_sgd_but_not_for_adam() -> None:
    ends = {
        (optimizer, size, decoupled): weight_decay.shrink(optimizer, size, 0.5, decoupled=decoupled)[-1]
        for optimizer, size, decoupled in itertools.product(("SGD", "Adam"), (4.0, 0.04), (False, True))
    }
    assert ends["SGD", 0.04, False] == pytest.approx(ends["SGD", 0.04, True])
    assert ends["Adam", 4.0, True] == pytest.approx(ends["Adam", 0.04, True], abs=0.02)
    assert ends["Adam", 4.0, False] > ends["Adam", 0.04, False] + 0.3


def test_dropout_says_on_average_what_inference_says() -> None:
    network, rate = dropout.SmallNetwork.fixed(), 0.3
    masks = np.array(list(itertools.product((True, False), repeat=len(network.second))))
    chances = np.prod(np.where(masks, 1 - rate, rate), axis=1)
    mean = sum(chance * network.output(kept, rate) for kept, chance in zip(masks, chances, strict=True))
    assert mean == pytest.approx(network.output(None, rate))


def test_a_click_drops_a_unit_and_a_key_takes_it_back(page: LearnPage, qtbot: QtBot) -> None:
    chapter = shown(page, "dropout")
    assert isinstance(chapter, dropout.DropoutChapter)
    picture = chapter.drawings()[0]
    kept = chapter.kept()
    qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=picture.unit_at(0).toPoint())
    assert chapter.kept() == (not kept[0], *kept[1:])
    qtbot.keyClick(picture, Qt.Key.Key_Space)
    assert chapter.kept() == kept


def test_running_statistics_reach_the_batches_own() -> None:
    feature = batch_norm.DriftingFeature.draw(0, 128)
    means, variances = feature.running(0.5)
    assert means[-1] == pytest.approx(2.5, abs=0.3) and np.sqrt(variances[-1]) == pytest.approx(1.4, abs=0.2)
    assert means[0] == pytest.approx(0.5 * feature.batches[0].mean())


@pytest.mark.parametrize("height", [-5.0, 4.0, 12.0])
def test_the_absolute_line_has_the_least_absolute_loss(height: float) -> None:
    x, y = outliers.made_points()
    y[8] = height
    at, slope = outliers.absolute_fit(x, y)
    least = np.abs(y - at - slope * x).sum()
    tried = itertools.product(np.linspace(-2, 4, 61), np.linspace(-1, 2, 61))
    assert least <= min(np.abs(y - a - b * x).sum() for a, b in tried) + 1e-9
    assert abs(slope - 0.5) < 0.1


def test_the_outlier_follows_the_pointer(page: LearnPage, qtbot: QtBot) -> None:
    chapter = shown(page, "outliers")
    assert isinstance(chapter, outliers.OutliersChapter)
    plot = chapter.drawings()[0]
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=plot.place_of(9.0).toPoint())
    assert chapter.height_of.value() == pytest.approx(9.0, abs=0.3)


def test_patience_ends_the_run_and_the_best_is_kept() -> None:
    losses = np.array([1.0, 0.8, 0.9, 0.7, 0.71, 0.695, 0.9, 0.9])
    assert early_stopping.stop(losses, patience=1, minimum_gain=0) == (2, 3)
    assert early_stopping.stop(losses, patience=3, minimum_gain=0) == (6, 8)
    assert early_stopping.stop(losses, patience=3, minimum_gain=0.01) == (4, 7)
