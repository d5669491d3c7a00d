"""The menu of what can be done with the chosen runs, or with a queued one, with its shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from kws_gui import shortcuts
from kws_gui.runs.rows import RunRow

_RUN = ("resume", "finish", "use", "repeat", "", "rename", "label", "compare", "", "results", "listen", "", "delete")
_WAITING = ("start", "use", "", "up", "down", "", "remove")
_ACTIONS: dict[str, tuple[str, str, str]] = {  # text, shortcut, tooltip
    "resume": ("Resume", "", "Continues after its last stored epoch, exactly as if it had not ended"),
    "finish": (
        "Make a model of its best epoch",
        "finish",
        "Writes a model to evaluate and to listen with, without training further",
    ),
    "start": ("Start", "", "Starts the first that waits, and the others one after another"),
    "use": ("Use these settings", "", "Puts the options on the form, with undo"),
    "repeat": ("Repeat", "", "Trains the same again: settings, seed and clips"),
    "rename": ("Rename", "rename", "Gives the run a name"),
    "label": ("Tags and note…", "label", "Words to find the run by, and your remarks on it"),
    "compare": ("Compare with the run before", "", "Or choose several rows with Ctrl or Shift"),
    "results": ("Results", "", "Opens what this run gets right and wrong, or what went wrong in it (Enter)"),
    "listen": ("Listen", "", "Listens to the microphone with this run's model"),
    "delete": ("Delete", "delete", "Moves it to the trash, with undo"),
    "up": ("Move up", "up", "Starts earlier"),
    "down": ("Move down", "down", "Starts later"),
    "remove": ("Remove from the queue", "delete", "Takes it out, with undo"),
}


class RunMenu(QMenu):
    """Offers what fits the choice; its shortcuts work on the list while the menu is closed."""

    def __init__(self, target: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTipsVisible(True)
        self.actions_by_name = {name: self._make(name) for name in _ACTIONS}
        target.addActions(list(self.actions_by_name.values()))
        self._fill(_RUN)

    def action(self, name: str) -> QAction:
        """An action, such as "resume"."""
        return self.actions_by_name[name]

    def show_runs(self, rows: Sequence[RunRow], *, running: bool, has_before: bool) -> None:
        """Offers what can be done with these runs; `running` if one of them is being trained by this window."""
        one = rows[0] if len(rows) == 1 and not running and rows[0].run.state != "running" else None
        whole = one is not None and one.run.state != "damaged"
        able = {
            "resume": one is not None and one.run.can_resume,
            "finish": one is not None and one.run.can_finish,
            "use": len(rows) == 1 and rows[0].run.state != "damaged",
            "repeat": whole,
            "rename": len(rows) == 1,
            "label": len(rows) == 1,
            "compare": len(rows) == 1 and has_before,
            "results": whole,
            "listen": one is not None and one.run.model is not None,
            "delete": bool(rows) and not running and all(row.run.state != "running" for row in rows),
        }
        self._offer(_RUN, able)
        self.action("delete").setText(f"Delete {len(rows)} runs" if len(rows) > 1 else "Delete")

    def show_waiting(self, *, first: bool, last: bool, can_start: bool) -> None:
        """Offers what can be done with a queued run."""
        self._offer(_WAITING, {"start": can_start, "use": True, "up": not first, "down": not last, "remove": True})

    def _offer(self, names: Sequence[str], able: dict[str, bool]) -> None:
        """Disables the others: two actions with the same shortcut must never be enabled together."""
        self._fill(names)
        for name, action in self.actions_by_name.items():
            action.setEnabled(able.get(name, False))

    def _fill(self, names: Sequence[str]) -> None:
        self.clear()
        for name in names:
            if name:
                self.addAction(self.actions_by_name[name])
            else:
                self.addSeparator()

    def _make(self, name: str) -> QAction:
        text, keys, tip = _ACTIONS[name]
        action = QAction(text, self)
        action.setToolTip(tip)
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        if keys:
            shortcuts.give(action, keys)
        return action
