"""The form of a search: options with their ranges, how many trials, how many at a time."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QGridLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from kws_engine.processors import cores
from kws_engine.settings import Settings
from kws_engine.spec import Option
from kws_engine.sweeps.folder import PastSweep
from kws_engine.sweeps.space import option_at, searchable
from kws_gui import theme
from kws_gui.forms.editors import guard_wheel
from kws_gui.forms.fold import Fold
from kws_gui.pages.search.option_row import OptionRow, title_of
from kws_gui.widgets.address_field import AddressField
from kws_gui.widgets.wrapped_label import WrappedLabel

_BY = {"loss": "lowest validation loss", "accuracy": "most clips right"}
_PRUNING = {"median": "worse than the median", "hyperband": "chosen by Hyperband", "none": "none"}
_ABOUT = "Each trial trains a network with other values of these options; the rest is as on the Train page."
_FIXED = "This search has these options for good. To change them, start a new one."
_MOST_TRIALS = 1000
_LABELS = 72  # px


class OptionPicker(QComboBox):
    """Every option that can be searched; typing finds it by any part of its name.

    Signals:
        picked(path): An option was chosen.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        edit = self.lineEdit()
        completer = self.completer()
        assert edit is not None and completer is not None  # as the box is editable
        self._edit = edit
        self._completer = completer
        edit.setPlaceholderText("Add an option …")
        edit.setAccessibleName("Add an option to search")
        self.setAccessibleName("Add an option to search")
        self.setMaxVisibleItems(14)
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(14)
        guard_wheel(self)
        self.activated.connect(self._on_activated)
        edit.returnPressed.connect(self._on_return)
        edit.installEventFilter(self)

    def setOptions(self, options: list[tuple[str, Option]]) -> None:
        """Offers these."""
        blocker = QSignalBlocker(self)
        self.clear()
        for path, option in options:
            self.addItem(title_of(path, option.title), path)
            self.setItemData(self.count() - 1, f"{option.help}\n{path}", Qt.ItemDataRole.ToolTipRole)
        self._empty()
        blocker.unblock()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            popup = self._completer.popup()
            if popup is None or not popup.isVisible():
                self._empty()
        return super().eventFilter(watched, event)

    def _is_list_open(self) -> bool:
        popup = self._completer.popup()
        return popup is not None and popup.isVisible()

    def _on_activated(self, index: int) -> None:
        path = self.itemData(index)
        self._empty()
        if path:
            self.picked.emit(path)

    def _on_return(self) -> None:
        """Takes what is typed where only one option fits."""
        typed = self._edit.text().strip().casefold()
        fitting = [at for at in range(self.count()) if typed and typed in self.itemText(at).casefold()]
        if len(fitting) == 1:
            self._on_activated(fitting[0])

    def _empty(self) -> None:
        self.setCurrentIndex(-1)
        self.clearEditText()


