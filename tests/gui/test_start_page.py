"""The start screen: what its buttons ask for, recent projects, a ready model that may be missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from kws_gui.pages.start import page as start
from kws_gui.pages.start.new_project import NewProjectDialog
from kws_gui.pages.start.page import StartPage
from kws_gui.services import remembered
from kws_gui.services.project_model import ProjectModel


@pytest.fixture(autouse=True)
def _names(qapp: QApplication) -> None:
    remembered.set_up()


@pytest.fixture
def page(qtbot: QtBot) -> StartPage:
    page = StartPage(ProjectModel())
    qtbot.addWidget(page)
    page.show()
    return page


def test_each_button_asks_for_its_way_to_begin(page: StartPage, qtbot: QtBot) -> None:
    for button, asked in (
        (page.new, page.newRequested),
        (page.open, page.openRequested),
        (page.starter, page.starterRequested),
    ):
        with qtbot.waitSignal(asked):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_ready_model_is_offered_where_it_is_and_refused_with_a_reason_where_not(
    page: StartPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "READY_MODEL", ("models", "none.kws"))
    page.refresh()
    assert not page.ready.isEnabled() and "not part of this installation" in page.ready.toolTip()
    monkeypatch.setattr(start, "READY_MODEL", ("starter", "project.toml"))  # any file that ships
    page.refresh()
    with qtbot.waitSignal(page.readyModelRequested) as asked:
        qtbot.mouseClick(page.ready, Qt.MouseButton.LeftButton)
    assert asked.args[0].name == "project.toml"


def test_recent_projects_are_listed_newest_first_and_open(page: StartPage, qtbot: QtBot, tmp_path: Path) -> None:
    assert not page.recent.isVisible()
    for name in ("one", "two", "one"):
        remembered.remember_project(tmp_path / name)
    page.refresh()
    assert [page.recent.item(row).text().split()[0] for row in range(page.recent.count())] == ["one", "two"]
    with qtbot.waitSignal(page.openRequested) as asked:
        page.recent.setCurrentRow(1)
        qtbot.keyClick(page.recent, Qt.Key.Key_Return)
    assert asked.args == [tmp_path / "two"]


def test_a_new_project_is_checked_while_one_types(qtbot: QtBot) -> None:
    dialog = NewProjectDialog()
    qtbot.addWidget(dialog)
    dialog.name.setText("a/b")
    assert not dialog.create_button.isEnabled()
    dialog.name.setText("lamp")
    dialog.words.setText("on, off, ON")
    assert not dialog.create_button.isEnabled()
    dialog.words.setText("on, off ,")
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.create_button.click()
    assert chosen.args == [remembered.projects_folder() / "lamp", ["on", "off"]]
