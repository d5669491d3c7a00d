"""The list of a project's runs, with those that wait on top, and a menu of what can be done with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.runs.queue import Waiting
from kws_gui import theme
from kws_gui.pages.train.menu import RunMenu
from kws_gui.runs.rows import RunRow, tooltip_text, when

_COLUMNS = ("Run", "Network", "Right", "Epochs", "State")
_KEY = Qt.ItemDataRole.UserRole
_SHORT = 96  # px; the list's height is at least that
_WAITING_TOOLTIP = "Waits for its turn"


class RunList(QWidget):
    """Choosing a row shows it, several compare them; the menu and the buttons act on what is chosen.

    Signals:
        chosen(RunRow | None): Another run, or none.
        waitingChosen(Waiting): One that waits.
        severalChosen(list[RunRow]): Two runs or more.
        asked(str, object): An action of the menu, and the `RunRow` or the `Waiting` that it is for.
        deleteRequested(list[RunRow])
        renamed(RunRow, str): A name was typed.
    """

    chosen = Signal(object)
    waitingChosen = Signal(object)
    severalChosen = Signal(object)
    asked = Signal(str, object)
    deleteRequested = Signal(object)
    renamed = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []
        self._waiting: list[Waiting] = []
        self._running: Path | None = None
        self._is_paused = False
        self._can_start = False
        self.tree = self._make_tree()
        self.menu = RunMenu(self.tree, self)
        self.filter = QLineEdit(placeholderText="Filter", clearButtonEnabled=True)
        self.filter.setAccessibleName("Filter the runs")
        self.filter.setToolTip("Name, #tag, network, state or date; all words must be there")
        self.filter.textChanged.connect(self._on_filter)
        self.resume = self._button("resume", "mdi6.play-circle-outline")
        self.start = self._button("start", "mdi6.play-circle-outline")
        self.results = self._button("results", "mdi6.grid")
        self.listen = self._button("listen", "mdi6.ear-hearing")
        self.more = self._make_more()
        self._connect_actions()
        self._lay_out()
        self._on_selected()

    # -- what is shown

    def setRows(self, rows: Sequence[RunRow], *, running: Path | None = None, choose: Path | None = None) -> None:
        """Shows runs and chooses one: `choose`, else those chosen before, else the newest."""
        self._rows = list(rows)
        self._running = running
        self._fill(str(choose) if choose else "")

    def setWaiting(self, waiting: Sequence[Waiting], *, can_start: bool) -> None:
        """Shows what waits; whether it could start now, because nothing runs."""
        before = self._waiting
        self._waiting = list(waiting)
        self._can_start = can_start
        if self._waiting != before:
            self._fill()
        else:
            self._offer()

    def setPaused(self, paused: bool) -> None:
        """Whether the running run is paused."""
        if paused != self._is_paused:
            self._is_paused = paused
            for item, row in self._run_items():
                item.setText(4, self._state(row))

    def rows(self) -> list[RunRow]:
        """The runs, those hidden by the filter too."""
        return list(self._rows)

    def waiting(self) -> list[Waiting]:
        """What waits, the next first."""
        return list(self._waiting)

    def choose(self, *folders: Path | None) -> None:
        """Chooses runs by their folders, or the newest where none is there."""
        self._select({str(folder) for folder in folders if folder is not None})
        self._on_selected()

    def chooseWaiting(self, key: str) -> None:
        """Chooses one that waits."""
        self._select({key})
        self._on_selected()

    def selected(self) -> list[RunRow]:
        """The chosen runs, in the list's order."""
        return [row for item, row in self._run_items() if item.isSelected()]

    def current(self) -> RunRow | None:
        """The chosen run, where it is one."""
        rows = self.selected()
        return rows[0] if len(rows) == 1 else None

    def currentWaiting(self) -> Waiting | None:
        """The one chosen of those that wait."""
        items = list(self._items())[: len(self._waiting)]
        chosen = [one for item, one in zip(items, self._waiting, strict=True) if item.isSelected()]
        return chosen[0] if len(chosen) == 1 and not self.selected() else None

    # -- choosing

    def _on_selected(self) -> None:
        self._offer()
        rows, waiting = self.selected(), self.currentWaiting()
        if len(rows) > 1:
            self.severalChosen.emit(rows)
        elif waiting is not None:
            self.waitingChosen.emit(waiting)
        else:
            self.chosen.emit(rows[0] if rows else None)

    def _offer(self) -> None:
        """The menu and the buttons have what fits the choice."""
        rows, waiting = self.selected(), self.currentWaiting()
        if waiting is not None:
            at = self._waiting.index(waiting)
            last = at == len(self._waiting) - 1
            self.menu.show_waiting(first=at == 0, last=last, can_start=self._can_start)
        else:
            runs = any(row.folder == self._running for row in rows)
            self.menu.show_runs(rows, running=runs, has_before=len(rows) == 1 and rows[0] is not self._rows[-1])
        for name in ("resume", "start"):
            getattr(self, name).setVisible(self.menu.action(name).isEnabled())
        for name in ("resume", "start", "results", "listen"):
            getattr(self, name).setEnabled(self.menu.action(name).isEnabled())
        self.more.setEnabled(waiting is not None or bool(rows))

    def _on_filter(self) -> None:
        text = self.filter.text()
        for item, row in self._run_items():
            item.setHidden(not row.matches(text))
        for item in list(self._items())[: len(self._waiting)]:
            item.setHidden(bool(text))

    def _select(self, keys: set[str]) -> None:
        """Without one that is there: the newest run."""
        items = [item for item in self._items() if item.data(0, _KEY) in keys]
        if not items:
            items = [item for item, _ in self._run_items()][:1] or list(self._items())[:1]
        blocker = QSignalBlocker(self.tree)
        self.tree.clearSelection()
        if items:
            self.tree.setCurrentItem(items[0])
            self.tree.scrollToItem(items[0])
        for item in items:
            item.setSelected(True)
        blocker.unblock()

    # -- items

    def _fill(self, choose: str = "") -> None:
        keys = {item.data(0, _KEY) for item in self._items() if item.isSelected()}
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        self.tree.addTopLevelItems([self._waiting_item(at, one) for at, one in enumerate(self._waiting)])
        self.tree.addTopLevelItems([self._item(row) for row in self._rows])
        blocker.unblock()
        self._on_filter()
        self._select({choose} if choose else keys)
        self._on_selected()

    def _items(self) -> Iterator[QTreeWidgetItem]:
        items = (self.tree.topLevelItem(at) for at in range(self.tree.topLevelItemCount()))
        return (item for item in items if item is not None)

    def _run_items(self) -> Iterator[tuple[QTreeWidgetItem, RunRow]]:
        return zip(list(self._items())[len(self._waiting) :], self._rows, strict=False)

    def _item(self, row: RunRow) -> QTreeWidgetItem:
        tags = "".join(f"  #{tag}" for tag in row.run.label.tags)
        runs = row.folder == self._running
        epochs = "" if runs else str(len(row.run.epochs))
        right = row.validation.text() if row.validation else "–"
        item = QTreeWidgetItem([row.title + tags, row.run.network, right, epochs, self._state(row)])
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        return _finished(item, str(row.folder), tooltip_text(row, running=runs))

    def _waiting_item(self, at: int, waiting: Waiting) -> QTreeWidgetItem:
        job = waiting.job
        rest = "Model of" if job.finish else "Resume"
        name = job.name or (f"{rest} {when(job.resume)}" if job.resume else "Next" if at == 0 else f"Then ({at + 1})")
        training = job.settings.get("training")
        epochs = training.get("epochs", "") if isinstance(training, dict) else ""
        item = QTreeWidgetItem([name, waiting.network, "–", str(epochs), "waiting"])
        return _finished(item, waiting.key, _WAITING_TOOLTIP)

    def _state(self, row: RunRow) -> str:
        if row.folder == self._running:
            return "paused" if self._is_paused else "running"
        return "in another window" if row.run.state == "running" else row.run.state

    # -- acting

    def _act(self, name: str) -> None:
        one = self.currentWaiting() or self.current()
        if one is not None:
            self.asked.emit(name, one)

    def _edit_name(self) -> None:
        item = next((item for item, _ in self._run_items() if item.isSelected()), None)
        if item is not None:
            self.tree.editItem(item, 0)

    def _add_the_one_before(self) -> None:
        row = self.current()
        if row is not None:
            at = self._rows.index(row)
            self.choose(row.folder, self._rows[at + 1].folder)

    def name_of(self, index: QModelIndex | QPersistentModelIndex) -> str:
        """The name to edit in a row of the list."""
        row = self._row_at(index.row())
        return row.run.label.name if row else ""

    def rename(self, index: QModelIndex | QPersistentModelIndex, name: str) -> None:
        """A name was typed in a row of the list."""
        row = self._row_at(index.row())
        if row is not None and name.strip() != row.run.label.name:
            self.renamed.emit(row, name.strip())

    def _row_at(self, at: int) -> RunRow | None:
        return self._rows[at - len(self._waiting)] if at >= len(self._waiting) else None

    # -- making

    def _connect_actions(self) -> None:
        for name, action in self.menu.actions_by_name.items():
            if name not in ("delete", "rename", "compare"):
                action.triggered.connect(lambda _=False, name=name: self._act(name))
        self.menu.action("delete").triggered.connect(lambda: self.deleteRequested.emit(self.selected()))
        self.menu.action("rename").triggered.connect(self._edit_name)
        self.menu.action("compare").triggered.connect(self._add_the_one_before)
        self.tree.itemActivated.connect(lambda *_: self.menu.action("results").trigger())
        self.tree.itemSelectionChanged.connect(self._on_selected)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._on_menu)

    def _on_menu(self, at: QPoint) -> None:
        if self.more.isEnabled():
            self.menu.popup(self.tree.viewport().mapToGlobal(at))

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setHeaderLabels(list(_COLUMNS))
        tree.headerItem().setToolTip(2, "Validation clips named rightly, with the 95% interval of Wilson (1927)")
        tree.headerItem().setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setAllColumnsShowFocus(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.setItemDelegateForColumn(0, _NameEditor(self))
        tree.setAccessibleName("Previous runs")
        tree.setMinimumHeight(_SHORT)
        tree.setStyleSheet("QTreeView::item { border-radius: 0; padding: 6px 5px; }")  # one row, not five pills
        header = tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return tree

    def _button(self, name: str, icon: str) -> QPushButton:
        action = self.menu.action(name)
        button = QPushButton(action.text())
        theme.set_role(button, "quiet")
        theme.set_icon(button, icon, size=16)
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        return button

    def _make_more(self) -> QPushButton:
        more = QPushButton()
        theme.set_role(more, "quiet")
        theme.set_icon(more, "mdi6.dots-horizontal", size=18)
        more.setAccessibleName("More to do with the chosen runs")
        more.setToolTip("Resume, settings, name, tags, delete ... (right-click on a row)")
        more.clicked.connect(lambda: self.menu.popup(more.mapToGlobal(QPoint(0, more.height()))))
        return more

    def _lay_out(self) -> None:
        title = QLabel("Runs")
        theme.set_role(title, "title")
        top = QHBoxLayout()
        top.setSpacing(theme.GRID // 2)
        top.addWidget(title)
        top.addSpacing(theme.GRID)
        top.addWidget(self.filter, 1)
        for button in (self.resume, self.start, self.results, self.listen, self.more):
            top.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(self.tree, 1)


class _NameEditor(QStyledItemDelegate):
    """Edits a run's name in place; the time that stands for one that has none is not edited."""

    def __init__(self, runs: RunList) -> None:
        super().__init__(runs)
        self._runs = runs

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        field = QLineEdit(parent)
        field.setAccessibleName("Name of the run")
        field.setStyleSheet("QLineEdit, QLineEdit:focus { padding: 0 4px; border-radius: 0; }")
        return field

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        assert isinstance(editor, QLineEdit)
        editor.setText(self._runs.name_of(index))

    def setModelData(
        self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        assert isinstance(editor, QLineEdit)
        self._runs.rename(index, editor.text())


def _finished(item: QTreeWidgetItem, key: str, tooltip: str) -> QTreeWidgetItem:
    item.setData(0, _KEY, key)
    for column in range(len(_COLUMNS)):
        item.setToolTip(column, tooltip)
    item.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item
