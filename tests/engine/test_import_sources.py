"""Imports of what is no folder: long recordings, label tracks, tables of pieces, zips; dry runs and undoing."""

from __future__ import annotations

import csv
import json
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips import import_changes
from kws_engine.clips.changes import Changes
from kws_engine.clips.clip import Clip
from kws_engine.clips.import_changes import Steps
from kws_engine.clips.import_labels import Label, read_labels, widened
from kws_engine.clips.import_plan import Plan
from kws_engine.clips.import_source import Pointed, plan_pointed
from kws_engine.clips.import_zip import unpack
from kws_engine.clips.importing import Imported, import_folder, import_planned
from kws_engine.clips.journal import Change
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, ProjectError

RATE = 16_000


def word(number: int, seconds: float = 0.5, level: float = 0.3) -> np.ndarray:
    """A vowel of its own pitch: overtones of a voice, swelling and fading."""
    at = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * (110 + 7 * number) * over * at) / over for over in range(1, 12))
    return np.asarray(level * voice / 2 * np.hanning(len(at)) ** 0.3, np.float32)


def recording(
    path: Path, count: int = 5, *, pause_s: float = 1.2, seconds: float = 0.5, rate: int = RATE
) -> list[float]:
    """Words with pauses in a quiet room; returns where they begin, in seconds."""
    generator = np.random.default_rng(count)
    pieces, starts, length = [np.zeros(RATE, np.float32)], [], RATE
    for number in range(count):
        starts.append(length / RATE)
        pieces += [word(number, seconds), np.zeros(round(pause_s * RATE), np.float32)]
        length += len(pieces[-1]) + len(pieces[-2])
    sound = np.concatenate(pieces)
    sound += generator.normal(0, 0.0005, len(sound)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, audio.resample(sound, RATE, rate), rate=rate)
    return starts


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", words=["lamp"])


def take(project: Project, *paths: Path, **options: object) -> Plan:
    return plan_pointed(project, Pointed(paths, **options))  # type: ignore[arg-type]


def clips_of(project: Project) -> list[tuple[str, str, str]]:
    return [(clip.word, clip.path.name, clip.split) for clip in project.clips()]


# -- one long recording


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_long_recording_is_cut_at_the_pauses_with_each_word_whole_in_its_clip(project, tmp_path, rate) -> None:
    starts = recording(tmp_path / "anna.wav", 7, rate=rate)
    plan = take(project, tmp_path / "anna.wav", word="lamp", cut=True)
    assert len(plan.files) == 7 and not any(file.remark for file in plan.files)
    for file, start in zip(plan.files, starts, strict=True):
        assert file.span_s is not None
        assert file.span_s[0] < start + 0.03 and start + 0.47 < file.span_s[1]
        assert file.span_s[1] - file.span_s[0] == pytest.approx(project.clip_ms / 1000)
    imported = import_planned(project, plan)
    clips = project.clips(word="lamp")
    assert imported.clips == len(clips) == 7 and {clip.speaker for clip in clips} == {"anna"}
    assert {round(clip.seconds, 3) for clip in clips} == {1.0}


def test_takes_with_a_fault_are_left_out_with_the_reason_unless_asked_for(project, tmp_path) -> None:
    recording(tmp_path / "b.wav", 3)
    sound = audio.read(tmp_path / "b.wav", rate=RATE)
    sound[RATE : RATE + 4000] = np.clip(sound[RATE : RATE + 4000] * 50, -1, 1)
    audio.write(tmp_path / "b.wav", sound, rate=RATE)
    plan = take(project, tmp_path / "b.wav", word="lamp", cut=True)
    assert [bool(file.remark) for file in plan.files] == [True, False, False]
    imported = import_planned(project, plan)
    assert imported.clips == 2 and len(imported.skipped) == 1 and "lipping" in imported.skipped[0].reason
    assert main(["import", str(project.folder), str(tmp_path / "b.wav"), "--word", "lamp", "--cut", "--doubtful"]) == 0
    assert len(Project.open(project.folder).clips(word="lamp")) == 3


