"""The training loop of a run, built from its settings and data, with its checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.background_noise import BackgroundNoiseConfig
from kws_engine.augment.context import Augment
from kws_engine.clips.project import Project
from kws_engine.errors import ProjectError, TrainingError
from kws_engine.evaluation.finding_in_curves import MOST_VALIDATED
from kws_engine.features._torch import TorchFeatures
from kws_engine.features.batch import torch_features
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.regularizers import REGULARIZERS
from kws_engine.runs.fitting_laid import laid_batches, measured_laid
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.loading import Data
from kws_engine.runs.tables import learned_clips, validated_clips
from kws_engine.runs.tensorboard import TensorBoardLog
from kws_engine.runs.weights import acting
from kws_engine.settings import Settings
from kws_engine.training.data.batches import Batches
from kws_engine.training.data.clips import Clips
from kws_engine.training.data.sampling import SILENT, TALK, SamplingPlan, sampling_plan
from kws_engine.training.data.silence import silence
from kws_engine.training.data.source import Source
from kws_engine.training.data.talk_windows import TalkWindows
from kws_engine.training.data.workers import Workers
from kws_engine.training.events import Epoch, Progress, Skipped
from kws_engine.training.scale_out import ONE, Processes
from kws_engine.training.train import CURVE_CLIPS, EvaluationSet, Fit, Loop, Penalty, Snapshot, predict
from kws_engine.training.training_dynamics import TrainingDynamics

ShouldStop = Callable[[], bool]
_COLOURS = 256  # clips whose loudness and colour talk takes on
_MIN_ENERGY = 1e-10


@dataclass(frozen=True)
class Setup:
    """A run that is ready: all that its steps need.

    Attributes:
        folder: The run's; that of the project for what leaves nothing on disk.
    """

    job: Job
    folder: Path
    project: Project
    settings: Settings
    pipeline: FeaturePipeline
    data: Data
    device: torch.device
    processes: Processes = ONE

    @property
    def window_samples(self) -> int:
        """Samples that the network sees at once."""
        return self.pipeline.window_for(self.project.clip_samples)

    @property
    def files(self) -> RunFolder:
        """What the run leaves on disk."""
        return RunFolder(self.folder)


def fit_run(
    setup: Setup, network: torch.nn.Module, should_stop: ShouldStop, *, before: Snapshot | None = None
) -> Generator[Epoch | Progress | Skipped, None, Fit]:
    """Trains, and stores the state after each epoch before it yields the epoch.

    Args:
        setup: The run.
        network: On the device.
        should_stop: Called before each step; it may wait, which pauses the run.
        before: The state to resume from; its epochs are yielded again.

    Raises:
        TrainingError: The loss is no longer a number, or `before` is of another run.
        ProjectError: The disk is full; the last checkpoint is left as it was.
    """
    features = torch_features(setup.pipeline).to(setup.device)
    dynamics = TrainingDynamics(len(setup.data.training), len(setup.data.labels))
    curve, _ = measured_on(setup.data.training, setup, features, most=CURVE_CLIPS)
    validation, clips = measured_on(setup.data.validation, setup, features, most=MOST_VALIDATED)
    loop = Loop(
        network,
        make_batches(setup, features),
        setup.settings.training,
        penalties=penalties_of(setup.settings, network),
        training=curve,
        validation=validation,
        should_stop=should_stop,
        seed=setup.job.seed,
        dynamics=dynamics,
        label_weights=_label_weights(setup),
        processes=setup.processes,
    )
    if before is not None:
        loop.restore(before)
        yield from before.history
    if setup.job.finish:
        loop.end_here()
    with _log_of(setup, loop) as log:
        for event in loop.epochs():
            if isinstance(event, Epoch):
                _store(setup, network, loop, event)
                if log is not None:
                    log.epoch(event)
            yield event
            if isinstance(event, Epoch):  # of which every process has as many, unlike progress
                yield from setup.processes.gathered(list(_newly_skipped(setup.data)))
    dynamics.restore(setup.processes.summed(dynamics.tensors()))
    if setup.processes.is_first:
        yield from _write_tables(setup, dynamics, clips, validation, predict(network, validation.features))
    return loop.result()


def _log_of(setup: Setup, loop: Loop) -> contextlib.AbstractContextManager[TensorBoardLog | None]:
    if not setup.processes.is_first:
        return contextlib.nullcontext()
    files = setup.files
    log = TensorBoardLog(files.new_tensorboard_file(), loop.history, replaces=files.tensorboard_files())
    return contextlib.closing(log)


def _store(setup: Setup, network: torch.nn.Module, loop: Loop, epoch: Epoch) -> None:
    snapshot = loop.snapshot()  # which the processes make together
    if setup.processes.is_first:
        if epoch.best:
            setup.files.best_weights.write(network.state_dict())
        setup.files.snapshot.write(snapshot)


def _newly_skipped(data: Data) -> Iterator[Skipped]:
    for part in (data.training, data.validation, data.talk):
        yield from part.newly_skipped()


def _first_of_each(clips: Tensor) -> Tensor:
    """Which rows (N,) are the first of their clip (N,), of those that are clips."""
    first: dict[int, int] = {}
    for row, clip in enumerate(clips.tolist()):
        first.setdefault(clip, row) if clip >= 0 else first.setdefault(-1 - row, row)
    return torch.tensor(sorted(first.values()))


def _write_tables(
    setup: Setup, dynamics: TrainingDynamics, clips: Tensor, validation: EvaluationSet, logits: Tensor
) -> Iterator[Skipped]:
    """Skips them where they cannot be written: the weights are stored."""
    data, project = setup.data, setup.project.folder
    rows = _first_of_each(clips)  # a clip may be measured more than once
    clips, logits = clips[rows], logits[rows.to(logits.device)]
    labels = validation.labels[rows.to(validation.labels.device)]
    try:
        setup.files.learning.write(learned_clips(dynamics, data, project))
        setup.files.validation.write(validated_clips(clips, labels, logits, data=data, project=project))
    except ProjectError as error:
        yield Skipped(str(setup.folder), str(error))


def make_batches(setup: Setup, features: torch.nn.Module) -> Source:
    """The training part of a run, with its augmentations."""
    if isinstance(setup.pipeline, EncodedPipeline):
        return laid_batches(setup, setup.pipeline)
    assert isinstance(features, TorchFeatures)
    return _clip_batches(setup, features)


def _clip_batches(setup: Setup, features: TorchFeatures) -> Batches:
    data, settings = setup.data, setup.settings.training
    unknown = len(data.labels) - 2
    noise: BackgroundNoiseConfig = setup.settings.augment["background_noise"]
    is_late = settings.fresh_share < 1 and noise.probability > 0 and len(data.noises) > setup.project.clip_samples
    but = ("background_noise",) if is_late else ()
    sound, spectrogram = augmentations_of(setup.settings, setup.project.rate, but=but)
    plan = sampling_plan(
        data.training.labels, settings, words=unknown, unknown=unknown, has_talk=data.talk.read_up_to(1) > 0
    )
    return Batches(
        data.training,
        plan,
        noises=data.noises,
        sound=sound,
        spectrogram=spectrogram,
        features=features,
        batch_size=settings.batch_size,
        rate=setup.project.rate,
        unknown=unknown,
        seed=setup.job.seed,
        device=setup.device,
        fresh_share=settings.fresh_share,
        epochs=settings.epochs,
        band_noise=noise if is_late else None,
        shard=setup.processes.shard,
        folder=setup.folder if setup.folder.is_dir() else None,
        talk=_talk_windows(setup, features, plan, is_fixed=not sound),
    )


def _talk_windows(setup: Setup, features: TorchFeatures, plan: SamplingPlan, *, is_fixed: bool) -> TalkWindows | None:
    if not plan.draws.get(TALK):
        return None
    return TalkWindows(
        setup.data.talk,
        features,
        clip_colours=_colours(setup, features),
        clip_samples=setup.project.clip_samples,
        draws=plan.draws[TALK],
        epoch_clips=len(plan),
        hard_share=setup.settings.training.hard_talk_share,
        is_fixed=is_fixed,
        seed=setup.job.seed,
        device=setup.device,
    )


@torch.no_grad()
def _colours(setup: Setup, features: TorchFeatures) -> Tensor:
    """The logarithms of each band's mean energy (N, n_bands) in some clips of words, the same ones in every run."""
    part = setup.data.training
    words = torch.nonzero(part.labels < len(setup.data.labels) - 2).flatten()
    some = words[torch.randperm(len(words), generator=torch.Generator().manual_seed(0))[:_COLOURS]]
    energies = [features.bands(part.sound(few).to(setup.device)).mean(1) for few in torch.split(some, 64)]
    return torch.cat(energies).clamp_min(_MIN_ENERGY).log()


