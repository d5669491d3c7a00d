"""What trains the encoder: its words, its windows and its losses, without the base and without Kokoro."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

PACKAGING = Path(__file__).parents[2] / "packaging"


@pytest.fixture(autouse=True)
def _packaging_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(PACKAGING))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("encoder", "talk")]:
        del sys.modules[name]


def _tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * 16_000)) / 16_000).astype(np.float32)


def test_nothing_that_measures_is_said() -> None:
    from encoder.vocabulary import KEPT, vocabulary

    words = vocabulary()
    assert len(words["en"]) > 1500 and len(words) > 10
    said = {piece for texts in words.values() for text in texts for piece in text.split()}
    assert not said & KEPT
    assert {"computer", "seven", "open", "signal"} <= KEPT


def test_words_that_do_not_exist_come_in_families() -> None:
    from encoder.vocabulary import pseudo_words

    words = pseudo_words(16, np.random.default_rng(0))
    assert len(set(words)) == 16
    assert all(word.startswith("[[") and word.endswith("]]") for word in words)
    assert words == pseudo_words(16, np.random.default_rng(0))


def test_a_session_has_a_window_for_each_word_and_two_that_end_inside_one() -> None:
    from encoder.sounds import PART_OF_A_WORD, Background, session

    background = Background(speech=[_tone(200, 4)], noise=[_tone(50, 1)])
    windows, labels = session(
        [_tone(300), None, _tone(900)], ["low", "none", "high"], background, np.random.default_rng(1)
    )
    assert sorted(labels[:2]) == ["high", "low"] and labels[2:] == [PART_OF_A_WORD] * (len(labels) - 2)
    assert {window.shape for window in windows} == {(148, 32)}
    assert np.isfinite(np.stack(windows)).all()


def test_only_the_later_convolutions_learn() -> None:
    from encoder.blocks import Block
    from encoder.network import Encoder
    from encoder.training import Options, prepared, trained

    torch.manual_seed(0)
    base, options = Encoder().eval(), Options(steps=4, blocks=2, held_steps=1, warm_steps=1)
    rng = np.random.default_rng(0)
    words = ["en:a", "en:b", "?c", ""] * 2
    made = [Block(rng.normal(size=(8, 148, 32)).astype(np.float16), words, [0] * 4 + [1] * 4) for _ in range(3)]
    blocks = [prepared(block, base, options) for block in made]
    assert blocks[0].vectors.shape == (8, 10, 96)
    before = {name: values.clone() for name, values in base.state_dict().items()}
    after = trained(base, blocks, options, seed=0).state_dict()
    changed = {int(name[4:].split(".")[0]) for name in before if not torch.equal(before[name], after[name])}
    assert changed == set(range(options.first, 20))
    assert all(torch.isfinite(values).all() for values in after.values())


def test_a_batch_without_a_word_of_the_vocabulary_has_a_loss() -> None:
    from encoder.blocks import Block
    from encoder.network import Encoder
    from encoder.training import Options, prepared, trained

    torch.manual_seed(0)
    base, options = Encoder().eval(), Options(steps=3, blocks=1, held_steps=0, warm_steps=1)
    rng = np.random.default_rng(0)
    block = Block(rng.normal(size=(4, 148, 32)).astype(np.float16), ["?a", "?b", "?a", "?b"], [0, 0, 1, 1])
    after = trained(base, [prepared(block, base, options)], options, seed=0)
    assert all(torch.isfinite(values).all() for values in after.state_dict().values())
