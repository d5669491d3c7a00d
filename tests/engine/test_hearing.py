"""Stored sound is heard as live sound is, many looks at once; peaks give misses and false alarms of any threshold."""

from __future__ import annotations

import csv
import json
import pathlib

import numpy as np
import pytest
import tone_model
import torch

from kws_engine import audio, cli, resources
from kws_engine.errors import ProjectError
from kws_engine.export.model_file import write
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.operating.curve import curve_of, from_logit, logit
from kws_engine.operating.hearing import Heard, hear
from kws_engine.operating.listening_log import ListeningLog, read_log
from kws_engine.operating.peaks import FLOOR
from kws_engine.operating.streams import StreamQuality
from kws_engine.operating.truth import Spoken, read_truth
from kws_engine.spotting.detector import with_peaks
from kws_engine.spotting.looks import BulkScores
from kws_engine.spotting.model_file import Manifest, SpottingModel

RATE = tone_model.RATE


@pytest.fixture(scope="module")
def model() -> SpottingModel:
    return SpottingModel(resources.path("models/directions.kws"))


@pytest.fixture(scope="module")
def on_vectors(tmp_path_factory: pytest.TempPathFactory) -> SpottingModel:
    """A head on the speech embedding that has learned nothing."""
    torch.manual_seed(0)
    feature, network = FEATURES["speech_embedding"], MODELS["vector_cnn"]
    pipeline = feature.build(feature.config(), rate=RATE)
    window = pipeline.window_for(RATE)
    head = network.build(network.config(), n_features=96, n_frames=pipeline.n_frames(window), n_labels=4).eval()
    path = tmp_path_factory.mktemp("model") / "head.kws"
    manifest = Manifest(
        labels=("one", "two", "_unknown_", "_silence_"),
        rate=RATE,
        window_samples=window,
        feature={"name": "speech_embedding", "options": {}},
        network={"name": "vector_cnn", "options": {}},
        detector={"hop_ms": 80.0, "smoothing_ms": 160.0},
        source={},
        quality={},
    )
    write(path, head, pipeline, manifest)
    return SpottingModel(path)


@pytest.mark.parametrize("seconds", [60.0, 5.0])
def test_vectors_are_heard_the_same_in_any_pieces(
    on_vectors: SpottingModel, speech: np.ndarray, seconds: float
) -> None:
    sound = speech[: round(seconds * RATE)]
    detector, bulk = on_vectors.detector(), BulkScores(on_vectors, on_vectors.detector_config)
    live = [step for piece in pieces(sound, 480) for step in detector.feed(piece)] + detector.flush()
    stored = [bulk.feed(piece) for piece in pieces(sound, 7_777)] + [bulk.flush()]
    scores, at_samples = (np.concatenate([getattr(one, name) for one in stored]) for name in ("scores", "at_samples"))
    smooth = [step for step in live if step.at_sample in set(at_samples.tolist())]
    assert [step.at_sample for step in smooth] == at_samples.tolist() and len(smooth) >= len(live) - 2
    np.testing.assert_allclose([step.scores for step in smooth], scores, atol=1e-5)


