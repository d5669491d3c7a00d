"""The runs of a project in a list, newest first, with what can be done with one; knows no curves and no project."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.evaluation.interval import Interval, wilson
from kws_engine.runs.job import PastRun, past_runs
from kws_gui import theme

_COLUMNS = ("Run", "Network", "Right", "Epochs", "State")


@dataclass(frozen=True)
class RunRow:
    """A run as the list shows it.

    Attributes:
        validation: Share of its validation clips that it names rightly, where the run got that far.
        clips: How many clips that is.
    """

    run: PastRun
    validation: Interval | None
    clips: int

    @property
    def folder(self) -> Path:
        return self.run.folder


class RunList(QWidget):
    """Choosing a row shows it; the buttons act on the chosen one.

    Signals:
        chosen(run): Another row, or none (None).
        settingsRequested(run), resultsRequested(run), listenRequested(run), deleteRequested(run): A button.
    """

    chosen = Signal(object)
    settingsRequested = Signal(object)
    resultsRequested = Signal(object)
    listenRequested = Signal(object)
    deleteRequested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []
        self._running: Path | None = None
        self.tree = self._make_tree()
        self.use = _button("Use its settings", "mdi6.tune", "Puts the options of this run on the form")
        self.results = _button("Results", "mdi6.grid", "Opens what this run gets right and wrong")
        self.listen = _button("Listen", "mdi6.ear-hearing", "Listens to the microphone with this run's model")
        self.delete = _button("Delete", "mdi6.trash-can-outline", "Moves the run to the trash, with undo (Delete)")
        for button, signal in (
            (self.use, self.settingsRequested),
            (self.results, self.resultsRequested),
            (self.listen, self.listenRequested),
            (self.delete, self.deleteRequested),
        ):
            button.clicked.connect(lambda _=False, signal=signal: self._act(signal))
        QShortcut(
            QKeySequence.StandardKey.Delete,
            self.tree,
            self.delete.click,
            context=Qt.ShortcutContext.WidgetShortcut,
        )
        self._lay_out()
        self._on_chosen()

    def setRows(self, rows: Sequence[RunRow], *, running: Path | None = None, choose: Path | None = None) -> None:
        """Shows runs and chooses one: `choose`, else the one chosen before, else the newest."""
        before = self.current()
        self._rows, self._running = list(rows), running
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        self.tree.addTopLevelItems([self._item(row) for row in self._rows])
        blocker.unblock()
        self.choose(choose or (before.folder if before else None))

    def rows(self) -> list[RunRow]:
        """The runs shown."""
        return list(self._rows)

    def choose(self, folder: Path | None) -> None:
        """Chooses a run by its folder, or the newest where it is not there."""
        folders = [row.folder for row in self._rows]
        at = folders.index(folder) if folder in folders else 0
        blocker = QSignalBlocker(self.tree)
        self.tree.setCurrentItem(self.tree.topLevelItem(at))
        blocker.unblock()
        self._on_chosen()

    def current(self) -> RunRow | None:
        """The chosen run."""
        at = self.tree.indexOfTopLevelItem(self.tree.currentItem()) if self.tree.currentItem() else -1
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def _item(self, row: RunRow) -> QTreeWidgetItem:
        item = QTreeWidgetItem(
            [
                when(row.folder),
                row.run.network,
                row.validation.text() if row.validation else "–",
                "" if row.folder == self._running else str(len(row.run.epochs)),
                state(row, running=row.folder == self._running),
            ]
        )
        clips = f"\n{quality(row.validation, row.clips)}" if row.validation else ""
        for column in range(len(_COLUMNS)):
            message = f"\n{row.run.message}" if row.run.message and row.folder != self._running else ""
            item.setToolTip(column, f"{row.folder.name}{clips}{message}")
        item.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return item

    def _act(self, signal: object) -> None:
        row = self.current()
        if row is not None:
            signal.emit(row)  # type: ignore[attr-defined]

    def _on_chosen(self) -> None:
        row = self.current()
        runs = row is not None and row.folder == self._running
        self.use.setEnabled(row is not None)
        self.delete.setEnabled(row is not None and not runs)
        for button in (self.results, self.listen):
            button.setEnabled(row is not None and row.run.model is not None)
        self.chosen.emit(row)

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setHeaderLabels(list(_COLUMNS))
        tree.headerItem().setToolTip(2, "Validation clips named rightly, with the 95% interval of Wilson (1927)")
        tree.headerItem().setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setAllColumnsShowFocus(True)
        tree.setAccessibleName("Previous runs")
        tree.setMinimumHeight(96)
        tree.setStyleSheet("QTreeView::item { border-radius: 0; padding: 6px 5px; }")  # one row, not five pills
        header = tree.header()
        header.setStretchLastSection(True)
        for column in range(4):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(24)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.currentItemChanged.connect(lambda *_: self._on_chosen())
        tree.itemActivated.connect(lambda *_: self.results.click())
        return tree

    def _lay_out(self) -> None:
        title = QLabel("Runs")
        theme.set_role(title, "title")
        top = QHBoxLayout()
        top.setSpacing(theme.GRID // 2)
        top.addWidget(title, 1)
        for button in (self.use, self.results, self.listen, self.delete):
            top.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(self.tree, 1)


def read_rows(runs_folder: Path) -> list[RunRow]:
    """The runs of a project with what their evaluation says; reads files, so not for the GUI's thread."""
    return [RunRow(run, *validation_of(run.folder)) for run in past_runs(runs_folder)]


def when(folder: Path) -> str:
    """When a run began, from its folder's name: "23 Nov 06:07"."""
    try:
        return f"{datetime.strptime(folder.name[:15], '%Y%m%d-%H%M%S'):%d %b %H:%M}".lstrip("0")
    except ValueError:
        return folder.name


def state(row: RunRow, *, running: bool) -> str:
    """How a run ended, in a word or a sentence."""
    if running:
        return "running"
    return f"failed: {row.run.message}" if row.run.state == "failed" else row.run.state


def validation_of(run_folder: Path) -> tuple[Interval | None, int]:
    """How much of how many validation clips a run names rightly, from its evaluation; (None, 0) without one."""
    try:
        content = json.loads((run_folder / "evaluation.json").read_text(encoding="utf-8"))
        accuracy, clips = float(content["accuracy"]), int(content["clips"])
        return wilson(accuracy * clips, clips), clips
    except (OSError, ValueError, KeyError, TypeError):
        return None, 0


def story(row: RunRow) -> str:
    """How a past run went, in one sentence."""
    best = f" · best: epoch {row.run.best.epoch}" if row.run.best else ""
    return f"{state(row, running=False).capitalize()} after {counted(len(row.run.epochs), 'epoch')}{best}"


def quality(validation: Interval | None, clips: int) -> str:
    """How good a run became, in words; empty where it was not measured."""
    return f"{validation.text()} of {clips} validation clips right" if validation else ""


def counted(count: int, noun: str) -> str:
    """Says "1 clip", "2 clips"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _button(text: str, icon: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    theme.set_role(button, "quiet")
    theme.set_icon(button, icon, size=16)
    button.setToolTip(tip)
    return button
