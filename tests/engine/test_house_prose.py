"""No meaning in prose: in both packages nothing is decided by the words of a message, a button or a tooltip."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = sorted(path for package in ("kws_engine", "kws_gui") for path in (ROOT / package).rglob("*.py"))
PROSE = re.compile(r"_?(message|sentence|headline|tool_?tip|full_?text|refusal|accessible_?name|window_?title)s?", re.I)
ON_WIDGETS = re.compile(r"text|toolTip|title|whatsThis|statusTip")  # as calls without arguments
ASKED = ("startswith", "endswith", "find", "rfind", "index", "count", "partition", "rpartition")
OUR_OWN = ("lower", "upper", "casefold", "strip", "removeprefix", "removesuffix")
MATCHERS = ("match", "fullmatch", "search", "findall", "finditer")

ALLOWED = {
    "kws_engine/training/old_failures.py": "runs stored without a kind; the sentences are its own, of that time",
    "kws_engine/runs/failing.py": "torch has no exception class for a lack of memory",
    "kws_engine/training/scale_out.py": "torch has no exception class for a lost connection",
    "kws_engine/clips/index_file.py": "SQLite has no code of its own for a missing column",
    "kws_engine/sweeps/storage.py": "SQLite has no code of its own for a table that is there",
    "kws_engine/file_lock.py": "what another program wrote into the file, not a message",
    "kws_gui/widgets/curves.py": "the key that was pressed",
}


def is_prose(node: ast.AST, errors: frozenset[str]) -> bool:
    """Whether an expression is a sentence, or the text of a widget or an exception."""
    match node:
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name)]):
            return name in errors
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in OUR_OWN:
            return is_prose(inner, errors)
        case ast.Call(func=ast.Attribute(attr=name), args=[]):
            return bool(ON_WIDGETS.fullmatch(name) or PROSE.fullmatch(name))
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return not name.isupper() and bool(PROSE.fullmatch(name))
    return False


def is_words(node: ast.AST) -> bool:
    """Whether an expression is a text with a letter in it, or a constant that may hold one."""
    match node:
        case ast.Constant(value=str(text)):
            return any(letter.isalpha() for letter in text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return any(map(is_words, parts))
        case ast.JoinedStr():
            return True
    return False


def findings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every place that decides on words."""
    tree = ast.parse(source)
    errors = frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.ExceptHandler) and one.name)
    errors |= {"error", "cause", "exception"}
    for node in ast.walk(tree):
        if _decides(node, errors):
            yield node.lineno, ast.unparse(node)  # type: ignore[attr-defined]


def _decides(node: ast.AST, errors: frozenset[str]) -> bool:
    match node:
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            if any(_is_text_of(side, errors) for side in sides):
                return True
            return any(is_prose(side, errors) for side in sides) and any(map(is_words, sides))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=subject), attr="startswith" | "endswith")):
            return bool(re.search("message|sentence|text", subject))
        case ast.Call(func=ast.Attribute(value=subject, attr=name)) if name in ASKED:
            return is_prose(subject, errors)
        case ast.Call(func=ast.Attribute(attr=name), args=[*subjects]) if name in MATCHERS:
            return any(is_prose(subject, errors) for subject in subjects)
        case ast.Subscript(slice=key):
            return is_prose(key, errors)
        case ast.Match(subject=subject):
            return is_prose(subject, errors)
    return False


def _is_text_of(node: ast.AST, errors: frozenset[str]) -> bool:
    """`str(error)`, whatever it is compared with."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and is_prose(node, errors)


@pytest.mark.parametrize(
    "line",
    [
        'event.message.startswith("The loss")',
        "event.message.startswith(LOST_NUMBER)",
        'self.messages.remedyButton().text() == "Undo"',
        "button.text() in (_UNDO, _REDO)",
        'button.text().lower() == "undo"',
        "button.toolTip() != HINT",
        '"full" in run.message',
        'sentence.endswith("again")',
        'any(sign in str(error) for sign in ("a", "b"))',
        're.match("The disk", event.message)',
        "pattern.search(sentence)",
        "acts[button.text()]()",
        'match event.message:\n    case "x": pass',
        'refusal.partition(": ")[0]',
    ],
)
def test_the_check_finds_what_it_is_to_find(line: str) -> None:
    assert list(findings(line))


@pytest.mark.parametrize(
    "line",
    [
        'event.kind == "stopped"',
        'if sentence != self._refusal and self.error() == "": pass',
        "if button.text() != text: button.setText(text)",
        'path.name.startswith(".")',
        '"|" in text',
        "bool(run.message)",
        'bar.action() == "undo"',
    ],
)
def test_the_check_lets_data_pass(line: str) -> None:
    assert not list(findings(line))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_decided_by_the_words_of_a_message(path: pathlib.Path) -> None:
    found = list(findings(path.read_text(encoding="utf-8")))
    if path.relative_to(ROOT).as_posix() not in ALLOWED:
        assert not found, "give the error a kind, or the button an action, and decide by that"
