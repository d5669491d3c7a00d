"""The batches of a network on vectors of the speech encoder: words laid into sound, against everything else.

Every clip is laid several times, each time into other sound and changed in another way, and encoded; a share of these
rows is made anew each epoch. A step draws windows of rows and of the bank. What a row holds in an epoch follows from
the seed, its number and the epoch alone, so that a resumed run gets the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine.augment.context import Augment, Context
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.training.config import TrainingConfig
from kws_engine.training.data.bank_windows import BankWindows
from kws_engine.training.data.clips import Clips
from kws_engine.training.data.feature_cache import WHOLE, Shard
from kws_engine.training.data.laid_rows import LATER, window_of
from kws_engine.training.data.laying_words import Window, core_of, half_of, laid
from kws_engine.training.data.sampling import SILENT, SYNTHETIC, TALK
from kws_engine.training.data.silence import silence
from kws_engine.training.data.source import Batch
from kws_engine.training.data.workers import Workers
from kws_engine.training.events import Progress
from kws_engine.training.seeds import ORDER, SOUND, numpy_generator, torch_generator

_TASK = "Laying the clips into sound and encoding them"
_COPIES = 24
_MOST_ROWS = 1600  # of words, where that is at least one copy of each clip
_OTHER_COPIES, _MOST_OTHER_ROWS = 4, 200
_PART_SHARE = 0.3  # rows of parts of the words, to one of a word
_NOISE_ROWS = 240
_BLOCK = 16  # rows that are made together
_WHOLE, _SAID = 0, 1  # a clip, and what a synthetic voice says, unlike SILENT and SYNTHETIC
_NOISY_SCENES = 0.6  # of the rows without speech
_SAID_SHARE = 0.35  # of the draws of a word, where synthetic voices say it


@dataclass(frozen=True)
class Voice:
    """Augmentations of the word alone, and of all that the microphone hears."""

    word: Sequence[Augment]
    scene: Sequence[Augment]


@dataclass(frozen=True)
class Said:
    """Samples (N,) of a synthetic voice, and the label that they are learned as."""

    samples: NDArray[np.float32]
    label: int


class LaidBatches:
    """A `Source`; its `talk` is the bank."""

    def __init__(
        self,
        clips: Clips,
        config: TrainingConfig,
        bank: BankWindows,
        *,
        pipeline: EncodedPipeline,
        clip_samples: int,
        augments: Voice,
        said: Sequence[Said],
        noises: Tensor,
        talk: NDArray[np.float32],
        unknown: int,
        seed: int,
        device: torch.device,
        shard: Shard = WHOLE,
        threads: int = 1,
    ) -> None:
        """Lays nothing yet.

        Args:
            clips: The training split.
            config: Shares, batch size, epochs.
            bank: What is not the word.
            pipeline: The encoder's.
            clip_samples: Length of a clip.
            augments: What changes the sound.
            said: What synthetic voices say, each laid once and made anew as often as a take.
            noises: Background noise in one row (N,).
            talk: Speech without the words (M,), to lay words into.
            unknown: The label of other words; silence is the next.
            seed: Of all chance.
            device: Where batches are needed.
            shard: Which process this is, of how many.
            threads: That lay and encode.
        """
        self._clips, self._bank, self._pipeline = clips, bank, pipeline
        self._clip_samples, self._augments = clip_samples, augments
        self._noises, self._talk = noises, talk
        self._seed, self._device, self._shard = seed, device, shard
        self._epochs = config.epochs
        self.unknown = unknown
        self._said = said
        self._rows = _rows_of(clips.labels, config, unknown=unknown, seed=seed)
        self._rows += [_Row(_SAID, number, one.label) for number, one in enumerate(said)]
        self._refresh = max(1, round(1 / config.fresh_share))
        self._vectors = pipeline.n_frames(pipeline.window_for(clip_samples))
        self._stored = torch.zeros((len(self._rows), self._vectors + LATER, pipeline.n_features))
        self._made = [0] * len(self._rows)
        self._pools = _pools_of(self._rows, config, words=unknown, has_bank=len(bank) > 0)
        self._size = config.batch_size
        spoken = int((clips.labels < unknown).sum())
        self.steps = max(1, round(max(config.clips_per_epoch, spoken) / config.batch_size))
        self._workers = Workers(threads)
        self._ahead: _Laying | None = None

    def __len__(self) -> int:
        return self.steps * self._size

    @property
    def talk(self) -> BankWindows:
        """The bank."""
        return self._bank

    def prepare(self, epoch: int) -> Iterator[Progress | None]:
        """Lays the rows that are due before an epoch: all that a resumed run lacks, later a share.

        The threads then lay those of the next epoch while this one takes its steps.
        """
        is_first = not any(self._made)
        laying = self._ahead if self._ahead is not None and self._ahead.epoch == epoch else self._begun(epoch)
        count, done = sum(len(rows) for rows, _ in laying.blocks), 0
        for rows, vectors in laying.blocks:
            yield Progress(_TASK, done, count) if is_first and done % (4 * _BLOCK) == 0 else None
            self._stored[rows] = vectors.result()
            for row in rows:
                self._made[row] = self._generation(row, epoch)
            done += len(rows)
        self._workers.settle()
        if is_first:
            yield Progress(_TASK, count, count)
        self._ahead = self._begun(epoch + 1) if epoch < self._epochs else None

    def _begun(self, epoch: int) -> _Laying:
        """The rows that are due before an epoch, as the threads lay them."""
        due = [row for row in range(len(self._rows)) if self._made[row] != self._generation(row, epoch)]
        blocks = [due[at : at + _BLOCK] for at in range(0, len(due), _BLOCK)]
        laid = self._workers.begin(self._laid_block, [(rows, epoch) for rows in blocks])
        return _Laying(epoch, list(zip(blocks, laid, strict=True)))

    def epoch(self, number: int) -> Iterator[Batch]:
        """Batches of windows, each with the same share of every kind."""
        for step in range(self.steps):
            yield self._batch(numpy_generator(self._seed, ORDER, number, step))

    def close(self) -> None:
        """Ends the threads."""
        self._workers.close()

    # -- rows

    def _generation(self, row: int, epoch: int) -> int:
        """The epoch in which a row was last made anew, in this epoch."""
        latest = epoch - (row + epoch) % self._refresh
        return max(1, latest)

    def _laid_block(self, task: tuple[list[int], int]) -> Tensor:
        """Vectors (B, T, F) of some rows; several threads may call this at once."""
        rows, epoch = task
        return torch.cat([self._laid_row(row, self._generation(row, epoch)) for row in rows])

    @torch.no_grad()
    def _laid_row(self, row: int, generation: int) -> Tensor:
        kind, clip = self._rows[row].kind, self._rows[row].clip
        numbers = (self._seed, SOUND, row, generation)
        generator = numpy_generator(*numbers, 1)
        window = window_of(self._pipeline, self._clip_samples, phase=float(generator.random()))
        context = Context(torch_generator(torch.device("cpu"), *numbers), window.rate, self._noises_or_none())
        if kind == SILENT:
            quiet = torch_generator(torch.device("cpu"), *numbers, 2)
            sound = silence(1, window.samples, noises=self._noises, generator=quiet)
            if generator.random() < _NOISY_SCENES:  # the noise that lies under words, and nobody speaks
                for augment in self._augments.scene:
                    sound = augment(sound, context)
        else:
            spoken = torch.from_numpy(self._said[clip].samples).unsqueeze(0) if kind == _SAID else self._clip(clip)
            sound = self._scene(spoken, window, generator, context, is_part=kind == SYNTHETIC)
            for augment in self._augments.scene:
                sound = augment(sound, context)
        return torch.from_numpy(self._pipeline.batch(sound.numpy()))

    def _clip(self, clip: int) -> Tensor:
        return self._clips.sound(torch.tensor([clip])).cpu()

    def _scene(
        self, spoken: Tensor, window: Window, generator: np.random.Generator, context: Context, *, is_part: bool
    ) -> Tensor:
        """What is spoken (1, N), or a part of it, in the sound around it."""
        for augment in self._augments.word:
            spoken = augment(spoken, context)
        samples = spoken[0].numpy()
        core = core_of(samples, window.rate)
        if is_part:
            core = half_of(core, generator)
            samples = samples[core[0] : core[1]]
            core = (0, len(samples))
        return torch.from_numpy(laid(samples, core, window, generator, talk=self._talk)).unsqueeze(0)

    def _noises_or_none(self) -> Tensor | None:
        return self._noises if len(self._noises) else None

    # -- batches

    def _batch(self, generator: np.random.Generator) -> Batch:
        features, labels, clips = [], [], []
        for pool in self._pools:
            count = round(pool.share * self._size)
            if pool.rows is None:
                features.append(self._bank.draw(count, generator))
                labels += [self.unknown] * count
                clips += [TALK] * count
                continue
            chosen = pool.rows[generator.integers(0, len(pool.rows), count)]
            starts = torch.from_numpy(generator.integers(0, LATER + 1, count))
            at = starts.unsqueeze(1) + torch.arange(self._vectors)
            features.append(self._stored[torch.from_numpy(chosen).unsqueeze(1), at])
            labels += [self._rows[row].label for row in chosen.tolist()]
            clips += [self._rows[row].shown_as for row in chosen.tolist()]
        own = slice(self._shard.rank, None, self._shard.world)
        return Batch(
            torch.cat(features)[own].to(self._device),
            torch.tensor(labels)[own].to(self._device),
            torch.tensor(clips)[own],
            len(labels),
        )


@dataclass(frozen=True)
class _Laying:
    """What the threads lay for an epoch: blocks of rows, and their vectors (B, T, F)."""

    epoch: int
    blocks: list[tuple[list[int], Future[Tensor]]]


@dataclass(frozen=True)
class _Row:
    """What is laid in one row of the store.

    Attributes:
        kind: _WHOLE, _SAID (by a synthetic voice), SYNTHETIC (a part of a word) or SILENT.
        clip: Which clip of the split, or which of what is said; -1 for noise.
        label: To learn.
    """

    kind: int
    clip: int
    label: int

    @property
    def shown_as(self) -> int:
        """Its clip as a batch tells it."""
        return self.clip if self.kind == _WHOLE else SYNTHETIC if self.kind == _SAID else self.kind


@dataclass(frozen=True)
class _Pool:
    """Rows (R,) that share a part of every batch; None for the bank."""

    share: float
    rows: NDArray[np.int64] | None


def _rows_of(labels: Tensor, config: TrainingConfig, *, unknown: int, seed: int) -> list[_Row]:
    """Each word and other word several times, parts of words, and noise; nothing that no batch draws."""
    generator = numpy_generator(seed, SOUND)
    spoken = torch.nonzero(labels < unknown).flatten().tolist()
    others = torch.nonzero(labels == unknown).flatten().tolist()
    others = generator.permutation(others)[:_MOST_OTHER_ROWS].tolist() if others else []
    copies = max(1, min(_COPIES, _MOST_ROWS // max(1, len(spoken))))
    other_copies = max(1, min(_OTHER_COPIES, _MOST_OTHER_ROWS // max(1, len(others))))
    rows = [_Row(_WHOLE, clip, int(labels[clip])) for clip in spoken for _ in range(copies)]
    if config.unknown_share > 0:
        rows += [_Row(_WHOLE, clip, unknown) for clip in others for _ in range(other_copies)]
    if config.made_up_share > 0:
        parts = generator.choice(spoken, max(1, round(_PART_SHARE * min(len(spoken) * copies, _MOST_ROWS))))
        rows += [_Row(SYNTHETIC, int(clip), unknown) for clip in parts]
    return rows + [_Row(SILENT, -1, unknown + 1)] * (_NOISE_ROWS if config.silence_share > 0 else 0)


def _pools_of(rows: Sequence[_Row], config: TrainingConfig, *, words: int, has_bank: bool) -> list[_Pool]:
    """The rows of each word, each with the same share, of other words, parts and noise, and the bank."""
    labels = np.array([row.label for row in rows])
    kinds = np.array([row.kind for row in rows])
    wanted = [
        (config.unknown_share, ((kinds == _WHOLE) | (kinds == _SAID)) & (labels == words)),
        (config.made_up_share, kinds == SYNTHETIC),
        (config.silence_share, kinds == SILENT),
    ]
    pools = [_Pool(share, np.flatnonzero(chosen)) for share, chosen in wanted if share > 0 and chosen.any()]
    if has_bank and config.talk_share > 0:
        pools.append(_Pool(config.talk_share, None))
    rest = max(0.05, 1.0 - sum(share for share, _ in wanted) - config.talk_share)
    by_word = [(labels == word, rest / words) for word in range(words) if (labels == word).any()]
    for is_word, share in by_word:
        takes, said = np.flatnonzero(is_word & (kinds == _WHOLE)), np.flatnonzero(is_word & (kinds == _SAID))
        said_share = _SAID_SHARE * share if len(said) else 0.0
        pools += [_Pool(share - said_share, takes)] if len(takes) else []
        pools += [_Pool(said_share, said)] if len(said) else []
    return _evened(pools)


def _evened(pools: list[_Pool]) -> list[_Pool]:
    """Their shares, so that they sum to 1."""
    total = sum(pool.share for pool in pools)
    return [_Pool(pool.share / total, pool.rows) for pool in pools]
