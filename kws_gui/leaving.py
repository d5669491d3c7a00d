"""What leaving a project would stop or lose, and whether the person agrees; leaves nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QMessageBox, QWidget

from kws_gui.services import remembered
from kws_gui.services.training import Training

_NO_RETURN = "Training is {}. Stop it and close? The best weights so far are kept."
_SEARCHING = "A search is going on. Stop it and close? What is finished is kept, and it can go on later."
_UNSAVED = "{} could not be saved and would be lost: free some space, then save again on the Words page."


class Leaving:
    """Looks at the pages that were shown; a page that was not shown does nothing that could be lost."""

    def __init__(self, window: QWidget, pages: Mapping[str, Any], training: Training) -> None:
        self._window = window
        self._pages = pages
        self._training = training

    def at_stake(self) -> set[tuple[str, object]]:
        """What leaving would stop or lose, each thing by what tells it from the next one of its kind."""
        search, words = (self._pages.get(name) for name in ("search", "words"))
        found = set[tuple[str, object]]()
        if self._training.is_running:
            found.add(("train", self._training.pid))
        if search is not None and search.is_running():
            found.add(("search", True))
        if words is not None and words.recordings.waiting:
            found.add(("words", words.recordings.waiting))
        return found

    def may_leave(self) -> bool:
        """Asks when a training would be stopped or a take lost; nothing else is beyond undo."""
        return self._may_stop_training() and self._may_stop_search() and self._may_lose_takes()

    def _may_stop_training(self) -> bool:
        if not self._training.is_running:
            return True
        state, stay = ("paused", "Leave it paused") if self._training.is_paused else ("going on", "Go on training")
        return self._asks(_NO_RETURN.format(state), "Stop and keep the best so far", stay)

    def _may_stop_search(self) -> bool:
        page = self._pages.get("search")
        if page is None or not page.is_running():
            return True
        return self._asks(_SEARCHING, "Stop and keep what is finished", "Go on searching")

    def _may_lose_takes(self) -> bool:
        page = self._pages.get("words")
        if page is None or not page.recordings.waiting or page.recordings.save_again():
            return True
        count = page.recordings.waiting
        return self._asks(_UNSAVED.format("A take" if count == 1 else f"{count} takes"), "Lose it", "Stay")

    def _asks(self, question: str, leave_text: str, stay_text: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.Question, remembered.APPLICATION, question, parent=self._window)
        leave = box.addButton(leave_text, QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton(stay_text, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        return box.clickedButton() is leave
