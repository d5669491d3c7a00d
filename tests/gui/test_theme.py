"""Colours: readable everywhere, switchable live, following the desktop."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from kws_gui import theme

TEXT_ROLES = ("text", "muted", "training_text", "validation_text", "detection_text", "warning_text", "error_text")


@pytest.mark.parametrize("colors", [theme.LIGHT, theme.DARK], ids=lambda colors: colors.name)
def test_text_is_readable_on_every_background(colors: theme.Theme) -> None:
    for role in TEXT_ROLES:
        for background in ("window", "surface", "sunken"):
            assert theme.contrast(getattr(colors, role), getattr(colors, background)) >= 4.5, (role, background)
    assert theme.contrast(colors.on_accent, colors.accent) >= 4.5
    assert theme.contrast(colors.on_accent, colors.accent_hover) >= 4.5
    assert theme.contrast(colors.field_border, colors.surface) >= 3
    for line in ("training", "validation", "error", "accent"):
        assert theme.contrast(getattr(colors, line), colors.sunken) >= 3, line


def test_contrast_is_that_of_wcag() -> None:
    assert theme.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert theme.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_icons_take_the_colour_of_the_theme(qtbot: QtBot, qapp: QApplication) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    theme.set_icon(button, "mdi6.microphone")
    for choice, colors in (("light", theme.LIGHT), ("dark", theme.DARK)):
        theme.apply(qapp, choice)
        image = button.icon().pixmap(32, 32).toImage()
        solid = {
            image.pixelColor(x, y).name().upper()
            for x in range(32)
            for y in range(32)
            if image.pixelColor(x, y).alpha() == 255
        }
        assert colors.text in solid


def test_system_asks_the_desktop_and_a_choice_overrides_it(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply(qapp, "dark")
    assert (theme.choice(), theme.current()) == ("dark", theme.DARK)
    theme.apply(qapp, "system")
    expected = theme.DARK if qapp.styleHints().colorScheme().name == "Dark" else theme.LIGHT
    assert (theme.choice(), theme.current()) == ("system", expected)
