"""What comes into the words and goes out of them: folders, files, synthetic voices and exports; asks first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from kws_engine.clips.cutting import PieceReader
from kws_engine.clips.exporting import Kind
from kws_engine.clips.import_files import ImportFile
from kws_engine.clips.importing import Imported
from kws_engine.clips.synthetic import SynthesisConfig
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.player import Player
from kws_gui.pages.words.import_dialog import ImportDialog
from kws_gui.pages.words.importing import Choice, ImportPanel, Looked, Planned, Source
from kws_gui.pages.words.review_dialog import ReviewDialog
from kws_gui.pages.words.synthesis_dialog import SynthesisDialog
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recordings import Recordings, Samples

_EXPORTS: dict[str, tuple[Kind, bool]] = {
    "Speech Commands as a zip (*.zip)": ("zip", False),
    "Speech Commands as a folder (*)": ("folder", False),
    "The whole project as a zip (*.zip)": ("project", False),
    "The whole project with its runs as a zip (*.zip)": ("project", True),
}


class Transfers(QObject):
    """Dialogs before an import; the panel does it, shows how far it is, and what is undone in the background.

    Signals:
        warned(sentence): A recording cannot be heard.
    """

    warned = Signal(str)

    def __init__(
        self, page: QWidget, model: ProjectModel, panel: ImportPanel, *, recordings: Recordings, player: Player
    ) -> None:
        super().__init__(page)
        self._page, self._model, self._panel, self._recordings, self._player = page, model, panel, recordings, player
        self.dialog: ImportDialog | None = None
        self.review: ReviewDialog | None = None
        self.voices: SynthesisDialog | None = None
        self._pieces = Latest(self)
        self._pieces.answered.connect(lambda piece: player.play(*piece))
        self._pieces.failed.connect(lambda sentence, _: self.warned.emit(sentence))
        panel.looked.connect(self._on_looked)
        panel.planned.connect(self._on_planned)
        panel.imported.connect(self._on_imported)
        panel.busyChanged.connect(model.undo_stack.setBusy)
        panel.follow(recordings.undoing)

    def shutdown(self) -> None:
        """Reads no more pieces of recordings."""
        self._pieces.shutdown()

    # -- importing

    def import_folder(self, folder: Path | None = None, list_file: Path | None = None) -> None:
        """Imports a folder of recordings, or asks for one; asks what is not clear: words, and who speaks.

        Args:
            folder: Where the recordings are.
            list_file: A table of them.
        """
        project = self._model.project
        if project is None or self._panel.is_running:
            return
        if folder is None:
            chosen = QFileDialog.getExistingDirectory(self._page, "Import a folder of recordings")
            if not chosen:
                return
            folder = Path(chosen)
        self._panel.look(project, Source(folder, list_file))

    def take_dropped(self, paths: Sequence[Path], word: str) -> None:
        """Shows what is in files and folders, to change before it is imported; asks first what is not clear.

        Args:
            paths: As `importable` gives them.
            word: What recordings are of that do not say it.
        """
        project, first = self._model.project, paths[0]
        if project is None or self._panel.is_running:
            return
        if first.is_dir():
            self._panel.look(project, Source(first, is_reviewed=True))
        elif first.suffix.lower() in (".csv", ".tsv"):
            self._panel.look(project, Source(first.parent, first, is_reviewed=True))
        else:
            self._panel.look_at_files(project, paths, word=word)

    def _on_looked(self, looked: Looked, is_asked: bool) -> None:
        """Asks about the folder that was looked at, or imports it where nothing is left to ask."""
        project = self._model.project
        if project is None or project.folder != looked.project.folder:
            return
        if not is_asked and not looked.leaves_questions:
            self._panel.start(looked, Choice())
            return
        self.dialog = ImportDialog(looked, self._page)
        self.dialog.chosen.connect(self._panel.start)
        _open(self.dialog)

    def _on_planned(self, planned: Planned) -> None:
        project = self._model.project
        if project is None or project.folder != planned.project.folder:
            return
        self.review = ReviewDialog(planned, self._page)
        self.review.chosen.connect(self._panel.start_planned)
        self.review.playRequested.connect(self._on_play_piece)
        _open(self.review)

    def _on_play_piece(self, file: ImportFile) -> None:
        project = self._model.project
        if project is None or file.span_s is None:
            self._player.play_file(file.path)
        else:
            self._pieces.ask(partial(_read_piece, file.path, file.span_s, project.rate))

    def _on_imported(self, imported: Imported | None) -> None:
        """What came in can be undone as a whole."""
        project = self._model.project
        if imported is None or imported.change is None or project is None or project.folder != imported.project:
            self._model.clipsChanged.emit()
        else:
            self._recordings.note(imported.change)

    # -- voices, and exporting

    def synthesize(self, word: str) -> None:
        """Asks how many clips synthetic voices are to say of a word."""
        if self._model.project is None or self._panel.is_running or word not in self._model.project.words:
            return
        self.voices = SynthesisDialog(word, self._page)
        self.voices.chosen.connect(self._on_voices)
        _open(self.voices)

    def _on_voices(self, word: str, config: SynthesisConfig) -> None:
        if self._model.project is not None:
            self._panel.synthesize(self._model.project, [word], config)

    def export_clips(self) -> None:
        """Asks where and as what the clips are to be written, and writes them."""
        project = self._model.project
        if project is None or self._panel.is_running:
            return
        start = str(Path.home() / f"{project.name}.zip")
        chosen, title = QFileDialog.getSaveFileName(self._page, "Export", start, ";;".join(_EXPORTS))
        if chosen:
            kind, with_runs = _EXPORTS.get(title, ("zip", False))
            self._panel.export(project, Path(chosen), kind=kind, with_runs=with_runs)


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def _read_piece(
    path: Path,
    span_s: tuple[float, float],
    rate: int,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> tuple[Samples, int]:
    return PieceReader(rate).read(path, span_s), rate
