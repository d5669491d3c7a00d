"""The Listen page: a model, a microphone, and the words that were heard."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.clips.layout import ProjectFolder
from kws_engine.errors import KwsError
from kws_engine.runs.folder import MODEL_SUFFIX
from kws_engine.spotting.decision import Detection, DetectorConfig
from kws_gui import shortcuts, theme
from kws_gui.bridges.detector import DetectorBridge, FileHeard, OpenModel
from kws_gui.bridges.jobs import LongJob
from kws_gui.pages.listen.detector_settings import Memory
from kws_gui.pages.listen.devices import DevicePicker
from kws_gui.pages.listen.feedback import FeedbackPanel
from kws_gui.pages.listen.log import HeardWord
from kws_gui.pages.listen.models import ModelPicker
from kws_gui.pages.listen.outward import Outward
from kws_gui.pages.listen.use_log import UseLog
from kws_gui.pages.listen.view import ListenView
from kws_gui.ready_model import ready_model
from kws_gui.services.services import Services
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.level_meter import LevelMeter
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow

_NOTHING = "There is no model to listen with yet. Train one on your words, or take one that is ready."
_SOUND_FILES = "Sound (*.wav *.flac *.ogg *.mp3);;All files (*)"


class ListenPage(QWidget):
    """Choose a model, press Listen (Ctrl+L or space), say a word."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._runs = services.runs
        self._microphones = services.microphones
        self._navigation = services.navigation
        self._wants_to_listen = False
        self._holds_microphone = False
        self._microphone_failed = False
        self._waiting_sentence = ""  # what the page says while the microphone is away
        self._lost_samples = 0
        self._newest_run: Path | None = None
        self._memory = Memory("")
        self._file_job: LongJob | None = None
        self.bridge = DetectorBridge(self)
        self.use_log = UseLog(self)
        self.messages = MessageBar()
        self.picker = ModelPicker()
        self.devices = DevicePicker(self._microphones)
        self.meter = LevelMeter(compact=True)
        self.button = QPushButton()
        self.view = ListenView()
        self.feedback = FeedbackPanel(
            self.bridge, services.feedback, services.project, services.recordings, services.training
        )
        self.view.addFeedback(self.feedback)
        self.outward = Outward(services, self.toggle, self)
        self.progress = ProgressRow()
        self.empty = self._make_empty()
        self._stack = QStackedWidget()
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self._on_runs()
        self._on_model_changed()

    @property
    def is_listening(self) -> bool:
        """Whether Listen was pressed and Stop was not: sound is heard, or the microphone is being opened."""
        return self._wants_to_listen

    def toggle(self) -> None:
        """Listens, or stops."""
        if self._wants_to_listen:
            self.stop()
        else:
            self.listen()

    def listen(self) -> None:
        """Opens the microphone and listens; needs a model."""
        if self.bridge.opened is None:
            return
        self._wants_to_listen = True
        self._lost_samples = 0
        self.messages.clear()
        again = not self._microphones.is_open and (self._holds_microphone or self._microphone_failed)
        self._microphones.acquire(self)
        self._holds_microphone = True
        if again:
            self._microphones.try_again()
        elif self._microphones.is_open:
            self._on_opened()
        self._refresh()

    def stop(self) -> None:
        """Stops listening; the words heard stay in the log."""
        self._wants_to_listen = False
        self.bridge.stop()
        if self._holds_microphone:
            self._holds_microphone = False
            self._microphones.release(self)
        self._refresh()

    def choose(self, path: Path) -> None:
        """Listens with another model file from now on."""
        if path == self._model.model_path:
            self._on_model_changed()
        else:
            self._model.set_model_path(path)

    def listen_to_file(self, path: Path) -> None:
        """Runs the detector over a sound file; what it hears joins the log."""
        if self.bridge.opened is None or self._file_job is not None:
            return
        self._file_job = LongJob(self.bridge.file_work(path), self)
        self._file_job.progressed.connect(self.progress.setProgress)
        self._file_job.finished.connect(self._on_file_heard)
        self._file_job.failed.connect(self._on_file_failed)
        self.progress.start(f"Listening to {path.name}")
        self._file_job.start()
        self._refresh()

    def shutdown(self) -> None:
        """Ends every thread and releases the microphone."""
        self.stop()
        self.outward.shutdown()
        self.feedback.settle()
        self.view.remember_sizes()
        if self._file_job is not None:
            self._file_job.wait()
        self.bridge.shutdown()
        self.use_log.end()

    # -- Qt

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._microphones.refresh()
        if self.button.isEnabled():
            self.button.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat() and self.button.isEnabled():
            self.toggle()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped(event)
        if path is None:
            return
        event.acceptProposedAction()
        if path.suffix.lower() == MODEL_SUFFIX:
            self.choose(path)
        else:
            self.listen_to_file(path)

    # -- the project and its models

    def _on_runs(self) -> None:
        """The runs were read again: the model of a new one is taken unless the page is listening."""
        self.picker.setRuns(self._runs.rows)
        self.picker.setPath(self._model.model_path)
        newest = self.picker.newest_run()
        before = self._newest_run
        self._newest_run = newest
        if newest is not None and newest != before and not self._wants_to_listen:
            if before is not None or self._model.model_path is None:
                self._model.set_model_path(newest)
        self._refresh()

    def _on_model_changed(self) -> None:
        """Loads the model; listening goes on with it."""
        path = self._model.model_path
        self.picker.setPath(path)
        if path is None:
            self.stop()
        else:
            self.messages.clear()
            self.bridge.load(path)
        self._refresh()

    def _on_loaded(self, opened: OpenModel) -> None:
        self._memory = Memory(opened.digest)
        self.view.fold.setConfig(self._memory.config(opened.model.detector_config))
        self._configure()
        picture = self.bridge.picture
        assert picture is not None
        self.view.setModel(opened.model.labels, self.bridge.thresholds, rate=opened.model.rate, picture=picture)
        self.view.orderTabs(self.button)
        if self._wants_to_listen and self._microphones.is_open:
            self._on_opened()
        self.outward.begin_if_wanted()
        self._refresh()
        if self.isVisible():
            self.button.setFocus()

    # -- the detector's settings

    def _configure(self) -> None:
        """Gives the detector the form's settings and the remembered thresholds."""
        opened = self.bridge.opened
        assert opened is not None
        moved = self._memory.thresholds(opened.model.words)
        self.bridge.configure(self.view.fold.form.value(), {**self._own_thresholds(), **moved})
        self.view.fold.setMoved(len(moved))

    def _own_thresholds(self) -> dict[str, float]:
        opened = self.bridge.opened
        return dict(opened.model.manifest.detector.get("thresholds", {})) if opened else {}

    def _on_config(self, config: DetectorConfig) -> None:
        if self.bridge.opened is not None:
            self._memory.keep_config(config, self.bridge.opened.model.detector_config)
            self._configure()
            self.view.setThresholds(self.bridge.thresholds)

    def _on_threshold(self, word: str, value: float) -> None:
        if self.bridge.opened is None:
            return
        self.bridge.setThreshold(word, value)
        self._memory.keep_threshold(word, value)
        self.view.fold.setMoved(len(self._memory.thresholds(self.bridge.opened.model.words)))

    def _on_reset(self) -> None:
        if self.bridge.opened is not None:
            self._memory.forget_thresholds()
            self._configure()
            self.view.setThresholds(self.bridge.thresholds)

    # -- the microphone

    def _on_opened(self, name: str = "") -> None:
        self._microphone_failed = False
        if self._waiting_sentence and self.messages.text() == self._waiting_sentence:
            self.messages.clear()
        self._waiting_sentence = ""
        if not self._wants_to_listen:
            return
        self.bridge.stop()
        try:
            self.bridge.start(self._microphones.reader)
        except KwsError as error:
            self._on_microphone_failed(str(error))
        self._refresh()

    def _on_started(self) -> None:
        """What is heard from now on is written down in the open project."""
        project, opened = self._model.project, self.bridge.opened
        if project is not None and opened is not None:
            self.use_log.begin(ProjectFolder(project.folder).listening_log, model=opened.path, rate=opened.model.rate)

    def _on_closed(self) -> None:
        self.bridge.stop()
        self.meter.clear()
        self._refresh()

    def _on_microphone_failed(self, sentence: str) -> None:
        self._microphone_failed = True
        if not self._wants_to_listen:
            return
        self.bridge.stop()
        self.meter.clear()
        if fact := self._microphones.waits_for:
            self._waiting_sentence = f"{fact}. Plug it in or switch it on: listening goes on by itself."
            self.messages.showMessage("warning", self._waiting_sentence)
            return
        self._wants_to_listen = False
        self.messages.showMessage("error", sentence, remedy="Try again")
        self._refresh()

    def _on_bridge_failed(self, sentence: str, details: str) -> None:
        self.stop()
        self.messages.showMessage("error", sentence, details=details)
        self._refresh()

    def _on_lost(self, samples: int) -> None:
        assert self.bridge.opened is not None
        self._lost_samples += samples
        lost_ms = self._lost_samples * 1000 / self.bridge.opened.model.rate
        lost = f"{lost_ms:.0f} ms" if lost_ms < 1000 else f"{lost_ms / 1000:.1f} s"
        self.messages.showMessage("warning", f"{lost} of sound were lost: the computer is busy.")

    def _on_detected(self, found: Detection) -> None:
        assert self.bridge.opened is not None
        self.outward.heard(found, rate=self.bridge.opened.model.rate)

    # -- a sound file

    def _on_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Listen to a file", "", _SOUND_FILES)
        if name:
            self.listen_to_file(Path(name))

    def _on_file_heard(self, heard: FileHeard) -> None:
        self._end_file_job()
        now = datetime.now()
        for found in heard.detections:
            at_s = found.at_sample / heard.rate
            self.view.log.add(HeardWord(found.word, found.score, now, at_s, heard.path.name))
        count = len(heard.detections)
        words = f"{count} word{'' if count == 1 else 's'} {'was' if count == 1 else 'were'}" if count else "No word was"
        where = f"in {heard.path.name} ({heard.seconds:.1f} s)"
        if not heard.complete:
            where = f"in the first {heard.seconds:.0f} s of {heard.path.name}, then you stopped"
        self.messages.showMessage("success" if count else "info", f"{words} heard {where}.")

    def _on_file_failed(self, sentence: str, details: str) -> None:
        self._end_file_job()
        self.messages.showMessage("error", sentence, details=details)

    def _end_file_job(self) -> None:
        job = self._file_job
        self._file_job = None
        if job is not None:
            job.deleteLater()
        self.progress.finish()
        self._refresh()

    def _on_cancel_file(self) -> None:
        if self._file_job is not None:
            self._file_job.cancel()

    # -- building

    def _make_empty(self) -> EmptyState:
        empty = EmptyState("mdi6.ear-hearing", _NOTHING, "Use the ready model")
        empty.triggered.connect(self._on_ready_model)
        self.train_button = QPushButton("Train a model")
        self.train_button.clicked.connect(lambda: self._navigation.show_page("train"))
        self.open_button = QPushButton("Open a .kws file…")
        self.open_button.clicked.connect(self.picker.open_file)
        theme.set_role(self.open_button, "quiet")
        column = empty.layout()
        assert isinstance(column, QVBoxLayout)
        for button in (self.train_button, self.open_button):
            column.insertWidget(column.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)
        return empty

    def _on_ready_model(self) -> None:
        ready = ready_model()
        if ready is not None:
            self.choose(ready)

    def _lay_out(self) -> None:
        title = QLabel("Listen")
        theme.set_role(title, "title")
        theme.set_role(self.button, "primary")
        self.meter.setFixedWidth(96)
        header = QHBoxLayout()
        header.setSpacing(theme.GRID)
        header.addWidget(title)
        header.addSpacing(theme.GRID)
        header.addWidget(self.picker, 3)
        header.addWidget(self.devices, 2)
        header.addWidget(self.meter)
        header.addWidget(self.outward.button)
        header.addSpacing(theme.GRID)
        header.addWidget(self.button)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GROUP, theme.GROUP, theme.GROUP, theme.GROUP)
        column.setSpacing(theme.GRID)
        column.addLayout(header)
        column.addWidget(self.progress)
        column.addWidget(self._stack, 1)
        self.messages.lieOver(self, free=[self.button])

    def _connect(self) -> None:
        self._runs.changed.connect(self._on_runs)
        self._model.modelChanged.connect(self._on_model_changed)
        self.picker.chosen.connect(self.choose)
        self.button.clicked.connect(self.toggle)
        self._microphones.opened.connect(self._on_opened)
        self._microphones.closed.connect(self._on_closed)
        self._microphones.failed.connect(self._on_microphone_failed)
        self._microphones.levelChanged.connect(self.meter.setLevel)
        self.messages.remedyTriggered.connect(self.listen)
        bridge, view = self.bridge, self.view
        bridge.loaded.connect(self._on_loaded)
        bridge.heard.connect(view.spectrogram.append)
        bridge.stepped.connect(view.showSteps)
        bridge.detected.connect(view.showDetection)
        bridge.risen.connect(view.showRise)
        bridge.detected.connect(self._on_detected)
        bridge.risen.connect(self.outward.risen)
        self.outward.troubled.connect(partial(self.messages.showMessage, "warning"))
        bridge.lost.connect(self._on_lost)
        bridge.failed.connect(self._on_bridge_failed)
        bridge.costChanged.connect(view.fold.setCost)
        bridge.stopped.connect(partial(view.fold.setCost, None))
        bridge.started.connect(self._on_started)
        bridge.stepped.connect(self.use_log.take)
        bridge.stopped.connect(self.use_log.end_soon)
        self.use_log.failed.connect(partial(self.messages.showMessage, "warning"))
        self.feedback.refused.connect(partial(self.messages.showMessage, "info"))
        self.feedback.teaching.connect(partial(self.messages.showMessage, "info"))
        view.strip.thresholdChanged.connect(self._on_threshold)
        view.fold.configChanged.connect(self._on_config)
        view.fold.resetRequested.connect(self._on_reset)
        view.file_button.clicked.connect(self._on_file)
        self.progress.cancelRequested.connect(self._on_cancel_file)
        view.log.saved.connect(lambda path: self.messages.showMessage("success", f"Saved as {path}."))
        view.log.failed.connect(partial(self.messages.showMessage, "error"))

    def _refresh(self) -> None:
        """Updates the button, the empty state, and what can be pressed."""
        opened = self.bridge.opened
        self.outward.report(self._wants_to_listen, opened.model.words if opened else ())
        ready = self.bridge.opened is not None
        text = "Stop" if self._wants_to_listen else "Listen"
        if self.button.text() != text:
            self.button.setText(text)
            shortcuts.give(self.button, "listen")  # a new text takes the old shortcut away
            what = "Stops listening" if self._wants_to_listen else "Listens to the microphone"
            self.button.setToolTip(f"{what} ({shortcuts.text('listen')} or space)")
            self.button.setMinimumWidth(max(self.button.minimumWidth(), self.button.sizeHint().width()))
        self.button.setEnabled(ready or self._wants_to_listen)
        self.view.strip.setEnabled(ready)
        self.view.file_button.setEnabled(ready and self._file_job is None)
        self.empty.button().setVisible(ready_model() is not None)
        self.train_button.setVisible(self._model.project is not None)
        self._stack.setCurrentWidget(self.empty if self._model.model_path is None else self.view)


def _dropped(event: QDropEvent) -> Path | None:
    """The one local file that is being dropped."""
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
