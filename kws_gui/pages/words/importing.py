"""Importing a folder of recordings: looking at it first, progress, what it was taken for, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from kws_engine.clips.changes import Changes
from kws_engine.clips.clip import key_at
from kws_engine.clips.exporting import ExportedData, Kind, export_data
from kws_engine.clips.import_layout import UnclearLayout
from kws_engine.clips.import_plan import Plan, check_new_words, plan_import
from kws_engine.clips.import_source import plan_pointed, pointed_at
from kws_engine.clips.importing import Imported, SpeakerRule, import_folder, import_planned, marked
from kws_engine.clips.project import Project
from kws_engine.clips.synthetic import SynthesisConfig, Synthesized, synthesize
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob, Work, seldom
from kws_gui.forms.fold import Fold
from kws_gui.services.undoing import Undoing
from kws_gui.widgets.message_bar import Kind as MessageKind
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.wrapped_label import WrappedLabel

_MOST_LISTED = 1_000
_MOST_NOTES = 6
_PATIENCE_MS = 400  # what is over sooner is not worth a line that comes and goes


@dataclass(frozen=True)
class Source:
    """Where recordings come from: a folder, with a list of them, and with where the speakers are read from."""

    folder: Path
    list_file: Path | None = None
    rule: SpeakerRule = field(default_factory=SpeakerRule)
    is_reviewed: bool = False  # whether the list of what would be taken as what is shown before it happens


@dataclass(frozen=True)
class Looked:
    """A source that was looked at: what an import would do, or what is not clear."""

    project: Project
    source: Source
    plan: Plan | None = None
    unclear: UnclearLayout | None = None

    @property
    def leaves_questions(self) -> bool:
        """Whether a person has to choose words, or say where they are, or who speaks where no file says it."""
        plan = self.plan
        return plan is None or len(plan.words) > 1 or 0 < plan.clips == plan.speakers_unknown


@dataclass(frozen=True)
class Choice:
    """The words to teach, None for all, and whether the others are examples of other words."""

    words: tuple[str, ...] | None = None
    rest_unknown: bool = False


@dataclass(frozen=True)
class Planned:
    """What an import of files would take as what, to be looked through and changed first."""

    project: Project
    plan: Plan
    title: str


def look_at(project: Project, source: Source) -> Looked:
    """Looks at all names in a folder; slow on a large one.

    Raises:
        ProjectError: There is nothing to import, or the list cannot be read.
    """
    try:
        plan = plan_import(project, source.folder, rule=source.rule, list_file=source.list_file)
    except UnclearLayout as error:
        return Looked(project, source, unclear=error)
    return Looked(project, source, plan)


class ImportPanel(QWidget):
    """Hidden until something is imported: progress, then the result in words with what was left out and why.

    Signals:
        looked: A `Looked`, and whether the person asked to choose again.
        imported: An `Imported`; also of one that was cancelled. None where it failed.
        planned: A `Planned`, to be looked through.
        busyChanged: (is_busy) Something runs on the clips, or does no longer.
    """

    looked = Signal(object, bool)
    imported = Signal(object)
    planned = Signal(object)
    busyChanged = Signal(bool)
    _waiting = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress = ProgressRow()
        self.result = MessageBar()
        self.notes = WrappedLabel()
        self.notes.setAccessibleName("What was recognised")
        theme.set_role(self.notes, "muted")
        self.speaker_field = QLineEdit()
        self.speaker_field.setPlaceholderText("who speaks in all of them")
        self.speaker_field.setAccessibleName("Who speaks in all of them")
        self.name_speaker = QPushButton("Name the speaker")
        self.several_speakers = QPushButton("Several speakers…")
        self.speakers = QWidget()
        self.left_out = QListWidget()
        self.left_out.setAccessibleName("Files left out")
        self.left_out.setMinimumHeight(56)
        self.left_out.setMaximumHeight(120)
        self.left_out.setWordWrap(True)
        self.fold = Fold("Left out", self.left_out)
        self._job: LongJob | None = None
        self._undoing: Undoing | None = None
        self._is_undoing_shown = False
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(self._show_undoing)
        self._last: tuple[Looked, Choice] | None = None
        self._lay_out()
        self.progress.cancelRequested.connect(self._on_cancel)
        self.result.dismissed.connect(self._on_dismissed)
        self.name_speaker.clicked.connect(self._on_name_speaker)
        self.speaker_field.returnPressed.connect(self._on_name_speaker)
        self.several_speakers.clicked.connect(self._on_several_speakers)
        self._waiting.connect(self.progress.setTitle)
        self._on_dismissed()

    @property
    def is_running(self) -> bool:
        return self._job is not None or (self._undoing is not None and self._undoing.is_running)

    def follow(self, undoing: Undoing) -> None:
        """Shows what is undone in the background, too."""
        self._undoing = undoing
        undoing.began.connect(lambda _: self._patience.start())
        undoing.progressed.connect(self._on_undoing)
        undoing.ended.connect(self._on_undone)
        self._show_undoing()

    def look(self, project: Project, source: Source, *, is_asked: bool = False) -> None:
        """Looks at a folder in the background before it is imported; does nothing while an import is running."""
        self._run(
            f"Looking at {source.folder.name}",
            lambda progress, should_stop: look_at(project, source),
            lambda looked: self._on_looked(looked, is_asked),
        )

    def start(self, looked: Looked, choice: Choice) -> None:
        """Imports in the background; does nothing while an import is running."""
        source = looked.source
        if source.is_reviewed:
            self._plan(looked, choice)
            return

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Imported:
            return import_folder(
                looked.project,
                source.folder,
                words=choice.words,
                rest_unknown=choice.rest_unknown,
                rule=source.rule,
                list_file=source.list_file,
                progress=progress,
                should_stop=should_stop,
                on_wait=self._waiting.emit,
            )

        if self._run(f"Importing {source.folder.name}", work, self._on_imported):
            self._last = (looked, choice)

    def _plan(self, looked: Looked, choice: Choice) -> None:
        """Finds out what would be taken as what, and what is there already."""
        project, source = looked.project, looked.source

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Planned | None:
            plan = plan_import(
                project,
                source.folder,
                words=choice.words,
                rest_unknown=choice.rest_unknown,
                rule=source.rule,
                list_file=source.list_file,
            )
            if choice.words is None:
                check_new_words(project, plan)
            plan = marked(project, plan, progress=progress, should_stop=should_stop)
            return None if should_stop() else Planned(project, plan, source.folder.name)

        self._run(f"Looking at {source.folder.name}", work, self._on_planned)

    def in_background(self, title: str, work: Work, then: Callable[[object], None], failed: Callable[[], None]) -> None:
        """Does other long work on clips, with progress; call it only while nothing else is running."""

        def on_done(result: object) -> None:
            self._end()
            self.hide()
            then(result)

        if self._run(title, work, on_done):
            assert self._job is not None
            self._job.failed.connect(lambda *_: failed())

    def look_at_files(self, project: Project, paths: Sequence[Path], *, word: str) -> None:
        """Finds out what files hold, such as the takes in a recording; does nothing while an import is running."""
        title = paths[0].name if len(paths) == 1 else f"{len(paths)} files"

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Planned | None:
            pointed = pointed_at(paths, word=word, clip_s=project.clip_ms / 1000)
            plan = plan_pointed(project, pointed, progress=progress, should_stop=should_stop)
            plan = marked(project, plan, progress=progress, should_stop=should_stop)
            return None if should_stop() else Planned(project, plan, title)

        self._run(f"Looking at {title}", work, self._on_planned)

    def start_planned(self, planned: Planned) -> None:
        """Imports what was looked through, in the background; does nothing while an import is running."""

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Imported:
            return import_planned(
                planned.project,
                planned.plan,
                progress=progress,
                should_stop=should_stop,
                on_wait=self._waiting.emit,
            )

        if self._run(f"Importing {planned.title}", work, self._on_imported):
            self._last = None

    def export(self, project: Project, target: Path, *, kind: Kind, with_runs: bool = False) -> None:
        """Writes clips or the project in the background; does nothing while something else is running."""

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> ExportedData:
            return export_data(
                project, target, kind=kind, with_runs=with_runs, progress=progress, should_stop=should_stop
            )

        self._run(f"Writing {target.name}", work, self._on_exported)

    def synthesize(self, project: Project, words: Sequence[str], config: SynthesisConfig) -> None:
        """Lets synthetic voices say words in the background; does nothing while something else is running."""

        def work(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> tuple[Synthesized, Imported]:
            made = synthesize(project, words, config, progress=progress, should_stop=should_stop)
            keys = [key_at(path) for path in made.clips]
            change = Changes(project).note_import(keys, made.new_words) if keys else None
            new_words = made.new_words
            return made, Imported(
                len(keys), made.words, [], keys=keys, new_words=new_words, project=project.folder, change=change
            )

        if self._run("Synthetic voices are speaking", work, self._on_synthesized):
            self._last = None

    def shutdown(self) -> None:
        """Ends the import; the clips imported by then stay."""
        if self._job is not None:
            self._job.wait()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self.speakers)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        for part, stretch in ((self.speaker_field, 1), (self.name_speaker, 0), (self.several_speakers, 0)):
            row.addWidget(part, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        for widget in (self.progress, self.result, self.notes, self.speakers, self.fold):
            column.addWidget(widget)

    def _run(
        self,
        title: str,
        work: Callable[[Callable[[int, int], None], Callable[[], bool]], object],
        then: Callable[..., None],
    ) -> bool:
        if self.is_running:
            return False
        self._show_start(title)
        self._job = LongJob(lambda progress, should_stop: work(seldom(progress), should_stop), self)
        self._job.progressed.connect(self.progress.setProgress)
        self._job.finished.connect(then)
        self._job.failed.connect(self._on_failed)
        self._job.start()
        self.busyChanged.emit(True)
        return True

    def _show_start(self, title: str) -> None:
        self._on_dismissed()
        self.show()
        self.progress.cancelButton().show()
        self.progress.start(title)

    def _show_undoing(self) -> None:
        """Shows what takes longer than a moment."""
        if self._job is None and self._undoing is not None and self._undoing.is_running:
            self._is_undoing_shown = True
            self._show_start(self._undoing.title)
            self.progress.cancelButton().setVisible(self._undoing.can_stop)
            if self._undoing.so_far is not None:
                self.progress.setProgress(*self._undoing.so_far)

    def _on_undoing(self, done: int, total: int) -> None:
        if self._is_undoing_shown:
            self.progress.setProgress(done, total)

    def _on_undone(self, kind: MessageKind, sentence: str) -> None:
        self._patience.stop()
        if self._is_undoing_shown:
            self.progress.finish()
            self.hide()
        self._is_undoing_shown = False
        if sentence and self._job is None:
            self._on_dismissed()
            self.show()
            self.result.showMessage(kind, sentence)

    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
        elif self._undoing is not None:
            self._undoing.cancel()

    def _on_looked(self, looked: Looked, is_asked: bool) -> None:
        self._end()
        self.hide()
        self.looked.emit(looked, is_asked)

    def _on_exported(self, exported: ExportedData) -> None:
        self._end()
        if exported.stopped:
            self.result.showMessage("warning", "Cancelled: nothing was written.")
            return
        sentence = f"{_count(exported.clips, 'clip', 'clips')} are in {exported.target}"
        if exported.left_out:
            sentence += f"; {exported.left_out:,} that are left out of training stayed out"
        self.result.showMessage("success", f"{sentence}.")

    def _on_synthesized(self, done: tuple[Synthesized, Imported]) -> None:
        made, imported = done
        self._end()
        cancelled = "Cancelled. " if made.stopped else ""
        sentence = f"{cancelled}{_count(len(made.clips), 'clip', 'clips')} by {made.voices} synthetic voices."
        self.result.showMessage("warning" if made.stopped else "success", sentence)
        self.notes.setText("Sounding almost like the word, as other words: " + ", ".join(made.neighbours))
        self.notes.setVisible(bool(made.neighbours))
        self.imported.emit(imported)

    def _on_planned(self, planned: Planned | None) -> None:
        self._end()
        self.hide()
        if planned is not None:
            self.planned.emit(planned)

    def _on_imported(self, imported: Imported) -> None:
        self._end()
        is_complete = not (imported.skipped or imported.stopped or imported.speakers_unknown)
        self.result.showMessage("success" if is_complete else "warning", _result_text(imported))
        notes = imported.notes[:_MOST_NOTES]
        if len(imported.notes) > _MOST_NOTES:
            notes.append(f"… and {len(imported.notes) - _MOST_NOTES} more remarks.")
        if imported.speakers_unknown:
            notes.append(unknown_speakers(imported.speakers_unknown, imported.one_speaker))
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))
        self.speakers.setVisible(imported.speakers_unknown > 0 and self._last is not None)
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

    def _on_name_speaker(self) -> None:
        """The clips are there already: importing them again only names them."""
        name = self.speaker_field.text().strip()
        if self._last is None or not name:
            self.speaker_field.setFocus()
            return
        looked, choice = self._last
        source = replace(looked.source, rule=SpeakerRule(everyone=name))
        self.start(replace(looked, source=source), choice)

    def _on_several_speakers(self) -> None:
        if self._last is not None:
            looked, _ = self._last
            self.look(looked.project, looked.source, is_asked=True)

    def _end(self) -> None:
        assert self._job is not None
        self.progress.finish()
        self._job.deleteLater()
        self._job = None
        self.busyChanged.emit(False)

    def _on_dismissed(self) -> None:
        self.result.clear()
        self.left_out.clear()
        for part in (self.notes, self.speakers, self.fold):
            part.hide()
        self.hide()


def unknown_speakers(count: int, one_speaker: str) -> str:
    """That it is not known who speaks, and what that means."""
    who = "1 clip does not say who speaks, and counts" if count == 1 else f"{count:,} clips do not say who speaks, and"
    return f"{who}{'' if count == 1 else ' count'} as {'a take' if count == 1 else 'takes'} of one, “{one_speaker}”."


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