def test_the_first_look_comes_with_the_first_sound(on_vectors: SpottingModel, speech: np.ndarray) -> None:
    steps = on_vectors.detector().feed(speech[: RATE // 2])
    assert [step.at_sample for step in steps] == [1280 * number for number in range(1, 7)]


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """A minute of the starter's words, close together."""
    paths = sorted(resources.path("starter").glob("clips/*/*.*"))[::7]
    words = [audio.read(path, rate=RATE) for path in paths if path.suffix in (".wav", ".flac", ".ogg", ".opus")]
    return np.concatenate(words)[: 60 * RATE]


def pieces(sound: np.ndarray, size: int) -> list[np.ndarray]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


@pytest.mark.parametrize("seconds", [60.0, 2.0, 1.1, 0.4, 0.0])
def test_stored_sound_gives_the_detections_that_live_sound_gives(
    model: SpottingModel, speech: np.ndarray, seconds: float
) -> None:
    sound = speech[: round(seconds * RATE)]
    detector = model.detector()
    for word in detector.words:
        detector.set_threshold(word, 0.06)
    live = with_peaks([step for piece in pieces(sound, 1600) for step in detector.feed(piece)] + detector.flush())
    stored = hear(model, pieces(sound, 7_777), thresholds=dict.fromkeys(model.words, 0.06))
    assert [(one.word, one.at_sample) for one in stored.detections] == [(one.word, one.at_sample) for one in live]
    np.testing.assert_allclose(
        [one.score for one in stored.detections], [one.score for one in live], atol=1e-4
    )  # fmt: skip
    assert stored.samples == len(sound) and (seconds < 60 or live)


def test_the_pieces_of_stored_sound_do_not_matter(model: SpottingModel, speech: np.ndarray) -> None:
    def peaks_of(heard: Heard) -> list[tuple[int, str]]:
        return sorted((one.at_sample, one.word) for one in heard.peaks)  # two words may peak at one look

    whole = hear(model, [speech[: 30 * RATE]])
    assert whole.peaks
    for size in (999, 16_000, 320_000):
        assert peaks_of(hear(model, pieces(speech[: 30 * RATE], size))) == peaks_of(whole)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_peaks_above_a_threshold_are_about_as_many_as_its_detections(
    model: SpottingModel, speech: np.ndarray, threshold: float
) -> None:
    """Other words get in a detection's way, and two peaks can be one detection that never fell: both are rare."""
    heard = hear(model, [speech], thresholds=dict.fromkeys(model.words, 1.0))
    assert all(peak.score >= FLOOR for peak in heard.peaks) and not heard.detections
    for word in model.words:
        only = dict.fromkeys(model.words, 1.0) | {word: threshold}
        detections = hear(model, [speech], thresholds=only).detections
        peaks = sum(peak.word == word and peak.score >= threshold for peak in heard.peaks)
        assert abs(peaks - len(detections)) <= max(1, 0.2 * len(detections))


def test_a_curve_counts_what_each_threshold_would() -> None:
    points = curve_of({"a": [0.9, 0.5], "b": [0.2, 0.95]}, {"a": [0.6, 0.1], "b": [0.97]}, 2.0, thresholds=[0.3, 0.93])
    assert [(one.miss_rate, one.false_alarms_per_hour) for one in points] == [(0.25, 1.0), (0.75, 0.5)]
    rates = [one.false_alarms_per_hour for one in curve_of({}, {"a": [0.5, 0.99]}, 1.0)]
    assert rates == sorted(rates, reverse=True) and rates[0] == 2 and rates[-1] == 0
    assert from_logit(logit(0.123)) == pytest.approx(0.123)


def test_a_quality_adds_up_over_streams_and_says_how_sure_it_is() -> None:
    quality = StreamQuality()
    assert quality.miss_interval is None and quality.latency_s(50) is None
    for _ in range(2):
        quality.add([], [Spoken("a", 0, 100)], samples=1800 * 100, rate=100)
    assert quality.hours == 1.0 and quality.misses == {"a": 2} and quality.miss_rate == 1.0
    assert quality.false_alarms_upper == pytest.approx(2.9957, abs=1e-3)  # 0 in an hour: fewer than 3


# Truth


def table(path: pathlib.Path, *rows: tuple[object, ...], header: tuple[str, ...] = ()) -> pathlib.Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header or ("file", "word", "start_s", "end_s"), *rows])
    return path


def test_a_table_of_what_is_said_is_read_by_path_or_name(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sub").mkdir()
    recordings = [tmp_path / "sub/one.wav", tmp_path / "two.wav"]
    truth = table(tmp_path / "t.csv", ("sub/one.wav", "a", 1, 2), ("two.wav", "b", 3.5, 4), ("one.wav", "c", 0, 0.5))
    said = read_truth(truth, recordings, rate=10)
    assert said[recordings[0]] == [Spoken("c", 0, 5), Spoken("a", 10, 20)]
    assert said[recordings[1]] == [Spoken("b", 35, 40)]


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        ([("x.wav", "a", 1, 2)], (), "line 2, names"),
        ([("one.wav", "a", "soon", 2)], (), "line 2: start_s and end_s"),
        ([("one.wav", "a", 3, 2)], (), "in order"),
        ([("one.wav", "a", 1)], ("file", "word", "start_s"), "no column end_s"),
    ],
)
def test_a_damaged_table_is_named_with_the_line(
    tmp_path: pathlib.Path, rows: list[tuple[object, ...]], header: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ProjectError, match=says):
        read_truth(table(tmp_path / "t.csv", *rows, header=header), [tmp_path / "one.wav"], rate=10)


