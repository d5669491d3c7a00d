"""The words that a service knows, and the detectors of one client; networks are shared, detectors are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.errors import KwsError, SpecError, shortened
from kws_engine.spotting.detector import Step
from kws_engine.spotting.model_file import SpottingModel

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """A word of a model.

    Attributes:
        name: What clients ask for: the word, with its model's name behind it where several models know the word.
        word: The label.
        model: The model.
    """

    name: str
    word: str
    model: SpottingModel


@dataclass(frozen=True)
class Heard:
    """A detection: the end of the sound that it needed is `at_s` seconds after the stream's beginning."""

    known: Known
    at_s: float
    score: float


class Vocabulary:
    """All words of some models.

    Raises:
        SpecError: Two models of the same name know the same word.
    """

    def __init__(self, models: Sequence[SpottingModel]) -> None:
        said = Counter(word for model in models for word in model.words)
        self.known = tuple(
            Known(word if said[word] == 1 else f"{word} ({model.path.stem})", word, model)
            for model in models
            for word in model.words
        )
        for name, times in Counter(one.name for one in self.known).items():
            if times > 1:
                raise SpecError(
                    f'"{name}" is there {times} times: give each model once, and its file a name of its own'
                )

    def chosen(self, names: Iterable[str] | None) -> tuple[Known, ...]:
        """Those of these names, in any case of letters, a model's name standing for all its words; all without names.

        Raises:
            KwsError: There is no such word or model.
        """
        if names is None:
            return self.known
        found: dict[str, Known] = {}
        for name in names:
            wanted = name.casefold()
            fit = [one for one in self.known if wanted in (one.name.casefold(), one.model.path.stem.casefold())]
            if not fit:
                told = shortened(", ".join(one.name for one in self.known))
                raise KwsError(f'There is no "{shortened(name)}" here: ask for one of {told}')
            found |= {one.name: one for one in fit}
        return tuple(found.values())


class Hearing:
    """The detectors of one stream of sound, one for each model that knows a chosen word."""

    def __init__(self, chosen: Iterable[Known]) -> None:
        self._known = {(one.model.path, one.word): one for one in chosen}
        models = {one.model.path: one.model for one in self._known.values()}
        self._detectors = [(model, model.detector()) for model in models.values()]

    @property
    def rates(self) -> set[int]:
        """Samples a second that the models hear."""
        return {model.rate for model, _ in self._detectors}

    def feed(self, samples: Mapping[int, Samples]) -> list[Heard]:
        """What the next samples (N,) at each rate complete, in the order of time.

        Raises:
            ModelFileError: A network fails.
        """
        return self._heard((model, detector.feed(samples[model.rate])) for model, detector in self._detectors)

    def end(self) -> list[Heard]:
        """What the end of the sound completes."""
        return self._heard((model, detector.flush()) for model, detector in self._detectors)

    def _heard(self, steps: Iterable[tuple[SpottingModel, list[Step]]]) -> list[Heard]:
        return sorted(self._detections(steps), key=lambda one: one.at_s)

    def _detections(self, steps: Iterable[tuple[SpottingModel, list[Step]]]) -> Iterator[Heard]:
        for model, some in steps:
            for step in some:
                found = step.detection
                if found is not None and (known := self._known.get((model.path, found.word))):
                    yield Heard(known, found.at_sample / model.rate, found.score)
