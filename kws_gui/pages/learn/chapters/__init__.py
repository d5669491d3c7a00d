"""The chapters of the Learn page; every module of this package registers one.

@CHAPTERS.register("momentum", "Momentum", order=35)
class MomentumChapter(ChapterPage): ...
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
    """One chapter.

    Attributes:
        name: Identifies the chapter in the settings.
        title: Shown in the list and above the chapter.
        order: Position in the list; leave gaps for other chapters.
        build: Creates the page from the project model.
    """

    name: str
    title: str
    order: int
    build: Callable[[ProjectModel], ChapterPage]

    def make(self, model: ProjectModel) -> ChapterPage:
        """Creates the page and sets its title."""
        page = self.build(model)
        page.setTitle(self.title)
        return page


class Chapters:
    """The chapters by name; the modules of the package are imported at the first look-up."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._chapters: dict[str, Chapter] = {}
        self._discovered = False

    def register(self, name: str, title: str, *, order: int) -> Callable[[Build], Build]:
        """Decorates the class or function that creates the page from the `ProjectModel`.

        Raises:
            ValueError: Another module has registered this name.
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
