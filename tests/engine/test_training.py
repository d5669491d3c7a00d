"""The training loop and its batches: what is learned, when it ends, which weights are left, and what an epoch holds."""

from __future__ import annotations

import itertools
import math
import pathlib
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from waiting import assert_stays

from kws_engine import audio
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Context
from kws_engine.errors import AudioError, ProjectError, TrainingError
from kws_engine.features import FEATURES
from kws_engine.features.batch import torch_features
from kws_engine.models import MODELS
from kws_engine.regularizers import REGULARIZERS
from kws_engine.spec import changed
from kws_engine.training import checkpoint, events
from kws_engine.training.config import TrainingConfig
from kws_engine.training.data.band_noise import BandNoise
from kws_engine.training.data.batches import Batches
from kws_engine.training.data.clips import LoadedClips, StreamedClips, load_clips, load_noise
from kws_engine.training.data.feature_cache import WHOLE, Shard
from kws_engine.training.data.feature_store import make_feature_store
from kws_engine.training.data.mixup import mixup
from kws_engine.training.data.sampling import SILENT, SYNTHETIC, Sampler, sampling_plan
from kws_engine.training.data.silence import silence
from kws_engine.training.data.workers import Workers
from kws_engine.training.events import Epoch, Progress, Skipped
from kws_engine.training.lr_finder import suggestion, try_rates
from kws_engine.training.optimizing import WeightAverage, learning_rate, make_optimizer
from kws_engine.training.train import EvaluationSet, Fit, Loop, evaluate
from kws_engine.training.training_dynamics import TrainingDynamics

RATE, SAMPLES, WORDS = 16_000, 4000, 3
UNKNOWN, SILENCE = WORDS, WORDS + 1
NO_SHARES = {"silence_share": 0.0, "unknown_share": 0.0, "made_up_share": 0.0, "clips_per_epoch": 1, "fresh_share": 1.0}
PIPELINE = FEATURES["log_mel"].build(FEATURES["log_mel"].config(), rate=RATE)
CPU = torch.device("cpu")
CHECKPOINT = "checkpoint.safetensors"


