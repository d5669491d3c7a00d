"""What the live run's curves mean so far, as one quiet line with its remedy; knows no process."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import KwsError
from kws_engine.evaluation.diagnosis import Finding, Remedy, settings_after, watch
from kws_engine.settings import Settings
from kws_engine.training.events import Started
from kws_gui.pages.train.run_view import RunView

_TO_WORDS = ("record", "import", "open_words")


class LiveFinding(QObject):
    """Looks at the curves whenever epochs came.

    Signals:
        settingsChosen(settings): The remedy's options, to be put on the form.
        wordsRequested(): The remedy is on the Words page.
        failed(str): The remedy no longer fits, in words.
    """

    settingsChosen = Signal(object)
    wordsRequested = Signal()
    failed = Signal(str)

    def __init__(self, view: RunView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._settings: Settings | None = None
        self._started: Started | None = None
        self._finding: Finding | None = None
        view.remedyTriggered.connect(self._on_remedy)
        view.epochsAdded.connect(self._look)

    def begin(self, settings: Settings | None, started: Started) -> None:
        """A run stands; these are its settings, None where this program does not know them."""
        self._settings, self._started, self._finding = settings, started, None

    def show(self) -> None:
        """Says it again, after the view has shown another run."""
        finding = self._finding
        if finding is None or not self._view.shows_live():
            return
        remedy = self._remedy()
        tooltip = f"{finding.meaning}\n{remedy.title}" if remedy else finding.meaning
        self._view.setFinding(f"{finding.title}: {finding.evidence}", tooltip, _words_of(remedy))

    def finding(self) -> Finding | None:
        """What was found last in the live run."""
        return self._finding

    def _look(self) -> None:
        started, settings = self._started, self._settings
        if started is None or settings is None:
            return
        found = watch(
            self._view.live_epochs(),
            settings=settings,
            validation_clips=sum(started.validation.values()),
            labels=len(started.labels),
        )
        if found is None and self._finding is not None and self._view.shows_live():
            self._view.setFinding("")
        self._finding = found
        self.show()

    def _remedy(self) -> Remedy | None:
        """The first that fills in the form, else the first that the Words page serves."""
        remedies = self._finding.remedies if self._finding else ()
        changing = [one for one in remedies if one.changes]
        return next(iter(changing), None) or next((one for one in remedies if one.action in _TO_WORDS), None)

    def _on_remedy(self) -> None:
        remedy = self._remedy()
        if remedy is None or self._settings is None:
            return
        if not remedy.changes:
            self.wordsRequested.emit()
            return
        try:
            self.settingsChosen.emit(settings_after(self._settings, remedy))
        except KwsError as error:
            self.failed.emit(str(error))


def _words_of(remedy: Remedy | None) -> str:
    """The button's words: a link of a few, the whole title is in the tooltip."""
    if remedy is None:
        return ""
    return "Use for the next run" if remedy.changes else "Open Words"
