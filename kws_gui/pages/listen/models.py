"""Chooses the model file to listen with: a run of the project, the ready model, any file; opens none of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget

from kws_engine.runs.records import PastRun
from kws_gui.pages.start.page import ready_model
from kws_gui.pages.train.run_list import validation_of

FILTER = "KWS Studio models (*.kws)"
_OPEN = "open a file"


class ModelPicker(QComboBox):
    """Runs newest first, then the ready model, files opened by hand, and "Open a .kws file…".

    Signals:
        chosen: (path) The person chose a model file.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: list[PastRun] = []
        self._files: list[Path] = []
        self._path: Path | None = None
        self.setPlaceholderText("Choose a model")
        self.setAccessibleName("Model")
        self.setToolTip("The model that listens; a .kws file can also be dropped on this page")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(14)
        self.activated.connect(self._on_activated)
        self._fill()

    def setRuns(self, runs: Sequence[PastRun]) -> None:
        """The project's runs, newest first; those without a model are left out."""
        self._runs = [run for run in runs if run.model is not None]
        self._fill()

    def setPath(self, path: Path | None) -> None:
        """Shows a model file as the chosen one; one that is not in the list joins it."""
        self._path = path
        known = [run.model for run in self._runs] + [ready_model()] + self._files
        if path is not None and path not in known:
            self._files.append(path)
        self._fill()

    def newest_run(self) -> Path | None:
        """The model of the newest run that has one."""
        return self._runs[0].model if self._runs else None

    def open_file(self) -> None:
        """Asks for a .kws file."""
        start = str(self._path.parent) if self._path else ""
        name, _ = QFileDialog.getOpenFileName(self, "Open a model", start, FILTER)
        if name:
            self.chosen.emit(Path(name))

    def _fill(self) -> None:
        blocker = QSignalBlocker(self)
        self.clear()
        for run in self._runs:
            self._add(run_text(run), run.model)
        ready = ready_model()
        if ready is not None:
            self._add("Ready model: directions", ready)
        for path in self._files:
            self._add(path.name, path)
        if self.count():
            self.insertSeparator(self.count())
        self.addItem("Open a .kws file…", _OPEN)
        self._show_path()
        blocker.unblock()

    def _add(self, text: str, path: Path | None) -> None:
        self.addItem(text, path)
        self.setItemData(self.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)

    def _show_path(self) -> None:
        at = [index for index in range(self.count()) if self.itemData(index) == self._path]
        self.setCurrentIndex(at[0] if at and self._path is not None else -1)

    def _on_activated(self, index: int) -> None:
        chosen = self.itemData(index)
        self._show_path()
        if chosen == _OPEN:
            self.open_file()
        elif isinstance(chosen, Path):
            self.chosen.emit(chosen)


def run_text(run: PastRun) -> str:
    """A run as a person tells it: "23 Nov 14:05 · tc_resnet · 93%"."""
    try:
        when = datetime.strptime(run.folder.name[:15], "%Y%m%d-%H%M%S")
        words = [f"{when.day} {when:%b %H:%M}"]
    except ValueError:
        words = [run.folder.name]
    right, _ = validation_of(run.folder)  # the figure of Train and Results, not that of the epoch: one run, one number
    return " · ".join([*words, run.network, *([f"{right.share:.0%}"] if right else [])])
