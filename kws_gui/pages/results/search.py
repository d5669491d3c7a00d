"""What a search for better settings found: which options mattered, and all trials at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.errors import KwsError
from kws_engine.sweeps.folder import PastSweep, past_sweeps
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.runs.trials import headline, open_trial, titles_of, trial_text, use_settings
from kws_gui.services.navigation import Navigation
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.address_field import AddressRow
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.importance import ImportanceBars
from kws_gui.widgets.parallel import ParallelPlot, PlotAxis, PlotLine
from kws_gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from kws_engine.sweeps.events import Trial
    from kws_engine.sweeps.results import Results

_NONE = "No settings were searched yet. A search tries many settings of a network by itself and keeps the best."
_TOO_FEW = "Which option matters can be said from 5 finished trials on."
_ABOUT = "Share of each option in what sets the good trials apart from the others (PED-ANOVA, Watanabe 2023)."
_LEFT = 232  # px


class SweepView(QWidget):
    """Bars left, lines right, what to do with the chosen trial below; `picker` chooses the search.

    Signals:
        headlineChanged(text): The result in few words.
        trainRequested(): A trial's settings are on the form.
        runRequested(): `model.model_path` is a trial's model.
        failed(sentence): A search or a trial cannot be used.
    """

    headlineChanged = Signal(str)
    trainRequested = Signal()
    runRequested = Signal()
    failed = Signal(str)

    def __init__(self, model: ProjectModel, navigation: Navigation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._navigation = navigation
        self._results: Results | None = None
        self._requested = ""
        self._reading = Latest(self)
        self.picker = SweepPicker()
        self.address = AddressRow()
        self.importance = ImportanceBars()
        self.plot = ParallelPlot()
        self.trial = ElidedLabel()
        self.use = QPushButton("Use the best trial's settings")
        self.open_run = QPushButton("Open its run")
        self.search = QPushButton("Search again")
        self._nothing = EmptyState("mdi6.tune-variant", _NONE, "Search settings")
        self._too_few = WrappedLabel(_TOO_FEW)
        self._lay_out()
        self._connect()

    @property
    def results(self) -> Results | None:
        """What is shown."""
        return self._results

    def choose(self, name: str) -> None:
        """The search that `look` is to show."""
        self._requested = name

    def look(self) -> None:
        """Reads the searches of the project; what is shown stays until they are read."""
        project = self._model.project
        if project is not None:
            work = partial(_read, project.folder, self._requested, dict(self._model.addresses))
            self._reading.ask(lambda _progress, _should_stop: work())

    def is_reading(self) -> bool:
        """Whether the searches are being read."""
        return self._reading.is_working()

    def forget(self) -> None:
        """Another project is open."""
        self._reading.cancel()
        self._results = None
        self._requested = ""
        self.address.hide()
        self._pages.setCurrentWidget(self._waiting)
        self.headlineChanged.emit("")

    def shutdown(self) -> None:
        """Ends the reading."""
        self._reading.shutdown()

    # -- what is shown

    def _on_read(self, read: tuple[list[PastSweep], PastSweep | None, Results | None, str]) -> None:
        past, chosen, results, sentence = read
        if sentence:
            self.failed.emit(sentence)
        self.picker.setSweeps([one.name for one in past], chosen.name if chosen else self._requested)
        self.address.ask(chosen.storage if chosen and sentence else "")
        if results is not None:
            self._show(results)
        elif not past:
            self._show_none(self._nothing)
        elif chosen is not None and (self._results is None or self._results.name != chosen.name):
            self._show_none(self._waiting)

    def _show_none(self, page: QWidget) -> None:
        self._results = None
        self._pages.setCurrentWidget(page)
        self.headlineChanged.emit("")

    def _show(self, results: Results) -> None:
        from kws_engine.sweeps.results import parallel

        chosen = self.plot.current() if self._results and self._results.name == results.name else None
        self._results = results
        titles = titles_of(results)
        self.importance.setShares([(titles.get(path, path), share) for path, share in results.importance.items()])
        self._too_few.setVisible(not results.importance)
        drawn = parallel(results)
        trials = {trial.number: trial for trial in results.trials}
        best = results.best.number if results.best else None
        lines = [
            PlotLine(
                line.number,
                line.positions,
                line.goodness,
                line.state == "complete",
                trial_text(trials[line.number], titles, is_best=line.number == best),
            )
            for line in drawn.lines
        ]
        axes = [PlotAxis(titles.get(axis.path, axis.title), axis.ticks) for axis in drawn.axes]
        self.plot.setLines(axes, lines, current=chosen if chosen is not None else best)
        self._pages.setCurrentWidget(self._found)
        self._on_trial()
        self.headlineChanged.emit(headline(results))

    def _on_trial(self) -> None:
        trial, results = self._trial(), self._results
        self.use.setEnabled(trial is not None)
        self.open_run.setEnabled(trial is not None and bool(trial.run))
        if trial is None or results is None:
            self.trial.setFullText("")
            return
        is_best = results.best is not None and trial.number == results.best.number
        named = "the best trial's" if is_best else f"trial {trial.number}'s"
        self.use.setText(f"Use {named} settings")
        titles = titles_of(results)
        self.trial.setFullText(trial_text(trial, titles, is_best=is_best).replace("\n", " · "))

    def _trial(self) -> Trial | None:
        if self._results is None:
            return None
        number = self.plot.current()
        return next((trial for trial in self._results.trials if trial.number == number), None)

    # -- what is done

    def _on_use(self) -> None:
        trial, results = self._trial(), self._results
        if trial is not None and results is not None and use_settings(self._model, results, trial, self.failed.emit):
            self._navigation.show_page("train")

    def _on_open(self) -> None:
        trial, results = self._trial(), self._results
        if trial is not None and results is not None and open_trial(self._model, results.name, trial, self.failed.emit):
            self.runRequested.emit()

    def _on_address(self, address: str) -> None:
        self._model.remember_address(address)
        self.look()

    def _on_picked(self, name: str) -> None:
        self.choose(name)
        self.look()

    # -- making

    def _connect(self) -> None:
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(lambda sentence, _details: self.failed.emit(sentence))
        self.picker.chosen.connect(self._on_picked)
        self.address.entered.connect(self._on_address)
        self.plot.chosen.connect(lambda _number: self._on_trial())
        self.use.clicked.connect(self._on_use)
        self.open_run.clicked.connect(self._on_open)
        self.search.clicked.connect(lambda: self._navigation.show_page("search"))
        self._nothing.triggered.connect(lambda: self._navigation.show_page("search"))

    def _lay_out(self) -> None:
        self._found = QWidget()
        self._waiting = QWidget()
        self._pages = QStackedWidget()
        for page in (self._waiting, self._nothing, self._found):
            self._pages.addWidget(page)
        column = QVBoxLayout(self._found)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        row = QHBoxLayout()
        row.setSpacing(theme.GROUP)
        row.addWidget(self._make_left())
        row.addWidget(self.plot, 1)
        column.addLayout(row, 1)
        column.addWidget(self.trial)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        for button in (self.use, self.open_run):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.search)
        column.addLayout(buttons)
        theme.set_icon(self.use, "mdi6.tune", size=16)
        theme.set_icon(self.open_run, "mdi6.grid", size=16)
        theme.set_icon(self.search, "mdi6.tune-variant", size=16)
        self.use.setToolTip("Puts its options on the form for the next run; with undo")
        self.open_run.setToolTip("Shows what the trial's model gets right and wrong")
        self.search.setToolTip("Resumes a search, or starts another one")
        self.plot.setToolTip("")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.address)
        outer.addWidget(self._pages)

    def _make_left(self) -> QWidget:
        left = QWidget()
        left.setFixedWidth(_LEFT)
        title = QLabel("What matters")
        theme.set_role(title, "title")
        title.setToolTip(_ABOUT)
        theme.set_role(self._too_few, "muted")
        keys = WrappedLabel("A click chooses a trial. A drag along an axis keeps the trials that pass there.")
        theme.set_role(keys, "muted")
        keys.setToolTip(
            "Keys: Up and Down go from trial to trial, Left and Right from axis to axis, "
            "Shift with Up or Down filters, Esc shows all"
        )
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for part in (title, self.importance, self._too_few):
            column.addWidget(part)
        column.addStretch(1)
        column.addWidget(keys, 0, Qt.AlignmentFlag.AlignBottom)
        return left


class SweepPicker(QWidget):
    """The searches of the project, newest first.

    Signals:
        chosen(name): Another search.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox()
        self.box.setAccessibleName("Search to look at")
        self.box.setMinimumContentsLength(30)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(lambda _at: self.chosen.emit(self.box.currentText()))
        self._label = QLabel("Search")
        self._label.setBuddy(self.box)
        theme.set_role(self._label, "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addStretch(1)
        row.addWidget(self._label)
        row.addWidget(self.box)
        self.setSweeps([], "")

    def setSweeps(self, names: list[str], chosen: str) -> None:
        """Shows names and chooses one without saying so."""
        blocker = QSignalBlocker(self.box)
        self.box.clear()
        self.box.addItems(names)
        self.box.setCurrentText(chosen)
        blocker.unblock()
        for part in (self.box, self._label):
            part.setVisible(bool(names))


def _read(
    project: Path, name: str, addresses: Mapping[str, str]
) -> tuple[list[PastSweep], PastSweep | None, Results | None, str]:
    """The searches, the requested or else the newest one, what it found, and why it cannot be read."""
    past = past_sweeps(project)
    if not past:
        return past, None, None, ""
    from kws_engine.sweeps.results import results  # optuna loads here, in the worker, at first use

    chosen = next((one for one in past if one.name == name), past[0])
    try:
        return past, chosen, results(project, chosen.name, storage=addresses.get(chosen.storage, "")), ""
    except KwsError as error:
        return past, chosen, None, str(error)
