"""The level meter: speech, clipping, silence, and the small one of the rail."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from kws_gui.widgets.level_meter import LevelMeter


def make() -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setSpacing(16)
    for peak_db, rms_db in ((-12.3, -24.0), (0.0, -7.5), (-90.0, -90.0)):
        meter = LevelMeter()
        meter.setLevel(peak_db, rms_db)
        column.addWidget(meter)
    row = QHBoxLayout()
    for peak_db in (-20.0, 0.0):
        small = LevelMeter(compact=True)
        small.setLevel(peak_db, peak_db - 10)
        small.setMaximumWidth(88)
        row.addWidget(small)
    empty = LevelMeter(compact=True)
    empty.setMaximumWidth(88)
    row.addWidget(empty)
    row.addStretch()
    column.addLayout(row)
    page.resize(560, 220)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
