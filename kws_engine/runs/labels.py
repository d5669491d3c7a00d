"""What a person wrote about a run: its name, tags and note in label.toml, beside the run's own files; knows no run."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from kws_engine.disk import write_atomically
from kws_engine.errors import TrainingError

FILE = "label.toml"
LONGEST_NAME, LONGEST_TAG, MOST_TAGS, LONGEST_NOTE = 80, 40, 20, 10_000
_LARGEST = 200_000  # bytes


@dataclass(frozen=True)
class Label:
    """Empty where nobody wrote anything."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


def read_label(folder: Path) -> Label:
    """The label of a run; what is missing or damaged is empty."""
    try:
        with open(folder / FILE, "rb") as file:
            content = tomllib.loads(file.read(_LARGEST).decode())
    except (OSError, ValueError, RecursionError):
        return Label()
    name, tags, note = content.get("name"), content.get("tags"), content.get("note")
    return Label(
        name=name if isinstance(name, str) else "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        note=note if isinstance(note, str) else "",
    )


def write_label(folder: Path, label: Label) -> None:
    """Puts it in place of the run's label.

    Raises:
        ProjectError: It cannot be written, or the disk is full.
    """
    content = {"name": label.name, "tags": list(label.tags), "note": label.note}
    write_atomically(folder / FILE, tomli_w.dumps(content).encode())


def checked(label: Label) -> Label:
    """The label as it is kept: without spaces around it, empty and repeated tags.

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
    """Puts a whole label in place of a run's; its folder keeps its name.

    Raises:
        TrainingError: A part of it is too long or no line of text, or there is no such run.
        ProjectError: It cannot be written.
    """
    kept = checked(label)
    if not folder.is_dir():
        raise TrainingError(f"There is no run {folder.name}: it was deleted or moved")
    write_label(folder, kept)
    return kept


def rename(folder: Path, name: str) -> Label:
    """Gives a run a name, empty for none; its folder keeps its own.

    Raises:
        TrainingError: The name is too long or no line of text, or there is no such run.
        ProjectError: It cannot be written.
    """
    return relabel(folder, dataclasses.replace(read_label(folder), name=name))


def tag(folder: Path, tags: Iterable[str]) -> Label:
    """Puts these tags in place of a run's; empty and repeated ones are left out.

    Raises:
        TrainingError: A tag is too long or no line of text, there are too many, or there is no such run.
        ProjectError: It cannot be written.
    """
    return relabel(folder, dataclasses.replace(read_label(folder), tags=tuple(tags)))


def annotate(folder: Path, note: str) -> Label:
    """Puts a note, of any number of lines, in place of a run's.

    Raises:
        TrainingError: The note is too long, or there is no such run.
        ProjectError: It cannot be written.
    """
    return relabel(folder, dataclasses.replace(read_label(folder), note=note))


def _line(text: str, *, what: str, longest: int) -> str:
    text = text.strip()
    if not text.isprintable():
        raise TrainingError(f"{what} is one line of text: leave out line breaks and control characters")
    if len(text) > longest:
        raise TrainingError(f"{what} has {len(text)} characters: keep it to {longest}")
    return text
