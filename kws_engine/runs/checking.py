"""Builds what the settings describe before any clip is read, so that what cannot work is refused at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.models import MODELS
from kws_engine.settings import Settings
from kws_engine.spotting.second_look import embedding

if TYPE_CHECKING:
    from torch import nn


def check(settings: Settings, *, rate: int, n_samples: int, n_labels: int) -> tuple[FeaturePipeline, nn.Module]:
    """The features, and the network without memory for its weights, of clips of so many samples; loads torch.

    Raises:
        SpecError: Settings that cannot work, with the path of the option to blame where it is one.
    """
    import torch

    with blamed("feature"):
        pipeline: FeaturePipeline = FEATURES[settings.feature.name].build(settings.feature.config, rate=rate)
        check_frames(pipeline, pipeline.window_for(n_samples))
    with blamed("model"), torch.device("meta"):
        network = build_network(settings, pipeline, n_samples=n_samples, n_labels=n_labels)
    if settings.detector.second_look:
        with blamed("detector"):
            _check_second_look(pipeline, rate=rate)
    for name, config in settings.augment.items():
        if config.probability > 0:
            with blamed(f"augment.{name}"):
                AUGMENTATIONS[name].build(config, rate=rate)
    return pipeline, network


def build_network(settings: Settings, pipeline: FeaturePipeline, *, n_samples: int, n_labels: int) -> nn.Module:
    """The chosen network for clips of that many samples."""
    network: nn.Module = MODELS[settings.model.name].build(
        settings.model.config,
        n_features=pipeline.n_features,
        n_frames=pipeline.n_frames(pipeline.window_for(n_samples)),
        n_labels=n_labels,
    )
    return network


def _check_second_look(pipeline: FeaturePipeline, *, rate: int) -> None:
    embedding({}, rate=rate)
    if pipeline.ends_windows:
        raise SpecError(
            "The network stands on the speech embedding itself, and a second look at the same shows nothing new: turn "
            "it off, or choose another feature",
            option="second_look",
        )


def check_frames(pipeline: FeaturePipeline, n_samples: int) -> None:
    """Refuses a window that is longer than the clip.

    Raises:
        SpecError: With both lengths.
    """
    if pipeline.n_frames(n_samples) < 1:
        window_ms, clip_ms = (1000 * count / pipeline.rate for count in (pipeline.window_samples, n_samples))
        raise SpecError(
            f"Window: {window_ms:g} ms are longer than a clip of {clip_ms:g} ms; shorten it", option="window_ms"
        )


@contextlib.contextmanager
def blamed(section: str) -> Iterator[None]:
    """Gives the option of a `SpecError` its whole path."""
    try:
        yield
    except SpecError as error:
        if error.option:
            error.option = f"{section}.{error.option}"
        raise
