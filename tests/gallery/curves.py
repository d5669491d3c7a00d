"""Curves of a run that overfits after epoch 14; and the same plots before any epoch."""

import math

from PySide6.QtWidgets import QHBoxLayout, QWidget

from kws_gui.widgets.curves import LossAndAccuracy


def make() -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setSpacing(24)
    run = LossAndAccuracy()
    for epoch in range(1, 31):
        train = 2.2 * math.exp(-epoch / 6) + 0.02
        validation = 2.2 * math.exp(-epoch / 6) + 0.22 + 0.01 * max(0, epoch - 14) + 0.02 * math.sin(epoch * 2)
        run.add(epoch, train, validation, 1 - train / 2.6, 0.97 - validation / 2.8)
    run.setBest(14)
    first = LossAndAccuracy()
    first.add(1, 1.9, 2.0, 0.3, 0.27)
    row.addWidget(run, 2)
    row.addWidget(first, 1)
    page.resize(960, 520)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
