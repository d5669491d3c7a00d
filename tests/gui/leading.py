"""Where a page leads: waits for what it asks of the navigation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytestqt.qtbot import QtBot

from kws_gui.services.navigation import Navigation


@contextmanager
def leads_to(qtbot: QtBot, navigation: Navigation, name: str) -> Iterator[None]:
    """Fails unless the page of that name is brought to the front meanwhile."""
    with qtbot.waitSignal(navigation.pageShown, check_params_cb=lambda shown: shown == name):
        yield
