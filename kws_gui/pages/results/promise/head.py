"""Both numbers of a model, with what each was measured on and what it cannot know; the first thing on Results."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from kws_engine.operating.quality import Figures
from kws_engine.operating.report import Report
from kws_engine.operating.telling import (
    alarms_in_short,
    cannot_know,
    expected_in_short,
    false_alarms_told,
    missed_of,
    misses_told,
    takes_in_short,
    takes_told,
)
from kws_gui import theme
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.wrapped_label import WrappedLabel

_NOT_YET = "Misses and false alarms were not measured"
_HOW = (
    "Accuracy of clips says little about a day of use. This tries the model on talk and noise, sets its thresholds to "
    "a number of false alarms an hour, and counts what it misses then."
)
_HOW_IN_SHORT = "Measuring tries the model on talk and noise and sets its thresholds."
_BY_HAND = "The thresholds were moved by hand: nothing is promised."
_FOREIGN = "As the model file tells; how it came to that is not known here."
_FOREIGN_IN_SHORT = "As the model file tells."
_NO_TAKES_IN_SHORT = "Every take trained or chose this model."
_MEASURE = "Set thresholds and measure"


@dataclass(frozen=True)
class _Number:
    """A number in words, and what it rests on; both shorter where there is little room."""

    told: str
    about: str
    told_in_short: str = ""
    about_in_short: str = ""


class PromiseHead(QFrame):
    """Two numbers side by side, or why there are none and the button that measures them.

    Signals:
        measureRequested(): The person wants the thresholds set and both numbers measured.
    """

    measureRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.misses = _NumberView()
        self.alarms = _NumberView()
        self.measure = QPushButton(_MEASURE)
        self.measure.setToolTip("Takes some seconds; the thresholds in the model file are replaced")
        self.measure.clicked.connect(self.measureRequested)
        self._nothing = _NumberView()
        self._nothing.setNumber(_Number(_NOT_YET, _HOW, about_in_short=_HOW_IN_SHORT))
        self._both, self._none = QWidget(), QWidget()
        self._lay_out()

    def setFigures(self, figures: Figures | None, report: Report | None) -> None:
        """Shows the figures of a model file and the report of its run, where it has them."""
        self._both.setVisible(figures is not None)
        self._none.setVisible(figures is None)
        if figures is None:
            self.setAccessibleName(_NOT_YET)
            return
        misses, alarms = _numbers(figures, report)
        self.misses.setNumber(misses)
        self.alarms.setNumber(alarms)
        self._share_room()
        self.setAccessibleName(figures.told())

    def setLow(self, low: bool) -> None:
        """In a low window each text below a number has one line."""
        for view in (self.misses, self.alarms, self._nothing):
            view.setLow(low)
        self._share_room()

    def text(self) -> str:
        """Both numbers, or that there are none."""
        return self.accessibleName()

    def _share_room(self) -> None:
        """Gives each number as much of the width as it is long, so that neither is cut before the other."""
        for at, view in enumerate((self.misses, self.alarms)):
            self._row.setStretch(at, view.wanted())

    def _lay_out(self) -> None:
        self._row = QHBoxLayout(self._both)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2 * theme.GROUP)
        self._row.addWidget(self.misses)
        self._row.addWidget(self.alarms)
        other = QHBoxLayout(self._none)
        other.setContentsMargins(0, 0, 0, 0)
        other.setSpacing(theme.GROUP)
        other.addWidget(self._nothing, 1)
        other.addWidget(self.measure)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, theme.GRID)
        column.addWidget(self._both)
        column.addWidget(self._none)


class _NumberView(QWidget):
    """One number, large, and a text in small below it."""

    def __init__(self) -> None:
        super().__init__()
        self.number = ElidedLabel()
        self.whole = WrappedLabel()
        self.line = ElidedLabel()
        self._shown = _Number("", "")
        self._low = False
        theme.set_role(self.number, "title")
        for label in (self.whole, self.line):
            theme.set_role(label, "muted")
        self.line.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for label in (self.number, self.whole, self.line):
            column.addWidget(label)
        column.addStretch(1)

    def setNumber(self, number: _Number) -> None:
        self._shown = number
        self.whole.setText(number.about)
        self.line.setFullText(number.about_in_short or number.about)
        self._show_number()
        for label in (self.number, self.line):
            label.setHint(f"{number.told}\n{number.about}")

    def setLow(self, low: bool) -> None:
        self._low = low
        self._show_number()
        self.whole.setVisible(not low)
        self.line.setVisible(low)

    def wanted(self) -> int:
        """Pixels across that show the number whole, and the line below it where there is one."""
        labels = (self.number, self.line) if self._low else (self.number,)
        return max(label.fontMetrics().horizontalAdvance(label.fullText()) for label in labels)

    def _show_number(self) -> None:
        self.number.setFullText((self._low and self._shown.told_in_short) or self._shown.told)


def _numbers(figures: Figures, report: Report | None) -> tuple[_Number, _Number]:
    told = _capital(missed_of(figures.missed))
    if report is None:
        missed = _Number(told, _FOREIGN, about_in_short=_FOREIGN_IN_SHORT)
    elif report.missed.takes:
        missed = _Number(told, f"Of {takes_told(report)}", about_in_short=takes_in_short(report))
    else:
        missed = _Number(told, misses_told(report), about_in_short=_NO_TAKES_IN_SHORT)
    if figures.promised is None or figures.expected is None:
        counted = f"{figures.false_alarms} in {figures.hours:.1f} h"
        return missed, _Number(f"{counted} of talk and noise fired it falsely", _BY_HAND)
    count, hours = figures.false_alarms, figures.hours
    alarms, short = (
        _capital(alarms_in_short(figures.promised, figures.expected, count=count, hours=hours, of=of))
        for of in (" of talk", "")
    )
    if report is None:
        return missed, _Number(alarms, _FOREIGN, short, _FOREIGN_IN_SHORT)
    about = f"{false_alarms_told(report)} {cannot_know(report)}"
    return missed, _Number(alarms, about, short, expected_in_short(report))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
