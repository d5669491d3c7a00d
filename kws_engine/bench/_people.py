"""Recordings of people for training what ships and for measuring it, and which of them are kept for measuring.

The folder holds `speech_commands`, `wake_word`, `conversation` and `talk` with its `index.tsv`. Kept for measuring:
sources under share-alike or GPL licences, all conversation, all takes of "computer", the validation voices of Speech
Commands and its 23 rarer words, eight voices and four words of DSPSpeech-20, a third of LibriSpeech's readers, and
every second recording of noise. Nothing that ships is made from any of it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kws_engine.clips.split import which_set
from kws_engine.clips.words import parse_clip_name

Kind = Literal["speech", "word", "noise"]
KEYWORDS: Final = ("right", "left", "up", "down", "go", "eight", "one", "zero", "five")
KEPT_VOICES: Final = frozenset(f"d{number:02}" for number in range(13, 21))
KEPT_WORDS: Final = frozenset({"en-open", "en-signal", "zh-bei4jing3", "zh-shu4zi4"})
_SHIPPABLE: Final = frozenset(
    {
        "asterisk-core-sounds-it-wav", "librispeech_train_clean_100", "swahili_speech", "dspspeech20", "gcin_voice",
        "precise_community", "berlin_noise", "blanket", "precise_bg_noise",
    }
)  # fmt: skip
_COMPUTER: Final = frozenset({"en-computer", "en-heycomputer"})
_SPOKEN: Final = {
    **{
        f"en-digits-{digit}": f"en-{name}"
        for digit, name in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
    },
    "en-letters-ascii91": "en-left_bracket",
    "en-letters-ascii93": "en-right_bracket",
    "en-letters-ascii123": "en-left_brace",
    "en-letters-ascii125": "en-right_brace",
}
"""What prompts that are named otherwise say, as far as it is a keyword: who hears it there is right."""


@dataclass(frozen=True)
class Recording:
    """One recording of people, or of noise.

    Attributes:
        path: Of the sound.
        kind: A sentence or more, one word, or noise.
        source: The collection that it is from.
        language: ISO 639 code; empty for noise.
        speaker: Within the source; empty where nobody knows.
        word: What is said, where it is one word.
        kept: For measuring: nothing that ships may be made from it.
    """

    path: Path
    kind: Kind
    source: str
    language: str
    speaker: str
    word: str
    kept: bool


def folder_of_people() -> Path | None:
    """`$KWS_SHARED_DATA`, or `shared/data` beside the checkout; None where neither is there."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("KWS_SHARED_DATA") or beside)
    return folder if (folder / "talk" / "index.tsv").is_file() else None


def recordings(folder: Path) -> Iterator[Recording]:
    """All of them, by collection."""
    yield from _talk(folder / "talk")
    yield from _speech_commands(folder / "speech_commands")
    for path in sorted((folder / "conversation").glob("*.flac")):
        yield Recording(path, "speech", "conversation", "en", "", "", kept=True)
    for path in sorted((folder / "wake_word" / "computer").iterdir()):
        if path.suffix in (".wav", ".flac"):
            yield Recording(path, "word", "wake_word", "en", "", "computer", kept=True)


def _talk(folder: Path) -> Iterator[Recording]:
    kinds: dict[str, Kind] = {"speech": "speech", "words": "word", "noise": "noise"}
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)):
            kind, source, speaker = kinds[row["kind"]], row["source"], row["speaker"]
            word = _SPOKEN.get(row["word"], row["word"])
            kept = source not in _SHIPPABLE or word in _COMPUTER
            kept |= source == "dspspeech20" and (speaker in KEPT_VOICES or word in KEPT_WORDS)
            kept |= source == "librispeech_train_clean_100" and number % 3 == 0  # one file for each reader
            kept |= kind == "noise" and number % 2 == 1
            yield Recording(folder / row["path"], kind, source, row["language"], speaker, word, kept)


def _speech_commands(folder: Path) -> Iterator[Recording]:
    for word in sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("_")):
        for path in sorted((folder / word).glob("*.wav")):
            speaker, _ = parse_clip_name(path.stem)
            kept = word not in KEYWORDS or which_set(path.name) != "training"
            yield Recording(path, "word", "speech_commands", "en", speaker, word, kept)
    for number, path in enumerate(sorted((folder / "_background_noise_").glob("*.wav"))):
        yield Recording(path, "noise", "speech_commands", "", "", "", kept=number % 2 == 1)
