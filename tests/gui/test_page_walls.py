"""The walls between pages, read from the sources: a page's folder is its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

GUI = Path(__file__).parents[2] / "kws_gui"
PAGE_TABLE = GUI / "page_table.py"
SOURCES = sorted(GUI.rglob("*.py"))


def pages_named_in(path: Path) -> Iterator[str]:
    """The pages whose modules a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("kws_gui.pages."):
                yield name.split(".")[2]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(GUI)))
def test_only_the_page_table_and_a_page_itself_import_from_its_folder(path: Path) -> None:
    if path == PAGE_TABLE:
        return
    inside = path.relative_to(GUI).parts
    own = {inside[1]} if inside[0] == "pages" and len(inside) > 2 else set[str]()
    assert set(pages_named_in(path)) <= own


def test_the_page_table_has_every_page() -> None:
    folders = {path.name for path in (GUI / "pages").iterdir() if (path / "page.py").is_file()}
    assert set(pages_named_in(PAGE_TABLE)) == folders


@pytest.mark.parametrize("path", sorted((GUI / "services").glob("*.py")), ids=lambda path: path.name)
def test_a_service_knows_no_widget(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "kws_gui.widgets" not in text and "kws_gui.forms" not in text and "QtWidgets" not in text