def test_a_word_at_the_very_end_is_found_and_a_long_recording_needs_to_be_cut(project, tmp_path) -> None:
    recording(tmp_path / "end.wav", 20, pause_s=1.2)
    sound = audio.read(tmp_path / "end.wav", rate=RATE)[: -round(1.15 * RATE)]
    audio.write(tmp_path / "end.wav", sound, rate=RATE)
    assert len(take(project, tmp_path / "end.wav", word="lamp", cut=True).files) == 20
    plan = take(project, tmp_path / "end.wav", word="lamp")
    assert not plan.files and "cut" in plan.skipped[0].reason
    with pytest.raises(ProjectError, match="which word"):
        take(project, tmp_path / "end.wav")


def test_cutting_can_be_cancelled(project, tmp_path) -> None:
    recording(tmp_path / "a.wav", 8)
    seconds: list[int] = []
    pointed = Pointed((tmp_path / "a.wav",), word="lamp", cut=True)
    plan = plan_pointed(
        project, pointed, progress=lambda done, of: seconds.append(done), should_stop=lambda: len(seconds) >= 6
    )
    assert len(seconds) == 6 and 0 < len(plan.files) < 4


# -- label tracks


def test_label_tracks_are_read_as_audacity_writes_them(tmp_path) -> None:
    (tmp_path / "t.txt").write_text("1.500000\t2.0\tlamp\n\\\t100.0\t900.0\n0,250000\t0,250000\ttwo  words\r\n3\t4\t\n")
    assert read_labels(tmp_path / "t.txt") == [
        Label(0.25, 0.25, "two words"),
        Label(1.5, 2.0, "lamp"),
        Label(3.0, 4.0, ""),
    ]
    (tmp_path / "t.txt").write_text("some notes\nabout it\n")
    assert read_labels(tmp_path / "t.txt") == []


def test_labels_become_as_long_as_a_clip_but_not_into_their_neighbours() -> None:
    wide = widened([Label(1.0, 1.4, "a"), Label(1.6, 2.0, "b"), Label(5.0, 7.0, "c")], clip_s=1.0)
    assert [(round(one.start_s, 2), round(one.end_s, 2)) for one in wide] == [(0.7, 1.6), (1.4, 2.4), (5.0, 7.0)]


def test_a_label_track_beside_a_recording_says_what_is_where(project, tmp_path) -> None:
    starts = recording(tmp_path / "in/day.wav", 4)
    words = ["lamp", "door", "lamp", ""]
    lines = [f"{start:.6f}\t{start + 0.5:.6f}\t{text}\n" for start, text in zip(starts, words, strict=True)]
    (tmp_path / "in/day.txt").write_text("".join(lines))
    for source in (tmp_path / "in/day.wav", tmp_path / "in/day.txt", tmp_path / "in"):
        plan = take(project, source)
        assert [file.word for file in plan.files] == ["lamp", "door", "lamp"], source
        assert len(plan.skipped) == 1 and "without a word" in plan.skipped[0].reason
    imported = import_planned(project, plan)
    assert imported.words == {"lamp": 2, "door": 1} and imported.new_words == ["door"]
    whole = audio.read(tmp_path / "in/day.wav", rate=RATE)
    (door,) = project.clips(word="door")
    start = round((starts[1] - 0.25) * RATE)
    np.testing.assert_array_equal(audio.read(door.path, rate=RATE), whole[start : start + RATE])


# -- tables of pieces


def test_a_table_with_start_and_end_takes_pieces_in_any_order(project, tmp_path) -> None:
    recording(tmp_path / "in/day.flac", 4)
    audio.write(tmp_path / "in/one.wav", word(30, 1.0), rate=RATE)
    (tmp_path / "in/list.csv").write_text(
        "path,word,speaker,start_s,end_s\nday.flac,door,ann,3.5,4.25\nday.flac,lamp,bob,0.75,1.75\none.wav,lamp,ann,,\n"
        "day.flac,lamp,bob,5,4\nday.flac,lamp,bob,90,91\nday.flac,lamp,bob,x,1\n"
    )
    imported = import_planned(project, take(project, tmp_path / "in/list.csv"))
    assert imported.words == {"door": 1, "lamp": 2}
    reasons = sorted(one.reason for one in imported.skipped)
    assert len(reasons) == 3 and sum("no end after its start" in reason for reason in reasons) == 2
    whole = audio.read(tmp_path / "in/day.flac", rate=RATE)
    (door,) = project.clips(word="door")
    assert door.speaker == "ann"
    np.testing.assert_array_equal(audio.read(door.path, rate=RATE), whole[56_000:68_000])


