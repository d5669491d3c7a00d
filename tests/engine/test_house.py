"""The house's walls: who may import whom, read from the sources, and what is really loaded, seen from a new process."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
ENGINE = ROOT / "kws_engine"
ORDER = (
    "errors", "layer_rows", "spec", "registry", "resources", "processors", "disk", "file_lock", "audio", "ring",
    "microphone", "clips", "features", "augment", "models", "regularizers", "training", "spotting", "settings",
    "evaluation", "export", "runs", "sweeps", "bench", "commands", "cli",
)  # fmt: skip
NO_SCREEN = ("PySide6", "pyqtgraph", "qtawesome", "superqt", "kws_gui")
SOURCES = sorted(ENGINE.rglob("*.py"))


def imported(path: pathlib.Path, *, at_import: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports, anywhere in it or only while it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(_at_import(tree)) if at_import else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        is_types_only = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not is_types_only and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_import(child)


def part_of(path: pathlib.Path) -> str:
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def test_the_order_names_every_part() -> None:
    assert {part_of(path) for path in SOURCES} - {"__init__"} <= set(ORDER)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_a_module_imports_only_what_stands_before_it(path: pathlib.Path) -> None:
    if part_of(path) == "__init__":
        return
    for name in imported(path):
        package, _, rest = name.partition(".")
        assert package not in NO_SCREEN, f"{path} imports {name}"
        other = rest.partition(".")[0]
        if package == "kws_engine" and other in ORDER:
            assert ORDER.index(other) <= ORDER.index(part_of(path)), f"{path} imports {name}, which comes later"


def test_only_the_microphone_names_sounddevice() -> None:
    naming = [path.name for path in SOURCES if any(name.split(".")[0] == "sounddevice" for name in imported(path))]
    assert naming == ["microphone.py"]
    assert "sounddevice" not in imported(ENGINE / "microphone.py", at_import=True)


def test_spotting_never_names_torch() -> None:
    for path in (ENGINE / "spotting").glob("*.py"):
        assert not [name for name in imported(path) if name.split(".")[0] in ("torch", "torchaudio")], path


def test_no_package_shadows_the_library_called_packaging() -> None:
    assert (ROOT / "packaging").is_dir() and not (ROOT / "packaging/__init__.py").exists()


@pytest.mark.parametrize(
    "module",
    [
        "kws_engine.spotting.model_file",
        "kws_engine.settings",
        "kws_engine.cli",
        "kws_engine.evaluation.metrics",
        "kws_engine.evaluation.streaming",
        "kws_engine.runs.job",
        "kws_engine.runs.process",
        "kws_engine.runs.minimum_clips",
    ],
)
def test_what_the_window_and_the_spotter_import_loads_no_torch(module: str) -> None:
    heavy = ("torch", "torchaudio", "sounddevice", "PySide6")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_functions_and_files_are_of_a_size_to_be_read(path: pathlib.Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = len(node.body[0].value.value.splitlines()) if ast.get_docstring(node) else 0
            length = (node.end_lineno or 0) - node.lineno + 1 - docstring
            assert length <= 40, f"{node.name} in {path.name} has {length} lines"
    assert ast.get_docstring(ast.parse(text)), f"{path.name} does not say what it is"
