"""The file project.toml: read, checked, and changed under a lock, so that two programs lose nothing of each other."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w

from kws_engine.clips.layout import LOCK_FILE, PROJECT_FILE
from kws_engine.clips.words import SPECIAL, check_word
from kws_engine.disk import storing, write_atomically
from kws_engine.errors import ProjectError, quoted, shortened
from kws_engine.file_lock import FileLock, holder

SCHEMA: Final = 1
SAMPLE_RATE: Final = 16000
CLIP_MS: Final = 1000
_DEEPEST: Final = 50  # settings have 4
_TOO_DEEP: Final = "its tables are nested too deeply"
_LARGEST: Final = 4_000_000  # bytes; a hundred thousand speakers are some 2
_PATIENCE_S: Final = 5.0  # another program needs milliseconds to change the file


@dataclass(frozen=True)
class ProjectFile:
    """The content of project.toml; `by_take`, who is in all parts, was written by versions without parts.sqlite."""

    name: str
    words: tuple[str, ...]
    rate: int
    clip_ms: int
    by_take: tuple[str, ...] | None
    settings: Mapping[str, Any]


def new_content(name: str, words: tuple[str, ...]) -> dict[str, Any]:
    """The tables of a new project's file."""
    return {"schema": SCHEMA, "name": name, "words": list(words), "sample_rate": SAMPLE_RATE, "clip_ms": CLIP_MS}


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Replaces project.toml in one step.

    Raises:
        ProjectError: The folder cannot be written, the disk is full, or TOML cannot hold a value.
    """
    try:
        text = tomli_w.dumps(content)
    except (TypeError, ValueError) as error:
        raise ProjectError(
            f"{folder / PROJECT_FILE} cannot hold these settings ({error}): leave that value out."
        ) from error
    write_atomically(folder / PROJECT_FILE, text.encode())


def change(folder: Path, mutate: Callable[[dict[str, Any]], None]) -> ProjectFile:
    """Reads the file, lets `mutate` change its tables and writes it; what other programs wrote stays.

    Raises:
        ProjectError: As `read` and `write`, or another program keeps the file locked.
    """
    with _alone(folder):
        content = read_content(folder)
        mutate(content)
        parsed = parse(folder, content)
        write(folder, content)
        return parsed


def edit_words(
    content: dict[str, Any], edit: Callable[[list[str]], None], *, folder: Path, present: Iterable[str]
) -> None:
    """Lets `edit` change the list of words in the tables of project.toml.

    Args:
        content: The tables as just read: another program may have added words.
        edit: Changes the list in place.
        folder: The project's.
        present: Words that have a folder; those that are not listed yet are appended first.

    Raises:
        ProjectError: The file is damaged, or `edit` refuses the words.
    """
    words = list(parse(folder, content).words)
    words += [word for word in present if word not in words]
    edit(words)
    content["words"] = words


def replace_word(words: list[str], old: str, new: str) -> None:
    """Puts the new word where the old one is, or at the end."""
    words[:] = [new if word == old else word for word in words]
    insert_word(words, new, at=len(words))


def insert_word(words: list[str], word: str, *, at: int) -> None:
    """Inserts a word, unless the list has it."""
    if word not in words:
        words.insert(at, word)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other programs from changing the file between reading and writing."""
    if not folder.is_dir():
        read_content(folder)  # which raises
    lock = FileLock(folder / LOCK_FILE)
    with storing(folder / PROJECT_FILE):
        is_taken = lock.take(seconds=_PATIENCE_S)
    if not is_taken:
        who = holder(folder / LOCK_FILE)
        raise ProjectError(
            f"{folder / PROJECT_FILE} is being changed by another program{who}: try again, or end that program."
        )
    try:
        yield
    finally:
        lock.release()


def read(folder: Path) -> ProjectFile:
    """Reads and checks project.toml.

    Raises:
        ProjectError: There is no project, the file is damaged, or its schema is newer.
    """
    return parse(folder, read_content(folder))


