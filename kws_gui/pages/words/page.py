"""The Words page: the open project's words on the left; the recorder of the chosen one and its clips on the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSplitter, QVBoxLayout, QWidget

from kws_engine.clips.words import NOISE
from kws_gui import shortcuts, theme
from kws_gui.bridges.player import Player
from kws_gui.dropped import dragged, importable
from kws_gui.pages.words.clip_panel import ClipPanel
from kws_gui.pages.words.recorder import RecorderPanel
from kws_gui.pages.words.recording import Recording
from kws_gui.pages.words.session_dialog import SessionDialog
from kws_gui.pages.words.transfers import Transfers
from kws_gui.pages.words.trimming import Trimming
from kws_gui.pages.words.word_list import WordList, title_of
from kws_gui.services.recording_session import RecordingSession
from kws_gui.services.services import Services
from kws_gui.widgets.message_bar import MessageBar

_SPLITTER = "words/splitter"


class WordsPage(QWidget):
    """Puts the parts side by side and tells each of them which word is chosen.

    `recording` records single takes, `transfers` imports and exports, `clips` shows what there is.
    """

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._microphones = services.microphones
        self._care = services.care
        self.recordings = services.recordings
        self.messages = MessageBar()
        self.words = WordList(self._model)
        self.recorder = RecorderPanel()
        self.clips = clips = ClipPanel(services)
        self.table, self.grid, self.map = clips.table, clips.grid, clips.map
        self.caring, self.imports = clips.caring, clips.imports
        self.player = Player(self)
        self.recording = Recording(
            self, services, recorder=self.recorder, table=self.table, player=self.player, messages=self.messages
        )
        self.session, self.free = self.recording.session, self.recording.free
        self._trimming = Trimming(self, self._model, self.recordings, self.imports, self.player)
        self.transfers = Transfers(self, self._model, self.imports, recordings=self.recordings, player=self.player)
        self.many = RecordingSession(self._model, self.recordings, self._microphones, self)
        self.sessions: SessionDialog | None = None
        self._lay_out()
        self._connect()
        self._connect_navigation(services)
        self._make_shortcuts()
        self.setAcceptDrops(True)
        self.many.read()
        self._on_alone()
        self._on_word(self.words.word)

    def shutdown(self) -> None:
        """Ends recording, playing, importing and measuring; what was recorded is stored."""
        QSettings().setValue(_SPLITTER, self._splitter.saveState())
        self.recording.shutdown()
        self._microphones.release(self)
        for part in (self.many, self.player, self.clips, self.transfers):
            part.shutdown()

    # -- what can be done

    def record(self) -> None:
        """Records a series of takes of the current word."""
        self.recording.begin(self.words.word)

    def record_again(self) -> None:
        """Records one take in the place of the current clip."""
        clip = self.table.current()
        if clip is not None and clip.word != NOISE:
            self.recording.begin(self.words.word, replaced=clip)

    def import_folder(self, folder: Path | None = None, list_file: Path | None = None) -> None:
        """Imports a folder of recordings, or asks for one, as `Transfers` does."""
        self.transfers.import_folder(folder, list_file)

    def take_dropped(self, paths: Sequence[Path]) -> None:
        """Shows what is in files and folders before it is imported, as `Transfers` does."""
        self.transfers.take_dropped(paths, self.words.word)

    def record_session(self) -> None:
        """Asks what a session over many words is to record, or goes on with the one that was begun."""
        if self._model.project is None or self.sessions is not None:
            return
        self.session.cancel()
        self.player.stop()
        self.sessions = SessionDialog(self._model, self.many, self._microphones, self)
        self.sessions.checkRequested.connect(self._care.look)
        self.sessions.finished.connect(self._on_session_closed)
        self.sessions.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.sessions.open()

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._microphones.acquire(self)
        self.recorder.record.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.recorder.settle()
        self.session.cancel()
        self.player.stop()
        self._microphones.release(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if importable(dragged(event)):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := importable(dragged(event)):
            event.acceptProposedAction()
            self.take_dropped(paths)

    # -- what happened

    def _on_word(self, word: str) -> None:
        self.recorder.show_word(title_of(word))
        self.free.show_word(word)
        if not self.free.is_busy:  # else it says what to do, and nothing else can be recorded
            self.recorder.record.setEnabled(bool(word))
            self.recorder.show_advice("", "")
        self.clips.show_word(word)

    def _on_busy(self, is_busy: bool) -> None:
        self.words.setEnabled(not is_busy)
        if is_busy:
            self.clips.make_room()

    def _on_alone(self) -> None:
        """The recorder folds away while the clips have the page."""
        self.recorder.setVisible(not self.clips.is_alone)

    def _on_session_closed(self) -> None:
        self.sessions = None
        self._show_session()
        self.many_button.setFocus()

    def _on_session_failed(self, sentence: str) -> None:
        if self.sessions is None and self.isVisible():  # else it says so itself
            self.messages.showMessage("error", sentence)

    def _warn(self, sentence: str) -> None:
        self.messages.showMessage("warning", sentence)

    def _show_session(self) -> None:
        """The button says where a session that is not over stands."""
        many = self.many
        text = f"Continue the session ({many.done:,} of {many.total:,})" if many.is_unfinished else "Record a session…"
        self.many_button.setText(text)
        self.many_button.setEnabled(self._model.project is not None)

    # -- making

    def _connect(self) -> None:
        clips = self.clips
        self.words.chosen.connect(self._on_word)
        self.recorder.recordRequested.connect(self.record)
        self.recorder.againRequested.connect(self.record_again)
        self.recording.busyChanged.connect(self._on_busy)
        clips.refreshed.connect(self.recording.show_current)
        clips.wordWanted.connect(self.words.choose)
        clips.aloneChanged.connect(self._on_alone)
        self.map.soundRequested.connect(self.player.play_file)
        clips.add.clicked.connect(lambda: self.import_folder())
        clips.voices.clicked.connect(lambda: self.transfers.synthesize(self.words.word))
        self._trimming.serve(self.table, self.grid)
        self.transfers.warned.connect(self._warn)
        self._care.failed.connect(self._warn)
        self.many_button.clicked.connect(self.record_session)
        self.many.changed.connect(self._show_session)
        self.many.failed.connect(self._on_session_failed)

    def _connect_navigation(self, services: Services) -> None:
        services.navigation.wordRequested.connect(self.words.choose)
        services.navigation.importRequested.connect(self.import_folder)
        services.navigation.dropRequested.connect(self.take_dropped)
        services.navigation.exportRequested.connect(self.transfers.export_clips)

    def _make_shortcuts(self) -> None:
        for name, call in (
            ("record", self.recorder.press_record),
            ("record_again", self.recorder.again.click),
            ("cancel", self.recording.cancel),
            ("find", self.clips.find_text),
        ):
            shortcuts.add(self, name, call, Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _lay_out(self) -> None:
        title = QLabel("Words")
        theme.set_role(title, "title")
        self.many_button = QPushButton("Record a session…")
        self.many_button.setToolTip("Many words in a mixed order, by one speaker or several; it can be paused")
        theme.set_role(self.many_button, "quiet")
        theme.set_icon(self.many_button, "mdi6.playlist-play")
        right = QWidget()
        below = QVBoxLayout(right)
        below.setContentsMargins(theme.GRID, 0, 0, 0)
        below.setSpacing(theme.GRID)
        below.addWidget(self.recorder, 5)
        below.addWidget(self.clips, 4)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self.words)
        self._splitter.addWidget(right)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([292, 540])
        if (stored := QSettings().value(_SPLITTER)) is not None:
            self._splitter.restoreState(stored)
        top = QHBoxLayout()
        top.addWidget(title, 1)
        top.addWidget(self.many_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(top)
        column.addWidget(self._splitter, 1)
        self.messages.lieOver(self, free=[self.recorder.record])
