"""What the form says that regularizes."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from kws_engine.settings import Settings
from kws_gui.pages.train import regularizing
from kws_gui.pages.train.form import SettingsForm

BARE = (
    "model.dropout=0", "model.batch_norm=no", "training.weight_decay=0", "training.early_stopping=no",
)  # fmt: skip


def test_the_defaults_regularize_and_say_so(qtbot: QtBot) -> None:
    form = SettingsForm()
    qtbot.addWidget(form)
    form.setValue(Settings())
    assert form.folds["regularizers"].state() == "Dropout 0.5, batch norm, weight decay 0.1, early stopping"
    form.setValue(Settings().with_options(BARE))
    assert form.folds["regularizers"].state() == "none"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("regularizers.l2.weight=0.01", "L2"),
        ("model.dropout=0.3", "Dropout 0.3"),
        ("model.spatial_dropout=0.1", "Spatial dropout 0.1"),
        ("model.batch_norm=yes", "Batch norm"),
        ("training.weight_decay=0.01", "Weight decay 0.01"),
        ("training.label_smoothing=0.1", "Label smoothing 0.1"),
        ("training.mixup=0.2", "Mixup 0.2"),
        ("training.early_stopping=yes", "Early stopping"),
    ],
)
def test_every_regularizer_counts_as_what_it_is(option: str, words: str) -> None:
    assert regularizing.summary(Settings().with_options([*BARE, option])) == words


def test_rows_of_an_own_network_count_too() -> None:
    layers = "conv2d 16 3x3 l2 0.01; bn; relu; spatial_dropout 0.1; gap; dropout 0.3"
    own = Settings().with_options([*BARE, "model.name=custom", f"model.layers={layers}"])
    assert regularizing.summary(own) == "Dropout 0.3, spatial dropout 0.1, L2, batch norm"
