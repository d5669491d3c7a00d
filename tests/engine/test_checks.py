"""The checks stand in one script that people, hooks and CI run; and the tests wait for conditions, not fixed times."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "packaging/checks.sh").read_text(encoding="utf-8")
WAITING = ROOT / "tests/waiting.py"
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path != WAITING]
FIXED = ("time.sleep", "qtbot.wait", "QTest.qWait", "qWait", "QTest.qSleep")


def lines(name: str) -> list[str]:
    """A script or a configuration without its comments."""
    return [
        line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    ]


def test_the_script_runs_every_check_there_is() -> None:
    checks = re.findall(r"^check_(\w+)\(\)", SCRIPT, re.M)
    called = re.findall(r"^        check_(\w+)", SCRIPT, re.M)
    assert checks == called == ["format", "lint", "types", "tests"]


def test_people_hooks_and_ci_run_the_same_checks() -> None:
    assert lines("packaging/test.sh")[-1] == 'exec sh "$root/packaging/checks.sh" all "$@"'
    assert lines(".ci/run")[-1] == 'exec sh "$(dirname -- "$0")/../packaging/test.sh" "$@"'
    entries = [line.partition("entry: ")[2] for line in lines(".pre-commit-config.yaml") if "entry: " in line]
    assert entries == [f"sh packaging/checks.sh {name}" for name in ("format", "lint", "types", "tests --quick")]
    hooks = "\n".join(lines(".pre-commit-config.yaml"))
    assert hooks.count("repo: ") == hooks.count("repo: local") == 1 and hooks.count("language: system") == len(entries)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_check_that_is_none_is_named() -> None:
    done = subprocess.run(["sh", ROOT / "packaging/checks.sh", "spelling"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and 'no check "spelling": choose format, lint, types, tests or all' in done.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_no_test_waits_for_a_fixed_time(path: Path) -> None:
    """Neither itself nor in a program that it writes down; `waiting.py` has what waits for a condition."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [call for call in calls if call in FIXED]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert path.name == Path(__file__).name or not [text for text in texts if re.search(r"time\.sleep\(", text)]
