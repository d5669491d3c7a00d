"""The speech embedding: the encoder's numbers, its streams, and where a window lies."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pytest
import torch

from kws_engine import audio, resources, spec
from kws_engine.bank import shipped_bank
from kws_engine.clips.trimming import ending, speech_core
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.features._encoder import MODELS, EncoderStream, encoded
from kws_engine.features._encoder_network import Encoder
from kws_engine.features.encoded import FRAMES, VALUES, EncodedPipeline, EncoderName
from kws_engine.settings import Settings
from kws_engine.training.data.bank_windows import BankWindows
from kws_engine.training.data.laid_rows import LATER, window_of
from kws_engine.training.data.laying_words import core_of, half_of, laid

RATE = 16_000
of_each_encoder = pytest.mark.parametrize("encoder", list(MODELS))


@pytest.fixture(scope="module")
def pipeline() -> EncodedPipeline:
    entry = FEATURES["speech_embedding"]
    built: EncodedPipeline = entry.build(entry.config(), rate=RATE)
    return built


def spoken() -> np.ndarray:
    """A word of the starter project (16000,)."""
    word = sorted(path for path in resources.path("starter", "clips").iterdir() if not path.name.startswith("_"))[0]
    return audio.read(sorted(word.iterdir())[0], rate=RATE)


def _frames(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(3, 1.5, (2, count, 32)).astype(np.float32)


@of_each_encoder
def test_a_window_of_76_frames_gives_the_vector_that_a_stream_gives_there(encoder: EncoderName) -> None:
    frames = _frames(FRAMES + 40)
    whole = encoded(frames, encoder)
    assert whole.shape == (2, 6, VALUES)
    for number in range(6):
        alone = encoded(frames[:, 8 * number : 8 * number + FRAMES], encoder)
        np.testing.assert_allclose(alone[:, 0], whole[:, number], atol=1e-4)


@pytest.mark.parametrize("piece", [1, 3, 8, 29, 500])
def test_any_pieces_give_the_same_vectors(piece: int) -> None:
    frames = _frames(400)
    stream = EncoderStream("robust", 2)
    found = [stream.push(frames[:, at : at + piece]) for at in range(0, 400, piece)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), encoded(frames, "robust"), atol=1e-4)


def test_live_blocks_of_one_or_two_vectors_give_the_vectors_of_the_whole() -> None:
    frames = np.random.default_rng(3).standard_normal((1, 600, 32)).astype(np.float32)
    stream, found, at = EncoderStream("google"), [], 0
    for size in (76, *([8, 16, 16, 8, 24, 8, 8, 16, 5, 3, 16] * 3)):
        found.append(stream.push(frames[:, at : at + size]))
        at += size
    vectors = np.concatenate(found, axis=1)
    np.testing.assert_allclose(vectors, encoded(frames[:, :at], "google")[:, : vectors.shape[1]], atol=2e-5)
    assert vectors.shape[1] == 1 + (at - FRAMES) // 8


@of_each_encoder
def test_torch_has_the_weights_of_the_graph(encoder: EncoderName) -> None:
    frames = _frames(200)
    with torch.no_grad():
        vectors = Encoder(encoder)(torch.from_numpy(frames)).numpy()
    np.testing.assert_allclose(vectors, encoded(frames, encoder), atol=1e-3)


def test_windows_are_long_enough_for_clips_of_any_length(pipeline: EncodedPipeline) -> None:
    assert pipeline.n_frames(pipeline.window_for(RATE)) == 10
    for seconds in (0.5, 1.0, 2.0, 3.0):
        window = pipeline.window_for(round(seconds * RATE))
        assert window >= (seconds + 0.3) * RATE or window == pipeline.window_for(0)
        assert (window - pipeline.window_samples) % pipeline.hop_samples == 0


def test_another_rate_is_refused_with_the_remedy() -> None:
    with pytest.raises(SpecError, match="needs sound at 16000 Hz"):
        FEATURES["speech_embedding"].build(FEATURES["speech_embedding"].config(), rate=44_100)


def test_a_laid_word_ends_where_it_is_to_end(pipeline: EncodedPipeline) -> None:
    clip = spoken()
    window = window_of(pipeline, RATE)
    for seed in range(12):
        sound = laid(clip, core_of(clip, RATE), window, np.random.default_rng(seed))
        assert sound.shape == (window.samples,) and np.abs(sound).max() <= 1
        core = speech_core(sound, RATE)
        assert core is not None and abs(core[1] - window.word_end) < 0.06 * RATE


def test_every_window_of_a_laid_word_ends_near_its_end(pipeline: EncodedPipeline) -> None:
    for phase in (0.0, 0.5, 1.0):
        window = window_of(pipeline, RATE, phase=phase)
        first = pipeline.window_for(RATE)
        ends = [(first + later * pipeline.hop_samples - window.word_end) / RATE for later in range(LATER + 1)]
        assert -0.165 <= ends[0] and ends[-1] <= 0.17


def test_talk_is_laid_around_a_word_and_never_over_it(pipeline: EncodedPipeline) -> None:
    clip, talk = spoken(), np.full(5 * RATE, 0.5, np.float32)
    window = window_of(pipeline, RATE)
    core = core_of(clip, RATE)
    loud_before = 0
    for seed in range(40):
        with_talk = laid(clip, core, window, np.random.default_rng(seed), talk=talk)
        loud_before += np.abs(with_talk[: RATE // 2]).mean() > 0.02
        inside = with_talk[window.word_end - RATE // 8 : window.word_end]
        assert np.abs(inside.mean()) < 0.1, "the constant talk must not lie under the word"
    assert 6 < loud_before < 34, "some words follow talk, some quiet"


def test_halves_of_a_word_are_shorter_and_inside() -> None:
    for seed in range(20):
        first, last = half_of((1000, 9000), np.random.default_rng(seed))
        assert 1000 <= first < last <= 9000 and 0.3 < (last - first) / 8000 < 0.65
        assert first == 1000 or last == 9000


def test_a_recording_is_judged_in_a_window_that_ends_behind_its_word(pipeline: EncodedPipeline) -> None:
    clip = spoken()
    window = ending(clip, RATE, window_samples=pipeline.window_for(RATE))
    core = speech_core(window, RATE)
    assert core is not None and 0.05 < (len(window) - core[1]) / RATE < 0.2


def test_each_bank_is_of_an_encoder_that_ships() -> None:
    size = 0
    for encoder, model in MODELS.items():
        index = json.loads(resources.path("bank", encoder, "index.json").read_text(encoding="utf-8"))
        made = f"run packaging/make_bank.py {encoder}"
        assert index["encoder"] == sha256(resources.path(*model).read_bytes()).hexdigest(), made
        size += sum(file.stat().st_size for file in resources.path("bank", encoder).iterdir())
    assert size <= 25_000_000


def test_encoders_are_alike_without_noise_and_the_robust_one_changes_less_with_it() -> None:
    entry = FEATURES["speech_embedding"]
    quiet, changed = {}, {}
    clean = np.concatenate((np.zeros(RATE, np.float32), spoken(), np.zeros(RATE, np.float32)))
    noise = (
        np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32) * 0.1 * np.sqrt(np.mean(spoken() ** 2))
    )
    for encoder in MODELS:
        pipeline = entry.build(entry.config(encoder=encoder), rate=RATE)
        quiet[encoder], noisy = pipeline.batch(clean), pipeline.batch(clean + noise)
        changed[encoder] = float(np.mean((noisy - quiet[encoder]) ** 2))
    apart = float(np.mean((quiet["robust"] - quiet["google"]) ** 2))
    assert apart < 0.5 * float(np.var(quiet["google"]))
    assert changed["robust"] < 0.7 * changed["google"]


def test_files_that_are_older_than_the_option_have_the_encoder_of_their_time() -> None:
    entry = FEATURES["speech_embedding"]
    assert spec.from_file(entry.config, {"vectors": 12}) == entry.config(vectors=12, encoder="google")
    assert spec.from_file(entry.config, spec.to_dict(entry.config())) == entry.config(encoder="robust")
    run = Settings().with_recipe("teach").to_dict()
    del run["feature"]["options"]["encoder"]
    assert Settings.from_file(run).feature.config == entry.config(encoder="google")
    assert Settings.from_dict(run).feature.config == entry.config(), "what is trained next has the newest"


def test_the_bank_leaves_out_what_says_the_word() -> None:
    every, without = shipped_bank("training", "robust"), shipped_bank("training", "robust", without=["right"])
    assert 0 < len(without.starts) < len(every.starts)
    assert shipped_bank("training", "robust", without=["xylophonist"]).starts.tolist() == every.starts.tolist()


def test_no_stretch_is_in_both_parts_and_both_have_every_kind() -> None:
    parts = [shipped_bank("training", "robust"), shipped_bank("calibration", "robust")]
    assert not set(parts[0].starts.tolist()) & set(parts[1].starts.tolist())
    for part in parts:
        assert all(part.hours(kind) > 0 for kind in ("sentence", "word", "noise"))


def test_bank_windows_never_cross_two_recordings_and_hard_ones_come_back() -> None:
    bank = shipped_bank("calibration", "robust")
    windows = BankWindows(bank, [], vectors=10, draws=100, hard_share=1.0)
    inside = {
        int(start) + at
        for start, length in zip(bank.starts.tolist(), bank.lengths.tolist(), strict=True)
        for at in range(length - 9)
    }
    assert len(windows) == len(inside)
    numbers, scores = windows.scored(0, lambda features: features[:, 0, 0], rank=0, world=1)
    assert set(numbers.tolist()) <= inside
    windows.keep_hardest(numbers, scores)
    drawn = windows.draw(200, np.random.default_rng(1))
    assert drawn[:, 0, 0].min() >= scores.sort(descending=True).values[400], "only the hardest are drawn"


def test_own_talk_is_drawn_often() -> None:
    bank = shipped_bank("calibration", "robust")
    own = np.full((40, VALUES), 3.0, np.float32) * bank.scale
    windows = BankWindows(bank, [own], vectors=10, draws=100, hard_share=0.0)
    drawn = windows.draw(400, np.random.default_rng(1))
    is_own = torch.isclose(drawn, torch.from_numpy(own[:10])).flatten(1).all(1)
    assert 90 < int(is_own.sum()) < 200


def test_the_recipe_is_for_the_embedding() -> None:
    settings = Settings().with_recipe("teach")
    assert (settings.feature.name, settings.model.name) == ("speech_embedding", "vector_cnn")
