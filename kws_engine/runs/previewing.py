"""Changes one clip as training would, in a process of its own: who asks need not load torch; knows no screen."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kws_engine.errors import KwsError
from kws_engine.runs.spawning import SPAWN, end_process, end_with_parent, spawn

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.augment.context import Augment, Context

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PreviewQuestion:
    """What to do with a clip.

    Attributes:
        samples: (N,), full scale ±1.
        rate: Its samples a second.
        feature: As of `Settings.to_dict()["feature"]`.
        augment: As of `Settings.to_dict()["augment"]`, or some of it: what is missing is left out.
        seed: Repeats what is drawn.
        certain: Every augmentation that is named acts, whatever its probability.
        noises: Recorded background noise; none stands for made-up noise.
    """

    samples: Floats
    rate: int
    feature: Mapping[str, Any]
    augment: Mapping[str, Mapping[str, Any]]
    seed: int
    certain: bool = True
    noises: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Preview:
    """A clip as the network would get it, or in words why there is none.

    Attributes:
        number: The question's, as `ask` gave it.
        samples: (N,) after the augmentations of sound.
        features: (T, F) of the question's clip.
        changed: (T, F) of `samples`, after the augmentations of spectrograms.
        drawn: What was drawn, in words, by augmentation, in the order in which they act.
    """

    number: int = 0
    samples: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    features: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    changed: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    drawn: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""


class PreviewProcess:
    """Starts at once; of several questions that wait only the newest is answered."""

    def __init__(self) -> None:
        self._ours, theirs = SPAWN.Pipe()
        self._process = spawn(_child, theirs)
        theirs.close()
        self._asked = 0
        self._waiting: tuple[int, PreviewQuestion] | None = None
        self._idle = False  # a clip is larger than a pipe holds: it is sent only to who reads

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self._process.pid

    def ask(self, question: PreviewQuestion) -> int:
        """Sends a question without waiting for its answer and returns its number.

        Raises:
            OSError: The process is gone.
        """
        self._asked += 1
        self._waiting = (self._asked, question)
        self._forward()
        return self._asked

    def poll(self) -> Preview | None:
        """The answer that came since the last call, if any, without waiting; sends on what waits.

        Raises:
            EOFError, OSError: The process is gone.
        """
        answer: Preview | None = None
        while self._ours.poll():
            answer = self._ours.recv()
            self._idle = True
        self._forward()
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._ours.close()
        self._process.terminate()
        end_process(self._process, seconds=2)

    def _forward(self) -> None:
        if self._idle and self._waiting is not None:
            self._ours.send(self._waiting)
            self._waiting, self._idle = None, False


def preview(question: PreviewQuestion, *, number: int = 0) -> Preview:
    """Does to a clip what training does to it; loads torch.

    Raises:
        SpecError: Options that do not fit.
        AudioError: A noise cannot be read.
    """
    import torch

    from kws_engine import spec
    from kws_engine.augment.context import Context
    from kws_engine.features import FEATURES

    entry = FEATURES[str(question.feature["name"])]
    pipeline = entry.build(spec.from_dict(entry.config, question.feature.get("options", {})), rate=question.rate)
    generator = torch.Generator().manual_seed(question.seed)
    context = Context(generator, question.rate, _noises(question), drawn={})
    sound, spectrogram = _chosen(question)
    with torch.no_grad():
        samples = _applied(sound, torch.from_numpy(question.samples).unsqueeze(0), context)[0].numpy()
        heard = torch.from_numpy(pipeline.batch(samples)).unsqueeze(0)
        changed = _applied(spectrogram, heard, context)[0].numpy()
    texts = context.drawn or {}
    drawn = {name: texts[name][0] for name in (*sound, *spectrogram) if name in texts}
    return Preview(number, samples, pipeline.batch(question.samples), changed, drawn)


def _chosen(question: PreviewQuestion) -> tuple[dict[str, Augment], dict[str, Augment]]:
    """The augmentations of sound and of spectrograms, by name, in the order in which they act."""
    from kws_engine import spec
    from kws_engine.augment import AUGMENTATIONS

    certain = {"probability": 1.0} if question.certain else {}
    configs = {
        name: spec.changed(spec.from_dict(AUGMENTATIONS[name].config, options), certain)
        for name, options in question.augment.items()
    }
    chosen: dict[str, dict[str, Augment]] = {"sound": {}, "spectrogram": {}}
    for name, config in sorted(configs.items(), key=lambda item: item[1].order):
        if config.probability > 0:
            chosen[config.domain][name] = AUGMENTATIONS[name].build(config, rate=question.rate)
    return chosen["sound"], chosen["spectrogram"]


def _applied(augments: Mapping[str, Augment], batch: Tensor, context: Context) -> Tensor:
    for augment in augments.values():
        batch = augment(batch, context)
    return batch


def _noises(question: PreviewQuestion) -> Tensor | None:
    """All recorded noise in one row, as training has it; None where there is none."""
    import torch

    from kws_engine.training.data.clips import load_noise

    row = torch.zeros(0)
    for loaded in load_noise(question.noises, rate=question.rate):
        if isinstance(loaded, torch.Tensor):
            row = loaded
    return row if len(row) else None


def _child(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        _prepare()
        connection.send(None)
        while True:
            connection.send(_answer(*connection.recv()))
    except (EOFError, OSError):
        return  # nobody asks any more


def _prepare() -> None:
    """Loads torch before the first question, with one thread: the window has the other cores."""
    import torch

    torch.set_num_threads(1)


def _answer(number: int, question: PreviewQuestion) -> Preview:
    try:
        return preview(question, number=number)
    except KwsError as error:
        return Preview(number, refusal=str(error))
    except Exception as error:  # noqa: BLE001 - the child's edge: a size that torch refuses is an answer too
        return Preview(number, refusal=f"This cannot be shown: {error}")
