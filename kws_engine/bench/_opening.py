"""One project opened in a process of its own; prints its time and memory as JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS


def main(folder: str) -> None:
    """Prints the time and memory of opening the project in `folder`."""
    _warm_up()
    gc.collect()
    _forget_peak()
    before = _resident_bytes("VmRSS")
    began, began_cpu = time.perf_counter(), time.process_time()
    project = Project.open(folder)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    most = _resident_bytes("VmHWM") - before
    gc.collect()
    held = _resident_bytes("VmRSS") - before
    table = project.table()
    began = time.perf_counter()
    parts = {split: len(table.select(split=split)) for split in SPLITS}
    select_ms = 1000 * (time.perf_counter() - began) / len(SPLITS)
    values = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "held_bytes": held,
        "most_bytes": most,
        "parts": parts,
        "select_ms": select_ms,
    }
    print(json.dumps({**values, "take_ms": _take_ms(project)}))


def _take_ms(project: Project) -> float:
    """The time for one more take of a word; it is removed again."""
    samples = np.zeros(project.clip_samples, np.float32)
    began = time.perf_counter()
    clip = project.edit.add_take(project.words[0], samples, speaker="one-more")
    taken_ms = 1000 * (time.perf_counter() - began)
    clip.path.unlink()
    return taken_ms


def _warm_up() -> None:
    """Opens a project of one clip, so that what is loaded once is not counted."""
    with TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "p", words=["up"])
        project.edit.add_take("up", np.zeros(16_000, np.float32), speaker="me")
        project.refresh()
        project.table().counts()


def _resident_bytes(field: str) -> int:
    """This process's memory now (`VmRSS`) or at most (`VmHWM`), as Linux counts it; elsewhere the most so far."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024
    import resource  # not on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _forget_peak() -> None:
    """Resets the highest count, where Linux allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    main(sys.argv[1])
