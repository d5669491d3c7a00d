"""What to change for the next run, as options by their paths, and what each change was measured to help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.evaluation.finding import Kind, Remedy
from kws_engine.settings import Settings


@dataclass(frozen=True)
class Measured:
    """What a remedy did in the benchmark, on clean clips by people whom neither run had met.

    Attributes:
        runs: How many faulty runs were repeated with it.
        before, after: Accuracy, 0..1, without and with it.
        helped: Whether it was better beyond chance, and in no figure worse.
    """

    runs: int
    before: float
    after: float
    helped: bool

    @property
    def gain(self) -> float:
        return self.after - self.before


MEASURED: Final[Mapping[tuple[Kind, str], Measured]] = {}


def settings_after(settings: Settings, remedy: Remedy) -> Settings:
    """The settings with a remedy's changes.

    Raises:
        SpecError: The network or the features were changed meanwhile, and have no such option.
    """
    return settings.with_options(f"{path}={value}" for path, value in remedy.changes.items())


def offered(kind: Kind, candidates: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Those of some remedies that have helped in the benchmark, the most helpful first; unmeasured ones stay away."""
    known = [(MEASURED[kind, one.key], one) for one in candidates if (kind, one.key) in MEASURED]
    helpful = [(measured, one) for measured, one in known if measured.helped]
    return tuple(one for _, one in sorted(helpful, key=lambda pair: -pair[0].gain))


def for_diverging(settings: Settings) -> list[Remedy]:
    """A tenth of the learning rate, and the defaults where the optimizer is another."""
    rate = settings.training.learning_rate / 10
    found = [
        Remedy(
            f"Lower the learning rate to {rate:.2g}",
            {"training.learning_rate": f"{rate:.3g}"},
            key="tenth_rate",
        )
    ]
    if settings.training.schedule != "one_cycle":
        found.append(Remedy("Let the learning rate rise slowly", {"training.schedule": "one_cycle"}, key="one_cycle"))
    return found


def for_overfitting(settings: Settings) -> list[Remedy]:
    """More variety, more regularization, an earlier end, a smaller network; only what is not done already."""
    training, found = settings.training, []
    defaults = Settings()
    off = [
        name
        for name, config in settings.augment.items()
        if config.probability == 0 and defaults.augment[name].probability > 0
    ]
    if off:
        changes = {f"augment.{name}.probability": f"{AUGMENTATIONS[name].config().probability:g}" for name in off}
        found.append(Remedy("Switch augmentation on", changes, key="augmentation"))
    found.append(Remedy("Record or import more clips", action="import", key="more_clips"))
    dropout = _value(settings, "dropout")
    if dropout is not None and dropout < 0.4:
        found.append(Remedy("Raise dropout to 0.5", {"model.dropout": "0.5"}, key="dropout"))
    if training.weight_decay < 0.05 and training.optimizer == "adamw":
        found.append(Remedy("Raise weight decay to 0.1", {"training.weight_decay": "0.1"}, key="weight_decay"))
    if training.mixup == 0:
        found.append(Remedy("Set mixup to 0.2", {"training.mixup": "0.2"}, key="mixup"))
    if training.label_smoothing == 0:
        found.append(Remedy("Smooth the labels", {"training.label_smoothing": "0.1"}, key="label_smoothing"))
    if not training.early_stopping:
        stop = {"training.early_stopping": "yes"}
        found.append(Remedy("Switch early stopping on", stop, key="early_stopping"))
    width = _value(settings, "width")
    if width is not None and width >= 0.5:
        found.append(Remedy("Halve the width", {"model.width": f"{width / 2:g}"}, key="half_width"))
    return found


