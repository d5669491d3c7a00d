"""How far the teaching of words is: which step, which word, and what comes next; read from what the project holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.clip import Clip
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import seconds_of_talk
from kws_engine.clips.project import Project
from kws_engine.clips.words import check_new_word, clip_ms_for
from kws_engine.errors import KwsError
from kws_engine.operating.quality import words_in
from kws_engine.runs.job import Job
from kws_engine.runs.teaching import TAKES, teach_settings
from kws_engine.training.events import Failed, Finished
from kws_gui.bridges.training import training_threads
from kws_gui.services import remembered
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.projects import Projects
from kws_gui.services.talk_recording import WANTED_S
from kws_gui.services.training import Ending, Training

Step = Literal["type", "speak", "talk", "wait", "try"]
STEPS: Final[tuple[Step, ...]] = ("type", "speak", "talk", "wait", "try")
ENOUGH: Final = 10
"""With so many it can go on already."""


class Teaching(QObject):
    """The Teach page asks it where to stand; a program that is started again stands where it stood.

    Signals:
        changed(): Another step, another word, or the run that was waited for has ended.
    """

    changed = Signal()

    def __init__(
        self, project: ProjectModel, projects: Projects, training: Training, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._project = project
        self._projects = projects
        self._training = training
        self._step: Step | None = None
        self._word = ""
        self._begins = False
        self._typed: tuple[str, ...] = ()
        self._failure: Failed | None = None
        project.opened.connect(self._on_opened)
        project.modelChanged.connect(self.changed)
        training.began.connect(self._on_began)
        training.ended.connect(self._on_ended)

    # -- where it stands

    @property
    def step(self) -> Step:
        """The step to show."""
        if self._step is None or not self.may_show(self._step):
            self._step, self._word = self._resumed()
        return self._step

    @property
    def word(self) -> str:
        """The word to say now; empty without one."""
        return self._word if self._word in self.words else next(iter(self._lacking(TAKES) or self.words[-1:]), "")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the open project."""
        return self._project.project.words if self._project.project is not None else ()

    @property
    def next_word(self) -> str:
        """The word to say after `word`; empty where each has enough takes, or a model knows it."""
        return next((word for word in self._lacking(ENOUGH) if word != self.word), "")

    @property
    def failure(self) -> Failed | None:
        """Why the last teaching left no model; None where it did, or none was tried."""
        return self._failure

    @property
    def is_taught(self) -> bool:
        """Whether the chosen model knows every word of the project."""
        return bool(self.words) and set(self.words) <= set(self._known())

    def takes(self, word: str) -> Sequence[Clip]:
        """The takes of a word."""
        project = self._project.project
        return project.clips(word=word) if project is not None and word in project.words else ()

    def may_show(self, step: Step) -> bool:
        """Whether a step can be gone to."""
        if step == "type":
            return True
        if step == "speak":
            return bool(self.words)
        if step == "try":
            return bool(self._known())
        return bool(self.words) and not self._lacking(ENOUGH)

    def take_begins(self) -> bool:
        """Whether recording is to begin by itself, because the word was typed just now; true once."""
        begins, self._begins = self._begins, False
        return begins

    # -- going on

    def fault(self, text: str) -> str:
        """What is wrong with typed words, in one sentence; empty where nothing is."""
        try:
            self._read(text)
        except KwsError as error:
            return str(error)
        return ""

    def type_words(self, text: str) -> bool:
        """Takes over typed words: into the open project, or into a new one that is named after the first of them.

        Returns:
            Whether that was begun; otherwise `fault` or the project's `failed` says why not.
        """
        try:
            words = self._read(text)
        except KwsError:
            return False
        if not words:
            return False
        if self._project.project is None:
            self._typed = words
            folder = remembered.free_folder(remembered.projects_folder(), words[0])
            self._projects.create(folder, words, on="teach")
            return True
        return self._add(self._project.project, words)

    def speak(self, word: str) -> None:
        """Goes to the takes of a word, with recording to begin at once."""
        self._word = word
        self._begins = True
        self.go("speak")

    def go(self, step: Step) -> None:
        """Shows a step."""
        if self.may_show(step):
            self._step = step
            self.changed.emit()

    def go_on(self) -> None:
        """From saying words to the next one that lacks takes, or to talking; from talking to teaching."""
        if self.step == "speak":
            if word := self.next_word:
                self.speak(word)
            else:
                self._word = ""
                self.go("talk")
        elif self.step == "talk":
            self.teach()

    def teach(self) -> None:
        """Trains with the settings for few takes, now or after what is running."""
        project = self._project.project
        if project is None or not self.may_show("wait"):
            return
        settings = teach_settings()
        self._step = "wait"
        self._failure = None
        if not project.settings:  # the forms then show what it is taught with
            self._project.set_settings(settings)
        self._training.start_or_queue(Job(project.folder, settings.to_dict(), threads=training_threads()))
        self.changed.emit()

    # -- reading

    def _read(self, text: str) -> tuple[str, ...]:
        """Raises a `ProjectError` for a word that is none; words of the project may be named again."""
        typed = [" ".join(part.split()) for part in re.split(r"[,;\n]", text)]
        found: list[str] = []
        for part in filter(None, typed):
            known = next((word for word in self.words if word == part), None)
            others = [*found, *(() if known else self.words)]
            found.append(check_new_word(part, others))
        return tuple(found)

    def _add(self, project: Project, words: Sequence[str]) -> bool:
        new = [word for word in words if word not in project.words]
        if new and not self._project.push(
            "Add a word" if len(new) == 1 else f"Add {len(new)} words",
            redo=lambda: _add_words(project, new),
            undo=lambda: [project.edit.remove_word(word) for word in reversed(new)],
        ):
            return False
        self.speak(words[0])
        return True

    def _lacking(self, takes: int) -> list[str]:
        """The words that no model knows and that have fewer takes."""
        known = self._known()
        return [word for word in self.words if word not in known and len(self.takes(word)) < takes]

    def _known(self) -> tuple[str, ...]:
        path, project = self._project.model_path, self._project.project
        if path is None or project is None or not path.is_relative_to(project.folder):
            return ()
        try:
            return _words_in(path, path.stat().st_mtime_ns)
        except OSError:  # it was removed
            return ()

    def _resumed(self) -> tuple[Step, str]:
        """The step and the word that the project's content leads to."""
        if lacking := self._lacking(TAKES):
            return "speak", lacking[0]
        if not self.words:
            return "type", ""
        if self._training.is_running:
            return "wait", ""
        if self.is_taught:
            return "try", ""
        project = self._project.project
        assert project is not None
        return ("wait" if seconds_of_talk(ProjectFolder(project.folder).talk) >= WANTED_S else "talk"), ""

    # -- following

    def _on_opened(self) -> None:
        self._step, self._word, self._failure = None, "", None
        typed, self._typed = self._typed, ()
        project = self._project.project
        if project is not None and typed and set(typed) == set(project.words):
            self._begins = True
            self._project.attempt(lambda: project.edit.lengthen_clips(clip_ms_for(typed, least=project.clip_ms)))
        else:
            self._begins = False
        self.changed.emit()

    def _on_began(self) -> None:
        self._failure = None
        self.changed.emit()

    def _on_ended(self, ending: Ending) -> None:
        project = self._project.project
        if project is None or ending.run.job.project.resolve() != project.folder.resolve():
            return
        if isinstance(ending.event, Finished):
            if self._step == "wait" and self.is_taught:
                self._step = "try"
        else:
            self._failure = ending.event
        self.changed.emit()


@lru_cache(maxsize=8)
def _words_in(path: Path, _changed_ns: int) -> tuple[str, ...]:
    """As `words_in`, read once as long as the file stays the same."""
    return words_in(path)


def _add_words(project: Project, words: Sequence[str]) -> None:
    with project.edit as edit:
        for word in words:
            edit.add_word(word)
        edit.lengthen_clips(clip_ms_for(words, least=0))
