"""The table of layers, used by clicks and keys: rows added, moved, changed, refused; what each leaves and costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from kws_engine import layer_rows
from kws_engine.layer_rows import KINDS
from kws_engine.models.custom import CustomConfig
from kws_engine.settings import Settings
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.layer_table import FIELD, KIND, MACS, OUTPUT, PARAMETERS, VALUES
from kws_gui.forms.layers import LayersEditor
from kws_gui.pages.train.form import SettingsForm

ROWS = "conv2d 8 3x3; relu; maxpool 2x2; gap"


@pytest.fixture
def form(qtbot: QtBot) -> Iterator[ConfigForm]:
    made = ConfigForm(CustomConfig)
    qtbot.addWidget(made)
    made.show()
    made.setValue(CustomConfig(layer_rows.parse(ROWS)))
    qtbot.mouseClick(_editor(made).button, Qt.MouseButton.LeftButton)
    qtbot.waitExposed(_editor(made).tableWindow())
    yield made
    _editor(made).tableWindow().close()


def _editor(form: ConfigForm) -> LayersEditor:
    editor = form.editor("layers")
    assert isinstance(editor, LayersEditor)
    return editor


def _texts(form: ConfigForm) -> list[str]:
    return [layer_rows.text(row) for row in form.value().layers]


def _cell(form: ConfigForm, row: int, column: int) -> str:
    return str(_editor(form).table.item(row, column).text())


def _type(qtbot: QtBot, form: ConfigForm, row: int, text: str) -> None:
    table = _editor(form).table
    table.setCurrentCell(row, VALUES)
    qtbot.keyClick(table, Qt.Key.Key_F2)
    edit = table.viewport().findChildren(QLineEdit)[-1]
    edit.selectAll()
    qtbot.keyClicks(edit, text)
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    QApplication.processEvents()  # the editor commits when its key press is over


def test_every_row_says_what_it_leaves_and_costs(form: ConfigForm) -> None:
    told = [[_cell(form, row, column) for column in (OUTPUT, PARAMETERS, MACS, FIELD)] for row in range(5)]
    assert told[0] == ["8 maps of 98 x 40", "80", "282,240", "3 x 3"]
    assert told[2] == ["8 maps of 49 x 20", "0", "0", "4 x 4"]
    assert told[4] == ["12 values", "108", "96", "98 x 40"]
    window: Any = _editor(form).tableWindow()
    assert window.sum.text() == "188 parameters, 282,336 MACs per clip"


def test_rows_move_double_and_go_by_keys_and_buttons(qtbot: QtBot, form: ConfigForm) -> None:
    editor = _editor(form)
    buttons = editor.tableWindow().buttons  # type: ignore[attr-defined]
    editor.table.setCurrentCell(1, KIND)
    editor.table.setFocus()
    qtbot.keyClick(editor.table, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert _texts(form) == ["conv2d 8 3x3", "maxpool 2x2", "relu", "gap"]
    assert editor.table.currentRow() == 2
    qtbot.mouseClick(buttons["up"], Qt.MouseButton.LeftButton)
    qtbot.keyClick(editor.table, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert _texts(form) == ["conv2d 8 3x3", "relu", "relu", "maxpool 2x2", "gap"]
    qtbot.keyClick(editor.table, Qt.Key.Key_Delete)
    assert "; ".join(_texts(form)) == ROWS
    editor.table.setCurrentCell(0, KIND)
    assert not buttons["up"].isEnabled() and buttons["down"].isEnabled()
    editor.table.setCurrentCell(4, KIND)
    assert not any(button.isEnabled() for button in buttons.values()), "the layer to the labels stays"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_added(form: ConfigForm, kind: str) -> None:
    editor = _editor(form)
    editor.table.setCurrentCell(1, KIND)
    action = next(a for a in editor.tableWindow().add.menu().actions() if a.text() == KINDS[kind].title)  # type: ignore[attr-defined]
    action.trigger()
    assert _texts(form) == ["conv2d 8 3x3", "relu", KINDS[kind].start, "maxpool 2x2", "gap"]


def test_values_are_typed_and_a_wrong_one_is_said_in_its_row(qtbot: QtBot, form: ConfigForm) -> None:
    _type(qtbot, form, 0, "16 5x3 stride 2")
    assert _texts(form)[0] == "conv2d 16 5x3 stride 2" and _cell(form, 0, OUTPUT) == "16 maps of 49 x 20"
    _type(qtbot, form, 0, "16 big")
    assert _cell(form, 0, OUTPUT) == "conv2d: kernel: 'big' is not a size such as 3x3 or 9"
    assert form.errors() == {"layers": "Layers: row 1: conv2d: kernel: 'big' is not a size such as 3x3 or 9"}
    assert _texts(form)[0] == "conv2d 16 5x3 stride 2", "the last valid rows stay"
    assert _cell(form, 0, VALUES) == "16 big"
    _type(qtbot, form, 0, "4 3x3")
    assert form.errors() == {} and _texts(form)[0] == "conv2d 4 3x3"


def test_a_row_that_does_not_fit_says_so_and_the_rows_after_it_wait(qtbot: QtBot, form: ConfigForm) -> None:
    _type(qtbot, form, 2, "200x2")
    assert _cell(form, 2, OUTPUT).startswith("its cell of 200 x 2 is larger than the 98 x 40 values")
    assert [_cell(form, row, OUTPUT) for row in (3, 4)] == ["", ""]
    assert _cell(form, 1, OUTPUT) == "8 maps of 98 x 40"


def test_another_kind_is_chosen_in_the_table(qtbot: QtBot, form: ConfigForm) -> None:
    table = _editor(form).table
    table.setCurrentCell(2, KIND)
    qtbot.keyClick(table, Qt.Key.Key_F2)
    box = table.viewport().findChild(QComboBox)
    box.setCurrentIndex(box.findData("minpool"))
    box.activated.emit(box.currentIndex())
    assert _texts(form)[2] == "minpool 2x2", "values that fit are kept"


def test_all_rows_are_one_line_of_text_too(qtbot: QtBot, form: ConfigForm) -> None:
    line = _editor(form).tableWindow().line  # type: ignore[attr-defined]
    assert line.text() == ROWS
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, "conv1d 4 9; gap")
    assert _texts(form) == ["conv1d 4 9", "gap"] and _editor(form).button.text() == "Edit 2 rows …"


def test_the_table_follows_the_features_and_the_words(qtbot: QtBot) -> None:
    settings = SettingsForm()
    qtbot.addWidget(settings)
    settings.setValue(Settings().with_options(["model.name=custom", "feature.bands=20"]))
    settings.set_clip(n_samples=16_000, rate=16_000, n_labels=5)
    editor = _editor(settings.model.form())
    count = len(editor.table.texts())
    assert editor.table.item(count, OUTPUT).text() == "5 values"
    assert editor.table.item(0, OUTPUT).text().endswith("x 20")


def test_a_refusal_stands_at_its_field_until_it_is_taken_back(qtbot: QtBot) -> None:
    settings = SettingsForm()
    qtbot.addWidget(settings)
    settings.show()
    settings.setValue(Settings().with_options(["feature.name=mfcc", "feature.bands=20"]))
    settings.refuse("Coefficients: too many", "feature.coefficients")
    assert settings.feature.form().errors() == {"coefficients": "Coefficients: too many"}
    assert [mistake.sentence for mistake in settings.mistakes()] == ["Coefficients: too many"]
    assert settings.cost.text() == "Coefficients: too many"
    settings.refuse("", "")
    assert settings.mistakes() == []
