"""Model files: a good one opens, everything else is refused in one sentence and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pathlib
import struct
import zipfile

import numpy as np
import onnx
import pytest
import tone_model
from onnx import TensorProto, helper, numpy_helper
from tone_model import members, zipped

from kws_engine.errors import ModelFileError
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.network_check import network_cost
from kws_engine.spotting.onnx_bytes import NetworkRefused


def refusal(path: pathlib.Path) -> str:
    """The sentence with which a file is refused; one line, and nothing new lies beside it."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(ModelFileError) as caught:
        SpottingModel(path)
    sentence = str(caught.value)
    assert "\n" not in sentence and path.name in sentence
    assert sorted(path.parent.rglob("*")) == before
    return sentence


def with_members(path: pathlib.Path, **content: bytes) -> pathlib.Path:
    path.write_bytes(zipped(members() | content))
    return path


def test_a_good_file_opens_and_answers(tmp_path: pathlib.Path) -> None:
    model = SpottingModel(tone_model.write(tmp_path / "tones.kws"))
    assert model.words == ("low", "high") and model.rate == 16_000
    sound = np.stack([np.resize(tone_model.tone("low"), 16_000), np.resize(tone_model.tone("high"), 16_000)])
    posteriors = model.posteriors(model.pipeline.batch(sound))
    np.testing.assert_allclose(posteriors.sum(axis=1), 1.0, atol=1e-5)
    assert [model.labels[i] for i in posteriors.argmax(axis=1)] == ["low", "high"]


def test_the_files_own_detector_settings_and_thresholds_are_used(tmp_path: pathlib.Path) -> None:
    saved = {"smoothing_ms": 90.0, "thresholds": {"high": 0.35}}
    model = SpottingModel(tone_model.write(tmp_path / "tones.kws", manifest={"detector": saved}))
    assert model.detector().config == DetectorConfig(smoothing_ms=90.0)
    assert model.detector().thresholds == {"low": DetectorConfig().threshold, "high": 0.35}
    assert model.detector(DetectorConfig(threshold=0.6)).thresholds == {"low": 0.6, "high": 0.35}


@pytest.mark.slow
def test_a_written_network_is_the_network(tmp_path: pathlib.Path) -> None:
    torch = pytest.importorskip("torch")
    from kws_engine import spec
    from kws_engine.export import model_file
    from kws_engine.features import FEATURES
    from kws_engine.models import MODELS

    entry, feature = MODELS["fnn"], FEATURES["log_mel"]
    pipeline = feature.build(spec.from_dict(feature.config, {"bands": 40}), rate=16_000)
    frames = pipeline.n_frames(16_000)
    network = entry.build(entry.config(), n_features=pipeline.n_features, n_frames=frames, n_labels=4).eval()
    model_file.write(tmp_path / "fnn.kws", network, pipeline, tone_model.manifest())
    sound = np.random.default_rng(0).normal(0, 0.1, (3, 16_000)).astype(np.float32)
    features = pipeline.batch(sound)
    with torch.no_grad():
        expected = torch.softmax(network(torch.tensor(features)), dim=1).numpy()
    np.testing.assert_allclose(SpottingModel(tmp_path / "fnn.kws").posteriors(features), expected, atol=1e-4)


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    assert "There is no model file" in refusal(tmp_path / "gone.kws")


def test_a_folder_and_a_device_are_no_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder.kws").mkdir()
    assert "is no file" in refusal(tmp_path / "folder.kws")
    os.mkfifo(tmp_path / "pipe.kws")
    assert "is no file" in refusal(tmp_path / "pipe.kws")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: pathlib.Path) -> None:
    path = tone_model.write(tmp_path / "secret.kws")
    path.chmod(0)
    assert "permissions" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"this is a letter to my aunt", bytes(1000), b"RIFF" + bytes(60)])
def test_what_is_no_zip(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / "letter.kws"
    path.write_bytes(content)
    assert "is not a KWS Studio model or is damaged" in refusal(path)


def test_a_zip_cut_off_anywhere(tmp_path: pathlib.Path) -> None:
    whole = zipped(members())
    path = tmp_path / "cut.kws"
    for length in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:length])
        refusal(path)


