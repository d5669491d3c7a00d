"""The clips named by a finding, ranked, to listen to and correct."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.pages.results.clip_player import ClipSound
from kws_gui.pages.results.corrections import ClipCorrections, named
from kws_gui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from kws_engine.evaluation.diagnosis import SuspectClip

_COLUMNS = ("Clip", "Sounds like", "Why", "Now")
_STATE = 3
_WAVEFORM = 96  # px at most


class SuspectList(QWidget):
    """Space plays, Delete leaves out, M moves to the word it sounds like; several rows can be selected.

    Signals:
        backRequested(): Back to the findings.
        undoRequested(): Undo the last correction.
        failed(sentence): A clip could not be read or played.
    """

    backRequested = Signal()
    undoRequested = Signal()
    failed = Signal(str)

    def __init__(self, corrections: ClipCorrections, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._corrections = corrections
        self._clips: tuple[SuspectClip, ...] = ()
        self.back_button = QPushButton("Findings")
        self.title = ElidedLabel()
        self.tree = self._make_tree()
        self.sound = ClipSound()
        self.leave_out_button = QPushButton("Leave out")
        self.move_button = QPushButton("Move")
        self.move_to_button = QPushButton("Move to…")
        self.done = ElidedLabel()
        self.undo_button = QPushButton("Undo")
        self._lay_out()
        self._connect()

    def set_clips(self, title: str, clips: Sequence[SuspectClip]) -> None:
        """Shows clips in the order given, most suspicious first."""
        self._clips = tuple(clips)
        self.title.setFullText(f"{title}: {len(self._clips)} to listen to, most suspicious first")
        self.tell("")
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        items = [_item(clip) for clip in self._clips]
        self.tree.addTopLevelItems(items)
        if items:
            self.tree.setCurrentItem(items[0])
        blocker.unblock()
        self.refresh()
        self._on_row()

    def clips(self) -> tuple[SuspectClip, ...]:
        """The clips shown."""
        return self._clips

    def tell(self, sentence: str, *, undoes: bool = True) -> None:
        """Reports what was done beside the buttons, so that the list does not move."""
        self.done.setFullText(sentence)
        self.undo_button.setVisible(bool(sentence) and undoes)

    def forget(self) -> None:
        """Takes back what was reported: it may no longer hold."""
        self.tell("")

    def chosen(self) -> list[SuspectClip]:
        """The clips of the selected rows."""
        return [clip for clip, item in zip(self._clips, self._items(), strict=True) if item.isSelected()]

    def refresh(self) -> None:
        """Updates the state of each clip."""
        for clip, item in zip(self._clips, self._items(), strict=True):
            state = self._corrections.state(clip.path)
            item.setText(_STATE, state)
            for column in range(len(_COLUMNS)):
                muted = theme.current().color("muted") if state else None
                item.setData(column, Qt.ItemDataRole.ForegroundRole, muted)
        self._show_actions()

    def shutdown(self) -> None:
        """Stops playing and reading."""
        self.sound.shutdown()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent) or event.modifiers():
            return False
        calls = {
            Qt.Key.Key_Delete: self.leave_out_button.click,
            Qt.Key.Key_Backspace: self.leave_out_button.click,
            Qt.Key.Key_M: self.move_button.click,
            Qt.Key.Key_Escape: self.backRequested.emit,
        }
        call = calls.get(Qt.Key(event.key()))
        if call is not None:
            call()
        return call is not None

    def _items(self) -> list[QTreeWidgetItem]:
        items = (self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount()))
        return [item for item in items if item is not None]

    # -- actions

    def _on_leave_out(self) -> None:
        chosen = self.chosen()
        self._corrections.leave_out([clip.path for clip in chosen], excluded=not self._all_left_out(chosen))
        self._select_next()

    def _on_move(self) -> None:
        self._corrections.move(
            [(clip.path, clip.likely) for clip in self.chosen() if clip.likely in self._corrections.words()]
        )
        self._select_next()

    def _on_move_to(self, word: str) -> None:
        self._corrections.move([(clip.path, word) for clip in self.chosen()])
        self._select_next()

    def _select_next(self) -> None:
        """Selects the row below the last selected one, and keeps the keyboard focus in the list."""
        rows = [self.tree.indexOfTopLevelItem(item) for item in self.tree.selectedItems()]
        below = self.tree.topLevelItem(max(rows, default=-1) + 1)
        if below is not None and rows:
            self.tree.setCurrentItem(below)
        self.tree.setFocus()

    def _on_row(self) -> None:
        item = self.tree.currentItem()
        at = self.tree.indexOfTopLevelItem(item) if item is not None else -1
        path = self._corrections.where(self._clips[at].path) if at >= 0 else None
        self.sound.show_clip(path if path is not None and path.is_file() else None)

    def _show_actions(self) -> None:
        chosen = self.chosen()
        ours = [clip for clip in chosen if self._corrections.clip(clip.path) is not None]
        likely = {
            clip.likely for clip in ours if clip.likely in self._corrections.words() and clip.likely != clip.label
        }
        self.leave_out_button.setEnabled(bool(ours))
        self.leave_out_button.setText("Use again" if self._all_left_out(chosen) else "Leave out")
        self.move_button.setEnabled(bool(likely))
        one = f"Move to “{named(next(iter(likely)))}”" if len(likely) == 1 else "Move to what they sound like"
        self.move_button.setText(one if likely else "Move")
        self.move_to_button.setEnabled(bool(ours))

    def _all_left_out(self, chosen: Sequence[SuspectClip]) -> bool:
        clips = [clip for one in chosen if (clip := self._corrections.clip(one.path)) is not None]
        return bool(clips) and all(clip.excluded for clip in clips)

    def _fill_menu(self) -> None:
        self._menu.clear()
        for word in self._corrections.words():
            self._menu.addAction(named(word), partial(self._on_move_to, word))

    # -- making

    def _connect(self) -> None:
        self.back_button.clicked.connect(self.backRequested)
        self.undo_button.clicked.connect(self.undoRequested)
        theme.notifier.changed.connect(self.refresh)
        self.tree.currentItemChanged.connect(lambda *_: self._on_row())
        self.tree.itemSelectionChanged.connect(self._show_actions)
        self.sound.serve(self.tree)
        self.sound.failed.connect(self.failed)
        self.leave_out_button.clicked.connect(self._on_leave_out)
        self.move_button.clicked.connect(self._on_move)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.move_to_button.setMenu(self._menu)
        self.tree.installEventFilter(self)

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setHeaderLabels(list(_COLUMNS))
        theme.set_role(tree, "rows")
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setAllColumnsShowFocus(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        tree.setAccessibleName("Clips to listen to")
        tree.setMinimumHeight(96)
        header = tree.header()
        header.setStretchLastSection(False)
        for column in (0, 1, _STATE):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(70)
        for column, width in ((0, 210), (1, 110), (_STATE, 150)):
            tree.setColumnWidth(column, width)
        return tree

    def _lay_out(self) -> None:
        theme.set_role(self.back_button, "quiet")
        theme.set_icon(self.back_button, "mdi6.chevron-left", size=16)
        self.back_button.setToolTip("Back to the findings (Esc)")
        theme.set_icon(self.leave_out_button, "mdi6.eye-off-outline", size=16)
        theme.set_icon(self.move_button, "mdi6.folder-move-outline", size=16)
        self.leave_out_button.setToolTip(
            "Leaves the selected clips out of training, or uses them again; can be undone (Delete)"
        )
        self.move_button.setToolTip("Moves the selected clips to the word they sound like; can be undone (M)")
        self.move_to_button.setToolTip("Moves the selected clips to another word; can be undone")
        theme.set_role(self.done, "muted")
        theme.set_role(self.undo_button, "quiet")
        self.done.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.undo_button.setToolTip("Ctrl+Z")
        self.sound.waveform.setMaximumHeight(_WAVEFORM)
        top = QHBoxLayout()
        top.setSpacing(theme.GRID)
        top.addWidget(self.back_button)
        top.addWidget(self.title, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        for button in (self.leave_out_button, self.move_button, self.move_to_button):
            buttons.addWidget(button)
        buttons.addWidget(self.done, 1)
        buttons.addWidget(self.undo_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(top)
        column.addWidget(self.tree, 1)
        column.addWidget(self.sound)
        column.addLayout(buttons)


def _item(clip: SuspectClip) -> QTreeWidgetItem:
    folder, _, name = clip.path.rpartition("/")
    shown = f"{named(folder.rpartition('/')[2])} / {name}"
    likely = {"": "unknown", "_silence_": "no speech", clip.label: "the same word"}.get(clip.likely)
    item = QTreeWidgetItem([shown, likely or named(clip.likely), clip.reason, ""])
    item.setToolTip(0, clip.path)
    item.setToolTip(2, f"{clip.reason}; in the {clip.split} set")
    return item
