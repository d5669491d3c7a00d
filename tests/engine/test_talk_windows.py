"""Continuous talk in training: how it is read, cut, drawn and mined, and what a network learns from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from speech_project import QUICK, make_project

from kws_engine import audio
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.background_noise import BackgroundNoiseConfig
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import OwnTalk, Unreadable, add_talk, own_talk, seconds_of_talk
from kws_engine.features import FEATURES
from kws_engine.features.batch import torch_features
from kws_engine.models import MODELS
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.runs.talk_to_learn import in_turns, stretches_without
from kws_engine.settings import Settings
from kws_engine.spec import changed
from kws_engine.talk import TalkFile, TalkUtterance
from kws_engine.training import checkpoint
from kws_engine.training.config import TrainingConfig
from kws_engine.training.data.batches import Batches
from kws_engine.training.data.clips import LoadedClips
from kws_engine.training.data.feature_cache import WHOLE, Shard
from kws_engine.training.data.sampling import TALK, Sampler, sampling_plan
from kws_engine.training.data.talk import Talk
from kws_engine.training.data.talk_windows import TalkWindows
from kws_engine.training.events import Epoch, Finished, Skipped
from kws_engine.training.train import EvaluationSet, Loop, looks_for_hard_talk, predict

RATE, SAMPLES, WORDS = 16_000, 4000, 3
UNKNOWN = WORDS
PIPELINE = FEATURES["log_mel"].build(FEATURES["log_mel"].config(), rate=RATE)
CPU = torch.device("cpu")
PIECE = 10 * RATE
PITCHES_HZ = (300.0, 900.0, 2700.0)


@pytest.fixture(autouse=True)
def _quick() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def tone(hz: float, samples: int, *, loudness: float = 0.3) -> np.ndarray:
    return (loudness * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)).astype(np.float32)


def words(count: int = 20, *, seed: int = 0) -> LoadedClips:
    """Tones, every word a pitch of its own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(WORDS), count)
    sound = [tone(PITCHES_HZ[label] * rng.uniform(0.95, 1.05), SAMPLES) for label in labels]
    noisy = np.stack(sound) + 0.01 * rng.standard_normal((len(labels), SAMPLES))
    return LoadedClips(torch.from_numpy((noisy * 32767).astype(np.int16)), torch.from_numpy(labels))


def chatter(seconds: float, *, seed: int = 0) -> np.ndarray:
    """Pieces of tones of 60 ms, at any pitch: each for itself resembles a word, and none is one."""
    rng = np.random.default_rng(seed)
    each = round(0.06 * RATE)
    return np.concatenate([tone(200 * 2 ** rng.uniform(0, 5), each) for _ in range(round(seconds / 0.06))])


def talk_of(*segments: Any) -> Talk:
    return Talk(segments, rate=RATE, clip_samples=SAMPLES)


def colours_of(clips: LoadedClips) -> torch.Tensor:
    return torch_features(PIPELINE).bands(clips.sound(torch.arange(len(clips)))).mean(1).clamp_min(1e-10).log()


def windows_of(
    talk: Talk,
    *,
    draws: int = 40,
    hard_share: float = 0.5,
    epoch_clips: int = 400,
    colours: torch.Tensor | None = None,
) -> TalkWindows:
    colours = torch.zeros((0, PIPELINE.n_bands)) if colours is None else colours
    return TalkWindows(
        talk, torch_features(PIPELINE), clip_colours=colours, clip_samples=SAMPLES, draws=draws,
        epoch_clips=epoch_clips, hard_share=hard_share, is_fixed=False, seed=1, device=CPU,
    )  # fmt: skip


def plain(sound: torch.Tensor, _piece: int, _generation: int) -> tuple[torch.Tensor, torch.Tensor]:
    return sound, torch_features(PIPELINE).bands(sound)


def prepared(windows: TalkWindows, epoch: int = 1) -> TalkWindows:
    for due in windows.due(epoch):
        windows.update(due, windows.computed(due, plain))
    windows.begin()
    return windows


