"""The recording session of the open project: what is asked for, what was heard, and where it goes on tomorrow."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final, Literal

from PySide6.QtCore import QObject, Qt, Signal

from kws_engine.caring.problems import Problem
from kws_engine.caring.take_check import TakeCheck
from kws_engine.clips.clip import Clip, moved_with_word
from kws_engine.clips.judging import MOST_SILENT, Judged
from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take
from kws_engine.clips.session import Item, Session, Sitting, new_session, read_session, recording
from kws_engine.errors import KwsError
from kws_engine.patient_microphone import told_away
from kws_gui.bridges.worker import Worker
from kws_gui.services.hands_free import HandsFree
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recordings import Recordings

State = Literal["paused", "turn", "recording", "done"]
_NOBODY: Final = "Paused, because nobody has said anything for a minute."
_DOUBTFUL: Final = "“{}” was kept, but {}. Say it again?"


class RecordingSession(QObject):
    """Asks for one take after another; what is done is read from the project's clips, so it goes on wherever it ended.

    Another speaker's turn waits until that one is ready. That a kept take may be wrong is told while the next one is
    asked for.

    Signals:
        changed(): Another take is asked for, or another state.
        told(role, sentence): What came of the last take, or what happened to the microphone.
        doubted(Clip, sentence): The last take was kept, and may be another word.
        failed(sentence): It cannot go on; it is paused.
    """

    changed = Signal()
    told = Signal(str, str)
    doubted = Signal(object, str)
    failed = Signal(str)
    _checked = Signal(object, object)

    def __init__(
        self,
        model: ProjectModel,
        recordings: Recordings,
        microphones: MicrophoneService,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._recordings = recordings
        self._microphones = microphones
        self.hands_free = HandsFree(microphones, self, strict=True)
        self.by_key = False
        self._sitting: Sitting | None = None
        self._state: State = "paused"
        self._held = ExitStack()
        self._saved: list[Clip] = []
        self._newest: Clip | None = None
        self._is_keeping = False
        self._speaker = ""
        self._silent = 0
        self._seen: dict[str, int] = {}  # times of the folders of words when it was paused
        self._check: TakeCheck | None = None
        self._workers: tuple[Worker, Worker] | None = None  # which learns the clips, and which looks at takes
        self._no_longer = threading.Event()
        self._doubts: dict[str, str] = {}
        self._connect()

    # -- where it stands

    @property
    def state(self) -> State:
        """Paused, waiting for the next speaker, recording, or done."""
        return self._state

    @property
    def exists(self) -> bool:
        """Whether the project has a session, done or not."""
        return self._sitting is not None

    @property
    def is_unfinished(self) -> bool:
        """Whether there is something left to record."""
        return self._sitting is not None and self._sitting.current is not None

    @property
    def current(self) -> Item | None:
        """What is to be said, and by whom."""
        return self._sitting.current if self._sitting is not None else None

    @property
    def done(self) -> int:
        """How many takes are there."""
        return self._sitting.done if self._sitting is not None else 0

    @property
    def number(self) -> int:
        """The number of the take that is asked for, from 1."""
        return self._sitting.number if self._sitting is not None else 0

    @property
    def total(self) -> int:
        """How many takes are wanted."""
        return self._sitting.total if self._sitting is not None else 0

    @property
    def plan(self) -> Session | None:
        """The words, takes and speakers of the session."""
        return self._sitting.session if self._sitting is not None else None

    @property
    def can_repeat(self) -> bool:
        """Whether a take was kept since the session was opened."""
        return bool(self._saved)

    @property
    def doubtful(self) -> int:
        """How many of these takes may be another word."""
        return len(self._doubts)

    def read(self) -> None:
        """Looks for the project's session; `failed` tells why one that is there cannot be used."""
        self.pause()
        self._forget()
        project = self._model.project
        try:
            stored = read_session(project) if project is not None else None
        except KwsError as error:
            self.failed.emit(str(error))
            stored = None
        self._sitting = Sitting(stored, project) if stored is not None and project is not None else None
        self._seen = self._folder_times()
        self._set("paused" if self.is_unfinished or not self.exists else "done")

    # -- doing

    def make(self, words: Sequence[str], *, takes: int, speakers: Sequence[str]) -> bool:
        """Makes a session in place of the one that was there; adds, undoably, words that the project has not.

        Returns:
            Whether that was done; `failed`, or that of the project, tells why not.
        """
        project = self._model.project
        if project is None:
            return False
        self.pause()
        for word in words:
            if word not in project.words and not self._model.add_word(word):
                return False
        try:
            session = new_session(project, words, takes=takes, speakers=speakers)
        except KwsError as error:
            self.failed.emit(str(error))
            return False
        self._forget()
        self._sitting = Sitting(session, project)
        self._seen = self._folder_times()
        self._set("paused")
        return True

    def start(self) -> None:
        """Begins, goes on, or lets the next speaker begin."""
        project = self._model.project
        if project is None or self._sitting is None or self._state in ("recording", "done"):
            return
        if self._recordings.waiting and not self._recordings.save_again():
            return  # the project's `failed` has said why
        try:
            if self._state == "paused":
                self._held.enter_context(recording(project))
            sitting = self._caught_up(project, self._sitting)
        except KwsError as error:
            self._held.close()
            self.failed.emit(str(error))
            return
        sitting.refresh()
        if sitting.current is None:
            self._finish()
            return
        self._begin_checking(project, sitting.session)
        self._silent = 0
        self._speaker = sitting.current.speaker
        self._set("recording")
        self.told.emit("", "")
        self.hands_free.start(rate=project.rate, clip_samples=project.clip_samples, by_key=self.by_key)
        self.hands_free.ask()

    def pause(self) -> None:
        """Stops listening; what was kept is on disk."""
        self.hands_free.stop()
        self._held.close()
        if self._state in ("recording", "turn"):
            self._seen = self._folder_times()
            self._set("paused")

    def begin_take(self) -> None:
        """Begins a take, where takes begin by key."""
        if self._state == "recording":
            self.hands_free.begin_take()

    def repeat_last(self) -> None:
        """Takes the last take back, undoably, and asks for it again."""
        if not self._saved or self._sitting is None:
            return
        clip = self._saved.pop()
        self._recordings.take_back(clip)
        self._doubts.pop(clip.key, None)
        if self._check is not None:
            self._check.forget(clip)
        if clip.path.exists():
            return  # it could not be: the project's `failed` has said why
        self._sitting.repeat(Item(clip.word, clip.speaker))
        if self._state == "done":
            self._set("paused")
        self._ask(role="", sentence=f"“{clip.word}” is taken back: say it again.")

    def skip(self) -> None:
        """Puts the word off to the end."""
        if self._sitting is not None and self._sitting.current is not None:
            word = self._sitting.current.word
            self._sitting.skip()
            self._ask(role="", sentence=f"“{word}” comes again at the end.")

    def shutdown(self) -> None:
        """Pauses, and ends the threads that look at clips and takes."""
        self.pause()
        self._forget()

    # -- takes

    def _on_judged(self, judged: Judged) -> None:
        sitting = self._sitting
        if self._state != "recording" or sitting is None or sitting.current is None:
            return
        if judged.kind is None and judged.take is not None:
            self._silent = 0
            if self._catch_up(sitting):  # by another program
                self._model.clipsChanged.emit()
            if sitting.current is not None:
                self._keep(sitting, sitting.current, judged.take)
            return
        is_silence = judged.take is None and judged.kind == "nothing_said"
        self._silent = self._silent + 1 if is_silence else 0
        if self._silent >= MOST_SILENT:
            self.pause()
            self.told.emit("warning", _NOBODY)
            return
        word = sitting.current.word
        is_put_off = sitting.refused()
        later = f" “{word}” comes again at the end." if is_put_off else ""
        self._ask(role="warning", sentence=f"Not kept. {judged.sentence}{later}")

    def _keep(self, sitting: Sitting, item: Item, take: Take) -> None:
        self._is_keeping = True
        is_kept = self._recordings.save(item.word, take, speaker=item.speaker)
        self._is_keeping = False
        if not is_kept:
            self.pause()
            return
        clip = self._newest
        assert clip is not None
        self._saved.append(clip)
        if self._check is not None and self._workers is not None:
            looked = self._workers[1].submit(partial(self._check.problems, clip, take.clip))
            looked.add_done_callback(partial(self._on_looked, clip))
        sitting.saved()
        self._ask(role="success", sentence=f"Kept “{item.word}”, peak {take.peak_db:.0f} dB.")

    def _on_saved(self, clip: Clip) -> None:
        self._newest = clip

    def _ask(self, *, role: str, sentence: str) -> None:
        """Asks for the current take, or ends, or waits for the next speaker."""
        current = self.current
        if current is None:
            self._finish()
        elif self._state == "recording" and current.speaker != self._speaker:
            self.hands_free.stop()
            self._set("turn")
        elif self._state == "turn" and current.speaker == self._speaker:
            self.start()
        else:
            self.hands_free.ask()
            self.changed.emit()
        self.told.emit(role, sentence)

    def _caught_up(self, project: Project, sitting: Sitting) -> Sitting:
        """With what another program has recorded, or begun, since it was paused.

        Raises:
            KwsError: The session cannot be read.
        """
        if self._state == "paused" and self._folder_times() != self._seen:
            project.refresh()
            self._model.clipsChanged.emit()
        stored = read_session(project)
        if stored is not None and stored != sitting.session:
            self._forget()
            self._sitting = sitting = Sitting(stored, project)
        return sitting

    def _folder_times(self) -> dict[str, int]:
        """When something last came into, or left, the folder of each word."""
        if self._model.project is None or self._sitting is None:
            return {}
        times: dict[str, int] = {}
        for word in self._sitting.session.words:
            with suppress(OSError):
                times[word] = (self._model.project.clips_folder / word).stat().st_mtime_ns
        return times

    def _finish(self) -> None:
        self.hands_free.stop()
        self._held.close()
        self._set("done")

    def _on_clips(self) -> None:
        """Clips were deleted, moved or recorded elsewhere."""
        if self._sitting is None or self._is_keeping:
            return
        before = (self._sitting.current, self._sitting.done, self._sitting.total)
        renamed = self._catch_up(self._sitting)
        if self._state == "done" and self._sitting.current is not None:
            self._set("paused")
        elif self._state == "paused" and self._sitting.current is None:
            self._set("done")
        elif (self._sitting.current, self._sitting.done, self._sitting.total) != before:
            self.changed.emit()
        for old, new in renamed.items():
            self.told.emit("", f"“{old}” is called “{new}” now; its takes count on.")

    def _catch_up(self, sitting: Sitting) -> dict[str, str]:
        """Goes on with the session as it is now; the new names of words that were renamed, by their old ones."""
        try:
            renamed = sitting.catch_up()
        except KwsError as error:
            self.failed.emit(str(error))
            return {}
        for old, new in renamed.items():
            if self._check is not None:
                self._check.rename(old, new)
            self._doubts = {_with_word(key, old, new): doubt for key, doubt in self._doubts.items()}
        self._saved = [moved_with_word(clip, renamed.get(clip.word, clip.word)) for clip in self._saved]
        if renamed:
            self._seen = self._folder_times()
        return renamed

    # -- looking at takes

    def _begin_checking(self, project: Project, session: Session) -> None:
        if self._workers is None:
            self._no_longer = threading.Event()
            self._check = TakeCheck(project, session.words)
            self._workers = Worker("learning clips"), Worker("looking at takes")
            self._workers[0].submit(partial(self._check.learn, self._no_longer.is_set))

    def _on_looked(self, clip: Clip, looked: Future[tuple[Problem, ...]]) -> None:
        """In the worker's thread."""
        if looked.exception() is None and not self._no_longer.is_set():
            self._checked.emit(clip, looked.result())

    def _on_checked(self, clip: Clip, problems: tuple[Problem, ...]) -> None:
        if not problems or all(clip.path != saved.path for saved in self._saved):
            return
        self._doubts[clip.key] = str(problems[0])
        sentence = _DOUBTFUL.format(clip.word, " and ".join(map(_of_take, problems)))
        self.doubted.emit(clip, sentence)

    def _forget(self) -> None:
        self._no_longer.set()
        for worker in self._workers or ():
            worker.shutdown()
        self._workers = self._check = None
        self._saved.clear()
        self._doubts.clear()
        self._speaker = ""

    # -- making

    def _on_microphone_failed(self, sentence: str) -> None:
        if self._state == "recording":
            fact = self._microphones.waits_for
            self.told.emit("warning", f"{told_away(fact)}." if fact else sentence)

    def _on_listening(self, state: str) -> None:
        if self._state == "recording":
            self.changed.emit()
            if state == "listening":
                self.hands_free.ask()
                self.told.emit("", "")

    def _set(self, state: State) -> None:
        self._state = state
        self.changed.emit()

    def _connect(self) -> None:
        self.hands_free.judged.connect(self._on_judged)
        self.hands_free.stateChanged.connect(self._on_listening)
        self._recordings.saved.connect(self._on_saved)
        self._microphones.failed.connect(self._on_microphone_failed)
        self._model.opened.connect(self.read)
        self._model.clipsChanged.connect(self._on_clips)
        self._checked.connect(self._on_checked, Qt.ConnectionType.QueuedConnection)


def _with_word(key: str, old: str, new: str) -> str:
    """The key of a clip whose word, if it was the old one, has a new name."""
    word, _, name = key.partition("/")
    return f"{new if word == old else word}/{name}"


def _of_take(problem: Problem) -> str:
    return str(problem) if problem.kind == "another_word" else f"is {problem}"
