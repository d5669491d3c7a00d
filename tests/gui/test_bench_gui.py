"""The window's own measurement is read to its end, whatever it says beside its rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kws_engine.errors import KwsError
from kws_gui.bench import gui


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
