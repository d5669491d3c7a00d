"""Recording takes of the chosen word, and the chosen clip: between the recorder, the table of clips and the disk."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from kws_engine.clips.clip import Clip
from kws_engine.clips.recording import NOISE_TAKE_S, PRE_ROLL_S, Take, word_take_s
from kws_engine.clips.trash import Deletion
from kws_engine.clips.words import NOISE
from kws_engine.errors import KwsError
from kws_gui.bridges.player import Player
from kws_gui.pages.words.clips import ClipTableView
from kws_gui.pages.words.free import FreeButton
from kws_gui.pages.words.recorder import RecorderPanel
from kws_gui.pages.words.takes import Series, TakeSession
from kws_gui.services.recordings import Recordings, Samples
from kws_gui.services.services import Services
from kws_gui.widgets.message_bar import MessageBar

_REOPEN = "reopen the microphone"


class Recording(QObject):
    """Records series of takes and free talk, one after the other; shows the clip that is current in the table.

    Signals:
        busyChanged(is_busy): A take or free talk is being recorded: another word cannot be chosen.
    """

    busyChanged = Signal(bool)

    def __init__(
        self,
        page: QWidget,
        services: Services,
        *,
        recorder: RecorderPanel,
        table: ClipTableView,
        player: Player,
        messages: MessageBar,
    ) -> None:
        super().__init__(page)
        self._page = page
        self._model = services.project
        self._microphones = services.microphones
        self._recordings: Recordings = services.recordings
        self._recorder, self._table, self._player, self._messages = recorder, table, player, messages
        self.session = TakeSession(services.microphones, self)
        self.free = FreeButton(services.project, services.microphones, speaker=self._speaker)
        recorder.add_option(self.free)
        self._replaced: Clip | None = None
        self._word_in_session = ""
        self._cut_clip: Clip | None = None
        self._failure = ""
        self._connect()

    def shutdown(self) -> None:
        """Ends recording; what was recorded is stored."""
        self._recorder.settle()
        self.session.cancel()
        self.free.recording.shutdown()

    # -- takes

    def begin(self, word: str, *, replaced: Clip | None = None) -> None:
        """Records a series of takes of a word, or one take in the place of a clip."""
        project = self._model.project
        if project is None or not word or self.session.state != "idle" or self.free.is_busy:
            return
        self._player.stop()
        self._recorder.settle()
        self._messages.clear()
        if self._recordings.waiting and not self._recordings.save_again():
            return  # the message shows again: what waits comes first
        self._recorder.show_advice("", "")
        self._replaced = replaced
        self._word_in_session = word
        is_noise = word == NOISE
        seconds = NOISE_TAKE_S if is_noise else word_take_s(project.clip_ms)
        self.busyChanged.emit(True)
        self.session.start(
            Series(
                1 if replaced is not None else self._recorder.takes,
                project.rate,
                round(seconds * project.rate) if is_noise else project.clip_samples,
                take_seconds=seconds,
                countdown=self._recorder.countdown,
                any_sound=is_noise,
            )
        )

    def cancel(self) -> None:
        """Ends the take, or closes the message."""
        if self.session.state == "idle":
            self._messages.clear()
        self.session.cancel()
        if self.free.is_busy:
            self.free.recording.stop()

    def _speaker(self) -> str:
        return self._recorder.speaker or "speaker"

    def _on_state(self, state: str) -> None:
        self._recorder.show_state(self.session.state, *self.session.progress)
        self.free.setEnabled(state == "idle")

    def _on_grown(self, samples: Samples, rate: int) -> None:
        whole = round((self.session.take_seconds + PRE_ROLL_S) * rate)
        self._recorder.show_growing(samples, rate, whole)

    def _on_take(self, take: Take, number: int, total: int) -> None:
        advice = "" if self._word_in_session == NOISE else take.advice
        if self._replaced is not None:
            stored = self._recordings.replace(self._replaced, take)
        else:
            stored = self._recordings.save(self._word_in_session, take, speaker=self._speaker())
        if not stored:
            self.session.cancel()
            return
        saved = f"Saved{f' {number} of {total}' if total > 1 else ''}, peak {take.peak_db:.0f} dB."
        self._recorder.show_advice("warning" if advice else "success", f"{saved} {advice}".rstrip())

    def _on_ended(self, completed: bool) -> None:
        self.busyChanged.emit(False)
        self._replaced = None
        self.show_current()

    def _on_saved(self, clip: Clip) -> None:
        self._table.choose(clip.path)
        self.show_current()

    # -- free talk

    def _on_free(self, is_busy: bool) -> None:
        if is_busy:
            self._player.stop()
        self.busyChanged.emit(is_busy)
        self._recorder.record.setEnabled(not is_busy)

    def _on_free_stored(self, text: str, clips: list[Clip]) -> None:
        """What was cut out can be undone as a whole; talk stays in the folder of talk."""
        project = self._model.project
        if project is None or not clips[0].path.is_relative_to(project.folder):
            return
        deleted: list[Deletion] = []
        redo = lambda: project.edit.restore(deleted.pop()) if deleted else None  # noqa: E731 - it is done already
        self._model.push(text, redo=redo, undo=lambda: deleted.append(project.edit.delete(clips)))

    # -- the current clip

    def show_current(self) -> None:
        """Shows the table's current clip, unless takes are being recorded."""
        self._show(self._table.current())

    def play(self) -> None:
        """Plays the current clip."""
        clip = self._table.current()
        if clip is not None:
            self._player.play_file(clip.path)

    def _show(self, clip: Clip | None) -> None:
        project = self._model.project
        if self.session.state != "idle" or project is None:
            return
        self._recorder.settle()
        current = self._table.current()  # storing the clip whose cut was still moving has chosen that clip
        if clip is not None and (current is None or current.path != clip.path):
            self._table.choose(clip.path)
            return
        self._cut_clip = clip
        if clip is None:
            self._recorder.show_nothing()
            return
        raw = self._recordings.raw(clip)
        if raw is not None:
            self._recorder.show_take(raw, project.rate, project.clip_samples)
            return
        try:
            samples = self._recordings.samples(clip)
        except KwsError as error:
            self._recorder.show_nothing()
            self._recorder.show_advice("warning", str(error))
            return
        self._recorder.show_clip(samples, project.rate, can_repeat=clip.word != NOISE)

    def _on_played(self, at_sample: int) -> None:
        clip = self._table.current()
        raw = self._recordings.raw(clip) if clip else None
        self._recorder.waveform.setPlayhead(at_sample + (raw.start if raw else 0))

    def _on_cut(self, start: int) -> None:
        clip = self._cut_clip
        if clip is not None and self.session.state == "idle" and not self._recordings.move_cut(clip, start):
            self._show(clip)  # shows the cut where it still is

    def _delete_current(self) -> None:
        clip = self._table.current()
        if clip is not None:
            self._recordings.delete([clip])

    # -- failures

    def _on_failed(self, sentence: str) -> None:
        self._failure = sentence
        if self._page.isVisible():
            self._messages.showMessage("error", sentence)

    def _on_unsaved(self, count: int) -> None:
        what = "The take was" if count == 1 else f"{count} takes were"
        sentence = f"{what} not saved and waits in memory. {self._failure}"
        self._messages.showMessage("error", sentence, remedy="Save again")

    def _on_microphone_failed(self, sentence: str) -> None:
        if not self._page.isVisible():
            return
        self._recorder.meter.clear()
        if self._table.current() is None:
            self._recorder.show_no_microphone(sentence)
        else:
            self._messages.showMessage("warning", sentence, remedy="Try again", action=_REOPEN)

    def _on_microphone_opened(self) -> None:
        if self._messages.action() == _REOPEN:
            self._messages.clear()
        self._recorder.show_microphone()

    def _on_remedy(self) -> None:
        if self._recordings.waiting:
            self._messages.clear()
            self._recordings.save_again()
        else:
            self._microphones.try_again()

    # -- making

    def _connect(self) -> None:
        panel, session, player = self._recorder, self.session, self._player
        panel.cancelRequested.connect(session.cancel)
        panel.cutMoved.connect(self._on_cut)
        panel.tryAgainRequested.connect(self._microphones.try_again)
        panel.playRequested.connect(self.play)
        panel.deleteRequested.connect(self._delete_current)
        panel.follow(self._microphones)
        session.stateChanged.connect(self._on_state)
        session.counted.connect(lambda number, _: panel.show_count(number))
        session.grown.connect(self._on_grown)
        session.taken.connect(self._on_take)
        session.unheard.connect(lambda advice: panel.show_advice("warning", f"Not saved. {advice}"))
        session.ended.connect(self._on_ended)
        self.free.busyChanged.connect(self._on_free)
        self.free.told.connect(panel.show_advice)
        self.free.stored.connect(self._on_free_stored)
        self._recordings.saved.connect(self._on_saved)
        self._recordings.unsaved.connect(self._on_unsaved)
        self._table.currentClipChanged.connect(self._show)
        self._table.playRequested.connect(lambda _: self.play())
        player.positionChanged.connect(self._on_played)
        player.stopped.connect(lambda: panel.waveform.setPlayhead(None))
        player.failed.connect(lambda sentence: self._messages.showMessage("warning", sentence))
        self._model.failed.connect(self._on_failed)
        self._microphones.failed.connect(self._on_microphone_failed)
        self._microphones.opened.connect(self._on_microphone_opened)
        self._messages.remedyTriggered.connect(self._on_remedy)
