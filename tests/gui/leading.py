"""Which page a click leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytestqt.qtbot import QtBot

from kws_gui.services.services import Services


@contextmanager
def leads_to(qtbot: QtBot, services: Services, name: str) -> Iterator[None]:
    with qtbot.waitSignal(services.navigation.pageShown) as shown:
        yield
    assert shown.args == [name]
