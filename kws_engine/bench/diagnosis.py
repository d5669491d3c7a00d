"""How often a diagnosis names a run's fault first, whether it accuses healthy runs, and whether its remedies help.

Each fault, and a healthy run, is made four times from real recordings, with seeds fixed before any was run; thresholds
were chosen on runs of other seeds, from 100 on. The first table of these seeds had 41 of 44 right. After it two rules
were added (a rate many times the usual, words that are told apart in training), chosen for what they mean and tried on
the other seeds, so seeds from 4 on are the stricter test.

Healthy runs of the sizes that people have (`_sizes`) are looked at after they end and, as the line below the curves
does, after each of their epochs. Every remedy of a fault that was named is carried out, and the run repeated with it
(`_remedies`); `kws_engine.evaluation.remedies.MEASURED` is the table of what came out.

`KWS_SHARED_DATA` names the folder above `speech_commands`. `KWS_DIAGNOSIS_RUNS` names a folder in which runs are saved
and reused; `KWS_DIAGNOSIS_PARTS=faults,healthy,remedies`, `KWS_DIAGNOSIS_SEEDS=100:103` and
`KWS_DIAGNOSIS_FAULTS=leakage,healthy` choose a part, other seeds and some faults.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kws_engine.bench import Row, _remedies, _sizes
from kws_engine.bench._faults import FAULTS, HEALTHY, make, speech_commands
from kws_engine.bench._running import ran
from kws_engine.errors import KwsError
from kws_engine.evaluation.diagnosis import voices_of, watch
from kws_engine.evaluation.finding import Finding, Kind
from kws_engine.runs.diagnosing import diagnose_run, facts_of
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.records import history

TITLE = "Diagnosis: how often the right fault of a run is named first, none of a healthy one, and whether remedies help"
ASKED = 0.9
SEEDS = range(4)
PARTS = ("faults", "healthy", "remedies")


def rows() -> Iterator[Row]:
    """Yields a row for each run with what was named first, then the shares; the same for healthy runs and remedies.

    Raises:
        KwsError: The recordings are missing, or a run failed.
    """
    speech_commands()
    parts = _chosen("KWS_DIAGNOSIS_PARTS", PARTS)
    faults, seeds = _chosen("KWS_DIAGNOSIS_FAULTS", tuple(FAULTS)), _chosen_seeds()
    with _folder() as folder:
        if "faults" in parts:
            yield from _faulty_runs(faults, seeds, folder)
        if "healthy" in parts:
            yield from _healthy_runs(folder)
        if "remedies" in parts:
            yield from _remedies_of(faults, seeds, folder)


def _faulty_runs(faults: Sequence[str], seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    named: dict[str, Counter[str]] = {fault: Counter() for fault in faults}
    for seed in seeds:
        for fault in faults:
            first = named_first(fault, seed, folder)
            named[fault][first] += 1
            yield Row(f"{fault}, seed {seed}", first, "named first")
    yield from _shares(named)


def _findings_in(run: Path) -> list[Finding]:
    """What is found in a run but for what its model does in talk, which `kws bench promise` measures."""
    return [one for one in diagnose_run(run) if one.kind != "fires_at_speech"]


def named_first(fault: str, seed: int, folder: Path) -> str:
    """The kind of the first finding of a run with this fault, or "healthy"; the run is saved in `folder`.

    Raises:
        KwsError: The run failed for another reason than the fault.
    """
    findings = _findings_in(_faulty_run(fault, seed, folder))
    return findings[0].kind if findings else HEALTHY


def _faulty_run(fault: str, seed: int, folder: Path) -> Path:
    return _saved(folder / f"{fault}-{seed}", partial(make, fault, seed), fault == "diverging")


def _saved(place: Path, make_job: Callable[[Path], Job], may_lose_number: bool = False) -> Path:
    """The folder of a run, trained now or before."""
    done = place / "done"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        run = ran(make_job(place / "project"), may_lose_number=may_lose_number)
        done.write_text(str(run.relative_to(place)), encoding="utf-8")
    return place / done.read_text(encoding="utf-8")


def _healthy_runs(folder: Path) -> Iterator[Row]:
    """Every run of a size that people have, with what it was accused of, and the share of those that were not."""
    accused: list[str] = []
    for name, seed in _sizes.names():
        run = _saved(folder / f"{name}-{seed}", partial(_sizes.make, name, seed))
        accused.append(accusation(run))
        yield Row(f"{name}, seed {seed}", accused[-1] or HEALTHY, "accused of")
    free = accused.count("")
    what = f"Healthy runs of usual sizes: not accused, while they ran or after, {free} of {len(accused)}"
    yield Row(what, free / len(accused), "share", asked=1.0, at_least=True)


def accusation(run: Path) -> str:
    """What was found in a run after any of its epochs or its end; empty for none."""
    epochs, facts = list(history(RunFolder(run).events.read())), facts_of(run)
    for count in range(1, len(epochs) + 1):
        found = watch(
            epochs[:count],
            settings=facts.settings,
            training=facts.training,
            validation=facts.validation,
            voices=voices_of(facts.clips),
        )
        if found is not None:
            return f"{found.kind} after epoch {count}"
    findings = _findings_in(run)
    return findings[0].kind if findings else ""


def _remedies_of(faults: Sequence[str], seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """What each remedy of the faults named right did, over all seeds."""
    found: dict[tuple[Kind, str], list[_remedies.Trial]] = defaultdict(list)
    for fault in faults:
        for seed in seeds:
            run = _faulty_run(fault, seed, folder)
            first = next(iter(_findings_in(run)), None)
            if first is None or first.kind != fault:
                continue
            for trial in _remedies.trials(first.kind, first, run, run.parents[2], seed=seed):
                found[first.kind, trial.key].append(trial)
                change = trial.after[:, 0].mean() - trial.before[:, 0].mean()
                yield Row(f"{fault}, seed {seed}, {trial.key}", float(change), "accuracy won")
    for (kind, key), trials in found.items():
        judged = _remedies.verdict(trials)
        what = (
            f"{kind}, {key}: accuracy {judged.before:.3f} to {judged.after:.3f}, loss {judged.loss[0]:.3f} to "
            f"{judged.loss[1]:.3f}, validation off by {judged.off[0]:.3f} to {judged.off[1]:.3f}, {judged.runs} runs"
        )
        yield Row(what, "helped" if judged.helped else "did not help", "verdict")


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


def _chosen(variable: str, known: Sequence[str]) -> Sequence[str]:
    chosen = [name for name in os.environ.get(variable, "").split(",") if name]
    if unknown := [name for name in chosen if name not in known]:
        raise KwsError(f"{variable}: there is no {unknown[0]!r}: choose of {', '.join(known)}")
    return chosen or known


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
