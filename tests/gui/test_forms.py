"""Forms, chooser and group, used as a person would: by typing, clicking and pressing keys."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import SpecError
from kws_engine.models import MODELS
from kws_engine.registry import Registry
from kws_engine.regularizers import REGULARIZERS
from kws_engine.spec import Option, changed, find, option
from kws_engine.training.config import TrainingConfig
from kws_gui.forms.chooser import RegistryChooser
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.group import RegistryGroup, is_on, state_text
from kws_gui.forms.number import number_text, step


@dataclass(frozen=True)
class Every:
    pooling: Literal["none", "max", "mean"] = option("none", "Pooling", "What a window becomes.")
    pool_size: int = option(2, "Pool size", "Values per window.", low=2, high=16, shown_when=("pooling", "max"))
    width: float = option(1.0, "Width", "Scales every channel count.", low=0.25, high=4.0)
    rate: float = option(4e-3, "Learning rate", "Length of a step.", low=0.0, high=10.0, log=True)
    norm: bool = option(True, "Batch norm", "Normalises.")
    name: str = option("run", "Name", "What it is called.")
    snr_db: tuple[float, float] = option((5.0, 20.0), "SNR", "Noise.", low=-10.0, high=60.0, unit="dB")
    channels: tuple[int, ...] = option((16, 24), "Channels", "Filters.", low=1, high=512)
    share: float = option(0.3, "Share", "How much.", low=0.0, high=1.0, advanced=True)


EDITS: dict[str, tuple[Any, str]] = {
    "width": (2.5, "2.5"),
    "rate": (1e-4, "1e-4"),
    "name": ("second", "second"),
    "channels": ((8, 16, 32), "8, 16, 32"),
    "share": (0.5, "0.5"),
}


@pytest.fixture
def form(qtbot: QtBot) -> ConfigForm:
    made = ConfigForm(Every)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def _line(editor: QWidget) -> Any:
    return editor.lineEdit() if hasattr(editor, "lineEdit") else editor


def _type(qtbot: QtBot, editor: QWidget, text: str) -> None:
    line = _line(editor)
    line.selectAll()
    qtbot.keyClicks(line, text)


@pytest.mark.parametrize("name", EDITS)
def test_typing_a_value_changes_the_config_and_says_so(qtbot: QtBot, form: ConfigForm, name: str) -> None:
    value, text = EDITS[name]
    seen: list[Any] = []
    form.valueChanged.connect(seen.append)
    _type(qtbot, form.editor(name), text)
    assert form.value() == changed(Every(), {name: value})
    assert seen[-1] == form.value()


def test_check_and_choice_and_range(qtbot: QtBot, form: ConfigForm) -> None:
    qtbot.keyClick(form.editor("norm"), Qt.Key.Key_Space)
    qtbot.keyClick(form.editor("pooling"), Qt.Key.Key_Down)
    _type(qtbot, form.editor("snr_db").high, "30")
    assert form.value() == changed(Every(), {"norm": False, "pooling": "max", "snr_db": (5.0, 30.0)})


@pytest.mark.parametrize(
    ("name", "text"), [("width", "9"), ("width", "wide"), ("width", ""), ("channels", "8, x"), ("rate", "nan")]
)
def test_a_wrong_value_is_said_with_the_very_sentence_and_changes_nothing(
    qtbot: QtBot, form: ConfigForm, name: str, text: str
) -> None:
    with pytest.raises(SpecError) as refusal:
        find(Every, name).parse(text)
    line = _line(form.editor(name))
    line.selectAll()
    qtbot.keyClick(line, Qt.Key.Key_Backspace)
    qtbot.keyClicks(line, text)
    assert _line(form.editor(name)).text() == text, "typing must never be blocked"
    assert form.errors() == {name: str(refusal.value)}
    assert getattr(form.value(), name) != text
    find(Every, name).check(getattr(form.value(), name))


def test_a_backwards_range_is_refused_and_the_last_valid_one_kept(qtbot: QtBot, form: ConfigForm) -> None:
    _type(qtbot, form.editor("snr_db").low, "40")
    assert "runs backwards" in form.errors()["snr_db"]
    assert form.value().snr_db == (5.0, 20.0) or form.value().snr_db == (4.0, 20.0)


def test_correcting_takes_the_error_away(qtbot: QtBot, form: ConfigForm) -> None:
    _type(qtbot, form.editor("width"), "9")
    _type(qtbot, form.editor("width"), "3")
    assert form.errors() == {} and form.value().width == 3.0


def test_reset_appears_with_a_difference_and_takes_it_back(qtbot: QtBot, form: ConfigForm) -> None:
    reset = form.resetButton("width")
    assert not reset.isVisible()
    _type(qtbot, form.editor("width"), "2")
    assert reset.isVisible() and "1" in reset.toolTip()
    qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert form.value() == Every() and not reset.isVisible()
    assert form.editor("width").text() == "1"


def test_an_option_shows_only_while_its_rule_holds(qtbot: QtBot, form: ConfigForm) -> None:
    assert not form.editor("pool_size").isVisible()
    form.setValue(changed(Every(), {"pooling": "max"}))
    assert form.editor("pool_size").isVisible()
    _type(qtbot, form.editor("pool_size"), "99")
    assert "pool_size" in form.errors()
    form.setValue(changed(form.value(), {"pooling": "mean"}))
    assert not form.editor("pool_size").isVisible() and form.errors() == {}


def test_advanced_options_are_folded_and_the_fold_tells_of_changes(qtbot: QtBot, form: ConfigForm) -> None:
    fold = form.advanced()
    assert fold is not None and not form.editor("share").isVisible() and fold.state() == ""
    form.setValue(changed(Every(), {"share": 0.9}))
    assert fold.state() == "1 changed"
    fold.header().setFocus()
    qtbot.keyClick(fold.header(), Qt.Key.Key_Space)
    assert form.editor("share").isVisible()


def test_set_value_shows_and_says_once_and_refuses_what_does_not_fit(qtbot: QtBot, form: ConfigForm) -> None:
    seen: list[Any] = []
    form.valueChanged.connect(seen.append)
    config = changed(Every(), {name: value for name, (value, _) in EDITS.items()})
    form.setValue(config)
    form.setValue(config)
    assert seen == [config] and form.value() == config
    with pytest.raises(SpecError, match="Width"):
        form.setValue(Every(width=9))
    assert form.value() == config and form.editor("width").text() == "2.5"


def test_the_wheel_changes_only_a_field_that_has_the_focus(qtbot: QtBot, form: ConfigForm, qapp: QApplication) -> None:
    box = form.editor("width")
    form.editor("name").setFocus()
    _wheel(qapp, box)
    assert form.value().width == 1.0
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    _wheel(qapp, box)
    assert form.value().width > 1.0
    choice = form.editor("pooling")
    _wheel(qapp, choice)
    assert form.value().pooling == "none"


def _wheel(qapp: QApplication, widget: QWidget) -> None:
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle, widget.mapToGlobal(middle), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    qapp.sendEvent(widget, event)


def test_arrow_keys_step_inside_the_limits(qtbot: QtBot, form: ConfigForm) -> None:
    box = form.editor("rate")
    for _ in range(3):
        qtbot.keyClick(box, Qt.Key.Key_Up)
    assert form.value().rate == 0.02 and box.text() == "0.02"
    _type(qtbot, form.editor("width"), "4")
    qtbot.keyClick(form.editor("width"), Qt.Key.Key_Up)
    assert form.value().width == 4.0


def test_every_editor_is_named_and_explained(form: ConfigForm) -> None:
    for name in ("width", "rate", "norm", "name", "channels", "pooling", "snr_db"):
        editor = form.editor(name)
        assert find(Every, name).title in editor.accessibleName()
        assert find(Every, name).help in editor.toolTip() and find(Every, name).help in editor.whatsThis()


_RATE = find(Every, "rate")


@given(st.floats(1e-9, 10), st.sampled_from([1, -1]))
def test_log_steps_move_stay_inside_and_are_round(number: float, direction: int) -> None:
    moved = step(_RATE, number, direction)
    assert 0 <= moved <= 10
    assert moved > number or number > 9.99 or moved == 10 if direction > 0 else moved < number
    assert moved == 0 or number_text(moved, log=True)[0] in "1250"


@given(st.floats(1e-9, 1e9))
def test_number_text_reads_back(number: float) -> None:
    for log in (True, False):
        assert float(number_text(number, log=log)) == pytest.approx(number, rel=1e-9)


def test_scientific_text_only_where_it_is_shorter() -> None:
    assert [number_text(v, log=True) for v in (0.0, 2e-4, 0.02, 1.0, 1e6)] == ["0", "2e-4", "0.02", "1", "1e6"]
    assert number_text(16000.0) == "16000"


def test_steps_without_limits_follow_the_default() -> None:
    free = Option("x", "float", "X", "", 10.0)
    assert step(free, 10.0, 1) == 11.0 and step(free, 10.0, -1) == 9.0


def _all_registered() -> list[Any]:
    parts = [entry for registry in (MODELS, REGULARIZERS, AUGMENTATIONS) for entry in registry]
    return [
        *[pytest.param(entry.config, id=entry.name) for entry in parts],
        pytest.param(TrainingConfig, id="training"),
    ]


@pytest.mark.parametrize("config_class", _all_registered())
def test_every_registered_config_has_a_form_360_px_wide(qtbot: QtBot, config_class: type[Any]) -> None:
    made = ConfigForm(config_class)
    qtbot.addWidget(made)
    made.show()
    assert made.value() == config_class() and made.errors() == {}
    if made.advanced() is not None:
        made.advanced().setOpen(True)
    assert made.minimumSizeHint().width() <= 360 - 32


# -- chooser and group


@dataclass(frozen=True)
class Wide:
    width: float = option(1.0, "Width", "Scales.", low=0.25, high=4.0)


@dataclass(frozen=True)
class Shift:
    probability: float = option(0.8, "Probability", "How often.", low=0.0, high=1.0)
    max_ms: float = option(100.0, "Largest shift", "How far.", low=0.0, high=1000.0, unit="ms")


@dataclass(frozen=True)
class Penalty:
    weight: float = option(0.0, "All layers", "How much.", low=0.0, high=1.0, log=True)
    conv: float = option(0.0, "Convolutions", "How much more.", low=0.0, high=1.0, log=True)


@pytest.fixture
def registry() -> Registry:
    made = Registry("part", "tests_own")
    made._discovered = True  # it has no package to look through

    @made.register("wide", "Wide network", Wide, presets={"plain": {}, "wider": {"width": 1.5}})
    def wide(config: Wide) -> None:
        """Scales well."""

    @made.register("shift", "Time shift", Shift)
    def shift(config: Shift) -> None:
        """Moves the word."""

    return made


def test_chooser_switches_keeps_what_was_typed_and_says_so(qtbot: QtBot, registry: Registry) -> None:
    chooser = RegistryChooser(registry)
    qtbot.addWidget(chooser)
    chooser.show()
    seen: list[tuple[str, Any]] = []
    chooser.valueChanged.connect(lambda name, config: seen.append((name, config)))
    assert chooser.value() == ("shift", Shift())
    qtbot.keyClick(chooser.entryBox(), Qt.Key.Key_Down)
    _type(qtbot, chooser.form().editor("width"), "2")
    qtbot.keyClick(chooser.entryBox(), Qt.Key.Key_Up)
    qtbot.keyClick(chooser.entryBox(), Qt.Key.Key_Down)
    assert seen == [("wide", Wide()), ("wide", Wide(2.0)), ("shift", Shift()), ("wide", Wide(2.0))]


def test_chooser_names_the_preset_or_own_settings(qtbot: QtBot, registry: Registry) -> None:
    chooser = RegistryChooser(registry)
    qtbot.addWidget(chooser)
    chooser.show()
    assert not chooser.presetBox().isVisible()
    chooser.setValue("wide", Wide(1.5))
    assert chooser.presetBox().isVisible() and chooser.presetBox().currentText() == "wider"
    _type(qtbot, chooser.form().editor("width"), "3")
    assert chooser.presetBox().currentText() == "custom settings"
    chooser.presetBox().setFocus()
    qtbot.keyClick(chooser.presetBox(), Qt.Key.Key_Home)
    assert chooser.value() == ("wide", Wide(1.0)) and chooser.presetBox().findText("custom settings") == -1


def test_chooser_set_value_refuses_without_a_change(qtbot: QtBot, registry: Registry) -> None:
    chooser = RegistryChooser(registry)
    qtbot.addWidget(chooser)
    with qtbot.assertNotEmitted(chooser.valueChanged), pytest.raises(SpecError):
        chooser.setValue("wide", Wide(99.0))
    assert chooser.value() == ("shift", Shift())
    with qtbot.waitSignal(chooser.valueChanged) as said:
        chooser.setValue("wide", Wide(2.0))
    assert said.args == ["wide", Wide(2.0)]


def test_group_says_in_words_what_is_on_and_what_differs(qtbot: QtBot, registry: Registry) -> None:
    group = RegistryGroup(registry)
    qtbot.addWidget(group)
    group.show()
    assert group.fold("shift").state() == "on, 80%"
    with qtbot.waitSignal(group.valueChanged) as said:
        _type(qtbot, group.form("shift").editor("max_ms"), "50")
    assert group.fold("shift").state() == "on, 80% · largest shift 50 ms"
    assert said.args[0]["wide"] == Wide() and set(said.args[0]) == {"shift", "wide"}
    group.setValue({"shift": Shift(probability=0.0)})
    assert group.fold("shift").state() == "off" and group.value()["shift"].probability == 0.0
    assert "off" in group.fold("shift").header().accessibleName()


def test_a_penalty_is_on_when_any_weight_is() -> None:
    assert not is_on(Penalty()) and state_text(Penalty()) == "off"
    assert state_text(Penalty(conv=1e-5)) == "on · convolutions 1e-5"


def test_tab_goes_in_reading_order(qtbot: QtBot, form: ConfigForm) -> None:
    form.setValue(changed(Every(), {"width": 2.0}))
    form.advanced().setOpen(True)
    form.editor("pooling").setFocus()
    heights, rows = [], []
    for _ in range(12):
        widget = QApplication.focusWidget()
        rows.append(widget)
        heights.append(widget.mapTo(form, widget.rect().topLeft()).y())
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    end = rows.index(form.editor("share")) + 1
    assert form.resetButton("width") in rows[:end] and form.advanced().header() in rows[:end]
    assert all(below > above - 8 for above, below in itertools.pairwise(heights[:end]))
