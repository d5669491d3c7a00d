"""What the network on the form would cost, asked of a process that may load torch; knows no form and no page."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.runs.costing import Answer, CostProcess, Question

DEBOUNCE_MS = 150
_POLL_MS = 30
_GONE = "Parameters and MACs cannot be counted: the process that counts them ended; training is not touched by that"


class CostBridge(QObject):
    """Asks when typing pauses; only the newest question is answered.

    Signals:
        counted(parameters, macs): Of the newest question.
        refused(str, str): The settings cannot work, in words, and the path of the option to blame, or nothing.
        lost(str): Nothing can be counted any more; the network may well be fine.
    """

    counted = Signal(object, object)
    refused = Signal(str, str)
    lost = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: CostProcess | None = None
        self._question: Question | None = None
        self._number = 0
        self._restarts = 1
        self._pause = QTimer(self, interval=DEBOUNCE_MS, singleShot=True)
        self._pause.timeout.connect(self._on_pause)
        self._poll = QTimer(self, interval=_POLL_MS)
        self._poll.timeout.connect(self._on_poll)

    def start(self) -> None:
        """Starts the process, so that it is warm at the first question; once."""
        if self._process is None:
            self._process = CostProcess()

    @property
    def pid(self) -> int | None:
        """The process id, or None before the start."""
        return self._process.pid if self._process else None

    def ask(self, question: Question) -> None:
        """Asks after a short pause in which no other question comes."""
        self._question = question
        self._pause.start()

    def shutdown(self) -> None:
        """Ends the process."""
        self._pause.stop()
        self._poll.stop()
        if self._process is not None:
            self._process.close()
            self._process = None

    def _on_pause(self) -> None:
        assert self._question is not None
        self.start()
        assert self._process is not None
        try:
            self._number = self._process.ask(self._question)
        except OSError:
            self._on_gone()
            return
        self._poll.start()

    def _on_poll(self) -> None:
        assert self._process is not None
        try:
            answer = self._process.poll()
        except (EOFError, OSError):
            self._on_gone()
            return
        if answer is not None and answer.number == self._number:
            self._poll.stop()
            self._restarts = 1
            self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        if answer.refusal:
            self.refused.emit(answer.refusal, answer.option)
        else:
            self.counted.emit(answer.parameters, answer.macs)

    def _on_gone(self) -> None:
        """One new process for one that was ended; a second loss is said."""
        self.shutdown()
        if self._restarts:
            self._restarts -= 1
            self._on_pause()
        else:
            self.lost.emit(_GONE)