def test_a_zip_with_any_one_byte_changed_is_refused_or_still_good(tmp_path: pathlib.Path) -> None:
    whole = zipped(members(), compression=zipfile.ZIP_STORED)
    path = tmp_path / "flipped.kws"
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 300):
        content = bytearray(whole)
        content[at] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        try:
            SpottingModel(path)
        except ModelFileError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil", "sub/network.onnx", "..\\evil", "run.pkl", "manifest.json/"]
)
def test_a_member_that_no_model_file_holds(tmp_path: pathlib.Path, name: str) -> None:
    path = with_members(tmp_path / "odd.kws", **{name: b"x"})
    sentence = refusal(path)
    assert "which no model file holds: do not use it" in sentence
    assert not (tmp_path.parent / "evil.py").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(tmp_path: pathlib.Path) -> None:
    path = tone_model.write(tmp_path / "twice.kws")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("network.onnx", b"another")
    assert "'network.onnx' twice" in refusal(path)


def test_a_zip_bomb(tmp_path: pathlib.Path) -> None:
    path = with_members(tmp_path / "bomb.kws", **{"weights.safetensors": bytes(1 << 27)})
    assert path.stat().st_size < 1 << 20
    assert "weights.safetensors claims 128 MB, too large to be real" in refusal(path)


def test_a_member_that_claims_less_than_it_is(tmp_path: pathlib.Path) -> None:
    content = bytearray(zipped(members() | {"manifest.json": bytes(1 << 16)}))
    packed = struct.pack("<I", 1 << 16)
    for _ in range(content.count(packed)):
        at = content.index(packed)
        content[at : at + 4] = struct.pack("<I", 1 << 10)
    path = tmp_path / "liar.kws"
    path.write_bytes(content)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_no_model_file_uses(tmp_path: pathlib.Path, compression: int) -> None:
    path = tmp_path / "packed.kws"
    path.write_bytes(zipped(members(), compression=compression))
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("name", ["manifest.json", "network.onnx"])
def test_a_member_missing(tmp_path: pathlib.Path, name: str) -> None:
    path = tmp_path / "half.kws"
    path.write_bytes(zipped({key: value for key, value in members().items() if key != name}))
    assert f"lacks {name}" in refusal(path)


def test_a_newer_schema(tmp_path: pathlib.Path) -> None:
    sentence = refusal(tone_model.write(tmp_path / "new.kws", manifest={"schema": 3, "labels": {"from": "2031"}}))
    assert sentence == "new.kws was made by a newer KWS Studio (schema 3, this one reads 2): update KWS Studio"


