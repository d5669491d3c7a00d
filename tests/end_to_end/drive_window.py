"""The main job in the real window by clicks and keys; a program of its own, run by test_main_job.py under Xvfb.

    drive_window.py FOLDER VOICE

Makes a project, records, trains, listens; FOLDER gets report.json: what was recorded, the curves as they grew, and what
was heard of each utterance. It judges nothing.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import voices
from driving import Drive, drive
from PySide6.QtCore import Qt

from kws_gui.project_dialogs import NewProjectDialog

TAKES = 8
TRAINING_PATIENCE_S = 600.0
LOUD_DB = -45.0
HEARD_WITHIN_S = 1.6  # after an utterance has ended: the window of one second, smoothing, the sound path


class Journey(Drive):
    """One person, one project, from the start screen to the last word heard."""

    def run(self) -> None:
        """Every step."""
        self.take((self.make_project, self.add_words, self.record_words, self.train, self.listen))

    def make_project(self) -> None:
        """Start screen, New, a name, Create."""
        person, window = self.person, self.window
        person.turn_to(window)
        person.click(window.page("start").new)
        person.wait_for("the dialog", lambda: window.findChild(NewProjectDialog) is not None)
        dialog = window.findChild(NewProjectDialog)
        person.turn_to(dialog)
        person.type(dialog.name, "my words")
        person.click(dialog.create_button)
        person.wait_for("the Words page", lambda: window.page_name == "words")
        person.turn_to(window)
        self.report["title"] = window.windowTitle()

    def add_words(self) -> None:
        """One after the other in the field at the foot of the list."""
        words = self.window.page("words").words
        for word in voices.WORDS:
            self.person.type(words.add_field, word, enter=True)
            self.person.wait_for(f"{word} to be chosen", lambda word=word: words.word == word)

    def record_words(self) -> None:
        """The first take with the countdown, the rest in a row without."""
        person, page = self.person, self.window.page("words")
        recorder = page.recorder
        person.wait_for("the microphone", lambda: page._microphones.is_open)
        self.report["advice"] = {}
        for word in voices.WORDS:
            person.click_row(page.words.tree, word)
            if recorder.countdown:
                self._record(word, 1, begin=lambda: person.click(recorder.record))
                person.click(recorder._countdown)
            takes = TAKES - page.table.rows.rowCount()
            person.type(recorder._takes, str(takes), enter=True)
            person.click_row(page.words.tree, word)
            self._record(word, takes, begin=lambda: person.press(Qt.Key.Key_R))
        self.report["takes"] = {
            item.text(0): [int(item.text(column)) for column in (1, 2, 3)]
            for item in map(page.words.tree.topLevelItem, range(len(voices.WORDS)))
        }

    def _record(self, word: str, takes: int, begin: Any) -> None:
        """Says the next take whenever the page says "Speak"."""
        person, page = self.person, self.window.page("words")
        sounds = [
            voices.write(self.folder / f"{word}-{number}.wav", voices.take(word, self.voice, number))
            for number in range(TAKES)
        ]
        wanted = page.table.rows.rowCount() + takes
        begin()
        while page.table.rows.rowCount() < wanted:
            person.wait_for(f"“Speak” for {word}", lambda: page.recorder.count.text() == "Speak")
            self.microphone.play(sounds[page.table.rows.rowCount()])
            person.wait_for("the take to end", lambda: page.recorder.count.text() != "Speak")
            self.report["advice"].setdefault(word, []).append(page.recorder.advice.text())
        person.wait_for("recording to end", lambda: page.recorder.record.text() == "Record")

    def train(self) -> None:
        """Train as it ships, watching the curves."""
        person, window = self.person, self.window
        person.click(window.rail.button("train"))
        page = window.page("train")
        person.click(page.train)
        seen: list[list[int]] = []

        def grown() -> bool:
            curves = page.run.curves
            drawn = [len(panel.getData()[0]) for panel in _drawn(curves) if panel.getData()[0] is not None]
            if drawn and (not seen or drawn != seen[-1]):
                seen.append(drawn)
            return page.train.text() == "Train"

        self.report["curves"] = seen
        person.wait_for("training to begin", lambda: page.train.text() == "Stop")
        person.wait_for("training to end", grown, seconds=TRAINING_PATIENCE_S)
        person.wait_for("the ending to be reported", lambda: bool(page.messages.text()))
        self.report["points"] = [dataclasses.asdict(point) for point in page.run.curves.points()]
        self.report["trained"] = [page.messages.kind(), page.messages.text()]

    def listen(self) -> None:
        """Listens to what was never recorded."""
        person, window = self.person, self.window
        person.click(window.rail.button("listen"))
        page = window.page("listen")
        steps: list[Any] = []
        loudness_db: list[float] = []  # of every 10 ms, on the clock of the steps
        page.bridge.stepped.connect(steps.extend)
        page.bridge.heard.connect(lambda frames: loudness_db.extend(frames.max(axis=1).tolist()))
        person.click(page.button)
        person.wait_for("sound to arrive", lambda: page.view.spectrogram.now_s() > 0.5)
        sound, spoken = voices.stream(voices.held_out(self.voice))
        player = self.microphone.play(voices.write(self.folder / "held-out.wav", sound))
        began_s = page.view.spectrogram.now_s()
        person.wait_for("the last word", lambda: player.poll() is not None, seconds=len(sound) / voices.RATE + 30)
        whole_s = len(sound) / voices.RATE
        person.wait_for("it to be heard", lambda: page.view.spectrogram.now_s() > began_s + whole_s + HEARD_WITHIN_S)
        person.click(page.button)
        person.wait_for("Listen again", lambda: page.button.text() == "Listen")
        self.report["log"] = [entry.word for entry in page.view.log.words()]
        self.report["message"] = page.messages.text()
        first_s = next(at for at, loud in enumerate(loudness_db) if loud > LOUD_DB) / 100
        self.report["heard"] = heard(steps, spoken, first_s - spoken[0].from_s, page.bridge.opened.model)


def heard(steps: list[Any], spoken: list[voices.Spoken], played_from_s: float, model: Any) -> list[dict[str, Any]]:
    """Of each utterance: the words detected in its time, and the highest score of each word then."""
    found = []
    for number, one in enumerate(spoken):
        until_s = spoken[number + 1].from_s if number + 1 < len(spoken) else one.to_s + HEARD_WITHIN_S
        inside = [step for step in steps if one.from_s < step.at_sample / model.rate - played_from_s <= until_s]
        scores = {
            label: round(max((float(step.scores[column]) for step in inside), default=0.0), 3)
            for column, label in enumerate(model.labels)
        }
        words = [step.detection.word for step in inside if step.detection]
        found.append({"said": one.word, "what": one.what, "heard": words, "scores": scores})
    return found


def _drawn(curves: Any) -> list[Any]:
    """The four lines that are really drawn."""
    panels = (curves._loss, curves._accuracy)
    return [line for panel in panels for line in (panel.train, panel.validation)]


if __name__ == "__main__":
    sys.exit(drive(Journey))
