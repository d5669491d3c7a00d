"""What leaving a project would stop or lose, and whether the person agrees to it."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from kws_gui.services import remembered
from kws_gui.services.services import Services

_NO_RETURN = "Training is {}. Stop it and close? The best weights so far are kept."
_NOTHING_YET = "Training is getting ready. Stop it and close? It has learned nothing yet."
_SEARCHING = "A search is going on. Stop it and close? What is finished is kept, and it can go on later."
_UNSAVED = "{} could not be saved and would be lost: free some space, then save again on the Words page."


class Leaving:
    """Asks the services what is going on, and the person in a dialog in front of the window."""

    def __init__(self, window: QWidget, services: Services) -> None:
        self._window = window
        self._services = services

    def at_stake(self) -> set[tuple[str, object]]:
        """What leaving would stop or lose, each thing distinguishable from the next one of its kind."""
        services = self._services
        found = set[tuple[str, object]]()
        if services.training.is_running:
            found.add(("training", services.training.pid))
        if services.searching.is_running:
            found.add(("searching", True))
        if services.recordings.waiting:
            found.add(("recordings", services.recordings.waiting))
        return found

    def may_leave(self) -> bool:
        """Asks when a training or a search would be stopped or a take lost; everything else can be undone."""
        return self._may_stop_training() and self._may_stop_search() and self._may_lose_takes()

    def _may_stop_training(self) -> bool:
        training = self._services.training
        if not training.is_running:
            return True
        if training.live is None or not training.live.has_learned:
            return self._asks(_NOTHING_YET, "Stop and close", "Go on training")
        state = "paused" if training.is_paused else "going on"
        stay = "Leave it paused" if training.is_paused else "Go on training"
        return self._asks(_NO_RETURN.format(state), "Stop and keep the best so far", stay)

    def _may_stop_search(self) -> bool:
        if not self._services.searching.is_running:
            return True
        return self._asks(_SEARCHING, "Stop and keep what is finished", "Go on searching")

    def _may_lose_takes(self) -> bool:
        """Tries to save them first."""
        recordings = self._services.recordings
        if not recordings.waiting or recordings.save_again():
            return True
        count = recordings.waiting
        return self._asks(_UNSAVED.format("A take" if count == 1 else f"{count} takes"), "Lose it", "Stay")

    def _asks(self, question: str, leave_text: str, stay_text: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.Question, remembered.APPLICATION, question, parent=self._window)
        leave = box.addButton(leave_text, QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton(stay_text, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        return box.clickedButton() is leave
