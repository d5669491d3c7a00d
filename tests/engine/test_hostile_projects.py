"""A project from a stranger, or on a failing disk: nothing outside it changes, and nothing half done stays in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from run_folders import epochs, largest_file, run_folder

from kws_engine.clips.edit import Move
from kws_engine.clips.project import Project
from kws_engine.commands.output import Output
from kws_engine.errors import KwsError, ProjectError
from kws_engine.runs import deleting, labels, queue
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder
from kws_engine.runs.records import read_run
from kws_engine.sweeps.folder import SweepFolder
from kws_engine.training.events import Failed

with_links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
Content = dict[str, bytes]


def sound(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, 16_000).astype(np.float32)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two words of three speakers, a decision of each kind, a run."""
    made = Project.create(tmp_path / "theirs", words=["yes", "no"])
    clips = [made.edit.add_take(word, sound(at), speaker=who) for at, who in enumerate("abc") for word in ("yes", "no")]
    made.edit.exclude(clips[:1], True)
    made.edit.set_splits(clips[1:2], ["testing"])
    run_folder(made.folder, events=epochs(3))
    return made


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A person's own folder, in which whatever may be a file of a project stands."""
    folder = tmp_path / "mine"
    for name in (
        "a_nohash_0.wav",
        "queue.json",
        "events.jsonl",
        ".0123456789abcdef.json",
        "project.toml",
        "clips.sqlite",
    ):
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"mine " * 100)
        (folder / "runs" / name).write_bytes(b"mine " * 100)
    return folder


def content(folder: Path) -> Content:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything(folder: Path) -> None:
    """All that a person may do with a project, each step whether or not the one before was refused."""
    steps: list[Callable[[Project], object]] = [
        lambda project: project.edit.add_take("yes", sound(9), speaker="new"),
        lambda project: project.edit.replace_take(project.clips(word="yes")[0], sound(10)),
        lambda project: project.edit.move([Move(project.clips(word="yes")[0], "no")]),
        lambda project: project.edit.move([Move(project.clips(word="no")[0], "yes")]),
        lambda project: project.edit.exclude(project.clips(word="no")[:1], True),
        lambda project: project.edit.delete(project.clips(word="yes")[:2]),
        lambda project: project.edit.add_take("_background_noise_", sound(11), speaker="new"),
        lambda project: project.edit.save_settings({"a": 1}),
        lambda project: project.edit.rename_word("yes", "oui"),
        lambda project: project.edit.restore(project.edit.remove_word("oui")),
        lambda project: project.edit.remove_word("no"),
        lambda project: queue.add(project.folder, Job(project.folder)),
        lambda project: queue.claim(project.folder),
        lambda project: make_run_folder(Job(project.folder, name="x"), project.runs_folder),
        lambda project: SweepFolder.of(project.folder, "s").write(definition={"a": 1}, storage="", trials=3),
    ]
    for step in steps:
        with contextlib.suppress(KwsError):
            step(Project.open(folder))
    for run in sorted((folder / "runs").glob("2*")):
        for act in (
            lambda run: labels.rename(run, "x"),
            lambda run: RunFolder(run).events.append(Failed("x")),
            lambda run: RunFolder(run).weights.write({"a": 1}),
            lambda run: RunFolder(run).remove_leftovers(),
            lambda run: RunFolder(run).lock().__enter__().release(),
            lambda run: deleting.restore_run(deleting.delete_run(run)),
            deleting.delete_run,
        ):
            with contextlib.suppress(KwsError):
                act(run)


PLACES = ("clips", "clips/yes", "clips/_background_noise_", "runs", "runs/RUN", "sweeps", ".trash", "sweeps/s")
FILES = (
    "project.toml", "clips.sqlite", "clips.sqlite-wal", "clips.sqlite-journal", "clips.sqlite-shm", ".project.lock",
    "runs/running.lock", "runs/queue.json", "runs/RUN/events.jsonl", "runs/RUN/label.toml", "runs/RUN/job.toml",
    "runs/RUN/running.lock", "runs/RUN/weights.json", "clips/yes/a_nohash_0.wav",
)  # fmt: skip