def read_content(folder: Path) -> dict[str, Any]:
    """The tables of project.toml, in a schema that this program reads."""
    path = folder / PROJECT_FILE
    try:
        content = tomllib.loads(_text(path))
        _check_depth(content)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ProjectError(
            f"There is no project in {folder}: choose a folder with a {PROJECT_FILE}, or make one."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ProjectError(
            f"{path} is damaged ({_fault(error)}): correct that line or restore the file from a copy."
        ) from error
    except OSError as error:
        raise ProjectError(f"{path} cannot be read ({error.strerror}): check that you may open it.") from error
    schema = content.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ProjectError(
            f"{path} has no schema number: it is not a project of KWS Studio; write schema = {SCHEMA} in it."
        )
    if schema > SCHEMA:
        raise ProjectError(
            f"{folder} was made by a newer KWS Studio (schema {quoted(schema)}, this one reads {SCHEMA}): "
            "update KWS Studio."
        )
    return content


class _Unfit(ValueError):
    """What is wrong with the text, said for a person."""


def _fault(error: Exception) -> str:
    if isinstance(error, _Unfit | tomllib.TOMLDecodeError | UnicodeDecodeError):
        return shortened(error)
    return _TOO_DEEP if isinstance(error, RecursionError) else "a number in it has thousands of digits"


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise _Unfit("it is no file")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise _Unfit(f"it is larger than {_LARGEST // 1_000_000} MB")
    return content.decode("utf-8")


def _check_depth(content: Any) -> None:
    """Refuses tables nested so deeply that working through them would end in the middle."""
    level = [content]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return
    raise _Unfit(_TOO_DEEP)


def parse(folder: Path, content: Mapping[str, Any]) -> ProjectFile:
    """Checks the tables of project.toml, value by value."""
    split = _value(folder, content, "split", dict, {})
    words = [check_word(word) for word in _names(folder, content, "words")]
    return ProjectFile(
        name=_value(folder, content, "name", str, folder.name),
        words=tuple(dict.fromkeys(word for word in words if word not in SPECIAL)),
        rate=_number(folder, content, "sample_rate", default=SAMPLE_RATE, low=8000, high=48000),
        clip_ms=_number(folder, content, "clip_ms", default=CLIP_MS, low=200, high=10000),
        by_take=_names(folder, split, "by_take") if "by_take" in split else None,
        settings=_value(folder, content, "settings", dict, {}),
    )


def _value(folder: Path, content: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = content.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ProjectError(
            f"{folder / PROJECT_FILE} is damaged: {key} is {quoted(value)}; correct it or restore a copy."
        )
    return value


def _names(folder: Path, content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = _value(folder, content, key, list, [])
    return tuple(_value(folder, {key: value}, key, str, "") for value in values)


def _number(folder: Path, content: Mapping[str, Any], key: str, *, default: int, low: int, high: int) -> int:
    value: int = _value(folder, content, key, int, default)
    if not low <= value <= high:
        raise ProjectError(f"{folder / PROJECT_FILE}: {key} is {quoted(value)}, outside {low} to {high}; correct it.")
    return value


def check_free(folder: Path) -> None:
    """Refuses a folder that is not new or empty; hidden files do not count.

    Raises:
        ProjectError: The folder is in use, and by what.
    """
    with storing(folder):
        if (folder / PROJECT_FILE).exists():
            raise ProjectError(f"{folder} is a project already: open it, or choose another folder.")
        if folder.exists() and not folder.is_dir():
            raise ProjectError(f"{folder} is a file: choose a folder.")
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ProjectError(f"{folder} is not empty: choose a new or empty folder for the project.")


def plain(tables: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested tables as plain dicts, without None values, which TOML does not have."""
    return {k: plain(v) if isinstance(v, Mapping) else v for k, v in tables.items() if v is not None}
