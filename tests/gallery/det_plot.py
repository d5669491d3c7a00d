"""DET curves of three words with the working point of one, as of a model that mixes up one of them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import promised_run
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_engine.operating.working_point import of_word, steps
from kws_gui.widgets.det_plot import DetPlot, DetPoint
from kws_gui.widgets.word_style import word_styles

WORDS = ("left", "right", "switch the light on")


def make() -> QWidget:
    page = QWidget()
    plot = DetPlot()
    report = promised_run.report(WORDS, takes=120, hours=4.0)
    curves = {}
    for word, one in report.words.items():
        points = [(threshold, of_word(one, report.hours, threshold)) for threshold in steps(one)]
        curves[word] = [DetPoint(threshold, point.missed.interval.share, point.per_hour) for threshold, point in points]
    plot.setCurves(curves, word_styles(WORDS), lowest=0.3 / report.hours)
    plot.setPromised({word: one.threshold for word, one in report.words.items()})
    plot.chooseWord("right")
    plot.setThreshold("right", 0.9)
    column = QVBoxLayout(page)
    column.addWidget(plot)
    page.resize(640, 400)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
