"""Teaches words by few takes: the settings for it, and a project's takes and talk from files."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from kws_engine import audio
from kws_engine.clips.clip import audio_files
from kws_engine.clips.importing import Imported, SpeakerRule, import_folder
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.words import clip_ms_for
from kws_engine.disk import write_atomically
from kws_engine.errors import ProjectError
from kws_engine.settings import Settings

_RECIPE: Final = "teach"
TAKES: Final = 20
"""How many takes of a word are asked for."""


def teach_settings() -> Settings:
    """The settings with which a word is taught; those of a project are for its full forms."""
    return Settings().with_recipe(_RECIPE)


def open_or_create(folder: Path, word: str) -> Project:
    """The project there, with the word in it, and with clips that are long enough for it.

    Raises:
        ProjectError, SpecError: It cannot be opened or made, or the word cannot be one.
    """
    if ProjectFolder(folder).project_file.exists():
        project = Project.open(folder)
        if word not in project.words:
            with project.edit as edit:
                edit.add_word(word)
    else:
        project = Project.create(folder, words=[word])
    project.edit.lengthen_clips(clip_ms_for([word], least=project.clip_ms))
    return Project.open(folder)


def add_takes(project: Project, word: str, folder: Path, *, most: int | None = None, seed: int = 0) -> Imported:
    """Takes a folder's recordings as takes of a word, or so many of them drawn at random.

    Raises:
        ProjectError: There are none, or they cannot be stored.
    """
    if not folder.is_dir():
        raise ProjectError(f"There is no folder {folder}: name the folder with the recordings of “{word}”")
    paths = sorted(Path(entry.path) for entry in audio_files(folder))
    if not paths:
        raise ProjectError(f"{folder} holds no recordings: name the folder with those of “{word}” itself")
    chosen = sorted(random.Random(seed).sample(paths, min(most or len(paths), len(paths))))
    with tempfile.TemporaryDirectory(prefix="kws-teach-") as temporary:
        copies = Path(temporary) / word
        copies.mkdir()
        for path in chosen:
            shutil.copy(path, copies / path.name)
        imported = import_folder(project, Path(temporary), rule=SpeakerRule("", ""))
    skipped = [dataclasses.replace(one, path=folder / Path(one.path).name) for one in imported.skipped]
    return dataclasses.replace(imported, skipped=skipped)


def copy_talk(project: Project, paths: Sequence[Path]) -> list[Path]:
    """Copies recordings of a person's talk into the project, each once, at its rate.

    Raises:
        AudioError: One cannot be read.
        ProjectError: One cannot be stored.
    """
    folder = ProjectFolder(project.folder).talk
    stored = []
    for path in paths:
        samples = np.concatenate([np.zeros(0, np.float32), *audio.blocks(path, rate=project.rate)])
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, project.rate, format="WAV", subtype="PCM_16")
        content = buffer.getvalue()
        target = folder / f"talk-{hashlib.sha256(content).hexdigest()[:12]}.wav"
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content)
        stored.append(target)
    return stored
