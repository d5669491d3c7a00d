"""Asks which project to open, or for name, place and first words of a new one."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.words import check_new_word, check_word
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.services import remembered
from kws_gui.services.projects import Projects
from kws_gui.widgets.elided_label import ElidedLabel

_WHAT_IS_NEEDED = (
    "Eight takes of each word are enough to begin; more takes, by more people, make the model "
    "more reliable. Other words and noise, which it must not confuse with yours, are supplied."
)


def ask_which_to_open(projects: Projects, parent: QWidget) -> None:
    """Asks for a project's folder and opens it."""
    chosen = QFileDialog.getExistingDirectory(parent, "Open a project", str(remembered.projects_folder()))
    if chosen:
        projects.open(Path(chosen))


def ask_new_project(projects: Projects, parent: QWidget) -> None:
    """Asks for name, place and words of a new project, then makes and opens it."""
    dialog = NewProjectDialog(parent)
    dialog.chosen.connect(projects.create)
    dialog.open()


class NewProjectDialog(QDialog):
    """Checks while the person types; the button works only when everything fits.

    Signals:
        chosen(folder, words): The folder does not exist yet.
    """

    chosen = Signal(object, list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New project")
        self._parent_folder = remembered.projects_folder()
        self.name = QLineEdit(remembered.free_folder(self._parent_folder, "my-words").name)
        self.words = QLineEdit()
        self.words.setPlaceholderText("for example: left, right, stop")
        self._place = ElidedLabel()
        self._fault = QLabel()
        self._fault.setWordWrap(True)
        theme.set_role(self._fault, "error")
        theme.set_role(self._place, "muted")
        self.create_button = QPushButton("Create project")
        theme.set_role(self.create_button, "primary")
        self.create_button.setDefault(True)
        self._lay_out()
        self.name.textChanged.connect(self._check)
        self.words.textChanged.connect(self._check)
        self.create_button.clicked.connect(self._on_create)
        self._check()
        self.name.selectAll()

    def _lay_out(self) -> None:
        elsewhere = QPushButton("Choose…")
        elsewhere.setToolTip("Another folder for the project")
        elsewhere.setAutoDefault(False)
        elsewhere.clicked.connect(self._on_elsewhere)
        place = QHBoxLayout()
        place.addWidget(self._place, 1)
        place.addWidget(elsewhere)
        form = QGridLayout()
        form.setSpacing(theme.GRID)
        form.setColumnStretch(1, 1)
        for row, (text, field) in enumerate((("&Name", self.name), ("&Folder", elsewhere), ("&Words", self.words))):
            label = QLabel(text)
            label.setBuddy(field)
            form.addWidget(label, row, 0)
        form.addWidget(self.name, 0, 1)
        form.addLayout(place, 1, 1)
        form.addWidget(self.words, 2, 1)
        cancel = QPushButton("Cancel")
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(cancel)
        buttons.addWidget(self.create_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GROUP)
        column.addLayout(form)
        needed = QLabel(_WHAT_IS_NEEDED)
        needed.setWordWrap(True)
        theme.set_role(needed, "muted")
        column.addWidget(needed)
        column.addWidget(self._fault)
        column.addLayout(buttons)
        self.setMinimumWidth(520)

    def _words(self) -> list[str]:
        return [word.strip() for word in re.split(r"[,\n;]", self.words.text()) if word.strip()]

    def _folder(self) -> Path:
        return self._parent_folder / self.name.text().strip()

    def _check(self) -> None:
        self._place.setFullText(str(self._folder()))
        fault = self._find_fault()
        self._fault.setText(fault or " ")
        self.create_button.setEnabled(not fault)

    def _find_fault(self) -> str:
        try:
            check_word(self.name.text(), noun="name")  # a project's name is a folder's name as well
        except KwsError as error:
            return str(error)
        if self._folder().exists():
            return f"There is a folder {self._folder().name} already: choose another name."
        taken: list[str] = []
        try:
            for word in self._words():
                taken.append(check_new_word(word, taken))
        except KwsError as error:
            return str(error)
        return ""

    def _on_elsewhere(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the new project", str(self._parent_folder))
        if folder:
            self._parent_folder = Path(folder)
            self._check()

    def _on_create(self) -> None:
        self.chosen.emit(self._folder(), self._words())
        self.accept()
