"""Colours, fonts and spacing of the window, light and dark, switchable at run time.

Widgets set a role ("primary", "card", "muted") and read colours from `current()`; custom-painted widgets also connect
to `notifier.changed`.
"""

from __future__ import annotations

import dataclasses
import string
import weakref
from dataclasses import dataclass
from typing import Literal

import qtawesome
from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QPalette
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from kws_engine import resources

Choice = Literal["light", "dark", "system"]
GRID = 8  # px; every margin and gap is a multiple (or half) of it
GROUP = 2 * GRID
TITLE_SCALE = 1.25
WORD_SCALE = 3.0


@dataclass(frozen=True)
class Theme:
    """One set of colours as "#RRGGBB".

    Attributes:
        window, surface, sunken: Backgrounds: of the page, of cards and fields on it, of wells (plots, meters) in it.
        training, validation, detection, warning, error: Lines, bars and marks, from the Okabe-Ito palette.
        training_text ... error_text: The same for text, at least 4.5:1 on window, surface and sunken.
    """

    name: Literal["light", "dark"]
    window: str
    surface: str
    sunken: str
    border: str
    field_border: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    training: str
    validation: str
    detection: str
    warning: str
    error: str
    training_text: str
    validation_text: str
    detection_text: str
    warning_text: str
    error_text: str

    def color(self, role: str, alpha: float = 1.0) -> QColor:
        """The colour of a role, as in `color("training", 0.2)`."""
        color = QColor(getattr(self, role))
        color.setAlphaF(alpha)
        return color


LIGHT = Theme(
    name="light",
    window="#F5F6F8", surface="#FFFFFF", sunken="#ECEEF2", border="#DDE1E7", field_border="#8D95A1",
    text="#1B2027", muted="#566070", accent="#0072B2", accent_hover="#005F96", on_accent="#FFFFFF",
    training="#0072B2", validation="#D55E00", detection="#009E73", warning="#E69F00", error="#CC3311",
    training_text="#00659E", validation_text="#A84A00", detection_text="#006B4E", warning_text="#7A5400",
    error_text="#B3270A",
)  # fmt: skip
DARK = Theme(
    name="dark",
    window="#15181D", surface="#1E2329", sunken="#101317", border="#2E353E", field_border="#6B7583",
    text="#E9ECF1", muted="#A5AFBC", accent="#56B4E9", accent_hover="#7CC6F0", on_accent="#0A1218",
    training="#56B4E9", validation="#F0843A", detection="#2CC48F", warning="#F0B429", error="#FF7C66",
    training_text="#6FC0EE", validation_text="#F59A5B", detection_text="#3FD19E", warning_text="#F3C04D",
    error_text="#FF9482",
)  # fmt: skip


class _Notifier(QObject):
    """Emits `changed` with the new `Theme`."""

    changed = Signal(object)


notifier = _Notifier()


@dataclass
class _State:
    choice: Choice = "light"
    theme: Theme = LIGHT
    followed: weakref.ref[QApplication] | None = None


_state = _State()


def current() -> Theme:
    """The theme in force."""
    return _state.theme


def choice() -> Choice:
    """The setting: "light", "dark", or "system" to follow the desktop."""
    return _state.choice


def apply(app: QApplication, choice: Choice = "system") -> None:
    """Applies a theme to the application, now and, with "system", whenever the desktop switches."""
    _state.choice = choice
    first = _follow_system(app)
    hints = app.styleHints()
    if choice == "system":
        hints.unsetColorScheme()
    else:
        hints.setColorScheme(Qt.ColorScheme.Dark if choice == "dark" else Qt.ColorScheme.Light)
    dark = choice == "dark" or (choice == "system" and hints.colorScheme() == Qt.ColorScheme.Dark)
    _switch_to(app, DARK if dark else LIGHT, first=first)


def set_role(widget: QWidget, role: str) -> None:
    """Sets the role of a widget: primary, quiet, danger, card, well, title, word, muted, error, warning, success."""
    widget.setProperty("role", role)
    restyle(widget)


