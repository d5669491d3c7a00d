"""What the live run's curves mean so far, in one line with a remedy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import KwsError
from kws_engine.evaluation.diagnosis import Finding, Remedy, Voices, settings_after, watch
from kws_gui.bridges.latest import Latest
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
        self._voices: Voices | None = None
        self._asked_of = ""
        self._counting = Latest(self)
        self._counting.answered.connect(self._on_voices)
        view.remedyTriggered.connect(self._on_remedy)

    def finding(self) -> Finding | None:
        """The newest finding on the live run."""
        return self._finding

    def look(self, live: LiveRun) -> None:
        """Diagnoses a run by its epochs so far, and shows what was found.

        Who says the words is read in the background, once for each run; until it is known, it is no matter.
        """
        self._live = live
        if (
            live.started is not None and live.epochs and live.started.run != self._asked_of
        ):  # its list of clips is written
            self._asked_of, self._voices = live.started.run, None
            self._counting.ask(partial(_voices_in, Path(live.started.run)))
        before = self._finding
        self._finding = self._find(live)
        if self._finding is None and before is not None and self._view.shows_live():
            self._view.setFinding("")
        self.show()

    def show(self) -> None:
        """Shows the finding again, after the view has shown another run."""
        if self._finding is None or not self._view.shows_live():
            return
        remedy = self._remedy()
        text = f"{self._finding.title}: {self._finding.brief}"
        tooltip = f"{self._finding.meaning} {self._finding.evidence}"
        self._view.setFinding(text, tooltip, remedy.on_button if remedy else "")

    def shutdown(self) -> None:
        """Ends the thread; none is started any more."""
        self._counting.shutdown()

    def _find(self, live: LiveRun) -> Finding | None:
        settings = live.settings
        if live.started is None or settings is None or not live.epochs:
            return None
        return watch(
            live.epochs,
            settings=settings,
            training=live.started.training,
            validation=live.started.validation,
            voices=self._voices,
        )

    def _on_voices(self, voices: Voices | None) -> None:
        self._voices = voices
        if self._live is not None:
            self.look(self._live)

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


def _voices_in(run: Path, progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Voices | None:
    from kws_engine.runs.diagnosing import voices_in

    return voices_in(run)
