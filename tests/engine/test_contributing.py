"""CONTRIBUTING is true: its examples, each added as one file, pass the tests of all registered parts as they are."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from speech_project import QUICK, make_project

ROOT = Path(__file__).parents[2]
SHARED_DATA = Path(os.environ.get("KWS_SHARED_DATA", ROOT.parent / "shared/data"))
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES: Mapping[str, str] = dict(re.findall(r"^```python\n# (kws_\S+\.py)\n(.*?)^```$", TEXT, re.M | re.S))
NAMES = {path: re.findall(r'\.register\("(\w+)"', code) for path, code in EXAMPLES.items()}
COPIED = ("kws_engine", "kws_gui", "resources", "docs", "packaging", "tests", "pyproject.toml", "CONTRIBUTING.md")
KINDS = ("models", "features", "augment", "regularizers", "actions", "pages/learn/chapters")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources in which each example is a file of its own; nothing else is changed."""
    folder = tmp_path_factory.mktemp("extended") / "kws-studio"
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        else:
            shutil.copyfile(ROOT / name, folder / name)
    for path, code in EXAMPLES.items():
        assert not (folder / path).exists(), f"{path} is there without CONTRIBUTING"
        (folder / path).write_text(code, encoding="utf-8")
    return folder


def in_copy(folder: Path, *arguments: object, timeout_s: float = 500) -> subprocess.CompletedProcess[str]:
    """`python ...` that imports the copy."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(folder)} | ({"KWS_SHARED_DATA": str(SHARED_DATA)} if SHARED_DATA.is_dir() else {})
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip


def kws(folder: Path, *arguments: object) -> list[dict[str, Any]]:
    """What `kws ... --json` of the copy prints."""
    done = in_copy(folder, "-m", "kws_engine.cli", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_there_is_one_example_of_each_kind() -> None:
    folders = [Path(path).parent.as_posix().partition("/")[2] for path in EXAMPLES]
    assert sorted(folders) == sorted(KINDS) and all(len(names) == 1 for names in NAMES.values())


def test_the_examples_keep_the_rules_of_the_house(extended: Path) -> None:
    if shutil.which("ruff", path=Path(sys.executable).parent) is None:
        pytest.skip("ruff is not installed")
    for check in (("format", "--check"), ("check",)):
        done = in_copy(extended, "-m", "ruff", *check, "--no-cache", *EXAMPLES)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_tests_of_all_parts_accept_the_examples(extended: Path) -> None:
    """Forms, saved settings, training, export and the rest; a name selects its own cases of parametrised tests."""
    names = [name for found in NAMES.values() for name in found]
    chosen = " or ".join(("all_parts", *names))
    options = ("-v", "-p", "no:cacheprovider", "-p", "no:xdist", "--ignore", "tests/engine/test_contributing.py")
    done = in_copy(extended, "-m", "pytest", *options, "-k", chosen, "tests")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    for name in names:
        assert f"{name}] PASSED" in done.stdout, f"no test tried {name}"


def test_a_chapter_gets_its_section_between_its_neighbours() -> None:
    """Of docs/learn.md, by the command that takes its picture."""
    screenshots = runpy.run_path(str(ROOT / "packaging/screenshots.py"))
    build = SimpleNamespace(__doc__="What it is.\n\nAnd more.")
    chapters = [
        SimpleNamespace(name=name, title=name.replace("_", " ").title(), build=build)
        for name in ("first", "heavy_ball", "last", "very_last")
    ]
    sections = "# Learn\n\nIntroduction.\n\n## First\n\nOne.\n\n## Last\n\nThe other.\n"
    text = screenshots["with_sections"](sections, chapters)
    assert re.findall("^## (.*)$", text, re.M) == ["First", "Heavy Ball", "Last", "Very Last"]
    assert "One.\n\n## Heavy Ball\n\nWhat it is.\n\n![Heavy Ball](pictures/learn-heavy-ball.png)\n\n## Last\n" in text
    assert text.endswith("![Very Last](pictures/learn-very-last.png)\n")
    assert screenshots["with_sections"](text, chapters) == text
    docs = (ROOT / "docs/learn.md").read_text(encoding="utf-8")
    assert screenshots["with_sections"](docs, []) == docs


@pytest.mark.slow
def test_the_command_line_trains_with_the_examples(extended: Path, tmp_path: Path) -> None:
    model, feature, augmentation, regularizer, *_ = (names[0] for names in NAMES.values())
    assert model in [line["name"] for line in kws(extended, "models")]
    project = make_project(tmp_path / "project").folder
    options = {
        "feature.name": feature,
        "model.name": model,
        f"augment.{augmentation}.probability": "1",
        f"regularizers.{regularizer}.weight": "1e-4",
    }
    quick = [option for option in QUICK if not option.startswith("model.name")]
    chosen = [f"{option}={value}" for option, value in options.items()]
    told = kws(extended, "train", project, *(part for option in (*quick, *chosen) for part in ("--set", option)))
    finished = told[-1]
    assert finished["event"] == "finished"
    run = (project / finished["model"]).parent
    saved = tomllib.loads((run / "job.toml").read_text(encoding="utf-8"))["settings"]
    assert (saved["feature"]["name"], saved["model"]["name"]) == (feature, model)
    assert saved["augment"][augmentation]["probability"] == 1 and saved["regularizers"][regularizer]["weight"] == 1e-4
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert next(event for event in events if event["event"] == "epoch")["terms"][regularizer] > 0
    (measured,) = kws(extended, "evaluate", project / finished["model"], project)
    assert 0 <= measured["accuracy"] <= 1
