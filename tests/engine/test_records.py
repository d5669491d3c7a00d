"""What folders of runs tell, however they were left, and what a person does with them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from run_folders import ended, epoch, epochs, finished, run_folder
from waiting import wait_until

from kws_engine.cli import main
from kws_engine.clips import trash
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, TrainingError
from kws_engine.runs import deleting, labels
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder, read_job, settings_of
from kws_engine.runs.label_file import Label, LabelFile
from kws_engine.runs.records import CUT_OFF, PastRun, past_runs, read_run, run_in
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Failed, to_dict

ROOT = Path(__file__).parents[2]
HOLDER = "import sys, pathlib, threading\nfrom kws_engine.runs.folder import RunFolder\nwith RunFolder(pathlib.Path(sys.argv[1])).lock():\n    print('held', flush=True)\n    threading.Event().wait()\n"  # noqa: E501


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project without clips."""
    return Project.create(tmp_path / "words", words=("low", "high")).folder


def only(project: Path) -> PastRun:
    (run,) = past_runs(project / "runs")
    return run


def state_of(project: Path, events: list[object], *options: str) -> tuple[str, str]:
    run = read_run(run_folder(project, options, events=events))  # type: ignore[arg-type]
    assert run is not None
    return run.state, run.message


def test_a_run_tells_all_of_itself(folder: Path) -> None:
    made = ended(folder, ("model.name=fnn",), last=7, seed=3, name="First try")
    (made / "fnn.kws").write_bytes(b"model")
    run = only(folder)
    assert (run.folder, run.network, run.seed, run.title, run.state) == (made, "fnn", 3, "First try", "finished")
    assert [one.epoch for one in run.epochs] == list(range(1, 8)) and run.best == run.epochs[-1]
    assert (run.planned, run.parameters, run.macs, run.model) == (30, 65_000, 1_500_000, made / "fnn.kws")
    assert made.name.endswith("-First-try")


def test_the_state_says_how_it_ended(folder: Path) -> None:
    run = finished(folder)
    early = dataclasses.replace(run, stopped_early=True)
    patience = ("training.patience=3",)
    assert state_of(folder, [*epochs(5), run]) == ("finished", "")
    assert state_of(folder, [*epochs(5, best=2), early], *patience) == ("finished", ""), "by itself: early stopping"
    assert state_of(folder, [*epochs(5, best=3), early], *patience) == ("stopped", ""), "by a person"
    assert state_of(folder, [*epochs(5, best=2), early], *patience, "training.early_stopping=no") == ("stopped", "")
    assert state_of(folder, [*epochs(2), Failed("The disk is full")]) == ("failed", "The disk is full")
    assert state_of(folder, epochs(2)) == ("cut off", CUT_OFF)
    assert state_of(folder, []) == ("cut off", CUT_OFF)
    assert state_of(folder, [*epochs(2), Failed("x"), epoch(3)]) == ("cut off", CUT_OFF), "it went on and was killed"


def test_a_stop_before_the_first_epoch_is_no_failure(folder: Path) -> None:
    from kws_engine.training.train import NOTHING_TRAINED

    assert state_of(folder, [Failed(NOTHING_TRAINED, kind="stopped")]) == ("stopped", NOTHING_TRAINED)


def test_only_a_run_that_has_more_to_do_and_a_checkpoint_can_go_on(folder: Path) -> None:
    made = run_folder(folder, events=epochs(2))
    assert not only(folder).can_resume
    RunFolder(made).snapshot.path.write_bytes(b"weights")
    assert only(folder).can_resume
    RunFolder(made).events.append(finished(made))
    assert not only(folder).can_resume


def test_epochs_that_come_again_are_one_line(folder: Path) -> None:
    told = [*epochs(4), epoch(3, loss=0.5), epoch(4, loss=0.4), epoch(5, loss=0.3)]
    run_folder(folder, events=told)
    assert [(one.epoch, one.validation_loss) for one in only(folder).epochs] == [
        (1, 1.0), (2, 0.5), (3, 0.5), (4, 0.4), (5, 0.3),
    ]  # fmt: skip