# -- zips


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def sounds(tmp_path: Path, count: int) -> list[bytes]:
    found = []
    for number in range(count):
        audio.write(tmp_path / "s.wav", word(number), rate=RATE)
        found.append((tmp_path / "s.wav").read_bytes())
    return found


def test_a_zip_is_imported_like_the_folder_in_it_and_leaves_nothing_behind(project, tmp_path) -> None:
    a, b, c = sounds(tmp_path, 3)
    names = ("set/lamp/ann_nohash_0.wav", "set/lamp/bob_nohash_1.wav", "set/door/ann_nohash_0.wav")
    file = pack(tmp_path / "set.zip", {**dict(zip(names, (a, b, c), strict=True)), "set/README.md": b"about"})
    plan = take(project, file)
    folder = plan.root
    imported = import_planned(project, plan)
    assert imported.words == {"lamp": 2, "door": 1} and not imported.skipped
    assert [clip.path.name for clip in project.clips(word="lamp")] == ["ann_nohash_0.wav", "bob_nohash_1.wav"]
    assert folder.is_dir()
    del plan
    assert not folder.exists()


def test_names_that_lead_out_links_and_doubles_are_skipped_and_named(project, tmp_path) -> None:
    a, b, c = sounds(tmp_path, 3)
    file = tmp_path / "evil.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("lamp/x.wav", a)
        for name in ("../up.wav", "/abs.wav", "lamp/../../../up2.wav", "C:\\up3.wav", "lamp/..\\..\\up4.wav"):
            archive.writestr(name, b)
        link = zipfile.ZipInfo("lamp/link.wav")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("lamp/x.wav", c)
    plan = take(project, file)
    assert [found.path.name for found in plan.files] == ["x.wav"] and plan.files[0].path.read_bytes() == a
    assert len(plan.skipped) == 7
    assert {path.name for path in plan.root.parent.parent.parent.glob("up*.wav")} == set()


