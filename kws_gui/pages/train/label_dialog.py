"""A dialog for the name, the tags and the note of a run."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from kws_engine.errors import TrainingError
from kws_engine.runs.label_file import Label
from kws_engine.runs.labels import LONGEST_NAME, checked
from kws_gui import theme
from kws_gui.widgets.wrapped_label import WrappedLabel

_WIDTH = 420  # px


class LabelDialog(QDialog):
    """Name, tags, note; what is not valid is reported in the dialog.

    Signals:
        labelled(Label): Save was pressed, and all is valid.
    """

    labelled = Signal(object)

    def __init__(self, label: Label, folder_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Name, tags and note")
        self.name = QLineEdit(label.name)
        self.tags = QLineEdit(", ".join(label.tags))
        self.note = QPlainTextEdit(label.note)
        self.error = WrappedLabel()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setPlaceholderText(folder_name)
        self.tags.setPlaceholderText("baseline, for the lecture")
        self.note.setPlaceholderText("What you tried, and what came of it")
        self.note.setTabChangesFocus(True)
        theme.set_role(self.error, "error")
        self.buttons = QDialogButtonBox()
        self.save = self.buttons.addButton("Save", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        theme.set_role(self.save, "primary")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        self.tags.setFocus()

    def label(self) -> Label:
        """The label as typed; tags are separated by commas.

        Raises:
            TrainingError: Something is not valid.
        """
        tags = tuple(tag.strip().removeprefix("#") for tag in self.tags.text().split(","))
        return checked(Label(self.name.text(), tags, self.note.toPlainText().strip()))

    def accept(self) -> None:
        try:
            label = self.label()
        except TrainingError as error:
            self.error.setText(str(error))
            return
        super().accept()
        self.labelled.emit(label)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setSpacing(theme.GRID)
        for title, field in (("Name", self.name), ("Tags", self.tags), ("Note", self.note)):
            field.setAccessibleName(title)
            words = QLabel(title)
            words.setBuddy(field)
            form.addRow(words, field)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GROUP)
        for part in (form, self.error, self.buttons):
            column.addLayout(part) if isinstance(part, QFormLayout) else column.addWidget(part)
        self.setMinimumWidth(_WIDTH)
