"""Every kind of file that is read back, damaged in any way: a sentence, or what can be read, never a traceback."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_engine import bench
from kws_engine.bench import faults

KINDS = (
    "project.toml", "clips.sqlite", "queue.json", "label.toml", "job.toml", "events.jsonl", "clips.csv", "learning.csv",
    "validation.csv", "evaluation.json", "weights.json", "checkpoint.safetensors", "fnn.kws",
    "sweep.toml", "study.db",
)  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> faults.Sample:
    return faults.Sample(tmp_path_factory.mktemp("sample"))


@pytest.mark.slow
def test_the_benchmark_damages_every_kind(sample: faults.Sample) -> None:
    assert {target.path.name for target in sample.targets} == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_gives_a_sentence_or_is_read_as_far_as_it_goes(
    sample: faults.Sample, kind: str, tmp_path: Path
) -> None:
    [target] = [one for one in sample.targets if one.path.name == kind]
    target.read(shutil.copytree(sample.whole, tmp_path / "undamaged"))

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**63))
    def damage(seed: int) -> None:
        assert sample.tried(target, random.Random(seed)) in ("read", "sentence")

    damage()


def test_the_benchmark_counts_what_became_of_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fake:
        targets = (
            faults.Target(Path("a.json"), lambda folder: None),
            faults.Target(Path("b.csv"), lambda folder: None),
        )

        def __init__(self, folder: Path) -> None:
            self._outcomes: Iterator[str] = iter(("read", "sentence", "traceback", "slow") * 25)

        def outcome(self, target: faults.Target, chance: random.Random) -> str:
            return next(self._outcomes)

    monkeypatch.setattr(faults, "Sample", Fake)
    monkeypatch.setattr(faults, "INPUTS", 100)
    rows = {row.what: row.value for row in bench.rows("faults")}
    assert rows["inputs"] == 100 and rows["sentences"] == rows["tracebacks"] == 25
    assert Counter(rows.values())[25] == 4 and "faults" in bench.names()
