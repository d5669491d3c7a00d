"""One clip as training would change it, as a question for the warm process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips import trimming
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.runs.warm import Question

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.augment.context import Augment, Context

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Preview:
    """A clip as the network would get it.

    Attributes:
        samples: (N,) after the augmentations of sound.
        features: (T, F) of the question's clip, as `seen`.
        changed: (T, F) of `samples`, likewise, after the augmentations of spectrograms.
        drawn: The values that were drawn, in words, by augmentation, in the order in which they act.
    """

    samples: Floats
    features: Floats
    changed: Floats
    drawn: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class PreviewQuestion(Question[Preview]):
    """A clip, and how to change it.

    Attributes:
        samples: (N,), full scale ±1.
        rate: Its samples a second.
        feature: As of `Settings.to_dict()["feature"]`.
        augment: As of `Settings.to_dict()["augment"]`, or some of it; an augmentation that is missing is off.
        seed: The same seed draws the same values.
        certain: Every augmentation that is named acts, whatever its probability.
        noises: Recorded background noise; without any, synthetic noise is used.
    """

    unexpected: ClassVar[str] = "This cannot be shown"
    lost: ClassVar[str] = "Augmentations cannot be shown: the process that computes them ended; training still works"

    samples: Floats
    rate: int
    feature: Mapping[str, Any]
    augment: Mapping[str, Mapping[str, Any]]
    seed: int
    certain: bool = True
    noises: tuple[Path, ...] = ()

    def answer(self) -> Preview:
        """As `preview`."""
        return preview(self)


def preview(question: PreviewQuestion) -> Preview:
    """Changes a clip as training does; loads torch.

    Raises:
        SpecError: Options that do not fit.
        AudioError: A noise cannot be read.
    """
    import torch

    from kws_engine import spec
    from kws_engine.augment.context import Context
    from kws_engine.features import FEATURES

    entry = FEATURES[str(question.feature["name"])]
    pipeline = entry.build(spec.from_dict(entry.config, question.feature.get("options", {})), rate=question.rate)
    generator = torch.Generator().manual_seed(question.seed)
    context = Context(generator, question.rate, _noises(question), drawn={})
    sound, spectrogram = _chosen(question)
    with torch.no_grad():
        clip = torch.from_numpy(question.samples).unsqueeze(0)
        if pipeline.ends_windows:
            word, room = _before_and_in_the_room(sound)
            window = seen(_applied(word, clip, context)[0].numpy(), pipeline)
            samples = _applied(room, torch.from_numpy(window).unsqueeze(0), context)[0].numpy()
        else:
            samples = _applied(sound, clip, context)[0].numpy()
        heard = torch.from_numpy(pipeline.batch(samples)).unsqueeze(0)
        changed = _applied(spectrogram, heard, context)[0].numpy()
    texts = context.drawn or {}
    drawn = {name: texts[name][0] for name in (*sound, *spectrogram) if name in texts}
    return Preview(samples, pipeline.batch(seen(question.samples, pipeline)), changed, drawn)


def seen(clip: Floats, pipeline: FeaturePipeline) -> Floats:
    """The sound that a network gets of a clip (N,): the clip itself, or a window that ends behind the word."""
    window_samples = pipeline.window_for(len(clip))
    return trimming.window(clip, pipeline.rate, window_samples=window_samples, ends_windows=pipeline.ends_windows)


def _before_and_in_the_room(sound: Mapping[str, Augment]) -> tuple[dict[str, Augment], dict[str, Augment]]:
    """The augmentations of the word alone, before it is laid, and of all that the microphone hears."""
    from kws_engine.augment import AUGMENTATIONS
    from kws_engine.runs.fitting_laid import ROOM_BEGINS

    in_room = {name for name in sound if AUGMENTATIONS[name].config.order >= ROOM_BEGINS}
    word = {name: augment for name, augment in sound.items() if name not in in_room}
    return word, {name: augment for name, augment in sound.items() if name in in_room}


def _chosen(question: PreviewQuestion) -> tuple[dict[str, Augment], dict[str, Augment]]:
    """The augmentations of sound and of spectrograms, by name, in the order in which they act."""
    from kws_engine import spec
    from kws_engine.augment import AUGMENTATIONS

    certain = {"probability": 1.0} if question.certain else {}
    configs = {
        name: spec.changed(spec.from_dict(AUGMENTATIONS[name].config, options), certain)
        for name, options in question.augment.items()
    }
    chosen: dict[str, dict[str, Augment]] = {"sound": {}, "spectrogram": {}}
    for name, config in sorted(configs.items(), key=lambda item: item[1].order):
        if config.probability > 0:
            chosen[config.domain][name] = AUGMENTATIONS[name].build(config, rate=question.rate)
    return chosen["sound"], chosen["spectrogram"]


def _applied(augments: Mapping[str, Augment], batch: Tensor, context: Context) -> Tensor:
    for augment in augments.values():
        batch = augment(batch, context)
    return batch


def _noises(question: PreviewQuestion) -> Tensor | None:
    """All recorded noise in one row (N,), as training has it; None where there is none."""
    import torch

    from kws_engine.training.data.clips import load_noise

    row = torch.zeros(0)
    for loaded in load_noise(question.noises, rate=question.rate):
        if isinstance(loaded, torch.Tensor):
            row = loaded
    return row if len(row) else None
