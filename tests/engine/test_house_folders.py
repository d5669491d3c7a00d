"""Every folder on disk has one owner: only that module spells the names of the files in it, in both packages."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = sorted(path for package in ("kws_engine", "kws_gui") for path in (ROOT / package).rglob("*.py"))
OWNERS = {
    "kws_engine/runs/folder.py": (
        "job.toml", "label.toml", "clips.csv", "events.jsonl", "events.out.tfevents.", "checkpoint.safetensors",
        "best.safetensors", "learning.csv", "validation.csv", "evaluation.json", "promise.json", "weights.json",
        "running.lock", ".kws",
    ),
    "kws_engine/clips/layout.py": (
        "project.toml", ".project.lock", "clips.sqlite", "clips", "runs", "sweeps", ".trash", "listening.jsonl",
        "session.json", ".session.lock",
    ),
    "kws_engine/sweeps/folder.py": ("sweep.toml", "study.db"),
    "kws_engine/runs/queue.py": ("queue.json",),
}  # fmt: skip
FOLDERS = ("clips", "runs", "sweeps")  # words of every day: a fault only where a path is joined with one
WHOLE = [name for names in OWNERS.values() for name in names if name not in FOLDERS]


def owner_of(name: str) -> str:
    return next(path for path, names in OWNERS.items() if name in names)


def spelled(source: str) -> Iterator[tuple[int, str]]:
    """Line and name wherever a file is named by a string, or a folder is joined to a path by one."""
    tree = ast.parse(source)
    prose = set(_prose(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            if node.value in WHOLE:
                yield node.lineno, node.value
            elif found := re.fullmatch(r"(?:.*[/*])?(\.kws|events\.out\.tfevents\..*)", node.value):
                yield node.lineno, ".kws" if found[1] == ".kws" else "events.out.tfevents."
        match node:
            case ast.BinOp(op=ast.Div(), right=ast.Constant(value=str(text))):
                yield from ((node.lineno, part) for part in text.split("/") if part in FOLDERS)
            case ast.Call(func=ast.Name(id="Path"), args=[ast.Constant(value=str(text))]) if text in FOLDERS:
                yield node.lineno, text


def _prose(tree: ast.AST) -> Iterator[ast.AST]:
    """Constants that are sentences: docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('folder / "validation.csv"', "validation.csv"),
        ('FILE = "job.toml"', "job.toml"),
        ('folder.glob("*.kws")', ".kws"),
        ('path = folder / f"{network}.kws"', ".kws"),
        ('PATTERN = "events.out.tfevents.*"', "events.out.tfevents."),
        ('project.folder / "runs" / name', "runs"),
        ('folder / "runs/20250101"', "runs"),
        ('Path("clips") / word', "clips"),
        ('path.suffix == ".kws"', ".kws"),
    ],
)
def test_the_check_finds_what_it_is_to_find(line: str, name: str) -> None:
    assert [found for _, found in spelled(line)] == [name]


@pytest.mark.parametrize("line", ['"""Writes job.toml."""', 'show_view("clips")', 'f"choose a file that ends in .kws"'])
def test_the_check_lets_other_strings_pass(line: str) -> None:
    assert list(spelled(line)) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_owner_of_a_folder_names_what_is_in_it(path: pathlib.Path) -> None:
    here = path.relative_to(ROOT).as_posix()
    found = [(line, name, owner_of(name)) for line, name in spelled(path.read_text(encoding="utf-8"))]
    assert [one for one in found if one[2] != here] == [], "ask the folder's owner for the file"


def test_every_owner_names_what_is_its_own() -> None:
    for path, names in OWNERS.items():
        texts = {
            node.value
            for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        }
        assert set(names) <= texts, path
