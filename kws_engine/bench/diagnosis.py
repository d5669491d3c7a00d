"""How often a diagnosis names the fault that a run was made to have first, and finds none in a healthy run.

Each fault, and a healthy run, is made four times from real recordings, with seeds fixed before any was run; thresholds
were chosen on runs of other seeds, from 100 on. The first table of these seeds had 41 of 44 right. After it two rules
were added (a rate many times the usual, words that are told apart in training), chosen for what they mean and tried on
the other seeds, so seeds from 4 on are the stricter test. `KWS_SHARED_DATA` names the folder above `speech_commands`.
`KWS_DIAGNOSIS_RUNS` names a folder in which runs are saved and reused; `KWS_DIAGNOSIS_SEEDS=100:103` and
`KWS_DIAGNOSIS_FAULTS=leakage,healthy` choose other seeds and some faults.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from kws_engine.bench import Row
from kws_engine.bench._faults import FAULTS, HEALTHY, make, speech_commands
from kws_engine.errors import KwsError
from kws_engine.runs.diagnosing import diagnose_run
from kws_engine.training.events import Failed, Finished, Started

TITLE = "Diagnosis: how often the right fault of a run is named first, and none of a healthy one"
ASKED = 0.9
SEEDS = range(4)


def rows() -> Iterator[Row]:
    """Yields a row for each run with what was named first, then the shares of each fault, of all runs, of healthy ones.

    Raises:
        KwsError: The recordings are missing, or a run failed.
    """
    speech_commands()
    faults, seeds = _chosen_faults(), _chosen_seeds()
    named: dict[str, Counter[str]] = {fault: Counter() for fault in faults}
    with _folder() as folder:
        for seed in seeds:
            for fault in faults:
                first = named_first(fault, seed, folder)
                named[fault][first] += 1
                yield Row(f"{fault}, seed {seed}", first, "named first")
    yield from _shares(named)


def named_first(fault: str, seed: int, folder: Path) -> str:
    """The kind of the first finding of a run with this fault, or "healthy"; the run is saved in `folder`.

    Raises:
        KwsError: The run failed for another reason than the fault.
    """
    place = folder / f"{fault}-{seed}"
    done = place / "done"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        done.write_text(str(_run(fault, seed, place / "project").relative_to(place)), encoding="utf-8")
    findings = diagnose_run(place / done.read_text(encoding="utf-8"))
    return findings[0].kind if findings else HEALTHY


def _run(fault: str, seed: int, project: Path) -> Path:
    """Trains, and returns the run's folder."""
    from kws_engine.runs.run import run  # torch is imported only when something trains

    folder: Path | None = None
    message = "it has no ending"
    for event in run(make(fault, seed, project)):
        if isinstance(event, Started):
            folder = Path(event.run)
        if isinstance(event, Finished | Failed):
            message = event.message if isinstance(event, Failed) else ""
    if folder is None or (message and fault != "diverging"):
        raise KwsError(f"The run with {fault}, seed {seed}, failed ({message}): measure again")
    return folder


def _shares(named: dict[str, Counter[str]]) -> Iterator[Row]:
    for fault, counts in named.items():
        others = ", ".join(f"{kind} {count}" for kind, count in counts.items() if kind != fault)
        what = f"{fault}: right kind first in {counts[fault]} of {counts.total()}"
        yield Row(what + (f" (else {others})" if others else ""), counts[fault] / counts.total(), "share")
    right = sum(counts[fault] for fault, counts in named.items())
    total = sum(counts.total() for counts in named.values())
    yield Row(f"All runs: right kind first in {right} of {total}", right / total, "share", asked=ASKED, at_least=True)
    if healthy := named.get(HEALTHY):
        what = f"Healthy runs: no fault named in {healthy[HEALTHY]} of {healthy.total()}"
        yield Row(what, healthy[HEALTHY] / healthy.total(), "share", asked=ASKED, at_least=True)


def _chosen_faults() -> Sequence[str]:
    chosen = [name for name in os.environ.get("KWS_DIAGNOSIS_FAULTS", "").split(",") if name]
    if unknown := [name for name in chosen if name not in FAULTS]:
        raise KwsError(f"There is no fault {unknown[0]!r} to make: choose of {', '.join(FAULTS)}")
    return chosen or list(FAULTS)


def _chosen_seeds() -> Sequence[int]:
    text = os.environ.get("KWS_DIAGNOSIS_SEEDS", "")
    if not text:
        return SEEDS
    first, _, last = text.partition(":")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise KwsError(f"KWS_DIAGNOSIS_SEEDS: {text!r} is no range: write it as 100:103")
    return range(int(first), int(last or first) + 1)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    if saved := os.environ.get("KWS_DIAGNOSIS_RUNS"):
        yield Path(saved)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
