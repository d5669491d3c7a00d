"""The clips of a word below its recorder: what it lacks, filters, and its clips as table, as grid and on the map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.caring.arrangement import Arrangement
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_gui import theme
from kws_gui.pages.words.caring import CaringPanel
from kws_gui.pages.words.clip_map import ClipMapView
from kws_gui.pages.words.clips import ClipTableView, how_split
from kws_gui.pages.words.filter_field import FilterField
from kws_gui.pages.words.grid import ClipGrid
from kws_gui.pages.words.importing import ImportPanel
from kws_gui.pages.words.levels import PeakLevels, noise_clips
from kws_gui.pages.words.order_button import OrderButton
from kws_gui.pages.words.word_list import title_of
from kws_gui.services.services import Services
from kws_gui.widgets.elided_label import ElidedLabel

_FIRST_WORD = "No words yet: type the first one to teach at the bottom left, such as your own name."
_NOTHING_LEFT = "No clip of this word is left by the filter. Esc in its field shows all."
_ALONE = "words/clips_alone"


class ClipPanel(QWidget):
    """Shows the clips of one word, as they are in the project.

    Signals:
        refreshed(): Other clips are shown.
        wordWanted(word): A clip of another word was chosen on the map.
        aloneChanged(): `is_alone` is another one.
    """

    refreshed = Signal()
    wordWanted = Signal(str)
    aloneChanged = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._care = services.care
        self._word = self._shown_word = ""
        self._arrangement: Arrangement | None = None
        self.table = ClipTableView()
        self.grid = ClipGrid(self.table)
        self.map = ClipMapView(services.care, self.table)
        self.caring = CaringPanel(services.care)
        self.imports = ImportPanel()
        self.field = FilterField()
        self._peaks = PeakLevels(self)
        self._make_buttons()
        self._lay_out()
        self._connect(services)

    @property
    def is_alone(self) -> bool:
        """Whether the clips want the whole page: where that was chosen, and for the map."""
        return self.view_map.isChecked() or self.alone.isChecked()

    def show_word(self, word: str) -> None:
        """Shows the clips of another word."""
        self._word = word
        self.voices.setEnabled(bool(word) and not word.startswith("_"))
        self.refresh()

    def refresh(self) -> None:
        """Reads the clips again, unless they are the same ones."""
        project = self._model.project
        if project is not None and self._is_shown(project.table()):
            self.refreshed.emit()
            return
        self._shown_word = self._word
        if project is not None:
            self._arrange(project.table())
            self.table.words = (*project.words, UNKNOWN)
            self.grid.set_span(project.clip_ms)
            self.parts.setFullText(how_split(project.table(), self._word))
        else:
            self._arrangement = None
            self.parts.setFullText("")
        self._show_clips()
        if project is not None:
            self._measure(project)

    def find_text(self) -> None:
        """Takes the keyboard to the field that filters by text; where the clips are out of sight, they get the page."""
        self.view_map.setChecked(False)
        if self.visibleRegion().boundingRect().height() < self.height():
            self.alone.setChecked(True)
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def make_room(self) -> None:
        """Leaves the recorder its place."""
        self.view_map.setChecked(False)
        self.alone.setChecked(False)

    def shutdown(self) -> None:
        """Ends measuring, drawing and importing; a check goes on on other pages."""
        for part in (self.imports, self._peaks, self.grid, self.map, self.caring):
            part.shutdown()

    # -- which clips

    def _is_shown(self, table: ClipTable) -> bool:
        """Whether these clips of this word are shown already, with all that is known of them."""
        known, is_noise = self._arrangement, self._word == NOISE
        is_same = known is not None and known.table is table and known.found is self._care.found
        return is_same and self._word == self._shown_word and not is_noise

    def _arrange(self, table: ClipTable) -> None:
        """Puts together what is known of the clips of a table."""
        self._arrangement = Arrangement(table, self._care.found, self._peaks.of(table))
        self.caring.show_word(self._arrangement, self._word)

    def _show_clips(self) -> None:
        """Those that the filters leave."""
        clips, whole = self._filtered()
        self.table.show_clips(clips, self._arrangement if self._word != NOISE else None)
        of = f"{len(clips):,} of {whole:,}" if len(clips) < whole else f"{whole:,}"
        self._title_of_word = f"Clips ({of})" if whole else "No clips yet"
        self._hint.setText(_NOTHING_LEFT if whole else self._sentence_without_clips())
        self._show_views()
        self.refreshed.emit()

    def _filtered(self) -> tuple[Sequence[Clip], int]:
        """The clips that the filters leave, and how many there are without."""
        project, known, text = self._model.project, self._arrangement, self.field.text()
        if project is None or known is None:
            return (), 0
        if self._word == NOISE:
            noises = noise_clips(project)
            wanted = text.casefold().split()
            return [one for one in noises if all(part in one.path.name.casefold() for part in wanted)], len(noises)
        every = known.table.select(word=self._word, include_excluded=True)
        rows = known.matching(self.caring.shown(known, every), text)
        return known.table.clips(rows), len(every)

    def _measure(self, project: Project) -> None:
        """Measures the peak levels that are not known, in the background."""
        known = self._arrangement
        if known is None or self._word == NOISE:
            return
        rows = known.table.select(word=self._word, include_excluded=True)
        rows = rows[np.isnan(known.peaks_db[rows])]
        if len(rows):
            self._peaks.measure(project, known.table.clips(rows))

    def _on_measured(self) -> None:
        if (project := self._model.project) is not None:
            self._arrange(project.table())
            self._show_clips()

    def _on_saved(self, clip: Clip) -> None:
        """A clip that was recorded just now is shown, whatever the filters say."""
        if clip.word == self._word and self.table.rows.row_of(clip.path) is None:
            self.field.clear()
            self.caring.show_all()

    def _sentence_without_clips(self) -> str:
        if self._model.project is not None and not self._model.project.words:
            return _FIRST_WORD
        return f"Press Record and say “{title_of(self._word)}”, or drop a folder of recordings here."

    # -- table, grid and map

    def _show_views(self) -> None:
        """The map of all clips, or the clips of the word in the table or the grid; a hint where there are none."""
        as_map, has_clips = self.view_map.isChecked(), len(self.table.rows.clips) > 0
        listed: QAbstractItemView = self.grid if self.view_grid.isChecked() else self.table
        is_given = has_clips or bool(self.field.text()) or self.caring.is_filtering
        self._views.setCurrentWidget(self.map if as_map else listed)
        self._views.setVisible(as_map or has_clips)
        self._hint.setVisible(not as_map and not has_clips)
        self.title.setText(self._title_of_word)
        self._head.setVisible(not as_map)
        self.map_title.setVisible(as_map)
        self.caring.set_brief(as_map)
        for part in (self.field, self.order):
            part.setVisible(not as_map and is_given)
        self.caring.filters.setVisible(not as_map and self.caring.has_filters)
        self.alone.setVisible(not as_map)
        if self.table.currentIndex().isValid():
            listed.scrollTo(self.table.currentIndex())

    def _on_grid(self, as_grid: bool) -> None:
        if as_grid:
            self.view_map.setChecked(False)
        self._show_views()

    def _on_map(self, as_map: bool) -> None:
        if as_map:
            self.view_grid.setChecked(False)
        self._show_views()
        self.aloneChanged.emit()

    def _on_alone(self, is_alone: bool) -> None:
        QSettings().setValue(_ALONE, is_alone)
        self.aloneChanged.emit()

    def _on_map_clip(self, clip: Clip) -> None:
        if clip.word != self._word:
            self.wordWanted.emit(clip.word)
        self.table.choose(clip.path)

    def _on_field_left(self) -> None:
        """To the clips, the first one where none is current."""
        view = self.grid if self.view_grid.isChecked() else self.table
        view.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if not self.table.currentIndex().isValid() and self.table.rows.clips:
            self.table.selectRow(0)

    # -- making

    def _connect(self, services: Services) -> None:
        table, recordings = self.table, services.recordings
        table.deleteRequested.connect(recordings.delete)
        table.partRequested.connect(recordings.set_part)
        table.excludeRequested.connect(recordings.exclude)
        table.relabelRequested.connect(recordings.relabel)
        recordings.saved.connect(self._on_saved)
        self.map.clipChosen.connect(self._on_map_clip)
        self.field.textChanged.connect(lambda _: self._show_clips())
        self.field.left.connect(self._on_field_left)
        self.caring.filterChanged.connect(self._show_clips)
        self._care.changed.connect(self.refresh)
        self._peaks.changed.connect(self._on_measured)
        self._model.clipsChanged.connect(self.refresh)
        self.view_grid.toggled.connect(self._on_grid)
        self.view_map.toggled.connect(self._on_map)
        self.alone.toggled.connect(self._on_alone)

    def _make_buttons(self) -> None:
        self.add = QPushButton("Import a folder…")
        theme.set_role(self.add, "quiet")
        theme.set_icon(self.add, "mdi6.folder-plus-outline")
        self.add.setToolTip("Recordings you have already (Ctrl+I); or drop a folder, a zip, a list or recordings here")
        self.voices = _tool_button("mdi6.account-voice", "Synthetic voices")
        self.voices.setToolTip("Synthetic voices… Clips of this word by the voices that this computer has")
        self.order = OrderButton(self.table)
        self.view_grid = _switch("mdi6.view-grid-outline", "Show the clips as small spectrograms")
        self.view_map = _switch("mdi6.map-outline", "Show all clips as a map")
        self.view_map.setToolTip("Show all clips as a map by their sound: wrong labels stand out")
        self.alone = _switch("mdi6.arrow-expand-vertical", "Give the clips the whole page")
        self.alone.setToolTip("Give the clips the whole page; Record (R) brings the recorder back")
        self.alone.setChecked(QSettings().value(_ALONE) in (True, "true"))

    def _lay_out(self) -> None:
        self._title_of_word = ""
        self.title = QLabel()
        self.title.setFont(theme.font(bold=True))
        self.map_title = QLabel("All clips")
        self.map_title.setFont(theme.font(bold=True))
        self.parts = ElidedLabel()
        theme.set_role(self.parts, "muted")
        self._hint = QLabel()
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        theme.set_role(self._hint, "muted")
        self._head = QWidget()
        head, tools = QHBoxLayout(self._head), QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self.title)
        head.addWidget(self.parts, 1)
        head.addStretch()
        for part in (self.voices, self.caring.check, self.caring.more, self.add):
            head.addWidget(part)
        tools.setSpacing(theme.GRID // 2)
        tools.addWidget(self.map_title)
        tools.addWidget(self.field, 1)
        tools.addStretch()
        tools.addWidget(self.caring.filters)
        for button in (self.order, self.view_grid, self.view_map, self.alone):
            tools.addWidget(button)
        self._views = QStackedWidget()
        for view in (self.table, self.grid, self.map):
            self._views.addWidget(view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._head)
        column.addWidget(self.caring)
        column.addWidget(self.imports)
        column.addLayout(tools)
        column.addWidget(self._hint, 1)
        column.addWidget(self._views, 1)


def _tool_button(icon: str, name: str) -> QToolButton:
    button = QToolButton()
    theme.set_icon(button, icon)
    button.setAccessibleName(name)
    return button


def _switch(icon: str, name: str) -> QToolButton:
    button = _tool_button(icon, name)
    button.setCheckable(True)
    button.setToolTip(name)
    return button
