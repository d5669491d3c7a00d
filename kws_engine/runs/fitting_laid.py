"""What a run on the speech embedding learns from and is measured on: clips laid into sound, and the bank."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine.bank import shipped_bank
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import OwnTalk, own_talk
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.processors import cores
from kws_engine.runs.voices_to_learn import said_by_voices
from kws_engine.talk import shipped_talk
from kws_engine.training.data.bank_windows import BankWindows
from kws_engine.training.data.clips import Clips
from kws_engine.training.data.laid_batches import LaidBatches, Voice
from kws_engine.training.data.laid_rows import window_of
from kws_engine.training.data.laying_words import core_of, laid
from kws_engine.training.data.sampling import SILENT
from kws_engine.training.data.silence import silence
from kws_engine.training.data.workers import Workers
from kws_engine.training.train import EvaluationSet

if TYPE_CHECKING:
    from kws_engine.runs.fitting import Setup

Floats = NDArray[np.float32]
_TALK_PIECES = 18  # of ten seconds, to lay words into
ROOM_BEGINS = 10
"""Augmentations of lower order change the word, the others all that the microphone hears."""
_NOISE_BLOCKS = 30  # of ten seconds, of each file
_LAYINGS = 4  # of a clip of a word that is measured, where there are few
_MOST_MEASURED = 300


def laid_batches(setup: Setup, pipeline: EncodedPipeline) -> LaidBatches:
    """The training part of a run."""
    data, settings = setup.data, setup.settings.training
    words = data.labels[:-2]
    window = pipeline.window_for(setup.project.clip_samples)
    draws = round(settings.talk_share * max(settings.clips_per_epoch, len(data.training)))
    bank = BankWindows(
        shipped_bank("training", pipeline.encoder, without=words),
        list(_own_vectors(setup, pipeline)),
        vectors=pipeline.n_frames(window),
        draws=draws,
        hard_share=settings.hard_talk_share,
    )
    return LaidBatches(
        data.training,
        settings,
        bank,
        pipeline=pipeline,
        clip_samples=setup.project.clip_samples,
        augments=_augments(setup),
        said=said_by_voices(
            words, voices=settings.synthetic_takes, others=settings.synthetic_others, rate=pipeline.rate, seed=0
        ),
        noises=_noises(setup),
        talk=_talk_around(setup),
        unknown=len(words),
        seed=setup.job.seed,
        device=setup.device,
        shard=setup.processes.shard,
        threads=setup.job.threads or cores(),
    )


def _noises(setup: Setup) -> Tensor:
    """The project's noise, or the program's, and that of the shipped talk's training part (N,)."""
    shipped: list[Floats] = []
    for file in shipped_talk("training"):
        if file.kind == "noise":
            blocks = itertools.islice(file.blocks(rate=setup.project.rate, block_seconds=10.0), _NOISE_BLOCKS)
            shipped += list(blocks)
    return torch.cat([setup.data.noises, *map(torch.from_numpy, shipped)])


def _augments(setup: Setup) -> Voice:
    from kws_engine.runs.fitting import augmentations_of

    orders = {name: config.order for name, config in setup.settings.augment.items()}
    room = [name for name, order in orders.items() if order >= ROOM_BEGINS]
    word, _ = augmentations_of(setup.settings, setup.project.rate, but=room)
    # Where in the window the word lies is drawn as it is laid.
    voice = [name for name in orders if name not in room]
    scene, _ = augmentations_of(setup.settings, setup.project.rate, but=[*voice, "time_shift"])
    return Voice(word, scene)


def _own_vectors(setup: Setup, pipeline: EncodedPipeline) -> Iterator[Floats]:
    """Each training minute of a person's own talk (n, 96)."""
    for own in own_talk(ProjectFolder(setup.project.folder).talk, "training", rate=setup.project.rate):
        if isinstance(own, OwnTalk):
            yield pipeline.batch(own.samples)


def _talk_around(setup: Setup) -> Floats:
    """Some minutes of talk without the words (N,)."""
    talk = setup.data.talk
    count = talk.read_up_to(_TALK_PIECES)
    pieces = [talk.piece(number)[0].numpy() for number in range(count)]
    return np.concatenate([np.zeros(0, np.float32), *pieces])


def measured_laid(part: Clips, setup: Setup, pipeline: EncodedPipeline, *, most: int) -> tuple[EvaluationSet, Tensor]:
    """As `measured_on`: each clip is laid into quiet and talk, the same way in every run, but not changed."""
    data, clip_samples = setup.data, setup.project.clip_samples
    generator = torch.Generator().manual_seed(0)
    most = min(most, _MOST_MEASURED)
    some = torch.randperm(len(part), generator=generator)
    spoken = some[part.labels[some] < len(data.labels) - 2]
    layings = _LAYINGS if len(spoken) * _LAYINGS <= most else 1
    others = some[part.labels[some] == len(data.labels) - 2]
    some = torch.cat([spoken.repeat(layings)[:most], others[: max(len(spoken), most // 4)]])
    window, vectors = window_of(pipeline, clip_samples), pipeline.n_frames(pipeline.window_for(clip_samples))
    talk = _talk_around(setup)

    def of_clip(number: int) -> Floats:
        clip = int(some[number])
        samples = part.sound(torch.tensor([clip]))[0].cpu().numpy()
        chance = np.random.default_rng((number, clip))
        found = pipeline.batch(laid(samples, core_of(samples, window.rate), window, chance, talk=talk))
        return np.asarray(found[1 : 1 + vectors], np.float32)

    with contextlib.closing(Workers(setup.job.threads or cores())) as workers:
        rows = [torch.from_numpy(values) for _, values in workers.results(of_clip, range(len(some)))]
    count = max(1, len(some) // len(data.labels))
    quiet = silence(count, pipeline.window_for(clip_samples), noises=data.noises, generator=generator)
    features = torch.cat([torch.stack(rows), torch.from_numpy(pipeline.batch(quiet.numpy()))])
    labels = torch.cat([part.labels[some], torch.full((count,), len(data.labels) - 1)])
    return (
        EvaluationSet(features.half().to(setup.device), labels.to(setup.device)),
        torch.cat([some, torch.full((count,), SILENT)]),
    )
