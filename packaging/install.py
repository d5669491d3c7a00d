"""Installs the project into the Python that runs this, PyTorch first; knows nothing of a window or of Debian.

    python packaging/install.py [EXTRAS]

PyTorch comes from the first of these that has a wheel in the range of pyproject.toml: wheels at hand (PIP_FIND_LINKS)
that are CPU builds; an index of the user's own (PIP_EXTRA_INDEX_URL); PyTorch's CPU index where there is no NVIDIA
card and it answers in time; whatever else pip finds. KWS_TORCH_INDEX names a mirror of PyTorch's CPU index.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_SECONDS = 5.0
OWN_INDEX_SECONDS = 15.0
PROGRESS_EVERY_SECONDS = 5.0

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
# pip takes an empty variable for "nothing", also over its configuration files.
NO_SOURCE_BUT_THE_INDEX = {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}


def main() -> int:
    """Installs PyTorch, then the project with the extras of the command line; pip's status."""
    extras = sys.argv[1] if len(sys.argv) > 1 else ""
    torch = install_torch(required_torch())
    kept = [f"torch=={torch}"] if torch else []
    return pip_install("--editable", f"{ROOT}[{extras}]" if extras else str(ROOT), *kept)


def required_torch() -> SpecifierSet:
    """The versions of PyTorch that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    line = next(line for line in project["dependencies"] if re.match(r"torch\b", line))
    return SpecifierSet(line.removeprefix("torch"))


def install_torch(wanted: SpecifierSet) -> Version | None:
    """Says which PyTorch comes from where and how large it is, then installs it unless pip finds it by itself.

    Returns the version that has to stay, or None where pip is free to choose.
    """
    if is_installed(wanted):
        return None
    started = time.monotonic()
    at_hand = offered(wanted, "--no-index")
    start_of_pip_s = time.monotonic() - started
    if wheel := next((version for version in at_hand if is_small(version)), None):
        say(f"PyTorch {wheel}: the CPU build (about 0.2 GB) from the wheels at hand in {setting('find-links')}.")
        return installed_from(wheel, "--no-index")
    if own := offered(wanted, "--index-url", nowhere(), variables={"PIP_FIND_LINKS": ""}, limit_s=OWN_INDEX_SECONDS):
        say(f"PyTorch {own[0]}, from your own package index ({setting('extra-index-url')}): {size(own[0])}.")
        return installed_from(own[0], "--index-url", nowhere())
    if has_nvidia_card():
        say(f"PyTorch, as pip finds it for a machine with an NVIDIA card: {size(at_hand[0] if at_hand else None)}.")
        return None
    index = os.environ.get("KWS_TORCH_INDEX") or CPU_INDEX
    options = ("--index-url", index, "--timeout", f"{CPU_INDEX_SECONDS:g}", "--retries", "0")
    limit_s = CPU_INDEX_SECONDS + start_of_pip_s  # the index has its time in full on a slow machine, too
    if cpu := offered(wanted, *options, variables=NO_SOURCE_BUT_THE_INDEX, limit_s=limit_s):
        say(f"PyTorch {cpu[0]}: the CPU build, for want of an NVIDIA card, from {shown(index)}: 0.2 GB to download.")
        if torch := installed_from(cpu[0], "--index-url", index):
            return torch
        say(f"PyTorch's CPU build could not be downloaded from {shown(index)}: see pip's message above.")
    else:
        say(f"{shown(index)} offers no CPU build of PyTorch for this Python within {CPU_INDEX_SECONDS:g} s.")
    say(f"PyTorch, as pip finds it: {size(None)}.")
    if is_cuda_what_pip_finds():
        say(
            "A CPU build (0.2 GB) is taken from where PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL says: set one, start again."
        )
    return None


def is_installed(wanted: SpecifierSet) -> bool:
    try:
        return wanted.contains(importlib.metadata.version("torch"))
    except importlib.metadata.PackageNotFoundError:
        return False


def offered(
    wanted: SpecifierSet, *options: str, variables: dict[str, str] | None = None, limit_s: float | None = None
) -> list[Version]:
    """The versions of PyTorch with a wheel for this Python that pip sees with these options, newest first."""
    command = [*PIP, "index", "versions", "torch", "--only-binary", ":all:", *options]
    try:
        done = subprocess.run(
            command,
            env=os.environ | (variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        return []
    found = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    versions = [Version(version) for version in found[1].split(", ")] if found else []
    return sorted((version for version in versions if wanted.contains(version)), reverse=True)


def installed_from(version: Version, *options: str) -> Version | None:
    """Installs this PyTorch alone from there; its own needs come with the project's, from the usual places."""
    return version if pip_install("--no-deps", *options, f"torch=={version}") == 0 else None