# The command


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def tones(tmp_path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A model of tones, and a recording with low, high, low, and a high of which no truth tells."""
    model = tone_model.write(tmp_path / "tones.kws")
    quiet = tone_model.pause(1.5)
    sound = np.concatenate([part for word in ("low", "high", "low", "high") for part in (quiet, tone_model.tone(word))])
    audio.write(tmp_path / "tones.wav", np.concatenate((sound, quiet)), rate=RATE)
    return model, tmp_path / "tones.wav"


def test_misses_false_alarms_and_latency_are_counted_from_recordings(
    tones: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, recording = tones
    truth = table(
        tmp_path / "t.csv",
        ("tones.wav", "low", 1.5, 2.1),
        ("tones.wav", "high", 3.6, 4.2),
        ("tones.wav", "low", 9, 9.1),
    )
    assert cli.main(["evaluate-stream", str(model), str(recording), "--truth", str(truth), "--json"]) == 0
    (result,) = lines(capsys)
    assert (result["detections"], result["hits"], result["misses"], result["false_alarms"]) == (4, 2, 1, 2)
    assert result["hours"] == pytest.approx(9.9 / 3600) and result["false_alarms_per_hour"] == pytest.approx(
        2 * 3600 / 9.9
    )
    assert result["fa_per_hour_upper_95"] > result["false_alarms_per_hour"]
    assert result["per_word"]["low"] == {"hits": 1, "misses": 1, "false_alarms": 1, "threshold": 0.7}
    assert -600 < result["latency_ms"]["median"] <= result["latency_ms"]["p95"] < 750
    assert [alarm["word"] for alarm in result["alarms"]] == ["low", "high"]


def test_without_a_truth_every_detection_is_false_and_a_curve_comes_first(
    tones: tuple[pathlib.Path, pathlib.Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model, recording = tones
    assert cli.main(["evaluate-stream", str(model), str(recording.parent), "--curve", "--json"]) == 0
    *points, result = lines(capsys)
    assert (
        result["false_alarms"] == 4 and result["misses"] == 0 and result["latency_ms"] == {"median": None, "p95": None}
    )
    rates = [point["false_alarms_per_hour"] for point in points]
    assert len(rates) > 10 and rates[0] == pytest.approx(4 * 3600 / 9.9) and rates == sorted(rates, reverse=True)
    assert {point["event"] for point in points} == {"point"} and points[0]["miss_rate"] is None


def test_what_listen_logs_is_evaluated_as_a_stream(
    tones: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, recording = tones
    log = tmp_path / "logs/day.jsonl"
    for _ in range(2):
        assert cli.main(["listen", str(model), "--file", str(recording), "--log", str(log)]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate-stream", str(model), "--log", str(log), "--json"]) == 0
    (result,) = lines(capsys)
    assert result["detections"] == 8 and result["hours"] == pytest.approx(2 * 9.9 / 3600, rel=1e-3)
    truth = table(tmp_path / "t.csv", ("day.jsonl", "low", 1.5, 2.1), ("day.jsonl", "low", 11.4, 12.0))
    assert cli.main(["evaluate-stream", str(model), "--log", str(log), "--truth", str(truth), "--json"]) == 0
    (result,) = lines(capsys)
    assert (result["hits"], result["false_alarms"]) == (2, 6)


def test_a_log_survives_the_end_of_its_program_and_holds_peaks(tmp_path: pathlib.Path) -> None:
    from kws_engine.spotting.decision import Detection
    from kws_engine.spotting.detector import Step

    nothing = np.zeros(4, np.float32)
    log = ListeningLog(tmp_path / "log", model=pathlib.Path("m.kws"), rate=10)
    found = Detection("a", 20, 0.6)
    steps = [Step(20, nothing, found), Step(21, nothing, None, Detection("a", 20, 0.9)), Step(700, nothing, None)]
    log.take(steps)  # and the program is killed
    (tmp_path / "killed").write_text((tmp_path / "log").read_text() + '{"event": "detec')
    log.close(710)
    assert read_log(tmp_path / "log", rate=10).samples == 710
    logged = read_log(tmp_path / "killed", rate=10)
    assert [(one.word, one.at_sample, one.score) for one in logged.detections] == [("a", 20, 0.9)]
    assert logged.samples == 700
    (tmp_path / "log").write_text("what is this\n")
    with pytest.raises(ProjectError, match="line 1"):
        read_log(tmp_path / "log", rate=10)


@pytest.mark.parametrize("given", [[], ["nowhere.wav"]])
def test_no_recording_is_said(
    tones: tuple[pathlib.Path, pathlib.Path], given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate-stream", str(tones[0]), *given]) == 1
    assert "no recording" in capsys.readouterr().err
