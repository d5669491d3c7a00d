"""How close a run comes to the speed of its bare arithmetic, the time to its first epoch, and its memory.

Both sides of a ratio are measured in turns in one process, so that a busy machine slows both. The clips are synthetic
or the starter project's.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kws_engine.bench import Row
from kws_engine.bench._process import told_by
from kws_engine.bench.data import make_project

TITLE = "Training: clips/s of a run beside its bare steps, time to the first epoch, memory of 100,000 clips"
EPOCHS: Final = 40  # over which a run's first, slower epoch is spread
_MB: Final = 1e6


def rows() -> Iterator[Row]:
    """Yields the rows, each measured in a process of its own."""
    for augmented, asked in ((False, 0.9), (True, 0.6)):
        found = measured("speed", str(int(augmented)))
        how = "all augmentations" if augmented else "no augmentation"
        yield Row(
            f"A run with {how}, {EPOCHS} epochs",
            found["run"],
            "clips/s",
            ratio=found["ratio"],
            against=f"its bare steps on a ready batch ({found['bare']:.0f} clips/s)",
            asked=asked,
            at_least=True,
        )
    found = measured("step")
    yield Row(
        "The bare step: 2-D convolutions, channels last, fused",
        found["ours"],
        "clips/s",
        ratio=found["ratio"],
        against=f"conv1d of the same network, eager ({found['conv1d']:.0f} clips/s)",
        asked=1.4,
        at_least=True,
    )
    yield from _first_epoch()
    found = measured("memory", clips=100_000)
    yield Row("Most memory of a run on 100,000 clips", found["bytes"] / _MB, "MB", asked=1500)


def _first_epoch() -> Iterator[Row]:
    """From the job's start in a process of its own, as the window starts it, to the first epoch's event."""
    from kws_engine.clips.project import copy_starter
    from kws_engine.runs.job import Job
    from kws_engine.runs.process import TrainingProcess
    from kws_engine.training.events import Epoch, Failed

    with tempfile.TemporaryDirectory(prefix="kws-bench-") as folder:
        project = copy_starter(Path(folder) / "starter").folder
        taken, imports = [], []
        for _ in range(3):
            imports.append(_import_s())
            began = time.monotonic()
            process = TrainingProcess(Job(project))
            try:
                while not any(isinstance(event, Epoch | Failed) for event in process.poll()):
                    time.sleep(0.01)
                taken.append(time.monotonic() - began)
            finally:
                process.close(seconds=0)
    yield Row("From Start to the first epoch, starter project", statistics.median(taken), "s", asked=4.0)
    yield Row("of that, importing torch in a new process", statistics.median(imports), "s")


def _import_s() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.monotonic() - began


def measured(what: str, *arguments: str, clips: int = 0) -> dict[str, Any]:
    """What `kws_engine.bench._training` measured, with a project of so many clips.

    Raises:
        KwsError: It ended with an error.
    """
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as folder:
        if clips:
            make_project(Path(folder), clips)
        command = [sys.executable, "-m", "kws_engine.bench._training", what, folder, *arguments]
        return told_by(command, failed="The training could not be measured")
