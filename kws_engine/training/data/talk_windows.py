"""Windows of talk to learn from as other words: anywhere at random, or where the network came closest to a word.

Windows overlap, so the talk is augmented and made into band energies a whole piece at a time, at a tenth of the cost of
as many clips, and every draw of every epoch is a window of its own. Epoch 1 has some minutes of the talk. Each later
one adds more or, when all of it is there, augments some of it anew. As with the features of clips, what an epoch has
follows from the seed and its number alone.

One half of the windows take on the loudness and the colour of some clips, band by band: otherwise the network would
learn to tell the talk by its microphone, and take any other speech for a word all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kws_engine.features._torch import TorchFeatures
from kws_engine.training.data.source import Score
from kws_engine.training.data.talk import Talk
from kws_engine.training.seeds import HARD_TALK, TALK_WINDOWS, numpy_generator

BandsOf = Callable[[Tensor, int, int], tuple[Tensor, Tensor]]
_MOST_BYTES = 128 * 2**20  # of band energies
_FIRST_SHARE, _LATER_SHARE = 0.3, 0.15  # of the seconds that an epoch draws: how much is computed for it
_LEAST_FIRST = 12  # pieces
_QUIET = 0.01  # of a piece's mean power: windows below are pauses
_MIN_ENERGY = 1e-10
_JITTER_S = 0.08
_COLOURED_SHARE = 0.5
_CLIPS_A_COLOUR = 8  # their mean keeps microphone and voice, and little of what each says
_MOST_COLOUR = 6.9  # nepers of energy: 30 dB
_CANDIDATES = 1.5  # windows looked at for hard ones, for each clip of an epoch
_HELD = 2.0  # hard windows held, for each that an epoch draws
_AT_ONCE = 256


@dataclass(frozen=True)
class Piece:
    """One piece as it sounds in one generation.

    Attributes:
        bands: Logarithms of band energies (F, n_bands), half precision.
        power: Mean square (S,) of the samples in the window that starts at each of its first S frames.
        colour: Logarithm of the mean energy of each band (n_bands,).
    """

    bands: Tensor
    power: Tensor
    colour: Tensor


class TalkWindows:
    """The pieces that are there in an epoch, and the hard windows found so far."""

    def __init__(
        self,
        talk: Talk,
        features: TorchFeatures,
        *,
        clip_colours: Tensor,
        clip_samples: int,
        draws: int,
        epoch_clips: int,
        hard_share: float,
        is_fixed: bool,
        seed: int,
        device: torch.device,
    ) -> None:
        """Computes nothing yet.

        Args:
            talk: With one piece at least.
            features: On the device.
            clip_colours: Of some clips to learn from, the logarithms of each band's mean energy (N, n_bands); without
                any, windows keep their own colour.
            clip_samples: Length of a window.
            draws: Windows that an epoch draws.
            epoch_clips: Clips of an epoch, those windows among them.
            hard_share: Of the windows drawn, where any hard ones are known.
            is_fixed: Whether no sound is augmented, so that no piece need be computed twice.
            seed: Of every choice.
            device: Where the band energies are kept.
        """
        pipeline = features.pipeline
        self._talk = talk
        self._finish = features.finish
        self._seed = seed
        self._hard_share = hard_share
        self._is_fixed = is_fixed
        self._hop, self._clip_samples = pipeline.hop_samples, clip_samples
        self._frames, self._window = pipeline.n_frames(talk.piece_samples), pipeline.n_frames(clip_samples)
        self._starts = self._frames - self._window + 1
        self._jitter = round(_JITTER_S / pipeline.hop_s)
        self._most = max(1, min(talk.most, _MOST_BYTES // (2 * self._frames * pipeline.n_bands)))
        windows_a_piece = talk.piece_samples / clip_samples
        self._first = max(_LEAST_FIRST, round(_FIRST_SHARE * draws / windows_a_piece))
        self._each = max(1, round(_LATER_SHARE * draws / windows_a_piece))
        self._candidates = round(_CANDIDATES * epoch_clips)
        self._held = max(1, round(_HELD * hard_share * draws))
        # Not touched until it is written to, so that only the pieces that are there take memory.
        self._bands = torch.empty((self._most * self._frames, pipeline.n_bands), dtype=torch.float16, device=device)
        self._power = torch.zeros((self._most, self._starts))
        self._colours = torch.zeros((self._most, pipeline.n_bands), device=device)
        self._clip_colours = clip_colours.to(device)
        self._generation = [-1] * self._most
        self._audible = torch.zeros(0, dtype=torch.int64)
        self._hard = torch.zeros(0, dtype=torch.int64)  # windows by number: piece * starts + first frame

    # -- the pieces of an epoch

    def due(self, epoch: int) -> list[tuple[int, int]]:
        """The pieces to compute before this epoch (from 1 on), each with its generation; reads what is missing."""
        wanted = self._first + self._each * (epoch - 1)
        there = self._talk.read_up_to(min(wanted, self._most))
        if there == 0 or self._is_fixed:
            wanted = there
        latest = [(turn % there, turn // there) for turn in range(wanted - there, wanted)]
        return sorted((piece, new) for piece, new in latest if self._generation[piece] != new)

    @torch.no_grad()
    def computed(self, due: tuple[int, int], bands_of: BandsOf) -> Piece:
        """A piece in a generation; several threads may call this at once.

        Args:
            due: As of `due`.
            bands_of: Gives the augmented sound (1, N) and its energies (1, F, n_bands) of a piece (1, N), from its
                number and generation.
        """
        piece, generation = due
        sound, bands = bands_of(self._talk.piece(piece), piece, generation)
        squares = torch.nn.functional.pad(sound[0].cpu().double().square().cumsum(0), (1, 0))
        first = torch.arange(self._starts) * self._hop
        last = (first + self._clip_samples).clamp_max(len(squares) - 1)
        power = (squares[last] - squares[first]) / self._clip_samples
        bands = bands[0].clamp_min(_MIN_ENERGY)
        return Piece(bands.log().half(), power.float(), bands.mean(0).log())

    def update(self, due: tuple[int, int], piece: Piece) -> None:
        """Puts a piece in the place of its last generation."""
        number, generation = due
        self._bands[number * self._frames : (number + 1) * self._frames] = piece.bands
        self._power[number] = piece.power
        self._colours[number] = piece.colour
        self._generation[number] = generation

    def begin(self) -> None:
        """Call after the last `update` before an epoch."""
        power = self._power[: sum(generation >= 0 for generation in self._generation)]
        audible = power > _QUIET * power.mean(dim=1, keepdim=True)
        self._audible = torch.nonzero((audible if audible.any() else ~audible).flatten()).flatten()

    # -- windows

    def draw(self, count: int, *where: int) -> tuple[Tensor, Tensor]:
        """Band energies (count, T, n_bands) of windows, and their mean squares (count,); `where` seeds the choice."""
        generator = numpy_generator(self._seed, TALK_WINDOWS, *where)
        windows = self._anywhere(count, generator)
        if len(self._hard):
            hard = self._hard[torch.from_numpy(generator.integers(0, len(self._hard), count))]
            is_hard = torch.from_numpy(generator.random(count) < self._hard_share)
            moved = torch.from_numpy(generator.integers(-self._jitter, self._jitter + 1, count))
            windows = torch.where(is_hard, self._moved(hard, moved), windows)
        return self._coloured(windows, generator)

    def _coloured(self, windows: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The windows' energies and mean squares, one half of them with the loudness and colour of some clips."""
        bands, power = self._energies(windows), self._power.flatten()[windows]
        if len(self._clip_colours) == 0:
            return bands, power
        chosen = torch.from_numpy(generator.random(len(windows)) < _COLOURED_SHARE)
        some = torch.from_numpy(generator.integers(0, len(self._clip_colours), (len(windows), _CLIPS_A_COLOUR)))
        device = bands.device
        wanted = self._clip_colours[some.to(device)].mean(1)
        offsets = wanted - self._colours[(windows // self._starts).to(device)]
        offsets = offsets.clamp(-_MOST_COLOUR, _MOST_COLOUR) * chosen.to(device).unsqueeze(1)
        before = bands.sum((1, 2))
        bands.mul_(offsets.exp_().unsqueeze(1))
        return bands, power * (bands.sum((1, 2)) / before).to(power.device)

    def _anywhere(self, count: int, generator: np.random.Generator) -> Tensor:
        """The numbers (count,) of windows that are not silent."""
        return self._audible[torch.from_numpy(generator.integers(0, len(self._audible), count))]

    def _moved(self, windows: Tensor, frames: Tensor) -> Tensor:
        """The windows (B,) so many frames (B,) later, within their pieces."""
        start = (windows % self._starts + frames).clamp(0, self._starts - 1)
        return windows - windows % self._starts + start

    def _energies(self, windows: Tensor) -> Tensor:
        device = self._bands.device
        first = windows // self._starts * self._frames + windows % self._starts
        rows = first.to(device).unsqueeze(1) + torch.arange(self._window, device=device)
        bands = self._bands.index_select(0, rows.flatten()).float().exp_()
        return bands.view(*rows.shape, -1)

    # -- hard ones

    @torch.no_grad()
    def scored(self, epoch: int, score: Score, *, rank: int, world: int) -> tuple[Tensor, Tensor]:
        """Windows (N,) of the talk that is there, the hard ones known so far among them, and their scores (N,).

        Args:
            epoch: Seeds the choice.
            score: Of features (B, T, F), (B,): how close each comes to a word.
            rank: Which of the processes this is: the scores of the others' windows are left 0.
            world: How many processes share the work.
        """
        generator = numpy_generator(self._seed, HARD_TALK, epoch)
        windows = torch.from_numpy(np.union1d(self._hard.numpy(), self._anywhere(self._candidates, generator).numpy()))
        scores = torch.zeros(len(windows))
        for number, block in enumerate(torch.split(torch.arange(len(windows)), _AT_ONCE)):
            if number % world == rank:
                scores[block] = score(self._finish(self._energies(windows[block]))).float().cpu()
        return windows, scores

    def keep_hardest(self, windows: Tensor, scores: Tensor) -> None:
        """Keeps those of the windows (N,) whose scores (N,) are highest, in place of the ones before."""
        order = torch.argsort(scores, descending=True, stable=True)
        self._hard = windows[order[: self._held]]

    @property
    def looks_for_hard(self) -> bool:
        """Whether hard windows are drawn at all."""
        return self._hard_share > 0

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps: the hard windows (N,)."""
        return {"hard": self._hard}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`; of a checkpoint without them, none are known."""
        self._hard = tensors.get("hard", self._hard[:0])
