"""Which build of PyTorch the set-up installs, from where, and what it says: real pip, made-up wheels, loopback."""

from __future__ import annotations

import base64
import hashlib
import http.server
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the places of a virtual environment are Unix's")

BACKEND = '''
import zipfile

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "kws_studio-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        info = "kws_studio-1.dist-info"
        wheel.writestr(f"{info}/METADATA", """Metadata-Version: 2.1
Name: kws-studio
Version: 1
Requires-Dist: torch>=2.9,<2.14
""")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
'''
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "kws-studio"
version = "1"
dependencies = ["torch>=2.9,<2.14"]
"""


def make_wheel(folder: Path, version: str, name: str = "torch") -> Path:
    """A wheel of that name and version that holds one module."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for path, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            file.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class Index:
    """Package indexes on loopback, one a folder of wheels; an index can be told to keep silent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.closing = threading.Event()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        parts = request.path.strip("/").split("/")
        if parts[0] in self.silent:
            self.closing.wait()
            return
        wheels = sorted((self.folder / parts[0]).glob("*.whl"))
        if parts[-1].endswith(".whl"):
            body = (self.folder / parts[0] / parts[-1].replace("%2B", "+")).read_bytes()
        else:
            names = [wheel.name for wheel in wheels if wheel.name.startswith(f"{parts[-1]}-")]
            body = "".join(f'<a href="/{parts[0]}/{n.replace("+", "%2B")}">{n}</a>\n' for n in names).encode()
        request.send_response(200 if body else 404)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


class Checkout:
    """The scripts, a project whose one need is PyTorch, a fresh .venv and a package index that has a CUDA build."""

    def __init__(self, folder: Path, index: Index, venv: Path) -> None:
        self.root = folder / "checkout"
        self.bin = folder / "bin"
        self.bin.mkdir()
        shutil.copytree(ROOT / "packaging", self.root / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (self.root / "backend.py").write_text(BACKEND, encoding="utf-8")
        shutil.copytree(venv, self.root / ".venv", symlinks=True)
        self.python = self.root / ".venv" / "bin" / "python"
        make_wheel(index.folder / "general", "2.13.1")
        self.environment = {
            "PATH": f"{self.bin}{os.pathsep}{os.defpath}",
            "HOME": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_INDEX_URL": index.url("general"),
            "KWS_TORCH_INDEX": index.url("cpu"),
        }

    def has_card(self, listed: str) -> None:
        (self.bin / "nvidia-smi").write_text(f"#!/bin/sh\n{listed}\n", encoding="utf-8")
        (self.bin / "nvidia-smi").chmod(0o755)

    def install(self) -> str:
        """Runs the installation; all that it said, and nothing of it on the standard output."""
        done = subprocess.run(
            [str(self.python), str(self.root / "packaging" / "install.py")],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        return done.stderr

    def torch(self) -> str:
        command = [str(self.python), "-c", "import torch; print(torch.__version__)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "indexes")
    yield index
    index.close()


@pytest.fixture
def checkout(tmp_path: Path, index: Index, venv: Path) -> Checkout:
    return Checkout(tmp_path, index, venv)


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "packaging" / "install.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _has_card() -> bool:
    return Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia").exists()


without_card = pytest.mark.skipif(_has_card(), reason="this machine has an NVIDIA card")


@pytest.mark.slow
@without_card
def test_without_a_card_the_cpu_build_is_taken_and_said_before_it_comes(index: Index, checkout: Checkout) -> None:
    make_wheel(index.folder / "cpu", "2.13.0+cpu")
    make_wheel(index.folder / "cpu", "2.14.0+cpu")
    checkout.has_card("echo 'No devices were found'; exit 6")
    said = checkout.install()
    assert checkout.torch() == "2.13.0+cpu"
    assert said.index("0.2 GB to download") < said.index("Downloading")
    assert f"PyTorch 2.13.0+cpu: the CPU build, for want of an NVIDIA card, from {index.url('cpu')}" in said
    index.asked.clear()
    assert "PyTorch" not in checkout.install()  # an update of the other libraries
    assert not [path for path in index.asked if "torch" in path]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "refused", "empty"])
@without_card
def test_an_index_that_does_not_answer_costs_seconds_and_is_said(index: Index, checkout: Checkout, fault: str) -> None:
    make_wheel(index.folder / "cpu", "2.8.0+cpu")  # below the range: as good as nothing
    if fault == "silent":
        index.silent.add("cpu")
    elif fault == "refused":
        with socket.create_server(("127.0.0.1", 0)) as closed:
            checkout.environment["KWS_TORCH_INDEX"] = f"http://127.0.0.1:{closed.getsockname()[1]}/cpu"
    said = checkout.install()
    assert checkout.torch() == "2.13.1"
    assert "offers no CPU build of PyTorch for this Python within 5 s" in said
    if sys.platform.startswith("linux"):
        assert said.index("3 GB and more to download and 5.5 GB installed") < said.index("Downloading")
        assert "PIP_FIND_LINKS" in said


@pytest.mark.slow
def test_a_card_takes_what_pip_finds(index: Index, checkout: Checkout) -> None:
    make_wheel(index.folder / "cpu", "2.13.0+cpu")
    checkout.has_card("echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'")
    said = checkout.install()
    assert checkout.torch() == "2.13.1"
    assert not [path for path in index.asked if path.startswith("/cpu")]
    assert "for a machine with an NVIDIA card" in said


@pytest.mark.slow
def test_a_cpu_wheel_at_hand_goes_before_any_index(tmp_path: Path, index: Index, checkout: Checkout) -> None:
    make_wheel(tmp_path / "wheels", "2.11.0+cpu")
    make_wheel(tmp_path / "wheels", "2.14.0+cpu")
    make_wheel(index.folder / "cpu", "2.13.0+cpu")
    checkout.environment["PIP_FIND_LINKS"] = str(tmp_path / "wheels")
    said = checkout.install()
    assert checkout.torch() == "2.11.0+cpu"
    assert f"the CPU build (about 0.2 GB) from the wheels at hand in {tmp_path / 'wheels'}" in said
    assert not [path for path in index.asked if "torch" in path]


@pytest.mark.slow
def test_an_index_of_ones_own_goes_before_pytorchs(index: Index, checkout: Checkout) -> None:
    make_wheel(index.folder / "own", "2.12.0+cpu")
    make_wheel(index.folder / "cpu", "2.13.0+cpu")
    checkout.environment["PIP_EXTRA_INDEX_URL"] = index.url("own").replace("//", "//me:secret@")
    said = checkout.install()
    assert checkout.torch() == "2.12.0+cpu"
    assert f"your own package index ({index.url('own')}): a CPU build, about 0.2 GB" in said
    assert not [path for path in index.asked if path.startswith("/cpu")]


@pytest.mark.slow
@without_card
def test_a_second_start_asks_nothing_of_the_network(index: Index, checkout: Checkout) -> None:
    make_wheel(index.folder / "cpu", "2.13.0+cpu")
    script = f'root="{checkout.root}"; . "$root/packaging/setup.sh"; python={sys.executable}; install_project ""'
    for said in ("PyTorch 2.13.0+cpu", ""):
        index.asked.clear()
        done = subprocess.run(
            ["sh", "-c", script], env=checkout.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0 and said in done.stderr and done.stdout == ""
        assert bool(index.asked) == bool(said)


def test_a_card_is_known_by_its_driver(install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not install.has_nvidia_card(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    assert install.has_nvidia_card(tmp_path)


def test_raw_progress_becomes_a_line_every_few_seconds(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    lines = ["Downloading torch (192 MB)\n", *(f"Progress {mb}000000 of 192000000\n" for mb in range(0, 192, 16))]
    shown = list(install.readable(iter(lines)))
    assert shown[0] == lines[0]
    assert 2 <= len(shown) <= 4 and shown[1].endswith(" of 192 MB\n")


def test_a_password_in_an_address_is_not_shown(install: ModuleType) -> None:
    assert install.shown("https://me:secret@host.example/simple") == "https://host.example/simple"
    assert install.shown("/opt/a@b/wheels") == "/opt/a@b/wheels"
