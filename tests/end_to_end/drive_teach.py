"""A word taught in the real window by clicks and keys; a program of its own, run by test_teaching.py under Xvfb.

    drive_teach.py FOLDER VOICE [SPEECH]

From the start screen to a detection: types a word, says it, talks, waits, tries it; then plays SPEECH, a sound file
without the word, if there is one. FOLDER gets report.json: what was recorded, how long it took, and what was heard of
each utterance. It judges nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import voices
from drive_window import HEARD_WITHIN_S, LOUD_DB, heard
from driving import Drive, drive
from PySide6.QtCore import Qt
from virtual_microphone import VirtualMicrophone

from kws_gui.main_window import MainWindow
from kws_gui.pages.teach.page import TeachPage
from kws_gui.pages.teach.talk_text import TEXT, TOPICS

WORD = "computer"
TEACHING_PATIENCE_S = 400.0
TALK_PATIENCE_S = 200.0


class Lesson(Drive):
    """One person who teaches one word, from the start screen to trying it."""

    speech: Path | None = None

    @property
    def page(self) -> TeachPage:
        page = self.window.page("teach")
        assert isinstance(page, TeachPage)
        return page

    def run(self) -> None:
        """Every step."""
        self.take((self.type, self.say, self.talk, self.wait, self.try_it, self.listen_to_others))

    def type(self) -> None:
        """Teach a word, the word, Enter."""
        person, window = self.person, self.window
        person.turn_to(window)
        person.click(window.page("start").teach)
        person.wait_for("the field", self.page.type.field.isVisible)
        person.type(self.page.type.field, WORD, enter=True)
        person.wait_for("the takes", lambda: window.services.project.project is not None and self.page.step == "speak")

    def say(self) -> None:
        """Twenty takes and a few more to be sure, hands free; among them what is no take."""
        person, page = self.person, self.page
        refused: list[str] = []
        page.speak.hands_free.refused.connect(refused.append)
        person.wait_for("the microphone", lambda: page.speak.hands_free.state == "listening")
        rng = np.random.default_rng(0)
        takes = [self._said(int(rng.integers(130, 176)), int(rng.integers(44, 57))) for _ in range(24)]
        noise = voices.rumble(0.5, seed=3, level=0.1)
        sound, _ = voices.stream([(WORD, WORD, one) for one in takes[:5]] + [("", "noise", noise)]
                                 + [(WORD, WORD, one) for one in takes[5:]], gap_s=0.9)  # fmt: skip
        began_s = time.monotonic()
        self.microphone.play(voices.write(self.folder / "takes.wav", sound))
        person.wait_for("twenty takes", lambda: page.speak.count_takes() >= 20, seconds=100)
        self.report["takes"] = {"count": page.speak.count_takes(), "seconds": round(time.monotonic() - began_s, 1)}
        self.report["refused"] = refused
        self.microphone.hush()
        person.press(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
        person.wait_for("talking", lambda: page.step == "talk")

    def talk(self) -> None:
        """Two minutes of the text that the page shows."""
        person, page = self.person, self.page
        text = [part for part in (*TEXT, *TOPICS, *TEXT) if WORD not in part.lower()]
        read = [("", "talk", voices.say(part, self.voice, words_a_minute=150, pitch=50)) for part in text]
        sound, _ = voices.stream(read, gap_s=0.4)
        person.press(Qt.Key.Key_Space)
        person.wait_for("the recording", lambda: self.window.services.talk.state == "recording")
        self.microphone.play(voices.write(self.folder / "talk.wav", sound))
        person.wait_for("two minutes", lambda: self.window.services.talk.is_enough, seconds=TALK_PATIENCE_S)
        self.microphone.hush()
        self.report["talk_s"] = round(self.window.services.talk.seconds, 1)
        person.click(page.talk.next)

    def wait(self) -> None:
        """Watches the curves until it can be tried."""
        seen: list[int] = []

        def grown() -> bool:
            count = len(self.page.wait.curves.points())
            if count and (not seen or seen[-1] != count):
                seen.append(count)
            return self.page.step == "try"

        self.report["curves"] = seen
        self.person.wait_for("the word to be taught", grown, seconds=TEACHING_PATIENCE_S)
        self.person.wait_for("listening", lambda: self.page.try_it.bridge.is_running)
        self.report["promise"] = self.page.try_it.promise.text()

    def try_it(self) -> None:
        """Says the word as it was never said before, other words and noise between."""
        bridge = self.page.try_it.bridge
        said: list[tuple[str, str, Any]] = []
        for at, (speed, pitch) in enumerate([*voices.HELD_OUT, (137, 57), (172, 43), (155, 50)]):
            said.append((WORD, WORD, self._said(speed, pitch)))
            other = (*voices.OTHER_WORDS, voices.WORDS[0])[at]
            said.append(("", other, voices.say(other, self.voice, words_a_minute=speed, pitch=pitch)))
        said.append(("", "noise", voices.rumble(1.5, seed=1)))
        sound, spoken = voices.stream(said)
        steps: list[Any] = []
        loudness_db: list[float] = []
        bridge.stepped.connect(steps.extend)
        bridge.heard.connect(lambda frames: loudness_db.extend(frames.max(axis=1).tolist()))
        position, rate = bridge.position, bridge.opened.model.rate
        player = self.microphone.play(voices.write(self.folder / "try.wav", sound))
        whole_s = len(sound) / voices.RATE
        self.person.wait_for("the last word", lambda: player.poll() is not None, seconds=whole_s + 30)
        until = bridge.position + round((HEARD_WITHIN_S + 0.5) * rate)
        self.person.wait_for("it to be heard", lambda: bridge.position > until)
        bridge.stepped.disconnect(steps.extend)
        first_s = position / rate + next(at for at, loud in enumerate(loudness_db) if loud > LOUD_DB) / 100
        self.report["heard"] = heard(steps, spoken, first_s - spoken[0].from_s, bridge.opened.model)

    def listen_to_others(self) -> None:
        """Plays what other people say, without the word."""
        if self.speech is None:
            return
        before = self.page.try_it.heard
        player = self.microphone.play(self.speech)
        seconds = voices.seconds(self.speech)
        self.person.wait_for("the end of the speech", lambda: player.poll() is not None, seconds=seconds + 60)
        self.report["others"] = {"seconds": round(seconds), "heard": self.page.try_it.heard - before}

    def _said(self, speed: int, pitch: int) -> voices.Samples:
        return voices.say(WORD, self.voice, words_a_minute=speed, pitch=pitch)


def _lesson(window: MainWindow, microphone: VirtualMicrophone, folder: Path, voice: str) -> Lesson:
    lesson = Lesson(window, microphone, folder, voice)
    lesson.speech = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    return lesson


if __name__ == "__main__":
    sys.exit(drive(_lesson))
