"""Chooses which model is evaluated, and on which part of the clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QWidget

from kws_engine.clips.split import Split
from kws_gui import theme
from kws_gui.runs.rows import RunRow, choice_text, has_ended

_OPEN = "Open a .kws file…"
PARTS: dict[Split, str] = {"validation": "Validation", "training": "Training", "testing": "Testing"}
ABOUT: dict[Split, str] = {
    "validation": "Clips that were kept out of training and by which its best epoch was chosen.",
    "training": "Clips that the network has learned from: high numbers here say nothing about new recordings.",
    "testing": "Clips that nothing was chosen by: the fairest number there is, as long as nothing is chosen by it.",
}


class SourcePicker(QWidget):
    """Two choices: a model (the project's runs, or a file) and a part. Runs without a model are listed, too.

    Signals:
        modelChosen(path): Another model file.
        runChosen(folder): A run without a model.
        partChosen(part): "validation", "training" or "testing".
    """

    modelChosen = Signal(object)
    runChosen = Signal(object)
    partChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = QComboBox()
        self.parts = QComboBox()
        self._path: Path | None = None
        self._folders: set[Path] = set()
        self._lay_out()
        self.models.activated.connect(self._on_model)
        self.parts.activated.connect(self._on_part)

    def part(self) -> Split:
        """The chosen part."""
        part: Split = self.parts.currentData()
        return part

    def setPart(self, part: Split) -> None:
        """Shows a part without emitting `partChosen`."""
        self.parts.setCurrentIndex(self.parts.findData(part))

    def setModels(self, rows: Sequence[RunRow], chosen: Path | None) -> None:
        """Shows the runs, newest first, and chooses one by model or folder; a file from elsewhere comes first."""
        blocker = QSignalBlocker(self.models)
        self.models.clear()
        named = [(choice_text(row), row.run.model or row.folder) for row in rows if has_ended(row)]
        self._folders = {row.folder for row in rows}
        if chosen is not None and chosen not in [path for _, path in named]:
            named.insert(0, (chosen.name, chosen))
        for title, path in named:
            self.models.addItem(title, path)
            self.models.setItemData(self.models.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.models.addItem(theme.icon("mdi6.folder-open-outline"), _OPEN, None)
        self._path = chosen
        self._show_chosen()
        blocker.unblock()

    def _show_chosen(self) -> None:
        paths = [self.models.itemData(at) for at in range(self.models.count())]
        self.models.setCurrentIndex(paths.index(self._path) if self._path in paths and self._path else -1)

    def _on_model(self, index: int) -> None:
        path = self.models.itemData(index)
        if path is None:
            self._show_chosen()
            path = ask_for_model(self)
        if path is not None and path != self._path:
            (self.runChosen if path in self._folders else self.modelChosen).emit(path)

    def _on_part(self) -> None:
        self.partChosen.emit(self.part())

    def _lay_out(self) -> None:
        self.models.setAccessibleName("Model to evaluate")
        self.models.setPlaceholderText("Choose a model")
        self.models.setMinimumContentsLength(26)
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.parts.setAccessibleName("Part of the clips")
        for part, title in PARTS.items():
            self.parts.addItem(title, part)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        for title, box in (("Model", self.models), ("Part", self.parts)):
            label = QLabel(title)
            label.setBuddy(box)
            theme.set_role(label, "muted")
            row.addWidget(label)
            row.addWidget(box)


def ask_for_model(parent: QWidget) -> Path | None:
    """Lets the person choose a model file."""
    name, _ = QFileDialog.getOpenFileName(parent, "Open a model", "", "Models (*.kws)")
    return Path(name) if name else None
