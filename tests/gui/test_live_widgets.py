"""The two widgets that scroll with the sound: what is drawn where, and when."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import near, pixels, shown
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from kws_gui import theme
from kws_gui.widgets.axis import GUTTER, _time_text
from kws_gui.widgets.colormap import levels
from kws_gui.widgets.score_strip import ScoreStrip, _Curve
from kws_gui.widgets.spectrogram import Spectrogram

LEFT = Qt.MouseButton.LeftButton


# -- spectrogram


def test_levels_use_one_fixed_range() -> None:
    assert levels(np.array([-200.0, -80.0, -40.0, 0.0, 20.0, np.nan])).tolist() == [0, 0, 127, 255, 255, 0]


def test_the_newest_sound_is_at_the_right_edge_and_scrolls_left(qtbot: QtBot) -> None:
    live = shown(qtbot, Spectrogram(8, hop_ms=10, seconds=2), 600, 200)
    quiet, loud = np.full((10, 8), -80.0), np.full((10, 8), 0.0)
    for _ in range(30):
        live.append(quiet)
    live.append(loud)
    first = _bright_columns(live)
    assert first.max() >= 598 and first.min() > 560
    for _ in range(10):
        live.append(quiet)
    later = _bright_columns(live)
    assert later.mean() == pytest.approx(GUTTER + (600 - GUTTER) * (200 - 105) / 200, abs=3)
    assert live.now_s() == pytest.approx(4.1)


def _bright_columns(widget: QWidget) -> np.ndarray:
    return np.nonzero(pixels(widget)[60, GUTTER:].sum(-1) > 600)[0] + GUTTER


def test_low_bands_are_at_the_bottom(qtbot: QtBot) -> None:
    still = shown(qtbot, Spectrogram(8, gutter=0), 400, 200)
    frames = np.full((50, 8), -80.0)
    frames[:, 0] = 0.0
    still.setFrames(frames)
    column = pixels(still)[:, 200].sum(-1)
    assert column[170] > 600 and column[20] < 60


def test_any_size_of_block_gives_the_same_picture(qtbot: QtBot) -> None:
    frames = np.random.default_rng(0).uniform(-80, 0, (700, 8))
    pictures = []
    for size in (1, 7, 250, 700):
        live = shown(qtbot, Spectrogram(8, hop_ms=10, seconds=2), 500, 150)
        for start in range(0, len(frames), size):
            live.append(frames[start : start + size])
        pictures.append(pixels(live))
    assert all((picture == pictures[0]).all() for picture in pictures[1:])


def test_detections_scroll_along_and_are_told(qtbot: QtBot) -> None:
    live = shown(qtbot, Spectrogram(8, hop_ms=10, seconds=2), 600, 200)
    live.append(np.full((300, 8), -80.0))
    live.mark(2.5, "lamp")
    here = np.nonzero(near(pixels(live)[150], "#3FE0AE"))[0].mean()
    live.append(np.full((50, 8), -80.0))
    there = np.nonzero(near(pixels(live)[150], "#3FE0AE"))[0].mean()
    assert here - there == pytest.approx(0.5 / 2 * (600 - GUTTER), abs=2)
    assert live.accessibleDescription() == "Detections: lamp at 2.5 s"
    live.append(np.full((300, 8), -80.0))
    assert not near(pixels(live)[150], "#3FE0AE").any()
    live.clear()
    assert live.accessibleDescription() == "No detections" and live.now_s() == 0


# -- score strip


@pytest.fixture
def strip(qtbot: QtBot) -> ScoreStrip:
    made = ScoreStrip()
    made.setWords(["up", "down"], [0.5, 0.7])
    return shown(qtbot, made, 600, 160)


def test_keys_move_the_threshold_of_the_focused_word(qtbot: QtBot, strip: ScoreStrip) -> None:
    row = strip.row("down")
    with qtbot.waitSignal(strip.thresholdChanged) as moved:
        qtbot.keyClick(row, Qt.Key.Key_Up)
    assert moved.args == ["down", 0.71]
    for _ in range(5):
        qtbot.keyClick(row, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert row.threshold() == 1.0 and strip.row("up").threshold() == 0.5
    assert "1.00" in row.accessibleDescription()


def test_the_line_is_dragged_to_the_pointer(qtbot: QtBot, strip: ScoreStrip) -> None:
    row = strip.row("up")
    said: list[tuple[str, float]] = []
    strip.thresholdChanged.connect(lambda word, value: said.append((word, value)))
    qtbot.mousePress(row, LEFT, pos=QPoint(300, row.height() - 7))
    qtbot.mouseMove(row, QPoint(300, 7))
    qtbot.mouseRelease(row, LEFT, pos=QPoint(300, 7))
    assert [word for word, _ in said] == ["up", "up"] and said[0][1] < 0.05 and said[1][1] > 0.95
    qtbot.mouseClick(row, LEFT, pos=QPoint(20, 20))
    assert len(said) == 2, "the word itself is no handle"


def test_a_detected_word_lights_up_for_a_second(qtbot: QtBot, strip: ScoreStrip) -> None:
    strip.detected("up")
    assert strip.row("up").isLit() and not strip.row("down").isLit()
    assert "heard" in strip.row("up").accessibleDescription()
    qtbot.waitUntil(lambda: not strip.row("up").isLit(), timeout=3000)
    assert "heard" not in strip.row("up").accessibleDescription()


def test_scores_are_in_line_with_the_spectrogram(qtbot: QtBot, strip: ScoreStrip) -> None:
    for step in range(0, 1501):
        strip.append(step / 100, {"up": 0.95 if 995 <= step <= 1005 else 0.0, "down": 0.0})
    strip.row("up").setThreshold(0.0)
    row = pixels(strip.row("up"))
    peak = np.nonzero(near(row[:20, GUTTER:], theme.current().detection).any(0))[0].mean()
    assert peak == pytest.approx((10.0 - 5.0) / 10 * (600 - GUTTER), abs=4)


def test_a_word_that_is_not_said_is_not_drawn_again_and_again(qtbot: QtBot, strip: ScoreStrip) -> None:
    counts = {"up": 0, "down": 0}

    class Paints(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                counts[next(word for word in counts if strip.row(word) is watched)] += 1
            return False

    paints = Paints()
    for word in counts:
        strip.row(word).installEventFilter(paints)
    for number in range(1, 6):
        strip.append(number / 10, {"up": 0.9, "down": 0.001})
        qtbot.waitUntil(lambda number=number: counts["up"] >= number, timeout=5000)
    assert counts["down"] <= 1
    strip.append(0.6, {"up": 0.9, "down": 0.8})
    qtbot.waitUntil(lambda: counts["down"] >= 1 and strip.row("down")._look[1] == "0.80 of 0.70", timeout=5000)


def test_a_curve_of_hours_is_that_of_its_last_seconds(qtbot: QtBot) -> None:
    curve, generator = _Curve(10.0), np.random.default_rng(0)
    size = curve._points.shape
    scores = generator.uniform(0, 1, 30_000)
    for number, score in enumerate(scores):
        curve.append(number * 0.03, float(score))
    at_s, kept = curve.points()
    end_s = (len(scores) - 1) * 0.03
    assert curve._points.shape == size and end_s - 10.6 < at_s[0] < end_s - 10 and np.all(np.diff(at_s) > 0)
    newest = scores[round(at_s[0] / 0.03) :]
    assert curve.highest() == kept.max() == newest.max()
    curve.clear()
    assert curve.highest() == 0 and len(curve.points()[0]) == 0


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (12.0, 0, "12 s"),
        (1.5, 1, "1.5 s"),
        (3600.0, 0, "1:00:00"),
        (28_799.5, 1, "7:59:59.5"),
        (7199.96, 1, "2:00:00.0"),
    ],
)
def test_times_of_hours_are_told_like_a_clock(seconds: float, decimals: int, text: str) -> None:
    assert _time_text(seconds, decimals) == text


def test_new_words_replace_the_old(qtbot: QtBot, strip: ScoreStrip) -> None:
    strip.append(1.0, [0.1, 0.9])
    strip.setWords(["lamp"], {"lamp": 0.4})
    strip.append(0.1, [0.2])
    strip.detected("down")
    assert strip.row("lamp").threshold() == 0.4
    with pytest.raises(ValueError):
        strip.append(0.2, [0.2, 0.3])


def test_a_live_widget_is_idle_when_nothing_comes(qtbot: QtBot, qapp: QApplication) -> None:
    live = shown(qtbot, Spectrogram(8))
    live.append(np.zeros((3, 8)))
    assert live._timer.isActive()
    qtbot.waitUntil(lambda: not live._timer.isActive(), timeout=1000)
