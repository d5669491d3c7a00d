"""One import, or one plain copy with a hash, in a process of its own; prints its time and memory as JSON."""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time
from pathlib import Path

from kws_engine.bench._opening import _forget_peak, _resident_bytes, _warm_up
from kws_engine.clips.importing import import_folder
from kws_engine.clips.project import Project


def main(way: str, source: str, target: str) -> None:
    """Prints the time and memory of bringing the clips of `source` to `target` by `copy` or `import`."""
    _warm_up()
    gc.collect()
    _forget_peak()
    before = _resident_bytes("VmRSS")
    began, began_cpu = time.perf_counter(), time.process_time()
    clips = copied(Path(source), Path(target)) if way == "copy" else imported(Path(source), Path(target))
    values = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "most_bytes": _resident_bytes("VmHWM") - before,
        "clips": clips,
    }
    print(json.dumps(values))


def copied(source: Path, target: Path) -> int:
    """Copies each file and computes its SHA-256, one after the other; how many."""
    clips = 0
    for folder in sorted(source.iterdir()):
        (target / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            hashlib.sha256(content).hexdigest()
            (target / folder.name / path.name).write_bytes(content)
            clips += 1
    return clips


def imported(source: Path, target: Path) -> int:
    """Imports the folder into a new project, until the project has the clips; how many."""
    project = Project.create(target)
    import_folder(project, source)
    return len(project.table())


if __name__ == "__main__":
    main(*sys.argv[1:])
