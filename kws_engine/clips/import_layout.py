"""Which word, speaker and part each file of a folder has: by a list, by its name, or by the folders it lies in."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from kws_engine.clips import import_list
from kws_engine.clips.import_list import PARTS, Table
from kws_engine.clips.import_speakers import (
    Named,
    SpeakerRule,
    by_known_pattern,
    digit_name,
    looks_like_word_speaker_take,
)
from kws_engine.clips.import_tree import Found, SkippedFile, Tree
from kws_engine.clips.split import Split
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_engine.errors import ProjectError

_COLLECTIONS: Final = frozenset("recordings recording audio wav wavs clips data sounds samples files".split())
_SHOWN: Final = 4


class UnclearLayout(ProjectError):
    """Where the words are cannot be told.

    Attributes:
        folders: Where the words may lie, so that one of these could be imported.
    """

    def __init__(self, sentence: str, folders: Sequence[Path]) -> None:
        super().__init__(sentence)
        self.folders = folders


@dataclass(frozen=True, slots=True)
class Placed:
    """A file with what is known of it.

    Attributes:
        speaker: Empty where nobody says who speaks.
        is_given: Whether a person or a list says it, rather than the names of files and folders.
        span_s: Where in the file the clip is, from and to in seconds; None where it is the whole file.
        remark: Why a person should listen before it is taken.
    """

    found: Found
    word: str
    speaker: str = ""
    take: int | None = None
    split: Split | None = None
    is_given: bool = False
    span_s: tuple[float, float] | None = None
    remark: str = ""


@dataclass
class Arranged:
    """The files of a folder by word.

    Attributes:
        placed: What can be imported.
        skipped: What cannot, and why.
        notes: What was recognised, in sentences.
        lists: The files that told it.
    """

    placed: list[Placed] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lists: list[Path] = field(default_factory=list)

    def extend(self, other: Arranged) -> None:
        """Takes in what else was found out."""
        self.placed += other.placed
        self.skipped += other.skipped
        self.notes += other.notes
        self.lists += other.lists


def arrange(tree: Tree, rule: SpeakerRule, *, known: Collection[str], list_file: Path | None = None) -> Arranged:
    """Recognises how a folder is laid out.

    Args:
        tree: Its files.
        rule: Where the speakers are read from.
        known: The words of the project and those asked for: a folder of such a name is a word.
        list_file: A table of the recordings; without it, one beside them is looked for.

    Raises:
        ProjectError: The list cannot be read, or where the words are cannot be told.
    """
    arranged = Arranged(skipped=list(tree.skipped))
    tables, left = ([import_list.read_table(list_file)], []) if list_file else import_list.tables_in(tree.root)
    tables = [table for table in tables if list_file or _lists_any(table, tree)]
    special = [found for found in tree.files if _special(found)]
    files = [found for found in tree.files if not _special(found)]
    placed = [Placed(found, _special(found)) for found in special]
    arranged.placed += [with_speaker(one, rule) if one.word == UNKNOWN else one for one in placed]
    arranged.lists += [*(table.file for table in tables), *left]
    if tables:
        _by_tables(arranged, files, tables, tree.root, rule, is_given=list_file is not None)
        arranged.notes += [f"{file.name} was not read: it holds what was not accepted." for file in left]
    elif rule.gives_word:
        _by_pattern(arranged, files, rule)
    elif _are_digits(files):
        _by_digits(arranged, files, rule)
    else:
        _by_folders(arranged, files, tree, rule, known)
    _set_parts_by_lists(arranged, tree.root)
    return arranged


def _special(found: Found) -> str:
    """`_unknown_` or `_background_noise_`, if a file lies in such a folder at the top or in that of a part."""
    for name in found.folders[:2]:
        if name in (NOISE, UNKNOWN):
            return name
        if name.casefold() not in PARTS:
            break
    return ""


# -- by tables


def _lists_any(table: Table, tree: Tree) -> bool:
    places = _Places(tree.files, tree.root, table.file.parent)
    return any(places.find(row.path) for row in table.rows)


class _Places:
    """Finds the files that a table names: relative to itself, to the folder, or by their last parts."""

    def __init__(self, files: Iterable[Found], root: Path, beside: Path) -> None:
        self._root = root
        self._beside = beside
        self._by_end: dict[str, list[Found]] = defaultdict(list)
        for found in files:
            parts = (*found.folders, found.name)
            for start in range(len(parts)):
                self._by_end["/".join(parts[start:])].append(found)
            self._by_end["/".join((*found.folders, found.stem)) + "/"].append(found)
            self._by_end[found.stem + "/"].append(found)

    def find(self, path: str, *, is_given: bool = False) -> Found | None:
        """The file, or None where it is missing or could be several; only a table `is_given` may lead outside."""
        name = path.replace("\\", "/").removeprefix("./")
        parts = PurePosixPath(name).parts
        if is_given and (PurePosixPath(name).is_absolute() or ".." in parts or not self._root.samefile(self._beside)):
            direct = self._beside / name
            if direct.is_file():
                return self._inside(direct) or Found.at(direct, (direct.parent.name,))
        parts = tuple(part for part in parts if part not in ("/", ".", ".."))
        for start in range(len(parts)):
            fitting = self._by_end.get("/".join(parts[start:])) or self._by_end.get("/".join(parts[start:]) + "/", [])
            exact = [one for one in fitting if len(one.folders) == len(parts) - start - 1]
            if len(exact or fitting) == 1:
                return (exact or fitting)[0]
        return None

    def _inside(self, path: Path) -> Found | None:
        try:
            relative = path.resolve().relative_to(self._root.resolve())
        except (OSError, ValueError):
            return None
        fitting = self._by_end.get(relative.as_posix(), [])
        return next((one for one in fitting if len(one.folders) == len(relative.parts) - 1), None)


def _by_tables(
    arranged: Arranged, files: list[Found], tables: list[Table], root: Path, rule: SpeakerRule, *, is_given: bool
) -> None:
    """Every file as the tables say; what they name and is missing, and what they do not name, is listed."""
    rows: dict[Path, Placed] = {}
    in_pieces: set[Path] = set()
    missing: dict[Path, SkippedFile] = {}
    for table in tables:
        places = _Places(files, root, table.file.parent)
        for row in table.rows:
            found = places.find(row.path, is_given=is_given)
            if found is None:
                path = table.file.parent / row.path
                missing.setdefault(path, SkippedFile(path, f"{_short(row.path)} is in {table.file.name} but not here."))
                continue
            word = row.word if "word" in table.columns else (found.folders[-1] if found.folders else root.name)
            placed = Placed(
                found,
                word,
                row.speaker,
                by_known_pattern(found).take if row.span_s is None else None,
                row.part,
                is_given=bool(row.speaker),
                span_s=row.span_s,
            )
            if row.span_s is not None:
                _add_span(arranged, placed, table)
                in_pieces.add(found.path)
                continue
            before = rows.get(found.path)
            if before is None:
                rows[found.path] = placed
            elif before.word != word:
                reason = f'{found.name} is "{_short(before.word)}" and "{_short(word)}" in the list: correct it.'
                arranged.skipped.append(SkippedFile(found.path, reason))
                rows[found.path] = replace(before, word="")
            else:
                rows[found.path] = replace(before, split=before.split or row.part)
    skipped = {one.path for one in arranged.skipped}
    for path, placed in rows.items():
        if not placed.word and path not in skipped:
            arranged.skipped.append(SkippedFile(path, f"{path.name} has no word in the list: write it there."))
    arranged.placed += [with_speaker(one, rule) for one in rows.values() if one.word]
    names = _and([table.file.name for table in tables])
    arranged.skipped += [
        SkippedFile(f.path, f"{f.name} is not in {names}.") for f in files if f.path not in (rows.keys() | in_pieces)
    ]
    arranged.skipped += missing.values()
    columns = dict[str, str]()
    for table in tables:
        columns = {**{meaning: name for meaning, name in table.columns.items() if meaning != "path"}, **columns}
    read = ", ".join(f"{meaning} from “{name}”" for meaning, name in columns.items())
    arranged.notes.append(f"The recordings are listed in {names}: {read}.")
    for table in tables:
        if table.strange_parts:
            shown = ", ".join(_short(part) for part in table.strange_parts[:_SHOWN])
            arranged.notes.append(f"{table.file.name} names parts that are not known: {shown}.")


def _add_span(arranged: Arranged, placed: Placed, table: Table) -> None:
    """A piece of a recording, which a table may name many of."""
    start, end = placed.span_s or (0.0, 0.0)
    name = f"{placed.found.name} at {start:g} s"
    if not 0 <= start < end < math.inf:
        reason = f"{name} in {table.file.name} has no end after its start: correct start_s and end_s."
        arranged.skipped.append(SkippedFile(placed.found.path, reason))
    elif not placed.word:
        arranged.skipped.append(SkippedFile(placed.found.path, f"{name} has no word in the list: write it there."))
    else:
        arranged.placed.append(placed)


# -- by names


def _by_pattern(arranged: Arranged, files: list[Found], rule: SpeakerRule) -> None:
    for found in files:
        split = PARTS.get(found.folders[0].casefold()) if found.folders else None
        named = rule.fields(found)
        if named is None:
            arranged.skipped.append(_unfitting(found, rule))
        else:
            arranged.placed.append(Placed(found, named.word, named.speaker, named.take, split, is_given=True))
    arranged.notes.append(f"Words are read from the names, as in {rule.source}.")


def _are_digits(files: list[Found]) -> bool:
    """Whether all are spoken digits with the digit and the speaker in the name, wherever they lie."""
    for found in files:
        named = digit_name(found)
        if named is None:
            return False
        folder = found.folders[-1] if found.folders else ""
        if folder and folder.casefold() not in (*_COLLECTIONS, *PARTS, named.word, named.speaker.casefold()):
            return False
    return bool(files)


def _by_digits(arranged: Arranged, files: list[Found], rule: SpeakerRule) -> None:
    for found in files:
        named = digit_name(found) or Named()
        split = next((PARTS[name.casefold()] for name in found.folders if name.casefold() in PARTS), None)
        placed = Placed(found, named.word, named.speaker, named.take, split)
        arranged.placed.append(with_speaker(placed, rule) if rule.everyone or rule.source else placed)
    one = files[0]
    named = digit_name(one) or Named()
    arranged.notes.append(
        f"Names such as {one.name} were read as word “{named.word}”, speaker “{named.speaker}”, take {named.take}."
    )


def with_speaker(placed: Placed, rule: SpeakerRule, inner: str = "") -> Placed:
    """With the speaker whom a person said, else the list, a known pattern, or the folder within that of the word."""
    found = placed.found
    if rule.everyone:
        return replace(placed, speaker=rule.everyone, take=None, is_given=True)
    if rule.source == "file":
        return replace(placed, speaker=found.stem, take=0, is_given=True)
    if rule.source == "folder":
        folder = found.folders[-1] if found.folders else found.folder.name
        return replace(placed, speaker=folder, take=None, is_given=True)
    if rule.has_pattern:
        named = rule.fields(found) or Named()
        return replace(placed, speaker=named.speaker, take=named.take, is_given=True)
    if placed.speaker:
        return placed
    named = by_known_pattern(found)
    if named.speaker:
        return replace(placed, speaker=named.speaker, take=named.take)
    return replace(placed, speaker=inner, take=None)


def _unfitting(found: Found, rule: SpeakerRule) -> SkippedFile:
    return SkippedFile(found.path, f"{found.name} does not fit {rule.source}: rename it, or give another pattern.")


# -- by folders


def _by_folders(arranged: Arranged, files: list[Found], tree: Tree, rule: SpeakerRule, known: Collection[str]) -> None:
    top: dict[str, list[Found]] = defaultdict(list)
    for found in files:
        if found.folders:
            top[found.folders[0]].append(found)
    loose = [found for found in files if not found.folders]
    parts = _folders_of_parts(top)
    if not top:
        _flat(arranged, loose, tree.root, rule)
        return
    arranged.skipped += [
        SkippedFile(one.path, f"{one.name} lies beside the folders of words: move it into one of them.")
        for one in loose
    ]
    if not parts:
        inside = [found for found in files if found.folders]
        _words(arranged, inside, tree.root, rule, known, depth=0, split=None)
        return
    for name, part in parts.items():
        _words(arranged, top[name], tree.root / name, rule, known, depth=1, split=part)
    shown = ", ".join(f"{name} ({part})" for name, part in parts.items())
    arranged.notes.append(f"The folders {shown} are parts: their clips stay in them.")
    beside = [found for name, inside in top.items() if name not in parts for found in inside]
    arranged.skipped += [
        SkippedFile(one.path, f"{one.name} lies beside the folders of parts: import {one.folders[0]} by itself.")
        for one in beside
    ]


def _folders_of_parts(top: dict[str, list[Found]]) -> dict[str, Split]:
    """The folders that are parts, such as train and test above the words; none where those names are words."""
    parts = {
        name: PARTS[name.casefold()]
        for name, inside in top.items()
        if name.casefold() in PARTS and all(len(found.folders) > 1 for found in inside)
    }
    words = [name for name in top if not name.startswith("_") and name not in parts]
    return parts if len(set(parts.values())) > 1 or not words else {}


def _flat(arranged: Arranged, files: list[Found], root: Path, rule: SpeakerRule) -> None:
    """Files without any folder are one word, named after the folder they are in."""
    word = root.resolve().name
    for found in files:
        placed = with_speaker(Placed(replace(found, folders=(word,)), word), rule)
        _add(arranged, replace(placed, found=found), rule)
    beside = [table.file for table in import_list.tables_in(root.parent)[0] if _lists_names(table, files)]
    if beside:
        arranged.notes.append(
            f"All files became the word “{word}”, but {beside[0].name} beside the folder lists them: import "
            f"{root.parent} to have the words that it names."
        )
    elif (files and word.casefold() in _COLLECTIONS) or looks_like_word_speaker_take([found.stem for found in files]):
        arranged.notes.append(
            f"There are no folders of words, so all files became the word “{word}”; where their names hold the words, "
            "say how, as in {word}_{speaker}_{take}."
        )
    elif files:
        arranged.notes.append(f"There are no folders of words, so all files became the word “{word}”.")


def _lists_names(table: Table, files: list[Found]) -> bool:
    names = {found.name for found in files}
    return any(PurePosixPath(row.path.replace("\\", "/")).name in names for row in table.rows)


def _words(
    arranged: Arranged,
    files: list[Found],
    root: Path,
    rule: SpeakerRule,
    known: Collection[str],
    *,
    depth: int,
    split: Split | None,
) -> None:
    """Files in folders of words, and in folders of speakers within those."""
    ordinary = [found for found in files if not found.folders[depth].startswith("_")]
    below = [found for found in ordinary if len(found.folders) > depth + 1]
    has_direct = len(below) < len(ordinary) or not ordinary
    deeper = set[tuple[str, ...]]()
    if not has_direct and rule.source != "folder" and not rule.has_pattern:
        _check_not_deeper(ordinary, root, known, depth)
    elif below and rule.source != "folder" and not rule.has_pattern:
        words = {name.casefold() for name in (*known, *(found.folders[depth] for found in ordinary))}
        inner = {found.folders[: depth + 2] for found in below if found.folders[depth + 1].casefold() in words}
        deeper = {folders[: depth + 1] for folders in inner}
    speakers: Counter[str] = Counter()
    for found in files:
        word = found.folders[depth]
        if found.folders[: depth + 1] in deeper and len(found.folders) > depth + 1:
            reason = f"{found.name} lies in a folder of another word: the words lie one folder deeper: import "
            arranged.skipped.append(SkippedFile(found.path, f"{reason}{root / word}."))
        elif len(found.folders) > depth + 2 and not rule.has_pattern:
            reason = f"{found.name} lies too deep: the words lie further down: import {found.folder.parent}."
            arranged.skipped.append(SkippedFile(found.path, reason))
        else:
            inner_name = found.folders[depth + 1] if len(found.folders) > depth + 1 else ""
            placed = with_speaker(Placed(found, word, split=split), rule, inner_name)
            speakers[inner_name] += bool(inner_name) and placed.speaker == inner_name
            _add(arranged, placed, rule)
    names = [name for name, count in speakers.items() if count]
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        arranged.notes.append(f"Folders within words were taken as speakers: {', '.join(names[:_SHOWN])}{more}.")


def _check_not_deeper(files: list[Found], root: Path, known: Collection[str], depth: int) -> None:
    """Refuses files of which none lies directly in a folder of a word, unless the folders have names of known words.

    Raises:
        UnclearLayout: With where to import from instead.
    """
    words = {name.casefold() for name in known}
    if len({len(found.folders) for found in files}) == 1 and len(files[0].folders) == depth + 2:
        outer = {found.folders[depth].casefold() for found in files}
        if outer & words and not {found.folders[depth + 1].casefold() for found in files} & words:
            return
    above = sorted({found.folder.parent for found in files})
    shown = " or ".join(map(str, above[:_SHOWN])) + (" …" if len(above) > _SHOWN else "")
    raise UnclearLayout(
        f"{root} holds no recordings in folders of words; the words lie one folder deeper: import {shown}; or say that "
        "the inner folders are speakers (--speaker-from folder).",
        above,
    )


def _add(arranged: Arranged, placed: Placed, rule: SpeakerRule) -> None:
    if rule.has_pattern and rule.fields(placed.found) is None:
        arranged.skipped.append(_unfitting(placed.found, rule))
    else:
        arranged.placed.append(placed)


def _set_parts_by_lists(arranged: Arranged, root: Path) -> None:
    """Puts files into the parts that lists such as validation_list.txt name; the others learn."""
    lists = import_list.part_lists_in(root)
    parts = {path.replace("\\", "/").removeprefix("./"): part for part, paths in lists.values() for path in paths}
    if not parts:
        return
    keys = ["/".join((*one.found.folders, one.found.name)) for one in arranged.placed]
    listed = set(keys) & parts.keys()
    if not listed:
        return
    words = {one.word for one, key in zip(arranged.placed, keys, strict=True) if key in listed} - {NOISE}
    lists_unknown = UNKNOWN in words  # those of Speech Commands do not
    arranged.placed = [
        one
        if one.word == NOISE or (one.word == UNKNOWN and not lists_unknown)
        else replace(one, split=parts.get(key, one.split or "training"))
        for one, key in zip(arranged.placed, keys, strict=True)
    ]
    arranged.lists += lists
    names = _and([file.name for file in lists])
    absent = len(parts) - len(listed)
    also = f"; {absent:,} of the {len(parts):,} files that they name are not here" if absent else ""
    arranged.notes.append(f"{names} say which clips validate and test; all others learn{also}.")


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:100] + "…"


def names_of(placed: Sequence[Placed]) -> list[str]:
    """The words that files may be chosen by, sorted."""
    return sorted({one.word for one in placed if one.word not in (NOISE, UNKNOWN)})
