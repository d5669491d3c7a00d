"""Which files of a folder an import takes, and as which word, speaker, take and part, by names and lists alone."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kws_engine.clips.clip import EXPECTED
from kws_engine.clips.import_files import ImportFile, ImportFiles
from kws_engine.clips.import_labels import by_labels
from kws_engine.clips.import_layout import Arranged, Placed, arrange, names_of
from kws_engine.clips.import_speakers import SpeakerRule
from kws_engine.clips.import_tree import SkippedFile, read_tree
from kws_engine.clips.layout import CLIPS_FOLDER, PROJECT_FILE
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE, UNKNOWN, check_word, speaker_id
from kws_engine.errors import ProjectError

_MOST_NEW_WORDS: Final = 500
_MOST_LETTERS: Final = 200


@dataclass(frozen=True)
class Plan:
    """What an import will do.

    Attributes:
        root: The folder that the files lie in.
        files: Those to import.
        skipped: Those known to be skipped.
        notes: What was recognised, and what is passed over, in sentences.
        speakers_unknown: How many of the files name no speaker and count as takes of one.
        one_speaker: That speaker.
        words: What can be chosen among, with its number of files.
        keeps: What the files need to be there; it lives as long as the plan.
    """

    root: Path
    files: ImportFiles
    skipped: list[SkippedFile]
    notes: list[str] = field(default_factory=list)
    speakers_unknown: int = 0
    one_speaker: str = ""
    words: dict[str, int] = field(default_factory=dict)
    expected: str = EXPECTED
    keeps: object = None

    @property
    def clips(self) -> int:
        """How many of the files are no noise."""
        return len(self.files) - len(self.files.rows_of(word=NOISE))


def plan_import(
    project: Project,
    folder: Path,
    *,
    words: Iterable[str] | None = None,
    rest_unknown: bool = False,
    rule: SpeakerRule | None = None,
    list_file: Path | None = None,
) -> Plan:
    """Plans the import of a folder.

    Raises:
        ProjectError: The folder is missing, is the project itself, has nothing that could be a clip, or lacks a word;
            the list cannot be read.
        UnclearLayout: Where the words are cannot be told.
    """
    root = _root(project, folder)
    rule = rule or SpeakerRule()
    tree = read_tree(root, without=project.folder)
    if not tree.files:
        raise ProjectError(f"{folder} holds no readable clip: it takes {EXPECTED}.")
    known = (*project.words, *(_normal(words) or ()))
    arranged = by_labels(tree, rule, clip_s=project.clip_ms / 1000)
    arranged.extend(arrange(tree, rule, known=known, list_file=list_file) if tree.files else Arranged())
    others = [path for path in tree.others if path not in arranged.lists]
    return plan_arranged(project, root, arranged, words=words, rest_unknown=rest_unknown, others=others)


def _normal(words: Iterable[str] | None) -> set[str] | None:
    return None if words is None else {unicodedata.normalize("NFC", word) for word in words}


def plan_arranged(
    project: Project,
    root: Path,
    arranged: Arranged,
    *,
    words: Iterable[str] | None = None,
    rest_unknown: bool = False,
    others: Sequence[Path] = (),
) -> Plan:
    """The plan for recordings of which it is known what they are.

    Args:
        project: Where they go.
        root: Where they lie; a speaker whom nobody names is called after it.
        arranged: The recordings.
        words: Words among those that are there.
        rest_unknown: Whether the other words are such that the model must not answer to.
        others: Files that are no recordings.

    Raises:
        ProjectError: A word that was asked for is not there.
    """
    chosen = _normal(words)
    there = Counter(one.word for one in arranged.placed)
    names = names_of(arranged.placed)
    _check_chosen(chosen, names, root)
    word_of = _Words(project, chosen, rest_unknown)
    placed = word_of.sort(arranged)
    nobody = sum(not one.speaker and one.word != NOISE for _, ones in placed for one in ones)
    speaker = speaker_id(_title(root))
    files = _in_order(ImportFiles(_import_file(one, word, speaker) for word, ones in placed for one in ones))
    notes = [
        *arranged.notes,
        *word_of.notes(),
        *_note_on_others(others),
    ]
    words_there = {name: there[name] for name in names}
    return Plan(root, files, arranged.skipped, notes, nobody, speaker if nobody else "", words_there)


def _root(project: Project, folder: Path) -> Path:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ProjectError(f"{folder} {what}: choose a folder that holds {EXPECTED}.")
    root = folder / CLIPS_FOLDER if (folder / PROJECT_FILE).is_file() else folder
    own = project.folder.resolve()
    if root.resolve() == own or own in root.resolve().parents:
        raise ProjectError(f"{folder} is part of this project: choose a folder with other recordings.")
    return root


def _title(root: Path) -> str:
    whole = root.resolve()
    return whole.parent.name if (whole.parent / PROJECT_FILE).is_file() else whole.name


def _check_chosen(chosen: set[str] | None, names: Sequence[str], folder: Path) -> None:
    for word in sorted(chosen or ()):
        if word not in names:
            there = _shown(name for name in names if not name.startswith("_"))
            raise ProjectError(f'{folder} has no clips of "{word}": choose among {there}.')


def check_new_words(project: Project, plan: Plan) -> None:
    """Refuses hundreds of new words that nobody chose: sentences of a list, or the wrong folder.

    Raises:
        ProjectError: There are so many.
    """
    new = plan.files.distinct_words() - {*project.words, UNKNOWN, NOISE}
    if len(new) > _MOST_NEW_WORDS:
        raise ProjectError(
            f"{plan.root} holds {len(new):,} different words or sentences, such as {_shown(sorted(new)[:5])}: choose "
            "those to teach (--words A,B), the rest as other words (--rest-unknown)."
        )


class _Words:
    """Which of the words of a folder become words of the project, which examples of other words, and which neither."""

    def __init__(self, project: Project, chosen: set[str] | None, rest_unknown: bool) -> None:
        self._chosen = chosen
        self._rest_unknown = rest_unknown
        self._known = {word.casefold(): word for word in project.words}
        self._left: Counter[str] = Counter()
        self._merged: dict[str, str] = {}

    def sort(self, arranged: Arranged) -> list[tuple[str, list[Placed]]]:
        """The files to import by their words; the others are noted, or become skipped with the reason."""
        by_word: dict[str, list[Placed]] = defaultdict(list)
        for one in arranged.placed:
            by_word[one.word].append(one)
        taken: list[tuple[str, list[Placed]]] = []
        for name, files in by_word.items():
            word, reason = self._word_of(name)
            if reason:
                arranged.skipped += _with_reason(name, files, reason)
            elif word is None:
                self._left[name] += len(files)
            else:
                taken.append((word, files))
        return taken

    def notes(self) -> list[str]:
        """What was left alone because it was not asked for, and what was merged."""
        notes = [
            f'"{name}" was taken as "{word}", which differs only in capitals.' for name, word in self._merged.items()
        ]
        if self._left:
            shown = _shown(f"{name} {count:,}" for name, count in sorted(self._left.items()))
            notes.append(f"Not asked for and left where they are: {shown}.")
        return notes

    def _word_of(self, name: str) -> tuple[str | None, str | None]:
        """The word that files become, or None to leave them out; and the reason why they cannot be imported, if any."""
        if name in (NOISE, UNKNOWN):
            return name, None
        if self._chosen is not None and name not in self._chosen:
            if not self._rest_unknown:
                return None, None
            return self._known.get(name.casefold(), UNKNOWN), None
        if name.startswith("_"):
            return None, f"{name} starts with _, so it is not a word: rename the folder to import it."
        try:
            checked = check_word(name)
        except ProjectError as error:
            return None, str(error)
        word = self._known.setdefault(checked.casefold(), checked)
        if word != checked:
            self._merged[checked] = word
        return word, None


def _with_reason(name: str, files: Sequence[Placed], reason: str) -> list[SkippedFile]:
    """One line for a folder, which has the word's name, or one for each file."""
    for one in files:
        folder = next((path for path in one.found.path.parents if _is_named(path, name)), None)
        if folder is not None:
            return [SkippedFile(folder, reason)]
    return [SkippedFile(one.found.path, reason) for one in files]


