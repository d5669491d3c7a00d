"""What `kws listen` does when it hears a word: its options, and the actions while it listens."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.commands.output import Output
from kws_engine.errors import SpecError, quoted
from kws_engine.spec import nearest
from kws_engine.spotting.detector import Step

if TYPE_CHECKING:
    from kws_engine.actions.rule import Rule
    from kws_engine.actions.running import Report

_PATIENCE_S = 1.0  # for what is going on when listening is interrupted


def add_options(command: argparse.ArgumentParser) -> None:
    """The options for actions."""
    command.add_argument(
        "--action",
        nargs="+",
        action="append",
        default=[],
        metavar=("WORD=KIND", "OPTION=VALUE"),
        help="do something at a word, as in up=http url=http://localhost/up; KIND alone is for every word, and "
        "`kws actions` lists the kinds; can be given several times",
    )
    command.add_argument(
        "--project", type=Path, help="do what this project's actions say, those that `kws actions` has enabled"
    )


def begin(arguments: argparse.Namespace, output: Output, *, words: Sequence[str], rate: int) -> Acting:
    """The actions of a command line; without any, nothing of them is loaded.

    Raises:
        SpecError: An action is unknown, unfit, or for a word that the model does not know.
        KwsError: This system cannot do it, or the project cannot be read.
    """
    if not arguments.action and arguments.project is None:
        return Acting([], output, rate=rate)
    from kws_engine.actions.rule import ANY, parse

    rules: list[Rule] = []
    for parts in arguments.action:
        rule = dataclasses.replace(parse(parts), is_on=True)
        if rule.word not in (ANY, *words):
            raise SpecError(f"--action: the model has no word {quoted(rule.word)}{nearest(rule.word, words)}")
        rule.act()  # refuses it now rather than at the first word
        rules.append(rule)
    if arguments.project is not None:
        rules += _of_project(arguments.project, output, words=words)
    return Acting(rules, output, rate=rate)


def _of_project(folder: Path, output: Output, *, words: Sequence[str]) -> list[Rule]:
    from kws_engine.actions import stored
    from kws_engine.actions.rule import ANY

    rules = stored.read(folder)
    on = [rule for rule in rules if rule.is_on]
    if not on:
        output.message(f"No action of {folder} is enabled on this computer: kws actions {folder} lists them")
    for rule in on:
        if rule.word not in (ANY, *words):
            output.message(f"The model has no word {quoted(rule.word)}: {rule.text()} will never be done")
    return on


class Acting:
    """Starts actions at detections and says how they went; never waits for them before the end."""

    def __init__(self, rules: Sequence[Rule], output: Output, *, rate: int) -> None:
        self._output = output
        self._rate = rate
        self._runner = None
        if rules:
            from kws_engine.actions.running import Runner

            self._runner = Runner(rules)

    def take(self, steps: Iterable[Step]) -> None:
        """Starts what these looks of the detector call for; says what has ended."""
        if self._runner is None:
            return
        from kws_engine.actions.moment import Moment

        for step in steps:
            if (found := step.detection) is not None:
                self._runner.take(Moment(found.word, found.score, datetime.now(), found.at_sample / self._rate))
        for report in self._runner.poll():
            say(report, self._output)

    def end(self, *, at_once: bool) -> None:
        """Waits for what is going on, to its time limit; `at_once`, for a second."""
        if self._runner is not None:
            for report in self._runner.close(seconds=_PATIENCE_S if at_once else None):
                say(report, self._output)


def say(report: Report, output: Output) -> None:
    """How an action went: a line of its own in JSON; for people only where it failed, on standard error."""
    rule = report.rule
    if output.as_json:
        values = {"event": "action", "action": rule.kind, "word": report.moment.word, "ok": not report.error}
        at_s = round(report.moment.at_s, 3)
        output.result({**values, "error": report.error, "at_s": at_s, "took_s": report.took_s})
    elif report.error:
        output.message(f"{rule.kind} at {quoted(report.moment.word)}: {report.error}")
