"""The widgets that are painted here, driven by their data, the mouse and the keyboard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import near, pixels, shown
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from kws_gui import theme
from kws_gui.widgets.axis import ticks
from kws_gui.widgets.confusion import ConfusionMatrix
from kws_gui.widgets.curves import LossAndAccuracy
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.envelope import Envelope
from kws_gui.widgets.level_meter import LevelMeter
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow, duration
from kws_gui.widgets.waveform import Waveform

RATE = 16_000
LEFT = Qt.MouseButton.LeftButton


# -- level meter


@pytest.mark.parametrize(
    ("peak_db", "words"),
    [
        (-12.3, "peak -12 dB"),
        (-0.4, "peak 0 dB"),
        (0.0, "peak 0 dB, clipping"),
        (-90.0, "quiet"),
        (float("-inf"), "quiet"),
    ],
)
def test_level_is_said_in_words(qtbot: QtBot, peak_db: float, words: str) -> None:
    meter = shown(qtbot, LevelMeter())
    assert meter.text() == "no signal"
    meter.setLevel(peak_db, peak_db - 10)
    assert meter.text() == meter.accessibleDescription() == words
    meter.clear()
    assert meter.text() == "no signal"


def test_peak_is_held_while_the_bar_falls(qtbot: QtBot) -> None:
    meter = shown(qtbot, LevelMeter(), 500, 40)
    meter.setLevel(-6.5, -10.0)
    meter.setLevel(-50.0, -55.0)
    blue = near(pixels(meter), theme.current().accent).sum()
    qtbot.waitUntil(lambda: near(pixels(meter), theme.current().accent).sum() < blue / 2, timeout=4000)
    assert meter.text() == "peak -6 dB"


def test_the_held_peak_falls_after_a_while(qtbot: QtBot) -> None:
    meter = shown(qtbot, LevelMeter(), 500, 40)
    meter.setLevel(-6.5, -10.0)
    meter.setLevel(-50.0, -55.0)
    qtbot.waitUntil(lambda: meter.text() == "peak -50 dB", timeout=8000)


def test_the_noise_floor_is_marked_and_said_and_nothing_moves(qtbot: QtBot) -> None:
    meter = shown(qtbot, LevelMeter(), 500, 40)
    meter.setLevel(-20.0, -30.0)
    size, plain = meter.sizeHint(), pixels(meter)
    meter.setFloor(-52.4)
    marked = pixels(meter)
    below = slice(17, 24)  # px, under the bar
    text = near(marked, theme.current().text)[below] & ~near(plain, theme.current().text)[below]
    columns = np.flatnonzero(text.sum(axis=0) > 3)
    assert len(columns) and columns.max() < marked.shape[1] * 0.25  # at -52 of -60 to 0
    assert meter.accessibleDescription() == "peak -20 dB; noise -52 dB" and meter.sizeHint() == size
    meter.clear()
    assert meter.floor() is None and meter.accessibleDescription() == "no signal"


def test_a_louder_level_draws_a_longer_bar(qtbot: QtBot) -> None:
    lengths = []
    for rms_db in (-50.0, -30.0, -10.0):
        meter = shown(qtbot, LevelMeter(), 500, 40)
        meter.setLevel(rms_db, rms_db)
        lengths.append(int(near(pixels(meter), theme.current().accent).sum()))
    assert lengths[0] < lengths[1] < lengths[2]


# -- waveform


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 400), st.integers(0, 2**31))
def test_envelope_never_loses_a_peak(size: int, count: int, seed: int) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, size).astype(np.float32)
    lows, highs = Envelope(samples).columns(count)
    assert lows.shape == highs.shape == (count,)
    assert (lows <= highs).all()
    assert (lows.min() == samples.min() and highs.max() == samples.max()) or count > size


def test_envelope_of_an_hour_keeps_one_click() -> None:
    samples = np.zeros(3600 * RATE, np.float32)
    samples[12_345_678] = 0.9
    _, highs = Envelope(samples).columns(800)
    assert highs[int(12_345_678 / len(samples) * 800)] == np.float32(0.9) and np.count_nonzero(highs) == 1


@pytest.fixture
def clip(qtbot: QtBot) -> Waveform:
    wave = shown(qtbot, Waveform(), 800, 160)
    wave.setSamples(np.sin(np.arange(2 * RATE) / 20) * 0.5, RATE)
    wave.setWindow(4000, RATE)
    return wave


@pytest.mark.parametrize(
    ("key", "modifier", "start"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 4160),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier, 2400),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier, 4016),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, RATE),
    ],
)
def test_keys_move_the_window(
    qtbot: QtBot, clip: Waveform, key: Qt.Key, modifier: Qt.KeyboardModifier, start: int
) -> None:
    with qtbot.waitSignal(clip.windowMoved) as moved:
        qtbot.keyClick(clip, key, modifier)
    assert moved.args == [start] and clip.windowStart() == start


def test_dragging_moves_the_window_with_the_pointer_and_stops_at_the_end(qtbot: QtBot, clip: Waveform) -> None:
    per_pixel = 2 * RATE / 800
    qtbot.mousePress(clip, LEFT, pos=QPoint(200, 60))
    qtbot.mouseMove(clip, QPoint(240, 60))
    assert clip.windowStart() == pytest.approx(4000 + 40 * per_pixel, abs=per_pixel)
    qtbot.mouseMove(clip, QPoint(790, 60))
    assert clip.windowStart() == RATE
    qtbot.mouseRelease(clip, LEFT, pos=QPoint(790, 60))


def test_a_press_beside_the_window_brings_it_there(qtbot: QtBot, clip: Waveform) -> None:
    with qtbot.waitSignal(clip.windowMoved):
        qtbot.mouseClick(clip, LEFT, pos=QPoint(700, 60))
    assert clip.windowStart() == RATE


def test_waveform_tells_what_it_shows(clip: Waveform) -> None:
    clip.setSpeech(6000, 12_000)
    assert clip.accessibleDescription() == "2.00 s of sound, window 0.25 to 1.25 s, speech 0.38 to 0.75 s"
    clip.setSamples(np.zeros(0), RATE)
    assert clip.accessibleDescription() == "no sound" and clip.windowStart() is None


def test_a_window_longer_than_the_sound_starts_at_zero(qtbot: QtBot) -> None:
    wave = shown(qtbot, Waveform())
    wave.setSamples(np.zeros(100), RATE)
    wave.setWindow(50, RATE)
    assert wave.windowStart() == 0 and pixels(wave).std() > 0


# -- curves


def test_curves_tell_the_last_epoch_and_the_best(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossAndAccuracy(), 500, 400)
    assert curves.text().startswith("No epoch yet")
    curves.add(1, 2.0, 2.1, 0.30, 0.25)
    curves.add(2, 1.0, 1.2, 0.70, 0.60)
    curves.setBest(2)
    expected = "Epoch 2: loss 1.000 / 1.200, accuracy 70.0% / 60.0% (training / validation) · best 2"
    assert curves.text() == curves.accessibleDescription() == expected
    curves.clear()
    assert curves.points() == () and curves.text().startswith("No epoch yet")


def test_pointing_at_an_epoch_tells_its_numbers(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossAndAccuracy(), 600, 500)
    for epoch in range(1, 21):
        curves.add(epoch, 2 / epoch, 2.5 / epoch, 1 - 1 / (epoch + 1), 0.9 - 0.8 / epoch)
    view = curves._loss.view
    at = view.mapFromScene(curves._loss.plot.getViewBox().mapViewToScene(QPointF(7.2, 1.0)))
    qtbot.mouseMove(view.viewport(), at)
    qtbot.waitUntil(lambda: curves.text().startswith("Epoch 7:"), timeout=2000)


def test_curves_are_drawn_in_the_colours_of_their_meaning_and_stay_inside(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossAndAccuracy(), 600, 500)
    for epoch in range(1, 6):
        curves.add(epoch, 9.0 / epoch, float("nan") if epoch == 3 else 8.0 / epoch, 0.1 * epoch, 0.08 * epoch)
    drawn = pixels(curves)
    for role in ("training", "validation"):
        assert near(drawn[40:], getattr(theme.current(), role)).sum() > 100
    low, high = curves._loss.plot.viewRange()[1]
    assert low <= 0 and high >= 9


def test_ticks_are_round_and_few() -> None:
    assert ticks(0, 1, at_most=5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(3.4, 13.4, at_most=5) == [4.0, 6.0, 8.0, 10.0, 12.0]
    assert ticks(2, 2, at_most=5) == []


# -- confusion


@pytest.fixture
def matrix(qtbot: QtBot) -> ConfusionMatrix:
    made = ConfusionMatrix()
    made.setMatrix(["yes", "no", "lamp"], [[18, 1, 1], [0, 20, 0], [2, 3, 0]])
    return shown(qtbot, made, 400, 400)


def test_keys_move_over_the_cells_and_enter_opens(qtbot: QtBot, matrix: ConfusionMatrix) -> None:
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
        qtbot.keyClick(matrix, key)
    assert matrix.currentCell() == ("lamp", "no")
    assert matrix.accessibleDescription() == "3 of 5 “lamp” were heard as “no” (60%)"
    with qtbot.waitSignal(matrix.cellActivated) as opened:
        qtbot.keyClick(matrix, Qt.Key.Key_Return)
    assert opened.args == ["lamp", "no"]


def test_every_cell_opens_by_a_click(qtbot: QtBot, matrix: ConfusionMatrix) -> None:
    opened: list[tuple[str, str]] = []
    matrix.cellActivated.connect(lambda said, heard: opened.append((said, heard)))
    for row in range(3):
        for column in range(3):
            qtbot.mouseClick(matrix, LEFT, pos=matrix.cellRect(row, column).center().toPoint())
    labels = ("yes", "no", "lamp")
    assert opened == [(said, heard) for said in labels for heard in labels]
    qtbot.mouseClick(matrix, LEFT, pos=QPoint(2, 2))
    assert len(opened) == 9


@pytest.mark.parametrize("count", [2, 9, 12, 14])
def test_fourteen_labels_fit_into_600_px(qtbot: QtBot, count: int) -> None:
    matrix = ConfusionMatrix()
    matrix.setMatrix([f"word {index}" for index in range(count)], np.full((count, count), 1234))
    shown(qtbot, matrix, 600, 600)
    last = matrix.cellRect(count - 1, count - 1)
    assert last.right() <= 600 and last.bottom() <= 600 - 20 and last.width() >= 32


def test_counts_must_fit_the_labels(qtbot: QtBot, matrix: ConfusionMatrix) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        matrix.setMatrix(["a"], [[1, 2], [3, 4]])
    assert matrix.currentCell() == ("yes", "yes")


# -- messages, progress, empty pages


def test_a_message_is_said_in_the_page_with_its_remedy(qtbot: QtBot) -> None:
    page = QWidget()
    bar = MessageBar(page)
    shown(qtbot, page)
    assert not bar.isVisible()
    bar.showMessage("error", "lamp.wav is empty; record it again.", remedy="Record", details="AudioError: 0 frames")
    assert bar.isVisible() and bar.accessibleName() == "Error: lamp.wav is empty; record it again."
    with qtbot.waitSignal(bar.remedyTriggered):
        qtbot.mouseClick(bar.remedyButton(), LEFT)
    qtbot.mouseClick(bar.copyButton(), LEFT)
    assert QGuiApplication.clipboard().text() == "lamp.wav is empty; record it again.\n\nAudioError: 0 frames"
    with qtbot.waitSignal(bar.dismissed):
        qtbot.keyClick(bar, Qt.Key.Key_Escape)
    assert not bar.isVisible() and bar.text() == ""
    bar.showMessage("info", "All is well.")
    assert not bar.remedyButton().isVisible() and not bar.copyButton().isVisible()


def test_progress_says_how_far_and_how_long_and_cancels_once(qtbot: QtBot) -> None:
    page = QWidget()
    row = ProgressRow(page)
    shown(qtbot, page)
    row.start("Importing")
    assert row.isVisible()
    row.setProgress(420, 1204, remaining_s=95)
    assert row.text() == "420 of 1,204 · 1 min 35 s left"
    with qtbot.waitSignal(row.cancelRequested):
        qtbot.mouseClick(row.cancelButton(), LEFT)
    row.setProgress(421, 1204, remaining_s=94)
    assert row.text() == "stopping" and not row.cancelButton().isEnabled()
    row.finish()
    assert not row.isVisible()


def test_durations_are_said_as_a_person_would() -> None:
    assert [duration(s) for s in (0.2, 8.4, 80, 7500)] == ["1 s", "8 s", "1 min 20 s", "2 h 5 min"]


def test_the_button_of_an_empty_page(qtbot: QtBot) -> None:
    empty = shown(qtbot, EmptyState("mdi6.microphone", "Say your first word.", "Record"))
    assert empty.button().property("role") == "primary"
    with qtbot.waitSignal(empty.triggered):
        qtbot.keyClick(empty.button(), Qt.Key.Key_Space)
