"""The batches of an epoch, augmented on the way; knows no network and no loss.

Augmenting a clip and taking its features costs several times what a small network's step costs. So a run keeps the
energies in bands of every draw of an epoch and makes only a share of them anew each epoch (`fresh_share`). What is
cheap, background noise and the augmentation of the spectrogram, is always done anew. What a draw's features are follows
from the seed, its block and the epoch alone, whatever was computed before: a resumed run and a part of several
processes find the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine.augment.background_noise import BackgroundNoiseConfig
from kws_engine.augment.context import Augment, Context
from kws_engine.features._torch import TorchFeatures
from kws_engine.training.data.band_noise import BandNoise
from kws_engine.training.data.clips import Clips, LoadedClips
from kws_engine.training.data.feature_cache import BLOCK, WHOLE, FeatureCache, Shard
from kws_engine.training.data.feature_store import FeatureStore, make_feature_store
from kws_engine.training.data.sampling import SILENT, SYNTHETIC, Sampler, SamplingPlan
from kws_engine.training.data.silence import silence
from kws_engine.training.data.synthetic_words import speech_spans, synthetic_word
from kws_engine.training.data.workers import Workers
from kws_engine.training.events import Progress
from kws_engine.training.seeds import BAND_NOISE, SOUND, SPECTROGRAM, numpy_generator, torch_generator

_TOLD_EVERY = 8  # blocks
_WHAT = "Augmenting and taking features"
_PIECES_FROM = 2000  # clips at most that made-up words are made from
_LEAST = 1e-10  # of a band's energy: far below the floor that features add
_SHARE_OF_CARD = 0.3  # of a graphics card's free memory that samples may take


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        features: (B, T, F), on the device.
        labels: (B,), on the device.
        clips: (B,) indices into the training part, or SILENT or SYNTHETIC; on the CPU.
        whole: Clips of the step in all processes together.
    """

    features: Tensor
    labels: Tensor
    clips: Tensor
    whole: int