def _is_named(path: Path, name: str) -> bool:
    return unicodedata.normalize("NFC", path.name) == name


def _import_file(placed: Placed, word: str, one_speaker: str) -> ImportFile:
    is_known = bool(placed.speaker)
    return ImportFile(
        placed.found.path,
        word,
        speaker_id(placed.speaker) if is_known else one_speaker,
        placed.take if is_known else None,
        placed.split,
        is_known and placed.is_given,
        placed.span_s,
        placed.remark,
    )


def _in_order(files: ImportFiles) -> ImportFiles:
    """Pieces behind whole files, each recording's together, so that it is decoded once; noise last: it is long, and
    must not fill the disk before the words.
    """
    noise = set(files.rows_of(word=NOISE).tolist())
    if not files.pieces and not noise:
        return files
    pieces = sorted(files.pieces, key=lambda row: (files[row].path, files.pieces[row]))
    rows = [*(row for row in range(len(files)) if row not in files.pieces), *pieces]
    return files.picked([*(row for row in rows if row not in noise), *(row for row in rows if row in noise)])


def _note_on_others(others: Sequence[Path]) -> list[str]:
    if not others:
        return []
    them = "1 file that is no recording" if len(others) == 1 else f"{len(others):,} files that are no recordings"
    return [f"Passed over {them}, such as {min(others, key=lambda path: path.name.startswith('.')).name}."]


def _shown(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return text if len(text) < _MOST_LETTERS else text[:_MOST_LETTERS] + " …"