def test_half_written_and_foreign_lines_are_passed_over(folder: Path) -> None:
    made = run_folder(folder, events=epochs(2))
    whole = to_dict(epoch(3))
    bad = [{**whole, "epoch": "3"}, {**whole, "train_loss": None}, {**whole, "terms": {"l1": "a"}}, [1], "text", None]
    lines = [json.dumps(one).encode() for one in bad] + [b"\xff\xfe", b"[" * 100_000, json.dumps(whole).encode()[:40]]
    with open(made / "events.jsonl", "ab") as file:
        file.write(b"\n".join(lines))
    assert [one.epoch for one in only(folder).epochs] == [1, 2] and only(folder).state == "cut off"


def damaged(folder: Path, content: bytes | None) -> Path:
    made = make_run_folder(Job(folder), folder / "runs")
    (made / "job.toml").unlink()
    if content is not None:
        (made / "job.toml").write_bytes(content)
    return made


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[[", b"settings = 3", b"\xff\xfe", b"[settings]\nmodel = 1", b"x = " + b"[" * 5000, b"#" * 2_000_000,
     b"[settings.model]\nname = 'fnn'\n[settings.training]\npatience = 'x'", b"schema = 'one'\n[settings]"],
)  # fmt: skip
def test_a_run_with_a_damaged_job_is_shown_and_can_be_deleted(folder: Path, content: bytes | None) -> None:
    made = damaged(folder, content)
    run = only(folder)
    assert run.state == "damaged" and run.message == f"The settings of {made.name} cannot be read: choose another run"
    for read in (settings_of, read_job, run_in):
        with pytest.raises(KwsError):
            read(made)
    deleting.delete_run(made)
    assert past_runs(folder / "runs") == []


def test_a_job_of_a_newer_program_is_named(folder: Path) -> None:
    made = make_run_folder(Job(folder), folder / "runs")
    content = {"schema": 9, "version": "7.1", "settings": Settings().to_dict()}
    (made / "job.toml").write_text(tomli_w.dumps(content))
    with pytest.raises(TrainingError, match=r"newer KWS Studio \(7\.1\): update"):
        settings_of(made)
    assert only(folder).state == "damaged" and "newer KWS Studio" in only(folder).message


def test_other_folders_are_no_runs(folder: Path) -> None:
    (folder / "runs/notes").mkdir()
    (folder / "runs/a file").write_text("")
    assert past_runs(folder / "runs") == [] and past_runs(folder / "none") == []
    for no_run in (folder / "runs/notes", folder / "runs/none"):
        with pytest.raises(TrainingError, match="run"):
            run_in(no_run)


def test_the_job_is_read_back_as_it_was(folder: Path) -> None:
    values = Settings().with_options(("model.name=cnn", "training.epochs=4")).to_dict()
    made = make_run_folder(Job(folder, values, seed=5, threads=3), folder / "runs")
    assert read_job(made) == Job(folder, values, seed=5, threads=3)
    elsewhere = folder / "sweeps/one"
    trial = make_run_folder(Job(folder, values, seed=6, threads=1, runs_folder=elsewhere), elsewhere)
    assert read_job(trial) == Job(folder, values, seed=6, threads=1, runs_folder=elsewhere)
    with pytest.raises(TrainingError, match="lies in no project"):
        read_job(make_run_folder(Job(folder, values), folder.parent / "runs"))


def test_a_run_of_before_without_threads_and_versions_is_read(folder: Path) -> None:
    made = make_run_folder(Job(folder), folder / "runs")
    (made / "job.toml").write_text(tomli_w.dumps({"schema": 1, "seed": 2, "settings": Settings().to_dict()}))
    assert read_job(made) == Job(folder, seed=2) and only(folder).seed == 2


def test_a_list_shows_every_change_at_once(folder: Path) -> None:
    made = run_folder(folder, events=epochs(1))
    assert len(only(folder).epochs) == 1
    RunFolder(made).events.append(epoch(2))
    assert len(only(folder).epochs) == 2
    for name in ("aa", "bb"):  # the same size, perhaps within one tick of the clock
        labels.rename(made, name)
        assert only(folder).label.name == name
    RunFolder(made).events.append(finished(made))
    assert only(folder).model is None
    (made / "fnn.kws").write_bytes(b"")
    assert only(folder).model == made / "fnn.kws"


def test_a_list_reads_only_what_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [run_folder(folder, events=epochs(2)) for _ in range(3)]
    past_runs(folder / "runs")
    read: list[Path] = []
    really = LabelFile.read
    monkeypatch.setattr(LabelFile, "read", lambda file: read.append(file.path.parent) or really(file))
    RunFolder(made[1]).events.append(epoch(3))
    assert sorted(len(run.epochs) for run in past_runs(folder / "runs")) == [2, 2, 3]
    assert read == [made[1]]


def test_names_tags_and_notes_are_kept_beside_the_job(folder: Path) -> None:
    made = ended(folder)
    job = (made / "job.toml").read_bytes()
    labels.rename(made, "  wide net ")
    labels.tag(made, ["best", " best", "", "für Ämter"])
    labels.annotate(made, "two\nlines")
    assert only(folder).label == Label("wide net", ("best", "für Ämter"), "two\nlines")
    assert (made / "job.toml").read_bytes() == job
    labels.rename(made, "")
    assert only(folder).title == made.name


def test_unfit_names_and_tags_are_refused(folder: Path) -> None:
    made = ended(folder)
    for name in ("a\nb", "\x00", "x" * 81):
        with pytest.raises(TrainingError, match="name"):
            labels.rename(made, name)
    for tags in (["x" * 41], ["a\tb"], [str(number) for number in range(21)]):
        with pytest.raises(TrainingError, match="tag"):
            labels.tag(made, tags)
    with pytest.raises(TrainingError, match="There is no run"):
        labels.rename(folder / "runs/none", "a")
    assert not (made / "label.toml").exists()


@pytest.mark.parametrize("content", [b"", b"name = 3\ntags = 'a'\nnote = []", b"[[", b"\xff", b"x = " + b"[" * 5000])
def test_a_damaged_label_is_an_empty_one(folder: Path, content: bytes) -> None:
    made = ended(folder)
    (made / "label.toml").write_bytes(content)
    assert only(folder).label == Label()


def test_a_deleted_run_comes_back_whole(folder: Path) -> None:
    made = ended(folder, name="kept")
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    deleting.delete_run(made)
    assert past_runs(folder / "runs") == [] and not made.exists()
    (there,) = deleting.deleted_runs(folder)
    assert (there.folder, there.name) == (made, "kept")
    assert deleting.restore_run(there) == made
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    assert deleting.deleted_runs(folder) == []
    with pytest.raises(TrainingError, match="There is no run"):
        deleting.delete_run(folder / "runs/none")


def test_nobody_goes_on_with_a_run_while_it_is_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_folder(folder, events=epochs(2))
    move, tries = trash.delete, []

    def watched(project: Path, paths: list[Path]) -> trash.Deletion:
        with pytest.raises(TrainingError, match="in use by another program"), RunFolder(made).lock():
            pass
        tries.append(made)
        return move(project, paths)

    monkeypatch.setattr(trash, "delete", watched)
    back = deleting.delete_run(made)
    assert tries == [made] and not list(back.deletion.trash.rglob("running.lock"))
    with pytest.raises(TrainingError, match="cannot be written"), RunFolder(made).lock():
        pass
    assert not RunFolder(deleting.restore_run(back)).is_locked()


def test_one_lock_at_a_time(folder: Path) -> None:
    made = run_folder(folder, events=epochs(2))
    with RunFolder(made).lock():
        assert RunFolder(made).is_locked() and only(folder).state == "running"
        with (
            pytest.raises(TrainingError, match=rf"{made.name} is in use by another program \(process \d+ on .*\)"),
            RunFolder(made).lock(),
        ):
            raise AssertionError("two have the lock")
        with pytest.raises(TrainingError, match="in use"):
            deleting.delete_run(made)
    assert not RunFolder(made).is_locked() and only(folder).state == "cut off" and not (made / "running.lock").exists()
    with RunFolder(made).lock():
        pass


def test_a_run_that_told_its_ending_is_not_running(folder: Path) -> None:
    made = ended(folder)
    with RunFolder(made).lock():
        assert only(folder).state == "finished"


def test_a_killed_program_leaves_no_lock_behind(folder: Path) -> None:
    made = run_folder(folder, events=epochs(2))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(made)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            assert only(folder).state == "running"
            with pytest.raises(TrainingError, match=f"process {holder.pid} on"):
                RunFolder(made).lock().__enter__()
        finally:
            holder.kill()
        holder.wait(10)
    assert (made / "running.lock").exists() and only(folder).state == "cut off"
    with RunFolder(made).lock():
        assert RunFolder(made).is_locked()


def test_of_many_that_want_a_lock_one_has_it(folder: Path) -> None:
    made = ended(folder)
    code = (
        "import sys, pathlib, time\n"
        "from kws_engine.errors import KwsError\nfrom kws_engine.runs.folder import RunFolder\n"
        "mark = pathlib.Path(sys.argv[2])\nend = time.monotonic() + 2\ntimes = 0\n"
        "while time.monotonic() < end:\n"
        "    try:\n        with RunFolder(pathlib.Path(sys.argv[1])).lock():\n"
        "            mark.touch(exist_ok=False); until = time.perf_counter() + 0.001\n"
        "            while time.perf_counter() < until: pass\n"
        "            mark.unlink(); times += 1\n"
        "    except KwsError:\n        pass\n"
        "print(times)"
    )
    arguments = [sys.executable, "-c", code, str(made), str(folder / "mark")]
    several = [
        subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    def look() -> bool:
        RunFolder(made).is_locked()  # somebody who looks is in nobody's way
        return all(one.poll() is not None for one in several)

    wait_until(look, step_s=0.001)
    told = [one.communicate() for one in several]
    assert all(error == "" and int(out) > 0 for out, error in told), told


Kws = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kws(capsys: pytest.CaptureFixture[str]) -> Kws:
    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def test_runs_are_listed_named_tagged_deleted_and_restored(kws: Kws, folder: Path) -> None:
    first = ended(folder, ("model.name=fnn",), seed=4)
    second = run_folder(folder, events=[Failed("No space")])
    status, out, _ = kws("runs", folder, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and [row["run"] for row in rows] == [str(second), str(first)]
    assert rows[0] == {
        "run": str(second), "name": "", "tags": [], "state": "failed", "network": "tc_resnet", "seed": 0, "epochs": 0,
        "best_epoch": None, "validation_accuracy": None, "validation_loss": None, "parameters": 65_000,
        "macs": 1_500_000, "model": None, "message": "No space", "kind": "other",
        "promise": None,
    }  # fmt: skip
    assert (rows[1]["best_epoch"], rows[1]["validation_accuracy"], rows[1]["validation_loss"]) == (5, 0.8, 0.2)
    (row,) = [
        json.loads(line) for line in kws("runs", folder, "--rename", first.name, "wide", "--json")[1].splitlines()
    ]
    assert row["name"] == "wide"
    kws("runs", folder, "--note", first, "read this")
    (row,) = [json.loads(line) for line in kws("runs", folder, "--tag", first, "good, kept", "--json")[1].splitlines()]
    assert row["tags"] == ["good", "kept"] and RunFolder(first).label.read().note == "read this"
    assert "good, kept" in kws("runs", folder)[1]
    assert json.loads(kws("runs", folder, "--delete", first.name, "--json")[1])["state"] == "deleted"
    assert "wide" in kws("runs", folder, "--deleted")[1] and len(past_runs(folder / "runs")) == 1
    assert json.loads(kws("runs", folder, "--restore", first.name, "--json")[1])["name"] == "wide"
    assert len(past_runs(folder / "runs")) == 2


def test_what_cannot_be_done_to_runs_is_said(kws: Kws, folder: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((tmp_path / "none",), "There is no project"),
        ((folder, "--delete", "none"), "There is no run none"),
        ((folder, "--restore", "none"), "no run none in the trash"),
        ((folder, "--rename", "none", "x"), "There is no run none"),
    ):
        status, out, err = kws("runs", *arguments)
        assert status == 1 and out == "" and said in err and len(err.splitlines()) == 1
    assert kws("runs", folder)[:2] == (0, "No run yet: kws train\n")
    assert kws("runs", folder, "--json")[:2] == (0, "")


def test_epochs_of_a_newer_program_do_not_stop_the_list(folder: Path) -> None:
    made = run_folder(folder, events=epochs(1))
    with open(made / "events.jsonl", "a") as file:
        file.write(json.dumps({"event": "of the future", "value": 1}) + "\n")
    RunFolder(made).events.append(epoch(2))
    assert isinstance(only(folder).epochs[1], Epoch)
