"""A few real clips of the starter project, and the options of a short run on them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kws_engine import resources
from kws_engine.clips.project import Project
from kws_engine.training.events import Event, Finished

WORDS = ("lights", "music", "stop")
VOICES = (
    "espeakadam0", "espeakfiona1", "espeakmax1", "flitekal0", "fliterms0",  # training
    "espeakannie3", "fliteawb0", "espeakbelinda13", "fliteslt0",  # validation, testing
)  # fmt: skip
EVERY_VOICE = tuple(
    sorted({path.name.partition("_nohash_")[0] for path in resources.path("starter", "clips", "stop").iterdir()})
)
QUICK = (
    "model.name=fnn",
    "training.epochs=1",
    "training.clips_per_epoch=60",
    "training.shipped_unknown=no",
    "training.talk_share=0",
)
"""Options of a run that takes a second or two before its model file."""


def make_project(folder: Path, *, words: tuple[str, ...] = WORDS, voices: tuple[str, ...] = VOICES) -> Project:
    """A new project with these clips."""
    Project.create(folder, words=words)
    shutil.rmtree(folder / "clips")
    starter_part(folder / "clips", words=words, voices=voices)
    return Project.open(folder)


def starter_part(folder: Path, *, words: tuple[str, ...] = WORDS, voices: tuple[str, ...] = VOICES) -> Path:
    """A folder in Speech Commands layout with a few of the starter project's clips, three a word and voice."""
    for word in words:
        (folder / word).mkdir(parents=True)
        for path in sorted(resources.path("starter", "clips", word).iterdir()):
            if path.name.partition("_nohash_")[0] in voices:
                shutil.copyfile(path, folder / word / path.name)
    return folder


@dataclass(frozen=True)
class Trained:
    """A finished run."""

    project: Project
    events: tuple[Event, ...]

    @property
    def finished(self) -> Finished:
        assert isinstance(self.events[-1], Finished)
        return self.events[-1]

    @property
    def model(self) -> Path:
        return Path(self.finished.model)
