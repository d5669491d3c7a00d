"""Features: one definition, the same numbers as batch, stream, torch and exported graph, and as torchaudio's."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_engine import spec
from kws_engine.errors import SpecError
from kws_engine.export.onnx import to_onnx
from kws_engine.features import FEATURES, mel, torchaudio_guard
from kws_engine.features.batch import frontend_graph, torch_features
from kws_engine.features.log_mel import LogMelConfig
from kws_engine.features.mfcc import MfccConfig
from kws_engine.features.pcen import PcenConfig
from kws_engine.features.pipeline import Pipeline
from kws_engine.features.temporal import Pcen, TemporalProcessing

RATE = 16_000
ENTRIES = [pytest.param(entry, id=entry.name) for entry in FEATURES]
PARTS = [entry.name for entry in FEATURES]
PIPELINES = {entry.name: entry.build(entry.config(), rate=RATE) for entry in FEATURES}
VARIANTS: dict[str, dict[str, Any]] = {
    "deltas": {"deltas": "both"}, "centred": {"normalisation": "centred", "mean_ms": 200.0},
    "raw with slopes": {"normalisation": "none", "deltas": "first", "window_ms": 25.0},
}  # fmt: skip
PIPELINES |= {
    f"{entry.name}, {title}": entry.build(spec.changed(entry.config(), changes), rate=RATE)
    for entry in FEATURES
    for title, changes in VARIANTS.items()
    if changes.keys() <= {option.name for option in spec.options(entry.config)}
}
EXPORTED = [*PARTS, "pcen, deltas", "mfcc, centred"]  # an export takes seconds
RUNNING = [name for name in PIPELINES if "," in name or name == "pcen"]


def _sound(n_samples: int, seed: int = 0) -> np.ndarray:
    """A gliding tone that comes and goes in noise."""
    seconds = np.arange(n_samples) / RATE
    tone = 0.3 * np.sin(2 * np.pi * (300 + 900 * seconds) * seconds) * np.sin(np.pi * seconds) ** 2
    noise = 0.01 * np.random.default_rng(seed).standard_normal(n_samples)
    return (tone + noise).astype(np.float32)


@pytest.fixture(scope="module")
def torchaudio() -> Iterator[Any]:
    yield torchaudio_guard.load()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_shapes_follow_from_the_definition(entry: Any, rate: int) -> None:
    if entry.name == "speech_embedding" and rate != RATE:
        with pytest.raises(SpecError, match="needs sound at 16000 Hz"):
            entry.build(entry.config(), rate=rate)
        return
    pipeline = entry.build(entry.config(), rate=rate)
    features = pipeline.batch(np.zeros((3, rate), np.float32))
    assert features.shape == (3, pipeline.n_frames(rate), pipeline.n_features)
    assert features.dtype == np.float32
    assert pipeline.batch(np.zeros(pipeline.window_samples - 1)).shape == (0, pipeline.n_features)
    assert pipeline.batch(np.zeros(pipeline.window_samples)).shape == (1, pipeline.n_features)
    assert pipeline.stream().push(np.zeros(0)).shape == (0, pipeline.n_features)


def test_defaults_are_those_of_the_field() -> None:
    mfcc, log_mel = PIPELINES["mfcc"], PIPELINES["log_mel"]
    assert (mfcc.window_samples, mfcc.hop_samples, mfcc.n_bands, mfcc.n_features) == (480, 160, 80, 40)
    assert (log_mel.window_samples, log_mel.hop_samples, log_mel.n_features) == (480, 160, 40)
    assert mfcc.n_frames(RATE) == 98
    assert PIPELINES["pcen"].temporal.pcen == Pcen(smoothing=0.025, gain=0.98, bias=2.0, power=0.5, floor=1e-6)


@pytest.mark.parametrize("name", PIPELINES)
@settings(deadline=None)  # how long a busy machine takes says nothing
@given(pieces=st.lists(st.integers(0, 2_000), min_size=1, max_size=30))
def test_a_stream_equals_the_batch_however_it_is_cut(name: str, pieces: list[int]) -> None:
    pipeline, sound = PIPELINES[name], _sound(sum(pieces))
    stream, start, frames = pipeline.stream(), 0, []
    for piece in pieces:
        frames.append(stream.push(sound[start : start + piece]))
        start += piece
    whole = pipeline.batch(sound)
    assert np.concatenate(frames).shape == whole.shape
    np.testing.assert_allclose(np.concatenate(frames), whole, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_reset_stream_hears_nothing_of_before(name: str) -> None:
    stream, sound = PIPELINES[name].stream(), _sound(4_000)
    stream.push(_sound(1_111, seed=1))
    stream.reset()
    np.testing.assert_array_equal(stream.push(sound), PIPELINES[name].batch(sound))


@pytest.mark.parametrize("name", PIPELINES)
def test_a_long_sound_is_done_in_blocks_without_a_seam(name: str) -> None:
    pipeline = PIPELINES[name]
    sound = _sound(9_000 * pipeline.hop_samples)
    late = 8_190 * pipeline.hop_samples
    frames, later = pipeline.stream().frames(sound), pipeline.stream().frames(sound[late:])
    np.testing.assert_allclose(frames[8_190:], later, atol=1e-5, rtol=1e-5)
    stream = pipeline.stream()
    pieces = np.concatenate([stream.push(piece) for piece in np.array_split(sound, 7)])
    np.testing.assert_allclose(pipeline.batch(sound), pieces, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("name", PIPELINES)
@settings(deadline=None, max_examples=20)
@given(start=st.integers(0, 300), n_frames=st.integers(1, 98))
def test_a_window_of_a_running_stream_is_seen_as_a_clip_of_its_own(name: str, start: int, n_frames: int) -> None:
    pipeline, sound = PIPELINES[name], _sound(5 * RATE)
    seen = pipeline.features(pipeline.stream().frames(sound)[start : start + n_frames])
    first = start * pipeline.hop_samples
    clip = sound[first : first + (n_frames - 1) * pipeline.hop_samples + pipeline.window_samples]
    np.testing.assert_allclose(seen, pipeline.batch(clip), atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("name", RUNNING)
def test_only_earlier_frames_count(name: str) -> None:
    pipeline, sound = PIPELINES[name], _sound(RATE)
    changed = sound.copy()
    changed[8_000:] = 0.5
    frames = pipeline.n_frames(8_000)
    np.testing.assert_allclose(pipeline.batch(changed)[:frames], pipeline.batch(sound)[:frames], atol=1e-6)
    assert np.abs(pipeline.batch(changed)[frames + 5 :] - pipeline.batch(sound)[frames + 5 :]).max() > 0.1


@pytest.mark.parametrize("name", PIPELINES)
def test_torch_gives_the_same_numbers(name: str) -> None:
    sound = np.stack([_sound(RATE, seed) for seed in range(4)])
    features = torch_features(PIPELINES[name])(torch.from_numpy(sound)).numpy()
    np.testing.assert_allclose(features, PIPELINES[name].batch(sound), atol=1e-4, rtol=1e-5)
    assert torch_features(PIPELINES[name])(torch.zeros(2, 10)).shape == (2, 0, PIPELINES[name].n_features)
    learning = [one for one in torch_features(PIPELINES[name]).parameters() if one.requires_grad]
    assert not learning, "there is nothing to train in features"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_the_exported_graph_gives_the_same_numbers_at_any_length(name: str) -> None:
    graph = to_onnx(
        frontend_graph(PIPELINES[name]),
        torch.from_numpy(np.stack([_sound(RATE, seed) for seed in range(2)])),
        input_name="samples",
        output_name="features",
        dynamic={0: "clips", 1: "samples"},
    )
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    shortest = PIPELINES[name].window_samples
    for clips, n_samples in ((1, shortest), (3, max(shortest, 4_001)), (1, 40_000)):
        sound = np.stack([_sound(n_samples, seed) for seed in range(clips)])
        features = session.run(None, {"samples": sound})[0]
        np.testing.assert_allclose(features, PIPELINES[name].batch(sound), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_way_agrees_on_real_speech(name: str, shared_data: Path) -> None:
    sound, rate = soundfile.read(sorted((shared_data / "speech_commands/right").glob("*.*"))[0], dtype="float32")
    assert rate == RATE
    expected = PIPELINES[name].batch(sound)
    samples = torch.from_numpy(sound).unsqueeze(0)
    np.testing.assert_allclose(torch_features(PIPELINES[name])(samples)[0].numpy(), expected, atol=1e-4, rtol=1e-5)
    np.testing.assert_allclose(frontend_graph(PIPELINES[name])(samples)[0].numpy(), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", PIPELINES)
def test_values_are_of_the_order_of_one(name: str) -> None:
    pipeline = PIPELINES[name]
    if "raw" in name:
        assert pipeline.batch(np.zeros(RATE)).shape[1] == 2 * pipeline.n_static
        return
    loud, silent = pipeline.batch(np.clip(30 * _sound(RATE), -1, 1)), pipeline.batch(np.zeros(RATE))
    assert np.abs(loud).max() < 10 and np.abs(silent).max() < 10
    assert np.isfinite(silent).all()


def test_matrices_equal_torchaudios(torchaudio: Any) -> None:
    ours = mel.filterbank(512, bands=40, low_hz=20, high_hz=7600, rate=RATE)
    theirs = torchaudio.functional.melscale_fbanks(257, 20.0, 7600.0, 40, RATE, norm=None, mel_scale="htk")
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
    theirs = torchaudio.functional.create_dct(40, 80, "ortho")
    np.testing.assert_allclose(mel.cosine_transform(80, 40), theirs.numpy(), atol=1e-5)


def _spectrogram_options(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "n_fft": pipeline.n_fft, "win_length": pipeline.window_samples, "hop_length": pipeline.hop_samples,
        "f_min": 20.0, "f_max": 7600.0, "n_mels": pipeline.n_bands, "center": False, "norm": None, "mel_scale": "htk",
    }  # fmt: skip


def _for_torchaudio(sound: np.ndarray, pipeline: Pipeline) -> torch.Tensor:
    """The sound with the offset that torchaudio's padding of the window to n_fft makes."""
    before = (pipeline.n_fft - pipeline.window_samples) // 2
    return torch.from_numpy(np.pad(sound, (before, pipeline.n_fft - pipeline.window_samples - before)))


