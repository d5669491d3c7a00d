"""The button that opens the actions, and says how many are on and whether one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QPushButton, QWidget

from kws_gui import theme
from kws_gui.pages.listen.actions import ActionsDialog
from kws_gui.services.actions import Actions
from kws_gui.services.project_model import ProjectModel

_HINT = "What happens when a word is heard: run a program, press keys, notify, play, HTTP, MQTT, a file"


class ActionsButton(QPushButton):
    """Needs an open project, which keeps the actions.

    `words` gives the words that the dialog offers.
    """

    def __init__(
        self,
        actions: Actions,
        project: ProjectModel,
        words: Callable[[], Sequence[str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._actions = actions
        self._project = project
        self._words = words
        self.dialog: ActionsDialog | None = None
        self.clicked.connect(self.open_dialog)
        for signal in (actions.changed, actions.reported, project.opened):
            signal.connect(self._show)
        self._show()

    def open_dialog(self) -> None:
        """Shows the dialog, which stays open beside the page."""
        self.close_dialog()
        self.dialog = ActionsDialog(self._actions, self._words(), self.window())
        self.dialog.show()

    def close_dialog(self) -> None:
        """Closes it."""
        if self.dialog is not None:
            self.dialog.close()
            self.dialog.deleteLater()
            self.dialog = None

    def _show(self) -> None:
        count = sum(rule.is_on for rule in self._actions.rules)
        failing = self._actions.failing
        is_project = self._project.project is not None
        self.setText(f"Actions: {count} on" if count else "Actions")
        self.setEnabled(is_project)
        theme.set_icon(self, "mdi6.alert-outline" if failing else "mdi6.lightning-bolt-outline")
        hint = failing[0].error if failing else _HINT
        self.setToolTip(hint if is_project else "Open a project first: it keeps the actions")
        self.setAccessibleDescription(self.toolTip())
