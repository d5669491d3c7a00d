"""The chapter on convolution: a 3 x 3 window moves over the spectrogram of one of the reader's own clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.bridges.player import Player
from kws_gui.forms.editors import guard_wheel
from kws_gui.pages.learn.arithmetic import convolved
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.clip_picker import RATE, ClipPicker, Floats, in_db, log_mel
from kws_gui.pages.learn.controls import Choice
from kws_gui.pages.learn.drawing import Drawing
from kws_gui.pages.learn.figures import LEFT, RIGHT, NumberGrid, short_number, signed_color, small
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.colormap import HIGH_DB, LOW_DB, magma

Numbers = NDArray[np.float64]
_CUSTOM = "custom"
PRESETS: dict[str, tuple[tuple[float, ...], ...]] = {
    "edges in time": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "edges in frequency": ((1, 2, 1), (0, 0, 0), (-1, -2, -1)),
    "all edges": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "blur": ((0.11, 0.11, 0.11), (0.11, 0.11, 0.11), (0.11, 0.11, 0.11)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}
_STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class WindowedImage(Drawing):
    """Values (rows, columns) as colours, row 0 on top, with a window moved by click, drag or arrow keys.

    Signals:
        moved(row, column): The person moved the centre of the window there.
    """

    moved = Signal(int, int)

    def __init__(self, name: str, *, signed: bool, window: int) -> None:
        super().__init__(name, height=190)
        self._title = name
        self._signed = signed
        self._window = window
        self._values: Numbers = np.zeros((1, 1))
        self._at = (0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def setValues(self, values: Numbers) -> None:
        """Shows values; the window stays."""
        self._values = values
        self.update()

    def setWindow(self, row: int, column: int) -> None:
        """Moves the centre of the window."""
        self._at = (row, column)
        self.say(f"Window at band {self._values.shape[0] - row} from the bottom, frame {column + 1}")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        heading = QRectF(area.left() + 4, area.top(), area.width() - 8, 22)
        small(painter, heading, self._title, role="text", align=LEFT)
        area = self._picture()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.drawImage(area, self._image())
        painter.restore()
        self._paint_window(painter, area)
        below = QRectF(area.left(), area.bottom(), area.width(), 18)
        small(painter, below, "10 ms per column", align=LEFT)
        small(painter, below, "high frequencies on top", align=RIGHT)

    def _picture(self) -> QRectF:
        return QRectF(self.rect()).adjusted(4, 24, -4, -20)

    def _image(self) -> QImage:
        rows, columns = self._values.shape
        if self._signed:
            largest = max(float(np.abs(self._values).max()), 1e-6)
            steps = np.clip(np.round(self._values / largest * 100) + 100, 0, 200).astype(np.uint8)
            table = [signed_color((step - 100) / 100).rgba() for step in range(201)]
        else:
            steps = np.clip(self._values * 255, 0, 255).astype(np.uint8)
            table = magma()
        padded = np.zeros((rows, -(-columns // 4) * 4), np.uint8)
        padded[:, :columns] = steps
        image = QImage(padded.data, columns, rows, padded.shape[1], QImage.Format.Format_Indexed8)
        image.setColorTable(table)
        return image.copy()

    def _paint_window(self, painter: QPainter, area: QRectF) -> None:
        rows, columns = self._values.shape
        wide, high = area.width() / columns, area.height() / rows
        half = self._window // 2
        frame = QRectF(
            area.left() + (self._at[1] - half) * wide,
            area.top() + (self._at[0] - half) * high,
            self._window * wide,
            self._window * high,
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor("#10151C"), 4))
        painter.drawRect(frame.adjusted(-2, -2, 2, 2))
        painter.setPen(QPen(QColor("#3FE0AE"), 2))
        painter.drawRect(frame.adjusted(-2, -2, 2, 2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._move_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move_to(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        self._move(self._at[0] + step[0], self._at[1] + step[1])

    def _move_to(self, at: QPointF) -> None:
        area, (rows, columns) = self._picture(), self._values.shape
        row = int((at.y() - area.top()) / area.height() * rows)
        self._move(row, int((at.x() - area.left()) / area.width() * columns))

    def _move(self, row: int, column: int) -> None:
        rows, columns = self._values.shape
        self.moved.emit(min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))


class _Weight(QDoubleSpinBox):
    """A number without trailing zeros."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setRange(-9, 9)
        self.setDecimals(2)
        self.setSingleStep(0.5)
        self.setFixedWidth(61)
        self.lineEdit().setTextMargins(3, 0, 0, 0)
        self.setAccessibleName(name)
        self.setToolTip("Type a number, or change it with the arrow keys")
        guard_wheel(self)

    def textFromValue(self, value: float) -> str:
        return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


