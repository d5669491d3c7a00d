"""The lock file: one holder among threads and processes, nothing left of a killed one, and no link ever followed."""

from __future__ import annotations

import errno
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.file_lock import FileLock, holder, is_held
from kws_engine.runs.lock import RunLock, is_locked

ROOT = pathlib.Path(__file__).parents[2]
HOLD = (
    "import pathlib, sys\nfrom kws_engine.file_lock import FileLock\n"
    "assert FileLock(pathlib.Path(sys.argv[1])).take(seconds=0)\nprint('held', flush=True)\nsys.stdin.read()\n"
)
COUNT = (
    "import pathlib, sys\nfrom kws_engine.file_lock import FileLock\nlock = FileLock(pathlib.Path(sys.argv[1]))\n"
    "number = pathlib.Path(sys.argv[2])\nfor _ in range(50):\n    assert lock.take(seconds=60)\n"
    "    number.write_text(str(int(number.read_text()) + 1))\n    lock.release()\n"
)
with_links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


def holding(path: pathlib.Path) -> subprocess.Popen[str]:
    """A program that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_the_file_is_there_only_while_the_lock_is_held(tmp_path: pathlib.Path) -> None:
    path, lock = tmp_path / "a.lock", FileLock(tmp_path / "a.lock")
    for _ in range(2):
        assert lock.take(seconds=0) and is_held(path)
        lock.release()
        assert not is_held(path) and not path.exists()
    lock.release()


def test_another_program_is_named_and_its_end_frees_the_lock(tmp_path: pathlib.Path) -> None:
    path, lock = tmp_path / "a.lock", FileLock(tmp_path / "a.lock")
    with holding(path) as process:
        assert not lock.take(seconds=0.1)
        assert is_held(path) and holder(path).startswith(f" (process {process.pid} on ")
        process.kill()
        process.wait(10)
        assert lock.take(seconds=5) and f"process {os.getpid()} on" in holder(path)
    lock.release()


def test_programs_take_turns(tmp_path: pathlib.Path) -> None:
    number = tmp_path / "number"
    number.write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "a.lock"), str(number)]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert number.read_text() == "150" and not (tmp_path / "a.lock").exists()


def test_threads_take_turns(tmp_path: pathlib.Path) -> None:
    count = 0

    def work() -> None:
        nonlocal count
        lock = FileLock(tmp_path / "a.lock")
        for _ in range(20):
            assert lock.take(seconds=60)
            before = count
            os.stat(tmp_path)
            count = before + 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == 60


def test_one_thread_may_release_what_another_took(tmp_path: pathlib.Path) -> None:
    path, lock = tmp_path / "a.lock", FileLock(tmp_path / "a.lock")
    thread = threading.Thread(target=lambda: lock.take(seconds=0))
    thread.start()
    thread.join()
    assert is_held(path)
    lock.release()
    assert not is_held(path)


@with_links
@pytest.mark.parametrize("is_there", [True, False], ids=["a file", "nothing"])
def test_a_link_is_refused_and_what_it_points_to_stays(tmp_path: pathlib.Path, is_there: bool) -> None:
    target, path = tmp_path / "thesis.txt", tmp_path / "a.lock"
    if is_there:
        target.write_text("process 1 on paper")
    path.symlink_to(target)
    with pytest.raises(KwsError, match=r"a\.lock is a link to another file.*delete the link"):
        FileLock(path).take(seconds=0)
    assert not is_held(path) and holder(path) == ""
    assert target.exists() == is_there and path.is_symlink()
    assert not is_there or target.read_text() == "process 1 on paper"


@with_links
def test_a_link_that_appears_at_the_last_moment_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, path = tmp_path / "thesis.txt", tmp_path / "a.lock"
    target.write_text("mine")
    opened = os.open

    def late(name: str, *arguments: int, **options: int) -> int:
        if str(name) == str(path) and not path.is_symlink():
            path.symlink_to(target)
        return opened(name, *arguments, **options)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(KwsError, match="is a link"):
        FileLock(path).take(seconds=0)
    assert target.read_text() == "mine"


@with_links
def test_a_second_name_of_a_file_is_refused(tmp_path: pathlib.Path) -> None:
    target, path = tmp_path / "thesis.txt", tmp_path / "a.lock"
    target.write_text("mine")
    os.link(target, path)
    with pytest.raises(KwsError, match="is linked to another file"):
        FileLock(path).take(seconds=0)
    assert target.read_text() == "mine" and not is_held(path)


@with_links
def test_links_in_a_project_from_elsewhere_harm_nothing(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "thesis.txt"
    target.write_text("mine")
    project = Project.create(tmp_path / "p", words=["up"])
    links = [project.folder / ".project.lock", project.runs_folder / "running.lock"]
    for link in links:
        link.symlink_to(target)
    for attempt in (
        lambda: project.edit.add_word("down"),
        lambda: RunLock(project.runs_folder / "running.lock").__enter__(),
    ):
        with pytest.raises(KwsError, match=r"lock is a link.*delete the link"):
            attempt()
    assert not is_locked(project.runs_folder) and Project.open(project.folder).words == ("up",)
    assert target.read_text() == "mine"
    links[0].unlink()
    project.edit.add_word("down")


def test_a_missing_folder_is_not_made(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "gone" / "a.lock").take(seconds=0)
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX systems")
def test_a_read_only_folder_is_said(read_only_folder: Callable[..., pathlib.Path]) -> None:
    folder = read_only_folder(lambda folder: (folder / "runs").mkdir()) / "runs"
    with pytest.raises(KwsError, match="cannot be written"):
        RunLock(folder).__enter__()
    assert not is_locked(folder)


def test_a_full_disk_is_said(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.create(tmp_path / "p", words=["up"])
    opened = os.open

    def full(name: str, *arguments: int, **options: int) -> int:
        if str(name).endswith(".lock"):
            raise OSError(errno.ENOSPC, "no space")
        return opened(name, *arguments, **options)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(KwsError, match="The disk is full"):
        project.edit.save_settings({"seed": 1})


def test_on_a_file_system_without_locks_everybody_is_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def without(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    lock = FileLock(tmp_path / "a.lock")
    assert lock.take(seconds=0) and not is_held(tmp_path / "a.lock")
    lock.release()
    assert not (tmp_path / "a.lock").exists()
