"""Sweeps on a real PostgreSQL server: workers of three machines, one of them killed; and the password stays unsaid."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import traceback
from collections import Counter
from pathlib import Path

import pytest
from postgres_server import PASSWORD, PostgresServer
from speech_project import QUICK
from waiting import wait_until

from kws_engine import cli
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.errors import TrainingError
from kws_engine.sweeps import claims, remaining
from kws_engine.sweeps.events import SweepEnded, SweepEvent, TrialStarted, WorkerLost
from kws_engine.sweeps.folder import past_sweeps
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.process import SweepProcess
from kws_engine.sweeps.results import results
from kws_engine.sweeps.study import open_sweep

RANGES = ("training.learning_rate=1e-4:1e-1:log", "training.batch_size=16:64:16")
LEAKS = (PASSWORD, PASSWORD.partition(" ")[0], "s3cret%20")


@pytest.fixture
def address(postgres: PostgresServer) -> str:
    """Of an empty database, with the password."""
    return postgres.address(postgres.new_database())


def job_of(project: Project, address: str, **changes: object) -> SweepJob:
    return SweepJob(project.folder, (*QUICK, *RANGES), threads=1, storage=address, **changes)  # type: ignore[arg-type]


def machines(project: Project, count: int) -> list[Project]:
    """The same project in as many folders, as machines have it that share nothing but the database."""
    folders = [project.folder.with_name(f"machine {number}") for number in range(1, count)]
    for folder in folders:
        shutil.copytree(project.folder, folder)
    return [project, *(Project.open(folder) for folder in folders)]


def test_of_three_machines_one_is_killed_and_no_trial_is_lost_or_run_twice(project: Project, address: str) -> None:
    jobs = [job_of(one, address, trials=6, heartbeat_s=2, pruning="none") for one in machines(project, 3)]
    processes = [SweepProcess(job) for job in jobs]
    told: list[list[SweepEvent]] = [[] for _ in processes]
    killed = -1

    def all_ended() -> bool:
        nonlocal killed
        for events, process in zip(told, processes, strict=True):
            events += process.poll()
        if killed < 0 and (begun := [event for event in told[1] if isinstance(event, TrialStarted)]):
            killed = begun[0].number
            os.kill(processes[1].pids[0], signal.SIGKILL)
        return all(process.ended for process in processes)

    try:
        wait_until(all_ended, seconds=400)
    finally:
        for process in processes:
            process.close()
    assert [isinstance(event, WorkerLost) for event in told[1][-2:]] == [True, False] and killed >= 0
    for events in (told[0], told[2]):
        ended = events[-1]
        assert isinstance(ended, SweepEnded) and (ended.finished, ended.failed, ended.stopped) == (6, 0, False)

    begun = [event for events in told for event in events if isinstance(event, TrialStarted)]
    assert max(Counter(event.number for event in begun).values()) == 1, "no number was run by two workers"
    assert all(any(isinstance(event, TrialStarted) for event in events) for events in told)
    found = results(project.folder, ended.name, storage=address)
    assert Counter(one.state for one in found.trials) == {"complete": 6, "lost": 1}
    lost = next(one for one in found.trials if one.state == "lost")
    again = [one for one in found.trials if one.retry_of is not None]
    assert lost.number == killed and [one.retry_of for one in again] == [killed] and again[0].options == lost.options
    assert {event.number: event.options for event in begun} == {one.number: one.options for one in found.trials}
    assert len({tuple(one.options.values()) for one in found.trials}) == 6, "each set of options has one result"
    models = [path for job in jobs for path in ProjectFolder(job.project).sweeps.glob("*/runs/*/*.kws")]
    assert len(models) == 6, "each trial has its run on the machine that ran it"


def test_many_workers_on_an_empty_database_claim_each_trial_once(project: Project, address: str) -> None:
    job = job_of(project, address, name="crowd", trials=16)
    taken: list[int] = []

    def worker() -> None:
        sweep = open_sweep(job)  # all of them make the tables and the study at this moment
        while remaining.finished(sweep.trials()) < job.trials:
            claimed = claims.claim(sweep, total=job.trials)
            if claimed is not None:
                taken.append(claimed.number)
                sweep.study.tell(claimed.number, float(claimed.number))

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == job.trials


def test_the_password_is_in_no_output_and_no_file(
    project: Project, postgres: PostgresServer, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    database = address.rpartition("/")[2]
    command = ["sweep", str(project.folder), "--trials", "1", "--set", RANGES[0]]
    command += [word for option in QUICK for word in ("--set", option)]
    capfd.readouterr()
    assert cli.main([*command, "--storage", address, "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out.splitlines()[-1])["finished"] == 1
    wrong = postgres.address(database, password=f"{PASSWORD}, not quite")
    assert cli.main([*command, "--storage", wrong]) == 1
    refused = capfd.readouterr()
    assert "password authentication failed" in refused.err and "PGPASSWORD" in refused.err
    kept = [path.read_bytes() for path in project.folder.rglob("*") if path.is_file() and path.suffix != ".wav"]
    assert past_sweeps(project.folder)[0].storage == postgres.address(database, password=None).replace(
        "kws@", "kws:***@"
    )
    for leak in LEAKS:
        assert leak not in said.out + said.err + refused.out + refused.err
        assert not any(leak.encode() in content for content in kept)
    with pytest.raises(TrainingError) as error:
        open_sweep(job_of(project, wrong, name="other"))
    details = "".join(traceback.format_exception(error.value))
    assert not any(leak in details for leak in LEAKS)


def test_a_kept_address_finds_the_password_where_postgresql_keeps_it(
    project: Project, postgres: PostgresServer, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    name = open_sweep(job_of(project, address)).name
    with pytest.raises(TrainingError, match="give the address with its password"):
        results(project.folder, name)
    secret = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    (tmp_path / "pgpass").write_text(f"127.0.0.1:{postgres.port}:*:kws:{secret}\n", encoding="utf-8")
    (tmp_path / "pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    assert results(project.folder, name).trials == ()
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert open_sweep(SweepJob(project.folder)).name == name, "the only sweep is gone on with, where it is kept"
