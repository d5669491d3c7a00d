"""Torch modules that take a stream look by look: samples and states to a window of features, or to scores, and states.

Samples of one look and the states before it -> features of the window that ends with them, and the states after it.
Every state begins as zeros, which stand for digital silence: what silence leaves in a state is taken from it before it
is handed out and added when it comes back. Imports torch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kws_engine.features._encoder_network import Encoder
from kws_engine.features._torch import FrontendGraph
from kws_engine.features.encoded import FRAMES, FRAMES_APART, EncodedPipeline
from kws_engine.features.pipeline import FeaturePipeline, Pipeline
from kws_engine.spotting.looks import Looks

_SILENT_BLOCKS = 2 * FRAMES // FRAMES_APART  # until silence is all that the encoder has heard


class StreamFrontend(nn.Module):
    """Samples (1, looks.look_samples) and states to features (1, window_frames, n_features) and new states.

    Attributes:
        states: The names of the states and their shapes, in order.
    """

    def __init__(self, pipeline: FeaturePipeline, looks: Looks) -> None:
        super().__init__()
        self.states: dict[str, tuple[int, ...]] = {}
        encoder = pipeline if isinstance(pipeline, EncodedPipeline) else None
        mel = pipeline.mel if isinstance(pipeline, EncodedPipeline) else pipeline
        assert isinstance(mel, Pipeline)
        self.frontend = FrontendGraph(mel)
        self.window_frames, self.overlap = looks.window_frames, mel.window_samples - mel.hop_samples
        if self.overlap:
            self.states["sound"] = (1, self.overlap)
        self.encoder: Encoder | None = None
        with torch.no_grad():
            silence = self.frontend.frames(torch.zeros(1, mel.window_samples))
            if encoder is not None:
                self.encoder, self.scale = Encoder(encoder.encoder), encoder.scale
                silence = self._hear_silence(silence)
        self.register_buffer("silence", silence, persistent=False)
        self.kept = looks.window_frames - looks.frames_per_look
        if self.kept > 0:
            self.states["frames"] = (1, self.kept, pipeline.n_static)

    silence: Tensor

    def forward(self, samples: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        before, after = list(states), []
        if self.overlap:
            samples = torch.cat((before.pop(0), samples), dim=1)
            after.append(samples[:, -self.overlap :])
        frames = self.frontend.frames(samples)
        if self.encoder is not None:
            silent = [self.get_buffer(f"silent{number}") for number in range(self.encoders)]
            known = [state + quiet for state, quiet in zip(before[: self.encoders], silent, strict=True)]
            frames, encoded = self.encoder.stream(frames, known)
            frames, before = frames * self.scale, before[self.encoders :]
            after += [state - quiet for state, quiet in zip(encoded, silent, strict=True)]
        if self.kept > 0:
            frames = torch.cat((before.pop(0) + self.silence, frames), dim=1)
            after.append(frames[:, -self.kept :] - self.silence)
        window = frames[:, -self.window_frames :]
        return (window if self.encoder is not None else self.frontend.features(window), *after)

    def _hear_silence(self, mel_frame: Tensor) -> Tensor:
        """The vector (1, 1, 96) of silence; keeps what silence leaves in the encoder's states."""
        assert self.encoder is not None
        states, vector = self.encoder.states(), mel_frame
        self.encoders = len(states)
        for _ in range(_SILENT_BLOCKS):
            vector, states = self.encoder.stream(mel_frame.expand(1, FRAMES_APART, -1), states)
        for number, state in enumerate(states):
            self.register_buffer(f"silent{number}", state, persistent=False)
            self.states[f"encoder{number}"] = tuple(state.shape)
        return vector * self.scale


class StreamSpotter(nn.Module):
    """Samples of one look and states to smoothed scores (1, labels) and new states."""

    def __init__(self, frontend: StreamFrontend, network: nn.Module, *, smoothed: int, n_labels: int) -> None:
        super().__init__()
        self.frontend, self.network = frontend, network
        self.states = dict(frontend.states)
        self.smoothed = smoothed
        if smoothed > 1:
            self.states["scores"] = (1, smoothed - 1, n_labels)

    def forward(self, samples: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        of_frontend = len(self.frontend.states)
        features, *after = self.frontend(samples, *states[:of_frontend])
        scores = torch.softmax(self.network(features), dim=1)
        if self.smoothed > 1:
            recent = torch.cat((states[of_frontend], scores.unsqueeze(1)), dim=1)
            scores = recent.mean(dim=1)
            after.append(recent[:, 1:])
        return (scores, *after)
