"""Curves of a run that overfits after epoch 14, of three runs over one another, and before the second epoch."""

import math

from PySide6.QtWidgets import QGridLayout, QWidget

from kws_gui.widgets.curves import LossAndAccuracy, Point, RunCurves


def make() -> QWidget:
    page = QWidget()
    grid = QGridLayout(page)
    grid.setSpacing(24)
    run = LossAndAccuracy(findings=True)
    run.setPoints(_points(30), best=14)
    run.setFinding("Validation loss has risen since epoch 14: overfitting", "Training loss falls on", "Add dropout")
    rate = LossAndAccuracy()
    rate.setPoints(_points(30), best=14)
    rate.setView("rate")
    runs = LossAndAccuracy()
    names = ("tc_resnet", "tc_resnet, dropout 0.5", "ds_cnn")
    runs.setRuns(RunCurves(name, _points(20 + 5 * i, 1 + 0.3 * i), best=14 + i) for i, name in enumerate(names))
    first = LossAndAccuracy()
    first.add(1, 1.9, 2.0, 0.3, 0.27)
    for index, curves in enumerate((run, rate, runs, first)):
        grid.addWidget(curves, index // 2, index % 2)
    grid.setColumnStretch(0, 2)
    grid.setColumnStretch(1, 1)
    page.resize(1040, 760)
    return page


def _points(n: int, scale: float = 1.0) -> list[Point]:
    made = []
    for epoch in range(1, n + 1):
        train = scale * 2.2 * math.exp(-epoch / 6) + 0.02
        validation = train + 0.2 + 0.01 * max(0, epoch - 14) + 0.02 * math.sin(epoch * 2)
        rate = 0.005 * (1 + math.cos(math.pi * epoch / n)) + 1e-5
        terms = {"cross_entropy": train + 0.3, "l2": 0.02}
        made.append(Point(epoch, train, validation, 1 - train / 3.2, 0.97 - validation / 3.4, rate, 1.2, terms))
    return made


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
