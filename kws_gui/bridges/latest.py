"""Asks questions in the background, where only the answer to the newest one counts."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from kws_gui.bridges.jobs import LongJob, Work


class Latest(QObject):
    """Answers one question at a time off the GUI thread; a newer question replaces the one being answered.

    The older work is asked to stop, and the newer one begins when it has: two never run side by side. An answer that a
    newer question, `cancel` or `shutdown` has overtaken is dropped.

    Signals:
        began(): Work on a question has begun.
        progressed(done, total): How far that work is.
        answered(object): The result of the newest question.
        failed(sentence, details): The newest question could not be answered; details are for the log.
        idle(): The work on the last question has ended, and no other one is waiting.
    """

    began = Signal()
    progressed = Signal(int, int)
    answered = Signal(object)
    failed = Signal(str, str)
    idle = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: LongJob | None = None
        self._next: Work | None = None
        self._is_wanted = False
        self._is_shut = False
        self._pause = QTimer(self, singleShot=True)
        self._pause.timeout.connect(self._begin)

    def is_working(self) -> bool:
        """Whether an answer is still to come, or overtaken work has not stopped yet."""
        return self._job is not None or self._next is not None

    def ask(self, work: Work, *, after_ms: int = 0) -> None:
        """Asks `work(progress, should_stop)`, once no newer question has come for `after_ms`; returns at once.

        Does nothing after `shutdown`.
        """
        if self._is_shut:
            return
        self.cancel()
        self._next = work
        if after_ms:
            self._pause.start(after_ms)
        else:
            self._begin()

    def cancel(self) -> None:
        """No answer is wanted any more."""
        self._pause.stop()
        self._next = None
        self._is_wanted = False
        if self._job is not None:
            self._job.cancel()

    def shutdown(self) -> None:
        """Stops the work and returns when its thread has ended; later questions are ignored."""
        self._is_shut = True
        self.cancel()
        if self._job is not None:
            self._job.wait()

    def _begin(self) -> None:
        """Begins the next question, unless work is still going on or the pause before it is not over."""
        if self._next is None or self._job is not None or self._pause.isActive():
            return
        work = self._next
        self._next = None
        self._is_wanted = True
        self._job = LongJob(work, self)
        self._job.progressed.connect(self._on_progressed)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.start()
        self.began.emit()

    def _on_progressed(self, done: int, total: int) -> None:
        if self._is_wanted:
            self.progressed.emit(done, total)

    def _on_finished(self, result: object) -> None:
        if self._end():
            self.answered.emit(result)
        self._proceed()

    def _on_failed(self, sentence: str, details: str) -> None:
        if self._end():
            self.failed.emit(sentence, details)
        self._proceed()

    def _end(self) -> bool:
        """Forgets the job that has ended; whether its answer is still wanted."""
        assert self._job is not None
        self._job.deleteLater()
        self._job = None
        is_wanted = self._is_wanted
        self._is_wanted = False
        return is_wanted

    def _proceed(self) -> None:
        """Begins what waits; a listener may have asked in its slot already."""
        self._begin()
        if not self.is_working() and not self._is_shut:
            self.idle.emit()
