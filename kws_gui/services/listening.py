"""Whether the window listens and what it heard last: what the tray and the small window know of the Listen page."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.spotting.decision import Detection


class Listening(QObject):
    """The Listen page reports; whoever wants it to begin or stop asks here, also before that page is there.

    Signals:
        wanted: Listening was asked for, or is to stop (`is_wanted`).
        changed: `is_listening` or `words` are others.
        heard: (word, score) A word was detected.
        risen: (score) The score of that word has risen.
        ended: Listening has ended, and nobody asked for that here.
    """

    wanted = Signal()
    changed = Signal()
    heard = Signal(str, float)
    risen = Signal(float)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_listening = False
        self._is_wanted = False
        self._is_asked_to_stop = False
        self._words: tuple[str, ...] = ()

    @property
    def is_listening(self) -> bool:
        """Whether sound is listened to, or the microphone is being opened or waited for."""
        return self._is_listening

    @property
    def is_wanted(self) -> bool:
        """Whether somebody asked for listening that has not begun."""
        return self._is_wanted

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are listened for."""
        return self._words

    def want(self, is_wanted: bool) -> None:
        """Asks for listening, or for its end."""
        self._is_wanted = is_wanted
        self._is_asked_to_stop = not is_wanted
        self.wanted.emit()

    def toggle(self) -> None:
        """Asks for the opposite of what is."""
        self.want(not (self._is_listening or self._is_wanted))

    def report(self, is_listening: bool, words: tuple[str, ...]) -> None:
        """The Listen page says how things are."""
        if is_listening:
            self._is_wanted = False
        has_ended = self._is_listening and not is_listening and not self._is_asked_to_stop
        if (is_listening, words) != (self._is_listening, self._words):
            self._is_listening, self._words = is_listening, words
            self.changed.emit()
        if has_ended:
            self.ended.emit()

    def say(self, found: Detection) -> None:
        """The Listen page heard a word."""
        self.heard.emit(found.word, found.score)

    def say_risen(self, found: Detection) -> None:
        """Its score has risen."""
        self.risen.emit(found.score)
