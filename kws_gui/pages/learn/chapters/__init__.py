"""The chapters of the Learn page, found by themselves; knows none by name and draws nothing.

Every module of this package may register one:

@CHAPTERS.register("dropout", "Dropout", order=40)
class DropoutChapter(ChapterPage): ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from kws_gui.pages.learn.chapter import ChapterPage
    from kws_gui.services.project_model import ProjectModel

Build = TypeVar("Build", bound=Callable[..., "ChapterPage"])


@dataclass(frozen=True)
class Chapter:
    """One part of the lecture.

    Attributes:
        name: As remembered between two starts of the program.
        title: As in the list, and above the chapter.
        order: Where in the list; chapters leave gaps for others.
        build: Makes the page from the project's model.
    """

    name: str
    title: str
    order: int
    build: Callable[[ProjectModel], ChapterPage]

    def make(self, model: ProjectModel) -> ChapterPage:
        """The page of this chapter with its title on it."""
        page = self.build(model)
        page.setTitle(self.title)
        return page


class Chapters:
    """The chapters by name; modules of the package are imported at the first look-up."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._chapters: dict[str, Chapter] = {}
        self._discovered = False

    def register(self, name: str, title: str, *, order: int) -> Callable[[Build], Build]:
        """Decorates the class or function that makes the page, called with the `ProjectModel`.

        Raises:
            ValueError: The name is taken: two modules of the package claim it.
        """

        def decorate(build: Build) -> Build:
            if name in self._chapters and self._chapters[name].build.__module__ != build.__module__:
                raise ValueError(f"chapter {name!r} is registered twice")
            self._chapters[name] = Chapter(name, title, order, build)
            return build

        return decorate

    def __iter__(self) -> Iterator[Chapter]:
        self._discover()
        return iter(sorted(self._chapters.values(), key=lambda chapter: (chapter.order, chapter.name)))

    def __getitem__(self, name: str) -> Chapter:
        self._discover()
        return self._chapters[name]

    def _discover(self) -> None:
        if not self._discovered:
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__, self._package + "."):
                if not module.name.rpartition(".")[2].startswith("_"):
                    importlib.import_module(module.name)
            self._discovered = True


CHAPTERS = Chapters("kws_gui.pages.learn.chapters")
