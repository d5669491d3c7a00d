"""The window's own measurement is read to its end, whatever it says beside its rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kws_engine.errors import KwsError
from kws_gui.bench import gui
from kws_gui.bench.reporting import reported_by_window


def test_a_window_that_complains_at_length_and_fails_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talkative = tmp_path / "python"  # more than a pipe holds, then a row, then the failure
    talkative.write_text(
        "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' 'x' >&2\n"
        'echo \'{"what": "screen", "value": "none", "unit": ""}\'\necho >&2; echo no display >&2; exit 3\n'
    )
    talkative.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(talkative))
    told = []
    with pytest.raises(KwsError, match=r"could not be measured \(no display\)"):
        for row in gui.rows():
            told.append(row.what)
    assert told == ["screen"]


@pytest.mark.slow
def test_hours_of_sound_take_no_memory_and_keep_their_times() -> None:
    told = {row.what: row.value for row in reported_by_window("hours", "0.125")}  # three times round
    assert told["0.125 h heard in"]
    assert told["their places apart, at most"] == 0
    both = told["words of the second round that the last has, too"]
    assert isinstance(both, int) and both > 5
    assert 0 <= float(told["spectrogram behind the sound"]) <= 30
    assert float(told["at the end, more by"]) < 10
