"""`kws actions`: what a project does at its words: list, add, remove, enable, disable, test."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine.commands.output import Output, table
from kws_engine.errors import SpecError, quoted

if TYPE_CHECKING:
    from kws_engine.actions.rule import Rule

_VERBS = ("list", "add", "remove", "enable", "disable", "test")


def add(add_command: Any) -> None:
    command = add_command("actions", _actions, help="say what a project does at its words")
    command.add_argument(
        "project", type=Path, nargs="?", help="a project's folder; without one, lists the kinds of actions"
    )
    command.add_argument("verb", nargs="?", default="list", choices=_VERBS, help="what to do; list without any")
    command.add_argument(
        "parts",
        nargs="*",
        metavar="WORD=KIND OPTION=VALUE | NUMBER",
        help="add: as in up=http url=http://localhost/up, KIND alone is for every word; else the number in the list",
    )


def _actions(arguments: argparse.Namespace, output: Output) -> int | None:
    if arguments.project is None:
        _say_kinds(output)
        return None
    call: Callable[[Path, list[str], Output], int | None] = _CALLS[arguments.verb]
    return call(arguments.project, arguments.parts, output)


def _say_kinds(output: Output) -> None:
    from kws_engine import spec
    from kws_engine.actions import ACTIONS
    from kws_engine.actions.rule import LimitsConfig

    for entry in ACTIONS:
        options = {o.name: o for o in (*spec.options(entry.config), *spec.options(LimitsConfig))}
        values = {name: {"help": o.help, "default": spec.to_dict(o)["default"]} for name, o in options.items()}
        lines = [f"{entry.name}: {entry.summary}", *(f"  {name}: {o.help}" for name, o in options.items())]
        output.result({"kind": entry.name, "title": entry.title, "options": values}, "\n".join(lines))


def _list(folder: Path, parts: Sequence[str], output: Output) -> None:
    from kws_engine.actions import stored

    _say_rules(stored.read(folder), folder, output)


def _say_rules(rules: Sequence[Rule], folder: Path, output: Output) -> None:
    values = [{"number": number, "on": rule.is_on, **rule.to_dict()} for number, rule in enumerate(rules, 1)]
    rows = [[rule.text(), "on" if rule.is_on else "off", str(number)] for number, rule in enumerate(rules, 1)]
    nothing = f"{folder} does nothing at its words yet: kws actions {folder} add WORD=KIND OPTION=VALUE"
    output.result({"actions": values}, table(rows, header=["action", "state", "number"]) if rows else nothing)


def _add(folder: Path, parts: Sequence[str], output: Output) -> None:
    from kws_engine.actions import stored
    from kws_engine.actions.rule import parse

    if not parts:
        raise SpecError("Say which action to add, as in: add up=http url=http://localhost/up")
    rule = parse(parts)
    rule.act()  # refuses what can never work
    rules = stored.change(folder, lambda kept: kept.append(rule))
    output.message(f"Added; it is off until enabled: kws actions {folder} enable {len(rules)}")
    _say_rules(rules, folder, output)


def _remove(folder: Path, parts: Sequence[str], output: Output) -> None:
    _change(folder, parts, output, lambda rules, at: rules.pop(at))


def _enable(folder: Path, parts: Sequence[str], output: Output) -> None:
    _change(folder, parts, output, lambda rules, at: _set_on(rules, at, True))


def _disable(folder: Path, parts: Sequence[str], output: Output) -> None:
    _change(folder, parts, output, lambda rules, at: _set_on(rules, at, False))


def _set_on(rules: list[Rule], at: int, is_on: bool) -> None:
    rules[at] = dataclasses.replace(rules[at], is_on=is_on)
    if is_on:
        rules[at].act()


def _change(folder: Path, parts: Sequence[str], output: Output, mutate: Callable[[list[Rule], int], object]) -> None:
    from kws_engine.actions import stored

    rules = stored.change(folder, lambda kept: mutate(kept, _number(parts, kept)))
    _say_rules(rules, folder, output)


def _number(parts: Sequence[str], rules: Sequence[Rule]) -> int:
    text = parts[0] if len(parts) == 1 else " ".join(parts)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= len(rules):
        known = f"1 to {len(rules)}" if rules else "none, as the project has no actions"
        raise SpecError(f"{quoted(text)} is no action's number; it is {known}")
    return int(text) - 1


def _test(folder: Path, parts: Sequence[str], output: Output) -> int:
    from kws_engine.actions import stored
    from kws_engine.actions.moment import Moment
    from kws_engine.actions.rule import ANY
    from kws_engine.actions.running import tried

    rules = stored.read(folder)
    rule = rules[_number(parts, rules)]
    report = tried(rule, Moment("test" if rule.word == ANY else rule.word, 1.0, datetime.now()))
    values = {"event": "action", "action": rule.kind, "word": report.moment.word, "ok": not report.error}
    said = f"Failed: {report.error}" if report.error else f"Done in {report.took_s:.2f} s: {rule.text()}"
    output.result({**values, "error": report.error, "took_s": report.took_s}, said)
    return 1 if report.error else 0


_CALLS = {"list": _list, "add": _add, "remove": _remove, "enable": _enable, "disable": _disable, "test": _test}
