"""The house's walls: who may import whom, read from the sources, and what is really loaded, seen from a new process."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
ENGINE = ROOT / "kws_engine"
ORDER = (
    "errors", "extras", "layer_rows", "spec", "registry", "resources", "processors", "resident", "disk", "file_lock",
    "decoding", "audio", "audio_pipe", "synthesis", "talk", "ring", "deadline", "microphone",
    "patient_microphone", "clips",
    "features", "bank", "caring", "augment", "models", "regularizers", "training", "spotting", "settings", "evaluation",
    "operating", "serving", "export", "runs", "sweeps", "actions", "bench", "commands", "cli",
)  # fmt: skip
NO_SCREEN = ("PySide6", "pyqtgraph", "qtawesome", "superqt", "kws_gui")
SOURCES = sorted(ENGINE.rglob("*.py"))
EVERY_SOURCE = [
    path for folder in ("kws_engine", "kws_gui", "packaging", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]


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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_no_text_of_the_engine_names_the_window(path: pathlib.Path) -> None:
    """Not even as a string, as for a process to start."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = [name for name in NO_SCREEN if name in node.value]
            assert not named, f"{path}, line {node.lineno}, names {named}"


def test_every_library_that_the_program_imports_is_one_that_it_depends_on() -> None:
    """A library that only the tests bring would be missing for everybody else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in ("test", "dev")]
    lines = [line for some in (project["dependencies"], *extras) for line in some]
    named = {re.split(r"[^\w.-]", line)[0].lower().replace("-", "_") for line in lines}
    called = {"pyside6_essentials": "pyside6", "paho_mqtt": "paho", "python_xlib": "xlib"}
    named = {called.get(name, name) for name in named}
    brought = {"sqlalchemy", "typing_extensions", "pil", "grpc"}  # by optuna, torch and tensorboard, which need them
    sources = [path for folder in ("kws_engine", "kws_gui") for path in (ROOT / folder).rglob("*.py")]
    used = {name.split(".")[0].lower() for path in sources for name in imported(path)}
    own = {"kws_engine", "kws_gui", *(name.lower() for name in sys.stdlib_module_names)}
    assert used - own - brought <= named, f"not in pyproject.toml: {used - own - brought - named}"


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
        "kws_engine.operating.streams",
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


def test_a_spotter_loads_neither_scipy_nor_what_reads_files() -> None:
    heavy = ("scipy", "soundfile", "av")
    code = f"import sys, kws_engine.spotting.model_file; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_command_loads_no_other() -> None:
    code = (
        "import sys, kws_engine.cli as cli; cli.make_parser('listen').parse_args(['listen', 'a.kws']);"
        "print([name for name in sys.modules if name.startswith('kws_engine.commands.') and name.endswith('train')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


STARTS = (
    "import kws_engine.cli; kws_engine.cli.make_parser()",
    "import kws_gui.app, kws_gui.main_window; from kws_gui.app import make_application, make_window;"
    "app = make_application(['kws-studio']); make_window(app, None).close()",
)


@pytest.mark.parametrize("start", STARTS, ids=["kws", "the window"])
def test_no_start_loads_a_benchmark(start: str, tmp_path: pathlib.Path) -> None:
    code = f"import sys; {start}; print(sorted({{'kws_engine.bench', 'kws_gui.bench'}} & set(sys.modules)))"
    environment = {**os.environ, "KWS_STUDIO_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


@pytest.mark.parametrize("path", EVERY_SOURCE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is(path: pathlib.Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path.name} does not say what it is"


def test_the_map_of_the_house_is_true() -> None:
    """The folders that CONTRIBUTING names are there, and it names every package and every page."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (paragraph,) = (part for part in text.split("\n\n") if "In\n`kws_engine/`" in part or "In `kws_engine/`" in part)
    of_engine, of_window = paragraph.split("`kws_gui/`")
    for package, described in ((ENGINE, of_engine), (ROOT / "kws_gui", of_window)):
        named = {name for name in re.findall(r"`([\w/]+)/`", described) if name != "kws_engine"}
        folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("*.py")} - {"."}
        demanded = {name for name in folders if "/" not in name or re.fullmatch(r"pages/\w+", name)}
        assert named <= folders, f"not there: {named - folders}"
        assert demanded <= named, f"not in the map: {demanded - named}"