def linked(project: Project, place: str, target: Path) -> Path:
    """Puts a link in a place of the project; what was there is copied to where the link leads, if that is a folder."""
    [run] = project.runs_folder.glob("2*")
    path = project.folder / place.replace("RUN", run.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path


@with_links
@pytest.mark.parametrize("place", PLACES)
def test_a_link_in_place_of_a_folder_lets_nothing_out(project: Project, outside: Path, place: str) -> None:
    link = linked(project, place, outside)
    before = content(outside)
    everything(project.folder)
    assert content(outside) == before
    assert link.is_symlink() or os.path.lexists(project.folder / ".trash")


@with_links
@pytest.mark.parametrize("place", FILES)
def test_a_link_in_place_of_a_file_lets_nothing_out(project: Project, outside: Path, place: str) -> None:
    if place == "project.toml":
        shutil.copyfile(project.folder / place, outside / "p.toml")
    target = outside / ("p.toml" if place == "project.toml" else "queue.json")
    linked(project, place, target)
    before = content(outside)
    everything(project.folder)
    assert content(outside) == before


@with_links
@pytest.mark.parametrize("place", ["clips.sqlite", "runs/RUN/events.jsonl"])
def test_a_second_name_of_a_file_is_not_written_through(project: Project, outside: Path, place: str) -> None:
    [run] = project.runs_folder.glob("2*")
    path = project.folder / place.replace("RUN", run.name)
    shutil.copyfile(path, outside / "other")
    path.unlink()
    os.link(outside / "other", path)
    before = content(outside)
    everything(project.folder)
    assert content(outside) == before


@with_links
def test_a_linked_word_is_named(project: Project, outside: Path) -> None:
    (outside / "yes").mkdir()
    linked(project, "clips/yes", outside / "yes")
    theirs = Project.open(project.folder)
    assert len(theirs.clips(word="yes")) == 2, "it may be looked at"
    with pytest.raises(ProjectError, match=r"clips/yes is a link that leads out of the project: put a real folder"):
        theirs.edit.delete(theirs.clips(word="yes")[:1])
    assert len(Project.open(project.folder).clips(word="yes")) == 2


@with_links
def test_a_whole_project_may_be_opened_through_a_link(project: Project, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project.folder)
    here = Project.open(tmp_path / "link")
    here.edit.add_take("yes", sound(5), speaker="z")
    here.edit.delete(here.clips(word="no")[:1])
    labels.rename(next(here.runs_folder.glob("2*")), "named")
    assert len(Project.open(project.folder).clips()) == 5


@with_links
def test_a_link_inside_the_project_is_followed(project: Project) -> None:
    (project.folder / "clips/jes").symlink_to(project.folder / "clips/yes")
    project.refresh()
    project.edit.delete(project.clips(word="jes")[:1])
    assert len(Project.open(project.folder).clips(word="yes", include_excluded=True)) == 2


def test_a_queue_names_no_place_outside(project: Project, outside: Path) -> None:
    queue.add(project.folder, Job(project.folder, resume=outside / "runs"))
    queue.add(project.folder, Job(project.folder, clips=project.folder / "../mine/queue.json"))
    queue.add(project.folder, Job(project.folder, name="good"))
    assert [waiting.job.name for waiting in queue.read_queue(project.folder)] == ["good"]


# -- damaged


def database(project: Project, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(project.folder / "clips.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def decided(project: Project) -> list[tuple[str, str, bool]]:
    found = project.clips(include_excluded=True)
    return [(clip.path.name, clip.split, clip.excluded) for clip in found if clip.excluded or clip.split == "testing"]


NULL = "CREATE TABLE m AS SELECT * FROM measured"
DAMAGES = {
    "no path": (
        NULL, "UPDATE m SET path = NULL", "DELETE FROM measured", "INSERT INTO measured SELECT * FROM m",
        "DROP TABLE m",
    ),
    "no path of a decision": ("INSERT INTO decided VALUES (NULL, 'x', 1, 1, NULL, '')",),
    "text for numbers": ("UPDATE measured SET size = 'much', rate = 'fast'",),
    "bytes for a path": ("UPDATE measured SET path = CAST(path AS BLOB)",),
    "too large a rate": ("UPDATE measured SET rate = 99999999999",),
    "no Unicode": ("UPDATE measured SET path = CAST(x'fffe2f61' AS TEXT) WHERE rowid = 1",),
    "other columns": ("ALTER TABLE measured RENAME COLUMN frames TO samples",),
    "a table too many": ("CREATE TABLE guests (name TEXT)",),
    "a trigger": ("CREATE TRIGGER t AFTER INSERT ON decided BEGIN DELETE FROM decided; END",),
    "an endless view": (
        "DROP TABLE measured",
        "CREATE VIEW measured AS WITH RECURSIVE r(path) AS (SELECT 'a' UNION ALL SELECT path FROM r) "
        "SELECT path, 1 AS size, 1 AS mtime_ns, 1 AS sha256, 1 AS frames, 1 AS rate, 1 AS peak_db, 1 AS rms_db FROM r",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_an_index_of_another_kind_is_rebuilt_and_decisions_are_kept(project: Project, name: str) -> None:
    before = decided(project)
    database(project, *DAMAGES[name])
    again = Project.open(project.folder)
    assert len(again.clips(include_excluded=True)) == 6 and decided(again) == before and len(before) > 1
    again.edit.exclude(again.clips(word="no")[-1:], True)
    assert len(decided(Project.open(project.folder))) >= len(before)


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0", b"this is no database" * 100, b"\0" * 8192])
def test_an_index_that_is_none_is_rebuilt(project: Project, damage: bytes) -> None:
    for path in project.folder.glob("clips.sqlite*"):
        path.unlink()
    (project.folder / "clips.sqlite").write_bytes(damage)
    again = Project.open(project.folder)
    assert len(again.clips()) == 6
    again.edit.exclude(again.clips()[:1], True)
    assert len(Project.open(project.folder).clips()) == 5


def test_a_busy_index_is_waited_for_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kws_engine.clips.index_file._BUSY_S", 0.5)
    with contextlib.closing(sqlite3.connect(project.folder / "clips.sqlite")) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert len(Project.open(project.folder).clips(include_excluded=True)) == 6
        assert time.monotonic() - began < 4
        other.rollback()


HOSTILE_TOML = {
    "deep": b"schema = 1\na = " + b"[" * 3000 + b"]" * 3000,
    "deep tables": b"schema = 1\n" + b"a" + b".a" * 3000 + b" = 1",
    "huge number": b"schema = 1" + b"0" * 5000,
    "huge clip": b"schema = 1\nclip_ms = 1" + b"0" * 4000,
    "no Unicode": b"schema = 1\nname = '\xff'",
    "zero bytes": b"\0" * 100,
    "long": b"schema = 1\nname = '" + b"x" * 9_000_000 + b"'",
    "wrong kinds": b"schema = 1\nwords = [[1], {a = 2}]",
    "an escape in a word": b'schema = 1\nwords = ["\\u001b[2Jno"]',
    "long words": b'schema = 1\nwords = ["' + b"x" * 5000 + b'"]',
    "a date": b"schema = 1979-05-27",
    "long name of a kind": b"schema = 1\nwords = '" + b"x" * 5000 + b"'",
}


@pytest.mark.parametrize("name", HOSTILE_TOML)
def test_a_hostile_project_file_gives_a_short_sentence(tmp_path: Path, name: str) -> None:
    project = Project.create(tmp_path / "p", words=["no"])
    (project.folder / "project.toml").write_bytes(HOSTILE_TOML[name])
    with pytest.raises(ProjectError) as refused:
        Project.open(project.folder)
    said = str(refused.value)
    assert said.isprintable() and len(said) - len(str(tmp_path)) < 400


def test_what_a_run_tells_is_shown_without_control_characters(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    [folder] = project.runs_folder.glob("2*")
    RunFolder(folder).events.append(Failed("\x1b[2J" + "x" * 100_000))
    (folder / "label.toml").write_text('name = "\\u001b]0;mine\\u0007"\nnote = "a\\nb\\u001b"\n')
    run = read_run(folder)
    assert run is not None and len(run.message) <= 1000
    assert "\x1b" not in run.message + run.label.name + run.label.note and "\n" in run.label.note
    output = Output(as_json=False)
    output.result({}, "one \x1b[31m\ntwo\u202e \u200c fine")
    output.message("bell\x07")
    output.close()
    said = capsys.readouterr()
    assert said.out == "one \N{REPLACEMENT CHARACTER}[31m\ntwo\N{REPLACEMENT CHARACTER} \u200c fine\n"
    assert said.err == "bell\N{REPLACEMENT CHARACTER}\n"


# -- a full disk, and a clock that is wrong

CHANGES: dict[str, Callable[[Project], object]] = {
    "rename": lambda project: project.edit.rename_word("yes", "oui"),
    "move": lambda project: project.edit.move([Move(project.clips(word="no", include_excluded=True)[0], "yes")]),
    "remove": lambda project: project.edit.remove_word("yes"),
    "delete": lambda project: project.edit.delete(project.clips(word="yes")[:1]),
    "settings": lambda project: project.edit.save_settings({"text": "x" * 200_000}),
    "exclude": lambda project: project.edit.exclude(project.clips(word="no")[:1], True),
    "split": lambda project: project.edit.set_splits(project.clips(word="no")[:1], ["training"]),
    "word": lambda project: project.edit.add_word("left"),
    "take": lambda project: project.edit.add_take("yes", sound(7), speaker="z"),
    "retake": lambda project: project.edit.replace_take(project.clips(word="yes")[0], sound(8)),
}


def state(folder: Path) -> object:
    project = Project.open(folder)
    clips = [(clip.word, clip.path.name, clip.split, clip.excluded) for clip in project.clips(include_excluded=True)]
    files = {name: data for name, data in content(folder).items() if "clips.sqlite" not in name}
    return clips, files, project.words, project.settings


@pytest.mark.skipif(os.name == "nt", reason="no limit of a file's size")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_refused_by_a_full_disk_changes_nothing(project: Project, name: str) -> None:
    before = state(project.folder)
    with largest_file(16):
        live = Project.open(project.folder)
        assert state(project.folder) == before
        try:
            CHANGES[name](live)
        except KwsError as error:
            assert error.kind in ("disk_full", "other") and "Errno" not in str(error)
            assert state(project.folder) == before
            is_refused = True
        else:
            is_refused = False
    assert (state(project.folder) == before) is is_refused
    assert is_refused or name in ("move", "delete", "remove"), "these only move files"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting takes root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> None:
    with open(folder / "fill", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65_536)
    with open(folder / "fill", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x")


@pytest.mark.parametrize("has_index", [True, False])
def test_a_project_on_a_full_disk_opens(small_disk: Path, has_index: bool) -> None:
    project = Project.create(small_disk / "p", words=["yes"])
    for at in range(4):
        project.edit.add_take("yes", sound(at), speaker=f"s{at}")
    if not has_index:
        for path in project.folder.glob("*.sqlite*"):
            path.unlink()
    fill(small_disk)
    before = content(project.folder / "clips")
    again = Project.open(project.folder)
    assert len(again.clips()) == 4 and len(again.levels(again.clips())) == 4
    with pytest.raises(ProjectError, match="disk is full"):
        again.edit.rename_word("yes", "oui")
    assert content(project.folder / "clips") == before and again.words == ("yes",)
    (small_disk / "fill").unlink()
    again.edit.rename_word("yes", "oui")
    assert Project.open(project.folder).words == ("oui",)


def test_a_clock_before_1980_costs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    import tone_model

    from kws_engine.export import model_file
    from kws_engine.features import FEATURES
    from kws_engine.spotting.model_file import SpottingModel

    monkeypatch.setattr("zipfile.time.localtime", lambda *_: time.gmtime(0))
    feature = FEATURES["log_mel"].build(FEATURES["log_mel"].config(), rate=16_000)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(98 * feature.n_features, 4))
    model_file.write(tmp_path / "old.kws", network, feature, tone_model.manifest())
    assert SpottingModel(tmp_path / "old.kws").words == ("low", "high")
    with zipfile.ZipFile(tmp_path / "old.kws") as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}
