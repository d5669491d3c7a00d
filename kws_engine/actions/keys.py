"""Presses keys or types text in the window that has the focus, on X11 by its XTest extension."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from kws_engine import extras
from kws_engine.actions import ACTIONS
from kws_engine.actions.moment import PLACES, Act, Call, fill
from kws_engine.errors import KwsError, SpecError, quoted, shortened
from kws_engine.spec import nearest, option

MODIFIERS: Final = {
    "ctrl": "Control_L", "shift": "Shift_L", "alt": "Alt_L", "altgr": "ISO_Level3_Shift", "super": "Super_L",
}  # fmt: skip
KEYS: Final = {
    "enter": "Return", "tab": "Tab", "esc": "Escape", "space": "space", "backspace": "BackSpace", "delete": "Delete",
    "insert": "Insert", "home": "Home", "end": "End", "pageup": "Prior", "pagedown": "Next", "left": "Left",
    "right": "Right", "up": "Up", "down": "Down", "menu": "Menu", "print": "Print",
    **{f"f{number}": f"F{number}" for number in range(1, 25)},
    "play": "XF86_AudioPlay", "stop": "XF86_AudioStop", "next": "XF86_AudioNext", "previous": "XF86_AudioPrev",
    "louder": "XF86_AudioRaiseVolume", "quieter": "XF86_AudioLowerVolume", "mute": "XF86_AudioMute",
}  # fmt: skip
_UNICODE: Final = 0x01000000
_NEWLINE: Final = {"\n": "enter", "\t": "tab"}
_given: list[int] = []
"""Keys that had no letter until one was typed that the keyboard lacks. They keep it: a program looks a letter up when
it comes to the key, which may be long after it was pressed."""


@dataclass(frozen=True)
class KeysConfig:
    """Options of the action that presses keys."""

    mode: Literal["press", "type"] = option("press", "What", "Press a key with others held, or type a text.")
    keys: str = option(
        "",
        "Keys",
        "A key and those held meanwhile, as in ctrl+alt+t, super+left, play or f5.",
        shown_when=("mode", "press"),
    )
    text: str = option("", "Text", f"What is typed; {PLACES} are replaced.", shown_when=("mode", "type"))


@ACTIONS.register("keys", "Press keys or type", KeysConfig)
def build(config: KeysConfig) -> Act:
    """Presses keys in the window in front, on X11; Wayland lets no program do that."""
    if config.mode == "press":
        pressed(config.keys)
    elif not config.text:
        raise SpecError("Text: say what to type", option="text")
    if reason := why_not():
        raise KwsError(reason)
    extras.require("Xlib", package="python-xlib", extra="actions")

    def press(call: Call) -> None:
        with _keyboard() as keyboard:
            if config.mode == "press":
                keyboard.press(pressed(config.keys))
            else:
                keyboard.type(fill(config.text, call.moment))

    return press


def why_not() -> str:
    """One sentence where no program may press keys for others; empty where it may."""
    if not sys.platform.startswith("linux"):
        return "Keys can be pressed on Linux with X11 only: run a program that presses them."
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
        return (
            "This desktop runs on Wayland, which lets no program press keys for others: log in to an X11 session, or "
            "run a program such as ydotool."
        )
    if not os.environ.get("DISPLAY"):
        return "There is no X11 display to press keys on: start this on a desktop, or set DISPLAY."
    return ""


def pressed(keys: str) -> list[str]:
    """The X11 names of the keys in `ctrl+alt+t`, those that are held first; a letter is itself.

    Raises:
        SpecError: There is no such key, or there are several that are not held.
    """
    wanted = keys.strip().lower()
    *held, last = [name.strip() for name in wanted.removesuffix("+").removesuffix("+").split("+")]
    if wanted.endswith("+"):  # the key of that name itself
        held, last = ([*held, last] if last else held), "+"
    for name in held:
        if name not in MODIFIERS:
            near = nearest(name, MODIFIERS)
            raise SpecError(
                f"Keys: {quoted(name)} is none to hold; those are {', '.join(MODIFIERS)}{near}", option="keys"
            )
    if last not in KEYS and last not in MODIFIERS and not (len(last) == 1 and last.isprintable()):
        near = nearest(last, [*KEYS, *MODIFIERS])
        raise SpecError(f"Keys: {quoted(last)} is no key{near or ', such as ctrl+alt+t, play or f5'}", option="keys")
    return [*(MODIFIERS[name] for name in held), KEYS.get(last) or MODIFIERS.get(last) or last]


@contextmanager
def _keyboard() -> Iterator[_Keyboard]:
    from Xlib import error
    from Xlib.display import Display

    try:
        display = Display()
    except (error.DisplayError, OSError) as failed:
        raise KwsError(f"The X11 display cannot be used ({shortened(failed)}): set DISPLAY.") from failed
    try:
        if not display.has_extension("XTEST"):
            raise KwsError("This X11 display has no XTest extension, by which keys are pressed.")
        yield _Keyboard(display)
    except error.ConnectionClosedError as failed:
        raise KwsError("The X11 display has ended.") from failed
    finally:
        display.close()


class _Keyboard:
    """Presses keys of one display; letters that no key has are given to one without a letter."""

    def __init__(self, display: Any) -> None:
        self._display = display

    def press(self, names: list[str]) -> None:
        """Holds all of these down in turn, then lets go in the opposite order."""
        symbols = [_symbol(name) for name in names]
        codes = self._codes(symbols)
        held = [code for symbol in symbols for code in codes[symbol]]
        self._hit(held)
        self._display.sync()

    def type(self, text: str) -> None:
        """Presses one key after another."""
        symbols = [_symbol(KEYS[_NEWLINE[letter]] if letter in _NEWLINE else letter) for letter in text]
        codes = self._codes(symbols)
        for symbol in symbols:
            self._hit(codes[symbol])
        self._display.sync()

    def _codes(self, symbols: list[int]) -> dict[int, list[int]]:
        """The codes to press for each symbol, that of Shift first where it takes it."""
        codes = {symbol: self._known(symbol) for symbol in dict.fromkeys(symbols)}
        lacking = [symbol for symbol, found in codes.items() if not found]
        used = {code for found in codes.values() for code in found}
        for code, symbol in zip(self._free(len(lacking), used), lacking, strict=True):
            self._display.change_keyboard_mapping(code, [(symbol, symbol)])
            codes[symbol] = [code]
        self._display.sync()
        return codes

    def _hit(self, codes: list[int]) -> None:
        """Presses these in turn and lets go in the opposite order."""
        for code in codes:
            self._send(code, down=True)
        for code in reversed(codes):
            self._send(code, down=False)

    def _known(self, symbol: int) -> list[int]:
        found = sorted((column, code) for code, column in self._display.keysym_to_keycodes(symbol) if column in (0, 1))
        if not found:
            return []
        column, code = found[0]
        return [self._display.keysym_to_keycode(_symbol("Shift_L")), code] if column else [code]

    def _free(self, count: int, used: set[int]) -> list[int]:
        """Keys without a letter, and those not `used` that were given one before, the oldest first."""
        if count == 0:
            return []
        info = self._display.display.info
        rows = self._display.get_keyboard_mapping(info.min_keycode, info.max_keycode - info.min_keycode + 1)
        empty = [info.min_keycode + at for at, row in enumerate(rows) if not any(row)]
        free = [*reversed(empty), *(code for code in _given if code not in empty and code not in used)]
        if count > len(free):
            raise KwsError(f"The keyboard has no room for {count} letters that it lacks: type a shorter text.")
        _given[:] = [*(code for code in _given if code not in free[:count]), *free[:count]]
        return free[:count]

    def _send(self, code: int, *, down: bool) -> None:
        from Xlib import X
        from Xlib.ext import xtest

        xtest.fake_input(self._display, X.KeyPress if down else X.KeyRelease, code)


def _symbol(name: str) -> int:
    """The number of a key by its X11 name, or of a letter."""
    from Xlib import XK

    if len(name) == 1:
        number = ord(name)
        return number if 0x20 <= number <= 0x7E or 0xA0 <= number <= 0xFF else _UNICODE | number
    XK.load_keysym_group("xf86")
    return int(XK.string_to_keysym(name))