def test_mfcc_equals_torchaudios(torchaudio: Any) -> None:
    pipeline, sound = PIPELINES["mfcc"], _sound(RATE)
    transform = torchaudio.transforms.MFCC(
        RATE, n_mfcc=40, dct_type=2, norm="ortho", log_mels=True, melkwargs=_spectrogram_options(pipeline)
    )
    theirs = transform(_for_torchaudio(sound, pipeline)).numpy().T
    np.testing.assert_allclose(pipeline.batch(sound), theirs * pipeline.scale + pipeline.shift, atol=1e-4)


def test_log_mel_equals_torchaudios(torchaudio: Any) -> None:
    pipeline, sound = PIPELINES["log_mel"], _sound(RATE)
    transform = torchaudio.transforms.MelSpectrogram(RATE, **_spectrogram_options(pipeline))
    theirs = torch.log(transform(_for_torchaudio(sound, pipeline)) + 1e-6).numpy().T
    np.testing.assert_allclose(pipeline.batch(sound), theirs * pipeline.scale + pipeline.shift, atol=1e-4)


def _pcen_of_the_paper(powers: np.ndarray) -> np.ndarray:
    """Wang et al. 2017, equations 1 and 2, frame by frame."""
    level, values = powers[0], []
    for power in powers:
        level = (1 - 0.025) * level + 0.025 * power
        values.append((power / (1e-6 + level) ** 0.98 + 2.0) ** 0.5 - 2.0**0.5)
    return np.stack(values)