def has_nvidia_card(system: Path = Path("/")) -> bool:
    """Whether the driver of an NVIDIA card is loaded, or its own program lists a card."""
    if (system / "proc/driver/nvidia").exists() or (system / "dev/nvidia0").exists():
        return True
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        listed = subprocess.run([program, "-L"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU " in listed.stdout


def is_cuda_what_pip_finds() -> bool:
    """On Linux the general package index holds CUDA builds only, elsewhere CPU builds only."""
    return sys.platform.startswith("linux")


def is_small(version: Version) -> bool:
    """Whether a wheel of this version is a CPU build: it is called so, or nothing else is made for this system."""
    return version.local == "cpu" if version.local else not is_cuda_what_pip_finds()


def size(version: Version | None) -> str:
    if not is_cuda_what_pip_finds() or (version and is_small(version)):
        return "a CPU build, about 0.2 GB"
    return "on Linux usually a CUDA build, 3 GB and more to download and 5.5 GB installed"


def setting(name: str) -> str:
    """An option of pip as its variables and files set it, without passwords; empty if they do not."""
    done = subprocess.run([*PIP, "config", "list"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    values = dict(re.findall(rf"^(\S+)\.{name}='(.*)'$", done.stdout, re.MULTILINE))
    value = values.get(":env:") or values.get("install") or values.get("global") or ""
    return ", ".join(shown(word) for word in ast.literal_eval(f"'{value}'").split())


def shown(address: str) -> str:
    """An address without the password in it."""
    return re.sub(r"//[^/@]*@", "//", address) if urlsplit(address).password else address


def nowhere() -> str:
    """An index that holds nothing and asks no network, in the place of the general one."""
    return (ROOT / "packaging" / "no-index").as_uri()


def pip_install(*arguments: str) -> int:
    """Runs `pip install` with its progress on the standard error output: a bar on a terminal, lines elsewhere."""
    command = [*PIP, "install", *arguments]
    if sys.stderr.isatty():
        return subprocess.call([*command, "--progress-bar=on"], stdout=sys.stderr)
    raw = ["--progress-bar=raw"] if pip_version() >= (24, 1) else []
    with subprocess.Popen([*command, *raw], stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in readable(process.stdout):
            print(line, end="", file=sys.stderr, flush=True)
    return process.returncode


def readable(lines: Iterator[str]) -> Iterator[str]:
    """Pip's lines, with its raw progress ("Progress 524288 of 1048576") in megabytes and every few seconds only."""
    next_at = time.monotonic() + PROGRESS_EVERY_SECONDS
    for line in lines:
        progress = re.fullmatch(r"Progress (\d+) of (\d+)\s*", line)
        if progress is None:
            yield line
            next_at = time.monotonic() + PROGRESS_EVERY_SECONDS
        elif time.monotonic() >= next_at:
            done, whole = (int(number) / 1e6 for number in progress.groups())
            yield f"  {done:.0f} of {whole:.0f} MB\n" if whole else f"  {done:.0f} MB\n"
            next_at = time.monotonic() + PROGRESS_EVERY_SECONDS


def pip_version() -> tuple[int, ...]:
    return Version(importlib.metadata.version("pip")).release


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