class Batches:
    """The training part as a source of epochs."""

    def __init__(
        self,
        part: Clips,
        plan: SamplingPlan,
        *,
        noises: Tensor,
        sound: Sequence[Augment],
        spectrogram: Sequence[Augment],
        features: TorchFeatures,
        batch_size: int,
        rate: int,
        unknown: int,
        seed: int,
        device: torch.device,
        fresh_share: float = 1.0,
        epochs: int = 1,
        shard: Shard = WHOLE,
        folder: Path | None = None,
        band_noise: BackgroundNoiseConfig | None = None,
    ) -> None:
        self.part, self._noises, self._unknown = _near(part, device), noises, unknown
        self._sound, self._spectrogram, self._features = sound, spectrogram, features
        self._rate, self._seed, self._device, self._shard = rate, seed, device, shard
        self._noises_there = noises.to(device) if len(noises) else None
        self._draws = Sampler(plan, seed=seed)
        self._pieces = _pieces(part, seed)
        self._spans = speech_spans(self._pieces)
        self._ends = _ends(len(self._draws), batch_size, world=shard.world)
        self.steps = len(self._ends)
        self._kept: FeatureCache | None = None
        if fresh_share < 1:
            self._kept = FeatureCache(self._draws, shard, fresh_share=fresh_share, epochs=epochs, still=not sound)
        self._late = None
        if band_noise is not None and self._noises_there is not None:
            self._late = BandNoise(self._noises_there, features, band_noise)
        self._folder = folder
        self._store: FeatureStore | None = None
        self._making_room = threading.Lock()
        self._workers = Workers(torch.get_num_threads())

    def __len__(self) -> int:
        """Clips of an epoch, in all processes together."""
        return len(self._draws)

    def prepare(self, epoch: int) -> Iterator[Progress | None]:
        """Makes what is to be made anew before an epoch (from 1 on).

        Yields:
            How far it is, the first time, which takes longest; else None, for whoever wants to end it here.
        """
        if self._kept is None:
            return
        first_time, due = self._store is None, self._kept.due(epoch)
        made = zip(due, self._workers.stream(self._make, due), strict=True)
        for number, ((block, generation), (clips, power)) in enumerate(made):
            if number % _TOLD_EVERY == 0:
                yield Progress(_WHAT, number * BLOCK, len(self._kept)) if first_time else None
            self._kept.made(block, generation, clips, power)
        if first_time:
            yield Progress(_WHAT, len(self._kept), len(self._kept))

    def close(self) -> None:
        """Ends the threads and gives back what is kept; nothing is learned from any more."""
        self._workers.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _make(self, due: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Puts a block in a generation where it is kept; its clips (B,) and the mean squares (B,) of their sound."""
        assert self._kept is not None
        block, generation = due
        first, draws = self._kept.block(block)
        clips = self._draws.clips(draws, generation=generation)
        bands, power = self._made(clips, block, generation)
        kept = bands.clamp_min_(_LEAST).log_() if self._late is not None else self._features.finish(bands)
        self._room(tuple(kept.shape[1:])).write(first, kept)
        return clips, power.cpu()

    def _room(self, shape: tuple[int, ...]) -> FeatureStore:
        """Where features of this shape are kept; the first of the threads makes it."""
        assert self._kept is not None
        with self._making_room:
            if self._store is None:
                self._store = make_feature_store(len(self._kept), shape, device=self._device, folder=self._folder)
            return self._store

    def epoch(self, number: int) -> Iterator[Batch]:
        """Every draw once, in the order of this epoch; with fresh_share below 1 after `prepare`."""
        shard, kept = self._shard, self._kept
        order = self._draws.order(number, world=shard.world)
        spans = list(zip([0, *self._ends], self._ends, strict=False))
        # Looked up for all steps together: small operations in each of them cost 3% of a small network's run.
        rows = order if kept is None else kept.rows(order)
        clips = self._draws.clips(order, generation=number - 1) if kept is None else kept.clips(rows)
        labels = self._draws.labels(order, unknown=self._unknown).to(self._device)

        @torch.no_grad()
        def made(step: int) -> Batch:
            start, end = spans[step]
            own = slice(start + shard.rank, end, shard.world)
            features = self._fresh(clips[own], number, step) if kept is None else self._read(rows[own], number, step)
            if self._spectrogram:
                context = self._context(SPECTROGRAM, number, step, shard.rank)
                for augment in self._spectrogram:
                    features = augment(features, context)
            return Batch(features, labels[own], clips[own], end - start)

        is_only_read = kept is not None and self._late is None and not self._spectrogram
        if is_only_read or self._device.type != "cpu":
            return map(made, range(len(spans)))
        return (batch for _, batch in self._workers.results(made, range(len(spans))))

    def _fresh(self, clips: Tensor, epoch: int, step: int) -> Tensor:
        """Features (B, T, F) of these clips (B,), made anew."""
        bands, _ = self._made(clips, step, epoch)
        return self._features.finish(bands)

    def _read(self, rows: Tensor, epoch: int, step: int) -> Tensor:
        """Features (B, T, F) of these rows (B,) of what is kept."""
        assert self._kept is not None and self._store is not None, "prepare comes first"
        features = self._store.read(rows)
        if self._late is None:
            return features
        context = self._context(BAND_NOISE, epoch, step, self._shard.rank)
        bands = self._late.add(features.exp_(), self._kept.power(rows).to(self._device), context)
        return self._features.finish(bands)

    @torch.no_grad()
    def _made(self, clips: Tensor, *where: int) -> tuple[Tensor, Tensor]:
        """Energies in bands (B, T, bands) of these clips, their sound augmented, and the sound's mean square (B,).

        Chance follows from `where`.
        """
        numbers = (SOUND, *where, self._shard.rank)
        sound = self._sound_of(clips, numbers).to(self._device)
        context = self._context(*numbers)
        for augment in self._sound:
            sound = augment(sound, context)
        return self._features.bands(sound), torch.linalg.vector_norm(sound, dim=1).square() / sound.shape[1]

    def _sound_of(self, clips: Tensor, numbers: tuple[int, ...]) -> Tensor:
        """Recorded clips (B, N), with what is made on the way in its places."""
        recorded, quiet, synthetic = (
            torch.nonzero(which).squeeze(1) for which in (clips >= 0, clips == SILENT, clips == SYNTHETIC)
        )
        sound = self.part.sound(clips[recorded])
        if len(recorded) == len(clips):
            return sound
        everywhere, there = sound.new_empty((len(clips), sound.shape[1])), sound.device
        everywhere.index_copy_(0, recorded.to(there), sound)
        if len(quiet):
            chance = torch_generator(torch.device("cpu"), self._seed, *numbers, 1)
            made = silence(len(quiet), sound.shape[1], noises=self._noises, generator=chance)
            everywhere.index_copy_(0, quiet.to(there), made.to(there))
        if len(synthetic):
            rng = numpy_generator(self._seed, *numbers, 2)
            words = np.stack([synthetic_word(self._pieces, self._spans, rng) for _ in synthetic])
            everywhere.index_copy_(0, synthetic.to(there), torch.from_numpy(words).to(there))
        return everywhere

    def _context(self, *numbers: int) -> Context:
        generator = torch_generator(self._device, self._seed, *numbers)
        return Context(generator=generator, rate=self._rate, noises=self._noises_there)


def _near(part: Clips, device: torch.device) -> Clips:
    """The part on the graphics card, where it fits."""
    if device.type != "cuda" or not isinstance(part, LoadedClips):
        return part
    if part.samples.nbytes > _SHARE_OF_CARD * torch.cuda.mem_get_info(device)[0]:
        return part
    return LoadedClips(part.samples.to(device), part.labels, part.paths)


def _pieces(part: Clips, seed: int) -> NDArray[np.int16]:
    """Clips (N, clip_samples) that made-up words are made from."""
    if isinstance(part, LoadedClips):
        return part.samples.numpy()
    some = numpy_generator(seed, SOUND).choice(len(part), size=min(_PIECES_FROM, len(part)), replace=False)
    sound = part.sound(torch.from_numpy(np.sort(some)))
    return np.asarray((sound * 32767).round().to(torch.int16).numpy())


def _ends(count: int, batch_size: int, *, world: int) -> list[int]:
    """Where each batch of an epoch ends; a rest too small to learn from joins the batch before it."""
    least = 2 * world  # batch norm cannot learn from one clip
    size = max(batch_size, least)
    ends = list(range(size, count + 1, size)) or [count]
    if count - ends[-1] >= least:
        ends.append(count)
    else:
        ends[-1] = count
    return ends
