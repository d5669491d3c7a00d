"""The pages by name, each with what makes it."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from PySide6.QtWidgets import QWidget

from kws_gui.services.services import Services


class Page(Protocol):
    """A widget that ends all its own work when it is dropped."""

    def shutdown(self) -> None:
        """Stores what was typed and ends the threads and processes of the page."""


# Each factory imports its page when it is first called: the window stands sooner, and a page's libraries load later.


def _start(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.start.page import StartPage

    return StartPage(services, parent)


def _teach(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.teach.page import TeachPage

    return TeachPage(services, parent)


def _words(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.words.page import WordsPage

    return WordsPage(services, parent)


def _train(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.train.page import TrainPage

    return TrainPage(services, parent)


def _search(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.search.page import SearchPage

    return SearchPage(services, parent)


def _results(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.results.page import ResultsPage

    return ResultsPage(services, parent)


def _listen(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.listen.page import ListenPage

    return ListenPage(services, parent)


def _learn(services: Services, parent: QWidget) -> QWidget:
    from kws_gui.pages.learn.page import LearnPage

    return LearnPage(services, parent)


PAGE_TABLE: Mapping[str, Callable[[Services, QWidget], QWidget]] = {
    "start": _start,
    "teach": _teach,
    "words": _words,
    "train": _train,
    "search": _search,
    "results": _results,
    "listen": _listen,
    "learn": _learn,
}


@functools.cache
def import_ahead(*names: str) -> threading.Thread:
    """Imports what pages are made of beside the event loop, once, so that none of them has to wait for it."""
    thread = threading.Thread(target=_import_pages, args=names, name="import of the pages", daemon=True)
    thread.start()
    return thread


def _import_pages(*names: str) -> None:
    for name in names:
        importlib.import_module(f"kws_gui.pages.{name}.page")
    if "train" in names:
        from kws_engine.settings import Settings

        Settings()  # every network, feature, augmentation and penalty


def shut_down(page: QWidget) -> None:
    """Ends what a page of the table has running."""
    cast(Page, page).shutdown()
