"""A recording session: words, takes and speakers in a mixed order, and what of it is still to be said."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_engine.clips import session_file
from kws_engine.clips.layout import SESSION_LOCK_FILE, ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipTable
from kws_engine.clips.takes import TakeNumbers
from kws_engine.clips.words import SPECIAL, check_word, speaker_id
from kws_engine.disk import storing
from kws_engine.errors import ProjectError
from kws_engine.file_lock import FileLock, holder

MOST_TAKES: Final = 1000
MOST_WORDS: Final = 1000
MOST_SPEAKERS: Final = 20
MOST_TOTAL: Final = 20_000
MOST_REFUSED: Final = 3
"""So often one take is asked for again; then the others come first."""
_TURN_TAKES: Final = 20  # about so many, in whole rounds through the words; then the next speaker
_SEEDS: Final = 2**32
_PATIENCE_S: Final = 0.1


@dataclass(frozen=True)
class Item:
    """One take that is wanted: who is to say what."""

    word: str
    speaker: str


@dataclass(frozen=True)
class Session:
    """What is to be recorded, in an order that its seed fixes.

    Attributes:
        words: In the order in which they were chosen.
        takes: Of each word by each speaker.
        speakers: Their ids, in turn.
        seed: Of the order.
        firsts: The take number from which on a speaker's takes of a word belong to the session.
    """

    words: tuple[str, ...]
    takes: int
    speakers: tuple[str, ...]
    seed: int
    firsts: Mapping[Item, int]

    @property
    def total(self) -> int:
        """How many takes are wanted."""
        return self.takes * len(self.words) * len(self.speakers)

    def order(self) -> list[Item]:
        """Every take that is wanted: rounds through all words, each shuffled, no word twice in a row if it can be.

        The speakers take turns of about 20 takes.
        """
        chance = random.Random(self.seed)
        rounds_a_turn = max(1, round(_TURN_TAKES / max(1, len(self.words))))
        items: list[Item] = []
        for first in range(0, self.takes, rounds_a_turn):
            for speaker in self.speakers:
                for _ in range(first, min(first + rounds_a_turn, self.takes)):
                    items += (Item(word, speaker) for word in _round(self.words, items, chance))
        return items

    def done(self, table: ClipTable) -> Counter[Item]:
        """How many takes of each kind the project has; a file counts once it is whole."""
        found: Counter[Item] = Counter()
        for word in self.words:
            rows = table.select(word=word, include_excluded=True)
            for code in np.unique(table.speaker[rows]).tolist():
                item = Item(word, table.speakers[code])
                if (first := self.firsts.get(item)) is not None:
                    mine = rows[table.speaker[rows] == code]
                    found[item] = min(self.takes, int((table.takes[mine] >= first).sum()))
        return found


def _round(words: Sequence[str], before: Sequence[Item], chance: random.Random) -> list[str]:
    shuffled = list(words)
    chance.shuffle(shuffled)
    if len(shuffled) > 1 and before and shuffled[0] == before[-1].word:
        other = chance.randrange(1, len(shuffled))
        shuffled[0], shuffled[other] = shuffled[other], shuffled[0]
    return shuffled


def new_session(
    project: Project,
    words: Sequence[str],
    *,
    takes: int,
    speakers: Sequence[str],
    seed: int | None = None,
) -> Session:
    """Makes a session and stores it in the project, in place of one that was there; takes stay.

    Raises:
        ProjectError: A word is not one of the project's, something is missing or too much, or it cannot be written.
    """
    chosen = tuple(dict.fromkeys(check_word(word) for word in words))
    ids = tuple(dict.fromkeys(map(speaker_id, speakers)))
    for word in chosen:
        if word not in project.words:
            raise _no_word(word, project.words)
    _check_count("words", len(chosen), MOST_WORDS)
    _check_count("speakers", len(ids), MOST_SPEAKERS)
    _check_count("takes of each word", takes, MOST_TAKES)
    _check_count("takes altogether", takes * len(chosen) * len(ids), MOST_TOTAL)
    numbers = {word: TakeNumbers(project.folder, word) for word in chosen}
    firsts = {Item(word, speaker): numbers[word].next(speaker) for word in chosen for speaker in ids}
    seed = random.randrange(_SEEDS) if seed is None else seed
    session = Session(chosen, takes, ids, seed, firsts)
    _write(project.folder, session)
    return session


def _no_word(word: str, words: Sequence[str]) -> ProjectError:
    if word in SPECIAL:
        return ProjectError(f'"{word}" is no word to say: choose others.')
    there = f"the project has {', '.join(words)}" if words else "the project has no words yet"
    return ProjectError(f'There is no word "{word}": {there}; correct it, or add it with --add.')


def _check_count(what: str, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ProjectError(f"A session has 1 to {most} {what}, not {count}.")


def _write(folder: Path, session: Session) -> None:
    numbers: dict[str, dict[str, int]] = {speaker: {} for speaker in session.speakers}
    for item, first in session.firsts.items():
        numbers[item.speaker][item.word] = first
    values = {
        "words": session.words,
        "takes": session.takes,
        "speakers": session.speakers,
        "seed": session.seed,
        "first_takes": numbers,
    }
    session_file.write(folder, values)


def read_session(project: Project) -> Session | None:
    """The session of a project, None where there is none; words that the project has no longer are left out.

    Raises:
        ProjectError: The file is damaged, of a newer program, or cannot be read.
    """
    path = ProjectFolder(project.folder).session
    try:
        return _read(session_file.read(project.folder), project)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProjectError(f"{path} cannot be read ({error.strerror}): check that you may open it.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ProjectError(f"The session in {path} is damaged: begin a new one; the takes are kept.") from None


def _read(content: Any, project: Project) -> Session:
    words, speakers = ([str(one) for one in content[name]] for name in ("words", "speakers"))
    takes, seed = int(content["takes"]), int(content["seed"])
    if not (1 <= takes <= MOST_TAKES and 1 <= len(words) <= MOST_WORDS and 1 <= len(speakers) <= MOST_SPEAKERS):
        raise ValueError("out of bounds")
    if takes * len(words) * len(speakers) > MOST_TOTAL:
        raise ValueError("too many")
    if speakers != [speaker_id(one) for one in speakers]:
        raise ValueError("no id of a speaker")
    present = tuple(word for word in dict.fromkeys(words) if word in project.words)
    firsts = {
        Item(word, speaker): int(content["first_takes"][speaker][word]) for speaker in speakers for word in present
    }
    return Session(present, takes, tuple(dict.fromkeys(speakers)), seed, firsts)


@contextmanager
def recording(project: Project) -> Iterator[None]:
    """Held while a session is recorded: two programs would ask for the same takes.

    Raises:
        ProjectError: Another program records it, or the project cannot be written.
    """
    path = project.folder / SESSION_LOCK_FILE
    lock = FileLock(path)
    with storing(path):
        is_ours = lock.take(seconds=_PATIENCE_S)
    if not is_ours:
        raise ProjectError(
            f"Another program{holder(path)} is recording this session: pause it there, and go on here.", kind="in_use"
        )
    try:
        yield
    finally:
        lock.release()


class Sitting:
    """What is to be said now and next, from the first take of a day to the last.

    What is done is read from the project's clips each time, so nothing is lost or asked twice however a sitting ends.
    """

    def __init__(self, session: Session, project: Project) -> None:
        self.session = session
        self._project = project
        self._order = session.order()
        self._left: list[Item] = []
        self._put_off: list[Item] = []
        self._repeated: Item | None = None
        self._said = ""
        self._current: Item | None = None
        self._refused = 0
        self._file_time = self._time_of_file()
        self.refresh()

    @property
    def current(self) -> Item | None:
        """The take that is asked for now; None when all are there."""
        return self._current

    @property
    def number(self) -> int:
        """The current take's number, from 1 to `total`."""
        return min(self.total, self.done + 1)

    @property
    def total(self) -> int:
        """How many takes are wanted."""
        return len(self._order)

    @property
    def done(self) -> int:
        """How many of them are there."""
        return self.total - len(self._left)

    @property
    def left(self) -> Counter[Item]:
        """How many takes of each kind are still wanted."""
        return Counter(self._left)

    def saved(self) -> None:
        """The current take is on disk: on to the next one."""
        if self._current is not None:
            self._said = self._current.word
        self._repeated = None
        self._look()
        self._choose()

    def refused(self) -> bool:
        """The current take failed; True where it was put off, because that was the third time."""
        self._refused += 1
        if self._refused < MOST_REFUSED:
            return False
        self.skip()
        return True

    def skip(self) -> None:
        """Puts the current take off to the end."""
        if self._current is not None:
            self._said = self._current.word
            self._put_off = [item for item in self._put_off if item != self._current] + [self._current]
            self._repeated = None
        self._look()
        self._choose()

    def repeat(self, item: Item) -> None:
        """A take was taken back: it is asked for next."""
        self._repeated = item
        self._look()
        self._choose()

    def refresh(self) -> None:
        """Looks at the project's clips again: some may have been deleted, moved, or recorded elsewhere."""
        self._look()
        if self._current not in self._left:
            self._choose()

    def catch_up(self) -> dict[str, str]:
        """Goes on with the session as it is on disk now, and looks at the clips again.

        Words may have been renamed or removed, here or by another program, and another session begun.

        Returns:
            The new name of each word that was renamed, by its old one.

        Raises:
            ProjectError: The session cannot be read.
        """
        if (time := self._time_of_file()) != self._file_time:
            self._file_time = time
            self._project.refresh()  # another program may have written it, and renamed a word in the project
        stored, before = read_session(self._project), self.session
        renamed: dict[str, str] = {}
        if stored is not None and stored != before:
            if (stored.seed, len(stored.words)) == (before.seed, len(before.words)):
                names = zip(before.words, stored.words, strict=True)
                renamed = {old: new for old, new in names if old != new}
            self.session, self._order = stored, stored.order()
            self._said = renamed.get(self._said, self._said)
            self._put_off = [_renamed(item, renamed) for item in self._put_off]
            self._repeated = _renamed(self._repeated, renamed) if self._repeated is not None else None
            self._current = _renamed(self._current, renamed) if self._current is not None else None
        self.refresh()
        return renamed

    def _time_of_file(self) -> int:
        try:
            return ProjectFolder(self._project.folder).session.stat().st_mtime_ns
        except OSError:
            return 0

    def _look(self) -> None:
        done = self.session.done(self._project.table())
        left: list[Item] = []
        for item in self._order:
            if done[item] > 0:
                done[item] -= 1
            else:
                left.append(item)
        for item in self._put_off:
            if item in left:
                left.remove(item)
                left.append(item)
        self._left = left

    def _choose(self) -> None:
        """The one that is repeated, or the first of this speaker's that is not the word just said, or the first."""
        self._refused = 0
        if self._repeated not in self._left:
            self._repeated = None
        turn = list(takewhile(lambda item: item.speaker == self._left[0].speaker, self._left))
        others = (item for item in turn if item.word != self._said)
        self._current = self._repeated or next(others, turn[0] if turn else None)


def _renamed(item: Item, names: Mapping[str, str]) -> Item:
    return Item(names.get(item.word, item.word), item.speaker)
