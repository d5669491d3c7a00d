"""The actions of the open project: a list with a switch for each, and a form for the one that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.actions import ACTIONS
from kws_engine.actions.rule import ANY, LimitsConfig, Rule
from kws_engine.actions.running import Report
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.forms.chooser import RegistryChooser
from kws_gui.forms.form import ConfigForm, form_row
from kws_gui.forms.tab_order import order_tabs
from kws_gui.pages.listen.word_box import WordBox
from kws_gui.services.actions import Actions, Outcome
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.scrolling import scrolling
from kws_gui.widgets.wrapped_label import WrappedLabel

_NOTHING = "Nothing happens at a word yet. Choose below what is to happen, test it, and add it; then switch it on here."
_FORM_WIDTH = 400
_LIST_WIDTH = 360


class ActionsDialog(QDialog):
    """Stays open beside the page while it listens; a rule that is edited runs as it was until it is saved."""

    def __init__(self, actions: Actions, words: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Actions")
        self._actions = actions
        self._at: int | None = None
        self.rows: list[RuleRow] = []
        self.editor = RuleEditor(words)
        self.add = QPushButton("New action")
        self.add.setToolTip("Empties the form for another action")
        self._empty = WrappedLabel(_NOTHING)
        self._group = QButtonGroup(self)
        self._list = QVBoxLayout()
        self._lay_out()
        self._connect()
        self._on_changed()

    def choose(self, at: int | None) -> None:
        """Shows one rule in the form, or an empty form for a new one."""
        rules = self._actions.rules
        self._at = at if at is not None and at < len(rules) else None
        self.editor.show_rule(None if self._at is None else rules[self._at])
        for number, row in enumerate(self.rows):
            row.choose.setChecked(number == self._at)

    def _on_changed(self) -> None:
        rules = self._actions.rules
        for row in self.rows:
            self._group.removeButton(row.choose)
            row.hide()
            row.deleteLater()
        self.rows = [self._make_row(at, rule) for at, rule in enumerate(rules)]
        self._empty.setText(self._actions.fault or _NOTHING)
        self._empty.setVisible(not rules)
        self.editor.setEnabled(not self._actions.fault)
        is_same = self._at is not None and self._at < len(rules) and rules[self._at] == self.editor.shown
        self.choose(self._at if is_same or self._at is None else min(self._at, len(rules) - 1) if rules else None)
        order_tabs(self)

    def _make_row(self, at: int, rule: Rule) -> RuleRow:
        row = RuleRow(rule)
        row.show_outcome(self._actions.outcome(at))
        self._group.addButton(row.choose)
        row.choose.clicked.connect(partial(self.choose, at))
        row.switched.connect(partial(self._on_switched, at))
        self._list.insertWidget(self._list.count() - 1, row)
        return row

    def _on_switched(self, at: int, is_on: bool) -> None:
        try:
            self._actions.set_on(at, is_on)
        except KwsError as error:
            self.rows[at].set_on(False)
            self.rows[at].refuse(str(error))

    def _on_reported(self) -> None:
        for at, row in enumerate(self.rows):
            row.show_outcome(self._actions.outcome(at))

    def _on_save(self, rule: Rule) -> None:
        if self._at is None:
            if self._actions.add(rule):
                self.choose(len(self._actions.rules) - 1)
        else:
            self._actions.replace(self._at, rule)

    def _on_remove(self) -> None:
        if self._at is not None:
            self._actions.remove(self._at)

    def _connect(self) -> None:
        actions, editor = self._actions, self.editor
        actions.changed.connect(self._on_changed)
        actions.reported.connect(self._on_reported)
        actions.tested.connect(editor.show_test)
        editor.saved.connect(self._on_save)
        editor.removed.connect(self._on_remove)
        editor.tried.connect(actions.test)
        self.add.clicked.connect(partial(self.choose, None))

    def _lay_out(self) -> None:
        left = QWidget()
        left.setLayout(self._list)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(theme.GRID)
        theme.set_role(self._empty, "muted")
        self._list.addWidget(self._empty)
        self._list.addStretch()
        theme.set_icon(self.add, "mdi6.plus")
        rules = QVBoxLayout()
        rules.setSpacing(theme.GRID)
        rules.addWidget(_scrolling(left, _LIST_WIDTH), 1)
        rules.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(*[theme.GROUP] * 4)
        row.setSpacing(theme.GROUP)
        row.addLayout(rules, 1)
        row.addWidget(self.editor)
        self.resize(_LIST_WIDTH + _FORM_WIDTH + 64, 520)


class RuleRow(QFrame):
    """One rule: its switch, what it is, and how it went last.

    Signals:
        switched(bool): The person switched it on or off.
    """

    switched = Signal(bool)

    def __init__(self, rule: Rule, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "card")
        what = f"{'Every word' if rule.word == ANY else rule.word} → {ACTIONS[rule.kind].title}"
        self.switch = QCheckBox()
        self.switch.setToolTip("On, on this computer")
        self.switch.setAccessibleName(f"On: {what}")
        self.switch.setChecked(rule.is_on)
        self.choose = QToolButton()
        self.choose.setText(what)
        self.choose.setCheckable(True)
        theme.set_role(self.choose, "nav")
        self.choose.setToolTip(rule.text())
        self.detail = ElidedLabel()
        theme.set_role(self.detail, "muted")
        self.detail.setFullText(rule.text())
        self.outcome = WrappedLabel("")
        self.outcome.hide()
        top = QHBoxLayout()
        top.setSpacing(theme.GRID)
        top.addWidget(self.switch)
        top.addWidget(self.choose)
        top.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(self.detail)
        column.addWidget(self.outcome)
        self.switch.clicked.connect(self.switched)

    def set_on(self, is_on: bool) -> None:
        """Shows the switch on or off."""
        blocker = QSignalBlocker(self.switch)
        self.switch.setChecked(is_on)
        blocker.unblock()

    def refuse(self, sentence: str) -> None:
        """Shows why it cannot be switched on."""
        self._say(sentence, "error")

    def show_outcome(self, outcome: Outcome) -> None:
        """Shows how it went last, and how often it failed."""
        if outcome.last is None:
            return
        if outcome.last.error:
            self._say(f"Failed ({outcome.failed} of {outcome.done}): {outcome.last.error}", "error")
        else:
            failed = f", failed {outcome.failed}" if outcome.failed else ""
            self._say(f"Done at {outcome.last.moment.at:%H:%M:%S}; in all {outcome.done}{failed}", "success")

    def _say(self, sentence: str, role: str) -> None:
        theme.set_role(self.outcome, role)
        self.outcome.setText(sentence)
        self.outcome.show()


class RuleEditor(QFrame):
    """The form of one rule, with what was changed until it is saved.

    Signals:
        saved(Rule): The person wants it kept.
        tried(Rule): The person wants it done once, as it stands in the form.
        removed(): The person wants the rule gone.
    """

    saved = Signal(object)
    tried = Signal(object)
    removed = Signal()

    def __init__(self, words: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "card")
        self.shown: Rule | None = None
        self.title = QLabel()
        theme.set_role(self.title, "title")
        self.word = WordBox(words)
        self.chooser = RegistryChooser(ACTIONS)
        self.limits = ConfigForm(LimitsConfig)
        self.test = QPushButton("Test")
        self.test.setToolTip("Does it once, now, as the form says")
        self.save = QPushButton()
        self.remove = QPushButton("Remove")
        self.told = WrappedLabel("")
        self._testing: Rule | None = None
        self._lay_out()
        self.word.currentIndexChanged.connect(self._refresh)
        self.chooser.valueChanged.connect(self._refresh)
        self.limits.valueChanged.connect(self._refresh)
        self.chooser.rowsMade.connect(partial(order_tabs, self))
        self.test.clicked.connect(self._on_test)
        self.save.clicked.connect(self._on_save)
        self.remove.clicked.connect(self.removed)
        self.show_rule(None)

    def show_rule(self, rule: Rule | None) -> None:
        """Shows a rule, or an empty form for a new one."""
        self.shown = rule
        self.word.setWord(rule.word if rule else ANY)
        entry = ACTIONS[rule.kind] if rule else next(iter(ACTIONS))
        self.chooser.setValue(entry.name, rule.config if rule else entry.config())
        self.limits.setValue(rule.limits if rule else LimitsConfig())
        self.title.setText("Action" if rule else "New action")
        self.save.setText("Save" if rule else "Add")
        self.remove.setVisible(rule is not None)
        self._say("")
        self._refresh()

    def rule(self) -> Rule:
        """What the form says."""
        kind, config = self.chooser.value()
        is_on = self.shown is not None and self.shown.is_on
        return Rule(self.word.word(), kind, config, self.limits.value(), is_on)

    def show_test(self, report: Report) -> None:
        """Shows how a test went."""
        if report.rule == self._testing:
            self._testing = None
            if report.error:
                self._say(report.error, "error")
            else:
                self._say(f"Done in {report.took_s:.2f} s.", "success")
            self._refresh()

    def _on_test(self) -> None:
        rule = self._valid()
        if rule is not None:
            self._testing = rule
            self._say("Testing …", "muted")
            self._refresh()
            self.tried.emit(rule)

    def _on_save(self) -> None:
        rule = self._valid()
        if rule is not None:
            self.saved.emit(rule)

    def _valid(self) -> Rule | None:
        """The rule, unless it can never work: then says why."""
        errors = {**self.chooser.form().errors(), **self.limits.errors()}
        if errors:
            self._say(next(iter(errors.values())), "error")
            return None
        rule = self.rule()
        try:
            rule.act()
        except KwsError as error:
            self._say(str(error), "error")
            return None
        return rule

    def _say(self, sentence: str, role: str = "muted") -> None:
        theme.set_role(self.told, role)
        self.told.setText(sentence)

    def _refresh(self) -> None:
        self.test.setEnabled(self._testing is None)
        self.save.setEnabled(self.rule() != self.shown)

    def _lay_out(self) -> None:
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, theme.GRID, 0)
        inner.setSpacing(theme.GRID)
        for part in (form_row("Word", self.word), self.chooser, self.limits):
            inner.addWidget(part)
        inner.addStretch()
        theme.set_role(self.save, "primary")
        theme.set_role(self.remove, "quiet")
        theme.set_icon(self.remove, "mdi6.trash-can-outline")
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addWidget(self.remove)
        buttons.addStretch()
        buttons.addWidget(self.test)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(self.title)
        column.addWidget(_scrolling(content, _FORM_WIDTH - 2 * theme.GROUP), 1)
        column.addWidget(self.told)
        column.addLayout(buttons)
        self.setFixedWidth(_FORM_WIDTH)


def _scrolling(content: QWidget, width: int) -> QScrollArea:
    area = scrolling(content)
    area.setMinimumWidth(width)
    return area
