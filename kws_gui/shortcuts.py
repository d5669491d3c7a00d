"""Every keyboard shortcut of the pages with its one meaning: the pages make theirs from here, and Help lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QPushButton, QWidget


@dataclass(frozen=True)
class Keys:
    """A meaning, the keys that have it (alternatives), and the pages where; none of them means anything else.

    Keys `in_focus` are handled by the widget that has the focus, and need no shortcut object.
    """

    keys: tuple[str, ...]
    meaning: str
    where: str
    in_focus: bool = False


SHORTCUTS = {
    "record": Keys(("R",), "Record, or cancel the take", "Words"),
    "record_again": Keys(("Shift+R",), "Record the chosen take again", "Words"),
    "find": Keys(("Ctrl+F",), "Filter the clips by text", "Words"),
    "cancel": Keys(("Esc",), "Cancel, deselect or close", "All pages"),
    "play": Keys(
        ("Space",),
        "Hear: play the clip, or listen to the microphone, or pause that",
        "Teach, Words, Results, Listen",
        in_focus=True,
    ),
    "delete": Keys(("Del",), "Remove what is chosen, with undo", "Words, Train, Results"),
    "rename": Keys(("F2",), "Rename what is chosen", "Words, Train"),
    "start": Keys(("Ctrl+Return", "Ctrl+Enter"), "Start or stop the training or the search", "Train, Search"),
    "queue": Keys(("Ctrl+Shift+Return", "Ctrl+Shift+Enter"), "Train after the runs before", "Train"),
    "pause": Keys(("Ctrl+Shift+P",), "Pause the training, or resume it", "Train"),
    "find_rate": Keys(("Ctrl+Shift+L",), "Find a learning rate", "Train"),
    "finish": Keys(("Ctrl+M",), "Make a model of the run's best epoch", "Train"),
    "label": Keys(("Ctrl+T",), "Tags and note of the run", "Train"),
    "up": Keys(("Alt+Up",), "Move the run or the layer up", "Train"),
    "down": Keys(("Alt+Down",), "Move the run or the layer down", "Train"),
    "duplicate": Keys(("Ctrl+D",), "Duplicate the layer", "Train"),
    "move": Keys(("M",), "Move the clip to the word it sounds like", "Results", in_focus=True),
    "zoom": Keys(("+", "-"), "Zoom the curves in or out", "Train, Results", in_focus=True),
    "show_all": Keys(("Home", "0"), "Show all epochs of the curves", "Train, Results", in_focus=True),
    "logarithmic": Keys(("L",), "Logarithmic loss", "Train, Results", in_focus=True),
    "listen": Keys(("Ctrl+L",), "Listen, or stop listening", "Listen"),
    "wrong": Keys(("Ctrl+Shift+W",), "What was heard last was not said", "Listen"),
    "missed": Keys(("Ctrl+Shift+M",), "What was said last was not heard", "Listen"),
    "go_on": Keys(("Alt+Right",), "The next step", "Teach"),
    "go_back": Keys(("Alt+Left",), "The step before", "Teach"),
    "undo_take": Keys(("Backspace",), "Take back the last take", "Teach, recording session"),
    "put_off": Keys(("S",), "Put the word off to the end", "Recording session", in_focus=True),
    "pause_session": Keys(("P",), "Pause the session, or go on", "Recording session", in_focus=True),
}


def sequences(name: str) -> list[QKeySequence]:
    """The keys of a meaning."""
    return [QKeySequence(keys) for keys in SHORTCUTS[name].keys]


def text(name: str) -> str:
    """The first of its keys as a tooltip writes it."""
    return SHORTCUTS[name].keys[0]


def add(
    parent: QWidget,
    name: str,
    call: Callable[[], object],
    context: Qt.ShortcutContext = Qt.ShortcutContext.WindowShortcut,
) -> None:
    """Calls when one of the keys is pressed while `parent` is shown, or has the focus, as the context says."""
    for keys in sequences(name):
        shortcut = QShortcut(keys, parent)
        shortcut.setContext(context)
        shortcut.setWhatsThis(SHORTCUTS[name].meaning)
        shortcut.activated.connect(call)


def give(target: QAction | QPushButton, name: str) -> None:
    """Gives the keys to an action (all of them) or a button (the first)."""
    if isinstance(target, QAction):
        target.setShortcuts(sequences(name))
    else:
        target.setShortcut(sequences(name)[0])
    target.setWhatsThis(SHORTCUTS[name].meaning)
