"""Shows widgets and reads the pixels they drew."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

Shown = TypeVar("Shown", bound=QWidget)


def shown(qtbot: QtBot, widget: Shown, width: int = 600, height: int = 300) -> Shown:
    """The widget, on the screen, closed after the test."""
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def pixels(widget: QWidget) -> np.ndarray:
    """The widget as drawn, shape (height, width, 3) in logical pixels, RGB."""
    image = widget.grab().toImage().scaled(widget.size()).convertToFormat(QImage.Format.Format_RGB888)
    rows = np.array(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def near(pixels: np.ndarray, color: str) -> np.ndarray:
    """Which pixels are that colour, nearly."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return np.abs(pixels - wanted).max(-1) < 24
