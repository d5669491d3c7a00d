"""Imports torchaudio so that its pure-torch parts work even where its native extension does not load.

The Linux wheel of torchaudio 2.11 is a CUDA build. With a CPU build of torch its native extension cannot be loaded and
the plain import fails, although its transforms do not need the extension.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_EXTENSION = "torchaudio._extension"


def load() -> ModuleType:
    """The torchaudio package, with or without its native extension.

    Raises:
        ImportError: torchaudio is not installed.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[_EXTENSION] = _stub_extension()
        return importlib.import_module("torchaudio")


def _stub_extension() -> ModuleType:
    """A stand-in for `torchaudio._extension` that reports no native parts."""

    def fail_if_no_align(function: Any) -> Any:
        def fail(*_args: Any, **_options: Any) -> None:
            raise RuntimeError(f"torchaudio's {function.__name__} needs its native extension, which does not load here")

        return fail

    def load_nothing(_library: str) -> bool:
        return False

    stub = ModuleType(_EXTENSION)
    stub.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=fail_if_no_align,
        _load_lib=load_nothing,
    )
    return stub
