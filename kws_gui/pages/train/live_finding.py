"""What the live run's curves mean so far, in one line with a remedy."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import KwsError
from kws_engine.evaluation.diagnosis import Finding, Remedy, settings_after, watch
from kws_gui.pages.train.run_view import RunView
from kws_gui.services.training import LiveRun

_ON_WORDS_PAGE = ("record", "import", "open_words")


class LiveFinding(QObject):
    """Diagnoses the live run anew whenever it has more epochs, and shows the finding below its curves.

    Signals:
        settingsChosen(Settings): The remedy's options, to be put on the form.
        wordsRequested(): The remedy is on the Words page.
        failed(str): The remedy no longer fits.
    """

    settingsChosen = Signal(object)
    wordsRequested = Signal()
    failed = Signal(str)

    def __init__(self, view: RunView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._live: LiveRun | None = None
        self._finding: Finding | None = None
        view.remedyTriggered.connect(self._on_remedy)

    def finding(self) -> Finding | None:
        """The newest finding on the live run."""
        return self._finding

    def look(self, live: LiveRun) -> None:
        """Diagnoses a run by its epochs so far, and shows what was found."""
        self._live = live
        before = self._finding
        self._finding = _find(live)
        if self._finding is None and before is not None and self._view.shows_live():
            self._view.setFinding("")
        self.show()

    def show(self) -> None:
        """Shows the finding again, after the view has shown another run."""
        if self._finding is None or not self._view.shows_live():
            return
        remedy = self._remedy()
        tooltip = f"{self._finding.meaning}\n{remedy.title}" if remedy else self._finding.meaning
        self._view.setFinding(f"{self._finding.title}: {self._finding.evidence}", tooltip, _button_text(remedy))

    def _remedy(self) -> Remedy | None:
        """The first that changes settings, else the first that the Words page serves."""
        remedies = self._finding.remedies if self._finding else ()
        changing = [one for one in remedies if one.changes]
        return next(iter(changing), None) or next((one for one in remedies if one.action in _ON_WORDS_PAGE), None)

    def _on_remedy(self) -> None:
        remedy = self._remedy()
        settings = self._live.settings if self._live else None
        if remedy is None or settings is None:
            return
        if not remedy.changes:
            self.wordsRequested.emit()
            return
        try:
            self.settingsChosen.emit(settings_after(settings, remedy))
        except KwsError as error:
            self.failed.emit(str(error))


def _find(live: LiveRun) -> Finding | None:
    settings = live.settings
    if live.started is None or settings is None or not live.epochs:
        return None
    return watch(
        live.epochs,
        settings=settings,
        validation_clips=sum(live.started.validation.values()),
        labels=len(live.started.labels),
    )


def _button_text(remedy: Remedy | None) -> str:
    """A link of a few words; the remedy's title is in the tooltip."""
    if remedy is None:
        return ""
    return "Use for the next run" if remedy.changes else "Open Words"
