"""`kws diagnose`: what is wrong with a run and what to do about it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kws_engine.commands.output import Output
from kws_engine.evaluation.finding import Finding, SuspectClip

_CLIPS_SHOWN = 10


def add(add_command: Any) -> None:
    command = add_command("diagnose", _diagnose, help="say what is wrong with a run and what to do about it")
    command.add_argument("folder", type=Path, metavar="RUN", help="a folder in a project's runs")
    command.add_argument(
        "--clips",
        action="store_true",
        help="list the clips worth listening to as well, whose own word was least probable first: probably mislabelled "
        "ones, and outliers that no other word fits either",
    )


def _diagnose(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.runs.diagnosing import look_at_run

    look = look_at_run(arguments.folder)
    values: dict[str, Any] = {"findings": [finding.to_dict() for finding in look.findings]}
    text = "\n\n".join(map(_text, look.findings)) or "Nothing wrong was found."
    if arguments.clips:
        values["clips"] = [clip.to_dict() for clip in look.clips]
        text += f"\n\n{_clips_text(look.clips)}"
    output.result(values, text)


def _clips_text(clips: Sequence[SuspectClip]) -> str:
    if not clips:
        return "No clip stands out: there is none to listen to."
    listed = [f"  {clip.path}: {clip.reason}" for clip in clips]
    return "\n".join([f"{len(clips)} clips worth listening to, which is no fault of the run:", *listed])


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