FIELDS = list(json.loads(tone_model.manifest().to_json()))
WRONG = [None, True, -1, 0, 1.5, "low", [], ["low"], [1, 2], {}, {"a": 1}, [["low"]]]


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("field", FIELDS)
def test_a_manifest_damaged_in_one_field(tmp_path: pathlib.Path, field: str, value: object) -> None:
    if field in ("source", "quality") and isinstance(value, dict):
        pytest.skip("any object is good there")
    if field == "detector" and value == {}:
        pytest.skip("the defaults")
    refusal(tone_model.write(tmp_path / "damaged.kws", manifest={field: value}))


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe\x00", b"[]", b"null", b"3", b"{}", b"[" * 100_000, b'{"schema": Infinity}', b'{"schema": "1"}'],
    ids=lambda text: repr(text[:20]),
)
def test_a_manifest_that_is_none(tmp_path: pathlib.Path, text: bytes) -> None:
    assert "The manifest of" in refusal(with_members(tmp_path / "damaged.kws", **{"manifest.json": text}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": ["low", "low", "_unknown_", "_silence_"]}, "manifest"),
        ({"labels": ["low", "", "_unknown_", "_silence_"]}, "manifest"),
        ({"labels": ["low", "x" * 400, "_unknown_", "_silence_"]}, "manifest"),
        ({"labels": ["low", "high", "_silence_"]}, "names 3 labels but its network gives 4"),
        ({"rate": 10**9}, "manifest"),
        ({"window_samples": 10**9}, "manifest"),
        ({"window_samples": 100}, "hold no feature frame"),
        ({"unheard_of": 1}, "manifest"),
        ({"feature": {"name": "log_mal", "options": {}}}, "did you mean 'log_mel'"),
        ({"feature": {"name": "log_mel", "options": {"bands": 99999}}}, "Mel bands: 99999 is outside"),
        ({"feature": {"name": "log_mel", "options": {"bands": 41}}}, "The network in"),
        ({"feature": {"name": ["log_mel"], "options": {}}}, "manifest"),
        ({"detector": {"smoothing_ms": "much"}}, "Smoothing: 'much' is not a number"),
        ({"detector": {"smothing_ms": 1}}, "did you mean 'smoothing_ms'"),
        ({"detector": {"thresholds": {"low": "high"}}}, "Threshold: 'high' is not a number"),
        ({"detector": {"thresholds": {"low": 2}}}, "Threshold: 2 is outside 0 to 1"),
        ({"detector": {"thresholds": {"left": 0.5}}}, "There is no word of this model 'left'"),
        ({"detector": {"thresholds": [0.5]}}, "manifest"),
    ],
)
def test_a_manifest_that_does_not_fit(tmp_path: pathlib.Path, change: dict[str, object], said: str) -> None:
    assert said in refusal(tone_model.write(tmp_path / "odd.kws", manifest=change))


def test_a_damaged_network(tmp_path: pathlib.Path) -> None:
    whole = tone_model.network().SerializeToString()
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 40):
        path = tone_model.write(tmp_path / "damaged.kws", network=whole[:length])
        assert "The network in damaged.kws is damaged" in refusal(path)
    assert "is damaged" in refusal(tone_model.write(tmp_path / "damaged.kws", network=os.urandom(5000)))


def graph(nodes: list[onnx.NodeProto], output_type: int, shape: list[int | str]) -> bytes:
    made = helper.make_graph(
        nodes, "odd",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["clips", None, 40])],
        [helper.make_tensor_value_info("logits", output_type, shape)],
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


@pytest.mark.parametrize(
    ("nodes", "kind", "shape"),
    [
        ([helper.make_node("Shape", ["features"], ["logits"])], TensorProto.INT64, [3]),
        ([helper.make_node("Identity", ["features"], ["logits"])], TensorProto.FLOAT, ["clips", None, 40]),
        ([helper.make_node("ReduceMax", ["features"], ["logits"], keepdims=0)], TensorProto.FLOAT, []),
        ([helper.make_node("Log", ["features"], ["logits"])], TensorProto.FLOAT, ["clips", None, 40]),
        ([helper.make_node("NoSuchOp", ["features"], ["logits"])], TensorProto.FLOAT, ["clips", 4]),
        ([helper.make_node("SequenceConstruct", ["features"], ["logits"])], TensorProto.FLOAT, ["clips", 4]),
    ],
    ids=lambda value: (
        value[0].op_type if isinstance(value, list) and hasattr(value[0] if value else 0, "op_type") else ""
    ),
)
def test_a_network_that_answers_something_else(
    tmp_path: pathlib.Path, nodes: list[onnx.NodeProto], kind: int, shape: list[int | str]
) -> None:
    refusal(tone_model.write(tmp_path / "odd.kws", network=graph(nodes, kind, shape)))


