"""Event files as TensorBoard itself reads them."""

from __future__ import annotations

import dataclasses
import math
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kws_engine.runs.folder import RunFolder
from kws_engine.runs.tensorboard import TensorBoardLog, scalars
from kws_engine.training.events import Epoch

ROOT = Path(__file__).parents[2]


def epochs(first: int, last: int) -> list[Epoch]:
    return [
        Epoch(number, 2.0 / number, 0.5, 2.5 / number, 0.4, 1e-3, 0.5, 0.1, True, {"cross_entropy": 1.9, "l2": 0.1})
        for number in range(first, last + 1)
    ]


def log_in(folder: Path, history: Sequence[Epoch] = ()) -> TensorBoardLog:
    files = RunFolder(folder)
    return TensorBoardLog(files.new_tensorboard_file(), history, replaces=files.tensorboard_files())


def written(folder: Path, told: list[Epoch], history: list[Epoch] | None = None) -> None:
    log = log_in(folder, history or [])
    for epoch in told:
        log.epoch(epoch)
    log.close()


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every curve in the folder, as TensorBoard has it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {tag: [(one.step, one.value) for one in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def test_every_curve_is_read_back(tmp_path: Path) -> None:
    told = epochs(1, 5)
    written(tmp_path, told)
    curves = read(tmp_path)
    assert set(curves) == {
        "loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "learning_rate",
        "loss_terms/cross_entropy", "loss_terms/l2",
    }  # fmt: skip
    for tag, points in curves.items():
        assert [step for step, _ in points] == [1, 2, 3, 4, 5]
        assert [value for _, value in points] == pytest.approx([scalars(epoch)[tag] for epoch in told])


def test_a_run_that_goes_on_has_every_epoch_once(tmp_path: Path) -> None:
    written(tmp_path, epochs(1, 7))  # killed in epoch 8, its checkpoint is that of epoch 5
    written(tmp_path, epochs(6, 9), epochs(1, 5))
    assert [step for step, _ in read(tmp_path)["loss/train"]] == list(range(1, 10))
    assert len(RunFolder(tmp_path).tensorboard_files()) == 1


def test_nothing_is_loaded_or_written_before_the_first_epoch(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from kws_engine.runs.tensorboard import TensorBoardLog; "
        f"log = TensorBoardLog(pathlib.Path({str(tmp_path / 'events')!r})); log.close(); "
        "print([name for name in ('tensorboard', 'torch', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_values_that_are_no_numbers_are_shown(tmp_path: Path) -> None:
    written(tmp_path, [dataclasses.replace(epochs(1, 1)[0], train_loss=math.nan, validation_loss=math.inf)])
    curves = read(tmp_path)
    assert math.isnan(curves["loss/train"][0][1]) and curves["loss/validation"][0][1] == math.inf


def test_a_full_disk_ends_nothing_and_what_was_missed_comes_later(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    told = epochs(1, 6)
    log = log_in(tmp_path)
    log.epoch(told[0])
    log.close()
    size = RunFolder(tmp_path).tensorboard_files()[0].stat().st_size
    second = log_in(tmp_path, told[:1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))  # in the midst of a record
    try:
        for epoch in told[1:4]:
            second.epoch(epoch)
        second.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [step for step, _ in read(tmp_path)["loss/train"]] == [1], "the old file is kept until there is a new one"
    written(tmp_path, told[4:], told[:4])
    assert [step for step, _ in read(tmp_path)["loss/train"]] == [1, 2, 3, 4, 5, 6]


def test_a_folder_that_went_away_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    written(folder, epochs(1, 3))
    assert not folder.exists()


def test_the_command_sees_the_runs_of_a_project(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    for name in ("20261123-090835-tc_resnet", "20261123-090835-wide"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, epochs(1, 2))
    seen = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload().Runs()
    assert set(seen) == {"20261123-090835-tc_resnet", "20261123-090835-wide"}
