"""The talk that ships with the program: people's speech as synthetic voices give it, and noise, to fire falsely at."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from kws_engine import audio, resources
from kws_engine.audio import Samples

TalkPart = Literal["training", "calibration", "testing"]
"""No voice, sentence or single word is in two of them."""
TalkKind = Literal["sentence", "word", "noise"]
Span = tuple[float, float]
MARGIN_S: Final = 1.0
"""How far behind a word a detector may still fire because of it, and how far before it a clip with it may begin."""
_OPUS_RATE: Final = 48_000  # of the positions in an Ogg Opus, whatever rate was encoded
_LARGEST_OGG_PAGE: Final = 65_307
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff]")  # kana and Han, written without spaces between words
_ACCENTS: Final = re.compile("(?<=[A-Za-z])[\u0300-\u036f]")  # of Latin letters: "zéro" is said like "zero"
_PLURALS: Final = ("", "s", "es")


@dataclass(frozen=True)
class TalkUtterance:
    """What is to be heard in one span of a file.

    Attributes:
        start_s: Where it begins, in seconds of the file.
        end_s: Where it ends, without the room's echo.
        kind: A sentence, a word said alone, or noise without speech.
        language: ISO 639 code; `zxx` for noise.
        voice: Program and voice, as in `kokoro:af_heart`; a blend as in `kokoro:af_heart+bf_emma`; empty for noise.
        text: What is said, or what makes the noise.
    """

    start_s: float
    end_s: float
    kind: TalkKind
    language: str
    voice: str
    text: str


@dataclass(frozen=True)
class TalkFile:
    """Some minutes of talk or noise.

    Attributes:
        path: Ogg Opus, mono, wideband (up to 8 kHz).
        part: What it may be used for.
        kind: What its utterances are.
        seconds: Its length.
        utterances: What is in it, by time.
    """

    path: Path
    part: TalkPart
    kind: TalkKind
    seconds: float
    utterances: tuple[TalkUtterance, ...]

    def blocks(self, *, rate: int, block_seconds: float = 1.0) -> Iterator[Samples]:
        """The sound as mono float32 (samples,) at `rate` Hz, in blocks (the last may be shorter), in constant memory.

        Raises:
            AudioError: The file is damaged.
        """
        return audio.blocks(self.path, rate=rate, block_seconds=block_seconds)

    def spans_with(self, words: Iterable[str], *, margin_s: float = MARGIN_S) -> list[Span]:
        """(start, end) in seconds of where one of `words` is said, to be left out; by time, without overlap.

        A word counts as said where a text has it as a whole word, in upper or lower case, with or without an s or es
        behind it; a compound, however it is written (`teatime`, `tea-time`, `tea time`); a phrase, where its words
        stand in a row. In Chinese and Japanese any place with its characters counts.
        """
        wanted = [letters for letters in map(_letters, words) if letters]
        spans: list[Span] = []
        for one in self.utterances:
            if one.kind == "noise" or not any(_holds(one.text, letters) for letters in wanted):
                continue
            start, end = max(0.0, one.start_s - margin_s), min(self.seconds, one.end_s + margin_s)
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end))
            else:
                spans.append((start, end))
        return spans

    def seconds_without(self, words: Iterable[str], *, margin_s: float = MARGIN_S) -> float:
        """How much is left of the file without the spans of `spans_with`."""
        return self.seconds - sum(end - start for start, end in self.spans_with(words, margin_s=margin_s))


def shipped_talk(part: TalkPart, *, folder: Path | None = None) -> list[TalkFile]:
    """The files of a part, by name; `folder`, or `$KWS_TALK`, is for another collection of the same form.

    Raises:
        KwsError: They are missing: the installation is damaged.
    """
    root = folder or Path(os.environ.get("KWS_TALK") or resources.path("talk"))
    utterances: dict[str, list[TalkUtterance]] = {}
    with (root / "index.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["part"] == part:
                utterances.setdefault(row["file"], []).append(_utterance(row))
    return [_talk_file(root.joinpath(name), part, said) for name, said in sorted(utterances.items())]


def holds_word(text: str, word: str) -> bool:
    """Whether a text says a word or phrase, as `TalkFile.spans_with` looks for it."""
    letters = _letters(word)
    return bool(letters) and _holds(text, letters)


def _utterance(row: dict[str, str]) -> TalkUtterance:
    kind = cast(TalkKind, row["kind"])
    return TalkUtterance(float(row["start_s"]), float(row["end_s"]), kind, row["language"], row["voice"], row["text"])


def _talk_file(path: Path, part: TalkPart, utterances: list[TalkUtterance]) -> TalkFile:
    by_time = tuple(sorted(utterances, key=lambda one: one.start_s))
    return TalkFile(path, part, by_time[0].kind, _opus_seconds(path), by_time)


def _opus_seconds(path: Path) -> float:
    """The length as the last page tells it (RFC 7845), so that nothing is decoded."""
    with path.open("rb") as file:
        start = file.read(512)
        file.seek(max(0, path.stat().st_size - _LARGEST_OGG_PAGE))
        end = file.read()
    head, page = start.find(b"OpusHead"), end.rfind(b"OggS")
    skipped = int.from_bytes(start[head + 10 : head + 12], "little")
    return (int.from_bytes(end[page + 6 : page + 14], "little") - skipped) / _OPUS_RATE


def _tokens(text: str) -> list[str]:
    """Its words without signs and accents, in lower case; of an unspaced script its characters."""
    signs = _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold()
    signs = unicodedata.normalize("NFKC", signs)
    letters = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in signs)
    return _UNSPACED.sub(r" \g<0> ", letters).split()


def _letters(text: str) -> str:
    return "".join(_tokens(text))


def _holds(text: str, letters: str) -> bool:
    """Whether whole words of `text` in a row spell `letters`."""
    tokens = _tokens(text)
    wanted = [letters + plural for plural in _PLURALS]
    longest = max(map(len, wanted))
    for first in range(len(tokens)):
        spelled = ""
        for token in tokens[first:]:
            spelled += token
            if spelled in wanted:
                return True
            if len(spelled) >= longest:
                break
    return False
