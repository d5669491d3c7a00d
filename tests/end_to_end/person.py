"""A person at the window: clicks, types, waits until something shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QTreeWidget, QWidget
from waiting import wait_until

PATIENCE_S = 30.0


class Impatient(AssertionError):
    """Something did not show in time."""


class Person:
    """Acts on visible, enabled widgets only; leaves a picture in `folder` where it waited in vain."""

    def __init__(self, window: QWidget, folder: Path) -> None:
        self._window = window
        self._folder = folder

    def click(self, widget: QWidget) -> None:
        """Presses a button, once it can be pressed; a tick box where its tick is."""
        self.wait_for(f"{_name(widget)} to be there to press", lambda: widget.isVisible() and widget.isEnabled())
        place = QPoint(10, widget.height() // 2) if isinstance(widget, QCheckBox) else widget.rect().center()
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)

    def click_row(self, tree: QTreeWidget, text: str) -> None:
        """Presses the row of a list whose first column says `text`."""
        item = tree.findItems(text, Qt.MatchFlag.MatchExactly)[0]
        place = tree.visualItemRect(item).center()
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def turn_to(self, window: QWidget) -> None:
        """Makes a window the active one, as a window manager would; keys go to the active window only."""
        window.activateWindow()
        self.wait_for("the window to take keys", window.isActiveWindow)

    def type(self, widget: QWidget, text: str, *, enter: bool = False) -> None:
        """Replaces what a field holds."""
        self.wait_for(f"{_name(widget)} to be there to type in", lambda: widget.isVisible() and widget.isEnabled())
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(widget, text)
        if enter:
            QTest.keyClick(widget, Qt.Key.Key_Return)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """A key for whatever has the focus."""
        QTest.keyClick(QApplication.focusWidget() or self._window, key, modifier)

    def wait_for(self, what: str, condition: Callable[[], object], *, seconds: float = PATIENCE_S) -> None:
        """Looks until `condition` holds.

        Raises:
            Impatient: It never did.
        """
        try:
            wait_until(condition, seconds=seconds, what=what, with_events=True)
        except TimeoutError as error:
            picture = self._folder / "waited-in-vain.png"
            self._window.grab().save(str(picture))
            raise Impatient(f"{error}; the window then is in {picture}") from None


def _name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or type(widget).__name__
