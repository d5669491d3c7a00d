"""What every test of the window gets: the theme, no Qt warning unheard, no window left behind."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from tiny_project import make_project, train

from kws_gui import theme
from kws_gui.pages.listen.page import ListenPage
from kws_gui.services import remembered
from kws_gui.services import services as services_module
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.services import Services

HERE = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A warning of Qt fails the test that caused it; what the offscreen screen cannot do is no fault."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            lacking = ("propagateSizeHints", "raise\\(")
            ignored = [f"This plugin does not support {what}" for what in lacking]
            item.add_marker(pytest.mark.qt_log_ignore(*ignored, extend=True))
            if "trained_tones" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def trained_tones(shared_folder: Callable[..., pathlib.Path]) -> Callable[..., pathlib.Path]:
    """Project folders with short runs, each run given by its options and each project made once; tests work on copies.

    Tests that use it are slow: a training takes seconds.
    """

    def made(*runs: tuple[str, ...]) -> pathlib.Path:
        def fill(folder: pathlib.Path) -> None:
            project = make_project(folder / "tones")
            for options in runs:
                train(project, *options)

        name = hashlib.sha256(repr(runs).encode()).hexdigest()[:12]
        return shared_folder(f"tones-{name}", fill) / "tones"

    return made


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> Iterator[None]:
    theme.apply(qapp, "light")
    yield
    theme.apply(qapp, "light")


@pytest.fixture(autouse=True)
def _nothing_remembered(qapp: QApplication, _own_settings: None) -> None:
    remembered.set_up()


@pytest.fixture(autouse=True)
def _no_window_left(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[None]:
    before = set(qapp.topLevelWidgets())
    yield
    # qtbot closes what was given to it in its own teardown hook; what it knows of is not left behind.
    given = {ref() for ref, _ in getattr(request.node, "qt_widgets", [])}
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [w for w in qapp.topLevelWidgets() if w not in before and w not in given and w.isVisible()]
    for widget in left:
        widget.close()
    assert not left, f"windows left open: {[type(widget).__name__ for widget in left]}"


@pytest.fixture
def make_listen_page(qtbot: QtBot, make_services: Callable[..., Services]) -> Iterator[Callable[..., ListenPage]]:
    """Makes Listen pages of a size, with a project's model; all of them end with the test."""
    pages: list[ListenPage] = []

    def make(model: ProjectModel, width: int, height: int) -> ListenPage:
        page = ListenPage(make_services(project=model))
        pages.append(page)
        qtbot.addWidget(page)
        page.resize(width, height)
        page.show()
        return page

    yield make
    for page in pages:
        page.shutdown()


@pytest.fixture
def make_services(qapp: QApplication) -> Iterator[Callable[..., Services]]:
    """Makes the services that pages are given, with nothing open; all of them end with the test."""
    made: list[Services] = []

    def make(**given: Any) -> Services:
        made.append(services_module.make_services(**given))
        return made[-1]

    yield make
    for services in made:
        services.training.shutdown(seconds=0)
        services.shutdown()


@pytest.fixture
def services(make_services: Callable[..., Services]) -> Services:
    return make_services()
