"""Learn's chapter on the right feature: what it says of circle and words is so, and it works by mouse and keys."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine import resources
from kws_engine.clips.project import Project
from kws_engine.errors import AudioError
from kws_engine.settings import Settings
from kws_gui.pages.learn import few_takes
from kws_gui.pages.learn.chapters.right_feature import RightFeatureChapter, RingAndDisc
from kws_gui.services.project_model import ProjectModel

PATIENCE_MS = 60_000
WORDS = ("coffee", "computer", "lights")


@pytest.fixture(scope="module")
def takes() -> dict[str, list[few_takes.Take]]:
    clips = defaultdict(list)
    for path in sorted(resources.path("starter", "clips").glob("[!_]*/*.flac")):
        clips[path.parent.name].append(path)
    return few_takes.takes_by_word(clips)


def _read(takes: list[few_takes.Take]) -> list[few_takes.Frames]:
    return few_takes.read(takes, {}, progress=lambda _done, _total: None, should_stop=lambda: False)


@pytest.fixture(scope="module")
def frames(takes: dict[str, list[few_takes.Take]]) -> list[few_takes.Frames]:
    return _read([take for word in WORDS for take in takes[word]])


@pytest.fixture
def chapter(qtbot: QtBot) -> Iterator[RightFeatureChapter]:
    model = ProjectModel()
    made = RightFeatureChapter(model)
    qtbot.addWidget(made)
    made.resize(800, 1400)
    made.show()
    _settle(qtbot, made)
    yield made
    made.shutdown()


def _settle(qtbot: QtBot, chapter: RightFeatureChapter) -> None:
    qtbot.waitUntil(lambda: not chapter.is_working() and chapter._shown is not None, timeout=PATIENCE_MS)


def test_a_line_separates_ring_and_disc_only_in_polar_coordinates() -> None:
    data = RingAndDisc()
    assert data.share_right(data.unrolled(0.0)) < 0.65
    assert data.share_right(data.unrolled(1.0)) == 1.0
    assert np.abs(data.unrolled(0.5)).max() <= 1.0


@pytest.mark.parametrize("whole", [True, False])
def test_the_embedding_knows_words_of_new_voices_after_fewer_takes(frames: list[few_takes.Frames], whole: bool) -> None:
    study = few_takes.Study(WORDS, frames, whole=whole)
    mel, embedding = (study.curve(name) for name in few_takes.FEATURE_NAMES)
    assert mel.shape == (few_takes.MOST_TAKES,) and (embedding >= mel).all()
    assert mel[0] < 0.75 and embedding[0] > 0.93 and embedding[-1] > 0.97


def test_takes_to_learn_from_and_voices_to_ask_are_apart(frames: list[few_takes.Frames]) -> None:
    study = few_takes.Study(WORDS, frames, whole=False)
    for seed in range(5):
        fewer, more = (study.answers("log_mel", count, seed=seed).learned for count in (2, 5))
        assert set(fewer) < set(more) and list(np.bincount(study.labels[more])) == [5, 5, 5]
        assert not set(study.voices[more]) & set(study.voices[study.others(seed)])


def test_the_classifier_is_ridge_regression_on_the_features(frames: list[few_takes.Frames]) -> None:
    """The sums over pairs of takes give what weights on the features give."""
    study = few_takes.Study(WORDS, frames, whole=False)
    answers = study.answers("speech_embedding", 4, seed=1)
    points = np.stack([one.of["speech_embedding"].mean(axis=0) for one in frames]).astype(float)
    learned, wanted = answers.learned, np.eye(3)[study.labels]
    centred = points - points[learned].mean(axis=0)
    few = centred[learned]
    strength = few_takes._SHRINK * np.trace(few @ few.T) / len(learned)
    weights = np.linalg.solve(
        few.T @ few + strength * np.eye(96), few.T @ (wanted[learned] - wanted[learned].mean(axis=0))
    )
    np.testing.assert_array_equal(answers.said, (centred @ weights + wanted[learned].mean(axis=0)).argmax(axis=1))


def test_the_map_keeps_distances_as_well_as_two_directions_can(frames: list[few_takes.Frames]) -> None:
    study = few_takes.Study(WORDS, frames, whole=False)
    points = np.stack([one.of["log_mel"].mean(axis=0) for one in frames]).astype(float)
    left, sizes, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    for axis in (0, 1):
        ours, theirs = study.plane("log_mel")[:, axis], left[:, axis] * sizes[axis]
        assert abs(np.corrcoef(ours, theirs)[0, 1]) > 0.9999 and np.abs(ours).max() == pytest.approx(1.0)


def test_words_of_too_few_voices_are_not_offered(tmp_path: Path, takes: dict[str, list[few_takes.Take]]) -> None:
    paths = [tmp_path / f"ann_nohash_{number}.wav" for number in range(9)]
    assert few_takes.takes_by_word({"yes": paths}) == {}
    assert {len({take.voice for take in some}) for some in takes.values()} == {18}


def test_a_clip_that_cannot_be_read_is_said(chapter: RightFeatureChapter, qtbot: QtBot, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    with pytest.raises(AudioError):
        _read([few_takes.Take(broken, "yes", "ann")])
    chapter._takes["coffee"] = [few_takes.Take(broken, "coffee", "ann")]
    chapter._read()
    qtbot.waitUntil(lambda: "broken.wav" in chapter.caption.text(), timeout=PATIENCE_MS)


def test_takes_and_words_change_what_is_compared(chapter: RightFeatureChapter, qtbot: QtBot) -> None:
    assert chapter._shown is not None and chapter._shown.study.words == WORDS
    assert "2 takes" in chapter.caption.text() and "108 clips" in chapter.caption.text()
    chapter.takes.setValue(7)
    _settle(qtbot, chapter)
    assert "After 7 takes" in chapter.caption.text() and chapter._shown.takes == 7
    chapter.words[2].setValue("none")
    _settle(qtbot, chapter)
    assert chapter._shown.study.words == WORDS[:2] and "50%" in chapter.caption.text()
    chapter.words[0].setValue("computer")
    _settle(qtbot, chapter)
    assert len(set(chapter.chosen_words())) == 2 and chapter.chosen_words()[0] == "computer"


def test_a_clip_is_chosen_by_keys_and_by_the_mouse(chapter: RightFeatureChapter, qtbot: QtBot) -> None:
    mel, embedding = chapter.maps.values()
    mel.setFocus()
    qtbot.keyClick(mel, Qt.Key.Key_Right)
    qtbot.keyClick(mel, Qt.Key.Key_Right)
    assert mel._chosen == embedding._chosen >= 0 and "Speech embedding: “" in chapter.caption.text()
    assert mel._chosen == mel._across()[1] and "“" in embedding.accessibleDescription()
    with qtbot.waitSignal(mel.played) as heard:
        qtbot.keyClick(mel, Qt.Key.Key_Space)
    assert heard.args == [mel._chosen]
    wanted = embedding._across()[0]
    with qtbot.waitSignal(embedding.played) as heard:
        qtbot.mouseClick(embedding, Qt.MouseButton.LeftButton, pos=embedding.place_of(wanted).toPoint())
    assert heard.args is not None and embedding._chosen == heard.args[0]


def test_a_project_of_few_voices_leaves_the_starters_words(qtbot: QtBot, tmp_path: Path) -> None:
    model = ProjectModel()
    chapter = RightFeatureChapter(model)
    qtbot.addWidget(chapter)
    chapter.show()
    model.open(Project.open(make_project(tmp_path / "tones").folder))
    _settle(qtbot, chapter)
    assert set(chapter._takes) == {"coffee", "computer", "lights", "music", "stop", "window"}, "one voice says tones"
    assert chapter._origin.text() == "from the starter project"
    chapter.shutdown()


def test_a_project_of_many_voices_is_compared(qtbot: QtBot, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "own", words=["stop", "music"])
    for word in ("stop", "music"):
        (project.clips_folder / word).mkdir(parents=True, exist_ok=True)
        for path in resources.path("starter", "clips", word).glob("*.flac"):
            shutil.copy(path, project.clips_folder / word)
    project.refresh()
    model = ProjectModel()
    chapter = RightFeatureChapter(model)
    qtbot.addWidget(chapter)
    model.open(project)
    chapter.show()
    _settle(qtbot, chapter)
    assert set(chapter.chosen_words()) == {"stop", "music"} and not chapter._origin.text()
    assert all(take.path.is_relative_to(tmp_path) for take in chapter._shown.study.takes)
    chapter.shutdown()


def test_it_tries_the_recipe_for_few_takes(chapter: RightFeatureChapter) -> None:
    settings = Settings().with_options(f"{path}={text}" for path, text in chapter.options().items())
    assert settings == Settings().with_recipe("teach")
