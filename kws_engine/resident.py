"""Gives memory back that only starting needed, so that a program that listens for days stays small."""

from __future__ import annotations

import ctypes
import gc
import mmap
import re
import sys
from pathlib import Path
from typing import Final

_HEADER: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)")


def give_back() -> None:
    """Lets go of the pages of libraries that were read while they started; those still needed come back by themselves.

    Only pages that are equal to their file and that nobody can write to, so that nothing can be lost: half of what is
    resident once numpy and onnxruntime are loaded. Free memory of the heap goes back, too. Does nothing where the
    system does not tell which pages those are.
    """
    if not sys.platform.startswith("linux") or not hasattr(mmap, "MADV_DONTNEED"):
        return
    try:
        told = Path("/proc/self/smaps").read_text()
        library = ctypes.CDLL(None)
        advise = library.madvise
    except (OSError, AttributeError):
        return
    for start, end in clean_mappings(told):
        advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
    if hasattr(library, "malloc_trim"):  # of the GNU library
        gc.collect()
        library.malloc_trim(0)


def clean_mappings(smaps: str) -> list[tuple[int, int]]:
    """Addresses of private mappings of files, read-only and never changed, in the text of /proc/self/smaps."""
    found: list[tuple[int, int]] = []
    candidate: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if header := _HEADER.match(line):
            start, end, rights, inode = header.groups()
            is_file = inode != "0" and rights[0] == "r" and rights[1] == "-" and rights[3] == "p"
            candidate = (int(start, 16), int(end, 16)) if is_file else None
        elif candidate is not None and line.startswith("Anonymous:"):
            if line.split()[1] == "0":
                found.append(candidate)
            candidate = None
    return found
