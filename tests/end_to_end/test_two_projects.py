"""Two projects in turn in one window: what belonged to the pages of the first ends with them."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import SIGNAL, QCoreApplication, QEvent, QMetaMethod, QObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from tiny_project import RATE, make_project, quick_settings

from kws_engine import audio
from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take, evaluate_take
from kws_engine.runs.label_file import Label
from kws_gui import theme
from kws_gui.app import make_window
from kws_gui.main_window import MainWindow
from kws_gui.page_table import PAGE_TABLE
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.services import remembered
from kws_gui.widgets.message_bar import MessageBar

PATIENCE_MS = 120_000


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """As the program makes it: what nobody catches is logged and shown."""
    remembered.set_up()
    theme.apply(qapp, "light")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    made = make_window(qapp, None)
    yield made
    made.services.training.shutdown(seconds=0)
    made.close()
    made.deleteLater()


@pytest.fixture
def projects(tmp_path: Path) -> list[Project]:
    return [make_project(tmp_path / name, takes=8) for name in ("one", "two")]


@pytest.mark.slow
def test_what_lives_longer_than_the_pages_keeps_no_connection_to_them(
    window: MainWindow, qtbot: QtBot, projects: list[Project]
) -> None:
    left = [_left_after_a_visit(window, qtbot, project) for project in (*projects, projects[0])]
    assert left[1] - left[0] == left[2] - left[1] == Counter()


def test_a_connection_that_outlives_its_page_is_found(
    window: MainWindow, qtbot: QtBot, projects: list[Project]
) -> None:
    """What the test above counts does grow with a callback that no widget owns."""
    open_project(qtbot, window, projects[0])
    before = receivers(window)
    page = window.page("words")
    window.services.project.undo_stack.changed.connect(lambda: page.messages.clear())
    window.services.projects.close()
    drop_deleted()
    assert (receivers(window) - before)["UndoStack.changed()"] == 1


@pytest.mark.slow
def test_two_projects_in_turn_do_one_of_everything(
    window: MainWindow, qtbot: QtBot, projects: list[Project], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kws_gui")
    open_project(qtbot, window, projects[0])
    visit_all(qtbot, window)
    open_project(qtbot, window, projects[1])
    visit_all(qtbot, window)
    for act in (_save_takes, _import, _leave_out, _train, _evaluate, _hear_a_file, _rename, _delete, _switch_theme):
        act(window, qtbot, tmp_path)
        drop_deleted()
        assert not caplog.records, f"{act.__name__}: {caplog.text}"
        assert not _errors_shown(window), act.__name__
    open_project(qtbot, window, projects[0])
    visit_all(qtbot, window)
    assert not caplog.records and not _errors_shown(window)


# -- one of everything


def _save_takes(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    words = window.page("words")
    window.services.navigation.show_page("words")
    words.words.choose("low")
    clips = words.table.rows.rowCount()
    words.recording._word_in_session = "low"
    words.recording._on_take(_take(), 1, 1)
    assert words.table.rows.rowCount() == clips + 1
    assert words.recordings.replace(words.table.current(), _take())
    window.services.project.undo_stack.undo()
    window.services.project.undo_stack.redo()


def _import(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    words = window.page("words")
    (folder / "more" / "middle").mkdir(parents=True)
    for number in range(3):
        audio.write(folder / "more" / "middle" / f"eve_nohash_{number}.wav", _tone(750 + number), rate=RATE)
    with qtbot.waitSignal(words.imports.imported, timeout=PATIENCE_MS):
        words.import_folder(folder / "more")
    words.words.choose("middle")
    assert words.table.rows.rowCount() == 8 + 3


def _leave_out(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    words = window.page("words")
    words.table.selectRow(0)
    clip = words.table.current()
    words.table.excludeRequested.emit([clip], True)
    window.services.project.undo_stack.undo()
    words.table.deleteRequested.emit([clip])
    window.services.project.undo_stack.undo()
    assert words.table.rows.rowCount() == 8 + 3


def _train(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    training = window.services.training
    window.services.navigation.show_page("train")
    page = window.page("train")
    page.form.setValue(quick_settings("training.epochs=5000"))
    page.train.click()
    qtbot.waitUntil(lambda: bool(training.live and training.live.epochs), timeout=PATIENCE_MS)
    page.card.pause.click()
    page.card.pause.click()
    page.train.click()
    qtbot.waitUntil(lambda: not training.is_running and not window.services.runs.is_reading(), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: page.messages.kind() == "success" and page.messages.isVisible(), timeout=PATIENCE_MS)


def _evaluate(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    window.services.navigation.show_page("results")
    page = window.page("results")
    page.show_view("clips")
    qtbot.waitUntil(lambda: page.evaluation is not None and not page.is_working(), timeout=PATIENCE_MS)
    for view in ("findings", "weights", "search", "clips"):
        page.show_view(view)
    qtbot.waitUntil(lambda: not page.is_working(), timeout=PATIENCE_MS)


def _hear_a_file(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    window.services.navigation.show_page("listen")
    page = window.page("listen")
    qtbot.waitUntil(page.button.isEnabled, timeout=PATIENCE_MS)
    audio.write(folder / "spoken.wav", np.tile(_tone(230), 3), rate=RATE)
    page.listen_to_file(folder / "spoken.wav")
    qtbot.waitUntil(lambda: "spoken.wav" in page.messages.text(), timeout=PATIENCE_MS)


def _rename(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    runs = window.services.runs
    window.services.navigation.show_page("train")
    runs.relabel(runs.rows[0], Label(name="first"))
    qtbot.waitUntil(lambda: not runs.is_reading() and runs.rows[0].title == "first", timeout=PATIENCE_MS)
    words = window.page("words").words
    words.choose("high")
    words.rename("higher")
    window.services.project.undo_stack.undo()


def _delete(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    runs = window.services.runs
    assert runs.delete(runs.rows)
    qtbot.waitUntil(lambda: not runs.is_reading() and not runs.rows, timeout=PATIENCE_MS)
    window.services.project.undo_stack.undo()
    qtbot.waitUntil(lambda: not runs.is_reading() and len(runs.rows) == 1, timeout=PATIENCE_MS)


def _switch_theme(window: MainWindow, qtbot: QtBot, _folder: Path) -> None:
    for choice in ("dark", "light"):
        window.set_theme(choice)
        visit_all(qtbot, window)


def _errors_shown(window: MainWindow) -> list[str]:
    return [bar.text() for bar in window.findChildren(MessageBar) if bar.kind() == "error" and bar.text()]


# -- opening, visiting, counting


def open_project(qtbot: QtBot, window: MainWindow, project: Project) -> None:
    with qtbot.waitSignal(window.services.project.opened, timeout=PATIENCE_MS):
        window.open_folder(project.folder)
    drop_deleted()


def visit_all(qtbot: QtBot, window: MainWindow) -> None:
    for name in PAGE_TABLE:
        window.services.navigation.show_page(name)
        qtbot.waitUntil(window.page(name).isVisible)
    for chapter in CHAPTERS:
        window.page("learn").show_chapter(chapter.name)


def _left_after_a_visit(window: MainWindow, qtbot: QtBot, project: Project) -> Counter[str]:
    open_project(qtbot, window, project)
    visit_all(qtbot, window)
    window.services.projects.close()
    drop_deleted()
    qtbot.waitUntil(lambda: not window.services.runs.is_reading(), timeout=PATIENCE_MS)
    drop_deleted()
    return receivers(window)


def receivers(window: MainWindow) -> Counter[str]:
    """How many connections each signal has, of all services, their parts, and what the whole program shares."""
    shared = (theme.notifier, window, QApplication.instance(), QApplication.styleHints())
    services = [service for service in vars(window.services).values() if isinstance(service, QObject)]
    parts = [part for service in services for part in service.findChildren(QObject)]
    return sum((_receivers_of(one) for one in (*services, *parts, *shared)), Counter())


def _receivers_of(one: QObject) -> Counter[str]:
    found = Counter[str]()
    kind = one.metaObject()
    for at in range(kind.methodCount()):
        method = kind.method(at)
        if method.methodType() == QMetaMethod.MethodType.Signal:
            name = bytes(method.methodSignature().data()).decode()
            found[f"{type(one).__name__}.{name}"] = one.receivers(SIGNAL(name))
    return found


def drop_deleted() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


# -- sound


def _tone(pitch: float) -> np.ndarray:
    times = np.arange(RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * pitch * times) * np.exp(-(((times - 0.5) / 0.12) ** 2))).astype(np.float32)


def _take() -> Take:
    quiet = np.zeros(RATE // 2, np.float32)
    return evaluate_take(np.concatenate([quiet, _tone(230), quiet]), RATE, clip_samples=RATE)
