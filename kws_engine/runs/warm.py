"""A warm process that loads torch and answers questions, so that whoever asks need not load it."""

from __future__ import annotations

import signal
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, ClassVar, Generic, TypeVar

from kws_engine.errors import KwsError
from kws_engine.runs.spawning import SPAWN, end_process, end_with_parent, spawn

Answer = TypeVar("Answer")


class Question(ABC, Generic[Answer]):
    """Something a `WarmProcess` can be asked; every subclass is a kind of question of its own.

    Questions and answers travel between processes: both are picklable, and their modules import without torch.

    Attributes:
        unexpected: Begins the refusal of a question whose answer failed with anything but a `KwsError`.
        lost: Said in place of an answer when the process ends over the question again and again.
    """

    unexpected: ClassVar[str] = "There is no answer"
    lost: ClassVar[str] = "There is no answer: the process that works it out ended"

    @abstractmethod
    def answer(self) -> Answer:
        """Works out the answer, in the process; may load torch.

        Raises:
            KwsError: Why there is none; its text becomes the refusal.
        """


@dataclass(frozen=True)
class Refusal:
    """Why a question has no answer.

    Attributes:
        sentence: In words for the user.
        option: The path of the option to blame, such as "model.kernel_time"; empty where no single one is.
    """

    sentence: str
    option: str = ""


class WarmProcess:
    """Starts at once, loads torch, and then answers one question at a time.

    A question may be larger than a pipe holds. So it is only sent to a process that is waiting for one, and sending
    never blocks.
    """

    def __init__(self) -> None:
        self._ours, theirs = SPAWN.Pipe()
        self._process = spawn(_child, theirs)
        theirs.close()
        self._is_idle = False

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self._process.pid

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a question, as of the last `poll`; False while it loads torch."""
        return self._is_idle

    def ask(self, question: Question[Any]) -> None:
        """Sends a question to an idle process, without waiting for the answer.

        Raises:
            OSError: The process has ended.
        """
        assert self._is_idle
        self._is_idle = False
        self._ours.send(question)

    def poll(self) -> Any:
        """The answer or `Refusal` that has come since the last call, else None; never waits.

        Raises:
            EOFError, OSError: The process has ended.
        """
        answer = None
        while self._ours.poll():
            answer = self._ours.recv()
            self._is_idle = True
        return answer

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._ours.close()
        self._process.terminate()
        end_process(self._process, seconds=2)


def _child(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        _load_torch()
        connection.send(None)
        while True:
            connection.send(_answer(connection.recv()))
    except (EOFError, OSError):
        return  # the parent has closed its end


def _load_torch() -> None:
    """With one thread: the window has the other cores."""
    import torch

    torch.set_num_threads(1)


def _answer(question: Question[Any]) -> Any:
    try:
        return question.answer()
    except KwsError as error:
        return Refusal(str(error), option=getattr(error, "option", ""))
    except Exception as error:  # noqa: BLE001 - the child's edge: a size that torch refuses is an answer too
        return Refusal(f"{question.unexpected}: {error}")
