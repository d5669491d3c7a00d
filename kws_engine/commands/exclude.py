"""`kws exclude`: clips are left out of training, validation and testing, and used again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.clips.changes import Changes
from kws_engine.clips.import_changes import Steps
from kws_engine.clips.journal import Change
from kws_engine.clips.project import Project
from kws_engine.commands.choosing import add_filter, counted, filtered
from kws_engine.commands.output import Output
from kws_engine.errors import ProjectError


def add(add_command: Any) -> None:
    command = add_command("exclude", _exclude, help="leave clips out of training and evaluation; their files stay")
    command.add_argument("project", type=Path)
    command.add_argument("clips", nargs="*", metavar="CLIP", help="word/name, or a path")
    add_filter(command)
    command.add_argument(
        "--undo", action="store_true", help="use these clips again; without clips, undo the last exclusion"
    )
    command.add_argument("--dry-run", action="store_true", help="only say what would be changed")


def _exclude(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    changes = Changes(project)
    if arguments.undo and not arguments.clips and not arguments.filter:
        undo_last(changes, ("exclude", "use"), output, dry_run=arguments.dry_run)
        return
    if not arguments.clips and not arguments.filter:
        raise ProjectError("kws exclude needs to know which clips: name some, or add --filter.")
    chosen, _ = filtered(project, arguments.filter, output, paths=arguments.clips)
    clips = [clip for clip in chosen if clip.excluded == arguments.undo]
    change = None if arguments.dry_run else changes.exclude(clips, not arguments.undo)
    keys = [clip.key for clip in clips]
    what = "used again" if arguments.undo else "left out"
    count = counted(len(keys))
    lines = [f"{key}: {what}" for key in keys]
    lines.append(f"{count} {'would be ' if arguments.dry_run else ''}{what}")
    if change is not None:
        lines.append(f"undo: kws exclude {project.folder} --undo")
    values = {
        "event": "excluded",
        "clips": [{"path": str(clip.path), "word": clip.word, "excluded": not arguments.undo} for clip in clips],
        "dry_run": arguments.dry_run,
    }
    output.result(values, "\n".join(lines))


def undo_last(
    changes: Changes, kinds: tuple[str, ...], output: Output, *, dry_run: bool, steps: Steps | None = None
) -> Change | None:
    """Undoes the last change of some kinds, by whichever program.

    Returns:
        What is left of an import that was stopped by its `steps`.

    Raises:
        ProjectError: There is none, or the clips are no longer as it left them.
    """
    done = [change for change in changes.done() if change.kind in kinds]
    if not done:
        raise ProjectError("There is nothing to undo: no such change is noted in this project.")
    rest = None if dry_run else changes.undo(done[-1], steps=steps)
    left = rest.clips if rest is not None else 0
    values = {"event": "undone", "change": done[-1].kind, "clips": done[-1].clips - left, "dry_run": dry_run}
    said = f"{'would undo' if dry_run else 'undone'}: {done[-1]}"
    if rest is not None:
        said = f"stopped: {left:,} of {done[-1].clips:,} clips stay; undo it once more to take out the rest"
        values["left"] = left
    output.result(values, said)
    return rest
