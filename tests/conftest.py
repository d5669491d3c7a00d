"""What every test gets: no screen needed, fixed seeds, settings of its own; and real recordings, a real sound path."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import sys
from collections.abc import Callable, Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "PYTEST_XDIST_WORKER" in os.environ:  # before numpy and torch: one processor for each of the workers
    os.environ.setdefault("OMP_NUM_THREADS", "1")

os.environ["KWS_TALK"] = str(pathlib.Path(__file__).parent / "talk")  # seconds of it, so that a run ends in a second

import numpy as np
import pytest
from filelock import FileLock

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from postgres_server import PostgresServer, lacking
from virtual_microphone import VirtualMicrophone, missing_tools
from waiting import wait_until

SHARED_DATA = pathlib.Path(os.environ.get("KWS_SHARED_DATA") or pathlib.Path(__file__).parents[2] / "shared/data")

SharedFolder = Callable[[str, Callable[[pathlib.Path], None]], pathlib.Path]


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_STUDIO_HOME", str(tmp_path_factory.mktemp("settings")))


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder of real recordings; tests that need it are skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real recordings in ../shared/data are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> SharedFolder:
    """Fills a folder once for all tests and all processes that run them; nobody may change what is in it."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def filled(name: str, fill: Callable[[pathlib.Path], None]) -> pathlib.Path:
        folder, whole = root / f"shared-{name}", root / f"shared-{name}.whole"
        with FileLock(f"{folder}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return filled


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server of the tests' own; tests that need it are skipped where none can be started."""
    if why := lacking():
        pytest.skip(f"no PostgreSQL: {why}")
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def _sound_server() -> Iterator[VirtualMicrophone]:
    if missing := missing_tools():
        pytest.skip(f"no virtual microphone: {', '.join(missing)} not installed")
    with VirtualMicrophone(extra_devices=("Desk", "Headset left", "Headset right")) as microphone:
        yield microphone


@pytest.fixture
def virtual_microphone(_sound_server: VirtualMicrophone) -> Iterator[VirtualMicrophone]:
    """A plugged-in, silent microphone at 16 kHz; whatever a test does to it is undone."""
    from kws_engine import microphone

    _sound_server.plug(rate=16_000)
    # A window closes its microphone in a thread of its own.
    wait_until(lambda: not microphone._open_streams, seconds=10, what="an earlier test to close its microphone")
    microphone.refresh_devices()  # refused after a device was pulled out and PortAudio hangs; the devices are the same
    yield _sound_server
    _sound_server.hush()
