"""The tiles of takes: thirteen of twenty, and none yet."""

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui.widgets.take_tiles import TakeTiles, Tile


def make() -> QWidget:
    rng = np.random.default_rng(0)
    page = QWidget()
    column = QVBoxLayout(page)
    column.setSpacing(16)
    some, none = TakeTiles(20), TakeTiles(20)
    some.setTiles([Tile(_frames(rng), float(rng.uniform(-18, -4))) for _ in range(12)])
    some.add(Tile(_frames(rng), -7.0))
    for tiles in (some, none):
        column.addWidget(tiles)
    page.resize(900, 520)
    return page


def _frames(rng: np.random.Generator) -> np.ndarray:
    """A word of two syllables with harmonics that fall."""
    time, band = np.arange(100)[:, None], np.arange(80)[None]
    loud = sum(np.exp(-(((time - at) / 9) ** 2)) for at in rng.normal((38, 60), 3))
    harmonics = 0.5 + 0.5 * np.cos(band / rng.uniform(1.2, 1.8) + time / 30)
    return (-85 + 70 * loud * harmonics * np.exp(-band / 60) + 3 * rng.standard_normal((100, 80))).astype(np.float32)


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
