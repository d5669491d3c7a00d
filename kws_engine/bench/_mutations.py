"""Damages the content of files: as a failing disk does, byte by byte, and as an enemy does, value by value."""

from __future__ import annotations

import csv
import io
import json
import random
import sqlite3
import struct
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tomli_w

from kws_engine.runs.folder import MODEL_SUFFIX

_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 1.5, 2**31, 2**63 - 1, -(2**63), 1e308, float("nan"), float("inf"), "", "x", "\0", "\x1b[2J",
    "../../..", "/etc/passwd", "\ud800", "x" * 5000, [], [[]], {}, {"a": 1}, [None], [1, "x"], {"x": {"y": []}},
)  # fmt: skip
_TEXTS = (
    b"", b"\0", b"\xff\xfe", b"[" * 3000, b"a=" + b"[" * 3000, b"9" * 5000, b"x" * 100_000, b"null", b"{}",
    b"\r\n" * 50, b"a = 1" + b"0" * 4999, b'"' + b"\\u0000" * 10 + b'"', b"SQLite format 3\0", b"PK\x03\x04",
)  # fmt: skip
_MOST_BYTES = 40  # that one flip damages


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """Flips, cuts, insertions, repetitions and foreign bytes."""
    way = chance.randrange(8)
    at, to = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    if way == 0:
        return content[:at]
    if way == 1:
        return content[:at] + content[to:]
    if way == 2:
        return content[:at] + content[at : min(to, at + 500)] * chance.randrange(2, 5) + content[at:]
    if way == 3:
        return content[:at] + chance.choice(_TEXTS) + content[at:]
    if way == 4:
        return chance.choice(_TEXTS)
    if way == 5:
        return content[:at] + bytes(to - at) + content[to:]
    flipped = bytearray(content)
    for _ in range(chance.randrange(1, _MOST_BYTES) if way == 6 else 1):
        if flipped:
            flipped[chance.randrange(len(flipped))] = chance.randrange(256)
    return bytes(flipped)


def damaged_json(content: bytes, chance: random.Random) -> bytes:
    """Another value in some place."""
    return json.dumps(_with_odd_value(json.loads(content), chance)).encode()


def damaged_lines(content: bytes, chance: random.Random) -> bytes:
    """Another value in some line of JSON, or the lines in another order."""
    lines = content.splitlines()
    if chance.random() < 0.3:
        chance.shuffle(lines)
    at = chance.randrange(len(lines))
    lines[at] = damaged_json(lines[at], chance)
    return b"\n".join(lines)


def damaged_toml(content: bytes, chance: random.Random) -> bytes:
    """Another value in some place, as far as TOML can hold it."""
    try:
        return tomli_w.dumps(_with_odd_value(tomllib.loads(content.decode()), chance)).encode()
    except (TypeError, ValueError, AttributeError):
        return damaged_bytes(content, chance)


def damaged_csv(content: bytes, chance: random.Random) -> bytes:
    """Another text in some cell, a cell too many or too few."""
    rows = list(csv.reader(io.StringIO(content.decode(errors="surrogateescape"))))
    row = chance.choice(rows)
    at = chance.randrange(len(row))
    way = chance.randrange(4)
    if way == 0:
        del row[at]
    elif way == 1:
        row.insert(at, "x")
    else:
        row[at] = str(chance.choice(_ODD))
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(errors="replace")


def damaged_safetensors(content: bytes, chance: random.Random) -> bytes:
    """Another value in the header."""
    (length,) = struct.unpack("<Q", content[:8])
    header = damaged_json(content[8 : 8 + length], chance)
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def damaged_zip(content: bytes, chance: random.Random) -> bytes:
    """A whole zip whose manifest or network is damaged."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(members))
    if name.endswith(".json") and chance.random() < 0.7:
        members[name] = damaged_json(members[name], chance)
    else:
        members[name] = damaged_bytes(members[name], chance)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return whole.getvalue()


def damaged_sqlite(content: bytes, chance: random.Random) -> bytes:
    """A whole database with another value, another type, another table or other columns."""
    with sqlite3.connect(":memory:") as database:
        database.deserialize(content)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = chance.choice(tables)
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        column = chance.choice(columns)
        try:
            database.execute(*chance.choice(list(_changes(table, column, chance))))
            database.commit()
        except (sqlite3.Error, UnicodeEncodeError, OverflowError):
            return damaged_bytes(content, chance)
        return database.serialize()


def _changes(table: str, column: str, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    value = chance.choice([odd for odd in _ODD if not isinstance(odd, list | dict)] + [b"\xff\0\xfe"])
    yield f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT min(rowid) FROM {table})", (value,)
    yield f"UPDATE OR REPLACE {table} SET {column} = ?", (value,)
    yield f"UPDATE OR IGNORE {table} SET {column} = CAST(? AS TEXT)", (b"\xff\xfe",)
    yield (f"DROP TABLE {table}",)
    yield (f"ALTER TABLE {table} RENAME COLUMN {column} TO other",)
    yield (f"ALTER TABLE {table} ADD COLUMN more",)
    yield (f"ALTER TABLE {table} RENAME TO other",)
    yield (f"DELETE FROM {table}",)
    yield (f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",)


def _with_odd_value(values: Any, chance: random.Random) -> Any:
    """The same nested values with an odd one in some place, or one gone."""
    if isinstance(values, dict) and values and chance.random() < 0.95:
        name = chance.choice(list(values))
        changed = dict(values)
        way = chance.random()
        if way < 0.1:
            del changed[name]
        elif way < 0.2:
            changed[str(chance.choice(_ODD))] = changed.pop(name)
        else:
            changed[name] = _with_odd_value(changed[name], chance)
        return changed
    if isinstance(values, list) and values and chance.random() < 0.8:
        at = chance.randrange(len(values))
        return [*values[:at], _with_odd_value(values[at], chance), *values[at + 1 :]]
    return chance.choice(_ODD)


_BY_ENDING: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": damaged_json,
    ".jsonl": damaged_lines,
    ".toml": damaged_toml,
    ".csv": damaged_csv,
    ".safetensors": damaged_safetensors,
    MODEL_SUFFIX: damaged_zip,
    ".sqlite": damaged_sqlite,
    ".db": damaged_sqlite,
}


def damaged(path: Path, content: bytes, chance: random.Random) -> bytes:
    """The content of a file, damaged once or twice, in the ways that its kind offers."""
    ways = [damaged_bytes, _BY_ENDING.get(path.suffix, damaged_bytes)]
    content = chance.choice(ways)(content, chance)
    return damaged_bytes(content, chance) if chance.random() < 0.1 else content