def restyle(widget: QWidget) -> None:
    """Re-evaluates the style sheet after a property changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def font(scale: float = 1.0, *, bold: bool = False) -> QFont:
    """The system font with tabular figures, at a multiple of the body size."""
    made = QFont(QApplication.font())
    made.setPointSizeF(QApplication.font().pointSizeF() * scale)
    if bold:
        made.setWeight(QFont.Weight.DemiBold)
    return made


def icon(name: str, role: str = "text") -> QIcon:
    """A qtawesome icon ("mdi6.microphone") in a colour of the current theme."""
    theme = current()
    made: QIcon = qtawesome.icon(name, color=getattr(theme, role), color_disabled=theme.field_border)
    return made


def set_icon(widget: QAbstractButton | QLabel, name: str, *, role: str = "text", size: int = 18) -> None:
    """Puts an icon on a button or label, and recolours it whenever the theme changes."""
    known = widget.findChildren(_IconBinding, options=Qt.FindChildOption.FindDirectChildrenOnly)
    binding = known[0] if known else _IconBinding(widget)
    binding.show(name, role, size)


class _IconBinding(QObject):
    """Keeps the icon of one widget in the colours of the theme; owned by the widget."""

    def __init__(self, widget: QAbstractButton | QLabel) -> None:
        super().__init__(widget)
        self._widget = widget
        self._name = ""
        self._role = "text"
        self._size = 18
        notifier.changed.connect(self._draw)

    def show(self, name: str, role: str, size: int) -> None:
        self._name = name
        self._role = role
        self._size = size
        self._draw()

    def _draw(self) -> None:
        drawn = icon(self._name, self._role)
        if isinstance(self._widget, QLabel):
            self._widget.setPixmap(drawn.pixmap(QSize(self._size, self._size), self._widget.devicePixelRatioF()))
        else:
            self._widget.setIcon(drawn)
            self._widget.setIconSize(QSize(self._size, self._size))


def rgb(color: QColor) -> tuple[float, float, float]:
    """Red, green and blue, 0..1."""
    return color.redF(), color.greenF(), color.blueF()


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """The colour that lies `share` (0..1) of the way from one to the other, in RGB."""
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in zip(rgb(one), rgb(other), strict=True)))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(QColor(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _follow_system(app: QApplication) -> bool:
    """Connects to the desktop's colour scheme once per application; returns whether this was the first time."""
    if _state.followed is not None and _state.followed() is app:
        return False
    _state.followed = weakref.ref(app)
    app.setStyle("Fusion")
    tabular = QFont(app.font())
    tabular.setFeature(QFont.Tag("tnum"), 1)
    app.setFont(tabular)
    app.styleHints().colorSchemeChanged.connect(_on_system_changed)
    return True


def _on_system_changed(scheme: Qt.ColorScheme) -> None:
    app = QApplication.instance()
    if _state.choice == "system" and isinstance(app, QApplication):
        _switch_to(app, DARK if scheme == Qt.ColorScheme.Dark else LIGHT)


def _switch_to(app: QApplication, theme: Theme, *, first: bool = False) -> None:
    if theme is _state.theme and not first:
        return
    _state.theme = theme
    app.setPalette(_palette(theme))
    app.setStyleSheet(_style_sheet(theme, app.font().pointSizeF()))
    notifier.changed.emit(theme)


def _palette(theme: Theme) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.surface,
        QPalette.ColorRole.AlternateBase: theme.sunken,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.surface,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.ToolTipBase: theme.surface,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.muted,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.on_accent,
        QPalette.ColorRole.Link: theme.training_text,
        QPalette.ColorRole.Mid: theme.border,
        QPalette.ColorRole.Accent: theme.accent,
    }
    palette = QPalette(QColor(theme.surface), QColor(theme.window))
    for role, color in roles.items():
        palette.setColor(role, QColor(color))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.field_border))
    return palette


def _style_sheet(theme: Theme, body_pt: float) -> str:
    template = string.Template(resources.path("styles", "studio.qss").read_text(encoding="utf-8"))
    sizes = {"title_pt": body_pt * TITLE_SCALE, "word_pt": body_pt * WORD_SCALE}
    return template.substitute(dataclasses.asdict(theme), **sizes, icons=resources.path("icons").as_posix())
