"""Chooses the model file to listen with: of a run of the project, the ready model, or any file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QMenu, QToolButton, QWidget

from kws_engine.operating.quality import figures_in
from kws_gui import theme
from kws_gui.ready_model import ready_model
from kws_gui.runs.rows import RunRow, model_text

FILTER = "KWS Studio models (*.kws)"
_OPEN = "open a file"
_VISIBLE = 20  # entries, before the list scrolls


class ModelPicker(QComboBox):
    """Runs newest first, then the ready model, files opened by hand, and "Open a .kws file…".

    Signals:
        chosen: (path) The person chose a model file.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []
        self._files: list[Path] = []
        self._path: Path | None = None
        self.setPlaceholderText("Choose a model")
        self.setAccessibleName("Model")
        self.setToolTip("The model that listens; a .kws file can also be dropped on this page")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(11)
        self.setMaxVisibleItems(_VISIBLE)
        self.activated.connect(self._on_activated)
        self._fill()

    def setRuns(self, rows: Sequence[RunRow]) -> None:
        """The project's runs, newest first; those without a model are left out."""
        self._rows = [row for row in rows if row.run.model is not None]
        self._fill()

    def setPath(self, path: Path | None) -> None:
        """Shows a model file as the chosen one; one that is not in the list joins it."""
        self._path = path
        known = [row.run.model for row in self._rows] + [ready_model()] + self._files
        if path is not None and path not in known:
            self._files.append(path)
        self._fill()

    def newest_run(self) -> Path | None:
        """The model of the newest run that has one."""
        return self._rows[0].run.model if self._rows else None

    def others(self) -> list[tuple[str, Path]]:
        """Text and path of every model in the list but the chosen one."""
        entries = [(self.itemText(at), self.itemData(at)) for at in range(self.count())]
        return [(text, path) for text, path in entries if isinstance(path, Path) and path != self._path]

    def open_file(self) -> None:
        """Asks for a .kws file."""
        start = str(self._path.parent) if self._path else ""
        name, _ = QFileDialog.getOpenFileName(self, "Open a model", start, FILTER)
        if name:
            self.chosen.emit(Path(name))

    def showPopup(self) -> None:
        """Opens the list wide enough for its entries, within the screen."""
        view = self.view()
        widest = view.sizeHintForColumn(0) + view.verticalScrollBar().sizeHint().width() + 2 * theme.GRID
        view.setMinimumWidth(min(widest, self.screen().availableGeometry().width() - 2 * theme.GROUP))
        super().showPopup()

    def _fill(self) -> None:
        blocker = QSignalBlocker(self)
        self.clear()
        for row in self._rows:
            self._add(model_text(row), row.run.model)
        ready = ready_model()
        if ready is not None:
            self._add(_with_figures("Ready model: directions", ready), ready)
        for path in self._files:
            self._add(_with_figures(path.name, path), path)
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


def _with_figures(name: str, path: Path) -> str:
    """A model's name with what its file tells of misses and false alarms."""
    figures = figures_in(path)
    return " · ".join(part for part in (name, figures.in_short() if figures else "") if part)


class AddModelButton(QToolButton):
    """Opens a menu of the models that could listen beside the chosen one.

    Signals:
        chosen: (path) The person chose a model file.
    """

    chosen = Signal(object)

    def __init__(self, picker: ModelPicker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picker = picker
        self.setAccessibleName("Add a model")
        self.setToolTip("Listen with another model at the same time")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        theme.set_icon(self, "mdi6.plus", role="muted")
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.choices = QMenu(self)
        self.choices.aboutToShow.connect(self.fill)
        self.setMenu(self.choices)

    def fill(self) -> None:
        """Lists the models as they are now."""
        self.choices.clear()
        for text, path in self._picker.others():
            self.choices.addAction(text, partial(self.chosen.emit, path))
        self.choices.addSeparator()
        self.choices.addAction("Open a .kws file…", self._open)

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a model", "", FILTER)
        if name:
            self.chosen.emit(Path(name))
