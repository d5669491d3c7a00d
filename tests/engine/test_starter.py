"""The shipped starter project: that it is what its README says, and sound as audio."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from kws_engine.clips import project_file
from kws_engine.clips.project import Project, copy_starter
from kws_engine.clips.split import which_set

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "resources" / "starter"
SPEECH = sorted(STARTER.glob("clips/*/*_nohash_*.flac"))
WORD_FOLDERS = sorted({path.parent.name for path in SPEECH if not path.parent.name.startswith("_")})


def speaker_of(path: Path) -> str:
    return path.name.split("_nohash_")[0]


def level_db(samples: np.ndarray) -> np.ndarray:
    """The level of every 10 ms in dB below the loudest 10 ms."""
    power = np.mean(samples.reshape(-1, 160) ** 2, axis=1)
    return 10 * np.log10(np.maximum(power / power.max(), 1e-12))


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """packaging/make_starter.py as a module; `packaging` is no package."""
    spec = importlib.util.spec_from_file_location("make_starter", ROOT / "packaging" / "make_starter.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_six_words_of_forty_clips_and_twelve_voices_of_two_engines() -> None:
    listed = project_file.read(STARTER).words
    assert len(listed) == 6 and sorted(listed) == WORD_FOLDERS
    counts = Counter(path.parent.name for path in SPEECH)
    assert all(counts[word] >= 40 for word in listed)
    assert counts["_unknown_"] >= 80
    for word in listed:
        speakers = {speaker_of(path) for path in SPEECH if path.parent.name == word}
        assert len(speakers) >= 12
        assert {re.match("espeak|flite", speaker)[0] for speaker in speakers} == {"espeak", "flite"}  # type: ignore[index]


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in STARTER.rglob("*") if path.is_file()) < 6_000_000


@pytest.mark.parametrize("part", ["training", "validation", "testing"])
def test_every_part_has_every_word_from_both_engines(part: str) -> None:
    for word in [*WORD_FOLDERS, "_unknown_"]:
        speakers = {speaker_of(path) for path in SPEECH if path.parent.name == word and which_set(path.name) == part}
        assert {"espeak", "flite"} == {name for name in ("espeak", "flite") for s in speakers if s.startswith(name)}


@pytest.mark.parametrize("word", [*WORD_FOLDERS, "_unknown_"])
def test_every_clip_is_one_second_of_whole_unclipped_speech(word: str) -> None:
    for path in [path for path in SPEECH if path.parent.name == word]:
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_16", 16000, 1), path
        samples, _ = soundfile.read(path, dtype="float64")
        assert len(samples) == 16000, path
        assert 0.05 < np.abs(samples).max() < 0.95, path
        level = level_db(samples)
        assert max(level[:3].max(), level[-3:].max()) < -40, f"{path}: speech is cut at an edge"
        speech = np.flatnonzero(level > -35)
        assert 0.12 <= (speech[-1] - speech[0] + 1) / 100 <= 0.9, path
        assert abs((speech[0] + speech[-1] + 1) / 2 - 50) < 25, f"{path}: speech is far from the middle"


def test_no_clip_is_there_twice() -> None:
    contents = Counter(soundfile.read(path, dtype="int16")[0].tobytes() for path in SPEECH)
    assert max(contents.values()) == 1


def test_noise_is_long_steady_and_unclipped() -> None:
    noises = sorted(STARTER.glob("clips/_background_noise_/*.flac"))
    assert len(noises) >= 4
    for path in noises:
        samples, rate = soundfile.read(path, dtype="float64")
        assert rate == 16000 and 10 <= len(samples) / rate <= 60, path
        assert np.abs(samples).max() < 0.9, path
        seconds = samples[: len(samples) // rate * rate].reshape(-1, rate)
        assert np.sqrt(np.mean(seconds**2, axis=1)).min() > 0.002, f"{path} has a silent second"


def test_it_opens_as_a_project_with_clips_in_every_part(tmp_path: Path) -> None:
    project = copy_starter(tmp_path / "mine")
    assert project.words == project_file.read(STARTER).words
    assert Counter(clip.split for clip in Project.open(tmp_path / "mine").clips()).keys() == {
        "training",
        "validation",
        "testing",
    }
    assert len(project.noises()) == len(list(STARTER.glob("clips/_background_noise_/*")))


def test_the_readme_says_it_is_synthetic_and_names_every_voice(maker: ModuleType) -> None:
    text = (STARTER / "README.txt").read_text(encoding="utf-8")
    assert text == maker.readme()
    assert "speech synthesizer" in text and "packaging/make_starter.py" in text
    assert {voice.speaker for voice in maker.VOICES} == {speaker_of(path) for path in SPEECH}
    assert all(voice.speaker in text and which_set(voice.speaker) == voice.split for voice in maker.VOICES)


def test_a_voice_says_a_word_the_same_way_every_time(maker: ModuleType) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    path, first = next(maker.keyword_clips())
    again_path, again = next(maker.keyword_clips())
    assert path == again_path and (STARTER / "clips" / path).is_file()
    np.testing.assert_array_equal(first, again)


def test_what_is_silent_or_clipped_is_refused(maker: ModuleType, tmp_path: Path) -> None:
    for amplitude in (0.0, 1.5):
        with pytest.raises(ValueError, match="outside"):
            maker.write_flac(tmp_path / "clip.flac", np.full(16000, amplitude))
    assert not list(tmp_path.iterdir())
