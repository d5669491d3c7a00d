"""Forty trials over four options with the importance of each, one trial chosen, one axis filtered."""

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QWidget

from kws_gui.widgets.importance import ImportanceBars
from kws_gui.widgets.parallel import ParallelPlot, PlotAxis, PlotLine

AXES = (
    PlotAxis("Learning rate", ((0.0, "1e-4"), (0.33, "1e-3"), (0.67, "1e-2"), (1.0, "1e-1"))),
    PlotAxis("Width multiplier", ((0.0, "0.5"), (0.5, "1.25"), (1.0, "2"))),
    PlotAxis("L2: Dense layers", ((0.0, "1e-6"), (0.5, "1e-4"), (1.0, "1e-2"))),
    PlotAxis("Optimizer", ((0.0, "adamw"), (1.0, "sgd"))),
    PlotAxis("Validation loss", ((0.0, "0.12"), (0.5, "0.31"), (1.0, "0.5"))),
)


def make() -> QWidget:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(40):
        rate, width, penalty, optimizer = (*rng.uniform(0, 1, 3), float(rng.integers(0, 2)))
        value = min(1.0, 2.2 * (rate - 0.62) ** 2 + 0.15 * optimizer + 0.2 * abs(width - 0.6) + rng.uniform(0, 0.2))
        positions = (rate, width, penalty, optimizer, value)
        lines.append(PlotLine(number, positions, 1 - value, number % 5 != 4, f"Trial {number}"))
    plot = ParallelPlot()
    plot.setLines(AXES, lines, current=max(lines, key=lambda line: line.goodness).number)
    plot.setFilter(0, 0.4, 0.85)
    bars = ImportanceBars()
    bars.setShares([("Learning rate", 0.61), ("Optimizer", 0.22), ("Width multiplier", 0.13), ("L2", 0.04)])
    bars.setFixedWidth(200)
    page = QWidget()
    row = QHBoxLayout(page)
    row.setSpacing(24)
    row.addWidget(bars)
    row.addWidget(plot, 1)
    page.resize(960, 440)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
