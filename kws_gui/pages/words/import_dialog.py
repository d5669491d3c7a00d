"""What an import asks: which words to teach, who speaks, and whether a list of the recordings says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.importing import SpeakerRule
from kws_engine.errors import ProjectError
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob
from kws_gui.dropped import dragged
from kws_gui.pages.words.importing import Choice, Looked, Source, look_at, unknown_speakers
from kws_gui.widgets.dialog_size import size_in
from kws_gui.widgets.wrapped_label import WrappedLabel

_AS_NAMED, _ONE, _FILE, _FOLDER, _PATTERN = range(5)
_SPEAKERS = {
    _AS_NAMED: "as names and lists say",
    _ONE: "one person, called",
    _FILE: "another person in each file",
    _FOLDER: "the folder that files lie in is the person",
    _PATTERN: "the name says it, as in",
}
_LISTS = (".csv", ".tsv")
_MOST_NOTES = 4
_WIDTH, _HEIGHT = 520, 560  # px


class ImportDialog(QDialog):
    """Looks at the folder again whenever an answer changes what is in it.

    Signals:
        chosen: (Looked, Choice).
    """

    chosen = Signal(object, object)

    def __init__(self, looked: Looked, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Import {looked.source.folder.name}")
        self._looked = looked
        self._source: Source = looked.source
        self._job: LongJob | None = None
        self.notes = WrappedLabel()
        theme.set_role(self.notes, "muted")
        self.list = QListWidget()
        self.list.setAccessibleName("Words to import")
        self.rest = QCheckBox("Use the others as examples of other words")
        self.rest.setToolTip("The model learns not to answer to them")
        self.rest.setChecked(True)
        self.speakers = QComboBox()
        self.speakers.setAccessibleName("Who speaks")
        self.speakers.addItems(list(_SPEAKERS.values()))
        self.speaker_field = QLineEdit()
        self.said = WrappedLabel()
        self.list_button = QPushButton("Choose a list…")
        self.list_button.setToolTip("A CSV or TSV with columns for path, word, speaker and part; you can drop it here")
        self.list_name = QLabel()
        theme.set_role(self.list_name, "muted")
        self.go = QPushButton("Import")
        theme.set_role(self.go, "primary")
        self.go.setDefault(True)
        self._lay_out()
        self.setAcceptDrops(True)
        self.go.clicked.connect(self._on_go)
        self.list.itemChanged.connect(self._count)
        self.rest.toggled.connect(self._count)
        self.speakers.currentIndexChanged.connect(self._on_way)
        self.speaker_field.editingFinished.connect(self._look_again)
        self.list_button.clicked.connect(self._on_choose_list)
        self._on_way(self.speakers.currentIndex())
        self._show(looked)

    # -- events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if list_of(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        table = list_of(event)
        if table is not None:
            event.acceptProposedAction()
            self.use_list(table)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._stop_looking()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        self._stop_looking()
        super().done(result)

    # -- answers

    def use_list(self, table: Path) -> None:
        """Takes words, speakers and parts from a list."""
        self._source = replace(self._source, list_file=table)
        self._look_again(must=True)

    def _rule(self) -> SpeakerRule:
        text = self.speaker_field.text().strip()
        way = self.speakers.currentIndex()
        if way == _ONE:
            return SpeakerRule(everyone=text)
        if way == _PATTERN and text and "{" not in text:
            raise ProjectError("A pattern has {speaker} in it, such as {speaker}_{take} or {word}_{speaker}_{take}.")
        return SpeakerRule(source={_FILE: "file", _FOLDER: "folder", _PATTERN: text}.get(way, ""))

    def _on_way(self, way: int) -> None:
        self.speaker_field.setVisible(way in (_ONE, _PATTERN))
        self.speaker_field.setPlaceholderText("a name" if way == _ONE else "{speaker}_{take}")
        self.speaker_field.setAccessibleName("Name of the speaker" if way == _ONE else "Pattern of the names")
        self._look_again()

    def _look_again(self, *, must: bool = False) -> None:
        try:
            source = replace(self._source, rule=self._rule())
        except ProjectError as error:
            self._say(str(error), role="error")
            self.go.setEnabled(False)
            return
        if source == self._looked.source and not must and self._job is None:
            self._show(self._looked)
            return
        self._stop_looking()
        self._source = source
        self.go.setEnabled(False)
        project = self._looked.project
        self._job = LongJob(lambda progress, should_stop: look_at(project, source), self)
        self._job.finished.connect(self._on_looked)
        self._job.failed.connect(self._on_failed)
        self._job.start()

    def _stop_looking(self) -> None:
        if self._job is not None:
            self._job.finished.disconnect(self._on_looked)
            self._job.failed.disconnect(self._on_failed)
            self._job = None

    def _on_looked(self, looked: Looked) -> None:
        self._job = None
        self._looked = looked
        self._show(looked)

    def _on_failed(self, sentence: str, details: str) -> None:
        self._job = None
        self._say(sentence, role="error")
        self.go.setEnabled(False)

    def _on_choose_list(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "A list of the recordings", str(self._source.folder), "Lists (*.csv *.tsv)"
        )
        if chosen:
            self.use_list(Path(chosen))

    # -- what is shown

    def _show(self, looked: Looked) -> None:
        plan = looked.plan
        self.list_name.setText(looked.source.list_file.name if looked.source.list_file else "none")
        self._show_words(dict(plan.words) if plan else {})
        self.notes.setText("\n".join(plan.notes[:_MOST_NOTES]) if plan else "")
        self.notes.setVisible(bool(self.notes.text()))
        if looked.unclear is not None:
            names = ", ".join(path.name for path in looked.unclear.folders[:_MOST_NOTES])
            self._say(
                f"The recordings lie one folder deeper: import one of {names} instead, or say that the folder which "
                "files lie in is the person.",
                role="error",
            )
        elif plan is not None and plan.speakers_unknown:
            self._say(unknown_speakers(plan.speakers_unknown, plan.one_speaker), role="warning")
        else:
            self._say("", role="muted")
        self._count()

    def _show_words(self, words: dict[str, int]) -> None:
        if [self.list.item(row).text() for row in range(self.list.count())] == list(words):
            return
        known = [word for word in words if word in self._looked.project.words] or list(words)
        self.list.blockSignals(True)
        self.list.clear()
        for word, count in words.items():
            item = QListWidgetItem(word)
            item.setToolTip(f"{count:,} recording{'s' * (count != 1)}")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if word in known else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.blockSignals(False)

    def _say(self, text: str, *, role: str) -> None:
        theme.set_role(self.said, role)
        self.said.setText(text)
        self.said.setVisible(bool(text))

    def _checked(self) -> list[str]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def _count(self) -> None:
        count, there = len(self._checked()), self.list.count()
        self.rest.setEnabled(count < there)
        self.rest.setVisible(there > 1)
        has_any = count > 0 or self.rest.isChecked() or not there
        self.go.setEnabled(self._looked.plan is not None and self._job is None and has_any)
        self.go.setText(f"Import {count} word{'s' * (count != 1)}" if there else "Import")

    def _on_go(self) -> None:
        words = self._checked()
        is_all = len(words) == self.list.count()
        choice = Choice(None if is_all else tuple(words), self.rest.isChecked() and self.rest.isEnabled())
        self.chosen.emit(self._looked, choice)
        self.accept()

    def _lay_out(self) -> None:
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(self.notes)
        column.addWidget(QLabel("Words to teach"))
        column.addWidget(self.list, 1)
        column.addWidget(self.rest)
        column.addSpacing(theme.GRID)
        column.addLayout(_row(QLabel("Who speaks:"), self.speakers, self.speaker_field, stretch=2))
        column.addWidget(self.said)
        column.addLayout(_row(QLabel("List of the recordings:"), self.list_name, self.list_button, stretch=1))
        column.addSpacing(theme.GRID)
        column.addLayout(_row(QLabel(), cancel, self.go, stretch=0))
        self.list.setMinimumHeight(96)
        self.resize(size_in(self.parentWidget(), _WIDTH, _HEIGHT))


def _row(*widgets: QWidget, stretch: int) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(theme.GRID)
    for at, widget in enumerate(widgets):
        row.addWidget(widget, int(at == stretch))
    return row


def list_of(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """The list of recordings that is dragged, if one is."""
    return next((path for path in dragged(event) if path.suffix.lower() in _LISTS and path.is_file()), None)
