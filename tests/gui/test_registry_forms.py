"""Every registered part on a form: it begins with its defaults, its editors take any value, and it fits the card."""

from __future__ import annotations

from typing import Any

import pytest
from other_value import other_value
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from kws_engine.actions import ACTIONS
from kws_engine.augment import AUGMENTATIONS
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.registry import Entry
from kws_engine.regularizers import REGULARIZERS
from kws_engine.spec import Option, changed, options
from kws_gui.forms.editors import RangeBox
from kws_gui.forms.fold import Fold
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.layers import LayersEditor
from kws_gui.pages.train.card import FORM_WIDTH, FormCard
from kws_gui.pages.train.form import SettingsForm

ENTRIES = [entry for registry in (MODELS, FEATURES, AUGMENTATIONS, REGULARIZERS, ACTIONS) for entry in registry]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_form_begins_with_the_defaults_and_every_editor_takes_another_value(qtbot: QtBot, entry: Entry) -> None:
    form = ConfigForm(entry.config)
    qtbot.addWidget(form)
    assert form.value() == entry.config() and form.errors() == {}
    for option in options(entry.config):
        wanted = other_value(option, option.default)
        _edit(form.editor(option.name), option, wanted)
        assert form.errors() == {} and form.value() == changed(entry.config(), {option.name: wanted}), option.name
        form.resetButton(option.name).click()
        assert form.value() == entry.config(), option.name


def _edit(editor: Any, option: Option, value: Any) -> None:
    """What a person does: picks, clicks, types, or pastes all rows."""
    if option.kind == "bool":
        editor.click()
    elif isinstance(editor, QComboBox):
        editor.setCurrentIndex(editor.findData(value))
    elif option.kind == "range":
        for box, number in zip((editor.high, editor.low), reversed(value), strict=True):
            box.lineEdit().setText(str(number))
    elif isinstance(editor, LayersEditor):
        line = editor.tableWindow().line
        line.setText(option.text(value))
        line.textEdited.emit(line.text())
    else:
        (editor.lineEdit() if hasattr(editor, "lineEdit") else editor).setText(option.text(value))


@pytest.fixture
def card(qtbot: QtBot) -> FormCard:
    made = FormCard(SettingsForm())
    qtbot.addWidget(made)
    made.resize(FORM_WIDTH, 500)
    made.show()
    for fold in made.findChildren(Fold):
        fold.setOpen(True)
    return made


def _lay_out() -> None:
    """Does what was posted for later: layouts, and what they post in turn."""
    for _ in range(3):
        QCoreApplication.sendPostedEvents()
        QCoreApplication.processEvents()


def _beyond(card: FormCard) -> list[str]:
    """What is visible of the form only in part, cut off at the right."""
    area = card.findChild(QScrollArea)
    assert area.verticalScrollBar().maximum() > 0, "the scroll bar takes its room, too"
    width = area.viewport().width()
    found = [f"form {area.widget().width()}"] if area.widget().width() > width else []
    shown = [part for part in area.widget().findChildren(QWidget) if part.isVisible()]
    return found + [type(p).__name__ for p in shown if p.mapTo(area.viewport(), p.rect().topRight()).x() >= width]


@pytest.mark.parametrize(
    ("section", "entry"),
    [pytest.param("model", e, id=e.name) for e in MODELS] + [pytest.param("feature", e, id=e.name) for e in FEATURES],
)
def test_every_network_and_feature_fits_the_card(qtbot: QtBot, card: FormCard, section: str, entry: Entry) -> None:
    form = card.findChild(SettingsForm)
    chooser = getattr(form, section)
    for config in (entry.config(), *(entry.preset(name) for name in entry.presets), _all_other(entry)):
        chooser.setValue(entry.name, config)
        if chooser.form().advanced() is not None:
            chooser.form().advanced().setOpen(True)
        _lay_out()
        assert _beyond(card) == []


def _all_other(entry: Entry) -> Any:
    """Every option changed, so that every reset button and "custom settings" show."""
    return changed(entry.config(), {o.name: other_value(o, o.default) for o in options(entry.config)})


def test_a_long_word_in_a_refusal_widens_nothing_and_is_said_in_full(qtbot: QtBot, card: FormCard) -> None:
    form = card.findChild(SettingsForm)
    sentence = f"Width: {'x' * 90!r} does not go with augment.background_noise.probability_of_something_long"
    form.refuse(sentence, "model.width")
    _lay_out()
    assert _beyond(card) == []
    assert form.cost.text() == sentence and form.model.form()._rows["width"].error() == sentence


def test_both_ends_of_every_range_can_be_read(qtbot: QtBot, card: FormCard) -> None:
    _lay_out()
    boxes = card.findChildren(RangeBox)
    assert boxes
    for box in (end for pair in boxes for end in (pair.low, pair.high)):
        needed = box.fontMetrics().horizontalAdvance(box.text())
        assert needed <= box.lineEdit().width() - 4, f"{box.accessibleName()}: {box.text()}"  # 2 px a side by QLineEdit