def test_pcen_is_that_of_its_paper_over_torchaudios_bands(torchaudio: Any) -> None:
    pipeline, sound = PIPELINES["pcen"], _sound(RATE)
    bands = torchaudio.transforms.MelSpectrogram(RATE, **_spectrogram_options(pipeline))
    theirs = _pcen_of_the_paper(bands(_for_torchaudio(sound, pipeline)).numpy().T.astype(np.float64))
    np.testing.assert_allclose(pipeline.batch(sound), theirs * pipeline.scale + pipeline.shift, atol=1e-4)
    raw = FEATURES["pcen"].build(PcenConfig(normalisation="none"), rate=RATE)
    np.testing.assert_allclose(raw.batch(sound), theirs, atol=1e-4, rtol=1e-4)


def test_pcen_hears_near_and_far_alike_and_loudness_alone_not() -> None:
    pipeline, sound = PIPELINES["pcen"], _sound(RATE)
    near, far = pipeline.batch(sound), pipeline.batch(0.1 * sound)
    assert np.abs(near - far).mean() < 0.05
    assert np.abs(PIPELINES["log_mel"].batch(sound) - PIPELINES["log_mel"].batch(0.1 * sound)).mean() > 0.5
    hum = 0.2 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert np.abs(pipeline.batch(hum)).max() < 0.3, "what does not change does not stand out"


