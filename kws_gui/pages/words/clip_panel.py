"""The clips of a word below its recorder: what it lacks, filters, and its clips as table, as grid and on the map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
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

from kws_engine.clips.clip import Clip
from kws_engine.clips.table import ClipList
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.pages.words.caring import CaringPanel
from kws_gui.pages.words.clip_map import ClipMapView
from kws_gui.pages.words.clips import ClipTableView, how_split
from kws_gui.pages.words.grid import ClipGrid
from kws_gui.pages.words.importing import ImportPanel
from kws_gui.pages.words.levels import noise_clips, peaks_db
from kws_gui.pages.words.word_list import title_of
from kws_gui.services.services import Services
from kws_gui.widgets.elided_label import ElidedLabel

_FIRST_WORD = "No words yet: type the first one to teach at the bottom left, such as your own name."


class ClipPanel(QWidget):
    """Shows the clips of one word, as they are in the project.

    Signals:
        refreshed(): The clips were read again.
        wordWanted(word): A clip of another word was chosen on the map.
    """

    refreshed = Signal()
    wordWanted = Signal(str)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._care = services.care
        self._word = ""
        self.table = ClipTableView()
        self.grid = ClipGrid(self.table)
        self.map = ClipMapView(services.care, self.table)
        self.caring = CaringPanel(services.care)
        self.imports = ImportPanel()
        self._levels = Latest(self)
        self._make_buttons()
        self._lay_out()
        self._connect(services)

    def show_word(self, word: str) -> None:
        """Shows the clips of another word."""
        self._word = word
        self.voices.setEnabled(bool(word) and not word.startswith("_"))
        self.refresh()

    def refresh(self) -> None:
        """Reads the clips again."""
        project, word = self._model.project, self._word
        clips: Sequence[Clip] = ()
        if project is not None and word == NOISE:
            clips = noise_clips(project)
        elif project is not None:
            clips = project.clips(word=word, include_excluded=True)
        if project is not None:
            self.caring.show_word(project.table(), word)
            self.table.words = (*project.words, UNKNOWN)
            self.grid.set_span(project.clip_ms)
        whole = len(clips)
        if isinstance(clips, ClipList):
            clips = self.caring.shown(clips)
        self.table.show_clips(clips)
        of = f"{len(clips):,} of {whole:,}" if len(clips) < whole else f"{whole:,}"
        self.title.setText(f"Clips ({of})" if whole else "No clips yet")
        self.parts.setFullText(how_split(project.table(), word) if project is not None else "")
        self._hint.setVisible(not whole)
        self._views.setVisible(bool(whole))
        self._hint.setText(self._sentence_without_clips(word))
        if project is not None and clips and word != NOISE:
            self._levels.ask(partial(peaks_db, project, clips))
        self.refreshed.emit()

    def shutdown(self) -> None:
        """Ends measuring, drawing and importing; a check goes on on other pages."""
        for part in (self.imports, self._levels, self.grid, self.map, self.caring):
            part.shutdown()

    def _sentence_without_clips(self, word: str) -> str:
        if self._model.project is not None and not self._model.project.words:
            return _FIRST_WORD
        return f"Press Record and say “{title_of(word)}”, or drop a folder of recordings here."

    def _on_checked(self) -> None:
        self.table.rows.set_found(self._care.found)
        self.refresh()

    # -- table, grid and map

    def _on_grid(self, as_grid: bool) -> None:
        if as_grid:
            self.view_map.setChecked(False)
        view: QAbstractItemView = self.grid if as_grid else self.table
        self._views.setCurrentWidget(view)
        if self.table.currentIndex().isValid():
            view.scrollTo(self.table.currentIndex())

    def _on_map(self, as_map: bool) -> None:
        if as_map:
            self.view_grid.setChecked(False)
        self._views.setCurrentWidget(self.map if as_map else self.grid if self.view_grid.isChecked() else self.table)

    def _on_map_clip(self, clip: Clip) -> None:
        if clip.word != self._word:
            self.wordWanted.emit(clip.word)
        self.table.choose(clip.path)

    # -- making

    def _connect(self, services: Services) -> None:
        table, recordings = self.table, services.recordings
        table.deleteRequested.connect(recordings.delete)
        table.partRequested.connect(recordings.set_part)
        table.excludeRequested.connect(recordings.exclude)
        table.relabelRequested.connect(recordings.relabel)
        self.map.plot.clipChosen.connect(self._on_map_clip)
        self.caring.filterChanged.connect(self.refresh)
        self._care.changed.connect(self._on_checked)
        self._levels.answered.connect(table.rows.set_levels)
        self._model.clipsChanged.connect(self.refresh)
        self.view_grid.toggled.connect(self._on_grid)
        self.view_map.toggled.connect(self._on_map)
        table.rows.set_found(self._care.found)

    def _make_buttons(self) -> None:
        self.add = QPushButton("Import a folder…")
        theme.set_role(self.add, "quiet")
        theme.set_icon(self.add, "mdi6.folder-plus-outline")
        self.add.setToolTip("Recordings you have already (Ctrl+I); or drop a folder, a zip, a list or recordings here")
        self.voices = _tool_button("mdi6.account-voice", "Synthetic voices")
        self.voices.setToolTip("Synthetic voices… Clips of this word by the voices that this computer has")
        self.view_grid = _tool_button("mdi6.view-grid-outline", "Show the clips as small spectrograms")
        self.view_grid.setCheckable(True)
        self.view_grid.setToolTip("Show the clips as small spectrograms")
        self.view_map = _tool_button("mdi6.map-outline", "Show all clips as a map")
        self.view_map.setCheckable(True)
        self.view_map.setToolTip("Show all clips as a map by their sound: wrong labels stand out")

    def _lay_out(self) -> None:
        self.title = QLabel()
        self.title.setFont(theme.font(bold=True))
        self.parts = ElidedLabel()
        theme.set_role(self.parts, "muted")
        self._hint = QLabel()
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        theme.set_role(self._hint, "muted")
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addWidget(self.parts, 1)
        for part in (self.voices, self.caring.filters, self.caring.check, self.view_grid, self.view_map, self.add):
            head.addWidget(part)
        self._views = QStackedWidget()
        for view in (self.table, self.grid, self.map):
            self._views.addWidget(view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(head)
        column.addWidget(self.caring)
        column.addWidget(self.imports)
        column.addWidget(self._hint, 1)
        column.addWidget(self._views, 1)


def _tool_button(icon: str, name: str) -> QToolButton:
    button = QToolButton()
    theme.set_icon(button, icon)
    button.setAccessibleName(name)
    return button
