"""The waveform: a word with its window, speech bounds and playhead; and one before any sound."""

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui.widgets.waveform import Waveform

RATE = 16_000


def spoken(seconds: float = 1.6, onset_s: float = 0.55) -> np.ndarray:
    """Something like a word in a quiet room: two syllables of harmonics over noise."""
    at_s = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(0)
    voice = sum(np.sin(2 * np.pi * 120 * k * at_s + k) / k for k in range(1, 12))
    shape = np.exp(-(((at_s - onset_s - 0.1) / 0.07) ** 2)) + 0.6 * np.exp(-(((at_s - onset_s - 0.35) / 0.09) ** 2))
    return (0.35 * voice * shape + 0.01 * rng.standard_normal(at_s.size)).astype(np.float32)


def make() -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setSpacing(16)
    clip = Waveform()
    clip.setSamples(spoken(), RATE)
    clip.setSpeech(int(0.52 * RATE), int(1.05 * RATE))
    clip.setWindow(int(0.28 * RATE), RATE)
    clip.setPlayhead(int(0.9 * RATE))
    plain = Waveform()
    plain.setSamples(spoken(1.0, 0.3), RATE)
    column.addWidget(clip, 2)
    column.addWidget(plain, 1)
    column.addWidget(Waveform(), 1)
    page.resize(640, 420)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
