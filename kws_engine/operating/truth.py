"""What is said in recordings, from a table: file, word, start_s, end_s."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_engine.errors import ProjectError, quoted

_COLUMNS = ("file", "word", "start_s", "end_s")
_MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Spoken:
    """A word in a stream, from `start` up to `stop`, in samples; None where it is no word of the model."""

    word: str | None
    start: int
    stop: int


def read_truth(path: Path, audio: Sequence[Path], *, rate: int) -> dict[Path, list[Spoken]]:
    """What is said in each of the recordings, in order.

    Args:
        path: A CSV table with a header line. A file is named by its path, from the table's folder or from here, or by
            its name alone where only one of the recordings has it.
        audio: The recordings.
        rate: Samples a second of what is returned.

    Raises:
        ProjectError: The table cannot be read, a row is damaged, or names a file that is none of the recordings.
    """
    found: dict[Path, list[Spoken]] = {one: [] for one in audio}
    names = _Names(path.parent, audio)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if missing := [name for name in _COLUMNS if name not in (table.fieldnames or ())]:
                raise ProjectError(f"{path} has no column {missing[0]}: its first line must name {', '.join(_COLUMNS)}")
            for number, row in enumerate(table, start=2):
                if number > _MOST_ROWS:
                    raise ProjectError(f"{path} has more than {_MOST_ROWS:,} rows: give fewer recordings at once")
                one = names.find(row["file"] or "")
                if one is None:
                    raise ProjectError(
                        f"{path}, line {number}, names {quoted(row['file'] or '')}, which is none of the recordings: "
                        "give that one too, or take the row out"
                    )
                found[one].append(_spoken(row, path, number, rate))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProjectError(f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8") from None
    return {one: sorted(rows, key=lambda spoken: spoken.start) for one, rows in found.items()}


def _spoken(row: Mapping[str, str | None], path: Path, number: int, rate: int) -> Spoken:
    try:
        start_s, end_s = float(row["start_s"] or "nan"), float(row["end_s"] or "nan")
    except ValueError:
        start_s = end_s = math.nan
    if not 0 <= start_s <= end_s < math.inf:
        raise ProjectError(f"{path}, line {number}: start_s and end_s are not two times in seconds, in order")
    return Spoken(row["word"] or None, round(start_s * rate), round(end_s * rate))


class _Names:
    """Finds the recording that a table means."""

    def __init__(self, folder: Path, audio: Sequence[Path]) -> None:
        self._folder = folder
        self._by_path = {one.resolve(): one for one in audio}
        names = [one.name for one in audio]
        self._by_name = {one.name: one for one in audio if names.count(one.name) == 1}

    def find(self, name: str) -> Path | None:
        if not name or "\0" in name:
            return None
        for candidate in (self._folder / name, Path(name)):
            if (one := self._by_path.get(candidate.resolve())) is not None:
                return one
        return self._by_name.get(name)
