"""The chapters on networks and augmentation: every number they show against torch or sums done one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_engine.models import MODELS
from kws_engine.models.counting import count
from kws_gui.pages.learn.arithmetic import Convolution, convolved, gradient_share, output_size, pooled
from kws_gui.pages.learn.chapters.convolution import PRESETS, ConvolutionChapter
from kws_gui.pages.learn.chapters.picture_or_series import PictureOrSeriesChapter
from kws_gui.pages.learn.chapters.residual import ResidualChapter
from kws_gui.pages.learn.chapters.stride_pooling import StridePoolingChapter
from kws_gui.pages.learn.chapters.tc_resnet import TcResNetChapter
from kws_gui.pages.learn.chapters.weights import WeightsChapter
from kws_gui.pages.learn.clip_picker import ClipPicker
from kws_gui.pages.learn.layer_counts import count_tc_resnet
from kws_gui.services.project_model import ProjectModel

PATIENCE_MS = 30_000
SIZES = [
    (size, kernel, stride, padding)
    for size, kernel, stride, padding in itertools.product((1, 5, 6, 9), (1, 2, 3, 5), (1, 2, 4), (0, 1, 2))
    if size + 2 * padding >= kernel
]
VARIANTS = {
    "time": {},
    "time and frequency": {"picture": True},
    "time and frequency, pooled": {"picture": True, "pooled": True},
}


@pytest.fixture
def model() -> ProjectModel:
    return ProjectModel()


@pytest.fixture
def chapter(qtbot: QtBot, model: ProjectModel) -> Iterator[ConvolutionChapter]:
    made = ConvolutionChapter(model)
    qtbot.addWidget(made)
    with qtbot.waitSignal(made.picker.picked, timeout=PATIENCE_MS):
        made.resize(580, 800)
        made.show()
    yield made
    made.shutdown()


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), SIZES)
def test_convolution_and_its_size_are_torchs(size: int, kernel: int, stride: int, padding: int) -> None:
    rng = np.random.default_rng(size * kernel)
    picture, weights = rng.normal(size=(size, size + 2)), rng.normal(size=(kernel, kernel))
    theirs = torch.nn.functional.conv2d(
        torch.from_numpy(picture)[None, None], torch.from_numpy(weights)[None, None], stride=stride, padding=padding
    )[0, 0].numpy()
    ours = convolved(picture, weights, stride=stride, padding=padding)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert ours.shape[0] == output_size(size, kernel=kernel, stride=stride, padding=padding)


@pytest.mark.parametrize("how", ["max", "average", "min"])
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), [s for s in SIZES if 2 * s[3] <= s[1]])
def test_pooling_is_torchs(how: str, size: int, kernel: int, stride: int, padding: int) -> None:
    picture = np.random.default_rng(size).normal(size=(size, size))
    tensor = torch.from_numpy(picture)[None, None]
    if how == "average":
        theirs = torch.nn.functional.avg_pool2d(tensor, kernel, stride, padding, count_include_pad=False)
    else:
        sign = 1 if how == "max" else -1
        theirs = sign * torch.nn.functional.max_pool2d(sign * tensor, kernel, stride, padding)
    ours = pooled(picture, how=how, cell=kernel, stride=stride, padding=padding)
    np.testing.assert_allclose(ours, theirs[0, 0].numpy(), atol=1e-12)


def test_a_window_that_does_not_fit_leaves_nothing() -> None:
    assert output_size(3, kernel=5) == 0
    assert convolved(np.ones((3, 3)), np.ones((5, 5))).size == 0
    with pytest.raises(ValueError, match="nothing in them"):
        pooled(np.ones((3, 3)), how="max", cell=2, stride=1, padding=2)


@pytest.mark.parametrize("size", [(98, 40), (101, 13)])
def test_layers_are_counted_as_the_engine_counts(size: tuple[int, int]) -> None:
    ours = Convolution(size, 3, 8, (9, 3), (2, 1), (4, 1))
    layer = torch.nn.Conv2d(3, 8, (9, 3), (2, 1), (4, 1), bias=False)
    output = layer(torch.zeros(1, 3, *size))
    assert ours.output == tuple(output.shape[2:]) and ours.outputs == output.numel()
    assert ours.weights == layer.weight.numel() and ours.macs == output.numel() * layer.weight[0].numel()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("depth", ["8", "14"])
@pytest.mark.parametrize("width", [0.25, 1.0, 1.5, 2.75])
def test_tc_resnet_is_counted_as_it_is_built(variant: str, depth: str, width: float) -> None:
    for (n_frames, n_features), kernel in itertools.product([(98, 40), (101, 13)], [9, 5]):
        config = MODELS["tc_resnet"].config(blocks=depth, width=width, kernel=kernel, convolutions=variant)
        built = MODELS["tc_resnet"].build(config, n_features=n_features, n_frames=n_frames, n_labels=7)
        cost = count(built, n_frames=n_frames, n_features=n_features)
        drawn = count_tc_resnet(
            n_frames=n_frames, n_features=n_features, n_labels=7, depth=depth, width=width, kernel=kernel,
            **VARIANTS[variant],
        )  # fmt: skip
        assert (drawn.parameters, drawn.macs) == (cost.parameters, cost.macs)


@pytest.mark.parametrize("depth", ["8", "14"])
def test_the_frames_that_a_layer_sees_are_those_that_change_it(depth: str) -> None:
    """One value in the middle of the last block, asked by its gradient which frames of the input it depends on."""
    n_frames = 801
    config = MODELS["tc_resnet"].config(blocks=depth, width=0.25, batch_norm=False)
    network = MODELS["tc_resnet"].build(config, n_features=4, n_frames=n_frames, n_labels=3)
    for weights in network.parameters():
        torch.nn.init.ones_(weights)
    clip = torch.ones(1, n_frames, 4, dtype=torch.float64, requires_grad=True)
    before_the_mean = next(at for at, layer in enumerate(network) if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
    values = network.double()[:before_the_mean](clip)
    values[0, 0, 0, values.shape[3] // 2].backward()
    assert clip.grad is not None
    seen = int((clip.grad[0].abs().sum(dim=1) > 0).sum())
    drawn = count_tc_resnet(n_frames=n_frames, n_features=4, n_labels=3, depth=depth, width=0.25)
    assert max(layer.field for layer in drawn.layers) == seen


@pytest.mark.parametrize("shortcut", [False, True])
def test_the_gradient_is_autograds(shortcut: bool) -> None:
    value = first = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    for _ in range(12):
        value = 0.3 * value + (value if shortcut else 0)
    value.backward()
    assert first.grad is not None
    assert gradient_share(12, slope=0.3, shortcut=shortcut) == pytest.approx(float(first.grad))


@pytest.mark.parametrize("name", PRESETS)
def test_the_window_shows_the_sum_that_stands_in_the_result(chapter: ConvolutionChapter, name: str) -> None:
    chapter.preset.setValue(name)
    kernel = np.array(PRESETS[name])
    np.testing.assert_allclose(chapter.kernel.value(), kernel)
    for row, column in [(0, 0), (20, 50), (39, 97)]:
        chapter.before.moved.emit(row, column)
        under = np.pad(chapter._picture, 1)[row : row + 3, column : column + 3]
        shown = float(chapter.sum.text().replace("−", "-"))
        assert shown == pytest.approx(float((under * kernel).sum()), abs=0.005001)
        assert chapter.after._values[row, column] == pytest.approx(float((under * kernel).sum()))


def test_the_window_is_moved_by_click_and_keys(qtbot: QtBot, chapter: ConvolutionChapter) -> None:
    area = chapter.before._picture()
    qtbot.mouseClick(
        chapter.before, Qt.MouseButton.LeftButton, pos=QPoint(round(area.left() + 2), round(area.top() + 2))
    )
    assert chapter._at == (0, 0)
    qtbot.keyClick(chapter.before, Qt.Key.Key_Right)
    qtbot.keyClick(chapter.after, Qt.Key.Key_Down)
    assert chapter._at == (1, 1)
    qtbot.keyClick(chapter.before, Qt.Key.Key_Up)
    qtbot.keyClick(chapter.before, Qt.Key.Key_Up)
    assert chapter._at == (0, 1)


def test_an_edited_kernel_is_ones_own_and_relu_cuts(qtbot: QtBot, chapter: ConvolutionChapter) -> None:
    chapter.kernel.boxes[4].setFocus()
    qtbot.keyClick(chapter.kernel.boxes[4], Qt.Key.Key_Up)
    assert chapter.preset.value() == "custom" and chapter.after._values.min() < 0
    chapter.relu.click()
    assert chapter.after._values.min() == 0 < chapter.after._values.max()


def test_stepping_goes_through_every_place(qtbot: QtBot, model: ProjectModel) -> None:
    made = StridePoolingChapter(model)
    qtbot.addWidget(made)
    made.kernel.setValue(2)
    made.stride.setValue(2)
    made.operation.setValue("min pooling")
    made.padding.setValue(0)
    picture = made.grid._input
    for place in range(9):
        row, column = divmod(place, 3)
        lowest = picture[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].min()
        assert f"Position {place + 1} of 9" in made.caption.text() and "= 3." in made.caption.text()
        assert made.caption.text().endswith(f"is {lowest:g}.".replace("-", "−"))
        qtbot.keyClick(made.grid, Qt.Key.Key_Right)
    assert "Position 1 of 9" in made.caption.text()
    made.size_box.setValue(1)
    assert "does not fit" in made.caption.text() and made.output().size == 0


def test_the_animation_steps_and_rests_when_it_is_not_seen(qtbot: QtBot, model: ProjectModel) -> None:
    made = StridePoolingChapter(model)
    qtbot.addWidget(made)
    made.show()
    made.play.click()
    qtbot.waitUntil(lambda: "Position 3 of" in made.caption.text(), timeout=PATIENCE_MS)
    made.hide()
    assert not made.play.isChecked() and not made.timer.isActive()


def test_weights_are_those_of_real_layers(qtbot: QtBot, model: ProjectModel) -> None:
    made = WeightsChapter(model)
    qtbot.addWidget(made)
    made.units.setValue(10)
    made.maps.setValue(5)
    made.kernel_freq.setValue(7)
    dense = torch.nn.Linear(98 * 40, 10)
    convolution = torch.nn.Conv2d(1, 5, (3, 7))
    shown = [[cell.text().replace("\u202f", "") for cell in row] for row in made.table.cells]
    assert shown[0] == [str(dense.weight.numel()), str(convolution.weight.numel())]
    assert shown[1] == [str(dense.bias.numel()), str(convolution.bias.numel())]
    assert shown[4] == [str(98 * 40 * 10), str(98 * 40 * 5 * 21)]


def test_both_views_with_equal_weights_as_in_the_paper(qtbot: QtBot, model: ProjectModel) -> None:
    made = PictureOrSeriesChapter(model)
    qtbot.addWidget(made)
    picture, series = made.layers()
    assert picture.weights == series.weights == 1440
    assert picture.macs == 40 * series.macs and "40.0 times" in made.caption.text()
    assert picture.output == (98, 40) and series.output == (98, 1)


def test_the_drawing_of_tc_resnet_follows_depth_width_and_keys(qtbot: QtBot, model: ProjectModel) -> None:
    made = TcResNetChapter(model)
    qtbot.addWidget(made)
    assert (made.network().parameters, made.network().macs) == (65_180, 1_522_560)  # 65k and 3 M operations
    made.depth_choice.setValue("14")
    made.width_slider.setValue(1.5)
    assert made.network().parameters == pytest.approx(303_000, rel=0.01)
    assert made.options() == {"model.name": "tc_resnet", "model.blocks": "14", "model.width": "1.5"}
    for _ in range(2):
        qtbot.keyClick(made.layers, Qt.Key.Key_Down)
    assert "27 frames" in made.caption.text() and "290 ms" in made.caption.text()


def test_the_gradient_in_words(qtbot: QtBot, model: ProjectModel) -> None:
    made = ResidualChapter(model)
    qtbot.addWidget(made)
    assert "0.30²⁰ = 3.5 · 10⁻¹¹" in made.caption.text() and "1.30²⁰ = 190" in made.caption.text()


def test_clips_are_ones_own_where_there_are_some(qtbot: QtBot, model: ProjectModel, tmp_path: Path) -> None:
    picker = ClipPicker(model)
    qtbot.addWidget(picker)
    with qtbot.waitSignal(picker.picked, timeout=PATIENCE_MS) as starter:
        picker.show()
    assert picker.words.findText("stop") >= 0 and np.abs(starter.args[0]).max() > 0.01
    with qtbot.waitSignal(picker.picked, timeout=PATIENCE_MS):
        model.open(make_project(tmp_path / "tones", takes=2))
    assert {picker.words.itemText(at) for at in range(picker.words.count())} == {"low", "middle", "high"}
    before = picker._place
    with qtbot.waitSignal(picker.picked, timeout=PATIENCE_MS) as other:
        picker.again.click()
    assert picker._place == before + 1 and len(other.args[0]) == 16_000
    picker.shutdown()
