"""Tab walks through every page from its first widget to its last, in the order in which it is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_gui.forms.fold import Fold
from kws_gui.pages.listen.page import ListenPage
from kws_gui.pages.results.page import ResultsPage
from kws_gui.pages.teach.page import TeachPage
from kws_gui.pages.train.page import TrainPage
from kws_gui.pages.words.page import WordsPage
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.services import Services
from kws_gui.services.teaching import STEPS

PATIENCE_MS = 60_000
PAGES = ("words", "train", "results", "findings", "listen", *(f"teach-{step}" for step in STEPS))
_TAB = Qt.FocusPolicy.TabFocus


@pytest.fixture(scope="module")
def folder(trained_tones: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    trained = trained_tones(("training.epochs=6",))
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("project") / "tones"))


@pytest.fixture
def microphones(qapp: QApplication) -> Iterator[MicrophoneService]:
    service = MicrophoneService()
    yield service
    service.shutdown()


@pytest.fixture
def page(
    request: pytest.FixtureRequest,
    qtbot: QtBot,
    folder: Path,
    microphones: MicrophoneService,
    make_services: Callable[..., Services],
) -> Iterator[QWidget]:
    if request.param.startswith(("words", "listen", "teach")):
        request.getfixturevalue("virtual_microphone")
    services = replace(make_services(), microphones=microphones)
    model = services.project
    made = _make(request.param, services)
    qtbot.addWidget(made)
    made.resize(1100, 900)
    made.show()
    project = Project.open(folder)
    model.open(project)
    model.set_model_path(next(project.runs_folder.glob("*/*.kws")))
    _settle(qtbot, made, request.param)
    yield made
    made.shutdown()


def _make(name: str, services: Services) -> QWidget:
    if name == "words":
        return WordsPage(services)
    if name == "train":
        return TrainPage(services)
    if name.startswith("teach"):
        return TeachPage(services)
    return ListenPage(services) if name == "listen" else ResultsPage(services)


def _settle(qtbot: QtBot, page: QWidget, name: str) -> None:
    if isinstance(page, TeachPage):
        page.steps.button(name.partition("-")[2]).click()
        assert page.step == name.partition("-")[2]
        page.type.field.setText("lamp")
        qtbot.waitUntil(lambda: page.step != "try" or page.try_it.bridge.is_running, timeout=PATIENCE_MS)
    if isinstance(page, WordsPage):
        page.words.choose("low")
        page.table.selectRow(0)
    if isinstance(page, TrainPage):
        for fold in page.form.findChildren(Fold):
            fold.setOpen(True)
        qtbot.waitUntil(lambda: not page._runs.is_reading(), timeout=PATIENCE_MS)
    if isinstance(page, ResultsPage):
        page.show_view("clips" if name == "results" else name)
        qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: page.findings.diagnosis.state == "known", timeout=PATIENCE_MS)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow, timeout=PATIENCE_MS)


def _stops(page: QWidget) -> list[QWidget]:
    """What Tab is to reach: all that can be used now."""
    return [widget for widget in page.findChildren(QWidget) if _takes_focus(widget) and widget.focusProxy() is None]


def _takes_focus(widget: QWidget) -> bool:
    return bool(widget.isVisible() and widget.isEnabled() and (widget.focusPolicy() & _TAB) == _TAB)


def _walk(qtbot: QtBot, page: QWidget) -> list[QWidget]:
    """Where Tab leads from the first widget until it comes back to one."""
    first = page.nextInFocusChain()
    while not (_takes_focus(first) and page.isAncestorOf(first)):
        first = first.nextInFocusChain()
    first.setFocus(Qt.FocusReason.TabFocusReason)
    walked: list[QWidget] = []
    while (now := QApplication.focusWidget()) is not None and now not in walked:
        walked.append(now)
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    return walked


def _place(widget: QWidget, page: QWidget) -> QRect:
    return QRect(widget.mapTo(page, QPoint(0, 0)), widget.size())


def _comes_before(one: QRect, other: QRect) -> bool:
    """Whether `one` is read before `other`: it stands over it, or left of it in the same line."""
    if one.left() < other.right() and other.left() < one.right():
        return one.bottom() <= other.top()
    return one.right() <= other.left() and one.top() < other.bottom() and other.top() < one.bottom()


def _scrolled(widget: QWidget) -> QWidget | None:
    """The area that scrolls a widget, which may stand far below it."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QScrollArea):
        above = above.parentWidget()
    return above


def _is_back(one: QWidget, other: QWidget, places: dict[QWidget, QRect], page: QWidget) -> bool:
    """Whether `other`, which Tab reaches later, is read before `one`."""
    areas = [_scrolled(widget) for widget in (one, other)]
    if areas[0] is areas[1]:
        return _comes_before(places[other], places[one])
    seen = [_place(area, page) if area else places[own] for own, area in zip((one, other), areas, strict=True)]
    return _comes_before(seen[1], seen[0])


def _named(widget: QWidget) -> str:
    words = widget.accessibleName() or getattr(widget, "text", str)()
    return f"{type(widget).__name__} {words}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_tab_reaches_everything_as_it_is_read(qtbot: QtBot, page: QWidget) -> None:
    stops = _stops(page)
    places = {one: _place(one, page) for one in stops}  # before the form scrolls to what has the focus
    walked = _walk(qtbot, page)
    assert len(walked) > 4
    assert sorted(map(_named, walked)) == sorted(map(_named, stops))
    back = [
        f"{_named(one)} comes before {_named(other)}"
        for at, one in enumerate(walked)
        for other in walked[at + 1 :]
        if _is_back(one, other, places, page)
    ]
    assert back == []


@pytest.mark.slow
@pytest.mark.parametrize("page", ["train"], indirect=True)
def test_a_network_chosen_later_is_in_its_place(qtbot: QtBot, page: TrainPage) -> None:
    box = page.form.model.entryBox()
    for name in ("bc_resnet", "custom", "cnn"):
        box.setCurrentIndex(box.findData(name))
        form = page.form.model.form()
        walked = _walk(qtbot, page)
        own = [one for one in walked if form.isAncestorOf(one)]
        after = page.form.model.presetBox() if page.form.model.presetBox().isVisible() else box
        following = walked[walked.index(after) + 1 :]
        assert own and following[: len(own) + 1] == [*own, page.form.folds["feature"].header()]
