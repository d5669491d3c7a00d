"""“That was wrong” and “You missed one”: what became of them, and Teach again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from kws_engine.clips.clip import Clip
from kws_engine.spotting.decision import Detection
from kws_gui import shortcuts, theme
from kws_gui.bridges.detector import DetectorBridge
from kws_gui.services.feedback import MISSED, WRONG, Feedback, Heard
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recordings import Recordings
from kws_gui.services.training import Training
from kws_gui.widgets.waveform import Waveform

_SETTLE_MS = 400  # a cut that is moved is stored when it rests
_HEIGHT = 72  # px
_MOST = 200  # detections that are remembered
_NO_PROJECT = "Open the project of these words first: corrections go there"
_NO_DETECTION = "Nothing was heard in the last ten seconds"
_NO_SOUND = "Listen first: the last ten seconds are kept in memory"


class FeedbackPanel(QWidget):
    """Two buttons; below them what was kept, with its cut, Undo and Teach again.

    Signals:
        refused(str): There is nothing to keep, and why.
        teaching(str): It is being taught again, or was.
    """

    refused = Signal(str)
    teaching = Signal(str)

    def __init__(
        self,
        bridge: DetectorBridge,
        feedback: Feedback,
        model: ProjectModel,
        recordings: Recordings,
        training: Training,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._feedback = feedback
        self._model = model
        self._recordings = recordings
        self._training = training
        self._detections: list[Detection] = []
        self._clip: Clip | None = None
        self.wrong = QPushButton(WRONG)
        self.missed = QPushButton(MISSED)
        self.words = QMenu(self)
        self.told = QLabel()
        self.waveform = Waveform()
        self.undo = QPushButton("Undo")
        self.again = QPushButton("Teach again")
        self._settled = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._lay_out()
        self._connect()
        self.refresh()

    def refresh(self, _: object = None) -> None:
        """Enables what can be pressed now."""
        words, is_project = self._own_words(), self._model.project is not None
        for button, can, why in (
            (self.wrong, self._newest() is not None, _NO_DETECTION),
            (self.missed, self._bridge.position > 0, _NO_SOUND),
        ):
            is_possible = bool(words) and can
            if button.isEnabled() != is_possible:
                button.setEnabled(is_possible)
            button.setToolTip(_NO_PROJECT if not words else why if not can else self._tip(button))
        self.undo.setEnabled(self._feedback.can_undo)
        count = self._feedback.count
        is_teaching = self._feedback.is_teaching
        self.again.setVisible(is_project and (count > 0 or self._clip is not None or is_teaching))
        self.again.setEnabled(count > 0 and not self._training.is_running)
        self.again.setText(
            self._progress() if is_teaching else f"Teach again ({count} new)" if count else "Teach again"
        )

    def settle(self) -> None:
        """Stores a cut that was being moved."""
        if self._settled.isActive():
            self._settled.stop()
            self._on_settled()

    def press_missed(self) -> None:
        """As the button: takes the only word, or asks which."""
        if not self.missed.isEnabled():
            return
        words = self._own_words()
        if len(words) == 1:
            self._on_missed(words[0])
            return
        self.words.clear()
        for word in words:
            self.words.addAction(word, partial(self._on_missed, word))
        self.words.popup(self.missed.mapToGlobal(self.missed.rect().bottomLeft()))

    def _progress(self) -> str:
        live = self._training.live
        if live is None or live.started is None:
            return "Teaching …"
        return f"Teaching … {len(live.epochs)} of {live.started.epochs}"

    # -- what was heard

    def _own_words(self) -> tuple[str, ...]:
        """The words of the model that the open project has."""
        project, opened = self._model.project, self._bridge.opened
        if project is None or opened is None:
            return ()
        return tuple(word for word in opened.model.words if word in project.words)

    def _on_loaded(self) -> None:
        self._detections.clear()
        self.refresh()

    def _on_detected(self, found: Detection) -> None:
        self._detections = [*self._detections, found][-_MOST:]
        self.refresh()

    def _newest(self) -> Detection | None:
        """The newest detection whose sound is still in memory."""
        oldest = self._bridge.oldest
        return next((one for one in reversed(self._detections) if one.at_sample > oldest), None)

    def _heard(self) -> Heard:
        opened = self._bridge.opened
        assert opened is not None
        samples, at_sample = self._bridge.recent()
        return Heard(samples, at_sample, opened.model.rate)

    def _on_wrong(self) -> None:
        found, opened = self._newest(), self._bridge.opened
        if found is None or opened is None:
            return
        self.settle()
        window = opened.model.window_samples
        if self._feedback.wrong(self._heard(), found.word, at_sample=found.at_sample, window_samples=window):
            self._detections.remove(found)
        self.refresh()

    def _on_missed(self, word: str) -> None:
        self.settle()
        at = [one.at_sample for one in self._detections if one.word == word]
        self._feedback.missed(self._heard(), word, detected_at=at)
        self.refresh()

    # -- what was kept

    def _on_kept(self, clip: Clip, sentence: str) -> None:
        project, raw = self._model.project, self._recordings.raw(clip)
        self._clip = clip
        self.told.setText(sentence)
        if project is not None and raw is not None:
            self.waveform.setSamples(raw.samples, project.rate)
            if raw.speech:
                self.waveform.setSpeech(*raw.speech)
            self.waveform.setWindow(raw.start, project.clip_samples)
        for part in (self.told, self.waveform, self.undo):
            part.show()

    def _on_settled(self) -> None:
        start = self.waveform.windowStart()
        if self._clip is not None and start is not None:
            self._recordings.move_cut(self._clip, start)

    def _on_undo(self) -> None:
        self._settled.stop()
        self._feedback.undo()
        self._hide()

    def _on_changed(self) -> None:
        if self._clip is not None and not self._clip.path.is_file():
            self._hide()
        self.refresh()

    def _hide(self) -> None:
        self._clip = None
        for part in (self.told, self.waveform, self.undo):
            part.hide()
        self.refresh()

    def _on_again(self) -> None:
        self.settle()
        path: Path | None = self._model.model_path
        if self._feedback.teach_again(path):
            self._hide()
            self.teaching.emit("Teaching again with what you said. Listening goes on, and then with the new model.")

    # -- making

    def _connect(self) -> None:
        bridge, feedback = self._bridge, self._feedback
        bridge.loaded.connect(self._on_loaded)
        bridge.detected.connect(self._on_detected)
        bridge.sounded.connect(self.refresh)
        feedback.kept.connect(self._on_kept)
        feedback.refused.connect(self.refused)
        feedback.taught.connect(self.teaching)
        feedback.changed.connect(self._on_changed)
        self._model.opened.connect(self._on_changed)
        self._model.undo_stack.changed.connect(self.refresh)
        self._training.changed.connect(self.refresh)
        self._training.epochsAdded.connect(self.refresh)
        self.wrong.clicked.connect(self._on_wrong)
        self.missed.clicked.connect(self.press_missed)
        self.undo.clicked.connect(self._on_undo)
        self.again.clicked.connect(self._on_again)
        self.waveform.windowMoved.connect(lambda _: self._settled.start())
        self._settled.timeout.connect(self._on_settled)
        shortcuts.add(self, "wrong", self.wrong.click)
        shortcuts.add(self, "missed", self.press_missed)

    def _tip(self, button: QPushButton) -> str:
        if button is self.missed:
            return f"Keeps what was said last as a take ({shortcuts.text('missed')})"
        found = self._newest()
        named = f"“{found.word}” was not said: keeps" if found is not None else "Keeps"
        return f"{named} that sound as another word ({shortcuts.text('wrong')})"

    def _lay_out(self) -> None:
        for button in (self.wrong, self.missed):
            button.setMinimumWidth(40)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setStyleSheet("padding: 5px 4px;")  # both beside each other in the narrow column
        theme.set_icon(self.undo, "mdi6.undo")
        theme.set_role(self.undo, "quiet")
        self.told.setWordWrap(True)
        self.waveform.setFixedHeight(_HEIGHT)
        self.waveform.setAccessibleName("What was kept, with its cut")
        top = QHBoxLayout()
        top.setSpacing(theme.GRID // 2)
        top.addWidget(self.wrong)
        top.addWidget(self.missed)
        foot = QHBoxLayout()
        foot.setSpacing(theme.GRID // 2)
        foot.addWidget(self.undo)
        foot.addStretch()
        foot.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(self.told)
        column.addWidget(self.waveform)
        column.addLayout(foot)
        for part in (self.told, self.waveform, self.undo, self.again):
            part.hide()
