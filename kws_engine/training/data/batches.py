"""The batches of an epoch, augmented along the way.

Augmenting a clip and computing its features costs several times as much as a small network's step. So a run caches the
band energies of every draw of an epoch and recomputes only a share of them each epoch (`fresh_share`). What is cheap,
background noise and the augmentation of the spectrogram, is always recomputed. The features of a draw follow from the
seed, its block and the epoch alone, whatever was computed before: a resumed run and each of several processes get the
same. Windows of talk are cut from longer pieces instead, every epoch others (`TalkWindows`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
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
from kws_engine.training.data.sampling import SILENT, SYNTHETIC, TALK, Sampler, SamplingPlan
from kws_engine.training.data.silence import silence
from kws_engine.training.data.source import Batch
from kws_engine.training.data.synthetic_words import speech_spans, synthetic_word
from kws_engine.training.data.talk_windows import Piece, TalkWindows
from kws_engine.training.data.workers import Workers
from kws_engine.training.events import Progress
from kws_engine.training.seeds import BAND_NOISE, SOUND, SPECTROGRAM, TALK_SOUND, numpy_generator, torch_generator

_REPORT_EVERY = 8  # blocks
_TASK = "Augmenting and computing features"
_SYNTHESIS_CLIPS = 2000  # at most this many clips supply the pieces of synthetic words
_MIN_ENERGY = 1e-10  # of a band: far below the floor that features add
_GPU_SHARE = 0.3  # of a graphics card's free memory that samples may take


class Batches:
    """The training split as a source of epochs."""

    def __init__(
        self,
        clips: Clips,
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
        talk: TalkWindows | None = None,
    ) -> None:
        self._clips = _on_device_if_it_fits(clips, device)
        self._noises = noises
        self._device_noises = noises.to(device) if len(noises) else None
        self._sound = sound
        self._spectrogram = spectrogram
        self._features = features
        self._rate = rate
        self.unknown = unknown
        self._seed = seed
        self._device = device
        self._shard = shard
        self._sampler = Sampler(plan, seed=seed)
        self._synthesis_clips = _synthesis_clips(clips, seed)
        self._speech_spans = speech_spans(self._synthesis_clips)
        self._ends = _batch_ends(len(self._sampler), batch_size, world=shard.world)
        self.steps = len(self._ends)
        self._cache: FeatureCache | None = None
        if fresh_share < 1:
            self._cache = FeatureCache(
                self._sampler, shard, fresh_share=fresh_share, epochs=epochs, fixed_sound=not sound
            )
        self._band_noise: BandNoise | None = None
        if band_noise is not None and self._device_noises is not None:
            self._band_noise = BandNoise(self._device_noises, features, band_noise)
        self.talk = talk
        self._folder = folder
        self._store: FeatureStore | None = None
        self._store_lock = threading.Lock()
        self._workers = Workers(torch.get_num_threads())

    def __len__(self) -> int:
        """Clips of an epoch, in all processes together."""
        return len(self._sampler)

    def prepare(self, epoch: int) -> Iterator[Progress | None]:
        """Recomputes the features that are due before an epoch (from 1 on).

        Yields:
            The progress of the first call, which takes longest, now and then; else None, so that the caller can stop
            after every block.
        """
        if self._cache is not None:
            yield from self._prepare_clips(self._cache, epoch)
        if self.talk is not None:
            due = self.talk.due(epoch)
            for one, piece in zip(due, self._workers.stream(self._talk_piece, due), strict=True):
                self.talk.update(one, piece)
                yield None
            self.talk.begin()

    def _prepare_clips(self, cache: FeatureCache, epoch: int) -> Iterator[Progress | None]:
        is_first, due = self._store is None, cache.due(epoch)
        filled = zip(due, self._workers.stream(self._fill_block, due), strict=True)
        for number, ((block, generation), (clips, power)) in enumerate(filled):
            is_told = is_first and number % _REPORT_EVERY == 0
            yield Progress(_TASK, number * BLOCK, len(cache)) if is_told else None
            cache.update(block, generation, clips, power)
        if is_first:
            yield Progress(_TASK, len(cache), len(cache))

    def close(self) -> None:
        """Ends the threads and frees the cache; no batch can be made any more."""
        self._workers.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _fill_block(self, due: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Writes a block of a generation to the store; returns its clips (B,) and their sound's mean squares (B,)."""
        assert self._cache is not None
        block, generation = due
        first, draws = self._cache.block(block)
        clips = self._sampler.clips(draws, generation=generation)
        bands, power = self._bands_of(clips, block, generation)
        values = bands.clamp_min_(_MIN_ENERGY).log_() if self._band_noise is not None else self._features.finish(bands)
        self._store_for(tuple(values.shape[1:])).write(first, values)
        return clips, power.cpu()

    def _store_for(self, shape: tuple[int, ...]) -> FeatureStore:
        """The store for features of this shape; the first thread that asks makes it."""
        assert self._cache is not None
        with self._store_lock:
            if self._store is None:
                self._store = make_feature_store(len(self._cache), shape, device=self._device, folder=self._folder)
            return self._store

    def _talk_piece(self, due: tuple[int, int]) -> Piece:
        """A piece of talk in a generation; the same in all processes."""
        assert self.talk is not None
        return self.talk.computed(due, self._augmented)

    def _augmented(self, sound: Tensor, *where: int) -> tuple[Tensor, Tensor]:
        """Sound (B, N) of talk, augmented, and its band energies (B, T, bands); `where` seeds the randomness."""
        context, sound = self._context(TALK_SOUND, *where), sound.to(self._device)
        for augment in self._sound:
            sound = augment(sound, context)
        return sound, self._features.bands(sound)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Every draw once, in the order of this epoch; call `prepare` first."""
        shard, cache = self._shard, self._cache
        order = self._sampler.order(number, world=shard.world)
        spans = list(zip([0, *self._ends], self._ends, strict=False))
        # Looked up for all steps together: small operations in each of them cost 3% of a small network's run.
        rows = order if cache is None else cache.rows(order)
        clips = self._sampler.clips(order, generation=number - 1)
        if cache is not None:
            clips = torch.where(clips == TALK, TALK, cache.clips(rows))
        labels = self._sampler.labels(order, unknown=self.unknown).to(self._device)

        @torch.no_grad()
        def make_batch(step: int) -> Batch:
            start, end = spans[step]
            own = slice(start + shard.rank, end, shard.world)
            features = self._features_of(clips[own], rows[own], number, step)
            if self._spectrogram:
                context = self._context(SPECTROGRAM, number, step, shard.rank)
                for augment in self._spectrogram:
                    features = augment(features, context)
            return Batch(features, labels[own], clips[own], end - start)

        is_only_read = cache is not None and self._band_noise is None and not self._spectrogram
        if is_only_read or self._device.type != "cpu":
            return map(make_batch, range(len(spans)))
        return (batch for _, batch in self._workers.results(make_batch, range(len(spans))))

    def _features_of(self, clips: Tensor, rows: Tensor, epoch: int, step: int) -> Tensor:
        """Features (B, T, F) of these clips (B,), which are in these rows (B,) of the cache where there is one."""
        is_talk = clips == TALK
        others, talk = (torch.nonzero(which).squeeze(1) for which in (~is_talk, is_talk))
        are_finished = self._cache is not None and self._band_noise is None
        parts = []
        if len(others):
            parts.append((others, *self._values_of(clips[others], rows[others], epoch, step)))
        if len(talk):
            assert self.talk is not None
            bands, power = self.talk.draw(len(talk), epoch, step, self._shard.rank)
            parts.append((talk, self._features.finish(bands) if are_finished else bands, power))
        values, powers = (_merged([(part[0], part[column]) for part in parts]) for column in (1, 2))
        if are_finished:
            return values
        if self._band_noise is not None:
            context = self._context(BAND_NOISE, epoch, step, self._shard.rank)
            values = self._band_noise.add(values, powers.to(self._device), context)
        return self._features.finish(values)

    def _values_of(self, clips: Tensor, rows: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Band energies (B, T, bands) of these clips, or features where the cache has those, and mean squares (B,)."""
        if self._cache is None:
            return self._bands_of(clips, step, epoch)
        assert self._store is not None, "prepare comes first"
        values = self._store.read(rows)
        return values if self._band_noise is None else values.exp_(), self._cache.power(rows)

    @torch.no_grad()
    def _bands_of(self, clips: Tensor, *where: int) -> tuple[Tensor, Tensor]:
        """Band energies (B, T, bands) of these clips, their sound augmented, and the sound's mean square (B,).

        `where` seeds the randomness.
        """
        numbers = (SOUND, *where, self._shard.rank)
        sound = self._sound_of(clips, numbers).to(self._device)
        context = self._context(*numbers)
        for augment in self._sound:
            sound = augment(sound, context)
        return self._features.bands(sound), torch.linalg.vector_norm(sound, dim=1).square() / sound.shape[1]

    def _sound_of(self, clips: Tensor, numbers: tuple[int, ...]) -> Tensor:
        """Samples (B, N) of these clips (B,): recordings, and silence and synthetic words made on the fly."""
        recorded, silent, synthetic = (
            torch.nonzero(which).squeeze(1) for which in (clips >= 0, clips == SILENT, clips == SYNTHETIC)
        )
        sound = self._clips.sound(clips[recorded])
        if len(recorded) == len(clips):
            return sound
        everything, device = sound.new_empty((len(clips), sound.shape[1])), sound.device
        everything.index_copy_(0, recorded.to(device), sound)
        if len(silent):
            generator = torch_generator(torch.device("cpu"), self._seed, *numbers, 1)
            made = silence(len(silent), sound.shape[1], noises=self._noises, generator=generator)
            everything.index_copy_(0, silent.to(device), made.to(device))
        if len(synthetic):
            rng = numpy_generator(self._seed, *numbers, 2)
            words = np.stack([synthetic_word(self._synthesis_clips, self._speech_spans, rng) for _ in synthetic])
            everything.index_copy_(0, synthetic.to(device), torch.from_numpy(words).to(device))
        return everything

    def _context(self, *numbers: int) -> Context:
        generator = torch_generator(self._device, self._seed, *numbers)
        return Context(generator=generator, rate=self._rate, noises=self._device_noises)


