"""`kws diagnose`: what is wrong with a run and what to do about it; judges nothing itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.commands.output import Output
from kws_engine.evaluation.finding import Finding

_CLIPS_SHOWN = 10


def add(add_command: Any) -> None:
    command = add_command("diagnose", _diagnose, help="say what is wrong with a run and what to do about it")
    command.add_argument("folder", type=Path, metavar="RUN", help="a folder in a project's runs")


def _diagnose(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.runs.diagnosing import diagnose_run

    findings = diagnose_run(arguments.folder)
    values = {"findings": [finding.to_dict() for finding in findings]}
    output.result(values, "\n\n".join(map(_text, findings)) or "Nothing wrong was found.")


def _text(finding: Finding) -> str:
    since = f" (from epoch {finding.epoch})" if finding.epoch is not None else ""
    lines = [f"{finding.title}{since}", f"  {finding.evidence}", f"  {finding.meaning}"]
    for remedy in finding.remedies:
        options = " ".join(f"--set {path}={value}" for path, value in remedy.changes.items())
        lines.append(f"  -> {remedy.title}" + (f": {options}" if options else ""))
    clips = finding.clips[:_CLIPS_SHOWN]
    lines += [f"     {clip.path}: {clip.reason}" for clip in clips]
    if len(finding.clips) > len(clips):
        lines.append(f"     and {len(finding.clips) - len(clips)} more (--json lists them all)")
    return "\n".join(lines)