def config_of(**changes: Any) -> TrainingConfig:
    quick = {
        "epochs": 6, "batch_size": 16, "early_stopping": False, "learning_rate": 0.01, "weight_decay": 0.0,
        "silence_share": 0.1, "made_up_share": 0.0, "unknown_share": 0.0, "clips_per_epoch": 1, "talk_share": 0.3,
    }  # fmt: skip
    return changed(TrainingConfig(), quick | changes)


def batches_of(
    config: TrainingConfig,
    talk: Talk,
    *,
    sound: Sequence[Any] = (),
    band_noise: bool = False,
    seed: int = 5,
    shard: Shard = WHOLE,
) -> Batches:
    data, features = words(), torch_features(PIPELINE)
    plan = sampling_plan(data.labels, config, words=WORDS, unknown=UNKNOWN, has_talk=talk.read_up_to(1) > 0)
    windows = None
    if TALK in plan.draws:
        windows = TalkWindows(
            talk, features, clip_colours=torch.zeros((0, PIPELINE.n_bands)), clip_samples=SAMPLES,
            draws=plan.draws[TALK], epoch_clips=len(plan), hard_share=config.hard_talk_share, is_fixed=not sound,
            seed=seed, device=CPU,
        )  # fmt: skip
    noises = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    return Batches(
        data, plan, noises=noises, sound=sound, spectrogram=[], features=features, batch_size=config.batch_size,
        rate=RATE, unknown=UNKNOWN, seed=seed, device=CPU, fresh_share=config.fresh_share, epochs=config.epochs,
        shard=shard, talk=windows, band_noise=BackgroundNoiseConfig() if band_noise else None,
    )  # fmt: skip


def gain() -> Any:
    entry = AUGMENTATIONS["gain"]
    return entry.build(changed(entry.config(), {"probability": 0.5}), rate=RATE)


def network_of() -> torch.nn.Module:
    entry = MODELS["tc_resnet"]
    built: torch.nn.Module = entry.build(
        changed(entry.config(), {"width": 0.5}),
        n_features=PIPELINE.n_features, n_frames=PIPELINE.n_frames(SAMPLES), n_labels=WORDS + 2,
    )  # fmt: skip
    return built


def loop_of(config: TrainingConfig, batches: Batches) -> Loop:
    measured = words(4, seed=9)
    features = EvaluationSet(torch_features(PIPELINE)(measured.sound(torch.arange(12))), measured.labels)
    return Loop(
        network_of(), batches, config, penalties={}, training=features, validation=features,
        should_stop=lambda: False, seed=5,
    )  # fmt: skip


# -- the user's own talk


def test_every_other_minute_of_own_talk_is_kept_from_training(tmp_path: Path) -> None:
    minutes = np.repeat(np.array([0.1, 0.2, 0.3, 0.4], np.float32), 60 * 8000)[: int(3.5 * 60 * 8000)]
    audio.write(tmp_path / "a day.wav", minutes, rate=8000)
    found = {
        part: [(one.start_s, round(float(one.samples.mean()), 1)) for one in own_talk(tmp_path, part, rate=8000)]  # type: ignore[union-attr]
        for part in ("training", "measuring")
    }
    assert found == {"training": [(0, 0.1), (120, 0.3)], "measuring": [(60, 0.2), (180, 0.4)]}


