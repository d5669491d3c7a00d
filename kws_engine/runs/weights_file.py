"""weights.json: how the weights of a run's network are spread, by layer.

{"near_zero_below": 0.01, "penalties": {"l1": {"weights": n, "near_zero": m}},
"layers": [{"name", "title", "weights", "near_zero", "penalties": {"l1": factor}, "reach", "counts": [41 numbers]}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kws_engine.disk import write_atomically
from kws_engine.runs.run_file import DAMAGED, RunFile

BINS: Final = 41  # odd: the middle one is about zero


class WeightsFile(RunFile):
    """The figures of one run's network as JSON."""

    def read(self) -> dict[str, Any] | None:
        """The content; None where it is missing or damaged."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            for row in content["layers"]:
                if not str(row["title"]) or len([float(count) for count in row["counts"]]) != BINS:
                    return None
                _ = int(row["weights"]), int(row["near_zero"]), float(row["reach"]), dict(row["penalties"])
            _ = [(int(one["weights"]), int(one["near_zero"])) for one in content["penalties"].values()]
        except DAMAGED:
            return None
        return dict(content)

    def write(self, content: Mapping[str, Any]) -> None:
        """Replaces the file.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        write_atomically(self.path, json.dumps(content).encode())
