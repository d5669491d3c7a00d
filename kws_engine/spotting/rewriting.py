"""Packs the parts of a model file, and gives one another manifest while its network stays as it is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from kws_engine.disk import write_atomically
from kws_engine.errors import ModelFileError
from kws_engine.spotting.model_file import MEMBERS, Manifest, read_members

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every part, whatever the clock says: a zip cannot hold an earlier one, and one model is one sequence of bytes."""


def packed(members: Mapping[str, bytes]) -> bytes:
    """The bytes of a model file with these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def replace_manifest(path: Path, manifest: Manifest, *, parts: Mapping[str, bytes] | None = None) -> None:
    """Replaces the file atomically, and puts other parts into it where any are given.

    Raises:
        ModelFileError: It is missing, damaged, or holds what a model file never holds.
        ProjectError: The disk is full or the folder cannot be written; the old file stays in place.
    """
    read_members(path)  # refuses what is no model file
    try:
        with zipfile.ZipFile(path) as old:
            members = {name: old.read(name) for name in MEMBERS if name in old.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelFileError(f"{path.name} cannot be read: get it anew, or export it again") from error
    write_atomically(path, packed(members | dict(parts or {}) | {"manifest.json": manifest.to_json().encode()}))
