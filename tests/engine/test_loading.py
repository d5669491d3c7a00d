"""What a run loads beside the project's own clips, and the words made up from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kws_engine import resources
from kws_engine.clips.project import Project, copy_starter
from kws_engine.runs.loading import load
from kws_engine.settings import Settings
from kws_engine.training.data.synthetic_words import speech_spans, synthetic_word


def training_unknown(project: Project) -> int:
    loading = load(project, Settings())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return int((end.value.training.labels == len(project.words)).sum())


def project_of_words(folder: Path, words: tuple[str, ...]) -> Project:
    """A project without other words, whose clips are the starter's under other names."""
    starter = copy_starter(folder / "starter")
    project = Project.create(folder / "project", words=words)
    for word, source in zip(words, starter.words, strict=False):
        for clip in starter.clips(word=source):
            target = project.clips_folder / word / clip.path.name
            target.write_bytes(clip.path.read_bytes())
    project.refresh()
    return project


def test_a_taught_word_is_not_learned_as_another_word(tmp_path: Path) -> None:
    says = json.loads(resources.path("starter", "unknown_words.json").read_text(encoding="utf-8"))
    folder = resources.path("starter", "clips", "_unknown_")
    assert set(says) == {path.name for path in folder.glob("*.flac")}
    strange = training_unknown(project_of_words(tmp_path / "strange", ("zebra", "xylophone")))
    taught = training_unknown(project_of_words(tmp_path / "taught", ("Yes", "nights")))
    assert "yes" in says.values() and "nights" in says.values()
    assert 0 < taught < strange


def test_pieces_from_the_very_end_of_clips_still_make_a_word() -> None:
    clips = np.zeros((4, 16_000), np.int16)
    clips[:, -160:] = 8000
    spans = speech_spans(clips)
    assert (spans == [15_840, 16_000]).all()
    made = synthetic_word(clips, spans, np.random.default_rng(0))
    assert made.shape == (16_000,) and np.abs(made).max() > 0
