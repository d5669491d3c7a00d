"""Everything chosen for a run, put together from the parts' own configs.

`--set model.width=1.5`, a form and project.toml all name an option by the same path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import SpecError, quoted
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.registry import Registry
from kws_engine.regularizers import REGULARIZERS
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.training.config import TrainingConfig

_CHOICES: dict[str, Registry] = {"feature": FEATURES, "model": MODELS}
_GROUPS: dict[str, Registry] = {"regularizers": REGULARIZERS, "augment": AUGMENTATIONS}
_USUAL_NETWORK = "tc_resnet"
_PLACED_BY_LAYING = "time_shift"  # where a word lies in its window is drawn as it is laid
_SPOKEN_WHERE_LAID = ("training.synthetic_takes", "training.synthetic_others")
_Reader = Callable[[type[Any], Mapping[str, Any]], Any]
_PLAIN: dict[str, type[Any]] = {"training": TrainingConfig, "detector": DetectorConfig}


@dataclass(frozen=True)
class Recipe:
    """Settings that belong together, as somebody published them.

    Attributes:
        title: For a menu.
        help: What it sets, and whose it is.
        assignments: As after `--set`.
    """

    title: str
    help: str
    assignments: tuple[str, ...]


RECIPES: Mapping[str, Recipe] = {
    "studio": Recipe(
        "KWS Studio's own",
        "AdamW with weight decay 0.1, one cycle up to 0.008, and a running average of the weights.",
        (
            "training.optimizer=adamw",
            "training.schedule=one_cycle",
            "training.learning_rate=0.008",
            "training.weight_decay=0.1",
            "training.batch_size=128",
            "training.averaging=0.98",
            "training.early_stopping=yes",
            "feature.name=log_mel",
        ),
    ),
    "teach": Recipe(
        "A word from few takes",
        "The speech embedding with a small head, clips laid into other sound and changed much, and the bank of what is "
        "not the word: twenty takes are enough.",
        (
            "feature.name=speech_embedding",
            "model.name=vector_cnn",
            "training.optimizer=adamw",
            "training.schedule=one_cycle",
            "training.learning_rate=0.002",
            "training.weight_decay=0.01",
            "training.batch_size=256",
            "training.epochs=24",
            "training.clips_per_epoch=6400",
            "training.averaging=0.98",
            "training.fresh_share=0.15",
            "training.early_stopping=no",
            "training.keep=last",
            "training.unknown_share=0.12",
            "training.made_up_share=0.08",
            "training.silence_share=0.08",
            "training.talk_share=0.44",
            "training.hard_talk_share=0.2",
            "augment.speed.probability=0.7",
            "augment.pitch.probability=0.3",
            "augment.reverb.probability=0.5",
            "augment.gain.probability=0.8",
            "augment.background_noise.probability=0.9",
            "augment.background_noise.snr_db=-5..15",
            "augment.quality.probability=0.3",
            "detector.hop_ms=80",
            "detector.smoothing_ms=400",
        ),
    ),
    "tc_resnet": Recipe(
        "TC-ResNet's (Choi et al. 2019)",
        "SGD with momentum 0.9, batches of 100, a learning rate of 0.1 that falls to a tenth after each third, weight "
        "decay 0.001, on 40 MFCC. The authors trained for 30,000 steps: some 80 epochs of their 37,000 clips.",
        (
            "training.optimizer=sgd",
            "training.momentum=0.9",
            "training.schedule=step",
            "training.drops=2",
            "training.learning_rate=0.1",
            "training.weight_decay=0.001",
            "training.batch_size=100",
            "training.averaging=0",
            "training.early_stopping=no",
            "feature.name=mfcc",
        ),
    ),
}


@dataclass(frozen=True)
class Chosen:
    """One entry of a registry with its options."""

    name: str
    config: Any


def _default_group(registry: Registry) -> dict[str, Any]:
    return {entry.name: entry.config() for entry in registry}


@dataclass(frozen=True)
class Settings:
    """Everything that determines a run besides the clips and the seed."""

    feature: Chosen = field(default_factory=lambda: Chosen("log_mel", FEATURES["log_mel"].config()))
    model: Chosen = field(default_factory=lambda: Chosen("tc_resnet", MODELS["tc_resnet"].config()))
    regularizers: Mapping[str, Any] = field(default_factory=lambda: _default_group(REGULARIZERS))
    augment: Mapping[str, Any] = field(default_factory=lambda: _default_group(AUGMENTATIONS))
    training: TrainingConfig = field(default_factory=TrainingConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)

    def with_model(self, choice: str) -> Settings:
        """Another network by name, or by name and preset as in `tc_resnet:14`, with that network's own defaults.

        Raises:
            SpecError: Unknown, with the nearest known.
        """
        name, _, preset = choice.partition(":")
        entry = MODELS[name]
        return dataclasses.replace(self, model=Chosen(name, entry.preset(preset) if preset else entry.config()))

    def with_option(self, path: str, text: str, *, keeps_network: bool = False) -> Settings:
        """One option changed, named by its path and given as text.

        With another feature, the network that is usual on the one before gives way to the one that is usual on it, as
        long as none of its options was changed; not if `keeps_network`.

        Raises:
            SpecError: The option is unknown (with the nearest known) or the value does not fit.
        """
        section, *rest = path.split(".")
        if path in ("model.name", "feature.name"):
            entry = _CHOICES[section][text]
            gives_way = section == "feature" and not keeps_network and self.model == usual_network(self.feature.name)
            settings = self._with(section, Chosen(text, entry.config()))
            return settings._with("model", usual_network(text)) if gives_way else settings
        if section in _GROUPS and len(rest) == 2 and rest[0] in getattr(self, section):
            group = dict(getattr(self, section))
            group[rest[0]] = _set(group[rest[0]], rest[1], text, prefix=f"{section}.{rest[0]}.")
            return self._with(section, group)
        if section in _CHOICES and len(rest) == 1:
            chosen: Chosen = getattr(self, section)
            config = _set(chosen.config, rest[0], text, prefix=f"{section}.")
            return self._with(section, Chosen(chosen.name, config))
        if section in _PLAIN and len(rest) == 1:
            config = _set(getattr(self, section), rest[0], text, prefix=f"{section}.")
            return self._with(section, config)
        raise spec.unknown(path, self.paths(), what="option")

    def _with(self, section: str, value: Any) -> Settings:
        parts: dict[str, Any] = {section: value}
        return dataclasses.replace(self, **parts)

    def with_recipe(self, name: str, *, keeps_network: bool = False) -> Settings:
        """With the options of a recipe on top; what it does not name stays, the network as in `with_option`.

        Raises:
            SpecError: Unknown, with the nearest known.
        """
        if name not in RECIPES:
            raise spec.unknown(name, list(RECIPES), what="recipe")
        return self.with_options(RECIPES[name].assignments, keeps_network=keeps_network)

    def with_options(self, assignments: Iterable[str], *, keeps_network: bool = False) -> Settings:
        """Several `path=value` in their order; where they set the network or an option of it, no feature changes it."""
        pairs = []
        for assignment in assignments:
            path, equals, text = assignment.partition("=")
            if not equals:
                raise SpecError(f"{assignment!r} sets nothing: write it as OPTION=VALUE, as in training.epochs=30")
            pairs.append((path.strip(), text.strip()))
        keeps_network |= any(path.startswith("model.") for path, _ in pairs)
        settings = self
        for path, text in pairs:
            settings = settings.with_option(path, text, keeps_network=keeps_network)
        return settings

    def idle(self) -> frozenset[str]:
        """Paths of what changes nothing with the chosen feature: "training.synthetic_takes", "augment.time_shift"."""
        if not getattr(self.feature.config, "lays_words", False):
            return frozenset(_SPOKEN_WHERE_LAID)
        return frozenset(
            f"augment.{name}"
            for name, config in self.augment.items()
            if config.domain == "spectrogram" or name == _PLACED_BY_LAYING
        )

    def paths(self) -> list[str]:
        """The path of every option there is with the chosen network and feature."""
        found = ["model.name", "feature.name"]
        for section in _CHOICES:
            found += [f"{section}.{option.name}" for option in spec.options(getattr(self, section).config)]
        for section in _PLAIN:
            found += [f"{section}.{option.name}" for option in spec.options(getattr(self, section))]
        for section in _GROUPS:
            for name, config in getattr(self, section).items():
                found += [f"{section}.{name}.{option.name}" for option in spec.options(config)]
        return found

    def to_dict(self) -> dict[str, Any]:
        """As written to project.toml and job.toml."""
        values: dict[str, Any] = {
            section: {"name": getattr(self, section).name, "options": spec.to_dict(getattr(self, section).config)}
            for section in _CHOICES
        }
        values |= {section: spec.to_dict(getattr(self, section)) for section in _PLAIN}
        for section in _GROUPS:
            values[section] = {name: spec.to_dict(config) for name, config in getattr(self, section).items()}
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """The inverse of `to_dict`; what is missing takes its default.

        Raises:
            SpecError: An unknown part or option, or a value that does not fit.
        """
        return cls._of(values, spec.from_dict)

    @classmethod
    def from_file(cls, values: Mapping[str, Any]) -> Settings:
        """As `from_dict`, of what `to_dict` once wrote for a run: newer options have the values that they had then.

        Raises:
            SpecError: As of `from_dict`.
        """
        return cls._of(values, spec.from_file)

    @classmethod
    def _of(cls, values: Mapping[str, Any], read: _Reader) -> Settings:
        return cls(
            **{section: _read(section, content, read) for section, content in _table(values, "settings").items()}
        )


def usual_network(feature: str) -> Chosen:
    """The network that a feature is used with unless another is chosen, with its default options.

    Raises:
        SpecError: The feature is unknown, with the nearest known.
    """
    name = getattr(FEATURES[feature].config, "network", _USUAL_NETWORK)
    return Chosen(name, MODELS[name].config())


def _read(section: str, content: Any, read: _Reader) -> Any:
    table = _table(content, section)
    if section in _CHOICES:
        entry = _CHOICES[section][str(table.get("name"))]
        return Chosen(entry.name, read(entry.config, _table(table.get("options", {}), f"{section}.options")))
    if section in _GROUPS:
        registry = _GROUPS[section]
        return _default_group(registry) | {
            name: read(registry[name].config, _table(options, f"{section}.{name}")) for name, options in table.items()
        }
    if section in _PLAIN:
        return read(_PLAIN[section], table)
    raise spec.unknown(section, [*_CHOICES, *_GROUPS, *_PLAIN], what="section of settings")


def _table(content: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise SpecError(f"{name}: {quoted(content)} is not a table of options")
    return content


def _set(config: Any, name: str, text: str, *, prefix: str) -> Any:
    option = spec.find(config, name, prefix=prefix)
    return spec.changed(config, {name: option.parse(text)})
