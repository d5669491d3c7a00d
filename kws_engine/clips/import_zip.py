"""Unpacks a zip of recordings into a temporary folder, whatever is in it: paths that lead out, links, bombs."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import unicodedata
import weakref
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from kws_engine.clips.import_tree import SkippedFile, is_no_recording
from kws_engine.clips.layout import PROJECT_FILE
from kws_engine.disk import write_error
from kws_engine.errors import ProjectError, has_controls

_LISTS: Final = (".csv", ".tsv", ".txt")
_MOST_FILES: Final = 1_000_000
_MOST_DEEP: Final = 12
_SPARED_BYTES: Final = 2**29  # that stay free on the disk
_BOMB_BYTES, _BOMB_RATIO = 2**28, 200  # speech becomes a half by packing, never so much less
_CHUNK: Final = 2**20
_DRIVE: Final = re.compile(r"[A-Za-z]:")


class Unpacked:
    """The files of a zip in a temporary folder, which is removed with this object.

    Attributes:
        folder: Where they are: the one folder in the zip that holds everything, or all of it.
        skipped: What was not unpacked, and why.
        stopped: Whether it was cancelled.
    """

    def __init__(self, file: Path) -> None:
        top = Path(tempfile.mkdtemp(prefix="kws-import-"))
        self._remove = weakref.finalize(self, shutil.rmtree, top, ignore_errors=True)
        self.folder = top / (file.stem or "zip")
        self.folder.mkdir()
        self.skipped: list[SkippedFile] = []
        self.stopped = False

    def close(self) -> None:
        """Removes the folder now."""
        self._remove()


def unpack(
    file: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Unpacked:
    """Unpacks what may be a recording or a list of them.

    Names that lead out of the folder, links, and names given twice are skipped and named.

    Args:
        file: The zip.
        progress: Called with (files done, files in all).
        should_stop: Called before each file.

    Raises:
        ProjectError: It is no zip, is damaged or locked, would fill the disk, or unpacks to far more than sound can.
    """
    unpacked = Unpacked(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and _is_wanted(entry)]
            _check_size(file, entries, unpacked.folder)
            for done, entry in enumerate(entries):
                if should_stop is not None and should_stop():
                    unpacked.stopped = True
                    break
                _unpack_one(archive, entry, unpacked, file)
                if progress is not None:
                    progress(done + 1, len(entries))
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ProjectError(f"{file.name} is no zip that can be read ({error}): make or download it again.") from error
    except OSError as error:
        if not file.is_file():
            raise ProjectError(f"{file} cannot be read ({error.strerror}): check that it is there.") from error
        raise write_error(error, unpacked.folder) from error
    _descend(unpacked)
    return unpacked


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(entry.filename.replace("\\", "/")).name
    if name == PROJECT_FILE or name.lower().endswith(_LISTS):
        return True
    return not is_no_recording(name) and not name.startswith(".") and "__MACOSX" not in entry.filename


def _check_size(file: Path, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    if len(entries) > _MOST_FILES:
        raise ProjectError(f"{file.name} holds {len(entries):,} files: unpack it and import the folder.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ProjectError(f"{file.name} is locked by a password: unpack it and import the folder.")
    size = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if size > _BOMB_BYTES and size > _BOMB_RATIO * min(max(1, packed), file.stat().st_size):
        raise ProjectError(
            f"{file.name} would unpack to {size / 1e9:.1f} GB, far more than sound in so small a file can be: do not "
            "trust it."
        )
    free = shutil.disk_usage(folder).free
    if size > free - _SPARED_BYTES:
        raise ProjectError(
            f"{file.name} unpacks to {size / 1e9:.1f} GB and {folder.parent.parent} has {free / 1e9:.1f} GB free: free "
            "some space, or unpack it elsewhere and import the folder."
        )


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, unpacked: Unpacked, file: Path) -> None:
    parts, fault = _parts(entry)
    shown = file / PurePosixPath(entry.filename.replace("\0", "")).name
    if fault:
        unpacked.skipped.append(SkippedFile(shown, f"{shown.name} in {file.name} {fault}."))
        return
    if not parts:
        return
    target = unpacked.folder.joinpath(*parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, target.open("xb") as out:
            left = entry.file_size
            while left > 0 and (chunk := source.read(min(_CHUNK, left))):
                out.write(chunk)
                left -= len(chunk)
    except (FileExistsError, NotADirectoryError):
        unpacked.skipped.append(SkippedFile(shown, f"{shown.name} is in {file.name} twice: the first was taken."))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, zlib.error) as error:
        target.unlink(missing_ok=True)
        reason = f"{shown.name} in {file.name} is damaged ({error}): make the zip again."
        unpacked.skipped.append(SkippedFile(shown, reason))


def _parts(entry: zipfile.ZipInfo) -> tuple[tuple[str, ...], str]:
    """The names of folders and file under the folder, and why they are not unpacked, if they are not."""
    name = unicodedata.normalize("NFC", entry.filename.replace("\\", "/"))
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
        return (), "would lie outside of the folder it is unpacked to"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return (), "is a link, not a file"
    if has_controls(name) or any(len(part.encode()) > 240 for part in path.parts) or len(path.parts) > _MOST_DEEP:
        return (), "has a name that no folder can hold"
    if any(part.startswith(".") for part in path.parts):
        return (), ""
    return path.parts, ""


def _descend(unpacked: Unpacked) -> None:
    """Goes into the one folder that holds everything."""
    while True:
        inside = list(unpacked.folder.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            return
        unpacked.folder = inside[0]
