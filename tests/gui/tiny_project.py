"""A project that a small network learns in seconds: three words made of tones, and settings for a run of few steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from waiting import collect

from kws_engine import audio
from kws_engine.clips.project import Project
from kws_engine.errors import FailureKind
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.process import TrainingProcess
from kws_engine.settings import Settings
from kws_engine.training.events import Failed, to_dict

RATE = 16_000
WORDS = {"low": (200, 260), "middle": (700, 900), "high": (2400, 3100)}
QUICK = (
    "model.width=0.25",
    "training.epochs=3",
    "training.clips_per_epoch=96",
    "training.shipped_unknown=no",
    "training.talk_share=0",
    "training.early_stopping=no",
)


def quick_settings(*more: str) -> Settings:
    """Settings of a run that takes a few seconds."""
    return Settings().with_options((*QUICK, *more))


def make_project(folder: Path, *, takes: int = 16) -> Project:
    """Three words of so many takes each by one speaker: of eight takes one validates and one tests."""
    project = Project.create(folder, words=WORDS)
    rng = np.random.default_rng(0)
    for word, pitches in WORDS.items():
        for take in range(takes):
            sound = _tone(pitches, rng)
            audio.write(project.clips_folder / word / f"ann_nohash_{take}.wav", sound, rate=RATE)
    for take in range(8):
        noise = 0.05 * rng.standard_normal(RATE).astype(np.float32)
        audio.write(project.clips_folder / "_unknown_" / f"ann_nohash_{take}.wav", noise, rate=RATE)
    project.refresh()
    project.edit.settle_split()
    project.edit.save_settings(quick_settings().to_dict())
    return project


def train(project: Project, *options: str) -> None:
    """One quick run, in a process of its own."""
    process = TrainingProcess(Job(project.folder, quick_settings(*options).to_dict(), threads=1))
    collect(process.poll, lambda _: process.ended, seconds=300)
    process.close()


def fail(runs_folder: Path, run: Path, message: str, kind: FailureKind = "other") -> Path:
    """Leaves a finished run as one that failed: with its checkpoint, without a model."""
    (next(run.glob("*.kws"))).unlink()
    (run / "evaluation.json").unlink()
    lines = RunFolder(run).events.path.read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["event"] != "finished"]
    failed = json.dumps(to_dict(Failed(message, kind=kind)))
    RunFolder(run).events.path.write_text("".join(f"{line}\n" for line in [*kept, failed]))
    return runs_folder / run.name


def _tone(pitches: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    at_s = np.arange(RATE) / RATE
    shape = np.exp(-(((at_s - 0.5 - rng.uniform(-0.1, 0.1)) / 0.15) ** 2))
    voice = sum(np.sin(2 * np.pi * pitch * rng.uniform(0.97, 1.03) * at_s) for pitch in pitches)
    return (0.2 * voice * shape + 0.003 * rng.standard_normal(RATE)).astype(np.float32)