@pytest.fixture(autouse=True)
def _quick() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def part(count: int = 8, *, words: int = WORDS, seed: int = 0) -> LoadedClips:
    """`count` tones of each word, every word a pitch of its own, in a little noise."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(SAMPLES) / RATE
    labels = np.repeat(np.arange(words), count)
    pitches = 300.0 * 3.0**labels * rng.uniform(0.9, 1.1, len(labels))
    sound = 0.3 * np.sin(2 * np.pi * pitches[:, None] * at_s) + 0.01 * rng.standard_normal((len(labels), SAMPLES))
    return LoadedClips(torch.from_numpy((sound * 32767).astype(np.int16)), torch.from_numpy(labels))


def config_of(**changes: Any) -> TrainingConfig:
    quick = {"epochs": 8, "batch_size": 8, "early_stopping": False, "learning_rate": 0.01, "weight_decay": 0.0}
    return changed(TrainingConfig(), quick | NO_SHARES | changes)


def network_of(name: str = "fnn", **changes: Any) -> torch.nn.Module:
    entry = MODELS[name]
    built: torch.nn.Module = entry.build(
        changed(entry.config(), changes),
        n_features=PIPELINE.n_features,
        n_frames=PIPELINE.n_frames(SAMPLES),
        n_labels=WORDS + 2,
    )
    return built


def batches_of(
    data: LoadedClips, config: TrainingConfig, *, sound: Sequence[Any] = (), seed: int = 0, shard: Shard = WHOLE
) -> Batches:
    plan = sampling_plan(data.labels, config, words=WORDS, unknown=UNKNOWN)
    return Batches(
        data, plan, noises=torch.zeros(0), sound=sound, spectrogram=[], features=torch_features(PIPELINE),
        batch_size=config.batch_size, rate=RATE, unknown=UNKNOWN, seed=seed, device=CPU,
        fresh_share=config.fresh_share, epochs=config.epochs, shard=shard,
    )  # fmt: skip


def measured(data: LoadedClips) -> EvaluationSet:
    return EvaluationSet(torch_features(PIPELINE)(data.samples.float() / 32768), data.labels)


def train(
    config: TrainingConfig,
    network: torch.nn.Module,
    *,
    data: LoadedClips | None = None,
    validation: LoadedClips | None = None,
    penalties: Mapping[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    seed: int = 0,
) -> tuple[list[Epoch], Fit]:
    data = data or part()
    loop = Loop(
        network, batches_of(data, config, seed=seed), config, penalties=penalties or {}, training=measured(data),
        validation=measured(validation or part(4, seed=1)), should_stop=should_stop, seed=seed,
    )  # fmt: skip
    return epochs_of(loop), loop.result()


def epochs_of(loop: Loop) -> list[Epoch]:
    return [event for event in loop.epochs() if isinstance(event, Epoch)]


def size(network: torch.nn.Module, *, norm: int) -> float:
    return sum(float(w.detach().abs().pow(norm).sum()) for w in network.parameters() if w.ndim > 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fnn", "tc_resnet"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_few_clips_are_learned_by_heart(name: str, optimizer: str) -> None:
    changes = {"dropout": 0.0} | ({"width": 0.25} if name == "tc_resnet" else {})
    epochs, ended = train(config_of(epochs=25, optimizer=optimizer), network_of(name, **changes))
    assert epochs[-1].train_loss < 0.1 < epochs[0].train_loss and epochs[-1].train_accuracy == 1.0
    assert [epoch.epoch for epoch in epochs] == list(range(1, 26)) and not ended.stopped_early


def random_labels(data: LoadedClips) -> LoadedClips:
    return LoadedClips(data.samples, data.labels[torch.randperm(len(data), generator=torch.Generator().manual_seed(3))])


def test_the_network_ends_with_the_weights_of_its_best_epoch() -> None:
    network, data, validation = network_of(), part(), random_labels(part(4, seed=1))
    epochs, ended = train(config_of(epochs=10), network, data=data, validation=validation)
    assert ended.best == min(epochs, key=lambda epoch: epoch.validation_loss)
    assert ended.best.epoch < len(epochs), "labels at random cannot be learned, so an earlier epoch is the best"
    for which, loss in ((validation, ended.best.validation_loss), (data, ended.best.train_loss)):
        assert evaluate(network, measured(which))[0] == pytest.approx(loss, abs=1e-6)
    assert all(torch.equal(ended.weights[name], value) for name, value in network.state_dict().items())
    assert [e.best for e in epochs] == [
        e.validation_loss < min([b.validation_loss for b in epochs[:number]], default=math.inf)
        for number, e in enumerate(epochs)
    ]


def test_it_stops_after_so_many_epochs_without_a_new_best() -> None:
    config = config_of(epochs=60, early_stopping=True, patience=3)
    epochs, ended = train(config, network_of(), validation=random_labels(part(4, seed=1)))
    assert ended.stopped_early and len(epochs) == ended.best.epoch + 3 < 60


def test_a_gain_too_small_is_no_new_best() -> None:
    config = config_of(epochs=60, early_stopping=True, patience=2, minimum_gain=9.0)
    epochs, ended = train(config, network_of())
    assert len(epochs) == 3 and ended.best.epoch == 1 and epochs[1].validation_loss < epochs[0].validation_loss


def test_patience_that_ends_with_the_last_epoch_is_no_early_stop() -> None:
    config = config_of(epochs=3, early_stopping=True, patience=2, minimum_gain=9.0)
    epochs, ended = train(config, network_of())
    assert len(epochs) == 3 and not ended.stopped_early


def test_a_stop_in_mid_epoch_keeps_the_best_so_far() -> None:
    steps = itertools.count(1)
    config = config_of(epochs=9)
    network = network_of()
    epochs, ended = train(config, network, should_stop=lambda: next(steps) > 2 * 3 + 2)  # three steps an epoch
    assert len(epochs) == 2 and ended.stopped_early and not network.training
    assert evaluate(network, measured(part(4, seed=1)))[0] == pytest.approx(ended.best.validation_loss, abs=1e-6)


def test_a_stop_before_there_is_anything_to_train_on_trains_nothing() -> None:
    with pytest.raises(TrainingError, match="stopped before its first epoch"):
        train(config_of(fresh_share=0.5), network_of(), should_stop=lambda: True)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_stop_in_the_first_epoch_keeps_what_was_trained(steps: int) -> None:
    config, whole, cut = config_of(epochs=9), network_of(), network_of()
    asked = itertools.count(1)
    epochs, ended = train(config, cut, should_stop=lambda: next(asked) > steps)  # of three steps
    assert [epoch.epoch for epoch in epochs] == [1] and ended.stopped_early and ended.best == epochs[0]
    all_steps, _ = train(config_of(epochs=1), whole)
    assert epochs[0].terms["cross_entropy"] != all_steps[0].terms["cross_entropy"]
    assert 0.3 < epochs[0].terms["cross_entropy"] / math.log(4) < 3, "the mean of the steps taken"
    assert evaluate(cut, measured(part(4, seed=1)))[0] == pytest.approx(ended.best.validation_loss, abs=1e-6)


def test_a_stop_at_the_first_step_still_takes_it() -> None:
    epochs, ended = train(config_of(epochs=9), network_of(), should_stop=lambda: True)
    assert len(epochs) == 1 and ended.stopped_early


def test_a_stop_is_heeded_while_the_first_epoch_is_still_made() -> None:
    data, config = part(1000), config_of(fresh_share=0.5)
    asked = itertools.count(1)
    loop = Loop(
        network_of(), batches_of(data, config), config, penalties={}, training=measured(part()),
        validation=measured(part(4, seed=1)), should_stop=lambda: next(asked) == 2,
    )  # fmt: skip
    told = []
    with pytest.raises(TrainingError, match="stopped before its first epoch"):
        told.extend(loop.epochs())
    assert [event.done for event in told] == [0], "of 3000"


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[tuple[float, ...]]:
        torch.manual_seed(seed)
        config = config_of(epochs=3, silence_share=0.1, made_up_share=0.1)
        epochs, _ = train(config, network_of("tc_resnet", width=0.25), seed=seed)
        return [(e.train_loss, e.validation_loss, e.train_accuracy, e.learning_rate) for e in epochs]

    assert history(1) == history(1) != history(2)


@pytest.mark.parametrize(("name", "norm"), [("l1", 1), ("l2", 2)])
def test_a_penalty_makes_the_weights_smaller_and_is_told(name: str, norm: int) -> None:
    sizes = []
    for weight in (0.0, 1e-2):
        torch.manual_seed(0)
        network = network_of()
        penalty = REGULARIZERS[name].build(changed(REGULARIZERS[name].config(), {"weight": weight}))
        epochs, _ = train(config_of(epochs=10), network, penalties={name: penalty} if weight else {})
        sizes.append(size(network, norm=norm))
        assert (epochs[-1].penalty > 0) == (weight > 0)
        assert epochs[-1].train_loss < 2.0, "losses are told without the penalty"
        assert set(epochs[-1].terms) == {"cross_entropy", *([name] if weight else [])}
        assert epochs[-1].terms.get(name, 0.0) == pytest.approx(epochs[-1].penalty)
    assert sizes[1] < 0.7 * sizes[0]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_weight_decay_shrinks_matrices_and_leaves_vectors(optimizer: str) -> None:
    network = network_of("tc_resnet", width=0.25)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    config = config_of(optimizer=optimizer, weight_decay=0.5, learning_rate=0.1)
    optimizing = make_optimizer(network, config)
    for value in network.parameters():
        value.grad = torch.zeros_like(value)
    optimizing.step()
    for name, value in network.named_parameters():
        expected = before[name] * (1 - 0.5 * 0.1) if value.ndim > 1 else before[name]
        assert torch.allclose(value, expected), name


def test_a_loss_that_is_no_number_ends_in_a_sentence() -> None:
    config = config_of(optimizer="sgd", learning_rate=10.0, schedule="constant", epochs=30)
    network = network_of(batch_norm=False, dropout=0.0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1e15)
    with pytest.raises(TrainingError, match="no longer a number at a learning rate of 10: train again with a tenth"):
        train(config, network)


def test_what_is_measured_must_be_a_number_too() -> None:
    broken = part(4)
    features = EvaluationSet(torch.full_like(measured(broken).features, math.nan), broken.labels)
    config = config_of()
    loop = Loop(
        network_of(), batches_of(part(), config), config, penalties={}, training=measured(part()), validation=features,
        should_stop=lambda: False,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="no longer a number"):
        epochs_of(loop)


@pytest.mark.slow
def test_the_learning_rate_rises_and_falls_as_named() -> None:
    highest = config_of().learning_rate
    rates = {name: [learning_rate(config_of(schedule=name), step / 100) for step in range(101)]
             for name in ("one_cycle", "cosine", "constant", "step")}  # fmt: skip
    assert set(rates["constant"]) == {highest}
    assert rates["cosine"][0] == highest and rates["cosine"] == sorted(rates["cosine"], reverse=True)
    assert rates["one_cycle"].index(max(rates["one_cycle"])) == 20 and max(rates["one_cycle"]) == highest
    assert all(0 < rate <= highest for one in rates.values() for rate in one)
    assert [rates["step"][at] for at in (0, 33, 34, 66, 67, 100)] == pytest.approx(
        [highest, highest, highest / 10, highest / 10, highest / 100, highest / 100]
    )


def drawn_in(plan: Any, *, epoch: int) -> torch.Tensor:
    draws = Sampler(plan, seed=0)
    return draws.clips(draws.order(epoch), generation=epoch - 1)


def test_an_epoch_holds_every_clip_and_the_asked_shares() -> None:
    labels = torch.cat([part(40).labels, torch.full((60,), UNKNOWN)])
    config = config_of(unknown_share=0.2, silence_share=0.1, made_up_share=0.1)
    plan = sampling_plan(labels, config, words=WORDS, unknown=UNKNOWN)
    drawn = drawn_in(plan, epoch=1)
    counts = Counter(int(labels[i]) if i >= 0 else int(i) for i in drawn)
    assert counts == {0: 40, 1: 40, 2: 40, UNKNOWN: 40, SILENT: 20, SYNTHETIC: 20}
    assert set(range(120)) <= set(drawn.tolist()) and drawn.tolist() != sorted(drawn.tolist())


def test_few_clips_are_repeated_evenly_up_to_a_full_epoch() -> None:
    labels = part(5).labels
    config = config_of(clips_per_epoch=200, silence_share=0.25)
    drawn = drawn_in(sampling_plan(labels, config, words=WORDS, unknown=UNKNOWN), epoch=1)
    counts = Counter(drawn.tolist())
    assert len(drawn) == pytest.approx(200, abs=2) and counts[SILENT] == 50
    assert {counts[number] for number in range(15)} == {10}


def test_clips_beyond_an_epoch_take_turns() -> None:
    labels = torch.cat([part(4).labels, torch.full((50,), UNKNOWN)])
    plan = sampling_plan(labels, config_of(unknown_share=0.5), words=WORDS, unknown=UNKNOWN)
    drawn = torch.cat([drawn_in(plan, epoch=epoch) for epoch in range(1, 26)])
    counts = Counter(drawn[drawn >= 12].tolist())
    assert plan.draws[UNKNOWN] == 12 and len(counts) == 50 and set(counts.values()) == {6}


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_processes_share_every_epoch_without_loss_or_repetition(world: int) -> None:
    draws = Sampler(sampling_plan(part(37).labels, config_of(), words=WORDS, unknown=UNKNOWN), seed=3)
    alone = draws.order(1)
    for epoch in (1, 2):
        order = draws.order(epoch, world=world)
        parts = [order[rank::world].tolist() for rank in range(world)]
        assert sorted(itertools.chain(*parts)) == list(range(111))
        assert [sorted(mine) for mine in parts] == [draws.of(rank, world).tolist() for rank in range(world)]
    if world in (1, 2, 4):
        assert torch.equal(draws.order(1, world=world), alone), "the very batches of one process"
    assert not torch.equal(draws.order(2, world=world), draws.order(1, world=world))


def test_few_other_words_are_not_learned_by_heart() -> None:
    labels = torch.cat([part(30).labels, torch.tensor([UNKNOWN])])
    draws = sampling_plan(labels, config_of(unknown_share=0.5), words=WORDS, unknown=UNKNOWN).draws
    assert draws[UNKNOWN] == 3 and draws[0] == 30


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_cover_an_epoch_whatever_their_size(batch_size: int) -> None:
    config = config_of(batch_size=batch_size, silence_share=0.1, made_up_share=0.2)
    batches = batches_of(part(), config)
    epoch = list(batches.epoch(1))
    assert len(epoch) == batches.steps and all(len(batch.labels) > 1 for batch in epoch)
    labels = torch.cat([batch.labels for batch in epoch])
    assert set(labels.tolist()) == {0, 1, 2, UNKNOWN, SILENCE} and len(labels) == len(batches)
    for features in (batch.features for batch in epoch):
        assert features.shape[1:] == (PIPELINE.n_frames(SAMPLES), PIPELINE.n_features)
        assert torch.isfinite(features).all() and not features.requires_grad


def test_batches_are_augmented_anew_and_what_is_measured_never_is() -> None:
    entry = AUGMENTATIONS["gain"]
    gain = entry.build(changed(entry.config(), {"probability": 1.0}), rate=RATE)
    config = config_of(batch_size=1000)

    def mean_feature(**options: Any) -> list[float]:
        batches = batches_of(part(), config, **options)
        return [float(batch.features.mean()) for number in (1, 2, 3) for batch in batches.epoch(number)]

    plain, louder = mean_feature(), mean_feature(sound=[gain])
    assert plain == pytest.approx([plain[0]] * 3, abs=1e-6)
    assert min(abs(before - after) for before, after in itertools.pairwise(louder)) > 1e-5
    validation = measured(part(4, seed=1))
    before = validation.features.clone()
    loop = Loop(
        network_of(), batches_of(part(), config, sound=[gain]), config, penalties={}, training=measured(part()),
        validation=validation, should_stop=lambda: False,
    )  # fmt: skip
    assert epochs_of(loop)[0].epoch == 1 and torch.equal(before, validation.features)


def test_silence_has_every_loudness_and_sometimes_none() -> None:
    made = silence(400, SAMPLES, noises=torch.zeros(0), generator=torch.Generator().manual_seed(0))
    levels = made.square().mean(dim=1).sqrt()
    quiet = levels == 0
    assert 10 < int(quiet.sum()) < 80 and made.abs().max() <= 1
    levels_db = 20 * levels[~quiet].log10()
    assert levels_db.min() < -60 and levels_db.max() > -20
    noises = torch.sin(torch.arange(3 * SAMPLES) * 0.3)
    from_noise = silence(10, SAMPLES, noises=noises, generator=torch.Generator().manual_seed(1))
    spectrum = torch.fft.rfft(from_noise[from_noise.abs().sum(1) > 0]).abs()
    tone = round(0.3 * SAMPLES / (2 * math.pi))
    assert 4 <= (spectrum.argmax(1) == tone).sum() < len(spectrum)  # the others are computed noise


def test_clips_are_read_cut_and_counted_and_the_damaged_named(tmp_path: pathlib.Path) -> None:
    sound = part(1).samples[0].numpy() / 32768
    for name, seconds in (("short", 0.1), ("right", 0.25), ("long", 2.0)):
        audio.write(tmp_path / f"{name}.wav", np.resize(sound, round(seconds * RATE)), rate=RATE)
    (tmp_path / "text.wav").write_text("no sound")
    paths = [tmp_path / f"{name}.wav" for name in ("short", "text", "right", "gone", "long")]
    told = list(load_clips(paths, torch.arange(5), rate=RATE, clip_samples=SAMPLES, what="Reading"))
    *before, loaded = told
    assert (
        isinstance(loaded, LoadedClips) and loaded.samples.shape == (3, SAMPLES) and loaded.samples.dtype == torch.int16
    )
    assert loaded.labels.tolist() == [0, 2, 4]
    skipped = [one for one in before if isinstance(one, Skipped)]
    assert [pathlib.Path(one.path).name for one in skipped] == ["text.wav", "gone.wav"]
    assert all(pathlib.Path(one.path).name in one.reason for one in skipped)
    assert [one for one in before if isinstance(one, Progress)] == [
        Progress("Reading", 0, 5),
        Progress("Reading", 5, 5),
    ]


def test_noise_is_one_row_and_the_damaged_named(tmp_path: pathlib.Path) -> None:
    audio.write(tmp_path / "a.wav", np.full(8000, 0.5), rate=8000)
    audio.write(tmp_path / "b.wav", np.zeros(RATE // 2), rate=RATE)
    (tmp_path / "c.wav").write_bytes(b"")
    *skipped, noises = load_noise(sorted(tmp_path.iterdir()), rate=RATE)
    assert [type(one) for one in skipped] == [Skipped] and len(noises) == RATE * 1.5
    assert list(load_noise([], rate=RATE))[-1].shape == (0,)


def test_a_checkpoint_is_read_back_and_a_damaged_one_refused(tmp_path: pathlib.Path) -> None:
    network = network_of("tc_resnet", width=0.25)
    path = tmp_path / "best.safetensors"
    checkpoint.save(path, network.state_dict())
    loaded = checkpoint.load(path)
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match="cannot be read"):
        checkpoint.load(path)
    with pytest.raises(TrainingError, match="cannot be read"):
        checkpoint.load(tmp_path / "none.safetensors")
    with pytest.raises(ProjectError):
        checkpoint.save(tmp_path / "none/best.safetensors", network.state_dict())


@pytest.mark.parametrize(
    "event",
    [Progress("Reading", 1, 2), Skipped("a.wav", "a.wav is empty"), events.Failed("No words"),
     events.Started("r", ["a"], {"a": 1}, {"a": 1}, 2, 3, "cpu", 4),
     Epoch(1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, True, {"cross_entropy": 1.0}),
     events.Finished("r", "m.kws", 1, 0.9, False)],
)  # fmt: skip
def test_events_survive_as_plain_values(event: events.Event) -> None:
    values = events.to_dict(event)
    assert values["event"] == type(event).__name__.lower() and events.from_dict(values) == event


def test_some_silence_swells_and_fades() -> None:
    """A detector that has only heard steady noise fires at a door."""
    sound = silence(200, 16_000, noises=torch.zeros(0), generator=torch.Generator().manual_seed(0))
    heard = sound[sound.abs().sum(1) > 0]
    tenths = heard.reshape(len(heard), 10, -1).square().mean(2)
    unevenness_db = 10 * torch.log10(tenths.max(1).values / tenths.min(1).values.clamp_min(1e-12))
    assert 0.4 < (unevenness_db > 20).float().mean() < 0.8
    assert 0.1 < (unevenness_db < 6).float().mean()


def test_smoothed_labels_keep_the_network_from_being_too_sure() -> None:
    sure, smoothed = network_of(), network_of()
    smoothed.load_state_dict(sure.state_dict())
    told = {}
    for network, share in ((sure, 0.0), (smoothed, 0.3)):
        epochs, _ = train(config_of(epochs=20, label_smoothing=share), network)
        told[share] = epochs[-1]
    assert told[0.3].train_accuracy == 1.0 and told[0.3].train_loss > 3 * told[0.0].train_loss
    labels = WORDS + 2
    kept = 1 - 0.3 + 0.3 / labels
    least = -kept * math.log(kept) - (labels - 1) * (0.3 / labels) * math.log(0.3 / labels)
    assert told[0.3].terms["cross_entropy"] > 0.98 * least, "no network can do better against smoothed labels"


def test_mixup_blends_clips_with_their_labels() -> None:
    features, labels = torch.randn(64, 5, 4), torch.arange(64)
    blended, partners, shares = mixup(features, labels, 0.4)
    assert blended.shape == features.shape and sorted(partners.tolist()) == labels.tolist()
    assert ((shares >= 0.5) & (shares <= 1)).all() and shares.std() > 0.05
    own = shares[:, None, None]
    torch.testing.assert_close(blended, own * features + (1 - own) * features[partners])
    few = [float(mixup(features, labels, alpha)[2].mean()) for alpha in (0.05, 1.0)]
    assert few[0] > 0.93 and few[1] == pytest.approx(0.75, abs=0.06)


def test_a_network_learns_from_mixed_clips_and_is_less_sure() -> None:
    epochs, _ = train(config_of(epochs=25, mixup=1.0), network_of())
    assert epochs[-1].train_accuracy == 1.0
    assert epochs[-1].terms["cross_entropy"] > 3 * epochs[-1].train_loss


def test_the_average_is_measured_and_saved_and_its_share_of_zero_is_the_network_itself() -> None:
    network = torch.nn.Linear(2, 1)
    average, itself = WeightAverage(network, share=0.9), WeightAverage(network, share=0.0)
    for step in range(202):
        torch.nn.init.constant_(network.weight, float(step))
        average.update()
        itself.update()
    kept = network.weight[0, 0].item()
    average.swap(network)
    # An average over ten steps lags nine behind; taken in by fours, and the last two when it is asked for, eight.
    lag = 0.9**2 * (4 * 0.9**4 / (1 - 0.9**4) + 2)
    assert network.weight[0, 0].item() == pytest.approx(201 - lag, abs=0.01)
    average.swap(network)
    assert network.weight[0, 0].item() == kept
    itself.swap(network)
    assert network.weight[0, 0].item() == kept


def test_what_is_kept_is_taken_again_and_a_share_made_anew() -> None:
    entry = AUGMENTATIONS["gain"]
    gain = entry.build(changed(entry.config(), {"probability": 1.0}), rate=RATE)
    batches = batches_of(part(400), config_of(fresh_share=0.25, batch_size=64, epochs=9), sound=[gain])

    def sums(epoch: int) -> dict[int, float]:
        told = list(batches.prepare(epoch))
        assert any(told) == (epoch == 1), "only the first time takes long"
        clips, values = zip(*[(b.clips, b.features.sum((1, 2))) for b in batches.epoch(epoch)], strict=True)
        return dict(zip(torch.cat(clips).tolist(), torch.cat(values).tolist(), strict=True))

    told = [sums(epoch) for epoch in range(1, 10)]
    assert all(epoch.keys() == set(range(1200)) for epoch in told)
    new = [sum(before[clip] != after[clip] for clip in before) / 1200 for before, after in itertools.pairwise(told)]
    assert sum(new) / 8 == pytest.approx(0.25, abs=0.06)
    assert sum(new[:3]) / 3 < 0.2 < 0.3 < sum(new[-3:]) / 3, "more towards the end"


@pytest.mark.skipif(sys.platform == "win32", reason="lets the system refuse files beyond a size")
def test_a_disk_that_takes_only_a_part_of_the_features_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.setattr("kws_engine.training.data.feature_store.IN_MEMORY_BYTES", 0)
    kept = make_feature_store(10, (5, 8), device=CPU, folder=tmp_path)
    values = torch.randn(10, 5, 8).half().float()
    kept.write(0, values[:9])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9 * 80 + 40, limits[1]))
    try:
        with pytest.raises(TrainingError, match="no room for this run's features"):
            kept.write(9, values[9:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.equal(kept.read(torch.arange(9)), values[:9])
    kept.close()


def test_threads_that_read_and_write_kept_features_at_once_find_their_own(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws_engine.training.data.feature_store.IN_MEMORY_BYTES", 0)
    kept = make_feature_store(4 * 64, (98, 40), device=CPU, folder=tmp_path)
    values = torch.arange(4 * 64).float().view(-1, 1, 1).expand(-1, 98, 40)

    def work(thread: int) -> bool:
        first = 64 * thread
        for start in range(first, first + 64, 8):
            kept.write(start, values[start : start + 8])
        orders = [first + torch.randperm(64) for _ in range(50)]
        return all(torch.equal(kept.read(rows), values[rows]) for rows in orders)

    with ThreadPoolExecutor(4, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        assert list(pool.map(work, range(4))) == [True] * 4
    kept.close()


def test_without_sound_augmentation_what_is_kept_equals_what_is_fresh() -> None:
    for share in (1.0, 0.1):
        batches = batches_of(part(20), config_of(fresh_share=share, batch_size=60))
        list(batches.prepare(1))
        batch = next(iter(batches.epoch(1)))
        own = torch_features(PIPELINE)(part(20).sound(batch.clips))
        torch.testing.assert_close(batch.features, own, atol=0.01, rtol=1e-3)  # kept in half precision


def test_a_streamed_part_reads_what_is_asked_and_replaces_what_is_gone(tmp_path: pathlib.Path) -> None:
    data = part(4)
    for number, samples in enumerate(data.samples.numpy()):
        audio.write(tmp_path / f"{number:02d}.wav", samples / 32768, rate=RATE)
    paths = sorted(tmp_path.iterdir())
    streamed = StreamedClips(paths, data.labels, rate=RATE, clip_samples=SAMPLES)
    torch.testing.assert_close(streamed.sound(torch.tensor([5, 0])), data.sound(torch.tensor([5, 0])))
    paths[0].unlink()
    paths[1].write_text("no sound")
    assert torch.equal(streamed.sound(torch.tensor([0]))[0], data.sound(torch.tensor([2]))[0]), "of the same label"
    assert [pathlib.Path(one.path).name for one in streamed.newly_skipped()] == ["00.wav", "01.wav"]
    assert streamed.newly_skipped() == [] and streamed.sound(torch.tensor([], dtype=torch.long)).shape == (0, SAMPLES)
    for path in paths:
        path.unlink(missing_ok=True)
    with pytest.raises(TrainingError, match=r"04\.wav.*bring them back, and resume"):
        streamed.sound(torch.tensor([4]))


def test_a_network_learns_from_a_streamed_part_as_from_memory(tmp_path: pathlib.Path) -> None:
    data = part(4)
    for number, samples in enumerate(data.samples.numpy()):
        audio.write(tmp_path / f"{number:02d}.wav", samples / 32768, rate=RATE)
    streamed = StreamedClips(sorted(tmp_path.iterdir()), data.labels, rate=RATE, clip_samples=SAMPLES)
    losses = []
    for source in (data, streamed):
        torch.manual_seed(0)
        config = config_of(epochs=3, fresh_share=0.5)
        loop = Loop(
            network_of(), batches_of(source, config), config, penalties={}, training=measured(data),
            validation=measured(part(4, seed=1)), should_stop=lambda: False,
        )  # fmt: skip
        losses.append([epoch.validation_loss for epoch in epochs_of(loop)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def loop_of(config: TrainingConfig, network: torch.nn.Module, *, sound: Sequence[Any] = ()) -> Loop:
    data = part(10)
    return Loop(
        network, batches_of(data, config, sound=sound, seed=5), config, penalties={}, training=measured(data),
        validation=measured(part(4, seed=1)), should_stop=lambda: False, seed=5,
        dynamics=TrainingDynamics(len(data), WORDS + 2),
    )  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_run_gone_on_with_ends_as_one_never_interrupted(tmp_path: pathlib.Path, optimizer: str, share: float) -> None:
    entry = AUGMENTATIONS["gain"]
    gain = entry.build(changed(entry.config(), {"probability": 0.5}), rate=RATE)
    config = config_of(
        epochs=6, optimizer=optimizer, fresh_share=share, silence_share=0.1, made_up_share=0.1, mixup=0.2,
        averaging=0.9, weight_decay=0.01,
    )  # fmt: skip

    def network() -> torch.nn.Module:
        return network_of("tc_resnet", width=0.25)

    torch.manual_seed(5)
    whole = loop_of(config, network(), sound=[gain])
    for event in whole.epochs():
        if isinstance(event, Epoch) and event.epoch == 3:
            checkpoint.save_snapshot(tmp_path / CHECKPOINT, whole.snapshot())
    torch.manual_seed(99)  # another process knows nothing of the first one's chance
    second = loop_of(config, network(), sound=[gain])
    second.restore(checkpoint.load_snapshot(tmp_path / CHECKPOINT))
    assert [epoch.epoch for epoch in second.history] == [1, 2, 3]
    assert [event.epoch for event in second.epochs() if isinstance(event, Epoch)] == [4, 5, 6]

    def numbers(loop: Loop) -> list[float]:
        return [v for e in loop.history for v in (e.train_loss, e.validation_loss, e.terms["cross_entropy"])]

    assert numbers(second) == numbers(whole)
    assert second.best is not None and whole.best is not None and second.best.epoch == whole.best.epoch
    assert all(torch.equal(value, whole.best_weights[name]) for name, value in second.best_weights.items())


def test_a_checkpoint_of_another_network_is_refused(tmp_path: pathlib.Path) -> None:
    config = config_of(epochs=2)
    loop = loop_of(config, network_of("tc_resnet", width=0.25))
    next(event for event in loop.epochs() if isinstance(event, Epoch))
    checkpoint.save_snapshot(tmp_path / CHECKPOINT, loop.snapshot())
    with pytest.raises(TrainingError, match="of another network"):
        loop_of(config, network_of("tc_resnet", width=0.5)).restore(checkpoint.load_snapshot(tmp_path / CHECKPOINT))
    with pytest.raises(TrainingError, match="before its first epoch"):
        checkpoint.load_snapshot(tmp_path / "none" / CHECKPOINT)
    path = tmp_path / CHECKPOINT
    checkpoint.save(path, {"a": torch.zeros(1)}, metadata={"schema": "1", "steps": "x", "history": "[]"})
    with pytest.raises(TrainingError, match="damaged"):
        checkpoint.load_snapshot(path)


def test_a_wrong_label_stands_apart_from_the_others() -> None:
    data = part(20)
    labels = data.labels.clone()
    labels[3] = 2
    dynamics = TrainingDynamics(len(labels), WORDS + 2)
    config = config_of(epochs=12, learning_rate=0.003)
    wrong = LoadedClips(data.samples, labels)
    loop = Loop(
        network_of(), batches_of(wrong, config), config, penalties={}, training=measured(wrong),
        validation=measured(part(4, seed=1)), should_stop=lambda: False, dynamics=dynamics,
    )  # fmt: skip
    list(loop.epochs())
    seen, margin, own, predicted = dynamics.rows()
    assert set(seen.tolist()) == {12} and int(margin.argmin()) == 3 == int(own.argmin())
    assert int(predicted[3]) == 0 and (predicted == data.labels).float().mean() > 0.95


@pytest.mark.parametrize("balance", ["draws", "weights"])
def test_a_rare_word_counts_as_much_as_the_others(balance: str) -> None:
    labels = torch.tensor([0] * 40 + [1] * 4 + [2] * 40)
    plan = sampling_plan(labels, config_of(class_balance=balance), words=WORDS, unknown=UNKNOWN)
    assert plan.draws[1] == (28 if balance == "draws" else 4)
    drawn = drawn_in(plan, epoch=1)
    assert set(range(40, 44)) <= set(drawn.tolist())


def test_what_is_learned_from_does_not_depend_on_the_threads() -> None:
    entry = AUGMENTATIONS["gain"]
    gain = entry.build(changed(entry.config(), {"probability": 1.0}), rate=RATE)
    config = config_of(fresh_share=0.3, batch_size=64, made_up_share=0.1, silence_share=0.1)

    def epochs(threads: int) -> list[float]:
        torch.set_num_threads(threads)
        batches, sums = batches_of(part(200), config, sound=[gain]), []
        for number in (1, 2, 3, 4):
            list(batches.prepare(number))
            sums += [float(batch.features.sum(dtype=torch.float64)) for batch in batches.epoch(number)]
        batches.close()
        return sums

    before = torch.get_num_threads()
    try:
        assert epochs(2) == epochs(1)
    finally:
        torch.set_num_threads(before)


def test_a_run_can_be_stopped_while_a_later_epoch_is_made() -> None:
    entry = AUGMENTATIONS["gain"]
    gain = entry.build(changed(entry.config(), {"probability": 1.0}), rate=RATE)
    config = config_of(fresh_share=0.9, batch_size=64, epochs=4)
    batches, epochs, asked = batches_of(part(400), config, sound=[gain]), 0, 0

    def should_stop() -> bool:
        nonlocal asked
        asked += epochs == 2
        return asked > 0

    loop = Loop(
        network_of("tc_resnet", width=0.25), batches, config, penalties={}, training=measured(part(4)),
        validation=measured(part(4)), should_stop=should_stop,
    )  # fmt: skip
    for event in loop.epochs():
        epochs += isinstance(event, Epoch)
    assert loop.stopped_early and len(loop.history) == 2 and asked == 1


def test_what_goes_wrong_in_a_thread_is_told_where_it_is_waited_for() -> None:
    def work(number: int) -> int:
        if number == 30:
            raise AudioError("gone")
        return number * number

    workers = Workers(2)
    assert list(workers.results(work, range(20))) == [(number, number**2) for number in range(20)]
    with pytest.raises(AudioError, match="gone"):
        list(workers.results(work, range(31)))
    workers.close()


def test_nothing_is_made_beside_what_is_done_with_the_results() -> None:
    began: list[int] = []
    workers = Workers(2)
    for number, _ in workers.results(began.append, range(50)):
        seen = len(began)
        assert_stays(lambda seen=seen: seen == len(began), seconds=0.001)  # type: ignore[misc]
        assert number < seen, "a group was made whole before"
    assert sorted(began) == list(range(50))
    workers.close()


def rates_tried(config: TrainingConfig, network: torch.nn.Module) -> list[events.RatePoint]:
    told = try_rates(network, batches_of(part(40), config), config, penalties={}, seed=1)
    return [event for event in told if isinstance(event, events.RatePoint)]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_rate_found_learns_where_a_thousandth_and_a_thousandfold_do_not(optimizer: str) -> None:
    config = config_of(optimizer=optimizer, batch_size=30)
    points = rates_tried(config, network_of("tc_resnet", width=0.25))
    rates = [point.learning_rate for point in points]
    assert rates == sorted(rates) and rates[0] < 1e-5 and points[-1].smoothed > 0
    found = suggestion(points)
    assert found is not None
    losses = []
    for rate in (found / 1000, found, min(found * 1000, 10.0)):
        torch.manual_seed(2)
        tried = config_of(
            optimizer=optimizer, batch_size=30, learning_rate=max(rate, 1e-7), epochs=15, averaging=0.0
        )  # fmt: skip
        epochs, _ = train(tried, network_of("tc_resnet", width=0.25), data=part(40))
        losses.append(epochs[-1].validation_loss)
    assert losses[1] < 0.5 * losses[0] and losses[1] < losses[2]


def test_where_nothing_is_learned_no_rate_is_suggested() -> None:
    level = [events.RatePoint(10.0 ** (step / 20 - 6), 1.0, 1.0 + 1e-3 * (step % 3)) for step in range(120)]
    assert suggestion(level) is None and suggestion([]) is None and suggestion(level[:5]) is None
    falling = [
        events.RatePoint(10.0 ** (step / 20 - 6), 1.0, 3 - step / 60 if step < 90 else step / 20) for step in range(120)
    ]
    assert suggestion(falling) == pytest.approx(10 ** (45 / 20 - 6), rel=0.2)


@pytest.mark.parametrize(("name", "within"), [("log_mel", 0.12), ("mfcc", 0.12), ("pcen", 0.25)])  # pcen bends more
def test_noise_added_to_bands_is_noise_added_to_sound_on_average(name: str, within: float) -> None:
    features = torch_features(FEATURES[name].build(FEATURES[name].config(), rate=RATE))
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(20 * RATE, generator=generator) * torch.linspace(0.2, 1, 20 * RATE)
    sound = part(40).sound(torch.arange(120))
    entry = AUGMENTATIONS["background_noise"]
    config = changed(entry.config(), {"probability": 1.0, "snr_db": (6.0, 6.0)})

    def context() -> Context:
        return Context(generator=torch.Generator().manual_seed(1), rate=RATE, noises=noise)

    early = features(entry.build(config, rate=RATE)(sound, context()))
    bands = features.bands(sound)
    late = features.finish(BandNoise(noise, features, config).add(bands.clone(), sound.square().mean(1), context()))
    clean = features.finish(bands)
    changed_by = (early - clean).mean((0, 1))
    assert changed_by.abs().max() > 0.02, "the noise is heard"
    torch.testing.assert_close(
        late.mean((0, 1)), early.mean((0, 1)), atol=within * float(changed_by.abs().max()), rtol=0
    )
    never = changed(config, {"probability": 0.0})
    assert torch.equal(BandNoise(noise, features, never).add(bands, sound.square().mean(1), context()), bands)


def test_a_single_clip_of_silence_may_be_recorded_or_computed() -> None:
    noises = torch.sin(torch.arange(3 * SAMPLES) * 0.3)
    for seed in range(12):
        made = silence(1, SAMPLES, noises=noises, generator=torch.Generator().manual_seed(seed))
        assert made.shape == (1, SAMPLES) and torch.isfinite(made).all()
    assert silence(0, SAMPLES, noises=noises, generator=torch.Generator()).shape == (0, SAMPLES)
