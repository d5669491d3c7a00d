"""What can be undone, as pairs of calls.

This replaces QUndoStack: PySide crashes when a stack with commands on it is collected as part of a cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

Attempt = Callable[[Callable[[], object]], bool]


@dataclass(frozen=True)
class _Change:
    text: str
    redo: Callable[[], object]
    undo: Callable[[], object]


class UndoStack(QObject):
    """Done changes, newest last, followed by undone ones until something new is done.

    `attempt` runs a call and returns whether it worked; a change that fails to be undone or redone is dropped.

    Signals:
        changed: There is something else to undo or redo.
    """

    changed = Signal()

    def __init__(self, attempt: Attempt, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._attempt = attempt
        self._changes: list[_Change] = []
        self._index = 0
        self._is_busy = False

    def setBusy(self, is_busy: bool) -> None:
        """While a change is being done or undone in the background, nothing else can be undone or redone."""
        self._is_busy = is_busy
        self.changed.emit()

    def push(self, text: str, *, redo: Callable[[], object], undo: Callable[[], object]) -> bool:
        """Does `redo` now; where it fails, returns False and leaves everything as it was."""
        if not self._attempt(redo):
            return False
        self._changes[self._index :] = [_Change(text, redo, undo)]
        self._index += 1
        self.changed.emit()
        return True

    def put(self, text: str, *, redo: Callable[[], object], undo: Callable[[], object]) -> None:
        """Takes in a change that was done before, by an earlier start of the program."""
        self._changes[self._index :] = [_Change(text, redo, undo)]
        self._index += 1
        self.changed.emit()

    def undo(self) -> None:
        """Undoes the newest change, if there is one."""
        if not self.canUndo():
            return
        self._index -= 1
        if not self._attempt(self._changes[self._index].undo):
            del self._changes[self._index]
        self.changed.emit()

    def redo(self) -> None:
        """Does again what was undone last, if anything was."""
        if not self.canRedo():
            return
        if self._attempt(self._changes[self._index].redo):
            self._index += 1
        else:
            del self._changes[self._index]
        self.changed.emit()

    def settle(self, text: str | None, *, redo: Callable[[], object], undo: Callable[[], object]) -> None:
        """Says what has become of a change that went on in the background.

        Args:
            text: It is done, at least in part, and can be undone as this; None drops it.
            redo: As it was pushed.
            undo: As it was pushed.
        """
        at = next((at for at, one in enumerate(self._changes) if one.undo == undo), None)
        if at is not None:
            del self._changes[at]
            self._index -= at < self._index
        if text is not None:
            self._changes.insert(self._index, _Change(text, redo, undo))
            self._index += 1
        self.changed.emit()

    def clear(self) -> None:
        """Forgets everything."""
        self._is_busy = False
        self._changes.clear()
        self._index = 0
        self.changed.emit()

    def count(self) -> int:
        """How many changes, done and undone."""
        return len(self._changes)

    def canUndo(self) -> bool:
        return self._index > 0 and not self._is_busy

    def canRedo(self) -> bool:
        return self._index < len(self._changes) and not self._is_busy

    def undoText(self) -> str:
        """What `undo` would take back."""
        return self._changes[self._index - 1].text if self.canUndo() else ""

    def redoText(self) -> str:
        """What `redo` would do again."""
        return self._changes[self._index].text if self.canRedo() else ""

    def createUndoAction(self, parent: QObject, prefix: str = "Undo") -> QAction:
        """A menu entry that names what it would undo; disabled while there is nothing."""
        return self._make_action(parent, prefix, self.undo, self.canUndo, self.undoText)

    def createRedoAction(self, parent: QObject, prefix: str = "Redo") -> QAction:
        """A menu entry that names what it would do again."""
        return self._make_action(parent, prefix, self.redo, self.canRedo, self.redoText)

    def _make_action(
        self,
        parent: QObject,
        prefix: str,
        call: Callable[[], None],
        is_possible: Callable[[], bool],
        text: Callable[[], str],
    ) -> QAction:
        action = QAction(parent)
        action.triggered.connect(lambda: call())

        def show() -> None:
            action.setEnabled(is_possible())
            named = text()
            action.setText(f"{prefix}: {named}" if named else prefix)

        self.changed.connect(show)
        show()
        return action
