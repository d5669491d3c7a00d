"""One warm process for several askers: order, newest wins, hanging and dying questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from warm_questions import Die, Echo, Fail, Hang

from kws_gui.bridges import warm
from kws_gui.bridges.warm import Asker, WarmBridge

PATIENCE_MS = 120_000


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[WarmBridge]:
    made = WarmBridge()
    yield made
    made.shutdown()


def _answers(*askers: Asker) -> list[tuple[int, object]]:
    heard: list[tuple[int, object]] = []
    for number, asker in enumerate(askers):
        asker.answered.connect(lambda answer, number=number: heard.append((number, answer)))
    return heard


def test_askers_share_a_process_and_each_gets_its_newest_answer(qtbot: QtBot, bridge: WarmBridge) -> None:
    first, second = Asker(bridge), Asker(bridge)
    heard = _answers(first, second)
    for value in range(3):
        first.ask(Echo(value))
        second.ask(Echo(-value))
    assert first.pid == second.pid is not None
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=PATIENCE_MS)
    assert heard == [(0, 2), (1, -2)], "in the order in which they came"


def test_an_error_that_nobody_expected_is_a_refusal(qtbot: QtBot, bridge: WarmBridge) -> None:
    asker = Asker(bridge)
    with qtbot.waitSignal(asker.refused, timeout=PATIENCE_MS) as refused:
        asker.ask(Fail())
    assert refused.args == ["This cannot be shown: no such size", ""] and not asker.is_busy


def test_the_process_ends_when_its_last_user_has_let_go(qtbot: QtBot, bridge: WarmBridge) -> None:
    first, second = Asker(bridge), Asker(bridge)
    first.start()
    second.start()
    pid = bridge.pid
    first.shutdown()
    assert bridge.pid == pid is not None
    second.shutdown()
    assert bridge.pid is None
    bridge.shutdown()
    first.ask(Echo(1))
    assert bridge.pid is None, "a window that closes starts no process"


def test_a_hanging_question_does_not_hold_up_the_others(
    qtbot: QtBot, bridge: WarmBridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again behind them, since its asker still waits for it."""
    monkeypatch.setattr(warm, "PATIENCE_S", 0.1)
    begun, hangs = tmp_path / "begun", tmp_path / "hangs"
    hangs.touch()
    hanging, other = Asker(bridge), Asker(bridge)
    hanging.ask(Hang(begun, hangs))
    qtbot.waitUntil(begun.exists, timeout=PATIENCE_MS)
    first = bridge.pid
    with qtbot.waitSignal(other.answered, timeout=PATIENCE_MS) as answered:
        other.ask(Echo("other"))
    assert answered.args == ["other"] and bridge.pid != first and hanging.is_busy
    qtbot.waitUntil(lambda: begun.read_text().count("begun") == 2, timeout=PATIENCE_MS)
    with qtbot.waitSignal(hanging.answered, timeout=PATIENCE_MS) as late:
        hangs.unlink()
    assert late.args == ["hung no more"]


def test_a_hanging_question_is_overtaken_by_a_newer_one(
    qtbot: QtBot, bridge: WarmBridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "PATIENCE_S", 0.1)
    begun, hangs = tmp_path / "begun", tmp_path / "hangs"
    hangs.touch()
    asker = Asker(bridge)
    heard = _answers(asker)
    asker.ask(Hang(begun, hangs))
    qtbot.waitUntil(begun.exists, timeout=PATIENCE_MS)
    asker.ask(Echo("newer"))
    qtbot.waitUntil(lambda: bool(heard), timeout=PATIENCE_MS)
    assert heard == [(0, "newer")] and begun.read_text().count("begun") == 1 and not asker.is_busy


def test_a_question_that_ends_its_process_is_lost_alone(qtbot: QtBot, bridge: WarmBridge) -> None:
    deadly, other = Asker(bridge), Asker(bridge)
    heard = _answers(deadly, other)
    with qtbot.waitSignal(deadly.lost, timeout=PATIENCE_MS) as lost:
        deadly.ask(Die())
        other.ask(Echo("other"))
    assert lost.args == ["Nothing can be shown"] and heard == [(1, "other")] and not deadly.is_busy
    with qtbot.waitSignal(deadly.answered, timeout=PATIENCE_MS) as answered:
        deadly.ask(Echo("alive"))
    assert answered.args == ["alive"]
