"""The start screen: what its buttons ask for, recent projects, a ready model that may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from leading import leads_to
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from kws_gui import ready_model
from kws_gui.pages.start.page import StartPage
from kws_gui.project_dialogs import NewProjectDialog
from kws_gui.services import remembered
from kws_gui.services.services import make_services

PATIENCE_MS = 30_000


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[StartPage]:
    services = make_services()
    page = StartPage(services)
    qtbot.addWidget(page)
    page.show()
    yield page
    services.shutdown()


def test_each_button_asks_for_its_way_to_begin(page: StartPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    qtbot.mouseClick(page.new, Qt.MouseButton.LeftButton)
    dialog = page.findChild(NewProjectDialog)
    assert dialog is not None and dialog.isVisible()
    dialog.reject()
    asked: list[object] = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *told: asked.append(told) or "")
    qtbot.mouseClick(page.open, Qt.MouseButton.LeftButton)
    assert len(asked) == 1
    with qtbot.waitSignal(page._services.project.opened, timeout=PATIENCE_MS):
        qtbot.mouseClick(page.starter, Qt.MouseButton.LeftButton)
    project = page._services.project.project
    assert project is not None and project.folder == remembered.projects_folder() / "starter"


def test_the_ready_model_is_offered_where_it_is_and_refused_with_a_reason_where_not(
    page: StartPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready_model, "READY_MODEL", ("models", "none.kws"))
    page.refresh()
    assert not page.ready.isEnabled() and "not part of this installation" in page.ready.toolTip()
    monkeypatch.setattr(ready_model, "READY_MODEL", ("starter", "project.toml"))  # any file that ships
    page.refresh()
    with leads_to(qtbot, page._services.navigation, "listen"):
        qtbot.mouseClick(page.ready, Qt.MouseButton.LeftButton)
    chosen = page._services.project.model_path
    assert chosen is not None and chosen.name == "project.toml"


def test_recent_projects_are_listed_newest_first_and_open(page: StartPage, qtbot: QtBot, tmp_path: Path) -> None:
    assert not page.recent.isVisible()
    for name in ("one", "two", "one"):
        remembered.remember_project(tmp_path / name)
    page.refresh()
    assert [page.recent.item(row).text().split()[0] for row in range(page.recent.count())] == ["one", "two"]
    with qtbot.waitSignal(page._services.projects.began) as asked:
        page.recent.setCurrentRow(1)
        qtbot.keyClick(page.recent, Qt.Key.Key_Return)
    assert asked.args == ["two"]
    with qtbot.waitSignal(page._services.projects.failed, timeout=PATIENCE_MS) as failed:
        pass
    assert str(tmp_path / "two") in failed.args[0]


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
