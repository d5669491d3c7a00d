"""The index: what it measures, what it remembers, and what it survives."""

import os
import sqlite3
import threading

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.clips.project import Project


def tone(hz=440.0, seconds=1.0, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * 16000)) / 16000)).astype(np.float32)


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "p", words=["up"])
    for number in range(3):
        made.edit.add_take("up", tone(300 + number), speaker="me")
    return made


def rows(project, table):
    database = sqlite3.connect(project.folder / "clips.sqlite")
    try:
        return database.execute(f"SELECT * FROM {table} ORDER BY path").fetchall()
    finally:
        database.close()


def test_rows_say_what_the_files_are(project):
    stored = rows(project, "measured")
    assert [row[0] for row in stored] == [f"up/me_nohash_{n}.wav" for n in range(3)]
    path, size, mtime_ns, sha256, frames, rate, peak_db, rms_db = stored[0]
    stat = (project.clips_folder / path).stat()
    assert (size, mtime_ns, frames, rate) == (stat.st_size, stat.st_mtime_ns, 16000, 16000)
    assert (sha256, peak_db, rms_db) == (None, None, None)


def test_levels_are_measured_once_and_kept(project):
    clips = project.clips()
    peak_db, rms_db = project.levels(clips)[0]
    assert peak_db == pytest.approx(-6.02, abs=0.05)
    assert rms_db == pytest.approx(-9.03, abs=0.05)
    assert rows(project, "measured")[2][6] == pytest.approx(-6.02, abs=0.05)
    clips[0].path.chmod(0o600)  # changes neither size nor time of writing
    assert Project.open(project.folder).levels(clips)[0] == (peak_db, rms_db)


def test_a_changed_file_is_measured_anew_and_loses_its_decision(project):
    clip = project.clips()[1]
    project.edit.exclude([clip], True)
    audio.write(clip.path, tone(900, seconds=0.5), rate=16000)
    project.refresh()
    changed = project.clips()[1]
    assert (changed.seconds, changed.excluded) == (0.5, False)


def test_a_touched_file_keeps_its_decision(project):
    clip = project.clips()[1]
    project.edit.exclude([clip], True)
    os.utime(clip.path, (1_000_000_000, 1_000_000_000))
    project.refresh()
    assert len(project.clips()) == 2


def test_a_decision_follows_a_file_that_was_renamed_by_hand(project):
    clip = project.clips()[1]
    project.edit.set_splits([clip], ["testing"])
    project.index.decided.decide([f"up/{clip.path.name}"], note="a door in the background")
    clip.path.rename(clip.path.with_name("anna_nohash_7.wav"))
    renamed = next(c for c in Project.open(project.folder).clips() if c.speaker == "anna")
    assert renamed.split == "testing"
    decision = Project.open(project.folder).index.decided.get(f"up/{renamed.path.name}")
    assert decision is not None and decision.note == "a door in the background"


def test_a_missing_index_is_made_again(project):
    before = project.clips()
    for path in project.folder.glob("clips.sqlite*"):
        path.unlink()
    assert Project.open(project.folder).clips() == before
    assert len(rows(project, "measured")) == 3


def test_a_file_that_is_no_database_is_set_aside_and_made_again(project):
    before = project.clips()
    for path in project.folder.glob("clips.sqlite-*"):
        path.unlink()
    (project.folder / "clips.sqlite").write_bytes(b"what is this" * 500)
    assert Project.open(project.folder).clips() == before
    aside = list(project.folder.glob("clips.sqlite.damaged-*"))
    assert [path.read_bytes()[:12] for path in aside] == [b"what is this"]
    assert len(rows(project, "measured")) == 3


def test_decisions_survive_damage_to_the_measured_part(project):
    project.edit.exclude([project.clips()[0]], True)
    project.edit.set_splits([project.clips()[0]], ["testing"])
    page = damage_table(project.folder / "clips.sqlite", "measured")
    assert page > 1
    opened = Project.open(project.folder)
    clips = opened.clips(include_excluded=True)
    assert [(clip.excluded, clip.split) for clip in clips[:2]] == [(True, "training"), (False, "testing")]
    assert list(project.folder.glob("clips.sqlite.damaged-*"))
    assert len(rows(project, "decided")) == 2


def damage_table(path, table):
    """Overwrite the root page of one table with noise."""
    database = sqlite3.connect(path)
    page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    size = database.execute("PRAGMA page_size").fetchone()[0]
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    return page


def test_an_index_that_is_in_use_is_waited_for(project):
    holder = sqlite3.connect(project.folder / "clips.sqlite", check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: (holder.rollback(), holder.close())).start()
    project.edit.exclude([project.clips()[0]], True)
    assert len(Project.open(project.folder).clips()) == 2


def test_threads_may_share_a_project(project):
    def record(level):
        for _ in range(5):
            project.edit.add_take("up", tone(level=level), speaker="other")

    threads = [threading.Thread(target=record, args=(level,)) for level in (0.2, 0.4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [clip.take for clip in project.clips() if clip.speaker == "other"] == list(range(10))
