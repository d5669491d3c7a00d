"""The start script up to the point where it would install: what it finds missing and what it tells the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEBIAN = "libportaudio2 libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0"
DEBIAN += (
    " libxcb-render-util0 libxcb-shape0 libwayland-cursor0 libwayland-egl1 libfontconfig1 libdbus-1-3 fonts-dejavu-core"
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="run.sh is for Linux and macOS")


class Machine:
    """A checkout of the scripts alone and a PATH of its own, where every program is real unless faked."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.log = folder / "log"
        shutil.copytree(ROOT / "packaging", self.root / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", self.root)
        self.bin.mkdir()
        for program in ("sh", "dirname", "uname", "awk", "sed", "rm", "mv", "mkdir", "cat", "env"):
            (self.bin / program).symlink_to(str(shutil.which(program)))
        self.fake("id", "echo 1000")
        self.fake("apt-get", f'echo "apt-get $*" >>"{self.log}"')
        self.fake("python3", f'exec "{sys.executable}" "$@"')

    def fake(self, program: str, script: str) -> None:
        (self.bin / program).unlink(missing_ok=True)
        (self.bin / program).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (self.bin / program).chmod(0o755)

    def has_packages(self, lines: list[str]) -> None:
        self.fake("dpkg-query", "cat <<'END'\n" + "\n".join(f"installed {line}" for line in lines) + "\nEND")

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "HOME": str(self.root)}
        command = [str(self.bin / "sh"), str(self.root / "packaging" / "run.sh")]
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )

    def pretend_installed(self) -> None:
        """A .venv whose stamp fits, with programs that say how they were called."""
        programs = self.root / ".venv" / "bin"
        programs.mkdir(parents=True)
        shutil.copy(self.bin / "python3", programs / "python")
        for name, status in (("kws", 3), ("kws-studio", 4)):
            (programs / name).write_text(f'#!/bin/sh\necho "{name} $*"\nexit {status}\n', encoding="utf-8")
            (programs / name).chmod(0o755)
        script = f'root="{self.root}"; . "$root/packaging/setup.sh"; wanted_stamp "$venv/bin/python" >"$stamp"'
        subprocess.run(["sh", "-c", script], check=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.has_packages([f"{package}, " for package in [*DEBIAN.split(), "libglib2.0-0"]])
    return machine


def test_who_may_not_install_gets_the_exact_line_and_status_1(machine: Machine) -> None:
    machine.has_packages([f"{package}, " for package in DEBIAN.split() if package != "libxcb-cursor0"])
    machine.fake("sudo", "exit 1")
    done = machine.run()
    assert done.returncode == 1
    assert "    apt-get install libglib2.0-0 libxcb-cursor0\n" in done.stderr
    assert not machine.log.exists() and not (machine.root / ".venv").exists()


def test_root_installs_what_is_missing_and_stops_where_that_fails(machine: Machine) -> None:
    machine.has_packages([f"{package}, " for package in DEBIAN.split()])
    machine.fake("id", "echo 0")
    machine.fake("apt-get", f'echo "$*" >>"{machine.log}"; [ "$1" = update ]')
    done = machine.run()
    assert done.returncode == 1
    assert machine.log.read_text(encoding="utf-8").splitlines() == [
        "update",
        "install -y --no-install-recommends libglib2.0-0",
    ]
    assert "apt-get install libglib2.0-0\n" in done.stderr


def test_a_package_under_another_name_that_provides_it_counts(machine: Machine) -> None:
    machine.has_packages([*(f"{p}, " for p in DEBIAN.split()), "libglib2.0-0t64, libglib2.0-0 (= 2.80.0-6)"])
    machine.pretend_installed()
    assert machine.run().returncode == 3


def test_without_a_python_it_says_how_to_get_one(machine: Machine) -> None:
    machine.fake("python3", "exit 1")
    done = machine.run()
    assert done.returncode == 1
    assert "Python 3.11" in done.stderr and "apt-get install python3" in done.stderr


def test_the_second_start_goes_straight_to_the_program_and_passes_its_status_on(machine: Machine) -> None:
    machine.pretend_installed()
    done = machine.run()
    assert (done.returncode, done.stdout) == (3, "kws demo\n")
    assert "no display" in done.stderr
    assert not machine.log.exists()


def test_with_a_display_the_window_gets_the_arguments(machine: Machine) -> None:
    machine.pretend_installed()
    environment = {"PATH": str(machine.bin), "DISPLAY": ":1"}
    command = [str(machine.bin / "sh"), str(machine.root / "packaging" / "run.sh"), "my words", "--x"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (4, "kws-studio my words --x\n")


@pytest.mark.parametrize("change", ["pyproject", "cut off", "moved"])
def test_what_no_longer_fits_is_installed_again(machine: Machine, change: str) -> None:
    machine.pretend_installed()
    if change == "pyproject":
        with open(machine.root / "pyproject.toml", "a", encoding="utf-8") as file:
            file.write("\n# newer\n")
    elif change == "cut off":
        (machine.root / ".venv" / "kws-studio.unfinished").touch()
    else:
        os.rename(machine.root, machine.root.with_name("elsewhere"))
        machine.root = machine.root.with_name("elsewhere")
    machine.fake("python3", f'[ "$1" = -m ] && exit 7; exec "{sys.executable}" "$@"')
    shutil.copy(machine.bin / "python3", machine.root / ".venv" / "bin" / "python")
    done = machine.run()
    assert done.returncode == 1
    assert "Making" in done.stderr and "kws demo" not in done.stdout
