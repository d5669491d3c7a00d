"""Counts parameters and MACs in a process of its own, so that who asks need not load torch; knows no screen."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from kws_engine.errors import KwsError
from kws_engine.runs.spawning import SPAWN, end_process, end_with_parent, spawn

if TYPE_CHECKING:
    from kws_engine.models.counting import Cost


@dataclass(frozen=True)
class Question:
    """What a network would cost.

    Attributes:
        settings: As of `Settings.to_dict`.
        n_samples: Length of a clip.
        rate: Its samples a second.
        n_labels: Outputs of the network, `_unknown_` and `_silence_` among them.
    """

    settings: Mapping[str, Any]
    n_samples: int
    rate: int
    n_labels: int


@dataclass(frozen=True)
class Answer:
    """Parameters and multiply-accumulates of one clip, or in words why there is no such network.

    Attributes:
        number: The question's, as `ask` gave it.
        option: The path of the option to blame, such as "model.kernel_time"; empty where no single one is.
    """

    number: int
    parameters: int = 0
    macs: int = 0
    refusal: str = ""
    option: str = ""


class CostProcess:
    """Starts at once; of several questions that wait only the newest is answered."""

    def __init__(self) -> None:
        self._ours, theirs = SPAWN.Pipe()
        self._process = spawn(_child, theirs)
        theirs.close()
        self._asked = 0

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self._process.pid

    def ask(self, question: Question) -> int:
        """Sends a question without waiting and returns its number.

        Raises:
            OSError: The process is gone.
        """
        self._asked += 1
        self._ours.send((self._asked, question))
        return self._asked

    def poll(self) -> Answer | None:
        """The newest answer that came since the last call, without waiting.

        Raises:
            EOFError, OSError: The process is gone.
        """
        answer: Answer | None = None
        while self._ours.poll():
            answer = self._ours.recv()
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._ours.close()
        self._process.terminate()
        end_process(self._process, seconds=2)


def cost(question: Question) -> Cost:
    """Builds the network without memory for its weights and counts; loads torch.

    Raises:
        SpecError: The options leave no network, in words.
    """
    import torch

    from kws_engine.models.counting import count
    from kws_engine.runs.checking import check
    from kws_engine.settings import Settings

    settings = Settings.from_dict(question.settings)
    pipeline, network = check(settings, rate=question.rate, n_samples=question.n_samples, n_labels=question.n_labels)
    with torch.device("meta"):
        return count(network, n_frames=pipeline.n_frames(question.n_samples), n_features=pipeline.n_features)


def _child(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        while True:
            number, question = connection.recv()
            while connection.poll():
                number, question = connection.recv()
            connection.send(_answer(number, question))
    except (EOFError, OSError):
        return  # nobody asks any more


def _answer(number: int, question: Question) -> Answer:
    try:
        counted = cost(question)
    except KwsError as error:
        return Answer(number, refusal=str(error), option=getattr(error, "option", ""))
    except Exception as error:  # noqa: BLE001 - the child's edge: a size that torch refuses is an answer too
        return Answer(number, refusal=f"There is no such network: {error}")
    return Answer(number, counted.parameters, counted.macs)
