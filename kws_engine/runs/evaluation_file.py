"""evaluation.json: what a run's model gets right on the validation clips."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kws_engine.disk import write_atomically
from kws_engine.runs.run_file import DAMAGED, RunFile


@dataclass(frozen=True)
class RunEvaluation:
    """The figures of a run's evaluation; None where they are missing or damaged.

    Attributes:
        accuracy: Share of the clips whose label was given, 0..1.
        clips: How many clips that is; 0 where it is not known.
        false_alarms_per_hour: Where that was measured.
    """

    accuracy: float | None = None
    clips: int = 0
    false_alarms_per_hour: float | None = None


class EvaluationFile(RunFile):
    """The evaluation of one run as JSON."""

    def read(self) -> RunEvaluation:
        """Its figures; none without a file."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except DAMAGED:
            return RunEvaluation()
        false_alarms = _number(content, "false_alarms_per_hour")
        accuracy, clips = _number(content, "accuracy"), _number(content, "clips")
        if accuracy is None or clips is None or clips < 1 or not 0 <= accuracy <= 1:
            return RunEvaluation(false_alarms_per_hour=false_alarms)
        return RunEvaluation(accuracy, int(clips), false_alarms)

    def write(self, content: Mapping[str, Any]) -> None:
        """Replaces the file.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        write_atomically(self.path, json.dumps(content, indent=2).encode())


def _number(content: Any, name: str) -> float | None:
    try:
        value = float(content[name])
    except DAMAGED:
        return None
    return value if math.isfinite(value) else None
