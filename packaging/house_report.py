"""Sizes of the sources: lines, functions and files, and those that are worth a second look. A report, not a check.

    .venv/bin/python packaging/house_report.py [--worst 15] [FOLDER ...]

Run it from any folder; without folders it reports on both packages.
"""

from __future__ import annotations

import argparse
import ast
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("kws_engine", "kws_gui")


@dataclass(frozen=True)
class Function:
    """One function or method.

    Attributes:
        path: The file it is in.
        name: Its name, without that of its class.
        lines: Its length without its docstring.
    """

    path: Path
    name: str
    lines: int


@dataclass(frozen=True)
class House:
    """What is counted in one folder."""

    file_lines: dict[Path, int]
    functions: list[Function]
    imports_in_functions: int
    signals: int
    relays: int
    tuple_assignments: int
    format_skips: int


def main() -> None:
    arguments = _arguments()
    for folder in arguments.folders:
        _print(folder, measure(folder), worst=arguments.worst)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sizes of the sources; a report, not a check.")
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / name for name in PACKAGES], metavar="FOLDER")
    parser.add_argument("--worst", type=int, default=15, help="how many of the longest to name (15)")
    return parser.parse_args()


def measure(folder: Path) -> House:
    """Counts in every Python file of a folder."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}
    texts = {path: path.read_text(encoding="utf-8") for path in trees}
    every_node = [node for tree in trees.values() for node in ast.walk(tree)]
    return House(
        file_lines={path: len(text.splitlines()) for path, text in texts.items()},
        functions=[function for path, tree in trees.items() for function in functions(path, tree)],
        imports_in_functions=sum(_imports(node) for node in every_node),
        signals=sum(_is_signal(node) for node in every_node),
        relays=sum(_relays(tree) for tree in trees.values()),
        tuple_assignments=sum(_is_tuple_assignment_to_self(node) for node in every_node),
        format_skips=sum(text.count("# fmt: skip") for text in texts.values()),
    )


def functions(path: Path, tree: ast.Module) -> Iterator[Function]:
    """The functions and methods of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(path, node.name, length - (len(docstring.splitlines()) if docstring else 0))


def _imports(node: ast.AST) -> int:
    """How many imports stand in a function itself, not in one nested in it."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return 0
    return sum(isinstance(child, ast.Import | ast.ImportFrom) for part in node.body for child in _own(part))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _own(child)


def _is_signal(node: ast.AST) -> bool:
    """`changed = Signal(...)`."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value.func) == "Signal"


def _relays(tree: ast.Module) -> int:
    """How often a signal is connected to another of the same file, or to an `emit`: passed on as it came."""
    signals = {_name(node.targets[0]) for node in ast.walk(tree) if isinstance(node, ast.Assign) and _is_signal(node)}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "connect")
    return sum(_name(call.args[0]) in {*signals, "emit"} for call in calls if call.args)


def _is_tuple_assignment_to_self(node: ast.AST) -> bool:
    """`self.a, self.b = a, b`."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)):
        return False
    targets = [target for target in node.targets if isinstance(target, ast.Tuple)]
    return any(isinstance(one, ast.Attribute) and _name(one.value) == "self" for t in targets for one in t.elts)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _print(folder: Path, house: House, *, worst: int) -> None:
    lengths = [function.lines for function in house.functions]
    print(f"{folder.name}: {len(house.file_lines)} files, {sum(house.file_lines.values()):,} lines")
    print(f"  lines of a file: {_spread(list(house.file_lines.values()))}")
    print(f"  lines of a function: {_spread(lengths)}; {sum(length > 40 for length in lengths)} have more than 40")
    print(f"  imports in functions: {house.imports_in_functions}; signals: {house.signals}, relays: {house.relays}")
    print(f"  tuple assignments to self: {house.tuple_assignments}; fmt: skip: {house.format_skips}")
    print("  longest files:")
    for path, lines in sorted(house.file_lines.items(), key=lambda item: -item[1])[:worst]:
        print(f"    {lines:5}  {path.relative_to(folder.parent)}")
    print("  longest functions:")
    for function in sorted(house.functions, key=lambda one: -one.lines)[:worst]:
        print(f"    {function.lines:5}  {function.name} in {function.path.relative_to(folder.parent)}")


def _spread(values: list[int]) -> str:
    """Median and 95th percentile."""
    return f"median {statistics.median(values):g}, 95th percentile {statistics.quantiles(values, n=20)[-1]:g}"


if __name__ == "__main__":
    main()
