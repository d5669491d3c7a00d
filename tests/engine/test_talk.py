"""The talk that ships with the program: parts without anything in common, small, whole, and without a user's words."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from kws_engine import resources
from kws_engine.errors import KwsError
from kws_engine.talk import TalkFile, TalkPart, TalkUtterance, shipped_talk

PARTS = get_args(TalkPart)
PAIRS = [(one, other) for number, one in enumerate(PARTS) for other in PARTS[number + 1 :]]
RATE = 16_000
HOURS = {"training": 0.9, "calibration": 0.9, "testing": 0.6}


@pytest.fixture(autouse=True)
def _all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KWS_TALK")


@pytest.fixture(scope="module")
def talk() -> dict[str, list[TalkFile]]:
    return {part: shipped_talk(part, folder=resources.path("talk")) for part in PARTS}


def said(files: Iterable[TalkFile], *kinds: str) -> list[TalkUtterance]:
    return [one for file in files for one in file.utterances if one.kind in kinds]


def speakers(files: Iterable[TalkFile]) -> set[str]:
    """Both of a blend; Kokoro's names without their language, as one speaker may have several."""
    found = set()
    for one in said(files, "sentence", "word"):
        engine, _, names = one.voice.partition(":")
        found |= {f"{engine}:{name.partition('_')[2] if engine == 'kokoro' else name}" for name in names.split("+")}
    return found


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_voice_is_in_two_parts(talk: dict[str, list[TalkFile]], one: str, other: str) -> None:
    assert speakers(talk[one]) & speakers(talk[other]) == set()


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("kind", ["sentence", "word"])
def test_no_text_is_in_two_parts(talk: dict[str, list[TalkFile]], one: str, other: str, kind: str) -> None:
    texts = [{(told.language, told.text.casefold()) for told in said(talk[part], kind)} for part in (one, other)]
    assert texts[0] & texts[1] == set()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_long_and_broad(talk: dict[str, list[TalkFile]], part: str) -> None:
    files = talk[part]
    assert sum(file.seconds for file in files) >= HOURS[part] * 3600
    assert sum(file.seconds for file in files if file.kind == "noise") >= 9 * 60
    assert len(speakers(files)) >= 25
    assert len({one.language for one in said(files, "sentence")}) >= 12
    assert len({one.text for one in said(files, "word") if one.language == "en"}) >= 100
    assert len({one.text for one in said(files, "noise")}) >= 15


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in resources.path("talk").rglob("*")) <= 17_000_000


def test_every_file_is_listed_and_every_listed_file_is_there(talk: dict[str, list[TalkFile]]) -> None:
    there = set(resources.path("talk").rglob("*.opus"))
    assert {file.path for files in talk.values() for file in files} == there


