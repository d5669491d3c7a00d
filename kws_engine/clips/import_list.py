"""Lists of recordings beside them: tables with columns for path, word, speaker and part, and lists of one part."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kws_engine.clips.split import Split
from kws_engine.errors import ProjectError

_NAMES: Final[dict[str, str]] = {  # the first that a table has counts
    "path": "path file filename file_name filepath file_path audio audio_path audio_file audio_filename audio_filepath"
    " wav wav_path wav_file wav_filename clip clip_path slice_file_name recording sound link",
    "word": "word label keyword command class category class_name label_name sentence text transcript transcription"
    " phrase utterance normalized_text target",
    "speaker": "speaker speaker_id speakerid client_id user user_id userid speaker_name spk spk_id person participant"
    " reader",
    "part": "part split set subset partition data_split dataset_split",
    "start": "start_s start_seconds",  # others, such as UrbanSound8K's start, count in another recording
    "end": "end_s end_seconds",
}
LIST_COLUMNS: Final = ("path", "word", "speaker", "part", "start_s", "end_s")
"""The columns of a table that this program writes."""
PARTS: Final[dict[str, Split]] = {
    **dict.fromkeys(("train", "training", "tr"), "training"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "testing"),
}
"""What people call the parts."""
_NOT_TAKEN: Final = frozenset({"invalidated", "other", "reported", "rejected", "unvalidated_sentences"})
_TABLES: Final = (".csv", ".tsv")
_MOST_BYTES: Final = 2**30
_PART_LIST: Final = re.compile(r"(\w+?)_(?:list|files)\.txt")


@dataclass(frozen=True)
class Row:
    """One recording in a table; empty or None where the table does not say.

    Attributes:
        span_s: Where in the recording the word is, from and to, in seconds; NaN where that cannot be read.
    """

    path: str
    word: str
    speaker: str
    part: Split | None
    span_s: tuple[float, float] | None = None


@dataclass(frozen=True)
class Table:
    """A table of recordings.

    Attributes:
        file: Where it is.
        columns: The names of its columns by what they mean here.
        rows: The recordings.
        strange_parts: Values of its column of parts that name none.
    """

    file: Path
    columns: dict[str, str]
    rows: Sequence[Row]
    strange_parts: Sequence[str] = ()


def read_table(file: Path) -> Table:
    """Reads a table whose first line names its columns.

    Raises:
        ProjectError: It cannot be read, or has no column for paths, or none for anything else.
    """
    lines = _lines(file)
    header, delimiter = _header(file, lines)
    columns = _columns(header)
    if "path" not in columns or len(columns) < 2:
        shown = ", ".join(name for name in header if name)[:200] or "nothing"
        raise ProjectError(
            f"{file.name} has no columns for path and word in its first line ({shown}): name them there, as in "
            "path,word,speaker,part."
        )
    by_name = PARTS.get(file.stem.casefold())
    places = {meaning: header.index(name) for meaning, name in columns.items()}
    rows, strange = [], dict[str, None]()
    for cells in _cells(file, lines, delimiter):
        values = {meaning: cells[at].strip() if at < len(cells) else "" for meaning, at in places.items()}
        if not values["path"]:
            continue
        said = values.get("part", "")
        if said and said.casefold() not in PARTS:
            strange[said] = None
        part = PARTS.get(said.casefold()) if said else by_name
        span = _span(values.get("start", ""), values.get("end", ""))
        rows.append(Row(values["path"], _as_word(values.get("word", "")), values.get("speaker", ""), part, span))
    return Table(file, columns, rows, tuple(strange))


def _span(start: str, end: str) -> tuple[float, float] | None:
    return (_seconds(start), _seconds(end)) if start or end else None


def _seconds(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def tables_in(folder: Path) -> tuple[list[Table], list[Path]]:
    """The tables directly in a folder that list recordings with their words, and those set aside as rejected ones.

    A table of one part, such as test.tsv, comes after the others: it only adds the part.
    """
    tables, left = [], []
    for file in sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES and path.is_file()):
        try:
            table = read_table(file)
        except ProjectError:  # some other table
            continue
        if file.stem.casefold() in _NOT_TAKEN:
            left.append(file)
        elif "word" in table.columns:
            tables.append(table)
    tables.sort(key=lambda table: table.file.stem.casefold() in PARTS)
    return tables, left


def part_lists_in(folder: Path) -> dict[Path, tuple[Split, list[str]]]:
    """Lists such as validation_list.txt of Speech Commands: the paths that are in one part."""
    lists = {}
    for file in sorted(folder.glob("*.txt")):
        match = _PART_LIST.fullmatch(file.name.casefold())
        part = PARTS.get(match[1]) if match else None
        if part is not None and file.is_file():
            lists[file] = (part, [line.strip() for line in _lines(file) if line.strip()])
    return lists


def _as_word(text: str) -> str:
    """A word as people write it into a sentence: without a full stop and spaces around it."""
    return " ".join(text.strip().strip('.,;:!?"“”„»«¡¿').split())


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ProjectError(f"{file.name} is over 1 GiB, which is no list of recordings: choose another file.")
        content = file.read_bytes()
    except OSError as error:
        raise ProjectError(f"{file} cannot be read ({error.strerror}): check that it is there.") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
    return re.split(r"\r\n|\n|\r", text)


def _header(file: Path, lines: Sequence[str]) -> tuple[list[str], str]:
    """The names in the first line and what stands between them: the one that gives the most known names."""
    first = lines[0] if lines else ""
    best: tuple[list[str], str] = ([], ",")
    for delimiter in ("\t", ",", ";", "|"):
        names = [_name(cell) for cell in next(_cells(file, ["", first], delimiter), [])]
        if len(_columns(names)) > len(_columns(best[0])) or not best[0]:
            best = (names, delimiter)
    return best


def _name(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", cell.strip().casefold())


def _columns(names: Sequence[str]) -> dict[str, str]:
    found = {meaning: next((name for name in known.split() if name in names), "") for meaning, known in _NAMES.items()}
    return {meaning: name for meaning, name in found.items() if name}


def _cells(file: Path, lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The rows after the first line; in a table with tabs a quotation mark is part of a sentence."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    text = io.StringIO("\n".join(line.replace("\0", "") for line in lines), newline="")
    text.readline()
    try:
        for cells in csv.reader(text, delimiter=delimiter, quoting=quoting):
            yield [cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell for cell in cells]
    except csv.Error as error:
        raise ProjectError(f"{file.name} is no table that can be read ({error}): save it as CSV again.") from error
