"""What a project holds at one moment: its file and its clips; never changed, only replaced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kws_engine.clips import project_file
from kws_engine.clips.clip import Clip, key_at
from kws_engine.clips.decisions import Decisions, missing
from kws_engine.clips.index import Index
from kws_engine.clips.layout import CLIPS_FOLDER
from kws_engine.clips.parts import part_of, renamed, settled, with_parts
from kws_engine.clips.project_file import ProjectFile
from kws_engine.clips.scan import scan
from kws_engine.clips.split import SPLITS, which_set
from kws_engine.clips.table import UNDECIDED, ClipRow, ClipTable
from kws_engine.clips.words import UNKNOWN, parse_name
from kws_engine.errors import ProjectError


@dataclass(frozen=True)
class Contents:
    """A snapshot of a project.

    Attributes:
        file: What project.toml says.
        table: All readable clips; its words are the project's, then `_unknown_`.
        unreadable: The files in the folders of words that are not sound, with 0 seconds.
    """

    file: ProjectFile
    table: ClipTable
    unreadable: ClipTable

    @property
    def words(self) -> tuple[str, ...]:
        """The words to teach: those of project.toml in order, then folders that were put there by hand."""
        return self.table.words[:-1]

    def key(self, path: Path) -> str:
        """`word/name` of a clip's file.

        Raises:
            ProjectError: It is not in the clips folder of this project.
        """
        folder = self.table.folder
        key = key_at(path)
        if folder / key != path:
            raise ProjectError(f"{path} is no clip of {folder.parent}: choose a clip of this project.")
        return key

    def row(self, key: str) -> int:
        """The row of a clip in the table.

        Raises:
            ProjectError: The clip is missing.
        """
        row = self.table.row(key)
        if row is None:
            raise missing(key)
        return row

    def clip(self, key: str) -> Clip:
        """The clip at `word/name`.

        Raises:
            ProjectError: It is missing.
        """
        return self.table.clip(self.row(key))

    def word(self, word: str) -> str:
        """The word itself, where the project has it.

        Raises:
            ProjectError: There is no such word.
        """
        if word not in self.words:
            raise ProjectError(f'There is no word "{word}" in {self.file.name}: add it first.')
        return word

    # -- other contents

    def with_file(self, file: ProjectFile) -> Contents:
        """After project.toml was read again."""
        in_use = self.table.word_rows.keys() - {UNKNOWN, *file.words}
        return replace(self, file=file).with_words((*file.words, *sorted(in_use)))

    def with_words(self, words: Iterable[str]) -> Contents:
        """With another list of words, which has all that are in use."""
        return replace(self, table=self.table.with_words((*words, UNKNOWN)))

    def without_word(self, word: str) -> Contents:
        """Without the clips of a word."""
        return replace(self, table=self.table.without_word(word), unreadable=self.unreadable.without_word(word))

    def with_renamed(self, old: str, new: str) -> Contents:
        """After a word's folder was renamed."""
        return replace(self, table=self.table.renamed(old, new), unreadable=self.unreadable.renamed(old, new))

    def without(self, keys: Sequence[str]) -> Contents:
        """Without single clips."""
        return replace(self, table=self.table.without(keys))

    def with_files(self, keys: Sequence[str], index: Index, *, are_new: bool = False) -> Contents:
        """With single files that are new, changed or back again; the others are not looked at.

        Args:
            keys: The files.
            index: What is remembered of files.
            are_new: Whether a part that is stored for a file of such a name was that of another, removed by hand.

        Raises:
            OSError: A file is missing.
        """
        measured = index.take_in(keys)
        rule = {} if are_new else index.parts.of(keys)
        rows = [self._row(key, rule.get(key, UNDECIDED), measured[key], index.decided) for key in keys]
        table = self.table.with_clips([row for row in rows if row.frames])
        silent = [row for row in rows if not row.frames]
        contents = replace(self, table=settled(table, index.decided, index.parts, new=keys if are_new else ()))
        if not silent:
            return contents
        words = (*table.words, *(word for word in self.unreadable.words if word not in table.words))
        return replace(contents, unreadable=self.unreadable.with_words(words).with_clips(silent))

    def decided_anew(self, keys: Iterable[str], decisions: Decisions) -> Contents:
        """After something was decided about a few clips."""
        table = self.table
        rows = {self.row(key): key for key in keys}
        parts = {row: part_of(key, int(table.rule[row]), decisions) for row, key in rows.items()}
        return replace(self, table=table.with_parts(table.split, parts, table.excluded))

    def settled(self, index: Index) -> Contents:
        """With a part for every clip that has none yet."""
        return replace(self, table=settled(self.table, index.decided, index.parts))

    @staticmethod
    def _row(key: str, rule: int, measured: tuple[int, int, int, int], decisions: Decisions) -> ClipRow:
        speaker, _ = parse_name(key.partition("/")[2])
        split, excluded = part_of(key, SPLITS.index(which_set(speaker)) if rule == UNDECIDED else rule, decisions)
        return ClipRow(key, split, excluded, *measured, rule)


class Current:
    """What a project holds now, replaced as a whole when an edit is stored; readers need no lock."""

    def __init__(self, now: Contents) -> None:
        self.contents = now


def read(folder: Path, index: Index, *, before: Contents | None = None) -> Contents:
    """Looks at the disk: words, clips, decisions; of files known from `before` or the index, no header is read.

    Raises:
        ProjectError: There is no project, it is damaged, or a folder cannot be read.
    """
    file = project_file.read(folder)
    found = scan(folder / CLIPS_FOLDER, index, before=(before.table, before.unreadable) if before else ())
    readable, unreadable = found.tables(file.words)
    readable = renamed(readable, found.left, index.parts)
    is_of_older_version = before is None and file.by_take is not None and index.parts.is_empty()
    by_take = frozenset(file.by_take or ()) if is_of_older_version else None
    table = settled(with_parts(readable, index.decided), index.decided, index.parts, by_take=by_take)
    return Contents(file, table, with_parts(unreadable, index.decided))
