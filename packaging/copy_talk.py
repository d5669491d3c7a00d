"""Copies people's talk that may go into what ships, as one recording for each source, language and kind.

    .venv/bin/python packaging/copy_talk.py FOLDER --without right,left

FOLDER is written: a project's folder `talk`, from which it learns what is not its words, and by which thresholds are
set. The talk is that of the bank (`kws_engine/bench/_people.py` says which is kept for measuring), in KWS_SHARED_DATA,
without recordings of the words and without readings of which nobody knows the text, as they say common words.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from kws_engine.bench._kept import blocks_of
from kws_engine.bench._people import Recording, folder_of_people, recordings

_RATE = 16_000
_OF_UNKNOWN_TEXT = "librispeech_train_clean_100"


def wanted(one: Recording, without: Sequence[str]) -> bool:
    """Whether a recording may be learned from and says none of the words."""
    says_it = any(one.word.lower() in (word, f"{one.language}-{word}") for word in without)
    return not one.kept and not says_it and one.source not in (_OF_UNKNOWN_TEXT, "speech_commands")


def main() -> None:
    """Writes the recordings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--without", default="")
    arguments = parser.parse_args()
    people = folder_of_people()
    if people is None:
        parser.error("there are no recordings of people: name their folder in KWS_SHARED_DATA")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, list[Path]] = {}
    for one in recordings(people):
        if wanted(one, arguments.without.split(",")):
            paths.setdefault(f"{one.source}-{one.language or 'none'}-{one.kind}", []).append(one.path)
    for name, some in paths.items():
        sound = np.concatenate(list(blocks_of(some)(_RATE)))
        soundfile.write(arguments.folder / f"{name}.flac", sound, _RATE)
        print(f"{name}: {len(sound) / _RATE / 60:.1f} min")


if __name__ == "__main__":
    main()
