"""A word taught by few takes: `kws teach` from recordings to a model file, and the batches it learns from."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from kws_engine import resources
from kws_engine.bank import shipped_bank
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.features import FEATURES
from kws_engine.runs.teaching import add_takes, copy_talk, open_or_create
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.data.bank_windows import BankWindows
from kws_engine.training.data.clips import LoadedClips
from kws_engine.training.data.laid_batches import LaidBatches, Said, Voice
from kws_engine.training.data.sampling import SYNTHETIC, TALK

RATE = 16_000
QUICK = ("--set", "training.epochs=8", "--set", "training.clips_per_epoch=1024", "--threads", "1")


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    """Ten recordings of a word by several voices, under names of their own."""
    folder = tmp_path / "takes"
    folder.mkdir()
    for number, path in enumerate(sorted(resources.path("starter", "clips", "computer").iterdir())[:10]):
        shutil.copy(path, folder / f"recording {number}{path.suffix}")
    return folder


@pytest.mark.slow
def test_teach_makes_a_model_that_hears_the_word(
    takes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    assert main(["teach", str(project), "computer", "--clips", str(takes), "--takes", "8", "--json", *QUICK]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "imported" and kinds[-1] == "finished" and "promised" in kinds
    assert events[0]["clips"] == 8 and events[0]["skipped"] == []
    model = SpottingModel(Path(events[-1]["model"]))
    assert model.words == ("computer",) and 0 < model.thresholds["computer"] < 1
    assert model.pipeline.ends_windows and model.window_samples == model.pipeline.window_for(RATE)
    sound, _ = soundfile.read(sorted(takes.iterdir())[0], dtype="float32")
    quiet = np.zeros(RATE, np.float32)
    steps = model.detector().feed(np.concatenate((quiet, sound, quiet)))
    column = model.labels.index("computer")
    assert max(float(step.scores[column]) for step in steps) > 0.5
    assert max(float(step.scores[column]) for step in steps[:2]) < 0.5, "not in quiet"


def test_a_second_word_keeps_the_takes_of_the_first(takes: Path, tmp_path: Path) -> None:
    add_takes(open_or_create(tmp_path / "project", "computer"), "computer", takes)
    project = open_or_create(tmp_path / "project", "lamp")
    add_takes(project, "lamp", takes, most=3, seed=1)
    project = Project.open(tmp_path / "project")
    assert set(project.words) == {"computer", "lamp"}
    assert len(project.clips(word="computer")) >= 7, "recordings that both words have may count once"


def test_a_phrase_gets_longer_clips(tmp_path: Path) -> None:
    assert open_or_create(tmp_path / "project", "lamp").clip_ms == 1000
    assert open_or_create(tmp_path / "project", "good morning lamp").clip_ms == 1800
    assert open_or_create(tmp_path / "project", "stop").clip_ms == 1800, "those of the longest word"


def test_what_is_no_folder_of_takes_is_named(tmp_path: Path) -> None:
    project = open_or_create(tmp_path / "project", "computer")
    with pytest.raises(KwsError, match="There is no folder"):
        add_takes(project, "computer", tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KwsError, match="holds no recordings"):
        add_takes(project, "computer", tmp_path / "empty")


def test_talk_is_stored_once_at_the_projects_rate(tmp_path: Path) -> None:
    project = open_or_create(tmp_path / "project", "computer")
    path = tmp_path / "me talking.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 3 * 44_100), 44_100)
    first, again = copy_talk(project, [path]), copy_talk(project, [path])
    assert first == again and soundfile.info(first[0]).samplerate == project.rate
    assert len(list((project.folder / "talk").iterdir())) == 1


def test_teach_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["teach", str(tmp_path / "project"), "lamp", "--clips", str(tmp_path / "no"), "--json"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert json.loads(out[-1])["event"] == "failed" and "no folder" in json.loads(out[-1])["message"]


# The batches


def _batches(*, said: int = 0, seed: int = 3, own: bool = False) -> LaidBatches:
    entry = FEATURES["speech_embedding"]
    pipeline = entry.build(entry.config(), rate=RATE)
    generator = torch.Generator().manual_seed(1)
    samples = (torch.randn(6, RATE, generator=generator) * 2000).to(torch.int16)
    clips = LoadedClips(samples, torch.tensor([0, 0, 0, 1, 1, 2]))
    settings = Settings().with_recipe("teach").training
    bank = BankWindows(shipped_bank("calibration", "robust"), [], vectors=10, draws=100, hard_share=0.5)
    loud = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    return LaidBatches(
        clips,
        settings,
        bank,
        pipeline=pipeline,
        clip_samples=RATE,
        augments=Voice((), ()),
        said=[Said(loud, label) for label in (0, 1, 2) for _ in range(said)],
        noises=torch.randn(3 * RATE, generator=generator) * 0.01,
        talk=loud,
        unknown=2,
        seed=seed,
        device=torch.device("cpu"),
    )


@pytest.mark.slow
def test_a_batch_has_every_kind_in_its_share() -> None:
    batches = _batches(said=4)
    list(batches.prepare(1))
    first = next(iter(batches.epoch(1)))
    assert first.features.shape[1:] == (10, 96) and len(first.labels) == len(first.clips) == first.whole
    of_talk = float((first.clips == TALK).float().mean())
    assert abs(of_talk - Settings().with_recipe("teach").training.talk_share) < 0.05
    words = [int((first.labels == word).sum()) for word in (0, 1)]
    assert words[0] == words[1] > 20, "each word as often"
    assert int((first.clips == SYNTHETIC).sum()) > 10
    assert set(first.labels[first.clips == TALK].tolist()) == {2}
    batches.close()


@pytest.mark.slow
def test_the_next_epoch_is_laid_while_one_takes_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = _batches()
    lay, laid = batches._laid_block, threading.Semaphore(0)

    def told(task: tuple[list[int], int]) -> torch.Tensor:
        try:
            return lay(task)
        finally:
            if task[1] == 2:
                laid.release()

    monkeypatch.setattr(batches, "_laid_block", told)
    list(batches.prepare(1))
    before = next(iter(batches.epoch(1))).features
    assert laid.acquire(timeout=60), "nobody asked for the second epoch yet"
    assert next(iter(batches.epoch(1))).features.equal(before), "nor does the first one change"
    list(batches.prepare(2))
    batches.close()


@pytest.mark.slow
def test_what_fails_ahead_is_told_before_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = _batches()
    lay = batches._laid_block

    def broken(task: tuple[list[int], int]) -> torch.Tensor:
        if task[1] == 2:
            raise MemoryError("no room")
        return lay(task)

    monkeypatch.setattr(batches, "_laid_block", broken)
    list(batches.prepare(1))
    with pytest.raises(MemoryError):
        list(batches.prepare(2))
    batches.close()


@pytest.mark.slow
def test_an_epoch_is_the_same_after_a_resumption() -> None:
    through, resumed = _batches(), _batches()
    for epoch in (1, 2, 3):
        list(through.prepare(epoch))
    list(resumed.prepare(3))
    for one, other in zip(through.epoch(3), resumed.epoch(3), strict=True):
        torch.testing.assert_close(one.features, other.features)
        assert one.clips.equal(other.clips) and one.labels.equal(other.labels)
    through.close()
    resumed.close()
