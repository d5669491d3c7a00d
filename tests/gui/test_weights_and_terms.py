"""What the loss is the sum of, and what became of the weights: told as a person reads it."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pytestqt.qtbot import QtBot

from kws_engine.models import MODELS
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.weights import write_weights
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch
from kws_gui.pages.results.weights import WeightsView
from kws_gui.pages.train.run_view import RunView, loss_text
from kws_gui.services.training import LiveRun

QUIET = (1, 0.1, 0.9, 0.3, 0.8, 0.01, 0.5, 0.02, True)


def test_the_loss_is_told_as_a_sum() -> None:
    told = loss_text(Epoch(*QUIET, {"cross_entropy": 0.40, "l1": 0.02, "l2": 0.08}))
    assert told == "While training: loss 0.500 = cross-entropy 0.400 + L1 0.020 (4%) + L2 0.080 (16%)"
    assert loss_text(Epoch(*QUIET, {"cross_entropy": 0.4})) == "While training: loss 0.400 = cross-entropy 0.400"
    assert loss_text(Epoch(*QUIET)) == "", "runs of before told no terms"


def test_live_and_past_runs_show_their_terms(qtbot: QtBot) -> None:
    view = RunView()
    qtbot.addWidget(view)
    live = LiveRun(Job(Path("project")), epochs=[Epoch(*QUIET, {"cross_entropy": 0.4, "l2": 0.1})])
    view.show_live(live)
    assert view.loss() == "While training: loss 0.500 = cross-entropy 0.400 + L2 0.100 (20%)"
    view.show_past([Epoch(*QUIET)], "A run")
    assert view.loss() == ""
    view.show_live(live)
    assert view.loss().endswith("(20%)")
    live.has_ended = True
    view.update_live()


def test_weights_are_shown_layer_by_layer(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings().with_options(["model.name=fnn", "regularizers.l1.dense=1e-4"])
    network = MODELS["fnn"].build(settings.model.config, n_features=10, n_frames=20, n_labels=4)
    with torch.no_grad():
        list(network.modules())[1 + 1].weight.zero_()  # type: ignore[operator, union-attr]
    list(write_weights(RunFolder(tmp_path), network, settings))
    weights = WeightsView()
    qtbot.addWidget(weights)
    weights.resize(800, 300)
    weights.show()
    weights.show_run(tmp_path)
    cards = weights.cards()
    assert len(cards) == 4 and cards[0].words() == "100% of 25,600 near zero, L1"
    assert weights.state().startswith("L1 drove ") and weights.state().endswith("weights to near zero")
    image = cards[0].grab().toImage()
    middle = image.pixelColor(image.width() // 2, image.height() // 2)
    assert middle != image.pixelColor(image.width() // 4, image.height() // 2), "all weights stand in the middle bar"
    RunFolder(tmp_path).weights.path.write_text(json.dumps({"layers": 1}), encoding="utf-8")
    weights.show_run(tmp_path)
    assert weights.cards() == [] and weights.state() == "Not recorded"
