"""What keeps a network from learning its clips by heart, wherever its option stands, in a few words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kws_engine import spec
from kws_engine.layer_rows import LayerRow
from kws_engine.regularizers import REGULARIZERS
from kws_engine.settings import Settings
from kws_gui.forms.group import is_on

_SHARES = {"dropout": "dropout", "spatial_dropout": "spatial dropout"}


def summary(settings: Settings) -> str:
    """Returns "Dropout 0.5, batch norm, weight decay 0.1", or "none".

    Penalties on the weights, dropout (Srivastava et al. 2014), batch norm, whose batches add noise (Ioffe and Szegedy
    2015), weight decay, label smoothing, mixup and early stopping; augmentation is summarised apart.
    """
    found = [*_penalties(settings), *_of_network(settings.model.config), *_of_training(settings)]
    words = ", ".join(dict.fromkeys(found)) or "none"
    return words if words == "none" else f"{words[0].upper()}{words[1:]}"


def _penalties(settings: Settings) -> Iterator[str]:
    for name, config in settings.regularizers.items():
        if is_on(config):
            yield REGULARIZERS[name].title.partition(" (")[0]


def _of_network(config: Any) -> Iterator[str]:
    names = {option.name: option for option in spec.options(config)}
    for name, words in _SHARES.items():
        if name in names and getattr(config, name) > 0:
            yield f"{words} {getattr(config, name):g}"
    if "batch_norm" in names and config.batch_norm:
        yield "batch norm"
    rows: list[LayerRow] = [row for name in names if names[name].kind == "layers" for row in getattr(config, name)]
    for kind, words in _SHARES.items():
        if shares := [row.share for row in rows if row.kind == kind and row.share]:
            yield f"{words} {max(shares):g}"
    yield from (name.upper() for name in ("l1", "l2") if any(getattr(row, name) for row in rows))
    if any(row.kind == "bn" for row in rows):
        yield "batch norm"


def _of_training(settings: Settings) -> Iterator[str]:
    training = settings.training
    for value, words in (
        (training.weight_decay, "weight decay"),
        (training.label_smoothing, "label smoothing"),
        (training.mixup, "mixup"),
    ):
        if value > 0:
            yield f"{words} {value:g}"
    if training.early_stopping:
        yield "early stopping"
