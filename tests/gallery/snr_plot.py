"""Misses of 40 takes from clean sound to noise louder than the speech."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_engine.evaluation.interval import wilson
from kws_gui.widgets.snr_plot import Missed, SnrPlot

MISSED = {"clean": 1, "20 dB": 2, "10 dB": 3, "5 dB": 7, "0 dB": 17, "-5 dB": 33}


def make() -> QWidget:
    page = QWidget()
    plot = SnrPlot()
    shares = {name: wilson(count, 40) for name, count in MISSED.items()}
    plot.setPoints([Missed(name, one.share, one.low, one.high) for name, one in shares.items()])
    column = QVBoxLayout(page)
    column.addWidget(plot)
    page.resize(560, 320)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
