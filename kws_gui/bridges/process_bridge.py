"""Events of a process that works for the window, as signals; one process at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance


class Polled(Protocol):
    """A process of the engine that reports events, of which exactly one is an ending."""

    def poll(self) -> list[Any]: ...
    def stop(self) -> None: ...
    def is_alive(self) -> bool: ...
    def close(self, *, seconds: float = ...) -> None: ...


Process = TypeVar("Process", bound=Polled)


class ProcessBridge(QObject, Generic[Process]):
    """Polls the process while there is one; subclasses start and stop it.

    Signals:
        gone(): A process that was left has ended.
    """

    gone = Signal()

    def __init__(self, *, poll_ms: int, endings: tuple[type, ...], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: Process | None = None
        self._leaving: list[Process] = []
        self._left: list[Process] = []
        self._endings = endings
        self._timer = QTimer(self, interval=poll_ms)
        self._timer.timeout.connect(self._on_tick)

    def is_running(self) -> bool:
        """Whether the work has not ended yet."""
        return self._process is not None

    def leave(self) -> None:
        """Asks the work to end and reports nothing of it any more; the process ends in its own time."""
        if self._process is not None:
            self._process.stop()
            self._left.append(self._process)
            self._let_go()

    def shutdown(self, *, seconds: float) -> None:
        """Ends the work, politely at first, and returns when every process has ended."""
        self._timer.stop()
        for process in (*self._leaving, *([self._process] if self._process else [])):
            process.close(seconds=seconds)
        self._leaving.clear()
        self._left.clear()
        self._process = None

    def _signals(self) -> Mapping[type, SignalInstance]:
        """The signal of each kind of event."""
        raise NotImplementedError

    def _emit(self, event: Any) -> None:
        self._signals()[type(event)].emit(event)

    def _begin(self, process: Process) -> None:
        self._process = process
        self._timer.start()

    def _on_tick(self) -> None:
        process = self._process
        for event in process.poll() if process else []:
            if self._process is not process:
                break  # a listener stopped it
            if isinstance(event, self._endings):
                self._let_go()
            self._emit(event)
        ended = [leaving for leaving in self._leaving if _has_ended(leaving)]
        self._leaving = [leaving for leaving in self._leaving if leaving not in ended]
        if any(leaving in self._left for leaving in ended):
            self._left = [left for left in self._left if left not in ended]
            self.gone.emit()
        if self._process is None and not self._leaving:
            self._timer.stop()

    def _let_go(self) -> None:
        """A process may take a moment to exit after its last event; the next one need not wait for it."""
        assert self._process is not None
        self._leaving.append(self._process)
        self._process = None


def _has_ended(process: Polled) -> bool:
    process.poll()  # it would wait for ever where nobody takes what it reports
    if process.is_alive():
        return False
    process.close()
    return True
