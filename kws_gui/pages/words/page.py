"""The Words page: the open project's words, its recorder, the clips of a word, and the import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.clip import Clip
from kws_engine.clips.cutting import PieceReader
from kws_engine.clips.exporting import Kind
from kws_engine.clips.import_files import ImportFile
from kws_engine.clips.importing import Imported
from kws_engine.clips.recording import NOISE_TAKE_S, PRE_ROLL_S, Take, word_take_s
from kws_engine.clips.synthetic import SynthesisConfig
from kws_engine.clips.table import ClipList
from kws_engine.clips.trash import Deletion
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_engine.errors import KwsError
from kws_gui import shortcuts, theme
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.player import Player
from kws_gui.dropped import dragged, importable
from kws_gui.pages.words.caring import CaringPanel
from kws_gui.pages.words.clip_map import ClipMapView
from kws_gui.pages.words.clips import ClipTableView, how_split
from kws_gui.pages.words.free import FreeButton
from kws_gui.pages.words.grid import ClipGrid
from kws_gui.pages.words.import_dialog import ImportDialog
from kws_gui.pages.words.importing import Choice, ImportPanel, Looked, Planned, Source
from kws_gui.pages.words.levels import noise_clips, peaks_db
from kws_gui.pages.words.recorder import RecorderPanel
from kws_gui.pages.words.review_dialog import ReviewDialog
from kws_gui.pages.words.session_dialog import SessionDialog
from kws_gui.pages.words.synthesis_dialog import SynthesisDialog
from kws_gui.pages.words.takes import Series, TakeSession
from kws_gui.pages.words.trimming import Trimming
from kws_gui.pages.words.word_list import WordList, title_of
from kws_gui.services.recording_session import RecordingSession
from kws_gui.services.recordings import Samples
from kws_gui.services.services import Services
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.message_bar import MessageBar

_SPLITTER = "words/splitter"
_LEVELS_AFTER_MS = 300
_EXPORTS: dict[str, tuple[Kind, bool]] = {
    "Speech Commands as a zip (*.zip)": ("zip", False),
    "Speech Commands as a folder (*)": ("folder", False),
    "The whole project as a zip (*.zip)": ("project", False),
    "The whole project with its runs as a zip (*.zip)": ("project", True),
}
_REOPEN = "reopen the microphone"
_FIRST_WORD = "No words yet: type the first one to teach at the bottom left, such as your own name."


class WordsPage(QWidget):
    """The words on the left; the recorder of the chosen one and its clips on the right."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._microphones = services.microphones
        self.messages = MessageBar()
        self.words = WordList(self._model)
        self.recorder = RecorderPanel()
        self.table = ClipTableView()
        self.grid = ClipGrid(self.table)
        self.imports = ImportPanel()
        self._care = services.care
        self.map = ClipMapView(self._care, self.table)
        self.caring = CaringPanel(self._care)
        self.session = TakeSession(self._microphones, self)
        self.recordings = services.recordings
        self.free = FreeButton(self._model, self._microphones, speaker=lambda: self.recorder.speaker or "speaker")
        self.recorder.add_option(self.free)
        self.player = Player(self)
        self._levels = Latest(self)
        self._pieces = Latest(self)
        self._trimming = Trimming(self, self._model, self.recordings, self.imports, self.player)
        self._replaced: Clip | None = None
        self._word_in_session = ""
        self._shown: tuple[object, object, str, str] = (None, None, "", "")
        self._cut_clip: Clip | None = None
        self._dialog: ImportDialog | None = None
        self._review: ReviewDialog | None = None
        self.many = RecordingSession(self._model, self.recordings, self._microphones, self)
        self.sessions: SessionDialog | None = None
        self._voices: SynthesisDialog | None = None
        self._lay_out()
        self._connect_recording()
        self._connect_clips()
        self._connect_project()
        services.navigation.wordRequested.connect(self.words.choose)
        services.navigation.importRequested.connect(self.import_folder)
        services.navigation.dropRequested.connect(self.take_dropped)
        services.navigation.exportRequested.connect(self.export_clips)
        self._make_shortcuts()
        self.setAcceptDrops(True)
        self.table.rows.set_found(self._care.found)
        self._on_word(self.words.word)

    def import_folder(self, folder: Path | None = None, list_file: Path | None = None) -> None:
        """Imports a folder of recordings, or asks for one; asks what is not clear: words, and who speaks.

        Args:
            folder: Where the recordings are.
            list_file: A table of them.
        """
        project = self._model.project
        if project is None or self.imports.is_running:
            return
        if folder is None:
            chosen = QFileDialog.getExistingDirectory(self, "Import a folder of recordings")
            if not chosen:
                return
            folder = Path(chosen)
        self.imports.look(project, Source(folder, list_file))

    def import_files(self, files: Sequence[Path]) -> None:
        """Looks at recordings of the chosen word, a zip or a label track, and shows what is in them before it is taken.

        Args:
            files: Recordings; or one zip or label track.
        """
        project = self._model.project
        if project is not None and not self.imports.is_running:
            self.imports.look_at_files(project, files, word=self.words.word)

    def export_clips(self) -> None:
        """Asks where and as what the clips are to be written, and writes them."""
        project = self._model.project
        if project is None or self.imports.is_running:
            return
        start = str(Path.home() / f"{project.name}.zip")
        chosen, title = QFileDialog.getSaveFileName(self, "Export", start, ";;".join(_EXPORTS))
        if chosen:
            kind, with_runs = _EXPORTS.get(title, ("zip", False))
            self.imports.export(project, Path(chosen), kind=kind, with_runs=with_runs)

    def synthesize(self) -> None:
        """Asks how many clips synthetic voices are to say of the chosen word."""
        word = self.words.word
        if self._model.project is None or self.imports.is_running or word not in self._model.project.words:
            return
        self._voices = SynthesisDialog(word, self)
        self._voices.chosen.connect(self._on_voices)
        self._voices.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._voices.open()

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

    def _on_session_closed(self) -> None:
        self.sessions = None
        self._show_session()
        self.many_button.setFocus()

    def _on_session_failed(self, sentence: str) -> None:
        if self.sessions is None:  # else it says so itself
            self._on_failed(sentence)

    def _show_session(self) -> None:
        """The button says where a session that is not over stands."""
        many = self.many
        text = f"Continue the session ({many.done:,} of {many.total:,})" if many.is_unfinished else "Record a session…"
        self.many_button.setText(text)
        self.many_button.setEnabled(self._model.project is not None)

    def _on_voices(self, word: str, config: SynthesisConfig) -> None:
        if self._model.project is not None:
            self.imports.synthesize(self._model.project, [word], config)

    def _on_planned(self, planned: Planned) -> None:
        project = self._model.project
        if project is None or project.folder != planned.project.folder:
            return
        self._review = ReviewDialog(planned, self)
        self._review.chosen.connect(self.imports.start_planned)
        self._review.playRequested.connect(self._on_play_piece)
        self._review.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._review.open()

    def _on_play_piece(self, file: ImportFile) -> None:
        project = self._model.project
        if project is None or file.span_s is None:
            self.player.play_file(file.path)
        else:
            self._pieces.ask(partial(_read_piece, file.path, file.span_s, project.rate))

    def _on_imported(self, imported: Imported | None) -> None:
        """What came in can be undone as a whole."""
        project = self._model.project
        if imported is None or imported.change is None or project is None or project.folder != imported.project:
            self._model.clipsChanged.emit()
        else:
            self.recordings.note(imported.change)

    def _on_looked(self, looked: Looked, is_asked: bool) -> None:
        """Asks about the folder that was looked at, or imports it where nothing is left to ask."""
        project = self._model.project
        if project is None or project.folder != looked.project.folder:
            return
        if not is_asked and not looked.leaves_questions:
            self.imports.start(looked, Choice())
            return
        self._dialog = ImportDialog(looked, self)
        self._dialog.chosen.connect(self.imports.start)
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.open()

    def shutdown(self) -> None:
        """Ends recording, playing, importing and measuring; what was recorded is stored."""
        QSettings().setValue(_SPLITTER, self._splitter.saveState())
        self.recorder.settle()
        self.session.cancel()
        self.free.recording.shutdown()
        self._microphones.release(self)
        # A check goes on on other pages.
        self.many.shutdown()
        for part in (self.player, self.imports, self._levels, self._pieces, self.grid, self.map, self.caring):
            part.shutdown()

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

    def take_dropped(self, paths: Sequence[Path]) -> None:
        """Shows what is in files and folders, to change before it is imported; asks first what is not clear.

        Args:
            paths: As `importable` gives them.
        """
        project, first = self._model.project, paths[0]
        if project is None or self.imports.is_running:
            return
        if first.is_dir():
            self.imports.look(project, Source(first, is_reviewed=True))
        elif first.suffix.lower() in (".csv", ".tsv"):
            self.imports.look(project, Source(first.parent, first, is_reviewed=True))
        else:
            self.import_files(paths)

    # -- recording

    def record(self) -> None:
        """Records a series of takes of the current word."""
        self._begin(None, self.recorder.takes)

    def record_again(self) -> None:
        """Records one take in the place of the current clip."""
        clip = self.table.current()
        if clip is not None and clip.word != NOISE:
            self._begin(clip, 1)

    def _begin(self, replaced: Clip | None, takes: int) -> None:
        project, word = self._model.project, self.words.word
        if project is None or not word or self.session.state != "idle" or self.free.is_busy:
            return
        self.player.stop()
        self.recorder.settle()
        self.messages.clear()
        if self.recordings.waiting and not self.recordings.save_again():
            return  # the message shows again: what waits comes first
        self.recorder.show_advice("", "")
        self._replaced = replaced
        self._word_in_session = word
        is_noise = word == NOISE
        seconds = NOISE_TAKE_S if is_noise else word_take_s(project.clip_ms)
        self.words.setEnabled(False)
        self.session.start(
            Series(
                takes,
                project.rate,
                round(seconds * project.rate) if is_noise else project.clip_samples,
                take_seconds=seconds,
                countdown=self.recorder.countdown,
                any_sound=is_noise,
            )
        )

    def _on_state(self, state: str) -> None:
        self.recorder.show_state(self.session.state, *self.session.progress)

    def _on_grown(self, samples: Samples, rate: int) -> None:
        whole = round((self.session.take_seconds + PRE_ROLL_S) * rate)
        self.recorder.show_growing(samples, rate, whole)

    def _on_take(self, take: Take, number: int, total: int) -> None:
        advice = "" if self._word_in_session == NOISE else take.advice
        if self._replaced is not None:
            stored = self.recordings.replace(self._replaced, take)
        else:
            stored = self.recordings.save(self._word_in_session, take, speaker=self.recorder.speaker or "speaker")
        if not stored:
            self.session.cancel()
            return
        saved = f"Saved{f' {number} of {total}' if total > 1 else ''}, peak {take.peak_db:.0f} dB."
        self.recorder.show_advice("warning" if advice else "success", f"{saved} {advice}".rstrip())

    def _on_free(self, is_busy: bool) -> None:
        if is_busy:
            self.player.stop()
        self.words.setEnabled(not is_busy)
        self.recorder.record.setEnabled(not is_busy)

    def _on_free_stored(self, text: str, clips: list[Clip]) -> None:
        """What was cut out can be undone as a whole; talk stays in the folder of talk."""
        project = self._model.project
        if project is None or not clips[0].path.is_relative_to(project.folder):
            return
        deleted: list[Deletion] = []
        redo = lambda: project.edit.restore(deleted.pop()) if deleted else None  # noqa: E731 - it is done already
        self._model.push(text, redo=redo, undo=lambda: deleted.append(project.edit.delete(clips)))

    def _on_ended(self, completed: bool) -> None:
        self.words.setEnabled(True)
        self._replaced = None
        self._on_clip(self.table.current())

    def _on_saved(self, clip: Clip) -> None:
        self.table.choose(clip.path)
        self._on_clip(self.table.current())

    def _on_unsaved(self, count: int) -> None:
        what = "The take was" if count == 1 else f"{count} takes were"
        sentence = f"{what} not saved and waits in memory. {self._failure}"
        self.messages.showMessage("error", sentence, remedy="Save again")

    # -- clips

    def _on_word(self, word: str) -> None:
        self.recorder.show_word(title_of(word))
        self.recorder.record.setEnabled(bool(word))
        self.free.show_word(word)
        self.voices.setEnabled(bool(word) and not word.startswith("_"))
        self.recorder.show_advice("", "")
        self._refresh_clips()

    def _refresh_clips(self) -> None:
        project, word = self._model.project, self.words.word
        clips: Sequence[Clip] = ()
        table, found = project.table() if project is not None and word != NOISE else None, self._care.found
        before, self._shown = self._shown, (table, found, word, self.caring.filter)
        if table is not None and before[0] is table and before[1] is found and before[2:] == self._shown[2:]:
            self._show_current()  # the words were looked at again, and so were these clips
            return
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
        self._title.setText(f"Clips ({of})" if whole else "No clips yet")
        self._parts.setFullText(how_split(project.table(), word) if project is not None else "")
        self._hint.setVisible(not whole)
        self._views.setVisible(bool(whole))
        self._hint.setText(self._sentence_without_clips(word))
        if project is not None and clips and word != NOISE:
            self._levels.ask(partial(peaks_db, project, clips), after_ms=_LEVELS_AFTER_MS)
        self._show_current()

    def _show_current(self) -> None:
        if self.session.state == "idle":
            self._on_clip(self.table.current())

    def _sentence_without_clips(self, word: str) -> str:
        if self._model.project is not None and not self._model.project.words:
            return _FIRST_WORD
        return f"Press Record and say “{title_of(word)}”, or drop a folder of recordings here."

    def _on_clip(self, clip: Clip | None) -> None:
        project = self._model.project
        if self.session.state != "idle" or project is None:
            return
        self.recorder.settle()
        current = self.table.current()  # storing the clip whose cut was still moving has chosen that clip
        if clip is not None and (current is None or current.path != clip.path):
            self.table.choose(clip.path)
            return
        self._cut_clip = clip
        if clip is None:
            self.recorder.show_nothing()
            return
        raw = self.recordings.raw(clip)
        if raw is not None:
            self.recorder.show_take(raw, project.rate, project.clip_samples)
            return
        try:
            samples = self.recordings.samples(clip)
        except KwsError as error:
            self.recorder.show_nothing()
            self.recorder.show_advice("warning", str(error))
            return
        self.recorder.show_clip(samples, project.rate, can_repeat=clip.word != NOISE)

    def _on_checked(self) -> None:
        self.table.rows.set_found(self._care.found)
        self._refresh_clips()

    def _on_view(self, as_grid: bool) -> None:
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
        if clip.word != self.words.word:
            self.words.choose(clip.word)
        self.table.choose(clip.path)

    def _play(self) -> None:
        clip = self.table.current()
        if clip is not None:
            self.player.play_file(clip.path)

    def _on_played(self, at_sample: int) -> None:
        clip = self.table.current()
        raw = self.recordings.raw(clip) if clip else None
        self.recorder.waveform.setPlayhead(at_sample + (raw.start if raw else 0))

    def _on_cut(self, start: int) -> None:
        clip = self._cut_clip
        if clip is not None and self.session.state == "idle" and not self.recordings.move_cut(clip, start):
            self._on_clip(clip)  # shows the cut where it still is

    def _delete_current(self) -> None:
        clip = self.table.current()
        if clip is not None:
            self.recordings.delete([clip])

    def _on_cancel(self) -> None:
        """Ends the take, or closes the message."""
        if self.session.state == "idle":
            self.messages.clear()
        self.session.cancel()
        if self.free.is_busy:
            self.free.recording.stop()

    # -- failures

    def _on_failed(self, sentence: str) -> None:
        self._failure = sentence
        if self.isVisible():
            self.messages.showMessage("error", sentence)

    def _on_check_failed(self, sentence: str) -> None:
        self.messages.showMessage("warning", sentence)

    def _on_microphone_failed(self, sentence: str) -> None:
        if not self.isVisible():
            return
        self.recorder.meter.clear()
        if self.table.current() is None:
            self.recorder.show_no_microphone(sentence)
        else:
            self.messages.showMessage("warning", sentence, remedy="Try again", action=_REOPEN)

    def _on_microphone_opened(self) -> None:
        if self.messages.action() == _REOPEN:
            self.messages.clear()
        self.recorder.show_microphone()

    def _on_remedy(self) -> None:
        if self.recordings.waiting:
            self.messages.clear()
            self.recordings.save_again()
        else:
            self._microphones.try_again()

    # -- making

    def _connect_recording(self) -> None:
        panel, session = self.recorder, self.session
        panel.recordRequested.connect(self.record)
        panel.againRequested.connect(self.record_again)
        panel.cancelRequested.connect(session.cancel)
        panel.cutMoved.connect(self._on_cut)
        panel.tryAgainRequested.connect(self._microphones.try_again)
        session.stateChanged.connect(self._on_state)
        session.counted.connect(lambda number, _: panel.show_count(number))
        session.grown.connect(self._on_grown)
        session.taken.connect(self._on_take)
        session.unheard.connect(lambda advice: panel.show_advice("warning", f"Not saved. {advice}"))
        session.ended.connect(self._on_ended)
        self.free.busyChanged.connect(self._on_free)
        self.free.told.connect(panel.show_advice)
        self.free.stored.connect(self._on_free_stored)
        session.stateChanged.connect(lambda state: self.free.setEnabled(state == "idle"))
        self.recordings.saved.connect(self._on_saved)
        self.recordings.unsaved.connect(self._on_unsaved)

    def _connect_clips(self) -> None:
        table = self.table
        table.currentClipChanged.connect(self._on_clip)
        table.playRequested.connect(lambda _: self._play())
        table.deleteRequested.connect(self.recordings.delete)
        table.partRequested.connect(self.recordings.set_part)
        table.excludeRequested.connect(self.recordings.exclude)
        table.relabelRequested.connect(self.recordings.relabel)
        self._trimming.serve(table, self.grid)
        self.map.clipChosen.connect(self._on_map_clip)
        self.map.soundRequested.connect(self.player.play_file)
        self.caring.filterChanged.connect(self._refresh_clips)
        self._care.changed.connect(self._on_checked)
        self._care.failed.connect(self._on_check_failed)
        self.recorder.playRequested.connect(self._play)
        self.recorder.deleteRequested.connect(self._delete_current)
        self.player.positionChanged.connect(self._on_played)
        self.player.stopped.connect(lambda: self.recorder.waveform.setPlayhead(None))
        self.player.failed.connect(lambda sentence: self.messages.showMessage("warning", sentence))
        self._levels.answered.connect(table.rows.set_levels)
        self._pieces.answered.connect(lambda piece: self.player.play(*piece))
        self._pieces.failed.connect(lambda sentence, _: self.messages.showMessage("warning", sentence))

    def _connect_project(self) -> None:
        self._failure = ""
        self.words.chosen.connect(self._on_word)
        self._model.clipsChanged.connect(self._refresh_clips)
        self._model.failed.connect(self._on_failed)
        self.recorder.follow(self._microphones)
        self._microphones.failed.connect(self._on_microphone_failed)
        self._microphones.opened.connect(self._on_microphone_opened)
        self.messages.remedyTriggered.connect(self._on_remedy)
        self.imports.imported.connect(self._on_imported)
        self.imports.busyChanged.connect(self._model.undo_stack.setBusy)
        self.imports.follow(self.recordings.undoing)
        self.imports.planned.connect(self._on_planned)
        self.voices.clicked.connect(self.synthesize)
        self._import.clicked.connect(lambda: self.import_folder())
        self.many_button.clicked.connect(self.record_session)
        self.many.changed.connect(self._show_session)
        self.many.failed.connect(self._on_session_failed)
        self.many.read()
        self.imports.looked.connect(self._on_looked)

    def _make_shortcuts(self) -> None:
        for name, call in (
            ("record", self.recorder.press_record),
            ("record_again", self.recorder.again.click),
            ("cancel", self._on_cancel),
        ):
            shortcuts.add(self, name, call, Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _lay_out(self) -> None:
        title = QLabel("Words")
        theme.set_role(title, "title")
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self.words)
        self._splitter.addWidget(self._make_right())
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([292, 540])
        if (stored := QSettings().value(_SPLITTER)) is not None:
            self._splitter.restoreState(stored)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        self.many_button = QPushButton("Record a session…")
        self.many_button.setToolTip("Many words in a mixed order, by one speaker or several; it can be paused")
        theme.set_role(self.many_button, "quiet")
        theme.set_icon(self.many_button, "mdi6.playlist-play")
        top = QHBoxLayout()
        top.addWidget(title, 1)
        top.addWidget(self.many_button)
        column.addLayout(top)
        column.addWidget(self._splitter, 1)
        self.messages.lieOver(self, free=[self.recorder.record])

    def _make_right(self) -> QWidget:
        self._title = QLabel()
        self._title.setFont(theme.font(bold=True))
        self._import = QPushButton("Import a folder…")
        theme.set_role(self._import, "quiet")
        theme.set_icon(self._import, "mdi6.folder-plus-outline")
        self._import.setToolTip(
            "Recordings you have already (Ctrl+I); or drop a folder, a zip, a list or recordings here"
        )
        self.voices = QToolButton()
        theme.set_icon(self.voices, "mdi6.account-voice")
        self.voices.setToolTip("Synthetic voices… Clips of this word by the voices that this computer has")
        self.voices.setAccessibleName("Synthetic voices")
        self.view_grid = QToolButton()
        self.view_grid.setCheckable(True)
        self.view_grid.setToolTip("Show the clips as small spectrograms")
        self.view_grid.setAccessibleName("Show the clips as small spectrograms")
        theme.set_icon(self.view_grid, "mdi6.view-grid-outline")
        self.view_grid.toggled.connect(self._on_view)
        self.view_map = QToolButton()
        self.view_map.setCheckable(True)
        self.view_map.setToolTip("Show all clips as a map by their sound: wrong labels stand out")
        self.view_map.setAccessibleName("Show all clips as a map")
        theme.set_icon(self.view_map, "mdi6.map-outline")
        self.view_map.toggled.connect(self._on_map)
        self._hint = QLabel()
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        theme.set_role(self._hint, "muted")
        head = QHBoxLayout()
        self._parts = ElidedLabel()
        theme.set_role(self._parts, "muted")
        head.addWidget(self._title)
        head.addWidget(self._parts, 1)
        head.addWidget(self.voices)
        head.addWidget(self.caring.filters)
        head.addWidget(self.caring.check)
        head.addWidget(self.view_grid)
        head.addWidget(self.view_map)
        head.addWidget(self._import)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(theme.GRID, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.recorder, 3)
        column.addLayout(head)
        column.addWidget(self.caring)
        column.addWidget(self.imports)
        column.addWidget(self._hint, 2)
        self._views = QStackedWidget()
        self._views.addWidget(self.table)
        self._views.addWidget(self.grid)
        self._views.addWidget(self.map)
        column.addWidget(self._views, 2)
        return right


def _read_piece(
    path: Path,
    span_s: tuple[float, float],
    rate: int,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> tuple[Samples, int]:
    return PieceReader(rate).read(path, span_s), rate
