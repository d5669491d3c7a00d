"""What to change for the next run, as options by their paths, and what each change was measured to help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.evaluation.finding import Kind, Remedy
from kws_engine.settings import Settings, usual_network


@dataclass(frozen=True)
class Measured:
    """What a remedy did in the benchmark, without and with it, on clean clips by people whom neither run had met.

    Attributes:
        runs: How many faulty runs were repeated with it.
        accuracy: 0..1.
        loss: Mean cross-entropy in nats.
        off: How far accuracy on the run's own validation clips was from `accuracy`.
        helped: Whether accuracy or loss was better beyond chance and neither was worse; for a fault of the validation
            figures, whether `off` was less.
    """

    runs: int
    accuracy: tuple[float, float]
    loss: tuple[float, float]
    off: tuple[float, float]
    helped: bool

    @property
    def gain(self) -> float:
        """By how much accuracy rose."""
        return self.accuracy[1] - self.accuracy[0]


# fmt: off
MEASURED: Final[Mapping[tuple[Kind, str], Measured]] = {
    ("leakage", "exclude"): Measured(3, (0.924, 0.924), (0.24, 0.24), (0.045, 0.030), True),
    ("silence_learned", "exclude"): Measured(2, (0.538, 0.920), (0.88, 0.39), (0.338, 0.009), True),
    ("silence_learned", "record_again"): Measured(2, (0.538, 0.731), (0.88, 0.63), (0.338, 0.281), True),
    ("few_clips", "draws"): Measured(2, (0.598, 0.787), (1.71, 0.62), (0.114, 0.034), True),
    ("few_clips", "more_clips"): Measured(2, (0.598, 0.893), (1.71, 0.36), (0.114, 0.028), True),
    ("few_speakers", "more_speakers"): Measured(2, (0.579, 0.912), (1.36, 0.30), (0.109, 0.111), True),
    ("confused_words", "compare"): Measured(2, (0.869, 0.966), (0.35, 0.13), (0.058, 0.042), True),
    ("label_errors", "exclude"): Measured(2, (0.948, 0.963), (0.24, 0.15), (0.101, 0.033), True),
    ("label_errors", "relabel"): Measured(2, (0.948, 0.978), (0.24, 0.11), (0.101, 0.050), True),
    ("label_errors", "label_smoothing"): Measured(2, (0.948, 0.948), (0.24, 0.30), (0.101, 0.096), False),
    ("diverging", "tenth_rate"): Measured(3, (0.206, 0.948), (1.50, 0.21), (0.047, 0.012), True),
    ("diverging", "one_cycle"): Measured(1, (0.000, 0.000), (1.74, 1.84), (0.000, 0.000), False),
    ("noisy_validation", "more_validation"): Measured(2, (0.917, 0.921), (0.28, 0.27), (0.041, 0.030), True),
    ("overfitting", "augmentation"): Measured(2, (0.894, 0.963), (0.43, 0.13), (0.023, 0.014), True),
    ("overfitting", "mixup"): Measured(2, (0.894, 0.910), (0.43, 0.33), (0.023, 0.026), True),
    ("overfitting", "more_clips"): Measured(2, (0.894, 0.935), (0.43, 0.25), (0.023, 0.015), True),
    ("overfitting", "dropout"): Measured(2, (0.894, 0.902), (0.43, 0.36), (0.023, 0.012), False),
    ("overfitting", "early_stopping"): Measured(2, (0.894, 0.894), (0.43, 0.43), (0.023, 0.023), False),
    ("overfitting", "half_width"): Measured(2, (0.894, 0.890), (0.43, 0.38), (0.023, 0.013), False),
    ("overfitting", "label_smoothing"): Measured(2, (0.894, 0.890), (0.43, 0.41), (0.023, 0.042), False),
    ("overfitting", "weight_decay"): Measured(2, (0.894, 0.867), (0.43, 0.41), (0.023, 0.026), False),
    ("underfitting", "double_width"): Measured(3, (0.364, 0.533), (1.35, 1.15), (0.008, 0.004), True),
    ("underfitting", "less_dropout"): Measured(1, (0.000, 0.918), (1.77, 0.30), (0.000, 0.019), True),
    ("underfitting", "log_mel"): Measured(1, (0.857, 0.881), (0.56, 0.35), (0.020, 0.011), True),
    ("underfitting", "no_penalties"): Measured(1, (0.165, 0.588), (1.77, 1.19), (0.005, 0.007), True),
    ("underfitting", "tc_resnet"): Measured(1, (0.313, 0.964), (1.30, 0.14), (0.097, 0.034), True),
    ("not_converged", "higher_rate"): Measured(1, (0.693, 0.987), (1.09, 0.12), (0.081, 0.075), True),
    ("not_converged", "more_epochs"): Measured(2, (0.680, 0.919), (1.04, 0.28), (0.074, 0.019), True),
}
# fmt: on
"""As `kws bench diagnosis` printed it; what is not in it is not offered. Three remedies are carried out by hand there:
clips of one word in two folders are put together, recordings are added, wrong ones are left out or moved."""


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
        if config.probability == 0
        and defaults.augment[name].probability > 0
        and f"augment.{name}" not in settings.idle()
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
    """A larger or less held back network, and fuller features; first what is furthest from its default.

    A feature with a network of its own keeps both: the others were measured without it.
    """
    found = []
    if penalized := penalties(settings):
        free = dict.fromkeys(penalized, "0")
        found.append(Remedy("Take the penalties off", free, key="no_penalties"))
    dropout, width = _value(settings, "dropout"), _value(settings, "width")
    if dropout is not None and dropout > 0.5:
        found.append(Remedy("Lower dropout to 0.2", {"model.dropout": "0.2"}, key="less_dropout"))
    if width is not None and width <= 2:
        found.append(Remedy("Double the width", {"model.width": f"{2 * width:g}"}, key="double_width"))
    usual = usual_network(settings.feature.name).name
    if settings.feature.name != "log_mel" and usual == "tc_resnet":
        found.append(Remedy("Use log mel features", {"feature.name": "log_mel"}, key="log_mel"))
    if settings.model.name != "tc_resnet" and usual == "tc_resnet":
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
