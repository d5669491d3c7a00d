"""Which recordings of people measure, and which of them say a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_engine.bench._kept import kept
from kws_engine.bench._people import recordings

_ROWS = """path	kind	source	language	speaker	word	seconds
words/a/five.ogg	words	asterisk-core-sounds-en-wav	en	ast1	en-digits-5	0.5
words/a/bracket.ogg	words	asterisk-core-sounds-en-wav	en	ast1	en-letters-ascii93	0.9
words/a/fifth.ogg	words	asterisk-core-sounds-en-wav	en	ast1	en-digits-h-5	0.5
words/a/cinque.ogg	words	asterisk-core-sounds-it-wav	it	ast3	it-digits-5	0.5
speech/a/menu.ogg	speech	asterisk-core-sounds-fr-wav	fr	ast2		3.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("talk", "speech_commands/five", "conversation", "wake_word/computer"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "talk" / "index.tsv").write_text(_ROWS)
    (tmp_path / "conversation" / "order.flac").touch()
    return tmp_path


def test_prompts_that_say_a_word_are_known_by_it(folder: Path) -> None:
    said = {one.path.stem: one.word for one in recordings(folder) if one.kind == "word"}
    assert said == {"five": "en-five", "bracket": "en-right_bracket", "fifth": "en-digits-h-5", "cinque": "it-digits-5"}


def test_no_false_alarm_is_counted_where_the_word_is_said(folder: Path) -> None:
    found = {kind: [path.stem for path in paths] for kind, paths in kept(folder, without=("five", "right")).items()}
    assert found == {
        "conversation": ["order"],
        "single words": ["fifth"],  # Italian prompts do not measure
        "other languages": ["menu"],
        "noise": [],
    }