def _merged(parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Values (B, ...) of which each part gives some: their rows (b,) and values (b, ...)."""
    if len(parts) == 1:
        return parts[0][1]
    whole = parts[0][1].new_empty((sum(len(rows) for rows, _ in parts), *parts[0][1].shape[1:]))
    for rows, values in parts:
        whole.index_copy_(0, rows.to(whole.device), values.to(whole.device))
    return whole


def _on_device_if_it_fits(clips: Clips, device: torch.device) -> Clips:
    """The clips on the graphics card, where there is one with room for them."""
    if device.type != "cuda" or not isinstance(clips, LoadedClips):
        return clips
    if clips.samples.nbytes > _GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
        return clips
    return LoadedClips(clips.samples.to(device), clips.labels, clips.paths)


def _synthesis_clips(clips: Clips, seed: int) -> NDArray[np.int16]:
    """Clips (N, clip_samples) whose pieces make up synthetic words."""
    if isinstance(clips, LoadedClips):
        return clips.samples.numpy()
    some = numpy_generator(seed, SOUND).choice(len(clips), size=min(_SYNTHESIS_CLIPS, len(clips)), replace=False)
    sound = clips.sound(torch.from_numpy(np.sort(some)))
    return np.asarray((sound * 32767).round().to(torch.int16).numpy())


def _batch_ends(count: int, batch_size: int, *, world: int) -> list[int]:
    """Where each batch of an epoch ends; a remainder too small to learn from joins the batch before it."""
    least = 2 * world  # batch norm cannot learn from one clip
    size = max(batch_size, least)
    ends = list(range(size, count + 1, size)) or [count]
    if count - ends[-1] >= least:
        ends.append(count)
    else:
        ends[-1] = count
    return ends
