"""In which order clips are shown: a menu for the grid and for the keyboard; the table's header says the same."""

from __future__ import annotations

from functools import partial

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from kws_gui import theme
from kws_gui.pages.words.clip_model import COLUMNS
from kws_gui.pages.words.clips import ClipTableView


class OrderButton(QToolButton):
    """Opens the orders of a table's clips, of which the current one is ticked."""

    def __init__(self, table: ClipTableView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        theme.set_icon(self, "mdi6.sort")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.aboutToShow.connect(self.fill)
        self.setMenu(menu)
        table.orderChanged.connect(self._tell)
        self._tell()

    def fill(self) -> None:
        """Makes the menu anew: some orders need a check."""
        menu, (by, descending) = self.menu(), self._table.rows.order
        menu.clear()
        group = QActionGroup(menu)
        for column in COLUMNS:
            action = menu.addAction(column.order)
            action.setCheckable(True)
            action.setChecked(column.key == by)
            action.setEnabled(self._table.rows.is_checked or not column.is_checked)
            group.addAction(action)
            action.triggered.connect(partial(self._table.choose_order, column.key))
        menu.addSeparator()
        turned = menu.addAction("The other way round")
        turned.setCheckable(True)
        turned.setChecked(descending)
        turned.triggered.connect(partial(self._table.choose_order, by))

    def _tell(self) -> None:
        by, descending = self._table.rows.order
        order = next(column.order for column in COLUMNS if column.key == by)
        order = f"{order[0].lower()}{order[1:]}{', the other way round' if descending else ''}"
        self.setToolTip(f"The order of the clips: {order}")
        self.setAccessibleName(f"Order of the clips: {order}")
