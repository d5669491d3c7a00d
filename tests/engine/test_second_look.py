"""A second look is asked where the first network hears a word, and nowhere else, live as in stored sound."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import zipfile
from typing import Any

import numpy as np
import onnx
import pytest
import tone_model
from onnx import TensorProto, helper, numpy_helper
from speech_project import QUICK, make_project
from tone_model import members, zipped

from kws_engine import audio, cli, resources
from kws_engine.clips.project import Project
from kws_engine.errors import ModelFileError, SpecError
from kws_engine.operating.hearing import hear
from kws_engine.operating.talk_hearing import fired_by_bank
from kws_engine.runs import second_looking
from kws_engine.runs.checking import check
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.spotting.detector import Detector, Step, with_peaks
from kws_engine.spotting.looks import BulkScores
from kws_engine.spotting.model_file import SECOND, SpottingModel
from kws_engine.spotting.second_look import SecondLookPart
from kws_engine.training.events import Epoch, Event, Finished, Progress, Skipped, Started

RATE = tone_model.RATE
GATE = 0.3
PART = SecondLookPart(
    feature={"vectors": 10},
    network={"name": "vector_cnn", "options": {}},
    window_samples=12_400 + 9 * 1280,
    gates={"low": GATE, "high": GATE},
)


def second_network(*, n_labels: int = 4, bias: float = 0.0) -> onnx.ModelProto:
    """The mean of the vectors times weights at random: any score from sound to sound."""
    weights = np.random.default_rng(3).normal(0, 0.4, (96, n_labels)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["features", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    arrays = {"axes": np.array([1], np.int64), "weights": weights, "bias": np.full(n_labels, bias, np.float32)}
    graph = helper.make_graph(
        nodes,
        "second",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["clips", None, 96])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["clips", n_labels])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write(path: pathlib.Path, *, part: dict[str, Any] | None = None, **changed: bytes) -> pathlib.Path:
    """The tone model with a second look; `part` changes fields of that."""
    manifest = tone_model.manifest().with_second(PART)
    manifest = dataclasses.replace(manifest, second={**(manifest.second or {}), **(part or {})})
    content = members() | {"manifest.json": manifest.to_json().encode(), SECOND: second_network().SerializeToString()}
    path.write_bytes(zipped(content | changed))
    return path


@pytest.fixture
def model(tmp_path: pathlib.Path) -> SpottingModel:
    return SpottingModel(write(tmp_path / "tones.kws"))


@pytest.fixture(params=[0.0, 0.5])
def either(model: SpottingModel, request: pytest.FixtureRequest) -> SpottingModel:
    """A model whose second look decides alone, and one where both networks do."""
    model.detector_config = dataclasses.replace(model.detector_config, first_share=request.param)
    return model


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Tones over words and quiet, of half a minute."""
    paths = sorted(resources.path("starter").glob("clips/*/*.*"))[::41]
    words = [audio.read(path, rate=RATE) for path in paths if path.suffix in (".wav", ".flac", ".ogg", ".opus")]
    speech = np.concatenate(words)[: 30 * RATE]
    for number, start in enumerate(range(RATE // 3, len(speech) - RATE, 2 * RATE)):
        tone = tone_model.tone("low" if number % 2 else "high", peak=0.3)
        speech[start : start + len(tone)] += tone
    return speech.astype(np.float32)


def pieces(sound: np.ndarray, size: int) -> list[np.ndarray]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


def live(model: SpottingModel, sound: np.ndarray, *, size: int = 1600) -> list[Step]:
    detector = model.detector()
    for word in detector.words:
        detector.set_threshold(word, 0.2)
    return [step for piece in pieces(sound, size) for step in detector.feed(piece)] + detector.flush()


@pytest.mark.parametrize("seconds", [30.0, 2.0, 1.1, 0.7, 0.0])
def test_stored_sound_gives_the_detections_that_live_sound_gives(
    either: SpottingModel, sound: np.ndarray, seconds: float
) -> None:
    some = sound[: round(seconds * RATE)]
    found = with_peaks(live(either, some))
    stored = hear(either, pieces(some, 77_777), thresholds=dict.fromkeys(either.words, 0.2))
    assert [(one.word, one.at_sample) for one in stored.detections] == [(one.word, one.at_sample) for one in found]
    np.testing.assert_allclose([one.score for one in stored.detections], [one.score for one in found], atol=1e-4)
    assert seconds < 30 or len(found) > 4


def test_every_cut_of_the_sound_gives_the_same(either: SpottingModel, sound: np.ndarray) -> None:
    steps = live(either, sound[: 10 * RATE])
    for size in (333, 16_000, 100_000):
        for one, other in zip(steps, live(either, sound[: 10 * RATE], size=size), strict=True):
            assert one.at_sample == other.at_sample and np.array_equal(one.scores, other.scores)
    whole = hear(either, [sound])
    for size in (999, 16_000):
        cut = hear(either, pieces(sound, size))
        ordered = [sorted(one.peaks, key=lambda peak: (peak.at_sample, peak.word)) for one in (cut, whole)]
        for one, other in zip(*ordered, strict=True):
            assert (one.word, one.at_sample) == (other.word, other.at_sample)
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_score_is_the_second_networks_where_the_gate_is_open(model: SpottingModel, sound: np.ndarray) -> None:
    """Against all vectors of the sound with silence before it, computed at once."""
    second = model.second
    assert second is not None
    first = SpottingModel(model.path)
    first.second = None
    final, raw = (BulkScores(one, model.detector_config).feed(sound) for one in (model, first))
    before = 30 * 1280
    vectors = second.pipeline.batch(np.concatenate((np.zeros(before + 12_400 - 1280, np.float32), sound)))
    windows = np.lib.stride_tricks.sliding_window_view(vectors, 10, axis=0).transpose(0, 2, 1)
    posteriors = second.posteriors(np.ascontiguousarray(windows))  # the first ends 21 vectors before the sound
    is_open = 0
    for at, own, found in zip(raw.at_samples, raw.scores, final.scores, strict=True):
        newest = int(at) // 1280 + 20
        smooth = [posteriors[number - 1 : number + 1].mean(axis=0) for number in range(newest - 5, newest + 1)]
        for column in (0, 1):
            if own[column] >= GATE:
                is_open += 1
                assert found[column] == pytest.approx(np.max(smooth, axis=0)[column], abs=2e-4)
            else:
                assert found[column] == pytest.approx(own[column] * 0.05 / GATE, rel=1e-4) and found[column] < 0.05
        np.testing.assert_array_equal(own[2:], found[2:])
    assert 20 < is_open < len(raw.scores)


def test_nothing_is_asked_in_silence_and_little_elsewhere(model: SpottingModel, sound: np.ndarray) -> None:
    second = model.second
    assert second is not None
    asked: list[int] = []
    posteriors = second.posteriors
    second.posteriors = lambda features: asked.append(len(features)) or posteriors(features)  # type: ignore
    detector = model.detector()
    detector.feed(tone_model.pause(6.0))
    assert not asked
    detector.feed(sound[: 2 * RATE])
    assert asked and sum(asked) < 8 * 60


def test_it_can_be_left_out_and_cannot_be_asked_of_a_model_without(
    model: SpottingModel, sound: np.ndarray, tmp_path: pathlib.Path
) -> None:
    without = SpottingModel(tone_model.write(tmp_path / "plain.kws"))
    config = dataclasses.replace(model.detector_config, second_look=False)
    assert model.detector_config.second_look and not without.detector_config.second_look
    for one, other in zip(
        Detector(model, config).feed(sound[: 5 * RATE]), without.detector().feed(sound[: 5 * RATE]), strict=True
    ):
        np.testing.assert_array_equal(one.scores, other.scores)
    with pytest.raises(SpecError, match="has no second look: train it again"):
        without.detector(model.detector_config)


def test_frames_that_were_computed_before_are_refused(model: SpottingModel) -> None:
    with pytest.raises(ValueError, match="needs the sound"):
        BulkScores(model, model.detector_config).feed_frames(np.zeros((3, 40), np.float32))


def test_the_bank_is_heard_by_the_second_network_alone(model: SpottingModel) -> None:
    assert model.second is not None
    fired = fired_by_bank(model.second)
    assert sum(one.hours for one in fired.values()) > 0.5
    assert any(peaks for one in fired.values() for peaks in one.peaks.values())


# The file


def manifest_of(path: pathlib.Path) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        found: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return found


def test_a_file_without_one_is_as_before(tmp_path: pathlib.Path, model: SpottingModel) -> None:
    plain = tone_model.write(tmp_path / "plain.kws")
    assert manifest_of(plain)["schema"] == 1 and "second" not in manifest_of(plain)
    assert SpottingModel(plain).second is None
    assert manifest_of(model.path)["schema"] == 2 and model.second is not None and model.second.gates == PART.gates


@pytest.mark.parametrize(
    "value", [None, True, -1, 0, 1.5, "low", [], {}, {"a": 1}, {"low": 2.0, "high": 0.1}], ids=repr
)
@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(SecondLookPart)])
def test_a_part_damaged_in_one_field(tmp_path: pathlib.Path, field: str, value: object) -> None:
    if field == "feature" and value == {}:
        pytest.skip("the defaults")
    with pytest.raises(ModelFileError, match=r"second look of x\.kws is damaged|x\.kws is damaged"):
        SpottingModel(write(tmp_path / "x.kws", part={field: value}))


