"""What the open project does at its words: its rules, each undoable, and how each went last."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.actions import stored
from kws_engine.actions.moment import Moment
from kws_engine.actions.rule import ANY, Rule
from kws_engine.actions.running import Report, Runner
from kws_engine.errors import KwsError
from kws_engine.spotting.decision import Detection
from kws_gui.services.project_model import ProjectModel

_POLL_MS = 100


@dataclass(frozen=True)
class Outcome:
    """How a rule went since the project was opened or the rule changed.

    Attributes:
        done: How often it was done, failures included.
        failed: How often it failed.
        last: The newest report.
    """

    done: int = 0
    failed: int = 0
    last: Report | None = None


class Actions(QObject):
    """Starts the rules that are on, and tells how they went; nothing here waits for one.

    Signals:
        changed: There are other rules.
        reported: (Report) A rule was done, or failed.
        tested: (Report) One that was tried with `test`.
    """

    changed = Signal()
    reported = Signal(object)
    tested = Signal(object)

    def __init__(self, project: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._rules: list[Rule] = []
        self._outcomes: dict[int, Outcome] = {}
        self._runner = Runner([])
        self._leaving: list[Runner] = []  # what they do is not finished yet
        self._tests: list[Runner] = []
        self._fault = ""
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._poll)
        project.opened.connect(self.reload)

    @property
    def rules(self) -> list[Rule]:
        return list(self._rules)

    @property
    def fault(self) -> str:
        """Why the project's rules cannot be read; empty where they can."""
        return self._fault

    @property
    def failing(self) -> list[Report]:
        """The newest reports of rules that are on and failed last."""
        newest = [self.outcome(at).last for at, rule in enumerate(self._rules) if rule.is_on]
        return [report for report in newest if report is not None and report.error]

    def outcome(self, at: int) -> Outcome:
        """How the rule at this place went."""
        return self._outcomes.get(at, Outcome())

    def reload(self) -> None:
        """Reads the open project's rules."""
        project, rules, self._fault = self._project.project, [], ""
        if project is not None:
            try:
                rules = stored.read(project.folder)
            except KwsError as error:
                self._fault = str(error)
        self._take_over(rules)

    def take(self, found: Detection, *, rate: int) -> None:
        """Starts what is to be done at a detection, whose samples count at `rate`."""
        self._runner.take(Moment(found.word, found.score, datetime.now(), found.at_sample / rate))
        self._look()

    def test(self, rule: Rule) -> None:
        """Does it once, now; `tested` tells how it went."""
        runner = Runner([rule])
        runner.take(Moment("test" if rule.word == ANY else rule.word, 1.0, datetime.now()))
        self._tests.append(runner)
        self._look()

    # -- changes, each of which can be undone

    def add(self, rule: Rule) -> bool:
        """Appends a rule; whether that was done."""
        return self._change("Add an action", [*self._rules, rule])

    def replace(self, at: int, rule: Rule) -> bool:
        """Puts another rule in the place of one; whether that was done."""
        return self._change("Change an action", [*self._rules[:at], rule, *self._rules[at + 1 :]])

    def remove(self, at: int) -> bool:
        """Takes a rule out; whether that was done."""
        return self._change("Remove an action", [*self._rules[:at], *self._rules[at + 1 :]])

    def set_on(self, at: int, is_on: bool) -> bool:
        """Switches a rule on or off, on this computer; whether that was done.

        Raises:
            KwsError: It cannot be done here, and is not switched on.
        """
        rule = dataclasses.replace(self._rules[at], is_on=is_on)
        if is_on:
            rule.act()
        text = "Switch an action on" if is_on else "Switch an action off"
        return self._change(text, [*self._rules[:at], rule, *self._rules[at + 1 :]])

    def shutdown(self) -> None:
        """Ends what is going on."""
        self._timer.stop()
        for runner in (self._runner, *self._leaving, *self._tests):
            runner.close(seconds=0)

    def _change(self, text: str, rules: list[Rule]) -> bool:
        before = self.rules
        return self._project.push(text, redo=lambda: self._store(rules), undo=lambda: self._store(before))

    def _store(self, rules: list[Rule]) -> None:
        project = self._project.project
        if project is None:
            raise KwsError("Actions are kept in a project: open one first.")
        self._take_over(stored.change(project.folder, lambda kept: kept.__setitem__(slice(None), rules)))

    def _take_over(self, rules: list[Rule]) -> None:
        """What is going on ends by itself; rules that are the same keep how they went."""
        before = {_what(rule): self.outcome(at) for at, rule in enumerate(self._rules)}
        self._rules = rules
        self._outcomes = {at: before[_what(rule)] for at, rule in enumerate(rules) if _what(rule) in before}
        self._runner.end()
        self._leaving.append(self._runner)
        self._runner = Runner(rule for rule in rules if rule.is_on)
        self._look()
        self.changed.emit()

    # -- what has ended

    def _look(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _poll(self) -> None:
        for runner in (self._runner, *self._leaving):
            for report in runner.poll():
                self._count(report)
        for runner in self._tests:
            for report in runner.poll():
                self.tested.emit(report)
        self._leaving = [runner for runner in self._leaving if runner.is_busy]
        self._tests = [runner for runner in self._tests if runner.is_busy]
        if not (self._leaving or self._tests or self._runner.is_busy):
            self._timer.stop()

    def _count(self, report: Report) -> None:
        for at, rule in enumerate(self._rules):
            if _what(rule) == _what(report.rule):
                before = self.outcome(at)
                self._outcomes[at] = Outcome(before.done + 1, before.failed + bool(report.error), report)
        self.reported.emit(report)


def _what(rule: Rule) -> Rule:
    """The rule, whether on or off."""
    return dataclasses.replace(rule, is_on=False)
