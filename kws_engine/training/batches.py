"""Clips in memory and the batches of an epoch, augmented on the way; knows no network and no loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine import audio
from kws_engine.augment.context import Augment, Context
from kws_engine.clips import trimming
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.errors import AudioError
from kws_engine.training.config import TrainingConfig
from kws_engine.training.events import Progress, Skipped
from kws_engine.training.made_up import made_up_word, speech_spans
from kws_engine.training.silence import silence

LONGEST_NOISE_S = 120.0
SILENT, MADE_UP = -1, -2  # in the place of a clip's index


@dataclass(frozen=True)
class Part:
    """One part of the data: samples (N, clip_samples) int16 and labels (N,) int64."""

    samples: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def load_part(
    clips: Sequence[tuple[Path, int]], *, rate: int, clip_samples: int, what: str
) -> Iterator[Progress | Skipped | Part]:
    """Reads (path, label index) clips, each cut to the speech in it; yields how far it is and last of all the part."""
    samples = torch.zeros((len(clips), clip_samples), dtype=torch.int16)
    labels, kept = torch.zeros(len(clips), dtype=torch.int64), 0
    for number, (path, label) in enumerate(clips):
        if number % 200 == 0:
            yield Progress(what, number, len(clips))
        try:
            sound = audio.read(path, rate=rate, max_seconds=LONGEST_CLIP_S)
        except AudioError as error:
            yield Skipped(str(path), str(error))
            continue
        samples[kept] = _to_int16(trimming.fitted(sound, rate, clip_samples=clip_samples))
        labels[kept] = label
        kept += 1
    yield Progress(what, len(clips), len(clips))
    yield Part(samples[:kept], labels[:kept])


def load_noise(paths: Sequence[Path], *, rate: int) -> Iterator[Skipped | Tensor]:
    """Yields the unreadable files and last of all every noise in one row (N,), float32, at most two minutes of each."""
    noises = []
    for path in paths:
        try:
            blocks, seconds = [], 0.0
            for block in audio.blocks(path, rate=rate):
                blocks.append(block)
                seconds += len(block) / rate
                if seconds >= LONGEST_NOISE_S:
                    break
            noises.append(np.concatenate(blocks))
        except AudioError as error:
            yield Skipped(str(path), str(error))
    yield torch.from_numpy(np.concatenate(noises)) if noises else torch.zeros(0)


def _to_int16(sound: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.clip(np.round(sound * 32768.0), -32768, 32767).astype(np.int16))


@dataclass(frozen=True)
class Mixture:
    """How many draws of each label an epoch has, and from which clips."""

    draws: Mapping[int, int]
    members: Mapping[int, Tensor]

    def epoch(self, generator: torch.Generator) -> Tensor:
        """Clip indices of one epoch in random order; SILENT and MADE_UP stand for clips made on the way."""
        drawn = [_drawn(self.members[label], count, generator) for label, count in self.draws.items()]
        order = torch.cat(drawn)
        return order[torch.randperm(len(order), generator=generator)]


def mixture(labels: Tensor, config: TrainingConfig, *, words: int, unknown: int) -> Mixture:
    """Every clip of a word once, or as often as `clips_per_epoch` asks; other words and silence by their shares.

    Args:
        labels: (N,) of the training part; labels below `words` are words.
        config: The shares.
        words: How many words there are.
        unknown: The label index of `_unknown_`; silence is `unknown + 1`. Made-up words count under MADE_UP.
    """
    members = {label: torch.nonzero(labels == label).flatten() for label in range(unknown + 1)}
    spoken = sum(len(members[label]) for label in range(words))
    speech_share = max(1.0 - config.unknown_share - config.silence_share - config.made_up_share, 0.05)
    repeats = max(1.0, config.clips_per_epoch * speech_share / max(spoken, 1))
    draws = {label: round(len(members[label]) * repeats) for label in range(words)}
    per_share = sum(draws.values()) / speech_share
    # Few recordings repeated many times would be learned by heart: at most three times as often as a word's.
    draws[unknown] = round(min(config.unknown_share * per_share, 3 * repeats * len(members[unknown])))
    draws[unknown + 1] = round(config.silence_share * per_share)
    draws[MADE_UP] = round(config.made_up_share * per_share)
    members |= {unknown + 1: torch.tensor([SILENT]), MADE_UP: torch.tensor([MADE_UP])}
    return Mixture({label: count for label, count in draws.items() if count}, members)


def _drawn(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
    whole, rest = divmod(count, len(members))
    some = members[torch.randperm(len(members), generator=generator)[:rest]]
    return torch.cat([members.repeat(whole), some])


class Batches:
    """The training part as an endless source of epochs of (features, labels), augmented anew each time."""

    def __init__(
        self, part: Part, plan: Mixture, *, noises: Tensor, sound: Sequence[Augment], spectrogram: Sequence[Augment],
        features: torch.nn.Module, batch_size: int, rate: int, unknown: int, seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        self._part, self._plan, self._noises = part, plan, noises
        self._sound, self._spectrogram, self._features = sound, spectrogram, features
        self._batch_size, self._unknown, self._device = batch_size, unknown, device
        self._order = torch.Generator().manual_seed(seed)
        self._making = np.random.default_rng(seed)
        self._clips = part.samples.numpy()
        self._spans = speech_spans(self._clips)
        generator = torch.Generator(device=device).manual_seed(seed + 1)
        self._context = Context(generator=generator, rate=rate, noises=noises.to(device) if len(noises) else None)
        self.steps = -(-sum(plan.draws.values()) // batch_size)

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Features (B, T, F) and labels (B,) on the device."""
        for indices in torch.split(self._plan.epoch(self._order), self._batch_size):
            if len(indices) == 1:  # batch norm cannot learn from one clip
                indices = indices.repeat(2)
            yield self._batch(indices)

    def _batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        sound, labels = self._clips_of(indices)
        sound = sound.to(self._device)
        with torch.no_grad():
            for augment in self._sound:
                sound = augment(sound, self._context)
            features = self._features(sound)
            for augment in self._spectrogram:
                features = augment(features, self._context)
        return features, labels.to(self._device)

    def _clips_of(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Recorded clips (B, N) and labels (B,), with what is made on the way in its places."""
        sound = self._part.samples[indices.clamp_min(0)].float() / 32768.0
        labels = self._part.labels[indices.clamp_min(0)].clone()
        quiet = indices == SILENT
        if count := int(quiet.sum()):
            sound[quiet] = silence(count, sound.shape[1], noises=self._noises, generator=self._order)
            labels[quiet] = self._unknown + 1
        for place in torch.nonzero(indices == MADE_UP).flatten():
            sound[place] = torch.from_numpy(made_up_word(self._clips, self._spans, self._making))
            labels[place] = self._unknown
        return sound, labels