def for_underfitting(settings: Settings) -> list[Remedy]:
    """A larger or less held back network, and fuller features; first what is furthest from its default."""
    found = []
    if penalized := penalties(settings):
        free = dict.fromkeys(penalized, "0")
        found.append(Remedy("Take the penalties off", free, key="no_penalties"))
    dropout, width = _value(settings, "dropout"), _value(settings, "width")
    if dropout is not None and dropout > 0.5:
        found.append(Remedy("Lower dropout to 0.2", {"model.dropout": "0.2"}, key="less_dropout"))
    if width is not None and width <= 2:
        found.append(Remedy("Double the width", {"model.width": f"{2 * width:g}"}, key="double_width"))
    if settings.feature != Settings().feature:
        found.append(Remedy("Use log mel features", {"feature.name": "log_mel"}, key="log_mel"))
    if settings.model.name != "tc_resnet":
        found.append(Remedy("Use TC-ResNet", {"model.name": "tc_resnet"}, key="tc_resnet"))
    return found


def for_not_converged(settings: Settings, epochs: int) -> list[Remedy]:
    """More epochs; larger steps where they are smaller than usual."""
    more, rate = max(2 * epochs, 40), settings.training.learning_rate
    found = [Remedy(f"Plan {more} epochs", {"training.epochs": str(more)}, key="more_epochs")]
    if rate < usual_rate(settings) / 3:
        raised = min(10 * rate, usual_rate(settings))
        larger = {"training.learning_rate": f"{raised:.3g}"}
        found.append(Remedy(f"Raise the learning rate to {raised:.2g}", larger, key="higher_rate"))
    return found


def for_few_clips(settings: Settings) -> list[Remedy]:
    """Drawing all words equally often, where it is not done."""
    if settings.training.class_balance != "off":
        return []
    return [Remedy("Draw all words equally often", {"training.class_balance": "draws"}, key="draws")]


def for_label_errors(settings: Settings) -> list[Remedy]:
    """Smoother labels, where they are not smoothed."""
    if settings.training.label_smoothing > 0:
        return []
    return [Remedy("Smooth the labels", {"training.label_smoothing": "0.1"}, key="label_smoothing")]


def for_firing(settings: Settings) -> list[Remedy]:
    """Talk to learn from, and more of it where the network came close to a word."""
    training, usual = settings.training, Settings().training
    found = []
    if training.talk_share < usual.talk_share:
        more = {"training.talk_share": f"{usual.talk_share:g}"}
        found.append(Remedy("Learn from talk as other words", more, key="talk"))
    if training.hard_talk_share < usual.hard_talk_share:
        harder = {"training.hard_talk_share": f"{usual.hard_talk_share:g}"}
        found.append(Remedy("Learn from the hardest talk", harder, key="hard_talk"))
    return found


def usual_rate(settings: Settings) -> float:
    """The learning rate that suits the optimizer: the default, or where it is SGD that of TC-ResNet's paper."""
    return Settings().training.learning_rate if settings.training.optimizer == "adamw" else 0.1


def penalties(settings: Settings) -> list[str]:
    """The paths of the penalties on the weights that are on."""
    return [
        f"regularizers.{name}.{one.name}"
        for name, config in settings.regularizers.items()
        for one in spec.options(config)
        if one.kind == "float" and getattr(config, one.name) > 0
    ]


def _value(settings: Settings, name: str) -> float | None:
    """An option of the network; None where it has none of that name."""
    value = getattr(settings.model.config, name, None)
    return float(value) if isinstance(value, int | float) else None


CANDIDATES: Final[Mapping[Kind, Callable[[Settings, int], list[Remedy]]]] = {
    "diverging": lambda settings, epochs: for_diverging(settings),
    "overfitting": lambda settings, epochs: for_overfitting(settings),
    "underfitting": lambda settings, epochs: for_underfitting(settings),
    "not_converged": for_not_converged,
    "few_clips": lambda settings, epochs: for_few_clips(settings),
    "label_errors": lambda settings, epochs: for_label_errors(settings),
}
"""Everything worth measuring, for the settings of a run and the epochs it had: offered or not."""
