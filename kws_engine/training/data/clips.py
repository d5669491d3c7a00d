"""The clips of one split as samples: in memory where they fit, else read from their files whenever they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine import audio
from kws_engine.clips import trimming
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.errors import AudioError, TrainingError
from kws_engine.training.events import Progress, Skipped

LONGEST_NOISE_S = 120.0
IN_MEMORY_BYTES = 384 * 2**20  # of samples; a larger split is read from its files
_SUBSTITUTES = 20  # clips tried in place of one that can no longer be read


class Clips(Protocol):
    """The clips of one split, wherever their samples are.

    Attributes:
        labels: (N,) int64.
        paths: The file of each clip; empty where they are not needed.
    """

    @property
    def labels(self) -> Tensor: ...

    @property
    def paths(self) -> Sequence[Path]: ...

    def __len__(self) -> int: ...

    def sound(self, indices: Tensor) -> Tensor:
        """Samples (B, clip_samples) in -1..1 of these clips (B,)."""
        ...

    def newly_skipped(self) -> list[Skipped]:
        """The files found to be unreadable since the last call."""
        ...


@dataclass(frozen=True)
class LoadedClips:
    """Clips in memory: samples (N, clip_samples) int16 and labels (N,) int64."""

    samples: Tensor
    labels: Tensor
    paths: Sequence[Path] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def sound(self, indices: Tensor) -> Tensor:
        """Samples (B, clip_samples) in -1..1."""
        return self.samples.index_select(0, indices.to(self.samples.device)).float().mul_(1 / 32768)

    def newly_skipped(self) -> list[Skipped]:
        """None: all files were read at the start."""
        return []


class UnreadClips:
    """Clips that nothing is learned from any more: they have labels and paths, but silence in place of their sound."""

    def __init__(self, paths: Sequence[Path], labels: Tensor, *, clip_samples: int) -> None:
        self.paths = paths
        self.labels = labels
        self._clip_samples = clip_samples

    def __len__(self) -> int:
        return len(self.labels)

    def sound(self, indices: Tensor) -> Tensor:
        """Silence (B, clip_samples)."""
        return torch.zeros((len(indices), self._clip_samples))

    def newly_skipped(self) -> list[Skipped]:
        """None: no file is read."""
        return []


class StreamedClips:
    """Clips that are read from their files each time, so that memory does not grow with their number."""

    def __init__(self, paths: Sequence[Path], labels: Tensor, *, rate: int, clip_samples: int) -> None:
        self.paths = paths
        self.labels = labels
        self._rate = rate
        self._clip_samples = clip_samples
        self._skipped: dict[int, Skipped] = {}
        self._reported = 0

    def __len__(self) -> int:
        return len(self.labels)

    def sound(self, indices: Tensor) -> Tensor:
        """Samples (B, clip_samples) in -1..1; in place of a missing or damaged file, another clip of its label.

        Raises:
            TrainingError: None of those can be read either, for example because a disk was removed.
        """
        sound = torch.empty((len(indices), self._clip_samples))
        for place, index in enumerate(indices.tolist()):
            sound[place] = torch.from_numpy(self._read(index))
        return sound

    def newly_skipped(self) -> list[Skipped]:
        """The files found to be unreadable since the last call."""
        new = list(self._skipped.values())[self._reported :]
        self._reported += len(new)
        return new

    def _read(self, index: int) -> NDArray[np.float32]:
        for candidate in (index, *self._substitutes(index)):
            if candidate in self._skipped:
                continue
            try:
                return read_clip(self.paths[candidate], rate=self._rate, clip_samples=self._clip_samples)
            except AudioError as error:
                self._skipped[candidate] = Skipped(str(self.paths[candidate]), str(error))
        raise TrainingError(
            f"{self.paths[index]} and the clips that could take its place can no longer be read: bring them back, and "
            "resume the run",
            kind="clips_changed",
        )

    def _substitutes(self, index: int) -> Iterator[int]:
        """Other clips of the same label, the next one first."""
        alike = torch.nonzero(self.labels == self.labels[index]).flatten()
        at = int(torch.searchsorted(alike, index))
        for step in range(1, min(_SUBSTITUTES, len(alike))):
            yield int(alike[(at + step) % len(alike)])


def read_clip(path: Path, *, rate: int, clip_samples: int) -> NDArray[np.float32]:
    """One clip (clip_samples,), trimmed to its speech.

    Raises:
        AudioError: The file is missing, damaged, of an unknown format or far too long.
    """
    sound = audio.read(path, rate=rate, max_seconds=LONGEST_CLIP_S)
    return trimming.fitted(sound, rate, clip_samples=clip_samples)


def load_clips(
    paths: Sequence[Path], labels: Tensor, *, rate: int, clip_samples: int, what: str
) -> Iterator[Progress | Skipped | LoadedClips | StreamedClips]:
    """Reads the clips, or leaves them on disk where they are too many; yields its progress and at last the clips.

    Args:
        paths: Of N clips.
        labels: (N,) int64.
        rate: Samples a second.
        clip_samples: Length of a clip.
        what: The task, as progress names it.
    """
    if len(paths) * clip_samples * 2 > IN_MEMORY_BYTES:
        yield StreamedClips(paths, labels, rate=rate, clip_samples=clip_samples)
        return
    samples = torch.zeros((len(paths), clip_samples), dtype=torch.int16)
    readable: list[int] = []
    for number, path in enumerate(paths):
        if number % 200 == 0:
            yield Progress(what, number, len(paths))
        try:
            samples[len(readable)] = torch.from_numpy(
                audio.pcm16(read_clip(path, rate=rate, clip_samples=clip_samples))
            )
        except AudioError as error:
            yield Skipped(str(path), str(error))
            continue
        readable.append(number)
    yield Progress(what, len(paths), len(paths))
    yield LoadedClips(samples[: len(readable)], labels[readable], [paths[number] for number in readable])


def load_noise(paths: Sequence[Path], *, rate: int) -> Iterator[Skipped | Tensor]:
    """Yields the unreadable files, and at last all noises in one row (N,), float32, at most two minutes of each."""
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
