"""One clip as training would change it, asked of a process that may load torch; knows no page and no player."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.runs.previewing import PreviewProcess, PreviewQuestion

_POLL_MS = 20
_GONE = "Augmentations cannot be shown: the process that computes them ended; training is not touched by that"


class AugmentBridge(QObject):
    """Only the newest question is answered; the process starts with the first one and ends with `shutdown`.

    Signals:
        previewed(preview): A `kws_engine.runs.previewing.Preview` of the newest question.
        refused(str): There is none, in words.
        lost(str): Nothing can be shown any more.
    """

    previewed = Signal(object)
    refused = Signal(str)
    lost = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: PreviewProcess | None = None
        self._question: PreviewQuestion | None = None
        self._number = 0
        self._restarts = 1
        self._poll = QTimer(self, interval=_POLL_MS)
        self._poll.timeout.connect(self._on_poll)

    @property
    def pid(self) -> int | None:
        """The process id, or None before the first question."""
        return self._process.pid if self._process else None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._poll.isActive()

    def ask(self, question: PreviewQuestion) -> None:
        """Asks at once; an answer to an earlier question is dropped."""
        self._question = question
        if self._process is None:
            self._process = PreviewProcess()
        try:
            self._number = self._process.ask(question)
        except OSError:
            self._on_gone()
            return
        self._poll.start()

    def shutdown(self) -> None:
        """Ends the process; another question starts a new one."""
        self._poll.stop()
        if self._process is not None:
            self._process.close()
            self._process = None

    def _on_poll(self) -> None:
        assert self._process is not None
        try:
            answer = self._process.poll()
        except (EOFError, OSError):
            self._on_gone()
            return
        if answer is None or answer.number != self._number:
            return
        self._poll.stop()
        self._restarts = 1
        if answer.refusal:
            self.refused.emit(answer.refusal)
        else:
            self.previewed.emit(answer)

    def _on_gone(self) -> None:
        """One new process for one that was ended; a second loss is said."""
        self.shutdown()
        if self._restarts and self._question is not None:
            self._restarts -= 1
            self.ask(self._question)
        else:
            self.lost.emit(_GONE)
