"""Gives a model file another manifest; its network stays as it is."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from kws_engine.disk import write_atomically
from kws_engine.errors import ModelFileError
from kws_engine.spotting.model_file import MEMBERS, Manifest, read_members

_DATE = (1980, 1, 1, 0, 0, 0)  # as `export.model_file` gives every part


def replace_manifest(path: Path, manifest: Manifest) -> None:
    """Replaces the file atomically.

    Raises:
        ModelFileError: It is missing, damaged, or holds what a model file never holds.
        ProjectError: The disk is full or the folder cannot be written; the old file stays in place.
    """
    read_members(path)  # refuses what is no model file
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name in (name for name in MEMBERS if name in old.namelist()):
                content = manifest.to_json().encode() if name == "manifest.json" else old.read(name)
                new.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelFileError(f"{path.name} cannot be read: get it anew, or export it again") from error
    write_atomically(path, buffer.getvalue())
