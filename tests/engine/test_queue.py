"""The queue of runs on disk: order, moving, moved projects, two writers, damage."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kws_engine.clips.project import Project
from kws_engine.errors import TrainingError
from kws_engine.runs import queue
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.records import past_runs
from kws_engine.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Project.create(tmp_path / "words", words=["left", "right"]).folder


def _add(project: Path, *names: str) -> None:
    for name in names:
        queue.add(project, Job(project, Settings().to_dict(), seed=3, name=name, tags=("a", "b")))


def _names(project: Path) -> list[str]:
    return [waiting.job.name for waiting in queue.read_queue(project)]


def test_jobs_come_back_as_they_were_put_in(project: Path) -> None:
    assert queue.read_queue(project) == ()
    run = project / "runs/20260101-000000-x"
    settings = Settings().with_option("model.width", "0.5").to_dict()
    job = Job(project, settings, 7, 1, name="n", tags=("t",), resume=run, finish=True, clips=run / "clips.csv")
    (waiting,) = queue.add(project, job)
    assert queue.read_queue(project) == (waiting,) and waiting.job == job and waiting.network == "tc_resnet"
    assert Settings.from_dict(waiting.job.settings).model.config.width == 0.5
    assert past_runs(project / "runs") == []


def test_the_paths_of_a_moved_project_follow_it(project: Path, tmp_path: Path) -> None:
    queue.add(project, Job(project, resume=project / "runs/some"))
    moved = project.rename(tmp_path / "moved")
    (waiting,) = queue.read_queue(moved)
    assert waiting.job.project == moved and waiting.job.resume == moved / "runs/some"


def test_jobs_are_moved_removed_and_put_back_at_their_place(project: Path) -> None:
    _add(project, "a", "b", "c")
    a, b, c = queue.read_queue(project)
    queue.move(project, c.key, -1)
    assert _names(project) == ["a", "c", "b"]
    queue.move(project, a.key, -1)
    queue.move(project, a.key, 9)
    assert _names(project) == ["c", "b", "a"]
    queue.remove(project, b.key)
    queue.remove(project, b.key)
    assert _names(project) == ["c", "a"]
    queue.add(project, b.job, at=1, key=b.key)
    assert _names(project) == ["c", "b", "a"] and queue.read_queue(project)[1] == b


def test_two_writers_lose_nothing(project: Path) -> None:
    def write(name: str) -> None:
        for number in range(4):
            while True:
                try:
                    _add(project, f"{name}{number}")
                    break
                except TrainingError:
                    continue

    writers = [threading.Thread(target=write, args=(name,)) for name in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(_names(project)) == sorted(f"{name}{number}" for name in "xy" for number in range(4))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "waiting": 3}', '{"schema": 9, "waiting": []}']
)
def test_a_file_that_is_no_queue_is_said(project: Path, content: str) -> None:
    (project / "runs").mkdir(exist_ok=True)
    (project / "runs/queue.json").write_text(content)
    with pytest.raises(TrainingError, match="queue of runs"):
        queue.read_queue(project)
    with pytest.raises(TrainingError):
        _add(project, "a")
    assert (project / "runs/queue.json").read_text() == content


def test_what_is_no_job_is_passed_over(project: Path) -> None:
    _add(project, "a")
    path = project / "runs/queue.json"
    path.write_text(path.read_text().replace('"waiting": [', '"waiting": [3, {}, {"key": "k"},'))
    assert _names(project) == ["a"]


def test_a_queue_that_somebody_else_changes_is_said(project: Path) -> None:
    _add(project, "a")
    with (
        RunFolder(project / "runs").lock(),
        pytest.raises(TrainingError, match="Another program is changing the queue"),
    ):
        _add(project, "b")
    assert _names(project) == ["a"]


def _claimed(project: Path) -> str:
    found = queue.claim(project)
    assert found is not None
    _held.append(found)
    return found.waiting.job.name


_held: list[queue.QueueClaim] = []


def test_a_claimed_job_is_passed_over_until_it_is_released(project: Path) -> None:
    assert queue.claim(project) is None
    _add(project, "a", "b")
    assert [_claimed(project), _claimed(project)] == ["a", "b"] and queue.claim(project) is None
    _held.pop(0).release()
    assert _claimed(project) == "a" and _names(project) == ["a", "b"]
    queue.remove(project, queue.read_queue(project)[0].key)
    while _held:
        _held.pop().release()
    assert _claimed(project) == "b"
    _held.pop().release()
    assert not list((project / "runs").glob("*.lock"))


def test_the_claim_of_a_killed_program_blocks_nobody(project: Path) -> None:
    _add(project, "a")
    code = (
        "import sys, threading; from pathlib import Path; from kws_engine.runs import queue\n"
        "held = queue.claim(Path(sys.argv[1])); print(held.waiting.job.name, flush=True)\n"
        "threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code, project], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "a\n"
        assert queue.claim(project) is None
        other.kill()
    assert _claimed(project) == "a"
    _held.pop().release()
