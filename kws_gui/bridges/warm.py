"""Questions to the window's one warm process: debounced, only the newest of each asker, answered by signals."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.runs.warm import Question, Refusal, WarmProcess

PATIENCE_S = 3.0
_POLL_MS = 20


class WarmBridge(QObject):
    """Owns the process and decides which question it answers next.

    The process starts when the first asker needs it and ends when the last one has let go of it. It answers one
    question at a time, in the order in which the askers came; a newer question of an asker takes the place of its
    older one.

    A question in progress holds up the others for `PATIENCE_S` at most. If it takes longer, even if it hangs, the
    process is replaced. The question is asked again after the others, if its asker still waits for it, and may then
    take its time until somebody asks something new.

    A process that was ended from outside is replaced, and the question it was working on asked once more. If that one
    is lost, too, its asker reports so; the others are not touched.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: WarmProcess | None = None
        self._users: list[Asker] = []
        self._waiting: list[_Task] = []
        self._current: _Task | None = None
        self._began_s = 0.0
        self._is_shut = False
        self._poll = QTimer(self, interval=_POLL_MS)
        self._poll.timeout.connect(self._on_poll)

    @property
    def pid(self) -> int | None:
        """The process id, or None while there is no process."""
        return self._process.pid if self._process else None

    def use(self, asker: Asker) -> None:
        """Keeps the process for this asker, and starts it if there is none."""
        if self._is_shut:
            return
        if asker not in self._users:
            self._users.append(asker)
        if self._process is None:
            self._process = WarmProcess()

    def ask(self, asker: Asker, question: Question[Any]) -> None:
        """Asks; the asker's older question is dropped."""
        if self._is_shut:
            return
        self.use(asker)
        places = [place for place, task in enumerate(self._waiting) if task.asker is asker]
        self._forget(asker)
        self._waiting.insert(places[0] if places else len(self._waiting), _Task(asker, question))
        self._poll.start()
        self._advance()

    def cancel(self, asker: Asker) -> None:
        """Drops the asker's question."""
        self._forget(asker)

    def release(self, asker: Asker) -> None:
        """Drops the asker's question and lets go of the process."""
        self._forget(asker)
        if asker in self._users:
            self._users.remove(asker)
        if not self._users:
            self._stop()

    def shutdown(self) -> None:
        """Ends the process for good; later questions are ignored."""
        self._is_shut = True
        self._stop()

    def _stop(self) -> None:
        self._poll.stop()
        self._waiting.clear()
        self._current = None
        self._users.clear()
        self._end_process()

    def _forget(self, asker: Asker) -> None:
        self._waiting = [task for task in self._waiting if task.asker is not asker]
        if self._current is not None and self._current.asker is asker:
            self._current.is_wanted = False

    def _on_poll(self) -> None:
        assert self._process is not None
        try:
            answer = self._process.poll()
        except (EOFError, OSError):
            self._on_process_lost()
            return
        if answer is not None and self._current is not None:
            task = self._current
            self._current = None
            if task.is_wanted:
                task.asker.take(answer)
        self._advance()

    def _advance(self) -> None:
        """Asks the next question, gives up the one in progress, or rests."""
        if self._current is not None:
            if self._is_held_up():
                self._give_up()
        elif not self._waiting:
            self._poll.stop()
        elif self._process is not None and self._process.is_idle:
            self._current = self._waiting.pop(0)
            self._began_s = time.monotonic()
            try:
                self._process.ask(self._current.question)
            except OSError:
                self._on_process_lost()

    def _is_held_up(self) -> bool:
        """Whether a question has waited too long; one that was itself given up never takes another's place."""
        is_late = time.monotonic() - self._began_s > PATIENCE_S
        return is_late and any(not task.was_given_up for task in self._waiting)

    def _give_up(self) -> None:
        task = self._current
        self._current = None
        if task is not None and task.is_wanted:
            task.was_given_up = True
            self._waiting.append(task)
        self._end_process()
        self._process = WarmProcess()

    def _on_process_lost(self) -> None:
        """Asks once more what was being answered, or everything if the process never got so far."""
        hit = [self._current] if self._current is not None else self._waiting
        self._waiting = [task for task in self._waiting if task not in hit]
        self._current = None
        self._end_process()
        wanted = [task for task in hit if task.is_wanted]
        again = [task for task in wanted if task.asker.may_retry()]
        self._waiting += again
        if self._waiting:
            self._process = WarmProcess()
        for task in wanted:
            if task not in again:
                task.asker.lose()
        self._advance()

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class Asker(QObject):
    """One user of the warm process: asks, and gets the answer to its newest question only.

    Signals:
        answered(object): The answer to the newest question.
        refused(sentence, option): It has none, in words, and the path of the option to blame, or nothing.
        lost(sentence): The process ended twice over it; the next question starts another one.
    """

    answered = Signal(object)
    refused = Signal(str, str)
    lost = Signal(str)

    def __init__(self, bridge: WarmBridge, *, delay_ms: int = 0, parent: QObject | None = None) -> None:
        """Asks `delay_ms` after the last of several questions."""
        super().__init__(parent)
        self._bridge = bridge
        self._question: Question[Any] | None = None
        self._has_retried = False
        self._pause = QTimer(self, interval=delay_ms, singleShot=True)
        self._pause.timeout.connect(self._on_pause)

    @property
    def pid(self) -> int | None:
        """The process id, or None while there is no process."""
        return self._bridge.pid

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._question is not None

    def start(self) -> None:
        """Starts the process, so that it is warm at the first question."""
        self._bridge.use(self)

    def ask(self, question: Question[Any]) -> None:
        """Asks, once no other question has come for the delay; returns at once."""
        self._question = question
        if self._pause.interval():
            self._bridge.cancel(self)
            self._pause.start()
        else:
            self._on_pause()

    def cancel(self) -> None:
        """No answer is wanted any more."""
        self._pause.stop()
        self._question = None
        self._bridge.cancel(self)

    def shutdown(self) -> None:
        """Lets go of the process; another question takes hold of it again."""
        self.cancel()
        self._bridge.release(self)

    def take(self, answer: Any) -> None:
        """For the bridge: an answer or a refusal."""
        self._question = None
        self._has_retried = False
        if isinstance(answer, Refusal):
            self.refused.emit(answer.sentence, answer.option)
        else:
            self.answered.emit(answer)

    def lose(self) -> None:
        """For the bridge: the process ended twice over the question."""
        assert self._question is not None
        sentence = self._question.lost
        self._question = None
        self.lost.emit(sentence)

    def may_retry(self) -> bool:
        """For the bridge: whether to ask again after a process was lost; once until the next answer."""
        may = not self._has_retried
        self._has_retried = True
        return may

    def _on_pause(self) -> None:
        assert self._question is not None
        self._bridge.ask(self, self._question)


@dataclass(eq=False)
class _Task:
    asker: Asker
    question: Question[Any]
    is_wanted: bool = True
    was_given_up: bool = False
