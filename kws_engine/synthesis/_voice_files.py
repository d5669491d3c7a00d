"""Where networks that speak may lie: in installed packages, and in folders that the user names."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from pathlib import Path

VARIABLE = "KWS_STUDIO_VOICES"
_USUAL = ("~/.local/share/piper-voices", "/usr/share/piper-voices")


@functools.cache
def files(pattern: str, *, packages: str = "") -> tuple[Path, ...]:
    """Files by a pattern such as `*.onnx.json`, in name order, anywhere below the folders; one of each name.

    Args:
        pattern: Of the file's name.
        packages: A pattern of the installed packages to look into as well, such as `*piper_voice*`.
    """
    named = [Path(part).expanduser() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    installed = [found for entry in sys.path for found in Path(entry).glob(packages)] if packages else []
    folders = [*named, *installed, *(Path(part).expanduser() for part in _USUAL)]
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.rglob(pattern))]
    return tuple({path.name: path for path in reversed(found)}[name] for name in sorted({path.name for path in found}))


def package_folder(name: str) -> Path | None:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name)
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None
