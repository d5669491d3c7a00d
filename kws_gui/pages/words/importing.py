"""Importing a folder of recordings: which words to take, progress, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.clip import word_folders
from kws_engine.clips.importing import Imported, import_folder
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob
from kws_gui.forms.fold import Fold
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow

_MOST_LISTED = 1_000


class ImportDialog(QDialog):
    """Which subfolders are words to teach; the others may serve as other words.

    Signals:
        chosen: (words, rest_unknown).
    """

    chosen = Signal(list, bool)

    def __init__(
        self, folder: Path, names: Sequence[str], taught: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Import {folder.name}")
        self.list = QListWidget()
        self.list.setAccessibleName("Words to import")
        known = [name for name in names if name in taught] or list(names)
        for name in names:
            item = QListWidgetItem(name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if name in known else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.rest = QCheckBox("Use the others as examples of other words")
        self.rest.setToolTip("The model learns not to answer to them")
        self.rest.setChecked(True)
        self.go = QPushButton("Import")
        theme.set_role(self.go, "primary")
        self.go.setDefault(True)
        self.go.clicked.connect(self._on_go)
        self.list.itemChanged.connect(self._count)
        self._lay_out()
        self._count()

    def _lay_out(self) -> None:
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(QLabel("Words to teach"))
        column.addWidget(self.list, 1)
        column.addWidget(self.rest)
        column.addSpacing(theme.GRID)
        column.addLayout(buttons)
        self.resize(420, 480)

    def _checked(self) -> list[str]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def _count(self) -> None:
        count = len(self._checked())
        self.rest.setEnabled(count < self.list.count())
        self.go.setEnabled(count > 0 or self.rest.isChecked())
        self.go.setText(f"Import {count} word{'s' * (count != 1)}")

    def _on_go(self) -> None:
        self.chosen.emit(self._checked(), self.rest.isChecked() and self.rest.isEnabled())
        self.accept()


class ImportPanel(QWidget):
    """Hidden until something is imported: progress, then the result in words with what was left out and why.

    Signals:
        imported: An `Imported`; also of one that was cancelled.
    """

    imported = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress = ProgressRow()
        self.result = MessageBar()
        self.left_out = QListWidget()
        self.left_out.setAccessibleName("Files left out")
        self.left_out.setFixedHeight(120)
        self.left_out.setWordWrap(True)
        self.fold = Fold("Left out", self.left_out)
        self.fold.hide()
        self._job: LongJob | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        for part in (self.progress, self.result, self.fold):
            column.addWidget(part)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.result.dismissed.connect(self._on_dismissed)
        self.hide()

    @property
    def is_running(self) -> bool:
        return self._job is not None

    def start(self, project: Project, folder: Path, words: Sequence[str] | None, rest_unknown: bool) -> None:
        """Imports in the background; does nothing while an import is running."""
        if self._job is not None:
            return
        self._on_dismissed()
        self.show()
        self.progress.start(f"Importing {folder.name}")
        self._job = LongJob(
            lambda progress, should_stop: import_folder(
                project, folder, words=words, rest_unknown=rest_unknown, progress=progress, should_stop=should_stop
            ),
            self,
        )
        self._job.progressed.connect(self.progress.setProgress)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.start()

    def shutdown(self) -> None:
        """Ends the import; the clips imported by then stay."""
        if self._job is not None:
            self._job.wait()

    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _on_finished(self, imported: Imported) -> None:
        self._end()
        is_complete = not (imported.skipped or imported.stopped)
        self.result.showMessage("success" if is_complete else "warning", _result_text(imported))
        for skipped in imported.skipped[:_MOST_LISTED]:
            item = QListWidgetItem(f"{skipped.path.name}: {skipped.reason}")
            item.setToolTip(str(skipped.path))
            self.left_out.addItem(item)
        self.fold.setState(_count(len(imported.skipped), "file or folder", "files and folders"))
        self.fold.setVisible(bool(imported.skipped))
        self.imported.emit(imported)

    def _on_failed(self, sentence: str, details: str) -> None:
        self._end()
        self.result.showMessage("error", sentence, details=details)
        self.imported.emit(None)

    def _end(self) -> None:
        assert self._job is not None
        self.progress.finish()
        self._job.deleteLater()
        self._job = None

    def _on_dismissed(self) -> None:
        self.result.clear()
        self.left_out.clear()
        self.fold.hide()
        self.hide()


def folders_to_choose(folder: Path) -> list[str]:
    """The subfolders that may be words; none where the folder itself is one word or cannot be read."""
    root = ProjectFolder(folder).clips if ProjectFolder(folder).is_project else folder
    try:
        return [path.name for path in word_folders(root) if path.name != UNKNOWN]
    except KwsError:
        return []


def _result_text(imported: Imported) -> str:
    """The result in one sentence."""
    parts = []
    if imported.clips:
        parts.append(f"{_count(imported.clips, 'clip', 'clips')} of {_count(len(imported.words), 'word', 'words')}")
    if imported.noises:
        parts.append(_count(imported.noises, "noise recording", "noise recordings"))
    sentence = f"Imported {' and '.join(parts)}" if parts else "Nothing new was imported"
    if imported.already_there:
        sentence += f"; {imported.already_there:,} were there already"
    if imported.skipped:
        sentence += f"; {len(imported.skipped):,} left out, listed below"
    return f"{'Cancelled. ' if imported.stopped else ''}{sentence}."


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
