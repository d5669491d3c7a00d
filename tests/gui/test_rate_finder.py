"""Looking for a learning rate as a person does: asked on the Train page, found by a real short run, taken, undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from leading import leads_to
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from tiny_project import make_project, quick_settings
from waiting import wait_until

from kws_engine.clips.project import Project
from kws_engine.runs.job import Job
from kws_gui.pages.train.page import TrainPage
from kws_gui.pages.train.rate_finder import RateFinder
from kws_gui.services.services import Services
from kws_gui.widgets.rate_plot import RatePlot

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project") / "tones").folder


@pytest.fixture
def page(qtbot: QtBot, services: Services, tones: Path) -> Iterator[TrainPage]:
    made = TrainPage(services)
    qtbot.addWidget(made)
    made.resize(1024, 640)
    made.show()
    made._model.open(Project.open(tones))
    qtbot.waitUntil(lambda: not services.runs.is_reading(), timeout=PATIENCE_MS)
    yield made
    made.shutdown()


def test_a_rate_is_found_taken_and_undone(qtbot: QtBot, page: TrainPage) -> None:
    before = page.form.value().training.learning_rate
    page.card.find_rate.trigger()
    finder = next(one for one in QApplication.topLevelWidgets() if isinstance(one, RateFinder))
    assert finder.is_searching() and not finder.use.isEnabled()
    qtbot.waitUntil(finder.use.isEnabled, timeout=PATIENCE_MS)
    found = finder.found()
    assert found is not None and 1e-5 < found < 1 and f"{found:.2g}".rstrip("0") in finder.use.text()
    assert "suggested" in finder.plot.text() and not finder.is_searching()
    qtbot.mouseClick(finder.use, Qt.MouseButton.LeftButton)
    assert page.form.value().training.learning_rate == pytest.approx(found)
    page._model.undo_stack.undo()
    assert page.form.value().training.learning_rate == pytest.approx(before)
    assert not list(page._model.project.runs_folder.iterdir()), "a search leaves nothing behind"  # type: ignore[union-attr]


def test_a_search_that_is_closed_ends_its_process(qtbot: QtBot, tones: Path) -> None:
    finder = RateFinder(Job(tones, quick_settings().to_dict(), threads=1))
    qtbot.addWidget(finder)
    process = finder._process
    assert process is not None and process.is_alive()
    finder.open()
    finder.reject()
    wait_until(lambda: not process.is_alive(), seconds=10)
    assert finder.found() is None


def test_what_cannot_be_searched_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    finder = RateFinder(Job(tmp_path / "none", quick_settings().to_dict(), threads=1))
    qtbot.addWidget(finder)
    finder.open()
    qtbot.waitUntil(lambda: not finder.is_searching(), timeout=PATIENCE_MS)
    assert "There is no project" in finder.verdict.text() and not finder.use.isEnabled()
    finder.reject()


def test_the_plot_tells_what_it_shows(qtbot: QtBot) -> None:
    plot = RatePlot()
    qtbot.addWidget(plot)
    assert plot.text() == "No step yet"
    plot.add([(10.0 ** (step / 10 - 6), 2.5, abs(step - 40) / 20 + 0.5) for step in range(60)])
    plot.suggest(2e-3)
    assert plot.text() == "The loss is lowest at a rate of 0.01; 0.002 is suggested"
    plot.clear()
    assert plot.text() == "No step yet"


def test_the_train_page_leads_to_the_search(qtbot: QtBot, page: TrainPage) -> None:
    with leads_to(qtbot, page._navigation, "search"):
        page.card.search.trigger()
