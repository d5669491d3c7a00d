"""The tables of a comparison: what the runs reach, and in which settings they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from kws_gui import theme
from kws_gui.pages.train.compare.wording import RESULT_COLUMNS, name_of, option_title, result_row, value_text
from kws_gui.widgets.curves.legend import Swatch
from kws_gui.widgets.curves.style import SWATCH_HEIGHT, SWATCH_WIDTH, draw_swatch, run_style

if TYPE_CHECKING:
    from kws_engine.runs.comparing import Comparison

_NAME, _RIGHT = 1, 2
_LAST_TO_GO = (5, 6, 3, 4, 8, 7)  # columns that give way, in this order, where the table is narrow
_ABOUT_RIGHT = (
    "Clips recognised correctly, with the 95% interval of Wilson (1927); other words that come with the program count "
    "here, on Results only the project's own clips"
)
_NARROW = 150  # px a run in the table of settings, at least


class ResultTable(QTreeWidget):
    """A row for each run, with the swatch of its curve; what has no room goes into the tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(list(RESULT_COLUMNS))
        self.headerItem().setToolTip(_RIGHT, _ABOUT_RIGHT)
        _shape(self, "Results of the runs")
        self.setColumnWidth(0, SWATCH_WIDTH + 16)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        self.header().setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)

    def setComparison(self, comparison: Comparison) -> None:
        """Shows the runs in their order."""
        self.clear()
        for index, one in enumerate(comparison.runs):
            cells = result_row(one)
            item = QTreeWidgetItem(list(cells))
            results = [
                f"{title}: {cell}" for title, cell in zip(RESULT_COLUMNS[2:], cells[2:], strict=True) if cell != "–"
            ]
            clips = f"Evaluated on {one.clips} clips" if one.clips else ""
            for column in range(len(cells)):
                item.setToolTip(column, "\n".join(filter(None, (name_of(one), *results, clips))))
            self.addTopLevelItem(item)
            self.setItemWidget(item, 0, _centred(Swatch(run_style(index))))
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Hides columns until the names have room; a column that is empty for every run is hidden first."""
        empty = [column for column in range(_RIGHT + 1, self.columnCount()) if self._is_empty(column)]
        for column in range(self.columnCount()):
            self.setColumnHidden(column, column in empty)
        for column in _LAST_TO_GO:
            shown = [at for at in range(self.columnCount()) if at != _NAME and not self.isColumnHidden(at)]
            taken = sum(self.columnWidth(at) for at in shown)
            if self.viewport().width() - taken >= _NARROW:
                break
            self.setColumnHidden(column, True)

    def _is_empty(self, column: int) -> bool:
        items = [self.topLevelItem(row) for row in range(self.topLevelItemCount())]
        return all(item is None or item.text(column) == "–" for item in items)


class SettingTable(QTreeWidget):
    """A row for each option in which the runs differ, a column for each run; it scrolls sideways when they are many."""

    def __init__(self) -> None:
        super().__init__()
        _shape(self, "Settings in which the runs differ")
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.header().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.header().setIconSize(QSize(SWATCH_WIDTH, SWATCH_HEIGHT))
        theme.notifier.changed.connect(self._wear)

    def setComparison(self, comparison: Comparison) -> None:
        """Shows only what differs."""
        self.clear()
        names = [name_of(one) for one in comparison.runs]
        self.setColumnCount(1 + len(names))
        self.setHeaderLabels(["Option", *names])
        for column, name in enumerate(names, 1):
            self.headerItem().setToolTip(column, name)
        networks = [one.run.network for one in comparison.runs]
        self.addTopLevelItems([_setting(path, values, networks) for path, values in comparison.differs.items()])
        self._wear()
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self._share_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _wear(self) -> None:
        """The swatches in the colours of the theme."""
        for column in range(1, self.columnCount()):
            self.headerItem().setIcon(column, _swatch_icon(column - 1))

    def _share_room(self) -> None:
        runs = self.columnCount() - 1
        if runs > 0:
            width = max(_NARROW, (self.viewport().width() - self.columnWidth(0)) // runs)
            for column in range(1, self.columnCount()):
                self.setColumnWidth(column, width)


def _centred(swatch: Swatch) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(theme.GRID, 0, 0, 0)
    row.addWidget(swatch, 0, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
    return holder


def _swatch_icon(index: int) -> QIcon:
    picture = QPixmap(SWATCH_WIDTH, SWATCH_HEIGHT)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    draw_swatch(painter, QRectF(picture.rect()), run_style(index), theme.current())
    painter.end()
    return QIcon(picture)


def _setting(path: str, values: Sequence[object], networks: Sequence[str]) -> QTreeWidgetItem:
    item = QTreeWidgetItem([option_title(path, networks), *(value_text(path, value) for value in values)])
    item.setToolTip(0, path)
    for column in range(1, item.columnCount()):
        item.setToolTip(column, item.text(column))
    return item


def _shape(table: QTreeWidget, name: str) -> None:
    table.setAccessibleName(name)
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    table.setAllColumnsShowFocus(True)
    table.setMinimumHeight(72)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    table.setStyleSheet("QTreeView::item { border-radius: 0; padding: 6px 5px; }")
    table.header().setMinimumSectionSize(24)
    theme.set_role(table, "rows")
