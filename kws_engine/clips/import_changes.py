"""Takes the clips of an import out of a project and brings them back, in steps that are whole one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kws_engine.clips import trash
from kws_engine.clips.clip import file_at, key_at, name_of, word_of
from kws_engine.clips.layout import CLIPS_FOLDER, ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.trash import Deletion, Removal
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import ProjectError

Progress = Callable[[int, int], None]

_AT_ONCE: Final = 512  # clips of one step, in which nobody else can change the project


@dataclass(frozen=True)
class Steps:
    """How a long change tells how far it is, and is told to stop.

    Attributes:
        progress: Called with (clips done, clips in all).
        should_stop: Called before each step; what was done by then stays done.
    """

    progress: Progress = lambda done, total: None
    should_stop: Callable[[], bool] = lambda: False


def noted(keys: Sequence[str], new_words: Sequence[str], superseded: Deletion | None) -> dict[str, Any]:
    """What it takes to undo an import, as plain values.

    Args:
        keys: The `word/name` of the new clips.
        new_words: The words that it added.
        superseded: The examples of other words that it deleted, because they became clips of words.
    """
    clips: dict[str, list[str]] = {}
    for key in keys:
        clips.setdefault(word_of(key), []).append(name_of(key))
    gone = None if superseded is None else _noted(superseded)
    return {"clips": clips, "words": list(new_words), "superseded": gone, "out": [], "removed": []}


def keys_of(content: dict[str, Any]) -> list[str]:
    """The `word/name` of the clips of an import."""
    return [f"{word}/{name}" for word, names in content["clips"].items() for name in names]


def take_out(project: Project, content: dict[str, Any], steps: Steps, *, keep: Callable[[], None]) -> int:
    """Moves the clips of an import to the trash; words that it added and that have no other clips go, too.

    Args:
        project: Where they are.
        content: What is noted of the import; what is needed to bring them back is added to it.
        steps: How far it is.
        keep: Stores `content`, so that a program that is killed can go on after its next start.

    Returns:
        How many clips are still there, because it was stopped.

    Raises:
        ProjectError: The project cannot be written; what was taken out by then is in the trash.
    """
    keys, done = keys_of(content), 0
    if not content["out"]:
        content["out"].append(trash.new_folder(project.folder).name)
        keep()
    into = ProjectFolder(project.folder).trash / content["out"][-1]
    for some in _batches(keys):
        if steps.should_stop():
            return len(keys) - done
        project.edit.delete([file_at(project.clips_folder / key) for key in some], into=into)
        done += len(some)
        steps.progress(done, len(keys))
    with project.edit as edit:
        for word in content["words"]:
            if word in project.words and word not in edit.now.table.word_rows:
                removal = edit.remove_word(word)
                content["removed"].append([word, removal.position, removal.deletion.trash.name])
        superseded = _deletion(project, content["superseded"]) if content["superseded"] else None
        if superseded is not None and superseded.trash.is_dir():  # else the trash was emptied
            edit.restore(superseded)
    return 0


def bring_back(project: Project, content: dict[str, Any], steps: Steps, *, keep: Callable[[], None]) -> int:
    """Brings the clips of an import back after `take_out`.

    Args:
        project: Where they were.
        content: As `take_out` left it.
        steps: How far it is.
        keep: As in `take_out`.

    Returns:
        How many clips are not there yet, because it was stopped.

    Raises:
        ProjectError: The trash was emptied, or the project cannot be written.
    """
    folders = [ProjectFolder(project.folder).trash / name for name in content["out"]]
    if folders and not any(folder.is_dir() for folder in folders):
        raise ProjectError("The trash was emptied, so the clips cannot come back: import them again.")
    with project.edit as edit:
        for word, position, name in reversed(content["removed"]):
            deletion = Deletion(ProjectFolder(project.folder).trash / name, (Path(CLIPS_FOLDER) / word,))
            edit.restore(Removal(word, position, deletion))
        content["removed"] = []
        if content["superseded"] is not None:
            again = set(content["superseded"]["clips"])
            content["superseded"] = _noted(
                edit.delete(clip for clip in project.clips(word=UNKNOWN, include_excluded=True) if clip.key in again)
            )
    keep()
    keys, done = keys_of(content), 0
    for some in _batches(keys):
        if steps.should_stop():
            return len(keys) - done
        for folder in folders:
            paths = [path for path in (Path(CLIPS_FOLDER) / key for key in some) if (folder / path).exists()]
            if paths:
                project.edit.restore(Deletion(folder, tuple(paths)))
        done += len(some)
        steps.progress(done, len(keys))
    content["out"] = []
    keep()
    return 0


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[at : at + _AT_ONCE] for at in range(0, len(keys), _AT_ONCE))


def _noted(deletion: Deletion) -> dict[str, Any]:
    return {"trash": deletion.trash.name, "clips": [key_at(path) for path in deletion.paths]}


def _deletion(project: Project, noted: dict[str, Any]) -> Deletion:
    folder = ProjectFolder(project.folder).trash / noted["trash"]
    return Deletion(folder, tuple(Path(CLIPS_FOLDER) / key for key in noted["clips"]))