class SearchForm(QWidget):
    """Rows of options, trials and workers.

    Signals:
        changed(): The person changed what is to be searched.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = Settings()
        self._rows: list[OptionRow] = []
        self._is_fixed = False
        self._offered_for = ("", "")
        self._options: dict[str, Option] = {}
        self.about = WrappedLabel(_ABOUT)
        self.picker = OptionPicker()
        self.trials = QSpinBox()
        self.workers = QSpinBox()
        self.by = QComboBox()
        self.pruning = QComboBox()
        self.storage = AddressField()
        self._lay_out()
        self.picker.picked.connect(self.add)

    def set_settings(self, settings: Settings) -> None:
        """The options that are not searched; network and feature decide which ones there are."""
        self._settings = settings
        chosen = (settings.model.name, settings.feature.name)
        if chosen != self._offered_for:
            self._offered_for = chosen
            self._options = dict(searchable(settings))
        for row in self._rows:
            row.set_settings(settings)
        self._offer()

    def rows(self) -> list[OptionRow]:
        """The options chosen."""
        return list(self._rows)

    def add(self, path: str, text: str = "") -> OptionRow:
        """Adds an option, with a range around the value that is set."""
        row = OptionRow(path, self._options[path], self._settings, text)
        row.changed.connect(self.changed)
        row.removed.connect(lambda: self.remove(row))
        self._rows.append(row)
        self._column.addWidget(row)
        self._offer()
        self.changed.emit()
        (next(iter(row.choices.values())) if row.choices else row.low).setFocus()
        return row

    def remove(self, row: OptionRow) -> None:
        """Removes an option, which keeps its value on the Train page."""
        self._rows.remove(row)
        self._column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._offer()
        self.changed.emit()

    def assignments(self) -> tuple[str, ...]:
        """As `kws sweep --set` takes them."""
        return tuple(f"{row.path}={row.text()}" for row in self._rows)

    def mistakes(self) -> list[OptionRow]:
        """The rows with a mistake."""
        return [row for row in self._rows if row.mistake()]

    def row(self, path: str) -> OptionRow | None:
        """The row of that option."""
        return next((row for row in self._rows if row.path == path), None)

    def is_fixed(self) -> bool:
        """Whether the options are those of a past search."""
        return self._is_fixed

    def show_past(self, past: PastSweep | None, *, options: Settings | None = None) -> None:
        """Shows the options of a past search, which cannot be changed; None for a new search without any."""
        self._is_fixed = False
        for row in self.rows():
            self.remove(row)
        self.about.setText(_FIXED if past else _ABOUT)
        if past is not None:
            base = options or self._settings
            for path, text in past.options.items():
                row = OptionRow(path, option_at(base, path), base, text)
                row.setEnabled(False)
                row.remove.hide()
                self._rows.append(row)
                self._column.addWidget(row)
            self.trials.setValue(past.trials)
            self.by.setCurrentIndex(self.by.findData(past.by))
        self._is_fixed = past is not None
        self.picker.setVisible(past is None)
        for box in (self.by, self.pruning):
            box.setEnabled(past is None)
        self.changed.emit()

    def address(self) -> str:
        """The address of the search's database; empty for a file in the project."""
        return self.storage.address()

    def show_storage(self, past: PastSweep | None, addresses: Mapping[str, str]) -> None:
        """Shows where a search is stored: of a past one, only its password may be missing.

        Args:
            past: The search; None for a new one.
            addresses: Addresses as they were entered, by the address without its password.
        """
        stored = past.storage if past is not None else ""
        self.storage.setAddress(addresses.get(stored, stored))
        self.storage.setEnabled(past is None or bool(stored))

    def _offer(self) -> None:
        taken = {row.path for row in self._rows}
        self.picker.setOptions([(path, option) for path, option in self._options.items() if path not in taken])

    def _lay_out(self) -> None:
        title = QLabel("Options to try")
        theme.set_role(title, "title")
        theme.set_role(self.about, "muted")
        self._column = QVBoxLayout()
        self._column.setSpacing(theme.GROUP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for part in (title, self.about, self.picker):
            column.addWidget(part)
        column.addLayout(self._column)
        column.addSpacing(theme.GRID)
        column.addLayout(self._make_numbers())
        self.more = self._make_more()
        column.addWidget(self.more)
        column.addStretch(1)

    def _make_numbers(self) -> QGridLayout:
        self.trials.setRange(1, _MOST_TRIALS)
        self.trials.setValue(30)
        self.trials.setToolTip("How many trials in all, those finished before among them")
        self.workers.setRange(1, max(1, cores()))
        self.workers.setToolTip("Trials that run at the same time, each in a process of its own")
        return _grid({"Trials": self.trials, "At a time": self.workers})

    def _make_more(self) -> Fold:
        for box, choices in ((self.by, _BY), (self.pruning, _PRUNING)):
            for key, words in choices.items():
                box.addItem(words, key)
        for guarded in (self.by, self.pruning, self.trials, self.workers):
            guard_wheel(guarded)
        for number in (self.trials, self.workers):
            number.lineEdit().setTextMargins(5, 0, 0, 0)
        content = QWidget()
        content.setLayout(_grid({"Best is": self.by, "End early": self.pruning, "Storage": self.storage}))
        self.pruning.setToolTip("Trials that end before their last epoch because they promise little")
        return Fold("More", content)


def _grid(fields: dict[str, QWidget]) -> QGridLayout:
    """Labels on the left, each centred on its field."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(theme.GRID)
    grid.setColumnMinimumWidth(0, _LABELS)
    grid.setColumnStretch(1, 1)
    for row, (words, field) in enumerate(fields.items()):
        label = QLabel(words)
        label.setBuddy(field)
        grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(field, row, 1)
    return grid
