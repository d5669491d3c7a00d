"""Thresholds that a model gets for a rate of false alarms, at the end of a run and by `kws calibrate`."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tone_model
from speech_project import QUICK, make_project

from kws_engine import audio, cli, resources
from kws_engine.clips.project import Project
from kws_engine.operating.calibrating import Calibration
from kws_engine.operating.hearing import hear
from kws_engine.operating.quality import figures_in
from kws_engine.operating.report import Report
from kws_engine.operating.talk_hearing import Fired, talk_of
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.promising import Wanted, keep_promise
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.events import Finished, Promised


def kept(path: Path, project: Project | None, wanted: Wanted) -> Report:
    promising = keep_promise(path, project, wanted)
    while True:
        try:
            next(promising)
        except StopIteration as end:
            report: Report = end.value
            return report


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    return tone_model.write(tmp_path / "tones.kws")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[object]]:
    project = make_project(tmp_path_factory.mktemp("promised") / "p")
    settings = Settings().with_options([*QUICK, "training.epochs=2", "training.false_alarms_per_hour=3"])
    return project, list(run(Job(project.folder, settings.to_dict(), threads=1)))


def test_a_fresh_model_has_thresholds_that_were_set_and_tells_what_they_cost(
    finished: tuple[Project, list[object]],
) -> None:
    project, events = finished
    ending, promised = events[-1], events[-2]
    assert isinstance(ending, Finished) and isinstance(promised, Promised)
    model = SpottingModel(ending.model)
    assert set(model.thresholds) == set(model.words) == set(project.words)
    assert promised.per_hour == 3 == model.manifest.quality["promised_per_hour"]
    assert model.manifest.quality["missed"] == promised.missed <= promised.takes
    report = RunFolder(Path(ending.run)).promise.read()
    assert report is not None and report.takes_from == "testing"
    assert {word: one.threshold for word, one in report.words.items()} == model.thresholds
    assert promised.takes == len([clip for clip in project.clips(split="testing") if clip.word in model.words])
    assert [one.snr_db for one in report.snr] == [None, 20, 10, 5, 0, -5]
    assert sum(one.takes for one in report.speakers.values()) == report.missed.takes
    assert {"sentence", "word", "noise"} <= set(report.false_alarms)


def test_calibrating_replaces_the_thresholds_and_nothing_else(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def parts() -> dict[str, bytes]:
        with zipfile.ZipFile(tones) as archive:
            return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}

    before = parts()
    assert cli.main(["calibrate", str(tones), "--false-alarms-per-hour", "2", "--json"]) == 0
    (result,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert parts() == before
    assert SpottingModel(tones).thresholds == result["thresholds"] and set(result["thresholds"]) == {"low", "high"}
    assert result["false_alarms_per_hour"] == 2 and result["interval_95"][0] <= result["interval_95"][1]
    assert result["takes"] == 0 and result["hours"] > 0 and result["false_alarm_hours"] > 0


def test_fewer_false_alarms_have_higher_thresholds(tones: Path) -> None:
    strict = kept(tones, None, Wanted(0.5)).words
    loose = kept(tones, None, Wanted(50)).words
    assert all(strict[word].threshold >= loose[word].threshold for word in strict)
    assert any(strict[word].threshold > loose[word].threshold for word in strict)


def test_a_persons_own_talk_raises_the_threshold_of_what_it_fires(tones: Path, tmp_path: Path) -> None:
    """Seven minutes of talk that holds the high tone again and again."""
    before = kept(tones, None, Wanted(500)).words
    piece = np.concatenate((tone_model.pause(1.5), tone_model.tone("high", 0.5, peak=0.2)))
    audio.write(tmp_path / "talk.wav", np.resize(piece, 7 * 60 * tone_model.RATE), rate=tone_model.RATE)
    report = kept(tones, None, Wanted(500, own=[tmp_path / "talk.wav"]))
    fired = hear(SpottingModel(tones), audio.blocks(tmp_path / "talk.wav", rate=tone_model.RATE))
    assert any(peak.word == "high" for peak in fired.peaks)
    assert report.words["high"].threshold > before["high"].threshold


def test_odd_minutes_of_a_projects_own_talk_set_thresholds_and_are_reported(
    finished: tuple[Project, list[object]], tmp_path: Path
) -> None:
    project, events = finished
    ending = events[-1]
    assert isinstance(ending, Finished)
    folder = shutil.copytree(project.folder, tmp_path / "copy")
    (folder / "talk").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.01, 4 * 60 * 16_000).astype(np.float32)
    audio.write(folder / "talk" / "mine.wav", noise, rate=16_000)
    report = kept(Path(shutil.copy(ending.model, tmp_path / "m.kws")), Project.open(folder), Wanted())
    assert report.false_alarms["own"].hours == pytest.approx(1 / 60)


@pytest.mark.parametrize("unheard", [1, 2, 3])
def test_takes_that_no_threshold_hears_move_none(tones: Path, tmp_path: Path, unheard: int) -> None:
    """Three of four are certainly more than a fifth, but a higher rate would not hear them either."""
    report, strict = with_takes(tones, tmp_path, 4, [tone_model.pause(0.6) * 100] * unheard)
    assert report.missed.missed == unheard and report.would_miss is None
    assert report.words["high"].threshold == strict


@pytest.mark.parametrize(
    ("faint", "takes", "is_loosened"), [(2, 4, False), (3, 4, True), (1, 1, False), (2, 2, False), (3, 3, False)]
)
def test_a_rate_gives_way_where_it_is_certain_that_more_than_a_fifth_is_missed(
    tones: Path, tmp_path: Path, faint: int, takes: int, is_loosened: bool
) -> None:
    """Never by fewer than four takes."""
    report, strict = with_takes(tones, tmp_path, takes, [tone_model.tone("high", peak=0.03)] * faint)
    assert (report.would_miss == faint / takes) == is_loosened == (report.words["high"].threshold < strict)
    assert report.missed.missed == (0 if is_loosened else faint)
    assert (report.expected > report.promised) == is_loosened


def with_takes(tones: Path, folder: Path, takes: int, worse: list[np.ndarray]) -> tuple[Report, float]:
    """The report of so many validation takes, some worse, and the threshold that the rate has at any price."""
    project = Project.create(folder / "p", words=["high"])
    for number, sound in enumerate([*worse, *[tone_model.tone("high")] * (takes - len(worse))]):
        project.edit.add_take("high", sound, speaker=f"v{number}")
    project.edit.set_splits(project.clips(word="high"), ["validation"] * takes)
    strict = kept(tones, project, Wanted(60, at_any_price=True)).words["high"].threshold
    return kept(tones, project, Wanted(60)), strict


@pytest.mark.parametrize("rate", ["0", "-1", "many", "nan", "1e9"])
def test_a_rate_that_is_none_is_a_mistake_of_use(tones: Path, rate: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["calibrate", str(tones), f"--false-alarms-per-hour={rate}"])
    assert ended.value.code == 2


@pytest.mark.slow
@pytest.mark.parametrize("per_hour", [5.0, 50.0])
def test_thresholds_set_on_one_half_of_real_talk_hold_on_the_other(
    per_hour: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KWS_TALK")
    model = SpottingModel(resources.path("models/directions.kws"))
    halves = [Fired(), Fired()]
    for number, sound in enumerate(talk_of("testing", model.words) + talk_of("calibration", model.words)):
        if sound.source != "sentence":
            continue
        heard, half = hear(model, sound.blocks(model.rate)), halves[number % 2]
        half.hours += heard.samples / model.rate / 3600
        for peak in heard.peaks:
            if not any(start <= peak.at_sample / model.rate < end for start, end in sound.spans):
                half.peaks.setdefault(peak.word, []).append(peak.score)
    assert min(half.hours for half in halves) > 0.3
    for one, other in (halves, halves[::-1]):
        promise = Calibration({"sentence": one}, model.words).promise(per_hour)
        found = sum(score >= promise.thresholds[word] for word, scores in other.peaks.items() for score in scores)
        assert promise.low * other.hours - 3 <= found <= promise.high * other.hours + 3


def test_a_rate_that_no_looser_one_exceeds_stands(finished: tuple[Project, list[object]], tmp_path: Path) -> None:
    project, events = finished
    ending = events[-1]
    assert isinstance(ending, Finished)
    report = kept(Path(shutil.copy(ending.model, tmp_path / "m.kws")), project, Wanted(1000))
    assert report.promised == 1000


def test_a_file_tells_the_interval_of_its_report(finished: tuple[Project, list[object]]) -> None:
    """Also where takes of one voice count for less."""
    ending = finished[1][-1]
    assert isinstance(ending, Finished)
    report, figures = RunFolder(Path(ending.run)).promise.read(), figures_in(Path(ending.model))
    assert report is not None and figures is not None
    assert 0 < report.missed.effective < report.missed.takes and figures.missed == report.missed
