"""What to change for the next run, as options by their paths."""

from __future__ import annotations

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.evaluation.finding import Remedy
from kws_engine.settings import Settings


def settings_after(settings: Settings, remedy: Remedy) -> Settings:
    """The settings with a remedy's changes.

    Raises:
        SpecError: The network or the features were changed meanwhile, and have no such option.
    """
    return settings.with_options(f"{path}={value}" for path, value in remedy.changes.items())


def for_the_rate(settings: Settings) -> tuple[Remedy, ...]:
    """A tenth of the learning rate, and the defaults where the optimizer is another."""
    rate = settings.training.learning_rate / 10
    found = [Remedy(f"Train with a tenth of the learning rate: {rate:.2g}", {"training.learning_rate": f"{rate:.3g}"})]
    if settings.training.schedule != "one_cycle":
        found.append(Remedy("Let the learning rate rise slowly first", {"training.schedule": "one_cycle"}))
    return tuple(found)


def for_overfitting(settings: Settings) -> tuple[Remedy, ...]:
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
        found.append(Remedy("Change the recordings while training (augmentation)", changes))
    found.append(Remedy("Record or import more clips", action="import"))
    dropout = _value(settings, "dropout")
    if dropout is not None and dropout < 0.4:
        found.append(Remedy("Raise dropout to 0.5", {"model.dropout": "0.5"}))
    if training.weight_decay < 0.05 and training.optimizer == "adamw":
        found.append(Remedy("Raise weight decay to 0.1", {"training.weight_decay": "0.1"}))
    if not training.early_stopping:
        found.append(Remedy("Stop when validation gets no better", {"training.early_stopping": "yes"}))
    width = _value(settings, "width")
    if width is not None and width >= 0.5:
        found.append(Remedy("Halve the network's width", {"model.width": f"{width / 2:g}"}))
    return tuple(found)


def for_capacity(settings: Settings) -> tuple[Remedy, ...]:
    """A larger or less held back network, and fuller features; first what is furthest from its default."""
    found = []
    if penalized := penalties(settings):
        found.append(Remedy("Take the penalties on the weights off", dict.fromkeys(penalized, "0")))
    dropout, width = _value(settings, "dropout"), _value(settings, "width")
    if dropout is not None and dropout > 0.5:
        found.append(Remedy("Lower dropout to 0.2", {"model.dropout": "0.2"}))
    if width is not None and width <= 2:
        found.append(Remedy("Double the network's width", {"model.width": f"{2 * width:g}"}))
    if settings.feature != Settings().feature:
        found.append(Remedy("Use the default features (log mel)", {"feature.name": "log_mel"}))
    if settings.model.name != "tc_resnet":
        found.append(Remedy("Use TC-ResNet", {"model.name": "tc_resnet"}))
    return tuple(found)


def for_more_training(settings: Settings, epochs: int) -> tuple[Remedy, ...]:
    """More epochs; larger steps where they are smaller than usual."""
    more, rate = max(2 * epochs, 40), settings.training.learning_rate
    found = [Remedy(f"Train for {more} epochs", {"training.epochs": str(more)})]
    if rate < usual_rate(settings) / 3:
        raised = min(10 * rate, usual_rate(settings))
        larger = Remedy(f"Raise the learning rate to {raised:.2g}", {"training.learning_rate": f"{raised:.3g}"})
        found.insert(0, larger)
    return tuple(found)


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
