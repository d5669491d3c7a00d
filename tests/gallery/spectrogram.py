"""The live spectrogram with two detections, and a clip's still one."""

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui.widgets.spectrogram import Spectrogram

BANDS, HOP_MS = 80, 10.0


def heard(seconds: float, words_at_s: tuple[float, ...]) -> np.ndarray:
    """Frames of (n, bands) in dB: quiet noise and, at the given times, moving formants."""
    rng = np.random.default_rng(0)
    frames = rng.normal(-68, 4, (int(seconds * 1000 / HOP_MS), BANDS))
    band = np.arange(BANDS)
    for at_s in words_at_s:
        for index in range(50):
            frame = int(at_s * 1000 / HOP_MS) + index
            for center, width in ((12 + index / 6, 4), (34 - index / 4, 4), (55, 6)):
                loud = 58 * np.sin(np.pi * index / 50) * np.exp(-(((band - center) / width) ** 2))
                frames[frame] += loud
    return frames


def make() -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setSpacing(16)
    live = Spectrogram(BANDS, hop_ms=HOP_MS)
    live.setFrequencyLabels("8 kHz", "20 Hz")
    frames = heard(13.0, (5.0, 8.2, 12.3))
    for start in range(0, len(frames), 7):
        live.append(frames[start : start + 7])
    live.mark(8.6, "right")
    live.mark(12.8, "left")
    still = Spectrogram(BANDS, hop_ms=HOP_MS, gutter=0)
    still.setFrames(heard(1.0, (0.3,)))
    column.addWidget(live, 2)
    column.addWidget(still, 1)
    page.resize(720, 420)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