def test_a_network_with_its_weights_in_another_file(tmp_path: pathlib.Path) -> None:
    model = tone_model.network()
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(40 * 4 * 4))
    tensor = next(t for t in model.graph.initializer if t.name == "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(secret))
    serialized = model.SerializeToString()
    stretched = serialized.replace(b"\x0a\x08location", b"\x0a\x88\x00location")
    for network in (serialized, stretched):
        assert "refers to files outside itself" in refusal(tone_model.write(tmp_path / "odd.kws", network=network))


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_network_for_one_window_at_a_time_judges_many(tmp_path: pathlib.Path, is_declared: bool) -> None:
    fixed = tone_model.network()
    if is_declared:
        fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    else:  # a row for a window alone, as exporters write it
        fixed.graph.initializer.append(numpy_helper.from_array(np.array([1, -1], np.int64), "one_row"))
        fixed.graph.node[-1].output[0] = "sum"
        fixed.graph.node.append(helper.make_node("Reshape", ["sum", "one_row"], ["logits"]))
    whole = SpottingModel(tone_model.write(tmp_path / "tones.kws"))
    single = SpottingModel(tone_model.write(tmp_path / "fixed.kws", network=fixed.SerializeToString()))
    sound = np.stack([np.resize(tone_model.tone(word), 16_000) for word in ("low", "high", "low")])
    features = whole.pipeline.batch(sound)
    np.testing.assert_allclose(single.posteriors(features), whole.posteriors(features), atol=1e-5)


def test_a_network_that_fails_while_it_runs_is_named(tmp_path: pathlib.Path) -> None:
    model = SpottingModel(tone_model.write(tmp_path / "tones.kws"))
    with pytest.raises(ModelFileError, match=r"The network in tones\.kws failed while it ran: export it again"):
        model.posteriors(np.zeros((1, 98, 3), np.float32))


def endless() -> onnx.ModelProto:
    """A network that first counts to 2**62."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"])], "body",
        [helper.make_tensor_value_info("round", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, [])],
    )  # fmt: skip
    model = tone_model.network()
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**62, np.int64), "rounds"))
    model.graph.node.append(helper.make_node("Loop", ["rounds", ""], [], body=body))
    return model


def test_a_network_that_may_run_without_end(tmp_path: pathlib.Path) -> None:
    assert "may run without end" in refusal(
        tone_model.write(tmp_path / "odd.kws", network=endless().SerializeToString())
    )


def refused_network(model: onnx.ModelProto | bytes) -> NetworkRefused:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(NetworkRefused) as caught:
        network_cost(content, input_name="features", input_shape=(1, 98, 40), most_bytes=1 << 27)
    return caught.value


def test_functions_are_refused() -> None:
    model = tone_model.network()
    inner = helper.make_node("Relu", ["a"], ["b"])
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], [inner], [helper.make_opsetid("", 18)]))
    assert "functions" in str(refused_network(model))


@pytest.mark.parametrize("content", [b"", b"\x3a\x7f", b"\x3b", b"\xff" * 30, b"\x3a", b"\x3a\x02\x0a\x05"])
def test_bytes_that_are_no_network_are_damaged(content: bytes) -> None:
    assert refused_network(content).damaged


def network_of(*nodes: onnx.NodeProto, **weights: np.ndarray) -> onnx.ModelProto:
    """These operators on `features`, then a mean of all of it as the four logits."""
    made = helper.make_graph(
        [
            *nodes,
            helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
            helper.make_node("Expand", ["mean", "four"], ["logits"]),
        ],
        "odd",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["clips", None, 40])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["clips", 4])],
        [
            numpy_helper.from_array(value, name)
            for name, value in {"four": np.array([1, 4], np.int64), **weights}.items()
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


NODE = helper.make_node


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (network_of(NODE("Expand", ["features", "size"], ["x"]), size=np.array([9999, 99, 1, 1], np.int64)), "180 MB"),
        (
            network_of(
                NODE("ConstantOfShape", ["size"], ["big"]), NODE("Add", ["features", "big"], ["x"]),
                size=np.array([30_000, 30_000, 1], np.int64),
            ),
            "180 MB",
        ),
        (network_of(NODE("NonZero", ["features"], ["x"])), "uses NonZero"),
        (
            network_of(
                NODE("Cast", ["features"], ["whole"], to=TensorProto.INT64),
                NODE("Reshape", ["whole", "flat"], ["sizes"]),
                NODE("ConstantOfShape", ["sizes"], ["x"]),
                flat=np.array([-1], np.int64),
            ),
            "depends on what it hears",
        ),
        (network_of(NODE("Relu", ["features"], ["x"], domain="com.microsoft")), "another program"),
    ],
    ids=["expand", "constant", "data-dependent operator", "data-dependent size", "custom domain"],
)  # fmt: skip
def test_a_network_that_asks_for_more_than_it_may(tmp_path: pathlib.Path, model: onnx.ModelProto, reason: str) -> None:
    assert reason in refusal(tone_model.write(tmp_path / "odd.kws", network=model.SerializeToString()))


def test_a_network_that_takes_too_long(tmp_path: pathlib.Path) -> None:
    nodes = [NODE("MatMul", [f"x{at}", "w"], [f"x{at + 1}"]) for at in range(20)]
    model = network_of(
        NODE("Gather", ["features", "rows"], ["x00"], axis=1), NODE("MatMul", ["x00", "widen"], ["x0"]),
        *nodes, NODE("Identity", ["x20"], ["x"]),
        rows=np.zeros(1000, np.int64), widen=np.zeros((40, 1000), np.float32), w=np.zeros((1000, 1000), np.float32),
    )  # fmt: skip
    assert "longer than 10 s for each second" in refusal(
        tone_model.write(tmp_path / "odd.kws", network=model.SerializeToString())
    )


@pytest.mark.parametrize("tag", [b"\x8a\x00", b"\x8a\x80\x00"], ids=["two bytes", "three bytes"])
def test_external_weights_are_found_however_their_key_is_written(tag: bytes) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    content = tensor.SerializeToString()
    assert b"\x0a\x08location" in content
    inner = b"\x0a\x08location"
    stretched = content.replace(inner, tag + inner[1:])
    entry_at = stretched.index(tag) - 1
    grown = bytearray(stretched)
    grown[entry_at] += len(tag) - 1
    graph_bytes = b"\x0a\x08\x22\x04Relu\x0a\x00" + b"\x2a" + bytes([len(grown)]) + bytes(grown)
    refused = refused_network(b"\x3a" + bytes([len(graph_bytes)]) + graph_bytes)
    assert "refers to files outside itself" in str(refused)


def test_numbers_that_end_while_it_listens_are_said(tmp_path: pathlib.Path) -> None:
    model = network_of(
        NODE("Mul", ["features", "large"], ["y"]), NODE("Mul", ["y", "y"], ["z"]), NODE("Exp", ["z"], ["e"]),
        NODE("Sub", ["e", "e"], ["x"]), large=np.array(1e-3, np.float32),
    )  # fmt: skip
    opened = SpottingModel(tone_model.write(tmp_path / "odd.kws", network=model.SerializeToString()))
    with pytest.raises(ModelFileError, match=r"The network in odd\.kws no longer answers with numbers"):
        opened.posteriors(np.full((1, 98, 40), 1e6, np.float32))


@pytest.mark.parametrize("label", ["\x1b[31mred", "two\nlines", "\u202eback", "bell\x07"])
def test_a_label_with_control_characters(tmp_path: pathlib.Path, label: str) -> None:
    sentence = refusal(
        tone_model.write(tmp_path / "odd.kws", manifest={"labels": [label, "high", "_unknown_", "_silence_"]})
    )
    assert sentence.isprintable()


def test_a_message_quotes_little_of_a_file(tmp_path: pathlib.Path) -> None:
    sentence = refusal(tone_model.write(tmp_path / "odd.kws", manifest={"detector": {"x" * 5000: 1}}))
    assert len(sentence) < 320


@pytest.mark.parametrize(
    "change", [{"rate": 192_000}, {"window_samples": 60 * 16_000}, {"labels": [f"w{n}" for n in range(1001)]}]
)
def test_a_window_rate_or_number_of_labels_beyond_reason(tmp_path: pathlib.Path, change: dict[str, object]) -> None:
    assert "manifest" in refusal(tone_model.write(tmp_path / "odd.kws", manifest=change))
