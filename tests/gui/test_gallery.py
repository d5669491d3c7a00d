"""Every example of the gallery, in light and dark: drawn, not blank, nothing cut off."""

from __future__ import annotations

import importlib.util
import pathlib

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from kws_gui import theme

GALLERY = pathlib.Path(__file__).parents[1] / "gallery"
EXAMPLES = sorted(path.stem for path in GALLERY.glob("*.py") if path.name != "show.py")


def _make(name: str) -> QWidget:
    spec = importlib.util.spec_from_file_location(f"gallery_{name}", GALLERY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make()


def _pixels(widget: QWidget) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.array(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)[..., :3]


def _cut_off(page: QWidget) -> list[str]:
    """Texts of visible labels and buttons that are wider or higher than the room they have."""
    found = []
    for label in page.findChildren(QLabel):
        if not label.isVisible() or not label.text() or label.textFormat() == Qt.TextFormat.RichText:
            continue
        room, metrics = label.contentsRect(), label.fontMetrics()
        needed = metrics.boundingRect(room, int(Qt.TextFlag.TextWordWrap) if label.wordWrap() else 0, label.text())
        if needed.width() > room.width() + 1 or needed.height() > room.height() + 1:
            found.append(label.text())
    for button in (*page.findChildren(QPushButton), *page.findChildren(QCheckBox)):
        if button.isVisible() and button.width() < button.sizeHint().width():
            found.append(button.text())
    return found


@pytest.mark.parametrize("choice", ["light", "dark"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_drawn_and_nothing_is_cut_off(qtbot: QtBot, qapp: QApplication, name: str, choice: str) -> None:
    theme.apply(qapp, choice)
    page = _make(name)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitExposed(page)
    qapp.processEvents()
    pixels = _pixels(page)
    assert pixels.shape[0] >= page.height() and pixels.shape[1] >= page.width()
    assert len(np.unique(pixels.astype(np.uint32) @ (1 << np.array([16, 8, 0], np.uint32)))) > 12, (
        "the example is blank"
    )
    assert _cut_off(page) == []
    brightness = float(pixels[5, 5].mean())
    assert brightness > 200 if choice == "light" else brightness < 60


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_widget_that_takes_focus_has_a_name(qtbot: QtBot, name: str) -> None:
    page = _make(name)
    qtbot.addWidget(page)
    for widget in page.findChildren(QWidget):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
            inside_named = any(p.accessibleName() for p in _parents(widget))
            assert widget.accessibleName() or getattr(widget, "text", str)() or inside_named, repr(widget)


def _parents(widget: QWidget) -> list[QWidget]:
    parent = widget.parentWidget()
    return [] if parent is None else [parent, *_parents(parent)]


def test_switching_live_repaints_what_is_shown(qtbot: QtBot, qapp: QApplication) -> None:
    page = _make("curves")
    qtbot.addWidget(page)
    page.show()
    qtbot.waitExposed(page)
    assert np.median(_pixels(page)) > 200
    with qtbot.waitSignal(theme.notifier.changed):
        theme.apply(qapp, "dark")
    qapp.processEvents()
    assert np.median(_pixels(page)) < 60
