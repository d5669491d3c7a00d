"""promise.json: what a run's model misses and how often it fires falsely, as it was measured after training."""

from __future__ import annotations

import json

from kws_engine.disk import write_atomically
from kws_engine.operating.report import Report
from kws_engine.runs.run_file import DAMAGED, RunFile


class PromiseFile(RunFile):
    """The report of one run as JSON."""

    def read(self) -> Report | None:
        """The report; None where it is missing or damaged."""
        try:
            return Report.from_dict(json.loads(self.path.read_text(encoding="utf-8")))
        except DAMAGED:
            return None

    def write(self, report: Report) -> None:
        """Replaces the file.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        write_atomically(self.path, json.dumps(report.to_dict()).encode())