def penalties_of(settings: Settings, network: torch.nn.Module) -> dict[str, Penalty]:
    """The penalties that act on any of the network's weights."""
    return {name: REGULARIZERS[name].build(settings.regularizers[name]) for name in acting(settings, network)}


def augmentations_of(settings: Settings, rate: int, *, but: Sequence[str] = ()) -> tuple[list[Augment], list[Augment]]:
    """The augmentations of the sound and of the spectrogram, in their order, without those in `but`."""
    chosen: dict[str, list[Augment]] = {"sound": [], "spectrogram": []}
    for name, config in sorted(settings.augment.items(), key=lambda item: item[1].order):
        if config.probability > 0 and name not in but:
            chosen[config.domain].append(AUGMENTATIONS[name].build(config, rate=rate))
    return chosen["sound"], chosen["spectrogram"]


def measured_on(part: Clips, setup: Setup, features: torch.nn.Module, *, most: int) -> tuple[EvaluationSet, Tensor]:
    """Features of at most so many clips, the same ones in every run, and their share of silence.

    Returns:
        What is measured, and the clips' indices in the part (N,), SILENT for those without a word.
    """
    if isinstance(setup.pipeline, EncodedPipeline):
        return measured_laid(part, setup, setup.pipeline, most=most)
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(part), generator=generator)[:most]
    data, n_samples = setup.data, setup.project.clip_samples
    quiet = silence(max(1, len(some) // len(data.labels)), n_samples, noises=data.noises, generator=generator)

    @torch.no_grad()
    def framed(at: tuple[bool, Tensor]) -> Tensor:
        is_recorded, values = at
        found: Tensor = features((part.sound(values) if is_recorded else values).to(setup.device))
        return found.half()

    tasks = [(True, numbers) for numbers in torch.split(some, 128)]
    tasks += [(False, sounds) for sounds in torch.split(quiet, 128)]
    threads = torch.get_num_threads() if setup.device.type == "cpu" else 1
    with contextlib.closing(Workers(threads)) as workers:
        blocks = [block for _, block in workers.results(framed, tasks)]
    labels = torch.cat([part.labels[some], torch.full((len(quiet),), len(data.labels) - 1)])
    return EvaluationSet(torch.cat(blocks), labels.to(setup.device)), torch.cat(
        [some, torch.full((len(quiet),), SILENT)]
    )


def _label_weights(setup: Setup) -> Tensor | None:
    """The factor of each label's loss where rare words count more; 1 on average over the clips."""
    if setup.settings.training.class_balance != "weights":
        return None
    words = len(setup.data.labels) - 2
    counts = torch.bincount(setup.data.training.labels, minlength=words)[:words].clamp_min(1).float()
    weights = torch.ones(words + 2)
    weights[:words] = counts.sum() / (words * counts)
    return weights.to(setup.device)


def check_same_number(setup: Setup, before: Snapshot, skipped: list[Skipped]) -> None:
    """Refuses to resume with fewer or more clips than the run began with, as where one can no longer be decoded.

    Raises:
        TrainingError: Names what is missing.
    """
    began_with = len(before.tensors.get("dynamics/seen", ()))
    now = len(setup.data.training)
    if began_with == now:
        return
    missing = ", ".join(Path(one.path).name for one in skipped[:3])
    what = (
        f"{len(skipped)} of its clips cannot be read ({missing})"
        if skipped
        else f"it has {now} clips, not {began_with}"
    )
    raise TrainingError(
        f"The run {setup.folder.name} cannot go on, because {what}: bring them back, or train again",
        kind="clips_changed",
    )
