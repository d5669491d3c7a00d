"""The confusion matrix of twelve labels at 600 px, and of four."""

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QWidget

from kws_gui.widgets.confusion import ConfusionMatrix

LABELS = ("_silence_", "_unknown_", "right", "left", "up", "down", "go", "stop", "eight", "one", "zero", "five")


def make() -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setSpacing(24)
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.6, (12, 12)) + np.diag(rng.integers(80, 1200, 12))
    counts[4, 5], counts[6, 10] = 38, 61
    large = ConfusionMatrix()
    large.setMatrix(LABELS, counts)
    large.setFixedWidth(600)
    small = ConfusionMatrix()
    small.setMatrix(("yes", "no", "lamp", "_unknown_"), [[18, 1, 0, 1], [0, 20, 0, 0], [2, 0, 15, 3], [0, 1, 1, 58]])
    row.addWidget(large)
    row.addWidget(small)
    page.resize(1016, 600)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
