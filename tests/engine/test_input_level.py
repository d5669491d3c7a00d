"""The noise floor of a microphone and how to set its input, from the levels of real words in a room."""

from __future__ import annotations

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.bench import bounds
from kws_engine.clips.input_level import CLIPPED, InputLevel

RATE = 16_000


def hear(level: InputLevel, sound: np.ndarray) -> list[str]:
    """The levels of the newest 50 ms, 30 times a second; what was advised, each sentence once."""
    told = []
    for end in range(800, len(sound), RATE // 30):
        level.hear(audio.peak_db(sound[end - 800 : end]), audio.rms_db(sound[end - 800 : end]))
        if level.advice not in told[-1:]:
            told.append(level.advice)
    return told


def room(seconds: float, rms_db: float) -> np.ndarray:
    noise = np.random.default_rng(2).standard_normal(round(seconds * RATE))
    return (10 ** (rms_db / 20) * noise).astype(np.float32)


@pytest.mark.parametrize("rms_db", [-70, -55, -45])
def test_the_floor_is_that_of_the_first_second(rms_db):
    level = InputLevel()
    hear(level, room(0.9, rms_db))
    assert level.floor_db is None and level.advice == ""
    hear(level, room(0.6, rms_db))
    assert level.floor_db == pytest.approx(rms_db, abs=1.5) and level.advice == ""


def test_a_floor_measured_while_somebody_spoke_falls_in_the_next_pause():
    level = InputLevel()
    hear(level, room(1.2, -30))
    assert level.floor_db == pytest.approx(-30, abs=1.5) and level.advice.startswith("The room is loud")
    hear(level, room(2, -60))
    assert level.floor_db == pytest.approx(-60, abs=1.5)


def test_silence_of_a_muted_microphone_is_no_fault_of_the_level():
    level = InputLevel()
    assert hear(level, np.zeros(3 * RATE, np.float32)) == [""]


PEAKS = {
    -36: "Louder by about 21 dB",
    -32: "Louder by about 18 dB",
    -18: "",
    -8: "",
    -1.5: "Turn the input down by about",
}


@pytest.mark.parametrize("peak_db", PEAKS)
def test_real_words_are_wanted_louder_or_softer(shared_data, peak_db):
    told = []
    for word in bounds.words_of(shared_data, 40):
        said = word.samples * (10 ** (peak_db / 20) / np.abs(word.samples).max())
        level = InputLevel()
        hear(level, room(1.5, -85))
        sound = room(len(said) / RATE + 1, -85)
        sound[: len(said)] += said
        told.append(hear(level, sound)[-1])
    fitting = [one for one in told if one.startswith(PEAKS[peak_db]) and bool(one) == bool(PEAKS[peak_db])]
    assert len(fitting) >= 30, told


def test_clipping_is_told_at_once_and_until_a_word_is_softer(shared_data):
    word = bounds.words_of(shared_data, 1)[0]
    level = InputLevel()
    hear(level, room(1.2, -60))
    loud = np.clip(word.samples * (4 / np.abs(word.samples).max()), -1, 1).astype(np.float32)
    assert CLIPPED in hear(level, loud)
    hear(level, room(5, -60))
    assert level.advice == CLIPPED, "nobody has spoken since: nothing jumps"
    hear(level, np.concatenate([loud / 4, room(1, -60)]))
    assert level.advice == ""


def test_words_that_hardly_rise_above_the_room(shared_data):
    word = bounds.words_of(shared_data, 1)[0]
    said = word.samples * (0.04 / np.sqrt(np.mean(word.samples[slice(*word.bounds)] ** 2)))
    level = InputLevel()
    hear(level, room(1.2, -36))
    assert level.advice.startswith("The room is loud: go closer")
    sound = room(len(said) / RATE + 1, -36)
    sound[: len(said)] += said
    assert hear(level, sound)[-1].startswith("The room is loud")