def test_a_bomb_a_locked_zip_and_what_is_none_are_refused(tmp_path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("lamp/x.wav", "w") as entry:
        for _ in range(300):
            entry.write(bytes(2**20))
    with pytest.raises(ProjectError, match="do not trust"):
        unpack(bomb)
    (tmp_path / "none.zip").write_bytes(b"no zip at all")
    with pytest.raises(ProjectError, match="no zip"):
        unpack(tmp_path / "none.zip")
    content = bytearray(pack(tmp_path / "locked.zip", {"lamp/x.wav": b"1"}).read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    (tmp_path / "locked.zip").write_bytes(content)
    with pytest.raises(ProjectError, match="password"):
        unpack(tmp_path / "locked.zip")


def test_a_damaged_file_in_a_zip_is_named_and_the_others_come_in(project, tmp_path) -> None:
    a, b = sounds(tmp_path, 2)
    file = pack(tmp_path / "set.zip", {"lamp/a.wav": a, "lamp/b.wav": b})
    content = bytearray(file.read_bytes())
    at = content.index(b"lamp/a.wav") + 1000
    content[at : at + 50] = bytes(50)
    file.write_bytes(content)
    plan = take(project, file)
    assert [found.path.name for found in plan.files] == ["b.wav"] and "damaged" in plan.skipped[-1].reason


# -- duplicates, dry runs, undoing


def test_duplicates_by_content_are_counted_once(project, tmp_path) -> None:
    a, b = sounds(tmp_path, 2)
    file = pack(tmp_path / "set.zip", {"lamp/a.wav": a, "lamp/copy.wav": a, "lamp/b.wav": b})
    imported = import_planned(project, take(project, file))
    assert (imported.clips, imported.already_there) == (2, 1)
    again = import_planned(project, take(project, file), dry_run=True)
    assert (again.clips, again.already_there, again.taken) == (0, 3, [])


def everything(project: Project) -> dict[str, bytes]:
    return {
        path.relative_to(project.folder).as_posix(): path.read_bytes()
        for path in project.folder.rglob("*")
        if path.is_file() and path.suffix in (".wav", ".toml")
    }


def test_a_dry_run_says_what_the_import_then_does_and_changes_nothing(project, tmp_path) -> None:
    recording(tmp_path / "in/lamp/long.wav", 2)
    a, b = sounds(tmp_path, 2)
    (tmp_path / "in/door").mkdir()
    (tmp_path / "in/door/ann_nohash_3.wav").write_bytes(a)
    (tmp_path / "in/door/same.wav").write_bytes(a)
    (tmp_path / "in/lamp/b.wav").write_bytes(b)
    (tmp_path / "in/lamp/broken.wav").write_bytes(b[:60])
    before = everything(project)
    plan = take(project, tmp_path / "in")
    would = import_planned(project, plan, dry_run=True)
    assert everything(project) == before and project.words == ("lamp",) and not would.keys and would.change is None
    did = import_planned(project, plan)
    assert (would.words, would.taken, would.skipped) == (did.words, did.taken, did.skipped)


def test_the_list_of_a_dry_run_can_be_changed_and_imported(project, tmp_path, capsys) -> None:
    recording(tmp_path / "anna.wav", 3)
    table = tmp_path / "review.csv"
    start = ["import", str(project.folder), str(tmp_path / "anna.wav"), "--word", "lamp", "--cut"]
    assert main([*start, "--dry-run", "--json", "--save-list", str(table)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["event"] == "would import" and [one["word"] for one in said["files"]] == ["lamp"] * 3
    assert not Project.open(project.folder).clips()
    rows = list(csv.DictReader(table.read_text().splitlines()))
    rows[1]["word"] = "door"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[:2])
    assert main(["import", str(project.folder), str(table)]) == 0
    found = Project.open(project.folder)
    assert {clip.word: clip.speaker for clip in found.clips()} == {"lamp": "anna", "door": "anna"}
    assert main(start) == 0  # the others; two are there, one of them under another word
    assert len(Project.open(project.folder).clips()) == 3


def test_an_import_is_undone_and_done_again_with_its_words_and_what_it_moved(project, tmp_path) -> None:
    a, b, c = sounds(tmp_path, 3)
    old = pack(tmp_path / "old.zip", {"_unknown_/x_nohash_0.wav": a, "lamp/y_nohash_0.wav": b})
    import_planned(project, take(project, old))
    before = (clips_of(project), project.words)
    new = pack(tmp_path / "new.zip", {"door/x_nohash_0.wav": a, "lamp/z_nohash_0.wav": c})
    imported = import_planned(project, take(project, new))
    after = (clips_of(project), project.words)
    assert sorted(clip.word for clip in project.clips()) == ["door", "lamp", "lamp"]
    for _ in range(2):
        project = Project.open(project.folder)  # as after a restart
        changes, change, content = noted(project, imported)
        assert changes.done()[-1] == change and str(change) == "Import 2 clips"
        assert changes.undo(change, content) is None
        assert (clips_of(project), project.words) == before and change not in changes.done()
        assert changes.redo(change, content) == change
        assert (clips_of(project), project.words) == after
    assert clips_of(Project.open(project.folder)) == after[0]


def noted(project: Project, imported: Imported) -> tuple[Changes, Change, dict[str, Any]]:
    changes, change = Changes(project), imported.change
    assert change is not None
    return changes, change, changes.content(change)


def test_undoing_keeps_a_new_word_that_has_got_other_clips(project, tmp_path) -> None:
    (a,) = sounds(tmp_path, 1)
    imported = import_planned(project, take(project, pack(tmp_path / "new.zip", {"door/x_nohash_0.wav": a})))
    project.edit.add_take("door", word(9), speaker="me")
    changes, change, content = noted(project, imported)
    changes.undo(change, content)
    kept: list[Clip] = list(project.clips(word="door"))
    assert [clip.speaker for clip in kept] == ["me"]


def test_an_undoing_that_is_stopped_leaves_whole_clips_and_goes_on_after_a_restart(
    project, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(import_changes, "_AT_ONCE", 2)
    names = [f"{word}/x_nohash_{number}.wav" for number in range(3) for word in ("lamp", "door")]
    contents = dict(zip(names, sounds(tmp_path, len(names)), strict=True))
    before = everything(project)
    imported = import_planned(project, take(project, pack(tmp_path / "new.zip", contents)))
    after, parts = everything(project), parts_of(project)
    changes, change, content = noted(project, imported)
    told: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: told.append((done, total)), lambda: len(told) == 2)
    rest = changes.undo(change, content, steps=steps)
    assert rest is not None and (rest.clips, str(rest)) == (2, "Import 2 clips") and told == [(2, 6), (4, 6)]
    project = Project.open(project.folder)
    assert len(project.clips()) == 2
    assert {path.read_bytes() for path in project.folder.glob("clips/*/*.wav")} <= set(contents.values())
    changes, change, content = noted(project, imported)
    assert changes.done() == [rest] and changes.undo(rest, content) is None
    assert in_clips(everything(project)) == in_clips(before) and project.words == ("lamp",)

    told.clear()
    back = changes.redo(change, content, steps=steps)
    assert back is not None and back.clips == 4 and changes.done() == [back]
    changes, _, content = noted(Project.open(project.folder), imported)
    assert changes.undo(back, content) is None and changes.redo(change, content) == change
    assert everything(project) == after and parts_of(project) == parts
    assert not list((project.folder / ".trash").iterdir())


def test_a_program_killed_while_it_undoes_an_import_loses_no_clip(project, tmp_path) -> None:
    names = [f"{word}/x_nohash_{number}.wav" for number in range(20) for word in ("lamp", "door")]
    contents = dict(zip(names, sounds(tmp_path, len(names)), strict=True))
    import_planned(project, take(project, pack(tmp_path / "new.zip", contents)))
    parts = parts_of(project)
    for done in (0, 1, 5, 9, 4):
        killed_after(project.folder, done=done)
        there, gone = (list(project.folder.glob(f"{where}/*/*.wav")) for where in ("clips", ".trash/*/clips"))
        assert {path.read_bytes() for path in (*there, *gone)} == set(contents.values())
        assert len(there) + len(gone) == len(contents)
    project = Project.open(project.folder)
    changes = Changes(project)
    (change,) = changes.done()
    content = changes.content(change)
    assert changes.undo(change, content) is None and not project.clips()
    assert changes.redo(change, content) == change and parts_of(project) == parts


def killed_after(folder: Path, *, done: int) -> None:
    """Undoes the newest change in a process that is killed between the moves of two files."""
    code = f"""
import os, signal
from kws_engine.clips import import_changes
from kws_engine.clips.changes import Changes
from kws_engine.clips.project import Project
import_changes._AT_ONCE = 3
moved, replace = 0, os.replace
def counting(source, target):
    global moved
    if moved == {done}:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
    moved += 1
os.replace = counting
changes = Changes(Project.open({str(folder)!r}))
changes.undo(changes.done()[-1])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL


def in_clips(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.startswith("clips/")}


def parts_of(project: Project) -> dict[str, str]:
    return {clip.key: clip.split for clip in Project.open(project.folder).clips()}


def test_folders_still_import_as_before(project, tmp_path) -> None:
    (a,) = sounds(tmp_path, 1)
    (tmp_path / "in/lamp").mkdir(parents=True)
    (tmp_path / "in/lamp/a_nohash_0.wav").write_bytes(a)
    (tmp_path / "in/lamp/a_nohash_0.txt").write_text("only notes")
    assert import_folder(project, tmp_path / "in").words == {"lamp": 1}
    with pytest.raises(KwsError, match="is not there"):
        take(project, tmp_path / "missing.zip")
