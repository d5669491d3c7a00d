"""Finds takes in live sound, by the voice or by a key, and judges each; knows no word, device or clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.recording import Fault, Take, TakeRecorder, evaluate_take, word_take_s
from kws_engine.clips.utterances import Utterance, UtteranceFinder, refusal

FaultKind = Literal["nothing_said", "clipping", "too_quiet", "noisy", "cut_off", "too_long", "too_soon", "lost"]
"""Scripts read these from `kws record --session --json`: a kind may be added, none renamed."""

_KINDS: Final[dict[Fault, FaultKind]] = {
    "no_sound": "nothing_said",
    "no_word": "nothing_said",
    "room_noise": "nothing_said",
    "knocks": "nothing_said",
    "clipping": "clipping",
    "noisy": "noisy",
    "late": "cut_off",
    "early": "cut_off",
    "too_long": "too_long",
    "too_quiet": "too_quiet",
}
QUIET_S: Final = 6.0
"""After so long somebody may wonder whether anything is heard."""
MOST_SILENT: Final = 9
"""So often in a row: nobody has said anything for about a minute."""

NOTHING: Final = "Nothing is heard: say the word aloud, and look whether the level moves."
_LOST: Final = "Some of the sound was lost, because the computer is busy: say it again."
_CUT: Final = "Too long: say the word once, then pause for a moment."
_TOO_SOON: Final = "That began before the word was shown: say it now."

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """What was heard: a good take, or why there is none.

    Attributes:
        take: None where there is nothing to keep.
        kind: What is wrong with it, None where nothing is.
        sentence: The same for the speaker, with what to do.
    """

    take: Take | None
    kind: FaultKind | None = None
    sentence: str = ""


class SpokenTakes:
    """Takes that begin with the voice; reports `nothing_said` without a take whenever nothing was said for six seconds.

    With `strict`, noisy takes are refused, too.
    """

    def __init__(self, rate: int, *, clip_samples: int, strict: bool = False) -> None:
        self._rate = rate
        self._clip_samples = clip_samples
        self._strict = strict
        self._finder = UtteranceFinder(rate, clip_samples=clip_samples)
        self._told_s = 0.0
        self._asked_at = 0

    @property
    def is_inside(self) -> bool:
        """Whether something is being said."""
        return self._finder.is_inside

    def ask(self) -> None:
        """What to say is shown now: what began before is not it."""
        self._asked_at = self._finder.position
        self._told_s = self._finder.quiet_s

    def feed(self, samples: Samples, *, lost: int = 0) -> Iterator[Judged]:
        """Takes the next samples (N,), before which some may have been lost, and gives what has ended in them."""
        if lost:
            was_inside = self._finder.is_inside
            self._finder = UtteranceFinder(self._rate, clip_samples=self._clip_samples)
            self._told_s, self._asked_at = 0.0, 0
            if was_inside:
                yield Judged(None, "lost", _LOST)
        finder = self._finder
        for utterance in finder.feed(samples):
            yield self._judged(utterance)
        if finder.quiet_s < self._told_s:
            self._told_s = 0.0
        if finder.quiet_s - self._told_s >= QUIET_S:
            self._told_s = finder.quiet_s
            yield Judged(None, "nothing_said", NOTHING)

    def _judged(self, utterance: Utterance) -> Judged:
        if utterance.start < self._asked_at:
            return Judged(None, "too_soon", _TOO_SOON)
        if utterance.is_cut:
            return Judged(None, "too_long", _CUT)
        take = evaluate_take(utterance.samples, self._rate, clip_samples=self._clip_samples)
        return judge(take, self._rate, strict=self._strict)


class KeyedTakes:
    """Takes that begin with `begin`, each as long as a take of one word on the Words page."""

    def __init__(self, rate: int, *, clip_samples: int) -> None:
        self._rate = rate
        self._clip_samples = clip_samples
        self._recorder = self._new_recorder()

    @property
    def is_inside(self) -> bool:
        """Whether a take is being recorded."""
        return self._recorder.state == "recording"

    def begin(self) -> None:
        """Begins a take, unless one is being recorded."""
        if not self.is_inside:
            self._recorder.start()

    def ask(self) -> None:
        """Something else is to be said: a take that is being recorded is dropped."""
        if self.is_inside:
            self._recorder = self._new_recorder()

    def feed(self, samples: Samples, *, lost: int = 0) -> Iterator[Judged]:
        """Takes the next samples (N,), before which some may have been lost, and gives the take that ended in them."""
        was_inside = self.is_inside
        if lost:
            self._recorder = self._new_recorder()
            if was_inside:
                yield Judged(None, "lost", _LOST)
            return
        self._recorder.feed(samples)
        if was_inside and not self.is_inside:
            yield judge(self._recorder.take(), self._rate, strict=True)

    def _new_recorder(self) -> TakeRecorder:
        seconds = word_take_s(self._clip_samples * 1000 // self._rate)
        return TakeRecorder(self._rate, clip_samples=self._clip_samples, take_seconds=seconds)


def judge(take: Take, rate: int, *, strict: bool) -> Judged:
    """A take with what is wrong with it; only `strict` minds noise."""
    if sentence := refusal(take, rate):
        return Judged(take, _KINDS[take.fault] if take.fault not in (None, "noisy") else "nothing_said", sentence)
    if strict and take.fault == "noisy":
        return Judged(take, "noisy", take.advice)
    return Judged(take)
