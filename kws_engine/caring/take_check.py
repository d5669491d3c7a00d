"""Looks at each new take: is anything wrong with it, does it sound like another word."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.caring.check_file import CheckFile
from kws_engine.caring.neighbours import compare
from kws_engine.caring.problems import Problem
from kws_engine.caring.sound_check import look_at
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.clips.project import Project
from kws_engine.errors import AudioError

_MOST_OF_WORD, _LEAST_OF_WORD = 40, 8  # clips that stand for a word
_MOST_LOOKED_AT: Final = 1500  # each takes 10 ms, where nobody has looked at it before


class TakeCheck:
    """Knows the vectors of some clips of each word, and of each take that it is given; any thread may ask.

    It cannot tell words apart before there are four clips of two of them.
    """

    def __init__(self, project: Project, words: Sequence[str]) -> None:
        self._project = project
        self._words = {word: label for label, word in enumerate(words)}
        self._lock = threading.Lock()
        self._vectors: dict[str, NDArray[np.float32]] = {}  # by the clip's key

    def learn(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Looks at clips that are there already; what `kws check` has found in them is not looked for again.

        It may take seconds, in which takes are compared with what is known by then.
        """
        project, table = self._project, self._project.table()
        file = CheckFile(project.folder, rate=project.rate, clip_samples=project.clip_samples)
        most = max(_LEAST_OF_WORD, min(_MOST_OF_WORD, _MOST_LOOKED_AT // max(1, len(self._words))))
        looked_at = 0
        for word in self._words:
            rows = table.select(word=word)
            some = rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]
            keys = [table.key(row) for row in some.tolist()]
            digests = dict(project.index.measured.digests(keys))
            known = file.found(sorted(set(digests.values())))
            for key in keys:
                found = known.get(digests.get(key, ""))
                if should_stop() or (found is None and looked_at >= _MOST_LOOKED_AT):
                    return
                looked_at += found is None
                vector = found.vector if found is not None else self._look(key)
                if vector is not None:
                    with self._lock:
                        self._vectors.setdefault(key, vector)

    def problems(self, clip: Clip, samples: NDArray[np.float32]) -> tuple[Problem, ...]:
        """What is wrong with a take (samples,) that was kept as `clip`; it stands for its word from now on."""
        found = look_at(samples, self._project.rate, clip_samples=self._project.clip_samples)
        with self._lock:
            self._vectors[clip.key] = found.vector
            keys, vectors = list(self._vectors), np.stack(list(self._vectors.values()))
        problems = [Problem(kind) for kind in found.kinds]
        if other := self._other_word(keys, vectors, keys.index(clip.key)):
            problems.append(Problem("another_word", other))
        return tuple(problems)

    def rename(self, old: str, new: str) -> None:
        """A word has another name."""
        with self._lock:
            self._words = {new if word == old else word: label for word, label in self._words.items()}
            keys = {key: f"{new}{key[len(old) :]}" if key.startswith(f"{old}/") else key for key in self._vectors}
            self._vectors = {keys[key]: vector for key, vector in self._vectors.items()}

    def forget(self, clip: Clip) -> None:
        """A take was taken back."""
        with self._lock:
            self._vectors.pop(clip.key, None)

    def _other_word(self, keys: Sequence[str], vectors: NDArray[np.float32], row: int) -> str:
        labels = np.array([self._words[key.partition("/")[0]] for key in keys])
        found = compare(vectors, labels, np.ones(len(keys), bool), only=np.array([row])).taken_for[row]
        return list(self._words)[found] if found >= 0 else ""

    def _look(self, key: str) -> NDArray[np.float32] | None:
        rate = self._project.rate
        try:
            samples = audio.read(self._project.clips_folder / key, rate=rate, max_seconds=LONGEST_CLIP_S)
        except AudioError:
            return None
        return look_at(samples, rate, clip_samples=self._project.clip_samples).vector