def test_own_talk_grows_in_pieces_and_new_recordings_stay_beside_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "talk"
    assert seconds_of_talk(folder) == 0
    first = add_talk(folder, np.full(RATE, 0.1, np.float32), rate=RATE)
    assert add_talk(folder, np.full(RATE, 0.2, np.float32), rate=RATE, after=first) == first
    second = add_talk(folder, np.full(RATE // 2, 0.3, np.float32), rate=RATE)
    assert second != first and seconds_of_talk(folder) == 2.5
    (whole, short) = own_talk(folder, "training", rate=RATE)
    assert isinstance(whole, OwnTalk) and isinstance(short, OwnTalk) and len(short.samples) == RATE // 2
    np.testing.assert_allclose(whole.samples, np.repeat([0.1, 0.2], RATE), atol=1e-4)


def test_own_talk_that_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    audio.write(tmp_path / "b.wav", tone(300, RATE), rate=RATE)
    broken, good = own_talk(tmp_path, "training", rate=RATE)
    assert isinstance(broken, Unreadable) and broken.path.name == "a.wav" and "a.wav" in str(broken.error)
    assert isinstance(good, OwnTalk) and len(good.samples) == RATE
    assert list(own_talk(tmp_path / "none", "training", rate=RATE)) == []


# -- the program's talk


def test_what_holds_a_word_to_learn_is_left_out_of_the_talk(tmp_path: Path) -> None:
    loudness = np.arange(30) / 100  # a level for each second, so that every sample tells where it is from
    audio.write(tmp_path / "some.wav", np.repeat(loudness, 8000).astype(np.float32), rate=8000)
    said = [(2, 4, "Turn it off"), (9, 12, "A lamp, please"), (20, 21, "lamps")]
    utterances = tuple(TalkUtterance(start, end, "sentence", "en", "voice", text) for start, end, text in said)
    file = TalkFile(tmp_path / "some.wav", "training", "sentence", 30.0, utterances)

    def seconds(*words: str) -> list[int]:
        kept = np.concatenate(list(stretches_without(words, file, rate=8000)))
        return [round(100 * float(level)) for level in kept[4000::8000]]

    assert seconds("door") == list(range(30))
    assert seconds("lamp") == [*range(8), *range(13, 19), *range(22, 30)]  # with a second on both sides
    assert seconds("lamp", "off") == [0, *range(5, 8), *range(13, 19), *range(22, 30)]


def test_talk_is_taken_from_all_files_in_turns() -> None:
    assert list(in_turns([iter("ad"), iter("b"), iter(""), iter("cef")])) == list("abcdef")


# -- pieces


def test_talk_is_read_only_as_far_as_it_is_needed() -> None:
    read = 0

    def segments() -> Iterator[np.ndarray]:
        nonlocal read
        for number in range(50):
            read += 1
            yield np.full(PIECE // 2, number / 100, np.float32)

    talk = Talk(segments(), rate=RATE, clip_samples=SAMPLES)
    assert read == 0 and talk.read_up_to(3) == 3 and read == 6
    assert talk.piece(2).shape == (1, PIECE) and float(talk.piece(2)[0, -1]) == pytest.approx(0.05, abs=1e-4)
    assert talk.read_up_to(100) == 25 and read == 50


def test_short_talk_is_repeated_and_files_that_cannot_be_read_are_told_once() -> None:
    talk = talk_of(tone(300, RATE), Skipped("a.wav", "damaged"))
    assert talk.read_up_to(9) == 1
    assert torch.equal(talk.piece(0)[0, :RATE], talk.piece(0)[0, RATE : 2 * RATE])
    assert talk.newly_skipped() == [Skipped("a.wav", "damaged")] and talk.newly_skipped() == []
    assert talk_of().read_up_to(1) == 0


def test_epochs_add_talk_and_then_change_what_is_there() -> None:
    talk = talk_of(chatter(10 * 30))
    windows = windows_of(talk, draws=400)
    first = windows.due(1)
    assert first == [(piece, 0) for piece in range(len(first))] and len(first) < 30
    prepared(windows)
    second = windows.due(2)
    assert second and {piece for piece, _ in second}.isdisjoint(piece for piece, _ in first)
    for epoch in range(2, 20):
        prepared(windows, epoch)
    later = windows.due(20)
    assert later and all(generation > 0 for _, generation in later)
    resumed = windows_of(talk_of(chatter(10 * 30)), draws=400)  # which never saw the epochs before
    assert {piece for piece, _ in resumed.due(20)} == set(range(30)) and set(later) <= set(resumed.due(20))


# -- windows


def test_windows_are_stretches_of_the_talk_with_their_own_loudness() -> None:
    quiet, loud = tone(900, PIECE, loudness=0.1), tone(2700, PIECE, loudness=0.5)
    windows = prepared(windows_of(talk_of(quiet, loud)))
    bands, power = windows.draw(200, 1, 0)
    frames = PIPELINE.n_frames(SAMPLES)
    expected = {
        round(loudness**2 / 2, 3): torch_features(PIPELINE).bands(
            torch.from_numpy(tone(hz, SAMPLES, loudness=loudness))
        )
        for hz, loudness in ((900, 0.1), (2700, 0.5))
    }
    assert bands.shape == (200, frames, PIPELINE.n_bands)
    assert {round(float(one), 3) for one in power} == set(expected)
    for one, loudness in zip(bands, power, strict=True):
        wanted = expected[round(float(loudness), 3)]
        assert one.mean(0).log().argmax() == wanted.mean(0).log().argmax()
        assert float(one.amax() / wanted.amax()) == pytest.approx(1, abs=0.1)


def test_half_of_the_windows_take_on_the_loudness_and_colour_of_a_clip() -> None:
    rng = np.random.default_rng(0)
    dull = np.cumsum(rng.standard_normal(PIECE)) / 100  # falls by 6 dB an octave
    dull = (0.1 * (dull - dull.mean()) / dull.std()).astype(np.float32)
    bright = 0.02 * rng.standard_normal((3, SAMPLES))
    clips = LoadedClips(torch.from_numpy((bright * 32767).astype(np.int16)), torch.zeros(3).long())
    colours = colours_of(clips)
    bands, power = prepared(windows_of(talk_of(dull), colours=colours)).draw(400, 1, 0)
    own = torch_features(PIPELINE).bands(torch.from_numpy(dull)).mean(0).log()
    like_clip, like_talk = ((bands.mean(1).log() - colour).abs().mean(1) < 1.5 for colour in (colours.mean(0), own))
    assert int((like_clip ^ like_talk).sum()) == 400 and 0.4 < float(like_clip.float().mean()) < 0.6
    assert float(power[like_clip].median()) < 0.5 * float(power[like_talk].median())  # noise is added to match


def test_pauses_are_no_windows() -> None:
    talk = talk_of(np.concatenate((tone(900, PIECE // 4), np.zeros(PIECE * 3 // 4, np.float32))))
    _, power = prepared(windows_of(talk)).draw(300, 1, 0)
    assert float(power.min()) > 1e-4
    _, power = prepared(windows_of(talk_of(np.zeros(PIECE, np.float32)))).draw(3, 1, 0)  # nothing else is there
    assert power.tolist() == [0, 0, 0]


def high_share(bands: torch.Tensor) -> torch.Tensor:
    """How much of each window's energy is above the middle band."""
    return bands[..., PIPELINE.n_bands // 2 :].sum((1, 2)) / bands.sum((1, 2))


def test_the_hardest_windows_are_those_with_the_highest_scores_and_are_drawn_more_often() -> None:
    low = np.tile(tone(300, RATE), 10)
    special = low.copy()  # in one of twelve pieces there are three seconds of another sound
    rising_hz = np.linspace(4000, 6000, 3 * RATE)
    special[3 * RATE : 6 * RATE] = 0.3 * np.sin(2 * np.pi * np.cumsum(rising_hz) / RATE)
    windows = prepared(windows_of(talk_of(*[low] * 5, special, *[low] * 6), hard_share=0.5))
    before = float((high_share(windows.draw(400, 1, 0)[0]) > 0.5).float().mean())

    def score(features: torch.Tensor) -> torch.Tensor:
        return features[..., PIPELINE.n_features // 2 :].mean((1, 2))

    found, scores = windows.scored(1, score, rank=0, world=1)
    windows.keep_hardest(found, scores)
    kept = windows.tensors()["hard"]
    assert len(kept) == 40 and len(found) > 500
    lowest_kept = min(float(scores[found == one]) for one in kept)
    assert sorted(scores.tolist(), reverse=True)[39] == pytest.approx(lowest_kept)
    after = high_share(windows.draw(400, 2, 0)[0]) > 0.5
    assert before < 0.06 and 0.2 < float(after.float().mean())
    assert len({tuple(one.mean(0).tolist()) for one in windows.draw(400, 2, 0)[0][after]}) > 20  # jittered, not one


def test_processes_share_the_search_and_find_the_same() -> None:
    def score(features: torch.Tensor) -> torch.Tensor:
        return features.mean((1, 2))

    alone = prepared(windows_of(talk_of(chatter(60))))
    found, scores = alone.scored(3, score, rank=0, world=1)
    parts = [prepared(windows_of(talk_of(chatter(60)))).scored(3, score, rank=rank, world=2) for rank in (0, 1)]
    assert torch.equal(sum(part for _, part in parts), scores)  # type: ignore[arg-type]
    assert all(torch.equal(windows, found) and (part == 0).any() for windows, part in parts)


# -- epochs


def test_an_epoch_has_its_share_of_talk_as_unknown_words() -> None:
    labels = torch.arange(300) % 3
    config = config_of(talk_share=0.2, clips_per_epoch=1)
    plan = sampling_plan(labels, config, words=WORDS, unknown=UNKNOWN, has_talk=True)
    assert plan.draws[TALK] / len(plan) == pytest.approx(0.2, abs=0.01)
    sampler = Sampler(plan, seed=0)
    order = sampler.order(1)
    clips, labels = sampler.clips(order, generation=0), sampler.labels(order, unknown=UNKNOWN)
    assert int((clips == TALK).sum()) == plan.draws[TALK] and set(labels[clips == TALK].tolist()) == {UNKNOWN}
    assert TALK not in sampling_plan(labels, config, words=WORDS, unknown=UNKNOWN).draws


@pytest.mark.parametrize("band_noise", [False, True])
@pytest.mark.parametrize("fresh_share", [1.0, 0.3])
def test_batches_mix_clips_with_other_windows_of_talk_in_every_epoch(fresh_share: float, band_noise: bool) -> None:
    config = config_of(fresh_share=fresh_share)
    batches = batches_of(config, talk_of(chatter(200)), sound=[gain()], band_noise=band_noise)
    seen = []
    for epoch in (1, 2):
        list(batches.prepare(epoch))
        found = list(batches.epoch(epoch))
        features, clips = torch.cat([one.features for one in found]), torch.cat([one.clips for one in found])
        labels = torch.cat([one.labels for one in found])
        assert len(clips) == len(batches) and torch.isfinite(features).all()
        assert set(labels[clips == TALK].tolist()) == {UNKNOWN} and int((clips == TALK).sum()) > 20
        own = words()
        is_word = clips >= 0
        assert torch.equal(labels[is_word], own.labels[clips[is_word]])
        clean = torch_features(PIPELINE)(own.sound(clips[is_word]))
        if not band_noise:  # each clip's features stand in the place of its label
            assert (features[is_word].mean(1).argmax(1) - clean.mean(1).argmax(1)).abs().max() <= 1
        seen += [tuple(one.flatten()[:50].tolist()) for one in features[clips == TALK]]
    batches.close()
    assert len(set(seen)) == len(seen)


def test_talk_does_not_depend_on_the_threads_nor_on_the_epochs_before() -> None:
    def sums(threads: int, epochs: Sequence[int]) -> list[float]:
        torch.set_num_threads(threads)
        batches, found = batches_of(config_of(fresh_share=0.3), talk_of(chatter(300)), sound=[gain()]), []
        for number in epochs:
            list(batches.prepare(number))
            found = [float(batch.features.sum(dtype=torch.float64)) for batch in batches.epoch(number)]
        batches.close()
        return found

    before = torch.get_num_threads()
    try:
        assert sums(1, (1, 2, 3, 9)) == sums(2, (1, 2, 3, 9)) == sums(1, (9,))
    finally:
        torch.set_num_threads(before)


# -- runs


@pytest.mark.slow
def test_a_run_learns_from_own_talk_and_names_what_it_cannot_read(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    folder = ProjectFolder(project.folder).talk
    folder.mkdir()
    audio.write(folder / "a.wav", chatter(30), rate=RATE)
    (folder / "b.flac").write_bytes(b"no sound")
    settings = Settings().with_options((*QUICK, "training.epochs=3", "training.talk_share=0.2"))
    events = list(run(Job(project.folder, settings.to_dict(), threads=1)))
    assert isinstance(events[-1], Finished)
    assert [Path(event.path).name for event in events if isinstance(event, Skipped)] == ["b.flac"]
    tensors = RunFolder(project.folder / events[-1].run).snapshot.read().tensors
    assert len(tensors["talk/hard"]) > 0
    quiet = settings.with_option("training.talk_share", "0")
    without = list(run(Job(project.folder, quiet.to_dict(), threads=1)))
    assert not any(isinstance(event, Skipped) for event in without)  # nothing of the folder is read


# -- training


def test_hard_talk_is_looked_for_five_times_and_never_after_the_last_epoch() -> None:
    assert sorted(looks_for_hard_talk(40)) == [7, 13, 20, 27, 33]
    assert sorted(looks_for_hard_talk(3)) == [1, 2] and not looks_for_hard_talk(1)


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_run_with_hard_talk_resumes_as_if_never_interrupted(tmp_path: Path, share: float) -> None:
    config = config_of(fresh_share=share, averaging=0.9, mixup=0.2, label_smoothing=0.1)

    def batches() -> Batches:
        return batches_of(config, talk_of(chatter(150)), sound=[gain()])

    path = tmp_path / "checkpoint.safetensors"
    torch.manual_seed(5)
    whole = loop_of(config, batches())
    for event in whole.epochs():
        if isinstance(event, Epoch) and event.epoch == 3:
            checkpoint.save_snapshot(path, whole.snapshot())
    assert len(checkpoint.load_snapshot(path).tensors["talk/hard"]) > 0
    torch.manual_seed(99)
    second = loop_of(config, batches())
    second.restore(checkpoint.load_snapshot(path))
    list(second.epochs())
    assert [(e.terms, e.validation_loss) for e in second.history] == [
        (e.terms, e.validation_loss) for e in whole.history
    ]
    forgetful = loop_of(config, batches())  # the hard windows are part of the state: without them, other epochs follow
    snapshot = checkpoint.load_snapshot(path)
    del snapshot.tensors["talk/hard"]
    forgetful.restore(snapshot)
    list(forgetful.epochs())
    assert forgetful.history[3].terms != whole.history[3].terms


@pytest.mark.slow
def test_a_network_that_heard_talk_takes_it_for_words_less_often() -> None:
    heard_not = torch.from_numpy(chatter(60, seed=77)).unfold(0, SAMPLES, SAMPLES // 2)
    features = torch_features(PIPELINE)(heard_not)

    def word_share(talk: Talk, **changes: Any) -> tuple[float, float]:
        config = config_of(epochs=8, made_up_share=0.1, **changes)
        torch.manual_seed(5)
        loop = loop_of(config, batches_of(config, talk, sound=[gain()]))
        list(loop.epochs())
        posteriors = predict(loop._network, features).softmax(1)
        return float(posteriors[:, :WORDS].sum(1).mean()), loop.result().best.validation_accuracy

    without, _ = word_share(talk_of())
    with_talk, accuracy = word_share(talk_of(chatter(200)))
    assert with_talk < 0.5 * without and accuracy > 0.9
