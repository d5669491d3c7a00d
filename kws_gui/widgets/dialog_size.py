"""How large a dialog opens: as it wants to, and no larger than the window below it leaves room for."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

_MARGIN = 32  # px of the window around it


def size_in(parent: QWidget | None, width: int, height: int, *, share: float = 0.0) -> QSize:
    """The size of a dialog over the window of `parent`, any size without one.

    Args:
        parent: A widget of that window.
        width: Wanted, in px.
        height: Wanted, in px.
        share: Of a large window it takes so much, if that is more.
    """
    wanted = QSize(width, height)
    if parent is None:
        return wanted
    room = parent.window().size()
    return wanted.expandedTo(room * share).boundedTo(room - QSize(_MARGIN, _MARGIN))
