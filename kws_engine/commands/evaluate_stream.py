"""`kws evaluate-stream`: what a model misses in recordings of any length, and how often it fires falsely there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine import audio
from kws_engine.commands.output import Output, table
from kws_engine.errors import ProjectError

if TYPE_CHECKING:
    from kws_engine.operating.streams import StreamQuality
    from kws_engine.operating.truth import Spoken
    from kws_engine.spotting.model_file import SpottingModel


def add(add_command: Any) -> None:
    command = add_command(
        "evaluate-stream", _evaluate, help="count a model's misses and false alarms an hour in recordings"
    )
    command.add_argument("model", type=Path, help="a .kws file")
    command.add_argument("audio", type=Path, nargs="*", metavar="AUDIO", help="recordings, or folders of them")
    command.add_argument(
        "--truth",
        type=Path,
        metavar="FILE.csv",
        help="what is said there: file, word, start_s, end_s; without it, none of the model's words",
    )
    command.add_argument(
        "--log", type=Path, help="evaluate what `kws listen --log` or the window wrote, rather than recordings"
    )
    command.add_argument(
        "--curve", action="store_true", help="give misses against false alarms an hour for each threshold first"
    )


def _evaluate(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.operating.streams import StreamQuality
    from kws_engine.operating.truth import read_truth
    from kws_engine.spotting.model_file import SpottingModel

    model = SpottingModel(arguments.model)
    quality = StreamQuality()
    if arguments.log is not None:
        _take_log(quality, arguments, model)
    else:
        recordings = recordings_in(arguments.audio)
        said = read_truth(arguments.truth, recordings, rate=model.rate) if arguments.truth else {}
        for recording in recordings:
            add_recording(quality, model, recording, _of_model(said.get(recording, []), model))
    if arguments.curve:
        _give_curve(quality, output)
    output.result(as_values(quality, model), as_text(quality))


def recordings_in(paths: list[Path]) -> list[Path]:
    """The recordings named, and those in the folders named, each once.

    Raises:
        ProjectError: There are none, or one is missing.
    """
    from kws_engine.clips.clip import is_audio_name

    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise ProjectError(f"There is no recording {path}: check the name")
        inside = (one for one in sorted(path.rglob("*")) if one.is_file() and is_audio_name(one.name))
        for one in inside if path.is_dir() else (path,):
            found.setdefault(one.resolve(), one)
    if not found:
        raise ProjectError("There is no recording to evaluate the model on: name some, or a folder of them")
    return list(found.values())


def add_recording(quality: StreamQuality, model: SpottingModel, recording: Path, said: list[Spoken]) -> None:
    """Lets the model hear a recording and adds what came of it.

    Raises:
        AudioError: It cannot be read.
    """
    from kws_engine.operating.hearing import BLOCK_S, hear

    heard = hear(model, audio.blocks(recording, rate=model.rate, block_seconds=BLOCK_S))
    quality.add(
        heard.detections, said, samples=heard.samples, rate=model.rate, peaks=heard.peaks, stream=str(recording)
    )


def _of_model(said: list[Spoken], model: SpottingModel) -> list[Spoken]:
    """Other words may be in the table, too; the model is not to hear them."""
    return [one for one in said if one.word in model.words]


def _take_log(quality: StreamQuality, arguments: argparse.Namespace, model: SpottingModel) -> None:
    from kws_engine.operating.listening_log import read_log
    from kws_engine.operating.truth import read_truth

    if arguments.audio:
        raise ProjectError("A log and recordings are evaluated one at a time: leave out one of them")
    said = read_truth(arguments.truth, [arguments.log], rate=model.rate)[arguments.log] if arguments.truth else []
    log = read_log(arguments.log, rate=model.rate)
    quality.add(
        log.detections,
        _of_model(said, model),
        samples=log.samples,
        rate=model.rate,
        peaks=log.peaks,
        stream=str(arguments.log),
    )


def as_values(quality: StreamQuality, model: SpottingModel) -> dict[str, Any]:
    """As printed with `--json`."""
    by_word = quality.false_alarms_by_word
    missed = quality.miss_interval
    median, p95 = quality.latency_s(50), quality.latency_s(95)
    thresholds = dict.fromkeys(model.words, model.detector_config.threshold) | model.thresholds
    return {
        "hours": quality.hours,
        "detections": sum(quality.hits.values()) + len(quality.false_alarms),
        "hits": sum(quality.hits.values()),
        "misses": quality.miss_count,
        "miss_rate_95": None if missed is None else [missed.low, missed.high],
        "false_alarms": len(quality.false_alarms),
        "false_alarms_per_hour": quality.false_alarms_per_hour,
        "fa_per_hour_upper_95": quality.false_alarms_upper,
        "latency_ms": {
            "median": None if median is None else round(1000 * median),
            "p95": None if p95 is None else round(1000 * p95),
        },
        "per_word": {
            word: {
                "hits": quality.hits.get(word, 0),
                "misses": quality.misses.get(word, 0),
                "false_alarms": by_word.get(word, 0),
                "threshold": thresholds[word],
            }
            for word in model.words
        },
        "alarms": [vars(alarm) for alarm in quality.false_alarms],
    }


def as_text(quality: StreamQuality) -> str:
    """Both numbers with how sure they are, and a row per word."""
    from kws_engine.operating.telling import two_digits

    by_word, missed = quality.false_alarms_by_word, quality.miss_interval
    words = sorted({*quality.hits, *by_word})
    rows = [[word, *(str(counts.get(word, 0)) for counts in (quality.hits, quality.misses, by_word))] for word in words]
    lines = [
        f"{quality.hours:.2f} hours: {len(quality.false_alarms)} false alarms, "
        f"{two_digits(quality.false_alarms_per_hour)} an hour "
        f"(95% certain: fewer than {two_digits(quality.false_alarms_upper)})"
    ]
    if missed is not None:
        bounds = f"{100 * missed.low:.0f} to {100 * missed.high:.0f}%"
        lines.append(f"missed {quality.miss_count} of {len(quality.spoken)} words ({bounds})")
    if (median := quality.latency_s(50)) is not None:
        lines.append(f"heard {1000 * median:.0f} ms after a word's end, median")
    if rows:
        lines += ["", table(rows, header=["word", "heard", "missed", "false alarms"])]
    return "\n".join(lines)


def _give_curve(quality: StreamQuality, output: Output) -> None:
    from kws_engine.operating.curve import curve_of

    for point in curve_of(quality.hit_peaks, quality.alarm_peaks, quality.hours):
        values = {
            "event": "point",
            "threshold": point.threshold,
            "miss_rate": point.miss_rate,
            "false_alarms_per_hour": point.false_alarms_per_hour,
        }
        missed = "–" if point.miss_rate is None else f"{point.miss_rate:.1%}"
        output.result(
            values,
            f"threshold {point.threshold:.6g}: missed {missed}, {point.false_alarms_per_hour:.3g} false alarms/h",
        )