@pytest.mark.parametrize("name", ["mfcc", "log_mel", "pcen"])
def test_deltas_equal_torchaudios_two_frames_later(name: str, torchaudio: Any) -> None:
    pipeline, sound = PIPELINES[f"{name}, deltas"], _sound(RATE)
    static, first, second = np.split(pipeline.batch(sound), 3, axis=1)
    np.testing.assert_array_equal(static, PIPELINES[name].batch(sound))
    compute = torchaudio.functional.compute_deltas
    theirs = compute(torch.from_numpy(static.T.copy()), win_length=5)
    np.testing.assert_allclose(first[2:], theirs.numpy().T[:-2], atol=1e-4)
    np.testing.assert_allclose(second[8:], compute(theirs, win_length=5).numpy().T[4:-4], atol=1e-4)


def test_the_running_mean_takes_a_microphones_colour_away() -> None:
    pipeline, sound = PIPELINES["log_mel, centred"], _sound(3 * RATE)
    coloured = 0.5 * sound
    coloured[1:] += 0.4 * coloured[:-1]
    plain = PIPELINES["log_mel"]
    without, within = (np.abs(p.batch(coloured) - p.batch(sound))[20:].mean() for p in (plain, pipeline))
    assert within < without / 4


_USE = "import torch; print(torchaudio.transforms.MFCC(16000)(torch.zeros(1, 16000)).shape)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "native"),
    [
        # A torchaudio that loads as it is: an extension that is found and works.
        (
            "import types; e = types.ModuleType('torchaudio._extension'); e._IS_TORCHAUDIO_EXT_AVAILABLE = True\n"
            "e._IS_ALIGN_AVAILABLE = True; e.fail_if_no_align = lambda f: f; e._load_lib = lambda lib: True\n"
            "import torch; library = torch.library.Library('torchaudio', 'DEF')\n"
            "for name in ('_lfilter_core_loop', '_overdrive_core_loop'): library.define(name + '(Tensor a) -> ()')\n"
            "sys.modules['torchaudio._extension'] = e",
            True,
        ),
        # A torchaudio whose native library does not load, as a CUDA build beside a CPU torch.
        (
            "import torch\ndef refuse(*a, **k): raise OSError('libcudart.so.13: cannot open shared object file')\n"
            "torch.ops.load_library = refuse",
            False,
        ),
    ],
    ids=["with its native part", "without it"],
)
def test_torchaudio_loads_with_and_without_its_native_part(before: str, native: bool) -> None:
    code = (
        f"import sys\n{before}\nfrom kws_engine.features import torchaudio_guard as guard\ntorchaudio = guard.load()\n"
        f"assert sys.modules['torchaudio._extension']._IS_TORCHAUDIO_EXT_AVAILABLE is {native}\n"
        f"assert guard.load() is torchaudio\n{_USE}"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr
    assert "[1, 40, 81]" in ran.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", np.ones(3)),
        ("filterbank", np.ones((5, 80))),
        ("projection", np.ones((3, 40))),
        ("scale", np.ones(3)),
        ("hop_samples", 0),
        ("floor", 0.0),
        ("rate", 0),
        ("temporal", TemporalProcessing(PIPELINES["pcen"].temporal.pcen)),
    ],
)
def test_a_pipeline_whose_numbers_do_not_fit_together_is_refused(name: str, value: Any) -> None:
    assert (PIPELINES["mfcc"].rate, PIPELINES["mfcc"].hop_s) == (RATE, 0.01)
    with pytest.raises(ValueError, match="This feature pipeline does not fit together: "):
        dataclasses.replace(PIPELINES["mfcc"], **{name: value})


@pytest.mark.parametrize(
    ("config", "rate", "sentence"),
    [
        (MfccConfig(bands=20), RATE, "Coefficients: 40 are more than the 20 mel bands they are computed from"),
        (MfccConfig(), 8_000, "Highest frequency: 7600 Hz is above 4000 Hz, half the sample rate of 8000 Hz; lower it"),
        (LogMelConfig(low_hz=600, high_hz=500), RATE, "Lowest frequency: 600 Hz is not below the highest, 500 Hz"),
        (LogMelConfig(window_ms=10, hop_ms=20), RATE, "Hop: 20 ms is longer than the window of 10 ms"),
        (LogMelConfig(bands=128, low_hz=499, high_hz=500), RATE, "Mel bands: 128 bands do not fit between 499 and 500"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(config: Any, rate: int, sentence: str) -> None:
    entry = FEATURES["mfcc" if isinstance(config, MfccConfig) else "log_mel"]
    with pytest.raises(SpecError, match=sentence):
        entry.build(config, rate=rate)


def test_no_band_is_left_without_a_bin() -> None:
    pipeline = FEATURES["log_mel"].build(LogMelConfig(bands=128, window_ms=10, low_hz=0), rate=RATE)
    assert pipeline.filterbank.any(axis=0).all()
    assert pipeline.n_fft > pipeline.window_samples
