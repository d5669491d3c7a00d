"""Score strips of four words, one just heard, one telling what its threshold promises, over their time axis."""

import math

from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui.widgets.score_strip import ScoreStrip

WORDS = {"right": 0.6, "left": 0.55, "up": 0.8, "switch the light on": 0.5}
SAID_S = {"right": (5.0, 8.6), "left": (12.6,), "up": (), "switch the light on": (10.4,)}


def make() -> QWidget:
    page = QWidget()
    strip = ScoreStrip()
    strip.setWords(list(WORDS), WORDS)
    for step in range(0, 1300, 3):
        at_s = step / 100
        scores = {
            word: 0.03 + 0.02 * math.sin(step / 9) + sum(0.92 * math.exp(-(((at_s - s) / 0.18) ** 2)) for s in said)
            for word, said in SAID_S.items()
        }
        strip.append(at_s, scores)
    strip.detected("left")
    strip.setPromises({"up": lambda threshold: "0.06/h, misses 3%"})
    strip.row("up").setThreshold(0.75)
    column = QVBoxLayout(page)
    column.addWidget(strip)
    page.resize(720, 280)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
