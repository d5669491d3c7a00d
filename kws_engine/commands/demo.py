"""`kws demo`: the main job without a screen on the starter project: train, evaluate on new speakers, listen."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project, copy_starter
from kws_engine.clips.trimming import fitted
from kws_engine.commands.evaluate import report
from kws_engine.commands.output import Output, table
from kws_engine.commands.train import follow
from kws_engine.errors import TrainingError
from kws_engine.evaluation.metrics import evaluate
from kws_engine.operating.streams import StreamQuality, detections, evaluate_stream, make_stream
from kws_engine.runs.job import Job
from kws_engine.runs.records import past_runs
from kws_engine.settings import Settings

EPOCHS = 20  # enough for six synthetic words, and well under three minutes on two cores
SNR_DB = 15.0


def add(add_command: Any) -> None:
    add_command("demo", _demo, help="train, evaluate and listen on the starter project, without a screen")


def _demo(arguments: argparse.Namespace, output: Output) -> int:
    from kws_engine.spotting.model_file import SpottingModel

    with tempfile.TemporaryDirectory(prefix="kws-demo-") as folder:
        project = copy_starter(Path(folder) / "starter")
        output.message(f"Starter project: {', '.join(project.words)}, spoken by synthetic voices")
        settings = Settings().with_options([f"training.epochs={EPOCHS}"])
        status = follow(Job(project.folder, settings.to_dict()), output)
        runs = past_runs(project.runs_folder)
        if status or not runs or runs[0].model is None:
            return status or 1
        model = SpottingModel(runs[0].model)
        testing = project.clips(split="testing")
        evaluation = evaluate(model, testing)
        heading = "\nSpeakers it never heard:"
        output.result({"event": "evaluated", **evaluation.to_dict()}, f"{heading}\n{report(evaluation)}")
        quality = _listen(model, testing, project)
        output.result({"event": "listened", **_values(quality)}, _text(quality))
        if not sum(quality.hits.values()):
            raise TrainingError("The trained model found no word in the stream: report this")
    return 0


def _listen(model: Any, clips: Sequence[Clip], project: Project) -> StreamQuality:
    def read(path: Path) -> NDArray[np.float32]:
        return audio.read(path, rate=model.rate)

    sounds = [
        (clip.word if clip.word in model.words else None, fitted(read(clip.path), model.rate, clip_samples=model.rate))
        for clip in clips
    ]
    noise = np.concatenate([read(path) for path in project.noises()])
    stream, spoken = make_stream(sounds, noise, rate=model.rate, gap_s=(0.5, 1.5), snr_db=SNR_DB, seed=0)
    return evaluate_stream(detections(model.detector(), stream), spoken, samples=len(stream), rate=model.rate)


def _values(quality: StreamQuality) -> dict[str, Any]:
    return {
        "hits": quality.hits,
        "misses": quality.misses,
        "false_alarms": quality.false_alarms_by_word,
        "hours": quality.hours,
        "miss_rate": quality.miss_rate,
        "false_alarms_per_hour": quality.false_alarms_per_hour,
    }


def _text(quality: StreamQuality) -> str:
    rows = [
        [
            word,
            str(hits + quality.misses[word]),
            str(hits),
            str(quality.misses[word]),
            str(quality.false_alarms_by_word.get(word, 0)),
        ]
        for word, hits in quality.hits.items()
    ]
    minutes = quality.hours * 60
    heading = f"\nThe same speakers in {minutes:.1f} minutes of continuous sound with noise {SNR_DB:.0f} dB below:"
    found = table(rows, header=["word", "said", "found", "missed", "false alarms"])
    return f"{heading}\n{found}\n\nmissed {quality.miss_rate:.1%} of the words said"
