"""All clips as a map by their sound: what lies among the clips of another word may be a wrong label."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from kws_engine.caring.checking import Check
from kws_engine.caring.clip_map import ClipMap, map_of
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.pages.words.clips import ClipTableView
from kws_gui.pages.words.map_plot import MapPlot
from kws_gui.services.care import Care
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.progress_row import ProgressRow

_UNCHECKED = "The map lays clips that sound alike side by side. It needs a check of all clips, once."
_SILENT = "There are fewer than three clips in which something is said: record or import some."
_STOPPED = "The map was not laid to its end."


class ClipMapView(QWidget):
    """Lays the clips that were checked last whenever it comes into view, and shows them, or what is lacking.

    Signals:
        soundRequested(path), clipChosen(clip): As those of its plot.
    """

    soundRequested = Signal(object)
    clipChosen = Signal(object)

    def __init__(self, care: Care, table: ClipTableView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._care = care
        self._laid_of: Check | None = None
        self._latest = Latest(self)
        self._table = table
        self._plot: MapPlot | None = None
        self.empty = EmptyState("mdi6.map-outline", _UNCHECKED, "Check clips")
        self.progress = ProgressRow()
        self._views = QStackedWidget()
        self._views.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.progress)
        column.addWidget(self._views, 1)
        self._latest.began.connect(lambda: self.progress.start("Laying out the map"))
        self._latest.progressed.connect(self.progress.setProgress)
        self._latest.answered.connect(self._on_laid)
        self._latest.failed.connect(lambda sentence, _: self._show_empty(sentence, is_check=False))
        self._latest.idle.connect(self.progress.finish)
        self._latest.idle.connect(self.progress.hide)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.empty.triggered.connect(self._on_empty)
        care.changed.connect(self._lay)

    @property
    def plot(self) -> MapPlot:
        """The map itself, made when it is wanted first: few look at it every time."""
        if self._plot is None:
            self._plot = MapPlot(self._table)
            self._plot.soundRequested.connect(self.soundRequested)
            self._plot.clipChosen.connect(self.clipChosen)
            self._views.addWidget(self._plot)
            self.setFocusProxy(self._plot)
        return self._plot

    def shutdown(self) -> None:
        """Lays nothing more out."""
        self._latest.shutdown()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._lay()

    def _lay(self) -> None:
        """Lays the clips that were checked last, where the map is in view and that is not done."""
        found = self._care.found
        if found is None:
            self._laid_of = None
            self._latest.cancel()
            self._show_empty(_UNCHECKED, is_check=True)
        elif self.isVisible() and found is not self._laid_of:
            self._laid_of = found
            self._latest.ask(lambda progress, stop: map_of(found, progress=progress, should_stop=stop))

    def _on_laid(self, laid: ClipMap) -> None:
        if laid.stopped:
            return
        if np.isfinite(laid.places[:, 0]).sum() < 3:
            self._show_empty(_SILENT, is_check=False)
            return
        self._views.setCurrentWidget(self.plot)
        self.plot.show_map(laid)

    def _on_cancel(self) -> None:
        self._latest.cancel()
        self._laid_of = None
        if self._views.currentWidget() is self.empty:
            self._show_empty(_STOPPED, is_check=True)

    def _show_empty(self, sentence: str, *, is_check: bool) -> None:
        if self._plot is not None:
            self._plot.show_map(None)
        self.empty.setSentence(sentence)
        self.empty.button().setVisible(is_check)
        self._views.setCurrentWidget(self.empty)

    def _on_empty(self) -> None:
        if self._care.found is None:
            self._care.look()
        else:
            self._lay()