class KernelEditor(QWidget):
    """Nine editable numbers.

    Signals:
        valueChanged(): One of them changed.
    """

    valueChanged = Signal()

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(theme.GRID // 2)
        places = [(row, column) for row in range(3) for column in range(3)]
        self.boxes = [_Weight(f"Kernel, row {row + 1}, column {column + 1}") for row, column in places]
        for place, box in enumerate(self.boxes):
            grid.addWidget(box, *divmod(place, 3))
            box.valueChanged.connect(self.valueChanged)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def value(self) -> Numbers:
        """The kernel (3, 3)."""
        return np.array([box.value() for box in self.boxes]).reshape(3, 3)

    def setValue(self, kernel: tuple[tuple[float, ...], ...]) -> None:
        """Shows a kernel; emits `valueChanged` once."""
        blockers = [QSignalBlocker(box) for box in self.boxes]
        for box, value in zip(self.boxes, (value for row in kernel for value in row), strict=True):
            box.setValue(value)
        for blocker in blockers:
            blocker.unblock()
        self.valueChanged.emit()


@CHAPTERS.register("convolution", "Convolution: a moving window", order=100)
class ConvolutionChapter(ChapterPage):
    """Input, output, and the sum of products under the window."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._pipeline = log_mel()
        self._samples: Floats = np.zeros(RATE, np.float32)
        self._picture: Numbers = np.zeros((40, 98))
        self._at = (20, 49)
        self.text(
            "A convolution slides a small window, the kernel, over the image. At each position it multiplies the "
            "values under it, one by one, by its own weights and adds up the products: one sum, one point of the "
            "result. Where the image looks like the kernel, the sum is large.",
            "A network does not take its kernels from a book. It learns the nine numbers in training, and many "
            "kernels in parallel: one finds the onsets of sounds, another finds steady tones.",
        )
        self.player = Player(self)
        self._make_parts(model)
        self.text(
            "With an edge kernel, the spectrogram turns into a map of where sounds start (blue) and end (orange). "
            "ReLU, the usual activation, discards the negative half, so that another kernel has to look for it.",
            source="LeCun et al. 1998; Sobel's kernels for edges (1968).",
        )
        self.try_it(
            {"model.name": "cnn", "model.kernel_time": "3", "model.kernel_freq": "3"},
            "Opens Train with a convolutional network with 3 x 3 kernels.",
        )
        self.preset.setValue(next(iter(PRESETS)))
        self._on_preset(self.preset.value())

    def shutdown(self) -> None:
        self.picker.shutdown()
        self.player.shutdown()

    def _make_parts(self, model: ProjectModel) -> None:
        self.picker = ClipPicker(model)
        self.before = WindowedImage("Spectrogram", signed=False, window=3)
        self.after = WindowedImage("After the kernel", signed=True, window=1)
        self.preset = Choice("Kernel", [*PRESETS, _CUSTOM])
        self.relu = QCheckBox("ReLU: below zero becomes 0")
        self.kernel = KernelEditor()
        self.under = NumberGrid("Values under the window", cell=36)
        self.products = NumberGrid("Products", cell=36)
        self.controls(self.picker)
        self.drawing(self.before, self.after)
        self.controls(self.preset, self.relu)
        self._controls.append(self.kernel)
        self.sum = QLabel()
        self.drawing(self._make_worked())
        self.caption = self.readout()
        self.picker.picked.connect(self._on_picked)
        self.picker.failed.connect(lambda sentence: self.caption.setText(sentence))
        self.picker.playRequested.connect(lambda: self.player.play(self._samples, RATE))
        self.player.failed.connect(lambda sentence: self.caption.setText(sentence))
        self.preset.valueChanged.connect(self._on_preset)
        self.kernel.valueChanged.connect(self._on_kernel)
        self.relu.toggled.connect(self._refresh)
        for picture in (self.before, self.after):
            picture.moved.connect(self._on_moved)

    def _make_worked(self) -> QWidget:
        """The worked example: window × kernel = products, and their sum."""
        worked = QWidget()
        line = QHBoxLayout(worked)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        self.sum.setMinimumWidth(56)
        theme.set_role(self.sum, "title")
        self.sum.setAccessibleName("Sum of the products")
        for part in (self.under, QLabel("×"), self.kernel, QLabel("="), self.products, QLabel("Σ"), self.sum):
            line.addWidget(part)
        line.addStretch(1)
        return worked

    def _on_picked(self, samples: Floats) -> None:
        self._samples = samples
        decibels = in_db(self._pipeline.batch(samples), self._pipeline)
        scaled = np.clip((decibels - LOW_DB) / (HIGH_DB - LOW_DB), 0, 1)
        self._picture = np.ascontiguousarray(scaled.T[::-1], np.float64)
        row, column = np.unravel_index(int(self._picture.argmax()), self._picture.shape)
        self._at = (int(row), int(column))
        self._refresh()

    def _on_preset(self, name: str) -> None:
        if name in PRESETS:
            self.kernel.setValue(PRESETS[name])

    def _on_kernel(self) -> None:
        kernel = self.kernel.value()
        equal = [name for name, preset in PRESETS.items() if np.allclose(kernel, preset)]
        self.preset.setValue(equal[0] if equal else _CUSTOM)
        self._refresh()

    def _on_moved(self, row: int, column: int) -> None:
        self._at = (row, column)
        self._show_window()

    def _refresh(self) -> None:
        result = convolved(self._picture, self.kernel.value(), padding=1)
        self.before.setValues(self._picture)
        self.after.setValues(np.maximum(result, 0) if self.relu.isChecked() else result)
        self._show_window()

    def _show_window(self) -> None:
        row, column = self._at
        under = np.pad(self._picture, 1)[row : row + 3, column : column + 3]
        products = under * self.kernel.value()
        total = float(products.sum())
        self.under.setValues(under)
        self.products.setValues(products)
        for picture in (self.before, self.after):
            picture.setWindow(row, column)
        self.sum.setText(short_number(total))
        cut = self.relu.isChecked() and total < 0
        self.caption.setText(
            f"Frame {column + 1} of {self._picture.shape[1]}, band {self._picture.shape[0] - row} of "
            f"{self._picture.shape[0]}: the nine products add up to {short_number(total)}"
            + (", and ReLU makes that 0." if cut else ".")
            + " Click an image or use the arrow keys to move the window; 0 is silence, 1 is full scale, and the image "
            "is padded with zeros."
        )
