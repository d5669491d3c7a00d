"""One clip augmented in a process of its own: real process, real augmentations, answered by signals."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from kws_engine import audio, spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Context
from kws_engine.runs.previewing import Preview, PreviewQuestion, preview
from kws_gui.bridges.warm import Asker, WarmBridge
from kws_gui.pages.learn.chapters.augmentation import AugmentationChapter
from kws_gui.services.project_model import ProjectModel

PATIENCE_MS = 120_000
RATE = 16_000
NAMES = AUGMENTATIONS.names()


def clip() -> np.ndarray:
    """A gliding tone with a beginning and an end."""
    seconds = np.arange(RATE) / RATE
    loud = np.clip(10 * (seconds - 0.2), 0, 0.4) * (seconds < 0.8)
    return (loud * np.sin(2 * np.pi * (300 + 400 * seconds) * seconds)).astype(np.float32)


def question(*names: str, seed: int = 1, certain: bool = True, **changed: object) -> PreviewQuestion:
    augment = {name: spec.to_dict(spec.changed(AUGMENTATIONS[name].config(), changed)) for name in names}
    return PreviewQuestion(clip(), RATE, {"name": "log_mel"}, augment, seed, certain=certain)


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[Asker]:
    warm = WarmBridge()
    yield Asker(warm)
    warm.shutdown()


@pytest.mark.parametrize("name", NAMES)
def test_each_augmentation_alone_is_the_one_of_training(name: str) -> None:
    answer = preview(question(name, seed=3))
    config = spec.changed(AUGMENTATIONS[name].config(), {"probability": 1.0})
    change = AUGMENTATIONS[name].build(config, rate=RATE)
    context = Context(torch.Generator().manual_seed(3), RATE, drawn={})
    of_sound = config.domain == "sound"
    before = clip() if of_sound else answer.features
    expected = change(torch.from_numpy(before).unsqueeze(0), context)[0].numpy()
    np.testing.assert_array_equal(answer.samples if of_sound else answer.changed, expected)
    assert np.array_equal(answer.samples, clip()) == (not of_sound)
    assert answer.features.shape == answer.changed.shape == (98, 40) and list(answer.drawn) == [name]
    assert answer.drawn[name] not in ("", "unchanged")


@pytest.mark.all_parts
def test_what_is_off_or_not_named_does_nothing() -> None:
    answer = preview(question(*NAMES, certain=False, probability=0.0))
    assert answer.drawn == {} and np.array_equal(answer.samples, clip())
    np.testing.assert_array_equal(answer.changed, answer.features)


@pytest.mark.all_parts
def test_all_together_act_in_their_order_and_repeat() -> None:
    first, again, other = (preview(question(*NAMES, seed=seed)) for seed in (5, 5, 6))
    orders = [AUGMENTATIONS[name].config.order for name in first.drawn]
    sound = sum(AUGMENTATIONS[name].config.domain == "sound" for name in NAMES)
    assert orders[:sound] == sorted(orders[:sound]) and orders[sound:] == sorted(orders[sound:])
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.drawn == again.drawn != other.drawn


def test_recorded_noise_is_used(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("noise") / "hum.wav"
    audio.write(path, (0.3 * np.sin(2 * np.pi * 3000 * np.arange(3 * RATE) / RATE)).astype(np.float32), rate=RATE)
    asked = dataclasses.replace(question("background_noise", snr_db=(0.0, 0.0)), noises=(path,))
    added = preview(asked).samples - clip()
    assert np.abs(np.fft.rfft(added)).argmax() == 3000


def test_a_process_answers_the_newest_question(qtbot: QtBot, bridge: Asker) -> None:
    answers: list[Preview] = []
    bridge.answered.connect(answers.append)
    for seed in range(8):
        bridge.ask(question("gain", seed=seed))
    qtbot.waitUntil(lambda: bool(answers), timeout=PATIENCE_MS)
    np.testing.assert_array_equal(answers[0].samples, preview(question("gain", seed=7)).samples)
    assert len(answers) == 1 and not bridge.is_busy and bridge.pid not in (None, os.getpid())


def test_options_that_do_not_fit_are_refused_in_words(qtbot: QtBot, bridge: Asker) -> None:
    asked = dataclasses.replace(question(), augment={"gain": {"probability": 7}})
    with qtbot.waitSignal(bridge.refused, timeout=PATIENCE_MS) as refused:
        bridge.ask(asked)
    assert "Probability" in refused.args[0]
    with qtbot.waitSignal(bridge.answered, timeout=PATIENCE_MS):
        bridge.ask(question("polarity"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_process_that_was_ended_is_replaced_once(qtbot: QtBot, bridge: Asker) -> None:
    with qtbot.waitSignal(bridge.answered, timeout=PATIENCE_MS):
        bridge.ask(question("gain"))
    first = bridge.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with qtbot.waitSignal(bridge.answered, timeout=PATIENCE_MS):
        bridge.ask(question("gain", seed=2))
    assert bridge.pid not in (None, first)


def test_the_chapter_shows_what_was_drawn_and_draws_again(qtbot: QtBot) -> None:
    chapter = AugmentationChapter(ProjectModel())
    qtbot.addWidget(chapter)
    with qtbot.waitSignal(chapter.bridge.answered, timeout=PATIENCE_MS):
        chapter.show()
    first = chapter.said.text()
    assert first.startswith("Pitch: ") and "semitones" in first and chapter.after.play.isEnabled()
    with qtbot.waitSignal(chapter.bridge.answered, timeout=PATIENCE_MS):
        chapter.again.click()
    assert chapter.said.text() != first
    with qtbot.waitSignal(chapter.bridge.answered, timeout=PATIENCE_MS):
        chapter.chooser.setValue("spec_augment", AUGMENTATIONS["spec_augment"].config())
    assert "hidden" in chapter.said.text() and "as it was" in chapter.said.text() and not chapter.after.play.isEnabled()
    assert chapter.options() == {"augment.spec_augment.probability": "0.5"}
    chapter.hide()
    assert chapter.bridge.pid is None
    chapter.shutdown()


@pytest.mark.all_parts
def test_all_together_say_what_acted_and_what_did_not(qtbot: QtBot) -> None:
    chapter = AugmentationChapter(ProjectModel())
    qtbot.addWidget(chapter)
    with qtbot.waitSignal(chapter.bridge.answered, timeout=PATIENCE_MS):
        chapter.show()
    with qtbot.waitSignal(chapter.bridge.answered, timeout=PATIENCE_MS) as told:
        chapter.together.click()
    assert not chapter.chooser.isEnabled() and len(chapter.options()) == len(NAMES)
    acted, _, rested = chapter.said.text().partition("Not drawn this time: ")
    for name, words in told.args[0].drawn.items():
        assert AUGMENTATIONS[name].title in (rested if words == "unchanged" else acted)
    chapter.shutdown()
