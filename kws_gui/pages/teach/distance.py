"""Whether the word is heard from farther away: each try with its SNR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from kws_engine.clips.utterances import Utterance, UtteranceFinder, has_voice, snr_db
from kws_engine.spotting.decision import Detection
from kws_gui import theme

_RISE_DB = 7.0  # from far away, speech hardly stands out
_ANSWER_S = 1.0  # a detection comes at most so long after its word
_COLUMNS = ("Try", "Above the noise", "Heard")
_HELP = "Step back two or three metres and say {}, a few times, with a pause after each."


@dataclass(frozen=True)
class Attempt:
    """Something that was said, its SNR in dB, and the word that was heard, if any."""

    snr_db: float
    word: str


class DistanceTest:
    """Matches what is said with what is detected; both count in samples of the same sound."""

    def __init__(self, rate: int, *, clip_samples: int, at_sample: int) -> None:
        self._rate = rate
        self._began_at = at_sample
        self._finder = UtteranceFinder(rate, clip_samples=clip_samples, rise_db=_RISE_DB)
        self._said: list[Utterance] = []
        self._detected: list[tuple[int, str]] = []

    def detected(self, found: Detection) -> None:
        """A word was detected."""
        self._detected.append((found.at_sample - self._began_at, found.word))

    def feed(self, samples: NDArray[np.float32]) -> list[Attempt]:
        """Takes new sound (N,); returns the tries that can be judged now: their answer came, or comes no more."""
        for utterance in self._finder.feed(samples):
            if has_voice(utterance.samples, self._rate):
                self._said.append(utterance)
        reach = round(_ANSWER_S * self._rate)
        judged = []
        while self._said and (self._answer(self._said[0]) or self._finder.position > self._said[0].stop + reach):
            first = self._said.pop(0)
            judged.append(Attempt(snr_db(first), self._answer(first)))
            self._detected = [one for one in self._detected if one[0] > first.stop + reach]
        return judged

    def _answer(self, said: Utterance) -> str:
        reach = round(_ANSWER_S * self._rate)
        return next((word for at, word in self._detected if said.start < at <= said.stop + reach), "")


class DistancePanel(QWidget):
    """What to do, a row for each try, and how many were heard."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._attempts: list[Attempt] = []
        self._help = QLabel()
        self._help.setWordWrap(True)
        self.sum = QLabel()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setAccessibleName("Tries from farther away")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setMinimumHeight(96)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        theme.set_role(self._help, "muted")
        theme.notifier.changed.connect(self._color)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._help)
        column.addWidget(self.sum)
        column.addWidget(self.table, 1)

    def start(self, words: str) -> None:
        """Begins anew."""
        self._attempts.clear()
        self.table.setRowCount(0)
        self._help.setText(_HELP.format(words))
        self._sum_up()

    def add(self, attempt: Attempt) -> None:
        """Puts a try at the top."""
        self._attempts.append(attempt)
        self.table.insertRow(0)
        heard = f"✓ “{attempt.word}”" if attempt.word else "✗ not heard"
        for column, text in enumerate((str(len(self._attempts)), f"{attempt.snr_db:.0f} dB", heard)):
            item = QTableWidgetItem(text)
            self.table.setItem(0, column, item)
        self._color()
        self._sum_up()

    def attempts(self) -> list[Attempt]:
        """All tries, oldest first."""
        return list(self._attempts)

    def _color(self, _: object = None) -> None:
        for row, attempt in enumerate(reversed(self._attempts)):
            item = self.table.item(row, 2)
            if item is not None:
                item.setForeground(theme.current().color("detection_text" if attempt.word else "error_text"))

    def _sum_up(self) -> None:
        heard = [one.snr_db for one in self._attempts if one.word]
        if not self._attempts:
            self.sum.setText("Nothing said yet.")
            return
        down_to = f", down to {min(heard):.0f} dB above the noise" if heard else ""
        self.sum.setText(f"Heard {len(heard)} of {len(self._attempts)}{down_to}.")
