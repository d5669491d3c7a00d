"""The Listen page: models, a microphone or a sound file, and the words that were heard."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from kws_engine import audio
from kws_engine.clips.layout import ProjectFolder
from kws_engine.errors import KwsError
from kws_engine.patient_microphone import told_away
from kws_engine.runs.folder import MODEL_SUFFIX
from kws_engine.spotting.decision import Detection, DetectorConfig
from kws_engine.spotting.detector import Step
from kws_gui import shortcuts, theme
from kws_gui.bridges.file_hearing import FileHeard, FileWord
from kws_gui.bridges.player import Player
from kws_gui.pages.listen.devices import DevicePicker
from kws_gui.pages.listen.ears import Ear, Ears
from kws_gui.pages.listen.feedback import FeedbackPanel
from kws_gui.pages.listen.file_listening import FileListening
from kws_gui.pages.listen.heard_sounds import HeardSounds
from kws_gui.pages.listen.log import HeardWord
from kws_gui.pages.listen.model_strips import ModelStrips
from kws_gui.pages.listen.models import AddModelButton, ModelPicker
from kws_gui.pages.listen.outward import Outward
from kws_gui.pages.listen.picture_settings import PictureConfig
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
_ONE_FILE = "One file at a time: cancel the one that is listened to, or wait for its end."
_OTHERS, _CHOSEN = "listen/others", "listen/model"


class ListenPage(QWidget):
    """Choose a model or several, press Listen (Ctrl+L or space), say a word."""

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
        self._numbers: dict[Ear, int] = {}  # of the word that each ear heard last
        self._groups: dict[Ear, ModelStrips] = {}
        self._settled: Ear | None = None  # whose settings are shown; None for those of the first
        self.ears = Ears(self)
        self.bridge = self.ears.first.bridge
        self.player = Player(self)
        self.sounds = HeardSounds(self.player, self)
        self.use_log = UseLog(self)
        self.messages = MessageBar()
        self.picker = ModelPicker()
        self.add_button = AddModelButton(self.picker)
        self.devices = DevicePicker(self._microphones)
        self.meter = LevelMeter(compact=True)
        self.button = QPushButton()
        self.view = ListenView()
        self._groups[self.ears.first] = self.view.first
        self.feedback = FeedbackPanel(
            self.bridge, services.feedback, services.project, services.recordings, services.training
        )
        self.view.addFeedback(self.feedback)
        self.outward = Outward(services, self._toggle_microphone, self)
        self.progress = ProgressRow()
        self.file = FileListening(self.ears, self.progress, self)
        self.empty = self._make_empty()
        self._stack = QStackedWidget()
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self._on_picture(self.view.picture_fold.config())
        self._on_runs()
        self._recall_model()
        self._on_model_changed()

    @property
    def is_listening(self) -> bool:
        """Whether Listen was pressed and Stop was not: sound is heard, or the microphone is being opened."""
        return self._wants_to_listen

    def toggle(self) -> None:
        """Listens, or stops, be it to the microphone or to a file at normal speed."""
        if self.file.is_sounding:
            self.file.stop()
        else:
            self._toggle_microphone()

    def _toggle_microphone(self) -> None:
        if self._wants_to_listen:
            self.stop()
        else:
            self.listen()

    def listen(self) -> None:
        """Opens the microphone and listens; needs a model."""
        if self.bridge.opened is None:
            return
        self.file.stop()
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
        """Stops listening to the microphone; the words heard stay in the log."""
        self._wants_to_listen = False
        if not self.file.is_sounding:
            self.ears.stop()
        if self._holds_microphone:
            self._holds_microphone = False
            self._microphones.release(self)
        self._refresh()

    def choose(self, path: Path) -> None:
        """Listens with another model file from now on, and at the next start."""
        QSettings().setValue(self._remembered(_CHOSEN), str(path))
        if path == self._model.model_path:
            self._on_model_changed()
        else:
            self._model.set_model_path(path)

    def add_model(self, path: Path) -> None:
        """Listens with another model file at the same time, from now on and at the next start."""
        self.ears.add(path)
        self._remember_others()

    def listen_to_file(self, path: Path, *, full_speed: bool | None = None) -> None:
        """Hears a sound file with all models, as fast as possible or as it sounds; what it hears joins the log.

        At normal speed the file takes the place of the microphone. None for the speed that is chosen on the page.
        """
        if self.bridge.opened is None:
            return
        if self.file.is_busy:
            self.messages.showMessage("info", _ONE_FILE)
            return
        self.messages.clear()
        if self.view.is_full_speed() if full_speed is None else full_speed:
            self.file.hear(path)
        else:
            self.stop()
            self.file.sound(path)
        self._refresh()

    def shutdown(self) -> None:
        """Ends every thread and releases the microphone."""
        self.stop()
        self.outward.shutdown()
        self.feedback.settle()
        self.view.remember_sizes()
        self.file.shutdown()
        self.ears.shutdown()
        self.player.shutdown()
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
                QSettings().remove(self._remembered(_CHOSEN))
                self._model.set_model_path(newest)
        self._refresh()

    def _recall_model(self) -> None:
        """The model that was chosen by hand in this project, or without one, and those that listened beside it."""
        stored = QSettings().value(self._remembered(_CHOSEN))
        if stored and Path(str(stored)).is_file() and self._model.model_path in (None, self._newest_run):
            self._model.set_model_path(Path(str(stored)))
        others = QSettings().value(self._remembered(_OTHERS)) or []
        for path in map(Path, [others] if isinstance(others, str) else others):
            if path.is_file() and path != self._model.model_path:
                self.ears.add(path)

    def _remember_others(self) -> None:
        paths = [str(ear.path) for ear in self.ears.others]
        QSettings().setValue(self._remembered(_OTHERS), paths)

    def _remembered(self, name: str) -> str:
        """The setting of the open project, or of none."""
        project = self._model.project
        return f"{name}/{project.folder.as_posix() if project is not None else 'none'}"

    def _on_model_changed(self) -> None:
        """Loads the model; listening goes on with it."""
        path = self._model.model_path
        self.picker.setPath(path)
        if path is None:
            self.stop()
        else:
            self.messages.clear()
            for ear in [ear for ear in self.ears.others if ear.path == path]:
                self.ears.remove(ear)
            self.sounds.forget(self.ears.first)
            self._numbers.pop(self.ears.first, None)
            self.ears.first.load(path)
        self._refresh()

    def _on_added(self, ear: Ear) -> None:
        group = self.view.addGroup()
        self._groups[ear] = group
        group.removeRequested.connect(partial(self._on_remove, ear))
        group.strip.thresholdChanged.connect(partial(self._on_threshold, ear))

    def _on_remove(self, ear: Ear) -> None:
        self.ears.remove(ear)
        self._remember_others()
        self.button.setFocus()

    def _on_removed(self, ear: Ear) -> None:
        self.view.removeGroup(self._groups.pop(ear))
        self._numbers.pop(ear, None)
        self.sounds.forget(ear)
        self._settled = None if self._settled is ear else self._settled
        self._show_names()
        self._show_settings()

    def _on_loaded(self, ear: Ear) -> None:
        opened = ear.opened
        assert opened is not None
        thresholds = ear.bridge.thresholds
        if ear is self.ears.first:
            picture = self.bridge.picture
            assert picture is not None
            self.view.begin(picture, opened.model.words)
        self._groups[ear].setModel(opened.model.labels, thresholds, rate=opened.model.rate, curves=ear.curves)
        self._show_names()
        self._show_settings()
        self.view.orderTabs(self.button)
        if self._wants_to_listen and self._microphones.is_open:
            self._begin(anew=ear is self.ears.first)
        if ear is self.ears.first:
            self.outward.begin_if_wanted()
        self._refresh()
        if self.isVisible() and ear is self.ears.first:
            self.button.setFocus()

    def _show_names(self) -> None:
        names = self.ears.names()
        if len(names) == len(self.view.groups):
            self.view.setNames(names)

    # -- the detector's settings

    def _shown_ear(self) -> Ear:
        """Whose settings are shown."""
        return self._settled or self.ears.first

    def _show_settings(self) -> None:
        ear, fold = self._shown_ear(), self.view.fold
        fold.setModels(self.ears.names(), list(self.ears).index(ear))
        fold.setSecondLook(ear.has_second_look)
        fold.setConfig(ear.config)
        fold.setMoved(ear.moved)

    def _on_settings_of(self, number: int) -> None:
        self._settled = list(self.ears)[number]
        self._show_settings()

    def _on_config(self, config: DetectorConfig) -> None:
        ear = self._shown_ear()
        if ear.opened is not None:
            ear.set_config(config)
            self._groups[ear].setThresholds(ear.bridge.thresholds)

    def _on_threshold(self, ear: Ear, word: str, value: float) -> None:
        ear.set_threshold(word, value)
        if ear is self._shown_ear():
            self.view.fold.setMoved(ear.moved)

    def _on_reset(self) -> None:
        ear = self._shown_ear()
        if ear.opened is not None:
            ear.reset_thresholds()
            self._groups[ear].setThresholds(ear.bridge.thresholds)
            self.view.fold.setMoved(ear.moved)

    def _on_picture(self, config: PictureConfig) -> None:
        view = self.view
        view.spectrogram.setRange(config.low_db, config.high_db)
        before = self.bridge.picture
        if before is None or before.scale != config.scale:
            newest = self.bridge.set_scale(config.scale)
            if self.bridge.picture is not None:
                view.showPicture(self.bridge.picture, newest)

    # -- what is heard

    def _on_stepped(self, ear: Ear, steps: list[Step]) -> None:
        self._groups[ear].showSteps(steps, offset_s=ear.offset_s)
        if ear is self.ears.first:
            self.use_log.take(steps)

    def _on_detected(self, ear: Ear, found: Detection) -> None:
        """The newest word of an ear, on all that shows it."""
        source = self.file.path if self.file.is_sounding else None
        at_s = ear.heard_s(found.at_sample) if source is not None else None
        name = source.name if source is not None else "microphone"
        heard = HeardWord(found.word, found.score, datetime.now(), at_s, name, self.ears.name(ear))
        self._groups[ear].strip.detected(found.word)
        self._numbers[ear] = self.view.showWord(heard, at_s=ear.time_s(found.at_sample))
        self.sounds.expect(self._numbers[ear], ear, found.at_sample)
        if source is None and ear.opened is not None:
            self.outward.heard(found, rate=ear.opened.model.rate)

    def _on_risen(self, ear: Ear, found: Detection) -> None:
        if ear in self._numbers:
            self.view.showRise(self._numbers[ear], found.score)
        if not self.file.is_sounding:
            self.outward.risen(found)

    # -- the microphone

    def _on_opened(self, name: str = "") -> None:
        self._microphone_failed = False
        if self._waiting_sentence and self.messages.text() == self._waiting_sentence:
            self.messages.clear()
        self._waiting_sentence = ""
        if not self._wants_to_listen:
            return
        self._begin(anew=True)

    def _begin(self, *, anew: bool) -> None:
        try:
            self.ears.start(self._microphones.reader, anew=anew)
        except KwsError as error:
            self._on_microphone_failed(str(error))
        self._refresh()

    def _on_started(self) -> None:
        """What the microphone hears from now on is written down in the open project."""
        project, opened = self._model.project, self.bridge.opened
        if project is not None and opened is not None and self._wants_to_listen:
            self.use_log.begin(ProjectFolder(project.folder).listening_log, model=opened.path, rate=opened.model.rate)

    def _on_closed(self) -> None:
        if not self.file.is_sounding:
            self.ears.stop()
        self.meter.clear()
        self._refresh()

    def _on_microphone_failed(self, sentence: str) -> None:
        self._microphone_failed = True
        if not self._wants_to_listen:
            return
        self.ears.stop()
        self.meter.clear()
        if fact := self._microphones.waits_for:
            self._waiting_sentence = told_away(fact, doing="listening") + "."
            self.messages.showMessage("warning", self._waiting_sentence)
            return
        self._wants_to_listen = False
        self.messages.showMessage("error", sentence, remedy="Try again")
        self._refresh()

    def _on_ear_failed(self, ear: Ear, sentence: str, details: str) -> None:
        """Its file cannot be used, or its listening ended by itself."""
        if ear is not self.ears.first and ear.opened is None:
            self._on_remove(ear)
        else:
            self.file.abandon()
            self.stop()
        self.messages.showMessage("error", sentence, details=details)
        self._refresh()

    def _on_lost(self, samples: int) -> None:
        assert self.bridge.opened is not None
        self._lost_samples += samples
        lost_ms = self._lost_samples * 1000 / self.bridge.opened.model.rate
        lost = f"{lost_ms:.0f} ms" if lost_ms < 1000 else f"{lost_ms / 1000:.1f} s"
        self.messages.showMessage("warning", f"{lost} of sound were lost: the computer is busy.")

    # -- a sound file

    def _on_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Listen to a file", "", _SOUND_FILES)
        if name:
            self.listen_to_file(Path(name))

    def _on_sound(self, samples: NDArray[np.float32]) -> None:
        """The level of a file that sounds; that of the microphone comes from the microphone."""
        if self.file.is_sounding:
            self.meter.setLevel(audio.peak_db(samples), audio.rms_db(samples))

    def _on_file_word(self, word: FileWord) -> None:
        path = self.file.path
        at_s = word.detection.at_sample / word.rate
        name = path.name if path is not None else ""
        found = HeardWord(word.detection.word, word.detection.score, datetime.now(), at_s, name, word.name)
        self.sounds.keep(self.view.log.add(found), word.sound, word.rate)

    def _on_file_ended(self, heard: FileHeard) -> None:
        count = heard.count
        words = f"{count} word{'' if count == 1 else 's'} {'was' if count == 1 else 'were'}" if count else "No word was"
        where = f"in {heard.path.name} ({heard.seconds:.1f} s)"
        if not heard.complete:
            where = f"in the first {heard.seconds:.0f} s of {heard.path.name}, then you stopped"
        self.messages.showMessage("success" if count else "info", f"{words} heard {where}.")

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
        header.addWidget(self.add_button)
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
        self.add_button.chosen.connect(self.add_model)
        ears, bridge, view = self.ears, self.bridge, self.view
        ears.added.connect(self._on_added)
        ears.removed.connect(self._on_removed)
        ears.loaded.connect(self._on_loaded)
        ears.failed.connect(self._on_ear_failed)
        ears.stepped.connect(self._on_stepped)
        ears.detected.connect(self._on_detected)
        ears.risen.connect(self._on_risen)
        ears.sounded.connect(self.sounds.take)
        ears.costChanged.connect(view.fold.setCost)
        bridge.heard.connect(view.spectrogram.append)
        self.outward.troubled.connect(partial(self.messages.showMessage, "warning"))
        bridge.lost.connect(self._on_lost)
        bridge.stopped.connect(partial(view.fold.setCost, None))
        bridge.started.connect(self._on_started)
        bridge.stopped.connect(self.use_log.end_soon)
        self._connect_file()
        self._connect_words()
        self.use_log.failed.connect(partial(self.messages.showMessage, "warning"))
        self.feedback.refused.connect(partial(self.messages.showMessage, "info"))
        self.feedback.teaching.connect(partial(self.messages.showMessage, "info"))
        view.strip.thresholdChanged.connect(partial(self._on_threshold, ears.first))
        view.fold.configChanged.connect(self._on_config)
        view.fold.resetRequested.connect(self._on_reset)
        view.fold.modelChosen.connect(self._on_settings_of)
        view.picture_fold.configChanged.connect(self._on_picture)

    def _connect_file(self) -> None:
        self.view.file_button.clicked.connect(self._on_file)
        self.file.found.connect(self._on_file_word)
        self.file.ended.connect(self._on_file_ended)
        self.file.failed.connect(
            lambda sentence, details: self.messages.showMessage("error", sentence, details=details)
        )
        self.file.changed.connect(self._refresh)
        self.bridge.sounded.connect(self._on_sound)

    def _connect_words(self) -> None:
        log, messages = self.view.log, self.messages
        log.playRequested.connect(self.sounds.play)
        log.cleared.connect(self.sounds.clear)
        self.sounds.playableChanged.connect(log.set_playable)
        self.sounds.refused.connect(partial(messages.showMessage, "info"))
        self.player.failed.connect(partial(messages.showMessage, "error"))
        log.saved.connect(lambda path: messages.showMessage("success", f"Saved as {path}."))
        log.failed.connect(partial(messages.showMessage, "error"))

    def _refresh(self) -> None:
        """Updates the button, the empty state, and what can be pressed."""
        words = dict.fromkeys(word for ear in self.ears for word in ear.words)
        self.outward.report(self._wants_to_listen, tuple(words))
        ready = self.bridge.opened is not None
        is_on = self._wants_to_listen or self.file.is_sounding
        text = "Stop" if is_on else "Listen"
        if self.button.text() != text:
            self.button.setText(text)
            shortcuts.give(self.button, "listen")  # a new text takes the old shortcut away
            what = "Stops listening" if is_on else "Listens to the microphone"
            self.button.setToolTip(f"{what} ({shortcuts.text('listen')} or space)")
            self.button.setMinimumWidth(max(self.button.minimumWidth(), self.button.sizeHint().width()))
        self.button.setEnabled(ready or is_on)
        self.add_button.setVisible(self._model.model_path is not None)
        self.view.strip.setEnabled(ready)
        self.view.file_button.setEnabled(ready and not self.file.is_busy)
        self.empty.button().setVisible(ready_model() is not None)
        self.train_button.setVisible(self._model.project is not None)
        self._stack.setCurrentWidget(self.empty if self._model.model_path is None else self.view)


def _dropped(event: QDropEvent) -> Path | None:
    """The one local file that is being dropped."""
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
