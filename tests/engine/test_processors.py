"""The cores that may be used are those that the process was given."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kws_engine.processors import cores


@pytest.fixture
def one_core() -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system binds no process to cores")
    given = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(given)})
    yield
    os.sched_setaffinity(0, given)


def test_a_process_bound_to_one_core_uses_one(one_core: None) -> None:
    assert cores() == 1


def test_there_is_a_core() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
