"""What the tests of the engine share: real clips, one model trained on them, and a folder that nobody may write in."""

from __future__ import annotations

import os
import pickle
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from speech_project import EVERY_VOICE, Trained, make_project, starter_part

from kws_engine.clips.project import Project


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A folder of clips: three words of nine voices."""
    return starter_part(tmp_path / "speech")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of the same clips."""
    return make_project(tmp_path / "project")


@pytest.fixture
def read_only_folder() -> Iterator[Callable[[Callable[[Path], object]], Path]]:
    """Makes a folder that this process may not write in, also when the tests run as root."""
    made: list[Path] = []

    def lock(fill: Callable[[Path], object]) -> Path:
        folder = Path(tempfile.mkdtemp())
        made.append(folder)
        fill(folder)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.seteuid(65534)
        return folder

    yield lock
    if os.getuid() == 0:
        os.seteuid(0)
    for folder in made:
        for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
            path.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def trained(shared_folder: Callable[..., Path]) -> Trained:
    """The small project learned well enough to be heard; nobody may change it."""
    from kws_engine.runs.job import Job
    from kws_engine.runs.run import run
    from kws_engine.settings import Settings

    def fill(folder: Path) -> None:
        project = make_project(folder / "three words", voices=EVERY_VOICE)
        options = ("training.epochs=12", "training.clips_per_epoch=450", "training.batch_size=32", "model.dropout=0.1")
        job = Job(project.folder, Settings().with_options(options).to_dict(), seed=1, threads=1)
        (folder / "events").write_bytes(pickle.dumps(tuple(run(job))))

    folder = shared_folder("trained", fill)
    return Trained(Project.open(folder / "three words"), pickle.loads((folder / "events").read_bytes()))