@pytest.mark.parametrize("part", PARTS)
def test_spans_are_in_order_and_inside_the_file(talk: dict[str, list[TalkFile]], part: str) -> None:
    for file in talk[part]:
        ends = [0.0] + [one.end_s for one in file.utterances]
        starts = [one.start_s for one in file.utterances] + [file.seconds]
        assert all(end <= start + 0.01 for end, start in zip(ends, starts, strict=True)), file.path
        assert all(one.end_s > one.start_s for one in file.utterances)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_file_decodes_to_its_length_and_is_wideband(talk: dict[str, list[TalkFile]], part: str) -> None:
    power, done = np.zeros(RATE // 2 + 1), 0
    for file in talk[part]:
        length = 0
        for block in file.blocks(rate=RATE):
            length += len(block)
            if len(block) == RATE:
                power += np.abs(np.fft.rfft(block * np.hanning(RATE))) ** 2
                done += 1
        assert length / RATE == pytest.approx(file.seconds, abs=0.01), file.path
    above_db = 10 * np.log10(power[7000:7500].mean() / power[2000:3000].mean())
    assert above_db > -30, "the band ends below 7 kHz"


def test_speech_is_where_the_index_says(talk: dict[str, list[TalkFile]]) -> None:
    """Single words stand out from the quiet before them by more than chance would have it."""
    file = next(file for file in talk["testing"] if file.kind == "word")
    sound = np.concatenate(list(file.blocks(rate=RATE)))
    louder = []
    for one in file.utterances:
        start, end = round(one.start_s * RATE), round(one.end_s * RATE)
        before = sound[max(0, start - RATE // 4) : start]
        louder.append(np.sqrt(np.mean(sound[start:end] ** 2)) > 1.4 * np.sqrt(np.mean(before**2)))
    assert np.mean(louder) > 0.8


def test_a_file_is_read_in_constant_memory(talk: dict[str, list[TalkFile]]) -> None:
    file = max(talk["testing"], key=lambda one: one.seconds)
    tracemalloc.start()
    try:
        for number, _ in enumerate(file.blocks(rate=RATE)):
            if number == 30:
                tracemalloc.reset_peak()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number > 200, "too short to tell"
    assert peak < 4 * 2**20


def test_a_file_gives_the_same_sound_at_any_length_of_block(talk: dict[str, list[TalkFile]]) -> None:
    file = min(talk["testing"], key=lambda one: one.seconds)
    whole, pieces = (np.concatenate(list(file.blocks(rate=8000, block_seconds=s))) for s in (30.0, 0.37))
    np.testing.assert_array_equal(whole, pieces)


def made(*texts: str, kind: str = "sentence") -> TalkFile:
    """A file without sound: a text every ten seconds, for two seconds."""
    spans = [TalkUtterance(10.0 * at, 10.0 * at + 2, kind, "en", "", text) for at, text in enumerate(texts)]  # type: ignore[arg-type]
    return TalkFile(Path("none"), "testing", kind, 10.0 * len(texts), tuple(spans))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "text", "is_said"),
    [
        ("light", "Turn off the light, please.", True),
        ("Light", "LIGHT from the sun", True),
        ("light", "The lights went out.", True),
        ("light", "He was slightly late for the flight.", False),
        ("light", "A lighthouse stood there.", False),
        ("computer", "My computer's screen is cracked.", True),
        ("turn left", "Turn left after the church.", True),
        ("turn left", "Turn right, then left.", False),
        ("teatime", "It was tea-time.", True),
        ("tea time", "It was teatime.", True),
        ("go", "This is a good goal.", False),
        ("don't", "Don't open it.", True),
        ("fenêtre", "Est-ce que tu peux fermer la fenêtre, s'il te plaît?", True),
        ("école", "L'école est loin.", True),
        ("Straße", "Die strasse ist lang.", True),
        ("火车", "去北京的火车七点钟开。", True),
        ("火山", "去北京的火车七点钟开。", False),
        ("पानी", "फूलों को पानी देना मत भूलना।", True),
        ("", "Nothing to find.", False),
        ("!?", "Really!?", False),
    ],
)
def test_a_word_is_found_where_it_is_said_and_nowhere_else(word: str, text: str, is_said: bool) -> None:
    assert bool(made(text).spans_with([word])) == is_said


def test_spans_have_a_margin_and_do_not_overlap() -> None:
    file = made("stop it", "go on", "go and stop")
    assert file.spans_with(["stop"], margin_s=1) == [(0.0, 3.0), (19.0, 23.0)]
    assert file.spans_with(["stop", "go"], margin_s=4) == [(0.0, 26.0)]
    assert file.seconds_without(["stop"], margin_s=0) == 26.0


def test_what_a_noise_is_called_is_not_said() -> None:
    assert made("door bangs", kind="noise").spans_with(["door"]) == []


def test_a_word_of_the_shipped_talk_is_left_out_where_it_is_said(talk: dict[str, list[TalkFile]]) -> None:
    word = next(one.text for one in said(talk["testing"], "word") if one.language == "en")
    files = [file for file in talk["testing"] if word in {one.text for one in file.utterances}]
    for file in files:
        spans = file.spans_with([word])
        for one in file.utterances:
            if one.text == word:
                assert any(start <= one.start_s and one.end_s <= end for start, end in spans)
    assert files and sum(file.seconds_without([word]) for file in files) < sum(file.seconds for file in files)


def test_another_folder_can_be_read_and_a_missing_one_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = shipped_talk("testing")[0]
    root = resources.path("talk")
    (tmp_path / "testing").mkdir()
    (tmp_path / "testing" / source.path.name).write_bytes(source.path.read_bytes())
    lines = (root / "index.csv").read_text(encoding="utf-8").splitlines()
    ours = [line for line in lines if line.startswith(("file,", f"testing/{source.path.name},"))]
    (tmp_path / "index.csv").write_text("\n".join(ours) + "\n", encoding="utf-8")
    (copied,) = shipped_talk("testing", folder=tmp_path)
    assert (copied.seconds, copied.utterances) == (source.seconds, source.utterances)
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "kws_engine" / "resources.py"))
    with pytest.raises(KwsError, match="install KWS Studio again"):
        shipped_talk("testing")
