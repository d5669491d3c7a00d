"""Whether sound cached over several epochs teaches as much as sound augmented anew, on real recordings.

Nine words of Speech Commands, an hour or more in all: `KWS_SHARED_DATA` names the folder above `speech_commands`,
`KWS_FRESH_SEEDS` (4) how many runs there are of each kind. Accuracy is that of the validation part, with other words
and silence, which also chose each run's epoch; so only the difference counts.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kws_engine.bench import Row
from kws_engine.bench._faults import WORDS, speech_commands
from kws_engine.clips.importing import import_folder
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.runs.job import Job
from kws_engine.settings import Settings
from kws_engine.training.events import Failed, Finished

TITLE = "Sound cached over epochs beside sound augmented anew: accuracy on nine real words (an hour)"
_T_95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36}  # Student's t, two-sided


def rows() -> Iterator[Row]:
    """Yields a row per run, and the mean difference with its 95% interval over the seeds.

    Raises:
        KwsError: There is no Speech Commands, or a run failed.
    """
    recordings = speech_commands()
    seeds = range(int(os.environ.get("KWS_FRESH_SEEDS", "4")))
    differences = []
    with tempfile.TemporaryDirectory(prefix="kws-fresh-") as folder:
        project = Project.create(Path(folder) / "project", words=WORDS)
        import_folder(project, recordings, words=WORDS, rest_unknown=True)
        for seed in seeds:
            cached = _accuracy(project, seed)
            anew = _accuracy(project, seed, "training.fresh_share=1")
            yield Row(f"seed {seed}: cached", cached, "share right")
            yield Row(f"seed {seed}: all anew", anew, "share right")
            differences.append(cached - anew)
    spread = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
    reach = _T_95.get(len(differences) - 1, 2.0) * spread
    yield Row(f"cached minus anew, ± {reach:.4f} (95%)", statistics.mean(differences), "share right")


def _accuracy(project: Project, seed: int, *options: str) -> float:
    from kws_engine.runs.run import run

    job = Job(project.folder, Settings().with_options(options).to_dict(), seed=seed)
    for event in run(job):
        if isinstance(event, Failed):
            raise KwsError(event.message)
        if isinstance(event, Finished):
            return event.validation_accuracy
    raise AssertionError("a run ends with its ending")
