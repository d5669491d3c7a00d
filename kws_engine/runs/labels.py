"""Names, tags and notes that a person gives to runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from kws_engine.errors import TrainingError
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.label_file import Label

LONGEST_NAME, LONGEST_TAG, MOST_TAGS, LONGEST_NOTE = 80, 40, 20, 10_000


def checked(label: Label) -> Label:
    """The label as it is stored: without surrounding spaces and without empty or repeated tags.

    Raises:
        TrainingError: A part of it is too long or no line of text, or there are too many tags.
    """
    lines = [_line(one, what="A tag", longest=LONGEST_TAG) for one in label.tags]
    tags = tuple(dict.fromkeys(line for line in lines if line))
    if len(tags) > MOST_TAGS:
        raise TrainingError(f"{len(tags)} tags are more than a run can have: keep to {MOST_TAGS}")
    if len(label.note) > LONGEST_NOTE:
        raise TrainingError(f"A note of {len(label.note)} characters is too long: keep it to {LONGEST_NOTE}")
    return Label(_line(label.name, what="The name of a run", longest=LONGEST_NAME), tags, label.note)


def relabel(folder: Path, label: Label) -> Label:
    """Replaces the whole label of a run; its folder keeps its name.

    Raises:
        TrainingError: A part of it is too long or no line of text, or there is no such run.
        ProjectError: It cannot be written.
    """
    label, run = checked(label), RunFolder(folder)
    run.check()
    run.label.write(label)
    return label


def rename(folder: Path, name: str) -> Label:
    """Gives a run a name, empty for none; its folder keeps its own.

    Raises:
        TrainingError: The name is too long or no line of text, or there is no such run.
        ProjectError: It cannot be written.
    """
    return relabel(folder, dataclasses.replace(RunFolder(folder).label.read(), name=name))


def tag(folder: Path, tags: Iterable[str]) -> Label:
    """Replaces the tags of a run; empty and repeated ones are left out.

    Raises:
        TrainingError: A tag is too long or no line of text, there are too many, or there is no such run.
        ProjectError: It cannot be written.
    """
    return relabel(folder, dataclasses.replace(RunFolder(folder).label.read(), tags=tuple(tags)))


def annotate(folder: Path, note: str) -> Label:
    """Replaces the note of a run, which may have any number of lines.

    Raises:
        TrainingError: The note is too long, or there is no such run.
        ProjectError: It cannot be written.
    """
    return relabel(folder, dataclasses.replace(RunFolder(folder).label.read(), note=note))


def _line(text: str, *, what: str, longest: int) -> str:
    text = text.strip()
    if not text.isprintable():
        raise TrainingError(f"{what} is one line of text: leave out line breaks and control characters")
    if len(text) > longest:
        raise TrainingError(f"{what} has {len(text)} characters: keep it to {longest}")
    return text