def test_a_network_that_cannot_be_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.kws"
    with pytest.raises(ModelFileError, match="damaged"):
        SpottingModel(write(path, **{SECOND: b"\x00" * 100}))
    with pytest.raises(ModelFileError, match="names 4 labels but its network gives 3"):
        SpottingModel(write(path, **{SECOND: second_network(n_labels=3).SerializeToString()}))
    graph = second_network()
    graph.graph.node[2].op_type = "Loop"
    with pytest.raises(ModelFileError, match="it uses Loop"):
        SpottingModel(write(path, **{SECOND: graph.SerializeToString()}))


def test_a_network_without_its_part_and_a_part_without_its_network(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.kws"
    path.write_bytes(zipped(members() | {SECOND: second_network().SerializeToString()}))
    with pytest.raises(ModelFileError, match="damaged"):
        SpottingModel(path)
    manifest = tone_model.manifest().with_second(PART)
    path.write_bytes(zipped(members() | {"manifest.json": manifest.to_json().encode()}))
    with pytest.raises(ModelFileError, match="damaged"):
        SpottingModel(path)


# Settings and runs


def test_settings_that_cannot_work_are_refused_at_the_option() -> None:
    asked = Settings().with_options(["detector.second_look=yes", "feature.high_hz=3800"])
    check(asked, rate=16_000, n_samples=16_000, n_labels=4)
    for settings, rate, says in (
        (asked, 8_000, "A second look needs sound at 16000 Hz, and this is at 8000 Hz"),
        (asked.with_recipe("teach"), 16_000, "stands on the speech embedding itself"),
    ):
        with pytest.raises(SpecError, match=says) as caught:
            check(settings, rate=rate, n_samples=rate, n_labels=4)
        assert caught.value.option == "detector.second_look"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = ("training.epochs=2", "training.clips_per_epoch=512", "augment.speed.probability=0")
    monkeypatch.setattr(second_looking, "CHANGES", changes)


def job_of(project: Project, **more: Any) -> Job:
    settings = Settings().with_options([*QUICK, "detector.second_look=yes"])
    return Job(project.folder, settings.to_dict(), threads=1, **more)


def model_of(events: list[Event]) -> SpottingModel:
    assert isinstance(events[-1], Finished), events[-1]
    return SpottingModel(events[-1].model)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_run_trains_it_beside_the_network_and_sets_thresholds_on_both(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path / "p")
    events = list(run(job_of(project)))
    model = model_of(events)
    assert model.second is not None and model.detector_config.second_look
    assert not [one for one in events if isinstance(one, Skipped)]
    told = [one for one in events if isinstance(one, Progress) and one.what == "Training the second look"]
    assert [(one.done, one.total) for one in told] == [(0, 2), (1, 2), (2, 2)]
    assert all(one.after_training for one in told)
    assert all(0.01 <= gate <= 0.05 for gate in model.second.gates.values())
    assert set(model.thresholds) == set(project.words)
    clip = project.clips(split="validation")[0]
    assert cli.main(["listen", str(model.path), "--file", str(clip.path), "--json"]) == 0
    capsys.readouterr()


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_run_that_is_stopped_keeps_its_model_and_says_that_there_is_no_second_look(
    tmp_path: pathlib.Path,
) -> None:
    project = make_project(tmp_path / "p")
    stopped: list[Event] = []
    events: list[Event] = []
    for event in run(job_of(project), lambda: bool(stopped)):
        events.append(event)
        if isinstance(event, Progress) and event.what.startswith("Laying") and event.done > 0:
            stopped.append(event)
    model = model_of(events)
    assert model.second is None and not model.detector_config.second_look and model.thresholds
    said = [one.reason for one in events if isinstance(one, Skipped)]
    assert said == ["The model has no second look, because it was stopped: train again for one"]


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_run_that_ended_after_its_network_trains_it_when_resumed(tmp_path: pathlib.Path) -> None:
    project = make_project(tmp_path / "p")
    folder = ""
    events = run(job_of(project))
    for event in events:
        folder = event.run if isinstance(event, Started) else folder
        if isinstance(event, Progress) and event.what == "Training the second look" and event.done:
            break
    events.close()  # type: ignore[attr-defined]
    resumed = list(run(job_of(project, resume=pathlib.Path(folder))))
    assert sum(isinstance(one, Epoch) for one in resumed) == 1 and model_of(resumed).second is not None
    ended = list(run(job_of(project, resume=pathlib.Path(folder), finish=True)))
    assert model_of(ended).second is None and any("ended before" in str(one) for one in ended)
