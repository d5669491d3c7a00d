"""What a recording session is to be: words, takes of each, who speaks, and how a take begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.session import MOST_SPEAKERS, MOST_TOTAL, MOST_WORDS
from kws_engine.clips.words import SPECIAL, check_new_word, check_word, speaker_id
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.services import remembered
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.wrapped_label import WrappedLabel

_TAKES: Final = "words/session_takes"
_SPEAKERS: Final = "words/session_speakers"
_BY_KEY: Final = "words/session_by_key"
_FIRST_TAKES: Final = 10
_MOST_TAKES: Final = 200
_TAKE_S: Final = 3.0  # to read a word, to say it, and the pause that ends it
_LARGEST: Final = 100_000  # characters of a file or the clipboard


@dataclass(frozen=True)
class Wanted:
    """Words in their stored form, takes of each, and speakers' ids."""

    words: tuple[str, ...]
    takes: int
    speakers: tuple[str, ...]


class SessionSetup(QWidget):
    """A list of words, one a line, and the options beside it; says what comes of them before it begins.

    Signals:
        wanted(): Begin with `value`.
        cancelled(): Nothing is wanted.
    """

    wanted = Signal()
    cancelled = Signal()

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        settings = QSettings()
        self.words = QPlainTextEdit()
        self.all = QPushButton("All words")
        self.paste = QPushButton("Paste")
        self.file = QPushButton("From a file…")
        self.takes = QSpinBox()
        self.takes.setRange(1, _MOST_TAKES)
        self.takes.setValue(_stored_takes(settings))
        self.speakers = QLineEdit(str(settings.value(_SPEAKERS, "") or remembered.speaker()))
        self.by_voice = QRadioButton("By itself")
        self.with_key = QRadioButton("Space bar")
        by_key = str(settings.value(_BY_KEY, "false")) == "true"
        self.with_key.setChecked(by_key)
        self.by_voice.setChecked(not by_key)
        self.told = WrappedLabel()
        self.go = QPushButton("Begin")
        self.cancel = QPushButton("Cancel")
        self._unfinished: tuple[int, int] | None = None
        self._lay_out()
        self._connect()

    @property
    def by_key(self) -> bool:
        """Whether each take begins with the space bar."""
        return self.with_key.isChecked()

    def begin(self, *, unfinished: tuple[int, int] | None) -> None:
        """Shows the project's words; `unfinished` are takes done and wanted of the session that a new one replaces."""
        self._unfinished = unfinished
        self._put_all()
        self._look()
        self.words.setFocus()

    def value(self) -> Wanted:
        """What is wanted.

        Raises:
            KwsError: Something is missing or unfit; the sentence names it.
        """
        project = self._model.project
        there = project.words if project is not None else ()
        words: list[str] = []
        for text in dict.fromkeys(_lines(self.words.toPlainText())):
            word = check_word(text)
            if word not in there or word in SPECIAL:
                check_new_word(word, (*there, *words))
            if word not in words:
                words.append(word)
        speakers = tuple(dict.fromkeys(speaker_id(one) for one in self.speakers.text().split(",") if one.strip()))
        wanted = Wanted(tuple(words), self.takes.value(), speakers)
        if not words:
            raise KwsError("Type the words, one a line, or paste them.")
        if not speakers:
            raise KwsError("Type who speaks; of several, with commas between them.")
        total = len(words) * self.takes.value() * len(speakers)
        if len(words) > MOST_WORDS or len(speakers) > MOST_SPEAKERS or total > MOST_TOTAL:
            raise KwsError(
                f"That is too much for one session: at most {MOST_WORDS:,} words, {MOST_SPEAKERS} speakers and "
                f"{MOST_TOTAL:,} takes."
            )
        return wanted

    def tell(self, sentence: str) -> None:
        """Shows why it could not begin."""
        theme.set_role(self.told, "error")
        self.told.setText(sentence)

    # -- events

    def _look(self) -> None:
        try:
            wanted = self.value()
        except KwsError as error:
            self.tell(str(error))
            self.go.setEnabled(False)
            return
        self.go.setEnabled(True)
        theme.set_role(self.told, "muted")
        self.told.setText(" ".join(filter(None, (self._sum(wanted), self._new(wanted), self._replaced()))))

    def _sum(self, wanted: Wanted) -> str:
        total = len(wanted.words) * wanted.takes * len(wanted.speakers)
        words = "1 word" if len(wanted.words) == 1 else f"{len(wanted.words):,} words"
        by = "" if len(wanted.speakers) == 1 else f" by {len(wanted.speakers)} speakers in turn"
        minutes = max(1, round(total * _TAKE_S / 60))
        about = "about a minute" if minutes == 1 else f"about {minutes:,} minutes"
        return f"{words}{by}: {total:,} takes, {about}."

    def _new(self, wanted: Wanted) -> str:
        there = self._model.project.words if self._model.project is not None else ()
        new = [word for word in wanted.words if word not in there]
        if not new:
            return ""
        shown = ", ".join(new[:4]) + (" …" if len(new) > 4 else "")
        return f"New in the project: {shown}."

    def _replaced(self) -> str:
        if self._unfinished is None:
            return ""
        return "It takes the place of the session with {} of {} takes, which stay.".format(*self._unfinished)

    def _on_go(self) -> None:
        if not self.go.isEnabled():
            return
        settings = QSettings()
        settings.setValue(_TAKES, self.takes.value())
        settings.setValue(_SPEAKERS, self.speakers.text().strip())
        self.wanted.emit()

    def _on_way(self) -> None:
        QSettings().setValue(_BY_KEY, "true" if self.by_key else "false")

    def _put_all(self) -> None:
        project = self._model.project
        self.words.setPlainText("\n".join(project.words) if project is not None else "")

    def _put(self, text: str) -> None:
        if lines := _lines(text[:_LARGEST]):
            self.words.setPlainText("\n".join(dict.fromkeys(lines)))

    def _on_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Words, one a line", "", "Texts (*.txt *.csv *.tsv);;All files (*)"
        )
        if not chosen:
            return
        try:
            with Path(chosen).open(encoding="utf-8-sig", errors="replace") as file:
                self._put(file.read(_LARGEST))
        except OSError as error:
            self.tell(f"{chosen} cannot be read ({error.strerror}): choose another file.")

    # -- making

    def _connect(self) -> None:
        self.words.textChanged.connect(self._look)
        self.takes.valueChanged.connect(self._look)
        self.speakers.textChanged.connect(self._look)
        self.with_key.toggled.connect(self._on_way)
        self.all.clicked.connect(self._put_all)
        self.paste.clicked.connect(lambda: self._put(QGuiApplication.clipboard().text()))
        self.file.clicked.connect(self._on_file)
        self.go.clicked.connect(self._on_go)
        self.cancel.clicked.connect(self.cancelled)

    def _lay_out(self) -> None:
        self.words.setAccessibleName("Words, one a line")
        self.words.setTabChangesFocus(True)
        self.words.setPlaceholderText("One word a line")
        self.takes.setAccessibleName("Takes of each word")
        self.takes.lineEdit().setTextMargins(5, 0, 0, 0)
        self.speakers.setAccessibleName("Speakers")
        self.speakers.setPlaceholderText("ann, ben")
        self.speakers.setToolTip("Who speaks; several, with commas between them, take turns of about 20 takes")
        self.by_voice.setToolTip("A take begins when you speak, and the next word follows")
        self.with_key.setToolTip("A take begins with the space bar")
        self.paste.setToolTip("The words in the clipboard, one a line")
        self.file.setToolTip("The words in a text file, one a line")
        self.all.setToolTip("All words of the project")
        theme.set_role(self.go, "primary")
        self.go.setMinimumWidth(128)
        self.told.setFixedHeight(self.told.fontMetrics().lineSpacing() * 3 + 2)  # nothing jumps
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        for quiet in (self.all, self.paste, self.file):
            theme.set_role(quiet, "quiet")
        for other in (self.all, self.paste, self.file, self.cancel):
            other.setAutoDefault(False)
        sources = QHBoxLayout()
        sources.setSpacing(theme.GRID)
        for button in (self.all, self.paste, self.file):
            sources.addWidget(button)
        sources.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(theme.GRID)
        heading = QLabel("Words, one a line")
        heading.setBuddy(self.words)
        left.addWidget(heading)
        left.addWidget(self.words, 1)
        left.addLayout(sources)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.GROUP)
        form.setVerticalSpacing(theme.GRID)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow("Takes of each", self.takes)
        form.addRow("Speakers", self.speakers)
        form.addRow("A take begins", self.by_voice)
        form.addRow("", self.with_key)
        right = QVBoxLayout()
        right.addLayout(form)
        right.addStretch(1)
        right.addWidget(self.told)
        halves = QHBoxLayout()
        halves.setSpacing(2 * theme.GROUP)
        halves.addLayout(left, 1)
        halves.addLayout(right, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GROUP)
        column.addLayout(halves, 1)
        column.addLayout(buttons)


def _lines(text: str) -> list[str]:
    """The words in a text: its lines, or what stands between commas, semicolons and tabs."""
    return [word for part in re.split(r"[\n\r,;\t]", text) if (word := " ".join(part.split()).strip('"'))]


def _stored_takes(settings: QSettings) -> int:
    try:
        return int(str(settings.value(_TAKES, _FIRST_TAKES)))
    except ValueError:
        return _FIRST_TAKES
