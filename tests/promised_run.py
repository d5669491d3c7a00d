"""Promises made by hand: reports of any size, and a project whose run has the tone model and such a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tone_model

from kws_engine import audio
from kws_engine.clips.project import Project
from kws_engine.operating.curve import from_logit
from kws_engine.operating.report import Counted, FiredOn, InNoise, MissedTake, OfSource, Report, WordReport
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder
from kws_engine.runs.promising import told
from kws_engine.settings import Settings
from kws_engine.spotting.rewriting import replace_manifest
from kws_engine.training.events import Epoch, Finished, Started

WORDS = ("low", "high")


def report(
    words: Sequence[str] = WORDS, *, takes: int = 20, hours: float = 2.1, threshold: float = 0.9, talk: bool = True
) -> Report:
    """Like one of a good model: most takes far above the threshold, most other talk far below."""
    rng = np.random.default_rng(takes)
    each = max(1, min(takes, 400) // len(words))  # of more takes 400 are tried
    by_word = {word: _word(rng, each, round(60 * hours) if talk else 0, threshold) for word in words}
    missed = sum(one.missed for one in by_word.values())
    total = sum(one.takes for one in by_word.values())
    count = sum(one.false_alarms for one in by_word.values())
    noises = zip((None, 20.0, 10.0, 5.0, 0.0, -5.0), (0.8, 1.0, 1.5, 2.6, 5.0, 9.0), strict=True)
    alarms = [
        FiredOn(word, "sentence-en-01.opus", 4.5 + 1.3 * (number % 7), score, "She moved the lamp a little higher")
        for number, (word, score) in enumerate(
            (word, peak) for word, one in by_word.items() for peak in one.alarm_peaks if peak >= one.threshold
        )
    ]
    return Report(
        promised=0.5,
        expected=0.5,
        low=0,
        high=4,
        calibration_hours=2.0,
        takes_from="testing",
        missed=Counted(missed, total),
        snr_db=20.0,
        snr=[InNoise(min(total, round(factor * missed)), total, snr_db=snr) for snr, factor in noises],
        speakers=_speakers(missed, total),
        latency_ms=(310, 520),
        missed_takes=[
            MissedTake(f"clips/{word}/ann_nohash_{number}.wav", word, score)
            for word, one in by_word.items()
            for number, score in enumerate(one.hit_peaks)
            if score < one.threshold
        ][:200],
        false_alarms={"sentence": OfSource(count, hours * 0.7), "noise": OfSource(0, hours * 0.3)} if talk else {},
        alarms=sorted(alarms, key=lambda one: -one.score),
        words=by_word,
    )


def make(folder: Path, given: Report | None = None) -> Project:
    """A project of two words, a take each, whose one run has the tone model with the thresholds of this report."""
    project = Project.create(folder, words=WORDS)
    for word in WORDS:
        for take in range(2):
            path = project.clips_folder / word / f"ann_nohash_{take}.wav"
            audio.write(path, tone_model.tone(word, 0.9), rate=tone_model.RATE)
    project.refresh()
    files = RunFolder(make_run_folder(Job(folder, Settings().to_dict()), project.runs_folder))
    model = tone_model.write(files.model_file("tc_resnet"))
    counts = dict.fromkeys(WORDS, 2)
    files.events.append(Started(str(files.path), list(tone_model.LABELS), counts, counts, 65_000, 1_500_000, "cpu", 1))
    files.events.append(Epoch(1, 0.1, 1.0, 0.1, 1.0, 1e-3, 1.0, 0.0, True))
    files.events.append(Finished(str(files.path), str(model), 1, 1.0, False))
    if given is not None:
        files.promise.write(given)
        manifest = tone_model.manifest()
        detector = {**manifest.detector, "thresholds": {word: one.threshold for word, one in given.words.items()}}
        replace_manifest(
            model, dataclasses.replace(manifest, detector=detector, quality=manifest.quality | told(given))
        )
    return project


def _word(rng: np.random.Generator, takes: int, alarms: int, threshold: float) -> WordReport:
    hits = sorted(round(from_logit(value), 6) for value in rng.normal(5.2, 2.2, takes))
    fired = sorted((round(from_logit(value), 6) for value in rng.normal(-3.0, 2.4, alarms)), reverse=True)
    kept = [one for one in fired if one >= 0.05][:300]
    return WordReport(
        threshold,
        sum(one < threshold for one in hits),
        len(hits),
        sum(one >= threshold for one in kept),
        hits,
        kept,
    )


def _speakers(missed: int, total: int) -> dict[str, Counted]:
    count = max(2, min(40, total // 10))
    takes = [total // count] * count
    left, found = missed, {}
    for number, of_one in enumerate(takes):
        lost = min(left, of_one, max(1, missed // 3))
        left -= lost
        found[f"speaker{number + 1:02}"] = Counted(lost, of_one)
    return found
