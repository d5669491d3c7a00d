"""Trimming and splitting from the table and the grid, and playing under the pointer; no page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QObject, QSettings
from PySide6.QtWidgets import QWidget

from kws_engine.clips.changes import Changes
from kws_engine.clips.clip import Clip
from kws_engine.clips.journal import Change
from kws_engine.clips.speech_span import speech_spans
from kws_engine.errors import KwsError
from kws_gui.bridges.player import Player
from kws_gui.pages.words.clips import ClipTableView
from kws_gui.pages.words.grid import ClipGrid
from kws_gui.pages.words.importing import ImportPanel
from kws_gui.pages.words.trim_dialog import TrimDialog
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recordings import Recordings, Samples

_HOVER = "words/play_on_hover"


class Trimming(QObject):
    """Asks with a dialog, does what is long in the background."""

    def __init__(
        self, page: QWidget, model: ProjectModel, recordings: Recordings, panel: ImportPanel, player: Player
    ) -> None:
        super().__init__(page)
        self._page, self._model, self._recordings, self._panel, self._player = page, model, recordings, panel, player
        self.dialog: TrimDialog | None = None
        self._table: ClipTableView | None = None

    def serve(self, table: ClipTableView, grid: ClipGrid) -> None:
        """Answers what the table and the grid ask for."""
        self._table = table
        table.plays_on_hover = QSettings().value(_HOVER) in (True, "true")
        table.trimRequested.connect(self.ask)
        table.speechRequested.connect(self.trim_to_speech)
        table.hoverChosen.connect(self._on_hover_chosen)
        for view in (table, grid):
            view.setMouseTracking(True)
            view.entered.connect(self._on_entered)

    def ask(self, clip: Clip) -> None:
        """Shows a clip with handles."""
        project = self._model.project
        if project is None:
            return
        try:
            samples = self._recordings.samples(clip)
        except KwsError as error:
            self._model.failed.emit(str(error))
            return
        self.dialog = TrimDialog(clip, samples, project.rate, clip_samples=project.clip_samples, parent=self._page)
        rate = project.rate
        self.dialog.trimmed.connect(lambda clip, start, stop: self._recordings.trim([clip], [(start, stop)]))
        self.dialog.wasSplit.connect(self._recordings.split)
        self.dialog.playRequested.connect(lambda samples: self._play(samples, rate))
        self.dialog.finished.connect(self._on_closed)
        self.dialog.open()

    def trim_to_speech(self, clips: Sequence[Clip]) -> None:
        """Trims clips to their speech in the background, undone as one."""
        project = self._model.project
        if project is None or self._panel.is_running:
            return

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Change | None:
            rate, clip_samples = project.rate, project.clip_samples
            found = speech_spans(
                clips, rate=rate, clip_samples=clip_samples, progress=progress, should_stop=should_stop
            )
            return Changes(project).trim(*found) if found is not None else None

        def then(change: object) -> None:
            self._model.undo_stack.setBusy(False)
            if isinstance(change, Change) and self._model.project is project:
                self._recordings.note(change)

        self._model.undo_stack.setBusy(True)
        count = "a clip" if len(clips) == 1 else f"{len(clips):,} clips"
        self._panel.in_background(f"Trimming {count} to speech", work, then, self._free)

    def _free(self) -> None:
        self._model.undo_stack.setBusy(False)

    def _play(self, samples: Samples, rate: int) -> None:
        self._player.play(samples, rate)

    def _on_closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None

    def _on_hover_chosen(self, is_on: bool) -> None:
        assert self._table is not None
        self._table.plays_on_hover = is_on
        QSettings().setValue(_HOVER, is_on)

    def _on_entered(self, index: QModelIndex) -> None:
        if self._table is not None and self._table.plays_on_hover:
            self._player.play_file(self._table.rows.clips[index.row()].path)
