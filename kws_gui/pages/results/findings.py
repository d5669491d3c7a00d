"""What is wrong with a run: each finding with its meaning, its evidence and its remedies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from kws_engine.errors import KwsError
from kws_engine.runs.job import settings_of
from kws_gui import theme
from kws_gui.pages.results.corrections import ClipCorrections
from kws_gui.pages.results.diagnosis import Diagnosis
from kws_gui.pages.results.suspects import SuspectList
from kws_gui.pages.results.unfinished import UnfinishedCard
from kws_gui.runs.rows import RunRow, counted
from kws_gui.services.navigation import Navigation
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from kws_engine.evaluation.diagnosis import Finding, Remedy, SuspectClip

_WIDEST = 880  # px; longer lines are hard to read
_ICONS = {
    "": "mdi6.tune",
    "exclude": "mdi6.eye-off-outline",
    "relabel": "mdi6.folder-move-outline",
    "record": "mdi6.microphone",
    "import": "mdi6.import",
    "open_words": "mdi6.waveform",
    "thresholds": "mdi6.gauge",
}
_TIPS = {
    "": "Sets this in the form for the next run; can be undone",
    "exclude": "Keeps the files; can be undone",
    "relabel": "Moves the files; can be undone",
    "record": "Opens the Words page",
    "import": "Asks for a folder",
    "open_words": "Opens the Words page",
    "thresholds": "Shows what each threshold misses and how often it fires",
}
_HEALTHY = "The curves and clips of this run look as they should."
_BETTER = "To improve it further, record more speakers of each word, or let a search try other settings."
_WORTH = "Clips worth listening to"
_CALM = (
    "Every set of recordings has some that are cut off, drowned out by noise or filed under the wrong word. "
    "A clip listed here does not mean that something is wrong with the run."
)
_LISTED = 200
_ON_FORM = "Nothing to change: the form on the Train page already has this setting."
_ABOUT = "Start with the first finding: it may be the cause of the others."


class FindingsView(QWidget):
    """One card per finding, or a single line; clips are shown in a list of their own.

    Signals:
        counted(words): The headline: "2 findings", "No fault found".
        said(sentence): What was done; undo takes it back.
        nothingDone(sentence): What a remedy does was done already.
        thresholdsRequested(): A remedy is to move the thresholds.
        failed(sentence): A remedy does not fit, or a clip cannot be heard.
    """

    counted = Signal(str)
    said = Signal(str)
    nothingDone = Signal(str)
    thresholdsRequested = Signal()
    failed = Signal(str)

    def __init__(self, model: ProjectModel, navigation: Navigation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._navigation = navigation
        self._filled_for: Path | None = None
        self._is_finished = True
        self.diagnosis = Diagnosis(self)
        self.corrections = ClipCorrections(model, self)
        self.suspects = SuspectList(self.corrections)
        self.unfinished = UnfinishedCard()
        self.line = WrappedLabel()
        self.healthy = EmptyState("mdi6.check-circle-outline", _BETTER, "Search settings")
        self.worth = WorthListening()
        self._lay_out()
        self.diagnosis.changed.connect(self._show)
        self.diagnosis.progressed.connect(self._on_progressed)
        self.suspects.backRequested.connect(self.show_findings)
        self.suspects.failed.connect(self.failed)
        self.suspects.undoRequested.connect(model.undo_stack.undo)
        self.corrections.said.connect(self._on_said)
        self.corrections.nothingDone.connect(self._on_nothing_done)
        self.unfinished.finishRequested.connect(self._on_finish)
        self.unfinished.settingsRequested.connect(self._use_settings)
        self.healthy.triggered.connect(lambda: navigation.show_page("search"))
        self.worth.listen.clicked.connect(lambda: self._listen_to(_WORTH, self.diagnosis.clips[:_LISTED]))
        model.undo_stack.changed.connect(self.suspects.forget)
        model.clipsChanged.connect(self.suspects.refresh)
        self._show()

    def show_run(self, folder: Path | None, *, unfinished: RunRow | None = None) -> None:
        """Shows the run in `folder`; `unfinished` is its row if it has no model."""
        self._is_finished = unfinished is None
        self.unfinished.setRun(unfinished)
        self.diagnosis.ask(folder)
        self._show_healthy()

    def show_findings(self) -> None:
        """Returns from the clips to the findings."""
        self._pages.setCurrentWidget(self._list)
        self.suspects.sound.player.stop()

    def cards(self) -> list[FindingCard]:
        """One card per finding, in order."""
        items = (self._column.itemAt(at) for at in range(self._column.count()))
        widgets = [item.widget() for item in items if item is not None]
        return [card for card in widgets if isinstance(card, FindingCard)]

    def headline(self) -> str:
        """The state of the run in a few words."""
        words = {"nothing": "", "working": "Checking this run", "unknown": "Unknown"}
        if self.diagnosis.state != "known":
            return words[self.diagnosis.state]
        return counted(len(self.diagnosis.findings), "finding") if self.diagnosis.findings else "No fault found"

    def shutdown(self) -> None:
        """Stops playing and every thread."""
        self.diagnosis.shutdown()
        self.suspects.shutdown()

    # -- contents

    def _show(self) -> None:
        for card in self.cards():
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        findings = self.diagnosis.findings
        for at, finding in enumerate(findings, 1):
            self._column.insertWidget(at + 1, self._make_card(finding))
        self.line.setText(self._sentence(len(findings)))
        self.line.setVisible(bool(self.line.text()))
        self._show_healthy()
        self.worth.show_count(len(self.diagnosis.clips))
        self.show_findings()
        self.counted.emit(self.headline())

    def _show_healthy(self) -> None:
        """Only a run that finished can be healthy."""
        known = self.diagnosis.state == "known"
        self.healthy.setVisible(known and not self.diagnosis.findings and self._is_finished)

    def _sentence(self, count: int) -> str:
        if self.diagnosis.state == "working":
            return "Checking the curves and clips of the run …"
        if self.diagnosis.state == "unknown":
            return self.diagnosis.sentence
        return _HEALTHY if not count else _ABOUT if count > 1 else ""

    def _on_progressed(self, done: int, total: int) -> None:
        if self.diagnosis.state == "working":
            self.line.setText(f"Checking the curves and clips of the run: {done:,} of {total:,}")

    def _make_card(self, finding: Finding) -> FindingCard:
        card = FindingCard(finding)
        card.chosen.connect(self._on_remedy)
        card.clipsRequested.connect(lambda: self._listen_to(finding.title, finding.clips))
        return card

    def _listen_to(self, title: str, clips: Sequence[SuspectClip]) -> None:
        self.suspects.set_clips(title, clips)
        self._pages.setCurrentWidget(self.suspects)
        self.suspects.tree.setFocus()

    def _on_said(self, sentence: str) -> None:
        if self._pages.currentWidget() is self.suspects:
            self.suspects.tell(sentence)
        else:
            self.said.emit(sentence)

    def _on_nothing_done(self, sentence: str) -> None:
        if self._pages.currentWidget() is self.suspects:
            self.suspects.tell(sentence, undoes=False)
        else:
            self.nothingDone.emit(sentence)

    # -- remedies

    def _on_remedy(self, remedy: Remedy) -> None:
        if remedy.changes:
            self._fill_form(remedy)
        elif remedy.action == "exclude":
            self.corrections.leave_out([clip.path for clip in remedy.clips])
        elif remedy.action == "relabel":
            words = self.corrections.words()
            self.corrections.move([(clip.path, clip.likely) for clip in remedy.clips if clip.likely in words])
        elif remedy.action == "import":
            self._navigation.import_recordings()
        elif remedy.action == "thresholds":
            self.thresholdsRequested.emit()
        else:
            self._navigation.show_word(remedy.word)

    def _fill_form(self, remedy: Remedy) -> None:
        """Applies a remedy to the settings of its run; further remedies of the same run add to the form."""
        from kws_engine.evaluation.diagnosis import settings_after

        before = self._model.settings
        folder = self.diagnosis.folder
        assert folder is not None
        try:
            after = settings_after(before if folder == self._filled_for else settings_of(folder), remedy)
        except KwsError as error:
            self.failed.emit(f"{error}; change it on the Train page")
            return
        if after == before:
            self.nothingDone.emit(_ON_FORM)
        elif self._model.use_settings(remedy.title, after):
            self._filled_for = folder
            self._navigation.show_page("train")

    def _on_finish(self) -> None:
        assert self.diagnosis.folder is not None
        self._navigation.make_model(self.diagnosis.folder)

    def _use_settings(self) -> None:
        """Those of the run that is looked at."""
        folder = self.diagnosis.folder
        assert folder is not None
        try:
            settings = settings_of(folder)
        except KwsError as error:
            self.failed.emit(str(error))
            return
        if settings == self._model.settings or self._model.use_settings("Use a run's settings", settings):
            self._navigation.show_page("train")

    # -- making

    def _lay_out(self) -> None:
        theme.set_role(self.line, "muted")
        inner = QWidget()
        inner.setMaximumWidth(_WIDEST)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, theme.GRID, 0)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(self.unfinished)
        self._column.addWidget(self.line)
        self._column.addWidget(self.healthy)
        self._column.addWidget(self.worth)
        self._column.addStretch(1)
        self._list = QScrollArea()
        self._list.setWidgetResizable(True)
        self._list.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setWidget(inner)
        self._list.setAccessibleName("Findings")
        self._pages = QStackedWidget()
        self._pages.addWidget(self._list)
        self._pages.addWidget(self.suspects)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._pages)


class WorthListening(QWidget):
    """Below the findings: clips that stand out in any run, to listen to, leave out or move."""

    def __init__(self) -> None:
        super().__init__()
        self.listen = QPushButton()
        self.listen.setToolTip("Lists them, least probable for their own word first")
        theme.set_icon(self.listen, "mdi6.ear-hearing", size=16)
        title, about = QLabel(_WORTH), WrappedLabel(_CALM)
        theme.set_role(about, "muted")
        row = QHBoxLayout()
        row.addWidget(self.listen)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, theme.GRID)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(title)
        column.addWidget(about)
        column.addLayout(row)
        self.setAccessibleName(f"{_WORTH}. {_CALM}")

    def show_count(self, count: int) -> None:
        """Sets the number of clips; hidden if there are none."""
        first = "the first " if count > _LISTED else ""
        self.listen.setText(f"Listen to {first}{counted(min(count, _LISTED), 'clip')}")
        self.setVisible(count > 0)


class FindingCard(QFrame):
    """Title, meaning and remedies; the evidence on demand.

    Signals:
        chosen(remedy): The button of a remedy was clicked.
        clipsRequested(): The button that lists the clips was clicked.
    """

    chosen = Signal(object)
    clipsRequested = Signal()

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding
        self.evidence = WrappedLabel(finding.evidence)
        self.why = QPushButton()
        self.buttons = [self._make_button(remedy) for remedy in finding.remedies]
        self.listen = QPushButton(f"Listen to {counted(len(finding.clips), 'clip')}")
        self.listen.setToolTip("Lists them by rank, to listen to, leave out or move")
        self.listen.setVisible(bool(finding.clips))
        theme.set_role(self, "card")
        self.setAccessibleName(f"{finding.title}. {finding.meaning}")
        self._lay_out()
        self.listen.clicked.connect(self.clipsRequested)
        self.why.clicked.connect(lambda: self._show_evidence(self.evidence.isHidden()))
        self._show_evidence(False)

    def _show_evidence(self, shown: bool) -> None:
        self.evidence.setVisible(shown)
        self.why.setText("Hide the evidence" if shown else "Show the evidence")

    def _make_button(self, remedy: Remedy) -> QPushButton:
        button = QPushButton(remedy.on_button)
        theme.set_icon(button, _ICONS[remedy.action], size=16)
        button.setToolTip(_TIPS[remedy.action])
        button.clicked.connect(lambda: self.chosen.emit(remedy))
        return button

    def _lay_out(self) -> None:
        title = QLabel(self.finding.title)
        theme.set_role(title, "title")
        since = QLabel(f"since epoch {self.finding.epoch}" if self.finding.epoch is not None else "")
        theme.set_role(since, "muted")
        theme.set_role(self.evidence, "muted")
        theme.set_role(self.why, "link")
        theme.set_icon(self.listen, "mdi6.ear-hearing", size=16)
        top = QHBoxLayout()
        top.setSpacing(theme.GROUP)
        top.addWidget(title)
        top.addWidget(since)
        top.addStretch(1)
        top.addWidget(self.why)
        remedies = QFlowLayout()
        remedies.setContentsMargins(0, theme.GRID // 2, 0, 0)
        remedies.setHorizontalSpacing(theme.GRID)
        remedies.setVerticalSpacing(theme.GRID // 2)
        for button in ([self.listen] if self.finding.clips else []) + self.buttons:
            remedies.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(WrappedLabel(self.finding.meaning))
        column.addWidget(self.evidence)
        column.addLayout(remedies)
