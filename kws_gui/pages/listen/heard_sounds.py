"""Takes the sound around each word when all of it has been heard, and plays it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_gui.bridges.player import Player
from kws_gui.pages.listen.ears import Ear
from kws_gui.pages.listen.sounds import AROUND_S, KeptSounds, Samples

_NOT_KEPT = "Only the sound of the hundred words heard last is kept, and only in memory"


class HeardSounds(QObject):
    """By the numbers of the words in the log.

    Signals:
        playableChanged(number, bool): A word's sound is kept now, or no longer.
        refused(sentence): There is nothing to play, and why.
    """

    playableChanged = Signal(int, bool)
    refused = Signal(str)

    def __init__(self, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._kept = KeptSounds()
        self._expected: dict[int, tuple[Ear, int]] = {}

    def expect(self, number: int, ear: Ear, at_sample: int) -> None:
        """The sound of that word is kept as soon as the time after it has been heard."""
        self._expected[number] = ear, at_sample
        self.playableChanged.emit(number, True)

    def take(self, ear: Ear) -> None:
        """An ear has heard more."""
        if not self._expected:
            return
        for number, (of, at_sample) in list(self._expected.items()):
            if of is ear and ear.bridge.position >= at_sample + _samples(ear, AROUND_S[1]):
                self._settle(number)

    def keep(self, number: int, samples: Samples, rate: int) -> None:
        """Keeps the sound of a word in a file."""
        self.playableChanged.emit(number, True)
        for gone in self._kept.keep(number, samples, rate):
            self.playableChanged.emit(gone, False)

    def play(self, number: int) -> None:
        """Plays a word's sound, as much of it as there is."""
        if number in self._expected:
            self._settle(number)
        sound = self._kept.of(number)
        if sound is None:
            self.refused.emit(_NOT_KEPT)
        else:
            self._player.play(*sound)

    def forget(self, ear: Ear) -> None:
        """That ear hears no more, or with another model."""
        for number in [number for number, (of, _) in self._expected.items() if of is ear]:
            self._settle(number)

    def clear(self) -> None:
        """Forgets all."""
        self._expected.clear()
        self._kept.clear()

    def _settle(self, number: int) -> None:
        ear, at_sample = self._expected.pop(number)
        opened = ear.opened
        if opened is None:
            self.playableChanged.emit(number, False)
            return
        before_s = max(AROUND_S[0], opened.model.window_samples / opened.model.rate)
        samples, first = ear.bridge.recent(max(0, at_sample - _samples(ear, before_s)))
        self.keep(number, samples[: max(0, at_sample + _samples(ear, AROUND_S[1]) - first)], opened.model.rate)


def _samples(ear: Ear, seconds: float) -> int:
    return round(seconds * (ear.opened.model.rate if ear.opened else 0))
