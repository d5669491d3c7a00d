"""The files under a folder that an import looks at: those that may be recordings, and how many surely are not."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from kws_engine.clips.layout import PROJECT_FILE
from kws_engine.errors import ProjectError

_DEEPEST: Final = 8
# Endings of what lies beside recordings and is none; every other file is tried, and named where it cannot be read.
_NO_RECORDING: Final = frozenset(
    ".txt .md .rst .csv .tsv .json .jsonl .xml .yaml .yml .toml .html .htm .css .js .pdf .doc .docx .xls .xlsx .odt"
    " .ods .rtf .tex .bib .png .jpg .jpeg .gif .svg .bmp .tif .tiff .webp .ico .heic .py .pyc .ipynb .sh .bat .ps1 .m"
    " .c .h .cpp .zip .gz .tgz .tar .bz2 .xz .7z .rar .npy .npz .pt .pth .pkl .h5 .hdf5 .onnx .tflite .kws .ckpt"
    " .parquet .arrow .textgrid .lab .eaf .srt .vtt .lrc .log .db .sqlite .ini .cfg .conf .md5 .sha1 .sha256"
    " .url .lnk .webloc .reapeaks .asd .pkf .sfk .sfl .aup .aup3 .cue .m3u .m3u8 .pls .license".split()
)
_NO_RECORDINGS_BY_NAME: Final = frozenset(
    "readme license licence copying notice authors changelog changes version todo makefile dockerfile citation"
    " thumbs.db desktop.ini md5sums sha1sums sha256sums checksums".split()
)
_OF_OTHER_PROGRAMS: Final = frozenset({"__MACOSX", "__pycache__", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True)
class SkippedFile:
    """A file or folder that is not imported, and why, in a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a recording, and its folder; `folders` are the names of those it lies in, from the root on."""

    folder: Path
    name: str
    folders: tuple[str, ...]

    @classmethod
    def at(cls, path: Path, folders: tuple[str, ...]) -> Found:
        """The file at a path."""
        return cls(path.parent, path.name, folders)

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def stem(self) -> str:
        return unicodedata.normalize("NFC", PurePath(self.name).stem)


@dataclass
class Tree:
    """What lies under a folder.

    Attributes:
        root: The folder.
        files: What may be a recording, sorted.
        skipped: What cannot be looked at.
        others: Files that surely are no recordings, such as a README.
    """

    root: Path
    files: list[Found] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def read_tree(root: Path, *, without: Path) -> Tree:
    """Looks at all names under `root`, hidden ones apart; no file is opened.

    Args:
        root: The folder.
        without: A folder that is passed over wherever it turns up: the project itself.

    Raises:
        ProjectError: The folder cannot be read.
    """
    tree = Tree(root)
    try:
        os.scandir(root).close()
    except OSError as error:
        raise ProjectError(f"{root} cannot be read ({error.strerror}): check that you may open it.") from error
    own = _identity(without)
    seen = {_identity(root)}
    waiting: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    found: list[tuple[tuple[str, ...], Path, list[str]]] = []
    while waiting:
        folder, names = waiting.pop()
        inside: list[str] = []
        for entry in _entries(folder, tree):
            if not entry.is_dir():
                _add_file(tree, entry, names, inside)
                continue
            path = Path(entry.path)
            if entry.name in _OF_OTHER_PROGRAMS:
                tree.others.append(path)
            elif (identity := _identity(path)) == own:
                tree.skipped.append(SkippedFile(path, f"{entry.name} is the project itself."))
            elif len(names) >= _DEEPEST:
                tree.skipped.append(
                    SkippedFile(path, f"{entry.name} lies too many folders down: import {path.parent} by itself.")
                )
            elif identity not in seen:  # a link may lead back to where it is
                seen.add(identity)
                waiting.append((path, (*names, unicodedata.normalize("NFC", entry.name))))
        inside.sort()
        found.append((names, folder, inside))
    found.sort()
    tree.files = [Found(folder, name, names) for names, folder, inside in found for name in inside]
    return tree


def is_no_recording(name: str) -> bool:
    """Whether a file of this name surely is none: a text, a picture, a program."""
    stem, suffix = os.path.splitext(name.lower())
    return suffix in _NO_RECORDING or stem in _NO_RECORDINGS_BY_NAME or name.lower() in _NO_RECORDINGS_BY_NAME


def _entries(folder: Path, tree: Tree) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield entry
                elif entry.is_file(follow_symlinks=False):
                    tree.others.append(Path(entry.path))
    except OSError as error:
        reason = f"{folder.name} cannot be read ({error.strerror}): check that you may open it."
        tree.skipped.append(SkippedFile(folder, reason))


def _add_file(tree: Tree, entry: os.DirEntry[str], names: tuple[str, ...], inside: list[str]) -> None:
    is_no_sound = is_no_recording(entry.name) or (not names and entry.name == PROJECT_FILE)
    if not is_no_sound and entry.is_file():
        inside.append(entry.name)
        return
    path = Path(entry.path)
    if is_no_sound:
        tree.others.append(path)
    elif entry.is_symlink() and not path.exists():
        tree.skipped.append(SkippedFile(path, f"{entry.name} is a link to a file that is not there: copy that file."))
    else:
        tree.skipped.append(SkippedFile(path, f"{entry.name} is a pipe or a device, not a file: choose a file."))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
